"""Everybody can use the pages: right to left, with text spaced as people set it, and as a screen
reader tells them. The tour of test_looks.py holds axe and the size of targets against every page in
every state, by day and by night; test_journey.py walks by keyboard."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser.hands import at, begin, fill, save
from tests.conftest import StartServer
from tests.journeys.walk import ANSWERS, KEYS, SLUGS
from tests.support.pages import Value

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed.").expect

TOKEN = "operators-token-0123456789-0123456789"
REFUSED: dict[str, dict[str, Value]] = {
    "api-keys": {"openai": "sk-short"},
    "website": {"has_website": "yes", "website_url": "ftp://example.org"},
    "persona": {"persona_name": "N" * 90},
    "integrations": {"notify_email": "nobody"},
}
# WCAG 2.2, 1.4.12: what people set for themselves must cut nothing off.
SPACED = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: 0.12em !important;
    word-spacing: 0.16em !important } p { margin-block-end: 2em !important }`);
  document.adoptedStyleSheets = [sheet];
}"""


class Guide:
    """Looks at the page that is shown, and notes what keeps somebody out."""

    def __init__(self, page: "Page") -> None:
        self.page = page
        self.faults: list[str] = []

    def look(self, name: str) -> None:
        """What axe finds, small targets, and what is cut off where text is spaced on a phone."""
        from tests.support.browser import accessibility_faults, sideways_scroll, small_targets

        found = accessibility_faults(self.page) + small_targets(self.page)
        self.page.set_viewport_size({"width": 320, "height": 640})
        self.page.evaluate(SPACED)
        if over := sideways_scroll(self.page):
            found.append(f"{over} pixels too wide with spaced text")
        self.page.evaluate("document.adoptedStyleSheets = []")
        self.page.set_viewport_size({"width": 1280, "height": 800})
        self.faults += [f"{name}: {fault}" for fault in found]


@pytest.fixture
def guide(browser: "Browser") -> Iterator[Guide]:
    """Fails at the end with all that was noted on the way."""
    from tests.support.browser import open_page

    with open_page(browser) as page:
        guide = Guide(page)
        yield guide
    assert not guide.faults, "\n- ".join(["somebody is kept out:", *guide.faults])


@pytest.mark.long
def test_every_step_right_to_left_empty_and_refused(
    guide: Guide, start_server: StartServer, sqlite_url: str
) -> None:
    page = guide.page
    server = start_server(sqlite_url, workers=1)
    page.goto(f"{server.url}/onboarding/?lang=ar")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    guide.look("welcome")
    page.locator("main form button").click()
    save_button = page.locator("[name=action][value=save]").first
    for slug in SLUGS:
        page.wait_for_url(f"**/onboarding/{slug}")
        guide.look(slug)
        fill(page, REFUSED.get(slug, {}))
        save_button.click()
        expect(page.locator("#error-summary")).to_be_focused()
        guide.look(f"{slug}, refused")
        fill(page, ANSWERS[slug])
        save_button.click()
    page.wait_for_url("**/onboarding/summary")
    guide.look("summary")
    for path in (
        "/accessibility",
        "/onboarding/history",
        "/onboarding/reset",
        "/onboarding/your-data",
        "/onboarding/your-data/erase",
    ):
        page.goto(f"{server.url}{path}")
        guide.look(path)


def test_the_pages_beside_the_steps(
    guide: Guide, start_server: StartServer, sqlite_url: str
) -> None:
    page = guide.page
    server = start_server(
        sqlite_url, workers=1, OPERATOR_TOKEN=TOKEN, SUPPORT_EMAIL="help@example.com"
    )
    page.goto(f"{server.url}/accessibility")
    guide.look("the statement")
    expect(page.get_by_role("main").get_by_role("link", name="help@example.com")).to_be_visible()
    begin(page, server.url)
    page.get_by_role("link", name="Accessibility").click()
    expect(page.locator("h1")).to_have_text("Accessibility")
    page.goto(f"{server.url}/onboarding/sign-out")
    guide.look("sign-out")
    page.goto(f"{server.url}/onboarding/resume-link")
    guide.look("no resume link yet")
    page.locator("main form button").first.click()
    guide.look("a resume link")
    for path in ("", "/export", "/erase"):
        page.goto(f"{server.url}/onboarding/your-data{path}?lang=ar")
        guide.look(f"your-data{path}")
    page.goto(f"{server.url}/onboarding/your-data?lang=en")
    page.goto(f"{server.url}/operators/")
    guide.look("the operators' door")
    page.locator("main input[type=password]").fill(TOKEN)
    page.locator("main form button").click()
    expect(page.locator("main table").first).to_be_visible()
    guide.look("the funnel")
    page.goto(f"{server.url}/api/docs")
    guide.look("the API's description")


def test_a_screen_reader_is_told_what_the_eye_sees(
    page: "Page", start_server: StartServer, sqlite_url: str
) -> None:
    """Landmarks, descriptions of fields before and after an error, and live regions that are quiet
    until something happens."""
    server = start_server(sqlite_url, workers=1)
    begin(page, server.url)
    for role in ("banner", "main", "contentinfo"):
        expect(page.get_by_role(role)).to_have_count(1)
    expect(page.get_by_role("navigation", name="Steps")).to_be_visible()
    expect(page.locator("[aria-current=step]:visible")).to_contain_text("API keys")
    openai = page.get_by_label("OpenAI", exact=True)
    expect(openai).to_have_accessible_description(re.compile("Its keys start with sk-"))
    openai.fill("sk-short")
    page.locator("[name=action][value=save]").click()
    expect(page.locator("#error-summary")).to_have_accessible_name("There is a problem")
    for words in ("Its keys start with sk-", "Error: Keys of OpenAI have at least 20 characters"):
        expect(openai).to_have_accessible_description(re.compile(words))
    expect(openai).to_have_attribute("aria-invalid", "true")
    save(page, "api-keys", KEYS)

    expect(page.get_by_role("radiogroup", name="Do you have a website?")).to_be_visible()
    for region in page.get_by_role("status").all():
        expect(region).to_be_empty()
    page.locator("[value=yes]").check()
    address = page.get_by_label("Address of your website")
    expect(address).to_have_attribute("autocomplete", "url")
    expect(address).to_have_attribute("inputmode", "url")
    expect(address).to_have_accessible_description(re.compile("nothing on your site is changed"))
    save(page, "website", ANSWERS["website"])
    save(page, "research", ANSWERS["research"])
    expect(page.get_by_role("region", name="What comes of it")).to_be_visible()
    save(page, "persona", ANSWERS["persona"])
    at(page, "integrations")
    expect(page.get_by_role("group", name="Which of these do you use?")).to_be_visible()
    email = page.get_by_label("Tell me by email when a connection is ready")
    expect(email).to_have_attribute("autocomplete", "email")
