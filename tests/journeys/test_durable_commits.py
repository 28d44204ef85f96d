"""A journey is seven durable commits, as the database counts them: the start and six steps."""

import time
from pathlib import Path

import pytest

from tests.bench.journeys import postgres_commits, sqlite_commits
from tests.conftest import MakeApp
from tests.journeys.walk import walk
from tests.support.counting import dispose
from tests.support.pages import PageClient
from tests.support.private_postgres import PrivatePostgres


def test_on_sqlite_the_log_has_seven_transactions_more(make_app: MakeApp, sqlite_url: str) -> None:
    app = make_app(sqlite_url)
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    assert sqlite_commits(path, lambda: None) == 0
    assert sqlite_commits(path, lambda: read_pages(PageClient(app))) == 0
    for _ in range(2):
        assert sqlite_commits(path, lambda: finish(PageClient(app))) == 7


@pytest.mark.postgres
def test_on_postgres_seven_transactions_write_and_the_log_is_flushed_for_each(
    make_app: MakeApp, tmp_path: Path, run_dir: Path
) -> None:
    # A server of its own: on the shared one others write too, and nothing is flushed there.
    with PrivatePostgres(run_dir / f"durable-{time.monotonic_ns()}") as server:
        server.sql("ALTER SYSTEM SET autovacuum = off")  # it takes numbers of transactions too
        server.sql("SELECT pg_reload_conf()")
        app = make_app(server.database(tmp_path / "instance"))

        def act() -> None:
            finish(PageClient(app))
            dispose(app)  # who leaves tells the statistics at once what it did

        wrote, flushed = postgres_commits(server, act)
    assert wrote == 7
    assert flushed >= 7


def read_pages(client: PageClient) -> None:
    """Pages alone, the first with a new cookie: nothing is written by a GET."""
    for path in ("/onboarding/", "/onboarding/", "/onboarding/research"):
        client.get(path, 303 if path.endswith("research") else 200)


def finish(client: PageClient) -> None:
    """From the first page to the summary."""
    assert walk(client).path.startswith("/onboarding/summary")
