"""The database does not answer: nothing typed is lost, nothing is called saved that is not, and it
all comes back by itself."""

import itertools
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from flask import Flask
from sqlalchemy import Engine, PoolProxiedConnection, create_engine, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from tests.bench.chaos import MOST_SECONDS
from tests.conftest import MakeApp, StartServer
from tests.journeys.walk import ANSWERS, KEYS, SAME_ORIGIN, SLUGS, begin, count, path_of, sql, walk
from tests.support.databases import migrate
from tests.support.pages import Page, PageClient
from tests.support.private_postgres import PrivatePostgres
from tests.support.site import SiteServer
from tests.support.visitors import Visitor
from webapp import extensions
from webapp.extensions import db
from webapp.postgres import PipeliningConnection

Outage = Callable[[Flask], AbstractContextManager[None]]

TYPED = ANSWERS


# -- what a visitor sees ---------------------------------------------------------------------------


def _is_given_back(page: Page, sent: Page, slug: str) -> None:
    """503, when to try again, and the same form with what was typed, secrets aside."""
    assert page.status == 503, page.source[:1500]
    assert int(page.headers["Retry-After"]) > 0
    assert not page.find("//*[contains(@class, 'note--success')]")
    assert page.find("//*[@role='alert']")
    form = page.form()
    assert form.action == path_of(slug)
    if "revision" in sent.form().values():
        assert form.values()["revision"] == sent.form().values()["revision"]
    wanted = sent.form().filled(TYPED[slug], "save")
    for name in TYPED[slug]:
        if slug == "api-keys":
            assert form.values().getlist(name) in ([""], []), name
        else:
            assert form.values().getlist(name) == wanted.getlist(name), name
    for key in KEYS.values():
        assert key not in page.source + str(page.headers)
    assert _try_again(page) == "save"


def _try_again(page: Page) -> str:
    """What the one button does that tries again."""
    (button,) = page.find("//form[@id='step-form']//button[contains(., 'Try again')]")
    return str(button.get("value"))


def _refreshes_itself(page: Page) -> None:
    """503, a plain page without a form that opens itself again."""
    assert page.status == 503, page.source[:1500]
    assert int(page.headers["Retry-After"]) > 0
    assert page.find("//noscript/meta[@http-equiv='refresh']")
    assert page.find("//script[contains(@src, 'retry.js')]")
    assert not page.find("//form")


# -- in this process: full, read only, locked, out of connections ----------------------------------


@contextmanager
def _pragma(app: Flask, pragma: str) -> Iterator[None]:
    """Each connection of the pool gets this, until the end."""

    def execute(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(pragma)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "connect", execute)
    engine.dispose()
    try:
        yield
    finally:
        event.remove(engine, "connect", execute)
        engine.dispose()


def _read_only(app: Flask) -> AbstractContextManager[None]:
    return _pragma(app, "PRAGMA query_only = 1")


@contextmanager
def _full(app: Flask) -> Iterator[None]:
    """The file may not grow, and what is free in it is used up."""
    with app.app_context(), db.engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS ballast (b)")
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    with _pragma(app, f"PRAGMA max_page_count = {pages}"):
        with app.app_context(), db.engine.connect() as connection:
            size = 1 << 16
            while size:
                try:
                    connection.exec_driver_sql("INSERT INTO ballast VALUES (zeroblob(?))", (size,))
                except OperationalError:
                    size //= 2
        yield
    with app.app_context(), db.engine.connect() as connection:
        connection.exec_driver_sql("DROP TABLE ballast")


@contextmanager
def _locked(app: Flask) -> Iterator[None]:
    """Somebody else writes for longer than anybody waits."""
    path = app.config["SQLALCHEMY_DATABASE_URI"].partition("///")[2]
    other = sqlite3.connect(path, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
    finally:
        other.close()


@contextmanager
def _out_of_connections(app: Flask) -> Iterator[None]:
    """All that the pool has are in other hands."""
    with app.app_context(), ExitStack() as held:
        pool = db.engine.pool
        for _ in range(pool.size() + pool._max_overflow):  # type: ignore[attr-defined]
            held.enter_context(extensions.own_connection())
        yield


OUTAGES: dict[str, Outage] = {"read only": _read_only, "locked": _locked}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits for locks are short; the real ones are measured against the real server below."""
    monkeypatch.setattr(extensions, "BUSY_SECONDS", 0.2)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("outage", OUTAGES)
@pytest.mark.parametrize("slug", SLUGS)
def test_a_save_that_cannot_be_stored_comes_back_as_it_was_typed(
    make_app: MakeApp, sqlite_url: str, slug: str, outage: str
) -> None:
    app = make_app(sqlite_url)
    client = PageClient(app)
    page = walk(client, until=slug)
    with OUTAGES[outage](app):
        before = _everything(app)
        refused = client.submit(page, TYPED[slug], "save", status=503)
        _is_given_back(refused, page, slug)
        again = client.submit(refused, KEYS if slug == "api-keys" else {}, "save", status=503)
        _is_given_back(again, page, slug)
        assert _everything(app) == before
    done = client.submit(again, KEYS if slug == "api-keys" else {}, "save")
    assert done.location == [*map(path_of, SLUGS), "/onboarding/summary"][SLUGS.index(slug) + 1]
    assert _saves(app, slug) == 1


@pytest.mark.parametrize("slug", SLUGS)
def test_a_save_without_a_free_connection_comes_back_and_so_does_the_connection(
    make_app: MakeApp, sqlite_url: str, monkeypatch: pytest.MonkeyPatch, slug: str
) -> None:
    options = extensions.engine_options
    monkeypatch.setattr(
        extensions, "engine_options", lambda settings: options(settings) | {"pool_timeout": 0.2}
    )
    app = make_app(sqlite_url)
    client = PageClient(app)
    page = walk(client, until=slug)
    with _out_of_connections(app):
        _is_given_back(client.submit(page, TYPED[slug], "save", status=503), page, slug)
        _refreshes_itself(client.get(path_of(slug), 503))
    client.submit(page, TYPED[slug], "save")
    assert _saves(app, slug) == 1


def test_a_save_that_does_not_fit_into_a_full_database_comes_back_and_is_saved_later(
    app: Flask, client: PageClient
) -> None:
    """As much as a person may write: it fits into no page of the file that is there already."""
    page = walk(client, until="website")
    typed = {
        **TYPED["website"],
        "business_description": "時計" * 500,
        "target_audience": "時計" * 250,
        "business_goals": "時計" * 500,
    }
    with _full(app):
        before = _everything(app)
        refused = client.submit(page, typed, "save", status=503)
        assert refused.form().values()["business_goals"] == typed["business_goals"]
        assert _everything(app) == before
    client.submit(refused, {}, "save")
    assert _saves(app, "website") == 1


def test_the_pool_gives_up_soon_enough_on_both_databases(make_app: MakeApp, any_url: str) -> None:
    with make_app(any_url).app_context():
        assert db.engine.pool._timeout <= 5  # type: ignore[attr-defined]


@pytest.mark.parametrize("action", ["save", "skip", "back", "later", "discard"])
def test_the_button_that_tries_again_does_what_was_asked_for(
    make_app: MakeApp, sqlite_url: str, action: str
) -> None:
    """Somebody who skips, goes back or leaves must not save by trying again."""
    app = make_app(sqlite_url)
    client = PageClient(app)
    page = walk(client, until="integrations")
    body = page.form().filled({"notify_email": "x"})
    assert client.flask.post(f"{page.path}/draft", data=body).status_code == 204
    page = client.get(page.path)
    typed = {"notify_email": "clock@example.com"}
    with _read_only(app):
        refused = client.submit(page, typed, action, status=503)
    client.submit(refused, {}, _try_again(refused))
    ((saved, skipped, draft),) = sql(
        app, "SELECT saved_at, skipped_at, draft FROM step_progress WHERE slug = 'integrations'"
    )
    assert bool(saved) == (action == "save")
    assert bool(skipped) == (action == "skip")
    assert (draft is None or draft == "null") == (action in ("save", "discard")), draft


def test_try_again_after_analyse_again_analyses_again(
    make_app: MakeApp, sqlite_url: str, site: SiteServer
) -> None:
    app = make_app(sqlite_url, FETCH_ALLOW=site.host_port)
    client = PageClient(app)
    walk(client, "research", {"website": {"has_website": "yes", "website_url": site.url()}})
    sql(app, "UPDATE website_analyses SET status = 'completed', analysis_date = queued_at")
    sql(app, "DELETE FROM jobs")
    page = client.get(path_of("website"))
    body = page.form().filled({})
    body["action"] = "again"
    with _read_only(app):
        refused = client.post(page.path, body, 503, SAME_ORIGIN)
    client.submit(refused, {}, _try_again(refused))
    assert count(app, "jobs") == 1


def test_a_choice_between_two_versions_survives_an_outage(app: Flask, client: PageClient) -> None:
    page = walk(client, until="website")
    client.submit(page, TYPED["website"], "save")
    choice = client.submit(page, {**TYPED["website"], "industry": "watches"}, "save", status=409)
    with _read_only(app):
        refused = client.submit(choice, {}, status=503)
        assert refused.form().values()["industry"] == "watches"
    choice = client.submit(refused, {}, status=409)
    assert "watches" in choice.text("//main")
    client.submit(choice, {})
    assert sql(app, "SELECT industry FROM website_answers") == [("watches",)]


@pytest.mark.parametrize(
    "path", ["/onboarding/start", "/onboarding/reset", "/onboarding/resume-link"]
)
def test_other_buttons_say_when_to_try_again_and_lead_to_a_page_that_can(
    app: Flask, client: PageClient, path: str
) -> None:
    if path.endswith("start"):
        page = client.get("/onboarding/")
    else:
        walk(client, until="website")
        page = client.get(path)
    with _read_only(app):
        body = page.form(path).filled({})
        _refreshes_itself(client.post(path, body, 503, SAME_ORIGIN))
    again = client.get(path, 303 if path.endswith("start") else 200)
    if again.status == 303:
        again = client.follow(again)
    client.submit(again, {}, status=200 if path.endswith("link") else 303, form=path)


def test_a_link_that_could_not_be_revoked_can_still_be(app: Flask, client: PageClient) -> None:
    walk(client, until="website")
    made = client.submit(client.get("/onboarding/resume-link"), status=200)
    with _read_only(app):
        refused = client.submit(made, status=503, form="revoke")
    _refreshes_itself(refused)
    # The page opens its own address again: that must be a page.
    response = client.flask.get(refused.path, follow_redirects=True)
    assert response.status_code == 200
    client.submit(client.get("/onboarding/resume-link"), form="revoke")
    assert sql(app, "SELECT count(*) FROM resume_links WHERE revoked_at IS NOT NULL") == [(1,)]


def test_what_another_site_posts_while_the_database_is_away_gets_no_values_back(
    app: Flask, client: PageClient
) -> None:
    page = walk(client, until="website")
    body = page.form().filled(TYPED["website"], "save")
    with _read_only(app):
        plain = client.post(page.path, body, 503, {"Sec-Fetch-Site": "cross-site"})
    assert "clockmaking" not in plain.source


# -- nobody knows whether the commit was heard -----------------------------------------------------


@contextmanager
def _commit_lost(app: Flask, heard: bool) -> Iterator[list[str]]:
    """The connection breaks during the first commit: after it was done, or before. Gives the list
    of what was broken."""
    with app.app_context():
        engine = db.engine
    broken: list[str] = []
    good = engine.dialect.do_commit

    def commit(connection: PoolProxiedConnection) -> None:
        if broken or not _is_open(connection):
            good(connection)
            return
        broken.append("commit")
        (good if heard else engine.dialect.do_rollback)(connection)
        driver: Any = connection.driver_connection
        if isinstance(driver, sqlite3.Connection):
            raise sqlite3.OperationalError("disk I/O error")
        driver.close()
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    exchange = PipeliningConnection.exchange

    def exchanged(driver: PipeliningConnection, statements: Any) -> Any:
        if broken or statements[-1][0] != "COMMIT":
            return exchange(driver, statements)
        broken.append("commit")
        exchange(driver, [*statements[:-1], ("COMMIT" if heard else "ROLLBACK", {})])
        driver.close()
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(engine.dialect, "do_commit", commit)
        patched.setattr(PipeliningConnection, "exchange", exchanged)
        yield broken


def _is_open(connection: PoolProxiedConnection) -> bool:
    """A transaction is open there; in autocommit SQLAlchemy commits nothing all the time."""
    driver: Any = connection.driver_connection
    if isinstance(driver, sqlite3.Connection):
        return driver.in_transaction
    return bool(driver.info.transaction_status != psycopg.pq.TransactionStatus.IDLE)


@pytest.mark.parametrize("heard", [True, False], ids=["committed", "not-committed"])
@pytest.mark.parametrize("slug", SLUGS)
def test_a_retry_after_a_lost_commit_counts_as_saved_once(
    any_app: Flask, slug: str, heard: bool
) -> None:
    client = PageClient(any_app)
    page = walk(client, until=slug)
    with _commit_lost(any_app, heard) as broken:
        refused = client.submit(page, TYPED[slug], "save", status=503)
    assert broken == ["commit"]
    _is_given_back(refused, page, slug)
    assert _saves(any_app, slug) == int(heard)
    before = _completion(any_app)
    secrets = KEYS if slug == "api-keys" else {}
    if slug == "api-keys" and not heard:
        client.submit(refused, {}, "save", status=422)  # it was not stored, and is not made up
    done = client.submit(refused, secrets, "save")
    assert done.location == [*map(path_of, SLUGS), "/onboarding/summary"][SLUGS.index(slug) + 1]
    assert _saves(any_app, slug) == 1
    client.submit(refused, secrets, "save")
    assert _saves(any_app, slug) == 1
    if heard and slug == "finish":
        assert _completion(any_app) == before != []
    assert count(any_app, "kblocks") == (1 if slug == "finish" else 0)


@pytest.mark.parametrize("heard", [True, False], ids=["committed", "not-committed"])
def test_a_change_to_a_finished_answer_whose_commit_was_lost_counts_as_saved_once(
    any_app: Flask, heard: bool
) -> None:
    client = PageClient(any_app)
    walk(client)
    before = _completion(any_app)
    page = client.get(path_of("research"))
    with _commit_lost(any_app, heard):
        refused = client.submit(page, {"research_depth": "Basic"}, "save", status=503)
    client.submit(refused, {}, "save")
    assert sql(any_app, "SELECT research_depth FROM research_preferences") == [("Basic",)]
    assert _saves(any_app, "research") == 2
    assert _completion(any_app) == before


@pytest.mark.parametrize("heard", [True, False], ids=["committed", "not-committed"])
def test_a_session_whose_beginning_was_lost_is_begun_once(any_app: Flask, heard: bool) -> None:
    client = PageClient(any_app)
    welcome = client.get("/onboarding/")
    with _commit_lost(any_app, heard):
        client.submit(welcome, status=503)
    assert begin(client).path == path_of("api-keys")
    assert count(any_app, "onboarding_sessions") == 1


@pytest.mark.parametrize("heard", [True, False], ids=["committed", "not-committed"])
@pytest.mark.parametrize("action", ["skip", "later", "back"])
def test_a_skip_or_a_draft_whose_commit_was_lost_is_kept_by_the_retry(
    any_app: Flask, action: str, heard: bool
) -> None:
    client = PageClient(any_app)
    page = walk(client, until="integrations")
    with _commit_lost(any_app, heard):
        refused = client.submit(page, {"notify_email": "clock@example"}, action, status=503)
    client.submit(refused, {}, action)
    ((skipped, draft),) = sql(
        any_app, "SELECT skipped_at, draft FROM step_progress WHERE slug = 'integrations'"
    )
    assert bool(skipped) == (action == "skip")
    assert "clock@example" in str(draft)


def test_a_page_never_says_that_nothing_was_saved_when_nobody_knows(
    any_app: Flask,
) -> None:
    client = PageClient(any_app)
    page = walk(client, until="website")
    with _commit_lost(any_app, heard=True):
        refused = client.submit(page, TYPED["website"], "save", status=503)
    assert _saves(any_app, "website") == 1
    assert "nothing was saved" not in refused.text("//main")


# -- PostgreSQL's own reasons ----------------------------------------------------------------------

REASONS = {
    "disk full": "53100",
    "out of memory": "53200",
    "too many connections": "53300",
    "deadlock": "40P01",
    "lock not available": "55P03",
    "shut down by an operator": "57P01",
    "statement timeout": "57014",
    "disk fault": "58030",
    "read only": "25006",
}


@pytest.mark.parametrize("reason", REASONS)
def test_whatever_keeps_postgresql_from_storing_it_is_a_503(
    make_app: MakeApp, postgres_url: str, reason: str
) -> None:
    """The server itself raises the error, in the middle of the transaction."""
    app = make_app(postgres_url)
    client = PageClient(app)
    page = walk(client, until="website")
    sql(
        app,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{REASONS[reason]}'; END $$",
    )
    sql(
        app,
        "CREATE TRIGGER refuse BEFORE INSERT ON step_history FOR EACH ROW"
        " EXECUTE FUNCTION refuse()",
    )
    before = _everything(app)
    refused = client.submit(page, TYPED["website"], "save", status=503)
    _is_given_back(refused, page, "website")
    assert _everything(app) == before
    sql(app, "DROP TRIGGER refuse ON step_history")
    client.submit(refused, {}, "save")
    assert _saves(app, "website") == 1


def test_a_fault_of_ours_is_not_called_an_outage(make_app: MakeApp, postgres_url: str) -> None:
    app = make_app(postgres_url)
    client = PageClient(app)
    page = walk(client, until="website")
    sql(app, "ALTER TABLE step_history RENAME TO elsewhere")
    client.submit(page, TYPED["website"], "save", status=500)


# -- the real server -------------------------------------------------------------------------------


@pytest.fixture
def private_postgres(run_dir: Path) -> Iterator[PrivatePostgres]:
    """A PostgreSQL that this test may stop."""
    with PrivatePostgres(run_dir / f"private-{time.monotonic_ns()}") as server:
        yield server


@pytest.mark.long
@pytest.mark.postgres
def test_the_real_server_outlives_every_outage_of_postgresql(
    start_server: StartServer, private_postgres: PrivatePostgres, tmp_path: Path
) -> None:
    """Stopped, restarted, locked, read only, out of connections: one server, never started anew."""
    private_postgres.sql("CREATE ROLE onward LOGIN")
    private_postgres.sql("CREATE DATABASE onward OWNER onward")
    url = private_postgres.url("onward").replace("postgres@", "onward@")
    migrate(url, tmp_path / "instance")
    server = start_server(url)
    visitor = Visitor(server.url)
    trades = itertools.count()

    def outage(
        begin_: Callable[[], object],
        end: Callable[[], object],
        reads: bool = False,
        locks: bool = False,
    ) -> None:
        """A save and two pages while it lasts; the same save afterwards."""
        slowest, visitor.slowest = visitor.slowest, 0.0
        page = visitor.get(path_of("website"))
        typed = {**TYPED["website"], "industry": f"trade {next(trades)}"}
        begin_()
        refused = visitor.submit(page, typed, "save")
        if not reads:
            _refreshes_itself(visitor.get(path_of("website")))
            _refreshes_itself(visitor.get("/onboarding/"))
            assert visitor.get("/readyz").status == (200 if locks else 503)
        assert visitor.get("/healthz").status == 200
        end()
        assert refused.status == 503, refused.source[:1500]
        assert int(refused.headers["Retry-After"]) > 0
        assert refused.form().values()["industry"] == typed["industry"]
        done = visitor.submit(refused, {}, "save")
        assert done.status == 303, done.source[:1500]
        assert visitor.get(path_of("website")).form().values()["industry"] == typed["industry"]
        assert visitor.slowest < MOST_SECONDS, f"an answer took {visitor.slowest:.1f} s"
        visitor.slowest = max(slowest, visitor.slowest)

    def cut_off() -> None:
        private_postgres.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'onward'"
        )

    def altered(statement: str) -> Callable[[], None]:
        def alter() -> None:
            private_postgres.sql(statement)
            cut_off()

        return alter

    page = visitor.follow(visitor.submit(visitor.get("/onboarding/")))
    visitor.submit(page, TYPED["api-keys"], "save")

    outage(private_postgres.stop, private_postgres.start)
    outage(private_postgres.kill, private_postgres.start)
    outage(
        altered("ALTER ROLE onward CONNECTION LIMIT 0"),
        altered("ALTER ROLE onward CONNECTION LIMIT -1"),
    )
    outage(
        altered("ALTER DATABASE onward SET default_transaction_read_only = on"),
        altered("ALTER DATABASE onward RESET default_transaction_read_only"),
        reads=True,
    )
    with psycopg.connect(private_postgres.url("onward")) as other:
        outage(
            lambda: other.execute("LOCK TABLE onboarding_sessions, step_progress"),
            other.rollback,
            locks=True,
        )

    # A restart that nobody saw: the connections of the pool are dead, and no page shows it.
    private_postgres.stop()
    private_postgres.start()
    for _ in range(12):
        assert visitor.get(path_of("website")).status == 200
    assert "Traceback" not in server.output()


@pytest.mark.long
@pytest.mark.postgres
def test_no_request_hangs_on_a_postgresql_that_hangs(
    start_server: StartServer, private_postgres: PrivatePostgres, tmp_path: Path
) -> None:
    """The connections stand and nothing answers, as when a machine stalls or a network drops."""
    server = start_server(private_postgres.database(tmp_path / "instance"))
    visitor = Visitor(server.url)
    page = visitor.follow(visitor.submit(visitor.get("/onboarding/")))
    page = visitor.follow(visitor.submit(page, TYPED["api-keys"], "save"))
    with private_postgres.frozen():
        refused = visitor.submit(page, TYPED["website"], "save")
        _is_given_back(refused, page, "website")
        _refreshes_itself(visitor.get(page.path))
    assert visitor.slowest < MOST_SECONDS, f"an answer took {visitor.slowest:.1f} s"
    assert visitor.submit(refused, {}, "save").status == 303


def test_the_real_server_outlives_a_locked_and_a_full_sqlite(
    start_server: StartServer, sqlite_url: str
) -> None:
    server = start_server(sqlite_url)
    visitor = Visitor(server.url)
    page = visitor.follow(visitor.submit(visitor.get("/onboarding/")))
    page = visitor.follow(visitor.submit(page, TYPED["api-keys"], "save"))
    other = sqlite3.connect(sqlite_url.partition("///")[2], isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    refused = visitor.submit(page, TYPED["website"], "save")
    assert visitor.get(page.path).status == 200  # a reader waits for no writer
    other.execute("ROLLBACK")
    other.close()
    _is_given_back(refused, page, "website")
    page = visitor.follow(visitor.submit(refused, {}, "save"))

    with _no_file_may_grow(server.processes()):
        refused = visitor.submit(page, TYPED["research"], "save")
    _is_given_back(refused, page, "research")
    done = visitor.submit(refused, {}, "save")
    assert done.location == path_of("persona")
    assert visitor.slowest < MOST_SECONDS, f"an answer took {visitor.slowest:.1f} s"
    assert _rows(sqlite_url, "SELECT count(*) FROM step_history") == [(3,)]


@contextmanager
def _no_file_may_grow(processes: list[psutil.Process]) -> Iterator[None]:
    """No byte more fits into any file, as on a disk that is full."""
    limits = [(one, one.rlimit(psutil.RLIMIT_FSIZE)) for one in processes]
    for one, (_soft, hard) in limits:
        one.rlimit(psutil.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        for one, limit in limits:
            one.rlimit(psutil.RLIMIT_FSIZE, limit)


# -- what is stored --------------------------------------------------------------------------------

TABLES = (
    *("onboarding_sessions", "step_progress", "step_history", "api_keys", "website_answers"),
    *("website_analyses", "research_preferences", "persona_data", "platform_integrations"),
    *("kblocks", "jobs", "resume_links"),
)


def _everything(app: Flask) -> dict[str, list[tuple[object, ...]]]:
    return {
        table: sql(app, f"SELECT * FROM {table} ORDER BY 1, 2")  # noqa: S608 - our own names
        for table in TABLES
    }


def _saves(app: Flask, slug: str) -> int:
    """How often the history says that a step was saved, once it agrees with the step's row."""
    ((saves, newest),) = sql(
        app, "SELECT count(*), max(revision) FROM step_history WHERE slug = :slug", slug=slug
    )
    row = sql(app, "SELECT revision, saved_at FROM step_progress WHERE slug = :slug", slug=slug)
    if saves:
        assert row[0][0] == newest
        assert row[0][1]
    else:
        assert not any(saved_at for _revision, saved_at in row)
    return int(str(saves))


def _completion(app: Flask) -> list[tuple[object, ...]]:
    return sql(app, "SELECT completed_at, first_kblock_id FROM onboarding_sessions WHERE completed")


def _rows(url: str, query: str) -> list[tuple[object, ...]]:
    engine: Engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]
