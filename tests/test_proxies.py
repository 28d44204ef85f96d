"""Only what a trusted proxy says of a client is believed."""

from ipaddress import ip_network

import pytest
from flask import Flask, jsonify, request

from tests.conftest import MakeApp
from webapp.proxies import TrustedProxies, parse

PROXIES = "10.0.0.0/8, 2001:db8:ffff::/48"


@pytest.fixture
def proxied(make_app: MakeApp, sqlite_url: str) -> Flask:
    """An application behind two proxies, with a page that tells whom it sees."""
    app = make_app(sqlite_url, TRUSTED_PROXIES=PROXIES, PUBLIC_URL="https://start.example.com")
    app.add_url_rule(
        "/seen", view_func=lambda: jsonify(request.remote_addr, request.scheme, request.host)
    )
    return app


def seen(app: Flask, peer: str, **headers: str) -> list[str]:
    """Address, scheme and host of a request from `peer`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named.setdefault("Host", "start.example.com")
    response = app.test_client().get("/seen", environ_base={"REMOTE_ADDR": peer}, headers=named)
    assert response.status_code == 200, response.data
    return list(response.get_json())


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("10.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "198.51.100.9, 192.0.2.1", "192.0.2.1"),  # the left one anybody can write
        ("10.0.0.1", "198.51.100.9, 192.0.2.1, 10.0.0.2", "192.0.2.1"),
        ("10.0.0.1", "192.0.2.1, 203.0.113.4, 10.0.0.2", "203.0.113.4"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),  # all of them trusted: the farthest
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.1, _hidden", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.1, , 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "192.0.2.1:4711", "192.0.2.1"),
        ("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("10.0.0.1", "2001:db8::1, 2001:db8:ffff::7", "2001:db8::1"),
        ("2001:db8:ffff::1", "192.0.2.1", "192.0.2.1"),
        ("::ffff:10.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "::ffff:192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "192.0.2.1\t", "192.0.2.1"),
        ("10.0.0.1", "192.0.2.1; drop table", "10.0.0.1"),
        ("10.0.0.1", "0300.0.2.1", "10.0.0.1"),
        ("10.0.0.1", "fe80::1%eth0", "10.0.0.1"),
        ("203.0.113.5", "192.0.2.1", "203.0.113.5"),
        ("203.0.113.5", "10.0.0.1", "203.0.113.5"),
    ],
)
def test_the_client_is_the_first_one_from_the_right_that_is_no_trusted_proxy(
    proxied: Flask, peer: str, forwarded_for: str, client: str
) -> None:
    assert seen(proxied, peer, X_Forwarded_For=forwarded_for)[0] == client


def test_scheme_and_host_are_a_trusted_proxy_s_word_alone(proxied: Flask) -> None:
    told = {"X_Forwarded_Proto": "https", "X_Forwarded_Host": "start.example.com"}
    inner = {**told, "Host": "app.internal:8000"}
    assert seen(proxied, "10.0.0.1", **inner)[1:] == ["https", "start.example.com"]
    assert seen(proxied, "203.0.113.5", **told)[1:] == ["http", "start.example.com"]
    for word in ("ftp", "HTTPS://", "https\x01", "", "javascript"):
        assert seen(proxied, "10.0.0.1", X_Forwarded_Proto=word)[1] == "http", word
    spoofed = {"X_Forwarded_Proto": "https, http", "X_Forwarded_For": "192.0.2.1"}
    assert seen(proxied, "10.0.0.1", **spoofed)[1] == "http", "the left one anybody can write"
    two = {"X_Forwarded_Proto": "https, http", "X_Forwarded_For": "192.0.2.1, 10.0.0.2"}
    assert seen(proxied, "10.0.0.1", **two)[1] == "https", "what the outer proxy saw"


def test_a_forwarded_host_is_held_to_the_same_rule_as_any_host(proxied: Flask) -> None:
    client = proxied.test_client()
    for peer, status in (("10.0.0.1", 400), ("203.0.113.5", 200)):
        headers = {"Host": "start.example.com", "X-Forwarded-Host": "evil.example"}
        response = client.get("/seen", headers=headers, environ_base={"REMOTE_ADDR": peer})
        assert response.status_code == status, peer


def test_what_is_known_of_one_client_is_not_taken_for_another_s(proxied: Flask) -> None:
    for _ in range(2):
        for client in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
            assert seen(proxied, "10.0.0.1", X_Forwarded_For=client)[0] == client
            assert seen(proxied, "203.0.113.5", X_Forwarded_For=client)[0] == "203.0.113.5"
    long = ", ".join(["198.51.100.9"] * 100 + ["192.0.2.1", "10.0.0.2"])
    assert seen(proxied, "10.0.0.1", X_Forwarded_For=long)[0] == "192.0.2.1"


def test_without_trusted_proxies_nobody_is_believed(app: Flask) -> None:
    app.add_url_rule("/seen", view_func=lambda: jsonify(request.remote_addr, request.scheme))
    headers = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}
    response = app.test_client().get("/seen", headers=headers)
    assert response.get_json() == ["127.0.0.1", "http"]


def test_headers_of_that_kind_reach_nothing_behind() -> None:
    passed = {}

    def inner(environ: dict[str, object], _start: object) -> list[bytes]:
        passed.update(environ)
        return []

    names = ("FORWARDED", "X_FORWARDED_FOR", "X_FORWARDED_PREFIX", "X_FORWARDED_PORT", "X_REAL_IP")
    environ = {f"HTTP_{name}": "x" for name in names} | {"REMOTE_ADDR": "10.0.0.1"}
    TrustedProxies(inner, [ip_network("10.0.0.0/8")])(environ, lambda *_: print)  # type: ignore[arg-type, return-value]
    assert passed == {"REMOTE_ADDR": "10.0.0.1"}


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "localhost", "1.2.3", "1.2.3.4.5", "1.2.3.4:", "1.2.3.4:x", "1.2.3.4:99999",
        "[::1", "[::1]x", "[::1]:99999", "::1]", "[1.2.3.4]:5:6", "1.2.3.4/8", "²01.2.3.4",
        "1.2.3.4:²", "[]", ":80", "1" * 5000, ":" * 5000,
    ],
)  # fmt: skip
def test_what_is_no_address_is_none(text: str) -> None:
    assert parse(text) is None
