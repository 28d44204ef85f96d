"""What is too large or no text is refused with a sentence, on the pages and by the API, and never a
fault of ours."""

import gzip
import http.client
import json
import socket
from urllib.parse import unquote_to_bytes, urlsplit

import pytest

from tests.conftest import MakeApp, StartServer
from tests.journeys import walk
from tests.support.pages import Page, PageClient
from webapp import bounds

FORM = "application/x-www-form-urlencoded"
SAME_ORIGIN = walk.SAME_ORIGIN


@pytest.fixture
def inside(client: PageClient) -> PageClient:
    """A browser at the step of the website."""
    walk.walk(client, until="website")
    return client


@pytest.fixture
def anywhere(any_client: PageClient) -> PageClient:
    """The same on each database: PostgreSQL cannot store every character."""
    walk.walk(any_client, until="website")
    return any_client


def post(
    client: PageClient, body: bytes, status: int, kind: str = FORM, path: str = "", **headers: str
) -> Page:
    """Send bytes as they stand, marked as a page of ours would; the answer."""
    path = path or "/onboarding/website"
    named = {**SAME_ORIGIN, **{name.replace("_", "-"): value for name, value in headers.items()}}
    page = Page(path, client.flask.post(path, data=body, content_type=kind, headers=named))
    assert page.status == status, f"{page.status}, not {status}: {page.source[:1500]}"
    return page


def token(client: PageClient) -> bytes:
    return client.get("/onboarding/website").form().values()["csrf_token"].encode()


def test_what_is_no_text_is_refused_with_a_sentence_and_what_was_typed_comes_back(
    anywhere: PageClient,
) -> None:
    good = b"csrf_token=" + token(anywhere) + b"&has_website=no&industry=Baking&"
    for bad in (
        b"business_description=%FF%FE", b"business_description=\xff\xfe", b"%ff=x",
        b"business_description=%ED%A0%80", b"business_description=%C0%80", b"x=%F8%88%80%80%80",
    ):  # fmt: skip
        page = post(anywhere, good + bad, 400)
        assert "no UTF-8" in page.text("//main"), bad
        if b"%" in bad:  # as browsers write it
            assert page.form().values()["industry"] == "Baking"
        assert post(anywhere, good + bad, 400, Sec_Fetch_Site="cross-site").find("//form") == []
    # A character that cannot be stored is told beside the field where it stands ...
    page = post(anywhere, good + b"business_description=We+bake%00bread", 422)
    assert "business_description" in walk.wrong_fields(page)
    # ... and where nobody typed it, or where it is no field, for the whole.
    for bad in (b"page=%00", b"revision=%00", b"action=sa%00ve", b"a%00b=c"):
        assert "cannot be stored" in post(anywhere, good + bad, 400).text("//main"), bad
    # Nothing of all this was stored.
    page = anywhere.get("/onboarding/website")
    assert page.form().values()["industry"] == ""


def test_every_other_form_refuses_it_too(anywhere: PageClient) -> None:
    good = b"csrf_token=" + token(anywhere)
    for path in ("resume-link", "history", "reset", "resume-link/x/revoke", "resume/x", "start"):
        for bad in (b"&email=%00", b"&slug=%FF", b"&save=\x00"):
            page = post(anywhere, good + bad, 400, path=f"/onboarding/{path}")
            assert page.heading == "This request cannot be read"
    assert post(anywhere, good + b"&industry=%FF", 400, path="/onboarding/website/draft")


def test_addresses_headers_and_cookies_that_are_no_text_are_400(anywhere: PageClient) -> None:
    for path in (
        "/onboarding/%00", "/onboarding/%FF", "/onboarding/website/%00", "/%C0%80",
        "/onboarding/resume/%00", "/onboarding/resume-link/%00/revoke", "/static/%00",
        "/onboarding/website?x=%00", "/onboarding/?lang=%FF", "/api/onboarding/cleanup?hours=%00",
        "/api/%00", "/onboarding/website?%ED%A0%80=1",
    ):  # fmt: skip
        for method in ("GET", "POST"):
            parts = urlsplit(path)
            raw = {
                "PATH_INFO": unquote_to_bytes(parts.path).decode("latin-1"),
                "QUERY_STRING": parts.query,
            }
            answer = anywhere.flask.open(path, method=method, environ_overrides=raw)
            page = Page(path, answer)
            assert page.status == 400, f"{method} {path}: {page.status}"
            said = json.loads(page.source)["detail"] if "/api" in path else page.text("//main")
            assert "characters that cannot be read" in said or "cannot be stored" in said, path
    for name in ("Cookie", "Accept-Language", "User-Agent", "X-Onboarding-Session", "Origin",
                 "Authorization", "X-CSRFToken", "X-Forwarded-For", "If-None-Match"):  # fmt: skip
        for value in ("ÿþ", "x=\x01", '"', "=;=;;", "é" * 100, "\x7f", "%00", "0" * 5000):
            response = anywhere.flask.get("/onboarding/website", headers={name: value})
            assert response.status_code < 500, f"{name}: {value[:20]!r}"
            posted = anywhere.flask.post("/onboarding/website", headers={name: value})
            assert 400 <= posted.status_code < 500, f"{name}: {value[:20]!r}"


def test_what_is_too_much_is_refused_with_its_own_status(inside: PageClient) -> None:
    good = b"csrf_token=" + token(inside)
    page = post(inside, good + b"&x=y" * bounds.MAX_FIELDS, 413)
    assert page.heading == "That is too much at once"
    assert "more fields" in page.text("//main")
    post(inside, good + b"&x=y" * (bounds.MAX_FIELDS - 1), 422)
    post(inside, good + b"&" + b"n" * (bounds.MAX_NAME + 1) + b"=x", 413)
    post(inside, good + b"&business_goals=" + b"x" * (bounds.MAX_VALUE + 1), 413)
    post(inside, good + b"&business_goals=" + b"x" * bounds.MAX_BODY, 413)
    # What is too long for its field alone comes back to be shortened.
    page = post(inside, good + b"&has_website=no&business_goals=" + b"x" * 50_000, 422)
    assert len(page.form().values()["business_goals"]) == 50_000
    page = Page("/", inside.flask.get("/onboarding/website?" + "x" * bounds.MAX_ADDRESS))
    assert (page.status, page.heading) == (414, "This address is too long")
    page = Page("/", inside.flask.get("/onboarding/", headers={"X-Long": "x" * 40_000}))
    assert (page.status, page.heading) == (431, "Too much came along")
    many = {f"X-{n}": "x" * 90 for n in range(400)}
    assert inside.flask.get("/onboarding/", headers=many).status_code == 431


def test_bodies_in_other_clothes(inside: PageClient) -> None:
    plain = b"csrf_token=" + token(inside) + b"&has_website=no&business_description=We+bake+bread."
    page = post(inside, gzip.compress(plain), 415, Content_Encoding="gzip")
    assert "Send it as it is" in page.text("//main")
    for kind in ("text/plain", "application/octet-stream", "", "x", f"{FORM}x"):
        post(inside, plain, 400, kind=kind)
    # Whatever charset is claimed, forms are UTF-8.
    post(inside, plain + b"&industry=%E9", 400, kind=f"{FORM}; charset=iso-8859-1")
    for body in (b"", b"&", b"=", b"&&&===", b"%", b"%u0041=%zz&csrf_token", b"\xff" * 3):
        post(inside, body, 400)
    assert post(inside, plain, 303, kind=f"{FORM}; charset=utf-8").location.endswith("/research")


def test_multipart_forms_are_held_to_the_same(inside: PageClient) -> None:
    def parts(*pairs: tuple[str, bytes]) -> bytes:
        head = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
        return b"".join(head % (name.encode(), value) for name, value in pairs) + b"--b--\r\n"

    kind = "multipart/form-data; boundary=b"
    good = (("csrf_token", token(inside)), ("has_website", b"no"))
    post(inside, parts(*good, ("industry", b"\xff")), 400, kind=kind)
    post(inside, parts(*good, ("revision", b"\0")), 400, kind=kind)
    page = post(inside, parts(*good, ("business_description", b"We bake\0bread")), 422, kind=kind)
    assert "business_description" in walk.wrong_fields(page)
    post(inside, parts(*good, *[("x", b"y")] * bounds.MAX_FIELDS), 413, kind=kind)
    post(inside, parts(*good, ("n" * 200, b"y")), 413, kind=kind)
    upload = b'--b\r\nContent-Disposition: form-data; name="industry"; filename="a.txt"\r\n\r\nx'
    for whole in (upload, upload + b"\r\n--b--", parts(*good) + upload):
        assert "No file" in post(inside, whole, 415, kind=kind).text("//main")
    for body in (b"", b"--b", b"--b--", b"--b\r\n\r\n", parts(*good)[:-20], b"\0"):
        post(inside, body, 400, kind=kind)
    for odd in ("multipart/form-data", "multipart/form-data; boundary=", f"{kind}; boundary=c",
                "multipart/form-data; boundary=" + "x" * 300):  # fmt: skip
        post(inside, parts(*good), 400, kind=odd)
    said = (("business_description", b"We bake bread."), ("industry", "Bäckerei 🥖".encode()))
    assert post(inside, parts(*good, *said), 303, kind=kind).location.endswith("/research")
    stored = inside.get("/onboarding/website").form().values()
    assert stored["industry"] == "Bäckerei 🥖"


def test_of_a_field_that_is_sent_twice_the_first_counts(inside: PageClient) -> None:
    good = b"csrf_token=" + token(inside) + b"&csrf_token=x&has_website=no&has_website=yes"
    both = b"&business_description=We+bake+bread.&business_description=x&action=later&action=skip"
    assert post(inside, good + both, 303).location == "/onboarding/website"
    kept = inside.get("/onboarding/website").form().values()
    assert kept["business_description"] == "We bake bread."
    assert kept["has_website"] == "no"


def test_the_api_is_told_in_problem_documents(make_app: MakeApp, sqlite_url: str) -> None:
    client = make_app(sqlite_url, CLEANUP_TOKEN="broom").test_client()
    path = "/api/onboarding/cleanup"
    for status, kind, body in (
        (400, "application/json", b'{"a": "\xff"}'), (400, "application/json", b'{"a": "\0"}'),
        (400, FORM, b"a=%FF"), (413, "application/json", b"x" * (bounds.MAX_BODY + 1)),
        (413, FORM, b"a=b&" * 300),
    ):  # fmt: skip
        response = client.post(path, data=body, content_type=kind)
        assert response.status_code == status, body[:20]
        assert response.mimetype == "application/problem+json"
        assert response.json
        assert response.json["status"] == status
        assert response.json["detail"]
    response = client.post(path, data=b"x", headers={"Content-Encoding": "br"})
    assert response.status_code == 415


# Over the wire: what the server in front of the application does.


def test_the_server_refuses_what_never_reaches_the_application(
    start_server: StartServer, sqlite_url: str
) -> None:
    server = start_server(sqlite_url, workers=1)
    host, port = urlsplit(server.url).netloc.split(":")

    def raw(data: bytes) -> tuple[int, bytes]:
        with socket.create_connection((host, int(port)), 10) as wire:
            wire.sendall(data)
            answer = http.client.HTTPResponse(wire)
            answer.begin()
            return answer.status, answer.read()

    us = b"Host: localhost\r\nConnection: close\r\n"
    get = b"GET /onboarding/ HTTP/1.1\r\n"
    assert raw(get + us + b"\r\n")[0] == 200
    # Hosts: none, empty, two, and an address in full, whose own host counts for nothing.
    closing = b"Connection: close\r\n\r\n"
    assert raw(get + closing)[0] == 400
    assert raw(get + b"Host:\r\n" + closing)[0] == 400
    assert raw(get + b"Host: localhost\r\nHost: evil.example\r\n" + closing)[0] == 400
    absolute = b"GET http://localhost/onboarding/ HTTP/1.1\r\n"
    assert raw(absolute + b"Host: evil.example\r\n" + closing)[0] == 400
    status, body = raw(absolute.replace(b"localhost", b"evil.example") + us + b"\r\n")
    assert status in (200, 400)
    assert b"evil" not in body
    # Pages come compressed to whom asks for it, by a header of any case.
    status, body = raw(get + us + b"ACCEPT-encoding: gzip, br\r\n\r\n")
    assert gzip.decompress(body).rstrip().endswith(b"</html>")
    # Headers and addresses.
    assert raw(get + us + b"X: " + b"x" * 40_000 + b"\r\n\r\n")[0] == 431
    assert raw(get + us + b"X: " + b"x" * 100_000 + b"\r\n\r\n")[0] == 431
    assert raw(get + us + b"".join(b"X-%d: x\r\n" % n for n in range(150)) + b"\r\n")[0] == 431
    assert raw(b"GET /?" + b"x" * 9_000 + b" HTTP/1.1\r\n" + us + b"\r\n")[0] == 414
    assert raw(get + us + b"X: a\0b\r\n\r\n")[0] == 400
    assert raw(b"GET /\xff HTTP/1.1\r\n" + us + b"\r\n")[0] == 400
    assert raw(get + us + b"Cookie: onward=\xff\r\n\r\n")[0] == 200
    # Bodies in pieces, without a length.
    chunked = b"Content-Type: " + FORM.encode() + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
    start = b"POST /onboarding/start HTTP/1.1\r\n" + us + chunked
    assert raw(start + b"3\r\nx=y\r\n0\r\n\r\n")[0] == 400  # no token, but it was read
    piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    assert raw(start + piece * 5 + b"0\r\n\r\n")[0] == 413
    # Who keeps the connection is told that it closes after a body that nobody read.
    kept = http.client.HTTPConnection(host, int(port), timeout=10)
    for path, status in (("/api/onboarding/start", 413), ("/healthz", 200)):
        body = '"' + "x" * 400_000 + '"' if status == 413 else None
        kept.request("POST" if body else "GET", path, body, {"Content-Type": "application/json"})
        answer = kept.getresponse()
        assert (answer.status, answer.will_close) == (status, status == 413)
        answer.read()
    kept.close()
    assert raw(get + us + b"\r\n")[0] == 200
    assert "Traceback" not in server.output()
