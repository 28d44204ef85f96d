"""What becomes of a request: its line in the log, its place in the metrics, its id in the answer.

It stands around the whole application, errors included, and inside `proxies`, which takes away an
`X-Request-ID` that no trusted proxy has sent.
"""

from time import perf_counter
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask

from webapp import logs, meters, trace
from webapp.at_hand import the_request

HEADER = "X-Request-ID"


def init_app(app: Flask) -> None:
    """Watch the requests of `app`; before anything else looks at them, so that a request that is
    refused at once has its route too."""
    app.wsgi_app = Watching(app.wsgi_app)  # type: ignore[method-assign, assignment]
    app.before_request(_remember_route)


def _remember_route() -> None:
    if (rule := the_request().url_rule) and (mine := trace.current()):
        mine.route = rule.rule


class Watching:
    """WSGI middleware. A request is told of when its answer is made; what then becomes of the wire
    is the server's."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Any:
        """Serve the request."""
        began = perf_counter()
        mine = trace.Trace(environ.get("HTTP_X_REQUEST_ID", ""))
        status = 500

        def start_with_id(line: str, headers: list[tuple[str, str]], exc: Any = None) -> Any:
            nonlocal status
            status = int(line[:3])
            headers.append((HEADER, mine.id))
            return start(line, headers, exc) if exc else start(line, headers)

        token = trace.begin(mine)
        try:
            return self._app(environ, start_with_id)
        finally:
            trace.end(token)
            seconds = perf_counter() - began
            method = environ["REQUEST_METHOD"]
            if method not in meters.METHODS:
                method = meters.OTHER
            meters.request(mine.route, method, status, seconds)
            told = mine.id, method, mine.route, status, seconds * 1000, mine.statements
            logs.request(*told, at_once=not mine.is_refused)
