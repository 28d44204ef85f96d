"""Who may read and change what through the API, and what is kept out of answers and logs."""

import threading
from typing import Any

import pytest
from flask import Flask

from tests.api.client import GOOD, PREFIX, ApiClient, document
from tests.conftest import MakeApp
from tests.journeys.walk import begin, path_of, save, sql
from tests.support.counting import count_statements
from tests.support.pages import PageClient
from tests.wizard.samples import OPENAI_KEY
from webapp import audit, product
from webapp.identity.caller import Caller
from webapp.vault import CannotOpen, Vault
from webapp.wizard import store

USERS = [
    "user_2abc",
    "a/b//c/",
    "/status",
    "O\"Hara'; --",
    "çà ü 名前 🥖",
    "a?b#c%41",
    ".. ",
    "x" * 255,
]
"""Any text that an identity provider may call somebody."""


def quoted(user_id: str) -> str:
    """Percent-encoded, every sign of it."""
    return "".join(f"%{byte:02X}" for byte in user_id.encode())


def session_of(page_client: PageClient) -> str:
    with page_client.flask.session_transaction() as cookie:
        return str(cookie["sid"])


def test_an_id_opens_only_what_was_begun_by_it_and_is_nobodys(app: Flask) -> None:
    client = ApiClient.started(app)
    assert client.session_id
    browser = PageClient(app)
    begin(browser)
    ApiClient(app, session_of(browser)).get("status", 404)
    # Both named: the id decides alone, and needs no token.
    headers = {"X-Onboarding-Session": client.session_id}
    mine = document(browser.flask.get(PREFIX + "status", headers=headers))
    assert mine["session_id"] == client.session_id
    document(
        browser.flask.post(PREFIX + "step/1/complete", json={"data": {}}, headers=headers), 422
    )
    document(browser.flask.get(PREFIX + "status", headers={"X-Onboarding-Session": "0" * 36}), 404)
    sql(app, "UPDATE onboarding_sessions SET user_id = 'u' WHERE id = :id", id=client.session_id)
    client.get("status", 404)
    client.post("reset", status=404)
    client.post("step/1/complete", {"data": GOOD["api-keys"]}, 404)
    for path in ("api-keys", "summary", "style-detection/session-analyses", "step/1"):
        client.get(path, 404)


def test_page_and_api_share_one_journey_with_the_browsers_cookie(app: Flask) -> None:
    browser = PageClient(app)
    api = browser.flask
    assert document(api.get(PREFIX + "csrf-token"), 404)
    begin(browser)
    assert document(api.get(PREFIX + "status"))["current_step"] == "api-keys"
    body = {"data": GOOD["api-keys"]}
    refused = document(api.post(PREFIX + "step/1/complete", json=body), 400)
    assert "X-CSRFToken" in refused["detail"]
    document(api.post(PREFIX + "step/1/complete", json=body, headers={"X-CSRFToken": "x"}), 400)
    document(api.delete(PREFIX + "api-keys/openai"), 400)
    token = document(api.get(PREFIX + "csrf-token"))["csrf_token"]
    assert token != document(api.get(PREFIX + "csrf-token"))["csrf_token"], "masked each time"
    headers = {"X-CSRFToken": token}
    document(api.post(PREFIX + "step/1/complete", json=body, headers=headers))
    save(browser, "website")
    from_page = browser.get(path_of("research"))
    begun = document(api.post(PREFIX + "start", json={}, headers=headers))
    assert begun["session_id"] == session_of(browser)
    document(api.post(PREFIX + "step/3/complete", json={"data": GOOD["research"]}, headers=headers))
    # The page that was opened before meets what the API saved; it is asked, nothing is overwritten.
    conflict = browser.submit(
        from_page, {"research_depth": "Expert", "content_types": ["News"]}, status=409
    )
    assert "Standard" in conflict.source
    page = browser.get(path_of("research"))
    assert page.form().values()["research_depth"] == "Standard"
    save(browser, "persona")
    step = document(api.get(PREFIX + "step/persona"))
    assert (step["status"], step["data"]["persona_name"]) == ("completed", "The Clockmaker")
    declared = {"declaration": "To show 3 neighbours that a stopped clock is not a dead one."}
    done = document(api.post(PREFIX + "first-declaration", json=declared, headers=headers))
    assert done["completed"] is True
    assert browser.get("/onboarding/", 303).location == "/onboarding/summary"
    assert declared["declaration"] in browser.get("/onboarding/summary").source


def test_two_saves_at_once_are_one_after_the_other(any_app: Flask) -> None:
    app = any_app
    client = ApiClient.started(app)
    client.walk("website")
    revision = client.get("step/3")["revision"]
    answers: list[Any] = []
    barrier = threading.Barrier(6)

    def write(depth: str) -> None:
        mine = ApiClient(app, client.session_id)
        body = {"data": GOOD["research"] | {"research_depth": depth}, "revision": revision}
        barrier.wait(10)
        response = mine.flask.post(PREFIX + "step/3/complete", json=body, headers=mine.headers)
        answers.append((response.status_code, depth))

    depths = ["Basic", "Standard", "Comprehensive", "Expert", "Basic", "Basic"]
    threads = [threading.Thread(target=write, args=(depth,)) for depth in depths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    won = {depth for status, depth in answers if status == 200}
    assert len(won) == 1, answers
    assert {status for status, _depth in answers} == {200, 409}
    assert client.get("step/3")["data"]["research_depth"] in won


@pytest.fixture
def served(make_app: MakeApp, sqlite_url: str) -> Flask:
    return make_app(sqlite_url, SERVICE_TOKEN="a token of the host product")


def test_the_host_product_reads_its_users(served: Flask) -> None:
    token = {"Authorization": "Bearer a token of the host product"}
    api = ApiClient(served)
    for user_id in USERS:
        with served.app_context():
            caller = store.open_session(Caller(None, user_id=user_id))
            assert caller.session_id
        path = f"users/{quoted(user_id)}"
        found = api.get(f"{path}/status", **token)
        assert found["session_id"] == caller.session_id, user_id
        assert api.get(f"{path}/summary", **token)["first_declaration"] is None
        assert api.get(f"{path}/ai-inputs", **token)["version"] == 1
        api.get(f"{path}/api-keys/openai", 404, **token)
        tag = ApiClient(served).flask.get(PREFIX + f"{path}/summary", headers=token)
        api.get(f"{path}/summary", 304, If_None_Match=tag.headers["ETag"], **token)
    for nobody in ("nobody", "%00", "x" * 256):
        status = {"%00": 400, "nobody": 200}.get(nobody, 404)
        found = api.get(f"users/{nobody}/status", status, **token)
        if status == 200:
            assert (found["completed"], found["session_id"]) == (False, None)
        for rest in ("summary", "ai-inputs", "api-keys/openai"):
            api.get(f"users/{nobody}/{rest}", 400 if status == 400 else 404, **token)
    api.get("users/nobody/nothing", 404, **token)
    for path in ("status", "summary", "ai-inputs", "api-keys/openai"):
        api.get(f"users/{quoted(USERS[0])}/{path}", 401)
        api.get(f"users/{quoted(USERS[0])}/{path}", 401, Authorization="Basic eDp5")
        api.get(f"users/{quoted(USERS[0])}/{path}", 403, Authorization="Bearer a token")
        api.get(f"users/{quoted(USERS[0])}/{path}", 403, Authorization="Bearer naïve")


def test_without_a_service_token_its_door_stays_shut(app: Flask) -> None:
    for token in ("Bearer ", "Bearer x"):
        ApiClient(app).get("users/x/status", 503, Authorization=token)


def test_a_key_leaves_in_one_place_and_each_time_it_is_noted(served: Flask) -> None:
    token = {"Authorization": "Bearer a token of the host product"}
    client = ApiClient.started(served)
    client.walk()
    sql(served, "UPDATE onboarding_sessions SET user_id = 'u/1' WHERE id = :i", i=client.session_id)
    with served.app_context():
        assert list(audit.read(user_id="u/1")) == []
    api = ApiClient(served)
    read = api.get("users/u%2F1/api-keys/openai", **token)
    assert read == {"provider": "openai", "api_key": OPENAI_KEY}
    api.get("users/u%2F1/api-keys/exa", 404, **token)
    api.get("users/u%2F1/api-keys/openai", 403, Authorization="Bearer x")
    with served.app_context():
        (entry,) = audit.read(user_id="u/1")
        assert (entry.action, entry.who, entry.details) == (
            "key_read", "service", {"provider": "openai"},
        )  # fmt: skip
        assert product.api_key_for("u/1", "openai") == OPENAI_KEY
        assert product.api_key_for("u/1", "exa") is None
        assert product.api_key_for("u\0", "openai") is None
        assert product.status_of("u/1")["completed"] is True
        assert product.status_of("nobody")["completed"] is False
        summary, inputs = product.summary_of("u/1"), product.ai_inputs_of("u/1")
        assert summary
        assert summary["api_keys"] == {"openai": "••••WXYZ"}
        assert inputs
        assert OPENAI_KEY not in str([summary, inputs, product.status_of("u/1")])
        assert product.summary_of("nobody") is None
        assert product.ai_inputs_of("") is None
        assert len(list(audit.read(user_id="u/1"))) == 2
        served.extensions["vault"] = Vault((b"k" * 32,))
        with pytest.raises(CannotOpen):
            product.api_key_for("u/1", "openai")
        assert len(list(audit.read(user_id="u/1"))) == 2, "what was not read is not noted"
    gone = api.get("users/u%2F1/api-keys/openai", 409, **token)
    assert "again" in gone["detail"]


READS = {
    "status": 2, "resume": 2, "progress": 3, "summary": 9, "step/1": 3, "step/3": 2,
    "step/3/validate": 2, "api-keys": 3, "research-preferences": 3, "persona": 2, "ai-inputs": 3,
    "website-analysis": 2, "style-detection/session-analyses": 3, "config": 0, "providers": 0,
    "csrf-token": 0,
}  # fmt: skip
"""The most statements that each read sends."""


def test_what_each_request_costs_in_sql(app: Flask) -> None:
    client = ApiClient.started(app)
    client.walk("persona")
    for path, most in READS.items():
        with count_statements(app) as cost:
            client.flask.get(PREFIX + path, headers=client.headers)
        assert len(cost) <= most, f"{path}: {cost}"
        assert (cost.commits, cost.left_open) == (0, 0), path
    with count_statements(app) as cost:
        client.save("research", research_depth="Expert")
    assert len(cost) <= 12, cost
    assert cost.commits == 1
    with count_statements(app) as cost:
        client.save("research", 422, research_depth="Deep")
    assert len(cost) <= 2, cost
    assert not cost.writes
    with count_statements(app) as cost:
        ApiClient(app).post("start")
    assert len(cost) <= 6, cost
