"""The operators' pages: signing in, and the funnel as a page and as a CSV file."""

import csv
import io
import re
from typing import Any

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request
from flask import url_for as url
from flask.typing import ResponseReturnValue

from webapp import devices, errors, languages, security
from webapp.operators import door, funnel, words
from webapp.texts import gettext as _

bp = Blueprint("operators", __name__, url_prefix="/operators")
"""Registered only where OPERATOR_TOKEN is set: else there is nothing here."""

USUAL_DAYS = 30
ALL, UNKNOWN = "all", "unknown"
OPEN_TO_ALL = frozenset({"operators.sign_in", "operators.sign_out"})
_FORMULA = re.compile(r"[=+\-@\t\r\n]")


@bp.before_request
def ask_for_the_token() -> ResponseReturnValue | None:
    """Nothing but the form, for whoever has not signed in and sends no token."""
    if request.endpoint in OPEN_TO_ALL:
        return None
    given = security.bearer()
    if given is not None:
        if door.holds(given):
            return None
        return errors.error_page(403, _("This is not the operators’ token."))
    return None if door.is_signed_in() else _form()


@bp.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> ResponseReturnValue:
    """Let somebody in who knows the token."""
    if request.method == "GET":
        return redirect(url(".show"), 303)
    given = request.form.get("token", "")
    if not given.strip():
        return _form(_("Enter the token. It is the value of OPERATOR_TOKEN on the server."))
    if not door.holds(given):
        return _form(_("This is not the token. It is the value of OPERATOR_TOKEN on the server."))
    return door.sign_in(make_response(redirect(url(".show"), 303)))


@bp.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """Let this browser in no more."""
    return door.sign_out(make_response(redirect(url(".show"), 303)))


@bp.get("/")
def show() -> ResponseReturnValue:
    """The funnel: `days` is 7, 30, 90 or all; `language` and `device` narrow it."""
    chosen = _chosen()
    return render_template(
        "operators/funnel.html",
        found=funnel.read(**chosen),
        periods=funnel.PERIODS,
        chosen=_as_query(chosen),
        known_languages=[(code, languages.name_of(code)) for code in languages.known()],
        known_devices=[(name, words.device_in_words(name)) for name in words.DEVICES],
        language_in_words=_language_in_words,
        words=words,
    )


@bp.get("/funnel.csv")
def download() -> ResponseReturnValue:
    """The same figures, a line a step; what was chosen stands in every line."""
    chosen = _chosen()
    found = funnel.read(**chosen)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(
        (
            *("since", "language", "device", "step", "title", "started", "reached", "passed"),
            *("skipped", "stopped", "drafts", "median_seconds"),
        )
    )
    query = _as_query(chosen)
    for step in found.steps:
        median = funnel.in_seconds(step.median)
        writer.writerow(
            [
                safe_cell(value)
                for value in (
                    found.since.isoformat() if found.since else ALL,
                    query.get("language", ALL),
                    query.get("device", ALL),
                    *(step.slug, str(step.title), found.started, step.reached, step.passed),
                    *(step.skipped, step.stopped, step.drafts),
                    "" if median is None else median,
                )
            ]
        )
    name = f"funnel-{query.get('days', USUAL_DAYS)}.csv"
    response = Response(text.getvalue(), mimetype="text/csv")
    response.headers["Content-Disposition"] = f"attachment; filename={name}"
    return response


def safe_cell(value: Any) -> Any:
    """A value that a spreadsheet shows and never computes: a text that would begin a formula gets
    an apostrophe in front."""
    if isinstance(value, str) and _FORMULA.match(value):
        return f"'{value}"
    return value


def _form(fault: str = "") -> Response:
    response = make_response(render_template("operators/sign_in.html", fault=fault), 401)
    response.headers["WWW-Authenticate"] = 'Bearer realm="operators"'
    return response


def _chosen() -> dict[str, Any]:
    """What the address asks for. 422 for what is nothing that one can choose: figures of something
    else would be taken for those that were asked for."""
    days = request.args.get("days") or str(USUAL_DAYS)
    language, device = request.args.get("language", ""), request.args.get("device", "")
    known = {str(period): period for period in funnel.PERIODS if period} | {ALL: None}
    if days not in known:
        abort(422)
    if language not in ("", UNKNOWN) and not re.fullmatch(r"[A-Za-z_]{2,40}", language):
        abort(422)
    if device not in ("", UNKNOWN, devices.DESKTOP, devices.PHONE, devices.TABLET):
        abort(422)
    return {"days": known[days], "language": _name(language), "device": _name(device)}


def _name(given: str) -> str | None:
    return None if not given else "" if given == UNKNOWN else given


def _as_query(chosen: dict[str, Any]) -> dict[str, Any]:
    """The same as the address has it; what is not narrowed is left out."""
    query = {"days": chosen["days"] or ALL}
    for name in ("language", "device"):
        if chosen[name] is not None:
            query[name] = chosen[name] or UNKNOWN
    return query


def _language_in_words(code: str) -> str:
    if not code:
        return str(words.UNKNOWN)
    return languages.name_of(code) if code in languages.known() else code
