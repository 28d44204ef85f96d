"""Every measure says how it is computed; the newer ones count what they say."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.site.conftest import sample
from webapp.site import attitude, frequency
from webapp.site.analyse import summarise
from webapp.site.crawl import ReadPage
from webapp.site.fetch import Page
from webapp.site.methods import COUNTS, METHODS, rests_on
from webapp.site.style import measure
from webapp.site.text import read_page
from webapp.site.vocabulary import LANGUAGES

NOT_MEASURED = {
    "language", "enough_text", "mattr_window", "readability_formula", "rests_on",
    "sample_sentences",
}  # fmt: skip
"""Keys beside the measures: what they are about, and examples."""

phrase_words = st.sampled_from(("garden", "bread", "river", "stone", "quiet", "flour"))


def english(name: str = "easy_english") -> dict[str, object]:
    body = sample(name)
    page = Page("https://a.example/", 200, "text/html", b"")
    text = read_page(body, "text/html; charset=utf-8", page.url)
    return dict(summarise(page.url, [ReadPage(page, text)])["measures"])


def test_every_measure_says_how_it_is_computed_and_none_says_it_in_vain() -> None:
    assert set(METHODS) == set(measure("", None)) - NOT_MEASURED
    for method in METHODS.values():
        assert method.sentence.endswith(".")
        assert method.unit in {*COUNTS, "pages"}
        assert method.estimate == ("estimate" in method.sentence) or "by a list" in method.sentence


def test_every_measure_that_has_a_value_carries_the_amount_it_rests_on() -> None:
    measures = english()
    named = {name for name in METHODS if measures[name] is not None}
    assert set(rests_on(measures, 1)) == named == set(measures["rests_on"])  # type: ignore[call-overload]
    assert rests_on(measure("", "en")) == {
        "word_count": {"amount": 0, "unit": "words"},
        "sentence_count": {"amount": 0, "unit": "sentences"},
        "paragraph_count": {"amount": 0, "unit": "paragraphs"},
    }


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("We bake 🙂 bread.", 1),
        ("Family 👨‍👩‍👧‍👦 and thumbs 👍🏽 and a flag 🇩🇪 and a heart ❤️.", 4),
        ("Keys 1️⃣ and 2️⃣ count.", 2),
        ("Text signs ©, ®, ™, →, •, 1, # and * do not.", 0),
        ("No sign at all.", 0),
    ],
)
def test_emoji_are_counted_as_they_are_seen(text: str, count: int) -> None:
    assert measure(text, "en")["emoji_count"] == count


def test_the_person_is_told_apart_into_one_and_many() -> None:
    result = measure("I bake. We sell what I bake. Our shop is mine.", "en")
    assert result["first_person_share"] == round(5 / 11, 4)
    assert result["i_share"] == round(3 / 11, 4)
    assert result["we_share"] == round(2 / 11, 4)


def test_hedges_certainty_and_numbers_are_counted_by_sentence_and_word() -> None:
    result = measure("Perhaps it rains. It always rains. It rained 12 times. Maybe never.", "en")
    assert result["hedge_share"] == 0.5
    assert result["certainty_share"] == 0.5
    assert result["number_share"] == round(1 / 12, 4)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_phrase_both_softens_and_strengthens(language: str) -> None:
    assert not set(attitude.HEDGES[language]) & set(attitude.CERTAINTY[language])
    for phrases in (attitude.HEDGES[language], attitude.CERTAINTY[language]):
        assert len(phrases) == len(set(phrases)) >= 20
        for phrase in phrases:
            assert attitude.pattern(phrases).fullmatch(phrase)


def test_phrases_that_come_back_are_found_the_longest_form_of_each() -> None:
    text = "Slow bread needs time. We love slow bread needs. A stone oven bakes slow bread needs. "
    found = measure(text, "en")["recurring_phrases"]
    assert found == [{"phrase": "slow bread needs", "count": 3}]
    twice = measure("A stone oven is hot. The stone oven is cold.", "en")
    assert twice["recurring_phrases"] == []


def test_phrases_do_not_run_over_the_end_of_a_sentence() -> None:
    assert measure("We bake bread. Stone is hard. " * 5, "en")["recurring_phrases"] == [
        {"phrase": "stone is hard", "count": 5},
        {"phrase": "bake bread", "count": 5},
    ]


@settings(max_examples=50, deadline=None)
@given(st.lists(phrase_words, min_size=1, max_size=60))
def test_a_recurring_phrase_is_there_as_often_as_is_said(words: list[str]) -> None:
    text = " ".join(words)
    for entry in measure(text.capitalize() + ".", "en")["recurring_phrases"]:
        parts = entry["phrase"].split()
        windows = [words[i : i + len(parts)] for i in range(len(words))]
        assert windows.count(parts) == entry["count"] >= 3


def test_telling_words_are_those_that_general_texts_have_less_of() -> None:
    # "song" is among the frequent words of the general list, "sourdough" is not.
    assert frequency.share("song", "en") > 10 * frequency.share("sourdough", "en")
    text = "The song is old. " * 4 + "The sourdough is old. " * 4 + "It was a plain day. " * 60
    scores = {entry["word"]: entry["score"] for entry in measure(text, "en")["top_words"]}
    assert scores["sourdough"] > scores["song"] > 0


def test_a_word_as_frequent_as_anywhere_tells_nothing() -> None:
    text = "The song is old. " + "It was a plain day and nobody came to see us. " * 300
    assert "song" not in [entry["word"] for entry in measure(text, "en")["top_words"]]


@pytest.mark.parametrize("language", frequency.NAMES)
def test_every_list_of_frequent_words_is_there_and_begins_with_function_words(
    language: str,
) -> None:
    ranks = frequency.ranks(language)
    assert len(ranks) >= 100
    assert sorted(ranks.values()) == list(range(1, len(ranks) + 1))
    if language in LANGUAGES:
        first = [word for word, rank in ranks.items() if rank <= 10]
        assert sum(word in LANGUAGES[language].stop for word in first) >= 8


def test_samples_range_from_the_shortest_to_the_longest() -> None:
    measures = measure(
        "Go on, friend! " + " ".join(f"{'Word ' * n}ends." for n in range(4, 40)), "en"
    )
    lengths = [entry["words"] for entry in measures["sample_sentences"]]
    assert lengths == sorted(lengths)
    assert (lengths[0], lengths[-1]) == (3, 40)
    assert len(lengths) <= 12
    assert measures["sample_sentences"][0]["text"] == "Go on, friend!"
