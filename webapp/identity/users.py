"""The signed-in user of this browser, kept in our own cookie.

Clerk's token lives about a minute and a server-rendered page cannot renew it, so the first token
that holds opens our cookie for its user. Whether that still counts is decided here, by the times
in it, and not by the browser, which could keep a cookie for as long as it likes.
"""

import time
from dataclasses import dataclass

from flask import session

from webapp.at_hand import its_session
from webapp.config import settings
from webapp.identity import anonymous
from webapp.identity.anonymous import RENEW_SECONDS
from webapp.identity.jwt import Claims

IDLE_SECONDS = 12 * 3600
"""Somebody who was away longer signs in again; shorter than answers are kept, because whoever
signs out elsewhere is still signed in here until then."""
LONGEST_SECONDS = 7 * 86400
"""Even in use, the cookie needs a token again after this."""

_USER, _SINCE, _SEEN, _LEFT, _OUT, _OVER = "uid", "since", "seen", "left", "out", "over"
_KEPT, _KEPT_FOR = "kept", "for"


@dataclass(frozen=True)
class Left:
    """The session that this browser had before its user signed in."""

    session_id: str
    link_id: str | None = None
    """It was opened by this resume link."""
    slug: str = ""
    """The step whose form was sent before anybody had signed in."""
    revision: str = ""
    """What that form was made from, as it was sent."""


def current() -> str | None:
    """The user that our cookie is for; None when there is none, or it is too old."""
    if settings().auth_mode != "jwt":
        return None
    user, since, seen = session.get(_USER), session.get(_SINCE), session.get(_SEEN)
    if not isinstance(user, str) or not isinstance(since, int) or not isinstance(seen, int):
        return None
    now = time.time()
    return user if now - seen <= IDLE_SECONDS and now - since <= LONGEST_SECONDS else None


def renew() -> None:
    """Keep the cookie of a user who is here from growing old; once an hour is enough."""
    if time.time() - session.get(_SEEN, 0) > RENEW_SECONDS:
        session[_SEEN] = int(time.time())


def sign_in(claims: Claims) -> None:
    """A token holds: from now on this browser is its user's. What it had before is `left`."""
    now = int(time.time())
    if session.get(_USER) == claims.user_id:
        if now - session.get(_SINCE, 0) > RENEW_SECONDS:
            session[_SINCE] = session[_SEEN] = now
        return
    left = None
    before = anonymous.session_id()
    if before and _USER not in session and session.get(_KEPT_FOR) in (None, claims.user_id):
        left = [before, anonymous.link_id(), *session.get(_KEPT, [])]
    anonymous.forget_session()
    for part in (_KEPT, _KEPT_FOR, _OVER, _LEFT):
        session.pop(part, None)
    session.permanent = True
    session[_USER] = claims.user_id
    session[_SINCE] = session[_SEEN] = now
    if left:
        session[_LEFT] = left


def left() -> Left | None:
    """What the user has not decided on yet; None when there is nothing."""
    found = its_session().get(_LEFT)
    return Left(*found) if current() and found else None


def settle() -> None:
    """It is decided what becomes of the session that was left."""
    session.pop(_LEFT, None)


def keep_for_sign_in(session_id: str, slug: str, revision: str) -> None:
    """A session was opened for what somebody typed, in a form of this step, who has to sign in
    first. Where our cookie was for a user, and only grew old, nobody else gets it."""
    former = session.get(_USER) or session.get(_KEPT_FOR)
    leave()
    anonymous.remember(session_id)
    session[_KEPT] = [slug, revision[:60]]
    if former:
        session[_KEPT_FOR] = former


def kept_in() -> str | None:
    """The session in which something is kept already for whoever signs in."""
    return anonymous.session_id() if _KEPT in session and _USER not in session else None


def follow_link(session_id: str, link_id: str) -> None:
    """A resume link wins over whatever this browser had, its user's own session too: that one comes
    back when this one is forgotten, or by another user's token."""
    user = current()
    anonymous.forget()
    anonymous.remember(session_id, by_link=link_id)
    if user:
        session[_OVER] = user


def goes_before(user_id: str) -> bool:
    """This user followed a resume link here, which wins over being signed in."""
    return session.get(_OVER) == user_id


def sign_out() -> None:
    """Forget this browser's part. A token from before does not sign in again by itself."""
    anonymous.forget()
    if settings().auth_mode == "jwt":
        session.permanent = True
        session[_OUT] = int(time.time())


def signed_out_since(claims: Claims) -> bool:
    """The token is from before the user signed out here."""
    return bool(claims.issued_at <= session.get(_OUT, -1))


def leave() -> None:
    """Forget the user and every session of this browser; the CSRF secret of its pages stays."""
    anonymous.forget_session()
    for part in (_USER, _SINCE, _SEEN, _LEFT, _OVER, _KEPT, _KEPT_FOR):
        session.pop(part, None)
