"""One set of error handlers: a page in the application's own look, or a problem document (RFC 9457)
for the API. Nothing of a stack trace leaves the process."""

import http
from collections.abc import Mapping

from flask import Flask, Response, current_app, jsonify, make_response, render_template, request
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, TimeoutError
from werkzeug.exceptions import HTTPException, InternalServerError

from webapp import trace
from webapp.bounds import Refused
from webapp.texts import gettext as _

RETRY_SECONDS = 5


class DatabaseAway(Exception):
    """The database does not answer; raised in place of the driver's own errors."""


DATABASE_ERRORS = (OperationalError, InterfaceError, TimeoutError, DatabaseAway)
"""What SQLAlchemy raises when the database is away, locked, full or out of connections."""


def problem(
    status: int, detail: str, errors: Mapping[str, list[str]] | None = None, **more: object
) -> Response:
    """A problem document; `errors` is {field: [messages]} of a 422. `request_id` finds the lines of
    this request in the log."""
    body = {"type": "about:blank", "title": _title(status), "status": status, "detail": detail}
    body["request_id"] = trace.current_id()
    response = jsonify(body | ({"errors": errors} if errors else {}) | more)
    response.status_code = status
    response.mimetype = "application/problem+json"
    return response


def error_page(
    status: int, message: str, retry: bool = False, title: str | None = None
) -> Response:
    """An error in the application's look; it needs neither the database nor a session. `title`: in
    place of the status's own."""
    page = render_template(
        "errors/error.html",
        status=status,
        title=title or _sentences().get(status, (_title(status),))[0],
        message=message,
        retry=retry,
        request_id=trace.current_id() if status >= 500 else "",
    )
    return make_response(page, status)


def init_app(app: Flask) -> None:
    """Attach the handlers."""
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(Exception, _unexpected)
    for kind in (*DATABASE_ERRORS, DBAPIError):
        app.register_error_handler(kind, database_error)


def http_error(error: HTTPException) -> Response:
    """The page or the problem document of an HTTP error."""
    status = error.code or 500
    if error.response is not None and status < 400:
        return error.response  # type: ignore[return-value]
    known = _sentences().get(status)
    told = _(error.description) if error.description else ""
    sentence = known[1] if known else (told or _title(status))
    if isinstance(error, Refused):
        sentence = told or sentence
    if request.path.startswith("/api/"):
        detail = sentence if status == 429 else (told or sentence)
        response = problem(status, detail)
    else:
        response = error_page(status, sentence, retry=status in {429, 503})
    for name, value in error.get_headers():
        if name not in {"Content-Type", "Content-Length"}:
            response.headers[name] = value
    return response


def database_error(error: Exception) -> Response:
    """503 when the database is away; any other fault that it reports is ours."""
    if isinstance(error, DBAPIError) and not is_database_away(error):
        return _unexpected(error)
    current_app.logger.warning("database away: %s", type(error).__name__)
    sentence = _sentences()[503][1]
    api = request.path.startswith("/api/")
    response = problem(503, sentence) if api else error_page(503, sentence, retry=True)
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def is_database_away(error: Exception) -> bool:
    """True for errors that say nothing of the request: the same request may succeed later."""
    if isinstance(error, DATABASE_ERRORS):
        return True
    if not isinstance(error, DBAPIError):
        return False
    read_only = getattr(error.orig, "sqlstate", None) == "25006"  # for instance on a standby
    return read_only or bool(error.connection_invalidated)


def _unexpected(error: Exception) -> Response:
    if current_app.config.get("PROPAGATE_EXCEPTIONS"):
        raise error
    current_app.logger.error("unexpected %s", type(error).__name__, exc_info=error)
    return http_error(InternalServerError())


def _title(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return _("Error")


def _sentences() -> dict[int, tuple[str, str]]:
    return {
        400: (
            _("This request cannot be read"),
            _("Something in it is missing or broken. Go back and try again."),
        ),
        401: (
            _("Please sign in again"),
            _("We could not tell that it is you. Sign in once more, then come back."),
        ),
        403: (_("This is not open to you"), _("The request was refused.")),
        404: (
            _("There is no such page"),
            _("The address may be mistyped, or the page has moved."),
        ),
        405: (
            _("This page cannot be used that way"),
            _("Go to the start and continue from there."),
        ),
        410: (
            _("This link no longer works"),
            _("Go to the start and continue from there."),
        ),
        413: (
            _("That is too much at once"),
            _("What was sent is larger than a form of ours can be. Shorten it and try again."),
        ),
        414: (
            _("This address is too long"),
            _("Go to the start and continue from there."),
        ),
        415: (
            _("This cannot be read"),
            _("It was sent in a form that is not known here."),
        ),
        422: (
            _("This cannot be done"),
            _("What was sent does not fit here. Go back and check it."),
        ),
        431: (
            _("Too much came along"),
            _("Delete the cookies of this site and try again."),
        ),
        429: (
            _("Too many requests"),
            _("Wait a minute, then try again. What is saved stays saved."),
        ),
        500: (
            _("Something went wrong on our side"),
            _("What you saved before is safe. Try again in a moment."),
        ),
        503: (
            _("We cannot reach our records just now"),
            _("What you saved before is safe. This page tries again by itself."),
        ),
    }
