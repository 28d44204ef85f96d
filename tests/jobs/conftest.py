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
from tests.support.rabbitmq import RabbitServer, why_no_rabbitmq
from tests.support.redis import RedisServer, why_no_redis

Broker = RedisServer | RabbitServer


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A running Redis."""
    _needs("REDIS", why_no_redis())
    with RedisServer(tmp_path) as server:
        yield server


@pytest.fixture
def rabbitmq(tmp_path: Path) -> Iterator[RabbitServer]:
    """A running RabbitMQ."""
    _needs("RABBITMQ", why_no_rabbitmq())
    with RabbitServer(tmp_path) as server:
        yield server


def _needs(name: str, missing: str | None) -> None:
    """Leave the test out where something is not installed, or let it fail when it has to be."""
    if missing and os.environ.get(f"REQUIRE_{name}") == "1":
        pytest.fail(f"{missing} REQUIRE_{name}=1 makes that a failure.", pytrace=False)
    if missing:
        pytest.skip(missing)


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
