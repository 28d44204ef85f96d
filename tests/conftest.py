"""The fixtures, few enough that a page of test reads alone; what they do is in `tests/support`."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from jinja2 import FileSystemBytecodeCache

from tests.support import counting, databases, offline
from tests.support.pages import PageClient
from tests.support.server import LiveServer
from tests.support.site import SiteServer, small_site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

RUN_DIR = pytest.StashKey[Path]()

MakeApp = Callable[..., Flask]
StartServer = Callable[..., LiveServer]


# What a run shares, and what it may miss.


def pytest_configure(config: pytest.Config) -> None:
    """Make one folder for all processes of the run. Anybody may look in: as root, PostgreSQL runs
    as a user of its own."""
    offline.close_the_world()
    shared = getattr(config, "workerinput", {}).get("run_dir")
    config.stash[RUN_DIR] = Path(shared or tempfile.mkdtemp(prefix="onward-"))
    config.stash[RUN_DIR].chmod(0o755)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a process of pytest-xdist the folder."""
    node.workerinput["run_dir"] = str(node.config.stash[RUN_DIR])


def pytest_unconfigure(config: pytest.Config) -> None:
    """The process that made the folder takes down what stands in it."""
    if not hasattr(config, "workerinput") and RUN_DIR in config.stash:
        databases.stop_postgres(config.stash[RUN_DIR])
        shutil.rmtree(config.stash[RUN_DIR], ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark a test by what it asks for, so that nobody has to think of it."""
    for item in items:
        wanted = set(getattr(item, "fixturenames", ()))
        if wanted & {"browser", "page", "any_page"}:
            item.add_marker("browser")
        if "postgres_url" in wanted:
            item.add_marker("postgres")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what this machine cannot run, or fail where leaving out is forbidden."""
    for marker, requires, why_not in (
        ("browser", "REQUIRE_BROWSER", why_no_browser),
        ("postgres", "REQUIRE_POSTGRES", databases.why_no_postgres),
    ):
        if item.get_closest_marker(marker) and (reason := why_not()):
            if os.environ.get(requires) == "1":
                pytest.fail(f"{reason} {requires}=1 makes that a failure.", pytrace=False)
            pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say in a sentence what was left out: a green run without it is not the whole story."""
    skipped = terminalreporter.stats.get("skipped", [])
    for reason in (why_no_browser(), databases.why_no_postgres()):
        left_out = [report for report in skipped if reason and reason in str(report.longrepr)]
        if left_out:
            terminalreporter.write_line(
                f"{len(left_out)} tests were left out: {reason}", yellow=True
            )


def why_no_browser() -> str | None:
    """None when Chromium is there, else a sentence that says what to do."""
    try:
        from tests.support.browser import chromium_path
    except ImportError as error:
        return f"Playwright is not installed: {error}."
    if chromium_path():
        return None
    return "There is no Chromium (install it, or name one with CHROMIUM=/path/to/it)."


@pytest.fixture(autouse=True)
def no_outside_world() -> Iterator[None]:
    """Fail a test that turned to another machine, even where the error was swallowed."""
    offline.attempts.clear()
    yield
    assert not offline.attempts, f"this test turned to the outside world: {offline.attempts}"


@pytest.fixture(scope="session", autouse=True)
def own_env_file() -> Iterator[None]:
    """Fail the run if a test wrote to the `.env` file of the project itself."""
    path = databases.TOP / ".env"
    before = path.stat().st_mtime_ns if path.exists() else None
    yield
    after = path.stat().st_mtime_ns if path.exists() else None
    assert after == before, f"a test wrote to {path}"


@pytest.fixture(scope="session")
def run_dir(pytestconfig: pytest.Config) -> Path:
    """The folder that the processes of this run share."""
    return pytestconfig.stash[RUN_DIR]


# Databases: migrated, empty, this test's alone.


@pytest.fixture
def sqlite_url(run_dir: Path, tmp_path: Path) -> str:
    """SQLite, in a file of its own."""
    return databases.sqlite_database(run_dir, tmp_path)


@pytest.fixture
def postgres_url(run_dir: Path) -> Iterator[str]:
    """PostgreSQL, a database of its own."""
    with databases.postgres_database(run_dir) as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def any_url(request: pytest.FixtureRequest) -> str:
    """Each of the two in turn."""
    return str(request.getfixturevalue(f"{request.param}_url"))


# The application, in this process.


@pytest.fixture
def make_app(tmp_path: Path, run_dir: Path) -> Iterator[MakeApp]:
    """`make_app(database_url, APP_NAME="…")`: an application with more settings than usual."""
    from webapp import create_app

    made: list[Flask] = []

    def make(database_url: str, **more: str) -> Flask:
        with counting.shared_rules():
            made.append(create_app(databases.settings(database_url, tmp_path / "instance", **more)))
        # A third of a test's time would go into compiling the same templates anew.
        made[-1].jinja_env.bytecode_cache = FileSystemBytecodeCache(str(run_dir))
        counting.share_compiled(made[-1])
        return made[-1]

    yield make
    for app in made:
        counting.dispose(app)


@pytest.fixture
def app(make_app: MakeApp, sqlite_url: str) -> Flask:
    """The application on SQLite."""
    return make_app(sqlite_url)


@pytest.fixture
def any_app(make_app: MakeApp, any_url: str) -> Flask:
    """The application on SQLite, then on PostgreSQL."""
    return make_app(any_url)


@pytest.fixture
def client(app: Flask) -> PageClient:
    """Opens the pages of `app` and checks each."""
    return PageClient(app)


@pytest.fixture
def any_client(any_app: Flask) -> PageClient:
    """Opens the pages of `any_app` and checks each."""
    return PageClient(any_app)


# The application served, websites to read, and a browser.


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """`start_server(database_url, FETCH_ALLOW="…")`: the real server; it is killed at the end."""
    with ExitStack() as servers:

        def start(database_url: str, *, workers: int = 2, **more: str) -> LiveServer:
            environ = databases.settings(database_url, tmp_path / "instance", **more)
            log = tmp_path / f"server-{len(list(tmp_path.glob('server-*')))}.log"
            server = LiveServer(environ, log, workers=workers)
            servers.callback(server.close)
            return server.start()

        yield start


@pytest.fixture
def site() -> Iterator[SiteServer]:
    """A website on this machine: `/` is prose, others are faulty in their ways."""
    yield from small_site()


@pytest.fixture
def no_politeness(monkeypatch: pytest.MonkeyPatch) -> None:
    """The site on this machine needs no pauses between the requests of this process."""
    from webapp.site import crawl
    from webapp.steps.website import turns

    @dataclass(frozen=True)
    class Hurried(crawl.Limits):
        pause: float = 0

    monkeypatch.setattr(crawl, "Limits", Hurried)
    monkeypatch.setattr(turns, "PAUSE_SECONDS", 0)


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Chromium, one for all tests of this process."""
    from tests.support.browser import chromium

    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: "Browser") -> Iterator["Page"]:
    """A page with JavaScript, 1280 pixels wide."""
    from tests.support.browser import open_page

    with open_page(browser) as opened:
        yield opened


@pytest.fixture(
    params=[
        pytest.param((True, 1280), id="js-1280"),
        pytest.param((False, 360), id="no-js-360", marks=pytest.mark.long),
        pytest.param((True, 360), id="js-360", marks=pytest.mark.long),
        pytest.param((False, 1280), id="no-js-1280", marks=pytest.mark.long),
    ]
)
def any_page(browser: "Browser", request: pytest.FixtureRequest) -> Iterator["Page"]:
    """A page with and without JavaScript, wide and narrow; all but the first are long tests."""
    from tests.support.browser import open_page

    javascript, width = request.param
    with open_page(browser, javascript=javascript, width=width) as opened:
        yield opened
