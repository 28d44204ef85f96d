"""The persona of a session and the answers that it was built from."""

from typing import Any

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.extensions import Model
from webapp.steps.persona.texts import with_edits
from webapp.types import JSON
from webapp.wizard.models import Answer


class PersonaData(Answer, Model):
    """Answers (name, tone, audience, voice, platforms), results (three JSON columns, in English),
    and what the user made of the results."""

    __tablename__ = "persona_data"

    persona_name: Mapped[str] = mapped_column(String(80))
    tone: Mapped[str] = mapped_column(String(20))
    audience: Mapped[str] = mapped_column(String(500))
    voice_description: Mapped[str] = mapped_column(Text)
    selected_platforms: Mapped[list[str]] = mapped_column(JSON)
    core_persona: Mapped[dict[str, Any]] = mapped_column(JSON)
    platform_personas: Mapped[dict[str, Any]] = mapped_column(JSON)
    quality_metrics: Mapped[dict[str, Any]] = mapped_column(JSON)
    edits: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """Path of a generated text -> {"text": the user's own, "made": mark of the generated one}."""
    tone_kept: Mapped[str | None] = mapped_column(String(20))
    """The measured tone that the user was asked about and decided against."""

    @property
    def results(self) -> dict[str, Any]:
        """What was generated, as it was generated."""
        return {
            "core_persona": self.core_persona,
            "platform_personas": self.platform_personas,
            "quality_metrics": self.quality_metrics,
        }

    def as_dict(self) -> dict[str, Any]:
        """The contract's shape: in English, the user's own words in their places, and `edited`,
        the paths of these."""
        return {
            "persona_name": self.persona_name,
            "tone": self.tone,
            "audience": self.audience,
            "voice_description": self.voice_description,
            "selected_platforms": self.selected_platforms,
            **with_edits(self.results, self.edits),
            "edited": sorted(self.edits or {}),
        }
