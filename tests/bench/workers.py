"""Do two workers twice the work of one?

    python -m tests.bench.workers URL [--seconds 10] [--core 0.25]

The database (PostgreSQL) is migrated. The real server runs with one worker and with two, in turn,
and eight visitors walk through journeys over HTTP as fast as they are answered. Printed are the
journeys a second, and those for each second of CPU that the server's processes took. The first
doubles where two cores are free for the server, beside those of the visitors and of PostgreSQL. The
second tells on a machine that has none to spare: where it stays, workers do not hinder each other.

With `--core` each worker has so much of a core for itself and no more, by Linux's control groups
(as root): a slow core each. Two such workers, the visitors and PostgreSQL fit on two cores side by
side, so that the first figure doubles unless workers wait for each other, or for PostgreSQL.
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
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


PERIOD_MICROSECONDS = 50_000
"""A worker that has used up its share of these waits for the next."""


@contextmanager
def slow_cores(server: LiveServer, core: float) -> Iterator[None]:
    """Each worker has so much of a core. Raises OSError where control groups cannot be made."""
    first = Path("/sys/fs/cgroup/cpu")  # of the first kind, where every controller has a folder
    top = first if first.exists() else Path("/sys/fs/cgroup")
    quota, groups = int(core * PERIOD_MICROSECONDS), []
    _main, *workers = [one for one in server.processes() if "webapp.worker" not in one.cmdline()]
    try:
        for worker in workers:
            group = top / f"onward-bench-{os.getpid()}-{worker.pid}"
            group.mkdir()
            groups.append(group)
            if top == first:
                (group / "cpu.cfs_period_us").write_text(str(PERIOD_MICROSECONDS))
                (group / "cpu.cfs_quota_us").write_text(str(quota))
            else:
                (group / "cpu.max").write_text(f"{quota} {PERIOD_MICROSECONDS}")
            (group / "cgroup.procs").write_text(str(worker.pid))
        yield
    finally:
        for group, worker in zip(groups, workers, strict=False):
            with suppress(OSError):  # it is gone
                (top / "cgroup.procs").write_text(str(worker.pid))
            group.rmdir()


def measure(url: str, workers: int, seconds: float, core: float | None) -> tuple[float, float]:
    """Journeys a second, and journeys for each second of the server's CPU."""
    with tempfile.TemporaryDirectory() as folder:
        environ = settings(url, Path(folder) / "instance")
        with LiveServer(environ, Path(folder) / "log", workers=workers) as server:
            for _ in range(10 * workers):
                walk(server.url)
            with slow_cores(server, core) if core else nullcontext():
                return _walk_for(server, seconds)


def _walk_for(server: LiveServer, seconds: float) -> tuple[float, float]:
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
    parser.add_argument("--core", type=float, help="how much of a core each worker has")
    given = parser.parse_args()
    for _ in range(TURNS):
        for workers in (1, 2):
            a_second, for_cpu = measure(given.url, workers, given.seconds, given.core)
            print(  # noqa: T201
                f"workers: {workers}   {a_second:5.1f} journeys a second   "
                f"{for_cpu:5.1f} for each second of CPU",
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(main())
