"""What is kept of pages holds nothing of anybody, and pages are what they would be without it."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from markupsafe import Markup

from tests.conftest import MakeApp
from tests.journeys.walk import SLUGS, path_of, sql, walk
from tests.support.pages import PageClient, Value
from tests.support.site import SiteServer
from webapp import jobs, kept, languages
from webapp.texts import lazy_gettext

HTML = '<b>Ann & "Bob" %(x)s {{ 7 }} {0}</b>'
OTHERS: dict[str, dict[str, Value]] = {
    "api-keys": {"openai": "sk-Other8Lantern2Quarry9Meadow4"},
    "website": {
        "has_website": "no",
        "business_description": f"{HTML} bakes bread for everybody.\r\n\r\nEvery day.",
        "industry": f"{HTML}, baking",
        "target_audience": f"Friends of {HTML}",
        "business_goals": "",
    },
    "research": {
        "research_depth": "Basic",
        "content_types": ["News"],
        "auto_research": True,
        "factual_content": None,
        "competitors": "",
    },
    "persona": {
        "persona_name": HTML,
        "tone": "Academic",
        "audience": f"Readers of {HTML}",
        "voice_description": "",
        "selected_platforms": ["twitter", "medium", "blog"],
    },
    "integrations": {"platforms": [], "notify_email": ""},
    "finish": {"first_declaration": f"{HTML}\r\n" * 12},
}
NAMES = ("Ann", "Bob", "Clock", "clock", "example.org", "Lantern", "Meadow")
"""Parts of what the two say."""


@pytest.fixture
def alike(make_app: MakeApp, sqlite_url: str, site: SiteServer) -> tuple[Flask, Flask]:
    """Two applications on one database, of which the second keeps nothing."""
    first, second = (make_app(sqlite_url, FETCH_ALLOW=site.host_port) for _ in range(2))
    second.extensions["kept"] = None
    return first, second


def _see(path: str, client: PageClient, app: Flask, **cookies: str) -> str:
    """The page as this application shows it to the client's user."""
    there = app.test_client()
    names = ("onward", *(f"__Host-{name}" for name in ("onward",)))
    held = {name: found.value for name in names if (found := client.flask.get_cookie(name))}
    for name, value in {**held, **cookies}.items():
        there.set_cookie(name, value)
    response = there.get(path)
    assert response.status_code == 200, path
    page = re.sub(r'nonce="[^"]+"', 'nonce=""', response.get_data(as_text=True))
    return re.sub(r'(name="csrf_token" value=)"[^"]+"', r'\1""', page)


def _pages(client: PageClient, upto: str | None) -> list[str]:
    if upto is None:
        return [*map(path_of, SLUGS), "/onboarding/summary"]
    return [path_of(slug) for slug in SLUGS[: SLUGS.index(upto) + 1]]


def _compare(clients: list[PageClient], alike: tuple[Flask, Flask], upto: str | None) -> None:
    """Twice each, and in turns, so that the second is filled from what was kept for the first."""
    for cookies in ({}, {"language": "de"}, {"theme": "dark"}, {"language": "ar"}):
        for path in _pages(clients[0], upto):
            for client in clients:
                kept_page, made_anew = (_see(path, client, app, **cookies) for app in alike)
                assert kept_page == made_anew, f"{path} {cookies}"


@pytest.mark.parametrize("upto", [*SLUGS, None])
def test_two_users_get_what_an_un_kept_page_would_be(
    alike: tuple[Flask, Flask], upto: str | None
) -> None:
    one, other = PageClient(alike[0]), PageClient(alike[0])
    walk(one, upto)
    walk(other, upto, OTHERS)
    _compare([one, other], alike, upto)
    _nothing_of_anybody(alike[0])


def test_so_do_users_who_left_a_draft_changed_skipped_or_wrote_themselves(
    alike: tuple[Flask, Flask],
) -> None:
    one, other = PageClient(alike[0]), PageClient(alike[0])
    walk(one, "integrations")
    one.submit(one.get(path_of("persona")), {"own_voice": HTML, "own_blog_dos": HTML}, "save")
    one.submit(one.get(path_of("persona")), {"audience": f"Not {HTML}"}, "later")
    one.submit(one.get(path_of("integrations")), {}, "skip")
    one.get(path_of("finish"))
    walk(other, "finish", OTHERS)
    other.submit(other.get(path_of("website")), {"industry": "Clocks"}, "later")
    other.get(path_of("website"))
    _compare([one, other], alike, "finish")
    _nothing_of_anybody(alike[0])


def test_so_do_users_whose_site_was_read(
    alike: tuple[Flask, Flask], site: SiteServer, no_politeness: None
) -> None:
    one, other = PageClient(alike[0]), PageClient(alike[0])
    said = {"website": {"has_website": "yes", "website_url": site.url()}}
    walk(one, "persona", said)
    walk(other, None, said | {"persona": OTHERS["persona"]})
    _compare([one, other], alike, "persona")
    with alike[0].app_context():
        jobs.run_pending()
    _compare([one, other], alike, "persona")
    _compare([other], alike, None)
    _nothing_of_anybody(alike[0])


def _nothing_of_anybody(app: Flask) -> None:
    ids = [str(found) for (found,) in sql(app, "SELECT id FROM onboarding_sessions")]
    whole = repr(app.extensions["kept"])
    assert app.extensions["kept"]
    assert [one for one in (*ids, *NAMES, "localhost", "127.0.0.1") if one in whole] == []


def test_answers_make_few_keys(alike: tuple[Flask, Flask]) -> None:
    """Whatever somebody names and writes, the same is kept; and of what can be ticked, each choice
    once, whatever is ticked beside it."""
    client = PageClient(alike[0])
    walk(client, None)
    for path in _pages(client, None):
        client.get(path)
    every = ["News", "Newsletters", "Blog Posts", "Academic Papers"]
    changes: list[dict[str, Any]] = [
        {"content_types": every, "research_depth": "Basic", "auto_research": True},
        {"factual_content": None, "research_depth": "Comprehensive", "auto_research": None},
        {"content_types": every[:1], "research_depth": "Basic"},
        {"content_types": every[1:], "auto_research": True, "competitors": "c.example.com"},
        {"content_types": every[3:], "factual_content": True, "research_depth": "Basic"},
    ]
    counts = []
    for change in changes:
        client.submit(client.get(path_of("research")), change, "save")
        for path in ("/onboarding/research", "/onboarding/finish", "/onboarding/summary"):
            client.get(path)
        counts.append(len(alike[0].extensions["kept"]))
    assert counts[1:] == [counts[1]] * 4


def test_what_was_asked_for_the_longest_time_ago_goes(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "MOST", 3)
    with app.test_request_context():
        for key in ("a", "b", "c", "a", "d"):
            assert kept.whole(key, {}, lambda made=key: f"made of {made}") == f"made of {key}"
        assert [key for _language, key in app.extensions["kept"]] == ["c", "a", "d"]


@pytest.mark.parametrize("text", [3, 0.5, ["a"], ("a",), {"a": 1}])
def test_only_texts_go_through_holes(app: Flask, text: object) -> None:
    with app.test_request_context(), pytest.raises(TypeError, match="no text"):
        kept.macro("macros/summary_list.html", "item", text=text)


def test_a_text_is_escaped_and_markup_is_not(app: Flask) -> None:
    def item(text: Any) -> str:
        return kept.macro("macros/summary_list.html", "item", text=text)

    with app.test_request_context():
        assert item("<i>") == '<li dir="auto">&lt;i&gt;</li>'
        assert item(Markup("<i>")) == '<li dir="auto"><i></li>'
        assert kept.macros("macros/summary_list.html", kept.each("item", ["<i>", ""])) == (
            '<li dir="auto">&lt;i&gt;</li><li dir="auto"></li>'
        )


def test_a_text_of_the_code_is_kept_in_each_language_and_the_same_words_of_a_user_are_not(
    app: Flask,
) -> None:
    def item(text: Any) -> str:
        return kept.macro("macros/summary_list.html", "item", text=text)

    def texts_kept() -> list[str]:
        return ["".join(one.pieces) for one in app.extensions["kept"].values()]

    saved = lazy_gettext("Saved")
    with app.test_request_context(headers={"Accept-Language": "en"}):
        assert item("Saved") == item(saved) == '<li dir="auto">Saved</li>'
    with app.test_request_context(headers={"Accept-Language": "de"}):
        assert [item(saved), item("Saved")] == [
            '<li dir="auto">Gespeichert</li>',
            '<li dir="auto">Saved</li>',
        ]
        # Chosen for a part of the request alone, as for what came before `?lang=`.
        with languages.spoken("en"):
            assert item(saved) == '<li dir="auto">Saved</li>'
        assert item(saved) == '<li dir="auto">Gespeichert</li>'
    assert sum("Saved" in text for text in texts_kept()) == 1
    assert sum("Gespeichert" in text for text in texts_kept()) == 1
    assert len(texts_kept()) == 4, "a hole in each language beside them"


def test_nothing_is_filled_in_within_what_is_kept(app: Flask) -> None:
    """Else the text of one user would be kept with the page around it, for all others."""

    def page() -> str:
        return kept.macro("macros/summary_list.html", "item", text="Ann")

    with app.test_request_context(), pytest.raises(RuntimeError, match="within what is being kept"):
        kept.whole("page", {}, page)


def test_a_template_that_fails_leaves_nothing_behind(app: Flask) -> None:
    def failing() -> str:
        raise LookupError

    render: Callable[[], str] = failing
    with app.test_request_context():
        with pytest.raises(LookupError):
            kept.whole("page", {}, render)
        assert not kept.is_keeping()
        assert kept.whole("page", {}, lambda: "well") == "well"
