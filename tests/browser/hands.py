"""What a person does in a browser: look at a page, fill it, press its buttons."""

import re
from collections.abc import Mapping
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.journeys.walk import ANSWERS, KEYS, SLUGS, TITLES
from tests.support.pages import Value

SAVE = "Save and continue"


def answers_with(url: str) -> dict[str, dict[str, Value]]:
    """The usual answers, with the website at `url`."""
    return {**ANSWERS, "website": {"has_website": "yes", "website_url": url, "use_analysis": True}}


def begin(page: Page, base: str) -> None:
    """Open the application and press the button of its first page."""
    page.goto(base)
    page.get_by_role("button", name="Begin").click()
    at(page, "api-keys")


def at(page: Page, slug: str) -> None:
    """The browser shows this step (or the summary), and no key stands in what it got."""
    expect(page).to_have_url(re.compile(rf"^http://[^/]+/onboarding/{slug}(#.*)?$"))
    if slug in TITLES:
        expect(page.locator("h1")).to_have_text(TITLES[slug])
    without_keys(page.content())


def fill(page: Page, answers: Mapping[str, Value]) -> None:
    """Type, tick and choose; a list ticks exactly those boxes."""
    page.bring_to_front()  # a tab behind another one is slow
    for name, answer in answers.items():
        field = page.locator(f"#step-form [name='{name}']")
        kind = field.first.get_attribute("type")
        if kind == "radio":
            page.locator(f"#step-form [name='{name}'][value='{answer}']").check()
        elif kind == "checkbox":
            wanted = answer if isinstance(answer, list) else []
            for box in field.all():
                one = box.get_attribute("value") in wanted if wanted else bool(answer)
                box.set_checked(one)
        else:
            field.fill(str(answer or "").replace("\r\n", "\n"))


def save(page: Page, slug: str, answers: Mapping[str, Value], button: str = "") -> None:
    """Fill the step that is shown and press its main button; arrive at the next."""
    fill(page, answers)
    following = (*SLUGS, "summary")[SLUGS.index(slug) + 1]
    page.get_by_role("button", name=button or ("Finish" if slug == "finish" else SAVE)).click()
    at(page, following)


def without_keys(*texts: str | bytes) -> None:
    """None of the typed keys stands in any of these."""
    for text in texts:
        raw = text.encode() if isinstance(text, str) else text
        found = [name for name, key in KEYS.items() if key.encode() in raw]
        assert not found, f"the keys of {found} are in what was sent, printed or stored"


def database_files(url: str) -> list[bytes]:
    """The bytes of a SQLite database and of all that lies beside it under its name."""
    path = Path(url.removeprefix("sqlite:///"))
    return [beside.read_bytes() for beside in path.parent.glob(path.name + "*")]
