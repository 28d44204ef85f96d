"""What one user, or one anonymous session, brings along, in our own terms."""

import hashlib
import hmac
import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from webapp.config import settings
from webapp.legacy import values
from webapp.legacy.report import LEFT_OUT, NOT_ATTACHABLE, Report
from webapp.site.address import AddressError, comparable, normalise
from webapp.steps.api_keys.providers import BY_NAME, mend

LONGEST_KEY = 1000


@dataclass
class Analysis:
    """One address and what was found there."""

    url: str
    completed: bool
    columns: dict[str, Any] = field(default_factory=dict)
    """Column of website_analyses -> JSON value, none of them empty."""
    error: str | None = None
    warning: str | None = None
    date: datetime | None = None


@dataclass
class Declaration:
    """A declaration as it was written, byte for byte, and the block made of it."""

    text: str
    block_id: str | None
    date: datetime | None


@dataclass
class Bundle:
    """Everything of one owner in one source."""

    user_id: str | None
    session_id: str | None = None
    """The id to keep, where the source has one like ours."""
    rows: list[tuple[str, Any, str]] = field(default_factory=list)
    """Table, id, and whether the row is `imported` or `merged` into another of the same owner."""
    contents: Any = None
    """The rows themselves, for their digest."""
    began: datetime | None = None
    touched: datetime | None = None
    """When it was last used there."""
    completed: datetime | None = None
    keys: dict[str, tuple[str, datetime | None]] = field(default_factory=dict)
    """Provider -> key and its time."""
    analyses: list[Analysis] = field(default_factory=list)
    website: dict[str, Any] = field(default_factory=dict)
    """Columns of the website's answer; `has_website` only where that is known."""
    research: dict[str, Any] = field(default_factory=dict)
    persona: dict[str, Any] = field(default_factory=dict)
    declarations: list[Declaration] = field(default_factory=list)
    """The first one is the session's, the others become further blocks."""
    unfinished: set[str] = field(default_factory=set)
    """Slugs of steps that stay open, whatever stands in them."""

    def note(self, table: str, row: Any, merged: bool = False) -> None:
        """A row went in."""
        self.rows.append((table, row, "merged" if merged else "imported"))

    @property
    def lasting_id(self) -> str:
        """An id for an anonymous session that the same one gets again, and nobody can guess."""
        key = hashlib.sha256(b"onward import" + settings().secret_key.encode()).digest()
        said = hmac.new(key, str(self.rows[0][1]).encode(), hashlib.sha256).hexdigest()
        return str(uuid.UUID(said[:32], version=4))

    def digest(self, source: str) -> str:
        """64 hex digits that stand for these rows and their owner."""
        key = hashlib.sha256(b"onward import" + settings().secret_key.encode()).digest()
        told = [source, self.user_id, self.session_id, self.contents]
        said = json.dumps(told, sort_keys=True, default=str, ensure_ascii=True)
        return hmac.new(key, said.encode(), hashlib.sha256).hexdigest()


def guarded(
    make: Callable[[], Bundle], rows: Iterable[tuple[str, Any]], report: Report
) -> Bundle | None:
    """The bundle; None, its rows reported, where they hold what nobody foresaw: one owner's rows
    must not cost the others theirs."""
    try:
        return make()
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError):
        for table, row in rows:
            report.add(NOT_ATTACHABLE, table, row, "not_understood")
        return None


def address(said: Any) -> str | None:
    """The canonical address; None where there is none. Raises AddressError."""
    typed = values.text(said)
    if not typed or typed == "text_sample":
        return None
    return normalise(typed, settings().fetch_allow, max_length=2000)


def same_address(url: str) -> str:
    """What two spellings of one address have in common; http and https stay apart."""
    return url.split("://")[0] + comparable(url)


def provider_key(
    provider: Any, key: Any, table: str, row: Any, report: Report
) -> tuple[str, str] | None:
    """Our provider and the key without what was copied along with it, or None, with the reason in
    the report. A key that does not look like its provider's is kept: its owner may know better."""
    name = values.text(provider).lower()
    name = values.PROVIDERS.get(name, name)
    mended = mend(values.text(key))
    reason = None
    if name not in BY_NAME:
        reason = "unknown_provider"
    elif not mended:
        reason = "no_key"
    elif len(mended) > LONGEST_KEY or not mended.isprintable():
        reason = "bad_key"
    if reason:
        report.add(LEFT_OUT, table, row, reason, provider=_slug(provider))
        return None
    if BY_NAME[name].fault(mended):
        report.add(LEFT_OUT, table, row, "odd_key", provider=name)
    return name, mended


def competitors(found: Any, table: str, row: Any, report: Report) -> list[str]:
    """The canonical addresses of at most five competitors; what else was known of them is read anew
    from their sites, and reported."""
    urls: list[str] = []
    for one in found if isinstance(found, list) else []:
        said = one.get("url") or one.get("domain") if isinstance(one, Mapping) else one
        known = one if isinstance(one, Mapping) else {}
        if any(not values.is_empty(known[name]) for name in known if name not in {"url", "domain"}):
            report.add(LEFT_OUT, table, row, "no_place", column="competitors")
        try:
            url = address(said)
        except AddressError:
            report.add(LEFT_OUT, table, row, "bad_address", column="competitors")
            continue
        if url and comparable(url) not in map(comparable, urls):
            urls.append(url)
    if len(urls) > 5:
        report.add(LEFT_OUT, table, row, "too_many", column="competitors", many=len(urls) - 5)
    return urls[:5]


def research(row: Mapping[str, Any], table: str, row_id: Any, report: Report) -> dict[str, Any]:
    """Columns of our research preferences from the old ones."""
    depth_said = values.text(row.get("research_depth"))
    depth = values.DEPTHS.get(depth_said.lower())
    if depth is None:
        depth = "Standard"
        if depth_said:
            report.add(LEFT_OUT, table, row_id, "unknown_value", column="research_depth")
    elif depth != depth_said:
        report.map("research_depth", depth_said, depth)
    kinds = _chosen(
        row.get("content_types"), values.CONTENT_TYPES, "content_types", table, row_id, report
    )
    return {
        "research_depth": depth,
        "content_types": kinds,
        "auto_research": values.boolean(row.get("auto_research"), True),
        "factual_content": values.boolean(row.get("factual_content"), True),
    }


def persona(found: Mapping[str, Any], table: str, row_id: Any, report: Report) -> dict[str, Any]:
    """Name, tone, audience, platforms, and the three JSON columns as they were."""
    core = _mapping(found.get("core_persona"), "core_persona", table, row_id, report)
    platforms = _mapping(found.get("platform_personas"), "platform_personas", table, row_id, report)
    quality = _mapping(found.get("quality_metrics"), "quality_metrics", table, row_id, report)
    chosen = _chosen(
        found.get("selected_platforms"),
        values.PLATFORMS,
        "selected_platforms",
        table,
        row_id,
        report,
    )
    identity = core.get("identity")
    identity = identity if isinstance(identity, Mapping) else {}
    range_ = core.get("tonal_range")
    default_tone = range_.get("default_tone") if isinstance(range_, Mapping) else None
    tone = values.tone(default_tone)
    if tone and values.text(default_tone) != tone:
        report.map("tone", values.text(default_tone), tone)
    kept = {}
    for name, one in platforms.items():
        ours = values.PLATFORMS.get(values.text(name).lower())
        if ours is None:
            report.add(LEFT_OUT, table, row_id, "unknown_value", column="platform_personas")
        elif not isinstance(one, Mapping) or "error" in one:
            report.add(LEFT_OUT, table, row_id, "persona_failed", platform=ours)
        else:
            kept[ours] = dict(one)
    result = {
        "persona_name": cut(identity.get("persona_name"), 80, table, row_id, report),
        "tone": tone or "",
        "selected_platforms": chosen or list(kept),
        "core_persona": core,
        "platform_personas": kept,
        "quality_metrics": quality,
    }
    return {name: value for name, value in result.items() if not values.is_empty(value)}


def cut(said: Any, limit: int, table: str, row: Any, report: Report) -> str:
    """A text that fits its column."""
    whole = values.text(said)
    if len(whole) > limit:
        report.add(LEFT_OUT, table, row, "cut", at=limit, of=len(whole))
    return whole[:limit].rstrip()


def _mapping(value: Any, column: str, table: str, row: Any, report: Report) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    if not values.is_empty(value):
        report.add(LEFT_OUT, table, row, "bad_shape", column=column)
    return {}


def _chosen(
    said: Any, known: Mapping[str, str], column: str, table: str, row: Any, report: Report
) -> list[str]:
    chosen = []
    for one in values.texts(said):
        ours = known.get(one.lower())
        if ours is None:
            report.add(LEFT_OUT, table, row, "unknown_value", column=column)
            continue
        if ours != one:
            report.map(column, one, ours)
        chosen.append(ours)
    order = list(dict.fromkeys(known.values()))
    return sorted(set(chosen), key=order.index)


def _slug(said: Any) -> str:
    """The name of a provider, as far as it can be nothing but a name."""
    name = values.text(said)
    short = len(name) <= 20 and name.replace("_", "").replace("-", "").isalpha()
    return name if short else "?"
