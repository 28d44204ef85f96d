"""Pages, style sheets, scripts and JSON go over the wire as gzip; what is tiny stays as it is."""

import gzip

import pytest
from flask import Flask, Response

from tests.support.pages import PageClient
from webapp import compress

GZIP = {"Accept-Encoding": "gzip, deflate, br, zstd"}


def test_pages_are_a_fraction_of_their_size_and_the_same(client: PageClient) -> None:
    for path, status in (("/onboarding/", 200), ("/nowhere", 404)):
        small = client.flask.get(path, headers=GZIP)
        assert small.status_code == status
        assert small.headers["Content-Encoding"] == "gzip"
        assert "Accept-Encoding" in small.headers["Vary"]
        assert int(small.headers["Content-Length"]) == len(small.data)
        plain = client.flask.get(path)
        assert "Content-Encoding" not in plain.headers
        assert "Accept-Encoding" in plain.headers["Vary"]
        assert len(small.data) < len(plain.data) * 0.6
        page = gzip.decompress(small.data)
        assert page.strip().startswith(b"<!doctype html>")
        assert page.strip().endswith(b"</html>")


@pytest.mark.parametrize(
    ("accepted", "wanted"),
    [
        ("gzip", True), ("br;q=1.0, gzip;q=0.8", True), ("*", True), ("GZIP", True),
        ("", False), ("identity", False), ("gzip;q=0", False), ("br", False), ("*;q=0", False),
        ("identity;q=1, gzip;q=0.5", False), ("gzip;q=x", False), ("\x01,;=", False),
    ],
)  # fmt: skip
def test_it_is_what_the_browser_asks_for(client: PageClient, accepted: str, wanted: bool) -> None:
    response = client.flask.get("/onboarding/", headers={"Accept-Encoding": accepted})
    assert response.status_code == 200
    assert (response.headers.get("Content-Encoding") == "gzip") is wanted


def test_a_file_is_kept_once_under_whatever_address(client: PageClient) -> None:
    """Or made-up addresses would fill the memory."""
    compress._static.clear()
    for detours in range(3):
        path = "/static/" + detours * "./" + "css/app.css"
        answer = client.flask.get(path, headers=GZIP, buffered=True)
        assert answer.status_code == 200
    assert list(compress._static) == ["/static/css/app.css"]


def test_static_files_are_compressed_once_and_known_again(client: PageClient) -> None:
    (address,) = client.get("/onboarding/").find("//link[contains(@href, 'app.css')]/@href")
    plain = client.flask.get(str(address), buffered=True)
    for _ in range(2):
        small = client.flask.get(str(address), headers=GZIP, buffered=True)
        assert gzip.decompress(small.data) == plain.data
        assert small.headers["Content-Type"].startswith("text/css")
    assert small.headers["ETag"].startswith("W/"), "other bytes, another strong tag"
    assert "immutable" in small.headers["Cache-Control"]
    for tag in (small.headers["ETag"], plain.headers["ETag"]):
        known = {**GZIP, "If-None-Match": tag}
        again = client.flask.get(str(address), headers=known, buffered=True)
        assert (again.status_code, again.data) == (304, b"")
    head = client.flask.head(str(address), headers=GZIP, buffered=True)
    assert (head.status_code, head.data) == (200, b"")
    ranged = {**GZIP, "Range": "bytes=0-99"}
    part = client.flask.get(str(address), headers=ranged, buffered=True)
    assert "Content-Encoding" not in part.headers
    assert plain.data.startswith(part.data)


def test_what_is_tiny_encoded_already_or_no_text_stays_as_it_is(app: Flask) -> None:
    long = b"x" * 5000
    answers = {
        "tiny": Response(b"x" * 300, mimetype="text/plain"),
        "picture": Response(long, mimetype="image/png"),
        "encoded": Response(gzip.compress(long), headers={"Content-Encoding": "gzip"}),
        "stream": Response(iter([long]), mimetype="text/plain"),
        "none": Response(status=204),
        "problem": Response(long, mimetype="application/problem+json"),
    }
    for name in answers:
        app.add_url_rule(f"/{name}", endpoint=name, view_func=lambda n=name: answers[n])
    client = app.test_client()
    got = {name: client.get(f"/{name}", headers=GZIP) for name in answers}
    assert got["tiny"].data == b"x" * 300
    assert got["picture"].data == got["stream"].data == long
    assert gzip.decompress(got["encoded"].data) == long
    assert got["none"].status_code == 204
    assert gzip.decompress(got["problem"].data) == long
    assert [n for n in answers if got[n].headers.get("Content-Encoding")] == ["encoded", "problem"]
