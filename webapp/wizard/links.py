"""Resume links: a random token that continues a session on another device, once, within a week.

The token itself is never stored, its SHA-256 is: whoever reads the table cannot use a link.
"""

import hashlib
import secrets
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import String, select, update
from sqlalchemy.orm import Mapped, mapped_column

from webapp.extensions import Model, db, transaction
from webapp.types import UTCDateTime, now
from webapp.wizard.models import OnboardingSession, Owned

LIFETIME = timedelta(days=7)
MOST_OPEN = 10
"""A session's open links; one more revokes the oldest."""


class ResumeLink(Owned, Model):
    """One link, open until it is used, revoked or expired."""

    __tablename__ = "resume_links"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), index=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    @property
    def state(self) -> str:
        """`open`, `used`, `revoked` or `expired`."""
        if self.used_at:
            return "used"
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at <= now() else "open"


def make(session_id: str) -> tuple[str, ResumeLink]:
    """A new link of this session: its token, to be shown this once, and its row.

    Inside the caller's transaction, which holds the session's lock.
    """
    moment = now()
    for old in [link for link in of_session(session_id) if link.state == "open"][MOST_OPEN - 1 :]:
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
    return token, link


def find(token: str) -> ResumeLink | None:
    """The link of a token, whatever its state; None for one that was never made."""
    return db.session.scalar(select(ResumeLink).where(ResumeLink.token_hash == _hash(token)))


def use(token: str) -> str | None:
    """Use a link up, in one statement, so that two clicks cannot both; the session that it
    continues, None when it is not open. Using it counts as use of the session."""
    link = find(token)
    if link is None or link.state != "open":
        return None
    moment, session_id = now(), link.session_id
    with transaction():
        db.session.execute(  # the session's lock first, as every write of it
            update(OnboardingSession)
            .where(OnboardingSession.id == session_id)
            .values(updated_at=moment)
        )
        used = db.session.scalar(
            update(ResumeLink)
            .where(
                ResumeLink.token_hash == _hash(token),
                ResumeLink.used_at.is_(None),
                ResumeLink.revoked_at.is_(None),
            )
            .values(used_at=moment)
            .returning(ResumeLink.id)
        )
    return session_id if used else None


def revoke(session_id: str, link_id: str) -> bool:
    """Close an open link of this session; False when there is none of that id."""
    moment = now()
    mine = (ResumeLink.session_id == session_id) & (ResumeLink.id == link_id)
    with transaction():
        found = db.session.scalar(
            update(ResumeLink)
            .where(mine, ResumeLink.used_at.is_(None), ResumeLink.revoked_at.is_(None))
            .values(revoked_at=moment)
            .returning(ResumeLink.id)
        )
    return found is not None


def of_session(session_id: str) -> Sequence[ResumeLink]:
    """The session's links, newest first."""
    query = select(ResumeLink).where(ResumeLink.session_id == session_id)
    return db.session.scalars(query.order_by(ResumeLink.created_at.desc())).all()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
