"""The background worker of one machine: `python -m webapp.worker`.

It ends when its standard input does (its parent is gone), after the work at hand, and when there
was nothing to do for a while.
"""

import contextlib
import logging
import os
import select
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

from flask import Flask

from webapp import create_app, jobs

THREADS = 3
IDLE_SECONDS = 600
LEASE_SECONDS = 120
"""A job that takes longer has hung: its heartbeat stops, so that somebody else may take it."""
POLL_SECONDS = 0.5

log = logging.getLogger(__name__)


def run(app: Flask, parent: int | None) -> None:
    """Work until the file descriptor `parent` ends (None: for ever) or there is nothing to do."""
    with app.app_context():
        place = jobs.place()
        if not place.take():
            return
        with contextlib.suppress(Exception):  # the database may be away: stale claims expire anyway
            jobs.release(place.name)
    name = f"{place.name}/{os.getpid()}"
    running: dict[Future[None], tuple[jobs.Claim, float]] = {}
    last_work = last_beat = time.monotonic()
    parent_lives = True
    with ThreadPoolExecutor(THREADS, thread_name_prefix="job") as pool:
        while parent_lives and time.monotonic() - last_work < IDLE_SECONDS:
            running = {future: held for future, held in running.items() if not future.done()}
            try:
                with app.app_context():
                    while len(running) < THREADS and (job := jobs.claim(name)):
                        running[pool.submit(_perform, app, job)] = (job, time.monotonic())
                    if time.monotonic() - last_beat > jobs.BEAT_SECONDS:
                        last_beat = time.monotonic()
                        jobs.beat(
                            [
                                j
                                for j, since in running.values()
                                if last_beat - since < LEASE_SECONDS
                            ]
                        )
            except Exception as error:
                log.warning("the queue does not answer: %s", type(error).__name__)
            if running:
                last_work = time.monotonic()
            parent_lives = _wait(parent)


def _perform(app: Flask, job: jobs.Claim) -> None:
    with app.app_context():
        jobs.perform(job)


def _wait(parent: int | None) -> bool:
    """Pause until there may be news; False when the parent is gone."""
    if parent is None:
        threading.Event().wait(POLL_SECONDS)
        return True
    ready, _, _ = select.select([parent], [], [], POLL_SECONDS)
    return not ready or bool(os.read(parent, 4096))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="worker: %(message)s")
    os.nice(10)  # pages come first
    run(create_app(), sys.stdin.fileno())
