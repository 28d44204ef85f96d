"""Nothing in a process that another one needs: a browser that meets another instance at every
request notices nothing, also with PgBouncer between the instances and the database."""

import itertools
import os
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from tests.conftest import MakeApp, StartServer
from tests.journeys.walk import ANSWERS, SLUGS, path_of, sql
from tests.support.jwks import KEY, jwks_server
from tests.support.pages import Page
from tests.support.pgbouncer import PgBouncer, why_no_pgbouncer
from tests.support.redis import RedisServer, why_no_redis
from tests.support.server import LiveServer
from tests.support.site import SiteServer
from tests.support.visitors import Visitor
from webapp.operators import cleanup

StartTwo = Callable[..., tuple[LiveServer, LiveServer]]

ANALYSIS_SECONDS = 60


def _left_out(reason: str | None, requires: str) -> None:
    if reason and os.environ.get(requires) == "1":
        pytest.fail(f"{reason} {requires}=1 makes that a failure.", pytrace=False)
    if reason:
        pytest.skip(reason)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of this test's own."""
    _left_out(why_no_redis(), "REQUIRE_REDIS")
    with RedisServer(tmp_path) as server:
        yield server


@pytest.fixture
def pgbouncer(run_dir: Path, postgres_url: str) -> Iterator[PgBouncer]:
    """PgBouncer in transaction mode, in front of a database of this test's own."""
    _left_out(why_no_pgbouncer(), "REQUIRE_PGBOUNCER")
    with PgBouncer(run_dir / f"pgbouncer-{os.getpid()}-{time.monotonic_ns()}", postgres_url) as one:
        yield one


@pytest.fixture
def start_two(start_server: StartServer, tmp_path: Path) -> StartTwo:
    """Two instances on one database, as on two machines: with no folder in common."""

    def start(database_url: str, **more: str) -> tuple[LiveServer, LiveServer]:
        one, other = (
            start_server(database_url, workers=1, INSTANCE_DIR=str(tmp_path / name), **more)
            for name in ("one", "other")
        )
        return one, other

    return start


class Alternating(Visitor):
    """A browser behind something that hands every request to the next instance."""

    def __init__(self, *servers: LiveServer) -> None:
        super().__init__(servers[0].url)
        self._bases = itertools.cycle([server.url for server in servers])

    def _send(self, method: str, path: str, body: str | None) -> Page:
        self.base = next(self._bases)
        return super()._send(method, path, body)


def walk_everything(visitor: Visitor, other: Visitor, site: SiteServer, name: str) -> None:
    """A whole journey: an analysis, a draft, a resume link that `other` follows half way, and the
    history. Each page must show what the page before it stored."""
    page = visitor.follow(visitor.submit(visitor.get("/onboarding/")))
    answers = {**ANSWERS, "website": {"has_website": "yes", "website_url": site.url()}}
    answers["persona"] = {**ANSWERS["persona"], "persona_name": name}
    for slug in SLUGS:
        assert page.path == path_of(slug), page.source[:500]
        typed = answers[slug]
        if slug == "research":
            _, sent = visitor.filled(page, typed, "save")
            assert visitor.post(f"{page.path}/draft", sent).status == 204
            page = visitor.get(page.path)
            chosen = page.form().filled({}).getlist("content_types")
            assert chosen == ANSWERS["research"]["content_types"]
            _until_read(visitor)
        if slug == "integrations":
            made = visitor.submit(page, form="/onboarding/resume-link")
            (link,) = re.findall(r"/onboarding/resume/[\w-]+", made.source)[:1]
            assert other.submit(other.get(link)).status == 303
            visitor = other
            page = visitor.get(page.path)
        page = visitor.follow(visitor.submit(page, typed, "save"))
    assert page.path == "/onboarding/summary"
    assert name in page.source
    assert page.status == 200
    assert visitor.get("/onboarding/history").status == 200


def _until_read(visitor: Visitor) -> None:
    """Until the analysis, which one of the instances does, is done for both."""
    deadline = time.monotonic() + ANALYSIS_SECONDS
    both = 0
    while both < 2:
        assert time.monotonic() < deadline, "the analysis does not end"
        page = visitor.get("/onboarding/website/analysis")
        both = both + 1 if re.search(r"words on \d+ page", page.text("//main")) else 0
        time.sleep(0.1)


def test_a_browser_that_meets_another_instance_at_every_request_notices_nothing(
    start_two: StartTwo, make_app: MakeApp, postgres_url: str, redis: RedisServer, site: SiteServer
) -> None:
    """Signed in by a token that only the first request carried; limits are counted in Redis."""
    with jwks_server() as issuer:
        one, other = start_two(
            postgres_url,
            REDIS_URL=redis.url,
            RATE_LIMITS="on",
            FETCH_ALLOW=site.host_port,
            **issuer.settings,
        )
        visitor, phone = Alternating(one, other), Alternating(other, one)
        visitor.cookies["__session"] = KEY.token("user_1")
        visitor.get("/onboarding/")
        del visitor.cookies["__session"]
        walk_everything(visitor, phone, site, "The alternating clockmaker")
        app = make_app(postgres_url)
        assert sql(app, "SELECT user_id, completed FROM onboarding_sessions") == [("user_1", True)]
        # Thirty starts a minute, wherever they arrive.
        flood = Alternating(one, other)
        welcome = flood.get("/onboarding/")
        statuses = [flood.submit(welcome).status for _ in range(32)]
        assert statuses == [303] * 30 + [429] * 2


def test_pgbouncer_in_transaction_mode_is_enough(
    start_two: StartTwo, make_app: MakeApp, pgbouncer: PgBouncer, site: SiteServer
) -> None:
    """Two instances and many browsers at once, on four connections of the server."""
    servers = start_two(pgbouncer.url, PREPARED_STATEMENTS="off", FETCH_ALLOW=site.host_port)
    walk_everything(Alternating(*servers), Alternating(*servers), site, "The pooled clockmaker")

    def save_often(number: int) -> set[int]:
        visitor = Alternating(*servers)
        page = visitor.follow(visitor.submit(visitor.get("/onboarding/")))
        page = visitor.follow(visitor.submit(page, ANSWERS["api-keys"], "save"))
        statuses = set()
        for turn in range(8):  # a statement is prepared when it comes for the sixth time
            typed = {**ANSWERS["website"], "industry": f"watches {number} {turn}"}
            statuses.add(visitor.submit(visitor.get(path_of("website")), typed, "save").status)
        assert visitor.get(path_of("website")).form().values()["industry"] == f"watches {number} 7"
        return statuses

    with ThreadPoolExecutor(8) as pool:
        assert set().union(*pool.map(save_often, range(8))) == {303}
    app = make_app(pgbouncer.url, PREPARED_STATEMENTS="off")
    with app.app_context():
        assert cleanup.run(24).deleted == 0
    assert sql(app, "SELECT count(*) FROM onboarding_sessions") == [(9,)]
    bounded = "SELECT setting FROM pg_settings WHERE name = 'lock_timeout'"
    assert sql(app, bounded) == [("0",)], "what a transaction has set stays on the connection"
    used = [row for row in pgbouncer.show("SERVERS") if "test_" in str(row)]
    assert 1 <= len(used) <= 4


def test_a_write_behind_pgbouncer_waits_for_a_lock_no_longer_than_elsewhere(
    make_app: MakeApp, pgbouncer: PgBouncer
) -> None:
    from webapp.extensions import BUSY_SECONDS, db, transaction

    with make_app(pgbouncer.url, PREPARED_STATEMENTS="off").app_context(), transaction():
        setting = db.session.connection().exec_driver_sql("SHOW lock_timeout").scalar_one()
        assert setting == f"{BUSY_SECONDS}s"


def test_with_prepared_statements_pgbouncer_refuses_us_at_once(
    make_app: MakeApp, pgbouncer: PgBouncer
) -> None:
    """So nobody forgets the setting and meets a fault only under load."""
    app = make_app(pgbouncer.url)
    with pytest.raises(OperationalError, match="startup parameter"):
        sql(app, "SELECT 1")
