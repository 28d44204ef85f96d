"""What is being typed is kept without a button, and told quietly; secrets never leave the form."""

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.hands import SAVE, at, begin, database_files, fill, save, without_keys
from tests.conftest import StartServer
from tests.journeys.walk import ANSWERS, KEYS
from tests.support.server import LiveServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed.").expect

DRAFT_SAVED = re.compile(r"^Draft saved \d\d:\d\d( [AP]M)?$")
NOTE = "These answers are not saved yet"


@pytest.fixture
def server(start_server: StartServer, sqlite_url: str) -> LiveServer:
    """The application, served."""
    return start_server(sqlite_url, workers=1)


def reach(page: "Page", server: LiveServer, slug: str = "website") -> None:
    """Begin, and save what comes before this step."""
    begin(page, server.url)
    for one in ("api-keys", "website", "research", "persona"):
        if one == slug:
            break
        save(page, one, ANSWERS[one])
    at(page, slug)
    if slug == "website":  # its other fields are shown once this is answered
        page.locator("[name=has_website][value=no]").check()
        page.get_by_role("button", name="Save for later").click()
        at(page, slug)


def drafts_of(page: "Page") -> list["Request"]:
    """The draft requests that this page sends from now on."""
    sent: list[Request] = []
    page.on("request", lambda one: sent.append(one) if one.url.endswith("/draft") else None)
    return sent


def test_a_pause_in_typing_keeps_the_text_and_says_so_quietly(
    page: "Page", server: LiveServer
) -> None:
    reach(page, server)
    sent = drafts_of(page)
    page.reload()
    status = page.locator("#draft-status")
    expect(status).to_be_empty()
    field = page.locator("#industry")
    field.press_sequentially("clockma", delay=30)
    assert sent == [], "not at every key"
    expect(status).to_have_text(DRAFT_SAVED)
    expect(field).to_be_focused()
    assert len(sent) == 1
    page.goto(server.url)
    expect(page.locator("#industry")).to_have_value("clockma")
    expect(page.locator("main")).to_contain_text(NOTE)
    expect(page.get_by_role("button", name="Discard unsaved changes")).to_be_visible()


@pytest.mark.long
def test_ticks_and_choices_are_kept_like_text(page: "Page", server: LiveServer) -> None:
    reach(page, server, "research")
    page.locator("[value=Expert]").check()
    page.locator("[name=content_types][value=News]").check()
    page.locator("[name=auto_research]").uncheck()
    expect(page.locator("#draft-status")).to_have_text(DRAFT_SAVED)
    page.reload()
    expect(page.locator("[value=Expert]")).to_be_checked()
    expect(page.locator("[name=content_types]:checked")).to_have_count(1)
    expect(page.locator("[name=auto_research]")).not_to_be_checked()


@pytest.mark.parametrize("way", ["link", "reload", "closed tab"])
def test_leaving_without_a_pause_keeps_the_text(page: "Page", server: LiveServer, way: str) -> None:
    reach(page, server)
    tab = page.context.new_page()
    tab.goto(f"{server.url}/onboarding/website")
    sent: list[str] = []
    page.context.on(
        "requestfinished", lambda one: sent.append(one.url) if "/draft" in one.url else None
    )
    tab.bring_to_front()
    tab.locator("#industry").fill("left in a hurry")
    if way == "link":
        tab.get_by_role("link", name="Earlier answers").click()
        expect(tab.locator("h1")).to_have_text("Earlier answers")
    elif way == "reload":
        tab.reload()
    else:
        tab.close(run_before_unload=True)
    page.bring_to_front()
    # The request outlives its page: it may need a moment.
    for _ in range(20):
        page.goto(f"{server.url}/onboarding/website")
        if page.locator("#industry").input_value():
            break
        page.wait_for_timeout(100)
    expect(page.locator("#industry")).to_have_value("left in a hurry")


def test_a_key_is_in_no_request_of_the_script_and_in_no_database(
    page: "Page", server: LiveServer, sqlite_url: str
) -> None:
    reach(page, server, "api-keys")
    sent = drafts_of(page)
    fill(page, KEYS)
    page.wait_for_timeout(2600)
    page.goto(f"{server.url}/onboarding/")
    assert sent == [], "a form in which keys alone were typed has nothing to keep"
    save(page, "api-keys", KEYS)
    page.goto(f"{server.url}/onboarding/api-keys")
    page.locator("#openai").fill(KEYS["openai"])
    page.locator("[name=remove][value=exa]").check()
    expect(page.locator("#draft-status")).to_have_text(DRAFT_SAVED)
    bodies = [one.post_data or "" for one in sent]
    assert bodies
    assert "remove=exa" in bodies[-1]
    without_keys(*bodies, *database_files(sqlite_url))
    page.reload()
    expect(page.locator("[name=remove][value=exa]")).to_be_checked()
    expect(page.locator("#openai")).to_have_value("")


@pytest.mark.long
def test_a_draft_that_comes_after_its_save_leaves_nothing_behind(
    page: "Page", server: LiveServer
) -> None:
    """The pause was over, its request is slow, and the button was pressed meanwhile."""
    reach(page, server)
    fill(page, ANSWERS["website"])
    held: list[Any] = []
    page.route("**/website/draft", lambda route: held.append(route))
    page.locator("#industry").fill("clockmaki")
    for _ in range(40):
        page.wait_for_timeout(100)
        if held:
            break
    (late,) = held
    body = late.request.post_data
    page.unroute("**/website/draft")
    page.locator("#industry").fill("clockmaking")
    page.get_by_role("button", name=SAVE).click()
    at(page, "research")
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    address = f"{server.url}/onboarding/website/draft"
    answer = page.request.post(address, data=body, headers=headers)
    assert (answer.status, answer.headers["x-draft"]) == (204, "none")
    page.goto(f"{server.url}/onboarding/website")
    expect(page.locator("#industry")).to_have_value("clockmaking")
    expect(page.locator("main")).not_to_contain_text(NOTE)


def test_saving_sends_no_draft_beside_it(page: "Page", server: LiveServer) -> None:
    reach(page, server)
    sent = drafts_of(page)
    save(page, "website", ANSWERS["website"])
    assert sent == []
    page.goto(f"{server.url}/onboarding/website")
    expect(page.locator("main")).not_to_contain_text(NOTE)


@pytest.mark.long
def test_nothing_is_said_when_nothing_was_kept_and_leaving_tries_again(
    browser: "Browser", server: LiveServer
) -> None:
    """On a page of its own: a failed request is what this is about."""
    from tests.support.browser import chromium_path

    assert chromium_path()
    context = browser.new_context()
    try:
        page = context.new_page()
        reach(page, server)
        page.reload()
        page.route("**/website/draft", lambda route: route.abort("connectionrefused"))
        page.locator("#industry").fill("clock")
        page.wait_for_timeout(2600)
        expect(page.locator("#draft-status")).to_be_empty()
        page.unroute("**/website/draft")
        page.goto(f"{server.url}/onboarding/history")  # leaving is the next chance
        for _ in range(20):  # what is sent on leaving may arrive after the next page is asked for
            page.goto(f"{server.url}/onboarding/website")
            if page.locator("#industry").input_value():
                break
            page.wait_for_timeout(250)
        expect(page.locator("#industry")).to_have_value("clock")
        page.locator("#industry").press_sequentially("making")
        expect(page.locator("#draft-status")).to_have_text(DRAFT_SAVED)
    finally:
        context.close()


def test_discarding_is_one_button(any_page: "Page", server: LiveServer) -> None:
    page = any_page
    reach(page, server)
    save(page, "website", ANSWERS["website"])
    page.goto(f"{server.url}/onboarding/website")
    page.locator("#industry").fill("half a")
    page.get_by_role("button", name="Save for later").click()
    expect(page.locator("#industry")).to_have_value("half a")
    page.get_by_role("button", name="Discard unsaved changes").click()
    expect(page.locator("#industry")).to_have_value("clockmaking")
    expect(page.locator("main")).not_to_contain_text(NOTE)


def test_back_keeps_what_was_typed_with_and_without_scripts(
    any_page: "Page", server: LiveServer
) -> None:
    page = any_page
    reach(page, server, "research")
    page.locator("#competitors").fill("not an addr")
    page.get_by_role("button", name="Back", exact=True).click()
    at(page, "website")
    page.goto(server.url)
    at(page, "research")
    expect(page.locator("#competitors")).to_have_value("not an addr")
    expect(page.locator("main")).to_contain_text(NOTE)


@pytest.mark.long
def test_going_back_in_the_browser_and_typing_on_is_kept(page: "Page", server: LiveServer) -> None:
    """The browser may bring the page back as it was, with the id that has saved already."""
    reach(page, server)
    save(page, "website", ANSWERS["website"])
    page.go_back()
    at(page, "website")
    page.locator("#industry").fill("typed after going back")
    expect(page.locator("#draft-status")).to_have_text(DRAFT_SAVED)
    page.goto(f"{server.url}/onboarding/website")
    expect(page.locator("#industry")).to_have_value("typed after going back")
