"""Resume links: a random token that continues a session on another device, once, within a week.

The token itself is never stored, its SHA-256 is: whoever reads the table cannot use a link.
"""

import hashlib
import secrets
import uuid
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select, update

from webapp import audit
from webapp.extensions import db, transaction
from webapp.identity.caller import Caller, trusted
from webapp.types import now
from webapp.wizard.models import OnboardingSession
from webapp.wizard.owner import ResumeLink, its_own, owned_by

LIFETIME = timedelta(days=7)
AGAIN = timedelta(minutes=10)
"""How long the browser that used a link may click once more."""

MOST_OPEN = 10
"""A session's open links; one more revokes the oldest."""

__all__ = [
    "AGAIN",
    "LIFETIME",
    "MOST_OPEN",
    "ResumeLink",
    "find",
    "make",
    "of_caller",
    "revoke",
    "use",
]


def make(
    session_id: str, who: audit.Who = "user", name: str | None = None
) -> tuple[str, ResumeLink]:
    """A new link of this session: its token, to be shown this once, and its row. `who` asked for
    it, an operator by their `name`.

    Inside the caller's transaction, which holds the session's lock.
    """
    moment = now()
    links = [link for link in of_caller(trusted(session_id)) if link.state == "open"]
    for old in links[MOST_OPEN - 1 :]:
        old.revoked_at = moment
    token = secrets.token_urlsafe(32)
    link = ResumeLink(
        session_id=session_id,
        id=str(uuid.uuid4()),
        token_hash=_hash(token),
        created_at=moment,
        expires_at=moment + LIFETIME,
    )
    db.session.add(link)
    session = db.session.get(OnboardingSession, session_id)
    user_id = session.user_id if session else None
    about = {"session_id": session_id, "user_id": user_id}
    audit.record("link_made", who=who, name=name, **about, link=link.id)
    return token, link


def find(token: str) -> ResumeLink | None:
    """The link of a token, whatever its state; None for one that was never made."""
    return db.session.scalar(select(ResumeLink).where(ResumeLink.token_hash == _hash(token)))


def use(token: str, browser: str = "") -> str | None:
    """Use a link up, in one statement, so that two browsers cannot both; the session that it
    continues, None when it is not open. Using it counts as use of the session.

    `browser`: the mark of the one that clicked. Its second click, or another try after an answer
    that was lost on the way, is let in for a while.
    """
    link = find(token)
    if link is None or link.state != "open":
        return link.session_id if link and _clicked_again(link, browser) else None
    moment, session_id = now(), link.session_id
    with transaction():
        user_id = db.session.scalar(  # the session's lock first, as every write of it
            update(OnboardingSession)
            .where(OnboardingSession.id == session_id)
            .values(updated_at=moment)
            .returning(OnboardingSession.user_id)
        )
        used = db.session.scalar(
            update(ResumeLink)
            .where(
                ResumeLink.token_hash == _hash(token),
                ResumeLink.used_at.is_(None),
                ResumeLink.revoked_at.is_(None),
            )
            .values(used_at=moment, used_by=browser or None)
            .returning(ResumeLink.id)
        )
        if used:
            about = {"session_id": session_id, "user_id": user_id}
            audit.record("link_used", who="user", **about, link=used)
    if used is None:  # by whom, while this click waited for the lock?
        link = find(token)
    return session_id if used or (link and _clicked_again(link, browser)) else None


def _clicked_again(link: ResumeLink, browser: str) -> bool:
    same = bool(browser) and link.used_by == browser and link.revoked_at is None
    return same and link.used_at is not None and now() - link.used_at < AGAIN


def revoke(caller: Caller, link_id: str) -> bool:
    """Close an open link of the caller's session; False when there is none of that id."""
    moment = now()
    own = select(OnboardingSession.id).where(owned_by(caller))
    mine = ResumeLink.session_id.in_(own) & (ResumeLink.id == link_id)
    with transaction():
        found = db.session.scalar(
            update(ResumeLink)
            .where(mine, ResumeLink.used_at.is_(None), ResumeLink.revoked_at.is_(None))
            .values(revoked_at=moment)
            .returning(ResumeLink.session_id)
        )
        if found:
            about = {"session_id": found, "user_id": caller.user_id}
            audit.record("link_revoked", who="user", **about, link=link_id)
    return found is not None


def of_caller(caller: Caller) -> Sequence[ResumeLink]:
    """The links of the caller's session, newest first."""
    query = its_own(select(ResumeLink), ResumeLink, caller)
    return db.session.scalars(query.order_by(ResumeLink.created_at.desc())).all()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
