"""Letters: sealed while they wait, sent by a job, deleted once they are gone."""

import contextlib
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from flask import Flask
from sqlalchemy import func, select, update

from tests.conftest import MakeApp
from tests.journeys.walk import SAME_ORIGIN, count, messages, path_of, sql, walk
from tests.support.pages import Page, PageClient
from tests.wizard.samples import begin, by
from webapp import jobs, mail
from webapp.extensions import db, transaction
from webapp.jobs import Job
from webapp.mail import Letter, MailTask
from webapp.operators import cleanup
from webapp.types import now
from webapp.vault import CannotOpen, vault
from webapp.wizard import store

MADE = "/onboarding/resume-link"
ADDRESS = "clock@example.com"


@dataclass
class Postbox:
    """A mail server on this machine, and what it was given."""

    received: list[tuple[str, list[str], EmailMessage]] = field(default_factory=list)
    refuse: str = ""
    """What it answers in place of taking a letter, once it is set."""
    refuse_recipient: str = ""
    """The same, to the name of the recipient."""

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls it by this name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        """Take a recipient, or refuse one."""
        if self.refuse_recipient:
            return self.refuse_recipient
        envelope.rcpt_tos.append(address)
        return "250 known here"

    async def handle_DATA(  # noqa: N802 - aiosmtpd calls it by this name
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        """Take one letter, or refuse it."""
        if self.refuse:
            return self.refuse
        letter = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.received.append((envelope.mail_from, envelope.rcpt_tos, letter))
        return "250 taken"


@contextlib.contextmanager
def serving(postbox: Postbox, port: int, **options: Any) -> Iterator[None]:
    """The server, while the block runs."""
    server = Controller(
        postbox, hostname="127.0.0.1", port=port, server_hostname="localhost", **options
    )
    server.start()
    try:
        yield
    finally:
        server.stop()


@pytest.fixture
def port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def postbox(port: int) -> Iterator[Postbox]:
    """A mail server that takes everything."""
    box = Postbox()
    with serving(box, port):
        yield box


@pytest.fixture
def mailing(make_app: MakeApp, sqlite_url: str, port: int) -> Flask:
    """The application with a mail server at `port`; nobody works in the background."""
    return make_app(
        sqlite_url, SMTP_URL=f"smtp://127.0.0.1:{port}", MAIL_FROM="start@onward.example.com"
    )


def ask_for_mail(client: PageClient, address: str = ADDRESS, status: int = 200) -> Page:
    """Make a link and have it mailed."""
    page = client.get(MADE)
    (token,) = page.find(f"//form[@action='{MADE}']//input[@name='csrf_token']/@value")
    return client.post(MADE, {"csrf_token": str(token), "email": address}, status, SAME_ORIGIN)


def link_on(page: Page) -> str:
    """The link that the page shows."""
    (address,) = page.find("//main//a[contains(@href, '/onboarding/resume/')]/@href")
    return str(address)


def work(app: Flask) -> int:
    """Do what is due in the background; how much that was."""
    with app.app_context():
        return jobs.run_pending()


def hurry(app: Flask) -> None:
    """Let what waits for its next try be due now."""
    with app.app_context(), transaction():
        past = now() - timedelta(seconds=1)
        db.session.execute(update(Job).values(run_after=past))


# From the page to the letter box.


def test_a_link_is_mailed_by_the_background_job_and_works(mailing: Flask, postbox: Postbox) -> None:
    client = PageClient(mailing)
    walk(client, until="research")
    made = ask_for_mail(client)
    assert f"on its way to {ADDRESS}" in made.text("//main")
    assert postbox.received == [], "the page does not wait for the mail server"
    assert work(mailing) == 1
    ((sender, recipients, letter),) = postbox.received
    assert sender == "start@onward.example.com"
    assert recipients == [ADDRESS]
    assert letter["From"] == "Onward <start@onward.example.com>"
    assert letter["To"] == ADDRESS
    assert "Onward" in letter["Subject"]
    assert letter["Message-ID"].endswith("@onward.example.com>")
    text = letter.get_content()
    found = re.search(r"^http://localhost(/onboarding/resume/\S+)\s*$", text, re.M)
    assert found, text
    assert found[0].strip() == link_on(made)
    assert "seven days" in text
    phone = PageClient(mailing)
    assert phone.submit(phone.get(found[1])).location == path_of("research")


def test_the_job_runs_on_either_database(
    make_app: MakeApp, any_url: str, port: int, postbox: Postbox
) -> None:
    app = make_app(any_url, SMTP_URL=f"smtp://127.0.0.1:{port}")
    client = PageClient(app)
    walk(client, until="website")
    ask_for_mail(client)
    assert work(app) == 1
    assert len(postbox.received) == 1
    assert count(app, "letters") == count(app, "jobs") == 0


def test_without_an_address_nothing_is_sent(mailing: Flask, postbox: Postbox) -> None:
    client = PageClient(mailing)
    page = walk(client, until="website")
    assert page.find("//form[@action='/onboarding/resume-link']")
    made = ask_for_mail(client, "  ")
    assert "on its way" not in made.text("//main")
    assert work(mailing) == 0
    assert postbox.received == []


@pytest.mark.parametrize(
    "address",
    ["nobody", "a@b@c", "x@", "two@example.com, three@example.com", "a@example.com\r\nBcc: b@e.com",
     "a b@example.com", "a" * 300 + "@example.com", "@example.com", "<a@example.com>"],
)  # fmt: skip
def test_what_is_no_single_address_is_refused_in_words_and_makes_no_link(
    mailing: Flask, postbox: Postbox, address: str
) -> None:
    client = PageClient(mailing)
    walk(client, until="website")
    refused = ask_for_mail(client, address, 422)
    assert "name@example.com" in refused.text("//*[contains(@class, 'error-summary')]")
    (typed,) = refused.find("//input[@name='email']")
    assert typed.get("aria-invalid") == "true"
    assert typed.get("value").split() == address.split()
    assert count(mailing, "resume_links") == count(mailing, "letters") == 0
    assert work(mailing) == 0


# While it waits.


def test_a_letter_that_waits_is_sealed(mailing: Flask, sqlite_url: str) -> None:
    client = PageClient(mailing)
    walk(client, until="website")
    token = link_on(ask_for_mail(client)).rpartition("/")[2]
    assert count(mailing, "letters") == 1
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    content = b"".join(one.read_bytes() for one in path.parent.glob(path.name + "*"))
    assert token.encode() not in content
    assert b"Open this link" not in content
    with mailing.app_context():
        letter = db.session.scalars(select(Letter)).one()
        assert token in vault().open(letter.body, letter.session_id, letter.id)
        for session_id, letter_id in ((letter.session_id, "x"), ("x", letter.id)):
            with pytest.raises(CannotOpen):
                vault().open(letter.body, session_id, letter_id)


def test_what_is_sent_is_deleted(mailing: Flask, postbox: Postbox) -> None:
    client = PageClient(mailing)
    walk(client, until="website")
    ask_for_mail(client)
    work(mailing)
    assert count(mailing, "letters") == count(mailing, "jobs") == 0
    assert count(mailing, "resume_links") == 1


def test_letter_and_link_are_one_transaction(
    mailing: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = PageClient(mailing)
    walk(client, until="website")

    def fail(*_: object, **__: object) -> bool:
        raise RuntimeError("after the link was made")

    monkeypatch.setattr(mail, "send", fail)
    page = client.get(MADE)
    (token,) = page.find(f"//form[@action='{MADE}']//input[@name='csrf_token']/@value")
    sent = {"csrf_token": str(token), "email": ADDRESS}
    assert client.flask.post(MADE, data=sent, headers=SAME_ORIGIN).status_code == 500
    assert count(mailing, "resume_links") == count(mailing, "letters") == 0


def test_a_letter_goes_with_its_session(mailing: Flask, postbox: Postbox) -> None:
    client = PageClient(mailing)
    walk(client, until="website")
    ask_for_mail(client)
    client.submit(client.get("/onboarding/reset"))
    assert count(mailing, "letters") == count(mailing, "jobs") == 0
    assert work(mailing) == 0
    assert postbox.received == []


def test_too_many_letters_of_one_session_are_not_promised(mailing: Flask, postbox: Postbox) -> None:
    """What cannot be queued is not said to be on its way; its link is on the page all the same."""
    client = PageClient(mailing)
    walk(client, until="website")
    refused = 0
    for number in range(12):
        made = ask_for_mail(client, f"clock{number}@example.com")
        assert link_on(made)
        promised = "on its way" in made.text("//main")
        refused += not promised
        if not promised:
            assert any("not" in text for text in messages(made))
    waiting = count(mailing, "letters")
    assert waiting == 12 - refused == count(mailing, "jobs")
    assert refused > 0, "a session can fill the queue"
    while work(mailing):
        pass
    assert len(postbox.received) == waiting
    assert count(mailing, "letters") == 0


# When the server is not there, or does not want it.


def test_while_the_server_is_away_the_letter_waits_and_is_sent_once_it_is_back(
    mailing: Flask, port: int
) -> None:
    client = PageClient(mailing)
    walk(client, until="website")
    ask_for_mail(client)
    for _ in range(2):
        assert work(mailing) == 1
        assert work(mailing) == 0, "the next try is not at once"
        assert count(mailing, "letters") == count(mailing, "jobs") == 1
        hurry(mailing)
    postbox = Postbox()
    with serving(postbox, port):
        assert work(mailing) == 1
    assert len(postbox.received) == 1
    assert count(mailing, "letters") == count(mailing, "jobs") == 0


def test_an_outage_of_some_minutes_loses_no_letter(mailing: Flask, port: int) -> None:
    client = PageClient(mailing)
    walk(client, until="website")
    ask_for_mail(client)
    waited = timedelta()
    while waited < timedelta(minutes=5):
        assert work(mailing) == 1, f"it was given up after {waited}"
        with mailing.app_context():
            waited += db.session.scalars(select(Job.run_after)).one() - now()
        hurry(mailing)
    postbox = Postbox()
    with serving(postbox, port):
        work(mailing)
    assert len(postbox.received) == 1


@pytest.mark.parametrize("answer", ["451 try later", "550 nobody here", "554 go away"])
def test_a_server_that_refuses_is_asked_again_and_given_up_in_the_end(
    mailing: Flask, postbox: Postbox, answer: str
) -> None:
    postbox.refuse = answer
    client = PageClient(mailing)
    walk(client, until="website")
    made = ask_for_mail(client)
    tries = 0
    while work(mailing):
        tries += 1
        hurry(mailing)
        assert tries < 30
    assert tries > 1
    assert count(mailing, "letters") == count(mailing, "jobs") == 0
    path = link_on(made).removeprefix("http://localhost")
    phone = PageClient(mailing)
    assert phone.submit(phone.get(path)).location == path_of("website"), "the link still works"


def test_a_second_try_has_the_same_message_id(
    mailing: Flask, postbox: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker died between sending and noting it down: the letter is sent again, and a mail
    server can tell."""
    client = PageClient(mailing)
    walk(client, until="website")
    ask_for_mail(client)

    def die(_self: MailTask, _subject: str, _result: bool) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as broken:
        broken.setattr(MailTask, "finish", die)
        work(mailing)
    hurry(mailing)
    work(mailing)
    first, second = (letter for _, _, letter in postbox.received)
    assert first["Message-ID"] == second["Message-ID"]


@pytest.mark.parametrize("refused", ["refuse", "refuse_recipient"])
def test_no_log_tells_the_link_or_the_recipient(
    mailing: Flask, postbox: Postbox, caplog: pytest.LogCaptureFixture, refused: str
) -> None:
    setattr(postbox, refused, "550 nobody here")
    client = PageClient(mailing)
    walk(client, until="website")
    token = link_on(ask_for_mail(client)).rpartition("/")[2]
    with caplog.at_level("DEBUG", "webapp"):
        work(mailing)
    assert caplog.records, "a failed letter leaves a word in the log"
    assert token not in caplog.text
    assert ADDRESS not in caplog.text


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # on this machine
def test_a_login_is_used_when_the_operator_gave_one(
    make_app: MakeApp, sqlite_url: str, port: int
) -> None:
    seen: list[Any] = []

    def check(_s: SMTP, _se: Any, _e: Any, _mechanism: str, data: Any) -> AuthResult:
        seen.append(data)
        good = isinstance(data, LoginPassword) and data.password == b"pass/word@1"
        return AuthResult(success=good)

    app = make_app(sqlite_url, SMTP_URL=f"smtp://me%40home:pass%2Fword%401@127.0.0.1:{port}")
    client = PageClient(app)
    walk(client, until="website")
    ask_for_mail(client)
    postbox = Postbox()
    options = {"authenticator": check, "auth_required": True, "auth_require_tls": False}
    with serving(postbox, port, **options):
        assert work(app) == 1
    assert len(postbox.received) == 1
    assert seen[0].login == b"me@home"


def test_a_server_without_tls_gets_nothing_where_tls_is_demanded(
    make_app: MakeApp, sqlite_url: str, port: int, postbox: Postbox
) -> None:
    app = make_app(sqlite_url, SMTP_URL=f"smtp+starttls://me:secret@127.0.0.1:{port}")
    client = PageClient(app)
    walk(client, until="website")
    ask_for_mail(client)
    work(app)
    assert postbox.received == []
    assert count(app, "letters") == 1


def test_without_smtp_url_there_is_no_field_and_no_letter(app: Flask) -> None:
    client = PageClient(app)
    walk(client, until="website")
    assert not client.get(MADE).find("//input[@name='email']")
    assert count(app, "letters") == 0


def test_other_alphabets_and_long_names_make_a_good_letter(
    make_app: MakeApp, sqlite_url: str, port: int, postbox: Postbox
) -> None:
    app = make_app(
        sqlite_url, SMTP_URL=f"smtp://127.0.0.1:{port}", APP_NAME="Überall " + "日本語" * 12
    )
    client = PageClient(app)
    walk(client, until="website")
    made = ask_for_mail(client)
    assert work(app) == 1
    ((_, _, letter),) = postbox.received
    assert "Überall" in letter["Subject"]
    assert link_on(made) in letter.get_content()


# The task itself.


def test_a_letter_that_is_gone_is_nothing_to_do(mailing: Flask, postbox: Postbox) -> None:
    with mailing.app_context():
        assert MailTask().start("no such letter") is None


def test_a_letter_is_not_sent_when_the_save_around_it_is_rolled_back(
    mailing: Flask, postbox: Postbox
) -> None:
    with mailing.app_context():
        session_id = begin()
        with contextlib.suppress(RuntimeError), transaction():
            store.lock(by(session_id), now(), [])
            mail.send(session_id, ADDRESS, "Subject", "Body")
            raise RuntimeError("no")
        assert db.session.scalar(select(func.count()).select_from(Letter)) == 0
        assert jobs.run_pending() == 0
    assert postbox.received == []


def test_the_cleanup_takes_no_letter_of_a_session_with_an_open_link(
    mailing: Flask, postbox: Postbox
) -> None:
    client = PageClient(mailing)
    walk(client, until="website")
    ask_for_mail(client)
    sql(mailing, "UPDATE onboarding_sessions SET updated_at = '2020-01-01 00:00:00.000000'")
    with mailing.app_context():
        assert cleanup.run(24).deleted == 0
    assert work(mailing) == 1
    assert len(postbox.received) == 1
