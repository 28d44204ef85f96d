"""Flask's application class, with the short way for what each request goes through.

What Flask does for others and nobody here asks for is left out: views that are coroutines, rules
for certain hosts, a look at the same host name twice. A request that is out of the ordinary takes
Flask's own way.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from io import BytesIO
from itertools import chain
from typing import Any
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIEnvironment

from flask import Flask, Request, Response
from flask.globals import _cv_request
from flask.signals import appcontext_tearing_down, request_tearing_down
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import Headers, ImmutableMultiDict
from werkzeug.exceptions import ClientDisconnected, HTTPException
from werkzeug.http import parse_options_header
from werkzeug.routing import Map, MapAdapter, Rule
from werkzeug.sansio.http import parse_cookie
from werkzeug.sansio.utils import get_host
from werkzeug.utils import cached_property

from webapp.at_hand import the_request
from webapp.bounds import FORM, MAX_BODY
from webapp.headers import LONGEST_KEPT, Fields, kept_if_short

_NO_RULES = Map()
_PLAIN_PATH = re.compile(r"/(?!/)[\w/.-]*(\?[\w=&.-]+)?", re.ASCII)
"""Where most redirects lead: nothing in it has to be escaped."""


class _Values(ImmutableMultiDict[str, Any]):
    """What was sent, by name. What was not sent costs werkzeug an exception each time it is asked
    for."""

    def get(self, key: str, default: Any = None, type: Any = None) -> Any:  # type: ignore[override]
        """The first value of this name."""
        values = dict.get(self, key)
        if not values:
            return default
        return values[0] if type is None else super().get(key, default, type)


def _values(pairs: Iterable[tuple[str, str]]) -> _Values:
    """Values by name, without werkzeug's look at the kind of each."""
    values = _Values()
    for name, value in pairs:
        dict.setdefault(values, name, []).append(value)
    return values


_NO_VALUES = _Values()


class Asked(Request):
    """A request. What is asked of it several times is read once, and an ordinary form without the
    ways about what streams."""

    parameter_storage_class = _Values
    dict_storage_class = _Values

    @cached_property
    def cookies(self) -> ImmutableMultiDict[str, str]:
        """The cookies. Those that browsers send are read without werkzeug's pattern, which goes
        letter by letter."""
        sent = self.environ.get("HTTP_COOKIE")
        if not sent:
            return _NO_VALUES
        parts = sent.split("; ")
        pairs = [(name, value) for name, _, value in [one.partition("=") for one in parts] if name]
        is_plain = len(pairs) == len(parts) == sent.count(";") + 1 == sent.count(" ") + 1
        if not is_plain or '"' in sent or "\t" in sent:
            return parse_cookie(sent, _Values)  # type: ignore[return-value]
        return _values(pairs)

    @cached_property
    def args(self) -> ImmutableMultiDict[str, str]:
        """What stands behind the address's question mark; mostly nothing."""
        return super().args if self.query_string else _NO_VALUES  # type: ignore[return-value]

    @property
    def blueprints(self) -> list[str]:
        """The blueprint that answers, and those around it."""
        rule = self.url_rule
        return _blueprints(rule.endpoint) if rule is not None else []

    def get_data(self, *how: Any, **more: Any) -> Any:
        """The body. One whose length was said is read as long as that, without a stream around."""
        said = self.environ.get("CONTENT_LENGTH", "")
        if how or more or len(said) > 9 or not (said.isascii() and said.isdigit()):
            return super().get_data(*how, **more)
        asked_before = "_cached_data" in self.__dict__ or "stream" in self.__dict__
        if asked_before or "HTTP_TRANSFER_ENCODING" in self.environ or int(said) > MAX_BODY:
            return super().get_data()
        body = _read(self.environ["wsgi.input"], int(said))
        self.__dict__.update(stream=BytesIO(), _cached_data=body)
        return body

    def close(self) -> None:
        """Close what was uploaded; no form of ours asks for a file."""
        if self.__dict__.get("files"):
            super().close()

    def _parse_content_type(self) -> None:
        if not hasattr(self, "_parsed_content_type"):
            kind, options = _content_type(self.environ.get("CONTENT_TYPE", ""))
            self._parsed_content_type = kind, dict(options)

    def _load_form_data(self) -> None:
        body = getattr(self, "_cached_data", b"")
        if "form" in self.__dict__ or not body or not body.isascii() or self.mimetype != FORM:
            super()._load_form_data()
            return
        form = _values(pairs_of(body.decode("ascii")))
        self.__dict__.update(stream=BytesIO(), form=form, files=_Values())


def _read(stream: Any, size: int) -> bytes:
    """So many bytes. Raises ClientDisconnected where there are fewer."""
    body: bytes = stream.read(size)
    while len(body) < size:
        more = stream.read(size - len(body))
        if not more:
            raise ClientDisconnected
        body += more
    return body


def pairs_of(body: str) -> Iterator[tuple[str, str]]:
    """Names and values of a form as browsers send it (`application/x-www-form-urlencoded`)."""
    for part in body.replace("+", " ").split("&"):
        name, _, value = part.partition("=")
        if "%" in name:  # what is no UTF-8 stays as it was sent
            name = unquote_to_bytes(name).decode(errors="werkzeug.url_quote")
        if "%" in value:
            value = unquote_to_bytes(value).decode(errors="werkzeug.url_quote")
        if part:
            yield name, value


_content_type = kept_if_short(64)(parse_options_header)


@lru_cache(256)
def _blueprints(endpoint: str) -> list[str]:
    parts = endpoint.split(".")[:-1]
    return [".".join(parts[:count]) for count in range(len(parts), 0, -1)]


_WHOLE: frozenset[object] = frozenset({str, bytes})
_PAGE, _HTML = {"mimetype": "text/html"}, "text/html; charset=utf-8"


class Answer(Response):
    """A response. One that is whole, as nearly all are, is sent as it stands."""

    def __init__(
        self, response: Any = None, status: Any = None, headers: Any = None, *more: Any, **rest: Any
    ) -> None:
        if (
            response.__class__ in _WHOLE
            and headers is None
            and not more
            and (not rest or rest == _PAGE)
        ):
            body = response.encode() if response.__class__ is str else response
            self.headers = Fields()
            self.headers._list += [("Content-Type", _HTML), ("Content-Length", str(len(body)))]
            self.status = 200 if status is None else status
            self.response, self.direct_passthrough, self._on_close = [body], False, []
            return
        fields = headers if isinstance(headers, Headers) else Fields(headers)
        super().__init__(response, status, fields, *more, **rest)

    def get_data(self, as_text: bool = False) -> Any:
        """The body."""
        body = self.response
        if not as_text and body.__class__ is list and len(body) == 1 and body[0].__class__ is bytes:
            return body[0]
        return super().get_data(as_text)  # type: ignore[call-overload]

    def get_wsgi_response(
        self, environ: WSGIEnvironment
    ) -> tuple[Iterable[bytes], str, list[tuple[str, str]]]:
        """Body, status and header fields."""
        body, headers, status = self.response, self.headers, self.status_code
        if (
            body.__class__ is not list
            or len(body) != 1
            or body[0].__class__ is not bytes
            or self._on_close
            or not 200 <= status < 600
            or status in {204, 304}
            or "Content-Length" not in headers
            or "Content-Location" in headers
            or not _PLAIN_PATH.fullmatch(headers.get("Location", "/"))
        ):
            return super().get_wsgi_response(environ)
        fields = headers.to_wsgi_list()
        return [] if environ["REQUEST_METHOD"] == "HEAD" else body, self.status, fields


class _Rules(Map):
    """The rules, and which of them the addresses met that were asked for last."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.met = lru_cache(1024)(self._meet)

    def _meet(self, path: str, method: str) -> tuple[Rule, Mapping[str, Any]]:
        return self.bind("").match(path, method, return_rule=True)


class _Adapter(MapAdapter):
    """Finds the rule of a request."""

    def match(self, *args: Any, **how: Any) -> Any:
        """The rule, and the values in the address; as werkzeug, also in what it raises."""
        path, method = self.path_info, self.default_method
        if not args and how == _WITH_RULE and len(path) + len(method) <= LONGEST_KEPT:
            try:
                rule, values = self.map.met(path, method)  # type: ignore[attr-defined]
                return rule, dict(values)
            except HTTPException:
                pass  # what is told of it depends on more than path and method
        return super().match(*args, **how)


_WITH_RULE = {"return_rule": True}


class _Rule(Rule):
    """A rule. What makes addresses of it is compiled when the first one is made: compiling it for
    all rules took an eighth of the start of a process, and a request needs few of them."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compiled: list[Callable[..., tuple[str, str]]] = []
        compile_now = super()._compile_builder

        def build(rule: Rule, /, **values: Any) -> tuple[str, str]:
            if not compiled:
                compiled.append(compile_now(append_unknown))
            return compiled[0](rule, **values)

        return build


class Application(Flask):
    """The application; it has no rules for certain hosts and no coroutines."""

    request_class = Asked
    response_class = Answer
    url_map_class = _Rules
    url_rule_class = _Rule

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
        request.__dict__["host"] = host  # a property that is kept
        return _Adapter(
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
        asked = the_request()
        names = (None, *asked.blueprints[::-1])
        for name in names if self.url_value_preprocessors else ():
            for prepare in self.url_value_preprocessors.get(name, ()):
                prepare(asked.endpoint, asked.view_args)
        for name in names:
            for before in self.before_request_funcs.get(name, ()):
                answer: ResponseReturnValue | None = before()  # type: ignore[assignment]
                if answer is not None:
                    return answer
        return None

    def process_response(self, response: Response) -> Response:
        """Call what is to be called after the view, and keep the session."""
        context: Any = _cv_request.get()
        for own in context._after_request_functions:
            response = own(response)
        for name in chain(context.request.blueprints, (None,)):
            for after in reversed(self.after_request_funcs.get(name, ())):
                response = after(response)
        self.session_interface.save_session(self, context._session, response)
        return response

    def dispatch_request(self) -> ResponseReturnValue:
        """What the view says."""
        asked: Any = the_request()
        if asked.routing_exception is not None or asked.method == "OPTIONS":
            return super().dispatch_request()
        view: Callable[..., Any] = self.view_functions[asked.url_rule.endpoint]
        return view(**asked.view_args)

    def do_teardown_request(self, *error: BaseException | None) -> None:
        """Call what is to be called at the end of a request; nothing of ours is."""
        if self.teardown_request_funcs or request_tearing_down.receivers:
            super().do_teardown_request(*error)

    def do_teardown_appcontext(self, *error: BaseException | None) -> None:
        """Call what is to be called at the very end."""
        if not error or appcontext_tearing_down.receivers:
            super().do_teardown_appcontext(*error)
            return
        for end in reversed(self.teardown_appcontext_funcs):
            end(error[0])


@lru_cache(64)
def _named(
    scheme: str, given: str | None, server: tuple[str, int | None] | None
) -> tuple[str, str]:
    """The host of a request, '' for none, and how the rules write it. Raises BadHost."""
    host = get_host(scheme, given, server)
    return host, _NO_RULES.bind(host.lower()).server_name
