"""One person's answers, and the way through the pages with them."""

from collections.abc import Mapping

from flask import Flask
from sqlalchemy import text

from tests.support.pages import HOST, Page, PageClient, Value
from webapp.extensions import db

SAME_ORIGIN = {"Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-origin"}
"""What a browser sends with the form of a page of ours."""

SLUGS = ("api-keys", "website", "research", "persona", "integrations", "finish")

KEYS = {
    "openai": "sk-Wander7Lantern2Quarry9Meadow4",
    "exa": "5f0c1d2e-7a86-4b39-9c1d-d41f7be9a603",
}
"""Secrets that are in no page, no output and no database file, whatever happens."""

ANSWERS: dict[str, dict[str, Value]] = {
    "api-keys": dict(KEYS),
    "website": {
        "has_website": "no",
        "business_description": "We repair old clocks & teach others how.",
        "industry": "clockmaking",
        "target_audience": "Owners of clocks that stopped",
        "business_goals": "More clocks that run",
    },
    "research": {
        "research_depth": "Comprehensive",
        "content_types": ["Blog Posts", "Newsletters"],
        "auto_research": None,
        "factual_content": True,
        "competitors": "rival.example.com\r\nhttps://other.example.org/shop",
    },
    "persona": {
        "persona_name": "The Clockmaker",
        "tone": "Conversational",
        "audience": "Owners of clocks that stopped",
        "voice_description": "Calm, exact, a little dry.",
        "selected_platforms": ["linkedin", "blog"],
    },
    "integrations": {"platforms": ["wordpress", "rss"], "notify_email": "clock@example.com"},
    "finish": {"first_declaration": "To show that a stopped clock is not a dead one."},
}

TITLES = {
    "api-keys": "API keys",
    "website": "Your website",
    "research": "Research preferences",
    "persona": "Persona",
    "integrations": "Integrations",
    "finish": "Review and finish",
}


def path_of(slug: str) -> str:
    """The address of a step."""
    return f"/onboarding/{slug}"


def begin(client: PageClient) -> Page:
    """Press the button of the welcome page; the first step."""
    return client.follow(client.submit(client.get("/onboarding/")))


def save(client: PageClient, slug: str, changes: Mapping[str, Value] | None = None) -> Page:
    """Open a step, fill it with the usual answers (and `changes`), save it: the 303."""
    page = client.get(path_of(slug))
    return client.submit(page, {**ANSWERS[slug], **(changes or {})}, "save")


def again(client: PageClient, page: Page, changes: Mapping[str, Value] | None = None) -> Page:
    """Press "Analyse again", which stands below the step's form and belongs to it: the 303."""
    assert page.find("//button[@form='step-form'][@name='action'][@value='again']"), "no button"
    sent = page.form().filled(changes or {})
    sent["action"] = "again"
    return client.post(path_of("website"), sent, 303, SAME_ORIGIN)


def walk(
    client: PageClient, until: str = "", changes: Mapping[str, Mapping[str, Value]] | None = None
) -> Page:
    """Begin, save every step before `until` (all of them when empty), and open what comes next.

    `changes`: slug -> what is answered otherwise.
    """
    page = begin(client)
    for slug in SLUGS:
        if slug == until:
            break
        assert page.path == path_of(slug), f"{page.path} came, not {slug}"
        page = client.follow(save(client, slug, (changes or {}).get(slug)))
    return page


def same_browser(client: PageClient, app: Flask) -> PageClient:
    """A new client of `app` with the cookies of `client`: the browser after everything else is
    gone."""
    fresh = PageClient(app)
    cookie = client.flask.get_cookie("onward")
    assert cookie is not None, "the browser has no cookie"
    fresh.flask.set_cookie("onward", cookie.value)
    return fresh


def sql(app: Flask, statement: str, **values: object) -> list[tuple[object, ...]]:
    """Run a statement beside the application, committed at once; its rows, when it has some."""
    with app.app_context():
        result = db.session.execute(text(statement), values)
        rows = [tuple(row) for row in result] if result.returns_rows else []
        db.session.commit()
        db.session.remove()
    return rows


def count(app: Flask, table: str) -> int:
    """How many rows a table has."""
    return int(str(sql(app, f"SELECT count(*) FROM {table}")[0][0]))  # noqa: S608 - our own names


def messages(page: Page) -> list[str]:
    """The messages at the top of a page: what was flashed, and notices."""
    return [
        " ".join(note.text_content().split())
        for note in page.find("//main//*[contains(@class, 'note--')]")
    ]


def wrong_fields(page: Page) -> set[str]:
    """The names of the fields that the error summary leads to, once each link was checked: it leads
    to a control that is marked as wrong and described by its error."""
    names = set()
    links = page.find("//*[@id='error-summary']//li/a/@href")
    assert links, f"{page.path} has no error summary with links"
    for link in map(str, links):
        control = page.find(f"//*[@id='{link.removeprefix('#')}']")[0]
        assert control.tag in ("input", "textarea", "select"), f"{link} leads to a {control.tag}"
        marked = [control, *control.xpath("ancestor::fieldset")]
        assert any(one.get("aria-invalid") == "true" for one in marked), f"{link} is not marked"
        described = " ".join(one.get("aria-describedby") or "" for one in marked).split()
        assert any(word.endswith("-error") for word in described), f"{link} has no error beside it"
        names.add(str(control.get("name")))
    return names


def without_secrets(page: Page) -> Page:
    """The page, once nothing of the typed keys was found in it: body and headers."""
    everything = page.source + str(page.headers)
    found = [name for name, key in KEYS.items() if key in everything]
    assert not found, f"{page.path} sends the keys of {found} back"
    return page
