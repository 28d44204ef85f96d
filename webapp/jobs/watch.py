"""The thread of each process that sees to it that somebody works when there is work."""

import contextlib
import fcntl
import logging
import os
import subprocess  # for one fixed command # nosec B404
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import IO

from flask import Flask
from sqlalchemy import select

from webapp.config import TOP, settings
from webapp.extensions import db
from webapp.jobs.queue import Job, due

log = logging.getLogger(__name__)

LOOK_SECONDS = 5
"""How often a process looks for work that somebody left behind."""


class Watch:
    """Looks now and then, and at once when there is new work."""

    def __init__(self, app: Flask, look: Callable[[], None]) -> None:
        """`look` runs in the application's context, and may raise."""
        self._app, self._look = app, look
        self._wake = threading.Event()
        threading.Thread(target=self._run, name="jobs", daemon=True).start()

    def wake(self) -> None:
        """There is new work."""
        self._wake.set()

    def _run(self) -> None:
        patience = Patience(log, "background work waits: nobody can be told of it")
        pause = 0.5
        while True:
            self._wake.wait(pause)
            self._wake.clear()
            pause = LOOK_SECONDS
            with patience, self._app.app_context():
                self._look()


class Patience:
    """`with patience:` swallows failures of what is tried again soon. The log says so once, however
    long they last, and once more when they are over."""

    def __init__(self, log: logging.Logger, sentence: str) -> None:
        """`sentence` says what the failure means."""
        self._log, self._sentence = log, sentence
        self._fault = ""

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if error is not None and not isinstance(error, Exception):
            return False
        fault = type(error).__name__ if error else ""
        if fault and fault != self._fault:
            self._log.warning("%s (%s)", self._sentence, fault)
        elif self._fault and not fault:
            self._log.warning("no longer true: %s", self._sentence)
        self._fault = fault
        return True


def watch(app: Flask, environ: dict[str, str]) -> None:
    """From now on this process sees to it that its jobs are done: it tells the broker, or starts a
    worker when there is work and none lives on this machine.

    `environ` is what that worker reads its settings from. For serving processes alone: a command
    leaves its jobs to them.
    """
    url = app.extensions["settings"].broker_url
    look = _teller(url) if url else Child(Place(app.extensions["settings"].instance_dir), environ)
    app.extensions["job_watch"] = Watch(app, look)


def _teller(url: str) -> Callable[[], None]:
    from webapp.jobs.broker import Post  # 20 MB that are needed with a broker alone

    return Post(url).tell


# -- the child process -----------------------------------------------------------------------------


class Child:
    """The worker that this web process has started, if it has: called when it is time to look."""

    def __init__(self, place: "Place", environ: dict[str, str]) -> None:
        """The worker ends when its standard input does, so it outlives this process by little."""
        self._place, self._environ = place, environ
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self) -> None:
        """Wake the worker, or start one when there is work and none lives here."""
        status = self._process.poll() if self._process else 0
        # What a worker held that was killed looks alive for a while. Its successor knows better.
        crashed = bool(status) and db.session.scalar(select(Job.id).limit(1))
        if not crashed and not due(1):
            return
        if self._process and status is None:
            assert self._process.stdin  # noqa: S101 - it was opened as a pipe
            with contextlib.suppress(OSError):
                self._process.stdin.write(b"\n")
                self._process.stdin.flush()
        elif not self._place.is_taken():
            self._process = subprocess.Popen(  # nothing from outside # nosec B603
                [sys.executable, "-m", "webapp.worker"],
                stdin=subprocess.PIPE,
                cwd=TOP,
                env=self._environ,
            )


class Place:
    """Where this machine's child works: a lock file that the living one holds, and a name that
    tells its jobs from those of all others."""

    def __init__(self, folder: Path) -> None:
        """`folder`: the instance folder; servers on one machine that share it share the child."""
        self._path = folder / "worker.lock"
        self._file: IO[str] | None = None

    @property
    def name(self) -> str:
        """The same for all children of this place, one after the other, and for nobody else.

        Two places are the same when their lock is: the same file under the same kernel. A host's
        name is not enough, since containers and cloned machines share theirs.
        """
        try:
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            boot = uuid.uuid4().hex  # nobody's: what dead workers hold is found by its age alone
        with self._open() as file:
            status = os.fstat(file.fileno())
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{boot}/{status.st_dev}/{status.st_ino}"))

    def take(self) -> bool:
        """Become the worker of this place; False when there is one. Held until the process ends."""
        self._file = self._open()
        for _ in range(10):
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                time.sleep(0.05)  # it may be somebody who only asks `is_taken`
        self._file.close()
        return False

    def is_taken(self) -> bool:
        """True while a worker lives here."""
        with self._open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def _open(self) -> IO[str]:
        return open(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+")


def place() -> Place:
    """This machine's place for a child."""
    return Place(settings().instance_dir)
