"""What was saved before: the base that two tabs are merged on, and what a user can put back.

Each save adds a row in its own transaction. Secrets are never in one: a step that has some keeps a
snapshot that only tells whether they changed. All but the newest of each step are pruned by the
cleanup, not by the save.
"""

import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import String, delete, func, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from webapp.extensions import Model, db, transaction
from webapp.identity.caller import Caller
from webapp.prepared import Prepared
from webapp.types import JSON, UTCDateTime
from webapp.wizard.models import Owned
from webapp.wizard.owner import its_own

KEPT = 20
"""How many saves of each step stay."""


class StepSave(Owned, Model):
    """One save of one step."""

    __tablename__ = "step_history"

    slug: Mapped[str] = mapped_column(String(40), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    saved_at: Mapped[datetime] = mapped_column(UTCDateTime)
    snapshot: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Field -> value as the step's `snapshot` gave it."""
    changed: Mapped[list[str]] = mapped_column(JSON)
    """Names of the fields that differ from the save before."""


def record(
    session_id: str,
    slug: str,
    revision: int,
    moment: datetime,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> None:
    """Add a save to the history, in the transaction at hand. `before` is {} for the first."""
    changed = [  # empty is empty, however it is written
        name
        for name in {**before, **after}
        if (before.get(name) or None) != (after.get(name) or None)
    ]
    _ADD.run(
        {
            "session_id": session_id,
            "slug": slug,
            "revision": revision,
            "saved_at": moment,
            "snapshot": dict(after),
            "changed": changed,
        }
    )


_ADD = Prepared(lambda: insert(StepSave))


def snapshot_at(caller: Caller, slug: str, revision: int) -> dict[str, Any] | None:
    """The step as it was saved at this revision; None when the history does not go back so far."""
    query = its_own(select(StepSave), StepSave, caller)
    row = db.session.scalar(query.where(StepSave.slug == slug, StepSave.revision == revision))
    return row.snapshot if row else None


def of_caller(caller: Caller) -> Sequence[StepSave]:
    """Every save of the caller's session, newest first, at most `KEPT` for each step."""
    query = its_own(select(StepSave), StepSave, caller)
    rows = db.session.scalars(query.order_by(StepSave.revision.desc()))
    shown: dict[str, int] = {}
    found = []
    for row in rows:
        shown[row.slug] = shown.get(row.slug, 0) + 1
        if shown[row.slug] <= KEPT:
            found.append(row)
    return found


def prune(batch: int = 500, seconds: float = 60) -> int:
    """Delete what is older than the newest `KEPT` saves of each step, in batches with a commit
    each, for about so many seconds at most; returns how many rows went.

    It looks through the whole history, page by page in the order of its key, from a place that is
    drawn anew each time: where time is up, another time gets to the rest.
    """
    start = str(uuid.uuid4())
    deadline = time.monotonic() + seconds
    gone = 0
    for low, high in ((start, ""), ("", start)):
        after = low
        while page := _crowds(after, high, batch):
            crowded = [(session_id, slug) for session_id, slug, saves in page if saves > KEPT]
            if crowded:
                gone += _prune(crowded)
            after = page[-1][0]
            if time.monotonic() > deadline:
                return gone
    return gone


def _crowds(after: str, up_to: str, sessions: int) -> Sequence[Any]:
    """(session, step, number of its saves) of the next so many sessions behind this id."""
    few = select(StepSave.session_id).where(StepSave.session_id > after).distinct()
    if up_to:
        few = few.where(StepSave.session_id <= up_to)
    few = few.order_by(StepSave.session_id).limit(sessions)
    query = (
        select(StepSave.session_id, StepSave.slug, func.count())
        .where(StepSave.session_id.in_(few))
        .group_by(StepSave.session_id, StepSave.slug)
        .order_by(StepSave.session_id)
    )
    return db.session.execute(query).all()


def _prune(crowded: Sequence[tuple[str, str]]) -> int:
    gone = 0
    with transaction():
        for session_id, slug in crowded:
            mine = (StepSave.session_id == session_id) & (StepSave.slug == slug)
            newest = (
                select(StepSave.revision).where(mine).order_by(StepSave.revision.desc()).limit(KEPT)
            )
            old = delete(StepSave).where(mine, StepSave.revision.not_in(newest))
            result = db.session.execute(
                old.returning(StepSave.revision).execution_options(synchronize_session=False)
            )
            gone += len(result.all())
    return gone
