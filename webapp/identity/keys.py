"""The public keys of whoever signs the users' tokens: a JWKS document, fetched and kept.

Its address is the operator's own, so it is fetched as given; redirects are not followed, and it
has nothing to do with what visitors may have fetched. Keys once read serve until a newer document
replaces them, so that an outage over there signs nobody out here.
"""

import http.client
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from jwt import PyJWK

ALGORITHMS = {("RSA", None): "RS256", ("EC", "P-256"): "ES256"}
"""Kind of key and curve -> the one algorithm that it may have signed with."""
LEAST_RSA_BITS = 2048
MOST_BYTES = 256 * 1024
FETCH_SECONDS = 4.0
"""How long a fetch may take, and how long a request waits for one."""
APART_SECONDS = 10.0
"""Fetches begin at least so far apart, whatever key ids are asked for."""
FRESH_SECONDS = 3600.0
"""A document older than this is fetched anew beside the requests, so that a withdrawn key goes."""

log = logging.getLogger(__name__)


class KeysAway(Exception):
    """No document was ever read, and none is to be had now."""


class JwksKeys:
    """The keys of one address. Safe to use from several threads."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        """`url`: '' where nobody signs in."""
        if url:
            import jwt  # noqa: F401 - 2 MB for those who need it, and no wait in the first request
        self._url, self._clock = url, clock
        self._lock = threading.Lock()
        self._keys: list[PyJWK] | None = None
        self._read_at = 0.0
        self._begun_at: float | None = None
        self._running: threading.Event | None = None

    def find(self, key_id: str | None) -> "PyJWK | None":
        """The key of this id; None when there is none in the newest document that could be had. A
        token may leave the id out where there is just one key.

        Raises KeysAway when there has never been a document.
        """
        found = self._known(key_id)
        if found is None:
            self._fetch(wait=True)
            found = self._known(key_id)
        elif self._clock() - self._read_at > FRESH_SECONDS:
            self._fetch(wait=False)
        if found is None and self._keys is None:
            raise KeysAway
        return found

    def _known(self, key_id: str | None) -> "PyJWK | None":
        keys = self._keys or []
        if key_id is None:
            return keys[0] if len(keys) == 1 else None
        return next((key for key in keys if key.key_id == key_id), None)

    def _fetch(self, wait: bool) -> None:
        """Fetch the document, unless that is under way already or was done a moment ago."""
        with self._lock:
            now = self._clock()
            if self._running is None:
                if self._begun_at is not None and now - self._begun_at < APART_SECONDS:
                    return
                self._begun_at, self._running = now, threading.Event()
                threading.Thread(target=self._run, args=(self._running,), daemon=True).start()
            running = self._running
        if wait:
            running.wait(FETCH_SECONDS)

    def _run(self, done: threading.Event) -> None:
        try:
            keys = read_keys(json.loads(_download(self._url)))
            if not keys:
                raise ValueError("it holds no RSA or P-256 key for signatures")
            self._keys, self._read_at = keys, self._clock()
        except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
            log.warning("the signing keys could not be fetched: %s", type(error).__name__)
        finally:
            with self._lock:
                self._running = None
            done.set()


def read_keys(document: Any) -> "list[PyJWK]":
    """The keys of a JWKS document that may sign tokens; others are passed over: shared secrets,
    keys for encryption, unknown curves, short RSA keys."""
    import jwt

    listed = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(listed, list):
        raise ValueError("this is no JWKS document")
    found = []
    for one in listed:
        if not isinstance(one, Mapping):
            continue
        curve = one.get("crv") if one.get("kty") == "EC" else None
        algorithm = ALGORITHMS.get((str(one.get("kty")), curve and str(curve)))
        if algorithm is None or one.get("alg", algorithm) != algorithm:
            continue
        if one.get("use", "sig") != "sig" or not isinstance(one.get("kid", ""), str):
            continue
        try:
            key = jwt.PyJWK(dict(one), algorithm=algorithm)
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        if algorithm == "ES256" or key.key.key_size >= LEAST_RSA_BITS:
            found.append(key)
    return found


def _download(url: str) -> bytes:
    """The body behind an address; no redirects, no more than `MOST_BYTES` and `FETCH_SECONDS`."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=FETCH_SECONDS)
    connection.connect()
    # A timeout for each read is no deadline: a server that drips is cut off as a whole.
    deadline = threading.Timer(FETCH_SECONDS, _cut, (connection.sock,))
    deadline.daemon = True
    deadline.start()
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", target, headers={"Accept": "application/json"})
        answer = connection.getresponse()
        if answer.status != 200:
            raise ValueError(f"the answer was {answer.status}")
        body = answer.read(MOST_BYTES + 1)
    finally:
        deadline.cancel()
        connection.close()
    if len(body) > MOST_BYTES:
        raise ValueError("the document is too large")
    return body


def _cut(wire: socket.socket) -> None:
    with suppress(OSError):
        wire.shutdown(socket.SHUT_RDWR)
