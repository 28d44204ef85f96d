"""Pictures and bar of an analysis, and a persona's own words, in a browser."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.hands import answers_with, at, begin, save
from tests.conftest import StartServer
from tests.journeys.walk import SLUGS
from tests.support import databases
from tests.support.server import LiveServer
from tests.support.site import SiteServer, small_site
from tests.support.site import page as page_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed.")
expect = playwright.expect

WIDTHS = (320, 360, 1280)


@pytest.fixture
def base(start_server: StartServer, sqlite_url: str, site: SiteServer) -> str:
    """The application, which may read the local site."""
    return start_server(sqlite_url, FETCH_ALLOW=site.host_port).url


def _read(page: "Page", base: str, site: SiteServer, until: str = "research") -> None:
    """Walk to `until`, and wait for the analysis."""
    begin(page, base)
    answers = answers_with(site.url())
    for slug in SLUGS[: SLUGS.index(until)]:
        save(page, slug, answers[slug])
    at(page, until)
    page.goto(f"{base}/onboarding/website/analysis")
    expect(page.locator("#analysis")).to_have_attribute("data-status", "completed", timeout=30_000)


@pytest.fixture(scope="module")
def read_once(
    run_dir: Path, tmp_path_factory: pytest.TempPathFactory, browser: "Browser"
) -> Iterator[tuple[str, Any]]:
    """An address whose pages show one finished analysis, and the cookies that open it: made once
    for all tests that only look."""
    from tests.support.browser import open_page

    folder = tmp_path_factory.mktemp("read-once")
    with contextmanager(small_site)() as site:
        environ = databases.settings(
            databases.sqlite_database(run_dir, folder), folder, FETCH_ALLOW=site.host_port
        )
        with (
            LiveServer(environ, folder / "server.log") as server,
            open_page(browser) as page,
        ):
            _read(page, server.url, site)
            yield server.url, page.context.storage_state()


@pytest.fixture
def shown(page: "Page", read_once: tuple[str, Any]) -> "Page":
    """A page that shows the finished analysis."""
    url, cookies = read_once
    page.context.add_cookies(cookies["cookies"])
    page.goto(f"{url}/onboarding/website/analysis")
    return page


def _colours(page: "Page", selector: str, name: str = "fill") -> set[str]:
    return set(
        page.locator(selector).evaluate_all(
            "(found, name) => found.map((one) => getComputedStyle(one)[name])", name
        )
    )


@pytest.mark.long
def test_the_pictures_are_drawn_in_light_and_dark_and_hold_no_fault(shown: "Page") -> None:
    from tests.support.browser import accessibility_faults, sideways_scroll

    shown.emulate_media(reduced_motion="reduce")
    drawn = {}
    for scheme in ("light", "dark"):
        shown.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        drawn[scheme] = _colours(shown, ".picture-bar")
        assert _colours(shown, ".picture-text") != drawn[scheme]
        for width in WIDTHS:
            shown.set_viewport_size({"width": width, "height": 800})
            for opened in (False, True):
                shown.locator("main details").evaluate_all(
                    "(found, open) => found.forEach((one) => (one.open = open))", opened
                )
                assert sideways_scroll(shown) == 0, (scheme, width, opened)
            assert accessibility_faults(shown) == [], (scheme, width)
    assert drawn["light"] != drawn["dark"]
    assert all(len(colours) == 1 for colours in drawn.values())


def test_texts_in_pictures_are_large_enough_and_do_not_meet_at_320_pixels(shown: "Page") -> None:
    shown.set_viewport_size({"width": 320, "height": 800})
    boxes = shown.locator(".picture-image text").evaluate_all(
        "(found) => found.map((one) => { const r = one.getBoundingClientRect();"
        " return [r.left, r.top, r.right, r.bottom, one.ownerSVGElement.getBoundingClientRect()"
        ".left, one.ownerSVGElement.getBoundingClientRect().right]; })"
    )
    assert len(boxes) > 15
    for left, top, right, bottom, start, end in boxes:
        assert bottom - top >= 10, "smaller than anybody reads"
        assert start - 1 <= left
        assert right <= end + 1
    for number, one in enumerate(boxes):
        for other in boxes[number + 1 :]:
            apart = (
                one[2] <= other[0] + 1
                or other[2] <= one[0] + 1
                or one[3] <= other[1] + 4
                or other[3] <= one[1] + 4
            )
            assert apart, (one, other)


def test_the_style_profile_turns_with_the_direction_of_the_script(shown: "Page") -> None:
    """With the page turned, a label still lies within its picture."""
    shown.evaluate("document.documentElement.dir = 'rtl'")
    from tests.support.browser import sideways_scroll

    for width in WIDTHS:
        shown.set_viewport_size({"width": width, "height": 800})
        assert sideways_scroll(shown) == 0
        inside = shown.locator(".picture-image text").evaluate_all(
            "(found) => found.every((one) => { const t = one.getBoundingClientRect(),"
            " s = one.ownerSVGElement.getBoundingClientRect();"
            " return t.left >= s.left - 1 && t.right <= s.right + 1; })"
        )
        assert inside, width


def test_with_forced_colours_the_pictures_take_the_system_s(shown: "Page") -> None:
    shown.emulate_media(forced_colors="active")
    system = shown.evaluate(
        "() => { const one = document.body.appendChild(document.createElement('i'));"
        " one.className = 'rail-segment--done'; return getComputedStyle(one).backgroundColor; }"
    )
    assert _colours(shown, ".picture-bar") == {system}
    assert _colours(shown, ".picture-track", "stroke") == {system}


def test_on_paper_the_pictures_stay_and_what_is_opened_by_hand_goes(shown: "Page") -> None:
    shown.emulate_media(media="print")
    expect(shown.locator(".picture-image").first).to_be_visible()
    expect(shown.locator(".picture-data").first).to_be_hidden()


@pytest.mark.parametrize("javascript", [True, pytest.param(False, marks=pytest.mark.long)])
def test_the_bar_moves_on_while_the_pages_are_read(
    browser: "Browser", base: str, site: SiteServer, javascript: bool
) -> None:
    """With scripts the page is not loaded again, and what has the focus keeps it."""
    from tests.support.browser import open_page

    paths = [f"/chapter-{n}" for n in range(1, 8)]
    links = "".join(f'<li><a href="{path}">Chapter {path[-1]} of bread</a></li>' for path in paths)
    site.pages["/book"] = page_of(f"<main><p>A book on bread.</p><ul>{links}</ul></main>")
    for path in paths:  # texts of their own: a copy would be read and left out
        own = " ".join(f"Loaf {n} of chapter {path[-1]} was baked on day {n}." for n in range(40))
        site.pages[path] = site.slow(1.5, page_of(f"<main><article><p>{own}</p></article></main>"))
    with open_page(browser, javascript=javascript) as page:
        begin(page, base)
        answers = answers_with(site.url("/book"))
        for slug in ("api-keys", "website"):
            save(page, slug, answers[slug])
        page.goto(f"{base}/onboarding/website/analysis")
        label, link = page.locator("label[for='reading-bar']"), page.locator(".way-back a")
        expect(label).to_have_text(re.compile(r"^\d+ of [2-9] pages$"), timeout=20_000)
        if javascript:
            page.evaluate("window.isTheSame = true")
            link.focus()
        first = int(label.inner_text().split()[0])
        expect(label).to_have_text(re.compile(rf"^[{first + 1}-9] of \d+ pages$"), timeout=20_000)
        bar = page.locator("#reading-bar")
        assert int(bar.get_attribute("value") or 0) > first
        if javascript:
            assert page.evaluate("window.isTheSame") is True
            expect(link).to_be_focused()


def test_the_persona_is_edited_with_and_without_scripts(
    any_page: "Page", base: str, site: SiteServer
) -> None:
    from tests.support.browser import sideways_scroll

    _read(any_page, base, site, until="persona")
    any_page.goto(f"{base}/onboarding/persona")
    save(any_page, "persona", answers_with("")["persona"])
    any_page.goto(f"{base}/onboarding/persona")
    if any_page.locator("#tone_choice").count():
        any_page.get_by_label("Keep my choice").check()
    any_page.locator("#own-words > summary").click()
    any_page.locator("#own_voice").fill("I mend clocks.")
    any_page.locator(".own-platform summary").first.click()
    any_page.locator("#own_linkedin_dos").fill("Show a clock.")
    assert sideways_scroll(any_page) == 0
    any_page.get_by_role("button", name="Save and continue").click()
    at(any_page, "integrations")
    any_page.goto(f"{base}/onboarding/persona")
    expect(any_page.locator("#own_voice")).to_have_value("I mend clocks.")
    expect(any_page.locator("#tone_choice")).to_have_count(0)
    any_page.locator("label[for='own_voice-again']").click()
    any_page.get_by_role("button", name="Save and continue").click()
    at(any_page, "integrations")
    any_page.goto(f"{base}/onboarding/persona")
    expect(any_page.locator("#own_voice")).not_to_have_value("I mend clocks.")


@pytest.mark.long
def test_the_edited_persona_and_its_sentences_hold_no_fault(
    page: "Page", base: str, site: SiteServer
) -> None:
    from tests.support.browser import accessibility_faults, sideways_scroll

    _read(page, base, site, until="persona")
    page.goto(f"{base}/onboarding/persona")
    save(page, "persona", answers_with("")["persona"])
    page.goto(f"{base}/onboarding/persona")
    page.locator("#own-words > summary").click()
    page.locator("#own_voice").fill("I mend clocks. " + "unbroken" * 40)
    page.get_by_role("button", name="Save and continue").click()
    page.goto(f"{base}/onboarding/persona")
    expect(page.locator(".example").first).to_be_visible()
    page.emulate_media(reduced_motion="reduce")
    page.locator("main details").evaluate_all(
        "(found) => found.forEach((one) => (one.open = true))"
    )
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            assert sideways_scroll(page) == 0, (scheme, width)
        assert accessibility_faults(page) == [], scheme
