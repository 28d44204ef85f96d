"""Step 3: what the product may look up, how deeply, and against whom."""

from collections.abc import Iterable
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column
from wtforms import BooleanField, TextAreaField
from wtforms.validators import ValidationError

from webapp.config import settings
from webapp.extensions import Model
from webapp.site.address import AddressError, normalise
from webapp.types import JSON
from webapp.wizard.forms import OneOf, SomeOf, StepForm, Text, strip
from webapp.wizard.models import Answer
from webapp.wizard.step import Capability, Row, Step, Visit

DEPTHS = [
    ("Basic", _l("Basic: a few sources, quickly")),
    ("Standard", _l("Standard: enough for most articles")),
    ("Comprehensive", _l("Comprehensive: many sources, compared")),
    ("Expert", _l("Expert: primary sources and studies")),
]
CONTENT_TYPES = [
    ("Blog Posts", _l("Blog posts")),
    ("Social Media", _l("Social media")),
    ("Technical Articles", _l("Technical articles")),
    ("News", _l("News")),
    ("Academic Papers", _l("Academic papers")),
    ("Newsletters", _l("Newsletters")),
]
MAX_COMPETITORS = 5


class ResearchPreferences(Answer, Model):
    """How research is to be done."""

    __tablename__ = "research_preferences"
    __table_args__ = (
        CheckConstraint(
            "research_depth IN ('Basic', 'Standard', 'Comprehensive', 'Expert')",
            name="known_research_depth",
        ),
    )

    research_depth: Mapped[str] = mapped_column(String(20))
    content_types: Mapped[list[str]] = mapped_column(JSON)
    auto_research: Mapped[bool]
    factual_content: Mapped[bool]
    competitors: Mapped[list[str]] = mapped_column(JSON)
    """Canonical addresses, at most five."""


class ResearchForm(StepForm):
    """Depth, kinds of content, two switches, competitors."""

    research_depth = OneOf(
        _l("How deep should research go?"),
        choices=DEPTHS,
        required=_l("Choose how deep research should go."),
    )
    content_types = SomeOf(
        _l("What do you write?"),
        choices=CONTENT_TYPES,
        required=_l("Choose at least one kind of content."),
    )
    auto_research = BooleanField(
        _l("Research a topic before writing about it"),
        default=True,
        description=_l("Facts and sources are gathered first, then the text is drafted."),
    )
    factual_content = BooleanField(
        _l("Check facts in what is written"),
        default=True,
        description=_l("Figures and claims are compared with their sources."),
    )
    competitors = TextAreaField(
        _l("Competitors’ websites (optional)"),
        filters=[strip],
        validators=[Text(high=3000)],
        description=_l("Up to five addresses, one a line, for example rival.example.com"),
    )

    def validate_competitors(self, field: TextAreaField) -> None:
        """Bring every line into its canonical form; name the line that is no address."""
        addresses: list[str] = []
        for line in filter(None, map(str.strip, field.data.splitlines())):
            try:
                address = normalise(line, settings().fetch_allow)
            except AddressError as error:
                message = _("“%(line)s”: %(reason)s", line=line[:80], reason=str(error))
                raise ValidationError(message) from error
            if address not in addresses:
                addresses.append(address)
        if len(addresses) > MAX_COMPETITORS:
            raise ValidationError(
                _(
                    "Name at most %(max)d competitors; these are %(n)d.",
                    max=MAX_COMPETITORS,
                    n=len(addresses),
                )
            )
        field.data = "\n".join(addresses)


class ResearchStep(Step):
    """Research preferences."""

    slug = "research"
    title = _l("Research preferences")
    description = _l(
        "Tell us how thoroughly to research and what you write. "
        "It takes a minute, and you can change it later."
    )
    form = ResearchForm
    answer = ResearchPreferences

    def values(self, answer: ResearchPreferences) -> dict[str, Any]:
        """The list of addresses is one text in the form."""
        return super().values(answer) | {"competitors": "\n".join(answer.competitors)}

    def columns(self, form: StepForm) -> dict[str, Any]:
        """The text in the form is a list in the table."""
        return form.data | {"competitors": form.data["competitors"].splitlines()}

    def rows(self, visit: Visit) -> Iterable[Row]:
        """Depth, kinds, switches, competitors."""
        answer: ResearchPreferences | None = visit.answer(self.slug)
        if answer is None:
            return
        labels = dict(CONTENT_TYPES)
        yield Row(_l("Depth"), answer.research_depth)
        yield Row(_l("You write"), [labels.get(name, name) for name in answer.content_types])
        yield Row(_l("Research before writing"), _yes_no(answer.auto_research))
        yield Row(_l("Check facts"), _yes_no(answer.factual_content))
        yield Row(_l("Competitors"), list(answer.competitors) or _l("None named"))

    def capabilities(self, visit: Visit) -> Iterable[Capability]:
        """Research needs its preferences, nothing more."""
        saved = visit.answer(self.slug) is not None
        yield Capability(
            "ai_research",
            _l("AI research"),
            saved,
            _l("Your research preferences are saved.")
            if saved
            else _l("It needs your research preferences."),
        )


def _yes_no(value: bool) -> Any:
    return _l("Yes") if value else _l("No")
