"""Values as earlier systems stored them: read with care, and put into our own terms.

Nothing here trusts a value: texts may hold what a database refuses, JSON may be anything or broken,
a time may be no time. What is not known is None or empty, never a guess.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

MAX_JSON = 2_000_000  # characters
MAX_DEPTH = 40
_UNSTORABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

DEPTHS = {
    "basic": "Basic", "quick": "Basic", "light": "Basic",
    "standard": "Standard", "normal": "Standard", "medium": "Standard",
    "comprehensive": "Comprehensive", "deep": "Comprehensive", "detailed": "Comprehensive",
    "expert": "Expert", "advanced": "Expert",
}  # fmt: skip
"""`research_depth`, in small letters -> ours."""

CONTENT_TYPES = {
    "blog posts": "Blog Posts", "blog post": "Blog Posts", "blog": "Blog Posts",
    "blogs": "Blog Posts",
    "social media": "Social Media", "social": "Social Media", "social media posts": "Social Media",
    "technical articles": "Technical Articles", "technical": "Technical Articles",
    "news": "News", "news articles": "News",
    "academic papers": "Academic Papers", "academic": "Academic Papers",
    "research papers": "Academic Papers",
    "newsletters": "Newsletters", "newsletter": "Newsletters",
}  # fmt: skip
"""`content_types`, in small letters -> ours."""

PLATFORMS = {name: name for name in (
    "linkedin", "facebook", "twitter", "blog", "instagram", "medium", "substack",
)} | {"x": "twitter", "x (twitter)": "twitter", "blogs": "blog", "website": "blog"}  # fmt: skip
"""`selected_platforms`, in small letters -> ours."""

TONE_WORDS = {
    "professional": "Professional", "formal": "Professional", "business": "Professional",
    "corporate": "Professional", "confident": "Professional", "authoritative": "Professional",
    "casual": "Casual", "informal": "Casual", "playful": "Casual", "lively": "Casual",
    "wry": "Casual", "humorous": "Casual", "fun": "Casual", "friendly": "Conversational",
    "technical": "Technical", "precise": "Technical", "expert": "Technical",
    "conversational": "Conversational", "warm": "Conversational", "personal": "Conversational",
    "calm": "Conversational", "reassuring": "Conversational", "plain-spoken": "Conversational",
    "approachable": "Conversational", "empathetic": "Conversational",
    "academic": "Academic", "scholarly": "Academic", "scientific": "Academic",
}  # fmt: skip
"""The first of these words in a tone that was written freely decides."""

PROVIDERS = {"metaphor": "exa"}
"""Providers that have another name by now."""


def is_empty(value: Any) -> bool:
    """NULL, JSON null, {}, [], '' and white space: such a value never overrides another."""
    return value is None or value in ({}, [], "") or (isinstance(value, str) and not value.strip())


def text(value: Any) -> str:
    """A text as both databases can keep it, without white space around it; '' for anything else."""
    if not isinstance(value, str):
        return ""
    return _UNSTORABLE.sub("", storable(value)).replace("\r\n", "\n").strip()


def storable(value: str) -> str:
    """The same text, byte for byte, but for NUL and halves of characters, which no database of ours
    can keep."""
    return value.replace("\0", "").encode("utf-8", "replace").decode()


def from_json(value: Any) -> Any:
    """The object in a JSON column: a text on SQLite, an object already on PostgreSQL. Raises
    ValueError for a text that is no JSON, or too much of it."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        if not value.strip():
            return None
        if len(value) > MAX_JSON:
            raise ValueError("too much JSON")
        try:
            value = json.loads(value, parse_constant=lambda _name: None)
        except RecursionError as error:
            raise ValueError("JSON too deep") from error
    return clean(value)


def clean(value: Any, depth: int = 0) -> Any:
    """The same JSON value as PostgreSQL takes it: no NUL, no half characters, no infinity. Raises
    ValueError where it goes too deep."""
    if depth > MAX_DEPTH:
        raise ValueError("JSON too deep")
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(str(name)): clean(one, depth + 1) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [clean(one, depth + 1) for one in value]
    if isinstance(value, float) and not abs(value) < 1e300:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**300:
        return None
    return value if isinstance(value, int | float | bool) or value is None else str(value)


def moment(value: Any, offset: int = 0) -> datetime | None:
    """A stored time in UTC; a naive one was written on a clock `offset` minutes ahead of UTC. None
    for what is no time, or lies outside of 1990 to now."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    try:
        if value.tzinfo is None:
            value = value.replace(tzinfo=timezone(timedelta(minutes=offset)))
        value = value.astimezone(UTC)
    except (OverflowError, ValueError):
        return None
    today = datetime.now(UTC)
    return min(value, today) if value.year >= 1990 else None


def is_local(value: Any) -> bool:
    """Whether the former application wrote this naive time by its server's clock. The database's
    own times are UTC, and have no fractions of a second."""
    if isinstance(value, datetime):
        return value.tzinfo is None and value.microsecond != 0
    return isinstance(value, str) and "." in value


def order(value: Any) -> str:
    """A time as it was written, for comparing two of the same table; '' comes before all others."""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return str(value or "").replace("T", " ")


def number(value: Any) -> float | None:
    """A number, also one written as a text; None for anything else."""
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def boolean(value: Any, otherwise: bool) -> bool:
    """Yes or no as both databases and JSON give it."""
    if isinstance(value, str):
        return value.strip().lower() in {"1", "true", "t", "yes"} if value.strip() else otherwise
    return otherwise if value is None else bool(value)


def texts(value: Any) -> list[str]:
    """The texts of a list; a single text counts as a list of one."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, Sequence):
        return []
    return [said for one in value if (said := text(one))]


def tone(*said: Any) -> str | None:
    """Our tone for the first of these texts that names one; None where none does."""
    for one in said:
        for word in re.findall(r"[a-z]+(?:-[a-z]+)*", text(one).lower()[:500]):
            if word in TONE_WORDS:
                return TONE_WORDS[word]
    return None
