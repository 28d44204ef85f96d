"""What migrations need beside Alembic: indexes on large tables that keep nobody waiting."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from alembic import op


def create_index(name: str, table: str, columns: Sequence[str], **options: Any) -> None:
    """An index on a table that may be large, as `op.create_index` makes it, but on PostgreSQL
    without a lock that saves would wait for.

    It is built outside of the migration's transaction, so let it be all that a migration does:
    what came before it would be committed already when the migration is run again. What a build
    that was cut off has left (an index that nothing uses) is dropped first.
    """
    if op.get_context().dialect.name != "postgresql":
        op.create_index(name, table, list(columns), **options)
        return
    with _outside_of_the_transaction():
        if _is_valid(name) is False:
            op.drop_index(name, table, postgresql_concurrently=True)
        op.create_index(
            name, table, list(columns), postgresql_concurrently=True, if_not_exists=True, **options
        )


def drop_index(name: str, table: str) -> None:
    """The other way; one that is gone already is no fault."""
    if op.get_context().dialect.name != "postgresql":
        op.drop_index(name, table, if_exists=True)
        return
    with _outside_of_the_transaction():
        op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)


@contextmanager
def _outside_of_the_transaction() -> Iterator[None]:
    """It waits for transactions that are at work, however long, and nobody waits for it."""
    with op.get_context().autocommit_block():
        op.execute("SELECT set_config('onward.waits', current_setting('lock_timeout'), false)")
        op.execute("SET lock_timeout = 0")
        yield
        op.execute("SELECT set_config('lock_timeout', current_setting('onward.waits'), false)")


def _is_valid(name: str) -> bool | None:
    """None where there is no such index."""
    if op.get_context().as_sql:
        return None
    query = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)"
    return op.get_bind().execute(sa.text(query), {"name": name}).scalar()
