"""One request, or one job, from its beginning to its end: the id by which its lines in the log
belong together, and what it cost in SQL."""

import random
import re
from contextvars import ContextVar
from typing import Any

from sqlalchemy import Engine, event

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:=@+/-]{7,63}", re.ASCII)


class Trace:
    """What is remembered while a request, or a job, is under way."""

    __slots__ = ("id", "is_refused", "route", "statements")

    def __init__(self, given: str = "") -> None:
        """`given`: the id that a proxy passed on. It is taken when it is 8 to 64 letters, digits
        and the marks that ids have, so that it can stand in a header, a line and a page; a new one
        is made otherwise."""
        self.id = given if given and _ID.fullmatch(given) else _new_id()
        self.is_refused = False
        """There is too much to do: the less is done with it, the better."""
        self.route = ""
        self.statements = 0


def _new_id() -> str:
    """Nobody's secret; asking the system for it would hand the interpreter to another thread."""
    return f"{random.getrandbits(64):016x}"  # nosec B311


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)

current = _current.get
begin = _current.set
end = _current.reset


def current_id() -> str:
    """The id of what is under way here, empty when that is nothing."""
    trace = _current.get()
    return trace.id if trace else ""


@event.listens_for(Engine, "before_cursor_execute", retval=True)
def _count(_conn: Any, _cursor: Any, sql: str, given: Any, *_rest: Any) -> tuple[str, Any]:
    """Count the statement; on SQLite the beginning of a transaction comes by here too. (To return
    it as it is spares a function around this one.)"""
    trace = _current.get()
    if trace is not None and not sql.startswith(("BEGIN", "PRAGMA")):
        trace.statements += 1
    return sql, given
