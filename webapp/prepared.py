"""Statements of the way that every request goes: put together and compiled once, then handed to the
driver as they are. Making and looking up the same statement anew, and wrapping what comes back,
took SQLAlchemy several times longer than the database needs to answer it.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.types import NullType

from webapp.extensions import current_connection

Convert = Callable[[Any], Any]
"""Between Python and the driver; never asked about None, which is NULL in every type of ours."""


@dataclass(frozen=True)
class _Ready:
    """A statement for one kind of database."""

    text: str
    returns_rows: bool
    given: Mapping[str, Any]
    """Parameter -> its value, where none is handed over."""
    bind: Sequence[tuple[str, Convert]]
    placed: Callable[[Mapping[str, Any]], Any]
    """Parameters by their names, as the driver takes them."""
    row: Callable[[Sequence[Any]], Any]
    convert: Sequence[tuple[int, Convert]]

    def read(self, rows: Sequence[Any]) -> list[Any]:
        """Rows of the driver, as named tuples."""
        if self.convert:
            rows = [converted(row, self.convert) for row in rows]
        return [self.row(row) for row in rows]


class Prepared:
    """A statement of Core. What differs each time are its bound parameters, by name."""

    def __init__(self, make: Callable[[], Any]) -> None:
        """`make` is called once for each kind of database, when it is known."""
        self._make = make
        self._ready: dict[str, _Ready] = {}

    def run(self, values: Mapping[str, Any]) -> list[Any]:
        """Execute it in the transaction of this request, if there is one; the rows that it returns,
        as named tuples. Raises SQLAlchemy's DBAPIError; in a transaction, where it returns no rows,
        only with the next statement that does, or with the commit."""
        connection = current_connection()
        ready = self._for(connection.dialect)
        rows = connection.execute(ready.text, _bound(ready, values), ready.returns_rows)
        return ready.read(rows)

    def _for(self, dialect: Dialect) -> _Ready:
        ready = self._ready.get(dialect.name)
        if ready is None:
            ready = self._ready[dialect.name] = _prepare(self._make(), dialect)
        return ready


def run_all(statements: Sequence[Prepared], values: Mapping[str, Any]) -> list[list[Any]]:
    """The rows of each of several statements that return some, as `run` gives them. Where the
    database can do it they are sent together, so that none waits for another one's answer."""
    connection = current_connection()
    ready = [one._for(connection.dialect) for one in statements]
    found = connection.execute_all([(one.text, _bound(one, values)) for one in ready])
    return [one.read(rows) for one, rows in zip(ready, found, strict=True)]


def converted(row: Sequence[Any], converts: Sequence[tuple[int, Convert]]) -> list[Any]:
    """A row with what the driver says at these places made values of Python's."""
    values = list(row)
    for place, convert in converts:
        if (value := values[place]) is not None:
            values[place] = convert(value)
    return values


def _prepare(statement: Any, dialect: Dialect) -> _Ready:
    compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    if getattr(compiled, "insert_prefetch", ()):
        raise ValueError(f"a default of Python's would be missing in: {compiled}")
    columns = list(statement.exported_columns) if statement.exported_columns else []
    reads = [c.type.dialect_impl(dialect).result_processor(dialect, None) for c in columns]
    writes: dict[str, Any] = {}
    for parameter, name in compiled.bind_names.items():
        if isinstance(parameter.type, NullType):
            raise ValueError(f"a parameter without a type: {name} in {compiled}")
        if name in compiled.params:
            writes[name] = parameter.type.dialect_impl(dialect).bind_processor(dialect)
    found: Any = namedtuple("Found", [c.name for c in columns], rename=True)  # type: ignore[misc]
    return _Ready(
        text=str(compiled),
        returns_rows=bool(columns),
        given=compiled.params,
        bind=[(name, one) for name, one in writes.items() if one],
        placed=_in_order(compiled.positiontup) if compiled.positional else _as_it_is,
        row=found._make,
        convert=[(place, one) for place, one in enumerate(reads) if one],
    )


def _in_order(names: Sequence[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda given: tuple(given[name] for name in names)


def _as_it_is(given: Mapping[str, Any]) -> Any:
    return given


def _bound(ready: _Ready, values: Mapping[str, Any]) -> Any:
    given = {**ready.given, **values}
    for name, convert in ready.bind:
        if (value := given[name]) is not None:
            given[name] = convert(value)
    return ready.placed(given)
