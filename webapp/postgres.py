"""A connection to PostgreSQL that no request waits for too long."""

import select
from contextlib import suppress
from typing import Any

import psycopg
from flask import has_request_context
from sqlalchemy.exc import DisconnectionError

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


def still_there(driver: psycopg.Connection[Any], _record: Any, _proxy: Any) -> None:
    """A listener for the pool: before it hands out a connection, see whether the server has hung up
    meanwhile. One that is quiet, as it should be, is asked nothing, which saves each request a
    round trip; one that said something (it hung up, or its settings changed) is asked."""
    if not driver.closed:
        heard = select.poll()
        heard.register(driver.fileno(), select.POLLIN)
        if not heard.poll(0):
            return
        with suppress(psycopg.Error):
            driver.execute("")
            return
    raise DisconnectionError("the server has hung up")


def patience(lock_seconds: int) -> dict[str, int]:
    """PostgreSQL's settings, in milliseconds: how long a write waits for a lock, and whoever asks
    for an answer."""
    return {
        "lock_timeout": lock_seconds * 1000,
        "statement_timeout": int(ANSWER_SECONDS * 1000),
    }
