"""Who calls the API: an id, then a token, then the browser's cookie."""

from typing import Any

import time_machine
from flask import Flask
from flask.testing import FlaskClient

from tests.identity.hands import aged, browser, carrying, owners
from tests.journeys.walk import begin, count, save, walk
from tests.support.jwks import KEY, new_key
from tests.support.pages import PageClient

API = "/api/onboarding"


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


def start(client: FlaskClient, **more: Any) -> str:
    """Find or begin the caller's session; its id."""
    answer = client.post(f"{API}/start", json={}, **more)
    assert answer.status_code in (200, 201), answer.text
    assert "Set-Cookie" not in answer.headers
    return str(answer.json["session_id"])


def test_a_user_s_token_finds_their_session_in_pages_and_api_alike(any_app: Flask) -> None:
    api = any_app.test_client()
    by_api = start(api, headers=bearer(KEY.token("ü 👩")))
    assert start(api, headers=bearer(KEY.token("ü 👩"))) == by_api
    client = PageClient(any_app)
    client.get("/onboarding/", 303, headers=bearer(KEY.token("ü 👩")))
    save(client, "api-keys")
    status = api.get(f"{API}/status", headers=bearer(KEY.token("ü 👩")))
    assert (status.json["session_id"], status.json["current_step"]) == (by_api, "website")
    assert owners(any_app) == ["ü 👩"]
    # Its id alone opens nothing: it is a user's.
    assert api.get(f"{API}/progress?session_id={by_api}").status_code == 404


def test_an_id_decides_alone_and_opens_only_what_was_begun_here(any_app: Flask) -> None:
    api = any_app.test_client()
    secret = start(api)
    client = browser(any_app, KEY.token())
    walk(client, "persona")
    ways: list[dict[str, Any]] = [
        {"headers": {"X-Onboarding-Session": secret}},
        {"query_string": {"session_id": secret}},
        {"headers": {"X-Onboarding-Session": secret} | bearer(KEY.token())},
    ]
    for way in ways:
        for asker in (api, client.flask):
            answer = asker.get(f"{API}/status", **way)
            assert answer.json["session_id"] == secret
            assert "Set-Cookie" not in answer.headers
            assert start(asker, **way) == secret, "no CSRF token is asked for"
    in_body = {"session_id": secret, "data": {"openai": "sk-" + "x1Y2" * 8}}
    done = client.flask.post(f"{API}/step/api-keys/complete", json=in_body)
    assert done.status_code == 200, done.text
    with client.flask.session_transaction() as cookie:
        of_the_pages = str(cookie["sid"])
    for wrong in (of_the_pages, "x", "x" * 65, "é", "%00", "' OR 1=1 --", secret.upper()):
        answer = api.get(f"{API}/progress", query_string={"session_id": wrong})
        assert answer.status_code in (400, 404), wrong
    for odd in (5, True, [secret], {"id": secret}):
        answer = api.post(f"{API}/reset", json={"session_id": odd})
        assert 400 <= answer.status_code < 500, odd
    # In a page it is nothing.
    PageClient(any_app).get("/onboarding/?session_id=" + secret)


def test_a_user_may_name_their_own_session_beside_their_token(app: Flask) -> None:
    api = app.test_client()
    own, token = start(api, headers=bearer(KEY.token("ada"))), bearer(KEY.token("ada"))
    named = {"X-Onboarding-Session": own}
    assert start(api, headers=named | token) == own
    declared = {"declaration": "To be read by bakers.", "session_id": own}
    kept = api.post(f"{API}/first-declaration", json=declared, headers=token)
    assert (kept.status_code, kept.json["session_id"]) == (409, own), "kept as a draft"
    draft = api.get(f"{API}/step/finish", headers=token).json["draft"]
    assert draft == {"first_declaration": "To be read by bakers."}
    for other in ({}, bearer(KEY.token("eve"))):
        assert api.get(f"{API}/status", headers=named | other).status_code == 404
    for bad in (new_key(KEY.kid, "ES256").token("ada"), aged(), "x"):
        for session_id in (own, start(api)):
            named = {"X-Onboarding-Session": session_id}
            assert api.get(f"{API}/status", headers=named | bearer(bad)).status_code == 401


def test_a_token_that_does_not_hold_is_401_whatever_comes_with_it(app: Flask) -> None:
    client = browser(app, KEY.token())
    begin(client)
    token = client.get("/onboarding/reset").form().values()["csrf_token"]
    csrf = {"X-CSRFToken": token}
    forged = new_key(KEY.kid, "ES256").token()
    for bad in (forged, aged(), "x", ""):
        for headers in (bearer(bad), bearer(bad) | csrf):
            for answer in (
                client.flask.get(f"{API}/status", headers=headers),
                client.flask.post(f"{API}/start", json={}, headers=headers),
            ):
                assert answer.status_code == 401
                assert answer.mimetype == "application/problem+json"
                assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    for bad in (forged, aged()):
        carrying(client, bad)
        assert client.flask.get(f"{API}/status").status_code == 401
    assert count(app, "onboarding_sessions") == 1


def test_the_browser_s_cookie_needs_a_csrf_token_for_what_changes_something(app: Flask) -> None:
    signed_in, anybody = browser(app, KEY.token()), browser(app)
    for client in (signed_in, anybody):
        walk(client, "website")
        assert client.flask.get(f"{API}/status").json["current_step"] == "website"
        token = client.get("/onboarding/reset").form().values()["csrf_token"]
        for cookie in ("own", "own and Clerk's"):
            if cookie == "own":
                kept = client.flask.get_cookie("__session")
                carrying(client, "")
            elif kept is not None:
                carrying(client, kept.value)
            for headers in ({}, {"X-CSRFToken": "x"}):
                refused = client.flask.post(f"{API}/reset", json={}, headers=headers)
                assert refused.status_code == 400, refused.text
                assert refused.mimetype == "application/problem+json"
            good = client.flask.post(f"{API}/start", json={}, headers={"X-CSRFToken": token})
            assert good.status_code == 200, good.text
    assert count(app, "api_keys") == 4, "nothing was deleted"


def test_clerk_s_cookie_alone_says_who_reads(app: Flask) -> None:
    with time_machine.travel("2026-05-03T10:00:00Z", tick=False):
        walk(browser(app, KEY.token()), "website")
        other = browser(app, KEY.token())
        answer = other.flask.get(f"{API}/status")
        assert answer.json["current_step"] == "website"
        assert other.flask.get_cookie("onward") is None, "the API sets no cookie"
        # To change something it needs what only a page of ours has.
        assert other.flask.post(f"{API}/reset", json={}).status_code == 400


def test_where_everybody_signs_in_nobody_is_401_and_an_id_begun_before_still_opens(
    app: Flask, closed_app: Flask
) -> None:
    secret = start(app.test_client())
    api = closed_app.test_client()
    for method, path in (("GET", "status"), ("POST", "start"), ("POST", "first-declaration")):
        sent = {"declaration": "Mine."} if path == "first-declaration" else {}
        body = {"json": sent} if method == "POST" else {}
        answer = api.open(f"{API}/{path}", method=method, **body)
        assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")
    named = {"X-Onboarding-Session": secret}
    assert api.get(f"{API}/status", headers=named).json["session_id"] == secret
    anybody = browser(app)
    begin(anybody)
    cookie = anybody.flask.get_cookie("onward")
    assert cookie is not None
    api.set_cookie("onward", cookie.value)
    assert api.get(f"{API}/status").status_code == 401
