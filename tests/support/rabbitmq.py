"""A RabbitMQ of a test's own: Debian's server on free ports; a test may kill and start it again."""

import os
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, suppress
from pathlib import Path

START_SECONDS = 60


def why_no_rabbitmq() -> str | None:
    """None when the server is installed, else a sentence that says what to do."""
    if _program():
        return None
    return "There is no rabbitmq-server (on Debian and Ubuntu: apt install rabbitmq-server)."


def _program() -> Path | None:
    """The server itself: what Debian puts on the path in front of it changes to its own user."""
    return next(Path("/usr/lib/rabbitmq/lib").glob("*/sbin/rabbitmq-server"), None)


class RabbitServer:
    """`rabbitmq-server` on 127.0.0.1, the same port and the same folder over all its lives."""

    def __init__(self, folder: Path) -> None:
        with ExitStack() as stack:
            probes = [stack.enter_context(socket.socket()) for _ in range(3)]
            for probe in probes:
                probe.bind(("127.0.0.1", 0))
            self._ports = [int(probe.getsockname()[1]) for probe in probes]
        self._folder = folder / "rabbitmq"
        self._folder.mkdir()
        self._process: subprocess.Popen[bytes] | None = None
        self._names: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """As BROKER_URL wants it."""
        return f"amqp://guest:guest@127.0.0.1:{self._ports[0]}/"

    def start(self) -> "RabbitServer":
        """Start, and return when it answers."""
        port, own, names = map(str, self._ports)
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "RABBITMQ_NODENAME": f"onward{port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": port,
            "RABBITMQ_DIST_PORT": own,
            "ERL_EPMD_PORT": names,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": str(self._folder / "data"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(self._folder / "none"),
            "RABBITMQ_LOGS": "-",
        }
        log = self._folder / "log"
        with log.open("ab") as output:
            if self._names is None:
                # Erlang's register of names: started by the server it would outlive it.
                command = ["epmd", "-port", names, "-address", "127.0.0.1"]
                self._names = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
            self._process = subprocess.Popen(
                [str(_program())],
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert time.monotonic() < deadline, log.read_text()[-2000:]
            time.sleep(0.1)
        return self

    def kill(self) -> None:
        """`kill -9`."""
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def __enter__(self) -> "RabbitServer":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()
        if self._names:
            self._names.kill()
            self._names.wait()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._ports[0]), 1) as wire:
                wire.sendall(b"AMQP\x00\x00\x09\x01")
                return bool(wire.recv(1))
        except OSError:
            return False
