"""What an operator does to many sessions at once: list them, and remind those who stopped."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import and_, func, select, update

from webapp import audit, mail
from webapp.config import settings
from webapp.extensions import db, transaction
from webapp.languages import find, spoken
from webapp.operators.cleanup import IS_OPEN
from webapp.steps.integrations import PlatformIntegrations
from webapp.texts import gettext as _
from webapp.types import now
from webapp.wizard import links, store
from webapp.wizard.models import OnboardingSession, StepProgress

STATES = ("open", "completed", "abandoned", "all")
"""`abandoned`: open, and old enough for the cleanup (RETENTION_HOURS)."""
BATCH = 500


class OutboxFull(Exception):
    """As many letters wait to be sent as may."""


def sessions(state: str, older_than: timedelta | None = None) -> Iterator[dict[str, Any]]:
    """Sessions of this state in the order of their ids, however many there are: who, where they
    stand, and when; no answers. `older_than`: since they were touched last."""
    chosen = _chosen(state, older_than)
    after = ""
    while True:
        batch = select(OnboardingSession).where(chosen, OnboardingSession.id > after)
        rows = db.session.scalars(batch.order_by(OnboardingSession.id).limit(BATCH)).all()
        done = _done([row.id for row in rows])
        for row in rows:
            yield _told(row, done.get(row.id, set()))
        if len(rows) < BATCH:
            return
        after = rows[-1].id
        db.session.expunge_all()


def count(state: str, older_than: timedelta | None = None) -> int:
    """How many `sessions` would give."""
    query = select(func.count()).select_from(OnboardingSession)
    return db.session.scalar(query.where(_chosen(state, older_than))) or 0


def note_listing(state: str, older_than: timedelta | None, name: str | None) -> None:
    """Tell the audit trail that an operator asked for a list, before the first line of it."""
    hours = older_than and int(older_than.total_seconds() // 3600)
    with transaction():
        audit.record("listed", who="operator", name=name, state=state, older_than_hours=hours)


def _chosen(state: str, older_than: timedelta | None) -> Any:
    chosen = _of_state(state)
    if older_than is None:
        return chosen
    return and_(chosen, OnboardingSession.updated_at < now() - older_than)


def _of_state(state: str) -> Any:
    abandoned_since = now() - timedelta(hours=settings().retention_hours)
    return {
        "open": IS_OPEN,
        "completed": OnboardingSession.completed,
        "abandoned": and_(IS_OPEN, OnboardingSession.updated_at < abandoned_since),
        "all": OnboardingSession.id != "",
    }[state]


def _done(ids: list[str]) -> dict[str, set[str]]:
    """Session -> slugs that are saved or skipped."""
    found: dict[str, set[str]] = {}
    rows = select(StepProgress.session_id, StepProgress.slug).where(
        StepProgress.session_id.in_(ids),
        StepProgress.saved_at.is_not(None) | StepProgress.skipped_at.is_not(None),
    )
    for session_id, slug in db.session.execute(rows):
        found.setdefault(session_id, set()).add(slug)
    return found


def _told(row: OnboardingSession, done: set[str]) -> dict[str, Any]:
    resume = None if row.completed else store.journey().resume_point(done)
    return {
        "session": row.id,
        "user": row.user_id,
        "state": "completed" if row.completed else "open",
        "step": resume.slug if resume else None,
        "language": row.language,
        "created_at": row.created_at.isoformat(),
        "updated_at": row.updated_at.isoformat(),
        "completed_at": row.completed_at.isoformat() if row.completed_at else None,
        "reminded_at": row.reminded_at.isoformat() if row.reminded_at else None,
    }


def to_remind(days: int) -> Iterator[tuple[str, str]]:
    """(session, address) of those who stopped so many days ago or more, left an address for news,
    and were not reminded yet."""
    cutoff, after = now() - timedelta(days=days), ""
    address = PlatformIntegrations.notify_email
    while True:
        query = (
            select(OnboardingSession.id, address)
            .join(PlatformIntegrations, PlatformIntegrations.session_id == OnboardingSession.id)
            .where(_unreminded(cutoff), address != "", OnboardingSession.id > after)
            .order_by(OnboardingSession.id)
            .limit(BATCH)
        )
        rows = db.session.execute(query).all()
        yield from ((session_id, str(given)) for session_id, given in rows)
        if len(rows) < BATCH:
            return
        after = rows[-1][0]


def _unreminded(cutoff: datetime) -> Any:
    return and_(
        IS_OPEN,
        OnboardingSession.updated_at < cutoff,
        OnboardingSession.reminded_at.is_(None),
    )


def remind(session_id: str, address: str, days: int, name: str | None) -> bool:
    """Mail a link to go on with, in the language that the session was begun in; False when
    somebody else did meanwhile, or its owner came back. Raises OutboxFull.

    Whether it is due and that it was done is one statement, so that two who do this at once send
    one letter. The session is not touched: nobody used it.
    """
    moment = now()
    with transaction():
        due = update(OnboardingSession).where(OnboardingSession.id == session_id)
        session = db.session.scalar(
            due.where(_unreminded(moment - timedelta(days=days)))
            .values(reminded_at=moment)
            .returning(OnboardingSession)
        )
        if session is None:
            return False
        token, _link = links.make(session_id, who="operator", name=name)
        with spoken(find(session.language) or "en"):
            sent = mail.send(session_id, address, *_letter(token))
        if not sent:
            raise OutboxFull
        about = {"session_id": session_id, "user_id": session.user_id}
        audit.record("reminded", who="operator", name=name, **about)
    return True


def _letter(token: str) -> tuple[str, str]:
    config = settings()
    path = current_app.url_map.bind("").build("links.ask", {"token": token})
    subject = _("Your answers wait for you at %(app)s", app=config.app_name)
    body = _(
        "You began to tell %(app)s about your writing, and stopped on the way. All that you saved "
        "is still there. Open this link to go on:\n\n%(address)s\n\n"
        "It works once, within seven days. This is the only reminder. If you do not want to go on, "
        "there is nothing to do.",
        app=config.app_name,
        address=config.public_url + path,
    )
    return subject, body
