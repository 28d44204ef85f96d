"""What is signed here is what Flask and Flask-WTF sign: cookies and pages outlive an upgrade."""

from typing import Any

import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import (
    BadData,
    BadSignature,
    SignatureExpired,
    Signer,
    TimestampSigner,
    URLSafeTimedSerializer,
)

from webapp.identity.anonymous import CookieInterface
from webapp.signing import signed

COOKIES: list[dict[str, Any]] = [
    {"_permanent": True, "csrf_token": "0123456789abcdef" * 2, "at": 1764195600, "long": None},
    {"sid": "5b0d9c1e-6f6b-4a4f-9d3e-0a8f5a0f3c11", "offer": 'ü " \\ {" t":[1]}', "b": False},
    {"_flashes": [("info", "Saved"), ("success", "x" * 900)], "left": ["id", None, "website", ""]},
    {" t": "a name that looks like a tag"},
    {"only": "one"},
    {},
]


@pytest.fixture
def bare() -> Flask:
    """An application of Flask's alone, with the same secret."""
    app = Flask("bare")
    app.secret_key = "a secret of this test"
    return app


@pytest.mark.parametrize("cookie", COOKIES)
def test_a_cookie_is_read_by_flask_and_flask_s_own_is_read(
    bare: Flask, cookie: dict[str, Any]
) -> None:
    ours, theirs = CookieInterface(), SecureCookieSessionInterface()
    with bare.app_context():
        one, other = (face.get_signing_serializer(bare) for face in (ours, theirs))
        assert one
        assert other
        for writer in (one, other):
            for reader in (one, other):
                assert reader.loads(writer.dumps(cookie), max_age=60) == cookie


def test_a_csrf_token_is_the_one_of_flask_wtf() -> None:
    theirs = URLSafeTimedSerializer("secret", salt="wtf-csrf-token")
    ours = signed("secret", "wtf-csrf-token")
    assert theirs.loads(ours.dumps("abc")) == ours.loads(theirs.dumps("abc")) == "abc"


def test_a_signature_is_good_for_its_secret_its_purpose_and_its_time_alone() -> None:
    ours = signed("secret", "one purpose")
    text = ours.dumps("value")
    payload, moment, signature = text.split(".")
    others = (
        signed("another secret", "one purpose"),
        signed("secret", "another purpose"),
        signed("secret", "one purpose", "hmac"),
    )
    for other in others:
        with pytest.raises(BadSignature):
            other.loads(text)
    for forged in (
        f"{payload}x.{moment}.{signature}", f"{payload}.{moment}.{signature[:-2]}",
        f"{payload}.{moment}A.{signature}", f"{payload}.{moment}.", payload, "", "..", "é.é.é",
    ):  # fmt: skip
        with pytest.raises(BadSignature):
            ours.loads(forged)
    with pytest.raises(SignatureExpired):
        ours.loads(text, max_age=-1)
    assert ours.loads(text, max_age=60) == "value"
    with pytest.raises(SignatureExpired):  # also of a text that was found good before
        ours.loads(text, max_age=-1)


def test_only_good_texts_are_kept_and_each_time_they_say_something_of_its_own() -> None:
    ours = signed("secret", "a purpose of its own")
    text = ours.dumps({"a": 1})
    for _ in range(2):
        with pytest.raises(BadSignature):
            ours.loads(text + "x")
    assert ours._opened.cache_info().currsize == 0
    for _ in range(2):
        found = ours.loads(text)
        assert found == {"a": 1}
        found["a"] = 2
    assert ours._opened.cache_info().hits == 1
    long = ours.dumps("x" * 2000)
    assert ours.loads(long) == "x" * 2000
    assert ours._opened.cache_info().currsize == 1


@pytest.mark.parametrize(
    "written",
    [
        b"%s", b"%s.", b".%s.aQ", b"not base64!.aQ", b"bm8gSlNPTg.aQ", b"%s.notbase64!",
        b"%s.AAAAAAAAAAAAAAAA", b"gICA.aQ",
    ],
)  # fmt: skip
def test_what_is_signed_and_makes_no_sense_gets_what_the_library_makes_of_it(
    written: bytes,
) -> None:
    theirs = URLSafeTimedSerializer("secret", salt="wtf-csrf-token")
    ours = signed("secret", "wtf-csrf-token")
    value = written.replace(b"%s", b"ImFiYyI")  # "abc" as JSON
    for text in (Signer.sign(theirs.make_signer(), value).decode(), value.decode()):
        for age in (None, 60):
            assert outcome(ours, text, age) == outcome(theirs, text, age)


def outcome(reader: URLSafeTimedSerializer, text: str, age: int | None) -> object:
    """What a reader makes of a text, or says of it."""
    try:
        return reader.loads(text, max_age=age)
    except BadData as error:
        return type(error), str(error)


def test_a_time_to_come_is_refused_where_an_age_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = signed("secret", "wtf-csrf-token")
    with monkeypatch.context() as later:
        later.setattr(TimestampSigner, "get_timestamp", lambda _: 2**33)
        text = ours.dumps("value")
        assert ours.loads(text, max_age=0) == "value"
    with pytest.raises(SignatureExpired):
        ours.loads(text, max_age=60)
    assert ours.loads(text) == "value"
