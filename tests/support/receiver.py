"""A host product on this machine that is told of completions, and checks every signature by the
words of the specification, without the library that made it."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.support.site import Answer, SiteServer

SECRET = "whsec_" + base64.b64encode(b"a secret of this test alone, 32 b").decode()
TAKEN: Answer = (204, {}, "")
Behaviour = Answer | Callable[[BaseHTTPRequestHandler], Answer | None]


@dataclass(frozen=True)
class Message:
    """One request that came, and held."""

    id: str
    body: str
    headers: dict[str, str]

    @property
    def payload(self) -> dict[str, Any]:
        """What is told."""
        return dict(json.loads(self.body))

    @property
    def data(self) -> dict[str, Any]:
        """What it is about."""
        return dict(self.payload["data"])

    @property
    def type(self) -> str:
        """`completed`, `changed`, …"""
        return str(self.payload["type"]).removeprefix("onboarding.")


@dataclass
class Receiver:
    """Takes everything, or behaves as the next of `behaviours` says, the last of them for good."""

    site: SiteServer
    behaviours: list[Behaviour] = field(default_factory=list)
    got: list[Message] = field(default_factory=list)
    taken: list[Message] = field(default_factory=list)
    """Those that were answered with 2xx."""
    faults: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """As WEBHOOK_URL wants it."""
        return self.site.url("/hooks/onward")

    @property
    def settings(self) -> dict[str, str]:
        """The environment of an application that tells this one."""
        return {"WEBHOOK_URL": self.url, "WEBHOOK_SECRET": SECRET}

    def types(self) -> list[str]:
        """What was taken, in order."""
        return [one.type for one in self.taken]

    def answer(self, handler: BaseHTTPRequestHandler) -> Answer | None:
        """Check a request, and behave."""
        body = handler.rfile.read(int(handler.headers["content-length"]))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        if not holds(headers, body, SECRET):
            self.faults.append(f"a signature that does not hold: {headers}")
        message = Message(headers["webhook-id"], body.decode(), headers)
        self.got.append(message)
        behaviour = TAKEN
        if self.behaviours:
            one = self.behaviours[0] if len(self.behaviours) == 1 else self.behaviours.pop(0)
            behaviour = one(handler) if callable(one) else one  # type: ignore[assignment]
        if behaviour and 200 <= behaviour[0] < 300:
            self.taken.append(message)
        return behaviour


def holds(headers: dict[str, str], body: bytes, secret: str) -> bool:
    """Whether one of the signatures is that of `secret`, and the time is now."""
    named = (headers["webhook-id"], headers["webhook-timestamp"])
    signed = b".".join([*(one.encode() for one in named), body])
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mine = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    fresh = abs(time.time() - int(headers["webhook-timestamp"])) < 300
    return fresh and mine in headers["webhook-signature"].split(" ")


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver; the block fails if a signature did not hold."""
    with SiteServer({}) as site:
        receiver = Receiver(site)
        site.pages["/hooks/onward"] = receiver.answer
        yield receiver
    assert receiver.faults == []
