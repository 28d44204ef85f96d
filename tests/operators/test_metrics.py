"""What Prometheus reads, from one process: who may, what is counted, and what it costs."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, insert, text, update

from tests.conftest import MakeApp
from tests.journeys import walk
from tests.support.counting import count_statements
from tests.support.metrics import Samples, samples
from tests.support.pages import PageClient
from webapp import audit, jobs, meters
from webapp.audit import AuditEntry
from webapp.extensions import db, transaction
from webapp.operators import cleanup, metrics
from webapp.steps.website.task import AnalysisTask
from webapp.types import now
from webapp.wizard import store
from webapp.wizard.models import OnboardingSession

Scrape = Callable[[Flask], Samples]


@pytest.fixture
def scrape(monkeypatch: pytest.MonkeyPatch) -> Scrape:
    """Read the metrics; what SQL knows is read anew each time."""
    monkeypatch.setattr(metrics, "FRESH_SECONDS", -1)
    monkeypatch.setattr(metrics, "COUNTED_SECONDS", -1)
    monkeypatch.setattr(metrics, "COUNT_SHARE", 0)

    def read(app: Flask) -> Samples:
        answer = app.test_client().get("/metrics")
        assert answer.status_code == 200
        assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
        return samples(answer.text)

    return read


def grown(before: Samples, after: Samples, name: str, **labels: str) -> float:
    """By how much a counter rose; the tests of a process share its counters."""
    return after.get(name, **labels) - before.get(name, **labels)


def test_without_an_operators_token_everybody_may_read(app: Flask) -> None:
    assert app.test_client().get("/metrics").status_code == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (None, 401),
        ("Basic b3BlcmF0b3I6eA==", 401),
        ("Bearer wrong", 403),
        ("Bearer the-operators-own-token", 200),
    ],
)
def test_with_one_it_has_to_be_sent(
    make_app: MakeApp, sqlite_url: str, sent: str | None, status: int
) -> None:
    app = make_app(sqlite_url, OPERATOR_TOKEN="the-operators-own-token")
    answer = app.test_client().get("/metrics", headers={"Authorization": sent} if sent else {})
    assert answer.status_code == status
    assert ("onward_" in answer.text) == (status == 200)
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)


def test_guessing_the_token_comes_to_an_end(make_app: MakeApp, sqlite_url: str) -> None:
    app = make_app(sqlite_url, OPERATOR_TOKEN="the-operators-own-token", RATE_LIMITS="on")
    client = app.test_client()
    guesses = [
        client.get("/metrics", headers={"Authorization": f"Bearer {n}"}).status_code
        for n in range(25)
    ]
    assert guesses[0] == 403
    assert guesses[-1] == 429


@pytest.mark.long
def test_a_prometheus_that_knows_the_token_meets_no_limit(
    make_app: MakeApp, sqlite_url: str
) -> None:
    app = make_app(sqlite_url, OPERATOR_TOKEN="the-operators-own-token", RATE_LIMITS="on")
    headers = {"Authorization": "Bearer the-operators-own-token"}
    client = app.test_client()
    assert {client.get("/metrics", headers=headers).status_code for _ in range(150)} == {200}


def test_requests_are_counted_by_rule_method_and_status(app: Flask, scrape: Scrape) -> None:
    before = scrape(app)
    client = app.test_client()
    for _ in range(3):
        client.get("/onboarding/research")
    client.get("/onboarding/resume/a-token")
    client.open("/onboarding/research", method="BREW")
    for path in ("/one", "/two", "/three?x=y"):
        client.get(path)
    after = scrape(app)
    name = "onward_requests_total"
    step = {"route": "/onboarding/<slug>", "method": "GET", "status": "303"}
    assert grown(before, after, name, **step) == 3
    assert grown(before, after, name, route="other", method="GET", status="404") == 3
    assert grown(before, after, name, route="other", method="other", status="405") == 1
    of_route = {"route": "/onboarding/<slug>", "method": "GET"}
    assert grown(before, after, "onward_request_duration_seconds_count", **of_route) == 3
    rules = {rule.rule for rule in app.url_map.iter_rules()}
    rose = [one for one in after.labels(name) if grown(before, after, name, **one)]
    assert len(rose) >= 5
    for found in rose:
        assert found["route"] in {*rules, "other"}
        assert found["method"] in {*meters.METHODS, "other"}


def test_saves_skips_drafts_and_conflicts_are_counted_once_they_are_committed(
    any_app: Flask, scrape: Scrape
) -> None:
    before, client = scrape(any_app), PageClient(any_app)
    page = walk.walk(client, "integrations")
    client.submit(page, {"platforms": ["rss"]}, "later")  # a draft
    client.submit(client.get(walk.path_of("integrations")), {}, "skip")
    stale = client.get(walk.path_of("research"))
    walk.save(client, "research", {"research_depth": "Basic"})
    client.submit(stale, {"research_depth": "Expert"}, "save", 409)
    client.submit(client.get(walk.path_of("research")), {"research_depth": None}, "save", 422)
    again = client.get(walk.path_of("research"))
    client.submit(again, {}, "save")  # what is stored already
    after = scrape(any_app)
    found = {
        (name, step): grown(before, after, f"onward_{name}_total", step=step)
        for name in ("saves", "skips", "drafts", "conflicts")
        for step in walk.SLUGS
    }
    assert {one: rise for one, rise in found.items() if rise} == {
        ("saves", "api-keys"): 1,
        ("saves", "website"): 1,
        ("saves", "research"): 2,
        ("saves", "persona"): 1,
        ("drafts", "integrations"): 1,
        ("skips", "integrations"): 1,
        ("conflicts", "research"): 1,
    }


def test_what_is_rolled_back_is_not_counted(
    app: Flask, scrape: Scrape, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = PageClient(app)
    page = walk.walk(client, "research")
    before = scrape(app)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("after everything else of the save")

    monkeypatch.setattr(store, "mark", fail)
    client.submit(page, walk.ANSWERS["research"], "save", 500)
    after = scrape(app)
    assert grown(before, after, "onward_saves_total", step="research") == 0


def test_a_counter_that_fails_costs_no_save(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def __getattr__(self, name: str) -> None:
            raise OSError(28, "No space left on device")

    client = PageClient(app)
    page = walk.walk(client, "research")
    monkeypatch.setattr(meters, "_meters", Broken)
    assert client.submit(page, walk.ANSWERS["research"], "save").status == 303


def test_sessions_and_jobs_are_told_as_they_stand(any_app: Flask, scrape: Scrape) -> None:
    for until in ("", "research", "website"):
        walk.walk(PageClient(any_app), until)
    moment = now()
    with any_app.app_context():
        with transaction():
            for subject in ("due", "held", "later"):
                jobs.add(AnalysisTask.kind, subject, None)
            db.session.execute(text("DELETE FROM jobs WHERE subject NOT IN ('due','held','later')"))
            change = "UPDATE jobs SET run_after = :t WHERE subject = :s"
            for subject, ahead in (("due", -90), ("held", -400), ("later", 60)):
                when = jobs.Job.__table__.c.run_after.type
                statement = text(change).bindparams(s=subject)
                statement = statement.bindparams(
                    db.bindparam("t", moment + timedelta(seconds=ahead), type_=when)
                )
                db.session.execute(statement)
        held = jobs.claim("here")
        assert held
        assert held.subject == "held"
    found = scrape(any_app)
    assert found.get("onward_sessions", state="completed") == 1
    assert found.get("onward_sessions", state="open") == 2
    states = {
        state: found.get("onward_jobs", kind=AnalysisTask.kind, state=state)
        for state in ("waiting", "running", "later")
    }
    assert states == {"waiting": 1, "running": 1, "later": 1}
    assert found.get("onward_jobs", kind="mail", state="waiting") == 0
    oldest = found.get("onward_jobs_oldest_waiting_seconds", kind=AnalysisTask.kind)
    assert 90 <= oldest < 200
    assert found.get("onward_jobs_oldest_waiting_seconds", kind="mail") == 0
    with any_app.app_context(), transaction():  # its worker died: it waits again
        long_ago = moment - timedelta(minutes=3)
        db.session.execute(
            db.update(jobs.Job).where(jobs.Job.id == held.id).values(beat_at=long_ago)
        )
    found = scrape(any_app)
    assert found.get("onward_jobs", kind=AnalysisTask.kind, state="running") == 0
    assert found.get("onward_jobs_oldest_waiting_seconds", kind=AnalysisTask.kind) >= 400


def test_the_last_cleanup_is_told_whoever_ran_it(any_app: Flask, scrape: Scrape) -> None:
    found = scrape(any_app)
    assert found.get("onward_database_up") == 1
    assert found.get("onward_cleanup_last_run_timestamp_seconds") == 0
    moment = now()
    with any_app.app_context(), transaction():
        for hours, deleted in ((24 * 40, 9), (24 * 3, 5), (20, 2)):
            mine = AuditEntry.id == audit.record("cleanup", who="cron", deleted=deleted)
            at = moment - timedelta(hours=hours)
            db.session.execute(update(AuditEntry).where(mine).values(at=at))
    any_app.extensions.pop("stored_metrics")  # a process that is new looks back
    found = scrape(any_app)
    last = found.get("onward_cleanup_last_run_timestamp_seconds")
    assert abs(last - (moment - timedelta(hours=20)).timestamp()) < 2
    assert found.get("onward_cleanup_last_deleted") == 2
    old = moment - timedelta(hours=50)
    with any_app.app_context():
        with transaction():
            db.session.execute(
                insert(OnboardingSession),
                [
                    {"id": f"old-{n}", "completed": False, "created_at": old, "updated_at": old}
                    for n in range(3)
                ],
            )
        cleanup.run(24)
    found = scrape(any_app)
    assert found.get("onward_cleanup_last_run_timestamp_seconds") >= moment.timestamp() - 1
    assert found.get("onward_cleanup_last_deleted") == 3
    assert found.get("onward_cleanup_day_runs") == 2
    assert found.get("onward_cleanup_day_deleted") == 5


@pytest.mark.postgres
def test_a_cleanup_in_sql_is_told_too(make_app: MakeApp, postgres_url: str, scrape: Scrape) -> None:
    app = make_app(postgres_url)
    walk.sql(app, "SELECT cleanup_onboarding_sessions(24)")
    assert scrape(app).get("onward_cleanup_day_runs") == 1


def test_a_database_that_is_away_leaves_what_the_process_counted(
    make_app: MakeApp, sqlite_url: str, scrape: Scrape
) -> None:
    app = make_app(sqlite_url)
    app.test_client().get("/healthz")
    walk.sql(app, "ALTER TABLE jobs RENAME TO gone")
    found = scrape(app)
    assert found.get("onward_database_up") == 0
    assert found.get("onward_requests_total", route="/healthz", method="GET", status="200") >= 1
    assert not found.labels("onward_sessions")
    assert not found.labels("onward_jobs")
    walk.sql(app, "ALTER TABLE gone RENAME TO jobs")
    assert scrape(app).get("onward_database_up") == 1


def test_a_scrape_costs_four_statements_and_the_next_one_none(any_app: Flask) -> None:
    client = any_app.test_client()
    for most, least in ((4, 4), (0, 0)):
        with count_statements(any_app) as cost:
            client.get("/metrics")
        assert least <= len(cost) <= most, cost
        assert cost.commits == 0
        assert cost.writes == []
        assert cost.left_open == 0


def test_the_sessions_are_counted_on_the_index_of_their_state(any_app: Flask) -> None:
    """A million rows are wide; the index of a state is not."""
    sent: list[tuple[str, Any]] = []
    with any_app.app_context():

        def remember(_conn: Any, _cursor: Any, sql: str, values: Any, *_: Any) -> None:
            if "FROM onboarding_sessions" in sql:
                sent.append((sql, values))

        event.listen(db.engine, "before_cursor_execute", remember)
        metrics.Stored()._read()
        event.remove(db.engine, "before_cursor_execute", remember)
        postgres = db.engine.dialect.name == "postgresql"
        with db.engine.connect() as connection:
            if postgres:  # for a table without rows it would not think of an index
                connection.exec_driver_sql("SET enable_seqscan = off")
            plans = [
                str(
                    connection.exec_driver_sql(
                        f"EXPLAIN {'' if postgres else 'QUERY PLAN '}{sql}", values
                    ).all()
                )
                for sql, values in sent
            ]
            connection.invalidate()
    assert len(plans) == 2
    assert "ix_onboarding_sessions_open_updated_at" in plans[0]
    assert "ix_onboarding_sessions_completed_at" in plans[1]
