"""How pages look: they fit every width and doubled text, weigh little, stay still while they load,
keep a sensible order of focus, and turn light or dark as asked."""

import os
import re
import sqlite3
from collections.abc import Iterator
from itertools import pairwise
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

WIDTHS = ((320, 100), (360, 100), (768, 100), (1280, 100), (360, 200), (1280, 200))
"""Of the window in pixels, and of the text in per cent."""
FIRST_VIEW = 60 * 1024
LATER_VIEW = 20 * 1024
"""Bytes over the wire, of the page and all that it loads."""
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
    """Looks at the page that is shown, at several widths, and notes what is wrong."""

    def __init__(self, page: "Page") -> None:
        self.page = page
        self.faults: list[str] = []

    def look(self, name: str) -> None:
        """One page in one state: nothing is wider than the window."""
        from tests.support.browser import sideways_scroll

        for width, text in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 800})
            self.page.evaluate(
                "size => { document.documentElement.style.fontSize = size }", f"{text}%"
            )
            if over := sideways_scroll(self.page):
                self.faults.append(f"{name} at {width}, text {text} %: {over} pixels too wide")
        self.page.evaluate("() => { document.documentElement.style.fontSize = '' }")
        self._use(name)
        if PICTURES:
            self._picture(name)

    def _use(self, name: str) -> None:
        """Everybody can use the page: what axe finds, by day and by night, and small targets."""
        from tests.support.browser import accessibility_faults, small_targets

        found = accessibility_faults(self.page) + small_targets(self.page)
        self.page.emulate_media(color_scheme="dark")
        found += accessibility_faults(self.page, "color-contrast")
        self.page.emulate_media(color_scheme="light")
        self.faults += [f"{name}: {fault}" for fault in found]

    def _picture(self, name: str) -> None:
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        for width, scheme in ((360, "light"), (768, "light"), (1280, "light"), (1280, "dark")):
            self.page.set_viewport_size({"width": width, "height": 800})
            self.page.emulate_media(color_scheme=scheme)
            self.page.screenshot(path=f"{PICTURES}/{name}-{width}-{scheme}.png", full_page=True)
        self.page.emulate_media(color_scheme="light")


@pytest.fixture
def looker(browser: "Browser") -> Iterator[Looker]:
    """Looks at a page without moving parts, so that nothing is measured halfway."""
    from tests.support.browser import open_page

    with open_page(browser) as page:
        page.emulate_media(reduced_motion="reduce")
        looker = Looker(page)
        yield looker
    assert not looker.faults, "\n- ".join(["what does not look right:", *looker.faults])


@pytest.mark.long
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


@pytest.mark.long
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
    _open_all(page)
    looker.look("analysis-opened")
    page.goto(server.url)
    save(page, "research", ANSWERS["research"])
    looker.look("persona-prefilled")
    save(page, "persona", ANSWERS["persona"])
    looker.look("integrations-found")
    page.get_by_role("button", name="Skip this step").click()
    at(page, "finish")
    looker.look("finish")
    save(page, "finish", {"first_declaration": "Bread, and patience. " * 40})
    _open_all(page)
    looker.look("summary-with-site")


def _open_all(page: "Page") -> None:
    page.locator("main details").evaluate_all("all => all.forEach(one => { one.open = true })")


def _change_address(page: "Page", url: str) -> None:
    page.locator("#website_url").fill(url)
    page.get_by_role("button", name=SAVE).click()
    expect(page).to_have_url(re.compile("/onboarding/research$"))


@pytest.mark.long
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


@pytest.mark.long
def test_each_page_weighs_little_and_stays_still(
    page: "Page", start_server: StartServer, sqlite_url: str
) -> None:
    server = start_server(sqlite_url, workers=1)
    wire = page.context.new_cdp_session(page)
    received = [0]
    wire.on(
        "Network.loadingFinished",
        lambda done: received.append(received.pop() + int(done["encodedDataLength"])),
    )
    wire.send("Network.enable")
    page.add_init_script(
        "window.shifts = 0; new PerformanceObserver(list => list.getEntries().forEach("
        "e => { if (!e.hadRecentInput) window.shifts += e.value }))"
        ".observe({type: 'layout-shift', buffered: true})"
    )
    weights: dict[str, int] = {}

    def weigh(name: str, most: int) -> None:
        page.wait_for_load_state("networkidle")
        weights[name] = received[0]
        assert received[0] <= most, weights
        assert page.evaluate("window.shifts") == 0, f"{name} moves while it loads"
        received[0] = 0

    page.goto(server.url)
    weigh("welcome", FIRST_VIEW)
    begin(page, server.url)
    received[0] = 0
    for slug in SLUGS:
        page.goto(f"{server.url}/onboarding/{slug}")
        weigh(slug, LATER_VIEW)
        save(page, slug, ANSWERS[slug])
        received[0] = 0
    page.goto(f"{server.url}/onboarding/summary")
    weigh("summary", LATER_VIEW)
    if PICTURES:
        Path(PICTURES, "weights.txt").write_text(str(weights))


FOCUSED = """() => {
  const one = document.activeElement;
  const box = one.getBoundingClientRect(), style = getComputedStyle(one);
  return {
    name: (one.labels?.[0] ?? one).innerText.trim().split("\\n")[0],
    ring: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    seen: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    start: Math.round(box.left), top: Math.round(box.top + scrollY),
  };
}"""


def test_focus_goes_down_the_rail_then_down_the_form_and_is_always_seen(
    page: "Page", start_server: StartServer, sqlite_url: str
) -> None:
    server = start_server(sqlite_url, workers=1)
    begin(page, server.url)
    save(page, "api-keys", KEYS)
    save(page, "website", ANSWERS["website"])
    stops = []
    for _ in range(40):
        page.keyboard.press("Tab")
        stops.append(page.evaluate(FOCUSED))
        if stops[-1]["name"] == "Save for later":
            break
    assert [stop["name"] for stop in stops[:5]] == [
        *("Skip to the content", "Onward", "API keys", "Your website"),
        "Basic: a few sources, quickly",
    ]
    names = [stop["name"] for stop in stops]
    assert names[-3:] == [SAVE, "Back", "Save for later"]
    unseen = [stop for stop in stops if not (stop["ring"] and stop["seen"])]
    assert unseen == []
    form = stops[4:]
    jumps = [
        (one["name"], two["name"])
        for one, two in pairwise(form)
        if two["top"] < one["top"] - 4
        or (abs(two["top"] - one["top"]) < 4 and two["start"] < one["start"])
    ]
    assert jumps == [], "focus jumps back"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#error-summary")).to_be_focused()


def test_a_phone_has_a_slim_line_and_the_rail_behind_it(
    page: "Page", start_server: StartServer, sqlite_url: str
) -> None:
    server = start_server(sqlite_url, workers=1)
    begin(page, server.url)
    save(page, "api-keys", KEYS)
    save(page, "website", ANSWERS["website"])
    wide, narrow = page.locator(".rail-wide"), page.locator(".rail-narrow")
    expect(wide).to_be_visible()
    expect(narrow).to_be_hidden()
    expect(wide.get_by_text("Step 3 of 6")).to_be_visible()
    expect(wide.get_by_role("link", name=re.compile("API keys.*OpenAI, Exa"))).to_be_visible()
    expect(wide.locator("[aria-current=step]")).to_contain_text("Research preferences")
    page.set_viewport_size({"width": 360, "height": 780})
    expect(wide).to_be_hidden()
    expect(narrow.get_by_text("Step 3 of 6")).to_be_visible()
    expect(page.get_by_text("clockmaking")).to_have_count(2)
    line = narrow.locator("summary")
    assert narrow.bounding_box()["height"] < 80  # type: ignore[index]
    expect(narrow.get_by_role("link", name="API keys")).to_be_hidden()
    line.focus()
    page.keyboard.press("Enter")
    narrow.get_by_role("link", name=re.compile("API keys.*OpenAI, Exa")).click()
    at(page, "api-keys")


DAY, NIGHT = "rgb(248, 245, 238)", "rgb(23, 24, 27)"


def test_the_theme_follows_the_system_until_it_is_chosen(
    any_page: "Page", start_server: StartServer, sqlite_url: str
) -> None:
    """With JavaScript nothing is loaded anew; without it what is typed comes back as a draft."""
    page = any_page
    server = start_server(sqlite_url, workers=1)
    for scheme, ground in (("dark", NIGHT), ("light", DAY)):
        page.emulate_media(color_scheme=scheme)
        page.goto(server.url)
        expect(page.locator("html")).to_have_css("background-color", ground)
    begin(page, server.url)
    save(page, "api-keys", KEYS)
    page.locator("#has_website input, [name=has_website][value=no]").last.check()
    page.locator("#industry").fill("half typed")
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("#industry")).to_have_value("half typed")
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("html")).to_have_css("background-color", NIGHT)
    page.goto(f"{server.url}/onboarding/api-keys")
    assert page.locator("html").get_attribute("data-theme") == "dark"
    expect(page.locator("html")).to_have_css("background-color", NIGHT)
    page.emulate_media(color_scheme="dark")
    page.goto(f"{server.url}/accessibility")
    page.get_by_role("button", name="Light").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    expect(page.locator("html")).to_have_css("background-color", DAY)
    page.get_by_role("button", name="Automatic").click()
    expect(page.get_by_role("button", name="Automatic")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("html")).to_have_css("background-color", NIGHT)
    page.reload()
    expect(page.locator("html")).to_have_css("background-color", NIGHT)


def test_the_summary_is_set_for_paper(
    page: "Page", start_server: StartServer, sqlite_url: str
) -> None:
    server = start_server(sqlite_url, workers=1)
    page.emulate_media(color_scheme="dark")
    begin(page, server.url)
    for slug in SLUGS:
        save(page, slug, ANSWERS[slug])
    expect(page.get_by_role("heading", name="What to do next")).to_be_visible()
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.locator("html")).to_have_css("background-color", "rgb(255, 255, 255)")
    for hidden in (".masthead", ".colophon", ".rail", ".next", ".row-action >> nth=0"):
        expect(page.locator(hidden)).to_be_hidden()
    for shown in (".declaration", ".capabilities", "#research dl"):
        expect(page.locator(shown)).to_be_visible()
    pdf = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) >= 3
    if PICTURES:
        Path(PICTURES, "summary.pdf").write_bytes(pdf)
