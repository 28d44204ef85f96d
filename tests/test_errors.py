"""Errors come in the application's own look, or as problem documents; never as a stack trace."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, abort
from sqlalchemy import text

from tests.conftest import MakeApp
from tests.support.pages import Page, PageClient
from webapp.extensions import db

TRACES = ("Traceback", 'File "', "sqlalchemy", "RuntimeError", "webapp/", ".py", "SELECT", "secret")


def with_route(app: Flask, path: str, view: Callable[[], Any]) -> PageClient:
    """A client of `app` with one more page."""
    app.add_url_rule(path, endpoint=path, view_func=view)
    return PageClient(app)


def is_our_page(page: Page, heading: str) -> None:
    """The page looks like the application's and says nothing of its insides."""
    assert page.heading == heading
    assert page.find("//header//a[@href='/onboarding/']"), "the application's own frame"
    assert page.find("//link[@rel='stylesheet']")
    says_nothing_inner(page)


def says_nothing_inner(page: Page) -> None:
    shown = page.source
    for link in page.find("//@href | //@src") if page.is_html else []:
        shown = shown.replace(str(link), "")
    for trace in TRACES:
        assert trace not in shown, trace


def is_problem(page: Page, title: str) -> dict[str, Any]:
    """The problem document of RFC 9457."""
    assert page.response.mimetype == "application/problem+json"
    body = json.loads(page.source)
    assert (body["status"], body["title"]) == (page.status, title)
    assert body["type"] == "about:blank"
    assert isinstance(body["detail"], str)
    assert body["detail"]
    says_nothing_inner(page)
    return dict(body)


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere", "/onboarding/nowhere", "/onboarding/website/nowhere", "/onboarding/%2500",
        "/static/nowhere.css", "/static/../wsgi.py", "/onboarding/resume/x/y/z", "/..%2f..%2fetc",
        "/onboarding/API-KEYS", "/%3Cscript%3E",
    ],
)  # fmt: skip
def test_an_unknown_address_is_404_in_our_own_look(client: PageClient, path: str) -> None:
    is_our_page(client.get(path, 404), "There is no such page")


def test_a_wrong_method_is_405_and_says_which_are_right(client: PageClient) -> None:
    page = client.post("/onboarding/", status=405)
    is_our_page(page, "This page cannot be used that way")
    assert "GET" in page.headers["Allow"]


def test_an_address_that_takes_posts_alone_sends_a_reader_to_the_start(client: PageClient) -> None:
    """The error page of a post that failed links to its address again."""
    assert client.get("/onboarding/start", 303).location == "/onboarding/"


def test_a_body_that_is_too_large_is_413(client: PageClient) -> None:
    client.submit(client.get("/onboarding/"))
    values = client.get("/onboarding/api-keys").form().values()
    values["openai"] = "x" * 300_000
    page = client.post("/onboarding/api-keys", values, 413)
    is_our_page(page, "That is too much at once")


def test_a_form_with_too_many_parts_is_413(client: PageClient) -> None:
    parts = {f"part-{n}": "x" for n in range(201)}
    multipart = "multipart/form-data"
    response = client.flask.post("/onboarding/api-keys", data=parts, content_type=multipart)
    assert response.status_code == 413
    is_our_page(Page("/onboarding/api-keys", response), "That is too much at once")


def test_a_button_that_does_not_exist_is_422(client: PageClient) -> None:
    client.submit(client.get("/onboarding/"))
    values = client.get("/onboarding/api-keys").form().values()
    values["action"] = "explode"
    is_our_page(client.post("/onboarding/api-keys", values, 422), "This cannot be done")


def test_another_step_s_button_is_422(client: PageClient) -> None:
    client.submit(client.get("/onboarding/"))
    values = client.get("/onboarding/api-keys").form().values()
    values["action"] = "again"
    is_our_page(client.post("/onboarding/api-keys", values, 422), "This cannot be done")


def test_a_post_without_a_token_is_400(client: PageClient) -> None:
    is_our_page(client.post("/onboarding/start", status=400), "This request cannot be read")


def test_too_many_requests_are_429_with_a_page_that_tries_again(app: Flask) -> None:
    client = with_route(app, "/busy", lambda: abort(429))
    page = client.get("/busy", 429)
    is_our_page(page, "Too many requests")
    assert page.find("//noscript//meta[@http-equiv='refresh'] | //meta[@http-equiv='refresh']")


def test_a_fault_of_ours_is_500_and_tells_nothing(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> str:
        raise RuntimeError("a secret of the inside")

    page = with_route(app, "/broken", fail).get("/broken", 500)
    is_our_page(page, "Something went wrong on our side")
    assert "a secret of the inside" in caplog.text, "the operator is told"


def test_a_fault_that_a_database_reports_of_our_sql_is_500(
    any_app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    def duplicate() -> str:
        with db.engine.begin() as connection:
            row = text("INSERT INTO alembic_version VALUES ('secret')")
            connection.execute(row)
            connection.execute(row)
        return ""

    page = with_route(any_app, "/twice", duplicate).get("/twice", 500)
    is_our_page(page, "Something went wrong on our side")


def test_what_was_typed_is_not_in_the_log_of_a_failing_statement(
    any_app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    def typed() -> str:
        with db.engine.begin() as connection:
            row = text("INSERT INTO alembic_version VALUES (:typed)")
            connection.execute(row, {"typed": "my own words"})
            connection.execute(row, {"typed": "my own words"})
        return ""

    with_route(any_app, "/typed", typed).get("/typed", 500)
    assert "IntegrityError" in caplog.text
    assert "[parameters: {'typed'" not in caplog.text
    assert "('my own words',)" not in caplog.text


def test_a_database_that_is_not_there_is_503_with_a_page_that_tries_again(
    make_app: MakeApp, tmp_path: Path
) -> None:
    client = PageClient(make_app(f"sqlite:///{tmp_path}/nowhere/onward.sqlite"))
    welcome = client.get("/onboarding/")
    page = client.submit(welcome, status=503)
    is_our_page(page, "We cannot reach our records just now")
    assert int(page.headers["Retry-After"]) > 0
    assert page.find("//noscript//meta[@http-equiv='refresh'] | //meta[@http-equiv='refresh']")


def test_a_postgresql_that_is_not_there_is_503(make_app: MakeApp) -> None:
    client = PageClient(make_app("postgresql://nobody@127.0.0.1:1/nowhere"))
    welcome = client.get("/onboarding/")
    is_our_page(client.submit(welcome, status=503), "We cannot reach our records just now")


def test_a_database_that_somebody_else_holds_is_503_and_works_again_afterwards(
    make_app: MakeApp, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.extensions.BUSY_SECONDS", 1)
    client = PageClient(make_app(sqlite_url))
    welcome = client.get("/onboarding/")
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        is_our_page(client.submit(welcome, status=503), "We cannot reach our records just now")
        other.execute("ROLLBACK")
    finally:
        other.close()
    assert client.submit(welcome).location == "/onboarding/api-keys"


# The API's errors.


def test_the_api_s_unknown_address_is_a_problem_document(client: PageClient) -> None:
    is_problem(client.get("/api/onboarding/nowhere", 404), "Not Found")


def test_the_api_s_wrong_method_is_a_problem_document(client: PageClient) -> None:
    page = client.get("/api/onboarding/cleanup", 405)
    is_problem(page, "Method Not Allowed")
    assert "POST" in page.headers["Allow"]


def test_the_api_s_fault_of_ours_is_a_problem_document(app: Flask) -> None:
    def fail() -> str:
        raise RuntimeError("a secret of the inside")

    client = with_route(app, "/api/onboarding/broken", fail)
    is_problem(client.get("/api/onboarding/broken", 500), "Internal Server Error")


def test_the_api_s_database_away_is_a_problem_document(make_app: MakeApp, tmp_path: Path) -> None:
    client = PageClient(make_app(f"sqlite:///{tmp_path}/no/x.sqlite", CLEANUP_TOKEN="broom"))
    headers = {"Authorization": "Bearer broom"}
    page = client.post("/api/onboarding/cleanup", status=503, headers=headers)
    is_problem(page, "Service Unavailable")
    assert int(page.headers["Retry-After"]) > 0


def test_a_422_of_the_api_names_the_fields(make_app: MakeApp, sqlite_url: str) -> None:
    client = PageClient(make_app(sqlite_url, CLEANUP_TOKEN="broom"))
    headers = {"Authorization": "Bearer broom"}
    page = client.post("/api/onboarding/cleanup?hours=x&dry_run=y", status=422, headers=headers)
    errors = is_problem(page, "Unprocessable Entity")["errors"]
    assert set(errors) == {"hours", "dry_run"}
    assert all(
        messages and all(isinstance(m, str) for m in messages) for messages in errors.values()
    )


def test_an_error_page_needs_neither_a_database_nor_a_session(
    make_app: MakeApp, tmp_path: Path
) -> None:
    client = PageClient(make_app(f"sqlite:///{tmp_path}/nowhere/onward.sqlite"))
    client.flask.set_cookie("onward", "forged.by.somebody")
    is_our_page(client.get("/nowhere", 404), "There is no such page")
    assert client.get("/onboarding/").heading
