"""What an operator runs in a shell."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError

from tests.support.databases import TOP, settings
from tests.wizard.samples import GOOD, OPENAI_KEY, age, begin, by, filled, read, save, step, walk
from webapp.extensions import db, transaction
from webapp.identity.caller import Caller
from webapp.types import now
from webapp.wizard import store
from webapp.wizard.models import OnboardingSession


def run(app: Flask, *words: str) -> Result:
    """`flask onboarding …`, with its output and its exit status."""
    return app.test_cli_runner().invoke(args=["onboarding", *words])


# a database that does not answer


def test_a_database_that_somebody_holds_is_told_in_a_sentence(
    app: Flask, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No traceback, and a status that says "try again" and nothing else."""
    with app.app_context():
        session_id = begin()
    monkeypatch.setattr("webapp.extensions.BUSY_SECONDS", 0)
    with closing(sqlite3.connect(sqlite_url.partition("///")[2], isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with app.app_context():
            db.engine.dispose()
        result = run(app, "erase", session_id, "--yes")
        other.execute("ROLLBACK")
    assert result.exit_code == os.EX_TEMPFAIL
    assert "database is locked" in result.stderr
    assert "run the command again" in result.stderr
    assert "Traceback" not in result.output
    assert run(app, "erase", session_id, "--yes").exit_code == 0


def test_a_database_that_is_not_migrated_is_told_in_a_sentence(any_app: Flask) -> None:
    with any_app.app_context(), db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE funnel_counts RENAME TO of_later"))
    result = run(any_app, "stats")
    assert result.exit_code == os.EX_TEMPFAIL
    assert "funnel_counts" in result.stderr
    assert "db upgrade" in result.stderr


def test_a_fault_of_ours_keeps_its_traceback(
    any_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object, **_more: object) -> None:
        with db.engine.begin() as connection:
            connection.execute(text("SELECT of FROM WHERE"))

    monkeypatch.setattr("webapp.operators.cleanup.run", broken)
    result = run(any_app, "cleanup", "--yes")
    assert isinstance(result.exception, DBAPIError)


# verify


def test_a_session_with_every_required_step_is_exit_0(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id)
    result = run(any_app, "verify", session_id)
    assert result.exit_code == 0, result.output
    assert "Every required step is stored." in result.output
    assert "completed 20" in result.output


def test_a_skipped_optional_step_is_not_missing(app: Flask) -> None:
    with app.app_context():
        session_id = begin()
        walk(session_id, until="persona")
        base = read(session_id).revision("integrations")
        store.skip(by(session_id), step("integrations"), base)
        save(session_id, "finish")
    result = run(app, "verify", session_id)
    assert result.exit_code == 0
    assert "5. integrations: skipped" in result.output


@pytest.mark.parametrize("until", ["api-keys", "research", "integrations"])
def test_a_session_with_a_required_step_missing_is_exit_1(app: Flask, until: str) -> None:
    with app.app_context():
        session_id = begin()
        walk(session_id, until=until)
    result = run(app, "verify", session_id)
    assert result.exit_code == 1
    missing = result.output.strip().splitlines()[-1]
    assert missing.startswith("Missing: ")
    assert missing.endswith("finish")
    assert "integrations" not in missing, "it is optional"
    assert until not in missing


def test_a_session_that_was_only_begun_misses_everything_required(app: Flask) -> None:
    with app.app_context():
        session_id = begin()
    result = run(app, "verify", session_id)
    assert result.exit_code == 1
    assert "Missing: api-keys, website, research, persona, finish" in result.output


@pytest.mark.parametrize("name", ["nobody", "", "%", "' OR 1=1 --", "00000000-0000-0000"])
def test_an_unknown_name_is_exit_2(app: Flask, name: str) -> None:
    with app.app_context():
        begin()
    result = run(app, "verify", name)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_a_user_can_be_named_in_place_of_the_session(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = store.new_session_id()
        store.open_session(Caller(session_id, user_id="user_42"))
        walk(session_id)
    result = run(any_app, "verify", "user_42")
    assert result.exit_code == 0
    assert session_id in result.output


def test_it_shows_each_step_s_answers_in_words(app: Flask) -> None:
    with app.app_context():
        session_id = begin()
        walk(session_id)
        save(session_id, "integrations", platforms=["rss", "gsc"])
    output = run(app, "verify", session_id).output
    for words in (
        "1. api-keys: stored", "We bake bread the slow way.", "Blog posts, News",
        "The patient baker", "Google Search Console, RSS or Atom feed",
        GOOD["finish"]["first_declaration"],
    ):  # fmt: skip
        assert words in output
    assert "None\n" not in output.replace("Competitors: None named", "")
    assert "<" not in output, "no markup in a shell"


def test_secrets_are_masked(app: Flask) -> None:
    with app.app_context():
        session_id = begin()
        walk(session_id)
    output = run(app, "verify", session_id).output
    assert OPENAI_KEY not in output
    assert OPENAI_KEY[:-4] not in output
    assert "OpenAI: ••••WXYZ" in output


def test_a_draft_is_told_of_and_not_shown(app: Flask) -> None:
    with app.app_context():
        session_id = begin()
        typed = filled("website", business_description="Half a thought").typed()
        store.keep_draft(by(session_id), step("website"), typed, 0)
    output = run(app, "verify", session_id).output
    assert "2. website: missing (a draft is kept)" in output
    assert "Half a thought" not in output


def test_it_changes_nothing(app: Flask) -> None:
    with app.app_context():
        session_id = begin()
        age(session_id, 48)
        before = read(session_id).session.updated_at
        run(app, "verify", session_id)
        assert read(session_id).session.updated_at == before


def test_the_command_as_an_operator_types_it(app: Flask, sqlite_url: str, tmp_path: Path) -> None:
    with app.app_context():
        session_id = begin()
        walk(session_id, until="api-keys")
    environ = {"PATH": os.environ["PATH"], **settings(sqlite_url, tmp_path / "instance")}
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "onboarding", "verify", session_id],
        cwd=TOP, env=environ, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "••••WXYZ" in done.stdout
    assert done.stderr == ""


# cleanup


def old_sessions(count: int, hours: float) -> None:
    moment = now() - timedelta(hours=hours)
    with transaction():
        rows = [
            {"id": store.new_session_id(), "created_at": moment, "updated_at": moment}
            for _ in range(count)
        ]
        db.session.execute(insert(OnboardingSession), rows)


def left(app: Flask) -> int:
    with app.app_context():
        return len(db.session.scalars(select(OnboardingSession.id)).all())


def test_cleanup_deletes_after_24_hours_unless_told_otherwise(any_app: Flask) -> None:
    with any_app.app_context():
        old_sessions(2, hours=25)
        old_sessions(3, hours=5)
    result = run(any_app, "cleanup")
    assert result.exit_code == 0
    assert result.output.startswith("2 sessions deleted")
    result = run(any_app, "cleanup", "--hours", "4")
    assert result.output.startswith("3 sessions deleted")
    assert left(any_app) == 0


def test_a_dry_run_counts_alone(any_app: Flask) -> None:
    with any_app.app_context():
        old_sessions(2, hours=25)
    result = run(any_app, "cleanup", "--dry-run")
    assert (result.exit_code, result.output[:10]) == (0, "2 sessions")
    assert left(any_app) == 2


@pytest.mark.parametrize("hours", ["0", "-1", "8761", "x", "1.5"])
def test_hours_outside_of_1_to_8760_delete_nothing(app: Flask, hours: str) -> None:
    with app.app_context():
        old_sessions(1, hours=9000)
    result = run(app, "cleanup", "--hours", hours)
    assert result.exit_code == 2
    assert left(app) == 1


def test_a_terminal_is_asked_before_anything_is_deleted(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.cli.sys", type("Sys", (), {"stdin": _Terminal(), "exit": sys.exit}))
    with app.app_context():
        old_sessions(2, hours=25)
    runner = app.test_cli_runner()
    refused = runner.invoke(args=["onboarding", "cleanup"], input="n\n")
    assert "Delete 2 sessions" in refused.output
    assert refused.exit_code == 1
    assert left(app) == 2
    agreed = runner.invoke(args=["onboarding", "cleanup"], input="y\n")
    assert agreed.exit_code == 0
    assert left(app) == 0


def test_yes_asks_nothing(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.cli.sys", type("Sys", (), {"stdin": _Terminal(), "exit": sys.exit}))
    with app.app_context():
        old_sessions(1, hours=25)
    assert run(app, "cleanup", "--yes").exit_code == 0
    assert left(app) == 0


class _Terminal:
    def isatty(self) -> bool:
        return True
