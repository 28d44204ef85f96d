"""The journey in Chromium and the real server: killed in the middle, by keyboard, on a phone."""

import sqlite3
import threading
from http.server import BaseHTTPRequestHandler
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.browser.hands import (
    SAVE,
    answers_with,
    at,
    begin,
    database_files,
    fill,
    save,
    without_keys,
)
from tests.conftest import StartServer
from tests.journeys.walk import ANSWERS, KEYS, SLUGS, TITLES
from tests.support.site import Answer, SiteServer, prose_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed.").expect

READING = 15_000
"""How long a site may take to be read, in milliseconds: the worker has to start first."""


def _wait_until_read(page: "Page", base: str) -> None:
    """Without a script the page refreshes itself; with one, the element is replaced."""
    page.goto(f"{base}/onboarding/website/analysis")
    expect(page.locator("#analysis[data-status=completed]")).to_be_visible(timeout=READING)


def test_a_killed_server_costs_nothing_and_the_journey_ends_with_everything(
    any_page: "Page", start_server: StartServer, sqlite_url: str, site: SiteServer
) -> None:
    page, answers = any_page, answers_with(site.url())
    server = start_server(sqlite_url, FETCH_ALLOW=site.host_port)
    begin(page, server.url)
    for slug in ("api-keys", "website"):
        save(page, slug, answers[slug])
    _wait_until_read(page, server.url)
    page.goto(server.url)
    at(page, "research")
    for slug in ("research", "persona"):
        save(page, slug, answers[slug])

    server.restart()  # kill -9, then the same command again

    page.goto(server.url)
    at(page, "integrations")
    for slug in ("integrations", "finish"):
        save(page, slug, answers[slug])

    expect(page.locator("h1")).to_have_text("Everything is in place")
    summary = page.locator("main")
    for words in (
        "••••" + KEYS["openai"][-4:],
        site.url(),
        "Comprehensive",
        "https://rival.example.com/",
        "The Clockmaker",
        "Calm, exact, a little dry.",
        "LinkedIn",
        "WordPress",
        "clock@example.com",
        str(ANSWERS["finish"]["first_declaration"]),
        "words on average",  # the measured style
        "It rests on",
    ):
        expect(summary).to_contain_text(words)
    page.reload()
    without_keys(page.content(), server.output(), *database_files(sqlite_url))
    assert "Traceback" not in server.output()


@pytest.mark.long
def test_the_journey_can_be_walked_with_the_keyboard_alone(
    page: "Page", start_server: StartServer, sqlite_url: str
) -> None:
    server = start_server(sqlite_url, workers=1)
    page.goto(server.url)
    _tab_to(page, "main button")
    page.keyboard.press("Enter")
    at(page, "api-keys")

    _type_into(page, "#openai", KEYS["openai"])
    page.keyboard.press("Enter")  # Enter saves
    at(page, "website")

    _tab_to(page, "[name=has_website]")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    expect(page.locator("[name=has_website][value=no]")).to_be_checked()
    _type_into(page, "#business_description", str(ANSWERS["website"]["business_description"]))
    _tab_to(page, "[name=action][value=save]")
    page.keyboard.press("Space")
    at(page, "research")

    _tab_to(page, "[name=research_depth]")
    page.keyboard.press("Space")
    _tab_to(page, "[name=content_types]")
    page.keyboard.press("Space")
    _tab_to(page, "[name=action][value=save]")
    page.keyboard.press("Enter")
    at(page, "persona")

    _type_into(page, "#persona_name", "The Clockmaker")
    _tab_to(page, "[name=tone]")
    page.keyboard.press("Space")
    _type_into(page, "#audience", "Owners of clocks")
    _tab_to(page, "[name=selected_platforms]")
    page.keyboard.press("Space")
    _tab_to(page, "[name=action][value=save]")
    page.keyboard.press("Enter")
    at(page, "integrations")

    _tab_to(page, "[name=action][value=back]")
    page.keyboard.press("Enter")
    at(page, "persona")
    page.goto(server.url)
    at(page, "integrations")
    _tab_to(page, "[name=action][value=skip]")
    page.keyboard.press("Enter")
    at(page, "finish")

    _type_into(page, "#first_declaration", "To keep time.")
    _tab_to(page, "[name=action][value=save]")
    page.keyboard.press("Enter")
    at(page, "summary")
    expect(page.locator("#integrations")).to_contain_text("Skipped")
    expect(page.locator("figure")).to_contain_text("To keep time.")


def _tab_to(page: "Page", selector: str) -> None:
    """Press Tab until this is focused; what is focused must be seen all the while."""
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.locator("*:focus")
        if focused.count() == 0:
            continue  # the browser's own buttons
        outline = focused.evaluate(
            "e => { const s = getComputedStyle(e), b = e.getBoundingClientRect();"
            "return b.width > 0 && (s.outlineStyle !== 'none' || s.boxShadow !== 'none') }"
        )
        assert outline, f"focus cannot be seen on {focused.evaluate('e => e.outerHTML')[:200]}"
        if focused.evaluate("(e, selector) => e.matches(selector)", selector):
            return
    raise AssertionError(f"Tab never reaches {selector}")


def _type_into(page: "Page", selector: str, text: str) -> None:
    _tab_to(page, selector)
    page.keyboard.press("Control+a")
    page.keyboard.type(text)


def test_the_first_tab_leads_past_everything_to_the_content(
    page: "Page", start_server: StartServer, sqlite_url: str
) -> None:
    server = start_server(sqlite_url, workers=1)
    begin(page, server.url)
    page.keyboard.press("Tab")
    expect(page.locator(".skip-link")).to_be_focused()
    expect(page.locator(".skip-link")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_a_refused_step_moves_the_focus_to_its_errors_and_from_there_to_the_fields(
    page: "Page", start_server: StartServer, sqlite_url: str
) -> None:
    server = start_server(sqlite_url, workers=1)
    begin(page, server.url)
    save(page, "api-keys", KEYS)
    save(page, "website", ANSWERS["website"])
    fill(page, {"competitors": "<no site>"})
    page.get_by_role("button", name=SAVE).click()
    expect(page.locator("#error-summary")).to_be_focused()
    expect(page).to_have_title(f"Error: {TITLES['research']} · Step 3 of 6 · Onward")
    links = page.locator("#error-summary a")
    expect(links).to_have_count(3)
    for number, selector in enumerate(
        ("[name=research_depth]", "[name=content_types]", "#competitors")
    ):
        links.nth(number).focus()
        page.keyboard.press("Enter")
        focused = page.locator("*:focus")
        assert focused.evaluate("(e, selector) => e.matches(selector)", selector)
        expect(focused).to_be_in_viewport()
        label = page.locator(".field", has=focused).first.locator("legend, label").first
        expect(label).to_be_in_viewport()
    expect(page.locator("#competitors")).to_have_value("<no site>")
    fill(page, {**ANSWERS["research"]})
    page.get_by_role("button", name=SAVE).click()
    at(page, "persona")


def test_without_scripts_the_links_of_the_errors_lead_to_the_fields_too(
    browser: "Browser", start_server: StartServer, sqlite_url: str
) -> None:
    from tests.support.browser import open_page

    server = start_server(sqlite_url, workers=1)
    with open_page(browser, javascript=False, width=360) as page:
        begin(page, server.url)
        page.get_by_role("button", name=SAVE).click()
        page.locator("#error-summary a").first.click()
        assert page.url.endswith("#gemini")
        expect(page.locator("#gemini")).to_be_in_viewport()


def test_enter_in_a_field_saves(page: "Page", start_server: StartServer, sqlite_url: str) -> None:
    server = start_server(sqlite_url, workers=1)
    begin(page, server.url)
    fields = {
        "api-keys": "#exa",
        "website": "#industry",
        "persona": "#persona_name",
        "integrations": "#notify_email",
    }
    for slug, following in pairwise(SLUGS):
        fill(page, ANSWERS[slug])
        if slug in fields:
            page.locator(fields[slug]).press("Enter")
        else:  # it has no field of one line
            page.get_by_role("button", name=SAVE).click()
        at(page, following)


class _Held:
    """A page of a site that waits for the test to let it go."""

    def __init__(self, site: SiteServer) -> None:
        self.let_go = threading.Event()
        self._site = site

    def __call__(self, _handler: BaseHTTPRequestHandler) -> Answer:
        while not (self.let_go.wait(0.05) or self._site.stopping.is_set()):
            pass
        return prose_page()


def test_the_result_appears_while_somebody_types_and_disturbs_nothing(
    page: "Page", start_server: StartServer, sqlite_url: str, site: SiteServer
) -> None:
    held = _Held(site)
    site.pages["/held"] = held
    server = start_server(sqlite_url, FETCH_ALLOW=site.host_port)
    begin(page, server.url)
    save(page, "api-keys", KEYS)
    save(page, "website", {"has_website": "yes", "website_url": site.url("/held")})
    page.goto(f"{server.url}/onboarding/website")
    state = page.locator("#analysis")
    expect(state).to_have_attribute("data-status", "in_progress", timeout=READING)

    address = page.locator("#website_url")
    address.fill("half.typed.exa")
    address.evaluate("e => e.setSelectionRange(4, 9)")
    page.evaluate("window.sameDocument = true")
    held.let_go.set()

    expect(state).to_have_attribute("data-status", "completed", timeout=READING)
    expect(state).to_contain_text("words on average")
    assert page.evaluate("window.sameDocument"), "the page was loaded anew"
    expect(address).to_have_value("half.typed.exa")
    expect(address).to_be_focused()
    assert address.evaluate("e => [e.selectionStart, e.selectionEnd]") == [4, 9]
    expect(page.locator("#analysis-announcement")).to_have_text("The website has been read.")
    # The new element's button still belongs to the form, and takes along what was typed.
    address.fill(site.url())
    page.get_by_role("button", name="Analyse again").click()
    expect(page.locator("#website_url")).to_have_value(site.url())


@pytest.mark.long
def test_the_analysis_page_follows_the_reading_with_a_script_too(
    page: "Page", start_server: StartServer, sqlite_url: str, site: SiteServer
) -> None:
    held = _Held(site)
    site.pages["/held"] = held
    server = start_server(sqlite_url, FETCH_ALLOW=site.host_port)
    begin(page, server.url)
    save(page, "api-keys", KEYS)
    save(page, "website", {"has_website": "yes", "website_url": site.url("/held")})
    page.goto(f"{server.url}/onboarding/website/analysis")
    held.let_go.set()
    expect(page.locator("#analysis[data-status=completed]")).to_be_visible(timeout=READING)
    expect(page.locator("#analysis button")).to_have_count(0)  # no form here to belong to


def test_with_scripts_the_branch_that_is_not_asked_for_is_out_of_the_way(
    page: "Page", start_server: StartServer, sqlite_url: str
) -> None:
    server = start_server(sqlite_url, workers=1)
    begin(page, server.url)
    save(page, "api-keys", KEYS)
    page.locator("[name=has_website][value=yes]").check()
    expect(page.locator("#website_url")).to_be_visible()
    expect(page.locator("#business_description")).to_be_hidden()
    page.locator("[name=has_website][value=no]").check()
    expect(page.locator("#website_url")).to_be_hidden()
    expect(page.locator("#business_description")).to_be_visible()


@pytest.mark.long
def test_a_server_that_is_away_is_told_and_the_browser_can_go_on(
    page: "Page", start_server: StartServer, sqlite_url: str
) -> None:
    """The database is locked by somebody else: the values come back, one click saves them."""
    server = start_server(sqlite_url, workers=1)
    begin(page, server.url)
    save(page, "api-keys", KEYS)
    fill(page, ANSWERS["website"])
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    page.get_by_role("button", name=SAVE).click()
    expect(page.get_by_role("alert")).to_contain_text("do not know that this is saved")
    expect(page.locator("#industry")).to_have_value("clockmaking")
    other.rollback()
    other.close()
    page.get_by_role("button", name="Try again").click()
    at(page, "research")
