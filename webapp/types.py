"""Column types that are the same on SQLite and PostgreSQL, and the clock that fills them."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON as PLAIN_JSON
from sqlalchemy import DateTime, Dialect, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from webapp.json_columns import read_json, write_json
from webapp.moments import in_utc, iso


class _Json(TypeDecorator[Any]):
    impl = PLAIN_JSON(none_as_null=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """JSONB on PostgreSQL, text elsewhere."""
        if dialect.name != "postgresql":
            return dialect.type_descriptor(self.impl_instance)
        from sqlalchemy.dialects.postgresql import JSONB  # 2 MB that SQLite has no use for

        return dialect.type_descriptor(JSONB(none_as_null=True))

    def bind_processor(self, dialect: Dialect) -> Any:
        """PostgreSQL's driver is told which way to write (`webapp/postgres.py`)."""
        if dialect.name == "postgresql":
            return super().bind_processor(dialect)
        return lambda value: None if value is None else write_json(value).decode()

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """SQLAlchemy's for SQLite goes three ways around; a number comes as a number there."""
        if dialect.name == "postgresql":
            return super().result_processor(dialect, coltype)
        return lambda text: read_json(text) if isinstance(text, str) else text


JSON = _Json()
"""JSON columns: JSONB on PostgreSQL; None is SQL's NULL, never the JSON text `null`."""


class UTCDateTime(TypeDecorator[datetime]):
    """A moment, always with its zone, always UTC.

    PostgreSQL keeps `timestamptz`. SQLite has no such type: there it is text of one width, zone
    included (`2026-11-20 10:42:00.000000+00:00`), which also sorts and compares as time does.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text on SQLite, timestamptz elsewhere."""
        kind: TypeEngine[Any] = String(32) if dialect.name == "sqlite" else self.impl_instance
        return dialect.type_descriptor(kind)

    def bind_processor(self, dialect: Dialect) -> Any:
        """Refuse a naive time: nobody can tell which moment it means."""
        if dialect.name == "sqlite":
            return lambda value: None if value is None else iso(value).replace("T", " ")

        return lambda value: None if value is None else in_utc(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """Always aware, always UTC, whatever the connection's zone."""

        return lambda value: None if value is None else read_moment(value)


def read_moment(value: str | datetime) -> datetime:
    """In UTC, of what a driver says: the moment in any zone, or its text."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


class _SaidTwoWays(FunctionElement[Any]):
    """A function of SQL that the two databases call differently."""

    inherit_cache = True
    sqlite: str
    postgresql: str


@compiles(_SaidTwoWays)
def _say(element: Any, compiler: Any, **how: Any) -> str:
    words = element.postgresql if compiler.dialect.name == "postgresql" else element.sqlite
    return str(words % compiler.process(element.clauses, **how))


class rows_as_json(_SaidTwoWays):  # noqa: N801 - as SQL's functions are called
    """An aggregate: its rows, each a JSON list of these columns; None or an empty list for no rows.

    A moment comes as text, and a JSON column of SQLite as the text that it is there.
    """

    type = JSON
    inherit_cache = True
    sqlite, postgresql = "json_group_array(json_array(%s))", "json_agg(json_build_array(%s))"


class as_hex(_SaidTwoWays):  # noqa: N801
    """Bytes in hexadecimal digits: JSON has no bytes."""

    type = String()
    inherit_cache = True
    sqlite, postgresql = "hex(%s)", "encode(%s, 'hex')"


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)
