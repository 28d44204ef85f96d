"""What Prometheus reads: what the processes counted, and how the stored sessions and jobs stand."""

import logging
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, current_app
from sqlalchemy import and_, case, func, literal, or_, select, text
from sqlalchemy.exc import SQLAlchemyError

from webapp import meters
from webapp.audit import AuditEntry
from webapp.config import settings
from webapp.extensions import db
from webapp.jobs import STALE_SECONDS, Job
from webapp.operators.door import refusal
from webapp.types import now
from webapp.wizard.models import OnboardingSession

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

bp = Blueprint("metrics", __name__)
log = logging.getLogger(__name__)

FRESH_SECONDS = 10
"""How long a process tells the same figures of the database, however often it is asked."""
COUNTED_SECONDS = 60
"""The same for the number of sessions, which costs more: at a million of them most of a second."""
COUNT_SHARE = 200
"""Counting them takes at most so small a part of the time: who took a second waits for 200."""
MOST = 1_000_000
"""Sessions of one state are counted up to here."""
REMEMBERED = timedelta(days=30)
"""How far back the audit trail is searched for a cleanup."""
LONGEST_CLEANUP = timedelta(hours=1)
"""How long the entry of a cleanup may still change: it counts its batches."""


@bp.get("/metrics")
def show() -> Response:
    """The metrics of all processes of this server. With OPERATOR_TOKEN it has to be sent."""
    token = settings().operator_token
    missing = "Send the header Authorization: Bearer with OPERATOR_TOKEN."
    if token and (refused := refusal(token, missing, "This is not the operators' token.")):
        return refused
    stored = current_app.extensions.setdefault("stored_metrics", Stored())
    kind = "text/plain; version=0.0.4; charset=utf-8"
    return Response(meters.exposition(stored), content_type=kind)


class Stored:
    """What SQL knows, read when it is asked for and not more often than is worth it. While the
    database does not answer there is nothing of it but `onward_database_up 0`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._figures: list[Metric] = []
        self._read_at = self._count_again_at = float("-inf")
        self._sessions: dict[str, int] = {}
        self._cleanups: dict[str, tuple[datetime, int]] = {}
        self._searched_until: datetime | None = None

    def collect(self) -> Iterable["Metric"]:
        """The figures, for `prometheus_client`."""
        with self._lock:
            if time.monotonic() - self._read_at > FRESH_SECONDS:
                self._figures = self._read()
                self._read_at = time.monotonic()
            return list(self._figures)

    def describe(self) -> Iterable["Metric"]:
        """Nothing: it would be asked for at registration, and cost the same."""
        return []

    def _read(self) -> list["Metric"]:
        from prometheus_client.metrics_core import GaugeMetricFamily

        up = GaugeMetricFamily("onward_database_up", "1 when the database answers, else 0.")
        found: list[Metric] = []
        try:
            found += _of_jobs()
            found += self._of_cleanups()
            found += self._of_sessions()
        except SQLAlchemyError as error:  # what was cut off as it took too long is no outage
            log.warning("the metrics lack what SQL knows: %s", type(error).__name__)
            with suppress(SQLAlchemyError):
                db.session.rollback()
        up.add_metric([], 1 if found else 0)
        return [up, *found]

    def _of_sessions(self) -> Iterable["Metric"]:
        if (began := time.monotonic()) > self._count_again_at:
            # In the words of the partial indexes: SQLite takes one for no others.
            for state, condition in (("open", "NOT completed"), ("completed", "completed")):
                some = select(literal(1)).select_from(OnboardingSession).where(text(condition))
                some = some.limit(MOST)
                count = select(func.count()).select_from(some.subquery())
                self._sessions[state] = db.session.scalar(count) or 0
            ended = time.monotonic()
            self._count_again_at = ended + max(COUNTED_SECONDS, COUNT_SHARE * (ended - began))
        told = f"Sessions that are stored, counted up to {MOST}."
        yield _gauge("sessions", told, self._sessions.items(), "state")

    def _of_cleanups(self) -> Iterable["Metric"]:
        moment = now()
        since = self._searched_until or moment - REMEMBERED
        entries = select(AuditEntry.id, AuditEntry.at, AuditEntry.details).where(
            AuditEntry.action == "cleanup", AuditEntry.at >= since
        )
        for row in db.session.execute(entries):
            self._cleanups[row.id] = row.at, int(row.details.get("deleted") or 0)
        self._searched_until = moment - LONGEST_CLEANUP
        oldest = moment - REMEMBERED
        self._cleanups = {id_: one for id_, one in self._cleanups.items() if one[0] >= oldest}
        runs = sorted(self._cleanups.values())
        last, deleted = runs[-1] if runs else (datetime.fromtimestamp(0, UTC), 0)
        of_a_day = [gone for at, gone in runs if at >= moment - timedelta(days=1)]
        yield _gauge(
            "cleanup_last_run_timestamp_seconds",
            f"When the last cleanup began; 0 when there was none in {REMEMBERED.days} days.",
            [((), last.timestamp())],
        )
        yield _gauge("cleanup_last_deleted", "Sessions it deleted.", [((), deleted)])
        yield _gauge("cleanup_day_runs", "Cleanups in 24 hours.", [((), len(of_a_day))])
        yield _gauge(
            "cleanup_day_deleted", "Sessions deleted by them in 24 hours.", [((), sum(of_a_day))]
        )


def _of_jobs() -> Iterable["Metric"]:
    """The table of jobs is short: what is done is deleted."""
    moment = now()
    in_hand = Job.beat_at >= moment - timedelta(seconds=STALE_SECONDS)
    later = and_(Job.run_after > moment, or_(Job.beat_at.is_(None), ~in_hand))
    state = case((in_hand, "running"), (later, "later"), else_="waiting").label("state")
    query = select(Job.kind, state, func.count().label("jobs"), func.min(Job.run_after))
    kinds = current_app.extensions["tasks"]
    counts = {(kind, state): 0 for kind in kinds for state in ("waiting", "running", "later")}
    ages = dict.fromkeys(kinds, 0.0)
    for kind, stands, jobs, since in db.session.execute(query.group_by(Job.kind, state)):
        counts[kind, stands] = jobs
        if stands == "waiting":
            ages[kind] = max(0.0, (moment - since).total_seconds())
    yield _gauge(
        "jobs",
        "Jobs by state: waiting for a worker, running, or to be tried again later.",
        counts.items(),
        "kind",
        "state",
    )
    yield _gauge(
        "jobs_oldest_waiting_seconds",
        "For how long the oldest job that is due has been waiting for a worker.",
        ages.items(),
        "kind",
    )


def _gauge(name: str, told: str, values: Iterable[tuple[Any, float]], *labels: str) -> "Metric":
    from prometheus_client.metrics_core import GaugeMetricFamily

    family = GaugeMetricFamily(f"onward_{name}", told, labels=labels)
    for label, value in values:
        family.add_metric([label] if isinstance(label, str) else list(label), value)
    return family
