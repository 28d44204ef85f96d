"""Real sentences that fit a persona, and such that break it."""

from typing import Any

import pytest

from webapp.steps.persona.build import build_persona
from webapp.steps.persona.examples import MOST, choose_examples
from webapp.steps.persona.sentences import words_of

from .samples import LONG, SHORT, analysis, answers


def core(tone: str = "Professional", base: dict[str, Any] = SHORT, **measures: Any) -> Any:
    return build_persona(answers(tone=tone), analysis(base, **measures), None)["core_persona"]


def reasons(examples: Any) -> dict[str, list[str]]:
    return {one.text: [reason.code for reason in one.reasons] for one in examples}


def test_a_sentence_of_usual_length_with_own_words_fits() -> None:
    fits, breaks = choose_examples(
        [{"text": "You fold the dough, and you wait for it.", "words": 9}], core()
    )
    assert breaks == []
    (one,) = fits
    assert one.words == 9
    assert [reason.code for reason in one.reasons] == ["fits_length", "fits_words", "fits_reader"]
    assert words_of(one.reasons[0]) == "9 words, within your usual 5 to 13."
    assert words_of(one.reasons[1]) == "It has words of yours: dough."


def test_a_sentence_far_longer_than_usual_breaks_and_one_a_little_longer_does_not() -> None:
    far, little = " ".join(["crumb"] * 18) + ".", " ".join(["crust"] * 15) + "."
    fits, breaks = choose_examples([far, little], core())
    assert reasons(breaks) == {far: ["breaks_long"]}
    assert fits == [], "nothing speaks for it either"


def test_for_a_writer_of_long_sentences_only_what_is_hard_for_anybody_breaks() -> None:
    text = " ".join(["enzyme"] * 30) + "."
    _fits, breaks = choose_examples([text], core(base=LONG))
    assert reasons(breaks) == {text: ["breaks_hard"]}


def test_a_word_to_avoid_breaks_and_only_as_a_word_of_its_own() -> None:
    persona = core("Professional")
    assert "super" in persona["linguistic_fingerprint"]["lexical_features"]["avoid_words"]
    _fits, breaks = choose_examples(
        ["Our Super loaf is here.", "The supermarket is closed."], persona
    )
    assert reasons(breaks) == {"Our Super loaf is here.": ["breaks_word"]}


def test_words_of_two_parts_are_found() -> None:
    persona = core("Academic", LONG)
    _fits, breaks = choose_examples(["It takes a lot, of time."], persona)
    assert reasons(breaks) == {"It takes a lot, of time.": ["breaks_word"]}


def test_the_user_s_own_list_of_words_to_avoid_decides() -> None:
    persona = core()
    persona["linguistic_fingerprint"]["lexical_features"]["avoid_words"] = ["oven"]
    _fits, breaks = choose_examples(["The oven is super hot."], persona)
    assert [words_of(one) for one in breaks[0].reasons] == ["It has “oven”, a word to avoid."]


@pytest.mark.parametrize("text", ["Come in now!", "“Come in now!”", "Come in now! "])
def test_an_exclamation_breaks_where_the_writer_hardly_has_any(text: str) -> None:
    few = core(exclamation_share=0.0)
    assert [r for rs in reasons(choose_examples([text], few)[1]).values() for r in rs] == [
        "breaks_exclamation"
    ]
    assert choose_examples([text], core())[1] == []


@pytest.mark.parametrize(
    ("tone", "share", "broken"),
    [
        ("Technical", 0.03, True),
        ("Professional", 0.03, False),
        ("Professional", 0.0, True),
        ("Casual", 0.0, False),
        ("Technical", 0.01, True),
        ("Professional", 0.005, False),
    ],
)
def test_a_contraction_breaks_where_the_persona_avoids_them(
    tone: str, share: float, broken: bool
) -> None:
    _fits, breaks = choose_examples(["We don’t hurry it."], core(tone, contraction_share=share))
    assert bool(breaks) == broken
    if broken:
        assert "don't" in words_of(breaks[0].reasons[0])


def test_contractions_are_no_matter_of_choice_in_other_languages() -> None:
    persona = build_persona(
        answers(), analysis(LONG, contraction_share=0.0) | {"language": "fr"}, None
    )["core_persona"]
    assert choose_examples(["L’eau n’est pas chaude."], persona)[1] == []


def test_each_list_is_short_and_the_most_telling_comes_first() -> None:
    texts = [f"Loaf number {n} is done." for n in range(9)]
    texts.append("You take the dough and the loaf.")
    texts += [" ".join(["crumb"] * n) + "." for n in range(20, 29)]
    texts.append(" ".join(["super"] * 22) + ".")
    fits, breaks = choose_examples(texts, core())
    assert len(fits) == len(breaks) == MOST
    assert fits[0].text == "You take the dough and the loaf."
    assert breaks[0].text.startswith("super"), "two reasons weigh more than length"
    assert [one.words for one in breaks[1:]] == [28, 27]


@pytest.mark.parametrize(
    "sentences", [None, [], "text", {"text": "x"}, [None, 3, {}, {"text": None}, {"text": "…"}]]
)
def test_where_there_is_no_sentence_there_is_no_example(sentences: Any) -> None:
    assert choose_examples(sentences, core()) == ([], [])


def test_an_empty_persona_breaks_nothing_but_what_is_hard_for_anybody() -> None:
    short, long = "Bread is bread.", " ".join(["word"] * 26) + "."
    fits, breaks = choose_examples([short, long], {})
    assert fits == []
    assert reasons(breaks) == {long: ["breaks_hard"]}


def test_a_text_is_cut_cleaned_and_shown_once() -> None:
    wild = "The loaf\0 rests\u2028" + " here" * 100
    _fits, breaks = choose_examples([wild, wild], core())
    (one,) = breaks
    assert len(one.text) <= 300
    assert "\0" not in one.text
    assert "\u2028" not in one.text


def test_without_a_measured_spread_the_mean_decides() -> None:
    persona = core(sentence_length_spread=None)
    fits, _ = choose_examples(["One two three four five six seven eight."], persona)
    assert reasons(fits) == {"One two three four five six seven eight.": ["fits_near"]}
