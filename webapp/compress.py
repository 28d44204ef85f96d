"""Pages, style sheets, scripts and JSON go over the wire as gzip, where the browser takes it.

Another site cannot guess a secret from the lengths (BREACH): the CSRF token is masked anew in each
response, and typed values come back to pages of ours alone.
"""

import gzip

from flask import Flask, Response, request

KINDS = frozenset(
    {
        *("text/html", "text/css", "text/javascript", "application/javascript", "text/plain"),
        *("text/csv", "application/json", "application/problem+json", "image/svg+xml"),
        *("application/manifest+json", "text/calendar", "application/openapi+json"),
    }
)
TINY = 600
"""Bytes; less fits into one packet anyway."""
LEVEL = 5
"""A page of 20 KB: 0.3 ms; level 9 takes twice that for a hundredth less."""

_static: dict[tuple[str, str], bytes] = {}
"""Compressed files by path and entity tag; as many as there are in `static/`."""


def init_app(app: Flask) -> None:
    """Compress last, after all headers are set."""
    app.after_request(compress)


def compress(response: Response) -> Response:
    """The same response, smaller; as it is where that is not asked for, not possible or not worth
    it. Static files are compressed once and kept."""
    if response.mimetype not in KINDS or "Content-Encoding" in response.headers:
        return response
    response.vary.add("Accept-Encoding")
    is_static = request.endpoint == "static"
    if (
        not 200 <= response.status_code < 600
        or response.status_code in {204, 206, 304}
        or not _takes_gzip()
        or (response.is_streamed and not is_static)
        or "Range" in request.headers
        or (response.content_length or 0) < TINY
    ):
        return response
    if is_static:
        _compress_file(response)
    else:
        response.set_data(gzip.compress(response.get_data(), LEVEL, mtime=0))
    response.headers["Content-Encoding"] = "gzip"
    return response


def _compress_file(response: Response) -> None:
    tag = response.get_etag()[0] or ""
    key = (request.path, tag)
    if key not in _static:
        response.direct_passthrough = False
        for old in [one for one in _static if one[0] == request.path]:
            _static.pop(old, None)
        _static[key] = gzip.compress(response.get_data(), 9, mtime=0)
    response.close()
    response.direct_passthrough = False
    response.set_data(_static[key])
    response.set_etag(tag, weak=True)  # the same file, other bytes


def _takes_gzip() -> bool:
    accepted = request.accept_encodings
    return accepted["gzip"] > 0 and accepted["gzip"] >= accepted["identity"]
