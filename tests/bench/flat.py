"""Is every page as fast with a million sessions as with a thousand?

    python -m tests.bench.flat SMALL_URL BIG_URL [--rounds 100]

Both databases were filled by `tests.bench.fill`. In each round a new visitor walks through every
page of each database in turn, and looks at the pages of sessions that are there already, drawn by
chance; so whatever else the machine does slows both. Printed are p50 and p99 of each kind of
request in milliseconds, as the application needs them (in this process, without the network), and
the ratios. Exit status 1 when the median of a page, or the whole, is slower than allowed. The
funnel's page sums up days and not sessions: it has a limit of its own, and is no part of the whole.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import func, select

from tests.journeys.walk import ANSWERS, SLUGS, path_of
from tests.support.databases import settings
from tests.support.pages import PageClient
from webapp import create_app
from webapp.extensions import db
from webapp.wizard.models import OnboardingSession, StepProgress

ALLOWED = 1.2
FUNNEL, FUNNEL_MS = "GET operators", 500
TOKEN = "a token of operators for measuring"
DRAWN = 600
TURNS = (0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6)
"""The step of the session that is looked at, 0 for a completed one."""

Times = dict[str, list[float]]


class Clock:
    """WSGI middleware: what each request takes, by the name that the walk gives it."""

    def __init__(self, app: Flask) -> None:
        self.times: Times = defaultdict(list)
        self.name = ""
        self._app, app.wsgi_app = app.wsgi_app, self  # type: ignore[method-assign]

    def __call__(self, environ: Any, start: Any) -> Any:
        begun = time.perf_counter()
        body = self._app(environ, start)
        if self.name:
            self.times[self.name].append((time.perf_counter() - begun) * 1000)
        return body

    @contextmanager
    def naming(self, name: str) -> Iterator[None]:
        """What is requested in this block has this name."""
        self.name = name
        yield
        self.name = ""


class Side:
    """One of the two databases."""

    def __init__(self, url: str, folder: Path) -> None:
        self.app = create_app(settings(url, folder, OPERATOR_TOKEN=TOKEN))
        self.clock = Clock(self.app)
        with self.app.app_context():
            self.sessions = self._drawn()

    def _drawn(self) -> dict[int, list[str]]:
        """Ids of anonymous sessions from all over the table, by the step that they stand at, 0 for
        completed ones: both databases are compared at the same steps, which differ in cost."""
        found: dict[int, list[str]] = defaultdict(list)
        chance = random.Random(4)  # noqa: S311
        row = OnboardingSession
        for _ in range(DRAWN):
            near = f"{chance.getrandbits(32):08x}"
            query = select(row.id, row.completed, row.user_id).where(row.id > near)
            one = db.session.execute(query.order_by(row.id).limit(1)).first()
            if one and one.user_id is None:
                mine = select(func.count()).where(StepProgress.session_id == one.id)
                found[0 if one.completed else db.session.scalar(mine) or 1].append(one.id)
        return found

    def walk(self) -> None:
        """Every page, by somebody new."""
        client, naming = PageClient(self.app), self.clock.naming
        with naming("GET welcome"):
            page = client.get("/onboarding/")
        with naming("POST start"):
            answer = client.submit(page)
        page = client.follow(answer)
        for slug in SLUGS:
            with naming(f"GET {slug}"):
                page = client.get(path_of(slug))
            body = page.form().filled(ANSWERS[slug])
            with naming("POST draft"):
                client.flask.post(f"{page.path}/draft", data=body)
            with naming(f"POST {slug}"):
                client.submit(page, ANSWERS[slug], "save")
            with naming("GET resume"):
                client.get("/onboarding/", 303)
            with naming("API status"):
                client.flask.get("/api/onboarding/status")
        for path in ("summary", "history", "reset", "resume-link"):
            with naming(f"GET {path}"):
                client.get(f"/onboarding/{path}")

    def look(self, turn: int) -> None:
        """At a session that has been there for long, and at the funnel. What the first request of
        somebody who was away reads from the disk is not measured: how long that takes says the
        disk, and how much of the database the memory holds."""
        step = TURNS[turn % len(TURNS)]
        drawn = self.sessions[step]
        assert drawn, f"of {DRAWN} sessions drawn by chance none stands at step {step}: fill more"
        session_id = drawn[turn // len(TURNS) % len(drawn)]
        browser = self.app.test_client()
        with browser.session_transaction() as cookie:
            cookie["sid"] = session_id
        for path in ("", "history"):  # their first request may wait for the disk
            answer = browser.get(f"/onboarding/{path}")
        with self.clock.naming("old: GET resume"):
            answer = browser.get("/onboarding/")
        name = "old: GET step" if step else "old: GET summary"
        with self.clock.naming(name):
            page = browser.get(answer.headers["Location"])
        assert page.status_code == 200, (name, page.status)
        with self.clock.naming("old: GET history"):
            browser.get("/onboarding/history")
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        with self.clock.naming(FUNNEL):
            funnel = self.app.test_client().get("/operators/?days=all", headers=bearer)
        assert funnel.status_code == 200


def measure(small: Side, big: Side, rounds: int) -> list[tuple[str, list[float], list[float]]]:
    """Name, times on the small one, times on the big one."""
    sides = [small, big]
    for turn in range(rounds + 5):
        if turn == 5:  # what is made once is made by now
            for side in sides:
                side.clock.times.clear()
        for side in sides if turn % 2 else reversed(sides):
            side.walk()
            side.look(turn)
    return [(name, small.clock.times[name], big.clock.times[name]) for name in small.clock.times]


def percentile(times: list[float], share: float) -> float:
    """The time below which this share of them lies."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def main() -> int:
    """Measure and print; 1 when something is not flat."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("small", help="a database with a thousand sessions")
    parser.add_argument("big", help="a database with a million")
    parser.add_argument("--rounds", type=int, default=100)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sides = Side(given.small, Path(folder) / "s"), Side(given.big, Path(folder) / "b")
        rows = measure(*sides, rounds=given.rounds)
    print(f"{'':<20}{'p50':>8}{'p50':>8}{'ratio':>7}{'p99':>9}{'p99':>9}{'ratio':>7}")  # noqa: T201
    all_small, all_big, faults = [], [], []
    for name, small, big in [*rows, ("all", all_small, all_big)]:
        if name not in ("all", FUNNEL):
            all_small += small
            all_big += big
        a, b = statistics.median(small), statistics.median(big)
        c, d = percentile(small, 0.99), percentile(big, 0.99)
        print(f"{name:<20}{a:8.2f}{b:8.2f}{b / a:7.2f}{c:9.2f}{d:9.2f}{d / c:7.2f}")  # noqa: T201
        too_slow = b > FUNNEL_MS if name == FUNNEL else b / a > ALLOWED
        if too_slow or (name == "all" and d / c > ALLOWED):
            faults.append(name)
    print(f"slower than allowed: {', '.join(faults) or 'nothing'}")  # noqa: T201
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
