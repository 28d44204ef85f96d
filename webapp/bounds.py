"""What a request may be made of: so long, so many parts, and text that can be read and stored.

It is looked at before anything else reads it, so that nothing behind this has to think of bytes
that are no text. Each refusal is a sentence, on the pages and from the API.
"""

import re
from urllib.parse import unquote_to_bytes

from flask import Flask, Request, Response
from werkzeug.exceptions import HTTPException

from webapp.at_hand import the_request
from webapp.texts import gettext as _

MAX_BODY = 256 * 1024
"""Bytes of a body; the largest form of ours is a tenth of it."""
MAX_FIELDS = 200
MAX_NAME = 100
MAX_VALUE = 100_000
"""Characters of one field; what is too long for its field is told there, far below this."""
MAX_ADDRESS = 8_000
"""Characters of path and query."""
MAX_HEADERS = 32 * 1024
"""Bytes of all header fields, their names included."""
SURELY_READ = 16 * 1024
"""Bytes of a body that the server reads by itself, when a refusal leaves it lying."""

FORM, PARTS, JSON = "application/x-www-form-urlencoded", "multipart/form-data", "application/json"

_FILE = re.compile(rb"^content-disposition:[^\r\n]*;\s*filename", re.IGNORECASE | re.MULTILINE)

CHECK_THEIR_TEXTS = frozenset({"wizard.save_step", "wizard.draft"})
"""Endpoints whose forms say which field holds a character that cannot be stored."""
NO_TEXTS = ("csrf_token", "revision", "page", "action")
"""Fields even of theirs that nobody types."""


class Refused(HTTPException):
    """A request that is not read any further; `description` is a sentence for people."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def init_app(app: Flask) -> None:
    """Check every request."""
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_BODY, MAX_FORM_MEMORY_SIZE=MAX_BODY, MAX_FORM_PARTS=MAX_FIELDS
    )
    app.before_request(check)
    app.after_request(say_that_it_closes)


def check() -> None:
    """Raise Refused for a request that is too large, or that is no text."""
    asked = the_request()
    environ = asked.environ
    path, query = environ.get("PATH_INFO", ""), environ.get("QUERY_STRING", "")
    if len(path) + len(query) > MAX_ADDRESS:
        raise Refused(414, _("This address is too long."))
    size = sum([len(name) + len(environ[name]) for name in environ if name[:5] == "HTTP_"])
    if size > MAX_HEADERS:
        raise Refused(431, _("The browser sent too much beside the page's address."))
    _check_text(path.encode("latin-1", "replace"))
    if "%" in query or not query.isascii():
        _check_text(unquote_to_bytes(query.encode("latin-1", "replace")))
    if "\0" in environ.get("HTTP_COOKIE", ""):
        _check_text(b"\0")
    if environ["REQUEST_METHOD"] not in {"GET", "HEAD", "OPTIONS"}:
        _check_body(asked)


def say_that_it_closes(response: Response) -> Response:
    """The server hangs up where a body is left unread; a client that is not told would send its
    next request down a dead connection."""
    if response.status_code >= 400:
        asked = the_request()
        chunked = "HTTP_TRANSFER_ENCODING" in asked.environ
        if chunked or (asked.content_length or 0) > SURELY_READ:
            response.headers["Connection"] = "close"
    return response


def _check_body(asked: Request) -> None:
    if asked.environ.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
        raise Refused(415, _("This was sent compressed. Send it as it is."))
    kind = asked.mimetype
    if kind not in {FORM, PARTS, JSON}:
        return
    body = asked.get_data()  # raises 413 beyond MAX_BODY, also for a body without a length
    if kind == FORM:
        if body.count(b"&") >= MAX_FIELDS:
            raise Refused(413, _("This has more fields than a form of ours can have."))
        body = unquote_to_bytes(body)
    if kind == PARTS and _FILE.search(body):
        raise Refused(415, _("No file is asked for here."))
    _check_text(body, nul=kind == JSON)
    if kind != JSON:
        # No value holds more than the body does: most need no look at their values one by one.
        _check_fields(asked, kind == PARTS or b"\0" in body or len(body) > MAX_VALUE)


def _check_fields(asked: Request, values_too: bool) -> None:
    fields = list(asked.form.lists()) if values_too else []
    names_fit = max(map(len, asked.form), default=0) <= MAX_NAME
    texts = (text for _name, values in fields for text in values)
    if not names_fit or any(len(text) > MAX_VALUE for text in texts):
        raise Refused(413, _("One of the fields is longer than a field of ours can be."))
    is_theirs = asked.endpoint in CHECK_THEIR_TEXTS
    for name, values in fields:
        lenient = is_theirs and name not in NO_TEXTS
        if "\0" in name or (not lenient and any("\0" in value for value in values)):
            _check_text(b"\0")


def _check_text(raw: bytes, nul: bool = True) -> None:
    """UTF-8, and (with `nul`) without the one character that PostgreSQL cannot store."""
    if raw.isascii() and not (nul and b"\0" in raw):
        return
    try:
        raw.decode()
    except UnicodeDecodeError:
        raise Refused(
            400, _("This holds characters that cannot be read: it is no UTF-8.")
        ) from None
    if nul and b"\0" in raw:
        raise Refused(400, _("This holds a character that cannot be stored."))
