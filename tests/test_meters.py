"""Counts of several processes are exact over all of them, also over those that died, and folders
of servers that are gone do not pile up."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.journeys import walk
from tests.support.databases import TOP
from tests.support.metrics import Samples, samples
from tests.support.server import LiveServer
from tests.support.visitors import Unheard, Visitor
from webapp import meters

COUNT = """
import importlib.util
import sys
from pathlib import Path
found = importlib.util.spec_from_file_location("meters", "webapp/meters.py")
meters = importlib.util.module_from_spec(found)  # without all of webapp, which takes a second
found.loader.exec_module(meters)
meters.share(Path(sys.argv[1]))
meters.expect(["research"])
for _ in range(int(sys.argv[2])):
    meters.saved("research")
    meters.request("/x", "GET", 200, 0.2)
print("counted", flush=True)
if sys.argv[3] == "stay":
    sys.stdin.read()
print(meters.exposition().decode())
"""


class Process:
    """A process of this server: the tests are its parent, as the server program is otherwise."""

    def __init__(self, base: Path, count: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", COUNT, str(base), str(count), "stay"],
            cwd=TOP,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == "counted\n"

    def kill(self) -> None:
        """`kill -9`."""
        self._process.kill()
        self._process.communicate()

    def end(self) -> Samples:
        """What it tells as its last act."""
        return samples(self._process.communicate("", timeout=30)[0])


def files(base: Path) -> list[str]:
    """Names of the files that hold counts, without the numbers of processes."""
    return sorted(path.name.split("_")[0] for path in base.glob("server-*/*.db"))


def test_counts_of_dead_processes_stay_and_their_files_do_not_pile_up(tmp_path: Path) -> None:
    for count in (3, 5, 7):
        Process(tmp_path, count).kill()
    assert len(files(tmp_path)) == 4, "of the last one, and of all before it"
    living = Process(tmp_path, 10)
    told = Process(tmp_path, 20).end()
    living.kill()
    assert told.get("onward_saves_total", step="research") == 45
    name = "onward_request_duration_seconds"
    assert told.get(f"{name}_count", route="/x", method="GET") == 45
    assert told.get(f"{name}_sum", route="/x", method="GET") == pytest.approx(9)
    assert told.get(f"{name}_bucket", route="/x", method="GET", le="0.1") == 0
    assert told.get(f"{name}_bucket", route="/x", method="GET", le="0.25") == 45


def test_folders_of_servers_that_are_gone_are_deleted_and_no_others(tmp_path: Path) -> None:
    """Another server lives here too, under a parent of its own."""
    gone, kept = tmp_path / "server-of-yesterday", tmp_path / "not-ours"
    for folder in (gone, kept):
        folder.mkdir()
        (folder / "counter_77.db").write_bytes(b"")
    starts_one = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', *sys.argv[1:]])\n"
    other = subprocess.Popen(
        [sys.executable, "-c", starts_one, COUNT, str(tmp_path), "1", "stay"],
        cwd=TOP,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout
    assert other.stdout.readline() == "counted\n"
    assert not gone.exists()
    (living,) = tmp_path.glob("server-*")
    assert Process(tmp_path, 4).end().get("onward_saves_total", step="research") == 4
    assert living.exists()
    assert kept.exists()
    told = samples(other.communicate("", timeout=30)[0])
    assert told.get("onward_saves_total", step="research") == 1, "servers do not mix"
    Process(tmp_path, 1).end()
    assert not living.exists()


def test_a_file_that_was_cut_off_stops_nobody(tmp_path: Path) -> None:
    Process(tmp_path, 3).kill()
    (path,) = tmp_path.glob("server-*/counter_*.db")
    for content in (b"", b"\x07", b"\xff" * 4096):
        path.with_name("counter_99999999.db").write_bytes(content)
        told = Process(tmp_path, 1).end()
    assert told.get("onward_saves_total", step="research") == 3 + 3


def test_a_folder_that_cannot_be_used_leaves_each_process_its_own_counts(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert Process(blocked, 4).end().get("onward_saves_total", step="research") == 4


def test_the_operator_names_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(meters.FOLDER, str(tmp_path / "theirs"))
    Process(tmp_path / "ours", 1).end()
    assert files(tmp_path / "theirs")
    assert not (tmp_path / "ours").exists()


# The real server.


def scrape(server: LiveServer) -> Samples:
    """What it tells a Prometheus."""
    page = Visitor(server.url).get("/metrics")
    assert page.status == 200
    return samples(page.source)


@pytest.mark.long
def test_two_workers_tell_one_exact_sum_also_after_one_was_killed(
    start_server: StartServer, sqlite_url: str
) -> None:
    server = start_server(sqlite_url, workers=2)
    healthz = {"route": "/healthz", "method": "GET", "status": "200"}

    def ask(count: int) -> None:
        with ThreadPoolExecutor(4) as pool:
            pages = pool.map(lambda _: Visitor(server.url).get("/healthz"), range(count))
            assert {page.status for page in pages} == {200}

    ask(100)
    visitor = Visitor(server.url)
    visitor.follow(visitor.submit(visitor.get("/onboarding/")))
    for slug in ("api-keys", "website"):
        page = visitor.get(walk.path_of(slug))
        assert visitor.submit(page, walk.ANSWERS[slug], "save").status == 303
    for _ in range(6):  # whichever of the two answers
        told = scrape(server)
        assert told.get("onward_requests_total", **healthz) == 100
        assert told.get("onward_saves_total", step="website") == 1
        assert told.get("onward_sessions", state="open") <= 1
    folder = Path(server.environ["INSTANCE_DIR"]) / "metrics"
    pids = {path.stem.rpartition("_")[2] for path in folder.glob("server-*/*.db")}
    assert len(pids) == 2, "both of them counted"

    victim = int(sorted(pids)[0])
    os.kill(victim, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while len(served_by(folder, {str(victim)})) < 2:
        assert time.monotonic() < deadline, server.output()
        time.sleep(0.1)
    ask(40)
    told = scrape(server)
    assert told.get("onward_requests_total", **healthz) == 140
    assert told.get("onward_saves_total", step="website") == 1
    assert told.get("onward_saves_total", step="api-keys") == 1
    assert not list(folder.glob(f"server-*/*_{victim}.db")), "its counts lie with the dead"


def served_by(folder: Path, without: set[str]) -> set[str]:
    """Numbers of the processes that count, but these."""
    found = {path.stem.rpartition("_")[2] for path in folder.glob("server-*/counter_*.db")}
    return found - without - {"0"}


@pytest.mark.long
def test_a_worker_that_dies_again_and_again_leaves_a_scrape_that_is_quick_and_exact(
    start_server: StartServer, sqlite_url: str
) -> None:
    server = start_server(sqlite_url, workers=2)
    folder = Path(server.environ["INSTANCE_DIR"]) / "metrics"
    answered = 0
    for _ in range(8):
        before = served_by(folder, set())
        os.kill(int(sorted(before)[0]), signal.SIGKILL)
        deadline = time.monotonic() + 20
        while len(served_by(folder, {sorted(before)[0]})) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        for _ in range(5):
            try:
                answered += Visitor(server.url).get("/healthz").status == 200
            except Unheard:
                continue
    told = scrape(server)
    counted = told.get("onward_requests_total", route="/healthz", method="GET", status="200")
    assert answered <= counted <= 40
    assert len(list(folder.glob("server-*/*.db"))) <= 6


@pytest.mark.long
def test_a_server_that_is_started_anew_begins_at_zero_and_leaves_no_folder_behind(
    start_server: StartServer, sqlite_url: str
) -> None:
    server = start_server(sqlite_url, workers=2)
    for _ in range(5):
        Visitor(server.url).get("/healthz")
    server.restart()
    told = scrape(server)
    assert told.get("onward_requests_total", route="/healthz", method="GET", status="200") == 0
    folder = Path(server.environ["INSTANCE_DIR"]) / "metrics"
    assert len(list(folder.glob("server-*"))) == 1
    assert folder.stat().st_mode & 0o077 == 0 or (folder.parent.stat().st_mode & 0o077) == 0
