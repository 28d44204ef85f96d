"""CSRF tokens that look different in every response.

The token is a secret of the browser's, which its signed cookie holds. Pages are compressed, and a
secret that came back the same in each of them could be guessed from their lengths (BREACH). So it
is sent XORed with random bytes that come along. A page that was opened before keeps its own mask,
and stays valid.
"""

import hmac
import secrets

from flask import Flask
from flask_wtf.csrf import CSRFError, CSRFProtect
from itsdangerous import BadData

from webapp.at_hand import its_session, ours, the_app, the_request
from webapp.bounds import FORM
from webapp.signing import letters, octets, signed

FIELD = "csrf_token"
"""The name of the form's field, and of the browser's secret in its cookie."""
_UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class MaskedCSRF(CSRFProtect):
    """Flask-WTF's protection, with masked tokens in the forms and in the `X-CSRFToken` header."""

    def init_app(self, app: Flask) -> None:
        """Attach it; templates get `csrf_token()`, and nothing that gives the token away bare."""
        super().init_app(app)
        app.jinja_env.globals.pop("csrf_meta_tag", None)
        app.jinja_env.globals["csrf_token"] = csrf_token
        app.context_processor(lambda: {"csrf_token": csrf_token, "csrf_meta_tag": None})

    def protect(self, apply_exemptions: bool = False) -> None:
        """Raise CSRFError for an unsafe request without a token of this browser.

        As Flask-WTF does it. A token has no age, and no Referer is asked for: a browser that hides
        it could never save.
        """
        asked = the_request()
        if asked.method not in _UNSAFE:
            return
        in_form = asked.form.get(FIELD) if asked.mimetype == FORM else None
        if in_form and _is_of_this_browser(unmask(in_form)):
            return  # as nearly all do; more is asked of the others
        if apply_exemptions and (not asked.endpoint or self._is_exempt()):
            return
        if not _is_of_this_browser(unmask(self._get_csrf_token() or "")):
            raise CSRFError


def csrf_token() -> str:
    """The token for the forms of this response, in the mask of this response."""
    kept = ours()
    if "masked_csrf_token" not in kept:
        session = its_session()
        secret = session.get(FIELD)
        if not isinstance(secret, str):
            secret = session[FIELD] = secrets.token_hex(20)
        kept.masked_csrf_token = mask(secret)
    return str(kept.masked_csrf_token)


def _is_of_this_browser(token: str | None) -> bool:
    secret = its_session().get(FIELD)
    if not token or not isinstance(secret, str):
        return False
    if "." in token:  # of a page that an earlier version made, which signed it
        signer = signed(the_app().config["SECRET_KEY"], "wtf-csrf-token")
        try:
            token = str(signer.loads(token))
        except BadData:
            return False
    return hmac.compare_digest(secret.encode(), token.encode())


def mask(token: str) -> str:
    """The token behind random bytes, and those bytes."""
    raw = token.encode()
    pad = secrets.token_bytes(len(raw))
    return letters(pad + _xor(raw, pad)).decode()


def unmask(masked: str) -> str | None:
    """The token; None for what `mask` did not make, a bare token above all."""
    try:
        both = octets(masked.encode())
        half = len(both) // 2
        return _xor(both[:half], both[half:]).decode() if len(both) % 2 == 0 else None
    except ValueError:
        return None


def _xor(one: bytes, other: bytes) -> bytes:
    mixed = int.from_bytes(one, "big") ^ int.from_bytes(other, "big")
    return mixed.to_bytes(len(one), "big")
