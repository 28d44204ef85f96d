"""The migrated schema is the models' schema on both databases; every migration can go back."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import Connection, Engine, create_engine, func, inspect, select, text
from sqlalchemy.exc import IntegrityError

from tests.conftest import MakeApp
from tests.support.databases import TOP, postgres_database
from tests.wizard.samples import row_everywhere, session_tables
from webapp.extensions import Base, db, transaction
from webapp.identity.caller import Caller
from webapp.types import JSON
from webapp.wizard import store
from webapp.wizard.models import OnboardingSession

PARENT = "onboarding_sessions"
NOBODYS = {"alembic_version", "host_turns", "funnel_events", "funnel_counts", "analysis_counts"}
"""Tables that hold nothing of anybody: a new one is a decision."""
OUTLIVING = {"audit_trail"}
"""Tables that tell of sessions and stay when those go: a new one is a decision too."""
SCRIPTS = ScriptDirectory(str(TOP / "migrations"))
REVISIONS = [script.revision for script in SCRIPTS.walk_revisions()][::-1]


def schema(engine: Engine) -> dict[str, Any]:
    """Everything that a database says of its tables: columns, constraints and indexes, by name."""
    found: dict[str, Any] = {}
    inspector = inspect(engine)
    for table in sorted(set(inspector.get_table_names()) - {"alembic_version"}):
        columns = {
            one["name"]: (str(one["type"]), one["nullable"], one["default"])
            for one in inspector.get_columns(table)
        }
        found[table] = {
            "columns": columns,
            "primary key": inspector.get_pk_constraint(table),
            "foreign keys": _by_name(inspector.get_foreign_keys(table)),
            "unique": _by_name(inspector.get_unique_constraints(table)),
            "checks": _by_name(inspector.get_check_constraints(table)),
            "indexes": _by_name(inspector.get_indexes(table)),
        }
    return found


def _by_name(things: list[Any]) -> list[str]:
    return sorted(_said(thing) for thing in things)


def _said(thing: Any) -> str:
    """In one line. An SQL expression is kept as it was written; white space in it says nothing."""
    if isinstance(thing, dict):
        return "{" + ", ".join(f"{name}: {_said(thing[name])}" for name in sorted(thing)) + "}"
    return " ".join(str(thing).split())


@contextmanager
def made_from_the_models(app: Flask, tmp_path: Path, run_dir: Path) -> Iterator[Engine]:
    """A database that no migration made."""
    if db.engine.dialect.name == "sqlite":
        engine = create_engine(f"sqlite:///{tmp_path / 'models.sqlite'}")
        Base.metadata.create_all(engine)
        yield engine
        engine.dispose()
        return
    with postgres_database(run_dir, migrated=False) as url:
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        Base.metadata.create_all(engine)
        yield engine
        engine.dispose()


def test_the_migrated_schema_is_the_models_schema_name_by_name(
    any_app: Flask, tmp_path: Path, run_dir: Path
) -> None:
    with any_app.app_context(), made_from_the_models(any_app, tmp_path, run_dir) as engine:
        migrated, wanted = schema(db.engine), schema(engine)
    assert list(migrated) == list(wanted)
    for table, parts in wanted.items():
        for part, things in parts.items():
            assert migrated[table][part] == things, f"{part} of {table}"


def test_alembic_finds_nothing_left_to_migrate(any_app: Flask) -> None:
    with any_app.app_context(), db.engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []


def test_every_constraint_has_a_name_of_the_convention(any_app: Flask) -> None:
    starts = {"foreign keys": "fk_", "unique": "uq_", "checks": "ck_", "indexes": "ix_"}
    with any_app.app_context():
        for table, parts in schema(db.engine).items():
            assert parts["primary key"]["name"] == f"pk_{table}"
            for part, start in starts.items():
                for thing in parts[part]:
                    (name,) = re.findall(r"\bname: (\w+)", thing)
                    # PostgreSQL lists the index behind a unique constraint too.
                    assert name.startswith((f"{start}{table}_", f"uq_{table}_")), thing
                    assert name.count(table) == 1, f"{name} says its table twice"


def test_the_contract_s_tables_are_there(any_app: Flask) -> None:
    wanted = {
        "onboarding_sessions", "api_keys", "website_analyses", "research_preferences",
        "persona_data", "platform_integrations", "kblocks", "step_progress",
    }  # fmt: skip
    with any_app.app_context():
        assert wanted <= set(inspect(db.engine).get_table_names())


def test_json_columns_are_jsonb_on_postgresql(make_app: MakeApp, postgres_url: str) -> None:
    with make_app(postgres_url).app_context():
        inspector = inspect(db.engine)
        checked = 0
        for table in Base.metadata.sorted_tables:
            types = {one["name"]: str(one["type"]) for one in inspector.get_columns(table.name)}
            for column in table.c:
                if column.type is JSON or type(column.type) is type(JSON):
                    assert types[column.name] == "JSONB", f"{table.name}.{column.name}"
                    checked += 1
        assert checked > 15


def test_every_time_has_a_zone_on_postgresql(make_app: MakeApp, postgres_url: str) -> None:
    with make_app(postgres_url).app_context(), db.engine.connect() as connection:
        naive = connection.execute(
            text(
                "SELECT table_name, column_name FROM information_schema.columns "
                "WHERE table_schema = 'public' AND data_type = 'timestamp without time zone'"
            )
        ).all()
    assert naive == []


# Belonging together.


def test_every_table_of_a_session_s_rows_refers_to_the_session_and_goes_with_it(
    any_app: Flask,
) -> None:
    with any_app.app_context():
        inspector = inspect(db.engine)
        for table in set(inspector.get_table_names()) - {PARENT} - NOBODYS - OUTLIVING:
            keys = [
                key for key in inspector.get_foreign_keys(table) if key["referred_table"] == PARENT
            ]
            assert len(keys) == 1, f"{table} refers {len(keys)} times"
            assert keys[0]["constrained_columns"] == ["session_id"]
            assert keys[0]["options"].get("ondelete") == "CASCADE", table


def test_a_row_of_no_session_is_refused_in_every_table(any_app: Flask) -> None:
    with any_app.app_context():
        for table in session_tables():
            if table.name != PARENT:
                with pytest.raises(IntegrityError), db.engine.begin() as connection:
                    row_everywhere(connection, "nobody", {table.name})


def test_deleting_a_session_deletes_its_rows_in_every_table(any_app: Flask) -> None:
    with any_app.app_context():
        for session_id in ("mine", "theirs"):
            with db.engine.begin() as connection:
                row_everywhere(connection, session_id)
        with db.engine.begin() as connection:
            mine = OnboardingSession.__table__.c.id == "mine"
            connection.execute(OnboardingSession.__table__.delete().where(mine))
            rows = counts(connection)
            assert {rows[table.name] for table in session_tables()} == {1}


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("website_analyses", "status", "lost"),
        ("research_preferences", "research_depth", "Deep"),
        ("kblocks", "loss", 1.5),
        ("kblocks", "loss", -0.1),
    ],
)
def test_the_database_refuses_what_no_form_lets_through(
    any_app: Flask, table: str, column: str, value: Any
) -> None:
    with any_app.app_context():
        with db.engine.begin() as connection:
            row_everywhere(connection, "mine")
        with pytest.raises(IntegrityError), db.engine.begin() as connection:
            connection.execute(text(f"UPDATE {table} SET {column} = :v"), {"v": value})  # noqa: S608


def test_a_user_has_one_session(any_app: Flask) -> None:
    with any_app.app_context():
        store.open_session(Caller("one", user_id="user_42"))
        with pytest.raises(IntegrityError), transaction():
            db.session.add(OnboardingSession(id="two", user_id="user_42"))


# Up, down, and up again.


def counts(connection: Connection) -> dict[str, int]:
    """Rows of each table that is there."""
    there = set(inspect(connection).get_table_names())
    return {
        table.name: connection.scalar(select(func.count()).select_from(table)) or 0
        for table in Base.metadata.sorted_tables
        if table.name in there
    }


def test_down_to_nothing_and_up_again_with_rows_in_every_table(any_app: Flask) -> None:
    with any_app.app_context():
        with db.engine.begin() as connection:
            row_everywhere(connection, "mine")
        before = schema(db.engine)
        flask_migrate.downgrade(revision="base")
        assert set(inspect(db.engine).get_table_names()) <= {"alembic_version"}
        flask_migrate.upgrade()
        assert schema(db.engine) == before
        with db.engine.begin() as connection:
            assert set(counts(connection).values()) == {0}
            row_everywhere(connection, "mine")


def test_a_step_down_and_up_again_leaves_the_rows_of_the_other_tables(any_app: Flask) -> None:
    with any_app.app_context():
        for revision in REVISIONS[::-1][1:]:
            with db.engine.begin() as connection:
                if not counts(connection)[PARENT]:
                    row_everywhere(connection, "mine")
            flask_migrate.downgrade(revision=revision)
            with db.engine.connect() as connection:
                assert set(counts(connection).values()) == {1}, f"below {revision}"
        flask_migrate.upgrade()
        with db.engine.connect() as connection:
            assert counts(connection)[PARENT] == 1, "the session is there still"


def test_migrating_twice_is_migrating_once(any_app: Flask) -> None:
    with any_app.app_context():
        before = schema(db.engine)
        flask_migrate.upgrade()
        assert schema(db.engine) == before


def test_the_migrations_are_one_line_and_follow_their_numbers() -> None:
    assert len(SCRIPTS.get_heads()) == 1
    assert sorted(REVISIONS) == REVISIONS
    assert all(re.fullmatch(r"\d{4}", revision) for revision in REVISIONS)


def test_the_sql_function_comes_and_goes_with_its_migration(
    make_app: MakeApp, postgres_url: str
) -> None:
    query = text("SELECT count(*) FROM pg_proc WHERE proname = 'cleanup_onboarding_sessions'")

    def known() -> int:
        with db.engine.connect() as connection:
            return int(connection.scalar(query) or 0)

    with make_app(postgres_url).app_context():
        assert known() == 1
        flask_migrate.downgrade(revision="base")
        assert known() == 0
        flask_migrate.upgrade()
        assert known() == 1


# How a connection behaves.


def test_sqlite_s_connections_are_safe_and_patient(app: Flask) -> None:
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}
    with app.app_context():
        for _ in range(2):  # a connection of the pool, then one that is opened anew
            with db.engine.connect() as connection:
                found = {
                    name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted
                }
            assert found == wanted
            db.engine.dispose()


def test_sqlite_s_connections_are_the_same_after_a_migration(app: Flask) -> None:
    """A migration switches the foreign keys off for itself alone."""
    with app.app_context():
        flask_migrate.downgrade(revision=REVISIONS[-2])
        flask_migrate.upgrade()
        with db.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_a_write_on_sqlite_takes_its_lock_at_the_beginning(app: Flask, sqlite_url: str) -> None:
    """Two that read first and write then would deadlock."""
    with app.app_context():
        other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), timeout=0)
        other.isolation_level = None
        try:
            with transaction():
                with pytest.raises(sqlite3.OperationalError, match="locked"):
                    other.execute("BEGIN IMMEDIATE")
                assert other.execute("SELECT count(*) FROM step_progress").fetchone() == (0,)
            other.execute("BEGIN IMMEDIATE")
            other.execute("ROLLBACK")
        finally:
            other.close()


def test_waits_on_postgresql_are_bounded(make_app: MakeApp, postgres_url: str) -> None:
    with make_app(postgres_url).app_context(), db.engine.connect() as connection:
        shown = {
            name: connection.exec_driver_sql(f"SHOW {name}").scalar()
            for name in ("lock_timeout", "statement_timeout", "timezone")
        }
    assert shown["lock_timeout"] not in (None, "0")
    assert shown["statement_timeout"] not in (None, "0")
    assert str(shown["timezone"]).upper() == "UTC"
