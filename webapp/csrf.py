"""CSRF tokens that look different in every response.

Pages are compressed, and a secret that came back the same in each of them could be guessed from
their lengths (BREACH). So the token of Flask-WTF, which repeats its raw value, is sent XORed with
random bytes that come along. A page that was opened before keeps its own mask, and stays valid.
"""

import base64
import binascii
import secrets

from flask import Flask, g
from flask_wtf.csrf import CSRFProtect, generate_csrf


class MaskedCSRF(CSRFProtect):
    """Flask-WTF's protection, with masked tokens in the forms and in the `X-CSRFToken` header."""

    def init_app(self, app: Flask) -> None:
        """Attach it; templates get `csrf_token()`, and nothing that gives the token away bare."""
        super().init_app(app)
        app.jinja_env.globals.pop("csrf_meta_tag", None)
        app.jinja_env.globals["csrf_token"] = csrf_token
        app.context_processor(lambda: {"csrf_token": csrf_token, "csrf_meta_tag": None})

    def _get_csrf_token(self) -> str | None:
        return unmask(super()._get_csrf_token() or "")


def csrf_token() -> str:
    """The token for the forms of this response, in the mask of this response."""
    if "masked_csrf_token" not in g:
        g.masked_csrf_token = mask(generate_csrf())
    return str(g.masked_csrf_token)


def mask(token: str) -> str:
    """The token behind random bytes, and those bytes."""
    raw = token.encode()
    pad = secrets.token_bytes(len(raw))
    return base64.urlsafe_b64encode(pad + _xor(raw, pad)).decode()


def unmask(masked: str) -> str | None:
    """The token; None for what `mask` did not make, a bare token above all."""
    try:
        both = base64.b64decode(masked.encode(), b"-_", validate=True)
        half = len(both) // 2
        return _xor(both[:half], both[half:]).decode() if len(both) % 2 == 0 else None
    except (binascii.Error, ValueError):
        return None


def _xor(one: bytes, other: bytes) -> bytes:
    mixed = int.from_bytes(one, "big") ^ int.from_bytes(other, "big")
    return mixed.to_bytes(len(one), "big")
