"""A broker, workers of it, and a count of what was stored."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.databases import TOP, settings
from tests.support.redis import RedisServer, why_no_redis


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A running Redis. Where there is none the test is left out, or fails when it may not be."""
    if reason := why_no_redis():
        if os.environ.get("REQUIRE_REDIS") == "1":
            pytest.fail(f"{reason} REQUIRE_REDIS=1 makes that a failure.", pytrace=False)
        pytest.skip(reason)
    with RedisServer(tmp_path) as server:
        yield server


class WorkerProcess:
    """`python -m webapp.worker`, as `make worker` starts it."""

    def __init__(self, environ: dict[str, str], log: Path, code: str) -> None:
        self._log = log
        command = ["-c", code] if code else ["-m", "webapp.worker"]
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, *command],
                cwd=TOP,
                env={"PATH": os.environ["PATH"], **environ},
                stdin=subprocess.DEVNULL,
                stderr=output,
                start_new_session=True,
            )

    def kill(self) -> None:
        """`kill -9`."""
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        self.process.terminate()
        return self.process.wait(20)

    def output(self) -> str:
        """What it logged."""
        return self._log.read_text()


StartWorker = Callable[..., WorkerProcess]


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[StartWorker]:
    """`start_worker(database_url, BROKER_URL="…")`: a worker on a machine of its own, as far as it
    can tell, killed at the end. `code` is Python to run in place of `-m webapp.worker`."""
    started: list[WorkerProcess] = []

    def start(database_url: str, *, code: str = "", **more: str) -> WorkerProcess:
        number = len(started)
        environ = settings(database_url, tmp_path / f"machine-{number}", **more)
        started.append(WorkerProcess(environ, tmp_path / f"worker-{number}.log", code))
        return started[-1]

    yield start
    for worker in started:
        worker.kill()
