"""Importing: whose rows, what wins, twice, killed, hostile, and what a user finds afterwards."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError, OperationalError

from tests.conftest import MakeApp
from tests.legacy.hands import bring, everything, refused, run, state_of, visit_of
from tests.legacy.samples import (
    ALWRITY,
    EXA,
    GEMINI,
    KGENTS,
    LINKEDIN,
    OPENAI,
    baker,
    declared,
    postgres_source,
    progress,
    sqlite_source,
)
from tests.support.databases import TOP, postgres_database, settings
from tests.support.jwks import KEY, JwksServer, jwks_server
from tests.support.pages import PageClient
from tests.wizard.samples import GOOD, OPENAI_KEY, filled, step
from webapp import audit
from webapp.extensions import db, transaction
from webapp.identity.caller import Caller
from webapp.jobs.queue import Job
from webapp.legacy import bring as bringing
from webapp.legacy import kgents
from webapp.legacy import run as running
from webapp.legacy.index import old_user_hash, user_hash
from webapp.steps.api_keys import ApiKey
from webapp.steps.finish import KBlock
from webapp.types import now
from webapp.wizard import store
from webapp.wizard.models import OnboardingSession

SESSION = "8d946011-f52a-4972-982c-876e92b79045"


@pytest.fixture(scope="module")
def issuer() -> Iterator[JwksServer]:
    with jwks_server() as running:
        yield running


def user_of_ours(user: str, slug: str, **changes: Any) -> None:
    """Somebody who is here already, and has saved this step."""
    caller = store.open_session(Caller(None, user_id=user))
    base = visit_of(user).revision(slug)
    store.save(caller, step(slug), filled(slug, **changes), base)


def folder_in(path: Path) -> Path:
    """A folder in which nothing else lies."""
    folder = path / "source"
    folder.mkdir()
    return folder


# What comes, and what it meets.


def test_rows_are_merged_what_is_here_wins_and_a_second_run_changes_nothing(
    any_app: Flask, tmp_path: Path
) -> None:
    rows = [
        *baker(),
        *baker("user_open", 2, step=4)[:2],
        ("api_keys", {"id": 9, "session_id": 1, "provider": "gemini", "key": "AIza" + "old" * 10,
                      "updated_at": "2025-01-01 00:00:00"}),
        ("api_keys", {"id": 10, "session_id": 1, "provider": "metaphor", "key": EXA}),
        ("api_keys", {"id": 11, "session_id": 1, "provider": "firecrawl", "key": "fc-secretkey"}),
        ("api_keys", {"id": 12, "session_id": None, "provider": "exa", "key": EXA}),
        ("website_analyses", {"id": 90, "session_id": 1, "website_url": "https://fern.example.com",
                              "status": "failed", "error_message": "x",
                              "updated_at": "2026-01-01 00:00:00"}),
        ("website_analyses", {"id": 91, "session_id": 4242, "website_url": "a.example.com"}),
        ("user_business_info", {"id": 1, "user_id": 1, "business_description": "Not a person."}),
    ]  # fmt: skip
    source = sqlite_source(folder_in(tmp_path) / "alwrity.db", ALWRITY, rows)
    with any_app.app_context():
        user_of_ours("user_open", "api-keys")
    before = state_of(source)
    dry = bring(any_app, "alwrity", source, "--dry-run")
    with any_app.app_context():
        assert db.session.scalars(select(OnboardingSession.user_id)).all() == ["user_open"]
    report = bring(any_app, "alwrity", f"sqlite:///{source}")
    assert {**report, "dry_run": True} == dry
    assert state_of(source) == before
    assert report["counts"] == {
        "users": 2, "users_new": 1, "users_merged": 1, "completed": 1, "open": 1,
    }  # fmt: skip
    wanted = {("api_keys", "12"), ("website_analyses", "91"), ("user_business_info", "1")}
    assert refused(report) == wanted
    assert report["tables"]["website_analyses"] == {
        "imported": 1, "merged": 2, "already_there": 0, "not_attachable": 1,
    }  # fmt: skip
    assert {"field": "research_depth", "from": "Deep", "to": "Comprehensive", "count": 1} in (
        report["mapped"]
    )
    reasons = {(one["table"], one["id"], one["reason"]) for one in report["left_out"]}
    assert ("api_keys", 11, "unknown_provider") in reasons
    assert ("api_keys", 9, "older_key") in reasons
    with any_app.app_context():
        visit = visit_of("user_baker")
        assert {n: row.opened() for n, row in visit.answer("api-keys").items()} == {
            "gemini": GEMINI, "exa": EXA,
        }  # fmt: skip
        website = visit.answer("website")
        assert website.website_url == "https://fern.example.com/"
        analysis = website.current_analysis
        assert analysis.status == "completed"
        assert analysis.writing_style["tone"].startswith("warm")
        assert analysis.crawl_result["title"] == "Fern Street"
        assert analysis.style_guidelines["content_strategy_insights"] == {"a": 1}
        assert visit.saved == {"api-keys", "website", "research", "persona"}
        assert visit.session.completed
        assert visit.session.first_declaration is None
        assert visit.answer("persona").tone == "Conversational"
        ours = visit_of("user_open").answer("api-keys")
        assert {n: row.opened() for n, row in ours.items()} == {
            "gemini": GEMINI, "openai": OPENAI_KEY,
        }  # fmt: skip
        entries = [e for e in audit.read() if e.action == "imported"]
        assert {e.user_id for e in entries} == {"user_baker", "user_open"}
        assert entries[0].who == "operator"
        assert entries[0].details["source"] == "alwrity"
        assert db.session.scalar(select(func.count()).select_from(Job)) == 0
        # The user takes a key out: another run does not put it back.
        with transaction():
            db.session.execute(delete(ApiKey).where(ApiKey.provider == "exa"))
        state = everything()
    again = bring(any_app, "alwrity", source)
    assert again["counts"] == {"users": 2, "users_already_there": 2}
    assert refused(again) == refused(report)
    with any_app.app_context():
        assert everything() == state
    assert not (Path(any_app.extensions["settings"].env_file or "/nowhere")).exists()


def test_older_ids_are_found_by_their_hashes_and_attached_later(
    any_app: Flask, tmp_path: Path
) -> None:
    """The number of a user stands for them as soon as anything tells their id."""
    ada, hexed = "user_ada.with.dots", "user_0a1b2c3dXyz"
    old = old_user_hash(hexed)
    assert old == 0x0A1B2C3D
    assert old_user_hash(ada) is None
    rows = [
        ("onboarding_sessions", {"id": 7, "user_id": user_hash(ada), "current_step": 2}),
        ("onboarding_sessions", {"id": 8, "user_id": 3, "current_step": 2}),
        ("api_keys", {"id": 1, "session_id": 7, "provider": "openai", "key": OPENAI}),
        ("website_analyses", {"id": 1, "session_id": user_hash(ada), "status": "completed",
                              "website_url": "https://ada.example.com", "writing_style": "{}"}),
        ("website_analyses", {"id": 2, "session_id": old, "status": "completed",
                              "website_url": "https://hex.example.com"}),
        ("website_analyses", {"id": 3, "session_id": 3, "status": "completed",
                              "website_url": "https://never-a-user-id.example.com"}),
        ("user_business_info", {"id": 1, "user_id": 3, "business_description": "We bind books."}),
        ("user_business_info", {"id": 2, "user_id": 9, "business_description": "Nobody's shop."}),
    ]  # fmt: skip
    source = sqlite_source(folder_in(tmp_path) / "old.sqlite", ALWRITY, rows, user_id="INTEGER")
    with sqlite3.connect(source) as connection:  # the older schema
        connection.execute("DROP TABLE persona_data")
        connection.execute("ALTER TABLE website_analyses DROP COLUMN brand_analysis")
        connection.execute("ALTER TABLE website_analyses DROP COLUMN content_strategy_insights")
    connection.close()
    with any_app.app_context():
        user_of_ours(ada, "api-keys")
    report = bring(any_app, "alwrity", source.parent)  # a folder with one database
    wanted = {("website_analyses", "2"), ("website_analyses", "3"), ("user_business_info", "2")}
    assert refused(report) == wanted
    with any_app.app_context():
        users = db.session.scalars(select(OnboardingSession.user_id)).all()
        assert sorted(filter(None, users)) == ["3", ada]
        assert visit_of(ada).answer("website").website_url == "https://ada.example.com/"
        assert "website" in visit_of("3").saved
        store.open_session(Caller(None, user_id=hexed))
    report = bring(any_app, "alwrity", source)
    assert refused(report) == wanted - {("website_analyses", "2")}
    with any_app.app_context():
        assert visit_of(hexed).answer("website").website_url == "https://hex.example.com/"
        # Two known users with one hash: nobody guesses.
        twin = f"user_{hexed.removeprefix('user_')[:8]}Another"
        store.open_session(Caller(None, user_id=twin))
    report = bring(any_app, "alwrity", source)
    assert [e["reason"] for e in report["not_attachable"] if e["id"] == 2] == [
        "ambiguous_hash",
        "no_such_user",
    ]


def test_files_find_their_users_and_bad_ones_do_not_cost_the_others(
    any_app: Flask, tmp_path: Path
) -> None:
    folder = folder_in(tmp_path)
    good = progress(
        {
            1: {"api_keys": {"gemini": GEMINI, "exa": "", "metaphor": EXA}},
            2: {"website": "fern.example.com", "useAnalysisForGenAI": False,
                "analysis": {"writing_style": {"tone": "lively"}, "guidelines": {"tone": "short"}}},
            3: {"competitors": [{"url": f"https://r{n}.example.com"} for n in range(6)]
                + [{"url": "https://r6.example.com", "title": "Rival", "summary": ""},
                   {"url": "ftp://x"}, 5], "researchSummary": {"a": 1}},
            4: {"corePersona": {"identity": {"persona_name": "N" * 200}},
                "selectedPlatforms": ["linkedin", "tiktok"], "platformPersonas": [1]},
        }
    )  # fmt: skip
    for name, content in {
        "user_alone0Nn7QwErTy": good,
        "user_2_ada_one": progress({1: {"api_keys": {"openai": OPENAI}}}),
        "user_twin_a": good,
        "lost__chars": good,
        "user_bad0Nn7QwErTyUi": good[:-9],
        "user_list0Nn7QwErTyU": "[1]",
        "user_deep0Nn7QwErTyU": '{"steps": ' + "[" * 90000 + "}",
    }.items():
        (folder / f".onboarding_progress_{name}.json").write_text(content)
    (folder / ".onboarding_progress.json").write_text(good)
    (folder / ".onboarding_progress_user_latin0Nn7QwErTy.json").write_bytes(b'{"steps": ["\xff"]}')
    with any_app.app_context():
        for user in ("user_2.ada@one", "user_twin.a", "user_twin:a"):
            store.open_session(Caller(None, user_id=user))
    before = state_of(folder)
    report = bring(any_app, "progress-files", folder, "--utc-offset", "330")
    assert state_of(folder) == before
    assert {one["id"].split("progress")[1]: one["reason"] for one in report["not_attachable"]} == {
        ".json": "ownerless", "_user_twin_a.json": "ambiguous_owner",
        "_lost__chars.json": "unknown_owner", "_user_bad0Nn7QwErTyUi.json": "corrupt",
        "_user_list0Nn7QwErTyU.json": "corrupt", "_user_deep0Nn7QwErTyU.json": "corrupt",
        "_user_latin0Nn7QwErTy.json": "corrupt",
    }  # fmt: skip
    with any_app.app_context():
        assert "openai" in visit_of("user_2.ada@one").answer("api-keys")
        visit = visit_of("user_alone0Nn7QwErTy")
        assert visit.session.created_at.isoformat().startswith("2025-09-30T01:56:44")
        assert len(visit.answer("research").competitors) == 5
        assert "research" not in visit.saved
        assert not visit.answer("website").use_analysis
        assert visit.answer("persona").persona_name == "N" * 80
        assert not visit.answer("persona").tone  # the site is not to decide, nobody else said it
        assert visit.resume is step("research")
    alone = [one for one in report["left_out"] if "alone" in one["id"]]
    details = [one for one in alone if one["reason"] == "no_place"]
    assert [one["column"] for one in details].count("competitors") == 1, "a title, and no place"


def test_declarations_come_byte_for_byte_and_none_of_a_users_is_lost(
    any_app: Flask, tmp_path: Path
) -> None:
    said = ["  ", "x" * 5000, "Line\r\nnext\t<b>“🌱”</b> '); DROP TABLE x;--"]
    rows = [
        declared(SESSION, None, said[0], 1),
        declared("1", None, None, 2),
        declared("a" * 64, "many", said[1], 3, completed=False, completed_at=None),
        declared("0" * 36, "many", said[2], 2, first_kblock_id="kb-3"),
        declared("c", "many", None, 9),
        declared("d", "here", said[2], 4),
        declared(SESSION[:-1] + "6", None, "Somebody else's.", 5),
    ]
    source = sqlite_source(tmp_path / "kgents.sqlite", KGENTS, rows)
    with sqlite3.connect(source) as connection:  # as the newer models have it
        connection.execute("ALTER TABLE onboarding_sessions ADD COLUMN f2_edge_id VARCHAR(64)")
    connection.close()
    with any_app.app_context():
        user_of_ours("here", "api-keys")
        store.open_session(Caller(SESSION[:-1] + "6"))  # an id that is taken
    report = bring(any_app, "kgents", source)
    assert report["not_attachable"] == []
    assert [one["reason"] for one in report["notes"]] == ["finished_there", "second_session"]
    with any_app.app_context():
        alone = visit_of(session_id=SESSION)
        assert alone.session.first_declaration == said[0]
        assert alone.session.completed
        # The id opened the session there; here it does only if nobody can guess it.
        assert store.load(Caller(SESSION, by_id=True)) is not None
        assert store.load(Caller("1", by_id=True)) is None
        many = visit_of("many").session
        assert many.id == "a" * 64
        assert many.first_declaration == said[1]
        assert many.completed
        query = select(KBlock.content).where(KBlock.session_id == many.id)
        assert set(db.session.scalars(query)) == {said[1], said[2]}
        here = visit_of("here")
        assert here.session.first_declaration == said[2]
        assert not here.session.completed
        assert visit_of(session_id=SESSION[:-1] + "6").session.first_declaration is None
        theirs = OnboardingSession.first_declaration == "Somebody else's."
        assert db.session.scalar(select(OnboardingSession.user_id).where(theirs)) is None
        before = everything()
    assert bring(any_app, "kgents", source)["counts"]["users_already_there"] == 5
    with any_app.app_context():
        assert everything() == before


# What a user finds.


def test_an_imported_user_sees_a_summary_or_goes_on(
    make_app: MakeApp, any_url: str, issuer: JwksServer, tmp_path: Path
) -> None:
    """And may change everything: what came by import is an answer like any other."""
    app = make_app(any_url, **issuer.settings)
    open_rows = baker("user_open", 2, step=4)
    open_rows[4][1]["content_types"] = []  # the old default, which nobody chose
    rows = [*baker(), *open_rows, *hostile(3)]
    bring(app, "alwrity", sqlite_source(tmp_path / "a.sqlite", ALWRITY, rows))
    finished = [declared("d", "user_open2", "For the street.", 4)]
    bring(app, "kgents", sqlite_source(tmp_path / "k.sqlite", KGENTS, finished))
    for user, home in (
        ("user_baker", "/onboarding/summary"),
        ("user_open", "/onboarding/research"),
        ("user_open2", "/onboarding/summary"),
        ("user_hostile", "/onboarding/summary"),
    ):
        client = PageClient(app)
        client.flask.set_cookie("__session", KEY.token(user))
        page = client.follow(client.get("/onboarding/", status=303))
        assert page.path == home, user
        if home == "/onboarding/summary":
            if user == "user_baker":
                assert "An earlier system read your site" in page.text()
            for slug in GOOD:
                client.get(f"/onboarding/{slug}")
            client.get("/onboarding/website/analysis")
        bearer = {"Authorization": f"Bearer {KEY.token(user)}"}
        for call in ("status", "progress", "summary", "ai-inputs", "config", "api-keys"):
            answer = app.test_client().get(f"/api/onboarding/{call}", headers=bearer)
            assert answer.status_code == 200, (user, call, answer.text)
    with app.app_context():
        baker_ = Caller(None, user_id="user_baker")
        visit = visit_of("user_baker")
        persona = visit.answer("persona")
        form = step("persona").form(formdata=None, data=step("persona").values(persona))
        form["audience"].data = "Other people"
        store.save(baker_, step("persona"), form, visit.revision("persona"))
        kept = visit_of("user_baker").answer("persona").as_dict()
        assert kept["audience"] == "Other people"
        assert kept["core_persona"]["identity"]["archetype"] == "The Guide"
        words = kept["core_persona"]["linguistic_fingerprint"]["lexical_features"]
        assert words["go_to_words"] == ["crumb", "crust"]
        practices = kept["platform_personas"]["linkedin"]["platform_best_practices"]
        assert practices == LINKEDIN["platform_best_practices"]
        finish = step("finish")
        store.save(baker_, finish, filled("finish"), visit_of("user_baker").revision("finish"))
        assert visit_of("user_baker").session.first_kblock_id


def hostile(number: int) -> list[Any]:
    """A finished user in whose columns stands what nobody expects."""
    rows = baker("user_hostile", number)
    deep: Any = "x"
    for _ in range(60):
        deep = [deep]
    by_table = dict(rows)
    by_table["website_analyses"].update(
        writing_style='{"tone": ["a", 5], "voice": {"x": 1}}', target_audience="[1, 2]",
        style_patterns='{"patterns": 5, "unique_elements": "one"}', content_type='"text"',
        style_guidelines='{"guidelines": {"tone_recommendations": "one", "seo": 5}, '
        '"best_practices": {"a": 1}, "codes": {"best_practices": 7}}',
        brand_analysis='{"colours": 5, "brand_values": "slow", "trust_signals": [null, {"a": 1}]}',
        crawl_result='{"content": {"headings": 7, "social_media": {"x": 5}}, "pages": [1]}',
        content_characteristics='{"a": NaN, "b": 1e999, "c": "\\u0000\\ud800"}',
        recommended_settings=json.dumps(deep), error_message="a\0b",
    )  # fmt: skip
    by_table["persona_data"].update(
        core_persona={"identity": "nobody", "tonal_range": {"default_tone": 7},
                      "linguistic_fingerprint": {"sentence_metrics":
                                                 {"average_sentence_length_words": "many"}}},
        quality_metrics={"overall_score": "high", "recommendations": [1, 2]},
        platform_personas={"linkedin": {"platform_best_practices": {"a": 1}, "sentence_metrics": 5},
                           "tiktok": {}}, selected_platforms='"linkedin"',
    )  # fmt: skip
    by_table["research_preferences"].update(research_depth="Bottomless", content_types="{broken")
    by_table["api_keys"].update(key="  'AIza" + "q" * 40 + "'\n", updated_at="yesterday")
    by_table["onboarding_sessions"].update(progress="100", current_step="6", started_at="never")
    rows.append(("user_business_info", {
        "id": number, "user_id": user_hash("user_hostile"), "industry": "i" * 300,
        "business_description": "We\0sell\x07" + "y" * 3000,
        "target_audience": "t" * 900}))  # fmt: skip
    return rows


# Sources, refused and spared.


def test_what_is_no_such_source_is_refused_in_a_sentence(
    make_app: MakeApp, sqlite_url: str, tmp_path: Path
) -> None:
    app = make_app(sqlite_url)
    text = tmp_path / "text.sqlite"
    text.write_text("This is no database.")
    empty = sqlite_source(tmp_path / "empty.db", "CREATE TABLE a (b)", [])
    broken = tmp_path / "broken.db"
    broken.write_bytes(empty.read_bytes()[:100] + b"\xff" * 4000)
    cases = [
        ("alwrity", empty), ("kgents", empty), ("alwrity", text), ("alwrity", broken),
        ("alwrity", tmp_path / "nothing"), ("alwrity", tmp_path), ("alwrity", sqlite_url),
        ("kgents", sqlite_url), ("progress-files", tmp_path), ("progress-files", text),
        ("alwrity", "mysql://u:hunter2@127.0.0.1/x"), ("alwrity", "://"),
        ("alwrity", "postgresql://u:hunter2@127.0.0.1:1/x"),
    ]  # fmt: skip
    for kind, source in cases:
        status, output, error = run(app, kind, source)
        assert (status, output) == (2, ""), (kind, source)
        assert error.strip().endswith("."), (kind, source, error)
        assert "hunter2" not in error
        assert "Traceback" not in error


def test_what_stands_in_a_log_beside_the_file_is_read_from_a_copy(
    app: Flask, tmp_path: Path
) -> None:
    folder = folder_in(tmp_path)
    source = sqlite_source(folder / "live.sqlite", KGENTS, [declared("a", "u1", "One.", 1)])
    writer = sqlite3.connect(source)
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute(
        "INSERT INTO onboarding_sessions SELECT 'b', 'u2', current_step, completed, completed_at, "
        "'k', 'Two.', created_at, updated_at FROM onboarding_sessions"
    )
    writer.commit()
    before = state_of(folder)
    assert any(name.endswith("-wal") for name in before)
    assert bring(app, "kgents", source)["counts"]["users"] == 2
    assert state_of(folder) == before
    writer.close()
    after = state_of(folder)
    assert bring(app, "kgents", source)["counts"]["users_already_there"] == 2
    assert state_of(folder) == after


@pytest.mark.postgres
def test_postgresql_is_a_source_too(any_app: Flask, run_dir: Path) -> None:
    rows = [*baker(), *baker("user_open", 2, step=3)[:3]]
    with postgres_database(run_dir, migrated=False) as url:
        report = bring(any_app, "alwrity", postgres_source(url, ALWRITY, rows))
    assert report["counts"]["users_new"] == 2
    assert report["not_attachable"] == []
    with any_app.app_context():
        assert visit_of("user_baker").session.completed
        assert visit_of("user_open").resume is step("research")


def test_the_report_in_words_names_rows_and_no_values(app: Flask, tmp_path: Path) -> None:
    rows = [*baker("user\nbaker"), ("api_keys", {"id": 77, "provider": "exa", "key": EXA})]
    source = sqlite_source(tmp_path / "a.sqlite", ALWRITY, rows)
    status, output, _error = run(app, "alwrity", source)
    assert status == 0
    assert "1 sessions were looked at: 1 new" in output
    assert "api_keys 77: session id is null" in output
    assert "research_depth: Deep -> Comprehensive (1)" in output
    for secret in (EXA, GEMINI, "home bakers"):
        assert secret not in output


# What does not go in, and what stops it.


def test_one_user_who_cannot_be_stored_does_not_cost_the_others(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [declared(f"s{n}", f"user{n}", f"Said {n}.", n) for n in range(1, 6)]
    source = sqlite_source(tmp_path / "k.sqlite", KGENTS, rows)
    measured, built = bringing.specificity_loss, kgents.build

    def refuses(text: str) -> Any:
        if text == "Said 2.":
            raise IntegrityError("INSERT", {}, Exception("refused"))
        return measured(text)

    def stumbles(user_id: Any, *rest: Any) -> Any:
        return built(user_id, *rest) if user_id != "user4" else {}["nothing"]

    monkeypatch.setattr(bringing, "specificity_loss", refuses)
    monkeypatch.setattr(kgents, "build", stumbles)
    report = bring(app, "kgents", source)
    assert {(one["id"], one["reason"]) for one in report["not_attachable"]} == {
        ("s2", "not_stored"),
        ("s4", "not_understood"),
    }
    assert report["counts"]["users_new"] == 3
    monkeypatch.undo()
    assert bring(app, "kgents", source)["counts"] == {
        "users": 5, "users_new": 2, "users_already_there": 3, "completed": 2,
    }  # fmt: skip


def test_a_database_that_does_not_answer_stops_it_with_a_sentence(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [declared(f"s{n}", f"user{n}", f"Said {n}.", n) for n in range(1, 6)]
    source = sqlite_source(tmp_path / "k.sqlite", KGENTS, rows)
    calls = []

    def locked(*given: Any) -> Any:
        calls.append(1)
        if len(calls) > 2:
            raise OperationalError("UPDATE", {}, Exception("locked"))
        return bringing.bring(*given)

    monkeypatch.setattr(running, "bring", locked)
    monkeypatch.setattr(running.time, "sleep", lambda _seconds: None)
    status, output, error = run(app, "kgents", source, "--json", "--batch", "1")
    assert status == 1
    assert "run the same command again" in error
    assert json.loads(output)["counts"]["users_new"] == 2
    monkeypatch.undo()
    assert bring(app, "kgents", source)["counts"]["users_new"] == 3


def test_a_number_that_proves_to_be_somebodys_hash_is_told(app: Flask, tmp_path: Path) -> None:
    """Their first session stays, as it may be in use; its rows now belong to who they are."""
    number = str(user_hash("user_baker"))
    old = sqlite_source(tmp_path / "old.sqlite", ALWRITY, baker(number)[:3])
    bring(app, "alwrity", old)
    report = bring(app, "alwrity", sqlite_source(tmp_path / "new.sqlite", ALWRITY, baker()))
    assert [(one["id"], one["reason"]) for one in report["notes"]] == [(number, "alias")]
    report = bring(app, "alwrity", old)
    assert report["counts"]["users"] == 1
    with app.app_context():
        assert visit_of(number).answer("website").website_url == "https://fern.example.com/"


# Killed.


def test_a_run_that_is_killed_is_finished_by_the_next(
    make_app: MakeApp, sqlite_url: str, tmp_path: Path
) -> None:
    many = 60
    rows = [row for n in range(1, many + 1) for row in baker(f"user_{n:03}", n)]
    source = sqlite_source(tmp_path / "a.sqlite", ALWRITY, rows)
    environ = {**os.environ, **settings(sqlite_url, tmp_path / "instance")}
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "onboarding", "import", "alwrity",
               str(source), "--batch", "2"]  # fmt: skip
    app = make_app(sqlite_url)

    def stored() -> int:
        db.session.remove()
        return db.session.scalar(select(func.count()).select_from(OnboardingSession)) or 0

    with app.app_context():
        process = subprocess.Popen(command, cwd=TOP, env=environ, stdout=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while stored() < 9 and time.monotonic() < until:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        first = stored()
        assert 0 < first < many, "the run was not killed in the middle"
    report = bring(app, "alwrity", source)
    assert report["counts"]["users_already_there"] == first
    assert report["counts"]["users_new"] == many - first
    with app.app_context():
        tables = ("api_keys", "website_analyses", "research_preferences", "persona_data")
        left = everything()
        assert {table: len(left[table]) for table in tables} == dict.fromkeys(tables, many)
        assert all(visit_of(f"user_{n:03}").session.completed for n in (1, 30, many))
        assert now().year > 2025
