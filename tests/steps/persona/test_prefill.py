"""What is suggested, where it is said to come from, and the sentence on the basis."""

import pytest

from webapp.steps.persona.build import basis_sentence, prefill

from .samples import BUSINESS, LONG, SHORT, analysis


def test_nothing_is_suggested_without_a_basis() -> None:
    assert prefill(None, None) == ({}, {})
    assert prefill(None, {"business_description": "We bake.", "industry": "  "}) == ({}, {})
    assert prefill({"status": "queued", "measures": None}, None) == ({}, {})


def test_a_measured_site_suggests_every_field_and_says_from_where() -> None:
    values, origins = prefill(LONG, None)
    assert values == {
        "persona_name": "The Food science writer",
        "tone": "Academic",
        "audience": "Readers who know the subject",
        "voice_description": (
            "Sentences of about 28 words. Demanding to read. Speaks about the subject, seldom as "
            "“I”, “we” or “you”. Telling words: fermentation, gluten, hydration, enzyme."
        ),
        "selected_platforms": ["linkedin"],
    }
    assert origins == {
        "persona_name": "From the subject found on example.com",
        "tone": "From the tone measured on example.com",
        "audience": "From the readers that example.com seems to be written for",
        "voice_description": "From the style measured on example.com",
        "selected_platforms": "From the profiles linked on example.com",
    }


def test_x_is_twitter_and_a_feed_is_a_blog() -> None:
    values, origins = prefill(SHORT, None)
    assert values["selected_platforms"] == ["twitter", "blog", "instagram"]
    assert origins["selected_platforms"] == (
        "From the profiles and the feed found on loaf.example.org"
    )


def test_a_feed_alone_suggests_the_blog() -> None:
    read = {**LONG, "crawl_result": {"feeds": [{"url": "https://example.com/feed"}]}}
    values, origins = prefill(read, None)
    assert values["selected_platforms"] == ["blog"]
    assert origins["selected_platforms"] == "From the feed found on example.com"


def test_a_profile_without_an_address_is_none() -> None:
    read = {**LONG, "crawl_result": {"social_media": {"linkedin": None, "facebook": ""}}}
    assert "selected_platforms" not in prefill(read, None)[0]


def test_too_little_text_suggests_no_style_but_still_the_profiles() -> None:
    values, _ = prefill(analysis(word_count=149), None)
    assert values == {"selected_platforms": ["linkedin"]}


def test_what_was_said_of_the_business_comes_before_what_was_measured() -> None:
    values, origins = prefill(LONG, BUSINESS)
    assert values["persona_name"] == "The Bakery writer"
    assert values["audience"] == "Café owners and beginners"
    assert origins["persona_name"] == "From the industry you named with your business"
    assert values["tone"] == "Academic"


def test_without_an_industry_or_subject_the_most_telling_word_names_the_persona() -> None:
    values, origins = prefill(SHORT, None)
    assert values["persona_name"] == "The loaf writer"
    assert origins["persona_name"] == "From the most telling word on loaf.example.org"


def test_several_topics_are_not_strung_together_to_a_name() -> None:
    read = {**LONG, "target_audience": {"industry_focus": "sourdough, flour, oven"}}
    assert prefill(read, None)[0]["persona_name"] == "The sourdough writer"
    named = prefill(None, {"industry": "Bakery, café; catering"})[0]
    assert named["persona_name"] == "The Bakery writer"


def test_suggested_readers_begin_with_a_capital_and_speak_the_readers_language() -> None:
    derived = "readers of English, general education; addressed directly"
    read = {**LONG, "recommended_settings": {"target_audience": derived}}
    assert prefill(read, None)[0]["audience"].startswith("Readers of English")


@pytest.mark.parametrize("focus", ["General", "unknown", "", None, [], ["General"]])
def test_a_subject_that_says_nothing_does_not_name_the_persona(focus) -> None:
    read = {**analysis(top_words=[]), "target_audience": {"industry_focus": focus}}
    assert "persona_name" not in prefill(read, None)[0]


def test_an_unknown_tone_is_not_suggested() -> None:
    read = {**LONG, "recommended_settings": {"writing_tone": "Purple"}, "writing_style": {}}
    values, origins = prefill(read, None)
    assert "tone" not in values
    assert "tone" not in origins


def test_the_demographics_stand_in_for_a_missing_audience() -> None:
    read = {**LONG, "recommended_settings": {}}
    assert prefill(read, None)[0]["audience"] == "Specialists"
    read["target_audience"] = {"demographics": "x"}
    assert "audience" not in prefill(read, None)[0]


def test_suggestions_keep_to_the_forms_lengths() -> None:
    business = {"industry": "b" * 100, "target_audience": "c" * 900}
    read = analysis(top_words=["w" * 300] * 3)
    values, _ = prefill(read, business)
    assert len(values["persona_name"]) <= 80
    assert values["persona_name"].endswith(" writer")
    assert len(values["audience"]) == 500
    assert len(values["voice_description"]) <= 1000


def test_markup_in_a_suggestion_stays_text() -> None:
    values, _ = prefill(None, {"industry": "<i>{topic}</i>"})
    assert values["persona_name"] == "The <i>{topic}</i> writer"


RUNNING = {"status": "in_progress", "website_url": "https://example.com"}
FAILED = {"status": "failed", "website_url": "https://example.com"}


@pytest.mark.parametrize(
    ("read", "business", "said"),
    [
        (LONG, None, "Your persona will rest on 1,240 words on 7 pages of example.com."),
        (
            {**LONG, "pages_read": 2},
            None,
            "Your persona will rest on 1,240 words on 2 pages of example.com.",
        ),
        (
            {**LONG, "pages_read": 1},
            None,
            "Your persona will rest on 1,240 words on 1 page of example.com.",
        ),
        (
            {**LONG, "pages_read": None},
            None,
            "Your persona will rest on 1,240 words of example.com.",
        ),
        (
            None,
            BUSINESS,
            "Your persona will rest on your business description, as there is no website to "
            "measure.",
        ),
        (
            None,
            None,
            "Your persona will rest on your answers alone, as there is no website to measure.",
        ),
        (
            RUNNING,
            None,
            "example.com is still being read. Until it is measured, your persona will rest on "
            "your answers.",
        ),
        (
            FAILED,
            BUSINESS,
            "example.com could not be read. So your persona will rest on your business "
            "description instead.",
        ),
        (
            analysis(word_count=149),
            None,
            "There is not enough text on example.com to measure: 149 words were found and 150 "
            "are needed. So your persona will rest on your answers instead.",
        ),
        (
            {"status": "completed", "website_url": "https://example.com", "measures": {}},
            None,
            "No words could be counted on example.com, so its style is not measured. "
            "So your persona will rest on your answers instead.",
        ),
    ],
)
def test_the_basis_is_said_in_a_sentence(read, business, said) -> None:
    assert basis_sentence(read, business) == said


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://www.example.com:8080/a?b", "example.com"),
        ("example.com/path", "example.com"),
        ("http://bücher.example/", "bücher.example"),
        ("http://[::1", "your website"),
        ("", "your website"),
        (None, "your website"),
        (7, "your website"),
    ],
)
def test_a_site_is_named_by_its_host(address, name) -> None:
    said = basis_sentence({"status": "failed", "website_url": address}, None)
    assert said.startswith(f"{name} could not be read.")
