"""The funnel: how far sessions come, where they stop, how long each step takes.

It is read from what `webapp.tally` sums up, in two statements whose cost follows from days and not
from sessions. Sessions are counted on the day that they began on, those that were deleted since as
well.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from webapp import tally
from webapp.extensions import db
from webapp.types import now
from webapp.wizard import store

PERIODS = (7, 30, 90, None)
"""Days that one can choose; None for all."""
FOLD_SECONDS = 0.2
"""How long a reader helps with summing up what is new."""


@dataclass
class StepFigures:
    """One step. `number` is None for one that is no longer asked."""

    slug: str
    title: Any
    number: int | None = None
    optional: bool = False
    reached: int = 0
    passed: int = 0
    """Saved."""
    skipped: int = 0
    drafts: int = 0
    """Of those who stopped: how many left something half typed."""
    times: list[int] = field(default_factory=lambda: [0] * len(tally.TIME_COLUMNS))
    """How many took how long, in the classes of `tally.TIME_COLUMNS`."""

    @property
    def stopped(self) -> int:
        """Reached it and went no further: they left, or are there still."""
        return max(0, self.reached - self.passed - self.skipped)

    @property
    def median(self) -> float | None:
        """The median of the seconds from first sight to first save: None where nobody was timed,
        infinite when it is more than a day."""
        return median(self.times)


@dataclass
class Group:
    """Sessions that have a language or a kind of device in common; '' where it is not known."""

    name: str
    started: int = 0
    completed: int = 0


@dataclass
class Funnel:
    """Everything that the page, the CSV file and the command show."""

    days: int | None
    since: date | None
    language: str | None
    device: str | None
    started: int
    completed: int
    steps: list[StepFigures]
    languages: list[Group]
    devices: list[Group]
    analyses_done: int
    analyses_failed: list[tuple[str, int]]
    """(code, how many), the most frequent first. Neither language nor device is known of these."""
    up_to_date: bool
    """False: some of the latest events are still to be summed up."""


def read(
    days: int | None = None,
    language: str | None = None,
    device: str | None = None,
    patience: float = FOLD_SECONDS,
) -> Funnel:
    """The funnel of the sessions that began in the last `days` days, today among them (None: of
    all), in this language and on this kind of device ('' for those of which it is not known).
    `patience`: how many seconds it may take to sum up what is new."""
    up_to_date = _sum_up(patience)
    since = None if days is None else now().date() - timedelta(days=days - 1)
    rows = _rows(since)
    chosen = [row for row in rows if _fits(row, language, device)]
    steps = _steps(chosen)
    started = sum(row["reached"] for row in chosen if row["slug"] == tally.STARTED)
    outcomes = _outcomes(since)
    return Funnel(
        days=days,
        since=since,
        language=language,
        device=device,
        started=max(0, started),
        completed=_passed_last(chosen),
        steps=steps,
        # Each of the two beside all its others, or there would be nothing to compare with.
        languages=_groups("language", [row for row in rows if _fits(row, None, device)]),
        devices=_groups("device", [row for row in rows if _fits(row, language, None)]),
        analyses_done=outcomes.pop(tally.DONE, 0),
        analyses_failed=sorted(outcomes.items(), key=lambda one: (-one[1], one[0])),
        up_to_date=up_to_date,
    )


def median(times: Sequence[int]) -> float | None:
    """The median of times that are only known by their class, taken as spread evenly within it."""
    whole = sum(times)
    if whole <= 0:
        return None
    half, below = whole / 2, 0
    bounds = (0, *tally.TIMES, math.inf)
    for place, number in enumerate(times):
        if number > 0 and below + number >= half:
            low, high = bounds[place], bounds[place + 1]
            return math.inf if high == math.inf else low + (half - below) / number * (high - low)
        below += number
    return math.inf


def _sum_up(seconds: float) -> bool:
    """Whether everything is counted now; a database that is busy, or read only, stays as it is."""
    try:
        return tally.fold(seconds)
    except DBAPIError:
        db.session.rollback()
        return False


def as_dict(found: Funnel) -> dict[str, Any]:
    """For a program: the figures by their names; times in seconds, null where nobody was timed and
    86400 for more than a day."""
    return {
        "since": found.since.isoformat() if found.since else None,
        "started": found.started,
        "completed": found.completed,
        "steps": [
            {
                "slug": step.slug,
                "reached": step.reached,
                "passed": step.passed,
                "skipped": step.skipped,
                "stopped": step.stopped,
                "drafts": step.drafts,
                "median_seconds": in_seconds(step.median),
            }
            for step in found.steps
        ],
        "languages": [asdict(group) for group in found.languages],
        "devices": [asdict(group) for group in found.devices],
        "analyses": {"done": found.analyses_done, "failed": dict(found.analyses_failed)},
        "up_to_date": found.up_to_date,
    }


def in_seconds(time: float | None) -> int | None:
    """A median as a whole number; a day stands for what is longer."""
    return None if time is None else round(min(time, tally.TIMES[-1]))


def _rows(since: date | None) -> list[Mapping[str, Any]]:
    """The sums for each step, language and device."""
    counts = tally.COUNTS.c
    by = (counts.slug, counts.language, counts.device)
    sums = [func.sum(counts[n]).label(n) for n in (*tally.STATES, *tally.TIME_COLUMNS)]
    query = select(*by, *sums).group_by(*by)
    if since is not None:
        query = query.where(counts.day >= since)
    return [dict(row) for row in db.session.execute(query).mappings()]


def _outcomes(since: date | None) -> dict[str, int]:
    counts = tally.ANALYSES.c
    query = select(counts.outcome, func.sum(counts.analyses)).group_by(counts.outcome)
    if since is not None:
        query = query.where(counts.day >= since)
    return {outcome: int(number) for outcome, number in db.session.execute(query)}


def _fits(row: Mapping[str, Any], language: str | None, device: str | None) -> bool:
    return language in (None, row["language"]) and device in (None, row["device"])


def _steps(rows: Iterable[Mapping[str, Any]]) -> list[StepFigures]:
    """The steps of the journey in their order, then those that are no longer asked."""
    journey = store.journey()
    found = {
        step.slug: StepFigures(step.slug, step.title, journey.number(step.slug), step.optional)
        for step in journey
    }
    gone: dict[str, StepFigures] = {}
    for row in rows:
        slug = row["slug"]
        if slug == tally.STARTED:
            continue
        step = found.get(slug) or gone.setdefault(slug, StepFigures(slug, slug))
        for name in tally.STATES:
            setattr(step, name, getattr(step, name) + int(row[name]))
        step.times = [
            time + int(row[name]) for time, name in zip(step.times, tally.TIME_COLUMNS, strict=True)
        ]
    return [*found.values(), *(gone[slug] for slug in sorted(gone))]


def _passed_last(rows: Iterable[Mapping[str, Any]]) -> int:
    last = store.journey().last.slug
    return sum(int(row["passed"]) for row in rows if row["slug"] == last)


def _groups(by: str, rows: Iterable[Mapping[str, Any]]) -> list[Group]:
    """The most frequent first, what is not known last."""
    last = store.journey().last.slug
    found: dict[str, Group] = {}
    for row in rows:
        group = found.setdefault(row[by], Group(row[by]))
        if row["slug"] == tally.STARTED:
            group.started += int(row["reached"])
        elif row["slug"] == last:
            group.completed += int(row["passed"])
    shown = (group for group in found.values() if group.started > 0)
    return sorted(shown, key=lambda one: (not one.name, -one.started, one.name))
