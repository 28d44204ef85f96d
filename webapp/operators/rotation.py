"""Rotation of ENCRYPTION_KEYS: whatever is sealed is sealed anew with the newest key.

Every value is opened, also what the newest key sealed: at the end one knows whether the older keys
can go. A value that does not open stays as it is.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import LargeBinary, Table, literal, select, tuple_, update

from webapp import audit
from webapp.extensions import Model, db, transaction
from webapp.mail import Letter
from webapp.steps.api_keys import ApiKey
from webapp.vault import CannotOpen, vault
from webapp.wizard.models import OnboardingSession

BATCH = 100
SEALED: tuple[type[Model], ...] = (ApiKey, Letter)
"""Tables with one sealed column, bound to the two columns of their key, the session's id first."""
_EXAMPLES = 20
_PATIENCE = 20


class Sealed(NamedTuple):
    """One sealed value and what it belongs to."""

    session_id: str
    name: str
    value: bytes


@dataclass
class Rotation:
    """What a rotation did so far, in sealed values."""

    rotated: int = 0
    already: int = 0
    """Sealed with the newest key before, and opened by it."""
    unopened: int = 0
    """Sealed with a key that is not configured, or damaged."""
    examples: list[str] = field(default_factory=list)
    """Whose could not be opened: the session and the provider, the first 20."""

    @property
    def counts(self) -> dict[str, Any]:
        """The figures alone."""
        return {"rotated": self.rotated, "already": self.already, "unopened": self.unopened}


def run(batch: int = BATCH, name: str | None = None) -> Iterator[Rotation]:
    """Seal everything anew, up to `batch` values in each transaction; yields what is done after
    each. Stopped anywhere, another run does the rest.

    `name`: which operator, for the audit trail. Sessions in which something is being saved are left
    for later, and a value is replaced only while it is the one that was read: no save is lost.
    """
    done = Rotation()
    with transaction():
        entry_id = audit.record("keys_rotated", who="operator", name=name, **done.counts)
    for model in SEALED:
        table = model.metadata.tables[model.__tablename__]
        for values in _batches(table, batch):
            todo = [one for one in values if _waits(one, done)]
            for attempt in range(_PATIENCE):
                if not todo:
                    break
                time.sleep(0.1 * min(attempt, 5))
                with transaction():
                    todo = _rotate(table, todo, done, patient=attempt == _PATIENCE - 1)
                    audit.amend(entry_id, **done.counts)
            yield done
    with transaction():
        audit.amend(entry_id, **done.counts, finished=True)
    yield done


def _batches(table: Table, size: int) -> Iterator[list[Sealed]]:
    """The sealed values in the order of their keys, never more than one batch at hand."""
    first, second = table.primary_key.columns
    query = select(first, second, _column(table)).order_by(first, second).limit(size)
    values = [Sealed(*row) for row in db.session.execute(query)]
    while values:
        yield values
        after = tuple_(literal(values[-1].session_id), literal(values[-1].name))
        rows = db.session.execute(query.where(tuple_(first, second) > after))
        values = [Sealed(*row) for row in rows]


def _waits(sealed: Sealed, done: Rotation) -> bool:
    """Whether a value is to be sealed anew; counts those that are not."""
    try:
        vault().open(sealed.value, sealed.session_id, sealed.name)
    except CannotOpen:
        done.unopened += 1
        if len(done.examples) < _EXAMPLES:
            done.examples.append(f"{sealed.session_id} {sealed.name}")
        return False
    newest = vault().is_newest(sealed.value)
    done.already += newest
    return not newest


def _rotate(table: Table, todo: list[Sealed], done: Rotation, patient: bool) -> list[Sealed]:
    """Seal these anew, in one transaction; returns those whose session somebody else holds.

    The sessions' locks come first, as in every save: whoever saves waits a moment for them, and
    neither waits for the other in a circle. `patient`: wait for the sessions that are held.
    """
    sessions = select(OnboardingSession.id).where(
        OnboardingSession.id.in_({one.session_id for one in todo})
    )
    held = set(
        db.session.scalars(
            sessions.order_by(OnboardingSession.id).with_for_update(skip_locked=not patient)
        )
    )
    first, second = table.primary_key.columns
    for one in todo:
        if one.session_id not in held:
            continue
        belongs_to = one.session_id, one.name
        anew = vault().seal(vault().open(one.value, *belongs_to), *belongs_to)
        values: dict[str, Any] = {_column(table).name: anew}
        if "key_id" in table.c:
            values["key_id"] = vault().key_name(anew)
        same = (first == one.session_id, second == one.name, _column(table) == one.value)
        swap = update(table).where(*same).values(values).returning(first)
        # Otherwise it is gone, or was saved anew since it was read.
        done.rotated += len(db.session.execute(swap).all())
    return [] if patient else [one for one in todo if one.session_id not in held]


def _column(table: Table) -> Any:
    """The one column of bytes."""
    return next(column for column in table.c if isinstance(column.type, LargeBinary))
