"""What becomes of the answers that a browser had before its user signed in."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask

from tests.identity.hands import browser, carrying, owners
from tests.journeys.walk import begin, count, messages, path_of, save, sql, walk
from tests.support.jwks import KEY
from tests.support.pages import Page, PageClient
from tests.wizard.samples import together
from webapp import audit
from webapp.identity.caller import Caller
from webapp.wizard import store

CHOICE = "/onboarding/adopt"


def session_of(client: PageClient) -> str:
    """The session that the browser's cookie names."""
    with client.flask.session_transaction() as cookie:
        return str(cookie["sid"])


def link_of(client: PageClient) -> str:
    """The path of a new resume link."""
    token = client.get("/onboarding/reset").form().values()["csrf_token"]
    made = client.post("/onboarding/resume-link", {"csrf_token": token}, 200)
    address = str(made.find("//p[contains(@class, 'resume-address')]/a/@href")[0])
    return address.removeprefix("http://localhost")


def choose(client: PageClient, what: str) -> Page:
    """Press one of the two buttons of the choice."""
    return client.submit(client.get(CHOICE), {}, what)


def actions(app: Flask) -> list[str]:
    """What the audit trail tells, in order."""
    with app.app_context():
        return [entry.action for entry in audit.read()]


def test_the_session_of_the_browser_becomes_that_of_its_user(any_app: Flask) -> None:
    client = browser(any_app)
    walk(client, "research")
    half_typed = client.get(path_of("research"))
    client.submit(half_typed, {"competitors": "rival.example"}, "later")
    old = client.flask.get_cookie("onward")
    assert old is not None
    path, used = link_of(client), link_of(client)
    guest = PageClient(any_app)
    guest.follow(guest.submit(guest.get(used)))
    page = client.get(path_of("website"))
    carrying(client, KEY.token())
    # A form from before the sign-in saves, as it is the same session.
    client.submit(page, {"industry": "bells"}, "save")
    assert owners(any_app) == ["user_1"]
    assert "adopted" in actions(any_app)
    assert client.get(path_of("research")).form().values()["competitors"] == "rival.example"
    # Its links, those whom they let in, and its anonymous cookie open nothing any more.
    assert PageClient(any_app).get(path, 410).find("//h1")
    for left in (guest, PageClient(any_app)):
        if left is not guest:
            left.flask.set_cookie("onward", old.value)
        assert left.get(path_of("website"), 303).location == "/onboarding/"
        begin(left)
    assert owners(any_app) == [None, None, "user_1"]
    # And on the user's other devices it is there.
    other = browser(any_app, KEY.token())
    assert other.get(path_of("website")).form().values()["industry"] == "bells"


def test_who_has_answers_already_is_asked_and_either_choice_holds(any_app: Flask) -> None:
    with time_machine.travel(datetime(2026, 5, 3, 9, tzinfo=UTC), tick=False) as clock:
        for chosen, reached in (("device", "website"), ("account", "persona")):
            user = f"user who chose {chosen}"
            walk(browser(any_app, KEY.token(user)), "persona")
            clock.shift(timedelta(hours=20))
            client = browser(any_app)
            walk(client, "website")
            device = session_of(client)
            carrying(client, KEY.token(user))
            for path in ("/onboarding/", path_of("api-keys"), "/onboarding/history"):
                assert client.get(path, 303).location == CHOICE
            asked = client.get(CHOICE)
            assert "3 of 6 steps done" in asked.text("//main")
            assert "1 of 6 steps done" in asked.text("//main")
            assert "3 May 2026" in asked.text("//main") or chosen == "account"
            assert "are deleted" in asked.text("//main")
            before = count(any_app, "onboarding_sessions")
            sent = asked.form().filled({}, chosen)
            for _ in range(2):  # a double click
                assert client.post(CHOICE, sent).location == "/onboarding/"
            assert client.get("/onboarding/", 303).location == path_of(reached)
            assert count(any_app, "onboarding_sessions") == before - 1
            assert (session_of(client) == device) == (chosen == "device")
            assert client.get(CHOICE, 303).location == "/onboarding/"
            again = browser(any_app, KEY.token(user))
            assert again.get("/onboarding/", 303).location == path_of(reached)
            clock.shift(timedelta(days=-1) + timedelta(hours=4))
        assert actions(any_app).count("adopted") == 1


def test_the_choice_takes_one_of_its_two_buttons(app: Flask) -> None:
    begin(browser(app, KEY.token()))
    client = browser(app)
    walk(client, "website")
    carrying(client, KEY.token())
    asked = client.get(CHOICE)
    for wrong in ("both", "", None):
        sent = asked.form().filled({}, "device")
        sent.setlist("action", [wrong] if wrong is not None else [])
        client.post(CHOICE, sent, 422)
    assert owners(app) == [None, "user_1"]
    client.post(CHOICE, {"action": "device"}, 400)  # no token of ours
    assert owners(app) == [None, "user_1"]


def test_what_was_typed_while_the_choice_is_open_is_kept_with_its_answers(app: Flask) -> None:
    walk(browser(app, KEY.token()), "persona")
    client = browser(app)
    page = walk(client, "website")
    carrying(client, KEY.token())
    assert client.submit(page, {"industry": "bells"}, "save").location == CHOICE
    choose(client, "device")
    assert client.get(path_of("website")).form().values()["industry"] == "bells"


def test_an_empty_session_asks_nothing_and_half_typed_text_comes_along(any_app: Flask) -> None:
    walk(browser(any_app, KEY.token()), "persona")
    client = browser(any_app)
    begin(client)
    carrying(client, KEY.token())
    assert client.get("/onboarding/", 303).location == path_of("persona")
    assert owners(any_app) == ["user_1"]
    client = browser(any_app)
    page = begin(client)
    walked = browser(any_app)
    walk(walked, "website")
    form = walked.get(path_of("website")).form().filled({"industry": "bells"}, "later")
    form["csrf_token"] = page.form().values()["csrf_token"]
    client.post(path_of("website"), form)
    client.get(path_of("website"), 303)  # too far yet
    carrying(client, KEY.token())
    page = client.get(path_of("website"))
    assert page.form().values()["industry"] == "bells", "a draft by now"
    assert owners(any_app) == [None, "user_1"]


def test_a_session_that_a_link_opened_is_never_adopted_unasked(any_app: Flask) -> None:
    for chosen in ("account", "device"):
        first = browser(any_app)
        walk(first, "research")
        user = f"guest {chosen}"
        guest = browser(any_app)
        guest.submit(guest.get(link_of(first)))
        carrying(guest, KEY.token(user))
        assert guest.get("/onboarding/", 303).location == CHOICE
        asked = guest.get(CHOICE)
        assert "your account has none yet" in asked.text("//main")
        assert user not in owners(any_app)
        choose(guest, chosen)
        if chosen == "account":
            begin(guest)
            first.get(path_of("website"))  # where it began, nothing has changed
        else:
            guest.get(path_of("website"))
            first.get(path_of("website"), 303)
        assert user in owners(any_app)


def test_a_link_wins_over_a_signed_in_user_s_own_answers_until_it_is_forgotten(app: Flask) -> None:
    owner = browser(app)
    walk(owner, "research")
    user = browser(app, KEY.token("user_2"))
    walk(user, "persona")
    asked = user.get(link_of(owner))
    assert "You are signed in here" in asked.text("//main")
    arrived = user.submit(asked)
    assert arrived.location == path_of("research")
    assert user.get("/onboarding/", 303).location == path_of("research"), "the token is still there"
    save(user, "research")
    assert owner.get("/onboarding/", 303).location == path_of("persona")
    assert owners(app) == [None, "user_2"]
    user.submit(user.get("/onboarding/sign-out"))
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=5)):
        carrying(user, KEY.token("user_2"))
        assert user.get("/onboarding/", 303).location == path_of("persona")
        assert session_of(user) != session_of(owner)


def test_a_user_s_link_lets_a_browser_into_the_session_and_into_nothing_else(
    closed_app: Flask,
) -> None:
    user = browser(closed_app, KEY.token())
    walk(user, "research")
    path = link_of(user)
    guest = browser(closed_app)
    guest.get("/onboarding/", 303)
    page = guest.follow(guest.submit(guest.get(path)))
    assert page.path == path_of("research"), "no sign-in is asked for"
    guest.submit(page, {"competitors": "rival.example"}, "later")
    assert user.get(path_of("research")).form().values()["competitors"] == "rival.example"
    # It is a guest of this session, and not the user: starting again stays within it, and where the
    # user has another one, the guest has nothing.
    reset = guest.submit(guest.get("/onboarding/reset"))
    assert reset.location == path_of("api-keys")
    guest.get(path_of("api-keys"))
    assert user.get("/onboarding/", 303).location == path_of("api-keys")
    assert owners(closed_app) == ["user_1"]
    sql(closed_app, "DELETE FROM onboarding_sessions")
    begin(user)
    assert guest.get(path_of("api-keys"), 303).location == "/onboarding/"
    # The user's own link in the user's own browser leaves them signed in.
    user.submit(user.get(link_of(user)))
    carrying(user, "")
    user.get(path_of("api-keys"))
    with user.flask.session_transaction() as cookie:
        assert (cookie["uid"], "linked" in cookie) == ("user_1", False)


def test_a_revoked_guest_of_a_user_is_out(app: Flask) -> None:
    user = browser(app, KEY.token())
    walk(user, "website")
    guest = browser(app)
    guest.submit(guest.get(link_of(user)))
    guest.get(path_of("website"))
    sql(app, "UPDATE resume_links SET revoked_at = '2026-05-03 10:00:00'")
    assert guest.get(path_of("website"), 303).location == "/onboarding/"
    with guest.flask.session_transaction() as cookie:
        cookie["linked"] = "of another session"
    guest.get(path_of("website"), 303)


def test_two_browsers_of_one_new_user_end_with_one_session(any_app: Flask) -> None:
    """Both had answers of their own: one is adopted, the other's user is asked."""
    for number in range(4):
        token = KEY.token(f"user_{number}")
        clients = [browser(any_app) for _ in range(2)]
        for client in clients:
            walk(client, "website")
            carrying(client, token)
        answers = together(any_app, *[lambda c=c: c.get("/onboarding/", 303) for c in clients])
        assert [type(answer) for answer in answers] == [Page] * 2, answers
        assert sorted(answer.location for answer in answers) == [CHOICE, path_of("website")]
        assert owners(any_app).count(f"user_{number}") == 1
        for client in clients:
            if client.get("/onboarding/", 303).location == CHOICE:
                choose(client, "account")
        assert len(owners(any_app)) == number + 1


def test_a_session_that_went_meanwhile_is_no_choice(
    app: Flask, make_app: Callable[..., Flask]
) -> None:
    walk(browser(app, KEY.token()), "persona")
    for chosen in ("device", "account"):
        client = browser(app)
        walk(client, "website")
        carrying(client, KEY.token())
        sent = client.get(CHOICE).form().filled({}, chosen)
        sql(app, "DELETE FROM onboarding_sessions WHERE user_id IS NULL")
        client.post(CHOICE, sent)
        assert client.get("/onboarding/", 303).location == path_of("persona"), "nothing was deleted"
    assert owners(app) == ["user_1"]
    assert not messages(client.get(path_of("persona")))


def test_a_cookie_s_offer_never_opens_what_somebody_has_by_now(any_app: Flask) -> None:
    """The id that a browser was offered became a user's: starting from an old copy of the cookie
    opens another one."""
    with any_app.app_context():
        user = store.open_session(Caller("offered-id", "user_1"))
        anybody = store.open_session(Caller("offered-id"))
        assert (user.session_id, anybody.user_id) == ("offered-id", None)
        assert anybody.session_id != "offered-id"
        by_id = store.open_session(Caller(None, by_id=True))
        assert store.load(by_id) is not None
        assert store.load(Caller(by_id.session_id)) is not None
        pages = store.open_session(Caller("in-the-pages"))
        assert store.load(Caller(pages.session_id, by_id=True)) is None
        assert store.load(Caller("offered-id", by_id=True)) is None
        assert store.load(Caller("offered-id")) is None


@pytest.mark.parametrize("mode", ["open", "closed"])
def test_the_choice_needs_nobody_who_is_nobody(app: Flask, closed_app: Flask, mode: str) -> None:
    client = browser(app if mode == "open" else closed_app)
    page = client.get(CHOICE, 303)
    assert page.headers["Location"].startswith("https://acc") == (mode == "closed")
