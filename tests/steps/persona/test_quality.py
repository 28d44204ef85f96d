"""The scores, what they rest on, and what is said to raise them."""

import pytest

from webapp.steps.persona.build import build_persona
from webapp.steps.persona.quality import CORE_PARTS, FINGERPRINT, WEIGHTS

from .samples import BUSINESS, LONG, SHORT, analysis, answers

SCORES = ("overall_score", "core_completeness", "platform_consistency", "linguistic_quality")


def quality(given=None, read=LONG, business=None):
    return build_persona(given or answers(), read, business)["quality_metrics"]


def codes(metrics):
    return [one["code"] for one in metrics.get("codes", {}).get("recommendations", [])]


def test_the_weights_and_the_parts_add_up_to_100() -> None:
    assert sum(WEIGHTS.values()) == 100
    assert sum(CORE_PARTS.values()) == 100


def test_a_writer_known_in_full_gets_100_and_no_advice() -> None:
    read = analysis(word_count=2000, average_sentence_length=14.0)
    given = answers(tone="Academic", selected_platforms=["blog"])
    made = quality(given, read)
    assert [made[score] for score in SCORES] == [100, 100, 100, 100]
    assert made["tone_agreement"] == 100
    assert made["recommendations"] == []
    assert made["missing"] == []


def test_two_analyses_give_two_scores() -> None:
    assert quality(read=LONG)["linguistic_quality"] != quality(read=SHORT)["linguistic_quality"]
    assert quality(read=LONG)["overall_score"] != quality(read=SHORT)["overall_score"]


@pytest.mark.parametrize(
    ("words", "pages", "expected"),
    [(2000, 5, 100), (500, 5, 68), (2000, 0, 85), (150, 1, 41), (10**6, 50, 100)],
)
def test_linguistic_quality_follows_words_and_pages(words, pages, expected) -> None:
    read = {**analysis(word_count=words), "pages_read": pages}
    assert quality(read=read)["linguistic_quality"] == expected


def test_each_missing_measure_costs_the_same() -> None:
    names = {
        "sentence_length": "average_sentence_length",
        "sentence_spread": "sentence_length_spread",
        "paragraph_length": "average_paragraph_length",
    }
    whole = quality(read=analysis(word_count=2000))["linguistic_quality"]
    for name in FINGERPRINT:
        read = analysis(word_count=2000, **{names.get(name, name): None})
        assert quality(read=read)["linguistic_quality"] == whole - 2


def test_without_a_site_linguistic_quality_is_at_most_40() -> None:
    given = answers(voice_description="word " * 90)
    business = {"business_description": "Word " * 190}
    assert quality(given, None, business)["linguistic_quality"] == 40
    assert quality(answers(voice_description=""), None, None)["linguistic_quality"] == 0


def test_completeness_loses_the_points_of_what_is_missing() -> None:
    made = quality(answers(voice_description="", audience="Bakers"))
    assert made["missing"] == ["audience_in_words", "voice_description"]
    assert made["core_completeness"] == 100 - 5 - 15


@pytest.mark.parametrize(
    ("tone", "score"),
    [("Academic", 100), ("Technical", 75), ("Professional", 50), ("Casual", 0)],
)
def test_agreement_of_stated_and_measured_tone_is_scored_by_distance(tone, score) -> None:
    assert quality(answers(tone=tone))["tone_agreement"] == score


def test_an_unknown_agreement_leaves_its_weight_to_the_others() -> None:
    made = quality(read=None, business=BUSINESS)
    assert made["tone_agreement"] is None
    assert "tone_agreement" not in made["weights"]
    weighted = sum(made["weights"][name] * made[name] for name in made["weights"])
    assert made["overall_score"] == round(weighted / sum(made["weights"].values()))


def test_platform_consistency_is_the_mean_fit() -> None:
    made = build_persona(answers(), LONG, None)
    fits = [one["fit"] for one in made["platform_personas"].values()]
    assert made["quality_metrics"]["platform_consistency"] == round(sum(fits) / len(fits))
    none = quality(answers(selected_platforms=[]))
    assert none["platform_consistency"] == 0
    assert "raise_platforms" in codes(none)


@pytest.mark.parametrize(
    ("read", "business", "basis"),
    [
        (LONG, None, ("website", 1240, 7, True)),
        (LONG, BUSINESS, ("website", 1240, 7, True)),
        (None, BUSINESS, ("business_description", 0, 0, False)),
        (None, None, ("answers", 0, 0, False)),
        (None, {"business_description": " \n"}, ("answers", 0, 0, False)),
        (analysis(word_count=90), None, ("answers", 90, 7, False)),
        (analysis(word_count=90), BUSINESS, ("business_description", 90, 7, False)),
        ({"status": "queued", "measures": None}, None, ("answers", 0, 0, False)),
    ],
)
def test_the_basis_says_what_the_persona_rests_on(read, business, basis) -> None:
    made = quality(read=read, business=business)["basis"]
    assert (
        made["source"],
        made["words_measured"],
        made["pages_read"],
        made["enough_text"],
    ) == basis


@pytest.mark.parametrize(
    ("read", "code"),
    [
        (None, "raise_site"),
        ({"status": "in_progress"}, "raise_running"),
        ({"status": "failed"}, "raise_failed"),
        (analysis(word_count=149), "raise_enough"),
    ],
)
def test_without_text_the_first_advice_is_how_to_get_it(read, code) -> None:
    assert codes(quality(read=read))[0] == code


def test_the_advice_names_the_numbers() -> None:
    said = " ".join(quality(read=LONG)["recommendations"])
    assert "1,240 words were measured. About 760 more" in said
    assert "Pages read: 3. With 5 or more" in " ".join(quality(read=SHORT)["recommendations"])


# Following a piece of advice must raise the score it was given for.


@pytest.mark.parametrize(
    ("code", "before", "after"),
    [
        ("raise_words", (answers(), LONG), (answers(), analysis(word_count=2000))),
        (
            "raise_pages",
            (answers(), {**LONG, "pages_read": 2}),
            (answers(), {**LONG, "pages_read": 5}),
        ),
        ("raise_voice", (answers(voice_description=""), LONG), (answers(), LONG)),
        ("raise_audience", (answers(audience="Bakers"), LONG), (answers(), LONG)),
        ("raise_name", (answers(persona_name=""), LONG), (answers(), LONG)),
        ("raise_tone", (answers(tone=None), None), (answers(), None)),
        ("raise_agreement", (answers(), LONG), (answers(tone="Academic"), LONG)),
        ("raise_site", (answers(tone="Academic"), None), (answers(tone="Academic"), LONG)),
        (
            "raise_enough",
            (answers(tone="Academic"), analysis(word_count=149)),
            (answers(tone="Academic"), LONG),
        ),
        ("raise_platforms", (answers(selected_platforms=[]), LONG), (answers(), LONG)),
        (
            "raise_platform",
            (answers(tone="Academic", selected_platforms=["blog", "instagram"]), LONG),
            (answers(tone="Academic", selected_platforms=["blog"]), LONG),
        ),
    ],
)
def test_following_an_advice_raises_the_score_and_ends_the_advice(code, before, after) -> None:
    was, is_now = quality(*before), quality(*after)
    assert code in codes(was)
    assert code not in codes(is_now)
    assert is_now["overall_score"] > was["overall_score"]


def test_describing_the_business_in_more_words_raises_the_score() -> None:
    was = quality(read=None, business=BUSINESS)
    text = BUSINESS["business_description"] + " More about the oven and the flour we use." * 12
    is_now = quality(read=None, business={"business_description": text[:1000]})
    assert "raise_description" in codes(was)
    assert is_now["linguistic_quality"] > was["linguistic_quality"]
    assert is_now["overall_score"] > was["overall_score"]
