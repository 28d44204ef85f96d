"""Everything that is stored of somebody can be taken along, and goes without a rest."""

import json
import re
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Column, ForeignKey, MetaData, String, Table, select

from tests.conftest import MakeApp
from tests.journeys.walk import (
    ANSWERS,
    KEYS,
    SAME_ORIGIN,
    begin,
    messages,
    path_of,
    same_browser,
    save,
    sql,
    walk,
    without_secrets,
)
from tests.support.pages import PageClient
from tests.test_cli import run
from tests.wizard import samples
from webapp import audit, privacy
from webapp.extensions import Base, db, transaction
from webapp.wizard.models import OnboardingSession

YOURS = "/onboarding/your-data"
ELSEWHERE = {
    "audit_trail": "what happened stays told; an erasure puts a keyed hash in the person's place",
}
"""Tables that name a session or a person and are not deleted with them, each with the reason."""
PERSONS = re.compile(r"session_id|user_id|mail|recipient|phone|^ip$")
"""Names of columns that lead to somebody."""


def forgotten(metadata: MetaData) -> list[str]:
    """Tables that hold data of a session and that neither export nor erasure would find."""
    found = {table.name for table in privacy.owned(metadata)} | {"onboarding_sessions"}
    return [
        table.name
        for table in metadata.sorted_tables
        if table.name not in ELSEWHERE
        and (
            any(PERSONS.search(column.name) for column in table.c)
            if table.name not in found
            else table.name != "onboarding_sessions" and not _goes_along(table)
        )
    ]


def _goes_along(table: Table) -> bool:
    """Its rows name their session, which the export reads, and go with it."""
    keys = [key for key in table.foreign_keys if key.parent.name == "session_id"]
    return bool(keys) and all(key.ondelete == "CASCADE" for key in keys)


def fill(app: Flask) -> str:
    """A session with a row in every table that a session can have rows in."""
    with app.app_context():
        session_id = samples.begin()
        with db.engine.begin() as connection:
            connection.execute(
                OnboardingSession.__table__.delete().where(OnboardingSession.id == session_id)
            )
            samples.row_everywhere(connection, session_id)
    return session_id


def test_no_table_is_forgotten() -> None:
    assert forgotten(Base.metadata) == []


def test_a_table_without_a_way_to_its_session_would_be_found() -> None:
    invented = MetaData()
    for table in Base.metadata.sorted_tables:
        table.to_metadata(invented)
    Table("notes", invented, Column("session_id", String(64), primary_key=True))
    assert forgotten(invented) == ["notes"]
    invented.remove(invented.tables["notes"])
    key = ForeignKey("onboarding_sessions.id")
    Table("notes", invented, Column("session_id", String(64), key, primary_key=True))
    assert forgotten(invented) == ["notes"], "its rows would stand in the way of an erasure"
    invented.remove(invented.tables["notes"])
    far = ForeignKey("kblocks.id", ondelete="CASCADE")
    Table("notes", invented, Column("kblock_id", String(64), far, primary_key=True))
    assert forgotten(invented) == ["notes"], "the export could not tell whose they are"
    invented.remove(invented.tables["notes"])
    Table("notes", invented, Column("contact_email", String(64), primary_key=True))
    assert forgotten(invented) == ["notes"]
    invented.remove(invented.tables["notes"])
    key = ForeignKey("onboarding_sessions.id", ondelete="CASCADE")
    Table("notes", invented, Column("session_id", String(64), key, primary_key=True))
    assert forgotten(invented) == []
    assert "notes" in {table.name for table in privacy.owned(invented)}


def test_the_export_holds_a_row_of_every_table_and_the_erasure_leaves_none(any_app: Flask) -> None:
    session_id = fill(any_app)
    with any_app.app_context():
        found = privacy.export(session_id)
        assert found is not None
        tables = {table.name for table in samples.session_tables()} - {"onboarding_sessions"}
        assert {name for name, rows in found["tables"].items() if rows} == tables
        assert found["tables"]["api_keys"][0]["ciphertext"] == "[hidden]"
        assert found["tables"]["resume_links"][0]["token_hash"] == "[hidden]"
        assert found["tables"]["letters"][0]["body"] == "[hidden]"
        json.dumps(found)
    assert run(any_app, "erase", session_id).exit_code == 0
    with any_app.app_context():
        assert [name for name, rows in samples.snapshot(session_id).items() if rows] == []
        assert privacy.export(session_id) is None
    assert run(any_app, "erase", session_id).exit_code == 2
    assert run(any_app, "export", session_id).exit_code == 2


def test_an_operator_exports_and_erases_a_user_by_name(any_app: Flask, tmp_path: Path) -> None:
    with any_app.app_context():
        session_id = samples.begin()
        samples.walk(session_id)
        mine = OnboardingSession.id == session_id
        db.session.execute(OnboardingSession.__table__.update().where(mine).values(user_id="ada l"))
        db.session.commit()
    file = tmp_path / "ada.json"
    assert run(any_app, "export", "ada l", "-o", str(file)).exit_code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert samples.OPENAI_KEY not in file.read_text()
    stored = json.loads(file.read_text())
    assert stored["session"]["user_id"] == "ada l"
    assert stored["session"]["first_declaration"] == samples.GOOD["finish"]["first_declaration"]
    assert stored["tables"]["persona_data"][0]["audience"] == "People who bake at home"
    assert json.loads(run(any_app, "export", session_id).output)["tables"] == stored["tables"]
    assert "would be erased" in run(any_app, "erase", "ada l", "--dry-run").output
    assert run(any_app, "export", "ada l").exit_code == 0
    assert run(any_app, "erase", "ada l", "--yes").exit_code == 0
    with any_app.app_context():
        trail = list(audit.read(user_id="ada l"))
        told = [(entry.action, entry.who) for entry in trail]
        exported = ("exported", "operator")
        assert told == [("completed", "user"), *[exported] * 3, ("erased", "operator")]
        names = db.session.scalars(select(audit.AuditEntry.user_id)).all()
        ids = db.session.scalars(select(audit.AuditEntry.session_id)).all()
        assert "ada l" not in names
        assert session_id not in ids


def test_what_was_done_before_signing_in_is_exported_too(app: Flask) -> None:
    with app.app_context():
        session_id = samples.begin()
        with transaction():
            audit.record("link_made", who="user", session_id=session_id)
            audit.record("adopted", who="user", session_id=session_id, user_id="ada")
            mine = OnboardingSession.id == session_id
            db.session.execute(
                OnboardingSession.__table__.update().where(mine).values(user_id="ada")
            )
        found = privacy.export(session_id)
    assert found is not None
    assert [entry["action"] for entry in found["audit_trail"]] == ["link_made", "adopted"]


def test_a_file_that_cannot_be_written_is_told(app: Flask, tmp_path: Path) -> None:
    with app.app_context():
        session_id = samples.begin()
    result = run(app, "export", session_id, "-o", str(tmp_path / "no" / "file.json"))
    assert result.exit_code == 1
    assert "No such file or directory" in result.output


def test_a_session_is_found_before_a_user_who_is_called_like_it(app: Flask) -> None:
    with app.app_context():
        session_id, other = samples.begin(), samples.begin()
        named = OnboardingSession.id == other
        with transaction():
            db.session.execute(
                OnboardingSession.__table__.update().where(named).values(user_id=session_id)
            )
    assert run(app, "erase", session_id).exit_code == 0
    with app.app_context():
        assert db.session.scalars(select(OnboardingSession.id)).all() == [other]


def test_one_takes_a_copy_in_the_pages(any_app: Flask, any_client: PageClient) -> None:
    walk(any_client)
    page = any_client.get("/onboarding/summary")
    assert page.find(f"//a[@href='{YOURS}']")
    shown = any_client.get(YOURS)
    assert "Stored keys, sealed" in shown.text()
    file = any_client.submit(any_client.get(f"{YOURS}/export"), status=200)
    without_secrets(file)
    assert "attachment" in file.headers["Content-Disposition"]
    assert file.headers["Content-Type"] == "application/json"
    assert file.headers["Cache-Control"] == "private, no-store"
    told = json.loads(file.source)
    assert told["tables"]["website_answers"][0]["industry"] == "clockmaking"
    assert told["session"]["first_declaration"] == ANSWERS["finish"]["first_declaration"]
    assert KEYS["openai"][-4:] == told["tables"]["api_keys"][1]["last_four"]


def test_one_erases_everything_in_the_pages_and_old_tabs_bring_nothing_back(
    any_app: Flask, any_client: PageClient
) -> None:
    walk(any_client, "persona")
    other = same_browser(any_client, any_app)
    tab = any_client.get(path_of("website"))
    asked = any_client.get(f"{YOURS}/erase")
    assert sql(any_app, "SELECT count(*) FROM onboarding_sessions") == [(1,)], "a GET only asks"
    done = any_client.follow(any_client.submit(asked))
    assert done.path == "/onboarding/"
    assert "erased" in " ".join(messages(done))
    for table in samples.session_tables():
        assert sql(any_app, f"SELECT count(*) FROM {table.name}") == [(0,)], table.name  # noqa: S608
    sent = asked.form().filled({})
    again = other.post(f"{YOURS}/erase", sent, 303, SAME_ORIGIN)
    assert again.location == "/onboarding/"
    assert other.get(path_of("website"), 303).location == "/onboarding/"
    late = other.submit(tab, {**ANSWERS["website"], "industry": "late"}, "save")
    assert late.location == path_of("api-keys"), "a new session, and what was typed is its draft"
    assert sql(any_app, "SELECT count(*) FROM website_answers") == [(0,)]


@pytest.mark.parametrize("path", [YOURS, f"{YOURS}/export", f"{YOURS}/erase"])
def test_without_a_session_there_is_nothing_to_see(client: PageClient, path: str) -> None:
    assert client.get(path, 303).location == "/onboarding/"


def test_an_erasure_takes_the_keys_out_of_the_env_file(
    make_app: MakeApp, sqlite_url: str, tmp_path: Path
) -> None:
    env = tmp_path / "dot.env"
    app = make_app(sqlite_url, DEPLOY_ENV="local", ENV_FILE=str(env))
    client = PageClient(app)
    begin(client)
    save(client, "api-keys")
    assert "OPENAI_API_KEY" in env.read_text()
    client.submit(client.get(f"{YOURS}/erase"))
    assert "OPENAI_API_KEY" not in env.read_text()
