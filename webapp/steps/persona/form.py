"""The form of the persona step: a few answers, and the generated texts to reword."""

from collections.abc import Mapping
from typing import Any

from wtforms import StringField, TextAreaField

from webapp.steps.persona.texts import TEXTS, digest
from webapp.texts import lazy_gettext as _l
from webapp.wizard.forms import OneOf, SomeOf, StepForm, Text, strip

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
KEEP = "keep"


class OwnText(TextAreaField):
    """A text of the persona in the user's own words, '' while the generated one is used.

    The page shows the generated text in the control and sends its digest along as `<name>-made`:
    what comes back unchanged is nobody's own text, whichever language it was shown in and whatever
    was generated since. `<name>-again` asks for the generated text in place of the own one.
    """

    data: Any
    raw_data: Any

    def make_way(self, formdata: Any) -> None:
        """Empty the field where the generated text is wanted."""
        made = formdata.getlist(f"{self.name}-made")
        if formdata.getlist(f"{self.name}-again") or (made and digest(self.data) in made):
            self.data, self.raw_data = "", [""]


class PersonaAnswers(StepForm):
    """Who speaks, how, to whom, and where."""

    persona_name = StringField(
        _l("Name of the persona"),
        filters=[strip],
        validators=[Text(1, 80, _l("Give the persona a name."))],
        description=_l(
            "By it you know this voice again, for example “The baker”. Up to 80 characters."
        ),
        render_kw={"autocomplete": "off"},
    )
    tone = OneOf(
        _l("Tone"),
        choices=TONES,
        required=_l("Choose the tone that your texts should have."),
        description=_l("How your texts should sound. Words that break it are advised against."),
    )
    audience = TextAreaField(
        _l("Audience"),
        filters=[strip],
        validators=[Text(2, 500, _l("Write down whom your texts should speak to."))],
        description=_l(
            "Whom should the texts speak to? For example people who bake at home. "
            "2 to 500 characters."
        ),
    )
    voice_description = TextAreaField(
        _l("Voice in your own words (optional)"),
        filters=[strip],
        validators=[Text(high=1000)],
        description=_l(
            "How it sounds when it is right, for example: warm, plain, never boastful. "
            "It goes into your persona word for word. Up to 1,000 characters."
        ),
    )
    selected_platforms = SomeOf(
        _l("Where will the texts appear?"),
        choices=PLATFORMS,
        required=_l("Choose at least one platform."),
        description=_l(
            "Choose all that fit. For each, your persona gets its limits and advice that suits "
            "the way you write."
        ),
    )
    tone_choice = OneOf(
        _l("Your tone and your pages"), choices=[(KEEP, _l("Keep my choice")), *TONES]
    )
    """`keep`, or a tone to take in place of the one above: the form then says that one alone."""

    def process(self, formdata: Any = None, data: Mapping[str, Any] | None = None) -> None:
        """Read the fields; a tone that was taken from the pages is the tone."""
        super().process(formdata, data)
        if self.tone_choice.data in dict(TONES):
            self.tone.data = self.tone_choice.data
        if self.tone_choice.data != KEEP:
            self.tone_choice.data = None


class PersonaForm(PersonaAnswers):
    """The answers, and what of the result the user words otherwise."""

    @classmethod
    def of_stored(cls, values: Mapping[str, Any]) -> StepForm:
        """Where no text was worded otherwise, the form of the answers alone."""
        kind = cls if any(values.get(name) for name in TEXTS) else PersonaAnswers
        return kind(data=values)

    def process(self, formdata: Any = None, data: Mapping[str, Any] | None = None) -> None:
        """Read the fields; an own text that is the generated one is none."""
        super().process(formdata, data)
        if formdata:
            for name in TEXTS:
                field = self._fields[name]
                if field.raw_data and field.raw_data[0]:  # else it is empty already
                    field.make_way(formdata)

    def typed(self) -> dict[str, Any]:
        """Without the own texts that were not in the post: they are not changed."""
        typed, own = super().typed(), self.own_texts()
        return {name: typed[name] for name in typed if name not in TEXTS or name in own}

    def own_texts(self) -> dict[str, str]:
        """Form field -> own words ('' for the generated text), without those that were not in the
        post: these say nothing."""
        said = {}
        for name in TEXTS:
            field = self._fields[name]
            if field.raw_data or field.raw_data is None:
                said[name] = field.data
        return said


for _text in TEXTS.values():
    setattr(
        PersonaForm,
        _text.field,
        OwnText(_text.label, filters=[strip], validators=[Text(high=_text.limit)]),
    )
