"""One signed POST to the operator's own address: as it is given, no redirect followed, and over
within one deadline, whatever the receiver does."""

import base64
import contextlib
import http.client
import queue
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import unquote, urlsplit

from standardwebhooks import Webhook as Signer

from webapp.types import now

DEADLINE_SECONDS = 15
"""From looking up the name to the last line of the answer's head."""
GONE, BUSY = 410, frozenset({429, 503})


@dataclass(frozen=True)
class Outcome:
    """What the receiver said to one attempt, or what came between."""

    status: int | None = None
    """The status of its answer; None when there was none."""
    fault: str | None = None
    """What went wrong, in words without any address; None for a 2xx."""
    wait: timedelta = timedelta()
    """How long it asked us to wait, with 429 and 503."""

    @property
    def delivered(self) -> bool:
        """True for a 2xx, and for nothing else."""
        return self.status is not None and 200 <= self.status < 300


def deliver(url: str, secrets: Sequence[str], event_id: str, body: str) -> Outcome:
    """Sign and send once. The signature is made anew for each attempt, over its own time, once with
    each of `secrets`, so that a receiver may know the old one or the new one."""
    moment = now().replace(microsecond=0)
    signatures = (Signer(secret).sign(event_id, moment, body) for secret in secrets)
    return _post(
        url,
        {
            "content-type": "application/json",
            "user-agent": "Onward-Webhooks/1",
            "connection": "close",
            "webhook-id": event_id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": " ".join(signatures),
        },
        body.encode(),
    )


def _post(url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
    """The exchange has a thread of its own: a timeout of a socket counts from each byte that comes,
    and a name server's from nothing of ours. Nothing of the answer's body is read."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(
            host, port, timeout=DEADLINE_SECONDS, context=context
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=DEADLINE_SECONDS)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    named = dict(headers)
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        named["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    answers: queue.SimpleQueue[Outcome] = queue.SimpleQueue()

    def exchange() -> None:
        try:
            connection.request("POST", target, body, named)
            with connection.getresponse() as response:
                answers.put(_heard(response.status, response.headers.get("retry-after")))
        except Exception as error:
            answers.put(Outcome(fault=_in_words(error)))
        finally:
            connection.close()

    threading.Thread(target=exchange, name="webhook", daemon=True).start()
    try:
        return answers.get(timeout=DEADLINE_SECONDS)
    except queue.Empty:
        if sock := connection.sock:  # wakes the thread, so that it ends
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        return Outcome(fault=f"no answer within {DEADLINE_SECONDS} seconds")


def _heard(status: int, retry_after: str | None) -> Outcome:
    if 200 <= status < 300:
        return Outcome(status)
    if 300 <= status < 400:
        return Outcome(status, "a redirect, which is not followed")
    wait = _wait(retry_after or "") if status in BUSY else timedelta()
    return Outcome(status, "gone" if status == GONE else "refused", wait)


def _wait(text: str) -> timedelta:
    """`Retry-After`, seconds or a date; nothing for what is neither, or is over."""
    if text.isascii() and text.isdigit() and len(text) < 9:
        return timedelta(seconds=int(text))
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return timedelta()
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(timedelta(), zoned - datetime.now(UTC))


def _in_words(error: Exception) -> str:
    """What kept us from an answer. The texts of the errors themselves may hold the address."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate does not hold ({error.verify_message})"[:120]
    for kind, words in (
        (ssl.SSLError, "no TLS connection"),
        (socket.gaierror, "its name is not known"),
        (ConnectionRefusedError, "connection refused"),
        (TimeoutError, f"no answer within {DEADLINE_SECONDS} seconds"),
        (OSError, "connection broken"),
        (http.client.HTTPException, "its answer is no HTTP"),
    ):
        if isinstance(error, kind):
            return words
    return f"not sent ({type(error).__name__})"
