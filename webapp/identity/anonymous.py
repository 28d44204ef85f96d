"""The anonymous caller: a signed, HttpOnly cookie that names the session.

It is Flask's own session cookie (which carries the CSRF secret as well), so that one signature is
checked for each request and a response sets a cookie only when something in it changed.
"""

import time
import uuid

from flask import session

_ID, _OFFER, _RENEWED = "sid", "offer", "at"
RENEW_SECONDS = 3600
"""A cookie in use is renewed at most this often."""


def session_id() -> str | None:
    """The session that the caller's cookie names; None without one. It may be gone by now."""
    found = session.get(_ID)
    return found if isinstance(found, str) else None


def remember(onboarding_session_id: str) -> None:
    """Let this browser continue this session."""
    session.pop(_OFFER, None)
    session.permanent = True
    session[_ID] = onboarding_session_id
    session[_RENEWED] = int(time.time())


def renew() -> None:
    """Keep the cookie of somebody who is here from running out."""
    if _ID in session and time.time() - session.get(_RENEWED, 0) > RENEW_SECONDS:
        session[_RENEWED] = int(time.time())


def offered_id() -> str:
    """The id that a session started from this browser will have.

    It is fixed before the button is pressed, so that a double click starts one session.
    """
    if _OFFER not in session:
        session[_OFFER] = str(uuid.uuid4())
    return str(session[_OFFER])


def forget() -> None:
    """Forget this browser's part."""
    session.clear()
