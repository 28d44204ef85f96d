"""The rows: adding jobs, claiming them, doing them, and what becomes of those that fail."""

import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol

from flask import Flask, current_app
from sqlalchemy import (
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Interval,
    String,
    UniqueConstraint,
    bindparam,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, aliased, mapped_column

from webapp import logs, meters, trace
from webapp.errors import is_database_away
from webapp.extensions import Model, after_commit, db, insert_into, transaction
from webapp.prepared import Prepared
from webapp.types import UTCDateTime, now

log = logging.getLogger(__name__)

BEAT_SECONDS = 5
STALE_SECONDS = 20
"""A claim without a heartbeat for this long belongs to a dead worker."""
MAX_ATTEMPTS = 3
PER_SESSION = 2
"""How many jobs of one session may be in workers' hands at a time, whatever their kinds."""
QUEUE_LIMIT = 1000
"""How many jobs there may be in all; saves that commit in the same moment may exceed it by one
each."""
CLAIMING = 0x6F6E77
"""The number of PostgreSQL's advisory lock under which claims are made one after the other."""


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
    may take long and runs outside of any. All may run again after a crash.

    A task may also say `max_attempts`; `most_in_hand`, how many jobs of its kind may be in workers'
    hands at a time; and `unlimited`: its jobs are outside of QUEUE_LIMIT.
    """

    kind: str

    def start(self, subject: str) -> Any:
        """Mark the beginning; return what `work` needs, or None when there is nothing to do."""

    def work(self, given: Any) -> Any:
        """Do it; return the result. Raise for a fault of ours, which is tried again."""

    def finish(self, subject: str, result: Any) -> timedelta | None:
        """Store the result. Returns how long the job is put off where there is more to do, and
        then it begins anew; else it is done."""

    def give_up(self, subject: str) -> timedelta | None:
        """Store that it failed for good, with a sentence that a user understands. Returns what
        `finish` does."""


class ClaimLost(Exception):
    """Somebody else has the job, or the session is gone: nothing is stored."""


@dataclass(frozen=True)
class Claim:
    """A job in the hands of this worker. `worker` and `attempts` together are this claim's alone,
    so that one that was lost is never mistaken for the one that followed it."""

    id: str
    kind: str
    subject: str
    attempts: int
    worker: str


@dataclass(frozen=True)
class Refusal:
    """Why a job was not queued: a code to keep, and a sentence for the user."""

    code: str
    sentence: str


SESSION_BUSY = Refusal(
    "session-busy",
    "Your answer is saved. As many of your sites as we read at a time are under way already: "
    "try again when they are done, in a minute or so.",
)
QUEUE_FULL = Refusal(
    "queue-full",
    "Your answer is saved. More sites than usual are waiting to be read, so this one was not put "
    "in the queue: try again in a few minutes.",
)
NO_ROOM = frozenset({SESSION_BUSY.code, QUEUE_FULL.code})
"""Codes of what was not tried yet."""


# -- adding ----------------------------------------------------------------------------------------


def add(
    kind: str, subject: str, session_id: str | None, at_most: int | None = PER_SESSION
) -> Refusal | None:
    """Queue one job: `add_all` of it alone."""
    return add_all(kind, [subject], session_id, at_most)


def add_all(
    kind: str, subjects: Sequence[str], session_id: str | None, at_most: int | None = PER_SESSION
) -> Refusal | None:
    """Queue a job for each subject in the transaction at hand, in one statement; one that is queued
    already stays as it is.

    Returns why they were not queued when the session would have more than `at_most` jobs of this
    kind, or when there would be too many jobs in all; with None for `at_most`, never. The caller
    holds the session's lock. A save is never refused for it: keep the answer, and the refusal
    beside it, for a second try.
    """
    adding = _adding(len(subjects), at_most is not None, frozenset(_kinds_with("unlimited")))
    values = {
        "kind": kind, "session_id": session_id, "owner": session_id or "", "moment": now(),
        "at_most": at_most, "limit": QUEUE_LIMIT,
    }  # fmt: skip
    for number, subject in enumerate(subjects):
        values |= {f"subject_{number}": subject, f"id_{number}": str(uuid.uuid4())}
    queued = adding.run(values)
    if queued:
        after_commit(_wake)
    if at_most is None or len(queued) == len(subjects):
        return None
    others = _others(kind, subjects)
    of_session = _count(Job.session_id == (session_id or ""), Job.kind == kind, others)
    full = (db.session.scalar(select(of_session)) or 0) + len(subjects) > at_most
    return SESSION_BUSY if full else QUEUE_FULL


@lru_cache(maxsize=100)
def _adding(count: int, is_limited: bool, unlimited: frozenset[str]) -> Prepared:
    """The statement for so many subjects; `unlimited`: the kinds that QUEUE_LIMIT does not count.
    Its parameters are of `add_all`."""

    def given(name: str, kind: Any = String) -> Any:
        return bindparam(name, type_=kind)

    def make() -> Any:
        kind, subjects = given("kind"), [given(f"subject_{n}") for n in range(count)]
        others = _others(kind, subjects)
        has_room = true()
        if is_limited:
            of_session = _count(Job.session_id == given("owner"), Job.kind == kind, others)
            in_all = _count(others, *(Job.kind != one for one in sorted(unlimited)))
            has_room = (of_session + count <= given("at_most", Integer)) & (
                in_all + count <= given("limit", Integer)
            )
        is_postgres = db.engine.dialect.name == "postgresql"
        moment = _clock() if is_postgres else given("moment", UTCDateTime)
        names = ["id", "kind", "subject", "session_id", "queued_at", "run_after", "attempts"]
        rows = [
            select(
                *(given(f"id_{n}"), kind, subject, given("session_id")),
                *(moment, moment, literal(0)),
            ).where(exists().where(Job.kind == kind, Job.subject == subject) | has_room)
            for n, subject in enumerate(subjects)
        ]
        source: Any = union_all(*rows) if count > 1 else rows[0]
        insert = insert_into(Job.__table__).from_select(names, source)
        return insert.on_conflict_do_update(
            index_elements=["kind", "subject"], set_={"kind": insert.excluded.kind}
        ).returning(Job.subject)

    return Prepared(make)


def _others(kind: Any, subjects: Sequence[Any]) -> Any:
    return ~((Job.kind == kind) & Job.subject.in_(subjects))


def _wake() -> None:
    """New jobs need somebody to do them: where this process sees to that, it looks now."""
    if watch := current_app.extensions.get("job_watch"):
        watch.wake()


def hurry(kind: str, subject: str) -> None:
    """Let a job that is put off be due at once, in the transaction at hand."""
    mine = (Job.kind == kind) & (Job.subject == subject) & Job.worker.is_(None)
    db.session.execute(update(Job).where(mine).values(run_after=_clock()))


def register(app: Flask, *tasks: Task) -> None:
    """Tell the application how each kind of work is done."""
    app.extensions["tasks"] = {task.kind: task for task in tasks}


# -- doing -----------------------------------------------------------------------------------------


def due(limit: int) -> Sequence[str]:
    """The ids of the jobs that somebody should do now, the oldest first. Takes no lock."""
    return db.session.scalars(_due(limit)).all()


def claim(worker: str) -> Claim | None:
    """Take the oldest job that is due, in one atomic statement; None when there is none."""
    if not due(1):
        return None
    with transaction():
        if db.engine.dialect.name == "postgresql":
            # Two that claim at once would each count the session's jobs without the other's.
            db.session.execute(select(func.pg_advisory_xact_lock(CLAIMING)))
        row = db.session.execute(
            update(Job)
            .where(Job.id == _due(1).with_for_update(skip_locked=True).scalar_subquery())
            .values(worker=worker, beat_at=_clock(), attempts=Job.attempts + 1)
            .returning(Job.id, Job.kind, Job.subject, Job.attempts)
        ).first()
    return Claim(row.id, row.kind, row.subject, row.attempts, worker) if row else None


def perform(job: Claim) -> None:
    """Do a claimed job to its end: its result stored, or put back for later, or given up. One line
    of the log tells of it."""
    mine, began = trace.Trace(), time.perf_counter()
    token = trace.begin(mine)
    outcome = "crashed"
    try:
        outcome = _perform(job)
    finally:
        trace.end(token)
        seconds = time.perf_counter() - began
        meters.job(job.kind, outcome, seconds)
        logs.job(
            "info" if outcome in {"done", "nothing", "lost"} else "error",
            id=mine.id,
            kind=job.kind,
            outcome=outcome,
            attempt=job.attempts,
            duration_ms=round(seconds * 1000, 2),
            statements=mine.statements,
        )


def _perform(job: Claim) -> str:
    """Returns what became of it: `done`, `nothing` (there was nothing to do), `lost` (the claim),
    `put_back`, `given_up`, or `claimed` (until its heartbeat is stale)."""
    task: Task = current_app.extensions["tasks"][job.kind]
    try:
        if job.attempts > _patience(task):  # its workers died over it, each without a word
            with transaction():
                _conclude(job, task.give_up(job.subject))
            return "given_up"
        with transaction():
            given = task.start(job.subject)
            _still_mine(update(Job).where(_mine(job)).values(beat_at=_clock()))
        result = task.work(given) if given is not None else None
        again = None
        with transaction():
            if given is not None:
                again = task.finish(job.subject, result)
            _conclude(job, again)
    except ClaimLost:
        return "lost"
    except Exception as error:
        if is_database_away(error):  # which is told in a word, as the pages do
            log.warning("job %s %s: database away: %s", job.kind, job.id, type(error).__name__)
        else:
            log.exception("job %s %s failed (attempt %d)", job.kind, job.id, job.attempts)
        return _put_back(job, task, error)
    if given is None:
        return "nothing"
    return "put_back" if again else "done"


def run_pending(worker: str = "inline") -> int:
    """Do everything that is due, one after the other, in this very process; how many were done."""
    done = 0
    while job := claim(worker):
        perform(job)
        done += 1
    return done


def beat(jobs: Sequence[Claim]) -> None:
    """Say that the worker of these jobs is alive."""
    if jobs:
        mine = Job.id.in_([job.id for job in jobs]) & (Job.worker == jobs[0].worker)
        with transaction():
            db.session.execute(update(Job).where(mine).values(beat_at=_clock()))


def hand_back(jobs: Sequence[Claim]) -> None:
    """Free the jobs of a worker that has to end, for others to do at once: no fault of theirs, so
    the attempt does not count."""
    if jobs:
        with transaction():
            freed = {"worker": None, "beat_at": None, "attempts": Job.attempts - 1}
            db.session.execute(update(Job).where(or_(*map(_mine, jobs))).values(**freed))


def release(workers_of: str) -> None:
    """Free what dead workers of this place still hold. Call it while holding the place's lock."""
    with transaction():
        held = Job.worker.startswith(workers_of + "/", autoescape=True)
        db.session.execute(update(Job).where(held).values(worker=None, beat_at=None))


def _conclude(job: Claim, again: timedelta | None) -> None:
    """Delete the job in the transaction that stored its result: both, or neither. `again`: put it
    back instead, as one that was not tried yet, until so much later."""
    if again is None:
        _still_mine(delete(Job).where(_mine(job)))
    else:
        anew = {"worker": None, "beat_at": None, "attempts": 0, "run_after": _clock(again)}
        _still_mine(update(Job).where(_mine(job)).values(**anew))


def _still_mine(change: Any) -> None:
    if db.session.scalar(change.returning(Job.id)) is None:
        raise ClaimLost


def _put_back(job: Claim, task: Task, error: Exception) -> str:
    try:
        if job.attempts >= _patience(task) and not isinstance(error, SQLAlchemyError):
            with transaction():
                _conclude(job, task.give_up(job.subject))
            return "given_up"
        pause = timedelta(seconds=5 * 3 ** (min(job.attempts, 5) - 1))
        with transaction():
            back = {"worker": None, "beat_at": None, "run_after": _clock(pause)}
            db.session.execute(update(Job).where(_mine(job)).values(**back))
    except (SQLAlchemyError, ClaimLost):
        log.warning("job %s stays claimed until its heartbeat is stale", job.id)
        return "claimed"
    return "put_back"


def _patience(task: Task) -> int:
    """How often a task is tried: some wait for others longer than for ourselves."""
    return getattr(task, "max_attempts", MAX_ATTEMPTS)


def _kinds_with(trait: str) -> dict[str, Any]:
    """The kinds of tasks that say this of themselves, and what they say."""
    tasks = current_app.extensions["tasks"].items()
    return {kind: value for kind, task in tasks if (value := getattr(task, trait, None))}


def _count(*conditions: Any, of: Any = Job) -> Any:
    query = select(func.count()).select_from(of).where(*conditions)
    return query.correlate(None).scalar_subquery()


def _mine(job: Claim) -> Any:
    return (Job.id == job.id) & (Job.worker == job.worker) & (Job.attempts == job.attempts)


def _due(limit: int) -> Any:
    """Jobs of kinds that are known here, whose time has come, that no living worker has, and whose
    session and kind have not their share in workers' hands already."""
    stale = _clock(-timedelta(seconds=STALE_SECONDS))
    other = aliased(Job)
    in_hand = (
        select(func.count())
        .select_from(other)
        .where(other.session_id == Job.session_id, other.beat_at >= stale)
        .correlate(Job)
        .scalar_subquery()
    )
    crowded = [
        (Job.kind == kind) & (_count(other.kind == kind, other.beat_at >= stale, of=other) >= most)
        for kind, most in _kinds_with("most_in_hand").items()
    ]
    return (
        select(Job.id)
        .where(
            Job.kind.in_(current_app.extensions["tasks"]),
            Job.run_after <= _clock(),
            or_(Job.beat_at.is_(None), Job.beat_at < stale),
            *(~one for one in crowded),
            in_hand < PER_SESSION,
        )
        .order_by(Job.run_after, Job.id)
        .limit(limit)
        .correlate(None)
    )


def _clock(ahead: timedelta = timedelta()) -> Any:
    """This moment and a bit, in SQL, by the one clock that all workers share: PostgreSQL's own,
    since the clocks of machines differ. A SQLite file is on one machine, and so is its clock."""
    if db.engine.dialect.name == "postgresql":
        moment = func.statement_timestamp(type_=DateTime(timezone=True))
        return moment + literal(ahead, Interval) if ahead else moment
    return literal(now() + ahead, UTCDateTime)
