"""Completing without the last page: by the API, and by an operator."""

from webapp import meters
from webapp.identity.caller import Caller
from webapp.wizard import store
from webapp.wizard.forms import StepForm
from webapp.wizard.revision import CURRENT
from webapp.wizard.step import Step
from webapp.wizard.visit import Visit, problems


def complete(caller: Caller, expected: int | None = None) -> Visit:
    """Complete the caller's session with the declaration that its draft holds; one that is
    completed stays as it is. `expected`: the count that it must still have.

    Raises SessionGone, StaleRevision, or JourneyIncomplete for what is missing.
    """
    visit = store.require(caller, everything=True)
    if expected not in (None, visit.session.revision):
        meters.conflicted("all")
        raise store.StaleRevision
    if visit.session.completed:
        return visit
    form, waiting = what_is_missing(visit)
    if waiting:
        raise store.JourneyIncomplete(waiting)
    finish(caller, visit.journey.last, form, CURRENT)
    return store.require(caller, everything=True)


def what_is_missing(visit: Visit) -> tuple[StepForm, list[tuple[Step, list[str]]]]:
    """The form of the last step from its draft, and the steps that are open or do not hold."""
    last = visit.journey.last
    row = visit.progress.get(last.slug)
    draft = row.draft if row else None
    form = last.form(formdata=None, data=draft or {})
    return form, [*problems(visit), *([] if draft and form.validate() else [(last, [])])]


def finish(caller: Caller, last: Step, form: StepForm, base: int | None) -> Visit:
    """Save the last step, which completes. Optional steps that are open are passed first, each in a
    transaction of its own: who is cut off between goes on where it was. Where required ones are
    open the form is kept as the draft; raises JourneyIncomplete then, or as `store.save`."""
    if not form.validate():
        raise store.AnswersInvalid(form)
    visit = store.require(caller, last)
    open_steps = [] if visit.session.completed else problems(visit)
    if open_steps:
        store.keep_draft(caller, last, form.typed(), None)
        raise store.JourneyIncomplete(open_steps)
    if not visit.session.completed:
        for step in visit.journey.steps[:-1]:
            if step.slug not in visit.done:
                store.skip(caller, step, CURRENT)
    return store.save(caller, last, form, base, merges=False)
