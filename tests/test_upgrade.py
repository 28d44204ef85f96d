"""An upgrade keeps nobody waiting, and the version before goes on working on the new schema."""

import ast
import io
import re
import shutil
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from flask import Flask
from sqlalchemy import create_engine, text

from tests.conftest import MakeApp
from tests.journeys.walk import walk
from tests.support.databases import TOP, postgres_database, settings
from tests.support.server import LiveServer
from tests.support.visitors import Visitor
from tests.test_migrations import REVISIONS
from webapp import migrating
from webapp.extensions import db

VERSIONS = TOP / "migrations" / "versions"
FIRST_RELEASED = "0014"
"""What came before was never anybody's schema."""
REMOVES = {"drop_column", "drop_table", "rename_table", "drop_constraint", "alter_column"}


# Old code on the new schema.


def version_before(folder: Path) -> Path:
    """The sources as they were before the newest migration was added. Without a history the test
    that asks is left out."""
    if not (TOP / ".git").exists() or shutil.which("git") is None:
        pytest.skip("There is no git history to take the version before from.")

    def git(*words: str) -> bytes:
        done = subprocess.run(["git", *words], cwd=TOP, capture_output=True, check=True)
        return done.stdout

    newest = next(VERSIONS.glob(f"{REVISIONS[-1]}_*.py")).relative_to(TOP)
    added = git(
        "log", "--first-parent", "-m", "--diff-filter=A", "--format=%H", "--", str(newest)
    ).split()
    if not added:
        pytest.skip("The newest migration is not committed yet.")
    with tarfile.open(fileobj=io.BytesIO(git("archive", f"{added[-1].decode()}^"))) as archive:
        archive.extractall(folder, filter="data")
    assert not list((folder / "migrations" / "versions").glob(newest.name))
    return folder


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


def parsed(path: Path) -> tuple[ast.Module, ast.FunctionDef]:
    """A migration, and its `upgrade`."""
    module = ast.parse(path.read_text())
    functions = [one for one in module.body if isinstance(one, ast.FunctionDef)]
    return module, next(one for one in functions if one.name == "upgrade")


def calls(tree: ast.AST) -> list[tuple[str, ast.Call]]:
    """(name of what is called, the call)."""
    found = [one for one in ast.walk(tree) if isinstance(one, ast.Call)]
    return [(getattr(one.func, "attr", getattr(one.func, "id", "")), one) for one in found]


def contracting(source: str) -> list[str]:
    """Operations of `upgrade` that take something from code that knows the schema before, unless
    the migration says in CONTRACTS since when nothing needs it."""
    module = ast.parse(source)
    if any("CONTRACTS" in ast.dump(one) for one in module.body if isinstance(one, ast.Assign)):
        return []
    functions = [one for one in module.body if isinstance(one, ast.FunctionDef)]
    (upgrade,) = [one for one in functions if one.name == "upgrade"]
    found = [name for name, _call in calls(upgrade) if name in REMOVES]
    for name, call in calls(upgrade):
        if name == "add_column":
            words = {
                word.arg: ast.unparse(word.value)
                for _name, column in calls(call)
                for word in column.keywords
            }
            if words.get("nullable") == "False" and "server_default" not in words:
                found.append("add_column: not null and without a default")
    return found


def locking(source: str) -> list[str]:
    """Indexes on tables that the same migration does not create, built without the helper."""
    module = ast.parse(source)
    created = {
        ast.literal_eval(call.args[0])
        for name, call in calls(module)
        if name in {"create_table", "_create"} and isinstance(call.args[0], ast.Constant)
    }
    return [
        ast.unparse(call.args[0])
        for name, call in calls(module)
        if name == "create_index"
        and ast.unparse(call.func).startswith("op.")
        and ast.literal_eval(call.args[1]) not in created
    ]


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_migration_adds_and_keeps_nobody_waiting(revision: str) -> None:
    source = next(VERSIONS.glob(f"{revision}_*.py")).read_text()
    assert locking(source) == [], "use webapp.migrating.create_index"
    if revision > FIRST_RELEASED:
        assert contracting(source) == [], "expand first; contract a version later, with CONTRACTS"


def test_the_rules_find_what_breaks_them() -> None:
    bad = """
def upgrade():
    op.add_column("t", sa.Column("a", sa.Text, nullable=False))
    op.add_column("t", sa.Column("b", sa.Text, nullable=False, server_default=""))
    op.add_column("t", sa.Column("c", sa.Text))
    op.create_table("n", sa.Column("a", sa.Text, nullable=False))
    op.create_index("ix_n_a", "n", ["a"])
    op.create_index("ix_t_a", "t", ["a"])
    create_index("ix_t_b", "t", ["b"])
    with op.batch_alter_table("t") as table:
        table.drop_column("d")
"""
    assert contracting(bad) == ["drop_column", "add_column: not null and without a default"]
    assert contracting(f'CONTRACTS = "nothing reads d since 0015"\n{bad}') == []
    assert locking(bad) == ["'ix_t_a'"]


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
            refused = migrate(url, tmp_path)
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
