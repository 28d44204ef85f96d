"""Deletion of abandoned sessions: for cron over HTTP, for the command line, and on PostgreSQL as
the SQL function `cleanup_onboarding_sessions(hours)`."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, jsonify, request
from sqlalchemy import delete, exists, false, func, select

from webapp import audit, tally, webhooks
from webapp.apidoc import BOOLEAN, INTEGER, MOMENT, STRING, Operation, answer, documented
from webapp.config import settings
from webapp.errors import problem
from webapp.extensions import csrf, db, transaction
from webapp.security import bearer, is_token
from webapp.types import now
from webapp.wizard import history
from webapp.wizard.links import ResumeLink
from webapp.wizard.models import OnboardingSession

bp = Blueprint("cleanup", __name__)

MIN_HOURS, MAX_HOURS = 1, 8760
BATCH = 500


@dataclass(frozen=True)
class Cleanup:
    """What a cleanup did, or would do."""

    deleted: int
    hours: int
    cutoff: datetime
    completed: int = 0
    """Completed sessions beside them: COMPLETED_RETENTION_DAYS says how long those are kept."""


def run(
    hours: int, dry_run: bool = False, who: audit.Who = "cron", name: str | None = None
) -> Cleanup:
    """Delete the sessions that are not completed, were not touched for `hours` and have no open
    resume link, in batches of 500 with a commit each, so that nobody waits long for a lock; the
    same with completed ones that nobody touched for COMPLETED_RETENTION_DAYS; then prune what the
    history and the outbox keep too much of.

    `who` and `name` stand in the audit trail for who ran it, also when nothing was deleted."""
    cutoff = now() - timedelta(hours=hours)
    days = settings().completed_retention_days
    old = _outlived(now() - timedelta(days=days)) if days else false()
    if dry_run:
        return Cleanup(_count(_abandoned(cutoff)), hours, cutoff, _count(old) if days else 0)
    by: dict[str, Any] = {"who": who, "name": name}
    deleted = sum(_batches(_abandoned(cutoff), OnboardingSession.updated_at, by, hours=hours))
    completed = 0
    if days:
        completed = sum(_batches(old, OnboardingSession.completed_at, by, completed_days=days))
    history.prune()
    webhooks.prune()
    tally.fold()
    return Cleanup(deleted, hours, cutoff, completed)


def _count(which: Any) -> int:
    count = select(func.count()).select_from(OnboardingSession).where(which)
    return db.session.scalar(count) or 0


def _batches(which: Any, order: Any, by: dict[str, Any], **why: int) -> Iterator[int]:
    """Sizes of the batches as they are deleted, each told to the audit trail in its transaction.

    Deciding and deleting are one statement: a save that holds the session's row is skipped, and one
    that came just before is seen, because every write touches that row.
    """
    chosen = (
        select(OnboardingSession.id)
        .where(which)
        .order_by(order)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    entry_id, deleted = "", 0
    while True:
        with transaction():
            found = OnboardingSession.id.in_(chosen)
            result = db.session.execute(
                delete(OnboardingSession)
                .where(found)
                .returning(OnboardingSession.id)
                .execution_options(synchronize_session=False)
            )
            size = len(result.all())
            deleted += size
            told: dict[str, Any] = {**why, "deleted": deleted}
            if not entry_id:
                entry_id = audit.record("cleanup", **by, **told).id
            elif size:
                audit.amend(entry_id, **told)
        if size:
            yield size
        if size < BATCH:
            return


def _abandoned(cutoff: datetime) -> Any:
    """Not completed, not touched since, and no way back in that is still open."""
    return ~OnboardingSession.completed & (OnboardingSession.updated_at < cutoff) & ~_open_link()


def _outlived(cutoff: datetime) -> Any:
    """Completed, and neither finished nor changed since."""
    old = (OnboardingSession.completed_at < cutoff) & (OnboardingSession.updated_at < cutoff)
    return OnboardingSession.completed & old & ~_open_link()


def _open_link() -> Any:
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
                     cutoff_time=MOMENT, completed_deleted_count=INTEGER, dry_run=BOOLEAN)},
        query={
            "hours": INTEGER | {"minimum": MIN_HOURS, "maximum": MAX_HOURS, "default": 24},
            "dry_run": STRING | {"enum": ["0", "1", "true", "false"], "default": "0"},
        },
        problems={422: "`hours` or `dry_run` is not what it takes."},
        caller="cleanup",
    )
)  # fmt: skip
def cleanup() -> Response:
    """What cron calls, with `Authorization: Bearer $CLEANUP_TOKEN`; `dry_run=1` counts alone."""
    token = settings().cleanup_token
    if not token:
        return problem(503, "No CLEANUP_TOKEN is configured, so this door stays shut.")
    given = bearer()
    if given is None:
        response = problem(401, "Send the header Authorization: Bearer with the cleanup token.")
        response.headers["WWW-Authenticate"] = "Bearer"
        return response
    if not is_token(given, token):
        return problem(403, "This is not the cleanup token.")
    text = request.args.get("hours", "24")
    hours = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    dry_run = request.args.get("dry_run", "0").lower()
    wrong = {}
    if not MIN_HOURS <= hours <= MAX_HOURS:
        wrong["hours"] = [f"It takes a whole number from {MIN_HOURS} to {MAX_HOURS}."]
    if dry_run not in {"0", "1", "true", "false"}:
        wrong["dry_run"] = ["It takes 1 or 0."]
    if wrong:
        return problem(422, "The cleanup was not run.", wrong)
    done = run(hours, dry_run=dry_run in {"1", "true"})
    return jsonify(
        success=True,
        deleted_count=done.deleted,
        cutoff_hours=done.hours,
        cutoff_time=done.cutoff.isoformat(),
        completed_deleted_count=done.completed,
        dry_run=dry_run in {"1", "true"},
    )
