"""Each derived value follows from measures by a rule, and says from which."""

from typing import Any

import pytest

from tests.site.conftest import sample
from webapp.site import profile
from webapp.site.analyse import page_facts
from webapp.site.profile import TONES, derive
from webapp.site.style import measure
from webapp.site.text import read_page

SHAPES = {
    "writing_style": "tone voice complexity engagement_level formality_level",
    "content_characteristics": (
        "sentence_structure vocabulary_level paragraph_organization readability_score"
    ),
    "target_audience": "demographics expertise_level industry_focus",
    "content_type": "primary_type secondary_types purpose call_to_action",
    "recommended_settings": "writing_tone target_audience content_type",
    "style_patterns": "patterns unique_elements",
    "style_guidelines": "guidelines best_practices avoid_elements",
    "brand_analysis": "brand_voice brand_values trust_signals colours logo_url",
    "seo_audit": "score issues recommendations",
}
PATTERNS = (
    "sentence_length vocabulary_patterns transition_phrases paragraph_structure recurring_phrases"
)
GUIDELINES = (
    "tone_recommendations structure_guidelines vocabulary_suggestions engagement_tips "
    "audience_considerations seo_optimization"
)


def derived(name: str, language: str = "en") -> dict[str, Any]:
    text = read_page(sample(name), "text/html", "https://a.example/")
    return derive(measure(text.paragraphs, language), page_facts(text))


def measured(**changes: object) -> dict[str, Any]:
    """The measures of an unremarkable English text, with changes."""
    return measure("", "en") | {
        "enough_text": True,
        "word_count": 500,
        "sentence_count": 30,
        "average_sentence_length": 16.0,
        "sentence_length_spread": 8.0,
        "shortest_sentence": 3,
        "longest_sentence": 24,
        "average_paragraph_length": 60.0,
        "readability_score": 62.0,
        "readability_band": "standard",
        "lexical_diversity": 0.7,
        "long_word_share": 0.2,
        "question_share": 0.0,
        "exclamation_share": 0.0,
        "first_person_share": 0.004,
        "second_person_share": 0.004,
        "contraction_share": 0.001,
        "passive_share": 0.1,
        "hedge_share": 0.05,
        "certainty_share": 0.05,
        "number_share": 0.005,
        "transition_phrases": [],
        "transition_share": 0.0,
        "top_words": [{"word": "garden", "count": 5}],
        **changes,
    }


@pytest.mark.parametrize("name", ["easy_english", "difficult_english", "navigation", "broken"])
def test_the_shapes_are_those_of_the_contract(name: str) -> None:
    result = derived(name)
    for part, keys in SHAPES.items():
        assert set(keys.split()) <= result[part].keys(), part
    assert set(PATTERNS.split()) == result["style_patterns"]["patterns"].keys()
    assert set(GUIDELINES.split()) == result["style_guidelines"]["guidelines"].keys()


def test_every_value_that_rests_on_text_says_on_which_measure() -> None:
    result = derived("easy_english")
    parts = ("writing_style", "content_characteristics", "target_audience")
    for name in [f"{part}.{key}" for part in parts for key in SHAPES[part].split()]:
        assert (
            any(digit.isdigit() for digit in result["evidence"][name])
            or "words" in (result["evidence"][name])
        ), name
    assert "second person share 0.0" in result["evidence"]["writing_style.tone"]


def test_easy_and_difficult_prose_are_told_apart() -> None:
    easy, difficult = derived("easy_english"), derived("difficult_english")
    assert easy["writing_style"] | {"tone": None} == {
        "tone": None,
        "voice": "in dialogue (I or we, and you)",
        "complexity": "simple",
        "engagement_level": "high",
        "formality_level": "informal",
    }
    assert easy["writing_style"]["tone"] in ("Casual", "Conversational")
    assert easy["content_type"]["primary_type"] == "guide"
    assert easy["content_type"]["call_to_action"] == "Subscribe to my garden letters"
    assert difficult["writing_style"]["tone"] == "Academic"
    assert difficult["writing_style"]["formality_level"] == "formal"
    assert difficult["target_audience"]["expertise_level"] == "expert"
    assert difficult["content_type"]["call_to_action"] is None


@pytest.mark.parametrize(
    ("changes", "tone"),
    [
        ({}, "Professional"),
        ({"second_person_share": 0.03}, "Conversational"),
        ({"second_person_share": 0.01, "question_share": 0.1}, "Conversational"),
        (
            {
                "first_person_share": 0.05,
                "second_person_share": 0.03,
                "contraction_share": 0.03,
                "exclamation_share": 0.15,
            },
            "Casual",
        ),
        (
            {"readability_band": "very difficult", "average_sentence_length": 27.0},
            "Academic",
        ),
        ({"readability_band": "difficult", "long_word_share": 0.33}, "Technical"),
    ],
)
def test_the_tone_follows_from_the_measures(changes: dict[str, object], tone: str) -> None:
    result = derive(measured(**changes), {})
    assert result["writing_style"]["tone"] == tone
    assert result["recommended_settings"]["writing_tone"] == tone
    assert tone in TONES


def test_the_advice_is_concrete_and_comes_with_codes() -> None:
    result = derive(measured(longest_sentence=41, passive_share=0.4), {})
    guidelines = result["style_guidelines"]
    structure = guidelines["guidelines"]["structure_guidelines"]
    assert "Keep sentences near 16 words; yours vary from 3 to 41." in structure
    assert "Split sentences of more than 25 words; your longest has 41." in structure
    assert any("40%" in sentence for sentence in guidelines["avoid_elements"])
    for section, entries in guidelines["codes"].items():
        sentences = guidelines["guidelines"].get(section) or guidelines.get(section) or []
        said = [profile.ADVICE[entry["code"]].format(**entry["values"]) for entry in entries]
        assert said == sentences


def test_no_advice_has_a_hole() -> None:
    for name in ("easy_english", "difficult_english"):
        guidelines = derived(name)["style_guidelines"]
        sections = [*guidelines["guidelines"].values(), guidelines["best_practices"]]
        sentences = [sentence for section in sections for sentence in section]
        assert len(sentences) >= 12
        assert not any("None" in sentence or "{" in sentence for sentence in sentences)


def test_too_little_text_gives_no_style_and_says_so() -> None:
    result = derived("broken")
    assert set(result["writing_style"].values()) == {None}
    assert set(result["target_audience"].values()) == {None}
    assert set(result["recommended_settings"].values()) == {None}
    assert not any(result["style_guidelines"]["guidelines"].values())
    assert "words of running text were found: not enough" in result["warning_message"]
    assert "No running text" in derived("navigation")["warning_message"]


def test_a_language_without_a_formula_is_judged_by_lix() -> None:
    text = "De kat zat op de mat en keek naar buiten. " * 30
    result = derive(measure(text, "nl"), {})
    assert result["writing_style"]["complexity"] == "simple"
    assert "LIX" in result["evidence"]["writing_style.complexity"]
    assert result["content_characteristics"]["readability_score"] is None
    assert "measured fully" in result["warning_message"]


@pytest.mark.parametrize("language", ["en", "es", "de", "fr", "pt", "it", "nl", "ja", None])
def test_any_measures_can_be_derived_from(language: str | None) -> None:
    for text in ("", "Kurz. ", "a b c. ", "Wort und wort! " * 80):
        assert set(SHAPES) <= derive(measure(text, language), {}).keys()


def test_the_seo_audit_names_what_to_mend() -> None:
    good = {
        "url": "https://a.example/",
        "title": "How to grow beans in a bucket",
        "description": "A guide for people with a step, a bucket and a bean, and with patience.",
        "html_lang": "en",
        "headings": [{"level": 1, "text": "Beans"}, {"level": 2, "text": "Buckets"}],
        "canonical": "https://a.example/",
        "social_preview": ["og:title", "og:image"],
        "images": 3,
        "images_without_alt": 0,
    }
    assert derive(measured(), good)["seo_audit"] == {
        "score": 100,
        "issues": [],
        "recommendations": [],
        "codes": [],
    }
    bad = derive(measured(), good | {"title": "", "images_without_alt": 2, "robots": "noindex"})
    assert bad["seo_audit"]["score"] == 75
    assert bad["seo_audit"]["codes"] == ["title", "alt_texts", "indexing"]
    assert len(bad["seo_audit"]["recommendations"]) == 3
    twice = derive(measured(), good | {"html_lang": "de-DE", "titles": ["News", "News", "Home"]})
    assert twice["seo_audit"]["codes"] == ["language_match", "different_titles"]


def test_trust_signals_are_what_the_page_shows() -> None:
    brand = derived("easy_english")["brand_analysis"]
    assert brand["trust_signals"] == ["privacy policy", "contact", "about"]
    assert brand["brand_values"] == []


VALUES = {
    "en": "We believe that bread takes time. Our bakery is family-owned since 1921.",
    "es": "Creemos en el pan lento. Somos una empresa familiar desde 1921.",
    "de": "Wir legen großen Wert auf gutes Mehl. Seit 1921 backen wir von Hand.",
    "fr": "Notre mission est le bon pain. Nous sommes une entreprise familiale depuis 1921.",
    "pt": "Acreditamos que o pão precisa de tempo. Somos uma empresa familiar desde 1921.",
    "it": "Crediamo nel pane lento. Siamo un'azienda familiare dal 1921.",
}


@pytest.mark.parametrize("language", VALUES)
def test_values_and_claims_are_the_site_s_own_sentences(language: str) -> None:
    first, second = VALUES[language].split(". ")
    facts = {"paragraphs": [VALUES[language], "Jupiter is the largest planet since 1921."]}
    brand = derive(measure(VALUES[language], language), facts)["brand_analysis"]
    assert brand["brand_values"] == [first + "."]
    assert brand["claims"] == [second]


def test_what_is_said_of_others_is_no_value_and_no_claim() -> None:
    facts = {"paragraphs": ["The firm was certified in 1999. They say that our mission is over."]}
    brand = derive(measure("", "en"), facts)["brand_analysis"]
    assert brand["claims"] == []


def test_the_brand_is_not_read_unless_it_is_wanted() -> None:
    assert derive(measured(), {}, brand=False)["brand_analysis"] is None


def test_readers_are_described_by_level_person_and_topic() -> None:
    audience = derive(measured(second_person_share=0.03), {})["target_audience"]
    assert audience["demographics"] == (
        "readers of English, comfortable from about the 8th school year on; "
        "spoken to directly all along"
    )
    assert audience["industry_focus"] == "garden"
    plain = derive(measured(second_person_share=0.0), {})["target_audience"]
    assert "spoken to" not in plain["demographics"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"hedge_share": 0.5}, "hedge_less"),
        ({"certainty_share": 0.4}, "prove"),
        ({"number_share": 0.05}, "keep_figures"),
    ],
)
def test_attitude_and_figures_are_advised_on(changes: dict[str, float], code: str) -> None:
    said = derive(measured(**changes), {})["style_guidelines"]["codes"]
    plain = derive(measured(), {})["style_guidelines"]["codes"]
    assert code in [entry["code"] for entries in said.values() for entry in entries]
    assert code not in [entry["code"] for entries in plain.values() for entry in entries]
