"""Work in the background: the one seam between the application and whatever does the work.

A job is a row, added in the transaction that makes it necessary, claimed by one atomic statement,
kept alive by a heartbeat, and deleted in the transaction that stores its result. So a job is never
lost with a process, and its result is stored once: who lost the claim stores nothing.

With no broker the work is done by a child process (`webapp.worker`), one for each machine, that the
web processes start on first need, so that they stay light.
"""

import contextlib
import fcntl
import logging
import os
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, Protocol

from flask import Flask, current_app
from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from webapp.config import TOP, settings
from webapp.extensions import Model, db, transaction
from webapp.types import UTCDateTime, now

log = logging.getLogger(__name__)

BEAT_SECONDS = 5
STALE_SECONDS = 20
"""A claim without a heartbeat for this long belongs to a dead worker."""
MAX_ATTEMPTS = 3
LOOK_SECONDS = 5
"""How often a web process looks for work that somebody left behind."""


class Job(Model):
    """A piece of work that is still to be done."""

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("kind", "subject"),
        Index("ix_jobs_run_after", "run_after"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(64))
    """What the work is about, for instance the id of an analysis."""
    session_id: Mapped[str | None] = mapped_column(
        String(64), ForeignKey("onboarding_sessions.id", ondelete="CASCADE"), index=True
    )
    queued_at: Mapped[datetime] = mapped_column(UTCDateTime)
    run_after: Mapped[datetime] = mapped_column(UTCDateTime)
    attempts: Mapped[int] = mapped_column(default=0)
    worker: Mapped[str | None] = mapped_column(String(120))
    beat_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class Task(Protocol):
    """One kind of work. `start`, `finish` and `give_up` are short and run in a transaction; `work`
    may take long and runs outside of any. All may run again after a crash."""

    kind: str

    def start(self, subject: str) -> Any:
        """Mark the beginning; return what `work` needs, or None when there is nothing to do."""

    def work(self, given: Any) -> Any:
        """Do it; return the result. Raise for a fault of ours, which is tried again."""

    def finish(self, subject: str, result: Any) -> None:
        """Store the result."""

    def give_up(self, subject: str) -> None:
        """Store that it failed for good, with a sentence that a user understands."""


class ClaimLost(Exception):
    """Somebody else has the job, or the session is gone: nothing is stored."""


@dataclass(frozen=True)
class Claim:
    """A job in the hands of this worker."""

    id: str
    kind: str
    subject: str
    attempts: int
    worker: str


# -- adding ----------------------------------------------------------------------------------------


def add(kind: str, subject: str, session_id: str | None) -> None:
    """Queue a job in the transaction at hand; one that is queued already stays as it is."""
    moment = now()
    dialect = postgresql if db.engine.dialect.name == "postgresql" else sqlite
    db.session.execute(
        dialect.insert(Job)
        .values(
            id=str(uuid.uuid4()),
            kind=kind,
            subject=subject,
            session_id=session_id,
            queued_at=moment,
            run_after=moment,
            attempts=0,
        )
        .on_conflict_do_nothing()
    )
    db.session.info["jobs_added"] = True


def register(app: Flask, *tasks: Task) -> None:
    """Tell the application how each kind of work is done."""
    app.extensions["tasks"] = {task.kind: task for task in tasks}


# -- doing -----------------------------------------------------------------------------------------


def claim(worker: str) -> Claim | None:
    """Take the oldest job that is due, in one atomic statement; None when there is none."""
    moment = now()
    if not db.session.scalar(select(Job.id).where(_due(moment)).limit(1)):
        return None  # looking takes no lock
    due = select(Job.id).where(_due(moment)).order_by(Job.run_after).limit(1)
    with transaction():
        row = db.session.execute(
            update(Job)
            .where(Job.id == due.with_for_update(skip_locked=True).scalar_subquery())
            .values(worker=worker, beat_at=moment, attempts=Job.attempts + 1)
            .returning(Job.id, Job.kind, Job.subject, Job.attempts)
        ).first()
    return Claim(row.id, row.kind, row.subject, row.attempts, worker) if row else None


def perform(job: Claim) -> None:
    """Do a claimed job to its end: its result stored, or put back for later, or given up."""
    task: Task = current_app.extensions["tasks"][job.kind]
    try:
        if job.attempts > MAX_ATTEMPTS:  # its workers died over it, each without a word
            with _conclusion(job):
                task.give_up(job.subject)
            return
        with transaction():
            given = task.start(job.subject)
        result = task.work(given) if given is not None else None
        with _conclusion(job):
            if given is not None:
                task.finish(job.subject, result)
    except ClaimLost:
        log.info("job %s %s: claim lost, nothing stored", job.kind, job.id)
    except Exception as error:
        log.exception("job %s %s failed (attempt %d)", job.kind, job.id, job.attempts)
        _put_back(job, task, error)


def run_pending(worker: str = "inline") -> int:
    """Do everything that is due, one after the other, in this very process; how many were done."""
    done = 0
    while job := claim(worker):
        perform(job)
        done += 1
    return done


def beat(jobs: list[Claim]) -> None:
    """Say that the workers of these jobs are alive."""
    if jobs:
        mine = Job.id.in_([job.id for job in jobs]) & (Job.worker == jobs[0].worker)
        with transaction():
            db.session.execute(update(Job).where(mine).values(beat_at=now()))


def release(workers_of: str) -> None:
    """Free what dead workers of this place still hold. Call it while holding the place's lock."""
    with transaction():
        held = Job.worker.startswith(workers_of + "/", autoescape=True)
        db.session.execute(update(Job).where(held).values(worker=None, beat_at=None))


@contextlib.contextmanager
def _conclusion(job: Claim) -> Iterator[None]:
    """The transaction that stores a result and deletes the job: both, or neither."""
    with transaction():
        yield
        mine = (Job.id == job.id) & (Job.worker == job.worker)
        gone = db.session.scalar(delete(Job).where(mine).returning(Job.id))
        if gone is None:
            raise ClaimLost


def _put_back(job: Claim, task: Task, error: Exception) -> None:
    try:
        if job.attempts >= MAX_ATTEMPTS and not isinstance(error, SQLAlchemyError):
            with _conclusion(job):
                task.give_up(job.subject)
            return
        pause = timedelta(seconds=5 * 3 ** (min(job.attempts, 5) - 1))
        with transaction():
            mine = (Job.id == job.id) & (Job.worker == job.worker)
            back = {"worker": None, "beat_at": None, "run_after": now() + pause}
            db.session.execute(update(Job).where(mine).values(**back))
    except (SQLAlchemyError, ClaimLost):
        log.warning("job %s stays claimed until its heartbeat is stale", job.id)


def _due(moment: datetime) -> Any:
    stale = moment - timedelta(seconds=STALE_SECONDS)
    return (Job.run_after <= moment) & or_(Job.beat_at.is_(None), Job.beat_at < stale)


# -- the child process -----------------------------------------------------------------------------


class Place:
    """Where this machine's worker stands: a lock file that the living worker holds, and a name
    that tells its jobs from those of other machines."""

    def __init__(self, folder: Path) -> None:
        """`folder`: the instance folder; machines that share it share the worker."""
        self._path = folder / "worker.lock"
        self._file: IO[str] | None = None

    @property
    def name(self) -> str:
        """The same for all workers of this place, one after the other."""
        return f"{socket.gethostname()[:60]}:{uuid.uuid5(uuid.NAMESPACE_URL, str(self._path))}"

    def take(self) -> bool:
        """Become the worker of this place; False when there is one. Held until the process ends."""
        self._file = self._open()
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            return False
        return True

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


class Watch:
    """A thread of a web process that sees to it that somebody works when there is work."""

    def __init__(self, app: Flask, start_child: "Callable[[], subprocess.Popen[bytes]]") -> None:
        """`start_child` starts the worker; it ends when its standard input does."""
        self._app, self._start_child = app, start_child
        self._place = Place(app.extensions["settings"].instance_dir)
        self._child: subprocess.Popen[bytes] | None = None
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """There is new work."""
        self._wake.set()

    def _run(self) -> None:
        pause = 0.5
        while True:
            self._wake.wait(pause)
            self._wake.clear()
            pause = LOOK_SECONDS
            try:
                self._look()
            except Exception as error:
                log.warning("looking for work: %s", type(error).__name__)

    def _look(self) -> None:
        with self._app.app_context():
            if not db.session.scalar(select(Job.id).where(_due(now())).limit(1)):
                return
        if self._child and self._child.poll() is None:
            assert self._child.stdin  # noqa: S101 - it was opened as a pipe
            with contextlib.suppress(OSError):
                self._child.stdin.write(b"\n")
                self._child.stdin.flush()
        elif not self._place.is_taken():
            self._child = self._start_child()


def watch(app: Flask, environ: dict[str, str]) -> None:
    """From now on this process starts a worker when there is work and none lives on this machine.

    `environ` is what the worker reads its settings from. For serving processes alone: a command
    leaves its jobs to them.
    """

    def start_child() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "webapp.worker"]
        return subprocess.Popen(command, stdin=subprocess.PIPE, cwd=TOP, env=environ)  # noqa: S603

    app.extensions["job_watch"] = Watch(app, start_child)


def wake_after_commit(session: Any) -> None:
    """Listens to the end of each transaction: new jobs need somebody to do them."""
    if session.info.pop("jobs_added", False) and "job_watch" in current_app.extensions:
        current_app.extensions["job_watch"].wake()


def place() -> Place:
    """This machine's place for a worker."""
    return Place(settings().instance_dir)
