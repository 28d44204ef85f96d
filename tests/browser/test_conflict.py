"""Two real tabs of one browser on one step."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.browser.hands import SAVE, at, begin, fill, save, without_keys
from tests.conftest import StartServer
from tests.journeys.walk import ANSWERS, KEYS, SLUGS

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed.").expect

CONFLICT = "This step was saved somewhere else meanwhile"


@contextmanager
def second_tab(first: "Page") -> Iterator["Page"]:
    """The cookies of the first, watched like it."""
    from tests.support.browser import watch

    faults: list[str] = []
    second = first.context.new_page()
    watch(second, faults)
    yield second
    assert not faults, "in the second tab:\n- " + "\n- ".join(faults)


@pytest.fixture
def other(page: "Page") -> Iterator["Page"]:
    """A second tab beside `page`."""
    with second_tab(page) as tab:
        yield tab


@pytest.fixture
def any_other(any_page: "Page") -> Iterator["Page"]:
    """A second tab beside `any_page`."""
    with second_tab(any_page) as tab:
        yield tab


def test_two_tabs_choose_field_by_field_and_what_is_chosen_is_stored(
    any_page: "Page", any_other: "Page", start_server: StartServer, sqlite_url: str
) -> None:
    mine, theirs = any_page, any_other
    server = start_server(sqlite_url, workers=1)
    begin(mine, server.url)
    for slug in SLUGS[:4]:
        save(mine, slug, ANSWERS[slug])
    address = f"{server.url}/onboarding/persona"
    mine.goto(address)
    theirs.goto(address)
    fill(theirs, {"persona_name": "Theirs", "tone": "Technical", "selected_platforms": ["medium"]})
    theirs.get_by_role("button", name=SAVE).click()
    at(theirs, "integrations")
    fill(mine, {"persona_name": "Mine", "tone": "Casual", "selected_platforms": ["substack"]})
    mine.get_by_role("button", name=SAVE).click()
    expect(mine.locator("h1")).to_have_text(CONFLICT)
    for words in ("Theirs", "Mine", "Technical", "Casual", "Medium", "Substack"):
        expect(mine.locator("form")).to_contain_text(words)
    mine.bring_to_front()
    mine.locator("[name=choose-persona_name][value=stored]").check()
    mine.get_by_role("button", name="Save this choice").click()
    at(mine, "integrations")

    theirs.goto(address)
    expect(theirs.locator("#persona_name")).to_have_value("Theirs")
    expect(theirs.locator("[name=tone][value=Casual]")).to_be_checked()
    expect(theirs.locator("[name=selected_platforms]:checked")).to_have_count(1)
    expect(theirs.locator("[name=selected_platforms][value=substack]")).to_be_checked()


@pytest.mark.long
def test_keeping_what_is_stored_is_one_click(
    page: "Page", other: "Page", start_server: StartServer, sqlite_url: str
) -> None:
    server = start_server(sqlite_url, workers=1)
    begin(page, server.url)
    for slug in SLUGS[:3]:
        save(page, slug, ANSWERS[slug])
    for tab, depth in ((other, "Basic"), (page, "Expert")):
        tab.goto(f"{server.url}/onboarding/research")
        fill(tab, {"research_depth": depth})
    for tab in (other, page):
        tab.bring_to_front()
        tab.get_by_role("button", name=SAVE).click()
    at(other, "persona")
    expect(page.locator("h1")).to_have_text(CONFLICT)
    page.get_by_role("link", name="Keep everything that is stored").click()
    at(page, "research")
    expect(page.locator("[value=Basic]")).to_be_checked()


@pytest.mark.long
def test_an_old_tab_cannot_undo_completion(
    page: "Page", other: "Page", start_server: StartServer, sqlite_url: str
) -> None:
    server = start_server(sqlite_url, workers=1)
    begin(page, server.url)
    for slug in SLUGS[:5]:
        save(page, slug, ANSWERS[slug])
    other.goto(f"{server.url}/onboarding/api-keys")
    save(page, "finish", ANSWERS["finish"])
    fill(other, {"exa": "0b54f1a6-2a8e-4e0c-8f29-76d5c2f0a9b1"})
    other.locator("[name=action][value=save]").click()
    expect(other.locator("h1")).to_have_text(CONFLICT)
    assert "0b54f1a6-2a8e-4e0c" not in other.content()
    other.goto(server.url)
    at(other, "summary")
    expect(other.locator("#api-keys")).to_contain_text(KEYS["exa"][-4:])
    without_keys(other.content())
