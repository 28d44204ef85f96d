"""The table of the sealed keys."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.extensions import Model
from webapp.steps.api_keys.providers import PROVIDERS
from webapp.types import UTCDateTime, now
from webapp.vault import CannotOpen, vault
from webapp.wizard.models import Owned

MASK = "••••"


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

    @staticmethod
    def of_several(found: Iterable["ApiKey"]) -> dict[str, "ApiKey"] | None:
        """Provider -> key, in the providers' order; None for none."""
        keys = {row.provider: row for row in found}
        return {p.name: keys[p.name] for p in PROVIDERS if p.name in keys} or None

    def opened(self) -> str | None:
        """The key in clear; None when it cannot be opened any more (with a key of ENCRYPTION_KEYS
        that is gone, or damaged): it counts as not usable, and its owner is asked for it again."""
        try:
            return vault().open(self.ciphertext, self.session_id, self.provider)
        except CannotOpen:
            return None

    @property
    def masked(self) -> str:
        """All that a page may show of it."""
        return MASK + self.last_four
