"""A job is never lost with a process, and its result is stored once."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, select, update
from sqlalchemy.exc import OperationalError

from tests.conftest import MakeApp
from tests.support.counting import in_use
from tests.support.databases import TOP, settings
from tests.support.site import SiteServer, prose_page
from tests.wizard.samples import begin, by, save, together
from webapp import jobs
from webapp.extensions import db, transaction
from webapp.jobs import Claim, Job
from webapp.steps.website.models import WebsiteAnalysis
from webapp.types import now
from webapp.wizard import store
from webapp.wizard.models import OnboardingSession


class Errand:
    """A kind of work that writes down what was done to it."""

    kind = "errand"

    def __init__(self, work: Callable[[Any], Any] = lambda given: f"done {given}") -> None:
        self.do = work
        self.log: list[tuple[str, str]] = []

    def start(self, subject: str) -> str:
        self.log.append(("start", subject))
        return subject

    def work(self, given: str) -> Any:
        return self.do(given)

    def finish(self, subject: str, result: Any) -> None:
        self.log.append(("finish", result))

    def give_up(self, subject: str) -> None:
        self.log.append(("give up", subject))


def fail(_given: Any) -> Any:
    raise RuntimeError("not today")


def queue(*subjects: str, session_id: str | None = None) -> None:
    with transaction():
        for subject in subjects:
            assert jobs.add(Errand.kind, subject, session_id, at_most=100) is None


def claimed(worker: str) -> Claim:
    claim = jobs.claim(worker)
    assert claim is not None
    return claim


def waiting() -> list[Job]:
    """The jobs as they are in the database."""
    db.session.remove()
    return list(db.session.scalars(select(Job).order_by(Job.subject)))


def forget(seconds: float) -> None:
    """As if the last heartbeat of every job had been so long ago."""
    with transaction():
        old = now() - timedelta(seconds=seconds)
        db.session.execute(update(Job).where(Job.beat_at.is_not(None)).values(beat_at=old))


def make_due() -> None:
    """As if every pause were over."""
    with transaction():
        db.session.execute(update(Job).values(run_after=now() - timedelta(seconds=1)))


@pytest.fixture
def errand(any_app: Flask) -> Iterator[Errand]:
    """A task of the application, in its context, on each database."""
    made = Errand()
    jobs.register(any_app, made)
    with any_app.app_context():
        yield made


# Queueing.


def test_a_job_is_queued_once_for_each_subject(errand: Errand) -> None:
    queue("a", "a", "b")
    queue("a")
    assert [job.subject for job in waiting()] == ["a", "b"]


def test_a_job_is_gone_with_the_transaction_that_made_it(errand: Errand) -> None:
    def add_and_fail() -> None:
        with transaction():
            jobs.add(Errand.kind, "a", None)
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        add_and_fail()
    assert waiting() == []


def test_the_oldest_job_comes_first(errand: Errand) -> None:
    for subject in "abc":
        queue(subject)
    assert [claimed("w").subject for _ in range(3)] == ["a", "b", "c"]


@pytest.mark.parametrize("is_away", [True, False])
def test_a_database_that_is_away_is_told_in_a_word_and_a_fault_of_ours_with_its_place(
    errand: Errand, caplog: pytest.LogCaptureFixture, is_away: bool
) -> None:
    def interrupted(_given: Any) -> Any:
        raise OperationalError("SELECT 1", {}, Exception("the server has gone"))

    errand.do = interrupted if is_away else fail
    queue("a")
    jobs.perform(claimed("w"))
    assert [(job.worker, job.attempts) for job in waiting()] == [(None, 1)], "it is tried again"
    (told,) = [record for record in caplog.records if record.name == "webapp.jobs.queue"]
    assert (told.levelname, bool(told.exc_info)) == (
        ("WARNING", False) if is_away else ("ERROR", True)
    )


def test_nothing_due_is_nothing_to_claim(errand: Errand) -> None:
    assert jobs.claim("w") is None
    queue("a")
    with transaction():
        db.session.execute(update(Job).values(run_after=now() + timedelta(seconds=60)))
    assert jobs.claim("w") is None


def test_a_session_has_its_share_of_the_queue_and_is_told_when_it_is_used_up(
    errand: Errand,
) -> None:
    session_id = begin()
    with transaction():
        told = [jobs.add(Errand.kind, subject, session_id, at_most=2) for subject in "abcab"]
    refused = [one.code if one else None for one in told]
    assert refused == [None, None, "session-busy", None, None], "what is queued stays queued"
    assert len(waiting()) == 2


def test_jobs_of_no_session_are_not_held_to_a_session_s_share(errand: Errand) -> None:
    with transaction():
        assert [jobs.add(Errand.kind, subject, None) for subject in "abcd"] == [None] * 4


def test_a_full_queue_takes_no_more(errand: Errand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.jobs.queue.QUEUE_LIMIT", 3)
    queue("a", "b", "c")
    with transaction():
        refusal = jobs.add(Errand.kind, "d", None, at_most=100)
    assert refusal is not None
    assert refusal.code == "queue-full"
    assert len(waiting()) == 3


def test_two_jobs_of_a_session_at_a_time_are_in_workers_hands(errand: Errand) -> None:
    busy, other = begin(), begin()
    queue("a", "b", "c", session_id=busy)
    queue("d", session_id=other)
    taken = [claimed(f"w{n}").subject for n in range(3)]
    assert taken == ["a", "b", "d"]
    assert jobs.claim("w4") is None, "the third one waits for its turn"


def test_a_job_of_a_kind_that_nobody_here_knows_is_left_to_others(errand: Errand) -> None:
    with transaction():
        jobs.add("of-a-newer-version", "a", None)
    assert jobs.claim("w") is None
    assert len(waiting()) == 1


# Claiming.


def test_each_job_is_claimed_by_one_worker_alone(any_app: Flask, errand: Errand) -> None:
    queue(*[f"job-{n:02}" for n in range(24)])

    def take_all(worker: str) -> list[str]:
        taken = []
        while claim := jobs.claim(worker):
            taken.append(claim.subject)
        return taken

    results = together(any_app, *[lambda w=f"w{n}": take_all(w) for n in range(4)])
    everything = [subject for taken in results for subject in taken]
    assert sorted(everything) == [f"job-{n:02}" for n in range(24)]


def test_a_claimed_job_is_not_claimed_again_while_its_heart_beats(errand: Errand) -> None:
    queue("a")
    claim = claimed("one")
    assert jobs.claim("two") is None
    forget(jobs.STALE_SECONDS - 5)
    assert jobs.claim("two") is None
    forget(jobs.STALE_SECONDS + 5)
    jobs.beat([claim])
    assert jobs.claim("two") is None


def test_a_claim_whose_heart_stopped_is_taken_over(errand: Errand) -> None:
    queue("a")
    claimed("one")
    forget(jobs.STALE_SECONDS + 1)
    claim = claimed("two")
    assert (claim.subject, claim.attempts, claim.worker) == ("a", 2, "two")


def test_a_heartbeat_does_not_revive_what_somebody_else_took_over(errand: Errand) -> None:
    queue("a")
    first = claimed("one")
    forget(jobs.STALE_SECONDS + 1)
    claimed("two")
    forget(jobs.STALE_SECONDS + 1)
    jobs.beat([first])
    assert jobs.claim("three") is not None


def test_what_a_dead_worker_of_this_place_held_is_freed_at_once(errand: Errand) -> None:
    queue("a", "b", "c")
    claimed("here:1/100")
    claimed("here:1/101")
    claimed("there:1/100")
    jobs.release("here:1")
    assert {claimed("new").subject for _ in range(2)} == {"a", "b"}
    assert jobs.claim("new") is None, "another machine's job is not ours to free"


def test_a_place_s_name_is_no_pattern(errand: Errand) -> None:
    queue("a")
    claimed("hereX1/100")
    jobs.release("here_1")
    assert jobs.claim("new") is None


# Performing.


def test_a_job_s_result_is_stored_and_the_job_is_gone(errand: Errand) -> None:
    queue("a", "b")
    assert jobs.run_pending() == 2
    assert errand.log == [
        ("start", "a"), ("finish", "done a"), ("start", "b"), ("finish", "done b"),
    ]  # fmt: skip
    assert waiting() == []


def test_work_runs_outside_of_any_transaction(any_app: Flask, errand: Errand) -> None:
    """It may take a minute; a lock held for so long would stop everybody."""
    seen = []

    def look(given: str) -> str:
        seen.append(in_use(any_app))
        return given

    errand.do = look
    queue("a")
    jobs.run_pending()
    assert seen == [0]


def test_a_fault_puts_the_job_back_with_a_growing_pause(errand: Errand) -> None:
    errand.do = fail
    queue("a")
    pauses = []
    for attempt in (1, 2):
        begun = now()
        claim = claimed("w")
        assert claim.attempts == attempt
        jobs.perform(claim)
        (job,) = waiting()
        assert (job.worker, job.beat_at, job.attempts) == (None, None, attempt)
        pauses.append((job.run_after - begun).total_seconds())
        assert jobs.claim("w") is None, "not before the pause is over"
        make_due()
    assert pauses[0] >= 5
    assert pauses[1] > pauses[0] * 2


def test_a_job_is_given_up_after_three_faults(errand: Errand) -> None:
    errand.do = fail
    queue("a")
    for _ in range(3):
        jobs.perform(claimed("w"))
        make_due()
    assert waiting() == []
    assert [what for what, _ in errand.log] == ["start", "start", "start", "give up"]


def test_a_fault_that_passes_costs_nothing(errand: Errand) -> None:
    outcomes = iter([fail, fail, str])
    errand.do = lambda given: next(outcomes)(given)
    queue("a")
    for _ in range(3):
        jobs.perform(claimed("w"))
        make_due()
    assert errand.log[-1] == ("finish", "a")
    assert waiting() == []


def test_a_job_that_kills_its_workers_is_given_up_without_being_tried_for_ever(
    errand: Errand,
) -> None:
    queue("a")
    for _ in range(jobs.MAX_ATTEMPTS):
        claimed("dead")
        forget(jobs.STALE_SECONDS + 1)
    jobs.perform(claimed("alive"))
    assert errand.log == [("give up", "a")]
    assert waiting() == []


def test_a_lost_claim_stores_nothing(errand: Errand) -> None:
    queue("a")
    first = claimed("one")
    forget(jobs.STALE_SECONDS + 1)
    second = claimed("two")
    jobs.perform(second)
    assert errand.log.count(("finish", "done a")) == 1
    queue("a")  # anew, meanwhile: it is not the first one's
    errand.do = lambda given: "too late"
    jobs.perform(first)
    assert [job.worker for job in waiting()] == [None]


def test_a_claim_lost_while_working_rolls_its_result_back(errand: Errand) -> None:
    """`finish` of the loser runs in the transaction that finds the claim lost, and goes with it."""
    session_id = begin()
    queue("a")
    loser = claimed("one")

    def lose(_given: str) -> str:
        forget(jobs.STALE_SECONDS + 1)
        claimed("two")
        return "too late"

    def mark(_subject: str, result: str) -> None:
        mine = OnboardingSession.id == session_id
        db.session.execute(update(OnboardingSession).where(mine).values(user_id=result))

    errand.do, errand.finish = lose, mark  # type: ignore[method-assign]
    jobs.perform(loser)
    assert store.require(by(session_id)).session.user_id is None
    assert [job.worker for job in waiting()] == ["two"]


def test_a_worker_that_took_its_own_lost_job_again_stores_one_result(errand: Errand) -> None:
    """The same process, twice: the name alone does not tell its two claims from each other."""
    queue("a")
    lost = claimed("w")
    forget(jobs.STALE_SECONDS + 1)
    held = claimed("w")
    jobs.perform(lost)
    assert [job.attempts for job in waiting()] == [2]
    jobs.perform(held)
    assert waiting() == []


def test_what_is_handed_back_is_free_at_once_and_costs_no_attempt(errand: Errand) -> None:
    queue("a")
    jobs.hand_back([claimed("one")])
    claim = claimed("two")
    assert (claim.attempts, claim.worker) == (1, "two")


def test_a_fault_of_the_loser_does_not_free_the_winner_s_job(errand: Errand) -> None:
    queue("a")
    loser = claimed("one")
    forget(jobs.STALE_SECONDS + 1)
    claimed("two")
    errand.do = fail
    jobs.perform(loser)
    (job,) = waiting()
    assert job.worker == "two"
    assert job.beat_at is not None


def test_a_session_that_is_deleted_takes_its_jobs_along(errand: Errand) -> None:
    session_id = begin()
    queue("a", session_id=session_id)

    def disappear(given: str) -> str:
        with transaction():
            db.session.execute(delete(OnboardingSession).where(OnboardingSession.id == session_id))
        return given

    errand.do = disappear
    claim = claimed("w")
    jobs.perform(claim)
    assert waiting() == []
    assert jobs.claim("w") is None


# The analysis of a site.


@pytest.fixture
def site_app(make_app: MakeApp, any_url: str, site: SiteServer) -> Iterator[Flask]:
    """The application that may read `site`, in its context, on each database."""
    app = make_app(any_url, FETCH_ALLOW=site.host_port)
    with app.app_context():
        yield app


def with_site(url: str) -> str:
    """A session that was just given this address."""
    session_id = begin()
    save(session_id, "api-keys")
    save(session_id, "website", has_website="yes", website_url=url, business_description="")
    return session_id


def analysis_of(session_id: str) -> WebsiteAnalysis:
    """The session's one analysis, as it is in the database."""
    db.session.remove()
    mine = WebsiteAnalysis.session_id == session_id
    found = db.session.scalars(select(WebsiteAnalysis).where(mine)).one()
    db.session.expunge_all()
    return found


def test_a_site_is_read_and_measured(site_app: Flask, site: SiteServer) -> None:
    session_id = with_site(site.url())
    assert jobs.run_pending() == 1
    analysis = analysis_of(session_id)
    assert (analysis.status, analysis.error_message) == ("completed", None)
    assert analysis.measures is not None
    assert 400 < analysis.measures["word_count"] < 700
    assert analysis.analysis_date is not None
    assert waiting() == []


@pytest.mark.parametrize("path", ["/gone", "/nowhere"])
def test_a_site_that_cannot_be_read_is_failed_with_a_sentence_and_not_tried_again(
    site_app: Flask, site: SiteServer, path: str
) -> None:
    session_id = with_site(site.url(path))
    jobs.run_pending()
    analysis = analysis_of(session_id)
    assert (analysis.status, analysis.measures) == ("failed", None)
    assert analysis.error_code
    assert str(analysis.error_message).endswith(".")
    assert waiting() == []


def test_a_site_on_a_private_address_is_never_asked(
    make_app: MakeApp, sqlite_url: str, site: SiteServer
) -> None:
    with make_app(sqlite_url).app_context():
        session_id = with_site(site.url())
        jobs.run_pending()
        assert analysis_of(session_id).status == "failed"
    assert site.paths() == []


def test_a_failed_second_reading_keeps_the_first_result(site_app: Flask, site: SiteServer) -> None:
    session_id = with_site(site.url())
    jobs.run_pending()
    first = analysis_of(session_id)
    site.pages["/"] = (500, {}, "out of order")
    with transaction():
        jobs.add("website-analysis", first.id, session_id)
    jobs.run_pending()
    second = analysis_of(session_id)
    assert second.status == "failed"
    assert (second.measures, second.analysis_date) == (first.measures, first.analysis_date)


def test_a_worker_that_wakes_up_late_does_not_mark_a_finished_analysis_as_running(
    site_app: Flask, site: SiteServer
) -> None:
    """It lost its claim before it began; nobody would ever end what it marks."""
    session_id = with_site(site.url())
    late = claimed("late")
    forget(jobs.STALE_SECONDS + 1)
    jobs.perform(claimed("quick"))
    assert analysis_of(session_id).status == "completed"
    jobs.perform(late)
    assert analysis_of(session_id).status == "completed"


def test_an_analysis_of_a_deleted_session_stores_nothing(site_app: Flask, site: SiteServer) -> None:
    session_id = with_site(site.url())

    def delete_it(_handler: Any) -> Any:
        with site_app.app_context(), transaction():
            db.session.execute(delete(OnboardingSession).where(OnboardingSession.id == session_id))
        return prose_page()

    site.pages["/"] = delete_it
    assert jobs.run_pending() == 1
    db.session.remove()
    assert db.session.scalars(select(WebsiteAnalysis)).all() == []
    assert waiting() == []


def test_an_analysis_of_a_session_that_was_reset_does_not_come_back(
    site_app: Flask, site: SiteServer
) -> None:
    session_id = with_site(site.url())

    def reset_it(_handler: Any) -> Any:
        with site_app.app_context():
            store.reset(by(session_id))
        return prose_page()

    site.pages["/"] = reset_it
    jobs.run_pending()
    db.session.remove()
    assert db.session.scalars(select(WebsiteAnalysis)).all() == []


def test_a_fault_of_ours_is_told_as_ours_after_three_attempts(
    site_app: Flask, site: SiteServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = with_site(site.url())
    monkeypatch.setattr("webapp.site.analyse.analyse", fail)
    for _ in range(3):
        jobs.perform(claimed("w"))
        make_due()
    analysis = analysis_of(session_id)
    assert (analysis.status, analysis.error_code) == ("failed", "internal")
    assert "ours" in str(analysis.error_message)
    assert "not today" not in str(analysis.error_message)


# The place of a machine's worker.


def test_one_worker_lives_in_a_place(tmp_path: Path) -> None:
    first, second = jobs.Place(tmp_path), jobs.Place(tmp_path)
    assert not first.is_taken()
    assert first.take()
    assert second.is_taken()
    assert not second.take()
    assert first.name == second.name
    assert jobs.Place(tmp_path / "..").name != first.name
    assert first._file is not None
    first._file.close()
    assert not second.is_taken()


# Real processes.


@contextmanager
def worker(environ: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m webapp.worker --child`, as a web process starts it. It is killed at the end."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "webapp.worker", "--child"],
            cwd=TOP,
            env={"PATH": os.environ["PATH"], **environ},
            stdin=subprocess.PIPE,
            stderr=output,
        )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until(true: Callable[[], bool], seconds: float, log: Path) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def test_the_worker_finishes_an_analysis_and_ends_with_its_parent(
    make_app: MakeApp, sqlite_url: str, site: SiteServer, tmp_path: Path
) -> None:
    app = make_app(sqlite_url, FETCH_ALLOW=site.host_port)
    environ = settings(sqlite_url, tmp_path / "instance", FETCH_ALLOW=site.host_port)
    log = tmp_path / "worker.log"
    with app.app_context(), worker(environ, log) as process:
        wait_until(jobs.place().is_taken, 20, log)
        session_id = with_site(site.url())
        wait_until(lambda: analysis_of(session_id).status == "completed", 20, log)
        assert waiting() == []
        assert analysis_of(session_id).measures is not None
        process.communicate(timeout=10)  # closes its standard input, as the parent's end would
        assert process.returncode == 0, log.read_text()
        assert not jobs.place().is_taken()
    assert "Traceback" not in log.read_text()


def test_a_second_worker_of_a_place_ends_at_once(
    app: Flask, sqlite_url: str, tmp_path: Path
) -> None:
    environ = settings(sqlite_url, tmp_path / "instance")
    log = tmp_path / "worker.log"
    with app.app_context():
        place = jobs.place()
        assert place.take()
        with worker(environ, log) as process:
            assert process.wait(20) == 0, log.read_text()
        assert place._file is not None
        place._file.close()


def test_what_a_killed_worker_left_is_finished_by_the_next_one_exactly_once(
    make_app: MakeApp, any_url: str, site: SiteServer, tmp_path: Path
) -> None:
    app = make_app(any_url, FETCH_ALLOW=site.host_port)
    environ = settings(any_url, tmp_path / "instance", FETCH_ALLOW=site.host_port)
    log = tmp_path / "worker.log"
    asked = threading.Event()

    def answer_nobody(_handler: Any) -> Any:
        """The first reader waits, and is killed over it."""
        asked.set()
        site.pages["/"] = prose_page()
        site.stopping.wait(30)

    site.pages["/"] = answer_nobody
    with app.app_context(), ExitStack() as workers:
        session_id = with_site(site.url())
        first = workers.enter_context(worker(environ, log))
        wait_until(asked.is_set, 20, log)
        (held,) = waiting()
        assert held.worker is not None
        assert analysis_of(session_id).status == "in_progress"
        first.kill()
        first.wait(10)
        workers.enter_context(worker(environ, log))
        wait_until(lambda: waiting() == [], 20, log)
        analysis = analysis_of(session_id)
        assert analysis.status == "completed"
        assert analysis.measures is not None
    assert site.paths().count("/") == 2, "once by each"
