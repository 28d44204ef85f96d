"""The step: which keys are stored, and what may be said of them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, func, select

from webapp.config import settings
from webapp.kept import Few
from webapp.languages import listed
from webapp.prepared import Prepared
from webapp.rows import Rows, Upsert, as_read
from webapp.steps.api_keys.calls import CALLS, stored
from webapp.steps.api_keys.check import ENDPOINTS, check
from webapp.steps.api_keys.form import ApiKeysForm
from webapp.steps.api_keys.local import write_env
from webapp.steps.api_keys.models import ApiKey
from webapp.steps.api_keys.providers import BY_NAME, LANGUAGE_MODELS, PROVIDERS, Provider
from webapp.texts import gettext as _
from webapp.texts import lazy_gettext as _l
from webapp.vault import vault
from webapp.wizard.forms import StepForm
from webapp.wizard.merge import Merge
from webapp.wizard.models import OnboardingSession
from webapp.wizard.step import Capability, Row, Step, Visit, Words

CHECK = "check-"
"""Buttons: this and the provider's name."""
_KINDS = {"accepted": "success", "refused": "warning"}


class ShownProvider(NamedTuple):
    """A provider as the page shows it, with what is stored of it."""

    name: str
    label: str
    kind: str
    setup_url: str
    start: str
    can_check: bool
    stored: bool = False
    last_four: str | None = None
    lost: bool = False


NONE_STORED = Few(
    ShownProvider(p.name, p.label, p.kind, p.setup_url, p.start, p.name in ENDPOINTS)
    for p in PROVIDERS
)
"""The same for everybody."""


class ApiKeysStep(Step):
    """API keys. The stored answer is {provider: ApiKey}."""

    slug = "api-keys"
    title = _l("API keys")
    description = _l(
        "A key lets us use a service on your account: one that writes for you, and if you like one "
        "that searches. A key for one language model is enough to go on."
    )
    minutes = 3
    changeable = _l("You can add, replace or remove keys later")
    form = ApiKeysForm
    answers = ApiKey
    calls = CALLS
    asks = frozenset(CHECK + p.name for p in PROVIDERS)
    brief_columns = (
        select(func.aggregate_strings(ApiKey.provider, ","))
        .where(ApiKey.session_id == OnboardingSession.id)
        .correlate(OnboardingSession)
        .scalar_subquery(),
    )

    def values(self, answer: dict[str, ApiKey]) -> dict[str, Any]:
        """A stored key is never a field's value."""
        return {"remove": []}

    def check(self, form: StepForm, visit: Visit) -> dict[str, list[str]]:
        """In the end at least one language model must be stored."""
        rows = self._stored(visit)
        kept = {name: row for name, row in rows.items() if name not in (form["remove"].data or [])}
        usable = {name for name, row in kept.items() if row.opened() is not None}
        if (usable | set(_typed(form))) & LANGUAGE_MODELS:
            return {}
        if lost := [name for name in kept if name in LANGUAGE_MODELS]:
            return {name: [_again(BY_NAME[name])] for name in lost}
        message = _(
            "Enter a key for at least one language model: Gemini, OpenAI, Anthropic or Mistral. "
            "“Get a key” leads to the page where each is made."
        )
        return {"gemini": [message]}

    def faults(self, visit: Visit) -> Iterable[str]:
        """Keys that cannot be opened any more, each by its provider's name."""
        return [_again(BY_NAME[name]) for name in self._lost(visit)]

    def save(self, form: StepForm, visit: Visit, now: datetime) -> None:
        """Seal what was typed, delete what was ticked, leave the rest as it is."""
        stored = self._stored(visit)
        touched = {*form["remove"].data, *_typed(form)}
        write_env(visit.session.id, touched, stored)
        for name in form["remove"].data:
            if name in stored:
                stored.pop(name)
                _DROP.run({"owner": visit.session.id, "name": name})
        sealed_rows = []
        for name, key in _typed(form).items():
            if _holds(stored.get(name), key):
                continue  # typed again as it is: no change
            sealed = vault().seal(key, visit.session.id, name)
            before = stored.get(name)
            row = {
                "session_id": visit.session.id,
                "provider": name,
                "ciphertext": sealed,
                "key_id": vault().key_name(sealed),
                "last_four": key[-4:],
                "created_at": before.created_at if before else now,
                "updated_at": now,
            }
            sealed_rows.append(row)
            stored[name] = as_read(ApiKey, row)
        _PUT.run(*sealed_rows)
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
        stored, now = self._stored(visit), self.snapshot(visit)
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
        """What the page says of each provider, and whether it can be asked about a key."""
        stored = self._stored(visit)
        providers: Sequence[ShownProvider] = NONE_STORED
        if stored:
            lost = self._lost(visit)
            providers = [
                one._replace(stored=True, last_four=row.last_four, lost=one.name in lost)
                if (row := stored.get(one.name))
                else one
                for one in NONE_STORED
            ]
        return {"can_check": settings().provider_checks, "providers": providers}

    def rows(self, visit: Visit) -> Iterable[Row]:
        """Provider and mask, and which key has to be entered again."""
        lost = self._lost(visit)
        for name, row in self._stored(visit).items():
            note = _again(BY_NAME[name]) if name in lost else None
            yield Row(BY_NAME[name].label, row.masked, note)

    def facts(self, visit: Visit) -> Mapping[str, Any]:
        """The masked keys."""
        return {"api_keys": stored(visit)["api_keys"]}

    def brief(self, stored: str | None) -> Words:
        """The providers, in their order."""
        names = (stored or "").split(",")
        return listed(p.label for p in PROVIDERS if p.name in names)

    def capabilities(self, visit: Visit) -> Iterable[Capability]:
        """A language model's key makes text generation possible, if it can be opened."""
        stored = LANGUAGE_MODELS & self._stored(visit).keys() - self._lost(visit)
        why: Words = _l("It needs the key of a language model.")
        if stored:
            names = listed(p.label for p in PROVIDERS if p.name in stored)
            why = _l("A key is stored for %(names)s.", names=names)
        yield Capability("ai_content", _l("AI content generation"), bool(stored), why)

    def sound(self, form: StepForm) -> dict[str, Any]:
        """Keys of the right shape that are not ticked for removal at once."""
        ticked = form["remove"].data or []
        typed = _typed(form).items()
        return {n: key for n, key in typed if not form[n].errors and n not in ticked}

    def ask(self, action: str, form: StepForm, visit: Visit) -> tuple[str, str] | None:
        """Ask the provider about the key that is stored by now."""
        provider = BY_NAME[action.removeprefix(CHECK)]
        if form[provider.name].errors:
            return None
        row = self._stored(visit).get(provider.name)
        key = row.opened() if row else None
        if row is None or key is None:
            first = _("Enter your key for %(name)s first, then check it.", name=provider.label)
            form.add_errors({provider.name: [_again(provider) if row else first]})
            return None
        verdict = check(provider.name, key)
        stored = _("The key that ends in %(end)s is stored.", end=row.last_four)
        return _KINDS.get(verdict.checked or "", "info"), f"{stored} {verdict.message}"

    def forget(self, session_id: str) -> None:
        """The keys leave a developer's `.env` file too."""
        if settings().env_file:
            rows = _READ.run({"owner": session_id})
            stored = ApiKey.of_several(row for (row,) in rows) or {}
            write_env(session_id, stored, stored)

    def _stored(self, visit: Visit) -> dict[str, ApiKey]:
        return dict(visit.answer(self.slug) or {})

    def _lost(self, visit: Visit) -> set[str]:
        """Providers whose stored key cannot be opened any more."""
        return {name for name, row in self._stored(visit).items() if row.opened() is None}


_READ = Rows([ApiKey], lambda query: query.where(ApiKey.session_id == bindparam("owner")))
_DROP = Prepared(
    lambda: delete(ApiKey).where(
        ApiKey.session_id == bindparam("owner"), ApiKey.provider == bindparam("name")
    )
)
_PUT = Upsert(ApiKey, ("ciphertext", "key_id", "last_four", "updated_at"))


def _typed(form: StepForm) -> dict[str, str]:
    return form.typed_keys() if isinstance(form, ApiKeysForm) else {}


def _holds(row: ApiKey | None, key: str) -> bool:
    return row is not None and row.opened() == key


def _again(provider: Provider) -> str:
    return _(
        "Please enter your key for %(name)s again: the stored one cannot be opened any more.",
        name=provider.label,
    )
