"""The form: a password field for each provider."""

from typing import Any

from wtforms import Field, PasswordField
from wtforms.validators import StopValidation, ValidationError

from webapp.languages import listed
from webapp.steps.api_keys.providers import BY_NAME, PROVIDERS, Provider, mend
from webapp.texts import gettext as _
from webapp.texts import lazy_gettext as _l
from webapp.wizard.forms import SomeOf, StepForm, strip


class ProviderKey(PasswordField):
    """A key's field: blank keeps what is stored, and what was typed is never rendered."""

    def __init__(self, provider: Provider, **kwargs: Any) -> None:
        """The shape is checked by the provider's own rule."""
        super().__init__(
            provider.label,
            filters=[strip, mend],
            validators=[_Shape(provider)],
            render_kw={"autocomplete": "off", "spellcheck": "false"},
            **kwargs,
        )


class _Shape:
    """Checks a key that was typed by its provider's own rule."""

    ends_empty = True

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def __call__(self, _form: StepForm, field: Field) -> None:
        if not field.data:
            raise StopValidation()
        if fault := self.provider.fault(field.data):
            raise ValidationError(fault)


class ApiKeysForm(StepForm):
    """A password field for each provider, and which of the stored keys to remove."""

    gemini = ProviderKey(BY_NAME["gemini"])
    openai = ProviderKey(BY_NAME["openai"])
    anthropic = ProviderKey(BY_NAME["anthropic"])
    mistral = ProviderKey(BY_NAME["mistral"])
    exa = ProviderKey(BY_NAME["exa"])
    tavily = ProviderKey(BY_NAME["tavily"])
    serper = ProviderKey(BY_NAME["serper"])
    copilotkit = ProviderKey(BY_NAME["copilotkit"])
    remove = SomeOf(_l("Remove stored keys"), choices=[(p.name, p.label) for p in PROVIDERS])

    def typed_keys(self) -> dict[str, str]:
        """Provider -> key, for those that were typed."""
        return {p.name: self[p.name].data for p in PROVIDERS if self[p.name].data}

    def validate_remove(self, field: SomeOf) -> None:
        """A key cannot be given and removed at once."""
        both = [BY_NAME[name].label for name in field.data if self[name].data]
        if both:
            raise ValidationError(
                _(
                    "For %(names)s a new key is entered and the stored one is ticked for removal. "
                    "Untick the removal to replace the key, or empty the field to remove it.",
                    names=listed(both),
                )
            )
