"""Sessions and steps in SQL: everything that a request reads or commits goes through here.

Every write begins by updating the session's own row. That touches `updated_at`, counts the revision
and takes the row's lock in one statement, so that two tabs, a retry and the cleanup meet there and
decide one after the other on what they read behind the lock.
"""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import case, delete, insert, update
from sqlalchemy.dialects import postgresql, sqlite

from webapp.extensions import db, transaction
from webapp.types import now
from webapp.wizard.forms import StepForm
from webapp.wizard.models import OnboardingSession, StepProgress
from webapp.wizard.revision import FOREIGN, MISSING
from webapp.wizard.step import Step
from webapp.wizard.visit import Visit, journey, load, load_locked, needed, with_followers


class SessionGone(Exception):
    """The session does not exist (any more)."""


class StepRequired(Exception):
    """A required step cannot be skipped."""


class StaleRevision(Exception):
    """What is stored is newer than the form."""


class AnswersInvalid(Exception):
    """The form says what is wrong with it; nothing was stored. `args[0]`, when there, is the Visit;
    one that was read in the transaction is void with it."""


class JourneyIncomplete(Exception):
    """Steps stand in the way of completion; `args[0]` is what `problems` found."""


def open_session(session_id: str, user_id: str | None = None) -> None:
    """Create this session unless it is there already; the first step counts as seen."""
    with transaction():
        _create(session_id, user_id, now())


def require(session_id: str, step: Step | None = None, everything: bool = False) -> Visit:
    """Like `load`, for a caller who must have a session; raises SessionGone."""
    visit = load(session_id, step, everything)
    if visit is None:
        raise SessionGone(session_id)
    return visit


def new_session_id() -> str:
    """A random UUID; nothing can be guessed from it."""
    return str(uuid.uuid4())


def lock(session_id: str, moment: datetime, steps: list[Step]) -> Visit:
    """Touch and lock the session, then read it with the answers of `steps`. Inside a transaction.

    Raises SessionGone.
    """
    touch = (
        update(OnboardingSession)
        .where(OnboardingSession.id == session_id)
        .values(updated_at=moment, revision=OnboardingSession.revision + 1)
        .returning(OnboardingSession)
    )
    # A reset deletes the row and inserts it again: who waited for the old one looks once more.
    session = db.session.scalar(touch) or db.session.scalar(touch)
    if session is None:
        raise SessionGone(session_id)
    return load_locked(session, steps)


def save(session_id: str, step: Step, form: StepForm, base: int | None, action: str = "") -> Visit:
    """Gate, validate and store one step, in one transaction; the only way an answer is saved.

    `base` is the revision that the form was made from (`revision.read`). Returns the session as it
    is after the commit. Raises StepLocked, AnswersInvalid, StaleRevision, JourneyIncomplete or
    SessionGone, and then nothing is stored.
    """
    if not form.validate():
        visit = require(session_id, step)
        visit.require(step)
        raise AnswersInvalid(visit)
    moment = now()
    with transaction():
        visit = lock(session_id, moment, with_followers(step))
        visit.require(step)
        if not _is_current(visit, step, base):
            if step.slug in visit.saved and step.same(form, step.stored(visit)):
                return visit
            raise StaleRevision
        if errors := step.check(form, visit):
            form.add_errors(errors)
            raise AnswersInvalid
        completes = step is journey().last and not visit.session.completed
        if completes and (found := problems(visit)):
            raise JourneyIncomplete(found)
        step.save(form, visit, moment)
        if action in step.actions:
            step.act(action, visit, moment)
        _refresh_followers(visit, step.slug, moment)
        if completes:
            visit.session.completed, visit.session.completed_at = True, moment
            visit.session.sealed_revision = visit.session.revision
        _mark(visit, step, saved_at=moment)
    return visit


def skip(
    session_id: str, step: Step, base: int | None, typed: dict[str, Any] | None = None
) -> Visit:
    """Pass an optional step. What was stored, or typed in the form that skips, stays as its draft.

    Raises StepRequired, StepLocked, StaleRevision or SessionGone.
    """
    if not step.optional:
        raise StepRequired(step.slug)
    moment = now()
    with transaction():
        visit = lock(session_id, moment, needed(step))
        visit.require(step)
        row = visit.progress.get(step.slug)
        if not (row and row.skipped_at):
            if not _is_current(visit, step, base):
                raise StaleRevision
            draft = typed
            if answer := step.stored(visit):
                draft = typed or _untouched(step, visit)
                db.session.delete(answer)
            elif typed == _untouched(step, visit):
                draft = None
            _mark(visit, step, skipped_at=moment, draft=draft, draft_at=draft and moment)
    return visit


def keep_draft(session_id: str, step: Step, typed: dict[str, Any] | None, base: int | None) -> None:
    """Keep what was typed, not validated; None, or just what is stored, leaves no draft.

    A draft of a step that is still locked is kept too: it is shown when the step is reached.
    Raises SessionGone.
    """
    moment = now()
    with transaction():
        visit = lock(session_id, moment, needed(step))
        stored = step.stored(visit)
        if typed == _untouched(step, visit):
            typed = None
        columns = {
            "draft": typed,
            "draft_at": moment if typed is not None else None,
            "draft_revision": base if typed is not None and base != FOREIGN else None,
        }
        row = visit.progress.get(step.slug)
        if row is None:
            seen = moment if visit.may_visit(step) else None
            row = StepProgress(session_id=session_id, slug=step.slug, first_seen_at=seen)
            db.session.add(row)
        for name, value in columns.items():
            setattr(row, name, value)


def _untouched(step: Step, visit: Visit) -> dict[str, Any]:
    """What a form of the step holds before anybody types in it."""
    stored = step.stored(visit)
    values = step.values(stored) if stored is not None else step.prefill(visit)
    return step.form(formdata=None, data=values).typed()


def reset(session_id: str) -> None:
    """Delete every answer of the session and start again, under the same id. The count goes on, so
    that no form from before can save. Raises SessionGone."""
    moment = now()
    with transaction():
        old = lock(session_id, moment, []).session
        db.session.expunge(old)
        db.session.execute(delete(OnboardingSession).where(OnboardingSession.id == session_id))
        _create(session_id, old.user_id, moment, revision=old.revision)


def refresh(session_id: str, slug: str) -> None:
    """Renew what followed from a step's results, inside the transaction that changed them; the
    caller holds the session's lock."""
    step = journey().get(slug)
    session = db.session.get(OnboardingSession, session_id)
    if step and session:
        _refresh_followers(load_locked(session, with_followers(step)), slug, now())


def _refresh_followers(visit: Visit, slug: str, moment: datetime) -> None:
    for follower in visit.journey:
        if slug in follower.needs and follower.slug in visit.saved:
            follower.refresh(visit, moment)


def problems(visit: Visit) -> list[tuple[Step, list[str]]]:
    """What stands in the way of completion: required steps that are not saved, and saved ones whose
    answers do not hold (any more), each with its messages. Every step is validated once more."""
    found = []
    for step in visit.journey.steps[:-1]:
        if step.slug in visit.saved:
            stored = step.stored(visit)
            values = step.values(stored) if stored is not None else {}
            form = step.form(formdata=None, data=values)
            if form.validate():
                form.add_errors(step.check(form, visit))
            messages = [str(text) for errors in form.errors.values() for text in errors]
            if messages:
                found.append((step, messages))
        elif not step.optional:
            found.append((step, []))
    return found


def _create(session_id: str, user_id: str | None, moment: datetime, revision: int = 0) -> None:
    values = {
        "id": session_id, "user_id": user_id, "completed": False, "revision": revision,
        "sealed_revision": revision, "created_at": moment, "updated_at": moment,
    }  # fmt: skip
    upsert = _upsert(OnboardingSession).values(values).on_conflict_do_nothing()
    if db.session.execute(upsert.returning(OnboardingSession.id)).first():
        first = journey().steps[0].slug
        db.session.execute(
            insert(StepProgress).values(session_id=session_id, slug=first, first_seen_at=moment)
        )


def _is_current(visit: Visit, step: Step, base: int | None) -> bool:
    if base is MISSING:
        return visit.revision(step.slug) == 0
    return base == visit.revision(step.slug)


def _mark(visit: Visit, step: Step, **columns: Any) -> None:
    """Write the step's row, and first sight of the step that comes next, in one statement."""
    db.session.flush()
    moment = visit.session.updated_at
    mine = {
        "first_seen_at": moment, "saved_at": None, "skipped_at": None,
        "revision": visit.session.revision, "draft": None, "draft_at": None, "draft_revision": None,
    } | columns  # fmt: skip
    rows: list[dict[str, Any]] = [{"session_id": visit.session.id, "slug": step.slug} | mine]
    following = visit.journey.resume_point(visit.done | {step.slug})
    if following and following is not step:
        blank = dict.fromkeys(mine) | {"first_seen_at": moment, "revision": 0}
        rows.append({"session_id": visit.session.id, "slug": following.slug} | blank)
    upsert = _upsert(StepProgress).values(rows)
    new, old = upsert.excluded, StepProgress.__table__.c
    changed = {name: case((new.slug == step.slug, new[name]), else_=old[name]) for name in mine}
    changed["first_seen_at"] = db.func.coalesce(old.first_seen_at, new.first_seen_at)
    db.session.execute(
        upsert.on_conflict_do_update(index_elements=["session_id", "slug"], set_=changed)
    )
    visit.progress[step.slug] = StepProgress(session_id=visit.session.id, slug=step.slug, **mine)


def _upsert(model: Any) -> Any:
    dialect = postgresql if db.engine.dialect.name == "postgresql" else sqlite
    return dialect.insert(model.__table__)
