"""Turns to speak to a place on the internet: a few at a time, whoever asked, on every machine.

One row for each place and turn in the database that all machines share. Taking one is a single
statement outside of any transaction, so it locks nothing else; one whose holder died is free again
when its time is over.
"""

import logging
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, literal, update
from sqlalchemy.exc import SQLAlchemyError

from webapp.extensions import db, insert_into, own_connection
from webapp.steps.website.models import HostTurn
from webapp.types import UTCDateTime, now

log = logging.getLogger(__name__)

TURNS = 2
"""Requests under way to one address at a time."""

PAUSE_SECONDS = 0.2
"""How long a turn rests before somebody else may take it."""

HOLD_SECONDS = 40
"""Longer than any request may take: a turn that is held for longer was left by the dead."""

MOST_WAIT = 8
"""Seconds that one waits for a turn."""

_LOOK_AGAIN = 0.15


@contextmanager
def turn(address: str, seconds: float) -> Iterator[bool]:
    """Hold a turn for an IP address while this is entered; gives False when there was none within
    `seconds` (at most `MOST_WAIT`)."""
    holder = str(uuid.uuid4())
    end = time.monotonic() + min(seconds / 2, MOST_WAIT)
    slot = _take(address, holder)
    while slot is None and time.monotonic() < end:
        time.sleep(_LOOK_AGAIN)
        slot = _take(address, holder)
    try:
        yield slot is not None
    finally:
        if slot is not None:
            _give_back(address, slot, holder)


def forget_old() -> None:
    """Delete turns that nobody took for an hour."""
    try:
        _execute(delete(HostTurn).where(HostTurn.until < _clock() - timedelta(hours=1)))
    except SQLAlchemyError as error:
        log.warning("old turns stay: %s", type(error).__name__)


def _take(address: str, holder: str) -> int | None:
    for slot in range(TURNS):
        row = insert_into(HostTurn).values(
            address=address, slot=slot, holder=holder, until=_clock() + _seconds(HOLD_SECONDS)
        )
        taken = _execute(
            row.on_conflict_do_update(
                index_elements=["address", "slot"],
                set_={"holder": row.excluded.holder, "until": row.excluded.until},
                where=HostTurn.until <= _clock(),
            ).returning(HostTurn.slot)
        )
        if taken:
            return slot
    return None


def _give_back(address: str, slot: int, holder: str) -> None:
    mine = (HostTurn.address == address) & (HostTurn.slot == slot) & (HostTurn.holder == holder)
    try:
        _execute(update(HostTurn).where(mine).values(until=_clock() + _seconds(PAUSE_SECONDS)))
    except SQLAlchemyError as error:  # it is free again when its time is over
        log.warning("a turn stays taken: %s", type(error).__name__)


def _execute(statement: Any) -> list[Any]:
    """Run one statement in autocommit, on a connection of its own."""
    with own_connection() as connection:
        result = connection.execute(statement)
        return list(result) if result.returns_rows else []


def _clock() -> Any:
    """The database's clock where machines share it; on SQLite there is one machine."""
    if db.engine.dialect.name == "postgresql":
        return func.clock_timestamp()
    return _Moment(now())


def _seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


class _Moment:
    """A time of this machine that can be shifted before it becomes part of a statement."""

    def __init__(self, moment: Any) -> None:
        self._moment = moment

    def __add__(self, other: timedelta) -> Any:
        return literal(self._moment + other, UTCDateTime)

    def __sub__(self, other: timedelta) -> Any:
        return literal(self._moment - other, UTCDateTime)

    def __clause_element__(self) -> Any:
        return literal(self._moment, UTCDateTime)
