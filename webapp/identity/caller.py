"""Who sent this request: one answer for the pages, one for the API."""

import re
from dataclasses import dataclass, field
from typing import Literal

from flask import request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from webapp.config import settings
from webapp.extensions import csrf
from webapp.identity import anonymous, jwt, users
from webapp.site.marked import N_

ID_HEADER = "X-Onboarding-Session"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class SignInNeeded(Unauthorized):
    """Nobody is signed in, and the operator wants everybody to be (SIGN_IN_URL)."""

    description = N_("Sign in first.")

    def __init__(self) -> None:
        super().__init__(www_authenticate=WWWAuthenticate("bearer"))


@dataclass(frozen=True)
class Caller:
    """Somebody with at most one session. Which one that is, a condition in SQL says
    (`wizard.owner.owned_by`); nothing here was looked up."""

    session_id: str | None
    """The session that is named. For a signed-in user only what the browser knew last: theirs is
    found by `user_id`."""
    user_id: str | None = None
    by_id: bool = False
    """The id was sent through the API, where it is the secret of a session begun there. With a
    `user_id` it came beside that user's token, and may be their own session's too."""
    link_id: str | None = None
    """The resume link that let this browser in."""
    trusted: bool = False
    """Not from a request: any session, by its id."""
    who: Literal["user", "operator"] = "user"
    """Who acts, for the audit trail; an operator by their `name`."""
    name: str | None = None
    is_new: bool = field(default=False, compare=False)
    """The session was made just now: nothing is saved in it, and nobody needs to look."""

    @property
    def is_somebody(self) -> bool:
        """There is something to look for."""
        return bool(self.session_id or self.user_id)


def trusted(session_id: str) -> Caller:
    """Any session by its id: for commands, background work, and what was found through the caller
    before. Never for an id that a request sent."""
    return Caller(session_id, trusted=True)


def operator(session_id: str, name: str | None) -> Caller:
    """The same for an operator, whom the audit trail names for what they do to it."""
    return Caller(session_id, trusted=True, who="operator", name=name)


def page_caller() -> Caller:
    """Who asks for a page: a token that holds signs the browser in, else its cookie decides.

    An expired `__session` is ignored beside our own cookie of a user, which it has opened. Raises
    SignInNeeded, or what `jwt.check` raises (HTTP errors all of them).
    """
    if settings().auth_mode != "jwt":
        return Caller(anonymous.session_id(), link_id=anonymous.link_id())
    token = jwt.sent_token()
    claims = _claims_on_page(token) if token else None
    if claims and not users.signed_out_since(claims) and not users.goes_before(claims.user_id):
        users.sign_in(claims)
    found = _by_cookie()
    if found.user_id:
        users.renew()
    return found


def api_caller() -> Caller:
    """Who calls the API: the id of a session begun here decides alone, then a token, then the
    browser's cookie, with which unsafe methods need the header X-CSRFToken. It sets no cookie.
    Beside a bearer, which must hold, the id may also be that of the user's own session.

    Raises SignInNeeded, CSRFError, or what `jwt.check` raises (HTTP errors all of them).
    """
    named = _sent_id()
    if named is not None:
        return Caller(named, _bearers_user(), by_id=True)
    if settings().auth_mode != "jwt":
        return _with_csrf(Caller(anonymous.session_id(), link_id=anonymous.link_id()))
    token = jwt.sent_token()
    if token is None:
        return _with_csrf(_by_cookie())
    claims = jwt.check(token)
    if not token.by_cookie:
        return Caller(None, claims.user_id)
    if users.signed_out_since(claims) or users.goes_before(claims.user_id):
        return _with_csrf(_by_cookie())
    return _with_csrf(Caller(None, claims.user_id))


def _claims_on_page(token: jwt.Token) -> jwt.Claims | None:
    try:
        return jwt.check(token)
    except (jwt.TokenExpired, jwt.TokenUnchecked):
        if token.by_cookie and _by_cookie(needed=False).user_id:
            return None
        raise


def _by_cookie(needed: bool = True) -> Caller:
    """The caller that our cookie knows. Where everybody has to sign in, that is a user, or somebody
    whom a resume link let in."""
    user, link = users.current(), anonymous.link_id()
    if user:
        return Caller(anonymous.session_id(), user)
    if needed and settings().sign_in_url and not link:
        raise SignInNeeded
    return Caller(anonymous.session_id(), link_id=link)


def _sent_id() -> str | None:
    """The session id that a request names; "" for one that can be none. None when it names none."""
    body = request.get_json(silent=True) if request.is_json else None
    in_body = body.get("session_id") if isinstance(body, dict) else None
    for sent in (request.headers.get(ID_HEADER), request.args.get("session_id"), in_body):
        if sent:
            good = isinstance(sent, str) and re.fullmatch(r"[\w-]{1,64}", sent, re.ASCII)
            return sent if good else ""
    return None


def _bearers_user() -> str | None:
    token = jwt.sent_token() if settings().auth_mode == "jwt" else None
    return None if token is None or token.by_cookie else jwt.check(token).user_id


def _with_csrf(caller: Caller) -> Caller:
    """A browser sends its cookie wherever a page makes it: what changes something needs more."""
    if caller.is_somebody and request.method not in SAFE_METHODS:
        csrf.protect()
    return caller
