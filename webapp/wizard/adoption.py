"""What becomes of the answers that a browser had before its user signed in.

A user has one session. Where they have none yet, the browser's becomes theirs; where they have one
already, they are asked, unless the browser's holds nothing but half-typed text, which moves over.
"""

from datetime import datetime

from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError

from webapp import audit
from webapp.extensions import db, transaction
from webapp.identity.caller import Caller
from webapp.identity.users import Left
from webapp.types import now
from webapp.wizard import revision, store
from webapp.wizard.models import OnboardingSession
from webapp.wizard.owner import ResumeLink
from webapp.wizard.progress import announce, take_back
from webapp.wizard.visit import SessionGone, Visit, id_of, journey, load, lock


class ChoiceOpen(Exception):
    """The user has to say first which answers go on."""


def of(left: Left) -> Caller:
    """The one who could open the session that was left."""
    return Caller(left.session_id, link_id=left.link_id)


def settle(user: Caller, left: Left) -> bool:
    """Do what needs no question; False when it needs one.

    A session that a resume link opened may be somebody else's: it is never adopted unasked.
    """
    visit = load(of(left))
    if visit is None or visit.session.user_id is not None:
        return True
    if id_of(user) is None:
        return left.link_id is None and _adopt_or_gone(user, left)
    if left.link_id is not None or visit.done:
        return False
    _move_drafts(user, left, visit)
    return True


def adopt(user: Caller, left: Left, instead: bool = False) -> bool:
    """Make the session that was left the user's own; its links and its anonymous cookies open
    nothing from then on. `instead`: of the one that they have, which is deleted.

    False, and nothing is changed, when they have one and it is not to go. Raises SessionGone.
    """
    moment = now()
    try:
        with transaction():
            replaced = None
            if instead and id_of(user):
                replaced = lock(user, moment, []).session
                _delete(replaced)
            session = lock(of(left), moment, []).session
            if session.user_id is not None:
                raise SessionGone
            session.user_id, session.begun_by_api = user.user_id, False
            db.session.flush()
            _close_links(session.id, moment)
            audit.record("adopted", who="user", session_id=session.id, user_id=user.user_id)
            if session.completed:  # whose it is has changed
                announce(session, "changed", None, moment)
            elif replaced and replaced.completed:
                announce(session, "reset", None, moment)
    except IntegrityError:  # the unique user_id
        return False
    return True


def give_up(left: Left) -> None:
    """Delete the session that was left; one that a resume link opened goes on where it began."""
    if left.link_id is None:
        try:
            with transaction():
                _delete(lock(of(left), now(), []).session)
        except SessionGone:
            return


def _adopt_or_gone(user: Caller, left: Left) -> bool:
    try:
        return adopt(user, left)
    except SessionGone:
        return True


def _move_drafts(user: Caller, left: Left, visit: Visit) -> None:
    """Nothing was saved in the session that was left: what was typed there becomes drafts of the
    user's own. Killed in between, it is done again, with the same outcome."""
    mine = id_of(user) or ""
    for step in visit.journey:
        row = visit.progress.get(step.slug)
        if row is not None and row.draft is not None:
            base = revision.FOREIGN
            if left.slug == step.slug and left.revision:
                base = revision.read(mine, step.slug, left.revision) or 0
            theirs = load(user, step)
            if theirs is not None and step.slug not in theirs.saved:
                base = theirs.revision(step.slug)
            store.keep_draft(user, step, row.draft, base)
    try:
        with transaction():
            session = lock(of(left), now(), []).session
            take_back(session)
            _delete(session)
    except SessionGone:
        return


def _delete(session: OnboardingSession) -> None:
    for step in journey():
        step.forget(session.id)
    audit.record("erased", who="user", session_id=session.id, user_id=session.user_id)
    db.session.expunge(session)
    db.session.execute(delete(OnboardingSession).where(OnboardingSession.id == session.id))


def _close_links(session_id: str, moment: datetime) -> None:
    """The used ones too: the browsers that they let in are out again."""
    of_session = (ResumeLink.session_id == session_id) & ResumeLink.revoked_at.is_(None)
    db.session.execute(update(ResumeLink).where(of_session).values(revoked_at=moment))
