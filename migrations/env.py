"""How migrations run: one transaction each, on SQLite with foreign keys checked afterwards."""

from alembic import context
from alembic.util import CommandError
from flask import current_app
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

db = current_app.extensions["migrate"].db

LOCK_SECONDS = 3
"""A migration that waits for a table lets everybody wait who comes after it: it gives up soon."""
BUSY = (
    "somebody holds what the migration needs, so it gave up before others had to wait for it. "
    "Nothing of this step was changed: run flask db upgrade again, at a quieter moment if need be."
)


def run_online() -> None:
    """Bring the database up or down."""
    with db.engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            # A batch migration rebuilds a table: with foreign keys on, dropping the old one would
            # cascade its children away. The switch works outside a transaction alone.
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            connection.rollback()
        else:
            # A large table takes longer than a request may.
            connection.exec_driver_sql("SET statement_timeout = 0")
            connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_SECONDS}s'")
            connection.rollback()
        level = "SERIALIZABLE" if sqlite else "READ COMMITTED"
        connection = connection.execution_options(isolation_level=level, writes=True)
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            render_as_batch=True,
            compare_type=True,
            transactional_ddl=True,
            transaction_per_migration=True,
        )
        try:
            with context.begin_transaction():
                context.run_migrations()
        except OperationalError as error:
            connection.invalidate()
            raise CommandError(BUSY) if _is_busy(error) else error from error
        if sqlite:
            connection.commit()
            _check_foreign_keys(connection)
        connection.invalidate()  # what was set for the migration is no setting for a request


def _is_busy(error: OperationalError) -> bool:
    lock_not_available = getattr(error.orig, "sqlstate", None) == "55P03"
    return lock_not_available or "database is locked" in str(error.orig)


def run_offline() -> None:
    """Print the SQL instead of running it."""
    url = db.engine.url.render_as_string(hide_password=False)
    context.configure(url=url, target_metadata=db.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def _check_foreign_keys(connection: Connection) -> None:
    orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if orphans:
        raise RuntimeError(f"rows without their parent after the migration: {orphans[:5]}")


if context.is_offline_mode():
    run_offline()
else:
    run_online()
