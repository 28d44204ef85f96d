"""The platforms' limits and habits, and their adjustment to a writer."""

from typing import Any

import pytest

from webapp.steps.persona.build import build_persona
from webapp.steps.persona.evidence import TONES, read_evidence
from webapp.steps.persona.platforms import (
    PLATFORMS,
    optimal_sentence_length,
    platform_persona,
    sentences_that_fit,
    spoken_platform,
)
from webapp.steps.persona.sentences import render

from .samples import BUSINESS, LONG, SHORT, analysis, answers

ALL = list(PLATFORMS)


def personas(read=LONG, tone="Professional", platforms=ALL, business=None):
    given = answers(tone=tone, selected_platforms=platforms)
    return build_persona(given, read, business)["platform_personas"]


@pytest.mark.parametrize(
    ("platform", "limit"),
    [
        ("linkedin", 3000),
        ("twitter", 280),
        ("facebook", 63206),
        ("instagram", 2200),
        ("medium", None),
        ("substack", None),
        ("blog", None),
    ],
)
def test_each_platform_has_its_own_limit_and_a_recommended_length(platform, limit) -> None:
    rules = personas()[platform]["content_format_rules"]
    assert rules["character_limit"] == limit
    assert 0 < rules["recommended_length"]["min"] < rules["recommended_length"]["max"]
    if limit is None:
        assert rules["recommended_length"]["unit"] == "words"
    else:
        assert rules["recommended_length"]["unit"] == "characters"
        assert rules["recommended_length"]["max"] <= limit


def test_only_the_chosen_platforms_get_a_persona_in_a_fixed_order() -> None:
    given = answers(selected_platforms=["blog", "twitter", "blog", "myspace"])
    made = build_persona(given, LONG, None)
    assert made["selected_platforms"] == ["twitter", "blog"]
    assert list(made["platform_personas"]) == ["twitter", "blog"]


@pytest.mark.parametrize("platform", ALL)
def test_the_optimal_length_moves_from_the_habit_towards_the_writer(platform) -> None:
    known = PLATFORMS[platform]
    assert optimal_sentence_length(known, None) == known.habit
    assert optimal_sentence_length(known, float(known.habit)) == known.habit
    above, below = known.habit + 6.0, known.habit - 6.0
    assert known.habit < optimal_sentence_length(known, above) < above
    assert below < optimal_sentence_length(known, below) < known.habit
    assert optimal_sentence_length(known, 1000.0) == known.highest
    assert known.lowest <= optimal_sentence_length(known, 1.0) < known.habit


def test_long_form_follows_the_writer_further_than_a_feed() -> None:
    def moved(platform):
        known = PLATFORMS[platform]
        return optimal_sentence_length(known, known.habit + 5.0) - known.habit

    assert moved("blog") > moved("twitter")


def test_a_writer_of_long_sentences_gets_other_advice_on_x_than_one_of_short_ones() -> None:
    long, short = personas(LONG)["twitter"], personas(SHORT)["twitter"]
    assert "Split the long ones" in long["platform_best_practices"][0]
    assert "suits X" in short["platform_best_practices"][0]
    assert "About one sentence" in long["platform_best_practices"][1]
    assert "About 5 sentences" in short["platform_best_practices"][1]
    assert "Use a thread" in " ".join(long["dos"])
    assert "Say it in one post" in " ".join(short["dos"])
    assert "your paragraphs" in " ".join(long["platform_best_practices"]).lower()
    assert "your paragraphs" not in " ".join(short["platform_best_practices"]).lower()
    assert (
        short["sentence_metrics"]["optimal_sentence_length"]
        < long["sentence_metrics"]["optimal_sentence_length"]
    )


def test_a_writer_of_short_sentences_is_asked_for_longer_ones_on_a_blog() -> None:
    advice = personas(SHORT)["blog"]["platform_best_practices"][0]
    assert advice == (
        "Your sentences average 8.7 words, short for your blog. Let some of them run to about 12."
    )


@pytest.mark.parametrize(
    ("mean", "part"),
    [(16.0, "suits X"), (16.1, "aim for"), (6.0, "suits X"), (5.9, "short for X")],
)
def test_the_advice_on_length_changes_at_the_platforms_bounds(mean, part) -> None:
    made = personas(analysis(average_sentence_length=mean), platforms=["twitter"])
    assert part in made["twitter"]["platform_best_practices"][0]


@pytest.mark.parametrize(("mean", "count"), [(47.0, 0), (46.0, 1), (23.0, 2), (15.0, 3)])
def test_how_many_sentences_fit_is_reckoned_where_room_is_scarce(mean, count) -> None:
    assert sentences_that_fit(PLATFORMS["twitter"], mean) == count
    assert sentences_that_fit(PLATFORMS["linkedin"], mean) is None
    assert sentences_that_fit(PLATFORMS["twitter"], None) is None


def test_a_sentence_that_does_not_fit_at_all_is_said() -> None:
    made = personas(analysis(average_sentence_length=60.0), platforms=["twitter"])
    assert "more than 280 characters" in made["twitter"]["platform_best_practices"][1]


@pytest.mark.parametrize("platform", ALL)
def test_without_measures_the_advice_is_the_platforms_habit_and_says_so(platform) -> None:
    made = personas(None, business=BUSINESS)[platform]
    metrics = made["sentence_metrics"]
    assert metrics["optimal_sentence_length"] == PLATFORMS[platform].habit
    assert metrics["measured_average"] is None
    assert metrics["adjusted_to_writer"] is False
    assert made["platform_best_practices"][0].startswith("Nothing was measured")
    advice = " ".join(made["platform_best_practices"] + made["dos"] + made["donts"])
    assert "Your sentences" not in advice
    assert "our pages" not in advice
    assert made["content_format_rules"]["own_sentences_that_fit"] is None


def test_who_never_addresses_anybody_is_told_to_where_people_answer() -> None:
    assert "say “you”" in " ".join(personas(LONG)["facebook"]["dos"])
    assert "say “you”" not in " ".join(personas(SHORT)["facebook"]["dos"])
    assert "say “you”" not in " ".join(personas(LONG)["medium"]["dos"])


@pytest.mark.parametrize(
    ("share", "part"), [(0.0299, "You seldom ask"), (0.03, None), (0.08, "You ask readily")]
)
def test_questions_are_encouraged_by_what_was_measured(share, part) -> None:
    said = " ".join(personas(analysis(question_share=share))["linkedin"]["dos"])
    assert (part in said) if part else ("ask" not in said.replace("asks", ""))


def test_demanding_text_is_to_be_simpler_in_a_feed_and_may_stay_in_an_essay() -> None:
    made = personas(LONG)
    assert "choose shorter words" in " ".join(made["instagram"]["dos"])
    assert "choose shorter words" not in " ".join(made["medium"]["dos"])


def test_exclamations_are_held_back_where_they_are_not_at_home() -> None:
    made = personas(SHORT)
    assert "exclamation" in " ".join(made["linkedin"]["donts"])
    assert "exclamation" not in " ".join(made["facebook"]["donts"])


@pytest.mark.parametrize("platform", ALL)
@pytest.mark.parametrize("tone", TONES)
def test_a_tone_that_is_not_at_home_is_named_and_costs_fit(platform, tone) -> None:
    made = personas(tone=tone)[platform]
    at_home = tone in PLATFORMS[platform].tones
    assert ("tone unchanged" in " ".join(made["donts"])) is not at_home
    best = personas(tone=PLATFORMS[platform].tones[0])[platform]["fit"]
    assert made["fit"] == best if at_home else made["fit"] < best


def test_fit_falls_with_each_word_outside_the_range_and_no_further_than_30_points() -> None:
    def score(mean):
        made = personas(analysis(average_sentence_length=mean), platforms=["twitter"])
        return made["twitter"]["fit"]

    assert score(16.0) == score(6.0) == 100
    assert score(17.0) == 98
    assert score(5.0) == 98
    assert score(31.0) == score(500.0) == 70


def test_fit_is_at_most_half_when_no_sentence_was_measured() -> None:
    assert personas(None)["linkedin"]["fit"] == 50
    assert personas(None, tone="Academic")["linkedin"]["fit"] == 38


@pytest.mark.parametrize("platform", ALL)
def test_the_table_is_sound(platform) -> None:
    known = PLATFORMS[platform]
    assert known.lowest < known.habit < known.highest
    assert 0 < known.follow < 1
    assert known.hashtags[0] <= known.hashtags[1]
    assert known.formats
    assert known.practices
    assert known.dos
    assert known.donts
    assert set(known.tones) <= set(TONES)


@pytest.mark.parametrize("business", [None, BUSINESS])
@pytest.mark.parametrize("tone", [None, *TONES])
@pytest.mark.parametrize("code", PLATFORMS)
def test_a_writer_who_was_not_measured_gets_what_the_long_way_says(
    code: str, tone: str | None, business: Any
) -> None:
    writer = read_evidence({}, None, business)
    whole = render(platform_persona(code, writer, tone))
    made = spoken_platform(code, writer, tone)
    assert made == whole
    assert list(made) == list(whole)
    for key, parts in made["codes"].items():
        made[key].append("changed")
        parts.append("changed")
    made["codes"]["changed"] = []
    assert spoken_platform(code, writer, tone) == whole, "nobody else's texts are changed"
