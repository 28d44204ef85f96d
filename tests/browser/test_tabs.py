"""Two real tabs that say different things: merged where it can be, asked where it cannot."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser.hands import SAVE, at, begin, fill, save, without_keys
from tests.conftest import StartServer
from tests.journeys.walk import ANSWERS, KEYS, SLUGS
from tests.support.server import LiveServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed.").expect

CONFLICT = "This step was saved somewhere else meanwhile"
OTHER_KEY = "Mistral8Wander2Key"


@pytest.fixture(params=[(True, 1280), (False, 360)], ids=["js-1280", "no-js-360"])
def one_page(browser: "Browser", request: pytest.FixtureRequest) -> Iterator["Page"]:
    """With scripts on a wide screen, without them on a narrow one."""
    from tests.support.browser import open_page

    javascript, width = request.param
    with open_page(browser, javascript=javascript, width=width) as opened:
        yield opened


@pytest.fixture
def two(one_page: "Page") -> Iterator["Page"]:
    """A second tab of the same browser."""
    from tests.support.browser import watch

    faults: list[str] = []
    second = one_page.context.new_page()
    watch(second, faults)
    yield second
    assert not faults, "in the second tab:\n- " + "\n- ".join(faults)


@pytest.fixture
def server(start_server: StartServer, sqlite_url: str) -> LiveServer:
    """The application, served."""
    return start_server(sqlite_url, workers=1)


def press_save(tab: "Page") -> None:
    """The main button of the step."""
    tab.bring_to_front()
    tab.locator("#step-form [name=action][value=save]").click()


def test_different_fields_of_two_tabs_are_both_stored_and_it_is_said(
    one_page: "Page", two: "Page", server: LiveServer
) -> None:
    begin(one_page, server.url)
    for slug in SLUGS[:4]:
        save(one_page, slug, ANSWERS[slug])
    address = f"{server.url}/onboarding/research"
    one_page.goto(address)
    two.goto(address)
    fill(two, {"content_types": ["News"], "auto_research": True})
    press_save(two)
    at(two, "integrations")
    fill(one_page, {"research_depth": "Expert", "factual_content": None})
    press_save(one_page)
    at(one_page, "integrations")
    note = one_page.locator("main .note", has_text="another window")
    expect(note).to_contain_text("What do you write?")
    expect(note).to_contain_text("Research a topic before writing about it")
    one_page.goto(address)
    expect(one_page.locator("[value=Expert]")).to_be_checked()
    expect(one_page.locator("[name=content_types]:checked")).to_have_count(1)
    expect(one_page.locator("[name=auto_research]")).to_be_checked()
    expect(one_page.locator("[name=factual_content]")).not_to_be_checked()


def test_what_two_tabs_make_invalid_comes_back_with_both_sides(
    one_page: "Page", two: "Page", server: LiveServer
) -> None:
    """Each leaves one language model; together they would leave none."""
    begin(one_page, server.url)
    save(one_page, "api-keys", {**KEYS, "mistral": OTHER_KEY})
    address = f"{server.url}/onboarding/api-keys"
    for tab in (one_page, two):
        tab.goto(address)
    fill(two, {"remove": ["mistral"]})
    press_save(two)
    at(two, "website")
    fill(one_page, {"remove": ["openai"]})
    press_save(one_page)
    expect(one_page.locator("#error-summary")).to_contain_text("at least one language model")
    expect(one_page.locator("main")).to_contain_text("another window")
    expect(one_page.locator("[name=remove][value=openai]")).to_be_checked()
    expect(one_page.locator("[name=remove][value=mistral]")).to_have_count(0)
    at(one_page, "api-keys")


def test_keys_of_two_tabs_are_in_neither(one_page: "Page", two: "Page", server: LiveServer) -> None:
    begin(one_page, server.url)
    save(one_page, "api-keys", KEYS)
    address = f"{server.url}/onboarding/api-keys"
    for tab in (one_page, two):
        tab.goto(address)
    fill(two, {"mistral": OTHER_KEY})
    press_save(two)
    at(two, "website")
    fill(one_page, {"mistral": OTHER_KEY + "9"})
    press_save(one_page)
    expect(one_page.locator("h1")).to_have_text(CONFLICT)
    expect(one_page.locator("main")).to_contain_text("what is stored stays")
    for tab in (one_page, two):
        assert OTHER_KEY not in tab.content()
        without_keys(tab.content())
    one_page.get_by_role("button", name="Save this choice").click()
    at(one_page, "website")
    one_page.goto(address)
    expect(one_page.locator("main")).to_contain_text(OTHER_KEY[-4:])


@pytest.mark.long
def test_the_page_that_asks_can_be_used_by_keyboard_and_fits_every_screen(
    page: "Page", server: LiveServer
) -> None:
    from tests.support.browser import WIDTHS, accessibility_faults, sideways_scroll

    begin(page, server.url)
    for slug in SLUGS[:4]:
        save(page, slug, ANSWERS[slug])
    second = page.context.new_page()
    long_word = "unbroken" * 60
    for tab in (page, second):
        tab.goto(f"{server.url}/onboarding/persona")
    fill(second, {"persona_name": "Theirs", "voice_description": long_word})
    press_save(second)
    at(second, "integrations")
    second.close()
    fill(page, {"persona_name": "Mine", "voice_description": "Mine " + long_word})
    press_save(page)
    expect(page.locator("h1")).to_have_text(CONFLICT)
    page.wait_for_load_state()  # with its style sheets
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert sideways_scroll(page) == 0, width
        assert accessibility_faults(page) == [], width
    page.locator("[name=choose-persona_name]:checked").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("[name=choose-persona_name][value=stored]")).to_be_checked()
    page.keyboard.press("Enter")
    at(page, "integrations")
    page.goto(f"{server.url}/onboarding/persona")
    expect(page.locator("#persona_name")).to_have_value("Theirs")


@pytest.mark.long
def test_a_draft_of_an_old_tab_is_never_shown_as_if_it_were_newer_without_a_question(
    page: "Page", server: LiveServer
) -> None:
    """The old tab goes on typing, its script keeps a draft; saving that asks."""
    begin(page, server.url)
    for slug in SLUGS[:4]:
        save(page, slug, ANSWERS[slug])
    page.goto(f"{server.url}/onboarding/persona")
    second = page.context.new_page()
    second.goto(f"{server.url}/onboarding/persona")
    fill(second, {"persona_name": "Saved in the second tab"})
    press_save(second)
    at(second, "integrations")
    page.bring_to_front()
    page.locator("#persona_name").fill("Typed in the old tab")
    expect(page.locator("#draft-status")).to_contain_text("Draft saved")
    page.reload()
    expect(page.locator("#persona_name")).to_have_value("Typed in the old tab")
    page.get_by_role("button", name=SAVE).click()
    expect(page.locator("h1")).to_have_text(CONFLICT)
    expect(page.locator("main")).to_contain_text("Saved in the second tab")
    expect(page.locator("main")).to_contain_text("Typed in the old tab")
