"""Every page in its states. The client checks each for title, h1, labels, tokens and headers."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from tests.conftest import MakeApp
from tests.journeys.walk import (
    ANSWERS,
    KEYS,
    SLUGS,
    TITLES,
    begin,
    count,
    messages,
    path_of,
    save,
    sql,
    walk,
    without_secrets,
    wrong_fields,
)
from tests.support.pages import Page, PageClient, Value
from tests.support.site import SiteServer
from webapp import jobs
from webapp.wizard import store

SHORT_KEY = "sk-Short9Secret"  # too short to be a key; a secret all the same

FIELDS = {
    "api-keys": {
        "gemini", "openai", "anthropic", "mistral", "exa", "tavily", "serper", "copilotkit",
    },
    "website": {
        "has_website", "website_url", "use_analysis", "business_description", "industry",
        "target_audience", "business_goals",
    },
    "research": {
        "research_depth", "content_types", "auto_research", "factual_content", "competitors",
    },
    "persona": {
        "persona_name", "tone", "audience", "voice_description", "selected_platforms",
    },
    "integrations": {"platforms", "notify_email"},
    "finish": {"first_declaration"},
}  # fmt: skip
BUTTONS = {
    "api-keys": ["save", "later"],
    "website": ["save", "back", "later"],
    "research": ["save", "back", "later"],
    "persona": ["save", "back", "later"],
    "integrations": ["save", "back", "skip", "later"],
    "finish": ["save", "back", "later"],
}

# -- the way in ------------------------------------------------------------------------------------


def test_each_is_sent_on_below_the_place_where_the_application_is_mounted(app: Flask) -> None:
    for place in ("", "/top", "", "/other/place"):
        on = {"SCRIPT_NAME": place}
        begun = PageClient(app)
        begin(begun)
        response = begun.flask.get("/onboarding/", environ_overrides=on)
        assert response.location == f"{place}{path_of(SLUGS[0])}"


def test_the_root_leads_to_the_onboarding(client: PageClient) -> None:
    assert client.get("/", 303).location == "/onboarding/"


def test_the_welcome_page_has_one_button_and_lists_every_step(
    client: PageClient, app: Flask
) -> None:
    page = client.get("/onboarding/")
    assert page.title == "Welcome · Onward"
    assert len(page.form().buttons()) == 1
    assert page.form().action == "/onboarding/start"
    listed = [" ".join(h.text_content().split()) for h in page.find("//main//ol//h3")]
    assert listed == [TITLES[s] + (" (optional)" if s == "integrations" else "") for s in SLUGS]
    assert count(app, "onboarding_sessions") == 0, "looking at the page opened a session"


def test_the_welcome_page_carries_the_name_that_the_operator_chose(
    make_app: MakeApp, sqlite_url: str
) -> None:
    page = PageClient(make_app(sqlite_url, APP_NAME="Café <Größe> & Co")).get("/onboarding/")
    assert page.title == "Welcome · Café <Größe> & Co"
    assert "<Größe>" not in page.source


def test_a_double_click_on_begin_opens_one_session(client: PageClient, app: Flask) -> None:
    welcome = client.get("/onboarding/")
    cookie = client.flask.get_cookie("onward")
    assert cookie is not None
    client.submit(welcome)
    client.flask.set_cookie("onward", cookie.value)  # the second request left before the answer
    client.submit(welcome)
    assert count(app, "onboarding_sessions") == 1


# -- steps -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", SLUGS)
def test_a_step_that_is_reached_for_the_first_time_is_an_empty_form(
    client: PageClient, slug: str
) -> None:
    page = without_secrets(walk(client, until=slug))
    number = SLUGS.index(slug) + 1
    assert page.path == path_of(slug)
    assert page.heading == TITLES[slug]
    assert page.title == f"{TITLES[slug]} · Step {number} of 6 · Onward"
    form = page.form()
    assert form.action == path_of(slug)
    assert FIELDS[slug] <= _names(page)
    assert form.buttons() == [("action", value) for value in BUTTONS[slug]]
    assert form.values()["revision"]
    assert "Last saved" not in page.text("//main")
    if slug not in ("persona", "integrations"):  # these are filled from what came before
        typed = {n: v for n, v in form.values().items(multi=True) if v and n in FIELDS[slug]}
        assert set(typed) <= {"use_analysis", "auto_research", "factual_content"}


def test_the_progress_says_what_is_done_and_what_opens_later(client: PageClient) -> None:
    page = begin(client)
    for here, slug in enumerate(SLUGS):
        rails = page.find("//nav//ol")
        assert rails
        for rail in rails:
            items = rail.xpath("./li")
            assert len(items) == 6
            for position, (item, name) in enumerate(zip(items, SLUGS, strict=True)):
                assert item.xpath(".//a/@href") == ([path_of(name)] if position < here else [])
                assert bool(item.xpath(".//*[@aria-current='step']")) == (position == here)
                said = " ".join(item.text_content().split())
                assert ("done" in said) == (position < here)
                assert ("opens later" in said) == (position > here)
        page = client.follow(save(client, slug))


def test_saved_steps_show_what_is_stored_and_when(any_client: PageClient) -> None:
    walk(any_client)
    for slug in SLUGS:
        page = without_secrets(any_client.get(path_of(slug)))
        values = page.form().values()
        for name, answer in ANSWERS[slug].items():
            if slug == "api-keys":
                assert values[name] == ""
                assert KEYS[name][-4:] in page.text("//main")
            elif name == "competitors":
                assert values[name].split() == [
                    "https://rival.example.com/",
                    "https://other.example.org/shop",
                ]
            else:
                expected = answer if isinstance(answer, list) else [answer]
                expected = ["y" if one is True else one for one in expected if one is not None]
                assert values.getlist(name) == expected
        assert "Last saved" in page.text("//form[@id='step-form']")
        assert page.form().buttons()[0] == ("action", "save")
        assert page.find("//main//a[@href='/onboarding/summary']")


# Slug, what is typed, which fields are wrong.
FAULTS: list[tuple[str, dict[str, Value], set[str]]] = [
    ("api-keys", {}, {"gemini"}),
    ("api-keys", {"exa": KEYS["exa"]}, {"gemini"}),
    ("api-keys", {"openai": SHORT_KEY}, {"openai"}),
    ("api-keys", {"openai": KEYS["openai"], "exa": SHORT_KEY}, {"exa"}),
    ("api-keys", {"openai": KEYS["openai"] + " x", "tavily": "é" * 20}, {"openai", "tavily"}),
    ("website", {"use_analysis": None}, {"has_website"}),
    ("website", {"has_website": "yes"}, {"website_url"}),
    ("website", {"has_website": "yes", "website_url": "ftp://clock.example/"}, {"website_url"}),
    ("website", {"has_website": "yes", "website_url": "a" * 501 + ".example"}, {"website_url"}),
    ("website", {"has_website": "no", "industry": "clocks"}, {"business_description"}),
    ("website", {"has_website": "no", "business_description": "A shop"}, {"business_description"}),
    (
        "website",
        {
            "has_website": "no",
            "business_description": "x" * 1001,
            "industry": "y" * 101,
            "target_audience": "z" * 501,
            "business_goals": "w" * 1001,
        },
        {"business_description", "industry", "target_audience", "business_goals"},
    ),
    ("research", {}, {"research_depth", "content_types"}),
    (
        "research",
        {"research_depth": "Basic", "content_types": ["News"], "competitors": "a.example\r\n<no>"},
        {"competitors"},
    ),
    (
        "research",
        {
            "research_depth": "Basic",
            "content_types": ["News"],
            "competitors": "\r\n".join(f"rival{n}.example" for n in range(6)),
        },
        {"competitors"},
    ),
    (
        "persona",
        {"persona_name": "", "tone": None, "audience": "", "selected_platforms": []},
        {"persona_name", "audience", "selected_platforms"},
    ),
    (
        "persona",
        {"persona_name": "n" * 81, "tone": "Casual", "audience": "a",
         "voice_description": "v" * 1001, "selected_platforms": ["blog"]},
        {"persona_name", "audience", "voice_description"},
    ),
    ("integrations", {"platforms": ["ghost"], "notify_email": "nobody at all"}, {"notify_email"}),
    ("finish", {}, {"first_declaration"}),
    ("finish", {"first_declaration": "  \r\n "}, {"first_declaration"}),
    ("finish", {"first_declaration": "d" * 2001}, {"first_declaration"}),
]  # fmt: skip


@pytest.mark.parametrize(("slug", "typed", "wrong"), FAULTS)
def test_a_refused_step_says_what_is_wrong_keeps_what_was_typed_and_stores_nothing(
    client: PageClient, app: Flask, slug: str, typed: dict[str, Value], wrong: set[str]
) -> None:
    page = walk(client, until=slug)
    before = _everything(app)
    sent = page.form().filled(typed, "save")
    refused = without_secrets(client.submit(page, typed, "save", 422))
    assert refused.title == f"Error: {page.title}"
    assert refused.heading == page.heading
    assert wrong <= wrong_fields(refused) <= wrong | {"tone"}
    assert SHORT_KEY not in refused.source
    assert "é" * 20 not in refused.source
    shown = refused.form().values()
    for name in FIELDS[slug]:
        if slug == "api-keys":
            assert shown[name] == ""
            told = "was not sent back" in " ".join(_field_text(refused, name).split())
            assert told == bool(typed.get(name))
        else:
            assert [v.strip() for v in shown.getlist(name)] == [
                v.strip() for v in sent.getlist(name)
            ]
    assert shown["revision"] == sent["revision"]
    assert _everything(app) == before


def test_the_error_summary_names_the_fields_where_several_are_wrong(client: PageClient) -> None:
    page = walk(client, "persona")
    wrong: dict[str, Value] = {"persona_name": "N" * 90, "voice_description": "V" * 1001}
    refused = client.submit(page, {**ANSWERS["persona"], **wrong}, "save", 422)
    links = "//*[@id='error-summary']//li/a"
    said = [" ".join(link.text_content().split()) for link in refused.find(links)]
    assert said == [
        "Name of the persona: Shorten this by 10 characters: 80 fit.",
        "Voice in your own words (optional): Shorten this by 1 character: 1,000 fit.",
    ]
    refused = client.submit(page, {**ANSWERS["persona"], "persona_name": "N" * 90}, "save", 422)
    assert " ".join(refused.text(links).split()) == "Shorten this by 10 characters: 80 fit."


@pytest.mark.parametrize(
    ("slug", "name", "value"),
    [
        ("website", "has_website", "perhaps"),
        ("research", "research_depth", "Bottomless"),
        ("research", "content_types", "Runes"),
        ("persona", "tone", "Shouting"),
        ("persona", "selected_platforms", "fax"),
        ("integrations", "platforms", "pigeon"),
    ],
)
def test_a_choice_that_no_page_offers_is_refused(
    client: PageClient, slug: str, name: str, value: str
) -> None:
    sent = walk(client, until=slug).form().filled(ANSWERS[slug], "save")
    sent.setlist(name, [value])
    refused = client.post(path_of(slug), sent, 422)
    assert wrong_fields(refused) == {name}


@pytest.mark.parametrize("slug", ["website", "persona", "finish"])
def test_typed_text_comes_back_as_text_never_as_markup(client: PageClient, slug: str) -> None:
    evil = "\"'><script>alert(1)</script>{{ 7*7 }}<b>"
    name = {"website": "industry", "persona": "persona_name", "finish": "first_declaration"}[slug]
    page = walk(client, until=slug)
    kept = client.follow(client.submit(page, {name: evil}, "later"))
    assert kept.form().values()[name] == evil
    assert "<script>alert" not in kept.source
    assert "49" not in kept.form().values()[name]


def test_a_control_character_is_refused_in_words(client: PageClient) -> None:
    page = walk(client, until="persona")
    refused = client.submit(page, {**ANSWERS["persona"], "audience": "bell\x07s"}, "save", 422)
    assert wrong_fields(refused) == {"audience"}


def test_every_page_of_a_journey_keeps_the_keys_to_itself(any_client: PageClient) -> None:
    walk(any_client)
    for path in [*map(path_of, SLUGS), "/onboarding/summary", "/onboarding/reset"]:
        without_secrets(any_client.get(path))
    keys = any_client.get("/onboarding/api-keys")
    for again in (
        any_client.submit(keys, {"openai": SHORT_KEY, "exa": KEYS["exa"]}, "save", 422),
        any_client.submit(keys, {**KEYS, "remove": ["openai"]}, "save", 422),
        any_client.submit(keys, dict(KEYS), "save"),
    ):
        assert SHORT_KEY not in again.source
        without_secrets(again)


def test_a_key_that_is_given_and_removed_at_once_is_refused(client: PageClient) -> None:
    walk(client)
    page = client.get("/onboarding/api-keys")
    assert page.form().options("remove") == ["openai", "exa"]
    refused = client.submit(page, {"exa": KEYS["exa"], "remove": ["exa"]}, "save", 422)
    assert wrong_fields(refused) == {"remove"}
    assert refused.form().values().getlist("remove") == ["exa"]


# -- the analysis ----------------------------------------------------------------------------------


State = Callable[[Flask], None]


def _as_saved(_app: Flask) -> None:
    """Nobody has begun yet."""


def _begun(app: Flask) -> None:
    sql(app, "UPDATE website_analyses SET status = 'in_progress'")


def _worked(app: Flask) -> None:
    with app.app_context():
        assert jobs.run_pending() == 1


@pytest.mark.parametrize(
    ("path", "bring_about", "status", "sentence"),
    [
        ("/", _as_saved, "queued", "waiting to be read."),
        ("/", _begun, "in_progress", "being read now."),
        ("/", _worked, "completed", "The website has been read."),
        ("/missing", _worked, "failed", "The website could not be read."),
    ],
)
def test_the_analysis_is_shown_in_each_state_on_its_page_in_its_fragment_and_on_the_step(
    make_app: MakeApp,
    any_url: str,
    site: SiteServer,
    path: str,
    bring_about: State,
    status: str,
    sentence: str,
) -> None:
    app = make_app(any_url, FETCH_ALLOW=site.host_port)
    client = PageClient(app)
    walk(client, "research", {"website": {"has_website": "yes", "website_url": site.url(path)}})
    bring_about(app)
    waiting = status in ("queued", "in_progress")

    whole = client.get("/onboarding/website/analysis")
    assert whole.heading == "Your website, read"
    assert whole.title == "Your website, read · Onward"
    assert bool(whole.find("//head/noscript/meta[@http-equiv='refresh']")) == waiting
    step = client.get("/onboarding/website")
    assert not step.find("//meta[@http-equiv='refresh']"), "a refresh would lose what is typed"
    fragment = client.get(
        "/onboarding/website/analysis", headers={"X-Fragment": "1"}, fragment=True
    )
    assert "<html" not in fragment.source
    assert "<h1" not in fragment.source
    for page in (whole, step, fragment):
        (section,) = page.find("//*[@id='analysis']")
        assert section.get("data-status") == status
        assert section.get("data-url") == "/onboarding/website/analysis"
        said = page.text("//*[@id='analysis']")
        assert sentence in said
        assert site.url(path) in said
        # The button belongs to the step's form, and the page alone has none.
        again = page.find("//*[@id='analysis']//button[@value='again']")
        assert bool(again) == (not waiting and page is not whole)
        assert bool(page.find("//script[contains(@src, 'analysis.js')]")) == (
            waiting and page is not fragment
        )


def test_without_a_website_the_analysis_page_says_that_there_is_nothing(client: PageClient) -> None:
    walk(client, until="website")
    assert "nothing to show" in client.get("/onboarding/website/analysis").text("//main")
    client.follow(save(client, "website"))
    assert "nothing to show" in client.get("/onboarding/website/analysis").text("//main")
    fragment = client.get(
        "/onboarding/website/analysis", headers={"X-Fragment": "1"}, fragment=True
    )
    assert fragment.find("//*[@id='analysis']/@data-status") == ["none"]


def test_the_analysis_page_is_behind_the_gate(client: PageClient) -> None:
    begin(client)
    page = client.follow(client.get("/onboarding/website/analysis", 303))
    assert page.path == path_of("api-keys")
    assert any("First finish this step" in message for message in messages(page))


# -- the end ---------------------------------------------------------------------------------------


def test_the_summary_is_one_page_with_a_change_link_for_every_step(any_client: PageClient) -> None:
    page = without_secrets(walk(any_client))
    assert page.path == "/onboarding/summary"
    assert page.title == "Your summary · Onward"
    hrefs = set(map(str, page.find("//main//a/@href")))
    assert set(map(path_of, SLUGS)) <= hrefs


def test_the_last_button_leads_where_the_operator_says(make_app: MakeApp, sqlite_url: str) -> None:
    app = make_app(sqlite_url, AFTER_URL="https://app.example.com/welcome?from=onward&x=1")
    page = walk(PageClient(app))
    (button,) = page.find("//main//a[contains(@class, 'button--main')]")
    assert button.get("href") == "https://app.example.com/welcome?from=onward&x=1"
    assert "Continue to Onward" in " ".join(button.text_content().split())


def test_without_an_address_there_is_no_last_button(client: PageClient) -> None:
    assert "Continue to" not in walk(client).text("//main")


def test_start_again_asks_first(client: PageClient, app: Flask) -> None:
    page = walk(client, until="research")
    assert page.find("//a[@href='/onboarding/reset']")
    ask = client.get("/onboarding/reset")
    assert ask.heading == "Delete your answers and start again?"
    assert ask.form().action == "/onboarding/reset"
    assert len(ask.form().buttons()) == 1
    assert count(app, "api_keys") == 2


# -- errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/onboarding/nothing", "/onboarding/website/nothing", "/onboarding/%2500",
     "/onboarding/finish/analysis", "/onboarding/WEBSITE"],
)  # fmt: skip
def test_an_address_that_is_none_gets_a_page_of_ours(client: PageClient, path: str) -> None:
    page = client.get(path, 404)
    assert page.title == "There is no such page · Onward"
    assert page.find("//main//a[@href='/onboarding/']")


def test_a_post_to_a_step_that_is_none_is_404(client: PageClient) -> None:
    page = begin(client)
    sent = page.form().filled(ANSWERS["api-keys"])
    refused = client.post("/onboarding/nothing", sent, 404)
    without_secrets(refused)


def test_a_method_that_is_not_served_gets_a_page_of_ours(client: PageClient) -> None:
    response = client.flask.delete("/onboarding/website")
    assert response.status_code == 405
    assert "This page cannot be used that way" in response.text
    assert "GET" in response.headers["Allow"]


def test_a_form_that_is_far_too_large_gets_a_page_of_ours(client: PageClient) -> None:
    page = walk(client, until="finish")
    sent = page.form().filled({"first_declaration": "d" * 300_000})
    refused = client.post(path_of("finish"), sent, 413)
    assert "Shorten it" in refused.text("//main")


def test_an_unknown_button_is_refused(client: PageClient, app: Flask) -> None:
    page = begin(client)
    sent = page.form().filled(ANSWERS["api-keys"])
    sent["action"] = "explode"
    without_secrets(client.post(path_of("api-keys"), sent, 422))
    assert count(app, "api_keys") == 0


def test_a_fault_of_ours_shows_no_trace_of_itself(
    client: PageClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(client)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail in /srv/onward/webapp.py")

    monkeypatch.setattr(store, "load", fail)
    page = client.get(path_of("api-keys"), 500)
    assert page.title == "Something went wrong on our side · Onward"
    assert not re.search("secret detail|RuntimeError|Traceback|webapp", page.source)


def test_a_database_error_shows_no_trace_of_itself(
    client: PageClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(client)

    def fail(*_: object, **__: object) -> None:
        raise OperationalError("SELECT secret", {}, Exception("host=db.internal"))

    monkeypatch.setattr(store, "load", fail)
    page = client.get(path_of("api-keys"), 503)
    assert page.headers["Retry-After"].isdigit()
    assert not re.search("SELECT|db.internal|Traceback", page.source)


def test_another_host_name_is_refused(client: PageClient) -> None:
    response = client.flask.get("/onboarding/", headers={"Host": "evil.example"})
    assert response.status_code == 400
    assert "evil.example" not in response.text


def test_a_form_without_a_token_is_refused(client: PageClient, app: Flask) -> None:
    client.get("/onboarding/")
    client.post("/onboarding/start", {}, 400)
    assert count(app, "onboarding_sessions") == 0


def test_a_cookie_is_http_only_and_lax_and_secure_behind_tls(
    make_app: MakeApp, sqlite_url: str, client: PageClient
) -> None:
    cookie = client.get("/onboarding/").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    app = make_app(sqlite_url, PUBLIC_URL="https://start.example.com")
    response = app.test_client().get("/onboarding/", base_url="https://start.example.com")
    assert response.status_code == 200
    cookie = response.headers["Set-Cookie"]
    assert cookie.startswith("__Host-onward=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "max-age" in response.headers["Strict-Transport-Security"]


def _names(page: Page) -> set[str]:
    return {
        str(control.get("name"))
        for control in page.find("//form[@id='step-form']//*[self::input or self::textarea][@name]")
    }


def _field_text(page: Page, name: str) -> str:
    (control,) = page.find(f"//*[@id='{name}']")
    return str(control.getparent().text_content())


def _everything(app: Flask) -> list[object]:
    """All that is stored of answers, to see that nothing changed."""
    tables = (
        "onboarding_sessions", "step_progress", "api_keys", "website_answers", "jobs",
        "research_preferences", "persona_data", "platform_integrations", "kblocks",
    )  # fmt: skip
    return [sql(app, f"SELECT * FROM {table}") for table in tables]  # noqa: S608 - our own names
