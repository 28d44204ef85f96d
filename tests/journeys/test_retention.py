"""How long a browser is remembered, how long answers are kept, and what an old page still does."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
import time_machine
from flask import Flask

from tests.conftest import MakeApp
from tests.journeys.walk import (
    ANSWERS,
    SAME_ORIGIN,
    TITLES,
    begin,
    count,
    messages,
    path_of,
    save,
    sql,
    walk,
    without_secrets,
)
from tests.support.pages import Page, PageClient, Value
from webapp.identity.anonymous import LONG
from webapp.operators import cleanup

START = datetime(2026, 11, 20, 10, 42, tzinfo=UTC)
DAY = timedelta(hours=24)
HOUR = timedelta(hours=1)

Clock = time_machine.Traveller


@pytest.fixture
def clock() -> Iterator[Clock]:
    """A clock that moves when a test says so."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def life(page: Page) -> timedelta | None:
    """How long the cookie that a page sets lives; None when it sets none."""
    cookies = [c for c in page.headers.getlist("Set-Cookie") if c.startswith("onward=")]
    if not cookies:
        return None
    expires = re.search(r"Expires=([^;]+)", cookies[-1])
    assert expires, f"it ends with the browser: {cookies[-1]}"
    return parsedate_to_datetime(expires[1]) - datetime.now(UTC)


def as_a_browser(client: PageClient) -> PageClient:
    """Drop the cookie when its time has come, which the test client does not do by itself."""
    cookie = client.flask.get_cookie("onward")
    if cookie and cookie.expires and cookie.expires <= datetime.now(UTC):
        client.flask.delete_cookie("onward")
    return client


def swept(app: Flask, hours: int = 24) -> int:
    """Run the cleanup; how many sessions went."""
    with app.app_context():
        return cleanup.run(hours).deleted


# The cookie.


def test_a_session_under_way_is_remembered_as_long_as_its_answers_are_kept(
    client: PageClient, clock: Clock
) -> None:
    started = client.submit(client.get("/onboarding/"))
    found = life(started)
    assert found is not None
    assert DAY <= found <= DAY + HOUR


@pytest.mark.parametrize("hours", ["1", "72", "8760"])
def test_retention_hours_set_the_life_of_the_cookie(
    make_app: MakeApp, sqlite_url: str, clock: Clock, hours: str
) -> None:
    client = PageClient(make_app(sqlite_url, RETENTION_HOURS=hours))
    found = life(client.submit(client.get("/onboarding/")))
    assert found is not None
    assert timedelta(hours=int(hours)) <= found <= timedelta(hours=int(hours)) + HOUR


def test_completion_makes_it_live_for_400_days(client: PageClient, clock: Clock) -> None:
    page = walk(client, until="finish")
    done = client.submit(page, ANSWERS["finish"], "save")
    assert life(done) == LONG == timedelta(days=400)
    clock.shift(timedelta(days=399))
    assert as_a_browser(client).get("/onboarding/summary").heading
    clock.shift(timedelta(days=399))
    assert as_a_browser(client).get("/onboarding/summary").heading, "the visit had renewed it"


def test_a_page_view_within_the_hour_sets_no_cookie(client: PageClient, clock: Clock) -> None:
    walk(client, until="persona")
    client.get(path_of("research"))
    for minutes in (0, 10, 49):
        clock.shift(timedelta(minutes=minutes))
        for path in (path_of("website"), path_of("persona"), "/onboarding/history"):
            page = client.get(path)
            assert life(page) is None, path
            assert "Set-Cookie" not in page.headers


def test_a_completed_session_s_pages_set_none_within_the_hour_either(
    client: PageClient, clock: Clock
) -> None:
    walk(client)
    for path in ("/onboarding/summary", path_of("persona"), "/onboarding/history"):
        assert "Set-Cookie" not in client.get(path).headers, path


def test_after_an_hour_one_page_view_renews_it_and_the_next_does_not(
    client: PageClient, clock: Clock
) -> None:
    walk(client, until="persona")
    clock.shift(HOUR + timedelta(minutes=1))
    found = life(client.get(path_of("persona")))
    assert found is not None
    assert found >= DAY
    assert life(client.get(path_of("persona"))) is None
    clock.shift(HOUR + timedelta(minutes=1))
    assert life(client.get(path_of("persona"))) is not None


def test_who_comes_back_every_twenty_hours_is_never_forgotten(
    client: PageClient, app: Flask, clock: Clock
) -> None:
    page = walk(client, until="research")
    for round_ in range(5):
        clock.shift(timedelta(hours=20))
        page = as_a_browser(client).get(path_of("research"))
        client.submit(page, {"competitors": f"half {round_}"}, "later")
        assert swept(app) == 0
    assert client.get(path_of("research")).form().values()["competitors"] == "half 4"


def test_saving_and_drafting_renew_the_cookie_too(client: PageClient, clock: Clock) -> None:
    page = walk(client, until="website")
    clock.shift(2 * HOUR)
    assert life(client.submit(page, ANSWERS["website"], "save")) is not None
    page = client.get(path_of("research"))
    clock.shift(2 * HOUR)
    sent = page.form().filled({"competitors": "half a"})
    kept = client.flask.post("/onboarding/research/draft", data=sent, headers=SAME_ORIGIN)
    assert life(Page("/onboarding/research/draft", kept)) is not None


def test_the_cookie_never_runs_out_before_the_answers_do(
    client: PageClient, app: Flask, clock: Clock
) -> None:
    """A save shortly after a renewal prolongs the answers: the way to them has to live as long."""
    walk(client, until="research")
    clock.shift(timedelta(minutes=59))
    save(client, "research")
    clock.shift(DAY - timedelta(minutes=1))
    assert swept(app) == 0
    as_a_browser(client)
    assert client.get(path_of("persona"), 200).heading == TITLES["persona"]


def test_with_the_shortest_retention_somebody_at_work_is_not_forgotten(
    make_app: MakeApp, sqlite_url: str, clock: Clock
) -> None:
    app = make_app(sqlite_url, RETENTION_HOURS="1")
    client = PageClient(app)
    walk(client, until="research")
    for _ in range(6):
        clock.shift(timedelta(minutes=25))
        assert as_a_browser(client).get(path_of("research")).heading == TITLES["research"]


def test_a_new_session_after_a_completed_one_is_remembered_as_a_new_one(
    client: PageClient, clock: Clock
) -> None:
    walk(client)
    client.submit(client.get("/onboarding/sign-out"))
    found = life(client.submit(client.get("/onboarding/")))
    assert found is not None
    assert found <= DAY + HOUR


def test_after_starting_again_the_cookie_lives_as_long_as_open_answers(
    client: PageClient, clock: Clock
) -> None:
    walk(client)
    client.submit(client.get("/onboarding/reset"))
    clock.shift(2 * HOUR)
    found = life(client.get(path_of("api-keys")))
    assert found is not None
    assert found >= DAY


def test_forget_this_device_asks_and_forgets(client: PageClient, app: Flask) -> None:
    page = walk(client, until="research")
    assert page.find("//footer//a[@href='/onboarding/sign-out']")
    client.submit(client.get("/onboarding/sign-out"))
    assert client.get("/onboarding/").status == 200
    assert client.get(path_of("research"), 303).location == "/onboarding/"
    assert count(app, "onboarding_sessions") == 1, "the answers stay"


# Until when.


def kept_until(page: Page) -> datetime | None:
    """The moment that the foot of a page names."""
    found = page.find("//footer//time/@datetime")
    return datetime.fromisoformat(str(found[0])) if found else None


@pytest.mark.parametrize("hours", [24, 72])
def test_pages_say_until_when_unfinished_answers_are_kept_and_it_holds(
    make_app: MakeApp, sqlite_url: str, clock: Clock, hours: int
) -> None:
    app = make_app(sqlite_url, RETENTION_HOURS=str(hours))
    client = PageClient(app)
    page = walk(client, until="research")
    assert "kept until" in page.text("//footer")
    until = kept_until(page)
    assert until == START + timedelta(hours=hours)
    clock.shift(5 * HOUR)
    assert kept_until(client.get(path_of("research"))) == until, "looking prolongs nothing"
    client.submit(page, {"competitors": "half"}, "later")
    until = kept_until(client.get(path_of("research")))
    assert until == START + timedelta(hours=hours + 5)
    clock.move_to(until)
    assert swept(app, hours) == 0
    clock.shift(timedelta(seconds=1))
    assert swept(app, hours) == 1


def test_a_completed_session_is_kept_without_an_end(
    client: PageClient, app: Flask, clock: Clock
) -> None:
    walk(client)
    for path in ("/onboarding/summary", path_of("persona")):
        page = client.get(path)
        assert "kept until" not in page.text("//body")
        assert kept_until(page) is None
    clock.shift(timedelta(days=390))
    assert swept(app, 1) == 0
    assert client.get("/onboarding/summary").heading


def test_the_cleanup_takes_none_that_was_used_within_the_hours(
    any_client: PageClient, any_app: Flask, clock: Clock
) -> None:
    others = [PageClient(any_app) for _ in range(2)]
    for one in (any_client, *others):
        walk(one, until="persona")
    clock.shift(23 * HOUR)
    any_client.submit(any_client.get(path_of("persona")), {"audience": "half"}, "back")
    clock.shift(2 * HOUR)
    assert swept(any_app) == 2
    assert any_client.get(path_of("persona")).form().values()["audience"] == "half"
    for one in others:
        assert one.get(path_of("persona"), 303).location == "/onboarding/"


# Old pages. Hours later one click is enough, whatever has run out meanwhile.

LATE: dict[str, Value] = {"industry": "Typed for hours"}


@pytest.mark.parametrize("hours", [3, 23])
def test_a_form_that_was_open_for_hours_is_saved_by_one_click(
    any_client: PageClient, clock: Clock, hours: int
) -> None:
    page = walk(any_client, until="website")
    clock.shift(timedelta(hours=hours))
    as_a_browser(any_client)
    saved = any_client.submit(page, {**ANSWERS["website"], **LATE}, "save")
    assert saved.location == path_of("research")


def test_a_form_that_outlived_its_cookie_costs_nothing_but_a_click(
    any_client: PageClient, any_app: Flask, clock: Clock
) -> None:
    page = walk(any_client, until="website")
    clock.shift(timedelta(hours=40))
    as_a_browser(any_client)
    back = any_client.submit(page, {**ANSWERS["website"], **LATE}, "save", 400)
    assert any("open for too long" in text for text in messages(back))
    assert back.form().values()["industry"] == LATE["industry"]
    first = any_client.follow(any_client.submit(back, {}, "save"))
    assert first.path == path_of("api-keys")
    assert any(TITLES["website"] in text for text in messages(first))
    website = any_client.follow(save(any_client, "api-keys"))
    assert website.form().values()["industry"] == LATE["industry"]
    assert any("not saved yet" in text for text in messages(website))
    saved = any_client.submit(website, {}, "save")
    assert saved.location == path_of("research")
    assert count(any_app, "website_answers") == 1


def test_a_form_that_outlived_its_session_costs_nothing_but_a_click(
    any_client: PageClient, any_app: Flask, clock: Clock
) -> None:
    """The cookie is there, the session was cleaned up."""
    page = walk(any_client, until="website")
    sql(any_app, "DELETE FROM onboarding_sessions")
    first = any_client.follow(any_client.submit(page, {**ANSWERS["website"], **LATE}, "save"))
    assert first.path == path_of("api-keys")
    website = any_client.follow(save(any_client, "api-keys"))
    assert website.form().values()["industry"] == LATE["industry"]


def test_typed_keys_do_not_survive_a_lost_cookie_and_the_page_says_so(
    client: PageClient, app: Flask
) -> None:
    page = begin(client)
    client.flask.delete_cookie("onward")
    back = without_secrets(client.submit(page, ANSWERS["api-keys"], "save", 400))
    assert "was not sent back" in back.text("//main")
    again = without_secrets(client.follow(client.submit(back, ANSWERS["api-keys"], "save")))
    assert again.form().values()["openai"] == ""
    assert count(app, "api_keys") == 0


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_lost_cookie_gives_values_back_to_our_own_page_alone(
    client: PageClient, headers: dict[str, str]
) -> None:
    sent = walk(client, until="website").form().filled(LATE, "save")
    client.flask.delete_cookie("onward")
    refused = client.post(path_of("website"), sent, 400, headers)
    assert str(LATE["industry"]) not in refused.source


@pytest.mark.parametrize("button", ["back", "later", "skip", "discard"])
def test_every_button_of_an_expired_page_brings_the_form_back(
    client: PageClient, app: Flask, button: str
) -> None:
    page = walk(client, until="integrations")
    client.submit(page, {"platforms": ["wix"]}, "later")
    page = client.get(path_of("integrations"))
    before = sql(app, "SELECT * FROM step_progress")
    sent = page.form().filled({"notify_email": "half@"}, button)
    sent["csrf_token"] = "of yesterday"
    back = client.post(path_of("integrations"), sent, 400, SAME_ORIGIN)
    assert back.form().values()["notify_email"] == "half@"
    assert sql(app, "SELECT * FROM step_progress") == before
    client.submit(back, {}, button if button != "discard" else "save", 422 if button == "discard"
                  else 303)  # fmt: skip


@pytest.mark.parametrize(
    "path",
    ["/onboarding/start", "/onboarding/reset", "/onboarding/resume-link", "/onboarding/history",
     "/onboarding/sign-out"],
)  # fmt: skip
def test_a_form_without_answers_says_in_words_that_it_was_open_for_too_long(
    client: PageClient, app: Flask, path: str
) -> None:
    """Nothing typed is in them: the page has to say what to do, and offer the way there."""
    walk(client, until="research")
    before = sql(app, "SELECT * FROM onboarding_sessions")
    for token in ({}, {"csrf_token": "of yesterday"}):
        refused = client.post(path, token, 400, SAME_ORIGIN)
        assert "open for too long" in refused.text("//main")
        assert refused.find("//main//a[@href='/onboarding/']")
    assert sql(app, "SELECT * FROM onboarding_sessions") == before
    assert count(app, "resume_links") == 0
