"""Good answers of every step, and the shortest way to store them. All of it works inside an
application context."""

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from flask import Flask
from sqlalchemy import (
    Boolean,
    Connection,
    Date,
    Float,
    Integer,
    LargeBinary,
    String,
    Table,
    select,
    update,
)
from werkzeug.datastructures import MultiDict

from webapp.extensions import Base, db, transaction
from webapp.identity.caller import Caller, trusted
from webapp.types import JSON, UTCDateTime, now
from webapp.vault import vault
from webapp.wizard import store
from webapp.wizard.forms import StepForm
from webapp.wizard.models import OnboardingSession
from webapp.wizard.step import Step
from webapp.wizard.visit import Visit, load_locked

OPENAI_KEY = "sk-" + "a1B2" * 8 + "WXYZ"

GOOD: dict[str, dict[str, Any]] = {
    "api-keys": {"openai": OPENAI_KEY},
    "website": {"has_website": "no", "business_description": "We bake bread the slow way."},
    "research": {
        "research_depth": "Standard",
        "content_types": ["Blog Posts", "News"],
        "auto_research": "y",
        "factual_content": "y",
    },
    "persona": {
        "persona_name": "The patient baker",
        "tone": "Conversational",
        "audience": "People who bake at home",
        "selected_platforms": ["blog", "instagram"],
    },
    "integrations": {"platforms": ["rss"], "notify_email": "baker@fern-street.org"},
    "finish": {"first_declaration": "To bring 40 neighbours of Fern Street into our courses."},
}
SLUGS = tuple(GOOD)


def step(slug: str) -> Step:
    """The step of this slug."""
    found = store.journey().get(slug)
    assert found is not None, slug
    return found


def filled(slug: str, /, **changes: Any) -> StepForm:
    """The step's form as a browser would send it: the good answers with `changes`, where None
    means that the field is not sent."""
    values = {k: v for k, v in (GOOD[slug] | changes).items() if v is not None}
    return step(slug).form(formdata=MultiDict(values))


def faults(slug: str, /, **changes: Any) -> set[str]:
    """Names of the fields that the form refuses; empty when it is valid."""
    form = filled(slug, **changes)
    valid = form.validate()
    wrong = {str(name or "form") for name, messages in form.errors.items() if messages}
    assert valid == (not wrong), f"valid: {valid}, but errors: {form.errors}"
    return wrong


def begin() -> str:
    """A new session; returns its id."""
    session_id = store.new_session_id()
    store.open_session(by(session_id))
    return session_id


def by(session_id: str) -> Caller:
    """The anonymous caller whose cookie names this session."""
    return Caller(session_id)


def read(session_id: str) -> Visit:
    """The whole session as it is in the database now; what is written later does not touch it."""
    db.session.remove()
    visit = store.require(trusted(session_id), everything=True)
    db.session.expunge_all()
    return visit


def in_hand(session_id: str) -> Visit:
    """The whole session, inside a transaction: what is changed in its answers is stored with it."""
    session = db.session.get(OnboardingSession, session_id)
    assert session is not None
    return load_locked(session, list(store.journey()))


def answers(visit: Visit, slug: str) -> Any:
    """What is stored of a step, as values of its form; keys are opened. None for nothing."""
    stored = step(slug).stored(visit)
    if slug == "api-keys" and stored:
        sid = visit.session.id
        return {name: vault().open(row.ciphertext, sid, name) for name, row in stored.items()}
    return step(slug).values(stored) if stored is not None else None


def save(session_id: str, slug: str, /, **changes: Any) -> Visit:
    """Save a step as somebody does who has its newest page before them."""
    base = read(session_id).revision(slug)
    return store.save(trusted(session_id), step(slug), filled(slug, **changes), base)


def walk(session_id: str, until: str = "finish") -> None:
    """Save every step up to and with `until`."""
    for slug in SLUGS[: SLUGS.index(until) + 1]:
        save(session_id, slug)


def age(session_id: str, hours: float) -> None:
    """Let the session look as if it had been touched last so many hours ago."""
    with transaction():
        mine = OnboardingSession.id == session_id
        moment = now() - timedelta(hours=hours)
        db.session.execute(update(OnboardingSession).where(mine).values(updated_at=moment))


def together(app: Flask, *calls: Callable[[], Any]) -> list[Any]:
    """As `at_once`, each call in a context of its own."""

    def within(call: Callable[[], Any]) -> Any:
        with app.app_context():
            return call()

    return at_once(*(partial(within, call) for call in calls))


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Call all of these at the same moment, each in a thread of its own; returns what they returned
    or raised, in their order."""
    barrier = threading.Barrier(len(calls))
    results: list[Any] = [None] * len(calls)

    def run(number: int, call: Callable[[], Any]) -> None:
        barrier.wait(10)
        try:
            results[number] = call()
        except Exception as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a call hangs"
    return results


def session_tables() -> list[Table]:
    """The tables that hold rows of a session, the session's own first."""
    tables = Base.metadata.sorted_tables
    return [
        t for t in tables if t.name == "onboarding_sessions" or _refers(t, "onboarding_sessions")
    ]


def _refers(table: Table, to: str) -> bool:
    """Not so the audit trail, which outlives the session."""
    return any(key.column.table.name == to for key in table.foreign_keys)


def snapshot(session_id: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of a session: table -> rows."""
    db.session.remove()
    found = {}
    for table in session_tables():
        owner = table.c.id if table.name == "onboarding_sessions" else table.c.session_id
        rows = db.session.execute(select(table).where(owner == session_id)).all()
        found[table.name] = sorted((tuple(row) for row in rows), key=repr)
    return found


def row_everywhere(connection: Connection, session_id: str, tables: set[str] | None = None) -> None:
    """One row in each table (of `tables`), all of one session where they are a session's."""
    moment = now()
    special: dict[str, Any] = {
        "id": session_id, "session_id": session_id, "completed": False, "completed_at": None,
        "user_id": None, "first_kblock_id": None, "status": "completed",
        "research_depth": "Basic",
    }  # fmt: skip
    by_type = {
        String: "x", Integer: 1, Boolean: True, Float: 0.5, LargeBinary: b"sealed",
        type(JSON): {"of": "a session"}, UTCDateTime: moment, Date: moment.date(),
    }  # fmt: skip
    for table in Base.metadata.sorted_tables:
        if tables is not None and table.name not in tables:
            continue
        values = {}
        for column in table.c:
            if column is table.autoincrement_column:
                continue  # the database counts it
            if column.primary_key and isinstance(column.type, String):
                values[column.name] = session_id[:36]
            elif column.name in special:
                values[column.name] = special[column.name]
            else:
                kinds = (k for k in by_type if isinstance(column.type, k))
                values[column.name] = by_type[next(kinds)]
        if table.name == "jobs":
            values["subject"] = session_id
        connection.execute(table.insert().values(values))
