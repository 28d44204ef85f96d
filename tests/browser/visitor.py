"""A visitor of the real server who needs no browser: many of them can be there at once."""

import http.client
from collections.abc import Mapping
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from tests.support.pages import PageClient


class Wire:
    """Speaks HTTP in place of Flask's test client, as far as a `PageClient` needs it.

    An OSError or an HTTPException means that nobody knows whether the request was heard.
    """

    def __init__(self, base: str) -> None:
        self._address = urlsplit(base).netloc
        self._cookies: SimpleCookie = SimpleCookie()

    def get(self, path: str, headers: Mapping[str, str]) -> Response:
        """Send a GET."""
        return self._send("GET", path, None, headers)

    def post(
        self, path: str, data: MultiDict[str, str] | Mapping[str, str], headers: Mapping[str, str]
    ) -> Response:
        """Send a form."""
        pairs = data.items(multi=True) if isinstance(data, MultiDict) else data.items()
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._send("POST", path, urlencode(list(pairs)), {**headers, **form})

    def _send(
        self, method: str, path: str, body: str | None, headers: Mapping[str, str]
    ) -> Response:
        connection = http.client.HTTPConnection(self._address, timeout=20)
        try:
            cookies = "; ".join(f"{name}={c.value}" for name, c in self._cookies.items())
            connection.request(method, path, body, {**headers, "Cookie": cookies})
            answer = connection.getresponse()
            text = answer.read()
            for name, value in answer.getheaders():
                if name.lower() == "set-cookie":
                    self._cookies.load(value)
            return Response(text, answer.status, answer.getheaders())
        finally:
            connection.close()


class Visitor(PageClient):
    """A `PageClient` of the real server: every page that it opens is checked."""

    def __init__(self, base: str) -> None:
        self.flask = Wire(base)  # type: ignore[assignment]
