"""Signed-in users in the pages: tokens, our own cookie beside them, the way to sign in and back."""

import random
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from flask import Flask
from sqlalchemy.exc import OperationalError

from tests.identity.conftest import SIGN_IN
from tests.identity.hands import aged, browser, carrying, owners
from tests.journeys.walk import (
    ANSWERS,
    SAME_ORIGIN,
    SLUGS,
    begin,
    count,
    messages,
    path_of,
    save,
    sql,
    walk,
)
from tests.support.counting import count_statements
from tests.support.jwks import KEY, JwksServer, jwks_server, new_key
from tests.support.pages import Page, PageClient
from tests.wizard.samples import together
from webapp.extensions import db
from webapp.identity import users
from webapp.identity.caller import Caller
from webapp.types import now
from webapp.wizard import store


def way_back(location: str) -> str:
    """Where SIGN_IN_URL is told to come back to."""
    assert location.startswith("https://accounts.example.com/sign-in?theme=dark&"), location
    return parse_qs(urlsplit(location).query)["redirect_url"][0]


# Tokens on pages.


def test_a_journey_of_an_hour_on_a_token_of_a_minute(app: Flask) -> None:
    with time_machine.travel(now(), tick=False) as clock:
        client = browser(app, KEY.token("user_1"))
        page = begin(client)
        for slug in SLUGS:
            assert page.path == path_of(slug)
            clock.shift(timedelta(minutes=10))
            page = client.follow(save(client, slug))
        assert page.path == "/onboarding/summary"
        assert owners(app) == ["user_1"]
        # Elsewhere there is only the token, by now a new one.
        other = PageClient(app)
        bearer = {"Authorization": f"Bearer {KEY.token('user_1')}"}
        summary = other.flask.get("/onboarding/summary", headers=bearer)
        assert summary.status_code == 200
        assert "A stopped clock" in summary.text or "stopped clock" in summary.text


def test_a_user_is_whatever_the_token_says_to_the_letter(app: Flask) -> None:
    chars = [chr(code) for code in range(0x1F300, 0x1F6FF)]
    names = ["two words", "O'Brien\"<b>", "ß", "ss", "User", "user", "e\u0301", "\u00e9", " x", "x"]
    names.append("".join(random.Random(5).choices(chars, k=255)))  # noqa: S311
    for name in names:
        client, bearer = PageClient(app), {"Authorization": f"Bearer {KEY.token(name)}"}
        client.get("/onboarding/", headers=bearer)
        begin(client)
        cookie = client.flask.get_cookie("onward")
        assert cookie is not None
        assert len(cookie.value) < 4000, "browsers drop larger ones"
    assert owners(app) == sorted(names)


def test_beside_our_cookie_an_expired_token_is_ignored_and_a_forged_one_is_not(app: Flask) -> None:
    client = browser(app, KEY.token())
    begin(client)
    carrying(client, aged())
    client.get(path_of("api-keys"))
    for forged in (
        new_key(KEY.kid, "ES256").token(),
        new_key("other", "ES256").token(),
        "x",
        "a.b.c",
    ):
        carrying(client, forged)
        for path in ("/onboarding/", path_of("api-keys"), "/onboarding/history"):
            page = client.get(path, 401)
            assert page.heading == "Sign in to go on"
            assert page.headers["WWW-Authenticate"].startswith("Bearer")
    carrying(client, aged("user_2"))
    client.get(path_of("api-keys"))
    client.flask.delete_cookie("__session")
    client.get(path_of("api-keys"))
    # What the Authorization header says is no left-over of a minute ago.
    bearer = {"Authorization": f"Bearer {aged()}"}
    assert client.flask.get(path_of("api-keys"), headers=bearer).status_code == 401


def test_a_token_that_does_not_hold_is_401_without_our_cookie(
    app: Flask, closed_app: Flask
) -> None:
    for application in (app, closed_app):
        for token in (aged(), new_key(KEY.kid, "ES256").token()):
            client = browser(application, token)
            page = client.get("/onboarding/", 401)
            links = page.find("//main//a/@href")
            if application is closed_app:
                assert way_back(str(links[0])) == "http://localhost/onboarding/"
            else:
                assert links == []


def test_another_user_s_token_wins_over_the_cookie(app: Flask) -> None:
    client = browser(app, KEY.token("user_1"))
    page = begin(client)
    carrying(client, KEY.token("user_2"))
    assert client.get("/onboarding/").heading != page.heading, "nothing of user_1's is there"
    begin(client)
    assert owners(app) == ["user_1", "user_2"]
    client.flask.delete_cookie("__session")
    save(client, "api-keys")
    done = "SELECT user_id FROM step_progress JOIN onboarding_sessions s ON s.id = session_id"
    assert sql(app, f"{done} WHERE saved_at IS NOT NULL") == [("user_2",)]
    # A form of the one, sent by the other, saves nothing over what is there.
    carrying(client, KEY.token("user_1"))
    sent = page.form().filled(ANSWERS["api-keys"], "save")
    assert client.flask.post(path_of("api-keys"), data=sent, headers=SAME_ORIGIN).status_code == 303
    carrying(client, KEY.token("user_2"))
    sent = page.form().filled(
        ANSWERS["api-keys"] | {"openai": "sk-of-somebody-else-1234567"}, "save"
    )
    refused = client.flask.post(path_of("api-keys"), data=sent, headers=SAME_ORIGIN)
    assert refused.status_code == 409


def test_tokens_mean_nothing_where_nobody_signs_in(
    make_app: Callable[..., Flask], sqlite_url: str
) -> None:
    app = make_app(sqlite_url)
    for token in (KEY.token(), "x"):
        begin(browser(app, token))
    assert owners(app) == [None, None]


def test_our_cookie_grows_old_whatever_the_browser_keeps(closed_app: Flask) -> None:
    with time_machine.travel(now(), tick=False) as clock:
        client = browser(closed_app, KEY.token())
        begin(client)
        client.flask.delete_cookie("__session")
        kept = client.flask.get_cookie("onward")
        assert kept is not None
        for _ in range(13):  # in use, for a week
            clock.shift(timedelta(hours=11))
            client.get(path_of("api-keys"))
        clock.shift(timedelta(hours=26))
        client.flask.set_cookie("onward", kept.value)
        assert client.get(path_of("api-keys"), 303).headers["Location"].startswith("https://acc")
        carrying(client, KEY.token())
        client.get(path_of("api-keys"))
        client.flask.delete_cookie("__session")
        clock.shift(timedelta(seconds=users.IDLE_SECONDS + 5))
        client.get(path_of("api-keys"), 303)


def test_a_week_in_use_asks_for_a_new_sign_in(closed_app: Flask) -> None:
    with time_machine.travel(now(), tick=False) as clock:
        client = browser(closed_app, KEY.token())
        begin(client)
        client.flask.delete_cookie("__session")
        passed = 0
        while passed < users.LONGEST_SECONDS:
            client.get(path_of("api-keys"))
            clock.shift(timedelta(hours=11))
            passed += 11 * 3600
        client.get(path_of("api-keys"), 303)


def test_a_user_s_pages_cost_no_more_than_anybody_s(app: Flask) -> None:
    anybody, user = browser(app), browser(app, KEY.token())
    walk(anybody, "persona")
    walk(user, "persona")
    for slug in SLUGS[:4]:
        costs = []
        for client in (anybody, user):
            with count_statements(app) as cost:
                client.get(path_of(slug))
            costs.append(len(cost))
            assert cost.writes == []
        assert costs[0] == costs[1], slug


# Without a token.


def test_everybody_is_sent_to_sign_in_with_the_way_back(closed_app: Flask) -> None:
    for path in (
        "/onboarding/",
        path_of("website"),
        "/onboarding/summary",
        "/onboarding/history?x=ä&y",
    ):
        page = PageClient(closed_app).get(path, 303)
        back = way_back(page.headers["Location"])
        assert back == "http://localhost" + path.replace("ä", "%C3%A4")
    assert count(closed_app, "onboarding_sessions") == 0


def test_the_way_back_is_built_from_the_public_address_alone(
    make_app: Callable[..., Flask], sqlite_url: str, issuer: JwksServer
) -> None:
    app = make_app(
        sqlite_url, **issuer.settings, SIGN_IN_URL=SIGN_IN, PUBLIC_URL="https://start.example.com"
    )
    for path in ("/onboarding/website", "//evil.example/", "/onboarding/\\evil"):
        answer = app.test_client().get(path, base_url="https://start.example.com")
        location = answer.headers.get("Location", "/onboarding/")
        if not location.startswith("/onboarding/"):
            assert way_back(location).startswith("https://start.example.com/"), path


def test_without_a_sign_in_page_everybody_is_anonymous_until_they_sign_in(app: Flask) -> None:
    client = browser(app)
    walk(client, "research")
    assert owners(app) == [None]
    carrying(client, KEY.token())
    page = client.follow(client.get("/onboarding/", 303))
    assert page.path == path_of("research")
    assert owners(app) == ["user_1"]


def test_what_was_typed_outlasts_signing_in(closed_app: Flask) -> None:
    """The cookie has grown old while the form was open; the user comes back as themselves."""
    with time_machine.travel(now(), tick=False) as clock:
        client = browser(closed_app, KEY.token())
        walk(client, "research")
        for slug, name in (("website", "industry"), ("research", "competitors")):
            page = client.get(path_of(slug))
            clock.shift(timedelta(seconds=users.IDLE_SECONDS + 60))
            client.flask.delete_cookie("__session")
            asked = client.follow(client.submit(page, {name: "bells.example"}, "save"))
            assert asked.heading == "Sign in to go on"
            assert "What you typed is kept" in messages(asked)[0]
            link = str(asked.find("//main//a[contains(@class, 'button--main')]/@href")[0])
            assert way_back(link) == f"http://localhost{path_of(slug)}"
            client.get(path_of(slug), 303)  # the text is not for whoever comes along
            carrying(client, KEY.token())
            page = client.get(path_of(slug))
            assert page.form().values()[name] == "bells.example"
            assert count(closed_app, "onboarding_sessions") == 1
            client.submit(page, {**ANSWERS[slug], name: "bells.example"}, "save")
        stored = sql(closed_app, "SELECT industry FROM website_answers")
        assert stored == [("bells.example",)]


def test_what_was_typed_comes_back_when_nothing_can_be_kept(
    closed_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = browser(closed_app, KEY.token())
    walk(client, "website")
    page = client.get(path_of("website"))
    sent = page.form().filled({"industry": "bells"}, "save")
    carrying(client, "")

    def away(*_: object, **__: object) -> None:
        raise OperationalError("INSERT", {}, Exception("no answer"))

    with time_machine.travel(now() + timedelta(days=2)):
        monkeypatch.setattr(store, "keep_draft", away)
        for token, status in (("", 503), ("forged", 503)):
            carrying(client, token)
            given_back = client.post(path_of("website"), sent, status, SAME_ORIGIN)
            assert given_back.form().values()["industry"] == "bells"
        monkeypatch.undo()
        carrying(client, "")
        # A button that types nothing has nothing to keep: it leads to the sign-in page alone.
        for path in ("/onboarding/start", "/onboarding/reset", "/onboarding/resume-link"):
            asked = client.post(path, {"csrf_token": sent["csrf_token"]})
            assert asked.location == "/onboarding/sign-in"
        assert not messages(client.follow(asked))


def test_what_was_typed_is_not_shown_to_another_user(closed_app: Flask) -> None:
    with time_machine.travel(now(), tick=False) as clock:
        client = browser(closed_app, KEY.token("user_1"))
        walk(client, "research")
        page = client.get(path_of("website"))
        clock.shift(timedelta(seconds=users.IDLE_SECONDS + 60))
        client.flask.delete_cookie("__session")
        client.submit(page, {"industry": "private bells"}, "save")
        carrying(client, KEY.token("user_2"))
        begin(client)
        save(client, "api-keys")
        assert "private bells" not in client.get(path_of("website")).source


def test_a_form_of_nobody_at_all_finds_its_user(closed_app: Flask) -> None:
    """The cookie is gone altogether: first the form comes back with a fresh token, then it is kept
    for whoever signs in."""
    client = browser(closed_app, KEY.token())
    page = begin(client)
    page = client.follow(save(client, "api-keys"))
    client.flask.delete_cookie("onward")
    client.flask.delete_cookie("__session")
    given_back = client.submit(page, {"industry": "bells"}, "save", 400)
    assert given_back.form().values()["industry"] == "bells"
    for _ in range(2):  # a double click
        asked = client.follow(client.submit(given_back, {}, "save"))
        assert asked.heading == "Sign in to go on"
    carrying(client, KEY.token("new_user"))
    page = client.follow(client.get(path_of("website"), 303))
    assert page.path == path_of("api-keys")
    save(client, "api-keys")
    page = client.get(path_of("website"))
    assert page.form().values()["industry"] == "bells"
    client.submit(page, {**ANSWERS["website"], "industry": "bells"}, "save")
    assert sql(closed_app, "SELECT industry FROM website_answers") == [("bells",)]
    assert owners(closed_app) == ["new_user", "user_1"]


def test_what_was_typed_meets_what_was_saved_elsewhere(closed_app: Flask) -> None:
    """Both sides count from the same page: the text does not silently replace what came later."""
    with time_machine.travel(now(), tick=False) as clock:
        client = browser(closed_app, KEY.token())
        walk(client, "research")
        page = client.get(path_of("website"))
        clock.shift(timedelta(seconds=users.IDLE_SECONDS + 60))
        client.flask.delete_cookie("__session")
        client.submit(page, {"industry": "bells"}, "save")
        elsewhere = browser(closed_app, KEY.token())
        save(elsewhere, "website", {"industry": "watches"})
        carrying(client, KEY.token())
        page = client.get(path_of("website"))
        assert page.form().values()["industry"] == "bells"
        conflict = client.submit(page, {}, "save", 409)
        assert "watches" in conflict.text("//main")
        assert "bells" in conflict.text("//main")


def test_a_refused_token_gives_the_form_back_where_nobody_knows_how_to_sign_in(app: Flask) -> None:
    client = browser(app, KEY.token())
    page = begin(client)
    page = client.follow(save(client, "api-keys"))
    carrying(client, "forged")
    typed = {"industry": "bells"}
    sent = page.form().filled(typed, "save")
    refused = client.post(path_of("website"), sent, 401, SAME_ORIGIN)
    assert refused.form().values()["industry"] == "bells"
    carrying(client, KEY.token())
    saved = client.submit(refused, {**ANSWERS["website"], **typed}, "save")
    assert saved.location == path_of("research")


def test_a_draft_that_is_sent_by_nobody_is_told_so(closed_app: Flask) -> None:
    client = browser(closed_app, KEY.token())
    page = begin(client)
    sent = page.form().filled({}, None)
    client.flask.delete_cookie("__session")
    with time_machine.travel(now() + timedelta(days=2)):
        answer = client.flask.post(f"{page.path}/draft", data=sent)
    assert answer.status_code == 401
    assert count(closed_app, "onboarding_sessions") == 1


def test_keys_that_cannot_be_had_are_503_and_cost_nothing(
    make_app: Callable[..., Flask], sqlite_url: str
) -> None:
    with jwks_server() as issuer:
        settings = issuer.settings
        app = make_app(sqlite_url, **settings)
        client = browser(app, KEY.token())
        page = begin(client)
    restarted = make_app(sqlite_url, **settings)
    fresh = browser(restarted, KEY.token())
    answer = fresh.flask.get("/onboarding/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "4")
    assert "Sign in" not in answer.text
    moved = PageClient(restarted)
    cookie = client.flask.get_cookie("onward")
    assert cookie is not None
    moved.flask.set_cookie("onward", cookie.value)
    carrying(moved, KEY.token())
    moved.get(page.path)  # our own cookie is as good as it was


# Out again.


def test_signing_out_forgets_the_browser_s_part_and_no_old_token_undoes_it(
    closed_app: Flask,
) -> None:
    with time_machine.travel(now(), tick=False) as clock:
        client = browser(closed_app, KEY.token())
        page = begin(client)
        asked = client.get("/onboarding/sign-out")
        assert asked.heading == "Sign out here?"
        out = client.follow(client.submit(asked))
        assert out.path == "/onboarding/sign-in"
        assert "You are signed out here" in messages(out)[0]
        for path in ("/onboarding/", page.path, "/onboarding/summary"):
            client.get(path, 303)
            assert client.get(path, 303).headers["Location"].startswith("https://accounts")
        assert owners(closed_app) == ["user_1"]
        clock.shift(timedelta(seconds=20))
        carrying(client, KEY.token())  # Clerk's next one
        assert client.get(page.path).path == page.path


def test_two_requests_of_one_user_at_the_same_moment_make_one_session(
    make_app: Callable[..., Flask], any_url: str, issuer: JwksServer
) -> None:
    app = make_app(any_url, **issuer.settings)
    for number in range(5):
        user = f"user_{number}"
        opened = together(app, *[lambda u=user: store.open_session(Caller(None, u))] * 4)
        assert len({one.session_id for one in opened}) == 1, opened
        assert [one.user_id for one in opened] == [user] * 4
    token = KEY.token("over HTTP")
    clients = [browser(app, token) for _ in range(4)]
    pages = [client.get("/onboarding/") for client in clients]
    calls = [lambda c=c, p=p: c.submit(p) for c, p in zip(clients, pages, strict=True)]
    answers = together(app, *calls)
    assert [type(answer) for answer in answers] == [Page] * 4, answers
    assert {answer.location for answer in answers} == {path_of("api-keys")}
    rows = sql(app, "SELECT count(*) FROM onboarding_sessions WHERE user_id = 'over HTTP'")
    assert rows == [(1,)]
    with app.app_context():
        db.session.remove()
