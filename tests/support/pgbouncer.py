"""Debian's PgBouncer in front of a test's PostgreSQL, in transaction mode, on a free port."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

START_SECONDS = 10


def why_no_pgbouncer() -> str | None:
    """None when it is installed, else a sentence that says what to do."""
    if _program():
        return None
    return "There is no pgbouncer (on Debian and Ubuntu: apt install pgbouncer)."


def _program() -> str | None:
    return shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")


class PgBouncer:
    """`pgbouncer` on 127.0.0.1 with few connections of the server for many clients, and nothing in
    its configuration that is there for this application. Use it as a context manager."""

    def __init__(self, folder: Path, database_url: str, pool_size: int = 4) -> None:
        """`database_url`: where it leads. `pool_size`: connections that it opens there at most."""
        self._target = make_url(database_url)
        self._folder, self._pool_size = folder, pool_size
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])

    @property
    def url(self) -> str:
        """The same database through PgBouncer."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{self._target.database}"

    def __enter__(self) -> "PgBouncer":
        self._folder.mkdir()
        (self._folder / "users.txt").write_text('"postgres" ""\n')
        config = self._folder / "pgbouncer.ini"
        config.write_text(
            f"[databases]\n* = host={self._target.query['host']} user=postgres\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port}\n"
            f"unix_socket_dir =\nauth_type = trust\nauth_file = {self._folder}/users.txt\n"
            f"pool_mode = transaction\ndefault_pool_size = {self._pool_size}\n"
            "max_client_conn = 200\nadmin_users = postgres\nstats_users = postgres\n"
        )
        command = [str(_program()), str(config)]
        if os.getuid() == 0:  # it refuses to run as root; PostgreSQL's own user may use its socket
            owner = os.stat(self._target.query["host"])  # type: ignore[arg-type]
            for path in (self._folder, *self._folder.iterdir()):
                os.chown(path, owner.st_uid, owner.st_gid)
            ids = (f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}", "--clear-groups")
            command = ["setpriv", *ids, *command]
        with (self._folder.parent / "pgbouncer.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.show("VERSION")
                return self
            except psycopg.OperationalError:
                text = (self._folder.parent / "pgbouncer.log").read_text()
                assert self._process.poll() is None, text
                assert time.monotonic() < deadline, text
                time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def show(self, what: str) -> list[tuple[object, ...]]:
        """Rows of one of its own commands: `SHOW POOLS`."""
        address = f"postgresql://postgres@127.0.0.1:{self.port}/pgbouncer"
        with psycopg.connect(address, autocommit=True, prepare_threshold=None) as connection:
            return (
                connection.cursor(row_factory=psycopg.rows.tuple_row)
                .execute(f"SHOW {what}".encode())
                .fetchall()
            )
