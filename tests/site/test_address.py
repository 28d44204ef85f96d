"""What people type becomes one address, or a sentence that says why not."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.site.address import (
    AddressError,
    comparable,
    display,
    join,
    normalise,
    spellings,
    split,
)

TYPED = {
    "example.com": "https://example.com/",
    " HTTPS://Example.COM/ ": "https://example.com/",
    "http://example.com": "http://example.com/",
    "https://example.com:443/": "https://example.com/",
    "http://example.com:80/a": "http://example.com/a",
    "example.com:80": "http://example.com/",
    "example.com:8443/x": "https://example.com:8443/x",
    "//example.com/x": "https://example.com/x",
    "example.com.": "https://example.com/",
    "example.com?q=1": "https://example.com/?q=1",
    "example.com/a b": "https://example.com/a%20b",
    "example.com/a/../b/./c#part": "https://example.com/b/c",
    "example.com/../../etc": "https://example.com/etc",
    "example.com/%7euser/%e4": "https://example.com/%7Euser/%E4",
    "example.com/100%": "https://example.com/100%25",
    "example.com/a@b": "https://example.com/a@b",
    "example.com/?u=http://other.com/": "https://example.com/?u=http://other.com/",
    "münchen.de": "https://xn--mnchen-3ya.de/",
    "MÜNCHEN.de/straße": "https://xn--mnchen-3ya.de/stra%C3%9Fe",
    "faß.de": "https://xn--fa-hia.de/",
    "例え.jp": "https://xn--r8jz45g.jp/",
    "example。com": "https://example.com/",
    "my_blog.example.com": "https://my_blog.example.com/",
    "r3---sn-abc.example.com": "https://r3---sn-abc.example.com/",
    "https://93.184.216.34/": "https://93.184.216.34/",
    "https://[2606:2800:0220::1]/": "https://[2606:2800:220::1]/",
    "\ufeffexample.com\n": "https://example.com/",
}

REFUSED = {
    "": "empty",
    "   ": "empty",
    "example": "no_dot",
    "localhost": "no_dot",
    "http://localhost:8000/": "no_dot",
    "2130706433": "no_dot",
    "http://0x7f000001/": "no_dot",
    "http://127.1/": "bad_host",
    "http://0x7f.0.0.1/": "bad_host",
    "http://0177.0.0.1/": "bad_host",
    "http://127.0.0.01/": "bad_host",
    "http://1.2.3.4.5/": "bad_host",
    "http://256.1.1.1/": "bad_host",
    "ftp://example.com": "bad_scheme",
    "file:///etc/passwd": "bad_scheme",
    "javascript:alert(1)": "bad_scheme",
    "mailto:me@example.com": "bad_scheme",
    "data:text/html,hello": "bad_scheme",
    "gopher://example.com:70/": "bad_scheme",
    "https://me:secret@example.com/": "credentials",
    "me@example.com": "credentials",
    "https://example.com@evil.example/": "credentials",
    "https://": "no_host",
    "https:///path": "no_host",
    "https://:80/": "no_host",
    "https://exa mple.com/": "bad_host",
    "https://example..com/": "bad_host",
    "https://-example.com/": "bad_host",
    "https://example.com\\@evil.example/": "credentials",
    "https://example.com\\evil.example/": "bad_host",
    "https://ex%61mple.com/": "bad_host",
    "https://exa<mple.com/": "bad_host",
    f"https://{'a' * 64}.com/": "bad_host",
    f"https://{'a.' * 130}com/": "bad_host",
    "https://xn--a.com/": "bad_host",
    "https://[::1": "bad_host",
    "https://[fe80::1%eth0]/": "bad_host",
    "https://[::1]x/": "bad_host",
    "https://[v1.a]/": "bad_host",
    "https://example.com:0/": "bad_port",
    "https://example.com:65536/": "bad_port",
    "https://example.com:8x/": "bad_port",
    "https://example.com:８０/": "bad_port",
    "https://example.com/\x00": "control_characters",
    "https://exam\tple.com/": "control_characters",
    "https://example.com/a\r\nHost: evil": "control_characters",
    "https://example.com/\u202egpj.exe": "control_characters",
    "https://example.com/\ud800": "control_characters",
    "https://example.com/" + "a" * 500: "too_long",
    "https://example.com/" + "é" * 200: "too_long",
}


@pytest.mark.parametrize(("typed", "canonical"), TYPED.items())
def test_what_is_typed_becomes_one_address(typed: str, canonical: str) -> None:
    assert normalise(typed) == canonical
    assert normalise(canonical) == canonical


@pytest.mark.parametrize(("typed", "code"), REFUSED.items())
def test_what_is_no_address_is_refused_with_a_sentence(typed: str, code: str) -> None:
    with pytest.raises(AddressError) as refused:
        normalise(typed)
    assert refused.value.code == code
    assert refused.value.sentence.endswith(".")
    assert "{" not in refused.value.sentence


def test_an_allowed_pair_needs_no_dot() -> None:
    assert normalise("http://localhost:8000", {"localhost:8000"}) == "http://localhost:8000/"
    with pytest.raises(AddressError):
        normalise("http://localhost:8001", {"localhost:8000"})


@pytest.mark.parametrize(
    ("canonical", "shown"),
    [
        ("https://xn--mnchen-3ya.de/", "https://münchen.de"),
        ("https://xn--mnchen-3ya.de:8443/x", "https://münchen.de:8443/x"),
        ("https://[::1]/", "https://[::1]"),
        ("https://r3---sn.example.com/", "https://r3---sn.example.com"),
    ],
)
def test_people_see_the_letters_of_a_name(canonical: str, shown: str) -> None:
    assert display(canonical) == shown


def test_a_link_is_resolved_against_its_page() -> None:
    assert join("https://example.com/a/b", "../c#d") == "https://example.com/c"
    assert join("https://example.com/", "//other.com") == "https://other.com/"
    with pytest.raises(AddressError):
        join("https://example.com/", "javascript:void(0)")


def test_an_address_is_taken_apart() -> None:
    assert split("https://[::1]:8443/a?b") == ("https", "::1", 8443, "/a?b")
    assert split("http://example.com/").pair == "example.com:80"
    assert split("https://[::1]/").pair == "[::1]:443"


@given(st.text(max_size=80))
def test_no_text_breaks_it_and_what_passes_is_stable(text: str) -> None:
    try:
        url = normalise(text)
    except AddressError:
        return
    assert normalise(url) == url
    assert url.isascii()
    assert display(url)


def test_it_loads_nothing_heavy() -> None:
    code = (
        "import sys, webapp.site.address;"
        "print(*(sys.modules.keys() & {'lxml', 'trafilatura', 'pyphen', 'justext', 'protego'}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == ""


def test_fetching_and_measuring_load_the_large_libraries_only_when_used() -> None:
    code = (
        "import sys, webapp.site.analyse;"
        "print(*(sys.modules.keys() & {'lxml', 'trafilatura', 'pyphen', 'justext', 'protego'}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == ""


@pytest.mark.parametrize(
    "other",
    [
        "http://example.com/a",
        "https://www.example.com/a/",
        "https://example.com/a?utm_source=x&fbclid=y",
        "https://EXAMPLE.com:443/a#part",
        "https://example.com/a/index.html",
        "https://example.com/b/../a",
    ],
)
def test_ways_to_write_one_page_compare_alike(other: str) -> None:
    assert comparable(normalise(other)) == comparable("https://example.com/a")


@pytest.mark.parametrize(
    "other",
    [
        "https://example.com/A",
        "https://example.com/",
        "https://example.com/a?page=2",
        "https://example.com:8080/a",
        "https://blog.example.com/a",
        "https://example.org/a",
    ],
)
def test_different_pages_do_not(other: str) -> None:
    assert comparable(normalise(other)) != comparable("https://example.com/a")


def test_the_order_of_parameters_does_not_matter() -> None:
    assert comparable("https://a.example/?b=2&a=1") == comparable("https://a.example/?a=1&b=2")


@pytest.mark.parametrize(
    ("url", "count"),
    [
        ("https://example.com/", 4),
        ("https://example.com/a?b=1", 8),
        ("http://127.0.0.1:8080/a", 2),
        ("https://[2001:db8::1]/", 2),
        ("https://www.example.com:8443/", 2),
    ],
)
def test_every_spelling_is_canonical_and_means_the_same(url: str, count: int) -> None:
    found = spellings(url)
    assert found[0] == url
    assert len(found) == len(set(found)) == count
    assert {comparable(one) for one in found} == {comparable(url)}
    assert all(normalise(one) == one for one in found)


@pytest.mark.parametrize("code", [*range(32), 127, *range(128, 160)])
def test_every_control_character_is_refused(code: int) -> None:
    with pytest.raises(AddressError) as error:
        normalise(f"example.com/a{chr(code)}b")
    assert error.value.code == "control_characters"


@pytest.mark.parametrize("sign", sorted(set(map(chr, range(33, 127))) - set("?#%")))
def test_a_sign_in_a_path_is_written_one_way_beside_any_other(sign: str) -> None:
    """Whether it is alone among plain letters or beside one that has to be written otherwise."""
    alone = normalise(f"example.com/a{sign}b")
    assert normalise(f"example.com/a{sign}b%7e").removesuffix("%7E") == alone
    assert normalise(alone) == alone
