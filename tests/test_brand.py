"""The operator's colour and logo: every colour can be read, no file can do harm."""

import re
import struct
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import MakeApp
from tests.support.pages import PageClient
from webapp import brand
from webapp.config import TOP, ConfigError

TOKENS = (TOP / "static" / "css" / "tokens.css").read_text()
SVG = (
    '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 40">'
    "<script>alert(1)</script></svg>"
)
PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", 300, 100, 8, 6, 0, 0, 0)


def rgb(text: str) -> brand.RGB:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_every_colour_becomes_one_that_can_be_read_by_day_and_by_night(colour: brand.RGB) -> None:
    sheet = brand.style_sheet("#{:02x}{:02x}{:02x}".format(*colour), TOKENS)
    tokens = dict(re.findall(r"--([\w-]+): light-dark\((#\w{6}, #\w{6})\)", TOKENS + sheet))
    for theme in (0, 1):
        paper, card, tint, accent, strong, on = (
            rgb(tokens[name].split(", ")[theme])
            for name in ("paper", "sheet", "tint", "accent", "accent-strong", "on-accent")
        )
        for text, ground in (
            *((accent, paper), (accent, card), (accent, tint)),
            *((strong, paper), (strong, card), (on, accent), (on, strong)),
        ):
            assert brand.contrast(text, ground) >= 4.5, (colour, theme, text, ground)


def test_a_colour_that_can_be_read_stays_as_it_is() -> None:
    sheet = brand.style_sheet("#9C1C5A")
    assert "--accent: #9c1c5a;" in sheet
    assert sheet.count("light-dark(#9c1c5a,") == 1
    assert "@media" not in sheet


def test_contrast_is_that_of_wcag() -> None:
    assert brand.contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert brand.contrast((119, 119, 119), (255, 255, 255)) == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("colour", ["red", "#abc", "#12345g", "#1234567", "2b4391", "#2b4391;}"])
def test_what_is_no_colour_stops_the_start_with_a_sentence(
    make_app: MakeApp, sqlite_url: str, colour: str
) -> None:
    with pytest.raises(ConfigError, match=r"BRAND_COLOUR is .*#2b4391"):
        make_app(sqlite_url, BRAND_COLOUR=colour)


def test_a_brand_is_on_every_page_and_kept_by_browsers(
    make_app: MakeApp, sqlite_url: str, tmp_path: Path
) -> None:
    logo = tmp_path / "logo.svg"
    logo.write_text(SVG)
    app = make_app(sqlite_url, BRAND_COLOUR="#e85d04", BRAND_LOGO=str(logo), APP_NAME="Inkwell")
    client = PageClient(app)
    page = client.get("/onboarding/")
    assert "Inkwell" in page.title
    (sheet,) = page.find("//link[@rel='stylesheet'][contains(@href, 'brand.css')]/@href")
    (image,) = page.find("//header//img")
    assert (image.get("width"), image.get("height"), image.get("alt")) == ("96", "32", "")
    for address, kind in ((sheet, "text/css"), (image.get("src"), "image/svg+xml")):
        answer = client.get(address).response
        assert answer.mimetype == kind
        cache = answer.headers["Cache-Control"]
        assert "max-age=31536000" in cache
        assert "immutable" in cache
        assert not {"no-store", "private", "no-cache"} & set(re.split(r"[,\s]+", cache))
        assert "Set-Cookie" not in answer.headers
        # Led to the file itself, a browser runs nothing that is in it.
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert "--accent: " in client.get(sheet).source
    assert "immutable" not in client.get("/brand.css").headers["Cache-Control"]
    assert "immutable" not in client.get("/brand.css?v=0").headers["Cache-Control"]


def test_without_a_brand_there_is_none(app: Flask) -> None:
    client = PageClient(app)
    page = client.get("/onboarding/")
    assert "/brand" not in page.source
    client.get("/brand.css", 404)
    client.get("/brand-logo", 404)


@pytest.mark.parametrize(
    ("content", "width"),
    [
        (PNG, 96),
        (SVG.encode(), 96),
        (b'<svg width="64px" height="32" xmlns="http://www.w3.org/2000/svg"/>', 64),
        (b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", 32),
        (b'<svg viewBox="0 0 9000 1" xmlns="http://www.w3.org/2000/svg"></svg>', 320),
        (b'<svg viewBox="0 0 0 0" xmlns="http://www.w3.org/2000/svg"></svg>', 32),
    ],
)
def test_a_logo_is_as_wide_as_its_picture_wants(tmp_path: Path, content: bytes, width: int) -> None:
    path = tmp_path / "logo"
    path.write_bytes(content)
    assert brand.read_logo(str(path)).width == width


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<html><body>no picture</body></html>", "neither an SVG nor a PNG"),
        (b"\xff\xd8\xff\xe0 a JPEG", "neither an SVG nor a PNG"),
        (b"", "neither an SVG nor a PNG"),
        (PNG + bytes(64 * 1024), "larger than 64 KB"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_no_logo_stops_the_start_with_a_sentence(
    make_app: MakeApp, sqlite_url: str, tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "logo.bin"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"BRAND_LOGO.*{said}"):
        make_app(sqlite_url, BRAND_LOGO=str(path))


def test_a_logo_on_another_host_is_refused(make_app: MakeApp, sqlite_url: str) -> None:
    with pytest.raises(ConfigError, match="BRAND_LOGO is an address"):
        make_app(sqlite_url, BRAND_LOGO="https://cdn.example/logo.svg")
