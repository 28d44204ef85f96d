"""What the user said of their website, and what was found there."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.extensions import Model
from webapp.types import JSON, UTCDateTime, now
from webapp.wizard.models import Answer, Owned

QUEUED, IN_PROGRESS, COMPLETED, FAILED = "queued", "in_progress", "completed", "failed"
UNDER_WAY = frozenset({QUEUED, IN_PROGRESS})

RESULTS = (
    "language", "pages_read", "warning_message", "measures", "writing_style",
    "content_characteristics", "target_audience", "content_type", "recommended_settings",
    "style_patterns", "style_guidelines", "brand_analysis", "seo_audit", "crawl_result", "evidence",
)  # fmt: skip
"""The columns of an analysis that its result fills, as `webapp.site.analyse` names them."""


class WebsiteAnalysis(Owned, Model):
    """One address of a session and what was measured there: one row, however often it is read.

    While it is read again the older result stays, until the newer one replaces it.
    """

    __tablename__ = "website_analyses"
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
    """Canonical, so that two ways to write one address are one analysis."""
    status: Mapped[str] = mapped_column(String(20), default=QUEUED)
    language: Mapped[str | None] = mapped_column(String(10))
    """ISO 639-1, of most of the text."""
    pages_read: Mapped[int | None]
    measures: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    writing_style: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    content_characteristics: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    target_audience: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    content_type: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    recommended_settings: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    style_patterns: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    style_guidelines: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    brand_analysis: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    seo_audit: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    crawl_result: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    evidence: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """Derived value -> the measures that it rests on."""
    warning_message: Mapped[str | None] = mapped_column(Text)
    error_code: Mapped[str | None] = mapped_column(String(40))
    error_message: Mapped[str | None] = mapped_column(Text)
    queued_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    started_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    analysis_date: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """When the stored result was measured."""
    pages_done: Mapped[int | None]
    """Of the reading that is under way, or was last: the pages read so far."""
    pages_known: Mapped[int | None]
    """And those that it will read as far as is known."""
    so_far: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """While a reading is under way: `webapp.site.analyse.known_so_far`, about once a second."""
    page_cache: Mapped[dict[str, Any] | None] = mapped_column(JSON, deferred=True)
    """What `webapp.site.crawl.keep` remembers for the next reading; the worker alone loads it."""
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now, onupdate=now)

    @property
    def under_way(self) -> bool:
        """True while it waits or runs."""
        return self.status in UNDER_WAY

    def as_dict(self) -> dict[str, Any]:
        """The contract's shape of a stored analysis."""
        return {
            "website_url": self.website_url,
            "status": self.status,
            "analysis_date": self.analysis_date.isoformat() if self.analysis_date else None,
            "error_message": self.error_message,
            "pages_done": self.pages_done,
            "pages_known": self.pages_known,
            **{name: getattr(self, name) for name in RESULTS},
        }


class HostTurn(Model):
    """A turn to speak to one IP address: whoever holds it may, until its time is over."""

    __tablename__ = "host_turns"

    address: Mapped[str] = mapped_column(String(45), primary_key=True)
    slot: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    holder: Mapped[str] = mapped_column(String(36))
    until: Mapped[datetime] = mapped_column(UTCDateTime)


class WebsiteAnswer(Answer, Model):
    """The answers of the step."""

    __tablename__ = "website_answers"

    has_website: Mapped[bool]
    website_url: Mapped[str | None] = mapped_column(String(2000))
    business_description: Mapped[str] = mapped_column(Text)
    industry: Mapped[str] = mapped_column(String(100))
    target_audience: Mapped[str] = mapped_column(String(500))
    business_goals: Mapped[str] = mapped_column(Text)
    use_analysis: Mapped[bool]

    analysis: Mapped[WebsiteAnalysis | None] = relationship(
        primaryjoin="and_(foreign(WebsiteAnswer.session_id) == WebsiteAnalysis.session_id, "
        "WebsiteAnswer.website_url == WebsiteAnalysis.website_url)",
        lazy="joined",
        uselist=False,
        viewonly=True,
    )

    @property
    def current_analysis(self) -> WebsiteAnalysis | None:
        """The analysis of the address that is the answer now; None without a website."""
        return self.analysis if self.has_website else None

    @property
    def business(self) -> dict[str, str] | None:
        """What was said in place of a website, None when nothing was."""
        if not self.business_description:
            return None
        return {
            "business_description": self.business_description,
            "industry": self.industry,
            "target_audience": self.target_audience,
            "business_goals": self.business_goals,
        }
