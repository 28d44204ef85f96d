"""Moments as text. Python's own way of writing one takes five times as long, and each request
writes several."""

from datetime import UTC, datetime

import orjson


def in_utc(moment: datetime) -> datetime:
    """The same moment. Raises ValueError for a time without a zone: nobody can tell which moment it
    means."""
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        raise ValueError("a time without a zone cannot be stored")
    return moment.astimezone(UTC)


def iso(moment: datetime) -> str:
    """To the microsecond and in UTC, all of one width: `2026-11-20T10:42:00.000000+00:00`. Raises
    ValueError for a time without a zone."""
    if moment.tzinfo is not UTC:
        moment = in_utc(moment)
    if not moment.microsecond:  # orjson leaves them out
        return moment.isoformat(timespec="microseconds")
    return orjson.dumps(moment)[1:-1].decode()
