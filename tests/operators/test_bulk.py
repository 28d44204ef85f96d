"""What an operator does to many sessions: list, remind, reset, complete."""

import json
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from tests.conftest import MakeApp
from tests.test_cli import run
from tests.wizard.samples import age, answers, begin, by, filled, read, save, step, together, walk
from webapp import audit
from webapp.extensions import db, transaction
from webapp.mail import Letter
from webapp.operators import bulk
from webapp.vault import vault
from webapp.wizard import links, store
from webapp.wizard.models import OnboardingSession

MAIL = {"SMTP_URL": "smtp://127.0.0.1:1", "PUBLIC_URL": "https://start.example.com"}


@pytest.fixture
def mailing(make_app: MakeApp, any_url: str) -> Flask:
    """The application with a mail server, on each database."""
    return make_app(any_url, **MAIL)


def stopped(until: str = "integrations", days: float = 4, **columns: Any) -> str:
    """A session that was left after this step so many days ago."""
    session_id = begin()
    walk(session_id, until)
    with transaction():
        mine = OnboardingSession.id == session_id
        if columns:
            db.session.execute(update(OnboardingSession).where(mine).values(**columns))
    age(session_id, days * 24)
    return session_id


def actions(session_id: str) -> list[tuple[str, str]]:
    return [(entry.action, entry.who) for entry in audit.read(session_id=session_id)]


# list


def test_sessions_are_listed_by_state_and_age_with_where_they_stand(
    any_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "BATCH", 2)
    with any_app.app_context():
        fresh = begin()
        left = [stopped("website", days=n) for n in (2, 9)]
        whole = stopped("finish", days=9, user_id="ada\nl")
    by_state = {
        state: [json.loads(line) for line in _lines(any_app, "--state", state, "--json")]
        for state in bulk.STATES
    }
    assert {one["session"] for one in by_state["open"]} == {fresh, *left}
    assert {one["session"] for one in by_state["abandoned"]} == set(left)
    assert [one["session"] for one in by_state["completed"]] == [whole]
    assert len(by_state["all"]) == 4
    steps = {one["session"]: one["step"] for one in by_state["all"]}
    assert steps == {fresh: "api-keys", left[0]: "research", left[1]: "research", whole: None}
    assert [one.split()[0] for one in _lines(any_app, "--older-than", "7d")] == [left[1]]
    (line,) = _lines(any_app, "--state", "completed", "--older-than", "48h")
    assert line.endswith("ada\\nl"), "one line whatever a user is called"
    assert run(any_app, "list", "--older-than", "soon").exit_code == 2
    with any_app.app_context():
        before = len(list(audit.read()))
        counted = run(any_app, "list", "--state", "abandoned", "--older-than", "7d", "--dry-run")
        assert counted.output == "1 would be listed.\n"
        trail = list(audit.read())
        assert len(trail) == before, "a count names nobody"
        assert (trail[-1].action, trail[-1].who) == ("listed", "operator")
        assert trail[-1].details == {"state": "completed", "older_than_hours": 48}


def _lines(app: Flask, *words: str) -> list[str]:
    result = run(app, "list", *words)
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


# remind


def test_who_stopped_is_mailed_a_link_once_in_their_language(mailing: Flask) -> None:
    with mailing.app_context():
        due = stopped(language="de")
        stopped("persona")  # left no address
        stopped(days=1)  # not long enough ago
        stopped("finish")
        assert "1 would be reminded" in run(mailing, "remind", "--dry-run").output
        assert "RETENTION_HOURS is 24" in run(mailing, "remind", "--dry-run").output
        assert db.session.query(Letter).count() == 0
        assert "1 reminded" in run(mailing, "remind").output
        assert "0 reminded" in run(mailing, "remind").output
        db.session.remove()
        (letter,) = db.session.query(Letter)
        assert letter.recipient == "baker@fern-street.org"
        assert "warten" in letter.subject
        body = vault().open(letter.body, due, letter.id)
        token = body.partition("https://start.example.com/onboarding/resume/")[2].split()[0]
        assert links.use(token) == due
        assert [a for a in actions(due) if a[0] != "link_used"] == [
            ("link_made", "operator"), ("reminded", "operator"),
        ]  # fmt: skip
        assert read(due).resume is step("finish")


def test_two_who_remind_at_once_send_one_letter(mailing: Flask) -> None:
    with mailing.app_context():
        due = stopped()

        def once() -> bool:
            return bulk.remind(due, "a@example.com", 3, None)

        assert sorted(together(mailing, once, once)) == [False, True]
        db.session.remove()
        assert db.session.query(Letter).count() == 1


def test_who_came_back_meanwhile_is_not_reminded(mailing: Flask) -> None:
    with mailing.app_context():
        due = stopped()
        save(due, "research", research_depth="Basic")
        assert not bulk.remind(due, "a@example.com", 3, None)


@pytest.mark.parametrize("missing", sorted(MAIL))
def test_without_mail_or_an_address_nobody_can_be_reminded(
    make_app: MakeApp, sqlite_url: str, missing: str
) -> None:
    app = make_app(sqlite_url, **{name: url for name, url in MAIL.items() if name != missing})
    result = run(app, "remind")
    assert result.exit_code == 2
    assert missing in result.output


def test_a_full_outbox_ends_it_and_costs_nobody_their_turn(
    mailing: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mailing.app_context():
        due = stopped()
        monkeypatch.setattr("webapp.mail.send", lambda *_: False)
        assert run(mailing, "remind").exit_code == 1
        db.session.remove()
        assert read(due).session.reminded_at is None
        assert actions(due) == []


# reset and complete


def test_an_operator_resets_somebody(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = stopped("persona", user_id="ada")
        assert (
            "api-keys, website, research, persona"
            in run(any_app, "reset", "ada", "--dry-run").output
        )
        assert "persona" in read(session_id).saved
        assert run(any_app, "reset", "ada").exit_code == 0
        assert read(session_id).saved == set()
        assert actions(session_id) == [("reset", "operator")]
    assert run(any_app, "reset", "nobody").exit_code == 2


def test_an_operator_completes_whoever_has_all_but_the_last_click(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = stopped("persona")
        result = run(any_app, "complete", session_id)
        assert result.exit_code == 1
        assert result.output == "Missing: finish (no declaration is typed)\n"
        typed = filled("finish").typed()
        store.keep_draft(by(session_id), step("finish"), typed, None)
        assert (
            run(any_app, "complete", session_id, "--dry-run").output == "It would be completed.\n"
        )
        assert not read(session_id).session.completed
        assert run(any_app, "complete", session_id).output == "Completed.\n"
        visit = read(session_id)
        assert visit.session.completed
        assert visit.session.first_kblock_id
        assert answers(visit, "finish")["first_declaration"] == typed["first_declaration"]
        assert visit.progress["integrations"].skipped_at
        assert ("completed", "operator") in actions(session_id)
        assert run(any_app, "complete", session_id).output == "It is completed already.\n"
    assert run(any_app, "complete", "nobody").exit_code == 2


def test_completing_names_what_is_missing(app: Flask) -> None:
    with app.app_context():
        session_id = stopped("website")
    result = run(app, "complete", session_id)
    assert result.exit_code == 1
    assert [line.split()[1] for line in result.output.splitlines()] == [
        "research", "persona", "finish",
    ]  # fmt: skip


# completed ones grow old


def test_completed_sessions_go_when_the_operator_says_so_and_count_apart(
    make_app: MakeApp, any_url: str
) -> None:
    app = make_app(any_url, CLEANUP_TOKEN="broom", COMPLETED_RETENTION_DAYS="30")
    with app.app_context():
        old, changed, fresh = (stopped("finish", days=n) for n in (40, 5, 5))
        for one in (old, changed):
            mine = OnboardingSession.id == one
            moment = read(one).session.updated_at - timedelta(days=40)
            db.session.execute(update(OnboardingSession).where(mine).values(completed_at=moment))
        db.session.commit()
        abandoned = stopped("website", days=2)
    for dry in ("1", "0"):
        answer = app.test_client().post(
            f"/api/onboarding/cleanup?dry_run={dry}", headers={"Authorization": "Bearer broom"}
        )
        told = answer.get_json()
        assert (told["deleted_count"], told["completed_deleted_count"]) == (1, 1)
    left = {json.loads(line)["session"] for line in _lines(app, "--state", "all", "--json")}
    assert left == {changed, fresh}
    assert {old, abandoned}.isdisjoint(left)
    with app.app_context():
        details = [entry.details for entry in audit.read() if entry.action == "cleanup"]
        assert details == [{"hours": 24, "deleted": 1}, {"completed_days": 30, "deleted": 1}]
