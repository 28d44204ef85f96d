"""The small things that make the way pleasant: what is mended, what is shown as it comes, what is
counted, and times as the reader's clock tells them. Pages are complete without any of it."""

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.hands import SAVE, begin, fill, save
from tests.conftest import StartServer
from tests.journeys.walk import ANSWERS, KEYS
from tests.support.databases import TOP
from tests.support.site import Answer, SiteServer, prose_page
from tests.support.site import page as site_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed.").expect

READING = 15_000
MOST_SCRIPT = 12 * 1024
"""Bytes of all our scripts together, as they are."""


@pytest.fixture
def held_site(site: SiteServer) -> Iterator[tuple[SiteServer, threading.Event]]:
    """A site whose first page comes at once; its others wait for the event."""
    let_go = threading.Event()

    def held(_handler: BaseHTTPRequestHandler) -> Answer:
        while not (let_go.wait(0.05) or site.stopping.is_set()):
            pass
        return site_page("<p>" + "We open at six and close when the bread is gone. " * 30 + "</p>")

    site.pages["/"] = prose_page()
    site.pages["/bread"] = site.pages["/visit"] = held
    yield site, let_go
    let_go.set()


def test_keys_and_addresses_are_mended_and_an_analysis_appears_piece_by_piece(
    page: "Page",
    start_server: StartServer,
    sqlite_url: str,
    held_site: tuple[SiteServer, threading.Event],
) -> None:
    site, let_go = held_site
    server = start_server(sqlite_url, workers=1, FETCH_ALLOW=site.host_port)
    begin(page, server.url)
    page.locator("#openai").fill(f" \u200b“Bearer {KEYS['openai']}” ")
    page.locator("#anthropic").fill("sk-of-another-kind-0123456789")
    page.get_by_role("button", name=SAVE).click()
    error = page.locator("#anthropic-error")
    expect(error).to_contain_text("An Anthropic key starts with sk-ant-")
    save(page, "api-keys", {"openai": f" \u200b“Bearer {KEYS['openai']}” "})

    save(page, "website", {"has_website": "yes", "website_url": "clocks.example"})
    page.goto(f"{server.url}/onboarding/api-keys")
    expect(page.locator("#about-openai")).to_contain_text(KEYS["openai"][-4:])
    page.goto(f"{server.url}/onboarding/website")
    address = page.locator("#website_url")
    expect(address).to_have_value("https://clocks.example/")
    address.fill(site.url())
    page.get_by_role("button", name=SAVE).click()
    page.goto(f"{server.url}/onboarding/website")

    analysis, so_far = page.locator("#analysis"), page.locator("#analysis-so-far")
    address.focus()
    expect(so_far).to_contain_text("Known so far", timeout=READING)
    expect(analysis).to_have_attribute("data-status", "in_progress")
    expect(so_far).to_contain_text(re.compile(r"\d words on 1 page"))
    expect(so_far).to_contain_text("words on average")
    expect(so_far.locator("li")).to_have_text(["How we bake · Fern Street Bakery"])
    expect(address).to_be_focused()
    expect(page.locator("#analysis-announcement")).to_have_text(
        re.compile("^(Your website is being read now.)?$")
    )
    let_go.set()
    expect(analysis).to_have_attribute("data-status", "completed", timeout=READING)
    expect(so_far).to_have_count(0)
    expect(page.locator("#analysis-announcement")).to_have_text("The website has been read.")

    page.goto(server.url)
    save(page, "research", ANSWERS["research"])
    name = page.locator("#persona_name")
    expect(name).to_have_value(re.compile(r"^The \w+ writer$"))
    expect(page.locator("#audience")).to_have_value(re.compile("^Readers of English"))
    save(page, "persona", {"selected_platforms": ["linkedin"]})
    found = page.locator("li, .option").filter(has_text="found on your site")
    expect(found.first).to_contain_text("RSS or Atom feed")
    for box in found.locator("input").all():
        expect(box).to_be_checked()
    expect(page.locator("#platforms-found")).to_be_visible()
    page.get_by_role("button", name=SAVE).click()
    save(page, "finish", ANSWERS["finish"])
    following = page.locator("#next")
    expect(following).to_contain_text("Read how your persona will speak for you.")
    following.get_by_role("link", name="Your persona").click()
    expect(page.locator("#voice")).to_be_in_viewport()


def test_characters_are_counted_for_the_eye_at_once_and_for_the_ear_at_rest(
    page: "Page", start_server: StartServer, sqlite_url: str
) -> None:
    server = start_server(sqlite_url, workers=1)
    begin(page, server.url)
    save(page, "api-keys", KEYS)
    fill(page, {"has_website": "no"})
    field, counter = page.locator("#industry"), page.locator("#industry ~ .counter")
    status = page.locator("#counter-status")
    expect(counter).to_have_text("0 of 100 characters")
    page.evaluate(
        "window.said = []; new MutationObserver(() => said.push(document.querySelector("
        "'#counter-status').textContent)).observe(document.querySelector('#counter-status'),"
        "{childList: true, characterData: true, subtree: true})"
    )
    field.press_sequentially("clocks 🕰", delay=20)
    expect(counter).to_have_text("8 of 100 characters")
    field.fill("c" * 90)
    field.press_sequentially("ccccc", delay=20)
    expect(counter).to_have_text("95 of 100 characters")
    expect(status).to_have_text("Characters left: 5")
    field.press_sequentially("cccccc", delay=20)
    expect(counter).to_have_text("Characters too many: 1")
    expect(status).to_have_text("Characters too many: 1")
    assert page.evaluate("said") == ["Characters left: 5", "Characters too many: 1"]
    page.get_by_role("button", name=SAVE).click()
    expect(page.locator("#industry-error")).to_contain_text("Shorten this by 1 character")


@pytest.mark.parametrize("javascript", [True, False], ids=["js", "no-js"])
def test_a_card_follows_the_persona_and_times_are_the_readers_own(
    browser: "Browser", start_server: StartServer, sqlite_url: str, javascript: bool
) -> None:
    """Without a script there is no card, nothing is missed, and times are UTC and say so."""
    server = start_server(sqlite_url, workers=1)
    context = browser.new_context(
        java_script_enabled=javascript, timezone_id="Asia/Kolkata", locale="en-GB"
    )
    page = context.new_page()
    begin(page, server.url)
    for slug in ("api-keys", "website", "research"):
        save(page, slug, ANSWERS[slug])
    card = page.locator("#persona-card")
    if javascript:
        expect(card).to_contain_text("No tone yet")
        expect(card).to_contain_text("Choose a platform above")
        expect(card.locator("li:visible")).to_have_count(0)
        fill(page, {**ANSWERS["persona"], "selected_platforms": ["twitter", "blog"]})
        expect(card).to_contain_text("The Clockmaker")
        expect(card).to_contain_text("Conversational")
        expect(card.locator("li:visible")).to_have_count(2)
        expect(card.locator("li:visible").first).to_contain_text("up to 280 characters")
        page.locator("[value=twitter]").uncheck()
        expect(card.locator("li:visible")).to_have_count(1)
        page.locator("#persona_name").fill("")
        expect(card).to_contain_text("No name yet")
    else:
        expect(card).to_be_hidden()
        expect(page.locator(".counter:visible")).to_have_count(0)
    save(page, "persona", ANSWERS["persona"])
    page.goto(f"{server.url}/onboarding/persona")
    time = page.locator(".saved-at time")
    written = time.get_attribute("datetime") or ""
    hour, minute = divmod((int(written[11:13]) * 60 + int(written[14:16]) + 330) % 1440, 60)
    if javascript:
        expect(time).to_have_text(re.compile(rf"\b0?{hour}:{minute:02}$"))
        expect(time).not_to_contain_text("UTC")
        expect(time).to_have_attribute("title", re.compile(f"{written[11:16]} UTC$"))
    else:
        expect(time).to_have_text(re.compile(f"{written[11:16]} UTC$"))
    context.close()


def test_all_scripts_together_are_small_modules() -> None:
    scripts = list((TOP / "static").rglob("*.js"))
    assert sum(script.stat().st_size for script in scripts) <= MOST_SCRIPT
    tags = [
        tag
        for template in (TOP / "templates").rglob("*.html")
        for tag in re.findall(r"<script\b[^>]*>", Path(template).read_text())
    ]
    assert len(tags) >= len(scripts)
    for tag in tags:
        assert 'type="module"' in tag, tag
        assert 'nonce="{{ csp_nonce() }}"' in tag, tag
