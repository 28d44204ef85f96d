"""Is a step's POST slowed by a running analysis? `python -m tests.bench.bench_jobs`

The real server with 2 workers, a visitor who saves one step again and again, and beside it nothing,
one analysis after the other, or as many at a time as the worker does. The three take turns, and
each round is compared with itself: whatever else the machine does falls on all three alike, and one
bad moment spoils one round of many. The median of the rounds' ratios (p50 with one analysis under
way to p50 without) stays below 1.3; the exit status says so.
"""

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from flask import Flask
from sqlalchemy import select

from tests.browser.visitor import Visitor
from tests.journeys.walk import ANSWERS, path_of, walk
from tests.support.databases import migrate, postgres_database, settings, stop_postgres
from tests.support.server import LiveServer
from tests.support.site import SiteServer, page, prose_page
from tests.wizard.samples import begin, save
from webapp import create_app, jobs
from webapp.extensions import db, transaction
from webapp.steps.website.models import WebsiteAnalysis
from webapp.steps.website.queueing import ANALYSE

LIMIT = 1.3
AT_A_TIME = (0, 1, 3)


class Analyses:
    """Keeps so many analyses under way as `wanted` says, each read again when it is done."""

    def __init__(self, app: Flask, site: SiteServer) -> None:
        self.wanted = 0
        self._app, self._stop = app, threading.Event()
        with app.app_context():
            self._sessions = [self._session(site.url(f"/site-{n}")) for n in range(max(AT_A_TIME))]
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def idle(self) -> bool:
        """True when none is under way."""
        with self._app.app_context():
            return db.session.scalar(select(jobs.Job.id).limit(1)) is None

    def close(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join()

    def _session(self, url: str) -> tuple[str, str]:
        session_id = begin()
        save(session_id, "api-keys")
        save(session_id, "website", has_website="yes", website_url=url, business_description="")
        mine = WebsiteAnalysis.session_id == session_id
        return session_id, str(db.session.scalar(select(WebsiteAnalysis.id).where(mine)))

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            with self._app.app_context():
                queued = set(db.session.scalars(select(jobs.Job.subject)).all())
                missing = [s for s in self._sessions[: self.wanted] if s[1] not in queued]
                if missing:
                    with transaction():
                        for session_id, subject in missing:
                            jobs.add(ANALYSE, subject, session_id)


def posts(visitor: Visitor, seconds: float, pause: float) -> list[float]:
    """Save the research step for so long; how long each POST took, in milliseconds."""
    took = []
    end = time.monotonic() + seconds
    turn = 0
    while time.monotonic() < end:
        turn += 1
        depth = ("Basic", "Standard", "Expert")[turn % 3]
        form = visitor.get(path_of("research")).form()
        data = form.filled(
            {**ANSWERS["research"], "competitors": "", "research_depth": depth}, "save"
        )
        time.sleep(pause)
        begun = time.perf_counter()
        answer = visitor.flask.post(path_of("research"), data, {})
        took.append(1000 * (time.perf_counter() - begun))
        assert answer.status_code == 303, answer.get_data(as_text=True)[:500]
    return took


def main() -> int:
    """Measure and print; 1 when the limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=3, help="of each turn of a round")
    parser.add_argument("--postgres", action="store_true", help="in place of SQLite")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="onward-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        if not chosen.postgres:
            url = f"sqlite:///{folder / 'bench.sqlite'}"
            migrate(url, folder / "instance")
            return measure(url, folder, chosen.rounds, chosen.seconds)
        try:
            with postgres_database(folder) as url:
                return measure(url, folder, chosen.rounds, chosen.seconds)
        finally:
            stop_postgres(folder)


def measure(url: str, folder: Path, rounds: int, seconds: float) -> int:
    """All rounds on one database."""
    text = str(prose_page()[2])
    body = text[text.index("<main>") : text.index("</main>")]
    with SiteServer({}) as site:
        for n in range(max(AT_A_TIME)):
            links = "".join(f'<a href="/site-{n}/{m}">Part {m}</a> ' for m in range(11))
            site.pages[f"/site-{n}"] = page(f"<nav>{links}</nav>{body * 4}</main>")
            for m in range(11):
                site.pages[f"/site-{n}/{m}"] = page(f"{body * 4}</main>")
        environ = settings(url, folder / "instance", FETCH_ALLOW=site.host_port)
        app = create_app(environ)
        with LiveServer(environ, folder / "server.log", workers=2) as server:
            visitor = Visitor(server.url)
            walk(visitor, "persona", {"research": {"competitors": ""}})
            analyses = Analyses(app, site)
            try:
                return report(take_turns(visitor, analyses, rounds, seconds))
            finally:
                analyses.close()


def take_turns(
    visitor: Visitor, analyses: Analyses, rounds: int, seconds: float
) -> dict[int, list[list[float]]]:
    """Analyses at a time -> for each round, what the POSTs took."""
    took: dict[int, list[list[float]]] = {number: [] for number in AT_A_TIME}
    wait_for(analyses.idle)
    posts(visitor, 1, 0)  # so that everything is warm
    for _ in range(rounds):
        for number in AT_A_TIME:
            analyses.wanted = number
            wait_for(lambda: analyses.idle() == (analyses.wanted == 0))
            time.sleep(0.3)
            took[number].append(posts(visitor, seconds, 0.01))
    analyses.wanted = 0
    wait_for(analyses.idle)
    return took


def report(took: dict[int, list[list[float]]]) -> int:
    """Print a line a case; 1 when the limit is passed."""
    base = [statistics.median(turn) for turn in took[0]]
    found = {}
    for number, turns in took.items():
        ratios = [statistics.median(turn) / base[n] for n, turn in enumerate(turns)]
        found[number] = statistics.median(ratios)
        everything = [post for turn in turns for post in turn]
        p50, p95 = statistics.median(everything), statistics.quantiles(everything, n=20)[-1]
        print(  # noqa: T201
            f"{number} analyses at a time: {len(everything)} POSTs, p50 {p50:.1f} ms, "
            f"p95 {p95:.1f} ms, ratio {found[number]:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        )
    print(f"a running analysis: {found[1]:.2f} (limit {LIMIT})")  # noqa: T201
    return int(found[1] >= LIMIT)


def wait_for(true: Callable[[], bool], seconds: float = 60) -> None:
    """Until it is so."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not so after {seconds} seconds")
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
