"""What a browser keeps of a page that was left, for its Back button: no secret, and nothing of
somebody who signed out."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import hands
from tests.conftest import StartServer
from tests.journeys.walk import KEYS
from tests.support.browser import FLAGS, PATIENCE, chromium_path

FORGETFUL = "--disable-back-forward-cache"
"""What Playwright starts Chromium with, and people do not."""


@pytest.fixture
def keeping(browser: Browser) -> Iterator[Page]:
    """A page of a Chromium that keeps pages in memory, as it does for people."""
    running = browser.browser_type.launch(
        executable_path=chromium_path(), args=FLAGS, ignore_default_args=[FORGETFUL]
    )
    page = running.new_page()
    page.set_default_timeout(PATIENCE)
    yield page
    running.close()


def back(page: Page) -> None:
    """Press Back. A page out of memory is not loaded, so that there is no load to wait for."""
    with page.expect_event("framenavigated"):
        page.evaluate("history.back()")
    page.wait_for_function("document.readyState === 'complete'")


def test_back_shows_no_key_no_link_and_nobody_who_signed_out(
    start_server: StartServer, sqlite_url: str, keeping: Page
) -> None:
    server = start_server(sqlite_url, workers=1)
    page = keeping
    hands.begin(page, server.url)
    page.evaluate("window.kept = true")
    page.fill("[name=openai]", KEYS["openai"])
    page.get_by_role("button", name=hands.SAVE).click()
    hands.at(page, "website")
    back(page)
    assert page.evaluate("window.kept"), "this page came out of memory, or the test tests nothing"
    assert page.input_value("[name=openai]") == ""

    page.goto(f"{server.url}/onboarding/website")
    page.get_by_role("button", name="Continue on another device").click()
    link = page.locator(".resume-address").inner_text()
    assert "/onboarding/resume/" in link
    page.goto(f"{server.url}/onboarding/website")
    back(page)
    assert page.locator(".resume-address, .resume-code").count() == 0
    assert link not in page.content()

    page.goto(f"{server.url}/onboarding/sign-out")
    page.locator("main form button").first.click()
    page.wait_for_url("**/onboarding/")
    for _ in range(3):
        back(page)
        assert page.locator("#step-form").count() == 0, page.url
