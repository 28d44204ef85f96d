"""A token holds or it does not, and the keys to tell by are there when they are needed."""

import base64
import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.jwks import AUDIENCE, ISSUER, KEY, JwksServer, encoded, jwks_server, new_key
from webapp.identity import keys as keys_module
from webapp.identity.jwt import TokenExpired, TokenRefused, verify
from webapp.identity.keys import APART_SECONDS, FRESH_SECONDS, JwksKeys, KeysAway, read_keys

ELLIPTIC = new_key("elliptic", "ES256")


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> Iterator[JwksServer]:
    """Publishes an RSA key and one of the curve P-256."""
    with jwks_server(KEY, ELLIPTIC) as running:
        yield running


def checked(server: JwksServer, token: str, keys: JwksKeys | None = None) -> str:
    """The user whom the token names."""
    return verify(token, keys or JwksKeys(server.url), ISSUER, AUDIENCE).user_id


def refused(server: JwksServer, token: str, keys: JwksKeys) -> bool:
    """Refused as one that does not hold, and not as one that has merely expired."""
    try:
        checked(server, token, keys)
    except TokenExpired:
        return False
    except TokenRefused:
        return True
    return False


# Which tokens hold.


def test_tokens_that_hold_name_their_user_whatever_the_name_is(server: JwksServer) -> None:
    keys = JwksKeys(server.url)
    names = [
        "user_2x",
        " two words ",
        "O'Brien; DROP TABLE--",
        '"',
        "日本語",
        "👩‍🚀" * 85,
        "\t\u202e",
        "x" * 255,
    ]
    for name in names:
        for key in (KEY, ELLIPTIC):
            assert checked(server, key.token(name), keys) == name
    assert checked(server, KEY.token(aud=AUDIENCE, azp="elsewhere"), keys) == "user_1"
    assert checked(server, KEY.token(aud=["other", AUDIENCE], azp=None), keys) == "user_1"
    moment = time.time()
    assert checked(server, KEY.token(exp=moment - 8), keys) == "user_1", "clocks differ a little"
    assert checked(server, KEY.token(nbf=moment + 8, iat=None), keys) == "user_1"
    assert server.fetches == 1


def test_tokens_that_do_not_hold_are_refused(server: JwksServer) -> None:
    keys = JwksKeys(server.url)
    moment = int(time.time())
    claims: list[dict[str, Any]] = [
        {"sub": None}, {"sub": ""}, {"sub": 5}, {"sub": "x" * 256}, {"sub": "a\0b"},
        {"sub": "lone \ud800"}, {"sub": ["user_1"]}, {"sub": True},
        {"iss": None}, {"iss": "https://evil.example"}, {"iss": [ISSUER]}, {"iss": 5},
        {"exp": None}, {"exp": "tomorrow"}, {"exp": True}, {"exp": [1]}, {"exp": float("nan")},
        {"exp": float("inf")}, {"exp": 10**400},
        {"nbf": None}, {"nbf": moment + 60}, {"nbf": "now"}, {"nbf": float("inf")},
        {"iat": moment + 600}, {"iat": "now"}, {"iat": float("nan")},
        {"azp": None}, {"azp": "https://evil.example"}, {"azp": [AUDIENCE]}, {"azp": 1},
        {"aud": "https://evil.example"}, {"aud": []}, {"aud": ""}, {"aud": {AUDIENCE: 1}},
        {"aud": [[AUDIENCE]]}, {"aud": 1},
    ]  # fmt: skip
    kept = [one for one in claims if not refused(server, KEY.token(**one), keys)]
    assert kept == []
    # The expiry of a token that does not hold anyway is no excuse for it.
    assert refused(server, KEY.token(exp=moment - 60, iss="https://evil.example"), keys)
    assert refused(server, KEY.token(exp=moment - 60, sub=""), keys)
    assert refused(server, KEY.token(exp=moment - 60, azp="other"), keys)


def test_an_expired_token_is_told_from_a_forged_one(server: JwksServer) -> None:
    keys = JwksKeys(server.url)
    for seconds in (11, 60, 86400 * 400):
        with pytest.raises(TokenExpired):
            checked(server, KEY.token(exp=int(time.time()) - seconds), keys)
    forged = new_key(KEY.kid)
    assert refused(server, forged.token(exp=int(time.time()) - 60), keys)


def test_only_the_algorithm_of_the_key_itself_is_taken(server: JwksServer) -> None:
    keys = JwksKeys(server.url)
    good = KEY.token()
    header, payload, signature = good.split(".")
    public = KEY.private.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    mac_head = encoded({"alg": "HS256", "kid": KEY.kid})
    mac = hmac.new(pem, f"{mac_head}.{payload}".encode(), hashlib.sha256).digest()
    tokens = [
        f"{encoded({'alg': 'none', 'kid': KEY.kid})}.{payload}.",
        f"{encoded({'alg': 'none'})}.{payload}.{signature}",
        f"{mac_head}.{payload}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}",
        KEY.token(headers={"alg": "RS512"}),
        KEY.token(headers={"alg": "PS256"}),
        KEY.token(headers={"kid": ELLIPTIC.kid}),
        ELLIPTIC.token(headers={"kid": KEY.kid}),
        new_key(KEY.kid).token(),
        new_key("unknown").token(),
        KEY.token(headers={"kid": None}),
        KEY.token(headers={"kid": 5}),
        KEY.token(headers={"crit": ["b64"], "b64": False}),
        f"{header}.{payload}.", f"{header}.{encoded({'sub': 'root'})}.{signature}",
        "", ".", "..", "a.b.c", "\0", "x" * 20_000, good + "x", good[:-2], "ä.ö.ü",
        encoded([1]) + f".{payload}.{signature}", f"{'[' * 5000}",
        f"{base64.urlsafe_b64encode(b'[' * 5000).decode()}.{payload}.{signature}",
    ]  # fmt: skip
    kept = [token[:60] for token in tokens if not refused(server, token, keys)]
    assert kept == []
    assert checked(server, good, keys) == "user_1"


def test_a_token_may_leave_its_key_out_where_there_is_one_key() -> None:
    with jwks_server() as single:
        assert checked(single, KEY.token(headers={"kid": None})) == "user_1"


# The keys.


def test_a_document_gives_only_keys_that_may_sign() -> None:
    good = KEY.public
    oct_key = {"kty": "oct", "kid": "shared", "k": "c2VjcmV0", "alg": "HS256"}
    others: list[Any] = [
        oct_key, good | {"use": "enc"}, good | {"alg": "RS512"}, good | {"kid": 5},
        good | {"n": "AQAB"}, good | {"n": "***"}, {"kty": "EC", "crv": "P-521"}, {"kty": "RSA"},
        ELLIPTIC.public | {"x": "AA"}, None, 5, [], "key",
    ]  # fmt: skip
    assert read_keys({"keys": others}) == []
    assert [key.key_id for key in read_keys({"keys": [*others, good]})] == [KEY.kid]
    for document in (None, [], {}, {"keys": None}, {"keys": {}}, "keys"):
        with pytest.raises(ValueError, match="no JWKS"):
            read_keys(document)


def test_keys_are_fetched_once_and_again_for_a_key_id_that_is_new(server: JwksServer) -> None:
    clock = Clock()
    keys = JwksKeys(server.url, clock)
    for _ in range(50):
        assert checked(server, KEY.token(), keys) == "user_1"
    assert server.fetches == 1
    rotated = new_key("second", "ES256")
    server.keys = [rotated]
    clock.now += APART_SECONDS
    assert checked(server, rotated.token(), keys) == "user_1"
    assert server.fetches == 2
    assert refused(server, KEY.token(), keys), "the key was withdrawn"


def test_random_key_ids_cause_no_flood(server: JwksServer) -> None:
    clock = Clock()
    keys = JwksKeys(server.url, clock)
    stranger = new_key("x", "ES256")
    for number in range(300):
        assert refused(server, stranger.token(headers={"kid": f"random-{number}"}), keys)
        clock.now += 0.1
    assert 3 <= server.fetches <= 5, "thirty seconds, one fetch in ten"
    assert checked(server, KEY.token(), keys) == "user_1"
    threads = []
    clock.now += APART_SECONDS
    before = server.fetches
    for number in range(20):
        token = stranger.token(headers={"kid": f"at once-{number}"})
        threads.append(threading.Thread(target=refused, args=(server, token, keys)))
        threads[-1].start()
    for thread in threads:
        thread.join(10)
    assert server.fetches == before + 1


def test_keys_once_read_outlast_their_server_and_are_renewed_beside_the_requests(
    server: JwksServer,
) -> None:
    clock = Clock()
    keys = JwksKeys(server.url, clock)
    checked(server, KEY.token(), keys)
    server.away = True
    for _ in range(5):
        clock.now += FRESH_SECONDS + 1
        assert checked(server, KEY.token(), keys) == "user_1"
        assert refused(server, new_key("new", "ES256").token(), keys)
    server.away = False
    server.keys = [ELLIPTIC]
    clock.now += FRESH_SECONDS + 1
    checked(server, KEY.token(), keys)  # the last time: the renewal begins
    assert _soon(lambda: refused(server, KEY.token(), keys))


def test_without_any_keys_nobody_is_called_a_forger(server: JwksServer) -> None:
    clock = Clock()
    keys = JwksKeys(server.url, clock)
    faulty = [
        (500, {}, b"oops"), (200, {}, b"not json"), (200, {}, b'{"keys": []}'), (200, {}, b"[]"),
        (302, {"Location": server.url}, b""), (200, {}, b" " * (keys_module.MOST_BYTES + 1)),
        (200, {}, b"[" * 100_000), (200, {"Content-Length": "-1"}, b"{}"),
    ]  # fmt: skip
    for number, answer in enumerate(faulty, start=1):
        server.answer = answer
        with pytest.raises(KeysAway):
            checked(server, KEY.token(), keys)
        assert server.fetches == number, "a redirect is not followed"
        clock.now += APART_SECONDS
    server.answer = None
    assert checked(server, KEY.token(), keys) == "user_1"


def test_a_server_that_drips_holds_nobody_for_long(
    server: JwksServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys_module, "FETCH_SECONDS", 0.4)
    server.drip.set()
    keys = JwksKeys(server.url)
    begun = time.monotonic()
    with pytest.raises(KeysAway):
        checked(server, KEY.token(), keys)
    assert time.monotonic() - begun < 3
    # The fetch itself is over as well: the next one is not kept from beginning.
    assert _soon(lambda: keys._running is None)


def _soon(condition: Callable[[], bool]) -> bool:
    for _ in range(100):
        if condition():
            return True
        time.sleep(0.05)
    return False
