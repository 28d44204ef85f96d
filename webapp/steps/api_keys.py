"""Step 1: the keys of the providers that the product works with.

A key is sealed on the way in and never sent to a browser again: pages show the provider and the
last four characters.
"""

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import LargeBinary, String, select
from sqlalchemy.orm import Mapped, mapped_column
from wtforms import Field, PasswordField
from wtforms.validators import StopValidation, ValidationError

from webapp.extensions import Model, db
from webapp.types import UTCDateTime, now
from webapp.vault import CannotOpen, vault
from webapp.wizard.forms import SomeOf, StepForm, strip
from webapp.wizard.merge import Merge
from webapp.wizard.models import Owned
from webapp.wizard.step import Capability, Row, Step, Visit, Words

MAX_LENGTH = 256
MASK = "••••"


@dataclass(frozen=True)
class Provider:
    """A service that gives keys, and what its keys look like."""

    name: str
    label: str
    kind: str
    setup_url: str
    start: str = ""
    shortest: int = 10
    is_uuid: bool = False

    def fault(self, key: str) -> str | None:
        """What is wrong with the shape of a key, in a sentence that says how to mend it."""
        if len(key) > MAX_LENGTH:
            return _("A key has at most %(n)d characters; this has more.", n=MAX_LENGTH)
        if not re.fullmatch(r"[!-~]+", key):
            return _("A key has letters, digits and signs alone: no spaces, no accents.")
        if self.is_uuid and not _is_uuid(key):
            return _(
                "%(name)s keys look like 01234567-89ab-cdef-0123-456789abcdef.", name=self.label
            )
        if not key.startswith(self.start):
            return _("Keys of %(name)s start with %(start)s", name=self.label, start=self.start)
        if self.name == "openai" and key.startswith("sk-ant-"):
            return _("This is a key of Anthropic: enter it there.")
        if len(key) < self.shortest:
            return _(
                "Keys of %(name)s have at least %(n)d characters. Is a part of it missing?",
                name=self.label,
                n=self.shortest,
            )
        return None


PROVIDERS = (
    Provider(
        "gemini", "Google Gemini", "language", "https://aistudio.google.com/apikey", "AIza", 30
    ),
    Provider("openai", "OpenAI", "language", "https://platform.openai.com/api-keys", "sk-", 20),
    Provider(
        "anthropic", "Anthropic", "language", "https://console.anthropic.com/settings/keys",
        "sk-ant-", 20,
    ),
    Provider("mistral", "Mistral", "language", "https://console.mistral.ai/api-keys"),
    Provider("exa", "Exa", "search", "https://dashboard.exa.ai/api-keys", is_uuid=True),
    Provider("tavily", "Tavily", "search", "https://app.tavily.com/home"),
    Provider("serper", "Serper", "search", "https://serper.dev/api-key"),
    Provider("copilotkit", "CopilotKit", "interface", "https://cloud.copilotkit.ai", "ck_pub_", 20),
)  # fmt: skip
BY_NAME = {provider.name: provider for provider in PROVIDERS}
LANGUAGE_MODELS = frozenset(p.name for p in PROVIDERS if p.kind == "language")


class ApiKey(Owned, Model):
    """One sealed key; session and provider are bound into the ciphertext."""

    __tablename__ = "api_keys"

    provider: Mapped[str] = mapped_column(String(40), primary_key=True)
    ciphertext: Mapped[bytes] = mapped_column(LargeBinary)
    key_id: Mapped[str] = mapped_column(String(16))
    """Which of ENCRYPTION_KEYS sealed it, so that a rotation finds what it has to do."""
    last_four: Mapped[str] = mapped_column(String(4))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)

    @property
    def masked(self) -> str:
        """All that a page may show of it."""
        return MASK + self.last_four


class ProviderKey(PasswordField):
    """A key's field: blank keeps what is stored, and what was typed is never rendered."""

    def __init__(self, provider: Provider, **kwargs: Any) -> None:
        """The shape is checked by the provider's own rule."""
        super().__init__(
            provider.label,
            filters=[strip],
            validators=[_shape(provider)],
            render_kw={"autocomplete": "off", "spellcheck": "false"},
            **kwargs,
        )


def _shape(provider: Provider) -> Any:
    def check(_form: StepForm, field: Field) -> None:
        if not field.data:
            raise StopValidation()
        if fault := provider.fault(field.data):
            raise ValidationError(fault)

    return check


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
                    "A new key for %(names)s was entered and ticked for removal: do one of them.",
                    names=", ".join(both),
                )
            )


class ApiKeysStep(Step):
    """API keys. The stored answer is {provider: ApiKey}."""

    slug = "api-keys"
    title = _l("API keys")
    description = _l(
        "Connect the services that write and search for you. One language model is enough, "
        "and you can add or change keys at any time."
    )
    form = ApiKeysForm

    def load(self, session_id: str) -> dict[str, ApiKey] | None:
        """Provider -> key, in the providers' order."""
        rows = db.session.scalars(select(ApiKey).where(ApiKey.session_id == session_id))
        found = {row.provider: row for row in rows}
        return {p.name: found[p.name] for p in PROVIDERS if p.name in found} or None

    def values(self, answer: dict[str, ApiKey]) -> dict[str, Any]:
        """A stored key is never a field's value."""
        return {"remove": []}

    def check(self, form: StepForm, visit: Visit) -> dict[str, list[str]]:
        """In the end at least one language model must be stored."""
        stored = set(visit.answer(self.slug) or {})
        left = (stored - set(form["remove"].data or [])) | set(_typed(form))
        if left & LANGUAGE_MODELS:
            return {}
        message = _(
            "Enter a key for at least one language model: Gemini, OpenAI, Anthropic or Mistral."
        )
        return {"gemini": [message]}

    def save(self, form: StepForm, visit: Visit, now: datetime) -> None:
        """Seal what was typed, delete what was ticked, leave the rest as it is."""
        stored = dict(visit.answer(self.slug) or {})
        for name in form["remove"].data:
            if name in stored:
                db.session.delete(stored.pop(name))
        for name, key in _typed(form).items():
            if _holds(stored.get(name), key):
                continue  # typed again as it is: no change
            row = stored.get(name) or ApiKey(session_id=visit.session.id, provider=name)
            row.ciphertext = vault().seal(key, visit.session.id, name)
            row.key_id = vault().key_name(row.ciphertext)
            row.last_four, row.updated_at = key[-4:], now
            stored[name] = row
            db.session.add(row)
        visit.keep(self.slug, stored)

    def same(self, form: StepForm, answer: dict[str, ApiKey] | None) -> bool:
        """Keys are compared after opening what is stored; nothing of them is shown."""
        stored = answer or {}
        if set(form["remove"].data) & set(stored):
            return False
        return all(_holds(stored.get(name), key) for name, key in _typed(form).items())

    def snapshot(self, visit: Visit) -> dict[str, Any]:
        """When each key was last set: that it changed, and nothing of it."""
        stored = visit.answer(self.slug) or {}
        return {name: row.updated_at.isoformat() for name, row in stored.items()}

    def blank(self, visit: Visit, form: StepForm) -> dict[str, Any]:
        """No key at all."""
        return {}

    def merge(self, base: Mapping[str, Any], visit: Visit, form: StepForm) -> Merge:
        """Keys that were typed or ticked here and set or removed elsewhere are in conflict."""
        stored, now = visit.answer(self.slug) or {}, self.snapshot(visit)
        removed, typed = set(form["remove"].data), _typed(form)
        conflicts = {
            name
            for name in removed | set(typed)
            if base.get(name) != now.get(name)
            and not (name in typed and _holds(stored.get(name), typed[name]))
            and not (name in removed and name not in stored)
        }
        changed = {name for name in {**base, **now} if base.get(name) != now.get(name)}
        return Merge(form.data, frozenset(changed - conflicts), frozenset(conflicts))

    def beside_form(self, visit: Visit) -> Mapping[str, Any]:
        """What the page says of each provider."""
        stored = visit.answer(self.slug) or {}
        return {
            "providers": [
                {
                    "name": p.name,
                    "label": p.label,
                    "kind": p.kind,
                    "setup_url": p.setup_url,
                    "stored": p.name in stored,
                    "last_four": stored[p.name].last_four if p.name in stored else None,
                }
                for p in PROVIDERS
            ]
        }

    def rows(self, visit: Visit) -> Iterable[Row]:
        """Provider and mask."""
        for name, row in (visit.answer(self.slug) or {}).items():
            yield Row(BY_NAME[name].label, row.masked)

    def capabilities(self, visit: Visit) -> Iterable[Capability]:
        """A language model's key makes text generation possible."""
        stored = LANGUAGE_MODELS & set(visit.answer(self.slug) or {})
        why: Words = _l("It needs the key of a language model.")
        if stored:
            names = ", ".join(p.label for p in PROVIDERS if p.name in stored)
            why = _l("A key is stored for %(names)s.", names=names)
        yield Capability("ai_content", _l("AI content generation"), bool(stored), why)


def _typed(form: StepForm) -> dict[str, str]:
    return form.typed_keys() if isinstance(form, ApiKeysForm) else {}


def _holds(row: ApiKey | None, key: str) -> bool:
    if row is None:
        return False
    try:
        return vault().open(row.ciphertext, row.session_id, row.provider) == key
    except CannotOpen:
        return False


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
