"""Header fields of an answer, in one pass over them: werkzeug's own ways look through all fields,
and parse, once for each one that is set."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, TypeVar

from flask import Response
from werkzeug.datastructures import Headers

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


class _Lowered(dict[str, str]):
    """The names of fields in small letters; names are of the code, so that there are few."""

    def __missing__(self, name: str) -> str:
        lowered = self[name] = name.lower()
        return lowered


_lowered = _Lowered()


class Fields(Headers):
    """Header fields of an answer, as werkzeug has them. A field that is not there costs no
    exception, and no name is put in small letters anew for each look at it."""

    def get(self, key: str, default: Any = None, type: Any = None) -> Any:  # type: ignore[override]
        """The first value of this field."""
        sought = _lowered[key]
        for name, value in self._list:
            if _lowered[name] == sought:
                if type is None:
                    return value
                try:
                    return type(value)
                except ValueError:
                    return default
        return default

    def __contains__(self, key: object) -> bool:
        sought = _lowered[str(key)]
        for name, _ in self._list:  # noqa: SIM110 - a generator takes longer
            if _lowered[name] == sought:
                return True
        return False

    def set(self, key: str, value: Any, /, **kwargs: Any) -> None:
        """Put this value in the place of all others of the field."""
        if kwargs or value.__class__ is not str or "\n" in value or "\r" in value:
            super().set(key, value, **kwargs)
            return
        sought, places = _lowered[key], []
        for place, (name, _) in enumerate(self._list):
            if _lowered[name] == sought:
                places.append(place)
        if not places:
            self._list.append((key, value))
        elif len(places) == 1:
            self._list[places[0]] = (key, value)
        else:
            super().set(key, value)

    def __setitem__(self, key: Any, value: Any) -> None:
        if key.__class__ is str:
            self.set(key, value)
        else:
            super().__setitem__(key, value)

    def add_missing(self, fields: Iterable[tuple[str, str]]) -> None:
        """Add those of these fields that are not there."""
        there = {_lowered[name] for name, _ in self._list}
        missing = [field for field in fields if _lowered[field[0]] not in there]
        values = "".join([value for _, value in missing])
        if "\n" in values or "\r" in values:
            raise ValueError("Header values must not contain newline characters.")
        self._list += missing

    def to_wsgi_list(self) -> list[tuple[str, str]]:
        """All fields, in a list of its own."""
        return [*self._list]


def add_missing(response: Response, fields: Iterable[tuple[str, str]]) -> None:
    """Add those of these fields that the answer does not have."""
    headers = response.headers
    if isinstance(headers, Fields):
        headers.add_missing(fields)
    else:
        headers.extend([field for field in fields if field[0] not in headers])


def vary_by(response: Response, *names: str) -> None:
    """Say that the answer depends on these fields of the request."""
    said = response.headers.get("Vary")
    named = _varying(said or "", names)
    if named != said:
        response.headers.set("Vary", named)


@lru_cache(64)
def _varying(said: str, names: tuple[str, ...]) -> str:
    there = {name.strip() for name in said.lower().split(",")}
    return ", ".join([*filter(None, [said]), *[n for n in names if n.lower() not in there]])


def kind(response: Response) -> str:
    """The kind of the content, without its charset: `text/html`."""
    return _kind(response.headers.get("Content-Type") or "")


@lru_cache(64)
def _kind(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
