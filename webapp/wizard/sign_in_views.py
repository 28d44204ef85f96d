"""The pages of signing in: the way to it, what was here before, and what a refused token gets."""

from contextlib import suppress
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException
from werkzeug.urls import iri_to_uri

from webapp import errors
from webapp.config import settings
from webapp.identity import users
from webapp.identity.caller import SignInNeeded, page_caller
from webapp.identity.jwt import TokenExpired, TokenRefused, TokenUnchecked
from webapp.texts import gettext as _
from webapp.wizard import adoption, store, views
from webapp.wizard.adoption import ChoiceOpen
from webapp.wizard.visit import SessionGone, Visit

bp = Blueprint("sign_in", __name__, url_prefix=views.bp.url_prefix)

BACK = "redirect_url"
"""The parameter of SIGN_IN_URL that says where to come back to; Clerk's name for it."""

_DATABASE_ERRORS = (DBAPIError, *errors.DATABASE_ERRORS)


@bp.get("/sign-in")
def show() -> ResponseReturnValue:
    """Where a form leads that was sent by nobody; a redirect away from it would be blocked by the
    page's own policy, so this page has a link."""
    step = store.journey().get(request.args.get("step", ""))
    back = url_for("wizard.show_step", slug=step.slug) if step else url_for("wizard.welcome")
    try:
        page_caller()
    except HTTPException:
        return _page(back, kept=step is not None)
    return redirect(back, 303)


@bp.get("/adopt")
def choose() -> ResponseReturnValue:
    """Which answers go on: those of this device, or those of the account."""
    user, left = page_caller(), users.left()
    if left is None or adoption.settle(user, left):
        users.settle()
        return redirect(url_for("wizard.welcome"), 303)
    here, there = store.load(adoption.of(left)), store.load(user)
    return render_template(
        "wizard/adopt.html", here=_told(here), there=_told(there), by_link=left.link_id is not None
    )


@bp.post("/adopt")
def adopt() -> ResponseReturnValue:
    """Do what was chosen. Sent twice, the second does nothing more."""
    user, left, chosen = page_caller(), users.left(), request.form.get("action")
    if chosen not in {"device", "account"}:
        abort(422)
    if left is not None:
        with suppress(SessionGone):
            if chosen == "account":
                adoption.give_up(left)
            elif adoption.adopt(user, left, instead=True):
                flash(_("The answers of this device are your account's now."), "success")
        users.settle()
    return redirect(url_for("wizard.welcome"), 303)


# -- refused requests ------------------------------------------------------------------------------


@bp.app_errorhandler(SignInNeeded)
def sign_in_first(error: SignInNeeded) -> ResponseReturnValue:
    """To the sign-in page, with the way back; what was typed is kept until then."""
    if _is_for_a_program():
        return errors.http_error(error)
    if request.method in {"GET", "HEAD"}:
        return redirect(_sign_in_address(request.full_path.rstrip("?")), 303)
    try:
        step = views.keep_for_sign_in()
    except _DATABASE_ERRORS as away:
        return views.database_away(away)
    return redirect(url_for("sign_in.show", step=step.slug if step else None), 303)


@bp.app_errorhandler(TokenRefused)
def token_refused(error: TokenRefused) -> ResponseReturnValue:
    """401. What was typed is kept for whoever signs in next, or comes back at once where we do not
    know how people sign in."""
    if _is_for_a_program():
        return errors.http_error(error)
    back = url_for("wizard.welcome")
    step = None
    if request.method in {"GET", "HEAD"}:
        back = request.full_path.rstrip("?")
    elif settings().sign_in_url:
        try:
            step = views.keep_for_sign_in()
        except _DATABASE_ERRORS as away:
            return views.database_away(away)
        back = url_for("wizard.show_step", slug=step.slug) if step else back
    else:
        sentence = _(
            "Your sign-in does not hold any more, so nothing was saved yet. What you typed is "
            "still here: sign in again in another tab, then send it once more."
        )
        if given_back := views.give_back(401, sentence):
            return given_back
    page = _page(back, kept=step is not None, expired=isinstance(error, TokenExpired))
    response = current_app.make_response((page, 401))
    for name, value in error.get_headers():
        if name == "WWW-Authenticate":
            response.headers[name] = value
    return response


@bp.app_errorhandler(TokenUnchecked)
def token_unchecked(error: TokenUnchecked) -> ResponseReturnValue:
    """503, with what was typed."""
    if _is_for_a_program():
        return errors.http_error(error)
    sentence = _(
        "We cannot check your sign-in just now, so nothing was saved yet. "
        "What you typed is still here: try again in a moment."
    )
    given_back = views.give_back(503, sentence, database=False)
    response = current_app.make_response(given_back or errors.http_error(error))
    response.headers["Retry-After"] = str(error.retry_after)
    return response


@bp.app_errorhandler(ChoiceOpen)
def choose_first(_error: ChoiceOpen) -> ResponseReturnValue:
    """To the choice; what was typed is kept with the answers that the page belonged to."""
    left = users.left()
    if _is_for_a_program() or left is None:
        abort(409)
    if request.method not in {"GET", "HEAD"}:
        try:
            views.keep_typed(adoption.of(left))
        except SessionGone:
            users.settle()
        except _DATABASE_ERRORS as away:
            return views.database_away(away)
    return redirect(url_for("sign_in.choose"), 303)


def _is_for_a_program() -> bool:
    """A script or a client asked, which no page would help."""
    draft = request.endpoint == f"{views.bp.name}.draft"
    return draft or "X-Fragment" in request.headers or request.path.startswith("/api/")


def _page(back: str, kept: bool, expired: bool | None = None) -> str:
    """`expired`: of the token; None when there was none."""
    known = bool(settings().sign_in_url)
    address = _sign_in_address(back) if known else None
    return render_template("wizard/sign_in.html", address=address, kept=kept, expired=expired)


def _sign_in_address(path: str) -> str:
    """SIGN_IN_URL with the way back to this path of ours."""
    parts = urlsplit(settings().sign_in_url)
    way_back = (settings().public_url or request.host_url.rstrip("/")) + path
    added = urlencode({BACK: iri_to_uri(way_back)})
    return urlunsplit(parts._replace(query=f"{parts.query}&{added}" if parts.query else added))


def _told(visit: Visit | None) -> dict[str, Any] | None:
    """What the choice says of a session."""
    if visit is None:
        return None
    saved = [row.saved_at for row in visit.progress.values() if row.saved_at]
    return {
        "saved_at": max(saved, default=None),
        "begun_at": visit.session.created_at,
        "completed": visit.session.completed,
        "done": len([step for step in visit.journey if step.slug in visit.done]),
        "count": len(visit.journey),
    }
