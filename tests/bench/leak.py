"""Does a worker's memory grow with the journeys that it has served?

    python -m tests.bench.leak URL [--journeys 20000] [--minutes 60]

The database is migrated. The real server runs with one worker; four visitors walk through complete
journeys over HTTP. Printed is the resident memory of the worker at every twentieth of the way: the
first ones show it warming up, and from then on it should stay.
"""

import argparse
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from tests.journeys.walk import ANSWERS, SLUGS
from tests.support.databases import settings
from tests.support.server import LiveServer
from tests.support.visitors import Visitor

VISITORS = 4
LOOKS = 20


def worker_of(server: LiveServer) -> psutil.Process:
    """The process that serves: the largest of the group."""
    return max(server.processes(), key=lambda process: process.memory_info().rss)


def walk(base: str) -> None:
    """One complete journey."""
    visitor = Visitor(base)
    page = visitor.follow(visitor.submit(visitor.get("/onboarding/")))
    for slug in SLUGS:
        page = visitor.follow(visitor.submit(page, ANSWERS[slug], "save"))
    assert page.path == "/onboarding/summary", page.path


def main() -> None:
    """Walk and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("url")
    parser.add_argument("--journeys", type=int, default=20_000)
    parser.add_argument("--minutes", type=float, default=60, help="no longer than this")
    given = parser.parse_args()
    until = time.monotonic() + given.minutes * 60
    with tempfile.TemporaryDirectory() as folder:
        environ = settings(given.url, Path(folder) / "instance")
        with LiveServer(environ, Path(folder) / "log", workers=1) as server:
            worker = worker_of(server)
            walked: list[int] = []

            def some() -> None:
                for _ in range(given.journeys // LOOKS // VISITORS):
                    if time.monotonic() < until:
                        walk(server.url)
                        walked.append(1)

            for _ in range(LOOKS):
                if time.monotonic() > until:
                    break
                threads = [threading.Thread(target=some) for _ in range(VISITORS)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                size = worker.memory_info().rss / 1e6
                print(f"{len(walked):>7} journeys   {size:6.1f} MB", flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
