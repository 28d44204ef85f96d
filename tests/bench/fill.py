"""Fill a database with very many sessions, as they look after a year of use.

    python -m tests.bench.fill sqlite:///big.sqlite --sessions 1000000 [--bare]

The database must be migrated and empty. Four of ten sessions are completed, one is under way, and
half were left behind more than a day ago and not cleaned up yet, at a step that people leave. Three
of ten have a user. They began over the last year, more of them lately, on weekdays and by day more
often than by night, in four languages and on three kinds of devices.

One session is walked with the application's own code; its answers and its history are copied to all
others, to as many steps as each has saved. (Keys that are copied do not open: they are sealed for
the session that was walked. No analysis is among them.) `--bare` leaves answers and history out.
What the funnel counts is filled along.
"""

import argparse
import json
import random
import sqlite3
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from flask import Flask
from sqlalchemy import Table, insert

from tests.support.databases import settings
from tests.wizard import samples
from webapp import create_app, tally
from webapp.extensions import Base, db

SLUGS = ("api-keys", "website", "research", "persona", "integrations", "finish")
STOPS = (0.30, 0.22, 0.10, 0.16, 0.07, 0.15)
"""Of those who stop: at which step."""
MEDIANS = (95, 50, 25, 70, 15, 60)
"""Seconds on each step, in the middle; half to twice as much is usual."""
SKIPS = 0.55
"""Of those who pass the optional step."""
DRAFTS = 0.2
LANGUAGES, DEVICES = ("en", "es", "de", "ar"), ("desktop", "phone", "tablet", None)
LANGUAGE_SHARES, DEVICE_SHARES = (62, 17, 14, 7), (52, 38, 6, 4)
DAYS = 365
CHUNK = 20_000

SESSION = (
    "id", "user_id", "completed", "completed_at", "first_kblock_id", "first_declaration",
    "revision", "sealed_revision", "begun_by_api", "language", "device", "created_at", "updated_at",
)  # fmt: skip
STEP = (
    "session_id", "slug", "first_seen_at", "saved_at", "skipped_at", "revision", "draft",
    "draft_at",
)  # fmt: skip
ANSWERS = {
    "api_keys": "api-keys", "website_answers": "website", "research_preferences": "research",
    "persona_data": "persona", "platform_integrations": "integrations", "kblocks": "finish",
}  # fmt: skip
"""Table -> the step whose answer it holds."""


@dataclass
class Figures:
    """What was filled in, and how long that took."""

    seconds: float = 0
    rows: dict[str, int] = field(default_factory=dict)


class Maker:
    """Makes rows of sessions and steps, and counts them as the funnel does."""

    def __init__(self, sessions: int, seed: int, moment: datetime) -> None:
        self.sessions, self.moment = sessions, moment
        self.counts: dict[tuple[date, str, str, str], dict[str, int]] = {}
        self._random = random.Random(seed)  # noqa: S311 - rows to measure with, nothing secret

    def chunks(self) -> Iterator[tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]]:
        """Rows of sessions and of their steps, in the order of SESSION and STEP."""
        sessions: list[tuple[Any, ...]] = []
        steps: list[tuple[Any, ...]] = []
        for number in range(self.sessions):
            sessions.append(self._session(number, steps))
            if len(sessions) == CHUNK:
                yield sessions, steps
                sessions, steps = [], []
        yield sessions, steps

    def _session(self, number: int, steps: list[tuple[Any, ...]]) -> tuple[Any, ...]:
        chance = self._random
        kind = chance.random()
        language = chance.choices(LANGUAGES, LANGUAGE_SHARES)[0]
        device = chance.choices(DEVICES, DEVICE_SHARES)[0]
        session_id = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        begun = self._begun(lately=0.4 <= kind < 0.5)
        stop = len(SLUGS) if kind < 0.4 else chance.choices(range(len(SLUGS)), STOPS)[0]
        key = begun.date(), language, device or ""
        self._count((*key, tally.STARTED), {"reached": 1})
        at = begun
        for place, slug in enumerate(SLUGS[: stop + 1]):
            seconds = min(MEDIANS[place] * chance.lognormvariate(0, 0.8), 20_000)
            seen, row = at, [session_id, slug, _text(at), None, None, 0, None, None]
            if place < stop:
                at = seen + timedelta(seconds=seconds)
                skipped = slug == "integrations" and chance.random() < SKIPS
                row[4 if skipped else 3] = _text(at)
                row[5] = place + 1
                numbers = {"reached": 1, "skipped" if skipped else "passed": 1}
                if not skipped:
                    numbers[tally.time_column(seconds)] = 1
                self._count((*key, slug), numbers)
            else:
                left = chance.random() < DRAFTS
                if left:
                    row[6:] = [json.dumps({"audience": "People who"}), _text(at)]
                self._count((*key, slug), {"reached": 1, "drafts": int(left)})
            steps.append(tuple(row))
        completed = stop == len(SLUGS)
        return (
            session_id, f"user_{number}" if chance.random() < 0.3 else None, int(completed),
            _text(at) if completed else None, session_id if completed else None,
            "To keep time, and to tell of it." if completed else None,
            stop, stop if completed else 0, 0, language, device, _text(begun), _text(at),
        )  # fmt: skip

    def _begun(self, lately: bool) -> datetime:
        chance = self._random
        if lately:
            return self.moment - timedelta(hours=chance.uniform(0.1, 20))
        while True:
            day = 1.5 + (DAYS - 2) * chance.random() ** 1.5
            begun = self.moment - timedelta(days=day)
            usual = (0.4 if begun.weekday() > 4 else 1) * (1 if 7 <= begun.hour <= 21 else 0.25)
            if chance.random() < usual:
                return begun

    def _count(self, key: tuple[date, str, str, str], numbers: dict[str, int]) -> None:
        mine = self.counts.setdefault(key, {})
        for name, number in numbers.items():
            mine[name] = mine.get(name, 0) + number


def fill(
    database_url: str, folder: Path, sessions: int, bare: bool = False, seed: int = 1
) -> Figures:
    """Fill a migrated, empty database; `folder`: where the application may keep its files."""
    figures, start = Figures(), time.monotonic()
    app = create_app(settings(database_url, folder))
    maker = Maker(sessions, seed, datetime.now(UTC))
    with app.app_context():
        template = None
        if not bare:
            template = samples.begin()
            samples.walk(template)
        tally.fold()
        filler = _Postgres(app) if db.engine.dialect.name == "postgresql" else _Sqlite(app)
        for session_rows, step_rows in maker.chunks():
            filler.add("onboarding_sessions", SESSION, session_rows)
            filler.add("step_progress", STEP, step_rows)
        if template:
            for statement in _copies(template):
                filler.run(statement)
        filler.close()
        _store_counts(maker)
        for table in Base.metadata.sorted_tables:
            count = db.session.connection().exec_driver_sql(f"SELECT count(*) FROM {table.name}")  # noqa: S608
            if rows := count.scalar():
                figures.rows[table.name] = rows
        db.session.remove()
        db.engine.dispose()
    figures.seconds = time.monotonic() - start
    return figures


class _Sqlite:
    """One transaction; nothing has to survive a power cut before it is done."""

    def __init__(self, app: Flask) -> None:
        self._file = sqlite3.connect(str(db.engine.url.database))
        self._file.isolation_level = None
        for pragma in ("synchronous=OFF", "cache_size=-400000", "foreign_keys=OFF"):
            self._file.execute(f"PRAGMA {pragma}")
        self._file.execute("BEGIN IMMEDIATE")

    def add(self, table: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
        places = ", ".join("?" * len(columns))
        statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608
        self._file.executemany(statement, rows)

    def run(self, statement: str) -> None:
        self._file.execute(statement)

    def close(self) -> None:
        self._file.execute("COMMIT")
        self._file.execute("ANALYZE")
        self._file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._file.close()


class _Postgres:
    """COPY, then what autovacuum would do in time."""

    def __init__(self, app: Flask) -> None:
        url = db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection = psycopg.connect(url)
        self._connection.execute("SET synchronous_commit = off")

    def add(self, table: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
        with self._connection.cursor().copy(statement.encode()) as copy:
            for row in rows:
                copy.write_row(row)

    def run(self, statement: str) -> None:
        self._connection.execute(statement.encode())

    def close(self) -> None:
        self._connection.commit()
        self._connection.autocommit = True
        self._connection.execute("VACUUM ANALYZE")
        self._connection.close()


def _copies(template: str) -> Iterator[str]:
    """Statements that give each saved step the answer and history of the one that was walked."""
    for name, slug in ANSWERS.items():
        yield _copy(Base.metadata.tables[name], template, f"step.slug = '{slug}'")
    yield _copy(Base.metadata.tables["step_history"], template, "step.slug = walked.slug")


def _copy(table: Table, template: str, where: str) -> str:
    own = {"session_id": "step.session_id", "id": "step.session_id"}
    names = [column.name for column in table.c]
    values = [own.get(name, f"walked.{name}") for name in names]
    return (
        f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {', '.join(values)} "  # noqa: S608
        f"FROM step_progress AS step CROSS JOIN {table.name} AS walked "
        f"WHERE walked.session_id = '{template}' AND step.session_id <> '{template}' "
        f"AND step.saved_at IS NOT NULL AND {where}"
    )


def _store_counts(maker: Maker) -> None:
    keys = ("day", "language", "device", "slug")
    zeros = dict.fromkeys((*tally.STATES, *tally.TIME_COLUMNS), 0)
    rows = [
        {**dict(zip(keys, key, strict=True)), **zeros, **numbers}
        for key, numbers in maker.counts.items()
    ]
    with db.engine.begin() as connection:
        connection.execute(tally.COUNTS.delete())  # the one session that was walked
        for start in range(0, len(rows), 5000):
            connection.execute(insert(tally.COUNTS), rows[start : start + 5000])


def _text(moment: datetime) -> str:
    """As SQLite keeps it; PostgreSQL reads it too."""
    return moment.isoformat(sep=" ", timespec="microseconds")


def main() -> None:
    """Fill the database that is named, and say how long it took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("url", help="sqlite:///… or postgresql://…, migrated and empty")
    parser.add_argument("--sessions", type=int, default=1_000_000)
    parser.add_argument("--bare", action="store_true", help="sessions and steps alone")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    figures = fill(given.url, Path("instance"), given.sessions, given.bare, given.seed)
    for name, rows in figures.rows.items():
        print(f"{rows:>12,}  {name}")  # noqa: T201
    print(f"{sum(figures.rows.values()):>12,}  rows in {figures.seconds:.0f} s")  # noqa: T201


if __name__ == "__main__":
    main()
