"""How often is too often: one table from a route's endpoint to its rate.

Each rate is counted twice: for the caller (the browser's cookie, the bearer, the API's session id)
and, looser, for the address, behind which a whole office may sit. Guesses at tokens are counted by
address alone, and only where they failed, so that whoever holds the token is never counted.

Counts are kept in the process, or in Redis where all processes and machines share them. While Redis
is away each process counts for itself; the log says so once, and it is asked again every little
while.
"""

import hashlib
import ipaddress
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from flask import Flask, Response, current_app, request, session
from flask_limiter import Limit, Limiter, RateLimitExceeded
from limits.errors import StorageError
from limits.storage import MemoryStorage

from webapp.config import Settings

__all__ = ["RATES", "Rate", "RateLimitExceeded", "init_app", "rate_of", "retry_after"]

UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})

REDIS_SECONDS = 0.25
"""How long a request waits for Redis before it counts in memory."""


SWEEP_SECONDS = 10
"""How often counts in memory that are over are thrown away."""


class SweptMemory(MemoryStorage):
    """Counts in memory. The library's own starts a thread up to a hundred times a second to look
    through all of them; here a request does it now and then."""

    STORAGE_SCHEME = ["swept-memory"]  # noqa: RUF012 - as the library declares it
    _swept = 0.0

    def _MemoryStorage__schedule_expiry(self) -> None:  # noqa: N802 - its private name
        if time.monotonic() - self._swept > SWEEP_SECONDS:
            self._swept = time.monotonic()
            self._MemoryStorage__expire_events()  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Rate:
    """So many requests; empty: not counted. Several, with semicolons: the strictest decides.

    `refused`: answers of these `statuses` alone, by address. The sums are generous: an office of
    200 people who all work at once stays below them.
    """

    name: str
    caller: str = ""
    address: str = ""
    refused: str = ""
    statuses: frozenset[int] = frozenset({401, 403})


SAVE = Rate("save", caller="120/minute", address="6000/minute")
"""Also every route that changes something and is not named below."""
DRAFT = Rate("draft", caller="120/minute", address="12000/minute")
START = Rate("start", caller="30/minute", address="1000/minute;10000/hour")
CHECK_KEY = Rate("check-key", caller="30/minute;200/hour", address="1000/minute;5000/hour")
ANALYSE = Rate("analyse", caller="20/minute;100/hour", address="1000/minute;5000/hour")
MAKE_LINK = Rate("make-link", caller="20/minute;60/hour", address="600/minute;3000/hour")
FOLLOW_LINK = Rate(
    "follow-link", address="1000/minute", refused="60/minute;600/hour", statuses=frozenset({404})
)
SIGN_IN = Rate("sign-in", caller="60/minute", address="3000/minute", refused="1200/minute")
TOKEN = Rate("token", refused="20/minute;120/hour")
"""Tokens of operators, cron and services."""

TOKEN_OR_FORM = replace(TOKEN, statuses=frozenset({403}))
"""The same where 401 is the form that asks for the token: who comes to it has guessed nothing."""

RATES: dict[str, Rate] = {
    "wizard.start": START,
    "wizard.save_step": SAVE,
    "wizard.draft": DRAFT,
    "links.make": MAKE_LINK,
    "links.ask": FOLLOW_LINK,
    "links.follow": FOLLOW_LINK,
    "sign_in.show": SIGN_IN,
    "sign_in.adopt": SIGN_IN,
    "cleanup.cleanup": TOKEN,
    "metrics.show": TOKEN,
    "operators.sign_in": TOKEN,
    "operators.show": TOKEN_OR_FORM,
    "operators.download": TOKEN_OR_FORM,
    "service.status": TOKEN,
    "service.summary": TOKEN,
    "service.ai_inputs": TOKEN,
    "service.api_key": TOKEN,
    "api.post_start": START,
    "api.post_first_declaration": START,
    "api.post_providers__provider__validate": CHECK_KEY,
    "api.post_style_detection_complete": ANALYSE,
}
"""Endpoint -> rate, whatever the method. A route that is not named here and changes something has
the rate of saving."""

ACTIONS: dict[str, Rate] = {"check": CHECK_KEY, "again": ANALYSE}
"""The button of a step's form (up to its first hyphen) -> rate, where it costs more than a save."""


def init_app(app: Flask, settings: Settings) -> None:
    """Count the requests of `app`, before their forms are checked."""
    if not settings.rate_limits:
        return
    options: dict[str, Any] = {}
    if settings.redis_url:  # without one no process need load the library
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        options = {
            "socket_connect_timeout": REDIS_SECONDS,
            "socket_timeout": REDIS_SECONDS,
            "retry": Retry(NoBackoff(), 0),
            "wrap_exceptions": True,
        }
    limiter = Limiter(
        _address,
        default_limits=[
            _limit("caller", _caller, exempt_when=_is_nobody),
            _limit("address", _address),
            _limit("refused", _address, deduct_when=_was_refused),
        ],
        storage_uri=settings.redis_url or "swept-memory://",
        storage_options=options,
        in_memory_fallback_enabled=bool(settings.redis_url),
        swallow_errors=True,  # Redis may die between the two looks at it: nobody loses a page
        key_prefix="onward",
    )
    limiter.request_filter(lambda: _rate() is None)
    limiter.init_app(app)
    for handler in limiter.logger.handlers[:]:
        if isinstance(handler, logging.NullHandler):  # it would swallow that Redis is away
            limiter.logger.removeHandler(handler)
    app.extensions["limits"] = limiter


def rate_of(endpoint: str | None, method: str, action: str = "") -> Rate | None:
    """The rate of a request; None when it is not counted."""
    rate = RATES.get(endpoint or "")
    if rate and rate.name == SAVE.name:
        return ACTIONS.get(action.partition("-")[0], rate) if method in UNSAFE else None
    if rate is None and method in UNSAFE:
        return SAVE
    return rate


def retry_after() -> int:
    """Seconds until the limit that this request met opens again."""
    limiter = current_app.extensions.get("limits")
    met = limiter.current_limit if limiter else None
    if met is None:
        return 60
    try:
        return max(1, int(met.reset_at - time.time()) + 1)
    except StorageError:  # Redis went away between the two looks at it
        return 60


def _limit(kind: str, key: Callable[[], str], **more: Any) -> Limit:
    return Limit(
        lambda: getattr(_rate(), kind, ""),
        key_function=key,
        scope=lambda _endpoint: f"{getattr(_rate(), 'name', '')}-{kind}",
        shared=True,
        **more,
    )


def _rate() -> Rate | None:
    environ, endpoint = request.environ, request.endpoint
    if "onward.rate" not in environ:
        action = request.form.get("action", "") if endpoint == "wizard.save_step" else ""
        environ["onward.rate"] = rate_of(endpoint, request.method, action)
    found: Rate | None = environ["onward.rate"]
    return found


def _caller() -> str:
    """Who calls, without a look at whether they may: the address is counted as well."""
    said = (
        request.headers.get("X-Onboarding-Session")
        or request.args.get("session_id")
        or request.headers.get("Authorization")
        or session.get("csrf_token")
    )
    return hashlib.sha256(str(said).encode()).hexdigest()[:32] if said else ""


def _is_nobody() -> bool:
    return not _caller()


def _address() -> str:
    """The client's address; of IPv6 the /64, which is what one customer has."""
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return "unknown"
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False).network_address)
    return str(address)


def _was_refused(response: Response) -> bool:
    rate = _rate()
    return rate is not None and response.status_code in rate.statuses
