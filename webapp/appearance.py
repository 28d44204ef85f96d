"""Light, dark, or as the system has it: what was chosen is kept in a cookie and in nothing else."""

from flask import Blueprint, Flask, Response, abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue

from webapp import security
from webapp.at_hand import the_request
from webapp.config import settings

THEMES = ("light", "dark")
AUTOMATIC = "auto"
KEPT_SECONDS = 365 * 24 * 3600
ICON_SECONDS = 24 * 3600

bp = Blueprint("appearance", __name__)


def init_app(app: Flask) -> None:
    """Let every page know the theme, and every form of a page change it."""
    app.register_blueprint(bp)
    app.after_request(_keep_choice)
    app.context_processor(lambda: {"theme": chosen(), "theme_cookie": _cookie()})


def chosen() -> str:
    """`light` or `dark`, '' when the system decides."""
    theme = the_request().cookies.get(_cookie(), "")
    return theme if theme in THEMES else ""


@bp.post("/theme")
def choose() -> ResponseReturnValue:
    """Keep a choice and go back to the page that it was made on."""
    theme = request.form.get("theme", "")
    if theme not in (*THEMES, AUTOMATIC):
        abort(422)
    response = current_app.make_response(redirect(_way_back(), 303))
    _keep(response, theme)
    return response


@bp.get("/favicon.ico")
def favicon() -> ResponseReturnValue:
    """For those who ask for it at the top without having read a page."""
    response = current_app.send_static_file("favicon.ico")
    response.cache_control.public = True
    response.cache_control.max_age = ICON_SECONDS
    return response


def _keep_choice(response: Response) -> Response:
    """`?theme=` on the address of a form: chosen inside a step, whose form keeps what was typed."""
    asked = the_request()
    if response.status_code == 303 and asked.method == "POST" and asked.query_string:
        theme = asked.args.get("theme", "")
        if theme in (*THEMES, AUTOMATIC):
            _keep(response, theme)
    return response


def _keep(response: Response, theme: str) -> None:
    secure = settings().behind_tls
    if theme == AUTOMATIC:
        response.delete_cookie(_cookie(), secure=secure, samesite="Lax")
    else:
        response.set_cookie(_cookie(), theme, max_age=KEPT_SECONDS, secure=secure, samesite="Lax")


def _cookie() -> str:
    """Its name; theme.js writes it too, so it is not HttpOnly."""
    return security.cookie_name("theme")


def _way_back() -> str:
    """The path that the form names, on this host alone."""
    back = request.form.get("back", "")
    is_path = back.startswith("/") and back[1:2] not in ("/", "\\") and back.isprintable()
    return back if is_path else url_for("wizard.welcome")
