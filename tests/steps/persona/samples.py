"""Writers to build personas for: one of long formal sentences, one of short friendly ones."""

import copy
from typing import Any

ANSWERS: dict[str, Any] = {
    "persona_name": "The bread writer",
    "tone": "Professional",
    "audience": "People who bake at home",
    "voice_description": "Calm, exact, never grand.",
    "selected_platforms": ["linkedin", "twitter", "blog"],
}

LONG: dict[str, Any] = {
    "status": "completed",
    "website_url": "https://www.example.com/essays/",
    "language": "en",
    "pages_read": 7,
    "measures": {
        "word_count": 1240,
        "sentence_count": 44,
        "average_sentence_length": 28.4,
        "sentence_length_spread": 11.2,
        "average_paragraph_length": 112.0,
        "readability_score": 38.0,
        "readability_formula": "Flesch Reading Ease",
        "readability_band": "difficult",
        "lexical_diversity": 0.74,
        "long_word_share": 0.31,
        "question_share": 0.0,
        "exclamation_share": 0.0,
        "first_person_share": 0.003,
        "second_person_share": 0.001,
        "contraction_share": 0.0,
        "top_words": ["fermentation", "gluten", "hydration", "enzyme"],
    },
    "writing_style": {"tone": "academic"},
    "content_characteristics": {"vocabulary_level": "advanced"},
    "target_audience": {"demographics": "Specialists", "industry_focus": "Food science"},
    "content_type": {"purpose": "Inform"},
    "recommended_settings": {
        "writing_tone": "Academic",
        "target_audience": "Readers who know the subject",
    },
    "style_patterns": {
        "patterns": {"transition_phrases": [{"phrase": "in contrast", "count": 4}, "therefore"]}
    },
    "crawl_result": {
        "social_media": {"linkedin": "https://www.linkedin.com/in/x", "youtube": "https://y"},
        "feeds": [],
    },
}

SHORT: dict[str, Any] = {
    "status": "completed",
    "website_url": "https://loaf.example.org/",
    "language": "en-GB",
    "pages_read": 3,
    "measures": {
        "word_count": 2600,
        "sentence_count": 300,
        "average_sentence_length": 8.7,
        "sentence_length_spread": 4.0,
        "average_paragraph_length": 24.0,
        "readability_score": 84.0,
        "readability_formula": "Flesch Reading Ease",
        "readability_band": "easy",
        "lexical_diversity": 0.66,
        "long_word_share": 0.08,
        "question_share": 0.05,
        "exclamation_share": 0.12,
        "first_person_share": 0.01,
        "second_person_share": 0.04,
        "contraction_share": 0.03,
        "top_words": [{"word": "loaf", "count": 40}, {"word": "dough", "count": 31}],
    },
    "content_characteristics": {"vocabulary_level": "everyday"},
    "recommended_settings": {"writing_tone": "Conversational"},
    "crawl_result": {
        "social_media": {"X": "https://x.com/loaf", "instagram": "https://instagram.com/loaf"},
        "feeds": ["https://loaf.example.org/feed.xml"],
    },
}

BUSINESS: dict[str, Any] = {
    "business_description": (
        "We bake sourdough bread for the cafés of Leeds, and we teach sourdough baking to "
        "beginners, with your own flour."
    ),
    "industry": "Bakery",
    "target_audience": "Café owners and beginners",
    "business_goals": "Fill the evening courses",
}


def answers(**changed: Any) -> dict[str, Any]:
    """The usual answers with some of them changed."""
    return {**copy.deepcopy(ANSWERS), **changed}


def analysis(base: dict[str, Any] = LONG, **measures: Any) -> dict[str, Any]:
    """A copy of an analysis with some of its measures changed."""
    made = copy.deepcopy(base)
    made["measures"].update(measures)
    return made
