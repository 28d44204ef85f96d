"""The Flask extensions, and how a connection behaves."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flask import Flask
from flask_babel import Babel
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy import Connection, MetaData, event
from sqlalchemy.orm import DeclarativeBase

from webapp.config import Settings

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


db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model
migrate = Migrate()
csrf = CSRFProtect()
babel = Babel()

BUSY_SECONDS = 5
"""How long a write waits for another one before it gives up and the page says so."""


def engine_options(settings: Settings) -> dict[str, Any]:
    """Reads are in autocommit, so that a page never leaves a transaction open; every wait is
    bounded, so that no request hangs on a database that does not answer."""
    common = {
        "isolation_level": "AUTOCOMMIT",
        "hide_parameters": True,  # a failing statement is logged, what people typed is not
    }
    if settings.is_sqlite:
        return common | {"connect_args": {"timeout": BUSY_SECONDS}}
    return common | {
        "pool_pre_ping": True,
        "pool_timeout": 4,
        "connect_args": {
            "connect_timeout": 3,
            "options": f"-c lock_timeout={BUSY_SECONDS}s -c statement_timeout=8s -c timezone=UTC",
        },
    }


def init_app(app: Flask, settings: Settings) -> None:
    """Attach all extensions; `app.config` is complete by then."""
    db.init_app(app)
    migrate.init_app(app, db, directory=str(app.config["MIGRATIONS_DIR"]), render_as_batch=True)
    csrf.init_app(app)
    babel.init_app(app, locale_selector=lambda: "en")
    if settings.is_sqlite:
        with app.app_context():
            event.listen(db.engine, "connect", _sqlite_connect)
            event.listen(db.engine, "begin", _sqlite_begin)


@contextmanager
def transaction() -> Iterator[None]:
    """One write transaction: commits at the end, rolls back when anything is raised.

    What was read before is forgotten first: a decision to write rests on what is read inside.
    """
    db.session.rollback()
    db.session.expunge_all()
    level = "SERIALIZABLE" if db.engine.dialect.name == "sqlite" else "READ COMMITTED"
    db.session.connection(execution_options={"isolation_level": level, "writes": True})
    try:
        yield
        db.session.commit()
    except BaseException:
        db.session.rollback()
        raise


def _sqlite_connect(connection: sqlite3.Connection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")  # an acknowledged step survives a power cut
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
    cursor.close()


def _sqlite_begin(connection: Connection) -> None:
    # Two readers that both want to write would deadlock on the upgrade of their locks.
    if connection.get_execution_options().get("writes"):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
