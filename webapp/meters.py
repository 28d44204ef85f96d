"""What this process counts for Prometheus: requests, saves, skips, drafts, conflicts, jobs.

Several processes serve, and a scrape reaches one of them. So each keeps its counts in files of its
own, in a folder that all processes of one server share, and the one that is asked adds them up
(`prometheus_client`'s multiprocess mode). A process that was killed leaves its counts there.

Labels are rules of the URL map, slugs of steps and the like: never what somebody sent.
"""

import contextlib
import fcntl
import hashlib
import logging
import os
import shutil
import struct
from collections.abc import Callable, Iterable, Iterator
from functools import cache, wraps
from pathlib import Path
from typing import IO, TYPE_CHECKING, ParamSpec

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram
    from prometheus_client.registry import Collector

P = ParamSpec("P")
log = logging.getLogger(__name__)

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the classes of durations, in seconds."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
"""The label of a method that is none of ours, and of an address that no rule knows."""


class _Meters:
    """The metrics; made when the first thing is counted, so that a command never loads them."""

    def __init__(self) -> None:
        if folder := os.environ.get(FOLDER):
            try:
                _reserve(Path(folder))
            except OSError as error:  # people are served all the same
                log.warning("this process counts for itself: %s", error.strerror)
                del os.environ[FOLDER]
        # It looks at the environment as it is imported: `share` has to come first.
        from prometheus_client import CollectorRegistry, Counter, Histogram

        self.registry = registry = CollectorRegistry()

        def counter(name: str, told: str, *labels: str) -> Counter:
            return Counter(f"onward_{name}", told, labels, registry=registry)

        def histogram(name: str, told: str, *labels: str) -> Histogram:
            return Histogram(f"onward_{name}", told, labels, buckets=BUCKETS, registry=registry)

        self.requests = counter(
            "requests", "Requests that were answered.", "route", "method", "status"
        )
        self.durations = histogram(
            "request_duration_seconds", "Time to the answer, by route.", "route", "method"
        )
        self.saves = counter("saves", "Saves of a step that were committed.", "step")
        self.skips = counter("skips", "Steps that were skipped, committed.", "step")
        self.drafts = counter("drafts", "Drafts that were committed.", "step")
        self.conflicts = counter(
            "conflicts", "Writes refused because what is stored is newer than the form.", "step"
        )
        self.jobs = counter("jobs_ended", "Jobs that a worker let go of.", "kind", "outcome")
        self.job_durations = histogram(
            "job_duration_seconds", "Time that a worker had a job in hand.", "kind"
        )


@cache
def _meters() -> _Meters:
    return _Meters()


@cache
def _request_meters(route: str, method: str) -> tuple["Histogram", dict[int, "Counter"]]:
    """As many as the URL map has rules, times the methods."""
    return _meters().durations.labels(route, method), {}


@cache
def _save_meter(step: str) -> "Counter":
    return _meters().saves.labels(step)


def _quietly(count: Callable[P, None]) -> Callable[P, None]:
    """What is counted must not fail for it: it is committed, or answered, already."""

    @wraps(count)
    def counted(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            count(*args, **kwargs)
        except Exception:
            log.exception("not counted")

    return counted


@_quietly
def request(route: str, method: str, status: int, seconds: float) -> None:
    """Count an answer. `route`: the rule, empty for none."""
    route, method = route or OTHER, method if method in METHODS else OTHER
    durations, by_status = _request_meters(route, method)
    if status not in by_status:
        by_status[status] = _meters().requests.labels(route, method, str(status))
    by_status[status].inc()
    durations.observe(seconds)


@_quietly
def saved(step: str) -> None:
    """Count a save, after its commit."""
    _save_meter(step).inc()


@_quietly
def skipped(step: str) -> None:
    """Count a step that was skipped, after the commit."""
    _meters().skips.labels(step).inc()


@_quietly
def drafted(step: str) -> None:
    """Count a draft, after its commit."""
    _meters().drafts.labels(step).inc()


@_quietly
def conflicted(step: str) -> None:
    """Count a write that was refused because what is stored is newer. `step`: a slug, or `all`."""
    _meters().conflicts.labels(step).inc()


@_quietly
def job(kind: str, outcome: str, seconds: float) -> None:
    """Count a job that this worker let go of."""
    _meters().jobs.labels(kind, outcome).inc()
    _meters().job_durations.labels(kind).observe(seconds)


def expect(steps: Iterable[str]) -> None:
    """Begin at zero: Prometheus sees a rise from a zero that it knew, never a first appearance."""
    meters = _meters()
    for step in steps:
        for one in (meters.saves, meters.skips, meters.drafts, meters.conflicts):
            one.labels(step)


def exposition(*more: "Collector") -> bytes:
    """All counts of all processes of this server, and what `more` collects, as text."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    registry: CollectorRegistry = CollectorRegistry()
    folder = os.environ.get(FOLDER)
    if folder is None:  # one process alone, for instance under a test
        text = generate_latest(_meters().registry)
    else:
        MultiProcessCollector(registry, path=folder)
        with _locked(Path(folder) / "files", fcntl.LOCK_SH):
            text = generate_latest(registry)
    for one in more:
        registry = CollectorRegistry()
        registry.register(one)
        text += generate_latest(registry)
    return text


# -- the folder that the processes of one server share ---------------------------------------------

RESERVED = {"counter": 256 * 1024, "histogram": 1024 * 1024}
"""Bytes of a process's files. They are written as memory is: a page that the disk has no room for
would kill the process."""
_held: list[IO[str]] = []


def share(base: Path) -> None:
    """Count together with the other processes of this server, from now on until this one ends; in
    a folder below `base` (the operator may name another in PROMETHEUS_MULTIPROC_DIR). To be called
    once, before anything is counted. Where the folder cannot be used, each counts for itself.

    Folders of servers that are gone are deleted, counts of processes that are gone put together.
    """
    if _meters.cache_info().currsize:
        raise RuntimeError("something was counted before the processes share their counts")
    base = Path(os.environ.pop(FOLDER, "") or base)
    try:
        _move_in(base, base / _server())
    except OSError as error:
        log.warning("each process counts for itself: %s: %s", base, error.strerror)


def _move_in(base: Path, folder: Path) -> None:
    while True:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # deleted meanwhile as a folder of the dead
            lives = _lock(folder / "lives", fcntl.LOCK_SH)
            if (folder / "lives").stat().st_ino == os.fstat(lives.fileno()).st_ino:
                break
            lives.close()
    _held.append(lives)  # the lock says that somebody lives here; the kernel lifts it
    os.environ[FOLDER] = str(folder)
    _clear(base, folder)
    with _locked(folder / "files", fcntl.LOCK_EX):
        _bury(folder)


def _reserve(folder: Path) -> None:
    for kind, size in RESERVED.items():
        with open(folder / f"{kind}_{os.getpid()}.db", "ab") as file:
            os.posix_fallocate(file.fileno(), 0, size)


def _server() -> str:
    """A name that the processes of this server share, and nobody else: their parent's, with the
    time of its birth and the kernel and the container that its number counts in."""
    parent = os.getppid()
    told = [str(parent)]
    with contextlib.suppress(OSError, IndexError):
        born = Path(f"/proc/{parent}/stat").read_text().rpartition(")")[2].split()[19]
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        told += [born, boot, os.readlink("/proc/self/ns/pid")]
    return "server-" + hashlib.sha256(" ".join(told).encode()).hexdigest()[:16]


def _clear(base: Path, mine: Path) -> None:
    """Delete the folders of servers of which no process lives."""
    for folder in base.glob("server-*"):
        if folder == mine:
            continue
        with contextlib.suppress(OSError), _locked(folder / "lives", fcntl.LOCK_EX, wait=False):
            shutil.rmtree(folder)


def _bury(folder: Path) -> None:
    """Put the counts of processes that are gone into one file for each kind: a worker that dies
    again and again would leave more files than a scrape can read."""
    from prometheus_client.mmap_dict import MmapedDict

    for path in sorted(folder.glob("*_*.db")):
        kind, _, number = path.stem.rpartition("_")
        pid = int(number)
        if pid == 0 or _lives(pid):
            continue
        grave = MmapedDict(str(folder / f"{kind}_0.db"))
        with contextlib.suppress(RuntimeError, struct.error):  # it was cut off within a write
            for key, value, _moment, _place in MmapedDict.read_all_values_from_file(str(path)):
                grave.write_value(key, grave.read_value(key)[0] + value, 0.0)
        grave.close()
        path.unlink()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _lock(path: Path, how: int) -> IO[str]:
    file = open(path, "a")  # noqa: SIM115 - the lock lasts as long as the file is open
    try:
        fcntl.flock(file, how)
    except OSError:
        file.close()
        raise
    return file


@contextlib.contextmanager
def _locked(path: Path, how: int, wait: bool = True) -> Iterator[None]:
    with _lock(path, how if wait else how | fcntl.LOCK_NB):
        yield
