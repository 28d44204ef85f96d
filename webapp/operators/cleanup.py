"""Deletion of abandoned sessions: for cron over HTTP, for the command line, and on PostgreSQL as
the SQL function `cleanup_onboarding_sessions(hours)`."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, jsonify, request
from sqlalchemy import ColumnElement, and_, delete, exists, func, select, text

from webapp import audit, tally, webhooks
from webapp.apidoc import BOOLEAN, INTEGER, MOMENT, STRING, Operation, answer, documented
from webapp.config import settings
from webapp.errors import problem
from webapp.extensions import checkpoint, csrf, db, transaction
from webapp.operators.door import refusal
from webapp.rows import owned_by
from webapp.types import now
from webapp.wizard import history
from webapp.wizard.links import ResumeLink
from webapp.wizard.models import OnboardingSession

bp = Blueprint("cleanup", __name__)

MIN_HOURS, MAX_HOURS = 1, 8760
IS_OPEN = text("NOT onboarding_sessions.completed")
IS_COMPLETED = text("onboarding_sessions.completed")
"""As the partial indexes say it: of `~completed` SQLAlchemy makes "completed = 0" for SQLite, which
then reads the whole table."""

BATCH = 500
"""Sessions that are deleted in one transaction, at most."""
FIRST_BATCH = 50
HELD_SECONDS = 0.01
"""How long one transaction should take: on SQLite every save waits for it, so the batches grow and
shrink towards this. (docs/performance.md has the figures that it was chosen by.) Where a commit
alone takes longer, on a slow disk, smaller batches would help nobody: there deleting takes as long
as the rest of the transaction does at its best."""
PAUSES = 1.0
"""How long others have the database to themselves after each batch, in times of what it took."""
LEAST_PAUSE = {"sqlite": 0.03}
"""Seconds, at least: who waits for SQLite's lock looks for it every 25 ms at first, so that all who
wait come upon the pause."""
CALL_SECONDS = 20
"""How long a call of the route deletes; what is left, the next call deletes."""
CARE_SECONDS = 2
"""What a call has at least for the history and the funnel's sums."""


@dataclass(frozen=True)
class Cleanup:
    """What a cleanup did, or would do."""

    deleted: int
    hours: int
    cutoff: datetime
    completed: int = 0
    """Completed sessions beside them: COMPLETED_RETENTION_DAYS says how long those are kept."""
    finished: bool = True
    """False when time was up before all were deleted: call it again."""


def run(
    hours: int,
    dry_run: bool = False,
    who: audit.Who = "cron",
    name: str | None = None,
    seconds: float = float("inf"),
) -> Cleanup:
    """Delete the sessions that are not completed, were not touched for `hours` and have no open
    resume link, in small batches with a commit and a pause each, so that nobody waits long for a
    lock; the same with completed ones that nobody touched for COMPLETED_RETENTION_DAYS; then prune
    what the history and the outbox keep too much of. It may be killed, and run twice at a time:
    each session is deleted, and counted, once.

    `who` and `name` stand in the audit trail for who ran it, also when nothing was deleted.
    `seconds`: after these it ends, finished or not."""
    deadline = time.monotonic() + seconds
    cutoff = now() - timedelta(hours=hours)
    days = settings().completed_retention_days
    old = _outlived(now() - timedelta(days=days))
    if dry_run:
        return Cleanup(_count(_abandoned(cutoff)), hours, cutoff, _count(old) if days else 0)
    by: dict[str, Any] = {"who": who, "name": name}
    abandoned = _batches(_abandoned(cutoff), OnboardingSession.updated_at, by, hours=hours)
    deleted, finished = _until(deadline, abandoned)
    completed = 0
    if days and finished:
        aged = _batches(old, OnboardingSession.completed_at, by, completed_days=days)
        completed, finished = _until(deadline, aged)
    webhooks.prune()
    for care in (history.prune, tally.fold):
        care(seconds=min(60, max(CARE_SECONDS, deadline - time.monotonic())))
    return Cleanup(deleted, hours, cutoff, completed, finished)


def _count(which: Any) -> int:
    count = select(func.count()).select_from(OnboardingSession).where(which)
    return db.session.scalar(count) or 0


def _until(deadline: float, batches: Iterator[tuple[int, bool]]) -> tuple[int, bool]:
    """Delete batch after batch while there is time; how many went, and whether that was all."""
    deleted, finished = 0, False
    for size, last in batches:
        deleted, finished = deleted + size, last
        if time.monotonic() > deadline:
            break
    return deleted, finished


def _batches(which: Any, order: Any, by: dict[str, Any], **why: int) -> Iterator[tuple[int, bool]]:
    """Size of each batch as it is deleted, told to the audit trail in its transaction, and whether
    it was the last.

    Deciding and deleting are one statement: a save that holds the session's row is skipped, and one
    that came just before is seen, because every write touches that row.
    """
    oldest = (
        select(OnboardingSession.id).where(which).order_by(order).with_for_update(skip_locked=True)
    )
    entry_id, deleted, batch, around = "", 0, min(FIRST_BATCH, BATCH), float("inf")
    while True:
        chosen = oldest.limit(batch)
        if db.engine.dialect.name == "sqlite":
            _read_ahead(chosen)
        with transaction():
            begun = time.monotonic()
            found = OnboardingSession.id.in_(chosen)
            result = db.session.execute(
                delete(OnboardingSession)
                .where(found)
                .returning(OnboardingSession.id)
                .execution_options(synchronize_session=False)
            )
            size = len(result.all())
            deleting = time.monotonic() - begun
            deleted += size
            told: dict[str, Any] = {**why, "deleted": deleted}
            if not entry_id:
                entry_id = audit.record("cleanup", **by, **told)
            elif size:
                audit.amend(entry_id, **told)
        held = time.monotonic() - begun
        checkpoint()
        last = size < batch
        yield size, last
        if last:
            return
        around = min(around, held - deleting)
        aim = max(HELD_SECONDS - around, around) / max(deleting, 0.0005)
        batch = max(1, min(BATCH, 2 * batch, int(batch * aim)))
        time.sleep(max(held * PAUSES, LEAST_PAUSE.get(db.engine.dialect.name, 0)))


def _read_ahead(chosen: Any) -> None:
    """Have SQLite read what is to be deleted before it is locked. The oldest sessions are what the
    memory has forgotten first: reading one from a disk can take longer than all else with it."""
    ids = list(db.session.scalars(chosen))
    for table in owned_by(OnboardingSession.__tablename__):
        rows = select(text("*")).select_from(table).where(table.c.session_id.in_(ids))
        db.session.execute(rows).all()


def _abandoned(cutoff: datetime) -> ColumnElement[bool]:
    """Not completed, not touched since, and no way back in that is still open."""
    return and_(IS_OPEN, OnboardingSession.updated_at < cutoff, ~_open_link())


def _outlived(cutoff: datetime) -> ColumnElement[bool]:
    """Completed, and neither finished nor changed since."""
    old = (OnboardingSession.completed_at < cutoff) & (OnboardingSession.updated_at < cutoff)
    return and_(IS_COMPLETED, old, ~_open_link())


def _open_link() -> ColumnElement[bool]:
    return exists().where(
        ResumeLink.session_id == OnboardingSession.id,
        ResumeLink.used_at.is_(None),
        ResumeLink.revoked_at.is_(None),
        ResumeLink.expires_at > now(),
    )


@bp.post("/api/onboarding/cleanup")
@csrf.exempt
@documented(
    Operation(
        "Delete abandoned sessions",
        "Operators",
        {200: answer(success=BOOLEAN, deleted_count=INTEGER, cutoff_hours=INTEGER,
                     cutoff_time=MOMENT, completed_deleted_count=INTEGER, dry_run=BOOLEAN,
                     finished=BOOLEAN)},
        query={
            "hours": INTEGER | {"minimum": MIN_HOURS, "maximum": MAX_HOURS, "default": 24},
            "dry_run": STRING | {"enum": ["0", "1", "true", "false"], "default": "0"},
        },
        problems={422: "`hours` or `dry_run` is not what it takes."},
        caller="cleanup",
    )
)  # fmt: skip
def cleanup() -> Response:
    """What cron calls, with `Authorization: Bearer $CLEANUP_TOKEN`; `dry_run=1` counts alone. It
    deletes for 20 seconds at most: call it again while `finished` is false."""
    token = settings().cleanup_token
    if not token:
        return problem(503, "No CLEANUP_TOKEN is configured, so this door stays shut.")
    missing = "Send the header Authorization: Bearer with the cleanup token."
    if refused := refusal(token, missing, "This is not the cleanup token."):
        return refused
    given_hours = request.args.get("hours", "24")
    is_number = given_hours.isascii() and given_hours.isdigit() and len(given_hours) < 6
    hours = int(given_hours) if is_number else 0
    dry_run = request.args.get("dry_run", "0").lower()
    wrong = {}
    if not MIN_HOURS <= hours <= MAX_HOURS:
        wrong["hours"] = [f"It takes a whole number from {MIN_HOURS} to {MAX_HOURS}."]
    if dry_run not in {"0", "1", "true", "false"}:
        wrong["dry_run"] = ["It takes 1 or 0."]
    if wrong:
        return problem(422, "The cleanup was not run.", wrong)
    done = run(hours, dry_run=dry_run in {"1", "true"}, seconds=CALL_SECONDS)
    return jsonify(
        success=True,
        deleted_count=done.deleted,
        cutoff_hours=done.hours,
        cutoff_time=done.cutoff.isoformat(),
        completed_deleted_count=done.completed,
        dry_run=dry_run in {"1", "true"},
        finished=done.finished,
    )
