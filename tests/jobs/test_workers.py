"""Real servers, real workers, a real broker, and `kill -9`: every job is done, and done once."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest
from flask import Flask
from sqlalchemy import text

from tests.browser.visitor import Visitor
from tests.conftest import MakeApp, StartServer
from tests.jobs.conftest import Broker, StartWorker
from tests.journeys.walk import path_of, save, sql, walk
from tests.support.databases import TOP, settings
from tests.support.pages import PageClient, Value
from tests.support.redis import RedisServer
from tests.support.server import LiveServer
from tests.support.site import Answer, SiteServer, prose_page
from webapp.extensions import db

PICKED_UP_SECONDS = 30
"""So long after its worker's death a job is in other hands; see the README."""
SECONDS = 20
"""So long anything else may take on a busy machine."""


def wait_until(true: Callable[[], object], seconds: float = SECONDS, what: object = "") -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{seconds} seconds have passed. {what}"
        time.sleep(0.1)


def with_site(url: str) -> dict[str, dict[str, Value]]:
    """The answers of `walk` with this address."""
    return {"website": {"has_website": "yes", "website_url": url, "business_description": ""}}


def count_results(app: Flask) -> None:
    """From now on the database itself counts how often a result is stored."""
    if app.extensions["settings"].is_sqlite:
        trigger = [
            "CREATE TRIGGER count_results AFTER UPDATE OF status ON website_analyses "
            "WHEN NEW.status IN ('completed', 'failed') "
            "BEGIN INSERT INTO results VALUES (NEW.website_url, NEW.status); END"
        ]
    else:
        trigger = [
            "CREATE FUNCTION count_results() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN INSERT INTO results VALUES (NEW.website_url, NEW.status); RETURN NEW; END $$",
            "CREATE TRIGGER count_results AFTER UPDATE OF status ON website_analyses FOR EACH ROW "
            "WHEN (NEW.status IN ('completed', 'failed')) EXECUTE FUNCTION count_results()",
        ]
    with app.app_context():
        for statement in ["CREATE TABLE results (url TEXT, status TEXT)", *trigger]:
            db.session.execute(text(statement))
        db.session.commit()


def results(app: Flask) -> Counter[tuple[object, ...]]:
    """(address, status) -> how often it was stored."""
    return Counter(sql(app, "SELECT url, status FROM results"))


def idle(app: Flask) -> bool:
    return sql(app, "SELECT id FROM jobs") == []


def walk_in_process(app: Flask, *urls: str) -> None:
    """Somebody gives each of these addresses, and nobody is told: the process that saved them died
    right after."""
    for url in urls:
        walk(PageClient(app), "research", with_site(url))


class Stuck:
    """A page that lets its first readers wait (until they are killed over it), and no others."""

    def __init__(self, site: SiteServer, path: str = "/") -> None:
        self.asked = threading.Event()
        self._site, self._path = site, path
        site.pages[path] = self._answer

    def _answer(self, _handler: BaseHTTPRequestHandler) -> Answer | None:
        self.asked.set()
        self._site.stopping.wait(30)
        return None

    def free(self) -> None:
        self._site.pages[self._path] = prose_page()


# Without a broker.


def children(server: LiveServer) -> list[int]:
    """The process ids of a server's workers: one, or briefly two that find out."""
    return [p.pid for p in server.processes() if "webapp.worker" in p.cmdline()]


@pytest.mark.long
def test_what_a_killed_child_was_reading_is_read_by_the_next_one_and_stored_once(
    make_app: MakeApp, start_server: StartServer, any_url: str, site: SiteServer
) -> None:
    app = make_app(any_url, FETCH_ALLOW=site.host_port)
    count_results(app)
    stuck = Stuck(site)
    server = start_server(any_url, FETCH_ALLOW=site.host_port)
    walk(Visitor(server.url), "research", with_site(site.url()))
    wait_until(stuck.asked.is_set, what=server.output())
    stuck.free()
    ((holder,),) = sql(app, "SELECT worker FROM jobs")
    child = int(str(holder).rpartition("/")[2])
    assert child in children(server)
    os.kill(child, signal.SIGKILL)
    wait_until(lambda: idle(app), PICKED_UP_SECONDS, server.output())
    assert results(app) == {(site.url(), "completed"): 1}


@pytest.mark.long
def test_a_child_that_hangs_over_a_job_says_so_and_starts_anew(
    make_app: MakeApp, sqlite_url: str, site: SiteServer
) -> None:
    app = make_app(sqlite_url, FETCH_ALLOW=site.host_port)
    count_results(app)
    stuck = Stuck(site)
    walk_in_process(app, site.url())
    environ = settings(sqlite_url, app.extensions["settings"].instance_dir)
    code = "from webapp import worker; worker.LEASE_SECONDS = 1; worker.main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=TOP,
        env={"PATH": os.environ["PATH"], "FETCH_ALLOW": site.host_port, **environ},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        wait_until(stuck.asked.is_set)
        stuck.free()
        wait_until(lambda: idle(app))
        assert process.poll() is None, "it is the same process"
    finally:
        _, log = process.communicate(timeout=20)
    assert b"hangs" in log
    assert results(app) == {(site.url(), "completed"): 1}


# With a broker.


@pytest.fixture
def broker(request: pytest.FixtureRequest) -> Broker:
    """The broker that the test names by `indirect`."""
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


@pytest.mark.long  # waiting for a heartbeat to grow old takes long
@pytest.mark.parametrize(
    ("url_fixture", "broker"),
    [("sqlite_url", "redis"), ("postgres_url", "redis"), ("sqlite_url", "rabbitmq")],
    indirect=["broker"],
)
def test_what_a_killed_worker_was_reading_is_read_by_another_and_stored_once(
    request: pytest.FixtureRequest,
    make_app: MakeApp,
    start_server: StartServer,
    start_worker: StartWorker,
    url_fixture: str,
    broker: Broker,
    site: SiteServer,
) -> None:
    database = str(request.getfixturevalue(url_fixture))
    more = {"FETCH_ALLOW": site.host_port, "BROKER_URL": broker.url}
    app = make_app(database, FETCH_ALLOW=site.host_port)
    count_results(app)
    stuck = Stuck(site)
    server = start_server(database, **more)
    victim = start_worker(database, **more)
    visitor = Visitor(server.url)
    walk(visitor, "research", with_site(site.url()))
    wait_until(stuck.asked.is_set, what=victim.output())
    assert children(server) == [], "with a broker the server does no work itself"
    heir = start_worker(database, **more)
    wait_until(lambda: "waits for work" in heir.output())
    stuck.free()
    victim.kill()
    wait_until(lambda: idle(app), PICKED_UP_SECONDS, heir.output())
    assert results(app) == {(site.url(), "completed"): 1}
    assert "words on average" in visitor.get(path_of("website")).text("//*[@id='analysis']")
    assert "Traceback" not in heir.output() + server.output()


@pytest.mark.long
def test_a_worker_that_is_told_to_end_hands_its_job_to_another_at_once(
    make_app: MakeApp,
    start_worker: StartWorker,
    sqlite_url: str,
    redis: RedisServer,
    site: SiteServer,
) -> None:
    more = {"FETCH_ALLOW": site.host_port, "BROKER_URL": redis.url}
    app = make_app(sqlite_url, FETCH_ALLOW=site.host_port)
    count_results(app)
    stuck = Stuck(site)
    walk_in_process(app, site.url())
    first = start_worker(sqlite_url, **more)
    wait_until(stuck.asked.is_set, what=first.output())
    stuck.free()
    assert first.stop() == 0, first.output()
    assert sql(app, "SELECT worker, attempts FROM jobs") == [(None, 0)]
    second = start_worker(sqlite_url, **more)
    wait_until(lambda: idle(app), what=second.output())
    assert results(app) == {(site.url(), "completed"): 1}
    assert "Traceback" not in first.output() + second.output()


@pytest.mark.long
def test_a_worker_that_hangs_over_a_job_says_so_and_starts_anew(
    make_app: MakeApp,
    start_worker: StartWorker,
    sqlite_url: str,
    redis: RedisServer,
    site: SiteServer,
) -> None:
    more = {"FETCH_ALLOW": site.host_port, "BROKER_URL": redis.url}
    app = make_app(sqlite_url, FETCH_ALLOW=site.host_port)
    count_results(app)
    stuck = Stuck(site)
    site.pages["/other"] = prose_page()
    walk_in_process(app, site.url())
    code = "from webapp import worker; worker.LEASE_SECONDS = 1; worker.main()"
    worker = start_worker(sqlite_url, code=code, **more)
    wait_until(stuck.asked.is_set, what=worker.output())
    stuck.free()
    wait_until(lambda: worker.output().count("waits for work") == 2, what=worker.output())
    assert "hangs" in worker.output()
    walk_in_process(app, site.url("/other"))
    wait_until(lambda: idle(app), PICKED_UP_SECONDS, worker.output())
    assert results(app) == {(site.url(path), "completed"): 1 for path in ("/", "/other")}


@pytest.mark.long
@pytest.mark.parametrize("broker", ["redis", "rabbitmq"], indirect=True)
def test_the_broker_may_go_and_come_back_without_what_it_knew(
    make_app: MakeApp,
    start_server: StartServer,
    start_worker: StartWorker,
    sqlite_url: str,
    broker: Broker,
    site: SiteServer,
) -> None:
    more = {"FETCH_ALLOW": site.host_port, "BROKER_URL": broker.url}
    app = make_app(sqlite_url, FETCH_ALLOW=site.host_port)
    count_results(app)
    for name in "abcd":
        site.pages[f"/{name}"] = prose_page()
    server = start_server(sqlite_url, **more)
    walk(Visitor(server.url), "research", with_site(site.url("/a")))
    walk(Visitor(server.url), "research", with_site(site.url("/b")))
    time.sleep(1)  # the messages of these two are there by now
    broker.kill()
    begun = time.monotonic()
    walk(Visitor(server.url), "research", with_site(site.url("/c")))
    assert time.monotonic() - begun < 5, "a save waited for the broker"
    worker = start_worker(sqlite_url, **more)
    wait_until(lambda: "nobody can be told" in server.output(), what=server.output())
    broker.start()
    walk(Visitor(server.url), "research", with_site(site.url("/d")))
    wait_until(lambda: idle(app), PICKED_UP_SECONDS, worker.output())
    assert results(app) == {(site.url(f"/{name}"), "completed"): 1 for name in "abcd"}
    assert server.output().count("nobody can be told") <= 4, "once for each process and change"


@pytest.mark.long
def test_two_servers_and_two_workers_do_each_job_once_and_a_killed_server_costs_none(
    make_app: MakeApp,
    start_server: StartServer,
    start_worker: StartWorker,
    postgres_url: str,
    redis: RedisServer,
    site: SiteServer,
) -> None:
    """Also: the users leave, and find the result at another server when they come back."""
    more = {"FETCH_ALLOW": site.host_port, "BROKER_URL": redis.url}
    app = make_app(postgres_url, FETCH_ALLOW=site.host_port)
    count_results(app)
    servers = [start_server(postgres_url, **more) for _ in range(2)]
    visitors = []
    for number in range(8):
        site.pages[f"/{number}"] = prose_page()
        visitors.append(Visitor(servers[number % 2].url))
        walk(visitors[-1], "research", with_site(site.url(f"/{number}")))
    servers[0].kill()
    workers = [start_worker(postgres_url, **more) for _ in range(2)]
    wait_until(lambda: idle(app), PICKED_UP_SECONDS, workers[0].output())
    assert results(app) == {(site.url(f"/{n}"), "completed"): 1 for n in range(8)}
    assert Counter(site.paths())["/3"] == 1
    for visitor in visitors:
        moved = Visitor(servers[1].url)
        moved.flask._cookies = visitor.flask._cookies  # type: ignore[attr-defined]
        save(moved, "research")
        assert "words on average" in moved.get(path_of("website")).text("//*[@id='analysis']")
    for worker in workers:
        assert worker.stop() == 0
        assert "Traceback" not in worker.output()


def test_a_serving_process_loads_nothing_that_only_workers_need(
    sqlite_url: str, tmp_path: object
) -> None:
    code = (
        "import json, sys, threading, wsgi\n"
        "threads = [type(t).__module__ for t in threading.enumerate()]\n"
        "print(json.dumps([sorted(sys.modules), threads]))"
    )
    for broker, client in (
        ("", set()),
        ("redis://127.0.0.1:1/0", {"redis"}),
        ("amqp://guest:guest@127.0.0.1:1/", {"pika"}),
    ):
        environ = settings(sqlite_url, TOP / "nowhere", BROKER_URL=broker)
        environ |= {"PATH": os.environ["PATH"], "INSTANCE_DIR": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=TOP, env=environ, capture_output=True, check=True
        )
        modules, threads = json.loads(done.stdout)
        assert "trafilatura" not in modules
        assert {"redis", "pika"} & set(modules) == client
        assert not [name for name in threads if name.startswith("dramatiq")]


def test_make_worker_without_a_broker_says_what_is_missing() -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    dry = subprocess.run(["make", "-n", "worker"], cwd=TOP, env=environ, capture_output=True)
    command = next(line for line in dry.stdout.decode().splitlines() if "BROKER_URL" in line)
    done = subprocess.run(["sh", "-c", command], env=environ, capture_output=True, text=True)
    assert done.returncode == 2
    assert "BROKER_URL is not set" in done.stderr
