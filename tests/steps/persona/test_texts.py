"""The user's own words beside the generated texts: neither ever overwrites the other."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.steps.persona.build import build_persona
from webapp.steps.persona.texts import (
    TEXTS,
    changed_edits,
    digest,
    generated,
    mark_of,
    outdated,
    own_words,
    with_edits,
)

from .samples import LONG, SHORT, answers

VOICE, RULES, WORDS = TEXTS["own_voice"], TEXTS["own_rules"], TEXTS["own_words"]
ADVICE, TWITTER = TEXTS["own_linkedin_advice"], TEXTS["own_twitter_dos"]


@pytest.fixture
def persona() -> dict[str, Any]:
    return build_persona(answers(), LONG, None)


def test_every_text_lies_where_the_contract_has_it(persona: dict[str, Any]) -> None:
    for text in TEXTS.values():
        value = generated(persona, text)
        if text.platform and text.platform not in persona["platform_personas"]:
            assert value is None
        else:
            assert isinstance(value, list if text.shape in ("lines", "words") else str), text.field
            assert value, text.field


def test_no_two_texts_share_a_place_or_a_field() -> None:
    assert len({text.path for text in TEXTS.values()}) == len(TEXTS)
    assert {text.field for text in TEXTS.values()} == set(TEXTS)


def test_every_generated_text_of_a_persona_can_be_edited(persona: dict[str, Any]) -> None:
    """What has codes is a generated text. Those that speak to the user about the persona are no
    part of it: where the tone differs, what would raise its quality, why this archetype."""
    found = set()

    def walk(section: dict[str, Any], path: tuple[str, ...]) -> None:
        found.update((*path, key) for key in section.get("codes", {}))
        for key, value in section.items():
            if isinstance(value, dict) and key != "codes":
                walk(value, (*path, key))

    walk(persona, ())
    about = {("core_persona", "tone_agreement", "sentence"), ("quality_metrics", "recommendations"),
             ("core_persona", "identity", "archetype_because")}  # fmt: skip
    assert found - about <= {text.path for text in TEXTS.values()}


def test_own_words_stand_in_their_place_and_the_generated_ones_stay(
    persona: dict[str, Any],
) -> None:
    before = copy.deepcopy(persona)
    edits = changed_edits(
        {
            "own_voice": "I bake.",
            "own_rules": "- Short sentences.\n\n• No jargon.\nShort sentences.",
            "own_words": "dough, sourdough starter;  crust\ncrumb",
            "own_linkedin_advice": "Begin with bread.",
        },
        {},
        persona,
    )
    edited = with_edits(persona, edits)
    assert generated(edited, VOICE) == "I bake."
    assert generated(edited, RULES) == ["Short sentences.", "No jargon."]
    assert generated(edited, WORDS) == ["dough", "sourdough starter", "crust", "crumb"]
    assert generated(edited, ADVICE) == ["Begin with bread."]
    assert persona == before, "what was generated was touched"
    assert json.loads(json.dumps(edits)) == edits


def test_codes_of_a_text_that_was_replaced_go_with_it(persona: dict[str, Any]) -> None:
    """Else a page would say the generated text again over the user's own."""
    edits = changed_edits(dict.fromkeys(TEXTS, "Mine"), {}, persona)
    edited = with_edits(persona, edits)
    for text in TEXTS.values():
        if generated(persona, text) is not None:
            assert str(generated(edited, text)).count("Mine") == 1, text.field
            place: Any = edited
            for key in text.path[:-1]:
                place = place[key]
            assert text.path[-1] not in place.get("codes", {})
    assert edited["core_persona"]["identity"]["archetype_because"] is None


def test_an_edit_survives_what_is_generated_later(persona: dict[str, Any]) -> None:
    edits = changed_edits({"own_voice": "I bake."}, {}, persona)
    later = build_persona(answers(tone="Casual"), SHORT, None)
    assert generated(later, VOICE) != generated(persona, VOICE)
    assert generated(with_edits(later, edits), VOICE) == "I bake."
    assert outdated(persona, edits) == set()
    assert outdated(later, edits) == {"own_voice"}
    same = changed_edits({"own_voice": "I bake."}, edits or {}, later)
    assert outdated(later, same) == {"own_voice"}, "the user did not look at it again"
    reworded = changed_edits({"own_voice": "I bake slowly."}, edits or {}, later)
    assert outdated(later, reworded) == set()


def test_a_platform_that_is_left_out_keeps_its_edit_for_its_return(persona: dict[str, Any]) -> None:
    edits = changed_edits({"own_twitter_dos": "Short."}, {}, persona)
    without = build_persona(answers(selected_platforms=["blog"]), LONG, None)
    assert "twitter" not in with_edits(without, edits)["platform_personas"]
    kept = changed_edits({"own_twitter_dos": "Short."}, edits or {}, without)
    assert kept == edits
    assert generated(with_edits(persona, kept), TWITTER) == ["Short."]
    assert outdated(persona, kept) == set()


def test_no_words_bring_the_generated_text_back_and_silence_changes_nothing(
    persona: dict[str, Any],
) -> None:
    edits = changed_edits({"own_voice": "I bake.", "own_rules": "One."}, {}, persona)
    assert edits is not None
    after = changed_edits({"own_voice": ""}, edits, persona)
    assert after is not None
    assert set(after) == {RULES.name}
    assert changed_edits({"own_rules": ""}, after, persona) is None
    assert changed_edits({}, edits, persona) == edits


def test_own_words_are_listed_for_every_field(persona: dict[str, Any]) -> None:
    edits = changed_edits({"own_voice": "I bake."}, {}, persona)
    listed = own_words(edits)
    assert set(listed) == set(TEXTS)
    assert {field for field, words in listed.items() if words} == {"own_voice"}
    assert own_words(None) == dict.fromkeys(TEXTS, "")


def test_what_the_form_shows_of_a_text_is_read_back_as_it_was(persona: dict[str, Any]) -> None:
    for text in TEXTS.values():
        value = generated(persona, text)
        if value is not None:
            assert text.read(text.written(value)) == value, text.field


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_digest_knows_words_and_no_white_space(one: str, other: str) -> None:
    assert digest(one) == digest(f"\r\n {one.replace(' ', '  ')}\t")
    if one.split() != other.split():
        assert digest(one) != digest(other)


def test_a_digest_takes_half_a_character() -> None:
    assert digest("half \ud800") != digest("half")


def test_the_mark_of_a_text_is_that_of_what_was_generated(persona: dict[str, Any]) -> None:
    assert mark_of(persona, VOICE) == digest(persona["core_persona"]["identity"][VOICE.path[-1]])


@pytest.mark.parametrize("field", TEXTS)
def test_a_text_s_control_is_neither_a_slit_nor_a_wall(field: str) -> None:
    text = TEXTS[field]
    assert text.rows("") == 2
    assert text.rows("x" * 5000) == 14
    assert text.rows("one\ntwo\nthree\nfour") == 4
