"""The language is what the page says, unless its text plainly speaks another."""

import sys

import pytest

from tests.site.conftest import sample
from webapp.site.language import detect
from webapp.site.text import read_page

GERMAN = (
    "Der Gärtner geht am Morgen in den Garten und gießt die Rosen, weil es lange nicht geregnet "
    "hat. Danach setzt er sich auf die Bank und liest die Zeitung, bis ihn die Kinder rufen."
)

CATALAN = (
    "El forn del poble obre cada dia abans de les sis del matí i les veïnes hi van a buscar el pa "
    "encara calent. L'avi diu que abans hi havia tres forns, però ara només en queda un de petit."
)
DUTCH = (
    "De bakker staat elke nacht om twee uur op en begint met het deeg, zodat het brood klaar is "
    "als de eerste klanten komen. Zijn zoon helpt hem, maar die slaapt liever wat langer."
)


def spanish() -> tuple[str, ...]:
    return read_page(sample("spanish"), "text/html", "https://a.example/").paragraphs


@pytest.mark.parametrize(
    ("said", "text", "language"),
    [
        ("de", GERMAN, "de"),
        ("de-AT", GERMAN, "de"),
        ("DE_de", GERMAN, "de"),
        ("en", GERMAN, "de"),
        (None, GERMAN, "de"),
        ("", GERMAN, "de"),
        ("banana", GERMAN, "de"),
        ("en", "Hello", "en"),
        ("fr", "", "fr"),
        (None, "", None),
        (None, "Hello", None),
        (None, "12 34 56 !!", None),
    ],
)
def test_the_language_is_found(said: str | None, text: str, language: str | None) -> None:
    assert detect(said, text) == language


def test_paragraphs_are_one_text() -> None:
    assert detect("en", spanish()) == "es"


def test_a_page_that_plainly_speaks_its_language_needs_no_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "py3langid", None)  # importing it would fail
    for said in ("es", None, "en"):
        assert detect(said, spanish()) == "es"


def test_a_neighbour_of_our_languages_is_not_taken_for_one() -> None:
    assert detect(None, CATALAN) == "ca"
    assert detect("ca", CATALAN) == "ca"
    assert detect("nl", DUTCH) == "nl"
    assert detect("en", DUTCH) == "nl"
