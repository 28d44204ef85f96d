"""The audit trail: what users and operators did that matters: who, when, what, never values.

An entry is written in the transaction of the act itself, so that neither is there without the
other. It outlives the session that it is about: nothing refers to a row that could go.
"""

import hashlib
import hmac
import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, Index, String, case, insert, literal, select, tuple_, update
from sqlalchemy.orm import Mapped, mapped_column

from webapp.config import settings
from webapp.extensions import Model, db
from webapp.prepared import Prepared
from webapp.types import JSON, UTCDateTime, now

Who = Literal["user", "operator", "cron", "service"]
Action = Literal[
    "completed", "changed", "reset", "erased", "exported", "adopted",
    "link_made", "link_used", "link_revoked", "keys_rotated", "key_read", "cleanup",
    "imported", "listed", "reminded", "backed_up", "webhooks_repeated", "webhooks_tested",
]  # fmt: skip
"""`changed`: an answer of a completed session; `key_read`: a stored key left in clear."""

BATCH = 500


class AuditEntry(Model):
    """One act. There is no foreign key: the trail outlives the session."""

    __tablename__ = "audit_trail"
    __table_args__ = (
        Index("ix_audit_trail_at", "at"),
        Index("ix_audit_trail_session_id_at", "session_id", "at"),
        Index("ix_audit_trail_user_id_at", "user_id", "at"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    who: Mapped[str] = mapped_column(String(20))
    name: Mapped[str | None] = mapped_column(String(120))
    """Which operator or service, where that is known."""
    action: Mapped[str] = mapped_column(String(40))
    session_id: Mapped[str | None] = mapped_column(String(64))
    user_id: Mapped[str | None] = mapped_column(String(255))
    """Whose session and answers the act was about."""
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Counts, slugs and ids of links."""


def record(
    action: Action,
    *,
    who: Who,
    name: str | None = None,
    session_id: str | None = None,
    user_id: str | None = None,
    **what: Any,
) -> str:
    """Add an act to the trail, inside the transaction of the act; returns the entry's id.

    `name`: which operator or service. `what`: numbers, yes or no, and short names (a slug, the id
    of a link), or lists of them. Raises ValueError for anything else: what people typed has no
    place here.
    """
    if action not in get_args(Action) or who not in get_args(Who):
        raise ValueError(f"the audit trail does not know {action!r} by {who!r}")
    entry_id = str(uuid.uuid4())
    _RECORD.run(
        {
            "id": entry_id,
            "at": now(),
            "who": who,
            "name": name and name[:120],
            "action": action,
            "session_id": session_id,
            "user_id": user_id,
            "details": _checked(what),
        }
    )
    return entry_id


_RECORD = Prepared(lambda: insert(AuditEntry))


def amend(entry_id: str, **what: Any) -> None:
    """Replace the details of an act that takes several transactions, inside the next of them."""
    mine = AuditEntry.id == entry_id
    db.session.execute(update(AuditEntry).where(mine).values(details=_checked(what)))


def read(
    *,
    user_id: str | None = None,
    session_id: str | None = None,
    since: datetime | None = None,
    newest: int | None = None,
) -> Iterator[AuditEntry]:
    """Entries in their order, however many there are: those about this user (an erased one is found
    too) or session, since then, or the newest so many of them."""
    query = select(AuditEntry)
    if user_id is not None:
        query = query.where(AuditEntry.user_id.in_([user_id, pseudonym(user_id)]))
    if session_id is not None:
        query = query.where(AuditEntry.session_id.in_([session_id, pseudonym(session_id)]))
    if since is not None:
        query = query.where(AuditEntry.at >= since)
    if newest is not None:
        order = (AuditEntry.at.desc(), AuditEntry.id.desc())
        yield from reversed(db.session.scalars(query.order_by(*order).limit(newest)).all())
        return
    place = tuple_(AuditEntry.at, AuditEntry.id)
    query = query.order_by(AuditEntry.at, AuditEntry.id).limit(BATCH)
    found = db.session.scalars(query).all()
    while found:
        yield from found
        after = tuple_(literal(found[-1].at, UTCDateTime), literal(found[-1].id))
        found = db.session.scalars(query.where(place > after)).all()


def forget(session_id: str | None, user_id: str | None) -> int:
    """Put a keyed hash in the place of a person who is erased, inside the transaction that erases
    them; returns how many entries were about them. What was done stays told; about whom, only
    somebody can tell who knows the id already and has the application's secret key."""
    sessions = {session_id} if session_id else set()
    if user_id:  # and sessions that they had before this one
        theirs = select(AuditEntry.session_id).where(AuditEntry.user_id == user_id).distinct()
        sessions |= set(filter(None, db.session.scalars(theirs)))
    if not sessions and not user_id:
        return 0
    about: ColumnElement[bool] = AuditEntry.session_id.in_(sessions)
    values: dict[str, Any] = {}
    if sessions:
        hashes = {one: pseudonym(one) for one in sessions}
        values["session_id"] = case(hashes, value=AuditEntry.session_id)
    if user_id:
        about |= AuditEntry.user_id == user_id
        values["user_id"] = pseudonym(user_id)
    changed = db.session.execute(
        update(AuditEntry)
        .where(about)
        .values(values)
        .returning(AuditEntry.id)
        .execution_options(synchronize_session=False)
    )
    return len(changed.all())


def pseudonym(person: str) -> str:
    """What stands in the trail for the id of an erased session or user: `erased:` and 32 hex
    digits."""
    key = hashlib.sha256(b"onward audit trail" + settings().secret_key.encode()).digest()
    return "erased:" + hmac.new(key, person.encode(), hashlib.sha256).hexdigest()[:32]


def _checked(what: Mapping[str, Any]) -> dict[str, Any]:
    for name, value in what.items():
        for one in value if isinstance(value, list | tuple) else [value]:
            short = isinstance(one, str) and re.fullmatch(r"[\w.:+-]{1,64}", one, re.ASCII)
            if not (one is None or isinstance(one, bool | int) or short):
                raise ValueError(f"the audit trail takes no such value: {name}")
    return {name: list(v) if isinstance(v, tuple) else v for name, v in what.items()}
