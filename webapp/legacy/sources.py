"""Opening a source so that nothing in it can be changed."""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

PAGE = 1000
_SUFFIXES = {".sqlite", ".sqlite3", ".db"}
_MAGIC = b"SQLite format 3\0"


class SourceError(Exception):
    """The source cannot be opened, or is another kind; the text is a sentence for the operator."""


class Database:
    """Tables of a source, read in pages."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        inspector = sa.inspect(connection)
        self.columns = {
            name: {column["name"] for column in inspector.get_columns(name)}
            for name in inspector.get_table_names()
        }
        """Table -> names of its columns."""

    def has(self, table: str, *columns: str) -> bool:
        """Whether there is such a table with these columns."""
        return set(columns) <= self.columns.get(table, set()) and table in self.columns

    def pages(self, table: str, *columns: str) -> Iterator[list[tuple[Any, ...]]]:
        """All rows, these columns and none else, in the order of `id`, some at a time."""
        source = sa.table(table, *[sa.column(name) for name in columns])
        query = sa.select(source).order_by(source.c.id).limit(PAGE)
        place = columns.index("id")
        rows = self._read(query)
        while rows:
            yield rows
            further = query.where(source.c.id > rows[-1][place])
            rows = self._read(further)

    def rows(self, table: str, ids: Sequence[Any]) -> list[dict[str, Any]]:
        """The rows of these ids with all their columns."""
        names = sorted(self.columns[table])
        source = sa.table(table, *[sa.column(name) for name in names])
        found: list[dict[str, Any]] = []
        for start in range(0, len(ids), 500):
            query = sa.select(source).where(source.c.id.in_(ids[start : start + 500]))
            found += [dict(zip(names, row, strict=True)) for row in self._read(query)]
        return found

    def _read(self, query: sa.Select[Any]) -> list[tuple[Any, ...]]:
        try:
            return [tuple(row) for row in self._connection.execute(query)]
        except SQLAlchemyError as error:
            raise SourceError(f"The source cannot be read ({type(error).__name__}).") from error


@contextmanager
def database(source: str) -> Iterator[Database]:
    """Open a SQLAlchemy URL, a SQLite file, or a folder that holds just one. Raises SourceError."""
    with tempfile.TemporaryDirectory(prefix="onward-source-") as folder:
        engine = _engine(source, Path(folder))
        try:
            connection = engine.connect()
            found = Database(connection)
        except SQLAlchemyError as error:
            raise SourceError(
                f"The source cannot be opened as a database ({type(error).__name__})."
            ) from error
        with connection:
            yield found


def _engine(source: str, folder: Path) -> sa.Engine:
    if "://" not in source:
        return _sqlite(_file(Path(source)), folder)
    try:
        url = sa.make_url(source)
    except SQLAlchemyError as error:
        raise SourceError("This is no URL of a database.") from error
    if url.get_backend_name() == "sqlite":
        return _sqlite(_file(Path(url.database or "")), folder)
    if url.get_backend_name() != "postgresql":
        raise SourceError(
            "A source is SQLite or PostgreSQL; for another, copy it into one of them."
        )
    return sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        poolclass=NullPool,
        hide_parameters=True,
        isolation_level="REPEATABLE READ",
        connect_args={
            "connect_timeout": 10,
            "options": "-c default_transaction_read_only=on -c timezone=UTC",
        },
    )


def _file(path: Path) -> Path:
    if path.is_dir():
        inside = sorted(one for one in path.iterdir() if one.suffix in _SUFFIXES)
        if len(inside) != 1:
            raise SourceError(
                f"In the folder {path} there are {len(inside)} SQLite files: name the one to read."
            )
        path = inside[0]
    try:
        with path.open("rb") as file:
            start = file.read(len(_MAGIC))
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror}).") from error
    if start != _MAGIC:
        raise SourceError(f"{path} is no SQLite database.")
    return path


def _sqlite(path: Path, folder: Path) -> sa.Engine:
    """Immutable: SQLite then makes no file beside it. Where the former application left a journal
    or a log behind, what stands in there counts too: then a copy is read."""
    beside = [path.with_name(path.name + end) for end in ("-wal", "-journal")]
    if any(one.exists() and one.stat().st_size for one in beside):
        for one in (path, *beside):
            if one.exists():
                shutil.copyfile(one, folder / one.name)
        address = str(folder / path.name)
        is_uri = False
    else:
        address = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        is_uri = True

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(address, uri=is_uri)
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        connection.execute("PRAGMA query_only=ON")
        return connection

    return sa.create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True)
