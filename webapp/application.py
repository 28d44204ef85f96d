"""Flask's application class, with the short way for what each request goes through.

What Flask does for others and nobody here asks for is left out: views that are coroutines, rules
for certain hosts, a look at the same host name twice. A request that is out of the ordinary takes
Flask's own way.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import chain
from typing import Any
from wsgiref.types import WSGIEnvironment

from flask import Flask, Request, Response
from flask.globals import request_ctx
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.routing import Map, MapAdapter
from werkzeug.sansio.utils import get_host

_NO_RULES = Map()
_PLAIN_PATH = re.compile(r"/(?!/)[\w/.-]*(\?[\w=&.-]+)?", re.ASCII)
"""Where most redirects lead: nothing in it has to be escaped."""


class _Values(ImmutableMultiDict[str, Any]):
    """What was sent, by name. What was not sent costs werkzeug an exception each time it is asked
    for."""

    def get(self, key: str, default: Any = None, type: Any = None) -> Any:  # type: ignore[override]
        """The first value of this name."""
        return super().get(key, default, type) if key in self else default


class Asked(Request):
    """A request."""

    parameter_storage_class = _Values
    dict_storage_class = _Values


class Answer(Response):
    """A response. One that is whole, as nearly all are, is sent as it stands."""

    def get_wsgi_response(
        self, environ: WSGIEnvironment
    ) -> tuple[Iterable[bytes], str, list[tuple[str, str]]]:
        """Body, status and header fields."""
        body, fields = self.response, self.headers.to_wsgi_list()
        named = {name.lower(): value for name, value in fields}
        if (
            not isinstance(body, list)
            or not all(type(part) is bytes for part in body)
            or self._on_close
            or not 200 <= self.status_code < 600
            or self.status_code in {204, 304}
            or "content-length" not in named
            or "content-location" in named
            or not _PLAIN_PATH.fullmatch(named.get("location", "/"))
        ):
            return super().get_wsgi_response(environ)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else body, self.status, fields


class Application(Flask):
    """The application; it has no rules for certain hosts and no coroutines."""

    request_class = Asked
    response_class = Answer

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function: none of ours is a coroutine."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """What finds the view for this request, and makes addresses."""
        if request is None or "HTTP_UPGRADE" in request.environ:
            return super().create_url_adapter(request)
        environ = request.environ
        scheme, path = environ["wsgi.url_scheme"], environ.get("PATH_INFO")
        host, server_name = _named(scheme, environ.get("HTTP_HOST"), request.server)
        request.host = host
        return MapAdapter(
            self.url_map,
            server_name,
            request.root_path or "/",
            self.url_map.default_subdomain,
            scheme,
            "/" if path is None else path.encode("latin1").decode(errors="replace"),
            environ["REQUEST_METHOD"],
            environ.get("QUERY_STRING", "").encode("latin1").decode(errors="replace"),
        )

    def preprocess_request(self) -> ResponseReturnValue | None:
        """Call what is to be called before the view; the first answer decides."""
        asked = request_ctx.request
        for name in (None, *reversed(asked.blueprints)):
            for prepare in self.url_value_preprocessors.get(name, ()):
                prepare(asked.endpoint, asked.view_args)
        for name in (None, *reversed(asked.blueprints)):
            for before in self.before_request_funcs.get(name, ()):
                answer: ResponseReturnValue | None = before()  # type: ignore[assignment]
                if answer is not None:
                    return answer
        return None

    def process_response(self, response: Response) -> Response:
        """Call what is to be called after the view, and keep the session."""
        context = request_ctx._get_current_object()  # type: ignore[attr-defined]
        for own in context._after_request_functions:
            response = own(response)
        for name in chain(context.request.blueprints, (None,)):
            for after in reversed(self.after_request_funcs.get(name, ())):
                response = after(response)
        self.session_interface.save_session(self, context._session, response)
        return response


@lru_cache(64)
def _named(
    scheme: str, given: str | None, server: tuple[str, int | None] | None
) -> tuple[str, str]:
    """The host of a request, '' for none, and how the rules write it. Raises BadHost."""
    host = get_host(scheme, given, server)
    return host, _NO_RULES.bind(host.lower()).server_name
