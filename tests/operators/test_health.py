"""Is the process up, and may it get traffic."""

import json
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from tests.conftest import MakeApp
from tests.support.counting import count_statements
from tests.support.databases import postgres_database
from tests.support.pages import PageClient
from webapp.extensions import db


def answer(app: Flask, path: str, status: int) -> dict[str, str]:
    page = PageClient(app).get(path, status)
    assert "Set-Cookie" not in page.headers
    return dict(json.loads(page.source))


def at_revision(app: Flask, revision: str | None) -> None:
    """Let the database say that it is at this revision of the schema."""
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("DELETE FROM alembic_version"))
        if revision:
            row = text("INSERT INTO alembic_version VALUES (:revision)")
            connection.execute(row, {"revision": revision})


def test_a_process_that_is_up_says_so_without_asking_the_database(any_app: Flask) -> None:
    with count_statements(any_app) as cost:
        assert answer(any_app, "/healthz", 200) == {"status": "ok"}
    assert len(cost) == 0


def test_a_migrated_database_is_ready(any_app: Flask) -> None:
    found = answer(any_app, "/readyz", 200)
    assert found["status"] == "ok"
    assert found["schema"]


@pytest.mark.parametrize("revision", ["0001", "0002", None])
def test_a_schema_that_is_behind_the_code_is_not_ready(
    any_app: Flask, revision: str | None
) -> None:
    at_revision(any_app, revision)
    found = answer(any_app, "/readyz", 503)
    assert "flask db upgrade" in found["reason"]


def test_a_newer_schema_is_fine(any_app: Flask) -> None:
    """While a new version is rolled out, the old one runs on the new schema."""
    at_revision(any_app, "9999")
    assert answer(any_app, "/readyz", 200)["schema"] == "9999"


def test_a_database_that_is_not_there_is_not_ready_but_the_process_is_up(
    make_app: MakeApp, tmp_path: Path
) -> None:
    for url in (f"sqlite:///{tmp_path}/no/x.sqlite", "postgresql://nobody@127.0.0.1:1/nowhere"):
        app = make_app(url)
        assert answer(app, "/readyz", 503)["status"] == "unavailable"
        assert answer(app, "/healthz", 200) == {"status": "ok"}


def test_a_database_that_was_never_migrated_is_not_ready(make_app: MakeApp, tmp_path: Path) -> None:
    answer(make_app(f"sqlite:///{tmp_path}/empty.sqlite"), "/readyz", 503)


@pytest.mark.postgres
def test_a_postgresql_that_was_never_migrated_is_not_ready(
    make_app: MakeApp, run_dir: Path
) -> None:
    with postgres_database(run_dir, migrated=False) as url:
        app = make_app(url)
        answer(app, "/readyz", 503)
        with app.app_context():
            db.engine.dispose()


def test_no_probe_tells_where_the_database_is(make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app("postgresql://me:hunter2@127.0.0.1:1/nowhere")
    assert not {"hunter2", "nowhere", "127.0.0.1"} & set(str(answer(app, "/readyz", 503)).split())
    assert "hunter2" not in str(answer(app, "/readyz", 503))
