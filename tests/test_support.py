"""What the tests lean on finds what it is there to find."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest
from flask import Flask, Response, request, session
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import text

from tests.support import databases, offline
from tests.support.counting import count_statements, dispose
from tests.support.databases import TOP
from tests.support.pages import Page, PageClient, Value, faults_of
from tests.support.server import LiveServer, serve_command
from tests.support.site import PROSE, SiteServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from playwright.sync_api import Page as BrowserPage

GOOD = """<!doctype html><html lang="en"><head><title>Step · Small</title>
<link rel="stylesheet" href="/app.css"><script nonce="n1" src="/app.js"></script></head><body>
<a href="#main">Skip</a><a href="https://example.org/" rel="noopener">there</a>
<main id="main"><h1>A step</h1>
<form action="/onboarding/small" method="post"><input type="hidden" name="csrf_token" value="t1">
<input type="hidden" name="revision" value="7">
<label for="name">Name</label><input id="name" name="name" value="Ada" aria-describedby="name-hint">
<p id="name-hint">As you like it</p>
<label>Story<textarea name="story">
One
two</textarea></label>
<label for="key">Key</label><input type="password" id="key" name="key">
<fieldset><legend>Tone</legend>
<label><input type="radio" name="tone" value="calm" checked>Calm</label>
<label><input type="radio" name="tone" value="loud">Loud</label></fieldset>
<fieldset><legend>Where</legend>
<label><input type="checkbox" name="where" value="blog" checked>Blog</label>
<label><input type="checkbox" name="where" value="paper">Paper</label></fieldset>
<label><input type="checkbox" name="auto" value="y" checked>Auto</label>
<label>Depth<select name="depth"><option>low</option><option value="hi">High</option></select>
</label>
<button name="action" value="save">Save</button><button name="action" value="back">Back</button>
</form><form action="/onboarding/reset" method="post">
<input type="hidden" name="csrf_token" value="t1"><button>Start again</button></form>
</main></body></html>"""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'nonce-n1'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}


@pytest.fixture
def small() -> Iterator[Flask]:
    """An application with one page, which is whatever `small.config` says, and a database."""
    app = Flask("small")
    app.config |= {"SECRET_KEY": "k", "SQLALCHEMY_DATABASE_URI": "sqlite://", "PAGE": GOOD}
    app.config["PAGE_HEADERS"] = HEADERS
    db = SQLAlchemy(app)

    @app.get("/onboarding/small")
    def show() -> Response:
        return Response(app.config["PAGE"], headers=app.config["PAGE_HEADERS"])

    @app.post("/onboarding/small")
    def save() -> Response:
        session["posted"] = request.form.to_dict(flat=False)
        return Response(status=303, headers={"Location": "/onboarding/small"})

    @app.get("/reads")
    def reads() -> str:
        db.session.execute(text("SELECT 1"))
        return "read"

    @app.get("/writes")
    def writes() -> str:
        db.session.execute(text("CREATE TABLE IF NOT EXISTS t (x INTEGER)"))
        db.session.execute(text("INSERT INTO t VALUES (1)"))
        db.session.commit()
        return "written"

    yield app
    dispose(app)


# The page client.


def test_a_good_page_has_no_faults(small: Flask) -> None:
    page = PageClient(small).get("/onboarding/small")
    assert (page.title, page.heading) == ("Step · Small", "A step")
    assert page.text("//p") == "As you like it"


@pytest.mark.parametrize(
    ("good", "bad", "fault"),
    [
        ("<title>Step · Small</title>", "<title> </title>", "one title is wanted"),
        ("<h1>A step</h1>", "<h2>A step</h2>", "one h1 is wanted"),
        ("<h1>A step</h1>", "<h1>A</h1><h1>B</h1>", "one h1 is wanted"),
        (' lang="en"', "", "does not say its language"),
        ("<main id", "<div id", "no main part"),
        ('<label for="name">Name</label>', "Name", "the field 'name' has no label"),
        ('<label for="name">Name</label>', '<label for="name"></label>', "'name' has no label"),
        ("<label>Depth", "Depth", "the field 'depth' has no label"),
        ("<legend>Tone</legend>", "", "the choices of 'tone' are in no group"),
        ("<legend>Where</legend>", "<legend> </legend>", "the choices of 'where' are in no group"),
        ('id="key"', 'id="name"', "the id 'name' is there twice"),
        ('id="name-hint"', "", "aria-describedby names 'name-hint'"),
        ('href="#main"', 'href="#gone"', "a link leads to #gone"),
        ('name="csrf_token" value="t1"', 'name="csrf_token" value=""', "has no csrf_token"),
        ('action="/onboarding/small" ', "", "does not say where it is sent"),
        ('action="/onboarding/small"', 'action="https://x.org/"', "is sent to another host"),
        ('small" method="post"', 'small" method="get"', "put its csrf_token into an address"),
        ('nonce="n1"', "", "carries no nonce"),
        ('nonce="n1"', 'nonce="n2"', "carries no nonce"),
        ('src="/app.js">', ">alert(1)", "a script stands in the page itself"),
        ("</head>", "<style>p{}</style></head>", "a style stands in the page itself"),
        ("<p ", '<p style="color:red" ', "a style stands in the page itself"),
        ("<p ", '<p onclick="x()" ', "carries the handler onclick"),
        ('"https://example.org/"', '"javascript:x()"', "carries a javascript: address"),
        (' rel="noopener"', "", "has no rel=noopener"),
        ('href="/app.css"', 'href="//cdn.example/app.css"', "<link> loads from another host"),
        ('type="password"', 'type="password" value="sk-1"', "came with a value"),
        (">Back</button>", "></button>", "a button has no text"),
        ("</main>", '<img src="/a.png"></main>', "has no alt"),
    ],
)
def test_a_fault_of_a_page_is_found(small: Flask, good: str, bad: str, fault: str) -> None:
    assert good in GOOD
    small.config["PAGE"] = GOOD.replace(good, bad, 1)
    with pytest.raises(AssertionError) as found:
        PageClient(small).get("/onboarding/small")
    assert fault in str(found.value)


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("Content-Security-Policy", "", "is missing or thin"),
        (
            "Content-Security-Policy",
            HEADERS["Content-Security-Policy"] + "; style-src 'unsafe-inline'",
            "allows what is unsafe",
        ),
        ("X-Content-Type-Options", "", "nosniff is missing"),
        ("Referrer-Policy", "", "Referrer-Policy is missing"),
        ("Cache-Control", "no-store", "not private, no-store"),
        ("Cache-Control", "private, max-age=60", "not private, no-store"),
    ],
)
def test_a_fault_of_a_header_is_found(small: Flask, name: str, value: str, fault: str) -> None:
    small.config["PAGE_HEADERS"] = {**HEADERS, name: value}
    response = small.test_client().get("/onboarding/small")
    faults = faults_of(Page("/onboarding/small", response))
    assert [found for found in faults if fault in found]


def test_another_status_than_expected_fails(small: Flask) -> None:
    with pytest.raises(AssertionError, match="404, not 200"):
        PageClient(small).get("/nowhere")


def test_a_form_is_sent_as_a_browser_would_send_it(small: Flask) -> None:
    client = PageClient(small)
    page = client.get("/onboarding/small")
    changes: dict[str, Value] = {
        "name": "Grace",
        "where": ["blog", "paper"],
        "auto": False,
        "tone": "loud",
    }
    sent = client.submit(page, changes, action="back")
    with client.flask.session_transaction() as cookie:
        assert cookie["posted"] == {
            "csrf_token": ["t1"],
            "revision": ["7"],
            "name": ["Grace"],
            "story": ["One\r\ntwo"],
            "key": [""],
            "tone": ["loud"],
            "where": ["blog", "paper"],
            "depth": ["low"],
            "action": ["back"],
        }
    assert client.follow(sent).heading == "A step"


def test_enter_presses_the_first_button(small: Flask) -> None:
    form = PageClient(small).get("/onboarding/small").form()
    assert form.filled({}).getlist("action") == ["save"]
    assert form.values().getlist("auto") == ["y"]


@pytest.mark.parametrize(
    ("changes", "action", "fault"),
    [
        ({"nickname": "A"}, None, "no field 'nickname'"),
        ({"tone": "shrill"}, None, "'tone' offers"),
        ({"depth": "High"}, None, "'depth' offers"),
        ({}, "skip", "no button 'skip'"),
    ],
)
def test_a_form_takes_nothing_a_browser_could_not_send(
    small: Flask, changes: dict[str, str], action: str | None, fault: str
) -> None:
    form = PageClient(small).get("/onboarding/small").form()
    with pytest.raises(AssertionError, match=fault):
        form.filled(changes, action)


def test_a_form_is_found_by_a_part_of_its_address(small: Flask) -> None:
    page = PageClient(small).get("/onboarding/small")
    assert page.form("reset").action == "/onboarding/reset"


# Counting.


def test_statements_and_ends_of_transactions_are_counted(small: Flask) -> None:
    client = small.test_client()
    with count_statements(small) as read:
        client.get("/reads")
    assert (read.statements, read.commits, read.left_open) == (["SELECT 1"], 0, 0)
    with count_statements(small) as written:
        client.get("/writes")
    assert len(written) == 2
    assert written.writes == ["INSERT INTO t VALUES (1)"]
    assert (written.commits, written.rollbacks, written.left_open) == (1, 0, 0)


def test_what_lies_outside_the_block_is_not_counted(small: Flask) -> None:
    with count_statements(small) as cost:
        pass
    small.test_client().get("/writes")
    assert len(cost) == 0


def test_a_connection_that_is_kept_is_noticed(tmp_path: Path) -> None:
    app = Flask("keeps")
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path}/keeps.sqlite"
    db = SQLAlchemy(app)
    with app.app_context():
        engine = db.engine
    with count_statements(app) as cost:
        connection = engine.connect()
        connection.execute(text("SELECT 1"))
    connection.close()
    dispose(app)
    assert cost.left_open == 1


# The outside world.


def test_the_outside_world_is_unreachable() -> None:
    with pytest.raises(offline.OutsideWorldError):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with pytest.raises(offline.OutsideWorldError):
        socket.getaddrinfo("www.debian.org", 443)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram,
        pytest.raises(offline.OutsideWorldError),
    ):
        datagram.sendto(b"x", ("192.0.2.1", 53))
    assert len(offline.attempts) == 3
    offline.attempts.clear()


def test_a_reserved_name_does_not_resolve_and_is_no_fault() -> None:
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("nobody.invalid", 80)


def test_this_machine_is_reachable(site: SiteServer) -> None:
    with urllib.request.urlopen(site.url("/")) as answer:
        assert b"bread" in answer.read()
    assert site.paths() == ["/"]


# Websites.


def test_the_prose_is_long_enough_to_be_measured() -> None:
    assert len(PROSE.split()) >= 400


def test_pages_answer_as_they_were_made(site: SiteServer) -> None:
    site.pages["/teapot"] = (418, {"X-Short": "1"}, "short and stout")
    connection = http.client.HTTPConnection(site.host_port, timeout=5)
    for path, status in (("/teapot", 418), ("/gone", 410), ("/nothing", 404), ("/moved", 301)):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
    connection.close()


def test_a_slow_page_is_slow_and_does_not_hold_up_the_end() -> None:
    with SiteServer({}) as site:
        site.pages["/drip"] = site.dripping(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100, 0.1)
        connection = socket.create_connection(("127.0.0.1", int(site.host_port.split(":")[1])))
        connection.sendall(b"GET /drip HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.settimeout(5)
        assert connection.recv(100) == b"H"
        ended = time.monotonic()
    assert time.monotonic() - ended < 2
    connection.close()


# Databases.


def test_each_test_has_a_sqlite_file_of_its_own(run_dir: Path, tmp_path: Path) -> None:
    urls = {databases.sqlite_database(run_dir, tmp_path) for _ in range(2)}
    assert len(urls) == 2


@pytest.mark.postgres
def test_a_postgres_database_is_dropped_at_the_end(run_dir: Path) -> None:
    with (
        databases.postgres_database(run_dir, migrated=False) as url,
        psycopg.connect(url) as connection,
    ):
        version = connection.info.server_version
        connection.execute("CREATE TABLE t (x integer)")
    assert version >= 130000
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url)


def test_both_databases_come_migrated(any_app: Flask) -> None:
    from webapp.extensions import db

    with any_app.app_context():
        assert db.session.scalar(text("SELECT count(*) FROM onboarding_sessions")) == 0
        assert db.session.scalar(text("SELECT count(*) FROM alembic_version")) == 1


# The server.

SLEEPER = """
import os, time
def app(environ, start_response):
    if environ["PATH_INFO"] == "/sleep":
        time.sleep(60)
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
"""


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[LiveServer]:
    """A server of a tiny application, started with the arguments of `make run`."""
    (tmp_path / "wsgi.py").write_text(SLEEPER)
    with LiveServer({"A": "b"}, tmp_path / "log", cwd=tmp_path) as server:
        deadline = time.monotonic() + 10
        while len(server.processes()) < 3:  # the first worker may answer before there is a second
            assert time.monotonic() < deadline, server.output()
            time.sleep(0.05)
        yield server


def test_the_server_is_started_as_make_run_does() -> None:
    command = serve_command({"HOST": "127.0.0.1", "PORT": "8123", "WORKERS": "3"})
    assert sys.executable in command
    assert command[-1] == "wsgi:app"
    assert command[command.index("--port") + 1] == "8123"
    assert command[command.index("--workers") + 1] == "3"
    assert command[command.index("--interface") + 1] == "wsgi"


def test_a_stopped_server_ends_cleanly(sleeper: LiveServer) -> None:
    assert len(sleeper.processes()) >= 3
    assert sleeper.stop() == 0
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(sleeper.url)


def test_a_killed_server_leaves_nothing_and_starts_again(sleeper: LiveServer) -> None:
    before = sleeper.processes()
    sleeper.kill()
    assert len(before) >= 3
    assert not [process for process in before if process.is_running() and not _is_zombie(process)]
    sleeper.start()
    with urllib.request.urlopen(sleeper.url) as answer:
        assert int(answer.read()) not in [process.pid for process in before]


def test_a_worker_that_dies_is_replaced(sleeper: LiveServer) -> None:
    with urllib.request.urlopen(sleeper.url) as answer:
        worker = int(answer.read())
    os.kill(worker, signal.SIGKILL)
    deadline = time.monotonic() + 20
    answered = None
    while answered is None or len(sleeper.processes()) < 3:
        assert time.monotonic() < deadline, sleeper.output()
        with suppress(OSError, http.client.HTTPException):
            answered = int(urllib.request.urlopen(sleeper.url, timeout=5).read())
    assert answered != worker


@pytest.mark.long
def test_a_request_that_never_ends_does_not_hold_up_the_end(sleeper: LiveServer) -> None:
    def ask() -> None:
        with pytest.raises((OSError, http.client.HTTPException)):
            urllib.request.urlopen(f"{sleeper.url}/sleep", timeout=60)

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.5)
    started = time.monotonic()
    sleeper.stop()
    assert time.monotonic() - started < 15
    asking.join()


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "wsgi.py").write_text("raise SystemExit('no key, no bread')")
    server = LiveServer({}, tmp_path / "log", cwd=tmp_path, command=[sys.executable, "wsgi.py"])
    with pytest.raises(AssertionError, match="no key, no bread"):
        server.start()
    assert server.processes() == []
    server.close()


def test_make_run_names_a_port_that_is_taken(tmp_path: Path) -> None:
    script = subprocess.run(
        ["make", "-s", "-f", TOP / "Makefile", "-f", "-", "print-check"],
        input='print-check:\n\t@echo "$$CHECK_PORT"\n',
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-c", script, "127.0.0.1", port], capture_output=True, text=True
        )
    assert done.returncode == 1
    assert f"Something listens at 127.0.0.1:{port} already." in done.stderr
    free = subprocess.run([sys.executable, "-c", script, "127.0.0.1", port])
    assert free.returncode == 0


# The browser.


def test_a_page_is_opened_wide_and_narrow_with_and_without_scripts(
    any_page: "BrowserPage", site: SiteServer, request: pytest.FixtureRequest
) -> None:
    from tests.support.browser import sideways_scroll

    script = "<script>document.querySelector('h1').textContent = 'Scripted'</script>"
    site.pages["/"] = (
        200,
        {},
        f"<title>t</title><link rel=icon href=data:,><h1>Plain</h1>{script}",
    )
    any_page.goto(site.url())
    variant = request.node.callspec.id
    assert any_page.inner_text("h1") == ("Plain" if "no-js" in variant else "Scripted")
    assert any_page.viewport_size == {"width": 360 if "360" in variant else 1280, "height": 800}
    if "no-js" not in variant:
        assert sideways_scroll(any_page) == 0


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("<script>console.error('ouch')</script>", "on the console: ouch"),
        ("<script>nobody()</script>", "an error in a script"),
        ("<script src=/missing.js></script>", "404 for"),
        ("<img src=http://elsewhere.example/a.png>", "a request to another host"),
    ],
)
def test_a_fault_in_the_browser_fails_the_test(
    browser: "Browser", site: SiteServer, body: str, fault: str
) -> None:
    from tests.support.browser import open_page

    site.pages["/"] = (200, {}, f"<title>t</title><link rel=icon href=data:,>{body}")
    with pytest.raises(AssertionError, match=fault), open_page(browser) as page:
        page.goto(site.url())


def test_axe_finds_what_cannot_be_read(page: "BrowserPage", site: SiteServer) -> None:
    from tests.support.browser import accessibility_faults

    site.pages["/"] = (
        200,
        {},
        "<!doctype html><html lang=en><title>t</title><link rel=icon href=data:,>"
        "<main><h1>t</h1><p style='color:#ddd;background:#fff'>pale</p><input></main>",
    )
    page.goto(site.url())
    found = [fault.split()[0] for fault in accessibility_faults(page)]
    assert {"color-contrast", "label"} <= set(found)


def _is_zombie(process: psutil.Process) -> bool:
    return bool(process.status() == psutil.STATUS_ZOMBIE)
