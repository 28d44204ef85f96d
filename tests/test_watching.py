"""Each request is one line of the log, and its id is in everything that it leaves behind."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.conftest import MakeApp
from tests.journeys import walk
from tests.support.counting import count_statements
from tests.support.overload import full
from tests.support.pages import PageClient
from webapp import jobs, logs, trace
from webapp.extensions import db
from webapp.steps.website.task import AnalysisTask

Lines = Callable[[], list[dict[str, Any]]]
PROXY = {"REMOTE_ADDR": "10.0.0.1"}


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    """`lines()`: what was written since the last call."""
    written: list[str] = []
    monkeypatch.setattr(logs._Output, "format", "json")
    monkeypatch.setattr(logs, "_write", written.append)

    def take() -> list[dict[str, Any]]:
        taken = [json.loads(line) for line in written]
        assert all(line.endswith("\n") and line.count("\n") == 1 for line in written)
        written.clear()
        return taken

    return take


@pytest.fixture
def proxied(make_app: MakeApp, sqlite_url: str) -> Flask:
    """The application behind a proxy that it trusts."""
    return make_app(sqlite_url, TRUSTED_PROXIES="10.0.0.0/8")


def test_refusals_are_lines_too_and_go_several_at_a_time(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One write each would cost those who are served the interpreter, when there is most to do."""
    writes: list[str] = []
    monkeypatch.setattr(logs._Output, "format", "json")
    monkeypatch.setattr(logs, "_write", writes.append)
    client = app.test_client()
    with full(app):
        answers = [client.get("/") for _ in range(30)]
        assert [len(text.splitlines()) for text in writes] == [logs.TOGETHER] * 2
    client.get("/healthz")
    assert [len(text.splitlines()) for text in writes] == [logs.TOGETHER] * 2 + [6, 1]
    longer = 64 - 16  # than the ids here are those that a proxy may pass on
    assert max(map(len, writes)) + logs.TOGETHER * longer <= 4096
    lines = [json.loads(line) for line in "".join(writes).splitlines()]
    assert [line["id"] for line in lines[:-1]] == [one.headers["X-Request-ID"] for one in answers]
    assert {line["status"] for line in lines[:-1]} == {503}


def test_a_request_is_one_line_with_the_rule_and_never_the_address(
    app: Flask, lines: Lines
) -> None:
    app.test_client().get("/onboarding/resume/a-token-of-somebody?session_id=mine")
    (line,) = lines()
    assert line.pop("time").endswith("+00:00")
    assert line.pop("duration_ms") > 0
    assert len(line.pop("id")) == 16
    assert line.pop("statements") >= 1
    assert line == {
        "level": "info",
        "event": "request",
        "method": "GET",
        "route": "/onboarding/resume/<token>",
        "status": 404,
    }


@pytest.mark.parametrize(
    ("method", "path", "status", "route", "told"),
    [
        ("GET", "/no/such-page", 404, "", "GET"),
        ("DELETE", "/onboarding/research", 405, "", "DELETE"),
        ("BREW", "/onboarding/research", 405, "", "other"),
        ("GET", "/healthz", 200, "/healthz", "GET"),
        ("GET", "/static/css/app.css", 200, "/static/<path:filename>", "GET"),
        ("POST", "/onboarding/start", 400, "/onboarding/start", "POST"),
    ],
)
def test_a_refused_or_strange_request_has_its_line_too(
    app: Flask, lines: Lines, method: str, path: str, status: int, route: str, told: str
) -> None:
    app.test_client().open(path, method=method).close()
    (line,) = lines()
    assert (line["status"], line["route"], line["method"]) == (status, route, told)


def test_a_host_that_is_not_ours_is_told_with_its_route(app: Flask, lines: Lines) -> None:
    app.test_client().get("/onboarding/research", headers={"Host": "evil.example"})
    (line,) = lines()
    assert (line["status"], line["route"]) == (400, "/onboarding/<slug>")


def test_the_statements_of_the_line_are_those_that_are_sent(any_app: Flask, lines: Lines) -> None:
    """And a page of a step still sends two at most: the line costs none."""
    client = PageClient(any_app)
    walk.walk(client, "integrations")
    lines()
    for slug in walk.SLUGS[:-1]:
        with count_statements(any_app) as cost:
            page = client.get(walk.path_of(slug))
        (line,) = lines()
        assert line["statements"] == len(cost) <= 2
    with count_statements(any_app) as cost:
        client.submit(page, walk.ANSWERS["integrations"], "save")
    (line,) = lines()
    assert line["statements"] == len(cost) > 3
    client.get("/healthz")
    assert lines()[0]["statements"] == 0, "counted anew for each request"


def test_a_fault_of_ours_is_one_error_with_its_id_in_line_log_page_and_header(
    app: Flask, lines: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    app.add_url_rule("/fail", view_func=lambda: 1 // 0)
    app.add_url_rule("/api/fail", "api_fail", view_func=lambda: 1 // 0)
    for path in ("/fail", "/api/fail"):
        caplog.clear()
        answer = app.test_client().get(path)
        (line,) = lines()
        assert (line["level"], line["status"], line["route"]) == ("error", 500, path)
        assert answer.headers["X-Request-ID"] == line["id"]
        assert line["id"] in answer.text
        if path.startswith("/api/"):
            assert answer.get_json()["request_id"] == line["id"]
        (record,) = [one for one in caplog.records if "ZeroDivisionError" in one.message]
        told = json.loads(logs.JsonFormatter().format(record))
        assert told["id"] == line["id"]
        assert "Traceback" in told["traceback"]
        assert f"[{line['id']}]\nTraceback" in logs.TextFormatter().format(record)


def test_every_problem_document_names_the_request_and_a_mistyped_address_needs_no_number(
    app: Flask,
) -> None:
    problem = app.test_client().get("/api/onboarding/step/research")
    assert problem.get_json()["request_id"] == problem.headers["X-Request-ID"]
    page = app.test_client().get("/no/such-page")
    assert page.headers["X-Request-ID"] not in page.text


@pytest.mark.parametrize(
    "given",
    ["7f3c9e0b12ab45de7f3c9e0b12ab45de", "3f2a91bc-0c4d-4e5f-8a6b-1234567890ab", "Root=1-5f:a.b/c"],
)
def test_an_id_of_a_trusted_proxy_is_passed_on(proxied: Flask, lines: Lines, given: str) -> None:
    headers = {"X-Request-ID": given}
    answer = proxied.test_client().get("/healthz", headers=headers, environ_base=PROXY)
    assert answer.headers["X-Request-ID"] == given
    assert lines()[0]["id"] == given


@pytest.mark.parametrize(
    "given",
    ["short", "a" * 65, "with space-12", 'quote"12345', "<script>1234", "ünïcode123", "-" * 9],
)
def test_an_id_that_could_not_stand_everywhere_is_replaced(
    proxied: Flask, lines: Lines, given: str
) -> None:
    headers = {"X-Request-ID": given.encode().decode("latin-1")}
    answer = proxied.test_client().get("/healthz", headers=headers, environ_base=PROXY)
    assert len(answer.headers["X-Request-ID"]) == 16
    assert lines()[0]["id"] == answer.headers["X-Request-ID"]


def test_an_id_of_anybody_else_is_not_believed(proxied: Flask, app: Flask) -> None:
    headers = {"X-Request-ID": "chosen-by-somebody"}
    stranger = proxied.test_client().get(
        "/healthz", headers=headers, environ_base={"REMOTE_ADDR": "203.0.113.5"}
    )
    alone = app.test_client().get("/healthz", headers=headers)  # loopback, and no proxy is trusted
    for answer in (stranger, alone):
        assert answer.headers["X-Request-ID"] != "chosen-by-somebody"


def test_nothing_is_under_way_after_a_request(app: Flask) -> None:
    app.test_client().get("/onboarding/")
    assert trace.current() is None
    record = logging.getLogger("x").makeRecord("x", 20, "", 1, "between", (), None)
    assert "id" not in json.loads(logs.JsonFormatter().format(record))


def test_a_log_that_cannot_be_written_stops_nobody(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(logs._Output, "format", "json")
    monkeypatch.setattr("os.write", full)
    assert app.test_client().get("/healthz").status_code == 200


def test_a_job_is_one_line(app: Flask, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    from webapp.extensions import transaction

    for outcome, start in (("nothing", lambda *_: None), ("put_back", lambda *_: 1 // 0)):
        monkeypatch.setattr(AnalysisTask, "start", start)
        with app.app_context():
            with transaction():
                jobs.add(AnalysisTask.kind, f"subject-{outcome}", None)
            with count_statements(app) as cost:
                job = jobs.claim("here")
            assert job
            before = len(cost)
            with count_statements(app) as cost:
                jobs.perform(job)
            db.session.remove()
        (line,) = lines()
        assert before
        assert line.pop("time")
        assert line.pop("duration_ms") > 0
        assert len(line.pop("id")) == 16
        assert line == {
            "level": "info" if outcome == "nothing" else "error",
            "event": "job",
            "kind": AnalysisTask.kind,
            "outcome": outcome,
            "attempt": 1,
            "statements": len(cost),
        }


@pytest.mark.parametrize(
    ("given", "terminal", "chosen"),
    [("", True, "text"), ("", False, "json"), ("json", True, "json"), ("text", False, "text")],
)
def test_a_terminal_gets_text_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, given: str, terminal: bool, chosen: str
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    assert logs.chosen_format(given) == chosen


def test_text_is_short(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(logs._Output, "format", "text")
    monkeypatch.setattr(logs, "_write", written.append)
    answer = app.test_client().get("/onboarding/research")
    (line,) = written
    assert line.startswith("GET /onboarding/<slug> 303 ")
    assert line.endswith(f" ms, 0 SQL [{answer.headers['X-Request-ID']}]\n")
