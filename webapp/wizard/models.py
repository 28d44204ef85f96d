"""The engine's tables: a session, and one row for each session and step."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, false, text
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from webapp.extensions import Model
from webapp.types import JSON, UTCDateTime, now


class OnboardingSession(Model):
    """One person's way through the steps. Where they stand is derived from their step rows."""

    __tablename__ = "onboarding_sessions"
    __table_args__ = (
        CheckConstraint("completed = (completed_at IS NOT NULL)", name="completed_has_its_time"),
        Index(
            "ix_onboarding_sessions_open_updated_at",
            "updated_at",
            info={"where": "NOT completed"},
        ),
        Index(
            "ix_onboarding_sessions_completed_at",
            "completed_at",
            info={"where": "completed"},
        ),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str | None] = mapped_column(String(255), unique=True)
    completed: Mapped[bool] = mapped_column(default=False, server_default=false())
    completed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    first_kblock_id: Mapped[str | None] = mapped_column(String(64))
    first_declaration: Mapped[str | None] = mapped_column(Text)
    revision: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """Counts every write of this session and never starts again."""
    sealed_revision: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """Forms made at or before this count cannot save: a reset or the completion came after."""
    begun_by_api: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Anonymous and begun through the API, where its id is the secret that opens it."""
    language: Mapped[str | None] = mapped_column(String(40))
    """What the page was in on which it was begun: `en`, `pt_BR`."""
    device: Mapped[str | None] = mapped_column(String(40))
    """What it was begun on, in one word (`webapp.devices`); None where that is not known."""
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    """Touched by every write, so that the cleanup and a save meet on this row's lock."""
    reminded_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """When its owner was sent a link to go on with; once, whatever comes after."""


class Owned:
    """A row that belongs to a session and goes when the session goes."""

    @declared_attr
    def session_id(cls) -> Mapped[str]:  # noqa: N805 - SQLAlchemy calls it on the class
        """The session that it belongs to."""
        return mapped_column(
            String(64),
            ForeignKey("onboarding_sessions.id", ondelete="CASCADE"),
            primary_key=True,
            sort_order=-1,  # every key begins with the session
        )


class Answer(Owned):
    """What one step asked, one row a session; the step's form fields are its columns."""

    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now, onupdate=now)


class StepProgress(Owned, Model):
    """One row for each session and step: where to resume, how far, which tab is stale, and where
    people stop are all read from here."""

    __tablename__ = "step_progress"

    slug: Mapped[str] = mapped_column(String(40), primary_key=True)
    first_seen_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """When the step became the next one; written by the save before it, never by a GET."""
    saved_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    skipped_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    revision: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """The session's count when this step was last saved or skipped."""
    saved_page: Mapped[str | None] = mapped_column(String(40))
    """The id of the page that saved it: what that page still sends as a draft comes too late."""
    draft: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """Field -> value as it was typed; secrets are never among them."""
    draft_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    draft_revision: Mapped[int | None]
    """The revision that the form of the draft was made from."""

    @property
    def done(self) -> bool:
        """Saved or skipped."""
        return self.saved_at is not None or self.skipped_at is not None
