"""The anonymous caller: a signed, HttpOnly cookie that names the session.

It is Flask's own session cookie (which carries the CSRF secret as well), so that one signature is
checked for each request and a response sets a cookie only when something in it changed.
"""

import hashlib
import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask, Request, Response
from flask.json.tag import TaggedJSONSerializer
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from itsdangerous import BadSignature

from webapp.at_hand import its_session
from webapp.headers import vary_by
from webapp.signing import Signed, from_compact, signed

_ID, _OFFER, _RENEWED, _LONG, _LINKED = "sid", "offer", "at", "long", "linked"
RENEW_SECONDS = 3600
"""A cookie in use is renewed at most this often."""
LONG = timedelta(days=400)
"""How long the cookie of a completed session lives, so that its summary stays within reach; it is
the most that browsers grant."""
_LONGEST = int(LONG.total_seconds())


_as_json = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode
_PLAIN = frozenset({str, int, bool, type(None)})


class _Tagged(TaggedJSONSerializer):
    """Flask's JSON with tags for what JSON does not know (messages to show are tuples), and the
    short way for a cookie that holds nothing of that kind."""

    __slots__ = ()

    def dumps(self, value: dict[str, Any]) -> str:
        """The text, the same as Flask's."""
        if len(value) > 1 and _PLAIN.issuperset(map(type, value.values())):
            return _as_json(value)
        return super().dumps(value)

    def loads(self, value: str) -> Any:
        """What was dumped. A tag is a name that begins with a space."""
        return super().loads(value) if '{" ' in value else from_compact(value)


_TAGGED = _Tagged()


class CookieInterface(SecureCookieSessionInterface):
    """Flask's own signed cookie, with a life as long as what it leads to."""

    def get_signing_serializer(self, app: Flask) -> Signed:
        """The one signer for the application's key."""
        return signed(app.config["SECRET_KEY"], self.salt, self.key_derivation, _TAGGED)

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession:
        """What the cookie says; nothing, where it does not hold. As Flask does it, which asks the
        settings one after the other for each request."""
        sent = request.cookies.get(app.config["SESSION_COOKIE_NAME"])
        if not sent:
            return self.session_class()
        try:
            return self.session_class(self.get_signing_serializer(app).loads(sent, _LONGEST))
        except BadSignature:
            return self.session_class()

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Set the cookie when something in it changed. As Flask does it, which asks the settings of
        a cookie one after the other for each answer."""
        if session.accessed or session.modified:
            vary_by(response, "Cookie")
        if not session.modified:
            return
        if not session:
            super().save_session(app, session, response)  # deletes the cookie
            return
        response.set_cookie(
            app.config["SESSION_COOKIE_NAME"],
            self.get_signing_serializer(app).dumps(dict(session)),
            expires=self.get_expiration_time(app, session),
            httponly=True,
            secure=app.config["SESSION_COOKIE_SECURE"],
            samesite="Lax",
        )

    def get_expiration_time(self, app: Flask, session: SessionMixin) -> datetime | None:
        """400 days for a completed session, else as long as unfinished answers are kept."""
        if not session.permanent:
            return None
        # A cookie is renewed once in a while, the answers are kept from the last save on.
        hours = app.extensions["settings"].retention_hours
        kept = timedelta(hours=hours, seconds=RENEW_SECONDS)
        return datetime.now(UTC) + (LONG if session.get(_LONG) else kept)


def session_id() -> str | None:
    """The session that the caller's cookie names; None without one. It may be gone by now."""
    found = its_session().get(_ID)
    return found if isinstance(found, str) else None


def link_id() -> str | None:
    """The resume link that opened the session in this browser; None where none did."""
    found = its_session().get(_LINKED)
    return found if isinstance(found, str) else None


def remember(onboarding_session_id: str, by_link: str | None = None) -> None:
    """Let this browser continue this session; `by_link`: the resume link that opened it."""
    session = its_session()
    for part in (_OFFER, _LONG, _LINKED):
        session.pop(part, None)
    if by_link:
        session[_LINKED] = by_link
    session.permanent = True
    session[_ID] = onboarding_session_id
    session[_RENEWED] = int(time.time())


def renew(for_long: bool = False) -> None:
    """Keep the cookie of somebody who is here from running out; `for_long` once they are done."""
    session = its_session()
    if _ID not in session:
        return
    if for_long and not session.get(_LONG):
        session[_LONG] = True
        session[_RENEWED] = int(time.time())
    elif time.time() - session.get(_RENEWED, 0) > RENEW_SECONDS:
        session[_RENEWED] = int(time.time())


def mark() -> str:
    """What tells this browser from others, as a hash; "" for one that opened no form yet."""
    secret = its_session().get("csrf_token")
    return hashlib.sha256(f"browser {secret}".encode()).hexdigest() if secret else ""


def offered_id() -> str:
    """The id that a session started from this browser will have.

    It is fixed before the button is pressed, so that a double click starts one session.
    """
    session = its_session()
    if _OFFER not in session:
        session[_OFFER] = str(uuid.uuid4())
    return str(session[_OFFER])


def forget_session() -> None:
    """Forget which session this browser continued, and nothing else."""
    session = its_session()
    for part in (_ID, _OFFER, _RENEWED, _LONG, _LINKED):
        session.pop(part, None)


def know(onboarding_session_id: str) -> None:
    """Note which session the signed-in user of this browser has."""
    session = its_session()
    if session.get(_ID) != onboarding_session_id:
        session[_ID] = onboarding_session_id


def forget() -> None:
    """Forget this browser's part."""
    its_session().clear()
