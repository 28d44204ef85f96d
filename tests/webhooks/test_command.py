"""`flask onboarding webhooks`: what an operator sees of it, and does about it."""

import json

import pytest
from flask import Flask

from tests.conftest import MakeApp
from tests.journeys.walk import sql
from tests.support.receiver import SECRET, Receiver
from tests.test_cli import run
from tests.webhooks.conftest import completed, work

NO = (500, {}, "no")


def listed(app: Flask, *options: str) -> list[dict[str, object]]:
    """What `webhooks --json` prints."""
    result = run(app, "webhooks", "--json", *options)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_events_are_listed_newest_first_and_repeated_under_their_own_id(
    brief: Flask, receiver: Receiver
) -> None:
    assert run(brief, "webhooks").output == ""
    receiver.behaviours = [(410, {}, ""), (204, {}, ""), NO, (204, {}, "")]
    with brief.app_context():
        completed("user\n1", changes=2)
    work(brief)
    third, second, first = listed(brief)
    assert [first["state"], second["state"], third["state"]] == ["failed", "delivered", "waiting"]
    assert [first["answer"], second["answer"], third["answer"]] == [410, 204, 500]
    assert [one["id"] for one in listed(brief, "--failed")] == [first["id"]]
    assert [one["id"] for one in listed(brief, "--newest", "1")] == [third["id"]]
    lines = run(brief, "webhooks").output.splitlines()
    assert len(lines) == 3, "a line end in a name ends no line"
    assert f"{third['id']}  onboarding.changed  waiting  attempts 1  answer 500" in lines[0]
    assert "next 20" in lines[0]
    assert "failed  attempts 1  answer 410  gone  user user\\n1" in lines[2]
    # What waits is sent at once, what was delivered once more, and what failed.
    for one in (third, second):
        result = run(brief, "webhooks", "repeat", str(one["id"]))
        assert (result.exit_code, result.output) == (0, "1 will be sent again.\n")
    assert run(brief, "webhooks", "repeat", "--failed").output == "1 will be sent again.\n"
    assert run(brief, "webhooks", "repeat", "--failed").output == "0 will be sent again.\n"
    assert work(brief) == 3
    ids = [message.id for message in receiver.got]
    assert ids[3:] == [first["id"], second["id"], third["id"]]
    assert {one["state"] for one in listed(brief)} == {"delivered"}
    trail = "SELECT action, who, user_id FROM audit_trail WHERE action LIKE 'webhooks%'"
    assert sql(brief, trail) == [("webhooks_repeated", "operator", None)] * 3
    result = run(brief, "webhooks", "repeat", str(first["id"]), "msg_unknown")
    assert result.exit_code == 2
    assert result.stdout == "1 will be sent again.\n"
    assert "msg_unknown" in result.stderr


def test_a_test_is_sent_at_once_and_says_what_came_of_it(brief: Flask, receiver: Receiver) -> None:
    result = run(brief, "webhooks", "test")
    assert result.exit_code == 0
    (message,) = receiver.taken
    assert result.output == f"{message.id} was taken: answer 204.\n"
    assert message.payload["type"] == "onboarding.test"
    assert set(message.data.values()) == {None}
    receiver.behaviours = [NO]
    result = run(brief, "webhooks", "test")
    assert result.exit_code == 1
    assert "was not taken: answer 500, refused." in result.stderr
    assert [(one["type"], one["state"]) for one in listed(brief)] == [
        ("onboarding.test", "failed"), ("onboarding.test", "delivered"),
    ]  # fmt: skip
    assert run(brief, "webhooks", "repeat", message.id).exit_code == 2
    assert run(brief, "webhooks", "repeat", "--failed").output == "0 will be sent again.\n"
    assert work(brief, later=True) == 0
    assert len(receiver.got) == 2
    trail = "SELECT count(*) FROM audit_trail WHERE action = 'webhooks_tested'"
    assert sql(brief, trail) == [(2,)]


@pytest.mark.parametrize("words", [("repeat",), ("repeat", "msg_1", "--failed"), ("elsewhere",)])
def test_wrong_arguments_are_a_sentence(brief_sqlite: Flask, words: tuple[str, ...]) -> None:
    result = run(brief_sqlite, "webhooks", *words)
    assert result.exit_code == 2
    assert "Error: " in result.stderr


def test_without_an_address_it_says_so(app: Flask) -> None:
    for words, status in ((("repeat", "--failed"), 1), (("test",), 1), ((), 0)):
        result = run(app, "webhooks", *words)
        assert result.exit_code == status
        assert "WEBHOOK_URL" in result.stderr


def test_nothing_that_is_printed_or_logged_holds_a_secret(
    make_app: MakeApp, sqlite_url: str, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    url = receiver.url.replace("://", "://me:hunter2hunter2@") + "?token=abcdef0123456789"
    app = make_app(sqlite_url, ONBOARDING_STEPS="finish", WEBHOOK_URL=url, WEBHOOK_SECRET=SECRET)
    receiver.site.pages["/hooks/onward?token=abcdef0123456789"] = receiver.answer
    receiver.behaviours = [(410, {}, "")]
    with app.app_context():
        session_id = completed()
    work(app)
    printed = run(app, "webhooks", "--json").output + run(app, "webhooks").output
    printed += run(app, "webhooks", "test").output + caplog.text
    assert "given up" in printed
    secrets = (SECRET, SECRET[6:], session_id, "hunter2hunter2", "abcdef0123456789", "127.0.0.1")
    assert [one for one in secrets if one in printed] == []
