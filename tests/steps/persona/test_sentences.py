"""The table of sentences: complete, used, and able to speak another language."""

import json
import re
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

from webapp.steps.persona import sentences
from webapp.steps.persona.build import basis_sentence, build_persona, prefill
from webapp.steps.persona.evidence import read_evidence
from webapp.steps.persona.platforms import platform_persona
from webapp.steps.persona.sentences import (
    SENTENCES,
    TERMS,
    Sentence,
    render,
    say_again,
    sentence,
    words_of,
)

from .samples import BUSINESS, LONG, SHORT, answers

MODULES = Path(sentences.__file__).parent
# Codes whose last part is put in when they are used.
COMPOSED = re.compile(
    r"(?:name|archetype|style_person|rule_person|style|basis(?:_until_then|_instead)?)_"
)


def test_every_sentence_is_used() -> None:
    source = "".join(
        path.read_text("utf-8") for path in MODULES.glob("*.py") if path.name != "sentences.py"
    )
    unused = [code for code in SENTENCES if f'"{code}"' not in source and not COMPOSED.match(code)]
    assert unused == []


@pytest.mark.parametrize("code", SENTENCES)
def test_every_sentence_ends_well_and_names_its_values(code) -> None:
    text = SENTENCES[code]
    if not code.startswith(("from_", "name_", "voice_business", "voice_stated")):
        assert text.endswith((".", "?"))
    for _, field, _, conversion in Formatter().parse(text):
        assert field is None or field.isidentifier()
        assert conversion is None


def test_a_code_or_a_value_that_is_missing_is_refused_at_once() -> None:
    with pytest.raises(KeyError):
        sentence("no_such_sentence")
    with pytest.raises(KeyError):
        sentence("style_sentences")


def test_only_the_values_that_a_sentence_names_are_kept() -> None:
    assert sentence("style_sentences", mean=3, other="x") == Sentence(
        "style_sentences", {"mean": 3}
    )


def test_the_codes_beside_a_text_say_it_again() -> None:
    made = render({"a": sentence("style_sentences", mean=3), "b": [sentence("style_easy")]})
    assert made["a"] == "Sentences of about 3 words."
    assert made["b"] == ["Easy to read."]
    again = Sentence(**made["codes"]["a"][0])
    assert words_of(again) == made["a"]


def test_one_persona_s_advice_is_not_changed_through_another_s() -> None:
    """Sentences that are the same for every writer are formed once; what is rendered is a copy."""
    writer = read_evidence({}, None, None)
    first = render(platform_persona("linkedin", writer, None))
    again = render(platform_persona("linkedin", writer, None))
    assert first == again
    for parts in first["codes"].values():
        for part in parts:
            part["values"]["fold"] = "changed"
    assert render(platform_persona("linkedin", writer, None)) == again


def test_every_generated_sentence_goes_through_the_translation() -> None:
    seen = []

    def upper(text: str) -> str:
        seen.append(text)
        return "ÜBERSETZT"

    made = build_persona(answers(), LONG, None, upper)
    assert set(seen) <= {*SENTENCES.values(), *TERMS, ", "}
    assert made["core_persona"]["tone_agreement"]["sentence"] == "ÜBERSETZT"
    assert set(made["core_persona"]["stylistic_constraints"]["rules"]) == {"ÜBERSETZT"}
    for persona in made["platform_personas"].values():
        for key in ("platform_best_practices", "dos", "donts"):
            assert set(persona[key]) == {"ÜBERSETZT"}
    assert basis_sentence(LONG, None, upper) == "ÜBERSETZT"
    assert set(prefill(SHORT, BUSINESS, upper)[1].values()) == {"ÜBERSETZT"}


def test_a_stored_persona_can_be_said_again_from_its_codes() -> None:
    made = build_persona(answers(), LONG, None)
    checked = 0

    def walk(section: dict) -> None:
        nonlocal checked
        for key, parts in section.get("codes", {}).items():
            said = [words_of(Sentence(**part)) for part in parts]
            text = section[key]
            assert text == said if isinstance(text, list) else text == " ".join(said)
            checked += len(said)
        for value in section.values():
            if isinstance(value, dict):
                walk(value)

    walk(made)
    assert checked > 30


def test_a_stored_persona_is_said_again_in_another_language() -> None:
    stored = json.loads(json.dumps(build_persona(answers(), LONG, None)))
    german = {
        SENTENCES["name_scholar"]: "Der Gelehrte",
        SENTENCES["rule_length_hard"]: "Im Schnitt {mean:g} Wörter, mehr als {limit} sind schwer.",
        SENTENCES["tone_differs"]: "Gewählt: {stated}. Gelesen: {measured}.",
        "Professional": "Sachlich",
        "Academic": "Akademisch",
    }
    core = say_again(
        stored["core_persona"],
        lambda text: german.get(text, text),
        lambda value, _spec: str(value).replace(".", ","),
    )
    assert (
        core["stylistic_constraints"]["rules"][0]
        == "Im Schnitt 28,4 Wörter, mehr als 25 sind schwer."
    )
    assert core["tone_agreement"]["sentence"] == "Gewählt: Sachlich. Gelesen: Akademisch."
    assert core["tonal_range"]["default_tone"] == "Professional", "a code stays a code"
    assert core["linguistic_fingerprint"] == stored["core_persona"]["linguistic_fingerprint"]


def test_said_again_in_english_it_is_what_was_stored() -> None:
    stored = build_persona(answers(), SHORT, BUSINESS)

    def without_codes(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without_codes(one) for key, one in value.items() if key != "codes"}
        return value

    assert say_again(stored, lambda text: text) == without_codes(stored)


@pytest.mark.parametrize(
    "codes",
    [
        {"text": [{"code": "of_a_later_version", "values": {}}]},
        {"text": [{"code": "style_sentences", "values": {}}]},
        {"text": [{"code": "style_sentences"}]},
        {"text": "nonsense"},
        {"text": [None]},
        {"text": None},
        {"text": [{"code": "rule_length_mean", "values": {"mean": "no number"}}]},
        "nonsense",
    ],
)
def test_a_text_whose_codes_are_not_known_stays_as_it_was_stored(codes: Any) -> None:
    stored = {"text": "As it was.", "codes": codes}
    assert say_again(stored, lambda _text: "ANOTHER {mean:g}")["text"] == "As it was."


def test_what_a_user_wrote_is_never_translated_or_read_as_a_template() -> None:
    said = sentence("voice_who", name="Casual", audience="{name} {0}", tone="Casual")
    heard = words_of(said, lambda text: "Locker" if text == "Casual" else text)
    assert heard == "Casual writes for these readers: {name} {0}. The tone is Locker."


def test_a_list_of_tones_is_translated_one_by_one() -> None:
    said = sentence("rule_tone", tones="Casual, Conversational")
    words = {"Casual": "Locker", "Conversational": "Im Gespräch"}
    assert "Locker, Im Gespräch" in words_of(said, lambda text: words.get(text, text))
