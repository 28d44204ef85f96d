"""Statements of the way that every request goes: put together and compiled once, then handed to the
driver as they are. Making and looking up the same statement anew, and wrapping what comes back,
took SQLAlchemy several times longer than the database needs to answer it.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Dialect

from webapp.extensions import current_connection

Convert = Callable[[Any], Any] | None


@dataclass(frozen=True)
class _Ready:
    """A statement for one kind of database."""

    text: str
    returns_rows: bool
    order: Sequence[str] | None
    """The names of the parameters, where the driver takes them by their places."""
    constants: Mapping[str, Any]
    bind: Mapping[str, Convert]
    row: Callable[[Sequence[Any]], Any]
    convert: Sequence[tuple[int, Callable[[Any], Any]]]


class Prepared:
    """A statement of Core. What differs each time are its bound parameters, by name."""

    def __init__(self, make: Callable[[], Any]) -> None:
        """`make` is called once for each kind of database, when it is known."""
        self._make = make
        self._ready: dict[str, _Ready] = {}

    def run(self, values: Mapping[str, Any]) -> list[Any]:
        """Execute it in the transaction of this request, if there is one; the rows that it returns,
        as named tuples. Raises SQLAlchemy's DBAPIError."""
        connection = current_connection()
        dialect = connection.dialect
        ready = self._ready.get(dialect.name)
        if ready is None:
            ready = self._ready[dialect.name] = _prepare(self._make(), dialect)
        rows = connection.execute(ready.text, _bound(ready, values), ready.returns_rows)
        if ready.convert:
            rows = [_converted(row, ready.convert) for row in rows]
        return [ready.row(row) for row in rows]


def _converted(row: Sequence[Any], converts: Sequence[tuple[int, Callable[[Any], Any]]]) -> Any:
    values = list(row)
    for place, convert in converts:
        values[place] = convert(values[place])
    return values


def _prepare(statement: Any, dialect: Dialect) -> _Ready:
    compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    if getattr(compiled, "insert_prefetch", ()):
        raise ValueError(f"a default of Python's would be missing in: {compiled}")
    columns = list(statement.exported_columns) if statement.exported_columns else []
    converts = [c.type.dialect_impl(dialect).result_processor(dialect, None) for c in columns]
    found: Any = namedtuple("Found", [c.name for c in columns], rename=True)  # type: ignore[misc]
    return _Ready(
        text=str(compiled),
        returns_rows=bool(columns),
        order=compiled.positiontup if compiled.positional else None,
        constants=compiled.params,
        bind={
            name: parameter.type.dialect_impl(dialect).bind_processor(dialect)
            for parameter, name in compiled.bind_names.items()
            if name in compiled.params
        },
        row=found._make,
        convert=[(place, one) for place, one in enumerate(converts) if one],
    )


def _bound(ready: _Ready, values: Mapping[str, Any]) -> Any:
    given = {}
    for name, convert in ready.bind.items():
        value = values[name] if name in values else ready.constants[name]
        given[name] = convert(value) if convert else value
    return given if ready.order is None else tuple(given[name] for name in ready.order)
