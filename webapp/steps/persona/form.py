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
        if self.raw_data and (
            formdata.getlist(f"{self.name}-again")
            or digest(self.data) in formdata.getlist(f"{self.name}-made")
        ):
            self.data, self.raw_data = "", [""]

    @property
    def is_given(self) -> bool:
        """False when the field was not in the post: then it says nothing."""
        return self.raw_data is None or len(self.raw_data) > 0


class PersonaForm(StepForm):
    """Who speaks, how, to whom, and where; and what of the result the user words otherwise."""

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
        if formdata:
            for name in TEXTS:
                if name in formdata:
                    self[name].make_way(formdata)
        if self.tone_choice.data in dict(TONES):
            self.tone.data = self.tone_choice.data
        if self.tone_choice.data != KEEP:
            self.tone_choice.data = None

    def typed(self) -> dict[str, Any]:
        """Without the own texts that were not in the post: they are not changed."""
        absent = {name for name in TEXTS if not self[name].is_given}
        return {name: value for name, value in super().typed().items() if name not in absent}

    def own_texts(self) -> dict[str, str]:
        """Form field -> own words ('' for the generated text), as far as the form says anything."""
        return {name: self[name].data for name in TEXTS if self[name].is_given}


for _text in TEXTS.values():
    setattr(
        PersonaForm,
        _text.field,
        OwnText(_text.label, filters=[strip], validators=[Text(high=_text.limit)]),
    )
