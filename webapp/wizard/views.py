"""The pages. A view is a paragraph: who calls, which step, one call into the store, a redirect."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from operator import methodcaller
from typing import Any

from flask import (
    Blueprint,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException, NotFound
from wtforms import Field
from wtforms.fields.choices import SelectFieldBase

from webapp import appearance, errors, kept, languages, limits
from webapp.at_hand import the_app, the_request
from webapp.bounds import Refused
from webapp.config import settings
from webapp.extensions import db
from webapp.headers import kept_if_short
from webapp.identity import anonymous, users
from webapp.identity.caller import Caller, page_caller
from webapp.security import from_our_own_page
from webapp.texts import gettext as _
from webapp.texts import ngettext
from webapp.wizard import adoption, asking, revision, store
from webapp.wizard.forms import StepForm
from webapp.wizard.page import Page, answers, render, sections, summary_page
from webapp.wizard.step import Step
from webapp.wizard.visit import StepLocked, Visit

bp = Blueprint("wizard", __name__, url_prefix="/onboarding")


# -- the way in ------------------------------------------------------------------------------------


@bp.get("/")
def welcome() -> ResponseReturnValue:
    """The welcome page, or straight on to where the caller stands."""
    visit = visit_or_none()
    if visit is not None:
        return on_to(visit)
    anonymous.offered_id()
    steps = store.journey().steps
    if "_flashes" in session or request.args:
        return render_template("wizard/welcome.html", steps=steps)
    return kept.page("wizard/welcome.html", {}, theme=appearance.chosen(), steps=steps)


@bp.get("/start")
def started() -> ResponseReturnValue:
    """Where the button's page leads when it is reloaded, for instance after an error."""
    return redirect(url_for(".welcome"), 303)


@bp.post("/start")
def start() -> ResponseReturnValue:
    """Find or create the caller's session."""
    visit = visit_or_none()
    if visit is None:
        opened = _open()
        if opened.is_new:
            return to_step(store.journey().steps[0])
        visit = store.require(opened)
    return on_to(visit)


@bp.get("/<slug>")
def show_step(slug: str) -> ResponseReturnValue:
    """A step's form, from the draft or from what is stored."""
    step = _step(slug)
    visit = visit_or_none(step)
    if visit is None:
        return to_the_start()
    visit.require(step)
    return render(_page(step, visit))


@bp.post("/<slug>")
def save_step(slug: str) -> ResponseReturnValue:
    """One of the form's buttons; without one, save."""
    step, sent = _step(slug), the_request().form
    action = sent.get("action", "save") or "save"
    if action not in _ACTIONS and action not in step.actions and action not in step.asks:
        abort(422)
    caller = the_caller()
    visit = store.load(caller, step) if _is_choosing() else None
    typed = step.form(formdata=_chosen_values(step, visit))
    base = revision.read(caller.session_id or "", slug, sent.get("revision", ""))
    view = _ask if action in step.asks else _ACTIONS.get(action, _save)
    try:
        return view(caller, step, typed, base)
    except store.SessionGone:
        return _begin_with_draft(step, typed)
    except StepLocked as error:
        kept = store.keep_draft(caller, step, typed.typed(), base)
        sentence = _("What you typed in “%(t)s” is kept for then.", t=step.title)
        return send_back(error, sentence if kept else "")


@bp.post("/<slug>/draft")
def draft(slug: str) -> ResponseReturnValue:
    """What a script sends while somebody types: kept, not validated, never a secret."""
    step = _step(slug)
    caller = the_caller()
    if not caller.is_somebody:
        abort(404)
    base = revision.read(caller.session_id or "", slug, request.form.get("revision", ""))
    form = step.form(formdata=request.form)
    try:
        page = request.form.get("page", "")[:40]
        kept_at = store.keep_draft(caller, step, form.typed(), base, page)
    except store.SessionGone:
        abort(404)
    anonymous.renew()
    response = current_app.response_class(status=204)
    response.headers["X-Draft"] = kept_at.isoformat() if kept_at else "none"
    return response


@bp.get("/<slug>/<name>")
def step_page(slug: str, name: str) -> ResponseReturnValue:
    """A page of the step's own, whole or as the fragment that a script asks for."""
    step = _step(slug)
    page = step.pages.get(name)
    if page is None:
        abort(404)
    visit = visit_or_none(step)
    if visit is None:
        return to_the_start()
    visit.require(step)
    fragment = "X-Fragment" in request.headers
    template = page.fragment if fragment else page.template
    return render_template(template, fragment=fragment, step=step, **page.context(visit))


# -- the buttons -----------------------------------------------------------------------------------


def _save(caller: Caller, step: Step, form: StepForm, base: int | None) -> ResponseReturnValue:
    sent = the_request().form
    action, page_id = sent.get("action", ""), sent.get("page", "")
    try:
        visit = store.save(caller, step, form, base, action, page_id[:40])
    except store.AnswersInvalid as error:
        visit = store.require(caller, step)
        page = _page(step, visit, error.form, revision.MISSING if error.merged else base)
        if error.merged:
            page.notice = _("This page now also holds what you saved in another window.")
        return render(page), 422
    except store.StaleRevision:
        return _conflict(step, store.require(caller, step), form, base)
    except store.JourneyIncomplete as error:
        page = _page(step, store.require(caller, step), form, base)
        page.extra["problems"] = [
            {"slug": s.slug, "title": s.title, "messages": messages}
            for s, messages in error.args[0]
        ]
        return render(page), 422
    anonymous.renew(for_long=visit.session.completed)
    if visit.merged:
        labels = languages.listed(label_of(step, name) for name in sorted(visit.merged))
        flash(_("Saved, together with what another window had changed: %(f)s", f=labels), "success")
    if action in step.actions:
        return to_step(step)
    if visit.session.completed:
        place = step.slug if step is not visit.journey.last else None
        return redirect(url_for(".summary", _anchor=place), 303)
    return on_to(visit)


def _back(caller: Caller, step: Step, form: StepForm, base: int | None) -> ResponseReturnValue:
    store.keep_draft(caller, step, form.typed(), base)
    before = store.journey().before(step.slug) or step
    return to_step(before)


def _later(caller: Caller, step: Step, form: StepForm, base: int | None) -> ResponseReturnValue:
    if _is_choosing():  # the switch of the language, beside two versions to choose from
        return _conflict(step, store.require(caller, step), form, base)
    with languages.before():  # a suggestion in the language left behind is no draft
        store.keep_draft(caller, step, form.typed(), base)
    if not request.args:  # else the button of a switch: language, theme
        flash(
            _("Kept for later. You can close this page; this step waits for you here."), "success"
        )
    return to_step(step)


def _skip(caller: Caller, step: Step, form: StepForm, base: int | None) -> ResponseReturnValue:
    try:
        visit = store.skip(caller, step, base, form.typed())
    except store.StepRequired:
        page = _page(step, store.require(caller, step), form, base)
        page.notice = _("This step is needed: it cannot be skipped.")
        return render(page), 422
    except store.StaleRevision:
        return _conflict(step, store.require(caller, step), form, base)
    return redirect(url_for(".summary"), 303) if visit.session.completed else on_to(visit)


def _ask(caller: Caller, step: Step, form: StepForm, base: int | None) -> ResponseReturnValue:
    try:
        action, page_id = request.form["action"], request.form.get("page", "")
        said = asking.keep_and_ask(caller, step, action, form, base, page_id[:40])
    except store.StaleRevision:
        return _conflict(step, store.require(caller, step), form, base)
    if said:
        flash(said[1], said[0])
    anonymous.renew()
    if form.errors:
        return render(_page(step, store.require(caller, step), form, revision.MISSING)), 422
    return to_step(step)


def _discard(caller: Caller, step: Step, _form: StepForm, base: int | None) -> ResponseReturnValue:
    store.keep_draft(caller, step, None, base)
    return to_step(step)


_ACTIONS: dict[str, Callable[[Caller, Step, StepForm, int | None], ResponseReturnValue]] = {
    "save": _save,
    "back": _back,
    "later": _later,
    "skip": _skip,
    "discard": _discard,
}


# -- the end, and the beginning again --------------------------------------------------------------


@bp.get("/summary")
def summary() -> ResponseReturnValue:
    """Every answer and result, read from SQL."""
    visit = visit_or_none(everything=True)
    if visit is None:
        return to_the_start()
    if not visit.session.completed:
        flash(_("The summary is ready once every step is finished. This one comes next."), "info")
        return on_to(visit)
    return summary_page(visit)


@bp.get("/reset")
def confirm_reset() -> ResponseReturnValue:
    """Ask before everything is deleted."""
    return render_template("wizard/reset.html") if visit_or_none() else to_the_start()


@bp.post("/reset")
def reset() -> ResponseReturnValue:
    """Delete the caller's answers and start again."""
    try:
        store.reset(the_caller())
    except store.SessionGone:
        return to_the_start()
    flash(_("Everything was deleted. You are at the beginning again."), "success")
    return to_step(store.journey().steps[0])


@bp.get("/sign-out")
def confirm_sign_out() -> ResponseReturnValue:
    """Say what "Forget this device" means before it is done."""
    if visit_or_none() is None and not users.current():
        return to_the_start()
    return render_template("wizard/sign_out.html", signed_in=bool(users.current()))


@bp.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """Forget this browser's part; the answers stay."""
    signed_in = bool(users.current())
    users.sign_out()
    if signed_in:
        flash(_("You are signed out here. Your answers are still stored."), "success")
    else:
        flash(_("This browser has forgotten you. Your answers are still stored."), "success")
    return redirect(url_for("sign_in.show" if settings().sign_in_url else ".welcome"), 303)


# -- when something is in the way ------------------------------------------------------------------


@bp.app_errorhandler(StepLocked)
def send_back(error: StepLocked, kept: str = "") -> ResponseReturnValue:
    """A step too far: to where the caller may be, with the reason; `kept` says more."""
    # What a save read behind its lock is void with its transaction: read again then.
    visit = error.args[0] if request.method == "GET" else visit_or_none()
    if visit is None or visit.resume is None:
        return to_the_start()
    flash(_("First finish this step: “%(title)s”.", title=visit.resume.title), "info")
    if kept:
        flash(kept, "success")
    return on_to(visit)


@bp.app_errorhandler(CSRFError)
def token_expired(_error: CSRFError) -> ResponseReturnValue:
    """The same form again, with what was typed and a fresh token; nothing was stored."""
    sentence = _(
        "This page was open for too long, so nothing was saved yet. "
        "What you typed is still here: send it once more."
    )
    plain = _("This page was open for too long. Go back, load it again, and try once more.")
    return give_back(400, sentence) or errors.error_page(400, plain)


@bp.app_errorhandler(Refused)
def unreadable(error: Refused) -> ResponseReturnValue:
    """The same form again where it can be read, with what is wrong in it; nothing was stored."""
    given_back = None
    if error.code == 400:
        given_back = give_back(400, str(error.description), database=False)
    return given_back or errors.http_error(error)


@bp.app_errorhandler(limits.RateLimitExceeded)
def too_often(error: limits.RateLimitExceeded) -> ResponseReturnValue:
    """The same form again, with what was typed, and when to try again; nothing was stored."""
    seconds = limits.retry_after()
    sentence = ngettext(
        "This was sent too often, so it is not saved yet. What you typed is still here: "
        "try again in %(num)d second.",
        "This was sent too often, so it is not saved yet. What you typed is still here: "
        "try again in %(num)d seconds.",
        seconds,
    )
    given_back = give_back(429, sentence, database=False)
    response = current_app.make_response(given_back or errors.http_error(error))
    response.headers["Retry-After"] = str(seconds)
    return response


def database_away(error: Exception) -> ResponseReturnValue:
    """The same form again, with what was typed, and when to try again; nothing was stored."""
    db.session.remove()
    sentence = _(
        "We cannot reach our records just now, so we do not know that this is saved. "
        "What you typed is still here: try again in a moment."
    )
    given_back = None
    if request.method == "POST" and errors.is_database_away(error):
        given_back = give_back(503, sentence, database=False)
    if given_back is None:
        return errors.database_error(error)
    response = current_app.make_response(given_back)
    response.headers["Retry-After"] = str(errors.RETRY_SECONDS)
    return response


for _kind in (*errors.DATABASE_ERRORS, DBAPIError):
    bp.register_error_handler(_kind, database_away)


def give_back(status: int, notice: str, database: bool = True) -> ResponseReturnValue | None:
    """The form of the refused post, filled with what was typed; None where there is no such form or
    the post did not come from a page of ours. Without the database it shows the form alone."""
    slug = (request.view_args or {}).get("slug", "")
    step = store.journey().get(slug)
    if request.endpoint != f"{bp.name}.save_step" or step is None or not from_our_own_page():
        return None
    visit = None
    if database:
        with suppress(HTTPException, adoption.ChoiceOpen, *errors.DATABASE_ERRORS):
            visit = visit_or_none(step)
    form = step.form(formdata=_chosen_values(step, visit))
    page = Page(step, visit, form, notice=notice, retry=True)
    page.revision = request.form.get("revision")
    page.retry_action = request.form.get("action", "save")
    if _is_choosing() and visit is None:
        page.revision = None  # the stored side cannot be shown now: the next post asks again
    page.extra = dict(step.beside_form(visit or _Nobody()))
    if step.needs_all:
        page.extra["sections"] = answers(sections(visit)) if visit else ""
    return render(page), status


def keep_typed(caller: Caller, of_this_session: bool = True) -> Step | None:
    """Keep the refused form of a step as a draft of this caller's session; returns the step, None
    where no form of a step was sent. `of_this_session`: the form was made for it. Raises
    SessionGone."""
    step = store.journey().get((request.view_args or {}).get("slug", ""))
    if request.endpoint != f"{bp.name}.save_step" or step is None:
        return None
    typed = step.form(formdata=_chosen_values(step, None)).typed()
    sent = request.form.get("revision", "") if of_this_session else ""
    base = revision.read(caller.session_id or "", step.slug, sent)
    store.keep_draft(caller, step, typed, base)
    return step


def keep_for_sign_in() -> Step | None:
    """Keep the form of somebody who has to sign in first, in a session that nobody owns yet; it
    becomes theirs, or its text a draft of theirs, as soon as they have. As `keep_typed` otherwise.
    """
    if request.endpoint != f"{bp.name}.save_step":
        return None
    kept_in = Caller(users.kept_in() or store.new_session_id())
    try:
        step = keep_typed(kept_in, of_this_session=False)
    except store.SessionGone:
        kept_in = store.open_session(kept_in)
        step = keep_typed(kept_in, of_this_session=False)
    if step is not None and kept_in.session_id:
        sent = request.form.get("revision", "")
        users.keep_for_sign_in(kept_in.session_id, step.slug, sent)
    return step


class _Nobody:
    """Stands in for a visit where nothing can be read."""

    session = None

    def answer(self, slug: str) -> None:
        return None

    def keep(self, slug: str, answer: Any) -> None:
        raise NotImplementedError


# -- helpers ---------------------------------------------------------------------------------------


def _step(slug: str) -> Step:
    step = store.journey().get(slug)
    if step is None:
        raise NotFound
    return step


def the_caller() -> Caller:
    """Who asks for this page. Whoever has just signed in gets, with that, what their browser had
    before; raises ChoiceOpen when that needs a question, and what `page_caller` raises."""
    caller = page_caller()
    if left := users.left():
        if not adoption.settle(caller, left):
            raise adoption.ChoiceOpen
        users.settle()
    if caller.user_id and not caller.session_id and (found := store.id_of(caller)):
        anonymous.know(found)
        caller = replace(caller, session_id=found)
    return caller


def visit_or_none(step: Step | None = None, everything: bool = False) -> Visit | None:
    """The caller's session, read for this step; their cookie is renewed while it is used."""
    caller = the_caller()
    visit = store.load(caller, step, everything) if caller.is_somebody else None
    if visit is not None:
        if caller.user_id:
            anonymous.know(visit.session.id)
        anonymous.renew(for_long=visit.session.completed)
    return visit


def _open() -> Caller:
    opened = store.open_session(replace(the_caller(), session_id=anonymous.offered_id()))
    anonymous.remember(opened.session_id or "")
    return opened


def on_to(visit: Visit) -> ResponseReturnValue:
    """Where this session goes on: its resume point, or its summary."""
    resume = visit.resume
    return _to("") if resume is None else to_step(resume)


def to_step(step: Step) -> ResponseReturnValue:
    """To its page."""
    return _to(step.slug)


def _to(slug: str) -> ResponseReturnValue:
    address, page = _way(the_request().root_path, slug)
    answer = the_app().response_class(page, 303)
    answer.headers["Location"] = address
    return answer


@kept_if_short(50)
def _way(_mounted_at: str, slug: str) -> tuple[str, bytes]:
    """What leads to a step, or without one to the summary; it is another address where the
    application is mounted elsewhere. Every save leads to one, and to make the address and the page
    that says so takes longer than to make the answer."""
    address = url_for("wizard.show_step", slug=slug) if slug else url_for("wizard.summary")
    return address, redirect(address, 303).get_data()


def to_the_start() -> ResponseReturnValue:
    """For a caller without a session: the welcome page, with the reason."""
    flash(_("There is nothing of yours here yet, or no longer. Start here."), "info")
    return redirect(url_for("wizard.welcome"), 303)


def _begin_with_draft(step: Step, form: StepForm) -> ResponseReturnValue:
    """The caller has no session (any more): open one, keep what was typed as the step's draft."""
    _open()
    store.keep_draft(the_caller(), step, form.typed(), revision.MISSING)
    flash(
        _(
            "Your earlier session has ended, so a new one was begun. What you typed in “%(title)s” "
            "is kept and shown there.",
            title=step.title,
        ),
        "warning",
    )
    return on_to(store.require(the_caller()))


def _page(step: Step, visit: Visit, form: StepForm | None = None, base: int | None = None) -> Page:
    """The page of a step: a refused form as it was typed, else the draft, else what is stored."""
    row = visit.progress.get(step.slug)
    page = Page(step, visit, form)
    page.saved_at = row.saved_at if row else None
    count = visit.revision(step.slug)
    if form is not None:
        count = count if base is revision.MISSING else base
        page.extra = dict(step.beside_form(visit))
    else:
        stored = step.stored(visit)
        if stored is not None:
            values, page.extra = step.values(stored), dict(step.beside_form(visit))
        else:
            values, page.extra = step.suggested(visit)
        if row and row.draft is not None:
            values = values | row.draft
            page.draft_at = row.draft_at
            count = count if row.draft_revision is None else row.draft_revision
        page.values = values
    page.revision = revision.write(visit.session.id, step.slug, count)
    if step.needs_all:
        page.extra["sections"] = answers(sections(visit, review=True))
    return page


# -- two versions of one answer --------------------------------------------------------------------


def _chosen_values(step: Step, visit: Visit | None) -> MultiDict[str, str]:
    """The form's values; from the conflict page, those that were chosen there, field by field.

    That page sends `choose-<field>` (stored or typed) and the typed values as `typed-<field>`; the
    stored ones come with the page's own revision, so that they are still what is stored or it is a
    conflict again.
    """
    sent = the_request().form
    if not _is_choosing():
        return sent
    stored = step.stored(visit) if visit else None
    kept = step.values(stored) if stored is not None else {}
    values: MultiDict[str, str] = MultiDict()
    for name in step.field_names():
        if visit and sent.get(f"choose-{name}") == "stored":
            given = _as_posted(kept.get(name))
        else:
            given = sent.getlist(f"typed-{name}") or sent.getlist(name)
        values.setlist(name, given)
    return values


_is_choice = methodcaller("startswith", "choose-")


def _is_choosing() -> bool:
    """The post comes from the conflict page."""
    return any(map(_is_choice, the_request().form))


def label_of(step: Step, name: str) -> str:
    """What a field is called on the page."""
    form = step.form(formdata=None)
    return str(form[name].label.text) if name in form else name


def _as_posted(value: Any) -> list[str]:
    """A stored value the way a browser would post it."""
    if value is None or value is False:
        return []
    if value is True:
        return ["y"]
    return [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]


def _conflict(step: Step, visit: Visit, typed: StepForm, base: int | None) -> ResponseReturnValue:
    """409: what is stored and what was typed, field by field, to choose from."""
    stored = step.stored(visit)
    values = step.values(stored) if stored is not None else {}
    kept = step.form(formdata=None, data=values) if values else step.form(MultiDict())
    page = Page(step, visit, typed)
    page.revision = revision.write(visit.session.id, step.slug, visit.revision(step.slug))
    row = visit.progress.get(step.slug)
    page.saved_at = row.saved_at if row else None
    hidden = typed.secrets()
    theirs = store.changed_elsewhere(visit, step, typed, base)
    fields = [
        {
            "name": one.name,
            "label": one.label.text,
            "stored": display(kept[one.name]),
            "typed": "" if one.name in hidden else display(one),
            "typed_values": [] if one.name in hidden else _as_posted(one.data),
            "secret": one.name in hidden,
            "same": one.name not in hidden and kept[one.name].data == one.data,
            "choice": "stored" if one.name in theirs else "typed",
        }
        for one in typed
    ]
    stored_at = page.saved_at or visit.session.updated_at
    page_text = render_template(
        "wizard/conflict.html", page=page, fields=fields, stored_at=stored_at
    )
    return page_text, 409


def display(field: Field) -> str:
    """A field's value as people read it."""
    if isinstance(field, SelectFieldBase):
        return languages.listed(option.label.text for option in field if option.checked)
    if isinstance(field.data, bool):
        return _("Yes") if field.data else _("No")
    return str(field.data or "")
