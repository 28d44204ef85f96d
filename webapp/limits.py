"""How often is too often: one table from a route's endpoint to its rate.

Each rate is counted twice: for the caller (the browser's cookie, the bearer, the API's session id)
and, looser, for the address, behind which a whole office may sit. Guesses at tokens are counted by
address alone, and only where they failed, so that whoever holds the token is never counted.

Counts are kept in the process, or in Redis where all processes and machines share them. While Redis
is away each process counts for itself; the log says so once, and it is asked again every little
while. The library `limits` is loaded for Redis alone: with all the storages that it knows it takes
1.6 MB of a process.
"""

import hashlib
import ipaddress
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, Protocol

from flask import Flask, Request, Response
from werkzeug.exceptions import TooManyRequests

from webapp.at_hand import its_session, the_app, the_request
from webapp.config import Settings

log = logging.getLogger(__name__)

UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})

REDIS_SECONDS = 0.25
"""How long a request waits for Redis before it counts in memory."""


SWEEP_SECONDS = 10
"""How often counts in memory that are over are thrown away."""


class Counts(Protocol):
    """Where requests are counted, by key: from the first one on for so many seconds, then anew.
    Redis is asked by the library's storages, which have these methods."""

    def incr(self, key: str, expiry: int) -> int:
        """One more; returns how many there are. `expiry`: seconds."""

    def get(self, key: str) -> int:
        """How many there are."""

    def get_expiry(self, key: str) -> float:
        """When they are counted anew; now, if there are none."""


class Memory:
    """Counts in the memory of this process. Safe to use from several threads."""

    def __init__(self) -> None:
        """Nothing was counted yet."""
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[int, float]] = {}
        """Key -> how many, and until when they count."""
        self._swept = 0.0

    def incr(self, key: str, expiry: int) -> int:
        """One more; returns how many there are. Now and then, all that is over is thrown away."""
        now = time.time()
        with self._lock:
            if abs(now - self._swept) > SWEEP_SECONDS:  # a clock may be put back, too
                self._swept = now
                self._kept = {one: kept for one, kept in self._kept.items() if kept[1] > now}
            count, until = self._kept.get(key, _NEVER)
            if until <= now:
                count, until = 0, now + expiry
            self._kept[key] = count + 1, until
        return count + 1

    def get(self, key: str) -> int:
        """How many there are."""
        count, until = self._kept.get(key, _NEVER)
        return count if until > time.time() else 0

    def get_expiry(self, key: str) -> float:
        """When they are counted anew; now, if there are none."""
        return max(self._kept.get(key, _NEVER)[1], time.time())


_NEVER = (0, 0.0)


class Limit(NamedTuple):
    """So many requests within a unit of time."""

    amount: int
    unit: str

    @property
    def seconds(self) -> int:
        """The unit of time."""
        return UNITS[self.unit]

    def __str__(self) -> str:
        """As `limits` says it."""
        return f"{self.amount} per 1 {self.unit}"


UNITS = {"minute": 60, "hour": 3600}
"""Seconds of each."""


def limits_of(text: str) -> list[Limit]:
    """`1000/minute;5000/hour`, one after the other; none for nothing."""
    each = (one.split("/") for one in text.split(";") if one)
    return [Limit(int(amount), unit) for amount, unit in each]


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

    @cached_property
    def limits(self) -> list[tuple[Limit, str]]:
        """Each limit and its kind, those of the shorter time first."""
        kinds = (("caller", self.caller), ("address", self.address), ("refused", self.refused))
        found = [(limit, kind) for kind, text in kinds for limit in limits_of(text)]
        return sorted(found, key=lambda one: one[0].seconds)


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


class RateLimitExceeded(TooManyRequests):
    """Too often; `description` says which limit was met."""


def init_app(app: Flask, settings: Settings) -> None:
    """Count the requests of `app`, before their forms are checked."""
    if not settings.rate_limits:
        return
    app.extensions["limits"] = limits = Limits(settings.redis_url)
    app.before_request(limits.count)
    app.after_request(limits.count_refused)


class Counted(NamedTuple):
    """One limit of one request."""

    limit: Limit
    key: str
    """What it is counted under, in Redis too: who, for what, and the limit itself."""
    if_refused: bool = False
    """It is looked at before the request and counted after it, if that was refused."""


class Limits:
    """Counts the requests of one application. Safe to use from several threads."""

    def __init__(self, redis_url: str) -> None:
        """`redis_url`: where the counts are shared; empty for the memory of this process."""
        self._memory = Memory()
        self._shared: Any = None
        self._lost: tuple[type[Exception], ...] = ()
        """What says that Redis is away."""
        if redis_url:  # without one no process need load the libraries
            from limits.errors import StorageError
            from limits.storage import storage_from_string
            from redis.backoff import NoBackoff
            from redis.retry import Retry

            options: dict[str, Any] = {
                "socket_connect_timeout": REDIS_SECONDS,
                "socket_timeout": REDIS_SECONDS,
                "retry": Retry(NoBackoff(), 0),
                "wrap_exceptions": True,
            }
            self._shared, self._lost = storage_from_string(redis_url, **options), (StorageError,)
        self._away, self._asked_at, self._asked = False, 0.0, 0

    def count(self) -> None:
        """Count this request. Raises RateLimitExceeded."""
        asked = the_request()
        endpoint = asked.endpoint
        if endpoint is None:
            return
        action = asked.form.get("action", "") if endpoint == "wizard.save_step" else ""
        rate = rate_of(endpoint, asked.method, action)
        if rate is None:
            return
        counted = list(_counted(rate))
        met = self._met(counted)
        if met:
            asked.environ[_MET] = met
            raise RateLimitExceeded(str(met.limit))
        if rate.refused:
            asked.environ[_IF_REFUSED] = rate.statuses, counted

    def count_refused(self, response: Response) -> Response:
        """Count this answer where only refusals count."""
        statuses, counted = the_request().environ.get(_IF_REFUSED, ((), ()))
        if response.status_code in statuses:
            try:
                for one in counted:
                    if one.if_refused:
                        self._counts().incr(one.key, one.limit.seconds)
            except Exception:  # Redis may die between the two looks at it: nobody loses a page
                log.exception("a refusal was not counted")
        return response

    def seconds_to_wait(self, met: Counted) -> int:
        """Until the limit that was met opens again."""
        try:
            opens_at = self._counts().get_expiry(met.key)
        except self._lost:  # between the two looks at it
            return 60
        return max(1, int(int(opens_at + 1) - time.time()) + 1)

    def _met(self, counted: list[Counted]) -> Counted | None:
        """The first limit that is met; those before it have counted the request."""
        self._ask_again()
        try:
            return _first_met(self._counts(), counted)
        except Exception:
            if self._shared is None or self._away:
                log.exception("a request was not counted")
                return None
        log.warning("Rate limit storage unreachable - falling back to in-memory storage")
        self._away = True
        return _first_met(self._memory, counted)

    def _counts(self) -> Counts:
        return self._memory if self._away or self._shared is None else self._shared

    def _ask_again(self) -> None:
        """While Redis is away: is it back? Asked after 1, 2, 4 … 32 seconds, and from the start."""
        if not self._away or self._shared is None:
            return
        if time.time() - self._asked_at > 2**self._asked:
            self._asked_at, self._asked = time.time(), (self._asked + 1) % 6
            if self._shared.check():
                log.info("Rate limit storage recovered")
                self._away, self._asked = False, 0


_MET, _IF_REFUSED = "onward.limit_met", "onward.counted_if_refused"


def _first_met(counts: Counts, counted: list[Counted]) -> Counted | None:
    for one in counted:
        limit, key, if_refused = one
        many = counts.get(key) + 1 if if_refused else counts.incr(key, limit.seconds)
        if many > limit.amount:
            return one
    return None


def _counted(rate: Rate) -> Iterator[Counted]:
    """The limits of this request, those of the shorter time first."""
    asked = the_request()
    caller, address = _caller(asked) if rate.caller else "", _address(asked.remote_addr or "")
    for limit, kind in rate.limits:
        who = caller if kind == "caller" else address
        if who:
            what = f"{rate.name}-{kind}/{limit.amount}/1/{limit.unit}"  # as `limits` writes it
            yield Counted(limit, f"LIMITER/onward/{who}/{what}", kind == "refused")


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
    met = the_request().environ.get(_MET)
    if met is None:
        return 60
    limits: Limits = the_app().extensions["limits"]
    return limits.seconds_to_wait(met)


def _caller(asked: Request) -> str:
    """Who calls, without a look at whether they may: the address is counted as well."""
    environ = asked.environ
    said = (
        environ.get("HTTP_X_ONBOARDING_SESSION")
        or (asked.query_string and asked.args.get("session_id"))
        or environ.get("HTTP_AUTHORIZATION")
        or its_session().get("csrf_token")
    )
    return hashlib.sha256(str(said).encode()).hexdigest()[:32] if said else ""


@lru_cache(4096)
def _address(text: str) -> str:
    """The client's address; of IPv6 the /64, which is what one customer has. (What the server, or
    `proxies`, made of it is as short as an address is.)"""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "unknown"
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False).network_address)
    return str(address)
