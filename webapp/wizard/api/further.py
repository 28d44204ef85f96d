"""The operations that the steps add: plain functions, wrapped with caller, lock and commit."""

from collections.abc import Mapping
from typing import Any

from flask import Response

from webapp.extensions import transaction
from webapp.identity.caller import Caller
from webapp.texts import gettext as _
from webapp.types import now
from webapp.wizard import store
from webapp.wizard.api import answers, wrap
from webapp.wizard.api.fields import errors_of, filled
from webapp.wizard.api.routes import opened
from webapp.wizard.api.wrap import Answer, Given, Route
from webapp.wizard.calls import Asks, Call, Changes, NotThere, Reads, Refused, Saves
from webapp.wizard.ending import finish
from webapp.wizard.forms import StepForm
from webapp.wizard.step import Step
from webapp.wizard.visit import Visit, id_of, needed


def route_of(call: Call, step: Step | None) -> Route:
    """The route of a call; `step`: whose it is, None for one of the whole session."""
    makers: dict[type[Call], Any] = {Asks: _asks, Reads: _reads, Saves: _saves, Changes: _changes}
    return makers[type(call)](call, step)


def _asks(call: Asks, _step: Step | None) -> Route:
    def answer(given: Given, **params: str) -> Mapping[str, Any]:
        return call.function(given.body, params)

    return answer


def _reads(call: Reads, step: Step | None) -> Route:
    def answer(given: Given, **params: str) -> Answer:
        visit = store.require(given.caller, _asked_here(step), call.everything)
        document = call.function(visit, params)
        if document is None:
            raise NotThere(_("There is nothing of yours here yet."))
        return Answer(document, state=_state(visit, step))

    return answer


def _saves(call: Saves, step: Step | None) -> Route:
    if step is None:
        raise LookupError(f"a change of no step: {call.path}")

    def answer(given: Given, **params: str) -> Answer | Response:
        if store.journey().get(step.slug) is None:
            raise NotThere(_("This step is not asked here."))
        form = filled(step, call.values(given.body, params))
        caller = given.caller
        try:
            if not form.validate():
                raise store.AnswersInvalid(form)
            if call.begins and not caller.by_id and id_of(caller) is None:
                caller = opened(caller)
            if call.before:
                call.before(store.require(caller, step), params)
            base = wrap.base_of(caller, step.slug, given.body.get("revision"))
            if step is store.journey().last:
                finish(caller, step, form, base)
            else:
                _save(call, caller, step, form, base)
        except store.AnswersInvalid as error:
            raise Refused(_renamed(errors_of(error.form), call, given.body)) from error
        except store.JourneyIncomplete as error:
            if not call.begins:
                raise
            visit = store.require(caller)
            open_steps = [one.slug for one, _messages in error.args[0]]
            return wrap.incomplete(visit, open_steps, session_id=visit.session.id)
        visit = store.require(caller, step)
        document = {"session_id": visit.session.id} if call.begins else {}
        return Answer(document | dict(call.answer(visit)), state=_state(visit, step))

    return answer


def _save(call: Saves, caller: Caller, step: Step, form: StepForm, base: int | None) -> None:
    sent = step.form(formdata=None, data=form.data)
    try:
        store.save(caller, step, form, base, merges=False, keeps_draft=True)
    except store.AnswersInvalid:
        in_parts = call.in_parts and step.slug not in store.require(caller).saved
        if not (in_parts and sent.validate()):
            raise
        store.save(caller, step, sent, base, merges=False, whole=False)


def _changes(call: Changes, step: Step | None) -> Route:
    if step is None:
        raise LookupError(f"a change of no step: {call.path}")

    def answer(given: Given, **params: str) -> Answer:
        store.require(given.caller)
        prepared = call.prepare(given.body, params)
        moment = now()
        with transaction():
            visit = store.lock(given.caller, moment, needed(_asked_here(step)))
            status, document = call.function(visit, prepared, moment)
        return Answer(document, status)

    return answer


def _asked_here(step: Step | None) -> Step | None:
    """None for a step that is not part of the journey: it has no answer then."""
    return step if step and store.journey().get(step.slug) else None


def _state(visit: Visit, step: Step | None) -> str:
    if _asked_here(step) is None:
        return wrap.session_state(visit)
    assert step is not None  # noqa: S101 - for the type checker
    return answers.revision_of(visit, step)


def _renamed(errors: Mapping[str, list[str]], call: Saves, body: Mapping[str, Any]) -> Any:
    found: dict[str, list[str]] = {}
    for name, messages in errors.items():
        found.setdefault(call.field(name, body), []).extend(messages)
    return found
