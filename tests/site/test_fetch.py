"""The fetcher reaches public pages within its limits, and nothing else."""

import contextlib
import gzip
import ipaddress
import socket
import ssl
import threading
import time
import zlib
from dataclasses import replace

import pytest
import ssrfguard
from hypothesis import given
from hypothesis import strategies as st

from tests.site.conftest import Answer, LocalSite, html, redirect
from webapp.site.address import AddressError
from webapp.site.faults import SENTENCES
from webapp.site.fetch import FetchError, FetchPolicy, fetch, is_public

PUBLIC = ["93.184.216.34", "1.1.1.1", "8.8.8.8", "2606:2800:220:1::1", "2a00:1450:4001::8a"]

NOT_PUBLIC_ADDRESSES = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.254 100.100.100.200 127.0.0.1
127.255.255.254 168.63.129.16 169.254.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1
192.0.0.170 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.168.0.1 192.168.255.255
192.175.48.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255
240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::7f00:1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:8.8.8.8
::ffff:0:127.0.0.1 64:ff9b::127.0.0.1 64:ff9b::8.8.8.8 64:ff9b:1::1 100::1 2001::1
2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1::
2002:7f00:0001:: 2002:808:808::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%lo
febf::1 fec0::1 ff00::1 ff02::16 ff02::1 ff0e::1 4000::1
"""
NOT_PUBLIC = NOT_PUBLIC_ADDRESSES.split()


def refusal(
    url: str, policy: FetchPolicy, answers: list[str] | None = None, **options: object
) -> FetchError:
    """Fetch what must fail; `answers` is what every name resolves to."""
    with pytest.raises(FetchError) as refused:
        fetch(url, policy, resolver=lambda host, port: answers or [], **options)  # type: ignore[arg-type]
    assert refused.value.code in SENTENCES
    assert "{" not in refused.value.sentence
    return refused.value


# --- which addresses are public --------------------------------------------------------------


@pytest.mark.parametrize("ip", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_refused(ip: str) -> None:
    assert not is_public(ip)


@pytest.mark.parametrize("ip", PUBLIC)
def test_a_public_address_is_not_refused(ip: str) -> None:
    assert is_public(ip)
    assert ssrfguard.Policy().permits_address(ip)


@given(st.ip_addresses())
def test_we_never_allow_what_a_second_opinion_refuses(
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    assert ssrfguard.Policy().permits_address(str(ip)) or not is_public(str(ip))


# --- hostile addresses -----------------------------------------------------------------------

HOSTILE_ADDRESSES = """
http://127.0.0.1:{port}/ http://127.0.0.2:{port}/ http://127.255.255.254:{port}/
http://0.0.0.0:{port}/ http://10.0.0.1:{port}/ http://169.254.169.254:{port}/
http://192.168.1.1:{port}/ http://[::1]:{port}/ http://[::]:{port}/ http://[0:0:0:0:0:0:0:1]:{port}/
http://[::ffff:127.0.0.1]:{port}/ http://[::ffff:7f00:1]:{port}/ http://[::127.0.0.1]:{port}/
http://[64:ff9b::7f00:1]:{port}/ http://[2002:7f00:1::]:{port}/ http://[fe80::1]:{port}/
http://[fec0::1]:{port}/ http://[ff02::1]:{port}/ http://①②⑦.⓪.⓪.①:{port}/
http://１２７.０.０.１:{port}/ http://127。0。0。1:{port}/ http://127.0.0.1.:{port}/
http://127.1:{port}/ http://127.0.1:{port}/ http://2130706433:{port}/ http://0x7f000001:{port}/
http://0x7f.0.0.1:{port}/ http://0177.0.0.1:{port}/ http://017700000001:{port}/
http://00127.0.0.1:{port}/ http://127.0.0.0x1:{port}/ http://4294967297:{port}/
http://localhost:{port}/ http://LOCALHOST:{port}/ http://localhost.:{port}/
http://user@127.0.0.1:{port}/ http://example.com@127.0.0.1:{port}/
http://127.0.0.1:{port}@example.com/ http://127.0.0.1:{port}\\@example.com/
http://example.com\\@127.0.0.1:{port}/ http://[fe80::1%25lo]:{port}/ http://[::1]@127.0.0.1:{port}/
http://127.0.0.1:{port}#@example.com/ http://127.0.0.1:{port}?@example.com/
http:127.0.0.1:{port} http:/127.0.0.1:{port}/ http:///127.0.0.1:{port}/ ///127.0.0.1:{port}/
//127.0.0.1:{port}/ 127.0.0.1:{port} file:///etc/passwd ftp://127.0.0.1:{port}/
gopher://127.0.0.1:{port}/_GET dict://127.0.0.1:{port}/ ldap://127.0.0.1:{port}/
unix:///var/run/docker.sock http+unix://127.0.0.1:{port}/ javascript:fetch(1) data:text/html,x
http://%31%32%37.0.0.1:{port}/ http://127.0.0.1%00.example.com:{port}/
http://127.0.0.1%2eexample.com:{port}/ http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:{port}/ http://127.0.0.1:{port}%2f/
"""
HOSTILE_URLS = HOSTILE_ADDRESSES.split()


@pytest.mark.parametrize("url", HOSTILE_URLS)
def test_no_spelling_of_a_private_address_is_reached(url: str, sentinel: LocalSite) -> None:
    policy = FetchPolicy(ports=frozenset({80, 443, sentinel.port}), total_seconds=4)
    try:
        fetch(url.format(port=sentinel.port), policy)
    except (FetchError, AddressError) as refused:
        code = refused.code
    else:
        pytest.fail("it was fetched")
    assert code not in ("timed_out", "refused_connection", "broken_response", "tls_failed")


def test_the_battery_is_worth_its_name() -> None:
    assert len(HOSTILE_URLS) >= 60
    assert len(NOT_PUBLIC) >= 60


@pytest.mark.parametrize("ip", NOT_PUBLIC)
def test_a_name_that_resolves_to_it_is_refused(ip: str, sentinel: LocalSite) -> None:
    policy = FetchPolicy(ports=frozenset({sentinel.port}))
    refused = refusal(f"http://inner.example:{sentinel.port}/", policy, [ip])
    assert refused.sentence == "This address is on a private network."


def test_one_private_answer_among_public_ones_is_enough_to_refuse(sentinel: LocalSite) -> None:
    policy = FetchPolicy(ports=frozenset({sentinel.port}))
    answers = ["93.184.216.34", "127.0.0.1"]
    assert refusal(f"http://a.example:{sentinel.port}/", policy, answers).code == "private_address"


def test_a_name_is_looked_up_once(site: LocalSite, policy: FetchPolicy) -> None:
    site.answers["/"] = html("<p>Hello</p>")
    asked = []

    def resolver(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    allowed = replace(policy, allow=frozenset({f"rebinding.example:{site.port}"}))
    fetch(f"http://rebinding.example:{site.port}/", allowed, resolver=resolver)
    assert asked == ["rebinding.example"]


def test_an_allowed_pair_allows_nothing_beside_it(
    site: LocalSite, sentinel: LocalSite, policy: FetchPolicy
) -> None:
    site.answers["/"] = html("<p>Hello</p>")
    assert fetch(site.url(), policy).status == 200
    assert refusal(sentinel.url(), policy).code == "bad_port"
    any_port = replace(policy, ports=frozenset({sentinel.port}))
    assert refusal(sentinel.url(), any_port).code == "private_address"
    assert refusal(f"http://127.0.0.2:{site.port}/", policy).code == "bad_port"
    # Another name for the same place is another pair.
    other = f"http://other.example:{site.port}/"
    assert refusal(other, policy, ["127.0.0.1"]).code == "bad_port"


@pytest.mark.parametrize("port", [22, 25, 3306, 6379, 8000, 65535])
def test_a_port_that_websites_do_not_use_is_refused(port: int) -> None:
    refused = refusal(f"http://example.com:{port}/", FetchPolicy(), ["93.184.216.34"])
    assert refused.sentence == f"Port {port} is not one that websites use."


# --- redirects -------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 T", "308 P"])
def test_a_redirect_is_followed(status: str, site: LocalSite, policy: FetchPolicy) -> None:
    site.answers["/"] = redirect("next?x=1#part", status)
    site.answers["/next?x=1"] = html("<p>Here</p>")
    page = fetch(site.url(), policy)
    assert page.url == site.url("/next?x=1")
    assert page.redirects == (site.url(),)
    assert page.body == b"<p>Here</p>"


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:{port}/",
        "http://127.0.0.2:{port}/",
        "//127.0.0.1:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://169.254.169.254/latest/meta-data/",
        "http://inner.example:{port}/",
        "http://[::1]:{port}/",
    ],
)
def test_a_redirect_to_a_private_address_is_refused(
    target: str, site: LocalSite, sentinel: LocalSite, policy: FetchPolicy
) -> None:
    site.answers["/"] = redirect(target.format(port=sentinel.port))
    strict = replace(policy, ports=frozenset({80, 443, sentinel.port}))
    assert refusal(site.url(), strict, ["127.0.0.1"]).code == "private_address"


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("file:///etc/passwd", "bad_scheme"),
        ("ftp://example.com/", "bad_scheme"),
        ("javascript:alert(1)", "bad_scheme"),
        ("http://user:secret@example.com/", "bad_redirect"),
        ("http://exa mple.com/", "bad_redirect"),
        ("http://127.1/", "bad_redirect"),
        ("http://[::1", "bad_redirect"),
        ("", "broken_response"),
    ],
)
def test_a_redirect_to_nowhere_is_refused(
    target: str, code: str, site: LocalSite, policy: FetchPolicy
) -> None:
    site.answers["/"] = redirect(target)
    assert refusal(site.url(), policy).code == code


def test_redirects_in_a_circle_end(site: LocalSite, policy: FetchPolicy) -> None:
    site.answers["/"] = redirect("/other")
    site.answers["/other"] = redirect("/")
    refused = refusal(site.url(), policy)
    assert refused.sentence == "The site redirected more than 5 times."
    assert site.connections == 6


# --- time ------------------------------------------------------------------------------------


def drip(data: bytes, site: LocalSite) -> Answer:
    """Send byte by byte, each well within any timeout of a single read."""

    def answer(connection: socket.socket) -> None:
        for byte in data:
            connection.sendall(bytes([byte]))
            if site.wait(0.05):
                return

    return answer


def silence(site: LocalSite) -> Answer:
    def answer(connection: socket.socket) -> None:
        site.wait(5)

    return answer


def endless_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for _ in range(10_000):
        connection.sendall(b"X-More: " + b"y" * 200 + b"\r\n")


@pytest.mark.parametrize("kind", ["headers", "body", "chunks", "silence", "redirects", "hints"])
def test_the_deadline_holds_whatever_is_slow(
    kind: str, site: LocalSite, policy: FetchPolicy
) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"

    def slow_redirect(connection: socket.socket) -> None:
        site.wait(0.25)
        connection.sendall(redirect("/"))

    site.answers["/"] = {
        "headers": drip(head + b"X: " + b"y" * 300, site),
        "body": drip(head + b"Content-Length: 300\r\n\r\n" + b"z" * 300, site),
        "chunks": drip(head + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nz\r\n" * 60, site),
        "silence": silence(site),
        "redirects": slow_redirect,
        "hints": drip(b"HTTP/1.1 103 Early\r\n\r\n" * 30, site),
    }[kind]
    if kind == "body":  # headers at once, then the body slowly
        slow = drip(b"z" * 300, site)

        def body(connection: socket.socket) -> None:
            connection.sendall(head + b"Content-Length: 300\r\n\r\n")
            assert callable(slow)
            slow(connection)

        site.answers["/"] = body
    started = time.monotonic()
    refused = refusal(site.url(), replace(policy, total_seconds=0.6))
    assert time.monotonic() - started < 2
    assert refused.sentence == "The page took longer than 0.6 seconds."


def test_the_deadline_holds_against_a_slow_look_up(policy: FetchPolicy) -> None:
    released = threading.Event()

    def resolver(host: str, port: int) -> list[str]:
        released.wait(5)
        return ["93.184.216.34"]

    started = time.monotonic()
    with pytest.raises(FetchError, match=r"longer than 0\.3 seconds"):
        fetch("https://slow.example/", replace(policy, total_seconds=0.3), resolver=resolver)
    assert time.monotonic() - started < 2
    released.set()


def test_the_deadline_holds_against_a_slow_handshake(site: LocalSite, policy: FetchPolicy) -> None:
    def handshake(connection: socket.socket) -> None:
        # The head of a TLS record of 16 KB that arrives a byte at a time.
        connection.sendall(b"\x16\x03\x03\x40\x00")
        for _ in range(200):
            connection.sendall(b"\x02")
            if site.wait(0.05):
                return

    class Raw(LocalSite):
        def _serve(self, connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                handshake(connection)

    slow = Raw()
    try:
        url = f"https://{slow.pair}/"
        started = time.monotonic()
        hurried = replace(policy, allow=frozenset({slow.pair}), total_seconds=0.6)
        assert refusal(url, hurried).code == "timed_out"
        assert time.monotonic() - started < 2
    finally:
        slow.close()


# --- size ------------------------------------------------------------------------------------


def test_a_body_over_the_cap_is_refused(site: LocalSite, policy: FetchPolicy) -> None:
    site.answers["/honest"] = html(b"x" * 250_000)

    def lies(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
        for _ in range(100):
            connection.sendall(b"x" * 10_000)

    site.answers["/lies"] = lies
    for path in ("/honest", "/lies"):
        assert refusal(site.url(path), policy).code == "too_large"


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate"])
def test_a_small_body_that_unpacks_to_a_large_one_is_refused(
    coding: str, site: LocalSite, policy: FetchPolicy
) -> None:
    pack = zlib.compress if coding == "deflate" else gzip.compress
    bomb = pack(b"\0" * 20_000_000)
    assert len(bomb) < policy.max_body_bytes
    site.answers["/"] = html(bomb, f"Content-Encoding: {coding}")
    assert refusal(site.url(), policy).code == "too_large"


def test_a_bomb_of_many_gzip_members_is_refused(site: LocalSite, policy: FetchPolicy) -> None:
    site.answers["/"] = html(gzip.compress(b"\0" * 50_000, mtime=0) * 200, "Content-Encoding: gzip")
    assert refusal(site.url(), policy).code == "too_large"


def test_headers_without_end_are_refused(site: LocalSite, policy: FetchPolicy) -> None:
    site.answers["/"] = endless_headers
    assert refusal(site.url(), policy).code == "too_large"
    site.answers["/"] = html("", "X-Large: " + "y" * 9_000)
    assert refusal(site.url(), policy).code == "too_large"


def test_a_page_of_five_megabytes_is_read_with_the_usual_limits(site: LocalSite) -> None:
    body = b"<p>word</p>" * 480_000
    site.answers["/"] = html(body)
    page = fetch(site.url(), FetchPolicy(allow=frozenset({site.pair})))
    assert len(page.body) == len(body) > 5_000_000


# --- what is read ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        ("gzip", gzip.compress(b"<p>Hello</p>", mtime=0)),
        ("gzip", gzip.compress(b"<p>Hel", mtime=0) + gzip.compress(b"lo</p>", mtime=0)),
        ("gzip", gzip.compress(b"<p>Hello</p>", mtime=0) + b"\0\0\0"),
        ("deflate", zlib.compress(b"<p>Hello</p>")),
        ("deflate", zlib.compress(b"<p>Hello</p>", wbits=-15)),
        ("identity", b"<p>Hello</p>"),
    ],
)
def test_a_packed_body_is_unpacked(
    coding: str, data: bytes, site: LocalSite, policy: FetchPolicy
) -> None:
    site.answers["/"] = html(data, f"Content-Encoding: {coding}")
    assert fetch(site.url(), policy).body == b"<p>Hello</p>"


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        ("gzip", gzip.compress(b"<p>Hello</p>", mtime=0)[:-9]),
        ("gzip", b"this is not gzip"),
        ("deflate", b"\xff\xff\xff\xff"),
        ("br", b"x"),
        ("gzip, gzip", b"x"),
    ],
)
def test_a_body_that_does_not_unpack_is_refused(
    coding: str, data: bytes, site: LocalSite, policy: FetchPolicy
) -> None:
    site.answers["/"] = html(data, f"Content-Encoding: {coding}")
    assert refusal(site.url(), policy).code == "broken_response"


@pytest.mark.parametrize(
    "kind",
    ["application/pdf", "image/png", "application/json", "video/mp4", "text/css", "<b>/x", ""],
)
def test_what_is_not_a_page_of_text_is_refused(
    kind: str, site: LocalSite, policy: FetchPolicy
) -> None:
    site.answers["/"] = html("%PDF-1.7", kind=kind)
    refused = refusal(site.url(), policy)
    assert refused.code == "not_html"
    assert "<b>" not in refused.sentence


@pytest.mark.parametrize(
    "kind", ["text/html", "TEXT/HTML; charset=UTF-8", "application/xhtml+xml", "text/plain", ""]
)
def test_a_page_of_text_is_read(kind: str, site: LocalSite, policy: FetchPolicy) -> None:
    site.answers["/"] = html("<!doctype html><p>Hello</p>", kind=kind)
    assert fetch(site.url(), policy).body.endswith(b"<p>Hello</p>")


def test_the_headers_that_matter_are_kept(site: LocalSite, policy: FetchPolicy) -> None:
    site.answers["/"] = html("<p>x</p>", 'ETag: "v1"', "Set-Cookie: a=b", "Server: x")
    page = fetch(site.url(), policy)
    assert page.headers == {"etag": '"v1"'}
    assert page.charset == "utf-8"
    assert page.mime == "text/html"
    assert 0 <= page.elapsed < 4


def test_the_request_is_honest_and_bare(site: LocalSite, policy: FetchPolicy) -> None:
    site.answers["/"] = redirect("/b")
    site.answers["/b"] = html("<p>x</p>", "Set-Cookie: a=b")
    fetch(
        site.url(),
        replace(policy, user_agent="Größe\r\nX-Evil: 1"),
        headers={"If-None-Match": '"v1"', "Cookie": "a=b", "Authorization": "secret"},
    )
    request = site.requests[1].decode().lower()
    assert "user-agent: grex-evil: 1\r\n" in request
    assert f"host: {site.pair}\r\n" in request
    assert "accept-encoding: gzip\r\n" in request
    assert 'if-none-match: "v1"' in request
    assert "cookie" not in request
    assert "authorization" not in request
    assert "\r\nx-evil" not in request


def test_a_page_that_has_not_changed_is_told(site: LocalSite, policy: FetchPolicy) -> None:
    site.answers["/"] = b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n"
    page = fetch(site.url(), policy, headers={"If-None-Match": '"v1"'})
    assert (page.status, page.body) == (304, b"")
    assert refusal(site.url(), policy).status == 304


# --- what goes wrong -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("404 Whatever <b>", "The site answered with “404 Not Found”."),
        ("500 Oops", "The site answered with “500 Internal Server Error”."),
        ("599 Own", "The site answered with “599”."),
        ("300 Multiple Choices", "The site answered with “300 Multiple Choices”."),
    ],
)
def test_a_status_that_is_not_success_is_told(
    status: str, sentence: str, site: LocalSite, policy: FetchPolicy
) -> None:
    site.answers["/"] = html("<p>x</p>", status=status)
    refused = refusal(site.url(), policy)
    assert (refused.sentence, refused.status) == (sentence, int(status[:3]))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"hello, this is no HTTP\r\n\r\n",
        b"HTTP/1.1 banana\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: banana\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"\x16\x03\x01\x00\x05hello",
        bytes(range(256)) * 20,
    ],
)
def test_an_answer_that_is_no_answer_is_told(
    answer: bytes, site: LocalSite, policy: FetchPolicy
) -> None:
    site.answers["/"] = answer
    assert refusal(site.url(), policy).code == "broken_response"


def test_a_site_that_is_not_there_is_told(policy: FetchPolicy) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        pair = f"127.0.0.1:{closed.getsockname()[1]}"
    refused = refusal(f"http://{pair}/", replace(policy, allow=frozenset({pair})))
    assert refused.code == "refused_connection"


def test_a_name_that_nobody_has_is_told(policy: FetchPolicy) -> None:
    refused = refusal("https://münchen.example/", policy, [])
    assert "münchen.example" in refused.sentence

    def resolver(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(FetchError) as failed:
        fetch("https://nobody.example/", policy, resolver=resolver)
    assert failed.value.code == "dns_failed"


def test_a_second_address_is_tried_when_the_first_does_not_answer(
    site: LocalSite, policy: FetchPolicy
) -> None:
    site.answers["/"] = html("<p>Hello</p>")
    allowed = replace(policy, allow=frozenset({f"two.example:{site.port}"}))
    page = fetch(
        f"http://two.example:{site.port}/",
        allowed,
        resolver=lambda host, port: ["127.0.0.9", "127.0.0.1"],
    )
    assert page.status == 200


# --- TLS -------------------------------------------------------------------------------------


def test_a_server_that_speaks_no_tls_is_told(site: LocalSite, policy: FetchPolicy) -> None:
    def plain(connection: socket.socket) -> None:
        connection.sendall(html("<p>x</p>"))

    class Plain(LocalSite):
        def _serve(self, connection: socket.socket) -> None:
            with connection:
                connection.recv(1)
                plain(connection)

    server = Plain()
    try:
        allowed = replace(policy, allow=frozenset({server.pair}))
        assert refusal(f"https://{server.pair}/", allowed).code == "tls_failed"
    finally:
        server.close()


class TlsSite(LocalSite):
    """A site behind TLS, for one name, with a certificate of its own authority."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        self.asked_for: list[str | None] = []
        context.sni_callback = lambda wire, name, _: self.asked_for.append(name)
        super().__init__()

    def _serve(self, connection: socket.socket) -> None:
        try:
            wrapped = self.context.wrap_socket(connection, server_side=True)
        except OSError:
            connection.close()
            return
        super()._serve(wrapped)


def test_the_certificate_is_checked_on_the_name(
    policy: FetchPolicy, certificate: tuple[str, str]
) -> None:
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate[0])
    trusting = ssl.create_default_context(cafile=certificate[1])
    server = TlsSite(server_side)
    server.answers["/"] = html("<p>Secure</p>")
    try:
        good, bad = f"good.example:{server.port}", f"bad.example:{server.port}"
        allowed = replace(policy, allow=frozenset({good, bad}))

        def here(host: str, port: int) -> list[str]:
            return ["127.0.0.1"]

        page = fetch(f"https://{good}/", allowed, resolver=here, tls=trusting)
        assert page.body == b"<p>Secure</p>"
        assert server.asked_for == ["good.example"]
        # The same certificate under another name, and by an authority that nobody knows.
        assert refusal(f"https://{bad}/", allowed, ["127.0.0.1"], tls=trusting).code == "tls_failed"
        assert refusal(f"https://{good}/", allowed, ["127.0.0.1"]).code == "tls_failed"
    finally:
        server.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Paths of key and certificate for good.example, and of the authority to trust for it."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    def issue(
        subject: str, key: ec.EllipticCurvePrivateKey, is_authority: bool
    ) -> x509.Certificate:
        usage = {
            "digital_signature": True,
            "key_cert_sign": is_authority,
            "crl_sign": is_authority,
        } | dict.fromkeys(
            (
                "content_commitment",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "encipher_only",
                "decipher_only",
            ),
            False,
        )
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("authority.example"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.now(UTC) - timedelta(days=1))
            .not_valid_after(datetime.now(UTC) + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(subject)]), critical=False)
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
                critical=False,
            )
            .sign(authority_key, hashes.SHA256())
        )

    authority_key = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1())
    folder = tmp_path_factory.mktemp("tls")
    chain, authority = folder / "chain.pem", folder / "authority.pem"
    pem = serialization.Encoding.PEM
    authority.write_bytes(issue("authority.example", authority_key, True).public_bytes(pem))
    chain.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + issue("good.example", key, False).public_bytes(pem)
    )
    return str(chain), str(authority)
