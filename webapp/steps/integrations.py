"""Step 5: where the writing goes. Optional."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column
from wtforms import EmailField
from wtforms.validators import ValidationError

from webapp.extensions import Model
from webapp.languages import listed
from webapp.texts import gettext as _
from webapp.texts import lazy_gettext as _l
from webapp.types import JSON
from webapp.wizard.forms import SomeOf, StepForm, Text, strip
from webapp.wizard.models import Answer
from webapp.wizard.step import Capability, Row, Step, Visit, Words

PLATFORMS = [
    ("wordpress", "WordPress"),
    ("wix", "Wix"),
    ("ghost", "Ghost"),
    ("gsc", "Google Search Console"),
    ("bing", "Bing Webmaster Tools"),
    ("ga4", "Google Analytics 4"),
    ("rss", _l("RSS or Atom feed")),
    ("linkedin", "LinkedIn"),
    ("facebook", "Facebook"),
    ("twitter", "X (Twitter)"),
    ("instagram", "Instagram"),
    ("youtube", "YouTube"),
]


_USUAL = re.compile(
    r"[a-z0-9]+(?:[._+-][a-z0-9]+)*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,}", re.ASCII
)
_NOT_FOR_MAIL = tuple(before + name for name in SPECIAL_USE_DOMAIN_NAMES for before in "@.")


class PlatformIntegrations(Answer, Model):
    """Which platforms the user wants to connect, and whom to tell."""

    __tablename__ = "platform_integrations"

    platforms: Mapped[list[str]] = mapped_column(JSON)
    notify_email: Mapped[str | None] = mapped_column(String(254))


class IntegrationsForm(StepForm):
    """Platforms and an address for news of them."""

    platforms = SomeOf(
        _l("Which of these do you use?"),
        choices=PLATFORMS,
        description=_l("Choose as many as you like, or none."),
    )
    notify_email = EmailField(
        _l("Tell me by email when a connection is ready (optional)"),
        filters=[strip],
        validators=[Text(high=254)],
        description=_l("The address is used for this alone. Leave it empty to hear nothing."),
        render_kw={"autocomplete": "email"},
    )

    def validate_notify_email(self, field: EmailField) -> None:
        """The shape of the address alone; nobody's mail server is asked."""
        if is_usual(field.data):
            return
        try:
            found = validate_email(field.data, check_deliverability=False)
        except EmailNotValidError as error:
            raise ValidationError(
                _("Write an email address like name@example.com, or leave this empty.")
            ) from error
        field.data = found.normalized


def is_usual(address: str) -> bool:
    """Whether it is one that the library would hand back as it is. It looks at each letter several
    times for that; short and of small ASCII letters, none of its limits and rewritings is near."""
    return (
        len(address) <= 60
        and _USUAL.fullmatch(address) is not None
        and not address.endswith(_NOT_FOR_MAIL)
    )


class IntegrationsStep(Step):
    """Integrations."""

    slug = "integrations"
    title = _l("Integrations")
    description = _l(
        "Tell us where your texts go, so that we know what to connect for you. Nothing is "
        "connected yet, no password is asked for, and you can skip this step."
    )
    minutes = 1
    changeable = _l("You can change it later")
    form = IntegrationsForm
    answer = PlatformIntegrations
    optional = True
    needs = ("website",)
    brief_columns = (PlatformIntegrations.platforms,)

    def values(self, answer: PlatformIntegrations) -> dict[str, Any]:
        """An empty address is an empty text in the form."""
        return super().values(answer) | {"notify_email": answer.notify_email or ""}

    def columns(self, form: StepForm) -> dict[str, Any]:
        """An empty text is no address in the table."""
        return form.data | {"notify_email": form["notify_email"].data or None}

    def prefill(self, visit: Visit) -> dict[str, Any]:
        """Tick what the analysis found on the user's own site."""
        return {"platforms": _found(visit)}

    def beside_form(self, visit: Visit) -> Mapping[str, Any]:
        """What to mark "found on your site"."""
        return {"found": set(_found(visit))}

    def rows(self, visit: Visit) -> Iterable[Row]:
        """Platforms and the address."""
        answer: PlatformIntegrations | None = visit.answer(self.slug)
        if answer is None:
            return
        labels = dict(PLATFORMS)
        note = None
        if found := sorted(set(_found(visit)) & set(answer.platforms)):
            names = listed(labels[name] for name in found)
            note = _l("Found on your site: %(names)s", names=names)
        chosen = [labels.get(name, name) for name in answer.platforms]
        yield Row(_l("Platforms"), chosen or _l("None chosen"), note)
        yield Row(_l("Email for news of them"), answer.notify_email or _l("None"))

    def facts(self, visit: Visit) -> Mapping[str, Any]:
        """The stored answer, and what was found on the user's site."""
        answer: PlatformIntegrations | None = visit.answer(self.slug)
        if answer is None:
            return {"integrations": None}
        stored = {"platforms": list(answer.platforms), "notify_email": answer.notify_email}
        return {"integrations": stored | {"found_on_site": _found(visit)}}

    def brief(self, platforms: list[str]) -> Words:
        """The platforms."""
        labels = dict(PLATFORMS)
        names = listed(labels.get(name, name) for name in platforms)
        return names or _l("None chosen")

    def capabilities(self, visit: Visit) -> Iterable[Capability]:
        """At least one platform chosen."""
        answer: PlatformIntegrations | None = visit.answer(self.slug)
        chosen = bool(answer and answer.platforms)
        yield Capability(
            "integrations",
            _l("Third-party integrations"),
            chosen,
            _l("You chose at least one platform.") if chosen else _l("No platform is chosen."),
        )


def _found(visit: Visit) -> list[str]:
    website = visit.answer("website")
    analysis = website.current_analysis if website else None
    found = (analysis.crawl_result or {}).get("detected_platforms", []) if analysis else []
    return [name for name, _label in PLATFORMS if name in found]
