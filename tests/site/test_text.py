"""A page's bytes become its text; broken and hostile pages become what is there."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.site.conftest import sample
from tests.support.cpu import least_cpu
from webapp.site.text import MAX_CHARACTERS, PageText, decode, read_page

URL = "https://garden.example/blog/"
SENTENCE = "This is a sentence of prose that somebody wrote on a rainy day for others to read."


def read(html: str | bytes, kind: str = "text/html; charset=utf-8") -> PageText:
    return read_page(html.encode() if isinstance(html, str) else html, kind, URL)


def test_the_main_text_is_found_and_its_paragraphs_kept_apart() -> None:
    page = read(sample("easy_english"))
    assert len(page.paragraphs) == 8
    assert page.paragraphs[0].startswith("Do you want to grow your own food?")
    assert page.paragraphs[-1].endswith("Come by if you want some!")
    text = " ".join(page.paragraphs)
    for furniture in ("Home", "Privacy", "Subscribe", "©", "When things go wrong"):
        assert furniture not in text


def test_what_a_page_says_of_itself_is_read() -> None:
    page = read(sample("easy_english"))
    assert page.title == "Small garden, big joy: how to grow your own food"
    assert str(page.description).startswith("A friendly guide")
    assert page.html_lang == "en"
    assert [(h.level, h.text) for h in page.headings][:2] == [
        (1, "How to grow your own food in a small garden"),
        (2, "What should you plant first?"),
    ]
    assert page.feeds == ("https://garden.example/feed/",)
    assert page.canonical == "https://garden.example/"
    assert page.generator == "WordPress 6.8"
    assert page.social_preview == ("og:title",)
    assert "Subscribe to my garden letters" in page.calls
    assert dict(page.social_media) == {
        "instagram": "https://www.instagram.com/smallgarden",
        "youtube": "https://www.youtube.com/@smallgarden",
    }
    internal = {link.url for link in page.links if link.internal}
    assert "https://garden.example/about/" in internal
    assert not any("instagram" in url for url in internal)


@pytest.mark.parametrize(
    ("mark", "platform"),
    [
        ("<meta name=generator content='WordPress 6.8'>", "wordpress"),
        ("<link rel=stylesheet href='/wp-content/themes/a.css'>", "wordpress"),
        ("<link rel='https://api.w.org/' href='/wp-json/'>", "wordpress"),
        ("<meta name=generator content='Wix.com Website Builder'>", "wix"),
        ("<script src='https://static.parastorage.com/x.js'></script>", "wix"),
        ("<meta name=generator content='Ghost 6.0'>", "ghost"),
        ("<link rel=alternate type='application/rss+xml' href=/feed>", "rss"),
        ("<link rel=alternate type='application/atom+xml' href=/atom>", "rss"),
        ("<meta name='google-site-verification' content=x>", "gsc"),
        ("<meta name='msvalidate.01' content=x>", "bing"),
        ("<script src='https://www.googletagmanager.com/gtag/js?id=G-ABCD123456'></script>", "ga4"),
        ("<script>gtag('config', 'G-ABCD123456');</script>", "ga4"),
        ("<a href='https://www.linkedin.com/company/garden'>us</a>", "linkedin"),
        ("<a href='https://x.com/garden'>us</a>", "twitter"),
        ("<a href='https://facebook.com/garden'>us</a>", "facebook"),
    ],
)
def test_a_platform_is_known_by_its_mark(mark: str, platform: str) -> None:
    assert read(f"<html><head>{mark}</head><body><p>x</p></body></html>").platforms == (platform,)


@pytest.mark.parametrize(
    "mark",
    [
        "<p>We love WordPress, Wix, Ghost and G-ABCD123456.</p>",
        "<a href='https://twitter.com/intent/tweet?text=x'>Share</a>",
        "<a href='https://www.facebook.com/sharer/sharer.php?u=x'>Share</a>",
        "<a href='https://www.linkedin.com/shareArticle?url=x'>Share</a>",
        "<a href='https://www.youtube.com/watch?v=1'>A film</a>",
        "<a href='https://x.com.evil.example/garden'>x</a>",
        "<a href='https://notx.com/garden'>x</a>",
        "<script src='https://www.googletagmanager.com/gtag/js?id=UA-1234-1'></script>",
        "<link rel=alternate hreflang=de href=/de>",
    ],
)
def test_what_only_looks_like_a_mark_is_none(mark: str) -> None:
    assert read(f"<html><body>{mark}</body></html>").platforms == ()


def test_a_page_of_navigation_has_no_text() -> None:
    page = read(sample("navigation"))
    assert page.paragraphs == ()
    assert page.title == "Everything in one place"
    assert len(page.links) > 10
    assert page.logo_url == "https://garden.example/img/logo.png"


def test_a_broken_page_gives_what_is_there() -> None:
    text = " ".join(read(sample("broken")).paragraphs)
    assert "opens a bold word here and never closes it" in text
    assert "crosses its tags over each other" in text
    assert "ends the page" in text


def test_plain_text_works() -> None:
    page = read("First line\ngoes on.\n\nSecond <b>one</b>.", "text/plain; charset=utf-8")
    assert page.paragraphs == ("First line goes on.", "Second <b>one</b>.")
    assert page.title is None


def test_line_breaks_that_stand_for_paragraphs_are_paragraphs() -> None:
    page = read(f"<article><p>{SENTENCE}<br>\n<BR/>Another {SENTENCE}<br>Same one.</p></article>")
    assert page.paragraphs == (SENTENCE, f"Another {SENTENCE} Same one.")
    deep = read("<div>" * 200 + f"{SENTENCE}<br><br>Another {SENTENCE}")
    assert deep.paragraphs == (SENTENCE, f"Another {SENTENCE}")


@pytest.mark.parametrize(
    ("body", "kind", "text", "charset"),
    [
        ("größer".encode(), "text/html; charset=utf-8", "größer", "utf-8"),
        ("größer".encode("latin-1"), "text/html; charset=ISO-8859-1", "größer", "cp1252"),
        ("“größer” €".encode("cp1252"), "text/html; charset=latin1", "“größer” €", "cp1252"),
        ("größer".encode("utf-8-sig"), "text/html; charset=latin1", "größer", "utf-8"),
        ("größer".encode("utf-16"), "text/html", "größer", "utf-16-le"),
        ("größer".encode(), "text/html; charset=latin1", "größer", "utf-8"),
        ("größer".encode(), "text/html; charset=banana", "größer", "utf-8"),
        ("größer".encode(), "text/html; charset=unicode_escape", "größer", "utf-8"),
        ("größer".encode("latin-1"), "text/html", "größer", "cp1252"),
        (b"<meta charset=windows-1251>" + "слово".encode("cp1251"), "text/html", "слово", "cp1251"),
        (
            b"<meta http-equiv=content-type content='text/html; charset=shift_jis'>"
            + "日本".encode("shift_jis"),
            "text/html",
            "日本",
            "cp932",
        ),
        (b"<?xml version='1.0' encoding='koi8-r'?>" + "да".encode("koi8-r"), "", "да", "koi8-r"),
        (b"<meta charset=utf-16>" + "größer".encode(), "text/html", "größer", "utf-8"),
        ("größer ".encode() * 9 + b"\xff", "text/html", "größer \ufffd", "utf-8"),
        (b"gr\xf6\xdfer", "text/html; charset=utf-8", "größer", "cp1252"),
    ],
)
def test_the_charset_is_found(body: bytes, kind: str, text: str, charset: str) -> None:
    decoded, found = decode(body, kind)
    assert decoded.endswith(text)
    assert found == charset


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"\x00" * 1000,
        bytes(range(256)) * 400,
        b"<",
        b"<html",
        b"<!--",
        b"<?xml version='1.0' encoding='utf-8'?>",
        b"<html><head><title>" + b"x" * 5000,
        b"<base href='http://[::1'><a href='http://[::1'>x</a><a href='//'>y</a>",
        b"<frameset><frame src=x></frameset>",
        b"<svg><title>a</title></svg>",
    ],
)
def test_a_page_with_nothing_on_it_has_no_text(body: bytes) -> None:
    page = read(body)
    assert sum(len(paragraph) for paragraph in page.paragraphs) < 20
    assert len(page.title or "") <= 300


HOSTILE = {
    "deep divs": "<div>" * 5_000 + f"<p>{SENTENCE}",
    "deep bold": "<b>" * 100_000 + SENTENCE,
    "many elements": "<div><p>x <a href=/>y</a></p></div>" * 140_000,
    "five megabytes of prose": f"<p>{SENTENCE}</p>" * 55_000,
    "one long attribute": "<p a='" + "x" * 5_000_000 + "'>",
    "many attributes": "<p " + "a=1 " * 1_000_000 + ">",
    "many brackets": "<" * 4_000_000,
    "many metas": "<meta " * 700_000,
    "one line": "word " * 1_000_000,
    "many tables": "<table><tr><td>" * 60_000,
    "many entities": "&amp;&lt;&#x41;" * 300_000,
    "many lists": "<ul><li>" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_page_is_read_quickly_or_not_at_all(name: str) -> None:
    pages: list[PageText] = []
    assert least_cpu(lambda: pages.append(read("<html><body>" + HOSTILE[name])), 3) < 3
    page = pages[0]
    assert len(page.paragraphs) <= 3_000
    assert len(page.links) <= 1_000


def test_a_long_page_is_read_up_to_the_limit_and_says_so() -> None:
    page = read(f"<p>{SENTENCE}</p>" * (MAX_CHARACTERS // 80))
    assert page.truncated
    assert page.paragraphs[0] == SENTENCE


def test_a_long_page_without_a_body_tag_keeps_its_text() -> None:
    page = read(
        f"<!doctype html><title>T</title><nav>x</nav><main><p>{SENTENCE}</p></main>"
        + "<i></i>" * 9_000
    )
    assert page.paragraphs == (SENTENCE,)
    assert page.title == "T"


def test_list_items_of_menus_are_not_counted() -> None:
    page = read("<nav><ul><li>a<li>b</ul></nav><main><ul><li>c<li>d</ul></main><footer><li>e")
    assert page.list_items == 2


def test_unclosed_tags_do_not_hide_the_text() -> None:
    page = read("<html><body>" + "<div><font>" * 400 + f"<p>{SENTENCE}</p>")
    assert page.paragraphs == (SENTENCE,)


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=400), st.sampled_from(["text/html", "text/plain", "text/html; charset=x"])
)
def test_no_bytes_break_it(body: bytes, kind: str) -> None:
    read(body, kind)
    read(b"<p>" + body + b"</p><a href='" + body + b"'>", kind)
