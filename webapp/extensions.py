"""The Flask extensions, and how a connection behaves."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flask import Flask
from flask_babel import Babel
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session
from sqlalchemy import Connection, MetaData, Table, event, text
from sqlalchemy.orm import DeclarativeBase

from webapp import at_hand
from webapp.config import Settings
from webapp.csrf import MaskedCSRF
from webapp.raw import Connections, RawConnection

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """All models; constraints are named by one convention, so that a migration can find them."""

    metadata = MetaData(naming_convention=NAMES)


class OneConnection(Session):
    """A session whose statements all go through the connection that the request has at hand
    (`current_connection`), as those of `Prepared` do: never two of one request."""

    def get_bind(self, *_what: Any, **_more: Any) -> Connection:
        """That connection; there is one database."""
        return current_connection().connection

    def close(self) -> None:
        """Give the connection back as well."""
        super().close()
        _give_back()


class _Database(SQLAlchemy):
    """Flask-SQLAlchemy, with nothing to do at the end of a request that asked for no session."""

    def _teardown_session(self, exc: BaseException | None) -> None:
        if self.session.registry.has():
            super()._teardown_session(exc)


db = _Database(
    model_class=Base,
    session_options={
        "expire_on_commit": False,
        "class_": OneConnection,
        "scopefunc": at_hand.context_id,
    },
)
if TYPE_CHECKING:
    import sqlite3

    Model = Base
else:
    Model = db.Model
csrf = MaskedCSRF()
babel = Babel()

_BEGIN_SQLITE = "BEGIN IMMEDIATE"
"""Two readers that both want to write would deadlock on the upgrade of their locks."""
_BEGIN_POSTGRES = "BEGIN ISOLATION LEVEL READ COMMITTED"

BUSY_SECONDS = 5
"""How long a write waits for another one before it gives up and the page says so."""

CHECKPOINT_PAGES = 4000
"""Pages that SQLite's log holds (16 MB) before they are copied into the file. The save that comes
upon it waits for that: with SQLite's own 1,000 it was one in a hundred."""

SPARE_CONNECTIONS = 2
"""Beyond one for each request at work: for the thread that watches the jobs, and one more."""


def engine_options(settings: Settings) -> dict[str, Any]:
    """Reads are in autocommit, so that a page never leaves a transaction open; every wait is
    bounded, so that no request hangs on a database that does not answer.

    A process has at most `THREADS` and two connections: as many as it works on requests at a time
    (`admission`), so that none of these ever waits for one."""
    common = {
        "isolation_level": "AUTOCOMMIT",
        "pool_size": settings.threads,
        "max_overflow": SPARE_CONNECTIONS,
        "pool_timeout": 4,
        "pool_use_lifo": True,  # the connection that was used last knows its statements and pages
        "hide_parameters": True,  # a failing statement is logged, what people typed is not
    }
    connect_args: dict[str, Any]
    if settings.is_sqlite:
        begin, connect_args = _BEGIN_SQLITE, {"timeout": BUSY_SECONDS}
    else:
        from webapp.postgres import patience  # the driver is loaded where it is used

        begin, connect_args = _BEGIN_POSTGRES, {"connect_timeout": 3}
        waits = patience(BUSY_SECONDS).items()
        if settings.prepared_statements:
            options = "".join(f" -c {name}={milliseconds}" for name, milliseconds in waits)
            connect_args["options"] = f"-c timezone=UTC{options}"
        else:
            # PgBouncer hands the next transaction to another connection of the server: what was
            # prepared or set on this one is not there, and it refuses `options`.
            connect_args["prepare_threshold"] = None
            begin += "".join(f"; SET LOCAL {name} = {milliseconds}" for name, milliseconds in waits)
    return common | {"connect_args": connect_args, "execution_options": {"begin": begin}}


def init_app(app: Flask, settings: Settings) -> None:
    """Attach all extensions; `app.config` is complete by then."""
    db.init_app(app)
    app.teardown_appcontext(_give_back)
    # A command, or a test of migrations: those who serve save the 11 MB of it.
    if "FLASK_RUN_FROM_CLI" in os.environ or "flask_migrate" in sys.modules:
        from flask_migrate import Migrate

        Migrate(app, db, directory=str(app.config["MIGRATIONS_DIR"]), render_as_batch=True)
    csrf.init_app(app)
    with app.app_context():
        if settings.is_sqlite:
            event.listen(db.engine, "connect", _sqlite_connect)
        else:
            from webapp.postgres import connect, still_there

            event.listen(db.engine, "do_connect", connect)
            event.listen(db.engine, "checkout", still_there)
        app.extensions["connections"] = Connections(db.engine)


def insert_into(table: Any) -> Any:
    """An INSERT that knows ON CONFLICT: both databases speak it, SQLAlchemy has one for each.
    `table`: a model, or its table."""
    if db.engine.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert
    else:
        from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]
    return insert(table)


@event.listens_for(Table, "before_create")
def _partial_on_both(table: Table, connection: Connection, **_: Any) -> None:
    """An index whose `info` has a `where` is partial. SQLAlchemy's own `sqlite_where` and
    `postgresql_where` would load what it knows of the one database where the other serves."""
    for index in table.indexes:
        if where := index.info.get("where"):
            index.dialect_options[connection.dialect.name]["where"] = text(where)


@contextmanager
def transaction() -> Iterator[None]:
    """One write transaction: commits at the end, rolls back when anything is raised.

    What was read before is forgotten first: a decision to write rests on what is read inside.
    """
    ours = at_hand.ours()
    if (session := _orm()) is not None:
        session.rollback()
        session.expunge_all()
    _give_back()
    connection = RawConnection(_connections())
    waiting: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
    ours.connection, ours.waits_for_commit = connection, waiting
    try:
        try:
            connection.begin()
            yield
            if (session := _orm()) is not None and session.in_transaction():
                session.commit()  # something was read or added through it
            connection.commit()
        except BaseException:
            if (session := _orm()) is not None:
                session.rollback()
            connection.rollback()
            raise
    finally:
        del ours.waits_for_commit
        _give_back()
    for act, args in waiting:
        act(*args)


def _connections() -> Connections:
    return at_hand.the_app().extensions["connections"]


@contextmanager
def own_connection() -> Iterator[Connection]:
    """SQLAlchemy's connection, beside the one of the request, in autocommit."""
    raw = RawConnection(_connections())
    try:
        yield raw.connection
    finally:
        raw.close()


def _orm() -> Session | None:
    """The ORM's session of this request, if anybody asked for one: most saves do without."""
    return db.session() if db.session.registry.has() else None


def current_connection() -> RawConnection:
    """The connection that this request has at hand: of its transaction, else one in autocommit."""
    ours = at_hand.ours()
    found: RawConnection | None = ours.get("connection")
    if found is None or (found.is_lost and "waits_for_commit" not in ours):
        found = ours.connection = RawConnection(_connections())
    return found


def checkpoint() -> None:
    """Copy SQLite's log into the file, outside of a transaction: who writes much does it, so that
    it falls to nobody's save. Nobody waits for it; on PostgreSQL a process of its own does it."""
    if db.engine.dialect.name == "sqlite":
        current_connection().execute("PRAGMA wal_checkpoint(PASSIVE)", returns_rows=True)


def _give_back(_error: BaseException | None = None) -> None:
    if connection := at_hand.ours().pop("connection", None):
        connection.close()


def after_commit(act: Callable[..., None], *args: Any) -> None:
    """Call `act` once the transaction at hand is committed, and never when it is not. It must not
    raise: what is committed stays so. Raises AttributeError outside of a transaction."""
    at_hand.ours().waits_for_commit.append((act, args))


def _sqlite_connect(connection: "sqlite3.Connection", _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")  # an acknowledged step survives a power cut
    cursor.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
    cursor.close()
