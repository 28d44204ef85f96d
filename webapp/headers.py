"""Header fields of an answer, in one pass over them: werkzeug's own ways look through all fields,
and parse, once for each one that is set."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TypeVar

from flask import Response

T = TypeVar("T")

LONGEST_KEPT = 200
"""Characters of what a request says whose meaning is kept; browsers send 25 to 100."""


def kept_if_short(most: int) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """A decorator for what reads texts of a request: the meanings read last, so many at `most`, are
    kept for the next request that says the same. Long texts are read anew each time, so that nobody
    can fill the memory with them."""

    def keeping(read: Callable[..., T]) -> Callable[..., T]:
        kept = lru_cache(most)(read)

        def found(*said: str) -> T:
            return (kept if sum(map(len, said)) <= LONGEST_KEPT else read)(*said)

        return found

    return keeping


def add_missing(response: Response, fields: Iterable[tuple[str, str]]) -> None:
    """Add those of these fields that the answer does not have."""
    there = {name.lower() for name, _ in response.headers}
    response.headers.extend([field for field in fields if field[0].lower() not in there])


def vary_by(response: Response, *names: str) -> None:
    """Say that the answer depends on these fields of the request."""
    said = response.headers.get("Vary")
    if said is None:
        response.headers["Vary"] = ", ".join(names)
        return
    there = {name.strip() for name in said.lower().split(",")}
    missing = [name for name in names if name.lower() not in there]
    if missing:
        response.headers["Vary"] = ", ".join([said, *missing])


def kind(response: Response) -> str:
    """The kind of the content, without its charset: `text/html`."""
    return (response.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
