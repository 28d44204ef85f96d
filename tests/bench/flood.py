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
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import nullcontext
from pathlib import Path
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
"""Connections at a time; who comes while there are as many is counted as unheard."""

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
        head = f"Host: {host}\r\nCookie: {cookie}\r\nConnection: close\r\n"
        made.append(f"GET {page.path} HTTP/1.1\r\n{head}\r\n".encode())
        made.append(
            f"POST {page.path} HTTP/1.1\r\n{head}Sec-Fetch-Site: same-origin\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
    return made


async def ask(port: int, sent: bytes, answers: Answers) -> None:
    """Send one request on a connection of its own and note its answer."""
    begun, status = time.perf_counter(), 0
    try:
        async with asyncio.timeout(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(sent)
                answer = await reader.read()
                status = int(answer[9:12])
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        pass
    answers[status].append((time.perf_counter() - begun) * 1000)


async def as_fast_as_it_goes(port: int, made: list[bytes], seconds: float) -> float:
    """Answers a second."""
    answers: Answers = defaultdict(list)
    until = time.monotonic() + seconds

    async def one(number: int) -> None:
        turn = number
        while time.monotonic() < until:
            await ask(port, made[turn % len(made)], answers)
            turn += AT_A_TIME + 1

    await asyncio.gather(*map(one, range(AT_A_TIME)))
    assert set(answers) <= {200, 303}, {status: len(t) for status, t in answers.items()}
    return sum(map(len, answers.values())) / seconds


async def by_the_clock(port: int, made: list[bytes], rate: float, seconds: float) -> Answers:
    """Answers to requests that come at this rate, whatever becomes of those before."""
    answers: Answers = defaultdict(list)
    running: set[asyncio.Task[None]] = set()
    begun, sent = time.monotonic(), 0
    while (passed := time.monotonic() - begun) < seconds:
        while sent < passed * rate:
            if len(running) < MOST_OPEN:
                task = asyncio.create_task(ask(port, made[sent % len(made)], answers))
                running.add(task)
                task.add_done_callback(running.discard)
            else:
                answers[-1].append(0)
            sent += 1
        await asyncio.sleep(0.002)
    if running:
        await asyncio.wait(running)
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
