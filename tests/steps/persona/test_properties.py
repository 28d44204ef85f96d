"""Whatever lawful input comes: no error, every shape complete, every bound kept."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from webapp.steps.persona.build import basis_sentence, build_persona, prefill
from webapp.steps.persona.evidence import TONES
from webapp.steps.persona.platforms import PLATFORMS

from .samples import LONG, answers

LIMITS = {
    "linkedin": 3000,
    "twitter": 280,
    "facebook": 63206,
    "instagram": 2200,
    "medium": None,
    "substack": None,
    "blog": None,
}

anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
shares = st.none() | st.floats(0, 1)
lengths = st.none() | st.floats(0, 400)
texts = st.none() | st.text(max_size=80)
words = st.text(max_size=60)

measures = st.fixed_dictionaries(
    {},
    optional={
        "word_count": st.none() | st.integers(0, 20_000),
        "average_sentence_length": lengths,
        "sentence_length_spread": lengths,
        "average_paragraph_length": lengths,
        "readability_score": st.none() | st.floats(-200, 200),
        "readability_formula": texts | st.just("Flesch Reading Ease"),
        "readability_band": texts | st.sampled_from(["easy", "standard", "difficult"]),
        "lexical_diversity": shares,
        "long_word_share": shares,
        "question_share": shares,
        "exclamation_share": shares,
        "first_person_share": shares,
        "second_person_share": shares,
        "contraction_share": shares,
        "top_words": st.none() | st.lists(words | st.tuples(words, st.integers()), max_size=20),
    },
)
inner = st.none() | st.dictionaries(st.text(max_size=8), anything, max_size=3)
analyses = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["queued", "in_progress", "completed", "failed"]),
        "website_url": texts | st.just("https://example.com"),
        "language": texts | st.sampled_from(["en", "de", "fr-CA"]),
        "pages_read": st.none() | st.integers(0, 12),
        "measures": st.none() | measures,
        "writing_style": inner,
        "content_characteristics": inner | st.fixed_dictionaries({"vocabulary_level": texts}),
        "target_audience": inner
        | st.fixed_dictionaries({"industry_focus": texts | st.lists(words), "demographics": texts}),
        "content_type": inner,
        "recommended_settings": inner
        | st.fixed_dictionaries(
            {"writing_tone": texts | st.sampled_from(TONES), "target_audience": texts}
        ),
        "crawl_result": inner
        | st.fixed_dictionaries(
            {
                "social_media": st.none()
                | st.dictionaries(st.sampled_from(["x", "linkedin", "youtube"]), texts),
                "feeds": st.none() | st.lists(words, max_size=2),
            }
        ),
        "style_patterns": inner,
    },
)
businesses = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "business_description": st.none() | st.text(max_size=1000),
        "industry": st.none() | st.text(max_size=100),
        "target_audience": st.none() | st.text(max_size=500),
        "business_goals": st.none() | st.text(max_size=1000),
    },
)
given_answers = st.fixed_dictionaries(
    {
        "persona_name": st.text(min_size=1, max_size=80),
        "tone": st.sampled_from(TONES),
        "audience": st.text(min_size=2, max_size=500),
        "voice_description": st.text(max_size=1000),
        "selected_platforms": st.lists(st.sampled_from(list(PLATFORMS)), min_size=1, max_size=9),
    }
)


def every_text(value: Any) -> list[str]:
    """Every text anywhere in a JSON value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return []
    return [text for part in value for text in every_text(part)]


def assert_complete(persona: dict[str, Any]) -> None:
    assert set(persona) == {
        "core_persona",
        "platform_personas",
        "quality_metrics",
        "selected_platforms",
    }
    core = persona["core_persona"]
    assert {"persona_name", "archetype", "brand_voice_description"} <= set(core["identity"])
    fingerprint = core["linguistic_fingerprint"]
    assert "average_sentence_length_words" in fingerprint["sentence_metrics"]
    assert {"go_to_words", "avoid_words", "vocabulary_level"} <= set(
        fingerprint["lexical_features"]
    )
    assert {"default_tone", "permissible_tones", "forbidden_tones"} <= set(core["tonal_range"])
    assert {"stated", "measured", "agrees", "sentence"} <= set(core["tone_agreement"])
    assert core["stylistic_constraints"]["rules"]
    assert list(persona["platform_personas"]) == persona["selected_platforms"]
    for platform, one in persona["platform_personas"].items():
        known = PLATFORMS[platform]
        assert one["platform_type"]
        assert known.lowest <= one["sentence_metrics"]["optimal_sentence_length"] <= known.highest
        assert one["content_format_rules"]["character_limit"] == LIMITS[platform]
        assert one["platform_best_practices"]
        assert one["dos"]
        assert one["donts"]
        assert 0 <= one["fit"] <= 100
    metrics = persona["quality_metrics"]
    for score in ("overall_score", "core_completeness", "platform_consistency"):
        assert 0 <= metrics[score] <= 100
    assert 0 <= metrics["linguistic_quality"] <= 100
    assert isinstance(metrics["recommendations"], list)
    assert metrics["basis"]["source"] in ("website", "business_description", "answers")
    assert isinstance(metrics["basis"]["words_measured"], int)
    assert isinstance(metrics["basis"]["pages_read"], int)


@given(given_answers, analyses, businesses)
@settings(max_examples=150, deadline=None)
def test_every_lawful_input_gives_a_complete_bounded_persona(answered, read, business) -> None:
    made = build_persona(answered, read, business)
    assert_complete(made)
    # What PostgreSQL's JSONB takes: real JSON in UTF-8, without NUL.
    stored = json.dumps(made, allow_nan=False, ensure_ascii=False)
    assert stored.encode("utf-8")
    assert json.loads(stored) == made
    texts = every_text(made)
    assert not any("\x00" in text for text in texts)
    assert max(map(len, texts)) <= 3000
    assert len(stored) <= 60_000
    assert made == build_persona(answered, read, business)


@given(st.dictionaries(st.sampled_from(list(LONG["measures"])), anything), anything)
@settings(max_examples=100, deadline=None)
def test_nonsense_in_an_analysis_never_raises(measured, whatever) -> None:
    read: dict[str, Any] = dict.fromkeys(LONG, whatever)
    read["measures"] = {**LONG["measures"], **measured}
    assert_complete(build_persona(answers(), read, None))
    prefill(read, None)
    basis_sentence(read, None)


@given(given_answers, analyses, businesses)
@settings(max_examples=100, deadline=None)
def test_a_number_is_only_given_where_there_was_enough_text(answered, read, business) -> None:
    made = build_persona(answered, read, business)
    metrics = made["core_persona"]["linguistic_fingerprint"]["sentence_metrics"]
    found = ((read or {}).get("measures") or {}).get("word_count") or 0
    if found < 150:
        assert set(metrics.values()) == {None}
        assert made["quality_metrics"]["basis"]["source"] != "website"
    else:
        assert made["quality_metrics"]["basis"]["source"] == "website"


@given(analyses, businesses)
@settings(max_examples=100, deadline=None)
def test_what_is_suggested_would_be_accepted_by_the_form(read, business) -> None:
    values, origins = prefill(read, business)
    assert set(values) == set(origins)
    assert 1 <= len(values.get("persona_name", "x")) <= 80
    assert values.get("tone", TONES[0]) in TONES
    assert 2 <= len(values.get("audience", "xx")) <= 500
    assert 1 <= len(values.get("voice_description", "x")) <= 1000
    assert set(values.get("selected_platforms", ["blog"])) <= set(PLATFORMS)
    assert values.get("selected_platforms", ["blog"])
    assert all(0 < len(said) <= 200 for said in origins.values())
    assert 0 < len(basis_sentence(read, business)) <= 400


@given(st.integers(150, 5000), st.integers(0, 5000), given_answers)
@settings(max_examples=60, deadline=None)
def test_more_text_never_lowers_a_score(few, more, answered) -> None:
    def overall(count: int) -> int:
        read = {**LONG, "measures": {**LONG["measures"], "word_count": count}}
        return build_persona(answered, read, None)["quality_metrics"]["overall_score"]

    assert overall(few) <= overall(few + more)


@given(st.floats(1, 200), st.floats(0, 100), st.sampled_from(list(PLATFORMS)))
@settings(max_examples=100, deadline=None)
def test_longer_sentences_never_get_a_shorter_optimum(mean, more, platform) -> None:
    def optimum(length: float) -> int:
        read = {**LONG, "measures": {**LONG["measures"], "average_sentence_length": length}}
        made = build_persona(answers(selected_platforms=[platform]), read, None)
        return made["platform_personas"][platform]["sentence_metrics"]["optimal_sentence_length"]

    assert optimum(mean) <= optimum(mean + more)
