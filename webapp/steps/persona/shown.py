"""A stored persona as a page shows it: in the reader's language, with the user's own words, and
beside it real sentences of theirs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import format_decimal

from webapp.steps.persona.examples import Example, choose_examples
from webapp.steps.persona.models import PersonaData
from webapp.steps.persona.sentences import say_again, words_of
from webapp.steps.persona.texts import TEXTS, digest, generated, outdated, with_edits
from webapp.texts import gettext, translator


def translate(text: str) -> str:
    """A text of the persona's tables in the reader's language."""
    return str(gettext(text))


def number(value: float, _spec: str) -> str:
    """A number as the reader's language writes it."""
    if isinstance(value, int) and 0 <= value < 1000:  # written alike everywhere
        return str(value)
    return str(format_decimal(value))


@dataclass(frozen=True)
class ShownExample:
    """A sentence of the user's, and in words why it fits or breaks the persona."""

    text: str
    words: int
    reasons: list[str]


@dataclass(frozen=True)
class ToneQuestion:
    """The stated and the measured tone are not the same, and the user has not decided yet."""

    stated: str
    measured: str
    sentence: str


@dataclass(frozen=True)
class ShownPersona:
    """What templates get. The three dicts have the contract's shape."""

    core_persona: dict[str, Any]
    platform_personas: dict[str, Any]
    quality_metrics: dict[str, Any]
    selected_platforms: list[str]
    edited: frozenset[str]
    """Form fields of the texts that are the user's own."""
    fits: list[ShownExample]
    breaks: list[ShownExample]
    tone_question: ToneQuestion | None


def shown_persona(answer: PersonaData, analysis: Mapping[str, Any] | None) -> ShownPersona:
    """`analysis`: the one that the persona rests on, for its sample sentences."""
    spoken = say_again(answer.results, translator(), number)
    if answer.edits:
        spoken = with_edits(spoken, answer.edits)
    edits = answer.edits or {}
    fits: list[Example] = []
    breaks: list[Example] = []
    if samples := ((analysis or {}).get("measures") or {}).get("sample_sentences"):
        english = with_edits(answer.results, answer.edits)["core_persona"]
        fits, breaks = choose_examples(samples, english)
    return ShownPersona(
        core_persona=spoken["core_persona"],
        platform_personas=spoken["platform_personas"],
        quality_metrics=spoken["quality_metrics"],
        selected_platforms=answer.selected_platforms,
        edited=frozenset(name for name, text in TEXTS.items() if edits and text.name in edits),
        fits=[_shown(one) for one in fits],
        breaks=[_shown(one) for one in breaks],
        tone_question=tone_question(answer),
    )


def tone_question(answer: PersonaData) -> ToneQuestion | None:
    """None when the tones agree, one is not known, or the user decided already."""
    stored = answer.core_persona.get("tone_agreement")
    if not isinstance(stored, Mapping) or stored.get("agrees") is not False:
        return None
    said = say_again(stored, translator(), number)
    stated, measured = said.get("stated"), said.get("measured")
    if measured == answer.tone_kept:
        return None
    return ToneQuestion(str(stated), str(measured), str(said.get("sentence") or ""))


def texts_to_edit(answer: PersonaData) -> dict[str, dict[str, Any]]:
    """Form field -> what the page needs to let that text be edited, for those that there are:
    `made` (the generated text in the reader's language), `digest` of it, `changed` (it is another
    than the one that the own text was written from), `rows`, `platform`, `shape`.
    """
    spoken = say_again(answer.results, translator(), number)
    changed = outdated(answer.results, answer.edits)
    found = {}
    for field, text in TEXTS.items():
        value = generated(spoken, text)
        if value is None and (text.platform or text.field == "own_archetype"):
            continue
        made = text.written(value)
        found[field] = {
            "made": made,
            "digest": digest(made),
            "changed": field in changed,
            "rows": text.rows(made),
            "platform": text.platform,
            "shape": text.shape,
        }
    return found


def _shown(example: Example) -> ShownExample:
    to_reader = translator()
    reasons = [words_of(one, to_reader, number) for one in example.reasons]
    return ShownExample(example.text, example.words, reasons)
