"""The persona step: a few answers, prefilled from the analysis, and the persona built from both in
the same transaction."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from flask_babel import format_decimal

from webapp import apidoc, kept
from webapp.apidoc import Operation
from webapp.kept import Few
from webapp.steps.persona.build import basis_of, build_persona, prefill
from webapp.steps.persona.evidence import Evidence, read_evidence
from webapp.steps.persona.form import KEEP, PLATFORMS, TONES, PersonaForm
from webapp.steps.persona.models import PersonaData
from webapp.steps.persona.platforms import PLATFORMS as LIMITS
from webapp.steps.persona.platforms import optimal_sentence_length
from webapp.steps.persona.sheet import identity, sheet
from webapp.steps.persona.shown import (
    number,
    shown_persona,
    texts_to_edit,
    tone_question,
    translate,
)
from webapp.steps.persona.texts import TEXTS, changed_edits, own_words
from webapp.texts import lazy_gettext as _l
from webapp.texts import lazy_ngettext
from webapp.wizard.calls import Reads
from webapp.wizard.forms import StepForm
from webapp.wizard.merge import Merge, three_way
from webapp.wizard.step import Capability, Row, Step, Visit, Words

__all__ = ["PLATFORMS", "TONES", "PersonaForm", "PersonaStep"]

ENOUGH_WORDS = 150
ANSWERS = ("persona_name", "tone", "audience", "voice_description", "selected_platforms")


class PersonaStep(Step):
    """The persona."""

    slug = "persona"
    title = _l("Persona")
    description = _l(
        "A persona is the voice that your texts are written in. What is known of you is filled in "
        "already: change what does not fit."
    )
    minutes = 2
    changeable = _l("You can change it later, down to the wording")
    form = PersonaForm
    answer = PersonaData
    needs = ("website",)
    calls = (
        Reads(
            "GET",
            "persona",
            Operation(
                "The persona",
                "Answers",
                {
                    200: apidoc.answer(
                        core_persona=apidoc.OBJECT,
                        platform_personas=apidoc.OBJECT,
                        quality_metrics=apidoc.OBJECT,
                        selected_platforms=apidoc.STRINGS,
                        edited=apidoc.STRINGS,
                    )
                },
                detail="In English codes, with the user's own words in their places; `edited` "
                "names these. 404 while the step is open.",
                etag=True,
            ),
            lambda visit, _params: _as_dict(visit),
        ),
    )
    brief_columns = (PersonaData.persona_name, PersonaData.tone)

    def prefill(self, visit: Visit) -> dict[str, Any]:
        """From the analysis, or the business description."""
        values, _origins = prefill(*_material(visit), translate, number)
        return values

    def suggested(self, visit: Visit) -> tuple[dict[str, Any], dict[str, Any]]:
        """Suggested values, and where they came from until the user saves."""
        analysis, business = _material(visit)
        writer = read_evidence({}, analysis, business)
        values, origins = prefill(analysis, business, translate, number, writer)
        beside = {"origins": origins, "texts": {}, "persona": None}
        return values, beside | _beside(writer)

    def values(self, answer: PersonaData) -> dict[str, Any]:
        """The answers, and beside them the texts that the user worded otherwise."""
        answers = {name: getattr(answer, name) for name in ANSWERS}
        return answers | {"tone_choice": None} | own_words(answer.edits)

    def columns(self, form: StepForm) -> dict[str, Any]:
        """The answers alone; `save` sees to the rest."""
        return {name: form[name].data for name in ANSWERS}

    def save(self, form: StepForm, visit: Visit, now: datetime) -> None:
        """Answers, own words, and the persona. What is generated never touches the own words."""
        assert isinstance(form, PersonaForm)  # noqa: S101 - for the type checker
        before: PersonaData | None = visit.answer(self.slug)
        shown, edits = (before.results, before.edits or {}) if before else ({}, {})
        super().save(form, visit, now)
        answer: PersonaData = visit.answer(self.slug)
        answer.edits = changed_edits(form.own_texts(), edits, shown)
        self.refresh(visit, now)
        if form.tone_choice.data == KEEP:
            answer.tone_kept = answer.core_persona["tone_agreement"]["measured"]

    def same(self, form: StepForm, answer: Any) -> bool:
        """True when the form changes nothing; what was not in the post does not."""
        if answer is None:
            return False
        measured = answer.core_persona["tone_agreement"]["measured"]
        kept = form["tone_choice"].data is None or answer.tone_kept == measured
        stored = self.values(answer)
        return kept and _said(form, stored) == stored

    def merge(self, base: Mapping[str, Any], visit: Visit, form: StepForm) -> Merge:
        """Own texts that were not in the post are not changed by it."""
        typed = _said(form, base) | {"tone_choice": form["tone_choice"].data}
        return three_way(base, self.values(self.stored(visit)), typed)

    def refresh(self, visit: Visit, now: datetime) -> None:
        """Build the persona anew from the answers and what is measured by now, in English; the
        user's own words stay beside it."""
        answer: PersonaData = visit.answer(self.slug)
        answers = {name: getattr(answer, name) for name in ANSWERS}
        built = build_persona(answers, *_material(visit))
        answer.core_persona = built["core_persona"]
        answer.platform_personas = built["platform_personas"]
        answer.quality_metrics = built["quality_metrics"]

    def beside_form(self, visit: Visit) -> Mapping[str, Any]:
        """Where suggested values came from (until the user saves), what it will rest on, and, once
        there is a persona, its texts to edit, a question on its tone, and sentences beside it."""
        answer: PersonaData | None = visit.answer(self.slug)
        if answer is None:
            return self.suggested(visit)[1]
        analysis, business = _material(visit)
        persona = shown_persona(answer, analysis)
        return {
            "origins": {},
            "texts": texts_to_edit(answer),
            "persona": persona,
            "identity": identity(persona),
        } | _beside(read_evidence({}, analysis, business))

    def report(self, visit: Visit) -> Mapping[str, Any]:
        """The persona, for the summary."""
        answer: PersonaData | None = visit.answer(self.slug)
        analysis, _business = _material(visit)
        return {"persona": sheet(shown_persona(answer, analysis)) if answer else None}

    def facts(self, visit: Visit) -> Mapping[str, Any]:
        """The answers, and how complete the persona is."""
        answer: PersonaData | None = visit.answer(self.slug)
        if answer is None:
            return {"personalization_settings": None, "persona_readiness": None}
        metrics = answer.quality_metrics
        return {
            "personalization_settings": {name: getattr(answer, name) for name in ANSWERS},
            "persona_readiness": {"ready": True, **metrics},
        }

    def outcome(self, visit: Visit) -> Mapping[str, Any]:
        """Whether there is a persona."""
        return {"persona_generated": visit.answer(self.slug) is not None}

    def rows(self, visit: Visit) -> Iterable[Row]:
        """The answers."""
        answer: PersonaData | None = visit.answer(self.slug)
        if answer is None:
            return
        tones, platforms = dict(TONES), dict(PLATFORMS)
        yield Row(_l("Name"), answer.persona_name)
        question = tone_question(answer)
        note = None
        if question:
            measured = tones.get(question.measured, question.measured)
            note = _l("Your pages read as %(tone)s. You can choose on this step.", tone=measured)
        yield Row(_l("Tone"), tones.get(answer.tone, answer.tone), note)
        yield Row(_l("Audience"), answer.audience)
        if answer.voice_description:
            yield Row(_l("Voice"), answer.voice_description)
        if answer.edits:
            labels = [text.label for text in TEXTS.values() if text.name in answer.edits]
            yield Row(_l("Written by you"), list(labels))
        yield Row(_l("Platforms"), [platforms.get(p, p) for p in answer.selected_platforms])

    def brief(self, name: str, tone: str) -> Words:
        """Name and tone."""
        return f"{name} · {dict(TONES).get(tone, tone)}"

    def capabilities(self, visit: Visit) -> Iterable[Capability]:
        """A persona personalises; enough measured text lets it speak like its owner."""
        answer: PersonaData | None = visit.answer(self.slug)
        made = answer is not None
        why = _l("Your persona is made.") if made else _l("It needs your persona.")
        yield Capability("personalisation", _l("Content personalisation"), made, why)
        analysis, _business = _material(visit)
        words = ((analysis or {}).get("measures") or {}).get("word_count") or 0
        enough = made and words >= ENOUGH_WORDS
        yield Capability(
            "persona_generation",
            _l("Persona generation"),
            enough,
            lazy_ngettext(
                "It rests on %(n)s word of yours.",
                "It rests on %(n)s words of yours.",
                words,
                n=format_decimal(words),
            )
            if enough
            else _l("It needs at least %(n)d words of yours to measure.", n=ENOUGH_WORDS),
        )


def _material(visit: Visit) -> tuple[dict[str, Any] | None, dict[str, str] | None]:
    """The analysis (when the user lets it count) and the business description."""
    website = visit.answer("website")
    if website is None:
        return None, None
    analysis = website.current_analysis if website.use_analysis else None
    return analysis.as_dict() if analysis else None, website.business


def _as_dict(visit: Visit) -> dict[str, Any] | None:
    answer: PersonaData | None = visit.answer("persona")
    return answer.as_dict() if answer else None


def _beside(writer: Evidence) -> dict[str, Any]:
    """What the page says in any case: what a persona rests on, and the card that follows the
    choice of platforms."""
    return {
        "basis": basis_of(writer, translate, number),
        "card": kept.macro("macros/persona_card.html", "card", _card(writer.sentence_length)),
    }


def _card(mean: float | None) -> Few:
    """Each platform with its code and label, its limit of characters (None: there is none) and the
    words a sentence that suit it and this writer."""
    return Few(
        (
            code,
            str(label),
            LIMITS[code].character_limit,
            optimal_sentence_length(LIMITS[code], mean),
        )
        for code, label in PLATFORMS
    )


def _said(form: StepForm, otherwise: Mapping[str, Any]) -> dict[str, Any]:
    """The form's values without the tone's question; own texts that were not in the post come from
    `otherwise`."""
    assert isinstance(form, PersonaForm)  # noqa: S101 - for the type checker
    own = form.own_texts()
    said = {name: form[name].data for name in ANSWERS} | {"tone_choice": None}
    return said | {name: own.get(name, otherwise.get(name, "")) for name in TEXTS}
