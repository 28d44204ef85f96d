"""Keys that cannot be opened any more: their owner is asked again, and nothing is deleted."""

import pytest
from flask import Flask

from tests.conftest import MakeApp
from tests.journeys.walk import ANSWERS, count, sql, walk, wrong_fields
from tests.support.pages import PageClient
from webapp.vault import CannotOpen, Vault, vault

OLD = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
NEW = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
AGAIN = "Please enter your key for OpenAI again"


@pytest.fixture
def client(make_app: MakeApp, sqlite_url: str) -> PageClient:
    """Somebody before the review, whose keys were sealed with a key that is gone since."""
    old = PageClient(make_app(sqlite_url, ENCRYPTION_KEYS=OLD))
    walk(old, until="finish")
    app = make_app(sqlite_url, ENCRYPTION_KEYS=NEW)
    client = PageClient(app)
    cookie = old.flask.get_cookie("onward")
    assert cookie is not None
    client.flask.set_cookie("onward", cookie.value)
    return client


def app_of(client: PageClient) -> Flask:
    return client.flask.application


def test_the_page_the_review_and_the_end_ask_for_it_again(client: PageClient) -> None:
    page = client.get("/onboarding/api-keys")
    assert page.source.count("cannot be opened any more") == 2, "OpenAI and Exa"
    review = client.get("/onboarding/finish")
    assert AGAIN in review.text("//section[@id='api-keys']")
    refused = client.submit(review, ANSWERS["finish"], "save", 422)
    problems = refused.text("//*[contains(@class, 'error-summary')]")
    assert AGAIN in problems
    assert "key for Exa again" in problems
    assert problems.count(AGAIN) == 1
    assert count(app_of(client), "api_keys") == 2, "nothing is deleted"
    assert count(app_of(client), "kblocks") == 0


def test_saving_without_entering_one_is_refused_by_name(client: PageClient) -> None:
    """A change of something else on the page: no usable language model would be left."""
    page = client.get("/onboarding/api-keys")
    refused = client.submit(page, {"tavily": "tvly-0123456789"}, "save", 422)
    assert wrong_fields(refused) == {"openai"}
    assert AGAIN in refused.text("//*[@id='error-summary']")
    assert count(app_of(client), "api_keys") == 2


def test_entering_it_again_or_removing_it_mends_everything(client: PageClient) -> None:
    page = client.get("/onboarding/api-keys")
    client.submit(page, {"openai": "sk-Again7Lantern2Quarry9Meadow4"}, "save")
    review = client.get("/onboarding/finish")
    assert AGAIN not in review.source
    refused = client.submit(review, ANSWERS["finish"], "save", 422)
    assert "key for Exa again" in refused.text("//*[contains(@class, 'error-summary')]")
    client.submit(client.get("/onboarding/api-keys"), {"remove": ["exa"]}, "save")
    finish = client.get("/onboarding/finish")
    assert client.submit(finish, ANSWERS["finish"], "save").location == "/onboarding/summary"


def test_what_needs_the_key_is_not_available_on_the_summary(client: PageClient) -> None:
    app = app_of(client)
    page = client.get("/onboarding/api-keys")
    client.submit(page, {"openai": "sk-Again7Lantern2Quarry9Meadow4", "remove": ["exa"]}, "save")
    client.submit(client.get("/onboarding/finish"), ANSWERS["finish"], "save")
    available = "//ul[@class='capabilities']/li[contains(., 'AI content')]/@class"
    assert client.get("/onboarding/summary").find(available) == ["is-ready"]
    damaged: list[bytes] = [b"", b"\x01", b"\x01abcd", b"\x01" + b"x" * 60, b"\xff" * 80]
    stored = sql(app, "SELECT ciphertext FROM api_keys")[0][0]
    assert isinstance(stored, bytes)
    damaged += [stored[:-1], stored[:9], stored[:5] + bytes(12) + stored[17:], stored + b"x"]
    for value in damaged:
        sql(app, "UPDATE api_keys SET ciphertext = :c", c=value)
        summary = client.get("/onboarding/summary")
        assert summary.find(available) == ["is-open"], value
        assert AGAIN in summary.source
        assert "cannot be opened" in client.get("/onboarding/api-keys").source


def test_checking_a_lost_key_asks_for_it(make_app: MakeApp, client: PageClient) -> None:
    page = client.get("/onboarding/api-keys")
    sent = page.form().filled({}, "save")
    sent["action"] = "check-openai"
    same = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    refused = client.post("/onboarding/api-keys", sent, 422, same)
    assert wrong_fields(refused) == {"openai"}
    assert AGAIN in refused.source


def test_a_ciphertext_of_any_shape_opens_or_says_that_it_cannot(app: Flask) -> None:
    with app.app_context():
        sealed = vault().seal("secret", "s", "openai")
        assert vault().open(sealed, "s", "openai") == "secret"
        assert vault().is_newest(sealed)
        for end in range(len(sealed)):
            with pytest.raises(CannotOpen):
                vault().open(sealed[:end], "s", "openai")
            broken = bytearray(sealed)
            broken[end] ^= 1
            with pytest.raises(CannotOpen):
                vault().open(bytes(broken), "s", "openai")
        other = Vault((bytes(range(32, 64)), bytes(range(32))))
        assert other.open(sealed, "s", "openai") == "secret", "an older key opens too"
        assert not other.is_newest(sealed)
