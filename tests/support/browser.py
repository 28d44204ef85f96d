"""Pages in the system's Chromium, watched: an error on the console, a failed load or a request to
another host fails the test that caused it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Response, sync_playwright

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Names other than this machine's do not resolve.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]
WIDTHS = (360, 1280)
HEIGHT = 800
# A page that is left cuts off its own requests; a server that a test kills cuts off everybody's.
NO_FAULTS = ("net::ERR_ABORTED", "net::ERR_CONNECTION_", "net::ERR_EMPTY_RESPONSE")

PATIENCE = 10_000
"""How long an element is waited for, in milliseconds."""


def chromium_path() -> str | None:
    """The browser that CHROMIUM names, else the first that is installed, else None."""
    names = (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if name and (path := shutil.which(name))), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running Chromium; it takes a second to start, so one serves a whole session of tests."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def open_page(
    browser: Browser, *, javascript: bool = True, width: int = 1280, height: int = HEIGHT
) -> Iterator[Page]:
    """An empty page with cookies of its own; what went wrong in it is raised at the end.

    An answer of 4xx or 5xx to the page itself is no fault: a form that was refused is answered so.
    """
    context = browser.new_context(
        java_script_enabled=javascript, viewport={"width": width, "height": height}
    )
    context.set_default_timeout(PATIENCE)
    faults: list[str] = []
    try:
        page = context.new_page()
        watch(page, faults)
        yield page
        page.wait_for_load_state()
    finally:
        context.close()
    assert not faults, "in the browser:\n- " + "\n- ".join(faults)


def watch(page: Page, faults: list[str]) -> None:
    """Add to `faults` what goes wrong in `page` from now on, a sentence each."""

    def answered(response: Response) -> None:
        request = response.request
        if response.status >= 400 and not request.is_navigation_request():
            faults.append(f"{response.status} for {request.url}")

    def asked(address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in (
            "127.0.0.1",
            "localhost",
        ):
            faults.append(f"a request to another host: {address}")

    page.on("request", lambda request: asked(request.url))
    page.on("response", answered)
    page.on("pageerror", lambda error: faults.append(f"an error in a script: {error}"))
    page.on(
        "console",
        lambda message: (
            # Chromium tells failed loads here too, without saying whether it was the page itself.
            faults.append(f"on the console: {message.text}")
            if message.type in ("error", "warning")
            and not message.text.startswith("Failed to load resource")
            else None
        ),
    )
    page.on(
        "requestfailed",
        lambda request: (
            faults.append(f"{request.failure} for {request.url}")
            if not str(request.failure).startswith(NO_FAULTS)
            else None
        ),
    )


SMALLEST_TARGET = 24
"""WCAG 2.2, 2.5.8: how high and wide a target is at least, in pixels."""

_TARGETS = """least => [...document.querySelectorAll(
  "a[href], button, summary, select, textarea, input:not([type=hidden])"
)].flatMap(one => {
  const box = one.getBoundingClientRect();
  // What is not shown, what a line of text holds, and what its own label makes larger.
  if (!box.width || !box.height || one.matches(".skip-link")) return [];
  const around = one.parentElement.closest("p, li, dd, dt, td, th, figcaption, h2, h3");
  const inText = one.matches("a[href]") && around
    && around.innerText.trim().length > one.innerText.trim().length;
  const label = one.labels?.[0]?.getBoundingClientRect();
  const high = Math.max(box.height, label?.height ?? 0);
  const wide = Math.max(box.width, label?.width ?? 0);
  return inText || (high >= least - 0.5 && wide >= least - 0.5) ? []
    : [`${Math.round(wide)} x ${Math.round(high)}: ${one.outerHTML.slice(0, 100)}`];
})"""


def small_targets(page: Page) -> list[str]:
    """Controls and links (those within a text aside) that are too small to hit."""
    return list(page.evaluate(_TARGETS, SMALLEST_TARGET))


def accessibility_faults(page: Page, *rules: str) -> list[str]:
    """What axe finds (WCAG 2.2 A and AA, best practices) in a page that runs scripts; `rules`
    names some that are asked alone."""
    options = {"runOnly": {"type": "rule", "values": list(rules)}} if rules else {}
    found = Axe().run(page, options=options)
    return [
        f"{violation['id']} ({violation['impact']}): {violation['help']} at "
        + "; ".join(str(node["html"])[:160] for node in violation["nodes"])
        for violation in found.response["violations"]
    ]


def sideways_scroll(page: Page) -> int:
    """How many pixels the page is wider than the window: 0 on a page that fits."""
    return int(
        page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    )
