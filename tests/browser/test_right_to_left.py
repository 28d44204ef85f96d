"""Arabic is truly right to left, addresses and keys in it are not, and the switch of the language
keeps what is typed, with JavaScript and without."""

import re
from typing import TYPE_CHECKING

import pytest

from tests.browser.hands import answers_with, fill
from tests.conftest import StartServer
from tests.journeys.walk import ANSWERS, SLUGS
from tests.support.browser import sideways_scroll
from tests.support.site import SiteServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed.")
expect = playwright.expect

LATIN_FIELDS = ("openai", "website_url", "competitors", "notify_email")
"""Fields whose content is written from left to right in every language."""


def test_a_journey_in_arabic_runs_from_right_to_left(
    page: "Page", start_server: StartServer, sqlite_url: str, site: SiteServer
) -> None:
    server = start_server(sqlite_url, FETCH_ALLOW=site.host_port, workers=1)
    answers = answers_with(site.url())
    page.goto(f"{server.url}/onboarding/?lang=ar")
    page.locator("main form button").first.click()
    seen = set()
    for slug in SLUGS:
        expect(page).to_have_url(re.compile(f"/onboarding/{slug}$"))
        expect(page.locator("html")).to_have_attribute("dir", "rtl")
        for width in (360, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert not sideways_scroll(page), f"{slug} at {width}"
        _mirrored(page)
        for name in LATIN_FIELDS:
            field = page.locator(f"#step-form [name='{name}']")
            if field.count():
                seen.add(name)
                assert field.evaluate("e => getComputedStyle(e).direction") == "ltr", name
        fill(page, answers[slug])
        page.locator("#step-form button[value='save']").click()
    expect(page).to_have_url(re.compile("/onboarding/summary"))
    assert seen == set(LATIN_FIELDS)
    for address in page.locator("bdi", has_text="http").all():
        assert address.evaluate("e => getComputedStyle(e).direction") == "ltr"
    slanted = page.evaluate(
        """() => [...document.querySelectorAll('main *')].filter(e =>
             getComputedStyle(e).fontStyle === 'italic' && e.checkVisibility() &&
             [...e.childNodes].some(n => n.nodeType === 3 && /[\\u0600-\\u06ff]/.test(n.data))
           ).map(e => e.className)"""
    )
    assert slanted == [], "Arabic has no slant"


def test_the_switch_on_a_step_keeps_what_is_typed(
    browser: "Browser", start_server: StartServer, sqlite_url: str
) -> None:
    server = start_server(sqlite_url, workers=1)
    for script in (True, False):
        context = browser.new_context(java_script_enabled=script, locale="de-AT")
        page = context.new_page()
        page.goto(server.url)
        expect(page.locator("html")).to_have_attribute("lang", "de")  # as the browser asks
        page.locator("main form button").first.click()
        fill(page, ANSWERS["api-keys"])
        page.locator("#step-form button[value='save']").click()
        fill(page, {"has_website": "no", "business_description": "Halb getip"})
        page.get_by_role("button", name="Español").click()
        expect(page.locator("html")).to_have_attribute("lang", "es")
        expect(page).to_have_url(re.compile("/onboarding/website$"))
        expect(page.locator("[name='business_description']")).to_have_value("Halb getip")
        page.goto(f"{server.url}/accessibility")
        page.get_by_role("link", name="العربية").click()
        expect(page.locator("html")).to_have_attribute("dir", "rtl")
        expect(page).to_have_url(re.compile(r"/accessibility\?lang=ar$"))
        page.goto(f"{server.url}/onboarding/website")
        expect(page.locator("html")).to_have_attribute("lang", "ar")
        expect(page.locator("[name='business_description']")).to_have_value(
            re.compile("Halb getip")
        )
        context.close()


def _mirrored(page: "Page") -> None:
    """At 1280 pixels the steps stand at the right, and text begins there."""
    rail = page.locator(".rail").bounding_box()
    main = page.locator("main").bounding_box()
    assert rail
    assert main
    assert rail["x"] > main["x"] + main["width"] / 2, "the steps stand on the wrong side"
    assert page.locator("h1").evaluate("e => getComputedStyle(e).textAlign") in ("start", "right")
    edges = page.evaluate(
        """() => { const box = e => e.getBoundingClientRect();
             return [box(document.querySelector('h1')).right,
                     box(document.querySelector('#step-form')).right]; }"""
    )
    assert abs(edges[0] - edges[1]) < 2, "heading and form begin at different edges"
