"""Asking a provider whether it accepts a key: the provider itself, on the user's request alone.

Each is asked for something that costs nothing and changes nothing. The key goes into a header, over
TLS, to the one address in the table, and is never sent on after a redirect.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from webapp.config import settings
from webapp.site.address import AddressError
from webapp.steps.api_keys.providers import BY_NAME, Provider, mend
from webapp.texts import gettext as _

if TYPE_CHECKING:
    from webapp.site.fetch import Reply

DEADLINE_SECONDS = 8
MOST_READ = 64 * 1024
AT_A_TIME = 3
"""Checks under way in one process: a provider that hangs must not take every thread along."""

Outcome = Literal["accepted", "refused", "unknown"]
log = logging.getLogger(__name__)
_turns = threading.BoundedSemaphore(AT_A_TIME)


@dataclass(frozen=True)
class Verdict:
    """What is known of a key. `valid`: its shape; `checked`: what the provider says of it, None
    when it was not asked; `message`: both in one sentence for people."""

    valid: bool
    checked: Outcome | None
    message: str


@dataclass(frozen=True)
class Endpoint:
    """Where a provider is asked, and what its answers mean beyond the usual: 2xx accepts, 401
    refuses."""

    base: str
    path: str
    headers: Callable[[str], Mapping[str, str]]
    refuses: frozenset[int] = frozenset()
    refusal: tuple[int, bytes] | None = None
    """A status that refuses the key only when the answer holds these words."""
    spent: frozenset[int] = frozenset({402})
    """Statuses by which the provider knows the key and says that its account has no credit."""
    also_accepts: frozenset[int] = field(default=frozenset())


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


ENDPOINTS: dict[str, Endpoint] = {
    # ai.google.dev/api/models. A wrong key is 400, with the reason API_KEY_INVALID.
    "gemini": Endpoint(
        "https://generativelanguage.googleapis.com",
        "/v1beta/models?pageSize=1",
        lambda key: {"x-goog-api-key": key},
        refusal=(400, b"API_KEY_INVALID"),
    ),
    # platform.openai.com/docs/api-reference/models/list. A key that is restricted is 403.
    "openai": Endpoint("https://api.openai.com", "/v1/models", _bearer),
    # platform.claude.com/docs/en/api/models/list
    "anthropic": Endpoint(
        "https://api.anthropic.com",
        "/v1/models?limit=1",
        lambda key: {"x-api-key": key, "anthropic-version": "2023-06-01"},
    ),
    # docs.mistral.ai/api, models
    "mistral": Endpoint("https://api.mistral.ai", "/v1/models", _bearer),
    # exa.ai/docs/websets/api and exa.ai/docs/reference/error-codes: 403 is a valid key whose plan
    # lacks the feature. A search would cost money, listing one's websets does not.
    "exa": Endpoint(
        "https://api.exa.ai",
        "/websets/v0/websets?limit=1",
        lambda key: {"x-api-key": key},
        also_accepts=frozenset({403}),
    ),
    # docs.tavily.com/documentation/api-reference/endpoint/usage; 432 and 433: a limit is used up
    "tavily": Endpoint(
        "https://api.tavily.com", "/usage", _bearer, spent=frozenset({402, 432, 433})
    ),
    # serper.dev's dashboard; a wrong key is 403, with the word Unauthorized
    "serper": Endpoint(
        "https://google.serper.dev",
        "/account",
        lambda key: {"X-API-KEY": key},
        refuses=frozenset({403}),
    ),
    # CopilotKit has no address that says anything of a key without running an assistant.
}
"""Provider -> where it is asked."""


def check(name: str, key: str) -> Verdict:
    """The shape of a key, and then what its provider says of it.

    Takes up to `DEADLINE_SECONDS`: never call it in a transaction, or with a connection in hand.
    `name` is one of `PROVIDERS`. Raises KeyError for another.
    """
    provider, key = BY_NAME[name], mend(key)
    if fault := provider.fault(key):
        return Verdict(False, None, fault)
    if not settings().provider_checks:
        said = _("The key looks right. Providers are not asked here whether they accept it.")
        return Verdict(True, None, said)
    endpoint = ENDPOINTS.get(name)
    if endpoint is None:
        said = _(
            "The key looks right. %(name)s has no way to check it: its first use will tell.",
            name=provider.label,
        )
        return Verdict(True, "unknown", said)
    from webapp.site.fetch import FetchError  # few are ever asked, and it takes 1 MB

    if not _turns.acquire(timeout=1):
        return Verdict(True, "unknown", _("Many keys are being checked. Try again in a minute."))
    try:
        reply = _ask(endpoint, key)
    except (FetchError, AddressError) as error:
        log.warning("%s could not be asked about a key: %s", name, error.code)
        return Verdict(True, "unknown", _away(provider))
    finally:
        _turns.release()
    return _meaning(provider, endpoint, reply)


def _ask(endpoint: Endpoint, key: str) -> "Reply":
    from webapp.site.fetch import FetchPolicy, ask

    config = settings()
    policy = FetchPolicy(
        user_agent=config.app_name,
        allow=config.fetch_allow,
        ports=frozenset({443}),
        total_seconds=DEADLINE_SECONDS,
        connect_seconds=4,
        max_body_bytes=MOST_READ,
    )
    return ask(endpoint.base + endpoint.path, policy, endpoint.headers(key))


def _meaning(provider: Provider, endpoint: Endpoint, reply: "Reply") -> Verdict:
    status, name = reply.status, provider.label
    if 200 <= status < 300 or status in endpoint.also_accepts:
        return Verdict(True, "accepted", _("%(name)s accepts this key.", name=name))
    if status in endpoint.spent:
        said = _("%(name)s knows this key, but its account has no credit left.", name=name)
        return Verdict(True, "accepted", said)
    refused = status == 401 or status in endpoint.refuses
    if endpoint.refusal and status == endpoint.refusal[0]:
        refused = endpoint.refusal[1] in reply.body
    if refused:
        said = _(
            "%(name)s does not accept this key. Copy all of it once more, or make a new one there.",
            name=name,
        )
        return Verdict(True, "refused", said)
    log.warning("%s answered %d when asked about a key", provider.name, status)
    if status == 403:
        said = _(
            "%(name)s did not let this key be checked: it may be limited to some uses or places.",
            name=name,
        )
    elif status == 429:
        said = _("%(name)s is asked too often just now. Try again in a minute.", name=name)
    else:
        said = _away(provider)
    return Verdict(True, "unknown", said)


def _away(provider: Provider) -> str:
    return _(
        "%(name)s could not be asked just now, so nobody knows yet whether it accepts this key. "
        "Try again later.",
        name=provider.label,
    )
