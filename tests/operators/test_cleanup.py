"""Abandoned sessions go, whole; a session in use or completed stays, whatever its age."""

import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, event, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from tests.conftest import MakeApp
from tests.support.counting import count_statements
from tests.support.databases import TOP, settings
from tests.support.pages import Page, PageClient
from tests.wizard.samples import (
    age,
    begin,
    by,
    filled,
    read,
    row_everywhere,
    save,
    session_tables,
    snapshot,
    step,
    together,
    walk,
)
from webapp import audit
from webapp.extensions import db, transaction
from webapp.operators import cleanup
from webapp.types import now
from webapp.wizard import store
from webapp.wizard.models import OnboardingSession

ROUTE = "/api/onboarding/cleanup"
BEARER = {"Authorization": "Bearer broom"}


@pytest.fixture
def swept(make_app: MakeApp, any_url: str) -> Flask:
    """The application with a cleanup token, on each database."""
    return make_app(any_url, CLEANUP_TOKEN="broom")


def sessions(*, hours: float, count: int = 1) -> list[str]:
    """So many sessions that were touched last so many hours ago."""
    moment = now() - timedelta(hours=hours)
    ids = [store.new_session_id() for _ in range(count)]
    with transaction():
        rows = [
            {"id": one, "completed": False, "created_at": moment, "updated_at": moment}
            for one in ids
        ]
        db.session.execute(insert(OnboardingSession), rows)
    return ids


def left() -> set[str]:
    """The ids that are still there."""
    db.session.remove()
    return set(db.session.scalars(select(OnboardingSession.id)))


def called(app: Flask, query: str = "", status: int = 200, **headers: str) -> Page:
    """Call the route as cron does, on a client that has no cookie."""
    return PageClient(app).post(ROUTE + query, status=status, headers=BEARER | headers)


# The door.


def test_without_a_configured_token_the_door_stays_shut(app: Flask) -> None:
    page = PageClient(app).post(ROUTE, status=503, headers=BEARER)
    assert "CLEANUP_TOKEN" in json.loads(page.source)["detail"]
    assert PageClient(app).post(ROUTE, status=503, headers={"Authorization": "Bearer "})


@pytest.mark.parametrize("given", ["", "broom", "Bearer", "Bearer ", "Basic broom", "Token broom"])
def test_without_a_bearer_token_it_is_401(make_app: MakeApp, sqlite_url: str, given: str) -> None:
    app = make_app(sqlite_url, CLEANUP_TOKEN="broom")
    page = called(app, "?hours=1", 401, Authorization=given)
    assert page.headers["WWW-Authenticate"].startswith("Bearer")
    assert page.response.mimetype == "application/problem+json"


@pytest.mark.parametrize("given", ["Bearer Broom", "Bearer broo", "Bearer broomx", "Bearer brööm"])
def test_with_a_wrong_token_it_is_403(make_app: MakeApp, sqlite_url: str, given: str) -> None:
    app = make_app(sqlite_url, CLEANUP_TOKEN="broom")
    with app.app_context():
        (session_id,) = sessions(hours=48)
    page = called(app, "", 403, Authorization=given)
    assert "broom" not in page.source
    with app.app_context():
        assert left() == {session_id}


def test_the_word_bearer_may_be_written_in_any_case(make_app: MakeApp, sqlite_url: str) -> None:
    called(make_app(sqlite_url, CLEANUP_TOKEN="broom"), Authorization="bearer broom")


@pytest.mark.parametrize("query", ["?token=broom", "?access_token=broom"])
def test_a_token_in_the_address_opens_nothing(
    make_app: MakeApp, sqlite_url: str, query: str
) -> None:
    app = make_app(sqlite_url, CLEANUP_TOKEN="broom")
    PageClient(app).post(ROUTE + query, status=401)


@pytest.mark.parametrize(
    "hours",
    ["0", "-1", "8761", "24.5", "1e3", "abc", "", " ", "٢٤", "999999999999999999999", "24;", "+24"],
)
def test_hours_outside_of_1_to_8760_are_422_and_delete_nothing(
    make_app: MakeApp, sqlite_url: str, hours: str
) -> None:
    app = make_app(sqlite_url, CLEANUP_TOKEN="broom")
    with app.app_context():
        (session_id,) = sessions(hours=9000)
    response = app.test_client().post(ROUTE, query_string={"hours": hours}, headers=BEARER)
    assert response.status_code == 422
    assert list(response.get_json()["errors"]) == ["hours"]
    with app.app_context():
        assert left() == {session_id}


@pytest.mark.parametrize("hours", [1, 8760])
def test_hours_at_the_limits_are_taken(make_app: MakeApp, sqlite_url: str, hours: int) -> None:
    app = make_app(sqlite_url, CLEANUP_TOKEN="broom")
    with app.app_context():
        sessions(hours=hours + 0.1)
        (fresh,) = sessions(hours=hours - 0.1)
    assert json.loads(called(app, f"?hours={hours}").source)["deleted_count"] == 1
    with app.app_context():
        assert left() == {fresh}


def test_the_answer_says_what_was_done(swept: Flask) -> None:
    with swept.app_context():
        sessions(hours=30, count=3)
    begun = now()
    body = json.loads(called(swept).source)
    assert (body["success"], body["deleted_count"], body["cutoff_hours"]) == (True, 3, 24)
    cutoff = datetime.fromisoformat(body["cutoff_time"])
    assert cutoff.tzinfo is not None
    assert abs(cutoff - (begun - timedelta(hours=24))) < timedelta(seconds=30)
    assert json.loads(called(swept).source)["deleted_count"] == 0


@pytest.mark.parametrize("flag", ["1", "true"])
def test_a_dry_run_counts_and_deletes_nothing(swept: Flask, flag: str) -> None:
    with swept.app_context():
        ids = sessions(hours=30, count=3)
    with count_statements(swept) as cost:
        body = json.loads(called(swept, f"?dry_run={flag}").source)
    assert body["deleted_count"] == 3
    assert cost.writes == []
    with swept.app_context():
        assert left() == set(ids)


def test_a_dry_run_that_is_none_of_these_is_422(make_app: MakeApp, sqlite_url: str) -> None:
    """Whoever writes dry_run=yes does not mean: delete."""
    app = make_app(sqlite_url, CLEANUP_TOKEN="broom")
    with app.app_context():
        (session_id,) = sessions(hours=48)
    body = json.loads(called(app, "?dry_run=yes", 422).source)
    assert list(body["errors"]) == ["dry_run"]
    with app.app_context():
        assert left() == {session_id}


# What goes, and what stays.


def test_a_session_that_was_touched_lately_stays_whatever_its_age(any_app: Flask) -> None:
    with any_app.app_context():
        old = begin()
        with transaction():
            long_ago = now() - timedelta(days=400)
            db.session.execute(update(OnboardingSession).values(created_at=long_ago))
        assert cleanup.run(1).deleted == 0
        assert left() == {old}


@pytest.mark.parametrize("what", ["save", "skip", "draft", "reset"])
def test_every_write_counts_as_use(any_app: Flask, what: str) -> None:
    with any_app.app_context():
        session_id = begin()
        if what == "skip":
            walk(session_id, until="persona")
        age(session_id, 100)
        if what == "save":
            save(session_id, "api-keys")
        elif what == "skip":
            base = read(session_id).revision("integrations")
            store.skip(by(session_id), step("integrations"), base)
        elif what == "draft":
            store.keep_draft(by(session_id), step("website"), filled("website").typed(), None)
        else:
            store.reset(by(session_id))
        assert cleanup.run(24).deleted == 0
        assert left() == {session_id}


def test_a_completed_session_is_never_deleted(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id)
        age(session_id, 8000)
        before = snapshot(session_id)
        assert cleanup.run(1).deleted == 0
        assert snapshot(session_id) == before


def test_a_session_that_was_walked_half_way_goes_with_every_row(any_app: Flask) -> None:
    with any_app.app_context():
        gone, stays = begin(), begin()
        for session_id in (gone, stays):
            walk(session_id, until="integrations")
        age(gone, 25)
        before = snapshot(stays)
        assert cleanup.run(24).deleted == 1
        assert all(rows == [] for rows in snapshot(gone).values())
        assert snapshot(stays) == before


def test_no_table_keeps_an_orphan(any_app: Flask) -> None:
    with any_app.app_context():
        gone, stays = store.new_session_id(), store.new_session_id()
        for session_id in (gone, stays):
            with db.engine.begin() as connection:
                row_everywhere(connection, session_id)
        age(gone, 25)
        assert cleanup.run(24).deleted == 1
        for table in session_tables():
            count = db.session.scalar(select(func.count()).select_from(table))
            assert count == 1, f"{table.name} has {count} rows, of one session"


def test_deletion_goes_in_batches_with_a_commit_each(
    any_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that nobody waits for long behind the lock of a large cleanup."""
    monkeypatch.setattr(cleanup, "BATCH", 10)
    monkeypatch.setattr(cleanup, "HELD_SECONDS", 60)
    with any_app.app_context():
        sessions(hours=48, count=35)
        (fresh,) = sessions(hours=1)
        with count_statements(any_app) as cost:
            done = cleanup.run(24)
        assert (done.deleted, done.hours) == (35, 24)
        assert cost.commits == 4, cost
        assert left() == {fresh}


def test_the_default_batch_takes_more_than_its_size_in_several_turns(any_app: Flask) -> None:
    with any_app.app_context():
        sessions(hours=48, count=2 * cleanup.BATCH + 7)
        assert cleanup.run(24).deleted == 2 * cleanup.BATCH + 7
        assert left() == set()


@pytest.mark.parametrize(
    ("deleting", "around", "sizes"),
    [
        (0.001, 0.001, [50, 100, 200, 5]),  # a fast machine
        (0.02, 0.001, [50, 22, 9, 4, 1]),  # much to delete of each
        (0.001, 0.05, [50, 100, 200, 5]),  # a slow disk: small batches would only be more of them
        (0.25, 0.0625, [50, 12, 3, 1, 1]),  # both
    ],
    ids=["fast", "large", "slow-disk", "slow"],
)
def test_batches_follow_from_the_time_that_others_wait_for_them(
    any_app: Flask,
    monkeypatch: pytest.MonkeyPatch,
    deleting: float,
    around: float,
    sizes: list[int],
) -> None:
    """They grow where the machine is fast, and shrink where that makes the wait shorter."""
    turns = itertools.cycle([0.0, deleting, around])  # before, after the DELETE, after the commit
    moments = itertools.accumulate(turns)
    clock = SimpleNamespace(monotonic=moments.__next__, sleep=lambda _seconds: None)
    monkeypatch.setattr(cleanup, "time", clock)
    with any_app.app_context():
        sessions(hours=48, count=sum(sizes[:3]) + 5)
        old, by = cleanup._abandoned(now() - timedelta(hours=24)), {"who": "cron", "name": None}
        batches = cleanup._batches(old, OnboardingSession.updated_at, by, hours=24)
        found = [size for size, _ in itertools.islice(batches, len(sizes))]
    assert found == sizes


def test_sqlite_reads_what_goes_before_it_is_locked(app: Flask) -> None:
    """What was left behind long ago comes from the disk, and every save would wait for that."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, sql: str, *_rest: Any) -> None:
        sent.append(sql)

    with app.app_context():
        sessions(hours=48, count=3)
        event.listen(db.engine, "before_cursor_execute", note)
        assert cleanup.run(24).deleted == 3
    locked = next(place for place, sql in enumerate(sent) if sql.startswith("BEGIN"))
    for table in session_tables():
        assert any(f"FROM {table.name}" in " ".join(sql.split()) for sql in sent[:locked])


def test_sqlite_saves_come_upon_a_pause_and_upon_no_log_that_the_cleanup_left(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for the lock looks for it every 25 ms; whose commit finds a long log copies it."""
    pauses: list[float] = []
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=pauses.append)
    monkeypatch.setattr(cleanup, "time", clock)
    monkeypatch.setattr(cleanup, "BATCH", 10)
    monkeypatch.setattr(cleanup, "HELD_SECONDS", 60)
    with app.app_context():
        sessions(hours=48, count=35)
        assert cleanup.run(24).deleted == 35
        assert len(pauses) == 3
        assert min(pauses) >= 0.025
        log = Path(f"{db.engine.url.database}-wal")
        before = log.stat().st_size
        sessions(hours=1)
        assert log.stat().st_size == before, "the log was copied, and begins anew"


def test_a_call_ends_when_its_time_is_up_and_the_next_one_goes_on(
    swept: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleanup, "CALL_SECONDS", 0)
    monkeypatch.setattr(cleanup, "HELD_SECONDS", 60)
    monkeypatch.setattr(cleanup, "BATCH", 10)
    with swept.app_context():
        sessions(hours=48, count=25)
    calls = [json.loads(called(swept).source) for _ in range(3)]
    assert [one["deleted_count"] for one in calls] == [10, 10, 5]
    assert [one["finished"] for one in calls] == [False, False, True]


def test_a_cleanup_that_was_killed_is_simply_run_again(any_app: Flask, tmp_path: Path) -> None:
    with any_app.app_context():
        sessions(hours=48, count=4000)
        (fresh,) = sessions(hours=1)
        url = db.engine.url.render_as_string(hide_password=False)
    environ = {"PATH": os.environ["PATH"], **settings(url, tmp_path / "killed")}
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "onboarding", "cleanup"]
    command += ["--hours", "24", "--yes"]
    process = subprocess.Popen(
        command, cwd=TOP, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    with any_app.app_context():
        count = select(func.count()).select_from(OnboardingSession)  # quicker than to read them
        while db.session.scalar(count) == 4001:
            assert time.monotonic() < deadline
            assert process.poll() is None
        process.kill()
        process.wait()
        time.sleep(0.3)  # PostgreSQL finds out, and takes back what was under way
        rest = len(left()) - 1
        assert 0 < rest < 4000
        (told,) = list(audit.read())
        assert told.details == {"hours": 24, "deleted": 4000 - rest}
        assert cleanup.run(24).deleted == rest
        assert left() == {fresh}


def test_two_cleanups_at_once_delete_each_session_once(any_app: Flask) -> None:
    with any_app.app_context():
        sessions(hours=48, count=60)
        (fresh,) = sessions(hours=1)
    results = together(any_app, *[lambda: cleanup.run(24).deleted] * 3)
    assert sum(results) == 60, results
    with any_app.app_context():
        assert left() == {fresh}


# The same in SQL, on PostgreSQL.


@pytest.fixture
def function(make_app: MakeApp, postgres_url: str) -> Iterator[Engine]:
    """PostgreSQL, in the context of its application."""
    with make_app(postgres_url).app_context():
        yield db.engine


def call(engine: Engine, hours: Any) -> int:
    """Call the function as `psql` would."""
    with engine.begin() as connection:
        query = text("SELECT cleanup_onboarding_sessions(CAST(:hours AS integer))")
        return int(connection.execute(query, {"hours": hours}).scalar_one())


def test_the_sql_function_deletes_what_the_route_deletes(function: Engine) -> None:
    sessions(hours=25, count=5)
    (fresh,) = sessions(hours=23)
    completed = begin()
    walk(completed)
    age(completed, 800)
    assert call(function, 24) == 5
    assert left() == {fresh, completed}
    assert call(function, 24) == 0


def test_the_sql_function_leaves_no_orphan(function: Engine) -> None:
    gone = store.new_session_id()
    with function.begin() as connection:
        row_everywhere(connection, gone)
    age(gone, 25)
    assert call(function, 24) == 1
    for table in session_tables():
        assert db.session.scalar(select(func.count()).select_from(table)) == 0, table.name


@pytest.mark.parametrize("hours", [0, -1, 8761, 2_000_000_000, None])
def test_the_sql_function_raises_an_error_outside_of_1_to_8760(
    function: Engine, hours: int | None
) -> None:
    (session_id,) = sessions(hours=9000)
    with pytest.raises(DBAPIError, match="from 1 to 8760"):
        call(function, hours)
    assert left() == {session_id}


@pytest.mark.parametrize("hours", [1, 8760])
def test_the_sql_function_takes_hours_at_the_limits(function: Engine, hours: int) -> None:
    sessions(hours=hours + 0.1)
    (fresh,) = sessions(hours=hours - 0.1)
    assert call(function, hours) == 1
    assert left() == {fresh}


def test_the_sql_function_passes_over_a_session_that_is_being_saved(
    function: Engine, monkeypatch: pytest.MonkeyPatch, make_app: MakeApp
) -> None:
    session_id = begin()
    age(session_id, 48)
    app = make_app(function.url.render_as_string(hide_password=False))
    inside, cleaned = threading.Event(), threading.Event()

    def save_slowly() -> Any:
        keys = step("api-keys")
        really = keys.save

        def slow(*args: Any, **kwargs: Any) -> None:
            really(*args, **kwargs)
            inside.set()
            assert cleaned.wait(10)

        monkeypatch.setattr(keys, "save", slow)
        return store.save(by(session_id), keys, filled("api-keys"), 0)

    def clean() -> int:
        assert inside.wait(10)
        try:
            return call(db.engine, 24)
        finally:
            cleaned.set()

    saved, deleted = together(app, save_slowly, clean)
    assert not isinstance(saved, Exception), saved
    assert deleted == 0
    assert read(session_id).saved == {"api-keys"}
