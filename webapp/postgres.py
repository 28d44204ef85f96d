"""A connection to PostgreSQL that no request waits for too long."""

from typing import Any

import psycopg
from flask import has_request_context

ANSWER_SECONDS = 5.5
"""How long a request waits for one answer of PostgreSQL, longer than for a lock."""


class BoundedConnection(psycopg.Connection[Any]):
    """Gives up on a server that hangs: its own timeouts count on the server, which is the one that
    does not answer. Commands and migrations wait as long as it takes."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Raise OperationalError, the connection closed, when there is no answer in time."""
        if timeout is None and has_request_context():
            timeout = ANSWER_SECONDS
        try:
            return super().wait(gen, interval, timeout)
        except psycopg.errors._WaitTimeout as error:
            self.pgconn.finish()
            raise psycopg.OperationalError("no answer in time") from error


def connect(
    _dialect: Any, _record: Any, args: list[Any], options: dict[str, Any]
) -> psycopg.Connection[Any]:
    """What SQLAlchemy's `do_connect` calls."""
    return BoundedConnection.connect(*args, **options)
