"""Whether a provider accepts a key: the provider itself is asked, and a local server stands in."""

import logging
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from flask import Flask

from tests.conftest import MakeApp
from tests.journeys.walk import SAME_ORIGIN, begin, count, messages, sql, walk, wrong_fields
from tests.support.counting import in_use
from tests.support.pages import Page, PageClient, Value
from tests.support.site import SiteServer
from webapp.site.fetch import FetchError, FetchPolicy, ask
from webapp.steps.api_keys import PROVIDERS
from webapp.steps.api_keys import check as checking

KEYS = {
    "gemini": "AIza" + "Gem1ni" * 6,
    "openai": "sk-" + "0penAi" * 5,
    "anthropic": "sk-ant-" + "Cl4ude" * 5,
    "mistral": "Mistral8Wander2Key",
    "exa": "01234567-89ab-cdef-0123-456789abcdef",
    "tavily": "tvly-0123456789",
    "serper": "serper0123456789",
    "copilotkit": "ck_pub_" + "0123456789" * 2,
}
PATHS = {
    "gemini": "/v1beta/models?pageSize=1",
    "openai": "/v1/models",
    "anthropic": "/v1/models?limit=1",
    "mistral": "/v1/models",
    "exa": "/websets/v0/websets?limit=1",
    "tavily": "/usage",
    "serper": "/account",
}
HEADERS = {
    "gemini": ("x-goog-api-key", "{}"),
    "openai": ("authorization", "Bearer {}"),
    "anthropic": ("x-api-key", "{}"),
    "mistral": ("authorization", "Bearer {}"),
    "exa": ("x-api-key", "{}"),
    "tavily": ("authorization", "Bearer {}"),
    "serper": ("x-api-key", "{}"),
}
INVALID = b'{"error": {"details": [{"reason": "API_KEY_INVALID"}]}}'


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch, site: SiteServer) -> SiteServer:
    """All providers, on this machine: every endpoint keeps its path and gets another base."""
    for name, endpoint in checking.ENDPOINTS.items():
        base = f"http://{site.host_port}"
        monkeypatch.setitem(checking.ENDPOINTS, name, replace(endpoint, base=base))
        site.pages[endpoint.path] = (200, {"Content-Type": "application/json"}, b"{}")
    return site


@pytest.fixture
def asking_app(make_app: MakeApp, sqlite_url: str, provider: SiteServer) -> Flask:
    """An application that asks them."""
    return make_app(sqlite_url, PROVIDER_CHECKS="on", FETCH_ALLOW=provider.host_port)


@pytest.fixture
def client(asking_app: Flask) -> PageClient:
    return PageClient(asking_app)


def answers(site: SiteServer, name: str, status: int, body: bytes = b"{}", **headers: str) -> None:
    site.pages[PATHS[name]] = (status, {"Content-Type": "application/json", **headers}, body)


# The table.


def test_each_provider_is_asked_at_its_own_address_with_the_key_in_a_header_alone(
    asking_app: Flask, provider: SiteServer
) -> None:
    real = {
        "gemini": "https://generativelanguage.googleapis.com",
        "openai": "https://api.openai.com",
        "anthropic": "https://api.anthropic.com",
        "mistral": "https://api.mistral.ai",
        "exa": "https://api.exa.ai",
        "tavily": "https://api.tavily.com",
        "serper": "https://google.serper.dev",
    }
    assert set(checking.ENDPOINTS) == set(real) == {p.name for p in PROVIDERS} - {"copilotkit"}
    with asking_app.test_request_context():
        for name in real:
            provider.visits.clear()
            verdict = checking.check(name, f" {KEYS[name]}\n")
            assert (verdict.valid, verdict.checked) == (True, "accepted"), name
            (visit,) = provider.visits
            header, value = HEADERS[name]
            sent = {key.lower(): value for key, value in visit.headers.items()}
            assert (visit.method, visit.path) == ("GET", PATHS[name])
            assert sent.pop(header) == value.format(KEYS[name])
            assert KEYS[name] not in str(sent) + visit.path
            if name == "anthropic":
                assert sent["anthropic-version"] == "2023-06-01"


def test_the_real_addresses_are_asked_over_tls_alone() -> None:
    for name, endpoint in checking.ENDPOINTS.items():
        assert endpoint.base.startswith("https://"), name
        assert "key" not in endpoint.path


ANSWERS = [
    # provider, status, body, what is made of it
    ("openai", 204, b"", "accepted"),
    ("openai", 401, b"{}", "refused"),
    ("openai", 403, b'{"error": {"message": "Missing scopes: api.model.read"}}', "unknown"),
    ("openai", 429, b"{}", "unknown"),
    ("openai", 500, b"{}", "unknown"),
    ("openai", 404, b"{}", "unknown"),
    ("openai", 302, b"", "unknown"),
    ("gemini", 400, INVALID, "refused"),
    ("gemini", 400, b'{"error": {"status": "FAILED_PRECONDITION"}}', "unknown"),
    ("gemini", 403, b"{}", "unknown"),
    ("anthropic", 401, b"{}", "refused"),
    ("anthropic", 529, b"{}", "unknown"),
    ("mistral", 401, b"{}", "refused"),
    ("exa", 401, b"{}", "refused"),
    ("exa", 402, b"{}", "accepted"),
    ("exa", 403, b"{}", "accepted"),
    ("tavily", 401, b"{}", "refused"),
    ("tavily", 432, b"{}", "accepted"),
    ("serper", 403, b"{}", "refused"),
    ("serper", 400, b"{}", "unknown"),
]


def test_what_a_provider_answers_becomes_one_of_three(
    asking_app: Flask, provider: SiteServer
) -> None:
    with asking_app.test_request_context():
        for name, status, body, checked in ANSWERS:
            answers(provider, name, status, body)
            verdict = checking.check(name, KEYS[name])
            assert (verdict.valid, verdict.checked) == (True, checked), (name, status)
            label = next(p.label for p in PROVIDERS if p.name == name)
            assert label in verdict.message
            assert verdict.message.endswith(".")
            assert KEYS[name] not in verdict.message


def test_who_is_not_asked(make_app: MakeApp, sqlite_url: str, provider: SiteServer) -> None:
    """A key of the wrong shape, a provider that has no such address, and none when switched off."""
    for switch in ("on", "off"):
        app = make_app(sqlite_url, PROVIDER_CHECKS=switch, FETCH_ALLOW=provider.host_port)
        with app.test_request_context():
            wrong = checking.check("openai", "sk-short")
            assert (wrong.valid, wrong.checked) == (False, None)
            assert "OpenAI" in wrong.message
            unasked = checking.check("copilotkit", KEYS["copilotkit"])
            assert unasked.valid
            assert unasked.checked == ("unknown" if switch == "on" else None)
            if switch == "off":
                assert checking.check("openai", KEYS["openai"]).checked is None
            with pytest.raises(KeyError):
                checking.check("nobody", "key")
    assert provider.visits == []


# The question on the wire.


def test_a_key_is_never_sent_on_after_a_redirect(asking_app: Flask, provider: SiteServer) -> None:
    for status in (301, 302, 303, 307, 308):
        answers(provider, "mistral", status, Location=provider.url("/elsewhere"))
        with asking_app.test_request_context():
            assert checking.check("mistral", KEYS["mistral"]).checked == "unknown"
    assert {visit.path for visit in provider.visits} == {PATHS["mistral"]}


def test_a_question_needs_tls_where_the_operator_did_not_allow_the_place(site: SiteServer) -> None:
    for url in (site.url("/"), "http://93.184.215.14/"):
        with pytest.raises(FetchError):
            ask(url, FetchPolicy(), {"Authorization": "Bearer secret"})
    with pytest.raises(FetchError, match="private"):
        ask("https://127.0.0.1/", FetchPolicy(), {})
    assert site.visits == []


def test_a_header_that_cannot_be_sent_is_refused_without_its_value(site: SiteServer) -> None:
    policy = FetchPolicy(allow=frozenset({site.host_port}))
    for value in ("two\r\nlines", "a\0b", "ключ", ""):
        with pytest.raises(ValueError, match="header X-Key") as refused:
            ask(site.url("/"), policy, {"X-Key": value})
        assert not value or value not in str(refused.value)
        assert refused.value.__cause__ is None
    assert site.visits == []


def test_a_question_may_have_a_body_and_another_method(site: SiteServer) -> None:
    seen: list[tuple[str, bytes]] = []

    def take(handler: BaseHTTPRequestHandler) -> Any:
        size = int(handler.headers["Content-Length"])
        seen.append((handler.command, handler.rfile.read(size)))
        return 422, {}, b"no"

    site.pages["/ask"] = take
    policy = FetchPolicy(allow=frozenset({site.host_port}))
    reply = ask(site.url("/ask"), policy, {"X-Key": "k"}, method="POST", body=b'{"q": 1}')
    assert (reply.status, reply.body) == (422, b"no")
    assert seen == [("POST", b'{"q": 1}')]


def test_a_provider_that_sends_without_end_or_not_at_all_is_left(
    asking_app: Flask, provider: SiteServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "DEADLINE_SECONDS", 0.5)

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(400)
        handler.send_header("Content-Length", str(10**9))
        handler.end_headers()
        handler.wfile.write(INVALID)
        while not provider.stopping.wait(0.001):
            handler.wfile.write(b"x" * 65536)

    def silent(_handler: BaseHTTPRequestHandler) -> None:
        provider.stopping.wait(3)

    with asking_app.test_request_context():
        provider.pages[PATHS["gemini"]] = endless
        assert checking.check("gemini", KEYS["gemini"]).checked == "refused", "by its beginning"
        provider.pages[PATHS["gemini"]] = silent
        begun = time.monotonic()
        assert checking.check("gemini", KEYS["gemini"]).checked == "unknown"
        assert time.monotonic() - begun < 2.5


def test_a_provider_that_hangs_does_not_take_every_thread_along(
    asking_app: Flask, provider: SiteServer
) -> None:
    asked = threading.Semaphore(0)

    def hang(_handler: BaseHTTPRequestHandler) -> Any:
        asked.release()
        provider.stopping.wait(10)
        return 200, {}, b"{}"

    provider.pages[PATHS["mistral"]] = hang

    def wait() -> None:
        with asking_app.test_request_context():
            checking.check("mistral", KEYS["mistral"])

    threads = [threading.Thread(target=wait) for _ in range(checking.AT_A_TIME)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert asked.acquire(timeout=5)
    begun = time.monotonic()
    with asking_app.test_request_context():
        verdict = checking.check("openai", KEYS["openai"])
    assert (verdict.checked, time.monotonic() - begun < 3) == ("unknown", True)
    assert "Many keys" in verdict.message
    provider.stopping.set()
    for thread in threads:
        thread.join(10)
    with asking_app.test_request_context():
        assert checking.check("openai", KEYS["openai"]).checked == "accepted", "turns come back"


# The button on the page.


def press(
    client: PageClient,
    provider: str,
    status: int = 303,
    /,
    page: Page | None = None,
    **typed: Value,
) -> Page:
    """Type keys and press "Check this key" beside one; the page that comes of it."""
    page = page or client.get("/onboarding/api-keys")
    answer = client.submit(page, typed, f"check-{provider}", status)
    return client.follow(answer) if status == 303 else answer


def stored(app: Flask) -> set[str]:
    return {str(name) for (name,) in sql(app, "SELECT provider FROM api_keys")}


def test_enter_saves_and_each_provider_that_can_be_asked_has_a_button(
    client: PageClient, app: Flask
) -> None:
    page = begin(client)
    buttons = [value for _name, value in page.form().buttons()]
    assert buttons[0] == "save"
    assert [b for b in buttons if b.startswith("check-")] == [
        f"check-{p.name}" for p in PROVIDERS if p.name != "copilotkit"
    ]
    names = [button.text_content() for button in page.find("//button[starts-with(@value,'check')]")]
    assert len(set(names)) == len(names), "each is told apart by its name alone"
    off = PageClient(app)
    assert not begin(off).find("//button[starts-with(@value,'check')]"), "PROVIDER_CHECKS=off"


def test_pressing_it_keeps_what_was_typed_and_says_what_the_provider_says(
    asking_app: Flask, client: PageClient, provider: SiteServer
) -> None:
    """The first key of all may be one of a search service: the step stays open, nothing is lost."""
    begin(client)
    page = press(client, "exa", exa=KEYS["exa"], tavily=KEYS["tavily"])
    assert messages(page)[:1] == ["The key that ends in cdef is stored. Exa accepts this key."]
    assert stored(asking_app) == {"exa", "tavily"}
    assert sql(asking_app, "SELECT saved_at FROM step_progress WHERE slug = 'api-keys'") == [
        (None,)
    ]
    client.get("/onboarding/website", 303)
    answers(provider, "openai", 401)
    page = press(client, "openai", openai=KEYS["openai"])
    assert "does not accept this key" in messages(page)[0]
    answers(provider, "openai", 503)
    assert "could not be asked" in messages(press(client, "openai"))[0], "the stored one"
    assert client.submit(page, {}, "save").location == "/onboarding/website"
    assert stored(asking_app) == {"exa", "tavily", "openai"}
    assert [visit.path for visit in provider.visits].count(PATHS["tavily"]) == 0


def test_a_wrong_key_beside_it_is_named_and_costs_the_others_nothing(
    asking_app: Flask, client: PageClient, provider: SiteServer
) -> None:
    begin(client)
    page = press(client, "openai", 422, openai=KEYS["openai"], gemini="AIza-too-short")
    assert wrong_fields(page) == {"gemini"}
    assert "OpenAI accepts this key." in messages(page)[0]
    assert stored(asking_app) == {"openai"}
    dropped = page.find("//*[contains(@id, '-dropped')]/@id")
    assert dropped == ["gemini-dropped"], "what was stored is not asked for again"
    page = press(client, "gemini", 422, gemini="AIza-too-short", mistral=KEYS["mistral"])
    assert wrong_fields(page) == {"gemini"}
    assert stored(asking_app) == {"openai", "mistral"}
    assert [visit.path for visit in provider.visits] == [PATHS["openai"]]
    for answer in (page, client.get("/onboarding/api-keys")):
        assert not [key for key in (*KEYS.values(), "too-short") if key in answer.source]


def test_without_a_key_there_is_nothing_to_check(client: PageClient, provider: SiteServer) -> None:
    begin(client)
    page = press(client, "openai", 422)
    assert wrong_fields(page) == {"openai"}
    assert "first" in page.text("//*[@id='error-summary']")
    assert provider.visits == []


def test_a_tick_for_removal_is_kept_and_not_carried_out(
    asking_app: Flask, client: PageClient
) -> None:
    walk(client, until="website", changes={"api-keys": {"tavily": KEYS["tavily"]}})
    before = stored(asking_app)
    page = press(client, "openai", remove=["tavily"])
    assert stored(asking_app) == before
    assert page.form().values().getlist("remove") == ["tavily"]
    client.submit(page, {}, "save")
    assert stored(asking_app) == before - {"tavily"}


def test_checking_on_a_saved_step_is_a_save_like_any_other(
    asking_app: Flask, client: PageClient
) -> None:
    """With its revision: an old tab cannot put the old key back in silence."""
    walk(client, until="website")
    old_tab = client.get("/onboarding/api-keys")
    press(client, "mistral", mistral=KEYS["mistral"])
    saves = count(asking_app, "step_history")
    assert saves == 2
    press(client, "mistral", 409, page=old_tab, mistral="Another1Mistral2Key")
    assert sql(asking_app, "SELECT last_four FROM api_keys WHERE provider = 'mistral'") == [
        (KEYS["mistral"][-4:],)
    ]


def test_no_connection_and_no_lock_is_held_while_the_provider_thinks(
    asking_app: Flask, client: PageClient, provider: SiteServer
) -> None:
    begin(client)
    found: list[object] = []

    def look(_handler: BaseHTTPRequestHandler) -> Any:
        with asking_app.app_context():
            found.append(in_use(asking_app))
            sql(asking_app, "UPDATE onboarding_sessions SET updated_at = updated_at")
        return 200, {}, b"{}"

    provider.pages[PATHS["openai"]] = look
    page = press(client, "openai", openai=KEYS["openai"])
    assert "accepts" in messages(page)[0]
    assert found == [0]


def test_only_the_session_s_own_owner_and_only_open_steps_are_asked_about(
    asking_app: Flask, client: PageClient, provider: SiteServer
) -> None:
    page = begin(client)
    stranger = PageClient(asking_app)
    sent = page.form().filled({"openai": KEYS["openai"]}, "check-openai")
    stranger.post("/onboarding/api-keys", sent, 400, SAME_ORIGIN)
    sent["action"] = "check-nobody"
    client.post("/onboarding/api-keys", sent, 422, SAME_ORIGIN)
    sent["action"] = "check-openai"
    client.post("/onboarding/website", sent, 422, SAME_ORIGIN)
    assert provider.visits == []
    assert stored(asking_app) == set()


def test_the_key_is_in_no_log_whatever_happens(
    asking_app: Flask, client: PageClient, provider: SiteServer, caplog: pytest.LogCaptureFixture
) -> None:
    begin(client)
    with caplog.at_level(logging.DEBUG):
        for status in (200, 401, 403, 500, 302):
            answers(provider, "openai", status)
            press(client, "openai", openai=KEYS["openai"])
    assert caplog.records, "a strange answer is told to the operator"
    assert KEYS["openai"] not in caplog.text
