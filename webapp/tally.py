"""What the funnel counts, kept apart from the sessions that it is counted from.

The cleanup deletes just those who stopped: a funnel read from the sessions that are left would look
better after each cleanup. So every change of a step's state also adds a row of numbers to
`funnel_events`, in its own transaction. It is a log that is only added to, so that no session ever
waits for another one on a row of sums. `fold` sums it up into `funnel_counts`, whose size follows
from days and steps and not from sessions. No row of these tables names a session or a person.

A session counts on the day that it began on: what is counted of the last seven days are the
sessions of these days, wherever they stand by now. One that is started again is taken back and
counts once more, on the day of its new beginning.
"""

import time
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Integer,
    String,
    Table,
    bindparam,
    delete,
    insert,
    select,
    text,
)

from webapp.extensions import Base, db, insert_into, transaction
from webapp.prepared import Prepared
from webapp.types import now

STARTED = ""
"""In the place of a step: the session itself."""
DONE = "done"
"""The outcome of an analysis that ended well; else it is the code of what went wrong."""

TIMES = (5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 3600, 14400, 86400)
"""Upper bounds, in seconds, of the classes that the time on a step is counted in; one more class
has what took longer than a day."""
STATES = ("reached", "passed", "skipped", "drafts")
TIME_COLUMNS = (*(f"within_{seconds}" for seconds in TIMES), "longer")

BATCH = 2000
"""Events that are summed up in one transaction: on SQLite everybody else waits for it."""


def _number(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=text("0"))


EVENTS = Table(
    "funnel_events",
    Base.metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("day", Date, nullable=False),
    Column("language", String(40), nullable=False),
    Column("device", String(40), nullable=False),
    Column("slug", String(40), nullable=False),
    *(_number(name) for name in STATES),
    Column("seconds", Integer),
    Column("outcome", String(40)),
)
"""Changes that are not summed up yet. `seconds`: from first sight of the step to its first save.
`outcome`: of an analysis that ended on that day; then all the rest is empty."""

COUNTS = Table(
    "funnel_counts",
    Base.metadata,
    Column("day", Date, primary_key=True),
    Column("language", String(40), primary_key=True),
    Column("device", String(40), primary_key=True),
    Column("slug", String(40), primary_key=True),
    *(_number(name) for name in (*STATES, *TIME_COLUMNS)),
)
"""Sessions that began on a day, by step: how many reached it, passed it, skipped it, left a draft
there, and how long those took who passed."""

ANALYSES = Table(
    "analysis_counts",
    Base.metadata,
    Column("day", Date, primary_key=True),
    Column("outcome", String(40), primary_key=True),
    _number("analyses"),
)
"""Analyses that ended on a day."""


_COUNTED = ("day", "language", "device", "slug", *STATES, "seconds")
_NUMBERED = [f"{name}_{n}" for n in range(2) for name in _COUNTED]
"""The parameters of two rows."""


def _counting(rows: int) -> Prepared:
    """An INSERT of so many rows; the parameters of the first are called `day_0` and so on."""

    def make() -> Any:
        numbers = range(rows)
        values: list[dict[str, Any]] = [
            {name: bindparam(f"{name}_{n}", type_=EVENTS.c[name].type) for name in _COUNTED}
            for n in numbers  # SQLAlchemy looks for the types of a first row alone
        ]
        return insert(EVENTS).values(values).inline()  # nobody asks for the numbers they get

    return Prepared(make)


_COUNT = {rows: _counting(rows) for rows in (1, 2)}
"""Nearly every change is of a step and, at most, of the one that comes next."""


class Standing(NamedTuple):
    """How one session counts at one step."""

    reached: int = 0
    passed: int = 0
    skipped: int = 0
    drafts: int = 0
    """A draft was left there, and the step neither saved nor skipped."""


class Change(NamedTuple):
    """What became of one step, or (with the slug STARTED) of the session."""

    slug: str
    before: Standing
    after: Standing
    seconds: float | None = None
    """How long it took to save the step for the first time."""


def standing(row: Any) -> Standing:
    """How a row of `step_progress`, or None for no row, counts."""
    if row is None:
        return Standing()
    reached, done = row.first_seen_at is not None, row.done
    return Standing(
        reached=int(reached),
        passed=int(row.saved_at is not None),
        skipped=int(row.skipped_at is not None),
        drafts=int(reached and not done and row.draft is not None),
    )


def count(session: Any, changes: Iterable[Change]) -> None:
    """Add what changed to the log, in the transaction at hand; one statement for two changes, none
    when nothing did. `session`: a row of `onboarding_sessions`."""
    values: list[Any] = []
    origin = (session.created_at.date(), session.language or "", session.device or "")
    for slug, before, after, time_taken in changes:
        steps = [now_so - then for then, now_so in zip(before, after, strict=True)]
        if any(steps):
            seconds = None if time_taken is None else max(0, min(int(time_taken), 10**9))
            values += (*origin, slug, *steps, seconds)
    while values:
        two, values = values[: len(_NUMBERED)], values[len(_NUMBERED) :]
        _COUNT[len(two) // len(_COUNTED)].run(dict(zip(_NUMBERED, two, strict=False)))


def count_analysis(code: str | None) -> None:
    """Add the end of an analysis to the log, in the transaction at hand. `code`: what went wrong,
    None for one that is done."""
    nowhere = {"day": now().date(), "language": "", "device": "", "slug": STARTED}
    db.session.execute(insert(EVENTS).values(nowhere | {"outcome": (code or DONE)[:40]}))


def fold(seconds: float = 60) -> bool:
    """Sum up what is in the log, in batches with a commit each, for about so many seconds at most;
    False when some of it is left for the next time.

    Each event is counted once, however many do this at a time: it is deleted by the transaction
    that counts it.
    """
    deadline = time.monotonic() + seconds
    while _fold_batch() == BATCH:
        if time.monotonic() > deadline:
            return False
    return True


def _fold_batch() -> int:
    if db.session.scalar(select(EVENTS.c.id).limit(1)) is None:
        return 0  # without a lock
    oldest = select(EVENTS.c.id).order_by(EVENTS.c.id).limit(BATCH)
    with transaction():
        chosen = EVENTS.c.id.in_(oldest.with_for_update(skip_locked=True))
        events = db.session.execute(delete(EVENTS).where(chosen).returning(EVENTS)).mappings().all()
        counts: dict[tuple[date, str, str, str], dict[str, int]] = {}
        analyses: dict[tuple[date, str], dict[str, int]] = {}
        for event in events:
            if event["outcome"] is not None:
                _add(analyses, (event["day"], event["outcome"]), {"analyses": 1})
                continue
            numbers = {name: event[name] for name in STATES}
            if event["seconds"] is not None:
                numbers[time_column(event["seconds"])] = 1
            key = (event["day"], event["language"], event["device"], event["slug"])
            _add(counts, key, numbers)
        _sum_up(COUNTS, counts)
        _sum_up(ANALYSES, analyses)
    return len(events)


def time_column(seconds: float) -> str:
    """The column of `funnel_counts` for a time on a step."""
    found = (name for bound, name in zip(TIMES, TIME_COLUMNS, strict=False) if seconds <= bound)
    return next(found, TIME_COLUMNS[-1])


def _add(sums: dict[Any, dict[str, int]], key: Any, numbers: Mapping[str, int]) -> None:
    mine = sums.setdefault(key, {})
    for name, number in numbers.items():
        mine[name] = mine.get(name, 0) + number


def _sum_up(table: Table, sums: Mapping[Any, Mapping[str, int]]) -> None:
    """Add these numbers to the table's rows; always in the same order, so that two who do it at
    once wait for each other and never in a circle."""
    if not sums:
        return
    keys = [column.name for column in table.primary_key]
    numbers = [column.name for column in table.c if column.name not in keys]
    zeros = dict.fromkeys(numbers, 0)
    rows = [{**dict(zip(keys, key, strict=True)), **zeros, **sums[key]} for key in sorted(sums)]
    upsert = insert_into(table).values({name: bindparam(name) for name in (*keys, *numbers)})
    added = {name: table.c[name] + upsert.excluded[name] for name in numbers}
    db.session.execute(upsert.on_conflict_do_update(index_elements=keys, set_=added), rows)
