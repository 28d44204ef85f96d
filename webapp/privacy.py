"""Export and erasure of one session's data: for its owner in the pages, for operators in a shell.

Which tables hold data of a session is read from the schema: whatever refers to a session, at any
distance, belongs to it. So a table that is added is exported and erased without a line here.
"""

import json
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import LargeBinary, Table, delete, func, select

from webapp import audit
from webapp.extensions import Base, db, transaction
from webapp.identity import anonymous
from webapp.identity.caller import Caller
from webapp.rows import owned_by
from webapp.texts import gettext as _
from webapp.texts import lazy_gettext as _l
from webapp.types import now
from webapp.wizard import store
from webapp.wizard.models import OnboardingSession
from webapp.wizard.views import bp as pages
from webapp.wizard.views import the_caller, to_the_start, visit_or_none

bp = Blueprint("your_data", __name__, url_prefix=f"{pages.url_prefix}/your-data")

SESSIONS: Any = OnboardingSession.__table__
HIDDEN = "[hidden]"
SECRET = {"resume_links": ("token_hash", "used_by")}
"""Columns that open something, beside all that are binary, which are sealed."""

_NAMES = {
    "api_keys": _l("Stored keys, sealed"),
    "website_analyses": _l("Analyses of websites"),
    "competitor_analyses": _l("Analyses of competitors"),
    "kblocks": _l("Blocks of content"),
    "letters": _l("Emails that wait to be sent"),
    "resume_links": _l("Links to other devices"),
    "step_history": _l("Earlier answers"),
}
"""What is counted on the page, beside the steps themselves."""


def owned(metadata: Any = Base.metadata) -> list[Table]:
    """The tables whose rows belong to sessions, parents first."""
    return owned_by(SESSIONS.name, metadata)


def export(session_id: str, metadata: Any = Base.metadata) -> dict[str, Any] | None:
    """Everything that is stored of a session, as JSON takes it: {"exported_at", "session",
    "tables": {table: [row]}, "audit_trail": [entry]}; secrets are masked. None without one."""
    session = db.session.execute(select(SESSIONS).where(SESSIONS.c.id == session_id)).mappings()
    row = session.first()
    if row is None:
        return None
    tables = {table.name: list(_rows(table, session_id)) for table in owned(metadata)}
    trail = {entry.id: entry for entry in audit.read(session_id=session_id)}
    if row["user_id"]:  # acts from before signing in name the session alone
        trail |= {entry.id: entry for entry in audit.read(user_id=row["user_id"])}
    return {
        "exported_at": now().isoformat(),
        "session": {name: _plain(value) for name, value in row.items()},
        "tables": tables,
        "audit_trail": [
            {"at": entry.at.isoformat(), "who": entry.who, "action": entry.action}
            | {"details": entry.details}
            for entry in sorted(trail.values(), key=lambda entry: (entry.at, entry.id))
        ],
    }


def _rows(table: Table, session_id: str) -> Iterator[dict[str, Any]]:
    """Rows of a table, without the id of the session, which stands above all of them."""
    hidden = {c.name for c in table.c if isinstance(c.type, LargeBinary)}
    hidden |= set(SECRET.get(table.name, ()))
    query = select(table).where(table.c.session_id == session_id).order_by(*table.primary_key)
    for row in db.session.execute(query).mappings():
        yield {
            name: HIDDEN if name in hidden and value is not None else _plain(value)
            for name, value in row.items()
            if name != "session_id"
        }


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime | date) else value


def erase(caller: Caller, who: audit.Who, name: str | None = None) -> None:
    """Delete every row of the caller's session, in every table, in one transaction. The audit trail
    keeps that it happened, with a keyed hash in the place of the person, in earlier entries too.
    Raises SessionGone.

    Whoever a resume link let in may do it as well: they hold the session as its owner does, and
    could delete every answer by starting again.
    """
    with transaction():
        session = store.lock(caller, now(), []).session
        for step in store.journey():
            step.forget(session.id)
        audit.forget(session.id, session.user_id)
        audit.record(
            "erased",
            who=who,
            name=name,
            session_id=audit.pseudonym(session.id),
            user_id=session.user_id and audit.pseudonym(session.user_id),
        )
        db.session.expunge(session)
        db.session.execute(delete(OnboardingSession).where(OnboardingSession.id == session.id))


def exported(session_id: str, who: audit.Who, name: str | None = None) -> str | None:
    """The export as text, noted in the audit trail; None when there is no such session."""
    found = export(session_id)
    if found is None:
        return None
    with transaction():
        user_id = found["session"]["user_id"]
        audit.record("exported", who=who, name=name, session_id=session_id, user_id=user_id)
    return json.dumps(found, ensure_ascii=False, indent=2) + "\n"


# -- the pages -------------------------------------------------------------------------------------


@bp.get("")
def show() -> ResponseReturnValue:
    """What is stored of the caller, in words, and the two ways on."""
    visit = visit_or_none()
    if visit is None:
        return to_the_start()
    return render_template("wizard/your_data.html", visit=visit, counted=_counted(visit.session.id))


def _counted(session_id: str) -> list[tuple[Any, int]]:
    """How many rows there are of what has a name, in one statement."""
    named = [table for table in owned() if table.name in _NAMES]
    counts = [
        select(func.count()).where(t.c.session_id == session_id).scalar_subquery() for t in named
    ]
    found = db.session.execute(select(*counts)).one()
    return [(_NAMES[table.name], many) for table, many in zip(named, found, strict=True) if many]


@bp.get("/export")
def confirm_export() -> ResponseReturnValue:
    """Say what the file holds before it is made."""
    return render_template("wizard/export.html") if visit_or_none() else to_the_start()


@bp.post("/export")
def download() -> ResponseReturnValue:
    """Everything as one JSON file."""
    visit = visit_or_none()
    text = exported(visit.session.id, who="user") if visit else None
    if text is None:
        return to_the_start()
    response = current_app.response_class(text, mimetype="application/json")
    response.headers.set(
        "Content-Disposition", "attachment", filename=f"your-data-{now():%Y-%m-%d}.json"
    )
    return response


@bp.get("/erase")
def confirm_erasure() -> ResponseReturnValue:
    """Ask before everything goes."""
    return render_template("wizard/erase.html") if visit_or_none() else to_the_start()


@bp.post("/erase")
def erase_own() -> ResponseReturnValue:
    """Erase everything and forget this browser's part; once more changes nothing."""
    try:
        erase(the_caller(), who="user")
    except store.SessionGone:
        anonymous.forget_session()
        return to_the_start()
    anonymous.forget_session()
    flash(_("Everything you gave us is erased. You can begin anew whenever you like."), "success")
    return redirect(url_for("wizard.welcome"), 303)
