"""The page of the caller's own saves, and what puts one back."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import PasswordField

from webapp.texts import gettext as _
from webapp.wizard import history, revision, store
from webapp.wizard.step import Step
from webapp.wizard.views import bp as pages
from webapp.wizard.views import display, label_of, the_caller, to_the_start, visit_or_none

bp = Blueprint("history", __name__, url_prefix=pages.url_prefix)


@bp.get("/history")
def show() -> ResponseReturnValue:
    """Every save: which step, when, which fields changed; never a secret."""
    visit = visit_or_none()
    if visit is None:
        return to_the_start()
    saves = []
    for save in history.of_caller(the_caller()):
        step = visit.journey.get(save.slug)
        if step is None:
            continue
        current = save.revision == visit.progress[save.slug].revision
        saves.append(
            {
                "step": step,
                "save": save,
                "changed": [label_of(step, name) for name in save.changed],
                "values": _values(step, save),
                "current": current,
                "can_put_back": not current and not _has_secrets(step),
                "form_revision": revision.write(
                    visit.session.id, step.slug, visit.revision(step.slug)
                ),
            }
        )
    return render_template("wizard/history.html", saves=saves, completed=visit.session.completed)


@bp.post("/history")
def put_back() -> ResponseReturnValue:
    """Save a step's earlier answers again, as a save like any other."""
    caller = the_caller()
    step = store.journey().get(request.form.get("slug", ""))
    count = request.form.get("save", "")
    if not caller.is_somebody:
        return to_the_start()
    if step is None or _has_secrets(step) or not (count.isascii() and count.isdigit()):
        abort(422)
    snapshot = history.snapshot_at(caller, step.slug, int(count[:9]))
    if snapshot is None:
        abort(404)
    base = revision.read(caller.session_id or "", step.slug, request.form.get("revision", ""))
    form = step.form(formdata=None, data=snapshot)
    try:
        known = base if base is not None else revision.FOREIGN
        store.save(caller, step, form, known, keeps_draft=True)
    except store.SessionGone:
        return to_the_start()
    except (store.StaleRevision, store.AnswersInvalid, store.JourneyIncomplete):
        flash(_("This step was changed meanwhile. Look again before you put it back."), "warning")
        return redirect(url_for(".show"), 303)
    flash(_("The earlier answers of “%(title)s” are back.", title=step.title), "success")
    return redirect(url_for(".show"), 303)


def _values(step: Step, save: history.StepSave) -> list[dict[str, Any]]:
    """The answers of a save as people read them; nothing for a step with secrets."""
    if _has_secrets(step):
        return []
    form = step.form(formdata=None, data=save.snapshot)
    shown = [{"label": one.label.text, "value": display(one)} for one in form]
    return [one for one in shown if one["value"]]


def _has_secrets(step: Step) -> bool:
    return any(isinstance(one, PasswordField) for one in step.form(formdata=None))
