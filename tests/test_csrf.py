"""The CSRF token looks different in every response, and each of those looks opens the door."""

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from itsdangerous import URLSafeTimedSerializer

from tests.support.pages import Page, PageClient
from webapp.csrf import mask, unmask


def tokens(page: Page) -> set[str]:
    return {str(value) for value in page.find("//input[@name='csrf_token']/@value")}


def bare(client: PageClient) -> str:
    with client.flask.session_transaction() as cookie:
        return str(cookie["csrf_token"])


@given(st.text(st.characters(codec="ascii"), max_size=200))
@settings(max_examples=30)
def test_what_is_masked_can_be_unmasked(token: str) -> None:
    assert unmask(mask(token)) == token


@pytest.mark.parametrize(
    "masked", ["", "a", "abc", "a b", "é", "\0", "====", "YWJj", "IjEyMyI.abc.def", "-" * 99_999]
)
def test_what_was_not_masked_is_no_token(masked: str) -> None:
    assert not unmask(masked)


def test_each_response_has_a_mask_of_its_own_and_all_of_its_forms_share_it(
    client: PageClient,
) -> None:
    client.submit(client.get("/onboarding/"))
    pages = [client.get("/onboarding/api-keys") for _ in range(5)]
    assert all(len(page.find("//input[@name='csrf_token']")) > 1 for page in pages)
    assert [len(tokens(page)) for page in pages] == [1] * 5
    seen = set.union(*map(tokens, pages))
    assert len(seen) == 5
    # Nothing in them stays the same, and the raw value is in none.
    starts = {token[:12] for token in seen} | {token[-12:] for token in seen}
    assert len(starts) == 10
    assert not any(bare(client) in page.source for page in pages)


def test_a_page_that_was_opened_before_stays_valid(client: PageClient) -> None:
    old = client.get("/onboarding/")
    for _ in range(3):
        client.get("/onboarding/")
    assert client.submit(old).location == "/onboarding/api-keys"


def test_a_bare_token_is_refused_in_the_form_and_in_the_header(
    client: PageClient, app: Flask
) -> None:
    masked = client.get("/onboarding/").form().values()["csrf_token"]
    secret = bare(client)
    assert unmask(masked) == secret
    for token in (secret, mask(""), mask(secret[:-1]), masked[:-4], masked[4:], masked * 2):
        client.post("/onboarding/start", {"csrf_token": token}, 400)
        client.post("/onboarding/start", {}, 400, {"X-CSRFToken": token})
    assert client.post("/onboarding/start", {}, headers={"X-CSRFToken": masked}).status == 303


def test_a_token_is_no_use_in_another_browser(client: PageClient, app: Flask) -> None:
    stranger = PageClient(app)
    stranger.get("/onboarding/")
    token = client.get("/onboarding/").form().values()["csrf_token"]
    stranger.post("/onboarding/start", {"csrf_token": token}, 400)
    forgotten = mask(unmask(token) or "")
    assert client.post("/onboarding/start", {"csrf_token": forgotten}).status == 303


def test_a_page_of_an_earlier_version_which_signed_its_token_stays_valid(
    client: PageClient, app: Flask
) -> None:
    client.get("/onboarding/")

    def signed(secret: str, key: str = app.config["SECRET_KEY"]) -> str:
        return mask(str(URLSafeTimedSerializer(key, "wtf-csrf-token").dumps(secret)))

    for token in (signed(bare(client), "another key"), signed("f" * 40), mask("f" * 19 + "." * 21)):
        client.post("/onboarding/start", {"csrf_token": token}, 400)
    assert client.post("/onboarding/start", {"csrf_token": signed(bare(client))}).status == 303
