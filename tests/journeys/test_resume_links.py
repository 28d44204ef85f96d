"""The same answers on another device: a link that works once, for a week, unless it is revoked."""

import base64
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

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
from tests.support.pages import HOST, Page, PageClient
from webapp.operators import cleanup
from webapp.wizard import links

MADE = "/onboarding/resume-link"


def make(client: PageClient, page: Page | None = None) -> Page:
    """Press the button below a step: the page that shows a link."""
    page = page or client.get(MADE)
    (token,) = page.find(f"//form[@action='{MADE}']//input[@name='csrf_token']/@value")
    return client.post(MADE, {"csrf_token": str(token)}, 200, SAME_ORIGIN)


def address_on(page: Page) -> str:
    """The link that a page shows, as it is written there."""
    (address,) = page.find(f"//main//a[starts-with(@href, 'http://{HOST}/onboarding/resume/')]")
    assert address.text_content() == address.get("href")
    return str(address.get("href"))


def path_on(page: Page) -> str:
    """The same without the host."""
    return address_on(page).removeprefix(f"http://{HOST}")


def click(client: PageClient, path: str, status: int = 303) -> Page:
    """Open a link and press its button."""
    return client.submit(client.get(path), {}, status=status)


def session_of(client: PageClient) -> str:
    """The id of the session that a browser's cookie names."""
    with client.flask.session_transaction() as cookie:
        return str(cookie["sid"])


# Making one.


def test_every_step_offers_a_link_in_a_form_of_its_own(client: PageClient) -> None:
    walk(client, until="finish")
    for slug in TITLES:
        page = client.get(path_of(slug))
        form = page.form(MADE)
        assert form.action == MADE
        assert not form.is_step
        assert page.form().buttons()[0] == ("action", "save"), "Enter saves"
        assert "/onboarding/resume/" in address_on(make(client, page))


def test_the_summary_offers_a_link(client: PageClient) -> None:
    summary = walk(client)
    assert summary.path == "/onboarding/summary"
    phone = PageClient(client.flask.application)
    assert click(phone, path_on(make(client, summary))).location == "/onboarding/summary"


def test_the_page_shows_a_link_and_its_code_and_says_for_how_long(client: PageClient) -> None:
    made = without_secrets(make(client, walk(client, until="research")))
    address = address_on(made)
    assert re.fullmatch(rf"http://{HOST}/onboarding/resume/[A-Za-z0-9_-]{{43}}", address)
    text = made.text("//main")
    assert "once" in text
    assert "seven days" in text
    (code,) = made.find("//main//*[local-name()='svg'][contains(@class, 'qr')]")
    assert code.xpath(".//*[local-name()='title']")[0].text_content() == "QR code of the link"
    assert code.xpath(".//*[local-name()='path']"), "it is drawn in the page itself"


def test_the_code_is_inline_and_needs_nothing_that_the_policy_forbids(client: PageClient) -> None:
    made = make(client, walk(client, until="research"))
    assert not made.find("//@style")
    assert not made.find("//style")
    assert not made.find("//main//img | //main//object | //main//embed | //main//iframe")
    assert "data:" not in made.source
    (code,) = made.find("//main//*[local-name()='svg']")
    for name in ("script", "use", "image", "foreignobject"):
        assert not code.xpath(f".//*[local-name()='{name}']")


def test_a_link_is_shown_once_and_listed_without_itself(client: PageClient) -> None:
    made = make(client, walk(client, until="research"))
    token = path_on(made).rpartition("/")[2]
    listed = client.get(MADE)
    assert token not in listed.source
    assert len(listed.find(f"//form[starts-with(@action, '{MADE}/')]")) == 1


def test_links_are_made_with_the_address_that_the_operator_gave(
    make_app: MakeApp, sqlite_url: str
) -> None:
    app = make_app(sqlite_url, PUBLIC_URL="http://start.example.com:8443")
    client = app.test_client()
    base = "http://start.example.com:8443"
    welcome = client.get("/onboarding/", base_url=base).text
    token = re.search(r'name="csrf_token" value="([^"]+)"', welcome)
    assert token
    headers = {"Origin": base, "Sec-Fetch-Site": "same-origin"}
    sent = {"csrf_token": token[1]}
    assert client.post("/onboarding/start", data=sent, base_url=base, headers=headers).location
    made = client.post(MADE, data=sent, base_url=base, headers=headers)
    assert f'href="{base}/onboarding/resume/' in made.text


def test_a_forged_host_makes_no_link(client: PageClient) -> None:
    page = walk(client, until="research")
    sent = page.form(MADE).filled({})
    refused = client.flask.post(MADE, data=sent, headers={**SAME_ORIGIN, "Host": "evil.example"})
    assert refused.status_code == 400
    assert "/onboarding/resume/" not in refused.text


def test_making_a_link_stores_its_hash_alone(
    client: PageClient, app: Flask, sqlite_url: str
) -> None:
    token = path_on(make(client, walk(client, until="research"))).rpartition("/")[2]
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    content = b"".join(one.read_bytes() for one in path.parent.glob(path.name + "*"))
    assert token.encode() not in content
    assert base64.urlsafe_b64decode(token + "=") not in content
    assert count(app, "resume_links") == 1


def test_a_get_makes_no_link(client: PageClient, app: Flask) -> None:
    walk(client, until="research")
    page = client.get(MADE)
    assert not page.find("//main//*[local-name()='svg']")
    assert count(app, "resume_links") == 0


def test_without_mail_no_address_is_asked_for_and_none_is_taken(
    client: PageClient, app: Flask
) -> None:
    walk(client, until="research")
    page = client.get(MADE)
    assert not page.find("//input[@name='email']")
    sent = page.form(MADE).filled({})
    sent["email"] = "clock@example.com"
    refused = client.post(MADE, sent, 422, SAME_ORIGIN)
    assert "No mail is sent from here" in refused.text("//main")
    assert count(app, "resume_links") == 0
    assert count(app, "letters") == 0


def test_without_a_session_there_is_nothing_to_continue(client: PageClient, app: Flask) -> None:
    assert client.get(MADE, 303).location == "/onboarding/"
    token = client.get("/onboarding/").form().values()["csrf_token"]
    sent = {"csrf_token": token}
    assert client.post(MADE, sent, 303, SAME_ORIGIN).location == "/onboarding/"
    assert client.post(f"{MADE}/x/revoke", sent, 303, SAME_ORIGIN).location == "/onboarding/"
    assert count(app, "onboarding_sessions") == 0
    assert any("nothing of yours" in text for text in messages(client.get("/onboarding/")))


def test_a_session_that_is_gone_makes_no_link(any_client: PageClient, any_app: Flask) -> None:
    page = walk(any_client, until="research")
    sql(any_app, "DELETE FROM onboarding_sessions")
    sent = page.form(MADE).filled({})
    assert any_client.post(MADE, sent, 303, SAME_ORIGIN).location == "/onboarding/"
    assert any_client.get(MADE, 303).location == "/onboarding/"
    assert count(any_app, "resume_links") == 0


# Following one.


def test_another_device_continues_where_this_one_left_off(
    any_client: PageClient, any_app: Flask
) -> None:
    page = walk(any_client, until="research")
    path = path_on(make(any_client, page))
    phone = PageClient(any_app)
    asked = phone.get(path)
    assert [text for _, text in asked.form().buttons()] == [""]
    arrived = phone.submit(asked)
    assert arrived.location == path_of("research")
    reached = phone.follow(arrived)
    assert any("left off" in text for text in messages(reached))
    shown = phone.get(path_of("website")).form().values()
    assert shown["industry"] == ANSWERS["website"]["industry"]
    save(phone, "research")
    assert any_client.get("/onboarding/", 303).location == path_of("persona"), "both go on"
    assert count(any_app, "onboarding_sessions") == 1


def test_opening_a_link_uses_nothing_up(any_client: PageClient, any_app: Flask) -> None:
    """Mail scanners open every link, some of them several times, and with HEAD."""
    path = path_on(make(any_client, walk(any_client, until="research")))
    for _ in range(3):
        scanner = PageClient(any_app)
        assert "Continue" in scanner.get(path).heading
        assert scanner.flask.head(path).status_code == 200
        assert "sid" not in dict(_session(scanner))
    assert sql(any_app, "SELECT used_at FROM resume_links") == [(None,)]
    assert click(PageClient(any_app), path).location == path_of("research")


def _session(client: PageClient) -> dict[str, object]:
    with client.flask.session_transaction() as cookie:
        return dict(cookie)


def test_the_page_of_a_link_shows_no_answer(any_client: PageClient, any_app: Flask) -> None:
    path = path_on(make(any_client, walk(any_client, until="research")))
    asked = PageClient(any_app).get(path)
    for word in ("clock", "gemini", "OpenAI", "Research"):
        assert word not in asked.text("//main")


def test_a_link_works_once(any_client: PageClient, any_app: Flask) -> None:
    path = path_on(make(any_client, walk(any_client, until="research")))
    first, second, third = (PageClient(any_app) for _ in range(3))
    late = second.get(path)
    assert click(first, path).location == path_of("research")
    assert "used already" in second.submit(late, {}, status=410).text("//main")
    assert "used already" in third.get(path, 410).text("//main")
    assert "sid" not in _session(second)
    assert second.get("/onboarding/").status == 200, "no session was opened for it"


def test_a_double_click_on_the_button_leaves_the_browser_in_the_session(
    client: PageClient, app: Flask
) -> None:
    """The browser shows the second answer; the cookie of the first holds all the same."""
    path = path_on(make(client, walk(client, until="research")))
    phone = PageClient(app)
    asked = phone.get(path)
    sent = asked.form().filled({})
    phone.post(path, sent, 303, SAME_ORIGIN)
    again = phone.flask.post(path, data=sent, headers=SAME_ORIGIN)
    assert again.status_code in (400, 410)
    assert phone.get("/onboarding/", 303).location == path_of("research")


def test_a_click_whose_answer_was_lost_may_be_repeated_by_the_same_browser_alone(
    any_client: PageClient, any_app: Flask
) -> None:
    path = path_on(make(any_client, walk(any_client, until="research")))
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        phone = PageClient(any_app)
        sent = phone.get(path).form().filled({})
        with phone.flask.session_transaction() as cookie:
            before = dict(cookie)
        for _ in range(2):
            phone.post(path, sent, 303, SAME_ORIGIN)
            with phone.flask.session_transaction() as cookie:  # the answer never arrived
                cookie.clear()
                cookie.update(before)
        clock.shift(links.AGAIN)
        phone.post(path, sent, 410, SAME_ORIGIN)
    assert sql(any_app, "SELECT count(*) FROM audit_trail WHERE action = 'link_used'") == [(1,)]
    PageClient(any_app).get(path, 410)


@pytest.mark.parametrize("end", ["used", "revoked", "expired", "unknown"])
def test_a_refused_link_says_why(any_client: PageClient, any_app: Flask, end: str) -> None:
    with time_machine.travel(datetime(2026, 11, 20, 10, tzinfo=UTC), tick=False) as clock:
        made = make(any_client, walk(any_client, until="research"))
        path = path_on(made)
        asked = PageClient(any_app)
        page = asked.get(path)
        status, words = 410, f"was {end}"
        if end == "used":
            click(PageClient(any_app), path)
        elif end == "revoked":
            (form,) = made.find(f"//form[starts-with(@action, '{MADE}/')]/@action")
            any_client.submit(made, {}, form=str(form))
        elif end == "expired":
            clock.shift(timedelta(days=7))
            words = "has expired"
        else:
            status, words, path = 404, "no such link", path + "x"
        refused = PageClient(any_app).get(path, status)
        assert words in refused.text("//main")
        assert refused.find("//main//a"), "a way to go on"
        sent = page.form().filled({})
        assert words in asked.post(path, sent, status, SAME_ORIGIN).text("//main")
        assert "sid" not in _session(asked)


@pytest.mark.parametrize("token", ["x", "A" * 43, "a" * 5000, "é", "..%2F..%2Fetc", "A b"])
def test_a_token_that_is_none_is_404(client: PageClient, token: str) -> None:
    walk(client, until="website")
    client.get(f"/onboarding/resume/{token}", 404)


def test_just_before_its_end_a_link_still_works(client: PageClient, app: Flask) -> None:
    with time_machine.travel(datetime(2026, 11, 20, 10, tzinfo=UTC), tick=False) as clock:
        path = path_on(make(client, walk(client, until="research")))
        clock.shift(timedelta(days=7) - timedelta(seconds=1))
        with app.app_context():
            cleanup.run(24)
        assert click(PageClient(app), path).location == path_of("research")


# A browser that has a session already.


def test_a_link_wins_over_the_browser_s_own_session_after_saying_so(
    any_client: PageClient, any_app: Flask
) -> None:
    path = path_on(make(any_client, walk(any_client, until="research")))
    other = PageClient(any_app)
    walk(other, until="persona")
    own = session_of(other)
    asked = other.get(path)
    assert "other answers already" in asked.text("//main")
    assert other.get("/onboarding/", 303).location == path_of("persona"), "nothing happened yet"
    arrived = other.submit(asked)
    assert arrived.location == path_of("research")
    assert session_of(other) == session_of(any_client) != own
    assert count(any_app, "onboarding_sessions") == 2, "what was left behind is not deleted"
    with other.flask.session_transaction() as cookie:
        link_id = cookie["linked"]
    assert sql(any_app, "SELECT id FROM resume_links") == [(link_id,)]


def test_a_browser_without_a_session_is_told_nothing_of_another(
    client: PageClient, app: Flask
) -> None:
    path = path_on(make(client, walk(client, until="research")))
    assert "other answers already" not in PageClient(app).get(path).text("//main")
    assert "other answers already" not in client.get(path).text("//main"), "it is its own session"


def test_following_one_s_own_link_changes_nothing(client: PageClient) -> None:
    path = path_on(make(client, walk(client, until="research")))
    own = session_of(client)
    assert click(client, path).location == path_of("research")
    assert session_of(client) == own


def test_what_an_old_tab_holds_is_never_saved_into_the_link_s_session(
    any_client: PageClient, any_app: Flask
) -> None:
    path = path_on(make(any_client, walk(any_client, until="persona")))
    other = PageClient(any_app)
    walk(other, until="persona")
    old_tab = other.get(path_of("research"))
    click(other, path)
    typed = {"research_depth": "Expert"}
    back = other.submit(old_tab, typed, "save", 400)
    assert back.form().values()["research_depth"] == "Expert", "nothing typed is lost"
    conflict = other.submit(back, {}, "save", 409)
    assert "Comprehensive" in conflict.text("//main")
    depths = sql(any_app, "SELECT DISTINCT research_depth FROM research_preferences")
    assert depths == [("Comprehensive",)]


def test_who_followed_a_link_makes_and_revokes_links_too(
    any_client: PageClient, any_app: Flask
) -> None:
    phone = PageClient(any_app)
    click(phone, path_on(make(any_client, walk(any_client, until="research"))))
    next_one = path_on(make(phone, phone.get(path_of("research"))))
    assert phone.get(MADE).find("//form[contains(@action, '/revoke')]")
    assert click(PageClient(any_app), next_one).location == path_of("research")


def test_a_browser_that_forgot_this_device_comes_back_by_its_link(
    client: PageClient, app: Flask
) -> None:
    path = path_on(make(client, walk(client, until="research")))
    asked = client.get("/onboarding/sign-out")
    assert asked.find(f"//a[@href='{MADE}']"), "a link is offered first"
    client.submit(asked)
    assert client.get("/onboarding/").status == 200
    assert click(client, path).location == path_of("research")


# Listing and revoking.


def test_open_links_are_listed_with_their_times_and_can_be_revoked(
    any_client: PageClient, any_app: Flask
) -> None:
    with time_machine.travel(datetime(2026, 11, 20, 10, 42, tzinfo=UTC), tick=False) as clock:
        first = path_on(make(any_client, walk(any_client, until="research")))
        clock.shift(timedelta(hours=1))
        second = path_on(make(any_client))
        listed = any_client.get(MADE)
        text = listed.text("//main//ul")
        for moment in (
            "20 November 2026, 10:42 UTC", "27 November 2026, 10:42 UTC",
            "20 November 2026, 11:42 UTC", "27 November 2026, 11:42 UTC",
        ):  # fmt: skip
            assert moment in text
        newest, oldest = listed.find(f"//form[starts-with(@action, '{MADE}/')]/@action")
        gone = any_client.follow(any_client.submit(listed, {}, form=str(oldest)))
        assert any("revoked" in text for text in messages(gone))
        assert len(gone.find(f"//form[starts-with(@action, '{MADE}/')]")) == 1
        assert str(newest) in gone.source
        PageClient(any_app).get(first, 410)
        assert click(PageClient(any_app), second).location == path_of("research")
        assert not any_client.get(MADE).find(f"//form[starts-with(@action, '{MADE}/')]")


def test_another_session_s_link_cannot_be_revoked(client: PageClient, app: Flask) -> None:
    made = make(client, walk(client, until="research"))
    (action,) = made.find(f"//form[starts-with(@action, '{MADE}/')]/@action")
    stranger = PageClient(app)
    begin(stranger)
    token = stranger.get(path_of("api-keys")).form().values()["csrf_token"]
    page = stranger.follow(stranger.post(str(action), {"csrf_token": token}, 303, SAME_ORIGIN))
    assert not [text for text in messages(page) if "revoked" in text]
    assert click(PageClient(app), path_on(made)).location == path_of("research")


def test_revoking_twice_says_it_once(client: PageClient) -> None:
    made = make(client, walk(client, until="research"))
    (action,) = made.find(f"//form[starts-with(@action, '{MADE}/')]/@action")
    client.follow(client.submit(made, {}, form=str(action)))
    again = client.follow(client.submit(made, {}, form=str(action)))
    assert not [text for text in messages(again) if "revoked" in text]


# What keeps a session.


def test_an_open_link_keeps_the_session_for_its_week_and_its_use_prolongs_it(
    any_client: PageClient, any_app: Flask
) -> None:
    with time_machine.travel(datetime(2026, 11, 20, 10, tzinfo=UTC), tick=False) as clock:
        path = path_on(make(any_client, walk(any_client, until="research")))
        clock.shift(timedelta(days=6))
        with any_app.app_context():
            assert cleanup.run(24).deleted == 0
        phone = PageClient(any_app)
        click(phone, path)
        with any_app.app_context():
            assert cleanup.run(24).deleted == 0
        clock.shift(timedelta(hours=25))
        with any_app.app_context():
            assert cleanup.run(24).deleted == 1
        assert phone.get("/onboarding/").status == 200


# Refusals.


@pytest.mark.parametrize("what", ["make", "revoke", "follow"])
def test_without_a_token_nothing_happens_and_the_page_is_ours(
    client: PageClient, app: Flask, what: str
) -> None:
    made = make(client, walk(client, until="research"))
    (action,) = made.find(f"//form[starts-with(@action, '{MADE}/')]/@action")
    where = {"make": MADE, "revoke": str(action), "follow": path_on(made)}[what]
    refused = client.post(where, {}, 400, SAME_ORIGIN)
    assert refused.find("//main//a[@href='/onboarding/']")
    assert count(app, "resume_links") == 1
    rows = sql(app, "SELECT used_at, revoked_at FROM resume_links")
    assert rows == [(None, None)]


def test_a_page_with_a_link_leaks_its_address_to_nobody(client: PageClient) -> None:
    made = make(client, walk(client, until="research"))
    for page in (made, client.get(path_on(made))):
        assert page.headers["Referrer-Policy"] in ("same-origin", "no-referrer")
        assert "no-store" in page.headers["Cache-Control"]
