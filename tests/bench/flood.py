"""What becomes of a server that gets five times what it can serve?

    python -m tests.bench.flood URL [--seconds 10] [--workers 1] [--core 0.35]

The database is migrated. The real server runs on loopback; sixteen people have reached the second
step. First as many requests are made as are answered (opening and saving that step in turn, by
eight at a time): that is its rate. Then requests come by the clock, a little below that rate, at
five times it, and below it again, whatever becomes of those before. Printed are how many were
served and refused a second, how long both took, and what share of its rate it served.

Whoever asks five times what two cores can serve takes one of these for asking. With `--core` each
worker has so much of a core and no more (`slow_cores`), and the rest of the machine asks; what is
missing from the full rate then is what refusing costs the server, and the kernel on its behalf.
"""

import argparse
import asyncio
import itertools
import re
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.bench.flat import percentile
from tests.bench.workers import cpu_of, slow_cores
from tests.journeys.walk import ANSWERS, path_of
from tests.support.databases import settings
from tests.support.server import LiveServer
from tests.support.visitors import Visitor

PEOPLE = 16
AT_A_TIME = 8
TIMES = 5
MOST_OPEN = 400
"""People with a connection each; a request that comes while all of them wait is counted as not
sent."""

Answers = dict[int, list[float]]
"""Status (0: none came) -> milliseconds."""


def requests_of(base: str) -> list[bytes]:
    """For each of the people the two requests, as they go over the wire."""
    host = urlsplit(base).netloc
    made = []
    for number in range(PEOPLE):
        visitor = Visitor(base)
        page = visitor.follow(visitor.submit(visitor.get("/onboarding/")))
        page = visitor.follow(visitor.submit(page, ANSWERS["api-keys"], "save"))
        typed = {**ANSWERS["website"], "industry": f"watches {number}"}
        visitor.submit(page, typed, "save")
        page = visitor.get(path_of("website"))
        _, values = visitor.filled(page, typed, "save")
        body = urlencode(list(values.items(multi=True)))
        cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
        head = f"Host: {host}\r\nCookie: {cookie}\r\n"
        made.append(f"GET {page.path} HTTP/1.1\r\n{head}\r\n".encode())
        made.append(
            f"POST {page.path} HTTP/1.1\r\n{head}Sec-Fetch-Site: same-origin\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
    return made


class Connection(asyncio.Protocol):
    """A browser's connection: one request at a time, the next on the same one. (Streams would take
    a core for asking 2,000 times a second.)"""

    def __init__(self, answers: Answers, given_back: Callable[["Connection"], None]) -> None:
        """`given_back` is told of the connection after each answer, and when it is lost."""
        self._answers, self._given_back = answers, given_back
        self._heard, self._begun = b"", 0.0
        self._transport: Any = None
        self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It can be used."""
        self._transport, self.is_open = transport, True

    def connection_lost(self, exc: Exception | None) -> None:
        """The server hung up."""
        self.is_open = False
        if self._begun:
            self._over(0)

    def ask(self, sent: bytes) -> None:
        """Send one request; its answer is noted when all of it is there."""
        self._begun = time.perf_counter()
        self._transport.write(sent)

    def data_received(self, data: bytes) -> None:
        """Part of an answer."""
        self._heard += data
        head, there, body = self._heard.partition(b"\r\n\r\n")
        if there and len(body) >= int(_LENGTH.search(head)[1]):  # type: ignore[index]
            self._over(int(self._heard[9:12]))

    def _over(self, status: int) -> None:
        self._answers[status].append((time.perf_counter() - self._begun) * 1000)
        self._heard, self._begun = b"", 0.0
        self._given_back(self)

    def close(self) -> None:
        """Hang up."""
        self._transport.close()


_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")


async def _connected(port: int, many: int, answers: Answers, given_back: Any) -> list[Connection]:
    loop = asyncio.get_running_loop()
    made = []
    for _ in range(many):
        _transport, one = await loop.create_connection(
            lambda: Connection(answers, given_back), "127.0.0.1", port
        )
        made.append(one)
    return made


async def as_fast_as_it_goes(port: int, made: list[bytes], seconds: float) -> float:
    """Answers a second."""
    answers: Answers = defaultdict(list)
    until = time.monotonic() + seconds
    turn = itertools.cycle(made)

    def again(one: Connection) -> None:
        if time.monotonic() < until:
            one.ask(next(turn))

    connections = await _connected(port, AT_A_TIME, answers, again)
    for one in connections:
        again(one)
    await asyncio.sleep(seconds + 0.5)
    for one in connections:
        one.close()
    assert set(answers) <= {200, 303}, {status: len(t) for status, t in answers.items()}
    return sum(map(len, answers.values())) / seconds


async def by_the_clock(port: int, made: list[bytes], rate: float, seconds: float) -> Answers:
    """Answers to requests that come at this rate, whatever becomes of those before."""
    answers: Answers = defaultdict(list)
    idle: list[Connection] = []
    connections = await _connected(port, MOST_OPEN, answers, idle.append)
    idle += connections
    begun, sent, turn = time.monotonic(), 0, itertools.cycle(made)
    while (passed := time.monotonic() - begun) < seconds:
        while sent < passed * rate:
            sent += 1
            while idle and not idle[-1].is_open:
                idle.pop()
            if idle:
                idle.pop().ask(next(turn))
            else:
                answers[-1].append(0)
        await asyncio.sleep(0.002)
    await asyncio.sleep(min(5, 2 * seconds))
    for one in connections:
        one.close()
    await asyncio.sleep(0.1)  # what still waits is counted as without an answer
    return answers


def tell(words: str, answers: Answers, rate: float, seconds: float) -> None:
    """A line for each kind of answer."""
    served = answers.get(200, []) + answers.get(303, [])
    print(f"{words}: {len(served) / seconds / rate:.0%} of the full rate is served")  # noqa: T201
    kinds = [
        ("served", served),
        ("refused", answers.get(503, [])),
        ("no answer", answers.get(0, [])),
    ]
    for kind, times in kinds:
        if times:
            print(  # noqa: T201
                f"{words:<18} {kind:<10} {len(times) / seconds:7.0f}/s   "
                f"p50 {percentile(times, 0.5):6.0f} ms   p99 {percentile(times, 0.99):6.0f} ms"
            )
    if -1 in answers:
        print(f"{words:<18} not sent   {len(answers[-1]) / seconds:7.0f}/s (too many open)")  # noqa: T201
    other = set(answers) - {-1, 0, 200, 303, 503}
    assert not other, other


async def measure(server: LiveServer, made: list[bytes], seconds: float) -> None:
    """All of it."""
    port = server.port
    await as_fast_as_it_goes(port, made, 3)
    cpu = cpu_of(server)
    rate = await as_fast_as_it_goes(port, made, seconds)
    cost = (cpu_of(server) - cpu) / rate / seconds
    print(f"it serves {rate:.0f} requests a second, {cost * 1e6:.0f} us of CPU each")  # noqa: T201
    for words, times in (
        ("at its rate", 0.9),
        (f"{TIMES} times", TIMES),
        ("at once after it", 0.9),
    ):
        cpu = cpu_of(server)
        answers = await by_the_clock(port, made, rate * times, seconds)
        tell(words, answers, rate, seconds)
        if refused := len(answers.get(503, [])):
            rest = cpu_of(server) - cpu - cost * sum(len(answers.get(s, [])) for s in (200, 303))
            print(f"{words}: {rest / refused * 1e6:.0f} us of CPU for each refusal")  # noqa: T201


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, default=10, help="of each part; at most 60")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--core", type=float, help="how much of a core each worker has")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environ = settings(given.url, Path(folder) / "instance")
        with LiveServer(environ, Path(folder) / "log", workers=given.workers) as server:
            made = requests_of(server.url)
            with slow_cores(server, given.core) if given.core else nullcontext():
                asyncio.run(measure(server, made, min(given.seconds, 60)))


if __name__ == "__main__":
    sys.exit(main())
