"""Do two workers twice the work of one?

    python -m tests.bench.workers URL [--seconds 10]

The database (PostgreSQL) is migrated. The real server runs with one worker and with two, in turn,
and eight visitors walk through journeys over HTTP as fast as they are answered. Printed are the
journeys a second, and those for each second of CPU that the server's processes took. The first
doubles where two cores are free for the server, beside those of the visitors and of PostgreSQL. The
second tells on a machine that has none to spare: where it stays, workers do not hinder each other.
"""

import argparse
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil

from tests.bench.leak import walk
from tests.support.databases import settings
from tests.support.server import LiveServer

VISITORS = 8
TURNS = 2


def cpu_of(server: LiveServer) -> float:
    """Seconds of CPU that all processes of the server took so far."""
    total = 0.0
    for process in server.processes():
        with suppress(psutil.NoSuchProcess):
            total += sum(process.cpu_times()[:2])
    return total


def measure(url: str, workers: int, seconds: float) -> tuple[float, float]:
    """Journeys a second, and journeys for each second of the server's CPU."""
    with tempfile.TemporaryDirectory() as folder:
        environ = settings(url, Path(folder) / "instance")
        with LiveServer(environ, Path(folder) / "log", workers=workers) as server:
            for _ in range(2 * workers):
                walk(server.url)
            walked: list[int] = []
            begun, cpu = time.monotonic(), cpu_of(server)
            until = begun + seconds

            def some() -> None:
                while time.monotonic() < until:
                    walk(server.url)
                    walked.append(1)

            threads = [threading.Thread(target=some) for _ in range(VISITORS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            taken = time.monotonic() - begun
            return len(walked) / taken, len(walked) / (cpu_of(server) - cpu)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, default=10)
    given = parser.parse_args()
    for _ in range(TURNS):
        for workers in (1, 2):
            a_second, for_cpu = measure(given.url, workers, given.seconds)
            print(  # noqa: T201
                f"workers: {workers}   {a_second:5.1f} journeys a second   "
                f"{for_cpu:5.1f} for each second of CPU",
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(main())
