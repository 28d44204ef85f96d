"""Writing the engine's own rows: a session with its first step, and a step's progress."""

import uuid
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from flask import current_app
from sqlalchemy import bindparam, case, delete, func, insert, select

from webapp import audit, devices, languages, tally
from webapp.extensions import db, insert_into, transaction
from webapp.identity.caller import Caller
from webapp.prepared import Prepared
from webapp.tally import Change, Standing, standing
from webapp.types import now
from webapp.wizard.models import OnboardingSession, StepProgress
from webapp.wizard.owner import ResumeLink, guests
from webapp.wizard.step import Step
from webapp.wizard.visit import SessionGone, StepState, Visit, id_of, journey


def new_session_id() -> str:
    """A random UUID; nothing can be guessed from it."""
    return str(uuid.uuid4())


def open_session(caller: Caller) -> Caller:
    """Find or create the caller's session; the first step counts as seen. Returns the caller with
    the session's id, which for a user who has one is that one's.

    An anonymous caller names the id; one that somebody else has by now is replaced. Two requests of
    one user at the same moment meet on the unique `user_id`.
    """
    wanted = caller.session_id or new_session_id()
    with transaction():
        if caller.user_id and (found := id_of(caller)):
            return replace(caller, session_id=found)
        for session_id in (wanted, new_session_id()):
            mine = replace(caller, session_id=session_id)
            is_new = _create(
                session_id,
                caller.user_id,
                now(),
                begun_by_api=caller.by_id,
                language=languages.chosen(),
                device=devices.of_request(),
            )
            if found := session_id if is_new else id_of(mine):
                return replace(caller, session_id=found, is_new=is_new)
    raise SessionGone  # erased between two statements


def announce(session: Any, event: str, slug: str | None, moment: datetime) -> None:
    """Say in the transaction at hand that a session is `completed`, or that a completed one was
    `changed` or `reset`; `create_app` handed over who listens."""
    for listen in current_app.extensions["listeners"]:
        listen(session, event, slug, moment)


def seal(
    visit: Visit, step: Step, moment: datetime, caller: Caller, completes: bool = False
) -> None:
    """Complete the session when this save `completes` it: forms from before cannot save any more.
    A later change is told to the audit trail too: others may have worked with what was said."""
    session = visit.session
    who = _who(caller, session)
    if completes:
        session.completed, session.completed_at = True, moment
        session.sealed_revision = session.revision
        audit.record("completed", **who)
        announce(session, "completed", None, moment)
    elif session.completed:
        audit.record("changed", **who, step=step.slug)
        announce(session, "changed", step.slug, moment)


def _who(caller: Caller, session: OnboardingSession) -> dict[str, Any]:
    """Who did something to which session, for the audit trail."""
    about = {"session_id": session.id, "user_id": session.user_id}
    return {"who": caller.who, "name": caller.name} | about


def start_again(old: OnboardingSession, moment: datetime, caller: Caller) -> None:
    """Replace a session by an empty one of the same id, whose count goes on; who was let in by a
    resume link stays in. The caller holds the session's lock."""
    for step in journey():
        step.forget(old.id)
    db.session.expunge(old)
    audit.record("reset", **_who(caller, old))
    let_in = guests(old.id)
    take_back(old)
    db.session.execute(delete(OnboardingSession).where(OnboardingSession.id == old.id))
    _create(
        old.id,
        old.user_id,
        moment,
        old.revision,
        begun_by_api=old.begun_by_api,
        language=old.language,
        device=old.device,
    )
    if let_in:
        db.session.execute(insert(ResumeLink), let_in)
    if old.completed:
        announce(old, "reset", None, moment)


def _create(
    session_id: str,
    user_id: str | None,
    moment: datetime,
    revision: int = 0,
    **origin: Any,
) -> bool:
    """Insert this session unless it, or one of this user, is there already; whether it was not.
    `origin`: the columns that say where it was begun."""
    values = {
        "id": session_id, "user_id": user_id, "completed": False, "revision": revision,
        "sealed_revision": revision, "created_at": moment, "updated_at": moment,
    } | origin  # fmt: skip
    if not _OPEN.run(values):
        return False
    first = journey().steps[0].slug
    _SEE.run({"session_id": session_id, "slug": first, "first_seen_at": moment})
    begun = Standing(), Standing(reached=1)
    counted = [Change(tally.STARTED, *begun), Change(first, *begun)]
    tally.count(SimpleNamespace(**values), counted)
    return True


def _opening() -> Any:
    names = (
        "id", "user_id", "completed", "revision", "sealed_revision", "created_at", "updated_at",
        "begun_by_api", "language", "device",
    )  # fmt: skip
    new = insert_into(OnboardingSession.__table__).values({n: bindparam(n) for n in names})
    return new.on_conflict_do_nothing().returning(OnboardingSession.id)


def _seeing() -> Any:
    names = ("session_id", "slug", "first_seen_at")
    values: dict[str, Any] = {name: bindparam(name) for name in names} | {"revision": 0}
    return insert(StepProgress).values(values).inline()


_OPEN, _SEE = Prepared(_opening), Prepared(_seeing)


def take_back(session: OnboardingSession) -> None:
    """Let the funnel forget a session that is started again: it counts with its new beginning."""
    query = select(StepProgress).where(StepProgress.session_id == session.id)
    counted = [Change(row.slug, standing(row), Standing()) for row in db.session.scalars(query)]
    begun = Change(tally.STARTED, Standing(reached=1), Standing())
    tally.count(session, [begun, *counted])


def mark(visit: Visit, step: Step, **columns: Any) -> None:
    """Write the step's row, and first sight of the step that comes next, in one statement. What is
    not named in `columns` is blank, the draft above all."""
    moment = visit.session.updated_at
    mine = {
        "first_seen_at": moment, "saved_at": None, "skipped_at": None,
        "revision": visit.session.revision, "draft": None, "draft_at": None,
        "draft_revision": None, "saved_page": None,
    } | columns  # fmt: skip
    before, after = visit.progress.get(step.slug), StepState(slug=step.slug, **mine)
    counted = [Change(step.slug, standing(before), standing(after), _seconds(before, after))]
    values = {f"mine_{name}": value for name, value in mine.items()}
    values |= {"session_id": visit.session.id, "slug": step.slug}
    following = visit.journey.resume_point(visit.done | {step.slug})
    if following and following is not step:
        values["following"] = following.slug
        ahead = visit.progress.get(following.slug)
        seen = StepState(following.slug, moment, draft=ahead.draft if ahead else None)
        counted.append(Change(following.slug, standing(ahead), standing(seen)))
    (_MARK_AND_SEE if "following" in values else _MARK).run(values)
    tally.count(visit.session, counted)
    visit.progress[step.slug] = after


def _marking(and_see: bool) -> Any:
    """The step's row with the columns `mine_…` alone, and first sight of `following`."""
    table = StepProgress.__table__
    names = [name for name in StepState._fields if name != "slug"]
    # SQLAlchemy gives the parameters of a first row alone their columns' types.
    mine = {name: bindparam(f"mine_{name}", type_=table.c[name].type) for name in names}
    owner: Any = bindparam("session_id", type_=table.c.session_id.type)
    slug = bindparam("slug", type_=table.c.slug.type)
    following = bindparam("following", type_=table.c.slug.type)
    rows: list[dict[str, Any]] = [{"session_id": owner, "slug": slug} | mine]
    if and_see:
        blank = dict.fromkeys(names) | {"first_seen_at": mine["first_seen_at"], "revision": 0}
        rows.append({"session_id": owner, "slug": following} | blank)
    upsert = insert_into(table).values(rows)
    new, old = upsert.excluded, table.c
    changed: dict[str, Any] = {
        name: case((new.slug == slug, new[name]), else_=old[name]) for name in names
    }
    changed["first_seen_at"] = func.coalesce(old.first_seen_at, new.first_seen_at)
    return upsert.on_conflict_do_update(index_elements=["session_id", "slug"], set_=changed)


_MARK = Prepared(lambda: _marking(and_see=False))
_MARK_AND_SEE = Prepared(lambda: _marking(and_see=True))


def _seconds(before: StepState | None, after: StepState) -> float | None:
    """How long a step took to be saved for the first time; None where that is not known."""
    if before is None or before.done or not before.first_seen_at or not after.saved_at:
        return None
    return (after.saved_at - before.first_seen_at).total_seconds()


def put_draft(visit: Visit, row: StepState) -> None:
    """Write the draft of a step's row and nothing else of it."""
    names = ("slug", "first_seen_at", "draft", "draft_at", "draft_revision")
    _PUT_DRAFT.run({"session_id": visit.session.id} | {n: getattr(row, n) for n in names})


def _putting_draft() -> Any:
    names = ("session_id", "slug", "first_seen_at", "draft", "draft_at", "draft_revision")
    values: dict[str, Any] = {name: bindparam(name) for name in names} | {"revision": 0}
    upsert = insert_into(StepProgress.__table__).values(values)
    changed = {name: upsert.excluded[name] for name in names if name.startswith("draft")}
    return upsert.on_conflict_do_update(index_elements=["session_id", "slug"], set_=changed)


_PUT_DRAFT = Prepared(_putting_draft)


def draft_of(visit: Visit, step: Step) -> dict[str, Any]:
    """The columns of the step's draft, made on what was stored before this save."""
    row = visit.progress.get(step.slug)
    if row is None or row.draft is None:
        return {}
    base = row.revision if row.draft_revision is None else row.draft_revision
    return {"draft": row.draft, "draft_at": row.draft_at, "draft_revision": base}
