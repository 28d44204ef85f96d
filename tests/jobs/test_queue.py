"""How much is queued, for whom, by whose clock; what a save does when there is no room."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import insert, select, update

from tests.journeys.walk import again, count, path_of, sql, walk
from tests.support.counting import count_statements
from tests.support.pages import PageClient, Value
from tests.test_jobs import Errand, claimed, queue
from tests.wizard.samples import begin, together
from webapp import jobs
from webapp.config import ConfigError, read
from webapp.extensions import db, transaction
from webapp.jobs import Job
from webapp.types import now

SITE: dict[str, Value] = {"has_website": "yes", "business_description": ""}


@pytest.fixture
def errand(any_app: Flask) -> Iterator[Errand]:
    """A task of the application, in its context, on each database."""
    made = Errand()
    jobs.register(any_app, made)
    with any_app.app_context():
        yield made


def give(client: PageClient, address: str) -> None:
    """Save an address on the step's page."""
    client.submit(client.get(path_of("website")), SITE | {"website_url": address}, "save")


def fill_the_queue(app: Flask) -> None:
    """As many jobs of other people as there may be."""
    with app.app_context(), transaction():
        row = {"kind": "errand", "attempts": 0, "queued_at": now(), "run_after": now()}
        rows = [row | {"id": f"job-{n}", "subject": f"job-{n}"} for n in range(jobs.QUEUE_LIMIT)]
        db.session.execute(insert(Job), rows)


# No room.


def test_a_third_address_at_a_time_is_saved_and_says_why_it_is_not_read_yet(
    any_app: Flask, any_client: PageClient
) -> None:
    walk(any_client, "research", {"website": SITE | {"website_url": "one.example.com"}})
    give(any_client, "two.example.com")
    give(any_client, "three.example.com")
    assert count(any_app, "jobs") == 2
    assert sql(any_app, "SELECT website_url FROM website_answers") == [
        ("https://three.example.com/",)
    ]
    step = any_client.get(path_of("website"))
    assert "under way already" in step.text("//*[@id='analysis']")
    again(any_client, step)
    assert count(any_app, "jobs") == 2, "it is still too early"
    sql(any_app, "DELETE FROM jobs WHERE run_after = (SELECT min(run_after) FROM jobs)")
    again(any_client, any_client.get(path_of("website")))
    assert count(any_app, "jobs") == 2
    assert "waiting to be read" in any_client.get(path_of("website")).text("//*[@id='analysis']")


def test_a_full_queue_refuses_no_save(any_app: Flask, any_client: PageClient) -> None:
    page = walk(any_client, "website")
    fill_the_queue(any_app)
    with count_statements(any_app) as cost:
        any_client.submit(page, SITE | {"website_url": "one.example.com"}, "save")
    assert cost.commits == 1, cost
    assert count(any_app, "jobs") == jobs.QUEUE_LIMIT
    step = any_client.get(path_of("website"))
    assert step.form().values()["website_url"] == "https://one.example.com/"
    assert "waiting to be read" in step.text("//*[@id='analysis']")
    sql(any_app, "DELETE FROM jobs WHERE id = 'job-1'")
    again(any_client, step)
    assert count(any_app, "jobs") == jobs.QUEUE_LIMIT


def test_what_is_queued_already_is_no_second_job_and_no_refusal(errand: Errand) -> None:
    session_id = begin()
    with transaction():
        added = [jobs.add(Errand.kind, subject, session_id) for subject in ("a", "b", "a", "c")]
    assert [refusal and refusal.code for refusal in added] == [None, None, None, "session-busy"]
    assert db.session.scalars(select(Job.subject).order_by(Job.subject)).all() == ["a", "b"]


def test_a_kind_may_have_a_limit_of_its_own(errand: Errand) -> None:
    session_id = begin()
    with transaction():
        added = [jobs.add(Errand.kind, str(n), session_id, at_most=5) for n in range(6)]
    assert [refusal is None for refusal in added] == [True] * 5 + [False]


# Whose turn it is.


def test_of_one_session_two_jobs_are_in_hand_at_a_time_and_others_go_first(errand: Errand) -> None:
    greedy, other = begin(), begin()
    with transaction():
        for subject in "abcd":
            jobs.add(Errand.kind, subject, greedy, at_most=5)
        jobs.add(Errand.kind, "e", other)
    first = [claimed("w") for _ in range(3)]
    assert [job.subject for job in first] == ["a", "b", "e"]
    assert jobs.claim("w") is None
    assert jobs.due(9) == []
    jobs.perform(first[0])
    assert claimed("w").subject == "c"


def test_workers_that_claim_in_the_same_moment_keep_to_it(any_app: Flask, errand: Errand) -> None:
    session_id = begin()
    with transaction():
        for number in range(8):
            jobs.add(Errand.kind, str(number), session_id, at_most=8)
    claims = together(any_app, *[lambda w=f"w{n}": jobs.claim(w) for n in range(8)])
    assert sum(isinstance(claim, jobs.Claim) for claim in claims) == 2, claims


def test_a_kind_that_only_a_newer_version_knows_is_left_to_it(
    any_app: Flask, errand: Errand
) -> None:
    queue("a")
    jobs.register(any_app)
    assert jobs.claim("old") is None
    jobs.register(any_app, errand)
    assert claimed("new").attempts == 1


# Ends.


def test_a_job_that_is_handed_back_is_free_at_once_and_no_attempt_is_counted(
    errand: Errand,
) -> None:
    queue("a", "b")
    first, second = claimed("one"), claimed("one")
    jobs.hand_back([first])
    taken = claimed("two")
    assert (taken.subject, taken.attempts) == ("a", 1)
    jobs.perform(first)
    assert ("finish", "done a") not in errand.log, "it was not the first one's any more"
    jobs.perform(taken)
    jobs.perform(second)
    assert errand.log.count(("finish", "done a")) == 1


def test_a_claim_that_hung_is_not_mistaken_for_the_next_one_of_the_same_worker(
    errand: Errand,
) -> None:
    queue("a")
    hung = claimed("w")
    with transaction():
        db.session.execute(update(Job).values(beat_at=now() - timedelta(seconds=60)))
    claimed("w")
    jobs.perform(hung)
    assert ("finish", "done a") not in errand.log


def test_two_places_are_the_same_when_their_lock_is(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    (tmp_path / "also-here").symlink_to(here)
    name = jobs.Place(here).name
    assert jobs.Place(here).name == name
    assert jobs.Place(tmp_path / "also-here").name == name
    assert jobs.Place(there).name != name


# Clocks.


@pytest.mark.parametrize("hours", [-3, 3])
def test_on_postgresql_a_machine_whose_clock_is_wrong_does_no_harm(
    make_app: Callable[..., Flask], postgres_url: str, hours: int
) -> None:
    app = make_app(postgres_url)
    jobs.register(app, Errand())
    with app.app_context():
        queue("a")
        held = claimed("right")
        with time_machine.travel(now() + timedelta(hours=hours), tick=True):
            assert jobs.claim("wrong") is None, "the other one lives"
            jobs.beat([held])
            queue("b")
            assert claimed("wrong").subject == "b"
            queue("c")
        assert claimed("right").subject == "c"
        assert jobs.claim("right") is None


# The setting.


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379/0",
        "rediss://:secret@q.example:6380",
        "amqp://guest:secret@127.0.0.1/",
        "amqps://onward:secret@q.example:5671/onward",
    ],
)
def test_redis_and_rabbitmq_are_brokers(sqlite_url: str, tmp_path: Path, url: str) -> None:
    assert _settings(tmp_path, BROKER_URL=url).broker_url == url


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("amqp://guest:secret@/", "no address of Redis or RabbitMQ"),
        ("http://127.0.0.1:6379", "no address of Redis"),
        ("redis://", "no address of Redis"),
        ("redis://:secret@host:port/0", "no address of Redis"),
        ("127.0.0.1:6379", "no address of Redis"),
    ],
)
def test_what_is_no_broker_is_told_in_a_sentence_without_its_password(
    tmp_path: Path, url: str, words: str
) -> None:
    with pytest.raises(ConfigError, match="BROKER_URL") as caught:
        _settings(tmp_path, BROKER_URL=url)
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


def _settings(folder: Path, **environ: str) -> Any:
    return read({"INSTANCE_DIR": str(folder), **environ})
