"""What is tried again, when, and when not; however the receiver behaves."""

import base64
import logging
import re
import socket
import time
from datetime import timedelta
from email.utils import format_datetime

import pytest
from flask import Flask
from sqlalchemy import select, update

from tests.conftest import MakeApp
from tests.journeys.walk import sql
from tests.support.receiver import SECRET, TAKEN, Receiver, holds
from tests.webhooks.conftest import completed, work
from webapp import webhooks
from webapp.extensions import db, transaction
from webapp.jobs import Job
from webapp.types import now
from webapp.webhooks import Webhook, outbox, post

NO = (500, {}, "no")


def told(app: Flask) -> Webhook:
    """The one event, as it stands."""
    with app.app_context():
        row = db.session.scalars(select(Webhook)).one()
        db.session.expunge_all()
    return row


def put_off(app: Flask) -> timedelta:
    """How long the one job waits from now on."""
    with app.app_context():
        return db.session.scalars(select(Job.run_after)).one() - now()


def complete(app: Flask) -> None:
    """Somebody completes."""
    with app.app_context():
        completed()


def test_what_was_refused_comes_again_under_the_same_id_and_after_growing_pauses(
    brief: Flask, receiver: Receiver
) -> None:
    receiver.behaviours = [NO, (302, {"Location": "/elsewhere"}, ""), NO, NO, TAKEN]
    complete(brief)
    pauses = []
    for _ in range(4):
        assert work(brief, later=True) == 1
        pauses.append(put_off(brief).total_seconds())
    for pause, usual in zip(pauses, outbox.PAUSES, strict=False):
        assert usual * 0.8 - 5 < pause < usual * 1.2 + 1
    row = told(brief)
    assert (row.state, row.attempts, row.answered) == ("waiting", 4, 500)
    assert work(brief, later=True) == 1
    row = told(brief)
    assert (row.state, row.attempts, row.answered, row.fault) == ("delivered", 5, 204, None)
    assert row.delivered_at
    assert len({one.id for one in receiver.got}) == 1
    assert len({one.body for one in receiver.got}) == 1, "to the byte"
    assert len(receiver.taken) == 1
    assert receiver.site.paths() == ["/hooks/onward"] * 5, "no redirect was followed"
    assert work(brief, later=True) == 0


def test_the_pauses_are_a_day_and_no_two_are_the_same(brief_sqlite: Flask) -> None:
    with brief_sqlite.app_context():
        moment, spread = now(), set()
        for _ in range(20):
            row = Webhook(attempts=4, until=moment + timedelta(days=1))
            spread.add(outbox._pause(row, timedelta()))
        assert len(spread) > 10
        assert sum(outbox.PAUSES) * 0.8 < 86400 < sum(outbox.PAUSES) * 1.3 + 28800


def test_after_a_day_it_is_given_up_and_what_waited_behind_it_is_tried(
    brief: Flask, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.behaviours = [NO]
    with brief.app_context():
        completed(changes=1)
    work(brief)
    assert len(receiver.got) == 1, "the second waits for the first"
    with brief.app_context():
        assert [row["behind"] for row in webhooks.read(9)] == [receiver.got[0].id, None]
    sql(brief, "UPDATE jobs SET run_after = queued_at")
    day = now() + timedelta(seconds=30)
    with brief.app_context(), transaction():
        db.session.execute(update(Webhook).where(Webhook.type.like("%completed")).values(until=day))
    receiver.behaviours = [NO, TAKEN]
    with caplog.at_level(logging.WARNING):
        assert work(brief) == 2
    with brief.app_context():
        found = [(row["type"], row["state"]) for row in webhooks.read(9)]
    assert found == [("onboarding.changed", "delivered"), ("onboarding.completed", "failed")]
    assert "given up after 2 attempts: refused" in caplog.text
    assert receiver.got[0].id in caplog.text
    assert SECRET not in caplog.text


def test_gone_is_gone(brief: Flask, receiver: Receiver) -> None:
    receiver.behaviours = [(410, {}, "")]
    complete(brief)
    assert work(brief) == 1
    row = told(brief)
    assert (row.state, row.attempts, row.answered, row.fault) == ("failed", 1, 410, "gone")
    assert work(brief, later=True) == 0


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("date", [False, True])
def test_a_receiver_may_say_when_to_come_again(
    brief_sqlite: Flask, receiver: Receiver, status: int, date: bool
) -> None:
    when = format_datetime(now() + timedelta(hours=1), usegmt=True) if date else "3600"
    receiver.behaviours = [(status, {"Retry-After": when}, "")]
    complete(brief_sqlite)
    work(brief_sqlite)
    assert timedelta(minutes=59) < put_off(brief_sqlite) < timedelta(minutes=61)
    assert told(brief_sqlite).state == "waiting"


@pytest.mark.parametrize(
    ("status", "said"),
    [(429, "soon"), (429, "-5"), (429, "Thu, 01 Jan 1970 00:00:00 GMT"), (429, ""), (500, "3600")],
)
def test_what_says_no_time_or_may_not_is_not_heard(
    brief_sqlite: Flask, receiver: Receiver, status: int, said: str
) -> None:
    receiver.behaviours = [(status, {"Retry-After": said}, "")]
    complete(brief_sqlite)
    work(brief_sqlite)
    assert put_off(brief_sqlite) < timedelta(seconds=7)


def test_who_wants_to_be_left_alone_for_longer_than_a_day_is(
    brief_sqlite: Flask, receiver: Receiver
) -> None:
    receiver.behaviours = [(503, {"Retry-After": "90000"}, "")]
    complete(brief_sqlite)
    work(brief_sqlite)
    assert told(brief_sqlite).state == "failed"


@pytest.mark.parametrize("way", ["silent", "dripping", "endless head", "endless body", "hangs up"])
def test_a_receiver_that_takes_its_time_is_left_at_the_deadline(
    brief_sqlite: Flask, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(post, "DEADLINE_SECONDS", 0.6)
    site = receiver.site
    drip = {
        "dripping": site.dripping(b"HTTP/1.1 204 No Content\r\n" + b"x: y\r\n" * 99, 0.1),
        "endless head": site.dripping(b"HTTP/1.1 204 No Content\r\nx: " + b"y" * 9999, 0.001),
        "endless body": site.dripping(b"HTTP/1.1 200 OK\r\n\r\n" + b"y" * 9999, 0.01),
        "silent": site.slow(20, TAKEN),
        "hangs up": site.dripping(b"HTTP/1.1 2", 0),
    }
    receiver.behaviours = [drip[way]]
    complete(brief_sqlite)
    begun = time.monotonic()
    work(brief_sqlite)
    assert time.monotonic() - begun < 6
    row = told(brief_sqlite)
    if way == "endless body":  # its answer was heard
        assert (row.state, row.answered) == ("delivered", 200)
    else:
        assert (row.state, row.answered) == ("waiting", None)
        assert row.fault in ("no answer within 0.6 seconds", "its answer is no HTTP")


def test_what_keeps_us_from_a_receiver_is_told_in_words(
    make_app: MakeApp, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        where = f"http://127.0.0.1:{port}/hook?token=abcdef123"
        app = make_app(
            sqlite_url, ONBOARDING_STEPS="finish", WEBHOOK_URL=where, WEBHOOK_SECRET=SECRET
        )
        complete(app)
        work(app)
    assert told(app).fault == "connection refused"
    for error, words in (
        (socket.gaierror(-2, "Name or service not known"), "its name is not known"),
        (ConnectionResetError(), "connection broken"),
        (ValueError("http://secret"), "not sent (ValueError)"),
    ):
        assert post._in_words(error) == words


def test_a_server_that_speaks_no_tls_gets_nothing(receiver: Receiver) -> None:
    url = receiver.url.replace("http://", "https://")
    outcome = post.deliver(url, [SECRET], "msg_1", "{}")
    assert (outcome.status, outcome.fault) == (None, "no TLS connection")
    assert receiver.got == []


def test_the_address_is_called_as_it_is_given(receiver: Receiver) -> None:
    receiver.site.pages["/other%20path?a=1&b=%2F"] = receiver.answer
    base = receiver.site.url("").replace("://", "://me:p%40ss@")
    outcome = post.deliver(f"{base}/other%20path?a=1&b=%2F", [SECRET], "msg_1", "{}")
    assert outcome.delivered
    assert receiver.site.paths() == ["/other%20path?a=1&b=%2F"]
    basic = base64.b64encode(b"me:p@ss").decode()
    assert receiver.got[0].headers["authorization"] == f"Basic {basic}"


def test_while_a_secret_is_replaced_both_sign(receiver: Receiver) -> None:
    old, new = (f"whsec_{base64.b64encode(char * 32).decode()}" for char in (b"o", b"n"))
    post.deliver(receiver.url, [new, old], "msg_1", '{"a": "é"}')
    receiver.faults.clear()  # it knows neither
    (got,) = receiver.got
    for secret in (old, new):
        assert holds(got.headers, got.body.encode(), secret)
    assert not holds(got.headers, got.body.encode(), SECRET)
    assert not holds(got.headers, got.body.encode() + b" ", new)
    assert re.fullmatch(r"(v1,[A-Za-z0-9+/]{43}= ?){2}", got.headers["webhook-signature"])


def test_what_waits_when_the_address_is_taken_out_is_given_up_and_said(
    brief_sqlite: Flask, make_app: MakeApp
) -> None:
    complete(brief_sqlite)
    work(make_app(brief_sqlite.config["SQLALCHEMY_DATABASE_URI"]))
    row = told(brief_sqlite)
    assert (row.state, row.fault) == ("failed", "no WEBHOOK_URL is configured any more")
    assert sql(brief_sqlite, "SELECT id FROM jobs") == []


def test_a_fault_of_ours_is_tried_again_and_then_said(
    brief_sqlite: Flask, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with brief_sqlite.app_context():
        completed(changes=1)
    with monkeypatch.context() as patch:
        patch.setattr(post, "deliver", lambda *_: 1 / 0)
        for _ in range(webhooks.WebhookTask.max_attempts):
            work(brief_sqlite, later=True)
    with brief_sqlite.app_context():
        assert [row["state"] for row in webhooks.read(9)] == ["waiting", "failed"]
    work(brief_sqlite, later=True)
    assert receiver.types() == ["changed"]
