"""How many requests a process works on at a time, how many wait for their turn, and what becomes of
the rest.

A process that takes in whatever comes is slow for everybody once more comes than it can serve, and
stays slow long after. This one works on as many requests as it has connections of the database
(`THREADS`), lets a few times as many wait for a moment, and answers the rest at once: 503, when to
come back, and, where somebody sent a form of a step, a page that keeps what they typed. Such a page
is rendered once for each language and step and then only filled, because refusing must cost next to
nothing: what it costs is missing from what is served.
"""

import html
import random
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, g, make_response, render_template
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect
from wtforms import BooleanField, Field, PasswordField
from wtforms.fields.choices import SelectFieldBase

from webapp import bounds, errors, languages, security, trace
from webapp.appearance import THEMES
from webapp.application import pairs_of
from webapp.config import Settings
from webapp.headers import kept_if_short
from webapp.texts import gettext as _

WAITING = 5
"""So many times the requests at work may wait beside them."""
WAIT_SECONDS = 1.0
"""How long one waits: with requests of milliseconds a turn comes sooner, or something hangs."""
RETRY_SECONDS = ("2", "3", "4", "5", "6")
"""When to come back: not everybody in the same moment."""

_NONCE, _ID, _FIELDS = "nonce-of-one-response", "id-of-one-request", "<!-- what was typed -->"
_OF_ONE = re.compile(f"({_NONCE}|{_ID}|{_FIELDS})")
"""What a page that is rendered once has in the places of what is of one request alone."""


def init_app(app: Flask, settings: Settings) -> None:
    """Stand in front of the application, behind what tells who the client is."""
    refusals = Refusals(app, settings)
    app.wsgi_app = Admission(app.wsgi_app, refusals, settings.threads)  # type: ignore[method-assign, assignment]


class Admission:
    """WSGI middleware: so many requests at work, so many that wait, the rest refused."""

    def __init__(self, app: WSGIApplication, refusals: WSGIApplication, slots: int) -> None:
        """`refusals` answers for those that are not let in."""
        self._app, self._refusals = app, refusals
        self._free = threading.BoundedSemaphore(slots)
        self._room = slots * WAITING
        self._waiting = 0
        self._count = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Serve the request, or refuse it."""
        path = environ.get("PATH_INFO", "")
        if path in security.PROBES or path.startswith("/static/"):
            return self._app(environ, start)  # cheap, and needed most when there is much to do
        if not self._enter():
            if (mine := trace.current()) is not None:
                mine.is_refused = True
            return self._refusals(environ, start)
        try:
            return self._app(environ, start)
        finally:
            self._free.release()

    def _enter(self) -> bool:
        """Take a place, in the order of arrival; False when there is none in time."""
        if not self._waiting and self._free.acquire(blocking=False):
            return True
        with self._count:
            if self._waiting >= self._room:
                return False
            self._waiting += 1
        try:
            return self._free.acquire(timeout=WAIT_SECONDS)
        finally:
            with self._count:
                self._waiting -= 1


@dataclass(frozen=True)
class Shell:
    """A refusal that was rendered once: what is of one request is filled in."""

    headers: list[tuple[str, str]]
    policy: list[str]
    """The value of the header that names the nonce, around it."""
    pieces: list[str | bytes]
    """The body, in UTF-8; texts stand for what is filled in."""
    labels: dict[str, str]
    """Field -> its label, in HTML; the secret ones among them."""
    words: dict[tuple[str, str], str]
    """Field and value -> what that choice is called, in HTML."""
    secrets: frozenset[str]
    """Fields that are never sent back."""
    once_more: str
    """What is said where a secret was."""


class Refusals:
    """WSGI application: the 503 of a process that has too much to do."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        """`app`: whose pages and steps they are."""
        self._app, self._public_url = app, settings.public_url
        prefix = "__Host-" if settings.behind_tls else ""
        self._language_cookie, self._theme_cookie = f"{prefix}{languages.COOKIE}", f"{prefix}theme"
        self._shell = lru_cache(256)(self._rendered)
        self._language = kept_if_short(1024)(self._chosen)
        self._slug = kept_if_short(256)(self._slug_of)
        self._turn = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """A page, a page that keeps what was typed, or a problem document.

        One thread refuses at a time: a crowd of them would take the interpreter from the few that
        serve, each time that one of these waits for the database.
        """
        body = _body(environ)  # outside of the turn: a client may take its time
        with self._turn:
            return self._refuse(environ, start, body)

    def _refuse(
        self, environ: WSGIEnvironment, start: StartResponse, body: bytes | None
    ) -> Iterable[bytes]:
        path, cookies = environ.get("PATH_INFO", ""), environ.get("HTTP_COOKIE", "")
        language = self._language(
            environ.get("QUERY_STRING", ""),
            _cookie(cookies, self._language_cookie),
            environ.get("HTTP_ACCEPT_LANGUAGE", ""),
        )
        theme = _cookie(cookies, self._theme_cookie)
        slug = self._slug(path) if body and self._is_ours(environ) else ""
        kind = "api" if path.startswith("/api/") else slug or "page"
        shell = self._shell(kind, language, theme if theme in THEMES else "")
        nonce = security.new_nonce()
        typed = _fields(shell, body) if slug and body else ""
        filled = {_NONCE: nonce.encode(), _ID: trace.current_id().encode(), _FIELDS: typed.encode()}
        content = b"".join([filled[one] if isinstance(one, str) else one for one in shell.pieces])
        headers = [
            *shell.headers,
            ("Content-Security-Policy", nonce.join(shell.policy)),
            ("Retry-After", random.choice(RETRY_SECONDS)),  # noqa: S311 # nosec B311
            ("Content-Length", str(len(content))),
        ]
        if body is None:
            headers.append(("Connection", "close"))  # the server hangs up: see `bounds`
        start("503 Service Unavailable", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [content]

    def _is_ours(self, environ: WSGIEnvironment) -> bool:
        address = self._public_url or f"{environ['wsgi.url_scheme']}://{environ.get('HTTP_HOST')}"
        return security.is_from(
            address, environ.get("HTTP_SEC_FETCH_SITE"), environ.get("HTTP_ORIGIN")
        )

    def _chosen(self, query: str, kept: str, accepted: str) -> str:
        headers = {"Accept-Language": accepted, "Cookie": f"{self._language_cookie}={kept}"}
        with self._app.test_request_context("/", query_string=query, headers=headers):
            return languages.chosen()

    def _slug_of(self, path: str) -> str:
        """The slug of the step whose form is sent to this address; '' for any other."""
        try:
            endpoint, values = self._app.url_map.bind("localhost").match(path, "POST")
        except (HTTPException, RequestRedirect):
            return ""
        slug = values.get("slug", "") if endpoint == "wizard.save_step" else ""
        return slug if self._app.extensions["journey"].get(slug) else ""

    def _rendered(self, kind: str, language: str, theme: str) -> Shell:
        """`kind`: `api`, `page`, or the slug of a step whose form was sent."""
        cookie = {"Cookie": f"{self._theme_cookie}={theme}"}
        with _as_if_it_were(_ID), self._app.test_request_context("/", headers=cookie):
            g.language, g.csp_nonce = language, _NONCE
            sentence = _("Many people are here at this moment. Try again in a few seconds.")
            fields: list[Field] = []
            if kind == "api":
                made = errors.problem(503, sentence)
            elif kind == "page":
                made = errors.error_page(503, sentence, retry=True, title=_title())
            else:
                step = self._app.extensions["journey"].get(kind)
                fields = list(step.form(formdata=None))
                page = render_template("errors/busy.html", step=step, title=_title(), rest=_FIELDS)
                made = make_response(page, 503)
            response = self._app.process_response(made)
            policy = response.headers.pop("Content-Security-Policy").split(_NONCE)
            own = {"Set-Cookie", "Content-Length", "Retry-After"}
            pieces = _OF_ONE.split(response.get_data(as_text=True))
            return Shell(
                [(name, value) for name, value in response.headers if name not in own],
                policy,
                [one if _OF_ONE.fullmatch(one) else one.encode() for one in pieces],
                {one.name: html.escape(str(one.label.text)) for one in fields},
                {key: html.escape(words) for one in fields for key, words in _words(one)},
                frozenset(one.name for one in fields if isinstance(one, PasswordField)),
                html.escape(
                    _("For safety the key you typed was not sent back. Please enter it again.")
                ),
            )


@contextmanager
def _as_if_it_were(request_id: str) -> Iterator[None]:
    """What asks for the id of the request at hand gets this one."""
    token = trace.begin(trace.Trace(request_id))
    try:
        yield
    finally:
        trace.end(token)


def _title() -> str:
    return _("There is a lot going on just now")


def _words(field: Field) -> Iterable[tuple[tuple[str, str], str]]:
    if isinstance(field, BooleanField):
        yield (field.name, "y"), _("Yes")
    if isinstance(field, SelectFieldBase):
        yield from (((field.name, str(o.data)), str(o.label.text)) for o in field)


def _fields(shell: Shell, body: bytes) -> str:
    """The form's values as hidden fields, and those that people gave as they read them; in the
    place of a secret an empty field that asks for it again."""
    try:
        sent = body.decode()
        pairs = list(pairs_of(sent)) if sent.count("&") < bounds.MAX_FIELDS else []
    except ValueError:
        pairs = []
    hidden, shown = [], []
    for name, value in pairs:
        field = name.removeprefix("typed-")
        label, key, text = shell.labels.get(field), _escaped(name), _escaped(value)
        if field in shell.secrets:
            if value:
                shown.append(
                    f'<div class="field"><label class="label" for="{key}">{label}</label>'
                    f'<p class="field-error" id="{key}-dropped">{shell.once_more}</p>'
                    f'<input class="input input--key" type="password" id="{key}" name="{key}" '
                    f'aria-describedby="{key}-dropped" autocomplete="off" autocapitalize="none" '
                    'dir="ltr" spellcheck="false"></div>'
                )
            continue
        hidden.append(f'<input type="hidden" name="{key}" value="{text}">')
        if label and value:
            words = shell.words.get((field, value), text)
            shown.append(
                f'<dl class="rows"><div class="row"><dt>{label}</dt>'
                f'<dd class="as-typed" dir="auto">{words}</dd></div></dl>'
            )
    return "".join(hidden + shown)


def _escaped(text: str) -> str:
    """For HTML. Names, choices and numbers, which most values are, need no look at each letter."""
    return text if text.isidentifier() or text.isdigit() else html.escape(text)


def _body(environ: WSGIEnvironment) -> bytes | None:
    """What was sent, if it is a form of the usual kind; None for what is left unread."""
    try:
        length = int(environ.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return None
    if "HTTP_TRANSFER_ENCODING" in environ or not 0 <= length <= bounds.MAX_BODY:
        return None
    body: bytes = environ["wsgi.input"].read(length) if length else b""
    kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    return body if kind == bounds.FORM and environ["REQUEST_METHOD"] == "POST" else b""


def _cookie(cookies: str, name: str) -> str:
    if name not in cookies:
        return ""
    found = re.search(rf"(?:^|;\s*){name}=([\w-]{{1,40}})(?:;|$)", cookies)
    return found[1] if found else ""
