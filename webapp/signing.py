"""Signed values as itsdangerous writes and reads them, by signers that are made once for each key.

The library derives a key from the secret anew for each value, and tries whether compression makes
the value shorter; either costs more than the signature itself. What is out of the ordinary (a value
that is compressed, a signature that does not hold) is left to the library.
"""

import binascii
import hmac
import json
from functools import lru_cache
from typing import Any

from itsdangerous import Signer, TimestampSigner, URLSafeTimedSerializer
from itsdangerous.signer import SigningAlgorithm

SHORT = 300
"""Up to so many characters of JSON a try at compressing costs more than the bytes it may save. What
was compressed before can be read all the same."""
_LETTERS_OF_A_MOMENT = 6
"""Until 2106."""
MOST_KEPT, LONGEST_KEPT = 1000, 1000
"""How many good texts are kept, and their letters: 1 MB at most."""


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

    def letters_of_signature(self, value: bytes) -> bytes:
        """The signature of the value, as it is sent."""
        return letters(self.algorithm.get_signature(self._derived, value))


_read = json.JSONDecoder().raw_decode


def from_compact(text: str) -> Any:
    """What JSON says that stands alone, with no space around it. `json.loads` looks for such space
    with two patterns. Raises ValueError."""
    value, end = _read(text)
    if end != len(text):
        raise ValueError("there is more behind it")
    return value


class _Compact:
    """JSON without spaces."""

    dumps = staticmethod(json.JSONEncoder(separators=(",", ":")).encode)
    loads = staticmethod(from_compact)


class Signed(URLSafeTimedSerializer):
    """Signs with one secret for one purpose; safe to use from several threads."""

    def __init__(
        self, secret_key: str, salt: str, key_derivation: str, serializer: Any = _Compact
    ) -> None:
        super().__init__(secret_key, salt=salt, serializer=serializer)
        self._signer = _KeptSigner(secret_key, salt, key_derivation)
        self._opened = lru_cache(MOST_KEPT)(self._open)

    def make_signer(self, salt: str | bytes | None = None) -> Signer:
        """The one signer; `salt`, by which itsdangerous lets others be made, is not for this."""
        if salt not in (None, self.salt):
            raise ValueError("a signer for one purpose")
        return self._signer

    def dumps(self, obj: Any, salt: str | bytes | None = None) -> str:
        """The value, the time and the signature, in URL-safe letters."""
        text = self.serializer.dumps(obj)
        if len(text) > SHORT or salt is not None:
            return super().dumps(obj, salt)
        signer = self._signer
        value = b"%s.%s" % (letters(text.encode()), _moment(signer.get_timestamp()))
        return (b"%s.%s" % (value, signer.letters_of_signature(value))).decode()

    def loads(  # type: ignore[override] # as the library has it
        self,
        s: str | bytes,
        max_age: int | None = None,
        return_timestamp: bool = False,
        salt: str | bytes | None = None,
    ) -> Any:
        """What was signed. Raises BadSignature, also when it is older than `max_age` seconds."""
        if isinstance(s, str) and not return_timestamp and salt is None:
            try:
                text, moment = (self._opened if len(s) <= LONGEST_KEPT else self._open)(s)
                if max_age is None or 0 <= self._signer.get_timestamp() - moment <= max_age:
                    return self.serializer.loads(text)
            except Exception:  # noqa: S110 # nosec B110
                pass  # the library says what is wrong with it
        return super().loads(s, max_age, return_timestamp, salt)

    def _open(self, signed_text: str) -> tuple[str, int]:
        """What an ordinary text says, and the second it was signed in. Raises ValueError; what is
        good is kept, for a browser sends the same cookie with each request."""
        value, _dot, signature = signed_text.encode("ascii").rpartition(b".")
        if not hmac.compare_digest(signature, self._signer.letters_of_signature(value)):
            raise ValueError("another signature")
        payload, _dot, moment = value.rpartition(b".")
        if payload[:1] == b"." or len(moment) > _LETTERS_OF_A_MOMENT:
            raise ValueError("compressed, or of another time")
        return octets(payload).decode(), int.from_bytes(octets(moment), "big")


_TO_URL, _FROM_URL = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_", b"+/")


def letters(raw: bytes) -> bytes:
    """Base64 for an address, without the padding."""
    return binascii.b2a_base64(raw, newline=False).rstrip(b"=").translate(_TO_URL)


def octets(text: bytes) -> bytes:
    """The reverse of `letters`, padded or not. Raises ValueError."""
    padded = text.translate(_FROM_URL) + b"=" * (-len(text) % 4)
    return binascii.a2b_base64(padded, strict_mode=True)


@lru_cache(2)
def _moment(seconds: int) -> bytes:
    """A time in letters."""
    return letters(seconds.to_bytes(8, "big").lstrip(b"\0"))


@lru_cache(16)
def signed(
    secret_key: str, salt: str, key_derivation: str = "django-concat", serializer: Any = _Compact
) -> Signed:
    """The one for a secret and a purpose; as many as there are applications, times two."""
    return Signed(secret_key, salt, key_derivation, serializer)
