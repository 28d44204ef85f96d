"""The audit trail: every act that matters, in the transaction of the act, without any value."""

import json
from datetime import timedelta
from typing import Any, cast

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select, text

from tests.wizard.samples import GOOD, OPENAI_KEY, age, begin, by, save, walk
from webapp import audit
from webapp.audit import AuditEntry
from webapp.extensions import db, transaction
from webapp.operators import cleanup
from webapp.types import now
from webapp.wizard import links, store
from webapp.wizard.models import OnboardingSession
from webapp.wizard.visit import StepLocked


def trail() -> list[tuple[str, str, dict[str, Any]]]:
    """Who, action and details of every entry, in order."""
    db.session.remove()
    return [(entry.who, entry.action, entry.details) for entry in audit.read()]


# The trail itself.


def test_an_entry_is_there_with_its_transaction_and_not_without(any_app: Flask) -> None:
    with any_app.app_context():
        with transaction():
            audit.record("link_made", who="user", session_id="s", user_id="u", link="l-1")
        with pytest.raises(RuntimeError), transaction():
            _reset_that_fails()
        (entry,) = list(audit.read())
        assert (entry.who, entry.action, entry.session_id) == ("user", "link_made", "s")
        assert (entry.user_id, entry.details) == ("u", {"link": "l-1"})
        assert abs(now() - entry.at) < timedelta(seconds=30)


def _reset_that_fails() -> None:
    audit.record("reset", who="user", session_id="s")
    db.session.flush()
    raise RuntimeError


def test_it_is_read_by_user_by_session_by_time_and_the_newest_alone(
    any_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with any_app.app_context(), time_machine.travel("2026-05-03T10:00:00Z", tick=False) as clock:
        noon = now() + timedelta(hours=2)
        for hour in range(4):
            with transaction():
                user = "anna" if hour % 2 else None
                audit.record("exported", who="user", session_id="s1", user_id=user, rows=hour)
                audit.record("cleanup", who="cron", deleted=hour)
            clock.shift(3600)
        rows = [entry.details["rows"] for entry in audit.read(session_id="s1")]
        assert rows == [0, 1, 2, 3]
        assert [entry.details["rows"] for entry in audit.read(user_id="anna")] == [1, 3]
        assert sum(1 for _ in audit.read(since=noon)) == 4
        assert [entry.at.hour for entry in audit.read(newest=3)] == [12, 13, 13]
        assert list(audit.read(user_id="nobody")) == []
        monkeypatch.setattr(audit, "BATCH", 3)  # as if there were thousands
        everything = [entry.id for entry in audit.read()]
        assert len(set(everything)) == len(everything) == 8


@pytest.mark.parametrize(
    "value",
    [
        "two words",
        "typed\nlines",
        "",
        "k" * 65,
        "é",
        1.5,
        {"a": 1},
        b"x",
        object(),
        ["ok", "not ok"],
    ],
)
def test_what_people_typed_has_no_place_in_it(app: Flask, value: Any) -> None:
    with app.app_context(), pytest.raises(ValueError, match="takes no such value: what"):
        audit.record("exported", who="user", what=value)


def test_an_act_or_an_actor_that_nobody_knows_is_refused(app: Flask) -> None:
    with app.app_context():
        with pytest.raises(ValueError, match="does not know"):
            audit.record(cast("Any", "sneezed"), who="user")
        with pytest.raises(ValueError, match="does not know"):
            audit.record("reset", who=cast("Any", "a passer-by"))


def test_a_long_act_brings_its_entry_up_to_date(any_app: Flask) -> None:
    with any_app.app_context():
        with transaction():
            entry_id = audit.record("keys_rotated", who="operator", name="root", rotated=1)
        for count in (2, 3):
            with transaction():
                audit.amend(entry_id, rotated=count, unopened=0)
        with pytest.raises(ValueError, match="no such value"), transaction():
            audit.amend(entry_id, rotated="what somebody typed")
        assert trail() == [("operator", "keys_rotated", {"rotated": 3, "unopened": 0})]


def test_an_erased_person_becomes_a_keyed_hash(any_app: Flask) -> None:
    """Everything about them is found again by who knows the id, and by nobody else."""
    with any_app.app_context():
        with transaction():
            audit.record("link_made", who="user", session_id="s1")  # before the sign-in
            audit.record("completed", who="user", session_id="s1", user_id="anna")
            audit.record("completed", who="user", session_id="s0", user_id="anna")
            audit.record("exported", who="operator", user_id="anna")
            audit.record("completed", who="user", session_id="s2", user_id="bert")
            audit.record("completed", who="user", session_id="s3")
        with transaction():
            assert audit.forget("s1", "anna") == 4
            assert audit.forget(None, None) == 0
            audit.forget("s3", None)
        db.session.remove()
        rows = db.session.execute(select(AuditEntry.session_id, AuditEntry.user_id)).all()
        left = {text for row in rows for text in row if text and not text.startswith("erased:")}
        assert left == {"s2", "bert"}
        assert sum(1 for _ in audit.read(user_id="anna")) == 4
        assert sum(1 for _ in audit.read(session_id="s3")) == 1
        assert [e.user_id for e in audit.read(session_id="s2")] == ["bert"]
        assert db.session.scalar(select(func.count()).select_from(AuditEntry)) == 6


def test_the_hash_of_a_person_depends_on_the_secret_key(
    app: Flask, make_app: Any, sqlite_url: str
) -> None:
    other = make_app(sqlite_url, SECRET_KEY="another key that signs cookies in tests")
    with app.app_context():
        here = audit.pseudonym("anna")
    with other.app_context():
        assert audit.pseudonym("anna") != here
    assert "anna" not in here


# What is in it.


def test_what_a_user_does_that_matters_is_told_and_no_value_of_it(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id, until="integrations")
        assert trail() == [], "answering is no act that needs a witness"
        save(session_id, "finish")
        save(session_id, "finish")  # a double click
        save(session_id, "research", research_depth="Basic")
        with transaction():
            store.lock(by(session_id), now(), [])
            token, link = links.make(session_id)
            first = link.id
        links.use(token)
        links.use(token)
        with transaction():
            store.lock(by(session_id), now(), [])
            second = links.make(session_id)[1].id
        links.revoke(by(session_id), second)
        links.revoke(by(session_id), second)
        store.reset(by(session_id))
        assert trail() == [
            ("user", "completed", {}),
            ("user", "changed", {"step": "research"}),
            ("user", "link_made", {"link": first}),
            ("user", "link_used", {"link": first}),
            ("user", "link_made", {"link": second}),
            ("user", "link_revoked", {"link": second}),
            ("user", "reset", {}),
        ]
        entries = list(audit.read(session_id=session_id))
        assert len(entries) == 7
        told = json.dumps([[e.who, e.name, e.action, e.details, e.user_id] for e in entries])
        for value in (OPENAI_KEY, token, GOOD["finish"]["first_declaration"], "Basic"):
            assert value not in told


def test_an_act_that_fails_is_not_told(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.app_context():
        session_id = begin()
        walk(session_id, until="research")
        with pytest.raises(StepLocked):
            save(session_id, "finish")
        with monkeypatch.context() as patched:
            patched.setattr("webapp.wizard.progress._create", _fails)
            with pytest.raises(RuntimeError):
                store.reset(by(session_id))
        assert trail() == []


def _fails(*_args: Any, **_more: Any) -> None:
    raise RuntimeError


def test_a_user_s_acts_are_found_by_the_user(app: Flask) -> None:
    with app.app_context():
        session_id = begin()
        walk(session_id)
        with transaction():
            session = db.session.get(OnboardingSession, session_id)
            assert session is not None
            session.user_id = "user 42"
        with transaction():
            links.make(session_id)
        assert [entry.action for entry in audit.read(user_id="user 42")] == ["link_made"]


def test_each_cleanup_is_told_also_when_nothing_was_deleted(
    any_app: Flask, make_app: Any, any_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleanup, "BATCH", 2)
    app = make_app(any_url, CLEANUP_TOKEN="a token for cron")
    with app.app_context():
        for _ in range(5):
            age(begin(), 30)
    client = app.test_client()
    headers = {"Authorization": "Bearer a token for cron"}
    for _ in range(2):
        client.post("/api/onboarding/cleanup?hours=24", headers=headers)
    client.post("/api/onboarding/cleanup?hours=24&dry_run=1", headers=headers)
    app.test_cli_runner().invoke(args=["onboarding", "cleanup", "--hours", "48"])
    with app.app_context():
        assert trail() == [
            ("cron", "cleanup", {"hours": 24, "deleted": 5}),
            ("cron", "cleanup", {"hours": 24, "deleted": 0}),
            ("operator", "cleanup", {"hours": 48, "deleted": 0}),
        ]
        if db.engine.dialect.name == "postgresql":
            age(begin(), 30)
            with transaction():
                db.session.execute(text("SELECT cleanup_onboarding_sessions(24)"))
            last = trail()[-1]
            assert last == ("operator", "cleanup", {"hours": 24, "deleted": 1})
            assert next(audit.read(newest=1)).name == "postgres"


# Reading it in a shell.


def test_the_command_reads_it_in_lines_and_in_json(app: Flask) -> None:
    runner = app.test_cli_runner()
    strange = "ana\nline\x1b[2J ключ"
    with app.app_context(), time_machine.travel("2026-05-03T10:00:00Z", tick=False) as clock:
        with transaction():
            audit.record("exported", who="operator", name="root", user_id=strange, rows=3)
        clock.shift(86400)
        with transaction():
            audit.record("cleanup", who="cron", deleted=0)
    shown = runner.invoke(args=["onboarding", "audit"]).output.splitlines()
    assert shown == [
        "2026-05-03 10:00:00Z  operator root  exported  user ana\\nline\\x1b[2J ключ  rows=3",
        "2026-05-04 10:00:00Z  cron  cleanup  deleted=0",
    ]
    lines = runner.invoke(args=["onboarding", "audit", "--json", "--user", strange]).output
    (entry,) = [json.loads(line) for line in lines.splitlines()]
    assert (entry["user_id"], entry["details"], entry["who"]) == (strange, {"rows": 3}, "operator")
    assert entry["at"] == "2026-05-03T10:00:00+00:00"
    since = runner.invoke(args=["onboarding", "audit", "--since", "2026-05-04"]).output
    assert since.splitlines() == shown[1:]
    assert runner.invoke(args=["onboarding", "audit", "--newest", "1"]).output == since
    wrong = runner.invoke(args=["onboarding", "audit", "--since", "yesterday"])
    assert wrong.exit_code == 2
    nobody = runner.invoke(args=["onboarding", "audit", "--session", "none"])
    assert (nobody.exit_code, nobody.output) == (0, "")
