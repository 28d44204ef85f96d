"""What a writing model is given: everything that is known, and defaults that say what they are."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from tests.steps.persona.samples import LONG
from tests.wizard.samples import begin, by, in_hand, save, walk
from webapp.ai_inputs import DEFAULT_RESEARCH, STYLE_KEYS, VERSION, ai_inputs
from webapp.extensions import transaction
from webapp.steps.research import ResearchForm
from webapp.steps.website.models import WebsiteAnalysis
from webapp.wizard import store

PARTS = (
    "persona", "writing_style", "measures", "guidelines", "language", "business", "research",
    "integrations", "declaration",
)  # fmt: skip


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def inputs(session_id: str) -> dict[str, Any]:
    document = ai_inputs(store.require(by(session_id), everything=True))
    return dict(json.loads(json.dumps(document)))


def measured(session_id: str, **columns: Any) -> None:
    """Give the session a website with a measured style, as a finished analysis would."""
    site = {"has_website": "yes", "website_url": "https://www.example.com/essays"}
    save(session_id, "website", **site, use_analysis="y")
    result = {"measures", "writing_style", "recommended_settings", "content_characteristics"}
    with transaction():
        analysis = in_hand(session_id).answer("website").current_analysis
        assert isinstance(analysis, WebsiteAnalysis)
        analysis.status, analysis.language, analysis.pages_read = "completed", "en", 7
        for name in result:
            setattr(analysis, name, LONG[name])
        for name, value in columns.items():
            setattr(analysis, name, value)


def test_an_empty_session_gives_documented_defaults_alone() -> None:
    document = inputs(begin())
    assert document["version"] == VERSION
    assert document["provenance"] == dict.fromkeys(PARTS, "default")
    persona = document["persona"]
    assert persona["tone"] == "Professional"
    assert persona["core_persona"]["tonal_range"]["default_tone"] == "Professional"
    assert (persona["persona_name"], persona["audience"], persona["edited"]) == (None, None, [])
    assert persona["platform_personas"] == {}
    fingerprint = persona["core_persona"]["linguistic_fingerprint"]
    assert fingerprint["sentence_metrics"]["average_sentence_length_words"] is None
    assert fingerprint["lexical_features"]["go_to_words"] == []
    assert document["writing_style"] == dict.fromkeys(STYLE_KEYS)
    assert document["measures"] == {}
    assert document["research"] == DEFAULT_RESEARCH
    assert document["integrations"] == {"platforms": []}
    for part in ("language", "business", "declaration", "website_url"):
        assert document[part] is None
    assert not any(document["guidelines"]["guidelines"].values())


def test_the_defaults_of_research_are_those_of_its_form() -> None:
    form = ResearchForm(formdata=None)
    for name in ("auto_research", "factual_content"):
        assert DEFAULT_RESEARCH[name] == form[name].data
    depths = [option.data for option in form.research_depth]
    assert DEFAULT_RESEARCH["research_depth"] in depths


def test_a_default_is_nobody_s_to_change() -> None:
    session_id = begin()
    first = ai_inputs(store.require(by(session_id), everything=True))
    first["research"]["content_types"].append("News")
    assert inputs(session_id)["research"]["content_types"] == []


def test_a_finished_session_gives_its_answers() -> None:
    session_id = begin()
    walk(session_id, until="finish")
    document = inputs(session_id)
    visit = store.require(by(session_id), everything=True)
    answer, research = visit.answer("persona"), visit.answer("research")
    assert document["persona"]["persona_name"] == answer.persona_name
    assert document["persona"]["selected_platforms"] == answer.selected_platforms
    assert set(document["persona"]["platform_personas"]) == set(answer.selected_platforms)
    assert document["research"]["research_depth"] == research.research_depth
    assert document["research"]["competitors"] == research.competitors
    assert document["declaration"] == visit.session.first_declaration
    assert document["provenance"]["persona"] == "answered"
    assert document["provenance"]["declaration"] == "answered"


def test_no_secret_is_in_it() -> None:
    session_id = begin()
    walk(session_id, until="finish")
    said = json.dumps(inputs(session_id))
    assert "sk-" not in said
    assert "api" not in said.lower().replace("rapid", "")


def test_the_user_s_own_words_come_in_place_of_the_generated() -> None:
    session_id = begin()
    walk(session_id, until="persona")
    save(session_id, "persona", own_voice="I bake.", own_words="dough, crust")
    persona = inputs(session_id)["persona"]
    assert persona["core_persona"]["identity"]["brand_voice_description"] == "I bake."
    lexical = persona["core_persona"]["linguistic_fingerprint"]["lexical_features"]
    assert lexical["go_to_words"] == ["dough", "crust"]
    assert persona["edited"] == [
        "core_persona.identity.brand_voice_description",
        "core_persona.linguistic_fingerprint.lexical_features.go_to_words",
    ]


def test_what_was_measured_is_given_and_shapes_the_default_persona() -> None:
    session_id = begin()
    walk(session_id, until="website")
    measured(session_id)
    document = inputs(session_id)
    assert document["measures"]["average_sentence_length"] == 28.4
    assert document["language"] == "en"
    assert document["provenance"]["measures"] == "measured"
    assert document["provenance"]["persona"] == "default"
    core = document["persona"]["core_persona"]
    assert core["tonal_range"]["default_tone"] == "Academic", "the measured tone, not Professional"
    length = core["linguistic_fingerprint"]["sentence_metrics"]["average_sentence_length_words"]
    assert length == 28.4


def test_a_site_that_is_being_read_is_pending() -> None:
    session_id = begin()
    walk(session_id, until="website")
    site = {"has_website": "yes", "website_url": "https://example.com/"}
    save(session_id, "website", **site, use_analysis="y")
    document = inputs(session_id)
    assert document["provenance"]["measures"] == "pending"
    assert document["measures"] == {}
    assert document["website_url"] == "https://example.com/"


def test_an_analysis_that_is_not_to_count_is_not_given() -> None:
    session_id = begin()
    walk(session_id, until="website")
    measured(session_id)
    save(
        session_id,
        "website",
        has_website="yes",
        website_url="https://www.example.com/essays",
        use_analysis=None,
    )
    document = inputs(session_id)
    assert document["measures"] == {}
    assert document["provenance"]["measures"] == "default"
    assert document["persona"]["tone"] == "Professional"


def test_too_little_text_leaves_every_style_null() -> None:
    session_id = begin()
    walk(session_id, until="website")
    measured(session_id, writing_style=None, measures={"word_count": 12}, style_guidelines=None)
    document = inputs(session_id)
    assert document["writing_style"] == dict.fromkeys(STYLE_KEYS)
    assert document["measures"] == {"word_count": 12}
