"""Killed at any moment, and the same post twice at the same moment: against the real server."""

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from tests.bench.chaos import SLUGS, Chaos, Lost, Records, answers, seen, small_pages
from tests.conftest import StartServer
from tests.journeys.walk import ANSWERS, path_of
from tests.support.pages import Page
from tests.support.private_postgres import PrivatePostgres
from tests.support.server import LiveServer
from tests.support.site import SiteServer
from tests.support.visitors import Visitor
from webapp.config import read as read_settings


@pytest.fixture
def private_postgres(run_dir: Path) -> Iterator[PrivatePostgres]:
    """A PostgreSQL that this test may kill."""
    # A name of its own each time: the package that starts it remembers a folder's server for ever,
    # also one that was killed.
    with PrivatePostgres(run_dir / f"private-{uuid.uuid4().hex[:12]}") as server:
        yield server


# -- killed at any moment --------------------------------------------------------------------------


def test_visitors_lose_nothing_while_the_server_on_sqlite_is_killed(
    start_server: StartServer, sqlite_url: str, site: SiteServer
) -> None:
    small_pages(site)
    server = start_server(sqlite_url, FETCH_ALLOW=site.host_port)
    figures = Chaos(server, site).run(kills=3)
    assert figures.lost == 0
    assert figures.saves_acknowledged > 0, figures
    assert figures.kills_of_the_server > 0, figures


@pytest.mark.postgres
@pytest.mark.long
def test_visitors_lose_nothing_while_the_server_and_postgresql_are_killed(
    start_server: StartServer, private_postgres: PrivatePostgres, site: SiteServer, tmp_path: Path
) -> None:
    small_pages(site)
    url = private_postgres.database(tmp_path / "instance")
    server = start_server(url, FETCH_ALLOW=site.host_port)
    figures = Chaos(server, site, postgres=private_postgres).run(kills=3)
    assert figures.lost == 0
    assert figures.saves_acknowledged > 0, figures
    assert figures.kills_of_postgresql > 0, figures


@pytest.mark.long
def test_visitors_lose_nothing_on_sqlite_in_two_minutes_of_killing(
    start_server: StartServer, sqlite_url: str, site: SiteServer
) -> None:
    small_pages(site)
    server = start_server(sqlite_url, FETCH_ALLOW=site.host_port)
    figures = Chaos(server, site, visitors=6).run(seconds=90, drain=50)
    assert figures.lost == 0
    assert figures.jobs_left == 0, figures
    assert figures.unknown_outcomes > 0, figures


@pytest.mark.long
@pytest.mark.postgres
def test_visitors_lose_nothing_on_postgresql_in_two_minutes_of_killing(
    start_server: StartServer, private_postgres: PrivatePostgres, site: SiteServer, tmp_path: Path
) -> None:
    small_pages(site)
    url = private_postgres.database(tmp_path / "instance")
    server = start_server(url, FETCH_ALLOW=site.host_port)
    chaos = Chaos(server, site, visitors=6, postgres=private_postgres)
    figures = chaos.run(seconds=90, drain=50)
    assert figures.lost == 0
    assert figures.jobs_left == 0, figures
    assert figures.kills_of_postgresql > 2, figures


DAMAGE = (
    "UPDATE website_answers SET industry = 't0100001'",
    "DELETE FROM step_history WHERE slug = 'research'",
    "UPDATE step_progress SET saved_at = NULL WHERE slug = 'research'",
    "DELETE FROM research_preferences",
    "DELETE FROM jobs",
    "DELETE FROM api_keys WHERE provider = 'openai'",
    "UPDATE onboarding_sessions SET first_kblock_id = 'another' WHERE completed",
    "INSERT INTO step_history SELECT session_id, slug, revision - 1, saved_at, snapshot, changed"
    " FROM step_history WHERE slug = 'finish'",
)


def test_the_reader_of_the_records_finds_what_is_half_there(
    start_server: StartServer, sqlite_url: str, tmp_path: Path
) -> None:
    """What judges the runs above is judged itself: it passes whole sessions and no others."""
    token = "t0000004"  # one with a website
    with SiteServer({}) as site:
        site.pages["/robots.txt"] = site.slow(60, (404, {}, ""))  # the job stays to be seen
        server = start_server(sqlite_url, workers=1, FETCH_ALLOW=site.host_port)
        visitor = Visitor(server.url)
        page = visitor.follow(visitor.submit(visitor.get("/onboarding/")))
        for slug in SLUGS:
            page = visitor.follow(visitor.submit(page, answers(slug, token, site), "save"))
        server.kill()
    keys = read_settings(server.environ).encryption_keys
    (state,) = Records(sqlite_url, keys).states([str(visitor.session_id)]).values()
    assert {slug: one.saved for slug, one in state.items()} == {s: seen(s, token) for s in SLUGS}
    for number, damage in enumerate(DAMAGE):
        copy = f"sqlite:///{tmp_path / f'damaged-{number}.sqlite'}"
        with _engine(sqlite_url).connect() as connection:
            connection.execute(text("VACUUM INTO :file"), {"file": copy.partition("///")[2]})
        with _engine(copy).begin() as connection:
            assert connection.execute(text(damage)).rowcount > 0
        with pytest.raises(Lost):
            Records(copy, keys).states([str(visitor.session_id)])


# -- the same post twice at the same moment --------------------------------------------------------


def test_every_step_posted_twice_at_the_same_moment_is_saved_once(
    start_server: StartServer, any_url: str
) -> None:
    server = start_server(any_url)
    visitor = Visitor(server.url)
    page = _start_twice(server, visitor)
    for slug in SLUGS:
        assert page.path == path_of(slug)
        where, body = visitor.filled(page, ANSWERS[slug], "save")
        first, second = _at_once(visitor, where, body)
        assert (first.status, second.status) == (303, 303), (slug, first.source, second.source)
        assert first.location == second.location
        assert _sql(any_url, "SELECT count(*) FROM step_history WHERE slug = :slug", slug=slug) == [
            (1,)
        ]
        page = visitor.get(first.location)
    assert page.path == "/onboarding/summary"
    assert _sql(any_url, "SELECT count(*) FROM onboarding_sessions") == [(1,)]
    assert _sql(any_url, "SELECT count(*) FROM kblocks") == [(1,)]
    completed = _completion(any_url)
    for _ in range(3):  # and a retry of the last post, which comes late and twice again
        assert {answer.location for answer in _at_once(visitor, where, body)} == {page.path}
    assert _completion(any_url) == completed
    assert _sql(any_url, "SELECT count(*) FROM step_history WHERE slug = 'finish'") == [(1,)]


def test_two_different_posts_at_the_same_moment_are_one_change_and_one_choice(
    start_server: StartServer, any_url: str
) -> None:
    """Two tabs change the same field from the same base: one wins, the other is asked."""
    server = start_server(any_url)
    visitor = Visitor(server.url)
    page = visitor.follow(visitor.submit(visitor.get("/onboarding/")))
    page = visitor.follow(visitor.submit(page, ANSWERS["api-keys"], "save"))
    bodies = [
        visitor.filled(page, {**ANSWERS["website"], "industry": trade}, "save")[1]
        for trade in ("clocks", "watches")
    ]
    done = _at_once(visitor, page.path, *bodies)
    assert sorted(answer.status for answer in done) == [303, 409]
    won = ("clocks", "watches")[[answer.status for answer in done].index(303)]
    assert _sql(any_url, "SELECT industry FROM website_answers") == [(won,)]
    assert _sql(any_url, "SELECT count(*) FROM step_history WHERE slug = 'website'") == [(1,)]


def test_a_reset_and_a_save_at_the_same_moment_leave_no_part_of_either(
    start_server: StartServer, any_url: str
) -> None:
    server = start_server(any_url)
    visitor = Visitor(server.url)
    page = visitor.follow(visitor.submit(visitor.get("/onboarding/")))
    for _ in range(4):
        page = visitor.follow(visitor.submit(page, ANSWERS["api-keys"], "save"))
        save = visitor.filled(page, ANSWERS["website"], "save")
        reset = visitor.filled(visitor.get("/onboarding/reset"))
        answers_ = _together(visitor, [save, reset])
        assert {answer.status for answer in answers_} <= {303, 409}, [a.source for a in answers_]
        counts = [
            _sql(any_url, f"SELECT count(*) FROM {table}")  # noqa: S608 - our own names
            for table in ("website_answers", "api_keys", "step_history")
        ]
        assert counts == [[(0,)]] * 3
        page = visitor.get(path_of("api-keys"))


def _start_twice(server: LiveServer, visitor: Visitor) -> Page:
    where, body = visitor.filled(visitor.get("/onboarding/"))
    first, second = _at_once(visitor, where, body)
    assert first.location == second.location == path_of("api-keys")
    return visitor.get(first.location)


def _at_once(visitor: Visitor, where: str, *bodies: object) -> list[Page]:
    both = bodies if len(bodies) == 2 else bodies * 2
    return _together(visitor, [(where, body) for body in both])


def _together(visitor: Visitor, posts: list[tuple[str, object]]) -> list[Page]:
    """The answers to posts that leave in the same moment."""
    ready = threading.Barrier(len(posts))
    heard: dict[int, Page] = {}

    def send(number: int, where: str, body: object) -> None:
        ready.wait()
        heard[number] = visitor.post(where, body)  # type: ignore[arg-type]

    threads = [threading.Thread(target=send, args=(n, *post)) for n, post in enumerate(posts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return [heard[number] for number in range(len(posts))]


def _completion(url: str) -> list[tuple[object, ...]]:
    return _sql(
        url, "SELECT s.completed_at, k.id FROM onboarding_sessions s, kblocks k WHERE completed"
    )


def _sql(url: str, query: str, **values: object) -> list[tuple[object, ...]]:
    """Rows, read beside the server."""
    with _engine(url).connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), values)]


def _engine(url: str) -> Engine:
    return create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
