"""The persona step: a few answers, prefilled from the analysis, and the persona built from both in
the same transaction."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import StringField, TextAreaField

from webapp.steps.persona.build import basis_sentence, build_persona, prefill
from webapp.steps.persona.models import PersonaData
from webapp.wizard.forms import OneOf, SomeOf, StepForm, Text, strip
from webapp.wizard.step import Capability, Row, Step, Visit

TONES = [
    ("Professional", _l("Professional")),
    ("Casual", _l("Casual")),
    ("Technical", _l("Technical")),
    ("Conversational", _l("Conversational")),
    ("Academic", _l("Academic")),
]
PLATFORMS = [
    ("linkedin", "LinkedIn"),
    ("facebook", "Facebook"),
    ("twitter", "X (Twitter)"),
    ("blog", _l("Blog")),
    ("instagram", "Instagram"),
    ("medium", "Medium"),
    ("substack", "Substack"),
]
ENOUGH_WORDS = 150


class PersonaForm(StepForm):
    """Who speaks, how, to whom, and where."""

    persona_name = StringField(
        _l("Name of the persona"),
        filters=[strip],
        validators=[Text(1, 80, _l("Give the persona a name."))],
        description=_l("A name for the voice that will write for you, up to 80 characters."),
        render_kw={"autocomplete": "off"},
    )
    tone = OneOf(_l("Tone"), choices=TONES, required=_l("Choose a tone."))
    audience = TextAreaField(
        _l("Audience"),
        filters=[strip],
        validators=[Text(2, 500, _l("Say whom you write for."))],
        description=_l("Whom should the texts speak to?"),
    )
    voice_description = TextAreaField(
        _l("Voice in your own words (optional)"),
        filters=[strip],
        validators=[Text(high=1000)],
        description=_l("For example: warm, plain, never boastful."),
    )
    selected_platforms = SomeOf(
        _l("Where will the texts appear?"),
        choices=PLATFORMS,
        required=_l("Choose at least one platform."),
    )


class PersonaStep(Step):
    """The persona."""

    slug = "persona"
    title = _l("Persona")
    description = _l(
        "Give your writing a voice. What we measured is filled in already: "
        "change what does not fit."
    )
    form = PersonaForm
    answer = PersonaData
    needs = ("website",)

    def prefill(self, visit: Visit) -> dict[str, Any]:
        """From the analysis, or the business description."""
        values, _origins = prefill(*_material(visit))
        return values

    def save(self, form: StepForm, visit: Visit, now: datetime) -> None:
        """Answers and persona."""
        super().save(form, visit, now)
        self.refresh(visit, now)

    def refresh(self, visit: Visit, now: datetime) -> None:
        """Build the persona anew from the answers and what is measured by now."""
        answer: PersonaData = visit.answer(self.slug)
        built = build_persona(self.values(answer), *_material(visit))
        answer.core_persona = built["core_persona"]
        answer.platform_personas = built["platform_personas"]
        answer.quality_metrics = built["quality_metrics"]

    def beside_form(self, visit: Visit) -> Mapping[str, Any]:
        """Where suggested values came from (until the user saves), and what it will rest on."""
        analysis, business = _material(visit)
        _values, origins = ({}, {}) if visit.answer(self.slug) else prefill(analysis, business)
        return {"origins": origins, "basis": basis_sentence(analysis, business)}

    def report(self, visit: Visit) -> Mapping[str, Any]:
        """The persona, for the summary."""
        return {"persona": visit.answer(self.slug)}

    def rows(self, visit: Visit) -> Iterable[Row]:
        """The answers."""
        answer: PersonaData | None = visit.answer(self.slug)
        if answer is None:
            return
        tones, platforms = dict(TONES), dict(PLATFORMS)
        yield Row(_l("Name"), answer.persona_name)
        yield Row(_l("Tone"), tones.get(answer.tone, answer.tone))
        yield Row(_l("Audience"), answer.audience)
        if answer.voice_description:
            yield Row(_l("Voice"), answer.voice_description)
        yield Row(_l("Platforms"), [platforms.get(p, p) for p in answer.selected_platforms])

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
            _l("It rests on %(n)s words of yours.", n=f"{words:,}")
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
