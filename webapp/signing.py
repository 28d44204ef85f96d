"""Signed values as itsdangerous writes and reads them, by signers that are made once for each key.

The library derives a key from the secret anew for each value, and tries whether compression makes
the value shorter; either costs more than the signature itself.
"""

import hmac
import json
from functools import lru_cache
from typing import Any

from itsdangerous import Signer, TimestampSigner, URLSafeTimedSerializer
from itsdangerous.encoding import base64_encode
from itsdangerous.signer import SigningAlgorithm

SHORT = 300
"""Up to so many characters of JSON a try at compressing costs more than the bytes it may save. What
was compressed before can be read all the same."""


class _KeptHMAC(SigningAlgorithm):
    """HMAC with SHA-1, itsdangerous' own choice, begun with the key once and for all."""

    def __init__(self, key: bytes) -> None:
        self._begun = hmac.new(key, digestmod="sha1")

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        """The signature of the value."""
        goes_on = self._begun.copy()
        goes_on.update(value)
        return goes_on.digest()


class _KeptSigner(TimestampSigner):
    """A signer of one key."""

    def __init__(self, secret_key: str, salt: str, key_derivation: str) -> None:
        super().__init__(secret_key, salt=salt, key_derivation=key_derivation)
        self._derived = super().derive_key()
        self.algorithm = _KeptHMAC(self._derived)

    def derive_key(self, secret_key: str | bytes | None = None) -> bytes:
        """The key, derived when the signer was made."""
        return self._derived


class _Compact:
    """JSON without spaces."""

    dumps = staticmethod(json.JSONEncoder(separators=(",", ":")).encode)
    loads = staticmethod(json.loads)


class Signed(URLSafeTimedSerializer):
    """Signs with one secret for one purpose; safe to use from several threads."""

    def __init__(
        self, secret_key: str, salt: str, key_derivation: str, serializer: Any = _Compact
    ) -> None:
        super().__init__(secret_key, salt=salt, serializer=serializer)
        self._signer = _KeptSigner(secret_key, salt, key_derivation)

    def make_signer(self, salt: str | bytes | None = None) -> Signer:
        """The one signer; `salt`, by which itsdangerous lets others be made, is not for this."""
        if salt not in (None, self.salt):
            raise ValueError("a signer for one purpose")
        return self._signer

    def dump_payload(self, obj: Any) -> bytes:
        """The value in URL-safe letters."""
        text = self.serializer.dumps(obj)
        return super().dump_payload(obj) if len(text) > SHORT else base64_encode(text)


@lru_cache(16)
def signed(
    secret_key: str, salt: str, key_derivation: str = "django-concat", serializer: Any = _Compact
) -> Signed:
    """The one for a secret and a purpose; as many as there are applications, times two."""
    return Signed(secret_key, salt, key_derivation, serializer)
