"""Writing the engine's own rows: a session with its first step, and a step's progress."""

from datetime import datetime
from typing import Any

from sqlalchemy import case, func, insert

from webapp.extensions import db, insert_into
from webapp.wizard.models import OnboardingSession, StepProgress
from webapp.wizard.step import Step
from webapp.wizard.visit import Visit, journey


def create(session_id: str, user_id: str | None, moment: datetime, revision: int = 0) -> None:
    """Insert this session unless it is there already; its first step counts as seen."""
    values = {
        "id": session_id, "user_id": user_id, "completed": False, "revision": revision,
        "sealed_revision": revision, "created_at": moment, "updated_at": moment,
    }  # fmt: skip
    upsert = insert_into(OnboardingSession.__table__).values(values).on_conflict_do_nothing()
    if db.session.execute(upsert.returning(OnboardingSession.id)).first():
        first = journey().steps[0].slug
        db.session.execute(
            insert(StepProgress).values(session_id=session_id, slug=first, first_seen_at=moment)
        )


def mark(visit: Visit, step: Step, **columns: Any) -> None:
    """Write the step's row, and first sight of the step that comes next, in one statement. What is
    not named in `columns` is blank, the draft above all."""
    db.session.flush()
    moment = visit.session.updated_at
    mine = {
        "first_seen_at": moment, "saved_at": None, "skipped_at": None,
        "revision": visit.session.revision, "draft": None, "draft_at": None,
        "draft_revision": None, "saved_page": None,
    } | columns  # fmt: skip
    rows: list[dict[str, Any]] = [{"session_id": visit.session.id, "slug": step.slug} | mine]
    following = visit.journey.resume_point(visit.done | {step.slug})
    if following and following is not step:
        blank = dict.fromkeys(mine) | {"first_seen_at": moment, "revision": 0}
        rows.append({"session_id": visit.session.id, "slug": following.slug} | blank)
    upsert = insert_into(StepProgress.__table__).values(rows)
    new, old = upsert.excluded, StepProgress.__table__.c
    changed: dict[str, Any] = {
        name: case((new.slug == step.slug, new[name]), else_=old[name]) for name in mine
    }
    changed["first_seen_at"] = func.coalesce(old.first_seen_at, new.first_seen_at)
    db.session.execute(
        upsert.on_conflict_do_update(index_elements=["session_id", "slug"], set_=changed)
    )
    visit.progress[step.slug] = StepProgress(session_id=visit.session.id, slug=step.slug, **mine)


def draft_of(visit: Visit, step: Step) -> dict[str, Any]:
    """The columns of the step's draft, made on what was stored before this save."""
    row = visit.progress.get(step.slug)
    if row is None or row.draft is None:
        return {}
    base = row.revision if row.draft_revision is None else row.draft_revision
    return {"draft": row.draft, "draft_at": row.draft_at, "draft_revision": base}
