"""The persona step: its form, and that a save builds the persona in the same transaction."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from tests.wizard.samples import begin, faults, in_hand, read, save, step, walk
from webapp.extensions import transaction
from webapp.steps.persona.step import PLATFORMS, TONES
from webapp.steps.website.models import WebsiteAnalysis
from webapp.wizard import store


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


@pytest.fixture
def session_id(context: None) -> str:
    """A session whose next step is this one."""
    started = begin()
    walk(started, until="research")
    return started


def stored(session_id: str) -> Any:
    return read(session_id).answer("persona")


def test_the_choices_are_the_contract_s() -> None:
    tones = [value for value, _label in TONES]
    assert tones == ["Professional", "Casual", "Technical", "Conversational", "Academic"]
    assert [value for value, _label in PLATFORMS] == [
        "linkedin", "facebook", "twitter", "blog", "instagram", "medium", "substack",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("persona_name", "x"),
        ("persona_name", "n" * 80),
        ("persona_name", "🥖" * 80),
        ("persona_name", "Zoë “la boulangère” <b>"),
        ("audience", "us"),
        ("audience", "a" * 500),
        ("audience", "日本の読者\nund Leser"),
        ("voice_description", ""),
        ("voice_description", "v" * 1000),
    ],
)
def test_a_text_within_its_limits_is_stored_as_it_is(any_app: Flask, field: str, text: str) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id, until="research")
        save(session_id, "persona", **{field: text})
        assert getattr(stored(session_id), field) == text


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("persona_name", None),
        ("persona_name", ""),
        ("persona_name", " \t\u00a0"),
        ("persona_name", "n" * 81),
        ("persona_name", "🥖" * 81),
        ("persona_name", "a\0b"),
        ("persona_name", "a\x1bb"),
        ("audience", None),
        ("audience", ""),
        ("audience", "a"),
        ("audience", " a "),
        ("audience", "a" * 501),
        ("audience", "bell\x07"),
        ("voice_description", "v" * 1001),
        ("voice_description", "del\x7f"),
    ],
)
def test_a_text_beyond_its_limits_is_refused(field: str, text: str | None) -> None:
    assert faults("persona", **{field: text}) == {field}


@pytest.mark.parametrize("field", ["persona_name", "audience", "voice_description"])
def test_a_text_that_is_no_unicode_is_refused(field: str) -> None:
    """JSON can say half a character, which no database takes."""
    assert faults("persona", **{field: "half \ud800 a character"}) == {field}


def test_a_line_break_counts_once_however_a_browser_sends_it(session_id: str) -> None:
    lines = "\r\n".join(["a" * 49] * 10)
    assert len(lines.replace("\r\n", "\n")) == 499
    save(session_id, "persona", audience=lines)
    assert stored(session_id).audience == lines.replace("\r\n", "\n")


@pytest.mark.parametrize("tone", ["Professional", "Casual", "Technical", "Conversational"])
def test_every_tone_can_be_saved(session_id: str, tone: str) -> None:
    save(session_id, "persona", tone=tone)
    assert stored(session_id).core_persona["tonal_range"]["default_tone"].lower() == tone.lower()


@pytest.mark.parametrize("tone", [None, "", "casual", "Angry", "Casual\0"])
def test_no_other_tone_is_taken(tone: str | None) -> None:
    assert faults("persona", tone=tone) == {"tone"}


@pytest.mark.parametrize("chosen", [None, [], [""], ["myspace"], ["blog", "myspace"], ["Blog"]])
def test_platforms_are_some_of_the_list(chosen: list[str] | None) -> None:
    assert faults("persona", selected_platforms=chosen) == {"selected_platforms"}


def test_a_persona_is_built_for_each_platform_and_for_no_other(session_id: str) -> None:
    save(session_id, "persona", selected_platforms=["substack", "linkedin", "linkedin"])
    answer = stored(session_id)
    assert answer.selected_platforms == ["linkedin", "substack"]
    assert set(answer.platform_personas) == {"linkedin", "substack"}
    save(session_id, "persona", selected_platforms=["blog"])
    assert set(stored(session_id).platform_personas) == {"blog"}


def test_the_persona_has_the_contract_s_shape(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id, until="persona")
        answer = stored(session_id)
    identity = answer.core_persona["identity"]
    assert identity["persona_name"] == "The patient baker"
    assert {"archetype", "brand_voice_description"} <= set(identity)
    assert {"sentence_metrics", "lexical_features"} <= set(
        answer.core_persona["linguistic_fingerprint"]
    )
    assert "stylistic_constraints" in answer.core_persona
    for name in ("overall_score", "core_completeness", "platform_consistency"):
        assert 0 <= answer.quality_metrics[name] <= 100
    assert isinstance(answer.quality_metrics["recommendations"], list)


def test_a_changed_answer_builds_the_persona_anew(session_id: str) -> None:
    save(session_id, "persona")
    save(session_id, "persona", persona_name="The hurried baker", tone="Technical")
    core = stored(session_id).core_persona
    assert core["identity"]["persona_name"] == "The hurried baker"
    assert core["tonal_range"]["default_tone"].lower() == "technical"


def test_a_changed_business_builds_the_persona_anew(session_id: str) -> None:
    """What the persona rests on was changed in an earlier step: it follows in that transaction."""
    save(session_id, "persona")
    before = stored(session_id)
    save(session_id, "website", business_description="We repair bicycles in an old mill.")
    after = stored(session_id)
    assert after.core_persona != before.core_persona or (
        after.quality_metrics != before.quality_metrics
    )


def test_a_finished_analysis_renews_a_persona_that_was_built_without_it(session_id: str) -> None:
    site = {"has_website": "yes", "website_url": "fern-street.org", "use_analysis": "y"}
    save(session_id, "website", **site)
    save(session_id, "persona")
    before = stored(session_id)
    measured(session_id, words=900)
    with transaction():
        store.refresh(session_id, "website")
    after = stored(session_id)
    assert after.quality_metrics["overall_score"] > before.quality_metrics["overall_score"]
    assert after.audience == before.audience, "the answers stay the user's own"


def test_the_form_suggests_what_was_said_of_the_business_and_where_it_comes_from(
    session_id: str,
) -> None:
    save(session_id, "website", industry="bakery", target_audience="Neighbours of Fern Street")
    visit = read(session_id)
    values = step("persona").prefill(visit)
    origins = step("persona").beside_form(visit)["origins"]
    assert values["audience"] == "Neighbours of Fern Street"
    assert "bakery" in values["persona_name"].lower()
    assert set(origins) == set(values)
    assert all(sentence.strip() for sentence in origins.values())


def test_what_is_suggested_passes_the_form(session_id: str) -> None:
    long = {"industry": "i" * 100, "target_audience": "t" * 500, "business_goals": "g" * 1000}
    save(session_id, "website", **long)
    values = step("persona").prefill(read(session_id))
    assert values
    assert not faults("persona", **values)


def test_nothing_is_suggested_once_the_answers_are_the_user_s_own(session_id: str) -> None:
    save(session_id, "website", industry="bakery")
    save(session_id, "persona")
    assert step("persona").beside_form(read(session_id))["origins"] == {}


def test_the_persona_rests_on_the_analysis_only_where_the_user_wants_it(session_id: str) -> None:
    scores = []
    for use in ("y", None):
        save(
            session_id, "website", has_website="yes", website_url="fern-street.org",
            use_analysis=use,
        )  # fmt: skip
        measured(session_id, words=900)
        save(session_id, "persona", voice_description=f"Warm {use}")
        scores.append(stored(session_id).quality_metrics["overall_score"])
    assert scores[0] > scores[1]


@pytest.mark.parametrize(("words", "enough"), [(149, False), (150, True)])
def test_a_persona_speaks_like_its_owner_from_150_measured_words(
    session_id: str, words: int, enough: bool
) -> None:
    save(session_id, "website", has_website="yes", website_url="fern-street.org", use_analysis="y")
    measured(session_id, words=words)
    save(session_id, "persona")
    found = {one.name: one.available for one in step("persona").capabilities(read(session_id))}
    assert found == {"personalisation": True, "persona_generation": enough}


def test_the_summary_shows_the_answers(session_id: str) -> None:
    save(session_id, "persona", voice_description="Plain and warm.")
    rows = [str(row.value) for row in step("persona").rows(read(session_id))]
    assert rows[:4] == [
        "The patient baker", "Conversational", "People who bake at home", "Plain and warm.",
    ]  # fmt: skip
    assert "Blog" in rows[4]
    assert "Instagram" in rows[4]


def measured(session_id: str, words: int) -> None:
    """As if the analysis of the session's site had found so many words."""
    from webapp.site.analyse import analyse_text

    text = " ".join(["We bake our bread slowly, because you can taste the time in it."] * 80)
    result = analyse_text(text)
    result["measures"]["word_count"] = words
    with transaction():
        visit = in_hand(session_id)
        analysis: WebsiteAnalysis = visit.answer("website").current_analysis
        analysis.status = "completed"
        for name in ("language", "pages_read", "measures", "writing_style", "target_audience"):
            setattr(analysis, name, result[name])
