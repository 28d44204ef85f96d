"""The engine's own operations: where the caller stands, the steps, and the end."""

from collections.abc import Mapping
from typing import Any

from flask import current_app, session
from werkzeug.exceptions import NotFound

from webapp import apidoc
from webapp.apidoc import BOOLEAN, INTEGER, MOMENT, OBJECT, STRING, Operation, Schema, answer, maybe
from webapp.csrf import csrf_token
from webapp.identity.caller import Caller
from webapp.texts import gettext as _
from webapp.wizard import ending, store
from webapp.wizard.api import answers, wrap
from webapp.wizard.api.fields import filled
from webapp.wizard.api.wrap import Answer, Given, Routes
from webapp.wizard.calls import NotThere, Refused
from webapp.wizard.step import Step
from webapp.wizard.visit import Visit

routes = Routes()

SESSION, STEPS, END = "Session", "Steps", "The end"
LOCKED = "An earlier step is open (`missing_steps`), or `revision` is not what is stored."
STEP_PATH: Mapping[str, Schema] = {
    "n": {"type": "string", "pattern": "^[0-9a-z-]{1,40}$", "description": "Number or slug."}
}
DATA: Schema = OBJECT | {"description": "Field -> value; see the schemas of the steps."}
REVISION: Schema = maybe(
    STRING | {"description": "Of the step as it was read; without it, what is stored now."}
)


@routes.add(
    "POST",
    "start",
    Operation(
        "Find or begin the caller's session",
        SESSION,
        {
            200: answer(
                session_id=STRING, started_at=MOMENT, current_step=answers.SLUG, message=STRING
            )
        },
        detail="Never wipes anything. Who calls without a session gets a new one, and its "
        "`session_id` is the secret that opens it.",
        body=apidoc.body(),
    ),
)
def start(given: Given) -> dict[str, Any]:
    """Never another session than the one that the caller has."""
    visit = store.load(given.caller) if given.caller.is_somebody else None
    message = _("You continue where you left off.")
    if visit is None:
        if given.caller.by_id:
            raise store.SessionGone
        visit = store.require(opened(given.caller))
        message = _("Your onboarding has begun.")
    return {
        "session_id": visit.session.id,
        "started_at": answers.moment(visit.session.created_at),
        "current_step": visit.resume.slug if visit.resume else None,
        "message": message,
    }


def opened(caller: Caller) -> Caller:
    """A new session: the user's own, or one that its id alone opens. A browser's cookie leads to
    none that is begun here, as the API sets no cookie."""
    return store.open_session(caller if caller.user_id else Caller(None, by_id=True))


@routes.add(
    "GET",
    "status",
    Operation(
        "Where the caller stands",
        SESSION,
        {200: answers.STATUS},
        detail="Without any session: `completed` is false and the rest null.",
        etag=True,
    ),
)
def status(given: Given) -> Answer:
    """Of the session that was named by its id it must be there; else none is no fault."""
    visit = _maybe(given.caller)
    return Answer(answers.status(visit), state=wrap.session_state(visit) if visit else "")


@routes.add("GET", "progress", Operation("Every step", SESSION, {200: answers.PROGRESS}, etag=True))
def progress(given: Given) -> Answer:
    """All steps with what is stored of them, secrets left out."""
    visit = store.require(given.caller, everything=True)
    return Answer(answers.progress(visit), state=wrap.session_state(visit))


@routes.add(
    "GET",
    "resume",
    Operation("Whether and where to go on", SESSION, {200: answers.RESUME}, etag=True),
)
def resume(given: Given) -> Answer:
    """Where to go on."""
    visit = _maybe(given.caller)
    return Answer(answers.resume(visit), state=wrap.session_state(visit) if visit else "")


@routes.add(
    "GET",
    "config",
    Operation("The steps", SESSION, {200: answers.CONFIG}, caller="anybody", etag=True),
)
def config(given: Given) -> dict[str, Any]:
    """The same for everybody."""
    return answers.config(store.journey())


@routes.add(
    "GET",
    "csrf-token",
    Operation(
        "The token for a script on a page",
        SESSION,
        {200: answer(csrf_token=STRING)},
        detail="To be sent as `X-CSRFToken` with unsafe requests that rest on the browser's "
        "cookie. The forms of the pages carry the same in their field `csrf_token`.",
        problems={404: "The request carries no cookie of a page."},
        caller="anybody",
    ),
)
def token_of_browser(given: Given) -> dict[str, Any]:
    """No other site can read the answer: nothing here allows it across origins."""
    if not session.get("csrf_token"):
        raise NotThere(_("This request carries no cookie of a page of ours."))
    return {"csrf_token": csrf_token()}


@routes.add(
    "GET",
    "step/<n>",
    Operation("One step", STEPS, {200: answers.ONE_STEP}, path=STEP_PATH, etag=True),
)
def one_step(given: Given, n: str) -> Answer:
    """The ETag is what If-Match of `complete` and `skip` takes."""
    step = step_of(n)
    visit = store.require(given.caller, step)
    return Answer(answers.one_step(visit, step), state=answers.revision_of(visit, step))


@routes.add(
    "GET",
    "step/<n>/validate",
    Operation("Whether a step holds", STEPS, {200: answers.VALIDATION}, path=STEP_PATH, etag=True),
)
def validate(given: Given, n: str) -> dict[str, Any]:
    """What is stored, or the draft of what is not."""
    step = step_of(n)
    return answers.validation(store.require(given.caller, step), step)


@routes.add(
    "POST",
    "step/<n>/complete",
    Operation(
        "Save a step",
        STEPS,
        {200: answer(message=STRING, step_number=INTEGER, slug=STRING, data=OBJECT,
                     revision=STRING, current_step=answers.SLUG)},
        body=apidoc.body(("data",), data=DATA, revision=REVISION),
        detail="The same form as the page's: what is not named is empty, a checkbox takes its "
        "default. The same values once more are no change, and no conflict.",
        path=STEP_PATH,
        problems={409: LOCKED, 412: "If-Match names another state."},
        if_match=True,
    ),
)  # fmt: skip
def complete_step(given: Given, n: str) -> Answer:
    """Gate, validate and save, by the one way that there is."""
    step = step_of(n)
    form = filled(step, given.body["data"])
    base = wrap.base_of(given.caller, step.slug, given.body.get("revision"))
    store.save(given.caller, step, form, base, merges=False)
    visit = store.require(given.caller, step)
    message = _("“%(title)s” is saved.", title=step.title)
    return _passed(visit, step, message=message, data=answers.stored(visit, step))


@routes.add(
    "POST",
    "step/<n>/skip",
    Operation(
        "Pass an optional step",
        STEPS,
        {200: answer(message=STRING, step_number=INTEGER, slug=STRING, revision=STRING,
                     current_step=answers.SLUG)},
        body=apidoc.body(revision=REVISION),
        path=STEP_PATH,
        problems={409: LOCKED, 412: "If-Match names another state.",
                  422: "The step is required."},
        if_match=True,
    ),
)  # fmt: skip
def skip_step(given: Given, n: str) -> Answer:
    """What was stored stays as the step's draft."""
    step = step_of(n)
    if not step.optional:
        raise store.StepRequired
    base = wrap.base_of(given.caller, step.slug, given.body.get("revision"))
    visit = store.skip(given.caller, step, base)
    return _passed(visit, step, message=_("“%(title)s” is skipped.", title=step.title))


def _passed(visit: Visit, step: Step, **more: Any) -> Answer:
    """Where the caller stands once a step was saved or skipped."""
    revision = answers.revision_of(visit, step)
    document = {
        "step_number": visit.journey.number(step.slug),
        "slug": step.slug,
        "revision": revision,
        "current_step": visit.resume.slug if visit.resume else None,
        **more,
    }
    return Answer(document, state=revision)


@routes.add(
    "POST",
    "reset",
    Operation(
        "Delete every answer and begin again",
        SESSION,
        {200: answer(message=STRING, current_step=answers.SLUG, started_at=MOMENT)},
        body=apidoc.body(),
        detail="The session keeps its id. There is no way back.",
        problems={412: "If-Match names another state of the session."},
        if_match=True,
    ),
)
def reset(given: Given) -> dict[str, Any]:
    """Answers nobody can get back."""
    store.reset(given.caller, wrap.session_base(given.caller))
    visit = store.require(given.caller)
    return {
        "message": _("Everything was deleted. You are at the beginning again."),
        "current_step": visit.resume.slug if visit.resume else None,
        "started_at": answers.moment(visit.session.created_at),
    }


@routes.add(
    "POST",
    "complete",
    Operation(
        "Complete the session",
        END,
        {200: answer(success=BOOLEAN, message=STRING, completed_at=MOMENT,
                     completion_percentage=answers.PERCENT, persona_generated=BOOLEAN)},
        body=apidoc.body(),
        detail="A declaration that waits as a draft is saved with it. Completing what is completed "
        "changes nothing.",
        problems={409: "Required steps are open: `missing_steps`.",
                  412: "If-Match names another state of the session."},
        if_match=True,
    ),
)  # fmt: skip
def complete(given: Given) -> Mapping[str, Any] | Answer:
    """What is required must be there; optional steps that are open are passed."""
    visit = ending.complete(given.caller, wrap.session_base(given.caller))
    return {
        "success": True,
        "message": _("Your onboarding is complete."),
        "completed_at": answers.moment(visit.session.completed_at),
        "completion_percentage": answers.percentage(visit),
        **outcome(visit),
    }


@routes.add(
    "GET",
    "summary",
    Operation(
        "Everything that was answered and found",
        END,
        {200: answer(
            api_keys=maybe(OBJECT),
            website_url=maybe(STRING),
            style_analysis=maybe(OBJECT),
            research_preferences=maybe(OBJECT),
            personalization_settings=maybe(OBJECT),
            persona_readiness=maybe(OBJECT),
            integrations=maybe(OBJECT),
            capabilities=OBJECT | {"additionalProperties": BOOLEAN},
            first_declaration=maybe(STRING),
        )},
        detail="Also before completion: what is still open is null. API keys are masked.",
        etag=True,
    ),
)  # fmt: skip
def summary(given: Given) -> Answer:
    """Read from SQL."""
    visit = store.require(given.caller, everything=True)
    return Answer(answers.summary(visit, every_step()), state=wrap.session_state(visit))


def outcome(visit: Visit) -> dict[str, Any]:
    """What the steps say that the completed session has."""
    found: dict[str, Any] = {}
    for step in every_step():
        found.update(step.outcome(visit))
    return found


def every_step() -> tuple[Step, ...]:
    """All steps that there are, also those that are not asked here."""
    return current_app.extensions["every_step"]


def step_of(n: str) -> Step:
    """A step by its number or its slug."""
    journey = store.journey()
    step = journey.get(n)
    if step is None and n.isascii() and n.isdigit() and len(n) < 4 and 1 <= int(n) <= len(journey):
        step = journey.steps[int(n) - 1]
    if step is None:
        raise NotFound(_("There is no such step here."))
    return step


def _maybe(caller: Caller) -> Visit | None:
    """The caller's session, None without one; a session id that opens nothing is refused."""
    visit = store.load(caller) if caller.is_somebody else None
    if visit is None and caller.by_id:
        raise store.SessionGone
    return visit


__all__ = ["Refused", "every_step", "opened", "routes", "step_of"]
