"""The background worker: `make worker` where there is a broker, else the child of a web process.

The child works until its standard input ends (its parent is gone), or until there was nothing to do
for a while. A worker with a broker works until it is told to end. What either cannot finish then is
handed back, for others to do.
"""

import contextlib
import logging
import os
import select
import signal
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from flask import Flask

from webapp import create_app, jobs, logs
from webapp.config import ConfigError

THREADS = 3
IDLE_SECONDS = 600
LEASE_SECONDS = 120
"""A job that takes longer has hung: its heartbeat stops, so that somebody else may take it."""
GRACE_SECONDS = 2
"""How long a worker that has to end waits for the jobs in its hands."""
POLL_SECONDS = 0.5

log = logging.getLogger("webapp.worker")  # also where it is the main module


class Hands:
    """The jobs that this process has in hand, and the thread that keeps them alive.

    The heartbeat has a thread of its own, so that neither a busy loop nor a slow claim nor the end
    of the process can make a living job look dead.
    """

    def __init__(self, app: Flask, name: str) -> None:
        """`name` is this process's alone."""
        self._app, self._name = app, name
        self._since: dict[jobs.Claim, float] = {}
        self._hung: set[jobs.Claim] = set()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    @property
    def count(self) -> int:
        """How many jobs are in hand."""
        return len(self._since)

    @property
    def hung(self) -> bool:
        """True once a job has hung. Its thread cannot be ended, only the process can."""
        return bool(self._hung)

    def take(self) -> jobs.Claim | None:
        """Claim a job, if one is due. `do` must follow."""
        with self._app.app_context():
            job = jobs.claim(self._name)
        if job:
            self._since[job] = time.monotonic()
        return job

    def do(self, job: jobs.Claim) -> None:
        """Do a job that was taken."""
        try:
            with self._app.app_context():
                jobs.perform(job)
        finally:
            del self._since[job]
            self._hung.discard(job)

    def let_go(self) -> None:
        """Give the jobs a moment to end, and hand back those that do not."""
        deadline = time.monotonic() + GRACE_SECONDS
        while self.count > len(self._hung) and time.monotonic() < deadline:
            time.sleep(0.05)
        with contextlib.suppress(Exception), self._app.app_context():
            jobs.hand_back([job for job in list(self._since) if job not in self._hung])

    def _beat(self) -> None:
        patience = jobs.Patience(log, "no heartbeat: the database does not answer")
        while True:
            time.sleep(jobs.BEAT_SECONDS)
            held = list(self._since.items())
            for job, since in held:
                if time.monotonic() - since > LEASE_SECONDS and job not in self._hung:
                    log.error("job %s %s hangs since %d s", job.kind, job.id, LEASE_SECONDS)
                    self._hung.add(job)
            with patience, self._app.app_context():
                jobs.beat([job for job, _ in held if job not in self._hung])


def run_child(app: Flask, parent: int) -> bool:
    """Work until the file descriptor `parent` ends or there is nothing to do. True: start anew."""
    with app.app_context():
        place = jobs.place()
        if not place.take():
            return False
        with contextlib.suppress(Exception):  # the database may be away: stale claims expire anyway
            jobs.release(place.name)
    hands = Hands(app, f"{place.name}/{os.getpid()}")
    patience = jobs.Patience(log, "the queue does not answer")
    last_work = time.monotonic()
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="job")
    parent_lives = True
    while parent_lives and not hands.hung and time.monotonic() - last_work < IDLE_SECONDS:
        with patience:
            while hands.count < THREADS and (job := hands.take()):
                pool.submit(hands.do, job)
        if hands.count:
            last_work = time.monotonic()
        parent_lives = _wait(parent)
    hands.let_go()
    return parent_lives and hands.hung


def run_for_broker(app: Flask, url: str, told_to_end: Callable[[], bool]) -> bool:
    """Work on what messages tell of, until `told_to_end`. True: start anew."""
    from webapp.jobs.broker import Post  # 20 MB that the child does not need

    hands = Hands(app, f"{socket.gethostname()[:60]}:{uuid.uuid4()}/{os.getpid()}")
    patience = jobs.Patience(log, "the queue does not answer")
    ending = threading.Event()

    def hear(_job_id: str) -> None:
        with patience:
            while not ending.is_set() and (job := hands.take()):
                hands.do(job)

    post = Post(url, hear)
    post.listen(THREADS)
    jobs.Watch(app, post.tell)
    while not hands.hung and not told_to_end():
        time.sleep(POLL_SECONDS)
    ending.set()
    hands.let_go()
    return hands.hung and not told_to_end()


def _wait(parent: int) -> bool:
    """Pause until there may be news; False when the parent is gone."""
    ready, _, _ = select.select([parent], [], [], POLL_SECONDS)
    return not ready or bool(os.read(parent, 4096))


def main() -> None:
    """Start, work, and end; or start anew, when a job has hung."""
    logs.to_stderr(os.environ.get("LOG_FORMAT", ""))
    logs.mask_crashes()
    os.nice(max(0, 10 - os.nice(0)))  # pages come first
    try:
        app = create_app()
    except ConfigError as fault:
        sys.exit(f"The worker cannot start.\n{fault}")
    if url := app.extensions["settings"].broker_url:
        told = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: told.set())
        log.info("waits for work")
        again = run_for_broker(app, url, told.is_set)
    else:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with its parent
        again = run_child(app, sys.stdin.fileno())
    logging.shutdown()
    if again:
        os.execv(sys.executable, [sys.executable, "-m", "webapp.worker"])  # noqa: S606  # nosec B606
    os._exit(0)  # threads that still work have lost their jobs


if __name__ == "__main__":
    main()
