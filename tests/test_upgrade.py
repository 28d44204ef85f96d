"""An upgrade keeps nobody waiting, and the version before goes on working on the new schema."""

import ast
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path
from typing import NoReturn

import flask_migrate
import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from flask import Flask
from sqlalchemy import (
    Boolean,
    Connection,
    Date,
    Float,
    Integer,
    LargeBinary,
    String,
    column,
    create_engine,
    inspect,
    table,
    text,
)

from tests.conftest import MakeApp
from tests.journeys.walk import walk
from tests.support.databases import TOP, postgres_database, settings
from tests.support.server import LiveServer
from tests.support.visitors import Visitor
from tests.test_migrations import REVISIONS
from webapp import migrating
from webapp.extensions import Base, db
from webapp.types import JSON, UTCDateTime, now

VERSIONS = TOP / "migrations" / "versions"
FIRST_RELEASED = "0014"
"""What came before was never anybody's schema."""
REMOVES = {
    "drop_column", "drop_table", "rename_table", "drop_constraint", "alter_column",
    "create_unique_constraint", "create_check_constraint",
}  # fmt: skip


# Old code on the new schema.


def version_before(folder: Path) -> Path:
    """The sources as they were before the newest migration was added. Without a history the test
    that asks is left out."""
    if not (TOP / ".git").exists() or shutil.which("git") is None:
        _left_out("There is no git history to take the version before from.")

    def git(*words: str) -> bytes:
        done = subprocess.run(["git", *words], cwd=TOP, capture_output=True, check=True)
        return done.stdout

    newest = next(VERSIONS.glob(f"{REVISIONS[-1]}_*.py")).relative_to(TOP)
    added = git(
        "log", "--first-parent", "-m", "--diff-filter=A", "--format=%H", "--", str(newest)
    ).split()
    if not added:
        _left_out("The newest migration is not committed yet.")
    if subprocess.run(["git", "cat-file", "-e", f"{added[-1].decode()}^"], cwd=TOP).returncode:
        _left_out("The history is cut off before the newest migration (a shallow clone).")
    with tarfile.open(fileobj=io.BytesIO(git("archive", f"{added[-1].decode()}^"))) as archive:
        archive.extractall(folder, filter="data")
    assert not list((folder / "migrations" / "versions").glob(newest.name))
    return folder


def _left_out(reason: str) -> NoReturn:
    if os.environ.get("REQUIRE_GIT") == "1":
        pytest.fail(f"{reason} REQUIRE_GIT=1 makes that a failure.", pytrace=False)
    pytest.skip(reason)


@pytest.mark.long
def test_the_version_before_walks_a_journey_on_the_new_schema(any_url: str, tmp_path: Path) -> None:
    old = version_before(tmp_path / "before")
    environ = settings(any_url, tmp_path / "instance")
    with LiveServer(environ, tmp_path / "log", workers=1, cwd=old) as server:
        visitor = Visitor(server.url)
        assert visitor.get("/readyz").status == 200
        page = walk(visitor)
        assert page.path == "/onboarding/summary", server.output()
        assert "Traceback" not in server.output()


# What a migration may do.


def calls(tree: ast.AST) -> list[tuple[str, ast.Call]]:
    """(name of what is called, the call)."""
    found = [one for one in ast.walk(tree) if isinstance(one, ast.Call)]
    return [(getattr(one.func, "attr", getattr(one.func, "id", "")), one) for one in found]


def upwards(source: str) -> ast.Module:
    """A migration without its `downgrade`."""
    module = ast.parse(source)
    module.body = [one for one in module.body if getattr(one, "name", "") != "downgrade"]
    return module


def statements(module: ast.Module) -> str:
    """The texts of a migration, its SQL among them, in one line."""
    texts = [one.value for one in ast.walk(module) if isinstance(one, ast.Constant)]
    return " ".join(" ".join(str(one).upper().split()) for one in texts)


def contracting(source: str) -> list[str]:
    """Operations that take something from code that knows the schema before, unless the migration
    says in CONTRACTS since when nothing needs it."""
    module = upwards(source)
    assigned = [one for one in module.body if isinstance(one, ast.Assign)]
    if any(ast.unparse(name) == "CONTRACTS" for one in assigned for name in one.targets):
        return []
    found = [name for name, _call in calls(module) if name in REMOVES]
    found += re.findall(r"DROP COLUMN|DROP TABLE|RENAME|SET NOT NULL", statements(module))
    for name, call in calls(module):
        if name == "add_column":
            words = {
                word.arg: ast.unparse(word.value)
                for _name, column in calls(call)
                for word in column.keywords
            }
            default = words.get("server_default", "None")
            if words.get("nullable") == "False" and default == "None":
                found.append("add_column: not null and without a default")
    return found


def locking(source: str) -> list[str]:
    """Indexes on tables that the same migration does not create, built without the helper, and
    what stands beside one that is built with it."""
    module = upwards(source)
    created = {
        ast.literal_eval(call.args[0])
        for name, call in calls(module)
        if name in {"create_table", "_create"} and isinstance(call.args[0], ast.Constant)
    }
    found = re.findall(r"CREATE (?:UNIQUE )?INDEX", statements(module))
    helped = False
    for name, call in calls(module):
        if name == "create_index":
            by = ast.unparse(call.func)
            helped |= by in {"create_index", "migrating.create_index"}
            on_new = by == "op.create_index" and ast.literal_eval(call.args[1]) in created
            if not (on_new or by in {"create_index", "migrating.create_index"}):
                found.append(ast.unparse(call.args[0]))
    if helped:
        found += [f"beside it: {n}" for n, c in calls(module) if ast.unparse(c).startswith("op.")]
    return found


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_migration_adds_and_keeps_nobody_waiting(revision: str) -> None:
    source = next(VERSIONS.glob(f"{revision}_*.py")).read_text()
    assert locking(source) == [], "use webapp.migrating.create_index, in a migration of its own"
    if revision > FIRST_RELEASED:
        assert contracting(source) == [], "expand first; contract a version later, with CONTRACTS"


def test_the_rules_find_what_breaks_them() -> None:
    bad = """
def upgrade():
    op.add_column("t", sa.Column("a", sa.Text, nullable=False, server_default=None))
    op.add_column("t", sa.Column("b", sa.Text, nullable=False, server_default=""))
    op.add_column("t", sa.Column("c", sa.Text))
    op.create_table("n", sa.Column("a", sa.Text, nullable=False))
    op.create_index("ix_n_a", "n", ["a"])
    op.create_index("ix_t_a", "t", ["a"])
    op.create_unique_constraint("uq_t_a", "t", ["a"])
    op.execute("ALTER TABLE t DROP COLUMN e")
    more()

def more():
    with op.batch_alter_table("t") as table:
        table.drop_column("d")
        table.create_index("ix_t_d", ["d"])

def downgrade():
    op.create_table("t", sa.Column("a", sa.Text))
    op.drop_table("n")
"""
    assert sorted(contracting(bad)) == [
        "DROP COLUMN", "add_column: not null and without a default", "create_unique_constraint",
        "drop_column",
    ]  # fmt: skip
    assert contracting(f'CONTRACTS = "nothing reads d since 0015"\n{bad}') == []
    assert contracting(f'note = "CONTRACTS"\n{bad}') != []
    assert locking(bad) == ["'ix_t_a'", "'ix_t_d'"]
    raw = 'def upgrade():\n    op.execute("create  index ix on t (a)")\n'
    assert locking(raw) == ["CREATE INDEX"]
    beside = """
def upgrade():
    op.add_column("t", sa.Column("a", sa.Text))
    create_index("ix_t_a", "t", ["a"])
"""
    assert locking(beside) == ["beside it: add_column"]


# Rows on the way up.


def test_each_migration_runs_with_rows_in_every_table_that_there_is(any_app: Flask) -> None:
    """One revision after the other, each time with a row in each table as it is by then."""
    with any_app.app_context():
        flask_migrate.downgrade(revision="base")
        for number, revision in enumerate(REVISIONS):
            flask_migrate.upgrade(revision=revision)
            with db.engine.begin() as connection:
                rows_as_of_now(connection, f"session-{number}")
        with db.engine.connect() as connection:
            query = text("SELECT count(*) FROM onboarding_sessions")
            assert connection.scalar(query) == len(REVISIONS)


def rows_as_of_now(connection: Connection, session_id: str) -> None:
    """A row in each table, with the columns that it has at this revision."""
    inspector = inspect(connection)
    there = set(inspector.get_table_names())
    moment = now()
    by_type = {
        String: "x", Integer: 1, Boolean: True, Float: 0.5, LargeBinary: b"sealed",
        type(JSON): {"of": "a session"}, UTCDateTime: moment, Date: moment.date(),
    }  # fmt: skip
    special = {
        "id": session_id, "session_id": session_id, "completed": False, "completed_at": None,
        "user_id": session_id, "first_kblock_id": None,
        "status": "completed", "research_depth": "Basic", "subject": session_id,
    }  # fmt: skip
    for made in Base.metadata.sorted_tables:
        if made.name not in there:
            continue
        known = {one["name"] for one in inspector.get_columns(made.name)}
        columns = [c for c in made.c if c.name in known and c is not made.autoincrement_column]
        values = {
            c.name: special.get(
                c.name, next(value for kind, value in by_type.items() if isinstance(c.type, kind))
            )
            for c in columns
        }
        keys = [c for c in columns if c.primary_key and c.name not in special]
        values |= {c.name: session_id for c in keys if isinstance(c.type, String)}
        plain = table(made.name, *[column(c.name, c.type) for c in columns])
        connection.execute(plain.insert().values(values))


# Locks and indexes.


def migrate(url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """`flask db upgrade` as an operator types it."""
    environ = {"PATH": "/usr/bin:/bin", **settings(url, folder)}
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"],
        cwd=TOP, env=environ, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.mark.postgres
@pytest.mark.long
def test_a_migration_that_meets_a_lock_gives_up_with_a_sentence_and_is_run_again(
    run_dir: Path, tmp_path: Path
) -> None:
    with postgres_database(run_dir, migrated=False) as url:
        assert migrate(url, tmp_path).returncode == 0
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.begin() as one:
            one.execute(text("ALTER TABLE onboarding_sessions DROP COLUMN reminded_at"))
            one.execute(text("UPDATE alembic_version SET version_num = '0014'"))
            for statement in _later_tables(one):
                one.execute(text(statement))
        with engine.begin() as one:
            one.execute(text("LOCK TABLE onboarding_sessions IN ACCESS SHARE MODE"))
            before = time.monotonic()
            refused = migrate(url, tmp_path)
            assert time.monotonic() - before < 20, "others waited behind it"
        assert refused.returncode == 1
        assert "run flask db upgrade again" in refused.stdout + refused.stderr
        assert "Traceback" not in refused.stderr
        assert migrate(url, tmp_path).returncode == 0
        engine.dispose()


def _later_tables(connection: object) -> list[str]:
    """Statements that take away what revisions after 0015 added."""
    later = [one for one in REVISIONS if one > "0015"]
    sources = "".join(next(VERSIONS.glob(f"{one}_*.py")).read_text() for one in later)
    return [f"DROP TABLE {name}" for name in re.findall(r"create_table\(\s*\"(\w+)\"", sources)]


def test_an_index_is_built_beside_open_transactions_and_anew_after_a_cut(
    make_app: MakeApp, any_url: str
) -> None:
    app = make_app(any_url)
    with app.app_context(), db.engine.connect() as connection:
        plain = connection.execution_options(isolation_level=_level())
        context = MigrationContext.configure(plain, opts={"transaction_per_migration": True})
        with Operations.context(context):
            for _ in range(2 if _is_postgres() else 1):
                with context.begin_transaction(_per_migration=True):
                    migrating.create_index("ix_kblocks_loss", "kblocks", ["loss"])
                assert _indexes(app) == {"ix_kblocks_loss": True}
            if _is_postgres():
                _spoil(app)
                assert _indexes(app) == {"ix_kblocks_loss": False}
                with context.begin_transaction(_per_migration=True):
                    migrating.create_index("ix_kblocks_loss", "kblocks", ["loss"])
                assert _indexes(app) == {"ix_kblocks_loss": True}
            for _ in range(2):
                with context.begin_transaction(_per_migration=True):
                    migrating.drop_index("ix_kblocks_loss", "kblocks")
            assert _indexes(app) == {}


def _level() -> str:
    return "READ COMMITTED" if _is_postgres() else "SERIALIZABLE"


def _is_postgres() -> bool:
    return db.engine.dialect.name == "postgresql"


def _indexes(app: Flask) -> dict[str, bool]:
    """The index of the test -> whether it is used."""
    query = (
        "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid"
        " WHERE relname = 'ix_kblocks_loss'"
        if _is_postgres()
        else "SELECT name, 1 FROM sqlite_master WHERE name = 'ix_kblocks_loss'"
    )
    with db.engine.connect() as other:
        return {name: bool(valid) for name, valid in other.execute(text(query))}


def _spoil(app: Flask) -> None:
    """As a build that was killed leaves it."""
    with db.engine.connect() as other:
        other.execute(
            text(
                "UPDATE pg_index SET indisvalid = false"
                " WHERE indexrelid = 'ix_kblocks_loss'::regclass"
            )
        )


@pytest.mark.postgres
def test_the_index_is_built_while_somebody_writes(make_app: MakeApp, postgres_url: str) -> None:
    app = make_app(postgres_url)
    with app.app_context(), db.engine.connect() as writer, db.engine.connect() as connection:
        held = writer.execution_options(isolation_level="READ COMMITTED")
        held.execute(text("UPDATE kblocks SET loss = loss"))
        plain = connection.execution_options(isolation_level="READ COMMITTED")
        context = MigrationContext.configure(plain, opts={"transaction_per_migration": True})
        timer = threading.Timer(1, held.commit)
        timer.start()
        with Operations.context(context), context.begin_transaction(_per_migration=True):
            migrating.create_index("ix_kblocks_loss", "kblocks", ["loss"])
        timer.join()
        assert _indexes(app) == {"ix_kblocks_loss": True}
