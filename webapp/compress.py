"""Pages, style sheets, scripts and JSON go over the wire as gzip, where the browser takes it.

Another site cannot guess a secret from the lengths (BREACH): the CSRF token is masked anew in each
response, and typed values come back to pages of ours alone.
"""

import gzip
from posixpath import normpath

from flask import Flask, Response
from isal import isal_zlib
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

from webapp.at_hand import the_request
from webapp.headers import kept_if_short, kind, vary_by

KINDS = frozenset(
    {
        *("text/html", "text/css", "text/javascript", "application/javascript", "text/plain"),
        *("text/csv", "application/json", "application/problem+json", "image/svg+xml"),
        *("application/manifest+json", "text/calendar", "application/openapi+json"),
    }
)
TINY = 600
"""Bytes; less fits into one packet anyway."""
LEVEL = 2
"""A page of 22 KB: 0.03 ms. zlib took 0.11 ms for a twelfth less (its level 5), and twice as long
for the same."""
_WITH_HEADER = 31
"""What zlib calls the window's size and gzip's header around it."""

_static: dict[str, tuple[str, bytes]] = {}
"""Files by path: the entity tag and what they are compressed; as many as there are in `static/`.
Several threads may put the same file in."""


def init_app(app: Flask) -> None:
    """Compress last, after all headers are set."""
    app.after_request(compress)


def compress(response: Response) -> Response:
    """The same response, smaller; as it is where that is not asked for, not possible or not worth
    it. Static files are compressed once and kept."""
    headers = response.headers
    if kind(response) not in KINDS or "Content-Encoding" in headers:
        return response
    vary_by(response, "Accept-Encoding")
    if headers.get("Content-Length", 0, int) < TINY:
        return response
    asked, status = the_request(), response.status_code
    is_static, environ = asked.endpoint == "static", asked.environ
    if (
        not 200 <= status < 600
        or status in {204, 206, 304}
        or not _takes_gzip(environ.get("HTTP_ACCEPT_ENCODING", ""))
        or (response.is_streamed and not is_static)
        or "HTTP_RANGE" in environ
    ):
        return response
    if is_static:
        _compress_file(response)
    else:
        response.set_data(isal_zlib.compress(response.get_data(), LEVEL, _WITH_HEADER))
    headers["Content-Encoding"] = "gzip"
    return response


def _compress_file(response: Response) -> None:
    tag = response.get_etag()[0] or ""
    path = normpath(the_request().path)  # `css/./app.css` is the same file
    kept, compressed = _static.get(path, (None, b""))
    response.direct_passthrough = False
    if kept != tag:
        compressed = gzip.compress(response.get_data(), 9, mtime=0)
        _static[path] = tag, compressed
    response.close()
    response.set_data(compressed)
    response.set_etag(tag, weak=True)  # the same file, other bytes


@kept_if_short(256)
def _takes_gzip(accepted: str) -> bool:
    found = parse_accept_header(accepted, Accept)
    return found["gzip"] > 0 and found["gzip"] >= found["identity"]
