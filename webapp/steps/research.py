"""Step 3: what the product may look up, how deeply, and against whom.

Each competitor's site is read in the background, a row and a job for each; what is measured there
is compared with the user's own site whenever it is shown.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    String,
    UniqueConstraint,
    delete,
    select,
    update,
)
from sqlalchemy import Text as LongText
from sqlalchemy.orm import Mapped, mapped_column
from wtforms import BooleanField, TextAreaField
from wtforms.validators import ValidationError

from webapp import apidoc, jobs
from webapp.apidoc import Operation
from webapp.config import settings
from webapp.extensions import Model, db
from webapp.languages import listed
from webapp.readings import address_fault, fault_in_words, warning_in_words
from webapp.rows import Upsert
from webapp.site.address import AddressError, comparable, normalise
from webapp.site.compare import compare
from webapp.texts import gettext as _
from webapp.texts import lazy_gettext as _l
from webapp.types import JSON, UTCDateTime, now
from webapp.wizard.calls import Reads
from webapp.wizard.forms import OneOf, SomeOf, StepForm, Text, strip
from webapp.wizard.models import Answer, Owned
from webapp.wizard.step import Capability, Row, Step, Visit, Words

DEPTHS = [
    ("Basic", _l("Basic: a few sources, quickly")),
    ("Standard", _l("Standard: enough for most articles")),
    ("Comprehensive", _l("Comprehensive: many sources, compared")),
    ("Expert", _l("Expert: primary sources and studies")),
]
DEPTH_NAMES = {
    "Basic": _l("Basic"),
    "Standard": _l("Standard"),
    "Comprehensive": _l("Comprehensive"),
    "Expert": _l("Expert"),
}
CONTENT_TYPES = [
    ("Blog Posts", _l("Blog posts")),
    ("Social Media", _l("Social media")),
    ("Technical Articles", _l("Technical articles")),
    ("News", _l("News")),
    ("Academic Papers", _l("Academic papers")),
    ("Newsletters", _l("Newsletters")),
]
MAX_COMPETITORS = 5
COMPETITOR = "competitor-analysis"
"""The kind of the jobs that read them."""

QUEUED, FAILED = "queued", "failed"


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


class CompetitorAnalysis(Owned, Model):
    """One competitor of a session and what was measured there: one row an address."""

    __tablename__ = "competitor_analyses"
    __table_args__ = (
        UniqueConstraint("session_id", "website_url"),
        CheckConstraint(
            "status IN ('queued', 'in_progress', 'completed', 'failed')", name="known_status"
        ),
    )

    id: Mapped[str] = mapped_column(
        String(36), primary_key=True, default=lambda: str(uuid.uuid4()), index=True
    )
    website_url: Mapped[str] = mapped_column(String(2000))
    status: Mapped[str] = mapped_column(String(20), default=QUEUED)
    language: Mapped[str | None] = mapped_column(String(10))
    pages_read: Mapped[int | None]
    measures: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    warning_message: Mapped[str | None] = mapped_column(LongText)
    error_code: Mapped[str | None] = mapped_column(String(40))
    error_message: Mapped[str | None] = mapped_column(LongText)
    queued_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    started_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    analysis_date: Mapped[datetime | None] = mapped_column(UTCDateTime)
    pages_done: Mapped[int | None]
    pages_known: Mapped[int | None]
    page_cache: Mapped[dict[str, Any] | None] = mapped_column(JSON, deferred=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now, onupdate=now)


class ResearchForm(StepForm):
    """Depth, kinds of content, two switches, competitors."""

    research_depth = OneOf(
        _l("How deep should research go?"),
        choices=DEPTHS,
        required=_l("Choose how deep research should go."),
        description=_l("The deeper, the more sources are read, and the longer a text takes."),
    )
    content_types = SomeOf(
        _l("What do you write?"),
        choices=CONTENT_TYPES,
        required=_l("Choose at least one kind of content."),
        description=_l("Choose all that fit. Research then looks for what such texts need."),
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
        description=_l(
            "A few public pages of each are read, and you see how they write beside how you write. "
            "Up to five addresses, one on each line, for example rival.example.com."
        ),
    )

    def validate_competitors(self, field: TextAreaField) -> None:
        """Bring every line into its canonical form; name the line that is no address."""
        addresses: list[str] = []
        for line in filter(None, map(str.strip, field.data.splitlines())):
            try:
                address = normalise(line, settings().fetch_allow)
            except AddressError as error:
                message = _("“%(line)s”: %(reason)s", line=line[:80], reason=address_fault(error))
                raise ValidationError(message) from error
            if comparable(address) not in map(comparable, addresses):
                addresses.append(address)
        if len(addresses) > MAX_COMPETITORS:
            raise ValidationError(
                _(
                    "Name at most %(max)d competitors. These are %(n)d: take some away.",
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
        "Before a text is written, facts and sources for it can be gathered. "
        "Tell us how thoroughly, and what you write."
    )
    minutes = 1
    changeable = _l("You can change it later")
    form = ResearchForm
    answer = ResearchPreferences
    needs = ("website",)  # its measures are what competitors are compared with
    calls = (
        Reads(
            "GET",
            "research-preferences",
            Operation(
                "The research preferences",
                "Answers",
                {
                    200: apidoc.answer(
                        research_depth=apidoc.STRING,
                        content_types=apidoc.STRINGS,
                        auto_research=apidoc.BOOLEAN,
                        factual_content=apidoc.BOOLEAN,
                        competitors=apidoc.STRINGS,
                        comparisons=apidoc.listing(apidoc.OBJECT),
                    )
                },
                detail="`comparisons`: each competitor's site beside the user's own, as far as "
                "they are read. 404 while the step is open.",
                etag=True,
            ),
            lambda visit, _params: _as_dict(visit),
        ),
    )
    brief_columns = (ResearchPreferences.research_depth, ResearchPreferences.content_types)

    def values(self, answer: ResearchPreferences) -> dict[str, Any]:
        """The list of addresses is one text in the form."""
        return super().values(answer) | {"competitors": "\n".join(answer.competitors)}

    def columns(self, form: StepForm) -> dict[str, Any]:
        """The text in the form is a list in the table."""
        return form.data | {"competitors": form["competitors"].data.splitlines()}

    def save(self, form: StepForm, visit: Visit, now: datetime) -> None:
        """The answers, and a job for each competitor that was not read yet (or failed)."""
        before = visit.answer(self.slug)
        named = set(before.competitors) if before else set()
        super().save(form, visit, now)
        competitors = visit.answer(self.slug).competitors
        if named - set(competitors):
            _forget(visit.session.id, competitors)
        if competitors:
            _read(visit.session.id, competitors, now)

    def beside_form(self, visit: Visit) -> Mapping[str, Any]:
        """The competitors, compared with the user's own site."""
        return {"comparisons": _comparisons(visit, visit.answer(self.slug))}

    def report(self, visit: Visit) -> Mapping[str, Any]:
        """The same, for the summary."""
        return self.beside_form(visit)

    def rows(self, visit: Visit) -> Iterable[Row]:
        """Depth, kinds, switches, competitors."""
        answer: ResearchPreferences | None = visit.answer(self.slug)
        if answer is None:
            return
        labels = dict(CONTENT_TYPES)
        yield Row(_l("Depth"), DEPTH_NAMES.get(answer.research_depth, answer.research_depth))
        yield Row(_l("You write"), [labels.get(name, name) for name in answer.content_types])
        yield Row(_l("Research before writing"), _yes_no(answer.auto_research))
        yield Row(_l("Check facts"), _yes_no(answer.factual_content))
        yield Row(_l("Competitors"), list(answer.competitors) or _l("None named"))

    def brief(self, depth: str, content_types: list[str]) -> Words:
        """Depth and kinds."""
        labels = dict(CONTENT_TYPES)
        kinds = listed(labels.get(name, name) for name in content_types)
        return f"{DEPTH_NAMES.get(depth, depth)} · {kinds}"

    def facts(self, visit: Visit) -> Mapping[str, Any]:
        """The stored preferences."""
        return {"research_preferences": _as_dict(visit)}

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


def _as_dict(visit: Visit) -> dict[str, Any] | None:
    answer: ResearchPreferences | None = visit.answer("research")
    if answer is None:
        return None
    return {
        "research_depth": answer.research_depth,
        "content_types": list(answer.content_types),
        "auto_research": answer.auto_research,
        "factual_content": answer.factual_content,
        "competitors": list(answer.competitors),
        "comparisons": _comparisons(visit, answer),
        "updated_at": answer.updated_at.isoformat(),
    }


def _comparisons(visit: Visit, answer: ResearchPreferences | None) -> list[dict[str, Any]]:
    """One entry for each competitor named, in the order of the answer; see `compare` for `rows`."""
    if answer is None or not answer.competitors:
        return []
    found = db.session.scalars(
        select(CompetitorAnalysis).where(CompetitorAnalysis.session_id == answer.session_id)
    )
    read = {row.website_url: row for row in found}
    website = visit.answer("website")
    analysis = website.current_analysis if website else None
    own = analysis.measures if analysis else None
    return [
        {
            "url": url,
            "status": row.status,
            "error_message": fault_in_words(row.error_code, row.error_message),
            "warning_message": warning_in_words(row.warning_message),
            "pages_read": row.pages_read,
            "words": (row.measures or {}).get("word_count"),
            "own_site_measured": bool(own and own.get("enough_text")),
            "rows": compare(own, row.measures),
        }
        for url in answer.competitors
        if (row := read.get(url))
    ]


def _forget(session_id: str, kept: Sequence[str]) -> None:
    """Delete what belongs to competitors that are named no more, the jobs too."""
    gone = (CompetitorAnalysis.session_id == session_id) & (
        CompetitorAnalysis.website_url.not_in(kept)
    )
    subjects = select(CompetitorAnalysis.id).where(gone)
    of_kind = jobs.Job.kind == COMPETITOR
    for statement in (
        delete(jobs.Job).where(of_kind, jobs.Job.subject.in_(subjects)),
        delete(CompetitorAnalysis).where(gone),
    ):
        db.session.execute(statement, execution_options={"synchronize_session": False})


def _read(session_id: str, urls: Sequence[str], moment: datetime) -> None:
    """A row for each address, and a job for each that has no result. Two saves meet in the rows'
    unique constraint, so they never make two."""
    named: dict[str, Any] = dict.fromkeys(("queued_at", "created_at", "updated_at"), moment)
    named |= {"session_id": session_id, "status": QUEUED}
    rows = _NAME.run(*[named | {"id": str(uuid.uuid4()), "website_url": url} for url in urls])
    waiting = [row.id for row in rows if row.queued_at == moment or row.status == FAILED]
    if not waiting:
        return
    refusal = jobs.add_all(COMPETITOR, waiting, session_id, at_most=MAX_COMPETITORS)
    if refusal or any(row.status == FAILED for row in rows):
        mine = (CompetitorAnalysis.session_id == session_id) & CompetitorAnalysis.id.in_(waiting)
        db.session.execute(
            update(CompetitorAnalysis)
            .where(mine)
            .values(
                status=FAILED if refusal else QUEUED,
                queued_at=moment,
                error_code=refusal.code if refusal else None,
                error_message=refusal.sentence if refusal else None,
            )
        )


_NAME = Upsert(
    CompetitorAnalysis,
    changed=("website_url",),  # so that old rows are returned
    key=("session_id", "website_url"),
    returning=("id", "status", "queued_at"),
)


def _yes_no(value: bool) -> Any:
    return _l("Yes") if value else _l("No")
