"""The persona of a session and the answers that it was built from."""

from typing import Any

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.extensions import Model
from webapp.types import JSON
from webapp.wizard.models import Answer


class PersonaData(Answer, Model):
    """Answers (name, tone, audience, voice, platforms) and results (the three JSON columns)."""

    __tablename__ = "persona_data"

    persona_name: Mapped[str] = mapped_column(String(80))
    tone: Mapped[str] = mapped_column(String(20))
    audience: Mapped[str] = mapped_column(String(500))
    voice_description: Mapped[str] = mapped_column(Text)
    selected_platforms: Mapped[list[str]] = mapped_column(JSON)
    core_persona: Mapped[dict[str, Any]] = mapped_column(JSON)
    platform_personas: Mapped[dict[str, Any]] = mapped_column(JSON)
    quality_metrics: Mapped[dict[str, Any]] = mapped_column(JSON)
