"""How migrations run: one transaction each, on SQLite with foreign keys checked afterwards."""

from alembic import context
from flask import current_app
from sqlalchemy import Connection

db = current_app.extensions["migrate"].db


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
        with context.begin_transaction():
            context.run_migrations()
        if sqlite:
            connection.commit()
            _check_foreign_keys(connection)
        connection.invalidate()  # what was set for the migration is no setting for a request


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
