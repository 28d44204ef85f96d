"""What the funnel counts: each session once at each step, whatever becomes of it afterwards."""

import random
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import func, insert, select, text

from tests.conftest import MakeApp
from tests.support.counting import count_statements
from tests.wizard.samples import (
    SLUGS,
    age,
    begin,
    by,
    filled,
    read,
    save,
    step,
    together,
    walk,
)
from webapp import tally
from webapp.extensions import db, transaction
from webapp.operators import cleanup
from webapp.steps.website.models import WebsiteAnalysis
from webapp.steps.website.task import AnalysisTask
from webapp.tally import Change, Standing
from webapp.types import now
from webapp.wizard import store
from webapp.wizard.models import OnboardingSession
from webapp.wizard.visit import StepLocked


def counted(**where: Any) -> dict[str, tuple[int, ...]]:
    """Slug -> reached, passed, skipped, drafts; steps of which all is 0 are left out."""
    assert tally.fold()
    columns = tally.COUNTS.c
    sums = [func.sum(columns[name]) for name in tally.STATES]
    query = select(columns.slug, *sums).group_by(columns.slug)
    query = query.where(*(columns[name] == value for name, value in where.items()))
    rows = {row[0]: tuple(map(int, row[1:])) for row in db.session.execute(query)}
    return {slug: row for slug, row in rows.items() if any(row)}


def begun(days_ago: int = 0, language: str | None = "en", device: str | None = "phone") -> Any:
    """A session that was begun then and there."""
    moment = now() - timedelta(days=days_ago)
    return SimpleNamespace(created_at=moment, language=language, device=device)


def skip(session_id: str) -> None:
    base = read(session_id).revision("integrations")
    store.skip(by(session_id), step("integrations"), base)


def draft(session_id: str, slug: str, typed: dict[str, Any] | None) -> None:
    store.keep_draft(by(session_id), step(slug), typed, read(session_id).revision(slug))


# One session.


def test_a_journey_counts_once_at_each_step(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        assert counted() == {tally.STARTED: (1, 0, 0, 0), "api-keys": (1, 0, 0, 0)}
        walk(session_id, until="research")
        assert counted() == {
            tally.STARTED: (1, 0, 0, 0),
            **dict.fromkeys(("api-keys", "website", "research"), (1, 1, 0, 0)),
            "persona": (1, 0, 0, 0),
        }
        for slug in SLUGS[3:]:
            save(session_id, slug)
        whole = {tally.STARTED: (1, 0, 0, 0), **dict.fromkeys(SLUGS, (1, 1, 0, 0))}
        assert counted() == whole
        save(session_id, "research", research_depth="Basic")  # a change is no second passing
        save(session_id, "research", research_depth="Basic")
        assert counted() == whole


def test_a_step_is_skipped_or_passed_and_never_both(app: Flask) -> None:
    with app.app_context():
        session_id = begin()
        walk(session_id, until="persona")
        for act, wanted in (
            (skip, (1, 0, 1, 0)),
            (lambda one: save(one, "integrations"), (1, 1, 0, 0)),
            (skip, (1, 0, 1, 0)),
        ):
            act(session_id)
            assert counted()["integrations"] == wanted


def test_a_draft_counts_where_somebody_stops(app: Flask) -> None:
    with app.app_context():
        session_id = begin()
        typed = {"has_website": "no", "business_description": "We bake"}
        draft(session_id, "website", typed)  # before the step is reached
        assert "website" not in counted()
        save(session_id, "api-keys")
        assert counted()["website"] == (1, 0, 0, 1)
        draft(session_id, "website", typed | {"industry": "bread"})
        assert counted()["website"] == (1, 0, 0, 1)
        draft(session_id, "website", None)
        assert counted()["website"] == (1, 0, 0, 0)
        draft(session_id, "website", typed)
        save(session_id, "website")
        assert counted()["website"] == (1, 1, 0, 0)
        draft(session_id, "website", typed)  # of a change to what is passed
        assert counted()["website"] == (1, 1, 0, 0)


def test_the_cleanup_changes_nothing_that_was_counted(any_app: Flask) -> None:
    """Else the funnel would look better with each cleanup: it deletes those who stopped."""
    with any_app.app_context():
        stopped, done = begin(), begin()
        walk(stopped, until="website")
        walk(done)
        before = counted()
        age(stopped, 48)
        assert cleanup.run(24).deleted == 1
        assert counted() == before
        assert before["research"] == (2, 1, 0, 0)


def test_the_cleanup_in_sql_changes_nothing_either(make_app: MakeApp, postgres_url: str) -> None:
    with make_app(postgres_url).app_context():
        session_id = begin()
        walk(session_id, until="website")
        before = counted()
        age(session_id, 48)
        with db.engine.begin() as connection:
            assert connection.scalar(text("SELECT cleanup_onboarding_sessions(24)")) == 1
        assert counted() == before


def test_the_cleanup_sums_up(app: Flask) -> None:
    with app.app_context():
        walk(begin())
        cleanup.run(24)
        assert db.session.scalar(select(func.count()).select_from(tally.EVENTS)) == 0
        assert db.session.scalar(select(func.count()).select_from(tally.COUNTS)) == 7


def test_who_starts_again_counts_once_with_the_new_beginning(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id, until="persona")
        skip(session_id)
        draft(session_id, "finish", {"first_declaration": "To"})
        for _ in range(2):
            store.reset(by(session_id))
            assert counted() == {tally.STARTED: (1, 0, 0, 0), "api-keys": (1, 0, 0, 0)}
        walk(session_id)
        whole = {tally.STARTED: (1, 0, 0, 0), **dict.fromkeys(SLUGS, (1, 1, 0, 0))}
        assert counted() == whole
        store.reset(by(session_id))
        assert counted() == {tally.STARTED: (1, 0, 0, 0), "api-keys": (1, 0, 0, 0)}


def test_what_is_not_committed_is_not_counted(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        before = counted()
        with pytest.raises(store.AnswersInvalid):
            store.save(by(session_id), step("api-keys"), filled("api-keys", openai="short"), 0)

        with pytest.raises(RuntimeError), transaction():  # noqa: PT012
            tally.count(begun(), [Change("website", Standing(), Standing(reached=1))])
            tally.count_analysis("busy")
            raise RuntimeError("the power is gone")
        assert counted() == before
        assert db.session.scalar(select(func.count()).select_from(tally.ANALYSES)) == 0


def test_nothing_is_written_when_nothing_changes(app: Flask) -> None:
    with app.app_context():
        session_id = begin()
        save(session_id, "api-keys")
        with count_statements(app) as cost:
            save(session_id, "api-keys", mistral="Mistral8Wander2Key")
        assert [sql for sql in cost.writes if "funnel" in sql] == []
        with count_statements(app) as cost:
            save(session_id, "website")
        assert len([sql for sql in cost.writes if "funnel" in sql]) == 1, cost


def test_any_course_of_things_comes_to_what_the_rows_say(any_app: Flask) -> None:
    """The sums against a count of the rows themselves, after a random walk of several sessions."""
    chance = random.Random(7)  # noqa: S311
    with any_app.app_context():
        sessions = [begin() for _ in range(3)]
        acts: list[Callable[[str, str], object]] = [
            lambda one, slug: save(one, slug),
            lambda one, slug: save(one, slug),
            lambda one, slug: save(one, slug),
            lambda one, _slug: skip(one),
            lambda one, slug: draft(one, slug, filled(slug).typed() | {"audience": "Us"}),
            lambda one, slug: draft(one, slug, None),
        ]
        done = 0
        for number in range(60):
            one, slug = chance.choice(sessions), chance.choice(SLUGS)
            act = chance.choice(acts)
            if number % 20 == 19:
                store.reset(by(one))
            resume = read(one).resume
            if resume and chance.random() < 0.6:
                slug = resume.slug
            with suppress(StepLocked, store.JourneyIncomplete):
                act(one, slug)
                done += 1
        assert done > 20
        rows = db.session.execute(
            text(
                "SELECT slug, count(first_seen_at), count(saved_at), count(skipped_at), "
                "sum(CASE WHEN first_seen_at IS NOT NULL AND draft IS NOT NULL AND "
                "saved_at IS NULL AND skipped_at IS NULL THEN 1 ELSE 0 END) "
                "FROM step_progress GROUP BY slug"
            )
        )
        wanted = {row[0]: tuple(row[1:]) for row in rows if any(row[1:])}
        assert counted() == {tally.STARTED: (3, 0, 0, 0), **wanted}


# Where and when.


def test_language_and_device_are_kept_in_the_insert_of_the_session(app: Flask) -> None:
    client = app.test_client()
    agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Mobile/15E148 Safari/604.1"
    page = client.get("/onboarding/?lang=de", headers={"User-Agent": agent})
    token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
    with count_statements(app) as cost:
        sent = {"csrf_token": token}
        response = client.post("/onboarding/start", data=sent, headers={"User-Agent": agent})
    assert response.status_code == 303
    assert len([sql for sql in cost.writes if "onboarding_sessions" in sql]) == 1, cost
    with app.app_context():
        columns = (OnboardingSession.id, OnboardingSession.language, OnboardingSession.device)
        session_id, language, device = db.session.execute(select(*columns)).one()
        assert (language, device) == ("de", "phone")
        assert counted(language="de", device="phone") == counted()
        assert counted()[tally.STARTED] == (1, 0, 0, 0)
        store.reset(by(session_id))  # outside of any request: it is known still
        assert counted(language="de", device="phone") == counted()


def test_a_session_counts_on_the_day_that_it_began_on(app: Flask) -> None:
    with app.app_context():
        with transaction():
            for ago in (0, 3, 3):
                tally.count(begun(ago), [Change("persona", Standing(), Standing(reached=1))])
        day = (now() - timedelta(days=3)).date()
        assert counted(day=day) == {"persona": (2, 0, 0, 0)}
        assert counted() == {"persona": (3, 0, 0, 0)}


def test_a_time_is_counted_in_its_class(app: Flask) -> None:
    assert [tally.time_column(s) for s in (0, 5, 5.1, 60, 86_400, 86_401, 10**9)] == [
        *("within_5", "within_5", "within_10", "within_60", "within_86400", "longer", "longer")
    ]
    passed = Standing(1, 1)
    with app.app_context():
        with transaction():
            for seconds in (40, 41.9, -3, 10**12):
                tally.count(begun(), [Change("persona", Standing(1), passed, seconds)])
        assert tally.fold()
        row = db.session.execute(select(tally.COUNTS)).mappings().one()
        times = {name: row[name] for name in tally.TIME_COLUMNS if row[name]}
        assert times == {"within_45": 2, "within_5": 1, "longer": 1}


def test_the_time_on_a_step_is_that_of_its_first_save(app: Flask) -> None:
    with app.app_context():
        session_id = begin()
        with transaction():
            early = now() - timedelta(seconds=100)
            db.session.execute(
                text("UPDATE step_progress SET first_seen_at = :t"),
                {"t": early.isoformat(sep=" ", timespec="microseconds")},
            )
        save(session_id, "api-keys")
        save(session_id, "api-keys", mistral="Mistral8Wander2Key")
        assert tally.fold()
        mine = select(tally.COUNTS).where(tally.COUNTS.c.slug == "api-keys")
        row = db.session.execute(mine).mappings().one()
        assert {n: row[n] for n in tally.TIME_COLUMNS if row[n]} == {"within_120": 1}


def test_no_column_could_hold_whose_it_is() -> None:
    kept = {"id", "day", "language", "device", "slug", "seconds", "outcome", "analyses"}
    for table in (tally.EVENTS, tally.COUNTS, tally.ANALYSES):
        assert {c.name for c in table.c} <= kept | {*tally.STATES, *tally.TIME_COLUMNS}
        assert not table.foreign_keys


# Analyses.


def test_analyses_are_counted_with_what_went_wrong(any_app: Flask) -> None:
    task = AnalysisTask(refresh=lambda _session, _slug: None)
    with any_app.app_context():
        session_id = begin()
        with transaction():
            db.session.add(
                WebsiteAnalysis(id="one", session_id=session_id, website_url="https://a.example/")
            )
        for result in ({"error_code": "dns_failed", "error_message": "No."}, {"pages_read": 1}):
            with transaction():
                task.finish("one", result)
        with transaction():
            task.give_up("one")
        with transaction():
            task.finish("gone", {"error_code": "busy"})  # its session was deleted meanwhile
        assert tally.fold()
        rows = db.session.execute(select(tally.ANALYSES)).all()
        today = now().date()
        assert sorted(rows) == [(today, c, 1) for c in ("dns_failed", "done", "internal")]
        assert set(counted()) == {tally.STARTED, "api-keys"}


# Many at once.


def test_many_who_sum_up_at_once_count_each_event_once(
    any_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally, "BATCH", 20)
    with any_app.app_context(), transaction():
        for number in range(400):
            one = begun(number % 3, device=("phone", None)[number % 2])
            tally.count(one, [Change(SLUGS[number % 5], Standing(), Standing(reached=1))])
    results = together(any_app, *[tally.fold] * 4)
    assert all(result is True for result in results), results
    with any_app.app_context():
        assert counted() == dict.fromkeys(SLUGS[:5], (80, 0, 0, 0))
        assert counted(device="") == dict.fromkeys(SLUGS[:5], (40, 0, 0, 0))


def test_summing_up_stops_when_its_time_is_over(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally, "BATCH", 5)
    with app.app_context():
        with transaction():
            for _ in range(12):
                tally.count(begun(), [Change("persona", Standing(), Standing(reached=1))])
        assert tally.fold(seconds=-1) is False
        assert db.session.scalar(select(func.count()).select_from(tally.EVENTS)) == 7
        assert tally.fold() is True
        with count_statements(app) as cost:
            assert tally.fold() is True
        assert (cost.writes, cost.commits) == ([], 0)


def test_no_session_waits_for_another_to_be_counted(make_app: MakeApp, postgres_url: str) -> None:
    """Two that begin on one day, in one language, on one kind of device, at one step."""
    app = make_app(postgres_url)
    change = [Change("persona", Standing(), Standing(reached=1))]
    inside, counted_too = threading.Event(), threading.Event()

    def holds() -> bool:
        with transaction():
            tally.count(begun(), change)
            inside.set()
            return counted_too.wait(4)

    def goes_on() -> None:
        assert inside.wait(10)
        with transaction():
            tally.count(begun(), change)
        tally.fold()
        counted_too.set()

    assert together(app, holds, goes_on) == [True, None]
    with app.app_context():
        assert counted() == {"persona": (2, 0, 0, 0)}


# What was there before.


def test_the_migration_counts_the_sessions_that_are_there(any_app: Flask) -> None:
    with any_app.app_context():
        first, second = begin(), begin()
        walk(first)
        walk(second, until="persona")
        skip(second)
        draft(second, "finish", {"first_declaration": "To"})
        with transaction():
            for address, status, code in (
                ("a", "completed", None), ("b", "failed", "robots"), ("c", "queued", None),
            ):  # fmt: skip
                db.session.execute(
                    insert(WebsiteAnalysis).values(
                        session_id=first, website_url=address, status=status, error_code=code
                    )
                )
            db.session.execute(
                text("UPDATE onboarding_sessions SET created_at = :t WHERE id = :id"),
                {"t": datetime(2026, 3, 1, 23, 30, tzinfo=UTC).isoformat(" "), "id": first},
            )
        before = counted()
        flask_migrate.downgrade(revision="0010")
        flask_migrate.upgrade()
        assert counted() == before
        assert counted(day=date(2026, 3, 1))["finish"] == (1, 1, 0, 0)
        outcomes = db.session.execute(select(tally.ANALYSES.c.outcome, tally.ANALYSES.c.analyses))
        assert sorted(outcomes.all()) == [("done", 1), ("robots", 1)]
