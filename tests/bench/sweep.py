"""Half a million abandoned sessions are deleted while journeys go on: who notices?

    python -m tests.bench.sweep URL [--seconds 30] [--all]

The database was filled by `tests.bench.fill`. The real server runs with two workers, four visitors
walk through journeys over HTTP: for some seconds alone, then while the cleanup runs beside them (in
a process of its own, killed at the end of the turn), in turns. Printed are p50, p99 and the slowest
of the requests of both, and how many sessions went a second. `--all`: then let the
cleanup come to its end, journeys still going on, and look at the size of the database.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from sqlalchemy import text

from tests.bench.flat import percentile
from tests.journeys.walk import ANSWERS, SLUGS
from tests.support.databases import TOP, settings
from tests.support.pages import Page
from tests.support.server import LiveServer
from tests.support.visitors import Unheard, Visitor
from webapp import create_app
from webapp.extensions import db

VISITORS = 4
PAUSE = 0.05
"""Seconds between the clicks of a visitor: people read, and the machine is not to be full."""
TURNS = 3


class Timed(Visitor):
    """A visitor who notes what each request took."""

    times: list[float]

    def _send(self, method: str, path: str, body: str | None) -> Page:
        time.sleep(PAUSE)
        begun = time.perf_counter()
        page = super()._send(method, path, body)
        self.times.append((time.perf_counter() - begun) * 1000)
        assert page.status in (200, 204, 303), (page.status, path)
        return page


def visit(base: str, seconds: float, process: subprocess.Popen[bytes] | None = None) -> list[float]:
    """Milliseconds of every request of the visitors, for so many seconds, or as long as a process
    runs if that is less."""
    times: list[float] = []
    until = time.monotonic() + seconds

    def over() -> bool:
        return time.monotonic() > until or (process is not None and process.poll() is not None)

    def one() -> None:
        while not over():
            visitor = Timed(base)
            visitor.times = times
            page = visitor.follow(visitor.submit(visitor.get("/onboarding/")))
            for slug in SLUGS:
                page = visitor.follow(visitor.submit(page, ANSWERS[slug], "save"))
                if over():
                    break

    threads = [threading.Thread(target=one) for _ in range(VISITORS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times


def look(url: str, folder: Path) -> str:
    """How many sessions there are, and how large the database is."""
    with create_app(settings(url, folder)).app_context():
        count = db.session.scalar(text("SELECT count(*) FROM onboarding_sessions"))
        if db.engine.dialect.name == "sqlite":
            one = {
                n: db.session.scalar(text(f"PRAGMA {n}")) for n in ("page_count", "freelist_count")
            }
            size = f"{one['page_count']:,} pages, {one['freelist_count']:,} of them free"
        else:
            query = "SELECT pg_size_pretty(pg_database_size(current_database()))"
            dead = "SELECT sum(n_dead_tup) FROM pg_stat_user_tables"
            size = f"{db.session.scalar(text(query))}, {db.session.scalar(text(dead))} dead rows"
        db.session.remove()
        db.engine.dispose()
    return f"{count:,} sessions; {size}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, default=30, help="of each turn")
    parser.add_argument("--all", action="store_true", help="delete all that is abandoned")
    given = parser.parse_args()
    alone: list[float] = []
    beside: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(look(given.url, folder))  # noqa: T201
        environ = settings(given.url, folder / "instance")
        command = [sys.executable, "-m", "flask", "--app", "wsgi", "onboarding", "cleanup", "--yes"]
        swept, took = 0, 0.0
        with LiveServer(environ, folder / "log") as server:
            visit(server.url, 5)
            for _ in range(TURNS):
                alone += visit(server.url, given.seconds)
                before = _count(given.url, folder)
                sweeper = subprocess.Popen(
                    command,
                    cwd=TOP,
                    env={"PATH": os.environ["PATH"], **environ},
                    stdout=subprocess.DEVNULL,
                )
                time.sleep(2)  # it starts
                begun = time.monotonic()
                try:
                    beside += visit(server.url, given.seconds)
                except Unheard as error:
                    print(error)  # noqa: T201
                sweeper.kill()  # and is simply run again
                sweeper.wait()
                took += time.monotonic() - begun
                swept += before - _count(given.url, folder)
            tell("alone", alone)
            tell("beside the cleanup", beside)
            ratio = percentile(beside, 0.99) / percentile(alone, 0.99)
            print(  # noqa: T201
                f"p99 ratio {ratio:.2f}; net {swept / took:.0f} sessions a second went meanwhile",
                flush=True,
            )
            if given.all:
                begun = time.monotonic()
                sweeper = subprocess.Popen(
                    command, cwd=TOP, env={"PATH": os.environ["PATH"], **environ}
                )
                rest = visit(server.url, float("inf"), sweeper)
                assert sweeper.returncode == 0, sweeper.returncode
                tell("until its end", rest)
                print(f"the rest took {time.monotonic() - begun:.0f} s")  # noqa: T201
        print(look(given.url, folder))  # noqa: T201


def tell(words: str, times: list[float]) -> None:
    """Print how long requests took, in milliseconds."""
    figures = [percentile(times, share) for share in (0.5, 0.99, 1)]
    late = sum(time > 250 for time in times)
    print(  # noqa: T201
        f"{words:<20} {len(times):>6} requests   p50 {figures[0]:6.1f} ms   "
        f"p99 {figures[1]:6.1f} ms   slowest {figures[2]:6.1f} ms   {late} over 250 ms",
        flush=True,
    )


def _count(url: str, folder: Path) -> int:
    return int(look(url, folder).split()[0].replace(",", ""))


if __name__ == "__main__":
    main()
