"""Many visitors of the real server at once, over plain HTTP: no browser, no test client."""

import base64
import http.client
import json
import ssl
import threading
import time
import zlib
from collections.abc import Mapping
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from tests.support.pages import Page, Value

PATIENCE_SECONDS = 20
"""Longer than any request may take; one that takes longer counts as a hang."""


class Unheard(Exception):
    """No answer came: nobody knows whether the request was heard."""


class Visitor:
    """One browser: its cookies, and any number of tabs, which are just pages that somebody keeps.

    Threads may share it. What it opens is not checked as a `PageClient` does, to be quick.
    """

    def __init__(self, base: str, trust: ssl.SSLContext | None = None, address: str = "") -> None:
        """`trust`: what an https `base` is checked with; `address`: where the visitor's end is."""
        self.base = base
        self._trust = trust
        self._source = (address, 0) if address else None
        self.cookies: dict[str, str] = {}
        self.slowest = 0.0
        """Seconds that the slowest answer took so far."""
        self.requests = 0
        self._lock = threading.Lock()

    def get(self, path: str) -> Page:
        """Open a page; redirects are not followed. Raises Unheard."""
        return self._send("GET", path, None)

    def post(self, path: str, data: MultiDict[str, str] | Mapping[str, str]) -> Page:
        """Send a form's values as they stand, marked as a page of ours would. Raises Unheard."""
        pairs = data.items(multi=True) if isinstance(data, MultiDict) else data.items()
        return self._send("POST", path, urlencode(list(pairs)))

    def submit(
        self,
        page: Page,
        changes: Mapping[str, Value] | None = None,
        action: str | None = None,
        *,
        form: str = "",
    ) -> Page:
        """Fill the page's form and send it, as `PageClient.submit` does. Raises Unheard."""
        return self.post(*self.filled(page, changes, action, form=form))

    def filled(
        self,
        page: Page,
        changes: Mapping[str, Value] | None = None,
        action: str | None = None,
        *,
        form: str = "",
    ) -> tuple[str, MultiDict[str, str]]:
        """Where `submit` would send what: the same again is a retry of the same post."""
        chosen = page.form(form)
        return urljoin(page.path, chosen.action), chosen.filled(changes or {}, action)

    def follow(self, page: Page) -> Page:
        """Open what a redirect leads to, over as many as follow. Raises Unheard."""
        for _ in range(5):
            if page.status != 303:
                return page
            page = self.get(page.location)
        raise AssertionError(f"{page.path} leads round in a circle")

    def forget(self) -> None:
        """A new browser from now on."""
        self.cookies.clear()

    @property
    def session_id(self) -> str | None:
        """The session that the cookie names, read as anybody can: it is signed, not sealed."""
        cookie = self.cookies.get("onward") or self.cookies.get("__Host-onward", "")
        payload = _payload(cookie)
        found = payload.get("sid")
        return found if isinstance(found, str) else None

    def _send(self, method: str, path: str, body: str | None) -> Page:
        connection = self._connection()
        with self._lock:
            cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Cookie": cookies} if cookies else {}
        if body is not None:
            headers |= {
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": self.base,
                "Sec-Fetch-Site": "same-origin",
            }
        start = time.monotonic()
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = _read(answer)
        except (OSError, http.client.HTTPException) as error:
            raise Unheard(f"{method} {path}: {error!r}") from error
        finally:
            connection.close()
            taken = time.monotonic() - start
            with self._lock:
                self.slowest = max(self.slowest, taken)
                self.requests += 1
        with self._lock:
            for name, value in answer.getheaders():
                if name.lower() == "set-cookie":
                    for morsel in SimpleCookie(value).values():
                        self.cookies[morsel.key] = morsel.value
        return Page(path, Response(text, answer.status, answer.getheaders()))  # type: ignore[arg-type]

    def _connection(self) -> http.client.HTTPConnection:
        host = urlsplit(self.base).netloc
        if self._trust is None:
            return http.client.HTTPConnection(
                host, timeout=PATIENCE_SECONDS, source_address=self._source
            )
        return http.client.HTTPSConnection(
            host, timeout=PATIENCE_SECONDS, source_address=self._source, context=self._trust
        )


def _read(answer: http.client.HTTPResponse) -> bytes:
    """The body. Of a redirect a browser needs the head alone: it goes on though the rest is cut
    off, as by a server that is killed in the middle of its answer."""
    try:
        return answer.read()
    except http.client.IncompleteRead as cut:
        if 300 <= answer.status < 400:
            return cut.partial
        raise


def _payload(cookie: str) -> dict[str, Any]:
    """What Flask's session cookie says; {} for one that is none."""
    packed = cookie.startswith(".")
    text = cookie.removeprefix(".").split(".")[0]
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        found = json.loads(zlib.decompress(raw) if packed else raw)
    except (ValueError, zlib.error):
        return {}
    return found if isinstance(found, dict) else {}
