"""The outbox: events that wait, that were delivered, and that were given up."""

import hashlib
import json
import logging
import random
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text, delete, select
from sqlalchemy.orm import Mapped, aliased, mapped_column

from webapp import audit, jobs
from webapp.config import settings
from webapp.extensions import Model, db, transaction
from webapp.types import UTCDateTime, now
from webapp.webhooks import post

log = logging.getLogger(__name__)

SEND = "webhook"
"""The kind of these jobs; the subject is the session's id."""
WAITING, DELIVERED, FAILED = "waiting", "delivered", "failed"
Event = Literal["completed", "changed", "reset", "test"]

PAUSES = (5, 30, 120, 600, 1800, 3600, 7200, 14400, 21600, 28800)
"""Seconds after the first attempt, the second, and so on; each a fifth shorter or longer, so that
what failed together does not come back together."""
PATIENCE = timedelta(days=1)
LAST_CHANCE = timedelta(minutes=1)
"""What ends sooner than this before its day is over has no further attempt."""
KEPT = {DELIVERED: timedelta(days=30), FAILED: timedelta(days=90)}
BATCH = 500


class Webhook(Model):
    """One event. It goes with its session, whether it was sent or not."""

    __tablename__ = "webhooks"
    __table_args__ = (
        Index("ix_webhooks_session_id_number", "session_id", "number"),
        Index("ix_webhooks_created_at", "created_at"),
    )

    number: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True
    )
    """Counted under the session's lock: the order of what happened in one session."""
    id: Mapped[str] = mapped_column(String(40), unique=True)
    """`webhook-id`: the same for every attempt."""
    session_id: Mapped[str | None] = mapped_column(
        String(64), ForeignKey("onboarding_sessions.id", ondelete="CASCADE")
    )
    """None for a test."""
    type: Mapped[str] = mapped_column(String(40))
    body: Mapped[str] = mapped_column(Text)
    """The JSON that is sent, to the byte, however often."""
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    state: Mapped[str] = mapped_column(String(20))
    attempts: Mapped[int] = mapped_column(default=0)
    """Counted before each attempt, and from zero again when an operator repeats it."""
    tried_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    answered: Mapped[int | None]
    """The last answer's status."""
    fault: Mapped[str | None] = mapped_column(String(120))
    next_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    until: Mapped[datetime] = mapped_column(UTCDateTime)
    """Nothing is tried after this."""
    delivered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class Parcel(NamedTuple):
    """What one attempt needs."""

    number: int
    id: str
    body: str


# -- putting in ------------------------------------------------------------------------------------


def tell(session: Any, event: Event, step: str | None, moment: datetime) -> None:
    """Add an event to the outbox, in the transaction at hand, and a job that sends it; nothing
    without WEBHOOK_URL. `session`: a row of `onboarding_sessions` that the caller has locked;
    `step`: what was changed."""
    if settings().webhook_url:
        row = _event(session, event, step, moment)
        db.session.add(row)
        db.session.flush()
        jobs.add(SEND, session.id, session.id, at_most=None)


def _event(session: Any, event: Event, step: str | None, moment: datetime) -> Webhook:
    kind = f"onboarding.{event}"
    completed_at = session.completed_at if session and event != "reset" else None
    data = {
        "user_id": session.user_id if session else None,
        # Of a session that was begun through the API the id itself is the key to it.
        "session_hash": hashlib.sha256(session.id.encode()).hexdigest() if session else None,
        "step": step,
        "completed_at": completed_at and completed_at.isoformat(),
        "read": _where_to_read(session.user_id if session else None),
    }
    payload = {"type": kind, "timestamp": moment.isoformat(), "data": data}
    return Webhook(
        id=f"msg_{secrets.token_hex(12)}",
        session_id=session.id if session else None,
        type=kind,
        body=json.dumps(payload, separators=(",", ":"), ensure_ascii=False),
        created_at=moment,
        state=WAITING,
        attempts=0,
        next_at=moment,
        until=moment + PATIENCE,
    )


def _where_to_read(user_id: str | None) -> dict[str, str] | None:
    """Paths alone: whoever has SERVICE_TOKEN sends it to the host that they know, and to no other
    that a message names."""
    if user_id is None:
        return None
    base = f"/api/onboarding/users/{quote(user_id, safe='')}"
    return {name: f"{base}/{path}" for name, path in _READABLE.items()}


_READABLE = {"status": "status", "summary": "summary", "ai_inputs": "ai-inputs"}


# -- sending ---------------------------------------------------------------------------------------


class WebhookTask:
    """Sends the oldest event of a session that waits. `finish` says when to go on."""

    kind = SEND
    max_attempts = 10
    """Of workers that die, or of faults of ours; the receiver's are counted in the row."""
    unlimited = True
    """However long the receiver is away: its events take nobody's place in the queue."""
    most_in_hand = 2
    """However slow it is: one of a worker's threads is left for other work."""

    def start(self, subject: str) -> Parcel | None:
        """Count the attempt before it is made."""
        row = db.session.scalar(_waiting(subject))
        if row is None:
            return None
        if not settings().webhook_url:
            for left in db.session.scalars(_waiting(subject).limit(None)):
                _end(left, FAILED, "no WEBHOOK_URL is configured any more")
            return None
        row.attempts += 1
        row.tried_at = now()
        return Parcel(row.number, row.id, row.body)

    def work(self, given: Parcel) -> tuple[int, post.Outcome]:
        """Send it."""
        config = settings()
        outcome = post.deliver(config.webhook_url, config.webhook_secrets, given.id, given.body)
        return given.number, outcome

    def finish(self, subject: str, result: tuple[int, post.Outcome]) -> timedelta | None:
        """Keep what came of it; the pause until the next attempt, or None when nothing waits.

        A save that adds an event leaves the job as it finds it. So the job is locked before anybody
        looks for further events: that save is over by then, or will find the job gone.
        """
        mine = (jobs.Job.kind == SEND) & (jobs.Job.subject == subject)
        db.session.execute(select(jobs.Job.id).where(mine).with_for_update())
        number, outcome = result
        row = db.session.get(Webhook, number)
        if row is not None and (pause := _keep(row, outcome)):
            return pause
        return self._next(subject)

    def give_up(self, subject: str) -> timedelta | None:
        """Its workers died, or the fault is ours."""
        row = db.session.scalar(_waiting(subject))
        if row is not None:
            _end(row, FAILED, "given up: the fault is not the receiver's, see the log")
        return self._next(subject)

    def _next(self, subject: str) -> timedelta | None:
        db.session.flush()
        return timedelta() if db.session.scalar(_waiting(subject)) else None


def _waiting(session_id: str):  # type: ignore[no-untyped-def]  # an SQL query
    mine = (Webhook.session_id == session_id) & (Webhook.state == WAITING)
    return select(Webhook).where(mine).order_by(Webhook.number).limit(1)


def _keep(row: Webhook, outcome: post.Outcome) -> timedelta | None:
    """Write down what came of an attempt; returns the pause when there is to be another one."""
    row.answered = outcome.status
    if outcome.delivered:
        _end(row, DELIVERED, None)
        return None
    pause = None if outcome.status == post.GONE else _pause(row, outcome.wait)
    if pause is None:
        _end(row, FAILED, outcome.fault)
        log.warning("webhook %s given up after %d attempts: %s", row.id, row.attempts, row.fault)
        return None
    row.fault, row.next_at = outcome.fault, now() + pause
    return pause


def _pause(row: Webhook, asked: timedelta) -> timedelta | None:
    """How long to wait after this many attempts; None when the day is over."""
    left = row.until - now()
    if left < LAST_CHANCE or asked > left:
        return None
    spread = random.uniform(0.8, 1.2)  # noqa: S311 - no secret # nosec B311
    usual = timedelta(seconds=PAUSES[min(row.attempts, len(PAUSES)) - 1] * spread)
    return max(asked, min(usual, left))


def _end(row: Webhook, state: str, fault: str | None) -> None:
    row.state, row.fault, row.next_at = state, fault, None
    row.delivered_at = now() if state == DELIVERED else None


# -- what operators do -----------------------------------------------------------------------------


def read(newest: int, failed: bool = False) -> Iterator[dict[str, Any]]:
    """The newest so many events, newest first; of those that were `failed` alone. As JSON has them:
    `id`, `type`, `state`, `attempts`, `answer` (a status), `fault`, the times, what is sent
    (`payload`), and `behind` which event of the same session it waits."""
    earlier = aliased(Webhook)
    first = (
        select(earlier.id)
        .where(
            earlier.session_id == Webhook.session_id,
            earlier.state == WAITING,
            earlier.number < Webhook.number,
            Webhook.state == WAITING,
        )
        .order_by(earlier.number)
        .limit(1)
        .scalar_subquery()
    )
    query = select(Webhook, first).order_by(Webhook.number.desc()).limit(newest)
    if failed:
        query = query.where(Webhook.state == FAILED)
    for row, behind in db.session.execute(query):
        times = {
            name: getattr(row, name) for name in ("created_at", "tried_at", "next_at", "until")
        }
        times["delivered_at"] = row.delivered_at
        yield {
            "id": row.id, "type": row.type, "state": row.state, "attempts": row.attempts,
            "answer": row.answered, "fault": row.fault, "behind": behind,
            **{name: moment and moment.isoformat() for name, moment in times.items()},
            "payload": json.loads(row.body),
        }  # fmt: skip


def repeat(event_id: str, who: str | None) -> Webhook | None:
    """Send an event again, under its own id, whatever became of it before; for another day. None
    when there is none of this id that belongs to a session. `who`: the operator's name."""
    with transaction():
        of_id = select(Webhook).where(Webhook.id == event_id, Webhook.session_id.is_not(None))
        row = db.session.scalar(of_id)
        if row is None:
            return None
        _again(row)
        audit.record("webhooks_repeated", who="operator", name=who, webhook=event_id, count=1)
    return row


def repeat_failed(who: str | None) -> int:
    """Send everything again that was given up; returns how many that is."""
    repeated = 0
    failed = (
        select(Webhook)
        .where(Webhook.state == FAILED, Webhook.session_id.is_not(None))
        .order_by(Webhook.number)
        .limit(BATCH)
    )
    while True:
        with transaction():
            rows = db.session.scalars(failed).all()
            for row in rows:
                _again(row)
            if rows:
                audit.record("webhooks_repeated", who="operator", name=who, count=len(rows))
        repeated += len(rows)
        if len(rows) < BATCH:
            return repeated


def _again(row: Webhook) -> None:
    """The job first, as in `finish`: whoever takes the two locks takes them in this order."""
    moment = now()
    jobs.add(SEND, str(row.session_id), row.session_id, at_most=None)
    jobs.hurry(SEND, str(row.session_id))
    row.state, row.attempts, row.fault, row.answered = WAITING, 0, None, None
    row.next_at, row.until, row.delivered_at = moment, moment + PATIENCE, None
    db.session.flush()


def send_test(who: str | None) -> Webhook:
    """Send an event of the type `onboarding.test` at once, once, and keep what came of it."""
    config = settings()
    with transaction():
        row = _event(None, "test", None, now())
        row.attempts, row.tried_at, row.next_at = 1, row.created_at, None
        row.until = row.created_at  # no second attempt
        db.session.add(row)
        audit.record("webhooks_tested", who="operator", name=who)
    outcome = post.deliver(config.webhook_url, config.webhook_secrets, row.id, row.body)
    with transaction():
        row = db.session.get_one(Webhook, row.number)
        _keep(row, outcome)
    return row


def prune() -> int:
    """Delete what was delivered 30 days ago or given up 90 days ago, in batches with a commit each;
    returns how many."""
    gone = 0
    for state, kept in KEPT.items():
        old = (Webhook.state == state) & (Webhook.created_at < now() - kept)
        oldest = select(Webhook.number).where(old).order_by(Webhook.created_at).limit(BATCH)
        size = BATCH
        while size == BATCH:
            if db.session.scalar(oldest.limit(1)) is None:
                break
            with transaction():
                result = db.session.execute(
                    delete(Webhook)
                    .where(Webhook.number.in_(oldest))
                    .returning(Webhook.number)
                    .execution_options(synchronize_session=False)
                )
                size = len(result.all())
            gone += size
    return gone
