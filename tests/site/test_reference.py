"""Scores agree with published examples, and with a library that counts in its own way."""

import re
import statistics
from collections.abc import Sequence

import pytest
import readability

from tests.site.conftest import sample
from webapp.site import prose
from webapp.site.style import measure
from webapp.site.text import read_page


def paragraphs(name: str) -> tuple[str, ...]:
    return read_page(sample(name), "text/html", "https://a.example/").paragraphs


def by_somebody_else(parts: Sequence[str], language: str) -> dict[str, float]:
    """What the library `readability` says: its own syllables, its own formulas. It wants a
    sentence a line and a space between all words."""
    lines = [
        " ".join(re.findall(r"[\w'’-]+", sentence)) + " ."
        for part in parts
        for sentence in prose.sentences(part, language)
    ]
    found = readability.getmeasures("\n".join(lines), lang=language)
    return {**found["readability grades"], **found["sentence info"]}


# As articles about Flesch's formula quote them. Each is repeated until there is enough text.
PUBLISHED = [
    ("The cat sat on the mat.", 116.0),
    (
        "This sentence, taken as a reading passage unto itself, is being used to prove a point.",
        69.0,
    ),
    ("The Australian platypus is seemingly a hybrid of a mammal and reptilian creature.", 37.5),
]


@pytest.mark.parametrize(("sentence", "score"), PUBLISHED)
def test_published_examples_have_their_score(sentence: str, score: float) -> None:
    measured = measure([sentence] * 40, "en")["readability_score"]
    assert measured == pytest.approx(score, abs=1.0)


@pytest.mark.parametrize("name", ["easy_english", "difficult_english"])
def test_english_scores_agree_with_an_independent_library(name: str) -> None:
    # It takes words without a vowel, numbers and what is behind an apostrophe for no syllable, so
    # its figures for easy prose are a little low.
    ours, theirs = measure(paragraphs(name), "en"), by_somebody_else(paragraphs(name), "en")
    assert ours["average_sentence_length"] == pytest.approx(theirs["words_per_sentence"], rel=0.03)
    assert ours["average_syllables"] == pytest.approx(theirs["syll_per_word"], abs=0.12)
    assert ours["readability_score"] == pytest.approx(theirs["FleschReadingEase"], abs=10)
    lix = ours["average_sentence_length"] + 100 * ours["long_word_share"]
    assert lix == pytest.approx(theirs["LIX"], abs=3)


def test_both_put_the_easy_text_before_the_difficult_one() -> None:
    easy, difficult = paragraphs("easy_english"), paragraphs("difficult_english")
    ours = [measure(text, "en")["readability_score"] for text in (easy, difficult)]
    theirs = [by_somebody_else(text, "en")["FleschReadingEase"] for text in (easy, difficult)]
    assert ours[0] > ours[1] + 40
    assert theirs[0] > theirs[1] + 40


def test_lengths_and_diversity_are_what_statistics_says_of_them() -> None:
    text = paragraphs("easy_english")
    result = measure(text, "en")
    lengths = [
        len(prose.words(sentence)) for part in text for sentence in prose.sentences(part, "en")
    ]
    assert result["average_sentence_length"] == round(statistics.fmean(lengths), 1)
    assert result["sentence_length_spread"] == round(statistics.pstdev(lengths), 1)
    words = [word.lower() for part in text for word in prose.words(part) if not word[0].isdigit()]
    windows = [words[i : i + 100] for i in range(len(words) - 99)]
    mattr = statistics.fmean(len(set(window)) / 100 for window in windows)
    assert result["lexical_diversity"] == pytest.approx(mattr, abs=0.001)
