"""More comes than can be served: some is served as ever, the rest hears at once when to come back,
and nothing that was typed is lost."""

import json
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from flask import Flask
from werkzeug.datastructures import MultiDict
from werkzeug.test import EnvironBuilder, run_wsgi_app

from tests.conftest import MakeApp, StartServer
from tests.journeys.walk import ANSWERS, KEYS, SAME_ORIGIN, begin, path_of, sql, walk
from tests.support.databases import TOP
from tests.support.overload import full
from tests.support.pages import HOST, Page, PageClient, Value
from tests.support.server import serve_command
from tests.support.visitors import Visitor
from webapp import admission, extensions
from webapp.admission import Admission

# -- who is let in ---------------------------------------------------------------------------------


class Slow:
    """A WSGI application that works until it is told to end, and knows how many it works on."""

    def __init__(self) -> None:
        self.at_work = self.most = 0
        self.go_on = threading.Event()
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], _start: Any) -> list[bytes]:
        with self._lock:
            self.at_work += 1
            self.most = max(self.most, self.at_work)
        self.go_on.wait(10)
        with self._lock:
            self.at_work -= 1
        if environ["PATH_INFO"] == "/raises":
            raise ValueError
        return [b"served"]


def _refuse(_environ: Any, _start: Any) -> list[bytes]:
    return [b"refused"]


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_so_many_are_at_work_so_many_wait_and_the_rest_is_refused_at_once() -> None:
    app = Slow()
    door: Any = Admission(app, _refuse, 2)
    room = 2 * admission.WAITING
    with ThreadPoolExecutor(2 + room) as pool:
        inside = [pool.submit(door, {"PATH_INFO": "/"}, None) for _ in range(2 + room)]
        _until(lambda: app.at_work == 2 and door._waiting == room)
        start = time.monotonic()
        assert door({"PATH_INFO": "/"}, None) == [b"refused"]
        assert time.monotonic() - start < 0.5
        for path in ("/healthz", "/readyz", "/metrics", "/static/css/app.css"):
            app.go_on.set()  # these are let in beside all others
            assert door({"PATH_INFO": path}, None) == [b"served"]
    assert [one.result() for one in inside] == [[b"served"]] * (2 + room)
    assert app.most <= 3
    assert door._waiting == 0


def test_whoever_waits_too_long_is_refused_and_a_place_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(admission, "WAIT_SECONDS", 0.05)
    app = Slow()
    door: Any = Admission(app, _refuse, 1)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(door, {"PATH_INFO": "/"}, None)
        _until(lambda: app.at_work == 1)
        assert door({"PATH_INFO": "/"}, None) == [b"refused"]
        app.go_on.set()
        assert first.result() == [b"served"]
    with pytest.raises(ValueError):  # noqa: PT011 - the application's own
        door({"PATH_INFO": "/raises"}, None)
    assert door({"PATH_INFO": "/"}, None) == [b"served"]


def test_the_server_has_threads_enough_to_refuse_and_the_pool_a_connection_for_each_at_work(
    make_app: MakeApp, any_url: str
) -> None:
    """One truth: THREADS decides all three."""
    for threads in (None, "3"):
        more = {"THREADS": threads} if threads else {}
        app = make_app(any_url, **more)
        slots = app.extensions["settings"].threads
        command = serve_command({"HOST": "127.0.0.1", "PORT": "1", "WORKERS": "1", **more})
        of_server = int(command[command.index("--blocking-threads") + 1])
        assert of_server > slots * (1 + admission.WAITING)
        with app.app_context():
            pool: Any = extensions.db.engine.pool
            assert (pool.size(), pool._max_overflow) == (slots, extensions.SPARE_CONNECTIONS)
    assert "THREADS ?= 5" in (TOP / "Makefile").read_text()


# -- what the others are told ----------------------------------------------------------------------


def _pairs(values: MultiDict[str, str]) -> list[tuple[str, str]]:
    """As a browser sends them: reading HTML makes one character of a line's end, sending it two."""
    return sorted((name, "\r\n".join(text.splitlines())) for name, text in values.items(multi=True))


def test_a_page_says_so_and_tries_again_by_itself(app: Flask, client: PageClient) -> None:
    walk(client, until="research")
    with full(app):
        page = client.get(path_of("research"), 503)
        assert 1 <= int(page.headers["Retry-After"]) <= 10
        assert page.find("//noscript/meta[@http-equiv='refresh']")
        assert page.find("//script[contains(@src, 'retry.js')]")
        assert not page.find("//form")
        other = client.get(path_of("research"), 503)
        nonces = {str(one.find("//script/@nonce")[0]) for one in (page, other)}
        assert len(nonces) == 2
        for one in (page, other):
            assert (
                f"'nonce-{one.find('//script/@nonce')[0]}'"
                in one.headers["Content-Security-Policy"]
            )
        assert "Set-Cookie" not in page.headers
    client.get(path_of("research"))


def test_each_refusal_tells_the_id_of_its_own_request(app: Flask) -> None:
    """Though it is rendered once: whoever quotes another's finds another's lines in the log."""
    client = app.test_client()
    with full(app):
        pages = [client.get(path_of("research")) for _ in range(3)]
        documents = [client.get("/api/onboarding/status") for _ in range(3)]
    for one in pages:
        assert f"<code>{one.headers['X-Request-ID']}</code>" in one.text
    for one in documents:
        assert one.get_json()["request_id"] == one.headers["X-Request-ID"]
    assert len({one.headers["X-Request-ID"] for one in pages + documents}) == 6


@pytest.mark.parametrize(
    ("language", "theme"), [("en", ""), ("es", "dark"), ("de", "light"), ("ar", "")]
)
def test_it_says_so_in_the_readers_language_and_colours(
    app: Flask, language: str, theme: str
) -> None:
    client = PageClient(app)
    usual = client.get(f"/onboarding/?lang={language}")
    if theme:
        client.flask.set_cookie("theme", theme)
    with full(app):
        page = client.get("/onboarding/", 503)
        spoken = PageClient(app).get(
            "/onboarding/", 503, headers={"Accept-Language": f"xx, {language};q=0.5"}
        )
    for one in (page, spoken):
        assert one.find("//html/@lang") == usual.find("//html/@lang")
        assert one.find("//html/@dir") == usual.find("//html/@dir")
    assert page.find("//html/@data-theme") == ([theme] if theme else [])
    english = "There is a lot going on just now"
    assert (page.text("//h1") == english) == (language == "en")


@pytest.mark.parametrize("slug", ANSWERS)
def test_a_form_comes_back_with_what_was_typed_and_one_button_that_sends_it_again(
    app: Flask, client: PageClient, slug: str
) -> None:
    page = walk(client, until=slug)
    with full(app):
        refused = client.submit(page, ANSWERS[slug], "save", status=503)
        again = client.submit(
            refused, KEYS if slug == "api-keys" else {}, status=503
        )  # it may be refused more than once
    for one in (refused, again):
        assert int(one.headers["Retry-After"]) > 0
        assert one.find("//*[@role='alert']")
        for key in KEYS.values():
            assert key not in one.source + str(one.headers)
        sent = page.form().filled(ANSWERS[slug], "save")
        if slug == "api-keys":
            asked = {str(name) for name in one.find("//input[@type='password']/@name")}
            assert asked == set(KEYS)
        else:
            assert _pairs(one.form().filled({})) == _pairs(sent)
    done = client.submit(again, KEYS if slug == "api-keys" else {})
    assert done.status == 303
    usual = sql(app, "SELECT saved_at FROM step_progress WHERE slug = :slug", slug=slug)
    assert usual[0][0]


def test_what_was_typed_is_shown_as_text_and_in_the_words_of_the_form(
    app: Flask, client: PageClient
) -> None:
    page = walk(client, until="website")
    typed: dict[str, Value] = {
        "has_website": "no",
        "business_description": '<script>alert("1")</script> & nonce-of-one-response '
        "<!-- what was typed -->",
        "industry": "時計",
    }
    with full(app):
        refused = client.submit(page, typed, "save", status=503)
    shown = refused.text("//main")
    assert str(typed["business_description"]) in shown
    assert "時計" in shown
    assert not refused.find("//main//script")
    assert refused.form().filled({})["business_description"] == typed["business_description"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site", "Origin": f"http://{HOST}"},
    ],
)
def test_another_site_gets_nothing_of_it_back(
    app: Flask, client: PageClient, headers: dict[str, str]
) -> None:
    page = walk(client, until="website")
    sent = page.form().filled({"industry": "filled in elsewhere"}, "save")
    with full(app):
        refused = client.post(page.path, sent, 503, headers)
    assert "filled in elsewhere" not in refused.source
    assert not refused.find("//form")


@pytest.mark.parametrize(
    "path", ["/onboarding/start", "/onboarding/nothing", "/onboarding/website/draft", "/nowhere"]
)
def test_other_posts_get_the_plain_page(app: Flask, client: PageClient, path: str) -> None:
    begin(client)
    with full(app):
        refused = client.post(path, {"industry": "watches"}, 503, SAME_ORIGIN)
    assert "watches" not in refused.source


def test_the_api_answers_a_problem_document(app: Flask) -> None:
    with full(app):
        answer = app.test_client().post("/api/onboarding/start", json={})
    assert answer.status_code == 503
    assert answer.mimetype == "application/problem+json"
    assert answer.get_json()["status"] == 503
    assert answer.get_json()["detail"]
    assert int(answer.headers["Retry-After"]) > 0


def test_a_body_that_is_too_large_or_no_form_is_left_alone(app: Flask) -> None:
    client = app.test_client()
    path = path_of("website")
    with full(app):
        large = client.post(path, data={"industry": "x" * 300_000}, headers=SAME_ORIGIN)
        broken = client.post(
            path,
            data=b"industry=%ff%fe&\xff=1",
            content_type="application/x-www-form-urlencoded",
            headers=SAME_ORIGIN,
        )
        json_body = client.post(path, data=json.dumps({"a": 1}), content_type="application/json")
        head = client.head(path)
    assert [one.status_code for one in (large, broken, json_body, head)] == [503] * 4
    assert large.headers["Connection"] == "close"
    assert head.data == b""


class SlowBody:
    """A form whose sender takes their time."""

    def __init__(self) -> None:
        self.asked, self.sent = threading.Event(), threading.Event()

    def read(self, _size: int = -1) -> bytes:
        """What was sent, once it is."""
        self.asked.set()
        self.sent.wait(10)
        return b"industry=clocks"


def test_one_is_refused_at_a_time_but_nobody_waits_for_a_slow_sender(app: Flask) -> None:
    path, body = path_of("website"), SlowBody()
    slow = EnvironBuilder(
        path, method="POST", headers=SAME_ORIGIN, data=b"industry=clocks",
        content_type="application/x-www-form-urlencoded",
    ).get_environ()  # fmt: skip
    slow["wsgi.input"] = body
    with full(app), ThreadPoolExecutor(1) as threads:
        answer = threads.submit(run_wsgi_app, app, slow)
        assert body.asked.wait(5)
        assert app.test_client().get(path).status_code == 503
        body.sent.set()
        assert answer.result()[1].startswith("503")


# -- the real server -------------------------------------------------------------------------------

VISITORS = 40


def test_a_flood_of_a_server_with_one_worker_is_served_or_refused_and_loses_no_text(
    start_server: StartServer, sqlite_url: str
) -> None:
    server = start_server(sqlite_url, workers=1, THREADS="1")
    visitors = [Visitor(server.url) for _ in range(VISITORS)]
    pages = []
    for visitor in visitors:
        page = visitor.follow(visitor.submit(visitor.get("/onboarding/")))
        pages.append(visitor.follow(visitor.submit(page, ANSWERS["api-keys"], "save")))
    at_once = threading.Barrier(VISITORS)

    def insist(number: int) -> list[int]:
        visitor, text = visitors[number], f"Clocks & watches of street no. {number}"
        typed = {**ANSWERS["website"], "business_description": text}
        at_once.wait(20)
        answer = visitor.submit(pages[number], typed, "save")
        statuses = [answer.status]
        while answer.status == 503:
            assert int(answer.headers["Retry-After"]) > 0
            assert answer.form().filled({})["business_description"] == text
            time.sleep(0.05)
            answer = visitor.submit(answer)
            statuses.append(answer.status)
        saved: Page = visitor.get(path_of("website"))
        while saved.status == 503:
            saved = visitor.get(path_of("website"))
        assert saved.form().filled({})["business_description"] == text
        return statuses

    # Somebody writes for a moment: the one that is at work waits for that, and the others pile up.
    path = sqlite_url.partition("///")[2]
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(VISITORS) as pool:
            telling = [pool.submit(insist, number) for number in range(VISITORS)]
            time.sleep(0.5)
            other.execute("ROLLBACK")
            told = [one.result() for one in telling]
    counted = Counter(status for statuses in told for status in statuses)
    assert set(counted) == {303, 503}, counted
    assert counted[303] == VISITORS
    assert max(visitor.slowest for visitor in visitors) < 10
    assert Visitor(server.url).get("/onboarding/").status == 200
