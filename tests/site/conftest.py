"""A web site on this machine, made of answers byte by byte, and a server nobody may reach."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from webapp.site.fetch import FetchPolicy

PAGES = Path(__file__).parent / "pages"

Answer = bytes | Callable[[socket.socket], None]


def html(
    body: bytes | str, *headers: str, status: str = "200 OK", kind: str = "text/html; charset=utf-8"
) -> bytes:
    """A whole HTTP answer."""
    data = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(data)}", "Connection: close", *headers]
    if kind:
        lines.append(f"Content-Type: {kind}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def redirect(target: str, status: str = "302 Found") -> bytes:
    return html("", f"Location: {target}", status=status)


def sample(name: str) -> bytes:
    """One of the pages written for these tests."""
    return (PAGES / f"{name}.html").read_bytes()


class LocalSite:
    """Answers each path with bytes, or hands the connection to a function. Keeps the requests."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[bytes] = []
        self.connections = 0
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.pair = f"127.0.0.1:{self.port}"
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def url(self, path: str = "/") -> str:
        return f"http://{self.pair}{path}"

    def wait(self, seconds: float) -> bool:
        """Pause inside an answer; True when the test is over."""
        return self._closing.wait(seconds)

    def close(self) -> None:
        self._closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._accepting.join()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,))
            thread.start()
            self._threads.append(thread)

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(5)
            request = b""
            while b"\r\n\r\n" not in request:
                received = connection.recv(4096)
                if not received:
                    return
                request += received
            self.requests.append(request)
            path = request.split(b" ", 2)[1].decode("latin-1")
            answer = self.answers.get(path, html("gone", status="404 Not Found"))
            if callable(answer):
                answer(connection)
            else:
                connection.sendall(answer)


@pytest.fixture
def site() -> Iterator[LocalSite]:
    server = LocalSite()
    yield server
    server.close()


@pytest.fixture
def sentinel() -> Iterator[LocalSite]:
    """A private server: whoever connects to it has got through."""
    server = LocalSite()
    server.answers["/"] = html("<p>the secret of the inner network</p>")
    yield server
    server.close()
    assert server.connections == 0, "a private server was reached"


@pytest.fixture
def policy(site: LocalSite) -> FetchPolicy:
    """Small limits, and leave to reach the local site alone."""
    return FetchPolicy(
        user_agent="Onward/1.0 (+https://onward.example)",
        allow=frozenset({site.pair}),
        total_seconds=4,
        connect_seconds=2,
        max_header_bytes=8 * 1024,
        max_body_bytes=200 * 1024,
        max_text_bytes=300 * 1024,
    )
