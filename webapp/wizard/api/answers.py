"""The shapes that the JSON API answers, made from one session as it was read."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from webapp import apidoc
from webapp.apidoc import BOOLEAN, INTEGER, MOMENT, OBJECT, STRING, STRINGS, answer, maybe
from webapp.texts import gettext as _
from webapp.wizard import revision
from webapp.wizard.api.fields import errors_of
from webapp.wizard.journey import Journey
from webapp.wizard.step import Step
from webapp.wizard.visit import Visit

SLUG = maybe(STRING | {"description": "A step's slug."})
PERCENT = INTEGER | {"minimum": 0, "maximum": 100}

STATUS = answer(
    session_id=maybe(STRING),
    completed=BOOLEAN,
    is_completed=BOOLEAN,
    current_step=SLUG,
    step_number=maybe(INTEGER),
    next_step=SLUG,
    completion_percentage=maybe(PERCENT),
    can_proceed_to_final=maybe(BOOLEAN),
    first_kblock_id=maybe(STRING),
    started_at=maybe(MOMENT),
    completed_at=maybe(MOMENT),
)
STEP = answer(
    step_number=INTEGER,
    slug=STRING,
    title=STRING,
    description=STRING,
    optional=BOOLEAN,
    status=STRING | {"enum": ["pending", "in_progress", "completed", "skipped"]},
    completed_at=maybe(MOMENT),
    data=OBJECT | {"description": "The stored fields, secrets left out; {} when nothing is."},
    validation_errors=STRINGS,
)
ONE_STEP = answer(
    **STEP["properties"],
    revision=STRING | {"description": "Send it back with `complete` or `skip`."},
    draft=maybe(OBJECT | {"description": "What was typed and not saved."}),
    suggested=OBJECT | {"description": "Values to begin with while nothing is stored."},
)
PROGRESS = answer(
    steps=apidoc.listing(STEP),
    current_step=SLUG,
    started_at=MOMENT,
    last_updated=MOMENT,
    is_completed=BOOLEAN,
    completed_at=maybe(MOMENT),
    completion_percentage=PERCENT,
)
RESUME = answer(
    can_resume=BOOLEAN,
    resume_step=SLUG,
    current_step=SLUG,
    completion_percentage=maybe(PERCENT),
    started_at=maybe(MOMENT),
    last_updated=maybe(MOMENT),
)
VALIDATION = answer(
    can_proceed=BOOLEAN,
    validation_errors=STRINGS,
    errors=OBJECT | {"additionalProperties": STRINGS},
    step_status=STRING | {"enum": ["locked", "available", "completed", "skipped"]},
)
CONFIG = answer(
    total_steps=INTEGER, steps=apidoc.listing(OBJECT), required_steps=STRINGS,
    optional_steps=STRINGS,
)  # fmt: skip
NOTHING_YET = dict.fromkeys(STATUS["properties"]) | {"completed": False, "is_completed": False}


def status(visit: Visit | None) -> dict[str, Any]:
    """Where the caller stands; nulls, and `completed: false`, without a session."""
    if visit is None:
        return dict(NOTHING_YET)
    session, current = visit.session, visit.resume
    following = visit.journey.after(current.slug) if current else None
    return {
        "session_id": session.id,
        "completed": session.completed,
        "is_completed": session.completed,
        "current_step": current.slug if current else None,
        "step_number": visit.journey.number(current.slug) if current else None,
        "next_step": following.slug if following else None,
        "completion_percentage": percentage(visit),
        "can_proceed_to_final": session.completed or not visit.journey.missing(visit.saved),
        "first_kblock_id": session.first_kblock_id,
        "started_at": moment(session.created_at),
        "completed_at": moment(session.completed_at),
    }


def progress(visit: Visit) -> dict[str, Any]:
    """Every step, and the whole. The visit was loaded with everything."""
    current = visit.resume
    return {
        "steps": [step_state(visit, step) for step in visit.journey],
        "current_step": current.slug if current else None,
        "started_at": moment(visit.session.created_at),
        "last_updated": moment(visit.session.updated_at),
        "is_completed": visit.session.completed,
        "completed_at": moment(visit.session.completed_at),
        "completion_percentage": percentage(visit),
    }


def step_state(visit: Visit, step: Step) -> dict[str, Any]:
    """One step with what is stored of it."""
    row = visit.progress.get(step.slug)
    found = faults(visit, step) if step.slug in visit.saved else {}
    return {
        "step_number": visit.journey.number(step.slug),
        "slug": step.slug,
        "title": str(step.title),
        "description": str(step.description),
        "optional": step.optional,
        "status": _status(visit, step),
        "completed_at": moment(row.saved_at) if row else None,
        "data": stored(visit, step),
        "validation_errors": _sentences(step, found),
    }


def one_step(visit: Visit, step: Step) -> dict[str, Any]:
    """The same with its revision, its draft, and what the form would suggest."""
    row = visit.progress.get(step.slug)
    nothing = step.stored(visit) is None
    return step_state(visit, step) | {
        "revision": revision_of(visit, step),
        "draft": row.draft if row else None,
        "suggested": _open(step, step.prefill(visit)) if nothing else {},
    }


def resume(visit: Visit | None) -> dict[str, Any]:
    """Whether there is something to go on with, and where."""
    if visit is None:
        return dict.fromkeys(RESUME["properties"]) | {"can_resume": False}
    slug = visit.resume.slug if visit.resume else None
    return {
        "can_resume": not visit.session.completed,
        "resume_step": slug,
        "current_step": slug,
        "completion_percentage": percentage(visit),
        "started_at": moment(visit.session.created_at),
        "last_updated": moment(visit.session.updated_at),
    }


def validation(visit: Visit, step: Step) -> dict[str, Any]:
    """Whether the step, as it is stored, lets its caller go on. Of one that is not saved the draft,
    or the empty form, is checked."""
    state, found = _gate(visit, step), {}
    if state == "completed":
        found = faults(visit, step)
    elif state == "locked":
        found = {"form": [_first(visit)]}
    elif state == "available" and not step.optional:
        row = visit.progress.get(step.slug)
        found = faults(visit, step, (row.draft if row else None) or {})
        found = found or {"form": [_("This step is not saved yet.")]}
    return {
        "can_proceed": not found,
        "validation_errors": _sentences(step, found),
        "errors": found,
        "step_status": state,
    }


def config(journey: Journey[Step]) -> dict[str, Any]:
    """The steps that are asked here."""
    return {
        "total_steps": len(journey),
        "steps": [
            {
                "step_number": journey.number(step.slug),
                "slug": step.slug,
                "title": str(step.title),
                "description": str(step.description),
                "optional": step.optional,
                "fields": step.field_names(),
            }
            for step in journey
        ],
        "required_steps": [step.slug for step in journey if not step.optional],
        "optional_steps": [step.slug for step in journey if step.optional],
    }


def summary(visit: Visit, steps: Iterable[Step]) -> dict[str, Any]:
    """Everything that was answered and found. `steps`: all that there are, so that the keys of one
    that is not asked here are there too, and null. The visit was loaded with everything."""
    found: dict[str, Any] = {}
    for step in steps:
        found.update(step.facts(visit))
    able = [one for step in visit.journey for one in step.capabilities(visit)]
    return found | {
        "capabilities": {one.name: one.available for one in able},
        "capability_details": [
            {
                "name": one.name,
                "label": str(one.label),
                "available": one.available,
                "why": str(one.why),
            }
            for one in able
        ],
        "is_completed": visit.session.completed,
        "completed_at": moment(visit.session.completed_at),
        "skipped_steps": [
            step.slug
            for step in visit.journey
            if step.slug in visit.done and step.slug not in visit.saved
        ],
    }


def faults(visit: Visit, step: Step, draft: dict[str, Any] | None = None) -> dict[str, list[str]]:
    """What does not hold in what is stored (with a draft on top): {field: [sentences]}."""
    answer_ = step.stored(visit)
    values = (step.values(answer_) if answer_ is not None else {}) | (draft or {})
    form = step.form(formdata=None, data=values)
    if form.validate():
        form.add_errors(step.check(form, visit))
        form.add_errors({"form": list(step.faults(visit)) if answer_ is not None else []})
    return errors_of(form)


def stored(visit: Visit, step: Step) -> dict[str, Any]:
    """The stored fields without secrets; {} when nothing is stored."""
    answer_ = step.stored(visit)
    return _open(step, step.values(answer_)) if answer_ is not None else {}


def missing(visit: Visit, problems: Sequence[tuple[Step, Any]]) -> list[str]:
    """Slugs of the steps that completion waits for, in their order, the last one too."""
    waiting = [step.slug for step, _messages in problems]
    return waiting if visit.session.completed else [*waiting, visit.journey.last.slug]


def revision_of(visit: Visit, step: Step) -> str:
    """The revision of a step as a client sends it back."""
    return revision.write(visit.session.id, step.slug, visit.revision(step.slug))


def percentage(visit: Visit) -> int:
    """100 for a completed session, whatever steps were added since."""
    return 100 if visit.session.completed else visit.journey.percentage(visit.done)


def moment(value: datetime | None) -> str | None:
    """ISO 8601 in UTC."""
    return value.isoformat() if value else None


def _open(step: Step, values: dict[str, Any]) -> dict[str, Any]:
    return step.form(formdata=None, data=values).typed()


def _sentences(step: Step, found: dict[str, list[str]]) -> list[str]:
    form = step.form(formdata=None)
    return [
        f"{form[name].label.text}: {text}" if name in form else text
        for name, texts in found.items()
        for text in texts
    ]


def _status(visit: Visit, step: Step) -> str:
    row = visit.progress.get(step.slug)
    if row and row.saved_at:
        return "completed"
    if row and row.skipped_at:
        return "skipped"
    under_way = step is visit.resume or (row is not None and row.draft is not None)
    return "in_progress" if under_way else "pending"


def _gate(visit: Visit, step: Step) -> str:
    row = visit.progress.get(step.slug)
    if row and row.done:
        return "completed" if row.saved_at else "skipped"
    return "available" if visit.may_visit(step) else "locked"


def _first(visit: Visit) -> str:
    assert visit.resume is not None  # noqa: S101 - a completed session locks nothing
    return _("First finish this step: “%(title)s”.", title=visit.resume.title)
