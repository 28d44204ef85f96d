"""The screenshots of the documentation: a made-up baker walks through, and pictures are taken."""

import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.browser.hands import begin, save
from tests.journeys.walk import ANSWERS, KEYS
from tests.support import databases
from tests.support.browser import chromium, open_page
from tests.support.server import LiveServer
from tests.support.site import SiteServer, small_site

DECLARATION = (
    "To help small bakeries say plainly what is good about their bread, "
    "so that people walk past the supermarket."
)
PERSONA = {
    "persona_name": "The night baker",
    "audience": "People who buy bread every day and wonder why it differs.",
    "voice_description": "Warm, plain, a little dry. Never boastful.",
}
PATIENCE = 30
"""Seconds that the analysis of the small site may take."""


def make_docs(folder: Path) -> None:
    """Five pictures, `<name>.png`, in this folder."""
    with tempfile.TemporaryDirectory() as scratch, chromium() as browser:
        run = Path(scratch)
        url = databases.sqlite_database(run, run)
        for site in small_site():
            environ = databases.settings(url, run / "instance", FETCH_ALLOW=site.host_port)
            server = LiveServer(environ, run / "server.log", workers=1).start()
            try:
                _walk(browser, server.url, site, folder)
            finally:
                server.close()


def _walk(browser: Browser, base: str, site: SiteServer, folder: Path) -> None:
    with open_page(browser, width=1280, height=860) as page:
        page.goto(base)
        _picture(page, folder / "welcome.png")
        begin(page, base)
        save(page, "api-keys", KEYS)
        save(page, "website", {"has_website": "yes", "website_url": site.url()})
        _wait_for_analysis(page, base)
        page.goto(f"{base}/onboarding/website")
        page.locator("#analysis-title").scroll_into_view_if_needed()
        page.evaluate("document.getElementById('analysis').scrollIntoView()")
        _picture(page, folder / "analysis.png")
        page.goto(f"{base}/onboarding/research")
        _fill_research(page)
        _picture(page, folder / "step.png")
        save(page, "research", {**ANSWERS["research"], "competitors": ""})
        page.set_viewport_size({"width": 390, "height": 844})
        page.emulate_media(color_scheme="dark")
        page.goto(f"{base}/onboarding/persona")
        _picture(page, folder / "phone-dark.png")
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 1280, "height": 860})
        save(page, "persona", {**ANSWERS["persona"], **PERSONA})
        save(page, "integrations", ANSWERS["integrations"])
        save(page, "finish", {"first_declaration": DECLARATION})
        page.evaluate("scrollTo(0, 0)")
        _picture(page, folder / "summary.png")


def _fill_research(page: Page) -> None:
    page.get_by_label("Comprehensive").check()
    for kind in ("News", "Newsletters"):
        page.get_by_label(kind, exact=True).check()


def _wait_for_analysis(page: Page, base: str) -> None:
    for _ in range(PATIENCE):
        page.goto(f"{base}/onboarding/website/analysis")
        if page.locator("#analysis").get_attribute("data-status") == "completed":
            return
        time.sleep(1)
    raise RuntimeError("the small site was not read in time")


def _picture(page: Page, path: Path) -> None:
    page.screenshot(path=path, animations="disabled")
