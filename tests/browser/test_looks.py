"""Every page in its main states: nothing for axe to find, light or dark, no sideways scroll."""

import os
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.hands import SAVE, answers_with, at, begin, fill, save
from tests.conftest import StartServer
from tests.journeys.walk import ANSWERS, KEYS, SLUGS
from tests.support.pages import Value
from tests.support.site import SiteServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed.")
expect = playwright.expect

WIDTHS = (320, 360, 1280)
PICTURES = os.environ.get("PICTURES", "")
"""A folder that gets a picture of every page in every state, for people to look at."""

REFUSED: dict[str, dict[str, Value]] = {
    "api-keys": {"openai": "sk-short", "exa": "no uuid"},
    "website": {"has_website": "yes", "website_url": "ftp://" + "long-name-of-a-host-" * 8},
    "research": {"competitors": "<" + "unbroken" * 60 + ">"},
    "persona": {"persona_name": "N" * 200, "audience": "", "voice_description": "W" * 1001},
    "integrations": {"notify_email": "nobody" * 40},
    "finish": {},
}


class Looker:
    """Looks at the page that is shown, from several sides, and notes what is wrong."""

    def __init__(self, page: "Page") -> None:
        from tests.support.browser import accessibility_faults, sideways_scroll

        self._axe: Callable[[Page], list[str]] = accessibility_faults
        self._scroll: Callable[[Page], int] = sideways_scroll
        self.page = page
        self.faults: list[str] = []
        self.seen: list[str] = []

    def look(self, name: str) -> None:
        """One page in one state: three widths; axe on the narrow and the wide, light and dark."""
        self.seen.append(name)
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 800})
            if over := self._scroll(self.page):
                self.faults.append(f"{name} at {width}: {over} pixels wider than the window")
        for width, scheme in ((360, "light"), (1280, "dark"), (1280, "light")):
            if (width, scheme) == (1280, "light") and name not in ("welcome", "summary", "finish"):
                continue  # colours and widths are each looked at once
            self.page.set_viewport_size({"width": width, "height": 800})
            self.page.emulate_media(color_scheme=scheme)
            self.faults += [f"{name} at {width}, {scheme}: {f}" for f in self._axe(self.page)]
        if PICTURES:
            self._picture(name)
        self.page.emulate_media(color_scheme="light")

    def _picture(self, name: str) -> None:
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        for width, scheme in ((360, "light"), (1280, "light"), (1280, "dark")):
            self.page.set_viewport_size({"width": width, "height": 800})
            self.page.emulate_media(color_scheme=scheme)
            self.page.screenshot(path=f"{PICTURES}/{name}-{width}-{scheme}.png", full_page=True)


@pytest.fixture
def looker(browser: "Browser") -> "Looker":
    """Looks at a page without moving parts, so that no colour is measured halfway."""
    from tests.support.browser import open_page

    with open_page(browser) as page:
        page.emulate_media(reduced_motion="reduce")
        looker = Looker(page)
        yield looker  # type: ignore[misc]
    assert not looker.faults, "\n- ".join(["what does not look right:", *looker.faults])


def test_every_step_empty_refused_and_filled(
    looker: Looker, start_server: StartServer, sqlite_url: str
) -> None:
    page = looker.page
    server = start_server(sqlite_url, workers=1)
    page.goto(server.url)
    looker.look("welcome")
    begin(page, server.url)
    for slug in SLUGS:
        looker.look(slug)
        fill(page, REFUSED[slug])
        page.locator("[name=action][value=save]").click()
        expect(page.locator("#error-summary")).to_be_visible()
        looker.look(f"{slug}-refused")
        save(page, slug, ANSWERS[slug])
        if slug != "finish":
            page.goto(f"{server.url}/onboarding/{slug}")
            looker.look(f"{slug}-filled")
            page.goto(server.url)
    looker.look("summary")


def test_the_website_and_what_was_read_there(
    looker: Looker, start_server: StartServer, sqlite_url: str, site: SiteServer
) -> None:
    page = looker.page
    server = start_server(sqlite_url, workers=1, FETCH_ALLOW=site.host_port)
    begin(page, server.url)
    save(page, "api-keys", KEYS)
    for path, state in (("/missing", "failed"), ("/slow", "in_progress"), ("/", "completed")):
        if state != "failed":
            page.goto(f"{server.url}/onboarding/website")
        save(page, "website", answers_with(site.url(path))["website"]) if state == "failed" else (
            _change_address(page, site.url(path))
        )
        page.goto(f"{server.url}/onboarding/website")
        analysis = page.locator("#analysis")
        expect(analysis).to_have_attribute("data-status", state, timeout=15_000)
        looker.look(f"website-{state}")
        page.goto(f"{server.url}/onboarding/website/analysis")
        looker.look(f"analysis-{state}")
    page.goto(server.url)
    save(page, "research", ANSWERS["research"])
    looker.look("persona-prefilled")
    save(page, "persona", ANSWERS["persona"])
    looker.look("integrations-found")
    page.get_by_role("button", name="Skip this step").click()
    at(page, "finish")
    looker.look("finish")
    save(page, "finish", {"first_declaration": "Bread, and patience. " * 40})
    looker.look("summary-with-site")


def _change_address(page: "Page", url: str) -> None:
    page.locator("#website_url").fill(url)
    page.get_by_role("button", name=SAVE).click()
    expect(page).to_have_url(re.compile("/onboarding/research$"))


def test_the_pages_beside_the_way(
    looker: Looker, start_server: StartServer, sqlite_url: str
) -> None:
    page = looker.page
    server = start_server(sqlite_url, workers=1)
    page.goto(f"{server.url}/onboarding/nothing")
    looker.look("404")
    page.goto(f"{server.url}/onboarding/research")
    looker.look("welcome-sent-back")
    begin(page, server.url)
    save(page, "api-keys", KEYS)
    save(page, "website", ANSWERS["website"])
    page.goto(f"{server.url}/onboarding/finish")
    looker.look("sent-back")
    page.goto(f"{server.url}/onboarding/reset")
    looker.look("reset")

    page.goto(f"{server.url}/onboarding/website")
    fill(page, {"industry": "watches"})
    page.get_by_role("button", name="Save for later").click()
    expect(page.get_by_role("button", name="Discard unsaved changes")).to_be_visible()
    looker.look("website-draft")

    fill(page, {"industry": "bells", "business_goals": "Unbroken" * 40})
    other = page.context.new_page()
    other.goto(f"{server.url}/onboarding/website")
    fill(other, {"industry": "sundials", "business_goals": "Fewer clocks"})
    other.get_by_role("button", name=SAVE).click()
    at(other, "research")
    other.close()
    page.get_by_role("button", name=SAVE).click()
    expect(page.locator("h1")).to_contain_text("saved somewhere else")
    looker.look("conflict")

    page.goto(f"{server.url}/onboarding/website")
    page.locator("[name=csrf_token]").first.evaluate("e => { e.value = 'of yesterday' }")
    page.get_by_role("button", name=SAVE).click()
    expect(page.get_by_role("alert")).to_contain_text("open for too long")
    looker.look("expired")

    lock = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert")).to_contain_text("do not know that this is saved")
    lock.rollback()
    lock.close()
    looker.look("database-away")
