"""Step 6: the review, and the user's own words on what their writing is for."""

import re
import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import CheckConstraint, Float, String, Text
from sqlalchemy.orm import Mapped, mapped_column
from wtforms import TextAreaField

from webapp.extensions import Model, db
from webapp.types import JSON, UTCDateTime, now
from webapp.wizard import forms
from webapp.wizard.forms import StepForm, strip
from webapp.wizard.models import Owned
from webapp.wizard.step import Row, Step, Visit

FIRST_LAYER = 1


class KBlock(Owned, Model):
    """A block of content; the first one of a user is made from the declaration."""

    __tablename__ = "kblocks"
    __table_args__ = (CheckConstraint("loss >= 0 AND loss <= 1", name="loss_is_a_share"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    layer: Mapped[int]
    content: Mapped[str] = mapped_column(Text)
    loss: Mapped[float] = mapped_column(Float)
    """0–1: how much the content leaves open; lower for a more specific declaration."""
    justification: Mapped[str] = mapped_column(Text)
    edges: Mapped[list[Any]] = mapped_column(JSON, default=list)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


class FinishForm(StepForm):
    """The declaration."""

    first_declaration = TextAreaField(
        _l("What is your writing for?"),
        filters=[strip],
        validators=[
            forms.Text(1, 2000, _l("Write down, in your own words, what your writing is for."))
        ],
        description=_l(
            "In your own words: whom should it reach, and what should it change? "
            "One sentence is enough, up to 2,000 characters."
        ),
    )


class FinishStep(Step):
    """The last step. Its answer stands on the session itself."""

    slug = "finish"
    title = _l("Review and finish")
    description = _l(
        "Look everything over, change what you like, and say what your writing is for."
    )
    form = FinishForm
    needs_all = True

    def stored(self, visit: Visit) -> Any:
        """The session, once it has a declaration."""
        return visit.session if visit.session.first_declaration else None

    def save(self, form: StepForm, visit: Visit, now: datetime) -> None:
        """Make the first block from the declaration, or bring it up to date after a change."""
        declaration = form["first_declaration"].data
        loss, why = specificity_loss(declaration)
        session = visit.session
        block = None
        if session.first_kblock_id:
            block = db.session.get(KBlock, (session.id, session.first_kblock_id))
        if block is None:
            block = KBlock(session_id=session.id, id=str(uuid.uuid4()), created_at=now)
            db.session.add(block)
        block.layer, block.content, block.loss = FIRST_LAYER, declaration, loss
        block.justification, block.updated_at, block.edges = why, now, block.edges or []
        session.first_declaration, session.first_kblock_id = declaration, block.id

    def rows(self, visit: Visit) -> Iterable[Row]:
        """The declaration."""
        if visit.session.first_declaration:
            yield Row(_l("What your writing is for"), visit.session.first_declaration)


def specificity_loss(declaration: str) -> tuple[float, str]:
    """How much a declaration leaves open, 0–1, and the reason in one English sentence.

    Three measures share the weight: how many different long words (seven letters or more) it has
    (0.45, full at 12), how many words in all (0.35, full at 40), and whether it names something: a
    figure, or a capitalised word inside a sentence (0.20, full at 3).
    """
    words = re.findall(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*", declaration)
    telling = {word.lower() for word in words if len(word) >= 7}
    named = re.findall(r"\d+(?:[.,]\d+)*|(?<=[^.!?\s] )[A-ZÀ-Þ]\w+", declaration)
    reached = (
        0.45 * min(1, len(telling) / 12)
        + 0.35 * min(1, len(words) / 40)
        + 0.20 * min(1, len(named) / 3)
    )
    why = (
        f"{len(words)} words, {len(telling)} of them long and different, "
        f"{len(named)} names or figures."
    )
    return round(1 - reached, 2), why
