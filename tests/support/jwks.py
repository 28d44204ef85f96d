"""Somebody who signs users in: keys, tokens, and the JWKS document on this machine."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

ISSUER = "https://clerk.example.com"
AUDIENCE = "https://start.example.com"


@dataclass(frozen=True)
class SigningKey:
    """A private key with its id; `kind` is RS256 or ES256."""

    kid: str
    kind: str
    private: Any

    @property
    def public(self) -> dict[str, Any]:
        """As a JWKS document lists it."""
        algorithm = RSAAlgorithm if self.kind == "RS256" else ECAlgorithm
        made: dict[str, Any] = algorithm.to_jwk(self.private.public_key(), as_dict=True)
        return made | {"kid": self.kid, "use": "sig", "alg": self.kind}

    def token(self, sub: object = "user_1", **changes: Any) -> str:
        """A token for this user that lives for a minute, as Clerk's. `changes` are claims, None for
        one that is left out; `headers` does the same for the token's header."""
        moment = int(time.time())
        headers = {"alg": self.kind, "typ": "JWT", "kid": self.kid} | changes.pop("headers", {})
        claims = {
            "sub": sub, "iss": ISSUER, "azp": AUDIENCE,
            "iat": moment, "nbf": moment - 5, "exp": moment + 60,
        } | changes  # fmt: skip
        return self.signed(headers, claims)

    def signed(self, headers: dict[str, Any], claims: dict[str, Any]) -> str:
        """A token of just that; made here, as PyJWT would refuse to make some of those that are to
        be refused. The header's `alg` decides how it is signed, where it is one that can be."""
        text = f"{encoded(headers)}.{encoded(claims)}"
        name = str(headers.get("alg"))
        known = name if name in ("RS512", "PS256") else self.kind
        signature = jwt.get_algorithm_by_name(known).sign(text.encode(), self.private)
        return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def encoded(part: Any) -> str:
    """A part of a token; of an object without what is None."""
    if isinstance(part, dict):
        part = {name: value for name, value in part.items() if value is not None}
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def new_key(kid: str, kind: str = "RS256") -> SigningKey:
    """RSA of 2048 bits, or the curve P-256."""
    if kind == "RS256":
        return SigningKey(kid, kind, rsa.generate_private_key(65537, 2048))
    return SigningKey(kid, kind, ec.generate_private_key(ec.SECP256R1()))


KEY = new_key("first")
"""One key for all tests of this process: making them takes its time."""


class JwksServer:
    """Serves `keys` as a JWKS document on 127.0.0.1; `answer` replaces what it says, `hold` makes
    it wait, `away` makes it refuse."""

    def __init__(self, *keys: SigningKey) -> None:
        self.keys = list(keys)
        self.fetches = 0
        self.away = False
        self.answer: tuple[int, dict[str, str], bytes] | None = None
        self.drip = threading.Event()
        """While it is set, the body comes a byte at a time."""
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server._serve(self)

            def log_message(self, *_: Any) -> None:
                """Nothing: the fetches are counted."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_: Any) -> None:
                """Nothing: a reader that hangs up is what some tests are about."""

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        """As JWT_JWKS_URL wants it."""
        return f"http://127.0.0.1:{self._server.server_port}/.well-known/jwks.json"

    @property
    def settings(self) -> dict[str, str]:
        """The environment of an application whose users this one signs in."""
        return {
            "AUTH_MODE": "jwt",
            "JWT_JWKS_URL": self.url,
            "JWT_ISSUER": ISSUER,
            "JWT_AUDIENCE": AUDIENCE,
        }

    def close(self) -> None:
        """No more of it."""
        self.drip.clear()
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        self.fetches += 1
        if self.away:
            handler.close_connection = True
            handler.wfile.close()
            return
        document = json.dumps({"keys": [key.public for key in self.keys]}).encode()
        status, headers, body = self.answer or (200, {}, document)
        handler.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            handler.send_header(name, value)
        handler.end_headers()
        while self.drip.is_set() and body:
            handler.wfile.write(body[:1])
            handler.wfile.flush()
            body = body[1:]
            time.sleep(0.05)
        handler.wfile.write(body)


@contextmanager
def jwks_server(*keys: SigningKey) -> Iterator[JwksServer]:
    """A server with these keys, or with `KEY`."""
    server = JwksServer(*(keys or (KEY,)))
    try:
        yield server
    finally:
        server.close()
