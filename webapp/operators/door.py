"""Who may look at the operators' pages: whoever has OPERATOR_TOKEN, typed once into a form or sent
with each request as a bearer token."""

import hashlib
import hmac

from flask import Response, current_app, request
from itsdangerous import BadSignature, URLSafeTimedSerializer

from webapp.config import settings
from webapp.errors import problem
from webapp.security import bearer, cookie_name, is_token

HOURS = 12
"""How long a browser stays signed in."""
_COOKIE = "operator"


def holds(given: str) -> bool:
    """Whether this is the token."""
    return is_token(given, settings().operator_token)


def refusal(token: str, missing: str, wrong: str) -> Response | None:
    """The answer to a program whose request comes without this token as its bearer (401, with the
    sentence `missing`), or with a `wrong` one (403); None for one that has it."""
    given = bearer()
    if given is None:
        response = problem(401, missing)
        response.headers["WWW-Authenticate"] = "Bearer"
        return response
    return None if is_token(given, token) else problem(403, wrong)


def is_signed_in() -> bool:
    """This browser signed in within the last hours, with the token that is configured now."""
    try:
        found = _signer().loads(request.cookies.get(cookie_name(_COOKIE), ""), HOURS * 3600)
    except BadSignature:
        return False
    return isinstance(found, str) and hmac.compare_digest(found.encode(), _mark().encode())


def sign_in(response: Response) -> Response:
    """Let this browser in from now on."""
    response.set_cookie(
        cookie_name(_COOKIE),
        _signer().dumps(_mark()),
        max_age=HOURS * 3600,
        secure=settings().behind_tls,
        httponly=True,
        samesite="Lax",
    )
    return response


def sign_out(response: Response) -> Response:
    """Let it in no more."""
    response.delete_cookie(
        cookie_name(_COOKIE), secure=settings().behind_tls, httponly=True, samesite="Lax"
    )
    return response


def _mark() -> str:
    """Stands for the token in the cookie: who changes the token signs everybody out."""
    key, token = settings().secret_key.encode(), settings().operator_token.encode()
    return hmac.new(key, b"operator" + token, hashlib.sha256).hexdigest()[:32]


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="operators")
