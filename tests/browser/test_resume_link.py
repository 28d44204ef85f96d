"""A link and its code, as a phone reads them."""

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.hands import at, begin, fill, save, without_keys
from tests.conftest import StartServer
from tests.journeys.walk import ANSWERS, SLUGS
from tests.support.server import LiveServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed.").expect

PICTURES = os.environ.get("PICTURES", "")
"""A folder that gets a picture of each page, for people to look at."""


@pytest.fixture
def server(start_server: StartServer, sqlite_url: str) -> LiveServer:
    """The application, served."""
    return start_server(sqlite_url, workers=1)


def read_code(page: "Page") -> str:
    """What a camera reads from the page as it is shown; lines of text can pass for a bar code."""
    zxingcpp = pytest.importorskip("zxingcpp", reason="zxing-cpp is not installed.")
    image = pytest.importorskip("PIL.Image", reason="pillow is not installed.")
    picture = image.open(io.BytesIO(page.screenshot(full_page=True))).convert("L")
    (code,) = zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormat.QRCode)
    return str(code.text)


def link_on(page: "Page") -> str:
    """The link that the page shows."""
    return str(page.locator("main a[href*='/onboarding/resume/']").get_attribute("href"))


def picture(page: "Page", name: str) -> None:
    """For people to look at."""
    if PICTURES:
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        for width in (360, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            page.screenshot(path=f"{PICTURES}/{name}-{width}.png", full_page=True)


def test_a_phone_reads_the_code_and_goes_on_there(
    any_page: "Page", browser: "Browser", server: LiveServer
) -> None:
    from tests.support.browser import open_page

    page = any_page
    begin(page, server.url)
    save(page, "api-keys", ANSWERS["api-keys"])
    fill(page, ANSWERS["website"])
    page.get_by_role("button", name="Save for later").click()
    at(page, "website")
    page.get_by_role("button", name="Continue on another device").click()
    expect(page.locator("h1")).to_have_text("Continue on another device")
    without_keys(page.content())
    read = read_code(page)
    assert read == link_on(page)
    assert read.startswith(f"{server.url}/onboarding/resume/")
    with open_page(browser, javascript=False, width=360) as phone:
        phone.goto(read)
        expect(phone.locator("h1")).to_have_text("Continue here")
        phone.get_by_role("button", name="Continue in this browser").click()
        at(phone, "website")
        expect(phone.locator("#industry")).to_have_value(str(ANSWERS["website"]["industry"]))
        save(phone, "website", {})
        phone.goto(read)
        expect(phone.locator("main")).to_contain_text("used already")
    page.goto(server.url)
    at(page, "research")


@pytest.mark.parametrize("width", [320, 360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_code_can_be_read_in_every_light(
    page: "Page", server: LiveServer, scheme: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    begin(page, server.url)
    page.get_by_role("button", name="Continue on another device").click()
    assert read_code(page) == link_on(page)


def test_a_link_asks_before_it_replaces_the_answers_of_this_browser(
    page: "Page", browser: "Browser", server: LiveServer
) -> None:
    from tests.support.browser import open_page

    begin(page, server.url)
    save(page, "api-keys", ANSWERS["api-keys"])
    page.get_by_role("button", name="Continue on another device").click()
    link = link_on(page)
    with open_page(browser) as other:
        begin(other, server.url)
        other.goto(link)
        expect(other.locator("main")).to_contain_text("other answers already")
        other.goto(server.url)
        at(other, "api-keys")
        other.goto(link)
        other.get_by_role("button", name="Continue in this browser").click()
        at(other, "website")


@pytest.mark.long
def test_the_new_pages_are_sound_at_every_width_light_and_dark(
    page: "Page", server: LiveServer
) -> None:
    from tests.support.browser import WIDTHS, accessibility_faults, sideways_scroll

    page.emulate_media(reduced_motion="reduce")
    faults: list[str] = []

    def look(name: str) -> None:
        page.wait_for_load_state()  # with its style sheets
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            for width in (320, *WIDTHS):
                page.set_viewport_size({"width": width, "height": 800})
                if over := sideways_scroll(page):
                    faults.append(f"{name} at {width}: {over} pixels too wide")
                if width != 320:
                    found = accessibility_faults(page)
                    faults.extend(f"{name} at {width}, {scheme}: {one}" for one in found)
        page.emulate_media(color_scheme="light")
        picture(page, name)

    begin(page, server.url)
    page.goto(f"{server.url}/onboarding/history")
    look("history-empty")
    page.goto(f"{server.url}/onboarding/resume-link")
    look("resume-link-none")
    page.goto(server.url)
    for slug in SLUGS[:4]:
        save(page, slug, ANSWERS[slug])
    page.goto(f"{server.url}/onboarding/persona")
    fill(page, {"persona_name": "N" * 80, "voice_description": "unbroken" * 60})
    page.locator("#step-form [name=action][value=save]").click()
    at(page, "integrations")
    page.get_by_role("button", name="Continue on another device").click()
    look("resume-link")
    link = link_on(page)
    page.goto(link)
    look("resume")
    page.goto(f"{server.url}/onboarding/resume/unknown")
    look("resume-unknown")
    page.goto(f"{server.url}/onboarding/history")
    for one in page.locator("details summary").all():
        one.click()
    look("history")
    page.goto(f"{server.url}/onboarding/sign-out")
    look("sign-out")
    page.goto(f"{server.url}/onboarding/persona")
    page.locator("#audience").fill("half a th")
    page.get_by_role("button", name="Save for later").click()
    look("step-with-draft")
    page.goto(link)
    page.get_by_role("button", name="Continue in this browser").click()
    at(page, "integrations")
    page.goto(link)
    look("resume-used")
    assert not faults, "\n- ".join(["what does not look right:", *faults])
