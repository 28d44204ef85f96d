"""The real server, as `make run` starts it: killed, stopped and started again by a test."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import psutil

from tests.support.databases import TOP

START_SECONDS = 30
STOP_SECONDS = 20


class LiveServer:
    """granian with the arguments of the Makefile, in a process group of its own, on a free port.

    `environ` is the application's whole environment (with PATH and HOME of this one). The output of
    all its lives goes to `log`. Use it as a context manager, or call `close`: no process is left.
    """

    def __init__(
        self,
        environ: dict[str, str],
        log: Path,
        *,
        workers: int = 2,
        command: list[str] | None = None,
        ready: str = "/readyz",
        cwd: Path = TOP,
    ) -> None:
        # The port stays ours over a kill and a restart: bound here, with the permission to share it
        # that granian asks for too. Without `listen` nothing is ever delivered to this socket.
        self._reservation = socket.socket()
        self._reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._reservation.bind(("127.0.0.1", 0))
        self.port = int(self._reservation.getsockname()[1])
        self.environ = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "WORKERS": str(workers),
            **environ,
        }
        self.log = log
        self._command = command or serve_command(self.environ)
        self._ready = ready
        self._cwd = cwd
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Scheme, host and port, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The main process, which is also the number of the group."""
        assert self._process is not None, "the server was not started"
        return self._process.pid

    def start(self) -> "LiveServer":
        """Start, and return when the application answers that it is ready."""
        assert self._process is None, "the server runs already"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._cwd,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def kill(self) -> None:
        """`kill -9` to the whole group: nobody gets to say goodbye."""
        if self._process is None:
            return
        deadline = time.monotonic() + STOP_SECONDS
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        while left := self.processes():
            assert time.monotonic() < deadline, f"processes survive kill -9: {left}"
            time.sleep(0.01)
        self._process.wait()
        self._process = None

    def stop(self) -> int:
        """SIGTERM, as an operator or a supervisor does it; returns the exit status.

        Raises when the server does not end in time or leaves a process of its group behind; those
        are killed then.
        """
        assert self._process is not None, "the server was not started"
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(STOP_SECONDS)
            deadline = time.monotonic() + 3
            while (left := self.processes()) and time.monotonic() < deadline:
                time.sleep(0.05)
        except subprocess.TimeoutExpired as error:
            self.kill()
            raise AssertionError(f"the server did not end on SIGTERM:\n{self.output()}") from error
        names = [" ".join(process.cmdline()[:4]) for process in left if process.is_running()]
        self.kill()
        assert not left, f"the server ended and left behind: {names}"
        return status

    def restart(self) -> "LiveServer":
        """Kill it if it still runs, and start it anew: same port, same environment, same log."""
        self.kill()
        return self.start()

    def close(self) -> None:
        """Kill what runs, and give the port back."""
        self.kill()
        self._reservation.close()

    def output(self) -> str:
        """Everything that was printed since the first start."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def processes(self) -> list[psutil.Process]:
        """The living processes of the group: the main one, its workers, and their children."""
        if self._process is None:
            return []
        found = []
        for process in psutil.process_iter():
            try:
                same = os.getpgid(process.pid) == self.pid
                if same and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (ProcessLookupError, psutil.NoSuchProcess):
                continue
        return found

    def __enter__(self) -> "LiveServer":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        deadline = time.monotonic() + START_SECONDS
        last = "nothing answered"
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise AssertionError(
                    f"the server ended with {self._process.returncode}:\n{self.output()}"
                )
            try:
                with opener.open(self.url + self._ready, timeout=5):
                    return
            except urllib.error.HTTPError as error:
                last = f"{error.code} {error.read()[:300]!r}"
                error.close()
            except OSError as error:
                last = str(error)
            time.sleep(0.05)
        raise AssertionError(f"not ready in {START_SECONDS} s ({last}):\n{self.output()}")


def serve_command(environ: dict[str, str]) -> list[str]:
    """The command of `make run`, read from the Makefile, with the Python that runs the tests."""
    # What the make around the tests decided is not for this one.
    inherited = {
        k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")
    }
    done = subprocess.run(
        ["make", "-s", "print-serve", f"PY={sys.executable}"],
        cwd=TOP,
        env=inherited | {k: v for k, v in environ.items() if k in ("HOST", "PORT", "WORKERS")},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.splitlines()
