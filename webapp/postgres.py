"""A connection to PostgreSQL that no request waits for too long, and that takes several statements
at a time."""

import re
import select
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from functools import lru_cache
from itertools import count
from typing import Any, NamedTuple

import psycopg
from flask import has_request_context
from psycopg.adapt import Loader, PyFormat, Transformer
from psycopg.dbapi20 import Binary
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.types.json import Jsonb, set_json_dumps
from sqlalchemy.exc import DisconnectionError

from webapp.json_columns import read_json, write_json
from webapp.moments import iso

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


MOST_PREPARED = 500
"""How many statements a connection prepares; the application has about a hundred."""

Found = list[tuple[Any, ...]] | psycopg.Error
"""The rows that a statement returned, or its error."""


class PipeliningConnection(BoundedConnection):
    """Sends several statements in one go and then reads all the answers (`exchange`). A cursor
    waits for each answer before the next statement, and works more around each than the server.
    """

    _known: dict[str, bytes] | None = None
    """Statement -> its name on the server."""
    _numbers: Iterator[int]
    _reader: Any
    """Makes values of what the server says (psycopg's Transformer)."""
    _heard: Any
    """Tells when it says something."""

    def exchange(self, statements: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Found]:
        """What each of them (text and parameters, as a cursor takes them) was answered. None is
        executed after one that failed: the list ends with its error. Raises OperationalError, the
        connection closed, when there is no answer (in time)."""
        if self._known is None:
            self._known, self._numbers, self._reader = {}, count(), Transformer(self)
            self._heard = select.poll()
            self._heard.register(self.pgconn.socket, select.POLLIN)
        queries = [(text, *_bound(text, given, self._reader)) for text, given in statements]
        try:
            self.pgconn.enter_pipeline_mode()
            new = [self._send(self._known, *query) for query in queries]
            self.pgconn.pipeline_sync()
            results = self._results()
            self.pgconn.exit_pipeline_mode()
        except BaseException:  # an answer that is left unread would be taken for another's
            self.pgconn.finish()
            raise
        return self._found(self._known, new, results)

    def _deallocate(self, name: bytes | None) -> Any:
        if name is None and self._known:  # psycopg drops all that is prepared, ours too
            self._known.clear()
        return super()._deallocate(name)

    def _send(
        self,
        prepared: dict[str, bytes],
        text: str,
        values: list[bytes | None],
        formats: list[int] | None,
    ) -> str:
        """Returns the text if it is prepared on the way, which gets an answer of its own."""
        name, new = prepared.get(text), ""
        if name is None and len(prepared) < MOST_PREPARED:
            name, new = b"onward_%d" % next(self._numbers), text
            prepared[text] = name
            self.pgconn.send_prepare(name, _numbered(text).query)
        if name is None:
            self.pgconn.send_query_params(_numbered(text).query, values, None, formats)
        else:
            self.pgconn.send_query_prepared(name, values, formats)
        return new

    def _results(self) -> list[Any]:
        """All that the server answers, up to where it is at one with us again."""
        conn = self.pgconn
        patience = ANSWER_SECONDS if has_request_context() else None
        deadline = patience and time.monotonic() + patience
        while conn.flush():  # more than fits: it may wait for us to read before it reads on
            heard = select.poll()
            heard.register(conn.socket, select.POLLIN | select.POLLOUT)
            if _wait(heard, deadline) & select.POLLIN:
                conn.consume_input()
        results: list[Any] = []
        while True:
            while conn.is_busy():
                _wait(self._heard, deadline)
                conn.consume_input()
            result = conn.get_result()
            if result is None:  # the end of the answer to one statement
                if conn.status != ConnStatus.OK:
                    raise psycopg.OperationalError("the connection is lost")
                continue
            if result.status == ExecStatus.PIPELINE_SYNC:
                return results
            results.append(result)

    def _found(
        self, prepared: dict[str, bytes], new: Sequence[str], results: Sequence[Any]
    ) -> list[Found]:
        found: list[Found] = []
        answers = iter(results)
        for n, text in enumerate(new):
            result = next(answers)
            is_there = not text or result.status == ExecStatus.COMMAND_OK
            if text and is_there:
                result = next(answers)
            if result.status == ExecStatus.TUPLES_OK:
                self._reader.set_pgresult(result)
                found.append(self._reader.load_rows(0, result.ntuples, tuple))
            elif result.status == ExecStatus.COMMAND_OK:
                found.append([])
            else:
                for other in new[n + is_there :]:
                    prepared.pop(other, None)
                found.append(psycopg.errors.error_from_result(result, self.info.encoding))
                break
        return found


def _wait(heard: Any, deadline: float | None) -> int:
    """What there is to do; raises OperationalError when it is too late."""
    milliseconds = None if deadline is None else max(0, deadline - time.monotonic()) * 1000
    for _socket, event in heard.poll(milliseconds):
        return int(event)
    raise psycopg.OperationalError("no answer in time")


class _Numbered(NamedTuple):
    """A statement as the server takes it, `$1` for `%(name)s`."""

    query: bytes
    names: list[str]


@lru_cache(2000)
def _numbered(text: str) -> _Numbered:
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        if found[1] not in names:
            names.append(found[1])
        return f"${names.index(found[1]) + 1}"

    return _Numbered(_PLACES.sub(number, text).encode(), names)


_PLACES = re.compile(r"%(?:%|\(([^)]+)\)s)")


def _bound(
    text: str, given: Mapping[str, Any], driver: Any
) -> tuple[list[bytes | None], list[int] | None]:
    """The parameters in their order, as text, and bytes as they are; the formats say which, None
    where all are text. Their types the server knows from the statement. Raises DataError."""
    values: list[bytes | None] = []
    formats = None
    for name in _numbered(text).names:
        value = given[name]
        kind = value.__class__
        if kind is str:
            if "\0" in value:
                raise psycopg.DataError(_NO_NUL)
            values.append(value.encode())
        elif value is None:
            values.append(None)
        elif (write := _WRITE.get(kind)) is not None:
            values.append(write(value))
        elif kind is Binary:
            formats = formats or [0] * len(_numbered(text).names)
            formats[len(values)] = 1
            values.append(value.obj)
        else:
            written = driver.get_dumper(value, PyFormat.TEXT).dump(value)
            if written and b"\0" in written:
                raise psycopg.DataError(_NO_NUL)
            values.append(written)
    return values, formats


_NO_NUL = "PostgreSQL text fields cannot contain NUL (0x00) bytes"

_WRITE: Mapping[type, Callable[[Any], bytes]] = {
    int: b"%d".__mod__,
    bool: {True: b"t", False: b"f"}.__getitem__,
    datetime: lambda value: iso(value).encode(),
    date: lambda value: value.isoformat().encode(),
    Jsonb: lambda value: write_json(value.obj),
}
"""What most other parameters are, none of which can hold a NUL; all else the driver writes."""


def connect(
    _dialect: Any, _record: Any, args: list[Any], options: dict[str, Any]
) -> psycopg.Connection[Any]:
    """What SQLAlchemy's `do_connect` calls. Where nothing may be prepared, as PgBouncer wants it,
    statements go one by one."""
    prepares = options.get("prepare_threshold", 1) is not None
    kind = PipeliningConnection if prepares else BoundedConnection
    connection = kind.connect(*args, **options)
    for kind_of_json in ("json", "jsonb"):
        connection.adapters.register_loader(kind_of_json, _JsonLoader)
    set_json_dumps(write_json, connection)
    return connection


class _JsonLoader(Loader):
    load = staticmethod(read_json)  # type: ignore[assignment]  # it needs nothing of its loader


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
