"""What a whole journey costs, Onward's beside those of its peers, in one run on one machine.

    make bench [ARGS="--postgres"]
    python -m tests.bench.journeys [--postgres] [--rounds 5] [--journeys 60] [--language de]

Three servers stand side by side: Onward as `make run` serves it, with everything switched on; a
django-formtools wizard with the same six forms; and a bare Flask application. A client with cookies
and keep-alive opens every page, fills the form that it finds in the HTML, sends it, and follows.
The servers take turns, a round each, so that what else the machine does falls on all of them.

CPU is that of the server's whole tree of processes, its ended children too, and of PostgreSQL's
between the first and the last request of a round. Durable commits are counted by the database: for
SQLite the frames of the write-ahead log that end a transaction, for PostgreSQL the transactions
that got a number (those that wrote) and its flushes of the log.
"""

import argparse
import gzip
import os
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from http.client import HTTPConnection, RemoteDisconnected
from pathlib import Path
from urllib.parse import urlencode, urljoin, urlsplit

import psutil
from lxml import html

from tests.journeys.walk import ANSWERS
from tests.support.databases import SECRETS, TOP, migrate
from tests.support.private_postgres import PrivatePostgres
from tests.support.server import LiveServer

PEERS_PYTHON = TOP / ".venv" / "bench" / "bin" / "python"
STEPS = 6
GIVEN = {
    **{name: value for answers in ANSWERS.values() for name, value in answers.items()},
    "competitors": "",
}
"""Field -> value. No website and no competitor is named: Onward would read their pages in the
background, which the others cannot do at all."""


@dataclass
class Answer:
    """One answer of a server."""

    status: int
    path: str
    body: bytes
    location: str | None


@dataclass
class Client:
    """A browser of its own: cookies, keep-alive, and the headers that Chromium sends."""

    host: str
    port: int
    number: int
    language: str = "en"
    cookies: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=lambda: {"GET": [], "POST": []})
    sent_bytes: int = 0
    _connection: HTTPConnection | None = None

    def ask(self, method: str, path: str, form: list[tuple[str, str]] | None = None) -> Answer:
        """One request, and its whole answer; anything but a page or a redirect is an error."""
        headers = {
            "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
            "Accept-Encoding": "gzip, deflate, br",
            "Accept-Language": f"{self.language},en;q=0.5",
            "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/142.0 Safari/537.36",
            # Everybody from an address of their own, as through a proxy: a whole city behind one
            # would meet the limits, as it should.
            "X-Forwarded-For": f"10.{self.number >> 16 & 255}.{self.number >> 8 & 255}"
            f".{self.number & 255}",
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
        }
        body = None
        if form is not None:
            body = urlencode(form)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            headers["Origin"] = f"http://{self.host}:{self.port}"
            headers["Sec-Fetch-Site"] = "same-origin"
        began = time.perf_counter()
        answer = self._exchange(method, path, body, headers)
        self.seconds[method].append(time.perf_counter() - began)
        if answer.status not in (200, 302, 303):
            raise RuntimeError(f"{method} {path}: {answer.status} {answer.body[:500]!r}")
        return answer

    def _exchange(
        self, method: str, path: str, body: str | None, headers: dict[str, str]
    ) -> Answer:
        # A server may close a connection that it had left open: then a new one asks once more.
        for attempt in (1, 2):
            if self._connection is None:
                self._connection = HTTPConnection(self.host, self.port, timeout=30)
            try:
                self._connection.request(method, path, body, headers)
                response = self._connection.getresponse()
                break
            except (RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self.close()
                if attempt == 2:
                    raise
        raw = response.read()
        self.sent_bytes += len(raw)
        for name, value in response.getheaders():
            if name.lower() == "set-cookie":
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.partition(";")[0]
        if response.will_close:
            self.close()
        page = gzip.decompress(raw) if response.getheader("Content-Encoding") == "gzip" else raw
        return Answer(response.status, path, page, response.getheader("Location"))

    def close(self) -> None:
        """Give the connection back."""
        if self._connection:
            self._connection.close()
            self._connection = None


def journey(client: Client, start: str) -> int:
    """One person from the first page to the last; returns how many forms were posted."""
    answer, posts = client.ask("GET", start), 0
    for _ in range(40):
        if answer.location:
            path = urlsplit(urljoin(answer.path, answer.location)).path
            answer = client.ask("GET", path)
            continue
        found = _form(answer)
        if found is None:
            client.close()
            return posts
        method, action, values = found
        if method == "GET":
            answer = client.ask("GET", action)
        else:
            answer, posts = client.ask("POST", action, values), posts + 1
    raise RuntimeError(f"no end of the journey in sight: {answer.path}")


def _form(answer: Answer) -> tuple[str, str, list[tuple[str, str]]] | None:
    """Method, address and values of the form to send; None on the page after the last."""
    document = html.document_fromstring(answer.body)
    main = document.find(".//main")
    forms = list((document if main is None else main).iter("form"))
    forms = [one for one in forms if one.get("id") == "step-form"] or forms
    if not forms or answer.path.rstrip("/").endswith(("/summary", "/done")):
        return None
    form = forms[0]
    values: list[tuple[str, str]] = []
    for control in form.iter("input", "textarea", "button"):
        name, kind = control.get("name"), control.get("type", "text")
        if control.tag == "button":
            if name == "action" and control.get("value") == "save":
                values.append((name, "save"))
        elif kind == "hidden":
            values.append((name, control.get("value", "")))
        elif name:
            values += _given(name, kind, control)
    action = urljoin(answer.path, form.get("action") or answer.path)
    return form.get("method", "get").upper(), action, list(dict.fromkeys(values))


def _given(name: str, kind: str, control: html.HtmlElement) -> Iterator[tuple[str, str]]:
    bare = name.rpartition("-")[2]  # django-formtools puts the step before it
    value = GIVEN.get(bare)
    if kind in ("radio", "checkbox"):
        own = control.get("value", "y")
        is_one = isinstance(value, list) and own in value
        if is_one or own == value or (value is True and own in ("y", "on")):
            yield name, own
    else:
        yield name, value if isinstance(value, str) else ""


@dataclass
class App:
    """One of the three, served."""

    name: str
    server: LiveServer
    start: str
    sqlite: Path | None
    cpu: float = 0.0
    database_cpu: float = 0.0
    journeys: int = 0
    rounds: list[float] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=lambda: {"GET": [], "POST": []})
    requests: int = 0
    sent_bytes: int = 0

    @property
    def per_journey(self) -> float:
        """Milliseconds of CPU a journey, the database's among them."""
        return 1000 * (self.cpu + self.database_cpu) / self.journeys


def tree_cpu(root: psutil.Process) -> float:
    """Seconds of CPU of a process and all that it ever started, ended ones too."""
    total = 0.0
    for process in (root, *root.children(recursive=True)):
        try:
            total += sum(process.cpu_times()[:4])
        except psutil.NoSuchProcess:
            continue
    return total


class Numbers:
    """Hands out the numbers that make everybody's address."""

    last = 0

    @classmethod
    def next(cls) -> int:
        """One that nobody had."""
        cls.last += 1
        return cls.last


def walk(app: App, count: int, language: str, keep: bool = True) -> None:
    """So many journeys, one after the other."""
    for _ in range(count):
        client = Client("127.0.0.1", app.server.port, Numbers.next(), language)
        posts = journey(client, app.start)
        if posts < STEPS:
            raise RuntimeError(f"{app.name}: only {posts} forms were posted")
        if keep:
            for method, seconds in client.seconds.items():
                app.seconds[method] += seconds
                app.requests += len(seconds)
            app.sent_bytes += client.sent_bytes


def measure(app: App, count: int, language: str, postgres: PrivatePostgres | None) -> None:
    """A round: journeys, and the CPU that they cost."""
    root = psutil.Process(app.server.pid)
    database = postgres.processes()[0] if postgres else None
    before, database_before = tree_cpu(root), tree_cpu(database) if database else 0.0
    walk(app, count, language)
    cpu = tree_cpu(root) - before
    database_cpu = tree_cpu(database) - database_before if database else 0.0
    app.cpu, app.database_cpu = app.cpu + cpu, app.database_cpu + database_cpu
    app.journeys += count
    app.rounds.append(1000 * (cpu + database_cpu) / count)


# -- commits, as the database counts them ----------------------------------------------------------


def sqlite_commits(path: Path, act: Callable[[], None]) -> int:
    """How many transactions `act` adds to the write-ahead log of this file: each ends with a frame
    that says how large the database is then. What it adds must fit in before a checkpoint."""
    with closing(sqlite3.connect(path, timeout=10)) as connection:
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise RuntimeError(f"{path}: somebody reads, so the log cannot start anew")
    act()
    log = Path(f"{path}-wal")
    return _commits_in(log.read_bytes() if log.exists() else b"")


def _commits_in(log: bytes) -> int:
    if not log:
        return 0
    page_size = int(struct.unpack(">I", log[8:12])[0])
    salt, commits = log[16:24], 0
    for begin in range(32, len(log), 24 + page_size):
        frame = log[begin : begin + 24]
        if len(frame) < 24 or frame[8:16] != salt:
            break  # what follows is of an earlier log
        commits += struct.unpack(">I", frame[4:8])[0] > 0
    return commits


def postgres_commits(
    postgres: PrivatePostgres, act: Callable[[], None], pause: float = 1.5
) -> tuple[int, int]:
    """How many transactions of the whole server wrote something during `act`, and how often it
    flushed its log to the disk. `pause`: a connection tells what it did when it ends, once a second
    while it works, and after ten seconds without any."""

    def counted() -> tuple[int, int]:
        time.sleep(pause)
        number = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
        flushes = "SELECT wal_sync FROM pg_stat_wal"
        if int(str(postgres.sql("SHOW server_version_num")[0][0])) >= 180000:
            flushes = "SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal'"
        return int(str(postgres.sql(number)[0][0])), int(str(postgres.sql(flushes)[0][0]))

    first = counted()
    act()
    last = counted()
    return last[0] - first[0], last[1] - first[1]


# -- the three ------------------------------------------------------------------------------------


def onward(folder: Path, url: str, workers: int) -> LiveServer:
    """As `make run` serves it, with the settings of a deployment behind a proxy."""
    environ = {
        **SECRETS,
        "DATABASE_URL": url,
        "DEPLOY_ENV": "production",
        "INSTANCE_DIR": str(folder / "instance"),
        "OPERATOR_TOKEN": "the-token-of-the-operator-of-the-benchmark",
        "TRUSTED_PROXIES": "127.0.0.1",
        "RATE_LIMITS": "on",
    }
    migrate(url, folder / "instance")
    return LiveServer(environ, folder / "onward.log", workers=workers)


def peer(module: str, folder: Path, url: str, workers: int) -> LiveServer:
    """A peer under gunicorn's sync workers."""
    environ = {**SECRETS, "DATABASE_URL": url, "PYTHONPATH": str(TOP)}
    name, _, _app = module.partition(":")
    # Run by itself it makes its tables.
    making = [str(PEERS_PYTHON), "-m", f"tests.bench.peers.{name}"]
    subprocess.run(making, cwd=TOP, env={**os.environ, **environ}, check=True)
    server = LiveServer(environ, folder / f"{name}.log", command=["-"], ready="/")
    server._command = [
        str(PEERS_PYTHON), "-m", "gunicorn", "--workers", str(workers), "--worker-class", "sync",
        "--bind", f"127.0.0.1:{server.port}", "--reuse-port", "--log-level", "warning",
        f"tests.bench.peers.{module}",
    ]  # fmt: skip
    return server


def served(
    stack: ExitStack, folder: Path, postgres: PrivatePostgres | None, workers: int
) -> list[App]:
    """Onward, then the peers, all started, each on a database of its own."""
    found = []
    for name, start, serve in (
        ("Onward", "/onboarding/", onward),
        ("django-formtools", "/", lambda *a: peer("formtools_wizard:application", *a)),
        ("bare floor", "/", lambda *a: peer("floor:app", *a)),
    ):
        database = name.lower().replace(" ", "_").replace("-", "_")
        path = folder / f"{database}.sqlite"
        url = f"sqlite:///{path}"
        if postgres:
            postgres.sql(f"CREATE DATABASE {database}")
            url = postgres.url(database)
        server = stack.enter_context(serve(folder, url, workers))
        found.append(App(name, server, start, None if postgres else path))
    return found


def main(arguments: list[str]) -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="make bench", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--postgres", action="store_true", help="PostgreSQL in place of SQLite")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--journeys", type=int, default=50, help="in each round of each server")
    parser.add_argument("--workers", type=int, default=int(os.environ.get("WORKERS", "2")))
    parser.add_argument("--language", default="en")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="onward-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL may run as another user
        postgres = None
        if given.postgres:
            postgres = stack.enter_context(PrivatePostgres(folder / "postgres"))
        apps = served(stack, folder, postgres, given.workers)
        say(f"{'PostgreSQL' if postgres else 'SQLite'}, {given.workers} workers each; warming up")
        for app in apps:
            walk(app, 12 * given.workers, given.language, keep=False)
        for number in range(given.rounds):
            for app in apps[number % len(apps) :] + apps[: number % len(apps)]:
                measure(app, given.journeys, given.language, postgres)
        report(apps, postgres, given.language)


def report(apps: list[App], postgres: PrivatePostgres | None, language: str) -> None:
    """The table, with ratios between the servers of each round."""
    say(f"{apps[0].journeys} journeys each, in {len(apps[0].rounds)} rounds\n")
    head = ("", "CPU ms/journey", "server", "database", "requests", "KB/journey", "memory MB")
    say("{:18}{:>15}{:>9}{:>10}{:>10}{:>12}{:>11}".format(*head))
    for app in apps:
        each = 1 / app.journeys
        resident = max(one.memory_info().rss for one in app.server.processes()) / 1e6
        say(
            f"{app.name:18}{app.per_journey:15.2f}{1000 * app.cpu * each:9.2f}"
            f"{1000 * app.database_cpu * each:10.2f}{app.requests * each:10.1f}"
            f"{app.sent_bytes * each / 1000:12.1f}{resident:11.1f}"
        )
    say("")
    for other, goal in zip(apps[1:], (0.33, 2.0), strict=True):
        ratios = [a / b for a, b in zip(apps[0].rounds, other.rounds, strict=True)]
        say(
            f"Onward / {other.name}: {apps[0].per_journey / other.per_journey:.2f} "
            f"(rounds {min(ratios):.2f} to {max(ratios):.2f}; the goal is at most {goal})"
        )
    say(
        "\n{:18}{:>10}{:>10}{:>10}{:>10}".format("ms", "GET p50", "GET p99", "POST p50", "POST p99")
    )
    for app in apps:
        columns = (
            1000 * quantile(app.seconds[method], part)
            for method in ("GET", "POST")
            for part in (50, 99)
        )
        say(f"{app.name:18}" + "".join(f"{one:10.2f}" for one in columns))
    say("\nDurable commits a journey")
    count = 8
    if postgres:
        postgres.sql("ALTER SYSTEM SET autovacuum = off")  # it takes numbers of transactions too
        postgres.sql("SELECT pg_reload_conf()")
    for app in apps:

        def few(app: App = app) -> None:
            walk(app, count, language, keep=False)

        if app.sqlite:
            say(f"{app.name:18}{sqlite_commits(app.sqlite, few) / count:10.2f}")
        elif postgres:
            wrote, flushed = postgres_commits(postgres, few, pause=11)
            say(f"{app.name:18}{wrote / count:10.2f}  ({flushed / count:.2f} flushes of the log)")


def quantile(values: list[float], percent: int) -> float:
    """The value below which so many per cent lie."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def say(text: str) -> None:
    """A line of the report."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
