"""Tokens of signed-in users: JWTs that somebody else issues and signs."""

import math
import time
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import ServiceUnavailable, Unauthorized

from webapp.at_hand import ours, the_app, the_request
from webapp.config import Settings, settings
from webapp.identity.keys import FETCH_SECONDS, JwksKeys, KeysAway
from webapp.site.marked import N_

COOKIE = "__session"
"""Clerk's cookie."""
LEEWAY_SECONDS = 10
MOST_CHARACTERS = 16 * 1024
MOST_OF_SUB = 255


class TokenRefused(Unauthorized):
    """The token does not hold."""

    description = N_("The token that came with this request does not hold.")

    def __init__(self) -> None:
        super().__init__(www_authenticate=WWWAuthenticate("bearer", {"error": "invalid_token"}))


class TokenExpired(TokenRefused):
    """The token was good and has expired."""

    description = N_("The token that came with this request has expired.")


class TokenUnchecked(ServiceUnavailable):
    """Nobody can tell for now: the signing keys could not be fetched yet."""

    description = N_("Sign-ins cannot be checked just now. Try again in a moment.")

    def __init__(self) -> None:
        super().__init__(retry_after=math.ceil(FETCH_SECONDS))


@dataclass(frozen=True)
class Token:
    """A token as it was sent."""

    text: str
    by_cookie: bool


@dataclass(frozen=True)
class Claims:
    """What a token that holds says."""

    user_id: str
    """Its `sub`, as it is: 1 to 255 characters of any kind but NUL and lone surrogates."""
    issued_at: float


def sent_token() -> Token | None:
    """The token of this request: of the Authorization header, else of the cookie."""
    asked = the_request()
    scheme, _space, text = asked.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return Token(text.strip(), by_cookie=False)
    cookie = asked.cookies.get(COOKIE, "").strip()
    return Token(cookie, by_cookie=True) if cookie else None


def check(token: Token) -> Claims:
    """What the token says, checked once a request. Raises TokenRefused, TokenExpired or
    TokenUnchecked."""
    here = ours()
    known = here.get("checked_token")
    if known is None or known[0] != token:
        keys: JwksKeys = the_app().extensions["jwks"]
        here.checked_token = known = (token, _outcome(token.text, keys, settings()))
    if isinstance(known[1], Exception):
        raise known[1]
    claims: Claims = known[1]
    return claims


def _outcome(text: str, keys: JwksKeys, settings: Settings) -> Claims | Exception:
    try:
        return verify(text, keys, settings.jwt_issuer, settings.jwt_audience)
    except KeysAway:
        return TokenUnchecked()
    except TokenRefused as error:
        return error


def verify(text: str, keys: JwksKeys, issuer: str, audience: str) -> Claims:
    """Check signature, issuer, audience and times of a token.

    `audience`: what `aud` must hold, or `azp` must be where there is no `aud`. Raises TokenExpired
    for one that is good but for its age, TokenRefused for any other that does not hold, KeysAway.
    """
    import jwt  # where tokens are checked, it is loaded at the start (JwksKeys)

    try:
        claims = _signed_claims(text, keys, issuer)
        user_id, expires_at = claims["sub"], _moment(claims["exp"])
        issued_at = _moment(claims.get("iat", claims["nbf"]))
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise TokenRefused from error
    if not _is_for(audience, claims) or not _is_user(user_id):
        raise TokenRefused
    if expires_at + LEEWAY_SECONDS <= time.time():
        raise TokenExpired
    return Claims(user_id, issued_at)


def _signed_claims(text: str, keys: JwksKeys, issuer: str) -> dict[str, Any]:
    if len(text) > MOST_CHARACTERS:
        raise ValueError("no token is as long as this")
    import jwt

    key_id = jwt.get_unverified_header(text).get("kid")
    key = keys.find(key_id if isinstance(key_id, str) else None)
    if key is None:
        raise jwt.InvalidKeyError("a key that nobody knows")
    # The key says which algorithm it is for; the token's own word on that must be the same.
    return jwt.decode(
        text,
        key,
        algorithms=[key.algorithm_name],
        issuer=issuer,
        leeway=LEEWAY_SECONDS,
        # Audience and expiry are looked at afterwards: only what holds otherwise has expired.
        options={
            "require": ["exp", "nbf", "iss", "sub"],
            "verify_aud": False,
            "verify_exp": False,
        },
    )


def _moment(claim: object) -> float:
    """A NumericDate, in seconds since 1970."""
    if isinstance(claim, bool) or not isinstance(claim, int | float) or not math.isfinite(claim):
        raise ValueError("this is no time")
    return float(claim)


def _is_for(audience: str, claims: dict[str, Any]) -> bool:
    if "aud" not in claims:
        return bool(claims.get("azp") == audience)
    named = claims["aud"]
    return audience in (named if isinstance(named, list) else [named])


def _is_user(sub: object) -> bool:
    if not isinstance(sub, str) or not 0 < len(sub) <= MOST_OF_SUB:
        return False
    return not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in sub)
