"""Measures are counts that behave as counts should, and None where nothing can be said."""

import json
import math
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.site.conftest import sample
from tests.support.cpu import least_cpu
from webapp.site import style
from webapp.site.style import measure
from webapp.site.text import read_page
from webapp.site.vocabulary import LANGUAGES

CONTRACT_KEYS = """
word_count sentence_count average_sentence_length sentence_length_spread average_paragraph_length
readability_score readability_formula readability_band lexical_diversity long_word_share
question_share exclamation_share first_person_share second_person_share contraction_share top_words
sentence_length_histogram
"""
CONTRACT = set(CONTRACT_KEYS.split())

PROSE = (
    "I don't know the gardener. Do you know the gardener's garden? We were told that it is old! "
    "However, the roses are planted by children. "
)

languages = st.sampled_from([*LANGUAGES, "nl", "ja", None])
plain_word = st.text("abcdeéinorstuñß", min_size=1, max_size=9)
plain_sentence = st.lists(plain_word, min_size=1, max_size=12).map(
    lambda words: " ".join(words).capitalize()
)
texts = st.lists(
    st.tuples(plain_sentence, st.sampled_from(".?!")).map("".join), min_size=1, max_size=12
).map(" ".join)


def page(name: str) -> tuple[str, ...]:
    return read_page(sample(name), "text/html", "https://a.example/").paragraphs


@pytest.mark.parametrize("language", [*LANGUAGES, "nl", "ja", None])
@pytest.mark.parametrize("text", ["", "One word.", PROSE, PROSE * 20])
def test_every_key_of_the_contract_is_there(text: str, language: str | None) -> None:
    result = measure(text, language)
    assert result.keys() >= CONTRACT
    assert json.loads(json.dumps(result)) == result
    assert result.keys() == measure("", None).keys()


def test_a_small_text_is_counted_by_hand() -> None:
    result = measure(PROSE, "en")
    assert result["word_count"] == 5 + 6 + 7 + 7
    assert result["sentence_count"] == 4
    assert result["average_sentence_length"] == 6.2
    assert result["sentence_length_spread"] == round(statistics.pstdev([5, 6, 7, 7]), 1)
    assert (result["shortest_sentence"], result["longest_sentence"]) == (5, 7)
    assert result["question_share"] == 0.25
    assert result["exclamation_share"] == 0.25
    assert result["first_person_share"] == round(2 / 25, 4)
    assert result["second_person_share"] == round(1 / 25, 4)
    assert result["contraction_share"] == round(1 / 25, 4)
    assert result["passive_share"] == 0.5
    # gardener, gardener's, However, planted, children
    assert result["long_word_share"] == 0.2
    assert result["transition_phrases"] == [{"phrase": "however", "count": 1}]
    assert [(e["word"], e["count"]) for e in result["top_words"]] == [("gardener", 2)]
    assert result["sentence_length_histogram"][0] == {"from": 1, "to": 5, "count": 1}
    assert result["sentence_length_histogram"][1] == {"from": 6, "to": 10, "count": 3}


def test_readability_is_the_published_formula() -> None:
    text = "The cat sat on the mat. " * 30
    result = measure(text, "en")
    assert result["average_syllables"] == 1.0
    assert result["readability_score"] == round(206.835 - 1.015 * 6 - 84.6 * 1, 1)
    assert result["readability_band"] == "very easy"
    assert "Flesch" in result["readability_formula"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_its_own_formula(language: str) -> None:
    assert measure(PROSE * 20, language)["readability_formula"] == style.FORMULAS[language].name
    bands = [lowest for lowest, _ in style.FORMULAS[language].bands]
    assert bands == sorted(bands, reverse=True)
    assert bands[-1] == -math.inf


def test_easy_text_scores_easier_than_difficult_text() -> None:
    easy, difficult = measure(page("easy_english"), "en"), measure(page("difficult_english"), "en")
    assert easy["word_count"] > 400
    assert difficult["word_count"] > 400
    assert easy["readability_score"] > difficult["readability_score"] + 60
    assert easy["average_sentence_length"] < difficult["average_sentence_length"]
    assert easy["long_word_share"] < difficult["long_word_share"]
    assert easy["contraction_share"] > 0 == difficult["contraction_share"]
    assert easy["passive_share"] < difficult["passive_share"]
    assert easy["lexical_diversity"] < difficult["lexical_diversity"]


def test_little_text_gives_no_readability() -> None:
    little = measure("The cat sat on the mat. " * 24, "en")
    assert little["word_count"] == 144
    assert little["enough_text"] is False
    assert little["readability_score"] is little["lexical_diversity"] is None
    assert little["average_sentence_length"] == 6.0
    assert measure("The cat sat on the mat. " * 25, "en")["enough_text"] is True


def test_a_language_without_word_lists_is_measured_for_what_needs_none() -> None:
    result = measure("De kat zat op de mat en keek. " * 30, "nl")
    assert result["word_count"] == 240
    assert result["lexical_diversity"] is not None
    for key in ("readability_score", "syllable_count", "top_words", "first_person_share"):
        assert result[key] is None


def test_a_language_without_spaces_is_not_counted_in_words() -> None:
    result = measure("これは文です。とても短いです。本当ですか？", "ja")
    assert result["word_count"] is None
    assert result["sentence_count"] == 3
    assert result["enough_text"] is False


def test_contractions_are_measured_where_they_are_a_choice() -> None:
    assert measure("L'eau est là. " * 40, "fr")["contraction_share"] is None
    assert measure("It's here, isn't it? The dog's tail. " * 9, "en")["contraction_share"] > 0.2


def test_the_person_is_told_in_each_language() -> None:
    for language, text in {
        "es": "Nosotros vamos contigo.",
        "de": "Wir gehen mit Ihnen.",
        "fr": "J'ai vu que tu dors.",
        "pt": "Nós vamos com você.",
        "it": "Noi veniamo con voi.",
    }.items():
        result = measure(text, language)
        assert result["first_person_share"] > 0, language
        assert result["second_person_share"] > 0, language


def test_german_sie_at_the_start_of_a_sentence_may_be_she() -> None:
    assert measure("Sie lacht. Dann lacht sie.", "de")["second_person_share"] == 0
    assert measure("Dann lachen Sie.", "de")["second_person_share"] > 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_telling_words_are_never_function_words(language: str) -> None:
    known = LANGUAGES[language]
    text = " ".join(sorted(known.stop | known.common)) + ". "
    assert measure(text * 3, language)["top_words"] == []


def test_telling_words_are_those_of_the_topic() -> None:
    words = [entry["word"] for entry in measure(page("spanish"), "es")["top_words"]]
    assert {"masa", "harina", "horno"} <= set(words[:5])
    german = measure("Der Garten ist grün. Im Garten wächst viel. Unser Garten!", "de")
    assert german["top_words"][0].items() >= {"word": "Garten", "count": 3}.items()


def test_diversity_is_the_mean_over_moving_windows() -> None:
    words = [f"w{'abcdefghij'[i % 10]}{'klmnopqrst'[i // 10 % 10]}" for i in range(230)]
    windows = [len(set(words[i : i + 100])) / 100 for i in range(131)]
    result = measure(" ".join(words) + ".", "en")
    assert result["lexical_diversity"] == round(statistics.fmean(windows), 3)


@settings(max_examples=40, deadline=None)
@given(texts, languages, st.sampled_from([" ", "  ", "\t", "\n", " \n ", "\u00a0"]))
def test_whitespace_does_not_matter(text: str, language: str | None, space: str) -> None:
    assert measure(text.replace(" ", space), language) == measure(text, language)


@settings(max_examples=40, deadline=None)
@given(texts, languages, st.integers(2, 4))
def test_repeating_a_text_keeps_its_averages(text: str, language: str | None, times: int) -> None:
    once, often = measure([text], language), measure([text] * times, language)
    for key in (
        "average_sentence_length",
        "sentence_length_spread",
        "average_paragraph_length",
        "long_word_share",
        "question_share",
        "exclamation_share",
        "first_person_share",
        "average_syllables",
        "passive_share",
        "longest_sentence",
    ):
        assert often[key] == once[key], key
    if once["word_count"] is not None:
        assert often["word_count"] == times * once["word_count"]


@settings(max_examples=40, deadline=None)
@given(texts, texts, st.sampled_from([*LANGUAGES, "nl", None]))
def test_the_words_of_two_texts_add_up(one: str, other: str, language: str | None) -> None:
    a, b, both = (measure(parts, language) for parts in ([one], [other], [one, other]))
    for key in ("word_count", "sentence_count", "paragraph_count"):
        assert both[key] == a[key] + b[key]
    counts = [entry["count"] for entry in both["sentence_length_histogram"]]
    assert sum(counts) == both["sentence_count"]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=400), languages)
def test_no_text_breaks_the_measures(text: str, language: str | None) -> None:
    result = measure(text, language)
    for key, value in result.items():
        if key.endswith("_share") and value is not None:
            assert 0 <= value <= 1, key
    json.dumps(result, allow_nan=False)


def test_ten_thousand_words_take_less_than_150_ms_of_cpu() -> None:
    paragraphs = [*page("easy_english"), *page("difficult_english")] * 13
    words = measure(paragraphs, "en")["word_count"]
    assert words > 10_000
    limit = 0.150 * words / 10_000
    assert least_cpu(lambda: measure(paragraphs, "en"), limit) < limit


HOSTILE = [
    "." * 200_000 + "x",
    "e.g. " * 40_000,
    "a" * 200_000 + " e.g." * 2_000,
    "?" + "." * 200_000 + "a",
    "a@" + "b" * 200_000,
    "x:" + "a." * 100_000,
    "wird " + "ge" * 100_000,
    "wird " + "geht " * 40_000,
    "is " + "ly" * 100_000,
    "'\"" * 100_000,
    ".'" * 100_000 + "a",
    ", " * 100_000,
    "- " * 100_000 + "a",
    "aeiou" * 40_000,
    "l'" * 100_000,
    "\n \n" * 70_000,
]


@pytest.mark.parametrize("language", ["en", "de", "fr", "pt"])
@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_a_hostile_text_is_measured_quickly(number: int, language: str) -> None:
    assert least_cpu(lambda: measure(HOSTILE[number], language), 1.5) < 1.5
