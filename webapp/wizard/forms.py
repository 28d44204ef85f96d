"""The form that every step's form is made of, and the small filters and checks that they share."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from flask_babel import format_decimal
from wtforms import Field, PasswordField, RadioField, SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import StopValidation, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from webapp.languages import FormTranslations
from webapp.texts import gettext as _
from webapp.texts import ngettext
from webapp.wizard.binding import BoundForm

MAX_LINE = 1000
TRANSLATIONS = FormTranslations()
_UNSTORABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
"""Control characters (line ends and tabs aside), and halves of characters."""


class StepForm(BoundForm):
    """A step's form. CSRF is checked once for the request, before any form is made."""

    class Meta:
        """WTForms' own settings."""

        def get_translations(self, form: Any) -> FormTranslations:
            """WTForms' own sentences in the language of the request."""
            return TRANSLATIONS

    _names: ClassVar[list[str]]

    @classmethod
    def names(cls) -> list[str]:
        """The fields in their order."""
        if "_names" not in vars(cls):  # a form that this one is made from has names of its own
            unbound = [
                (value.creation_counter, name)
                for name in dir(cls)
                if not name.startswith("_")
                and hasattr(value := getattr(cls, name), "creation_counter")
            ]
            cls._names = [name for _counter, name in sorted(unbound)]
        return cls._names

    @classmethod
    def of_stored(cls, values: Mapping[str, Any]) -> "StepForm":
        """A form of stored values, to be validated once more; in it may be missing what holds
        nothing and need not."""
        return cls(data=values)

    def typed(self) -> dict[str, Any]:
        """Field -> value as typed, without secrets: what a draft keeps."""
        return {
            field.name: _as_typed(field) for field in self if not isinstance(field, PasswordField)
        }

    def secrets(self) -> set[str]:
        """Names of the secret fields in which something was typed."""
        return {f.name for f in self if isinstance(f, PasswordField) and f.data}

    def add_errors(self, errors: dict[str, list[str]]) -> None:
        """Put what was found beyond the form (against stored answers) beside its fields; what
        belongs to no field stands under `form`."""
        for name, messages in errors.items():
            if name in self:
                self[name].errors = [*self[name].errors, *messages]
            else:
                self.form_errors = [*self.form_errors, *messages]


def _as_typed(field: Field) -> Any:
    if isinstance(field, StringField) and field.raw_data:
        return _storable(field.raw_data[0])
    if isinstance(field, SelectMultipleField):
        return _storable(list(field.data or []))
    return _storable(field.data)


def _storable(value: Any) -> Any:
    """As both databases can keep it: PostgreSQL has no NUL in its texts."""
    if isinstance(value, list):
        return [_storable(one) for one in value]
    if isinstance(value, str):
        value = value.replace("\r\n", "\n").replace("\0", "")
        return value.encode("utf-8", "replace").decode()
    return value


def strip(value: Any) -> Any:
    """WTForms filter: white space around a text is never meant, a line ending is one character, and
    a field that was not sent is an empty text."""
    if not value:
        return ""
    return value.replace("\r\n", "\n").strip() if isinstance(value, str) else value


class Text:
    """The text rules in one: control characters refused, length counted in characters.

    Empty is right unless `required` gives the sentence that asks for it.
    """

    def __init__(self, low: int = 0, high: int = MAX_LINE, required: str | None = None) -> None:
        """`low` and `high`: characters, both included."""
        self.low, self.high, self.required = low, high, required
        # No maxlength: a browser would cut a pasted text without a word.
        self.field_flags = {"required": True} if required else {}
        self.ends_empty = not required

    def __call__(self, form: StepForm, field: Field) -> None:
        """Raise the first thing that is wrong."""
        text = field.data or ""
        if not text:
            if self.required:
                raise StopValidation(str(self.required))
            raise StopValidation()
        if _UNSTORABLE.search(text):
            field.data = _UNSTORABLE.sub("\ufffd", text)  # given back so that it can be seen
            raise ValidationError(
                _("This holds a character that cannot be stored. It is shown as �: delete it.")
            )
        if len(text) < self.low:
            raise ValidationError(
                ngettext(
                    "Write at least %(low)d characters. So far it is %(num)d.",
                    "Write at least %(low)d characters. So far there are %(num)d.",
                    len(text),
                    low=self.low,
                )
            )
        if len(text) > self.high:
            raise ValidationError(
                ngettext(
                    "Shorten this by %(num)d character: %(high)s fit.",
                    "Shorten this by %(num)d characters: %(high)s fit.",
                    len(text) - self.high,
                    high=format_decimal(self.high),
                )
            )


def _choices(pairs: list[Any]) -> list[SelectChoice]:
    return [SelectChoice(value, label) for value, label in pairs]


class OneOf(RadioField):
    """One of some choices; `required` gives the sentence for none, None lets none be."""

    def __init__(self, label: Any, choices: list[Any], required: Any = None, **kwargs: Any) -> None:
        """`choices`: (value, label) pairs."""
        super().__init__(label, choices=_choices(choices), validate_choice=False, **kwargs)
        self.required, self.known = required, [value for value, _label in choices]

    def pre_validate(self, form: StepForm) -> None:
        """One error at the most, in words that say what to do."""
        if self.data in (None, ""):
            if self.required:
                raise StopValidation(str(self.required))
        elif self.data not in self.known:
            raise StopValidation(_("Choose one of the answers in the list."))


class SomeOf(SelectMultipleField):
    """Any number of choices, as checkboxes; `required` gives the sentence that asks for one."""

    data: Any
    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()

    def __init__(self, label: Any, choices: list[Any], required: Any = None, **kwargs: Any) -> None:
        """`choices`: (value, label) pairs."""
        super().__init__(label, choices=_choices(choices), validate_choice=False, **kwargs)
        self.required, self.known = required, [value for value, _label in choices]

    def pre_validate(self, form: StepForm) -> None:
        """Refuse strangers; bring what was chosen into the order of the list, each once."""
        chosen = self.data or []
        if not set(self.known).issuperset(chosen):
            raise StopValidation(_("Choose from the answers in the list."))
        if not chosen and self.required:
            raise StopValidation(str(self.required))
        self.data = [value for value in self.known if value in chosen]
