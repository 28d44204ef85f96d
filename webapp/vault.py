"""Secrets at rest: AES-256-GCM, bound to the row that they belong to.

A column type would not do: it never sees the row. A sealed value is `version (1 byte) + key id
(4 bytes) + nonce (12 bytes) + ciphertext and tag`; what it belongs to (session and provider) is the
associated data, so that a ciphertext copied to another row does not open.
"""

import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from webapp.at_hand import the_app

_VERSION = b"\x01"
_ID, _NONCE = 4, 12


class CannotOpen(Exception):
    """The value was sealed with a key that is not here, for another row, or is damaged."""


class Vault:
    """Seals with the newest key, opens with any of them."""

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        """`keys`: 32 bytes each, newest first."""
        self._keys = {key_id(key): AESGCM(key) for key in reversed(keys)}
        self._newest = key_id(keys[0])

    def seal(self, text: str, *belongs_to: str) -> bytes:
        """Encrypt `text` for the row named by `belongs_to`."""
        nonce = os.urandom(_NONCE)
        sealed = self._keys[self._newest].encrypt(nonce, text.encode(), _bound(belongs_to))
        return _VERSION + self._newest + nonce + sealed

    def open(self, sealed: bytes, *belongs_to: str) -> str:
        """Decrypt what `seal` made for the same row; raises CannotOpen."""
        key = self._keys.get(sealed[1 : 1 + _ID])
        if key is None or sealed[:1] != _VERSION:
            raise CannotOpen("sealed with a key that is not configured")
        nonce, ciphertext = sealed[1 + _ID : 1 + _ID + _NONCE], sealed[1 + _ID + _NONCE :]
        try:
            return key.decrypt(nonce, ciphertext, _bound(belongs_to)).decode()
        except (InvalidTag, ValueError) as error:
            raise CannotOpen("damaged, or sealed for another row") from error

    def is_newest(self, sealed: bytes) -> bool:
        """Whether the newest key sealed this value, so that a rotation has nothing to do."""
        return sealed[: 1 + _ID] == _VERSION + self._newest

    def key_name(self, sealed: bytes) -> str:
        """The id, in hex, of the key that sealed this value."""
        return sealed[1 : 1 + _ID].hex()


def key_id(key: bytes) -> bytes:
    """Four bytes that name a key without telling anything of it."""
    return hashlib.sha256(b"onward key id" + key).digest()[:_ID]


def vault() -> Vault:
    """The vault of the application at work."""
    return the_app().extensions["vault"]


def _bound(belongs_to: tuple[str, ...]) -> bytes:
    return b"\0".join(part.encode() for part in belongs_to)
