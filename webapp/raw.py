"""A connection to the database without SQLAlchemy's Connection around it.

That costs several times what a statement does, and most requests never need it: it is made when
somebody asks for it, as the ORM does.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, RootTransaction, event
from sqlalchemy.exc import DBAPIError, DisconnectionError, PendingRollbackError

_COMMIT = "COMMIT"
"""An error that names no statement is one of the commit: nobody knows whether it was heard."""


class Connections:
    """Hands out an engine's connections. One that comes back as it went, as nearly all do, rests
    here for the next request: the pool would look it over at the end of each and at the beginning.

    To the pool those at rest are in use. Who asks it past this, as `engine.connect` does, gets one
    of the others.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.dialect = engine.dialect
        self.begin = engine.get_execution_options().get("begin", "BEGIN")
        self._at_rest: list[Any] = []
        event.listen(engine, "engine_disposed", lambda _engine: self._drop())

    def __len__(self) -> int:
        """How many are at rest."""
        return len(self._at_rest)

    def take(self) -> Any:
        """One that is nobody's; raises the driver's errors."""
        while self._at_rest:
            try:
                pooled = self._at_rest.pop()  # the one that was used last
                for look in self.engine.pool.dispatch.checkout:
                    look(pooled.dbapi_connection, pooled._connection_record, pooled)
                return pooled
            except IndexError:  # another thread took the last one
                break
            except DisconnectionError as error:
                pooled.invalidate(error)
        return self.engine.raw_connection()

    def rest(self, pooled: Any) -> None:
        """Take back one in which nothing is under way."""
        self._at_rest.append(pooled)

    def _drop(self) -> None:
        while self._at_rest:
            self._at_rest.pop().invalidate()


class RawConnection:
    """The driver's connection, out of the engine's pool; in autocommit until `begin`.

    Whatever the driver raises arrives as SQLAlchemy's DBAPIError, and a connection that is lost is
    given up, as it would be with SQLAlchemy's own.
    """

    def __init__(self, connections: Connections) -> None:
        """Take one out of the pool."""
        self.dialect = connections.dialect
        self._connections = connections
        self._engine = engine = connections.engine
        self._listeners = engine.dispatch.before_cursor_execute
        self._writes = False
        self._connection: Connection | None = None
        self._transaction: RootTransaction | None = None
        self._pooled: Any = None
        try:
            self._pooled = connections.take()
        except self.dialect.loaded_dbapi.Error as error:
            raise self._wrapped(error) from error
        self._waiting: list[tuple[str, Any]] = []
        """Statements of the transaction that are still to be sent."""
        self._exchange = getattr(self._pooled.dbapi_connection, "exchange", None)

    @property
    def is_lost(self) -> bool:
        """Given back, or given up."""
        return self._pooled.dbapi_connection is None

    @property
    def connection(self) -> Connection:
        """SQLAlchemy's; it takes part in the transaction at hand."""
        return self._connection or self._wrap()

    def _wrap(self) -> Connection:
        self._send(())
        self._exchange = None  # who has it sends by it, in between ours
        self._connection = Connection(self._engine, self._pooled)
        if self._writes:
            self._transaction = self._connection.begin()
        return self._connection

    def execute(self, text: str, given: Any = (), returns_rows: bool = False) -> Sequence[Any]:
        """Send a statement as the driver takes it; returns its rows as the driver gives them. Those
        who listen to `before_cursor_execute` get this object in place of SQLAlchemy's.

        Where the driver can exchange several at a time, what a transaction writes is sent together
        with the next statement that returns rows, or with the commit, and fails there.
        """
        driver = self._pooled.dbapi_connection
        if driver is None:
            raise PendingRollbackError("the connection was lost in this transaction")
        for listen in self._listeners:
            listen(self, None, text, given, None, False)
        if self._exchange is not None:
            if self._writes and not returns_rows:
                self._waiting.append((text, given))
                return ()
            return self._send([(text, given)])[-1]
        try:
            cursor = driver.execute(text, given)
            return cursor.fetchall() if returns_rows else ()
        except self.dialect.loaded_dbapi.Error as error:
            raise self._wrapped(error, text, given) from error

    def execute_all(self, statements: Sequence[tuple[str, Any]]) -> list[Sequence[Any]]:
        """The same of several statements that return rows, at once where the driver can do it."""
        if self._exchange is None or self._pooled.dbapi_connection is None:
            return [self.execute(text, given, returns_rows=True) for text, given in statements]
        for text, given in statements:
            for listen in self._listeners:
                listen(self, None, text, given, None, False)
        return self._send(statements)[-len(statements) :]

    def _send(self, statements: Sequence[tuple[str, Any]]) -> list[Sequence[Any]]:
        """Exchange what waits, and then these; returns the rows of all."""
        statements = [*self._waiting, *statements]
        self._waiting.clear()
        if self._exchange is None or not statements:
            return []
        try:
            found: list[Any] = self._exchange(statements)
        except self.dialect.loaded_dbapi.Error as error:
            raise self._wrapped(error, *statements[-1]) from error
        if isinstance(found[-1], Exception):
            raise self._wrapped(found[-1], *statements[len(found) - 1]) from found[-1]
        return found

    def begin(self) -> None:
        """Begin to write, as the engine's option `begin` says it to the database."""
        self._writes = True
        self.execute(self._connections.begin)
        if self._engine.dispatch.commit or self._engine.dispatch.rollback:
            self._wrap()  # it tells those who listen

    def commit(self) -> None:
        """Make what was written last."""
        if self._transaction is not None:
            self._transaction.commit()
            return
        if self._exchange is not None:
            self._send([(_COMMIT, {})])
        else:
            try:
                self.dialect.do_commit(self._pooled)
            except self.dialect.loaded_dbapi.Error as error:
                raise self._wrapped(error) from error
        self._writes = False

    def rollback(self) -> None:
        """Undo what was written. Where the database cannot be told any more, it does that itself
        when the connection ends: it is given up, and nothing is raised."""
        was_sent = not self._waiting or self._waiting[0][0] != self._connections.begin
        self._waiting.clear()
        try:
            if self._transaction is not None:
                if self._transaction.is_active:
                    self._transaction.rollback()
            elif not self.is_lost:
                if self._exchange is None:
                    self.dialect.do_rollback(self._pooled)
                elif was_sent:
                    self._send([("ROLLBACK", {})])
                self._writes = False
        except (self.dialect.loaded_dbapi.Error, DBAPIError) as error:
            self._pooled.invalidate(error)

    def close(self) -> None:
        """Give it back; what was written and not made last is undone."""
        if self._connection is None and not self._writes and not self.is_lost:
            self._connections.rest(self._pooled)
        else:
            (self._connection or self._pooled).close()

    def _wrapped(self, error: Any, text: str | None = None, given: Any = None) -> Any:
        driver = self._pooled.dbapi_connection if self._pooled else None
        is_lost = self.dialect.is_disconnect(error, driver, None)
        if is_lost and self._pooled:
            (self._connection or self._pooled).invalidate(error)
        wrapped: Any = DBAPIError.instance(
            None if text == _COMMIT else text,
            given,
            error,
            self.dialect.loaded_dbapi.Error,
            hide_parameters=True,
            connection_invalidated=is_lost,
            dialect=self.dialect,
        )
        return wrapped
