"""Text is taken apart the way a reader would."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.site.prose import paragraphs, sentences, words

SENTENCES = {
    "en": [
        ["Dr. Lee paid 3.50 at 5 p.m. and left.", "Mrs. Lee stayed."],
        ['"Stop!" he said.', "Nobody did."],
        ["J. R. R. Tolkien wrote it, e.g. in Oxford, etc.", "We read it."],
        ["Wait... what?", "Yes."],
        ["Take vitamin C.", "The doctor said so."],
        ["It was you and I.", "Nobody else came."],
        ["See https://example.com/a.b?c=d for more.", "Then go."],
        ["He lives in the U.S. Army base.", "He likes it."],
        ["Is it?!", "It is!", "(Really.)", "Good."],
        ["No.", "We won't."],
        ["He said “I'm tired.”", "Then he slept…", "She read."],
    ],
    "es": [
        ["¿Qué hora es?", "La Sra. García llegó en 1990.", "¡Vaya!"],
        ["Vino el Dr. Ruiz, p.ej. el lunes.", "Nadie lo vio."],
    ],
    "de": [
        ["Am 3. Mai kam Hr. Dr. Meier, z. B. mit ca. 20 Leuten.", "Und dann?"],
        ["Das gilt z.B. für Äpfel usw.", "Danach ging er.", "„Nein.“", "Er blieb."],
    ],
    "fr": [["M. Dupont est là.", "« Bonjour ! » dit-il.", "L'eau est froide."]],
    "pt": [["O Sr. Silva chegou às 3.30 h.", "A Dra. Lima não veio."]],
    "it": [["Il sig. Rossi è qui, ecc.", "La dott.ssa Bianchi no."]],
    None: [["Een zin.", "Nog een zin!", "En dan?"]],
}


@pytest.mark.parametrize(
    ("language", "expected"), [(code, case) for code, cases in SENTENCES.items() for case in cases]
)
def test_sentences_end_where_a_reader_sees_them_end(
    language: str | None, expected: list[str]
) -> None:
    assert sentences(" ".join(expected), language) == expected


def test_somebody_who_writes_without_capitals_writes_sentences() -> None:
    assert len(sentences("i went there. then i left. it rained.", "en")) == 3


def test_an_empty_line_ends_a_sentence() -> None:
    assert sentences("A heading\n\nA line\nthat goes on.", "en") == [
        "A heading",
        "A line that goes on.",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("don’t stop", ["don't", "stop"]),
        ("l’eau d'un puits", ["l'eau", "d'un", "puits"]),
        ("well-known facts", ["well-known", "facts"]),
        ("3.50 or 1,000 at 5:30", ["3.50", "or", "1,000", "at", "5:30"]),
        ("see https://example.com/a-b now", ["see", "now"]),
        ("write to me@example.com today", ["write", "to", "today"]),
        ("Größe été niño", ["Größe", "été", "niño"]),
        ("e\u0301te\u0301", ["été"]),
        ("soft\u00adhyphen", ["softhyphen"]),
        ("— … ! 🙂 _", []),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
    ],
)
def test_words_are_found(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_paragraphs_are_kept_apart() -> None:
    assert paragraphs("one\ntwo\r\n\r\n  three \n \n\n four") == ["one two", "three", "four"]


@given(st.text(max_size=300), st.sampled_from(["en", "de", "es", "fr", "it", "pt", "ja", None]))
def test_no_word_is_lost_between_sentences(text: str, language: str | None) -> None:
    apart = [word for sentence in sentences(text, language) for word in words(sentence)]
    whole = [word for paragraph in paragraphs(text) for word in words(paragraph)]
    if "www." not in text.lower() and "@" not in text and "://" not in text:
        assert apart == whole
