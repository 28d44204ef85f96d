"""A button of a step's form that asks somebody outside, for instance whether a key is accepted.

What was typed is kept first, as far as it is sound, since no secret is ever sent back to the page.
The question itself is asked in no transaction and with no connection in hand: it may take seconds.
"""

from webapp.extensions import db
from webapp.identity.caller import Caller
from webapp.wizard import store
from webapp.wizard.forms import StepForm
from webapp.wizard.step import Step


def keep_and_ask(
    caller: Caller, step: Step, action: str, form: StepForm, base: int | None, page: str = ""
) -> tuple[str, str] | None:
    """Keep what is sound of the form, then ask; the answer as the kind of a message and its text.

    An open step stays open: it is saved by its own button. Afterwards the form holds what was not
    kept alone, with its errors. Raises StepLocked, StaleRevision or SessionGone, and then nothing
    was kept or asked.
    """
    form.validate()
    sound = step.sound(form)
    if sound:
        part = step.form(formdata=None, data=sound)
        visit = store.save(caller, step, part, base, page=page, whole=False)
        base = visit.revision(step.slug)
    else:
        visit = store.require(caller, step)
        visit.require(step)
    db.session.expunge_all()  # another transaction would void what was read
    row, typed = visit.progress.get(step.slug), form.typed()
    if any(typed.values()) or (row and row.draft is not None):
        store.keep_draft(caller, step, typed, base)
    db.session.remove()
    said = step.ask(action, form, visit)
    for name in sound:
        form[name].data = None
    return said
