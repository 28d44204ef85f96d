"""What every operation of the API is wrapped in: who calls, what was sent, the ETag, the errors.

A route is a plain function that gets a `Given` and the variable parts of its address, and returns a
document, or an `Answer` where there is more to say.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from flask import Blueprint, Response, jsonify, session
from flask_wtf.csrf import CSRFError

from webapp.apidoc import Operation, documented
from webapp.errors import problem
from webapp.identity.caller import Caller, api_caller
from webapp.texts import gettext as _
from webapp.wizard import revision, store, visit
from webapp.wizard.api import reading
from webapp.wizard.api.fields import errors_of
from webapp.wizard.calls import NotThere, Refused
from webapp.wizard.step import Step
from webapp.wizard.visit import StepLocked, Visit

NAME = "api"


@dataclass(frozen=True)
class Given:
    """A request as the routes see it."""

    caller: Caller
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """A document; `state` names what it was made from in its ETag: a revision, '' for none."""

    document: Mapping[str, Any]
    status: int = 200
    state: str = ""


Route = Callable[..., Mapping[str, Any] | Answer | Response]


@dataclass
class Routes:
    """The routes of the engine's own, as they are declared."""

    found: list[tuple[str, str, Route, Operation]] = field(default_factory=list)

    def add(self, method: str, path: str, operation: Operation) -> Callable[[Route], Route]:
        """`@routes.add("GET", "status", Operation(…))`"""

        def declare(function: Route) -> Route:
            self.found.append((method, path, function, operation))
            return function

        return declare


def add_to(bp: Blueprint, method: str, path: str, function: Route, operation: Operation) -> None:
    """Serve this function as one operation of the API."""

    @documented(operation)
    @wraps(function)
    def view(**params: str) -> Response:
        body = reading.body(operation.body) if method != "GET" else {}
        caller = Caller(None)
        if operation.caller == "session":
            caller = api_caller()
        found = function(Given(caller, body), **params)
        if isinstance(found, Response):
            return found
        made = found if isinstance(found, Answer) else Answer(found)
        return respond(made, operation.etag)

    name = f"{method.lower()}_{path}".translate(str.maketrans("/-<>:", "_____"))
    bp.add_url_rule(f"/{path}", name, view, methods=[method], merge_slashes=False)


def respond(made: Answer, etag: bool = False) -> Response:
    """The answer as JSON; where it has an ETag, 304 for who knows it already."""
    response = jsonify(made.document)
    response.status_code = made.status
    if etag:
        digest = hashlib.sha256(response.get_data()).hexdigest()[:20]
        tag = f"{made.state}/{digest}" if made.state else digest
        response.set_etag(tag)
        known = reading.conditions("If-None-Match") or []
        if made.status == 200 and {"*", tag, f"W/{tag}"} & set(known):
            response.set_data(b"")
            response.status_code = 304
    return response


def init(bp: Blueprint) -> Blueprint:
    """Attach what all routes share: the translation of failures to problem documents, once."""
    for kind, answer in _FAILURES.items():
        bp.register_error_handler(kind, answer)
    bp.after_request(_set_no_cookie)
    return bp


# -- what a change rests on ------------------------------------------------------------------------


def base_of(caller: Caller, slug: str, sent: str | None) -> int | None:
    """The count that a change of a step is to be made on: from If-Match, else from the `revision`
    that was sent, else whatever is stored now."""
    tags = reading.conditions("If-Match")
    if tags is None and not sent:
        return revision.CURRENT
    if tags == ["*"]:
        return revision.CURRENT
    session_id = visit.id_of(caller) or ""
    if tags is None:
        return revision.read(session_id, slug, sent or "")
    return _count(session_id, slug, tags)


def session_state(of: Visit) -> str:
    """What the ETag of a document about the whole session begins with."""
    return revision.write(of.session.id, "", of.session.revision)


def session_base(caller: Caller) -> int | None:
    """The count of the whole session that If-Match names; None when it names none."""
    tags = reading.conditions("If-Match")
    if tags is None or tags == ["*"]:
        return None
    return _count(visit.id_of(caller) or "", "", tags)


def _count(session_id: str, slug: str, tags: list[str]) -> int:
    """The newest count that one of the tags names; weak tags name none (RFC 9110, 13.1.1)."""
    found = [revision.read(session_id, slug, tag.partition("/")[0]) for tag in tags]
    return max((count for count in found if count is not None), default=revision.FOREIGN)


# -- failures --------------------------------------------------------------------------------------


def incomplete(of: Visit, open_steps: list[str], **more: Any) -> Response:
    """409: steps stand in the way."""
    titles = [str(step.title) for step in of.journey if step.slug in open_steps]
    detail = _("Finish these steps first: %(titles)s.", titles=", ".join(titles))
    return problem(409, detail, missing_steps=open_steps, **more)


def _gone(_error: Exception) -> Response:
    return problem(
        404, _("There is no session of yours here, or no longer. POST start begins one.")
    )


def _locked(error: StepLocked) -> Response:
    of: Visit = error.args[0]
    before = [] if of.resume is None else [of.resume.slug]
    return incomplete(of, before)


def _stale(error: store.StaleRevision) -> Response:
    if reading.conditions("If-Match") is not None:
        return problem(412, _("What is stored is newer than what If-Match names."))
    return problem(
        409, _("What is stored is newer than the revision that was sent. Read it again.")
    )


def _invalid(error: store.AnswersInvalid) -> Response:
    return refused(errors_of(error.form))


def refused(errors: Mapping[str, list[str]]) -> Response:
    """422, with what is wrong."""
    return problem(422, _("Some of what was sent needs another look."), errors)


def _required(error: store.StepRequired) -> Response:
    sentence = _("This step is needed: it cannot be skipped.")
    return problem(422, sentence, {"form": [sentence]})


def _incomplete(error: store.JourneyIncomplete) -> Response:
    found: list[tuple[Step, list[str]]] = error.args[0]
    messages = {step.slug: texts for step, texts in found if texts}
    detail = _("Finish these steps first: %(titles)s.", titles=", ".join(
        str(step.title) for step, _texts in found
    ))  # fmt: skip
    more = {"step_errors": messages} if messages else {}
    return problem(409, detail, missing_steps=[step.slug for step, _texts in found], **more)


def _no_token(_error: CSRFError) -> Response:
    return problem(
        400,
        _(
            "A request with the browser's cookie needs the header X-CSRFToken. "
            "GET /api/onboarding/csrf-token tells it."
        ),
    )


_FAILURES: dict[type[Exception], Callable[[Any], Response]] = {
    store.SessionGone: _gone,
    StepLocked: _locked,
    store.StaleRevision: _stale,
    store.AnswersInvalid: _invalid,
    store.StepRequired: _required,
    store.JourneyIncomplete: _incomplete,
    CSRFError: _no_token,
    Refused: lambda error: refused(error.args[0]),
    NotThere: lambda error: problem(404, str(error.args[0])),
}


def _set_no_cookie(response: Response) -> Response:
    """Clients of the API keep no cookies, and the browser's is the pages' own."""
    if session:
        session.modified = False
    return response
