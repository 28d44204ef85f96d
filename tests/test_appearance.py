"""The theme: chosen on any page, kept in a cookie, and nothing that is typed is lost by it."""

from collections.abc import Callable

import pytest
from flask import Flask

from tests.journeys.walk import KEYS, SAME_ORIGIN, begin, messages, path_of, save, walk
from tests.support.pages import PageClient


def theme_of(client: PageClient, path: str = "/onboarding/") -> str | None:
    """What the page tells the style sheet."""
    return client.get(path).document.get("data-theme")


def test_a_theme_is_chosen_kept_and_given_up(client: PageClient) -> None:
    assert theme_of(client) is None
    for theme, shown in (("dark", "dark"), ("light", "light"), ("auto", None)):
        page = client.get("/accessibility")
        answer = client.submit(page, action=theme, form="/theme")
        assert answer.location == "/accessibility"
        after = client.follow(answer)
        assert after.document.get("data-theme") == shown
        pressed = after.find("//button[@aria-pressed='true']/@data-theme-choice")
        assert pressed == [theme]
        scheme = after.find("//meta[@name='color-scheme']/@content")
        assert scheme == [shown or "light dark"]


def test_error_pages_keep_the_theme(client: PageClient) -> None:
    client.submit(client.get("/onboarding/"), action="dark", form="/theme")
    assert client.get("/nothing", 404).document.get("data-theme") == "dark"


def test_inside_a_step_the_choice_keeps_what_is_typed(client: PageClient) -> None:
    page = walk(client, until="research")
    button = page.find("//footer//button[@form='step-form'][@data-theme-choice='dark']")[0]
    assert (button.get("name"), button.get("value")) == ("action", "later")
    sent = page.form().filled({"competitors": "half.example", "research_depth": "Expert"})
    sent["action"] = "later"
    answer = client.post(button.get("formaction"), sent, 303, SAME_ORIGIN)
    assert answer.location == path_of("research")
    after = client.follow(answer)
    assert after.document.get("data-theme") == "dark"
    values = after.form().values()
    assert (values["competitors"], values["research_depth"]) == ("half.example", "Expert")


@pytest.mark.parametrize(
    "back", ["//evil.example/", "/\\evil.example", "https://evil.example/", "", "/a\r\nX: y"]
)
def test_the_way_back_stays_on_this_host(client: PageClient, back: str) -> None:
    page = client.get("/onboarding/")
    sent = page.form("/theme").filled({}, "dark")
    sent["back"] = back
    assert client.post("/theme", sent).location == "/onboarding/"


def test_what_is_no_theme_is_refused_or_ignored(client: PageClient) -> None:
    page = client.get("/onboarding/")
    sent = page.form("/theme").filled({}, "dark")
    for theme in ("blue", "", '"><script>'):
        sent["theme"] = theme
        answer = client.post("/theme", sent, 422)
        assert "theme=" not in answer.headers.get("Set-Cookie", "")
    client.flask.set_cookie("theme", '"><script>')
    assert theme_of(client) is None
    client.post("/theme", {"theme": "dark"}, 400)  # no token


def test_behind_tls_the_cookie_demands_it(make_app: Callable[..., Flask], sqlite_url: str) -> None:
    app = make_app(sqlite_url, PUBLIC_URL="https://localhost")
    client = PageClient(app)
    client.flask.environ_base["wsgi.url_scheme"] = "https"
    page = client.get("/onboarding/")
    sent = page.form("/theme").filled({}, "dark")
    headers = {"Origin": "https://localhost", "Referer": "https://localhost/onboarding/"}
    answer = client.flask.post("/theme", data=sent, headers=headers, base_url="https://localhost/")
    cookies = [c for c in answer.headers.getlist("Set-Cookie") if "theme" in c]
    assert len(cookies) == 1
    assert cookies[0].startswith("__Host-theme=dark;")
    for part in ("Secure", "Path=/", "SameSite=Lax"):
        assert part in cookies[0]


def test_the_icon_is_there_for_those_who_ask_at_the_top(client: PageClient) -> None:
    with client.flask.get("/favicon.ico") as answer:
        assert answer.status_code == 200
        assert answer.data[:4] == b"\0\0\1\0"
        assert "max-age=86400" in answer.headers["Cache-Control"]


def test_what_a_page_loads_is_kept_for_a_year_without_being_asked_for_again(
    client: PageClient,
) -> None:
    page = client.get("/onboarding/")
    loaded = page.find("//link/@href | //script/@src")
    assert len(loaded) >= 6
    for address in loaded:
        with client.flask.get(address) as answer:
            kept = set(answer.headers["Cache-Control"].split(", "))
            assert kept == {"public", "max-age=31536000", "immutable"}, address


def test_the_welcome_page_says_what_is_shown_where_it_is_shared(
    make_app: Callable[..., Flask], sqlite_url: str, client: PageClient
) -> None:
    assert client.get("/onboarding/").find("//meta[starts-with(@property, 'og:')]") == []
    app = make_app(sqlite_url, PUBLIC_URL="http://localhost", APP_NAME="Quill & Co")
    page = PageClient(app).get("/onboarding/")
    told = {m.get("property"): m.get("content") for m in page.find("//meta[@property]")}
    assert told["og:site_name"] == "Quill & Co"
    assert told["og:url"] == "http://localhost/onboarding/"
    assert told["og:image"].startswith("http://localhost/static/social.png?v=")
    with PageClient(app).flask.get(told["og:image"]) as picture:
        assert picture.status_code == 200


def test_the_footer_shows_what_the_operator_set(
    make_app: Callable[..., Flask], sqlite_url: str, client: PageClient
) -> None:
    assert client.get("/onboarding/").find("//footer//a/text()")[:1] == ["Accessibility"]
    app = make_app(
        sqlite_url,
        PRIVACY_URL="https://example.com/privacy?a=1&b=2",
        TERMS_URL="https://example.com/terms",
        SUPPORT_EMAIL="help@example.com",
    )
    visitor = PageClient(app)
    begin(visitor)
    for path, status in (("/onboarding/api-keys", 200), ("/nothing", 404)):
        hrefs = visitor.get(path, status).find("//footer//a/@href")
        wanted = {
            "https://example.com/privacy?a=1&b=2",
            "https://example.com/terms",
            "mailto:help@example.com",
            "/accessibility",
        }
        assert wanted <= set(hrefs), path


def test_the_rail_tells_what_was_answered(any_client: PageClient) -> None:
    def told(slug: str) -> dict[str, str]:
        items = any_client.get(path_of(slug)).find("//nav//div[@class='rail-wide']//li")
        return {
            item.xpath("string(.//*[contains(@class, 'rail-title')]/text())").strip(): note
            for item in items
            if (note := item.xpath("string(.//*[contains(@class, 'rail-note')])").strip())
        }

    walk(any_client, until="integrations")
    assert told("integrations") == {
        "API keys": "OpenAI, Exa",
        "Your website": "clockmaking",
        "Research preferences": "Comprehensive · Blog posts, Newsletters",
        "Persona": "The Clockmaker · Conversational",
        "Integrations": "optional",
    }
    any_client.submit(any_client.get(path_of("integrations")), {}, "skip")
    assert told("finish")["Integrations"] == "skipped"
    save(any_client, "integrations")
    changed = {"has_website": "yes", "website_url": "www.bells.example/shop"}
    save(any_client, "website", changed)
    save(any_client, "finish")
    after = told("api-keys")
    assert after["Your website"] == "bells.example"
    assert after["Integrations"] == "WordPress, RSS or Atom feed"
    assert after["Review and finish"] == "To show that a stopped clock is not a dead one."
    assert not any(key in str(after) for key in KEYS.values())


def test_a_refused_save_shows_the_rail_too(client: PageClient) -> None:
    page = walk(client, until="research")
    answer = client.submit(page, {"research_depth": None}, "save", 422)
    assert "OpenAI, Exa" in answer.text("//nav[contains(@class, 'rail')]")
    assert messages(answer) == []
