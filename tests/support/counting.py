"""What a request costs in SQL."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from sqlalchemy import Connection, Engine, event
from werkzeug.routing import Rule


@dataclass
class SqlCost:
    """What was sent to the database, in order. Of the frame of a transaction only its end counts,
    and only when there was one: a commit in autocommit does nothing."""

    statements: list[str] = field(default_factory=list)
    commits: int = 0
    rollbacks: int = 0
    left_open: int = 0
    """Connections that were not given back, a transaction open on each for all one knows."""

    @property
    def writes(self) -> list[str]:
        """The statements that change rows."""
        verbs = ("INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE")
        return [sql for sql in self.statements if sql.lstrip().upper().startswith(verbs)]

    def __len__(self) -> int:
        return len(self.statements)

    def __str__(self) -> str:
        lines = [" ".join(sql.split()) for sql in self.statements]
        ends = f"{self.commits} commits, {self.rollbacks} rollbacks, {self.left_open} left open"
        return "\n".join([f"{len(lines)} statements, {ends}:", *lines])


@contextmanager
def count_statements(app: Flask) -> Iterator[SqlCost]:
    """Count what `app` sends to its databases inside the block.

    >>> with count_statements(app) as cost:
    ...     client.get("/onboarding/research")
    >>> assert len(cost) <= 3, cost
    """
    engines = _engines(app)
    cost = SqlCost()

    def statement(_conn: Any, _cursor: Any, sql: str, *_rest: Any) -> None:
        if not sql.lstrip().upper().startswith(("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA")):
            cost.statements.append(sql)

    def commit(connection: Connection) -> None:
        cost.commits += in_transaction(connection)

    def rollback(connection: Connection) -> None:
        cost.rollbacks += in_transaction(connection)

    hooks: dict[str, Callable[..., None]] = {
        "before_cursor_execute": statement,
        "commit": commit,
        "rollback": rollback,
    }
    before = in_use(app)
    for engine in engines:
        for name, hook in hooks.items():
            event.listen(engine, name, hook)
    try:
        yield cost
    finally:
        for engine in engines:
            for name, hook in hooks.items():
                # A hook that is gone already is no fault.
                with suppress(Exception):
                    event.remove(engine, name, hook)
        cost.left_open = in_use(app) - before


def in_transaction(connection: Connection) -> bool:
    """Whether the database itself has a transaction open there: asked of the driver, because
    SQLAlchemy speaks of transactions in autocommit too."""
    driver: Any = connection.connection.dbapi_connection
    if hasattr(driver, "in_transaction"):  # sqlite3
        return bool(driver.in_transaction)
    from psycopg.pq import TransactionStatus

    return driver.info.transaction_status != TransactionStatus.IDLE


_COMPILED: dict[type, Any] = {}


def dispose(app: Flask) -> None:
    """Close the connections of `app`, so that its database can be dropped."""
    for engine in _engines(app):
        engine.dispose()


def share_compiled(app: Flask) -> None:
    """Let all applications of this process share what SQLAlchemy has compiled: a fifth of a test's
    time went into compiling the same statements anew for each."""
    for engine in _engines(app):
        kind = type(engine.dialect)
        engine._compiled_cache = _COMPILED.setdefault(kind, engine._compiled_cache)
        if "__hash__" not in vars(kind):
            kind.__hash__ = lambda self: hash(type(self))  # type: ignore[method-assign]
            kind.__eq__ = lambda self, other: type(self) is type(other)  # type: ignore[method-assign]


_BUILDERS: dict[tuple[Any, ...], Any] = {}


@contextmanager
def shared_rules() -> Iterator[None]:
    """Let the applications made in the block share what werkzeug compiles to build addresses: the
    function takes its rule as an argument, and the same rule is compiled to the same function."""
    compile_builder = Rule._compile_builder

    def compile_once(rule: Rule, append_unknown: bool = True) -> Any:
        key = (tuple(rule._trace), repr(rule.defaults), append_unknown)
        if key not in _BUILDERS:
            _BUILDERS[key] = compile_builder(rule, append_unknown)
        return _BUILDERS[key]

    Rule._compile_builder = compile_once  # type: ignore[method-assign]
    try:
        yield
    finally:
        Rule._compile_builder = compile_builder  # type: ignore[method-assign]


def _engines(app: Flask) -> list[Engine]:
    with app.app_context():
        return list(app.extensions["sqlalchemy"].engines.values())


def in_use(app: Flask) -> int:
    """How many connections nobody gave back; those at rest are not in use."""
    at_rest = app.extensions.get("connections", ())
    return sum(_checked_out(engine) for engine in _engines(app)) - len(at_rest)


def _checked_out(engine: Engine) -> int:
    count = getattr(engine.pool, "checkedout", None)  # a NullPool or StaticPool has none
    return count() if count else 0
