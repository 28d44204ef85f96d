"""What was saved before: the base that two tabs are merged on, and what a user can put back.

Each save adds a row in its own transaction. Secrets are never in one: a step that has some keeps a
snapshot that only tells whether they changed. All but the newest of each step are pruned by the
cleanup, not by the save.
"""

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


def prune(batch: int = 500) -> int:
    """Delete what is older than the newest `KEPT` saves of each step, in batches with a commit
    each; returns how many rows went."""
    crowded = (
        select(StepSave.session_id, StepSave.slug)
        .group_by(StepSave.session_id, StepSave.slug)
        .having(func.count() > KEPT)
        .limit(batch)
    )
    gone = 0
    while found := db.session.execute(crowded).all():
        with transaction():
            for session_id, slug in found:
                mine = (StepSave.session_id == session_id) & (StepSave.slug == slug)
                newest = (
                    select(StepSave.revision)
                    .where(mine)
                    .order_by(StepSave.revision.desc())
                    .limit(KEPT)
                )
                old = delete(StepSave).where(mine, StepSave.revision.not_in(newest))
                result = db.session.execute(
                    old.returning(StepSave.revision).execution_options(synchronize_session=False)
                )
                gone += len(result.all())
    return gone
