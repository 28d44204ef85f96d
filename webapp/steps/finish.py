"""Step 6: the review, and the user's own words on what their writing is for."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from textwrap import shorten
from typing import Any

from sqlalchemy import CheckConstraint, Float, String, Text
from sqlalchemy.orm import Mapped, mapped_column
from wtforms import TextAreaField

from webapp import apidoc
from webapp.apidoc import Operation
from webapp.extensions import Model, db
from webapp.rows import Upsert
from webapp.site.specificity import specificity_loss
from webapp.texts import gettext as _
from webapp.texts import lazy_gettext as _l
from webapp.types import JSON, UTCDateTime, now
from webapp.wizard import forms
from webapp.wizard.calls import Saves
from webapp.wizard.forms import StepForm, strip
from webapp.wizard.models import OnboardingSession, Owned
from webapp.wizard.step import Row, Step, Visit, Words

__all__ = ["FinishForm", "FinishStep", "KBlock", "specificity_loss"]

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
            "In your own words: whom should it reach, and what should it change? It opens your "
            "summary and is kept as your first piece of content. "
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
    minutes = 2
    changeable = _l("You can change all of it after you finish, too")
    form = FinishForm
    needs_all = True
    brief_columns = (OnboardingSession.first_declaration,)
    calls = (
        Saves(
            "POST",
            "first-declaration",
            Operation(
                "Declare what the writing is for",
                "The end",
                {
                    200: apidoc.answer(
                        session_id=apidoc.STRING,
                        kblock_id=apidoc.STRING,
                        layer=apidoc.INTEGER,
                        loss=apidoc.NUMBER | {"minimum": 0, "maximum": 1},
                        justification=apidoc.STRING,
                        celebration=apidoc.answer(
                            confetti=apidoc.BOOLEAN,
                            emoji=apidoc.STRING,
                            message=apidoc.STRING,
                            color=apidoc.STRING,
                            intensity=apidoc.NUMBER,
                        ),
                        edges=apidoc.listing({}),
                    )
                },
                body=apidoc.body(
                    ("declaration",),
                    declaration=apidoc.STRING | {"minLength": 1, "maxLength": 2000},
                    revision=apidoc.maybe(apidoc.STRING),
                ),
                detail="Makes the first block of content, and completes the session where nothing "
                "else is required. Who calls without a session gets one. `loss` is lower for a "
                "more specific declaration: it counts long words, different words, names and "
                "figures, and whether it says for whom.",
                problems={
                    409: "Required steps are open (`missing_steps`); the declaration is kept as a "
                    "draft, in the session `session_id`.",
                    412: "If-Match names another state.",
                },
                if_match=True,
            ),
            values=lambda body, _params: {"first_declaration": body["declaration"]},
            answer=lambda visit: declared(visit),
            field=lambda name, _body: "declaration" if name == "first_declaration" else name,
            begins=True,
        ),
    )

    def stored(self, visit: Visit) -> Any:
        """The session, once it has a declaration."""
        return visit.session if visit.session.first_declaration else None

    def save(self, form: StepForm, visit: Visit, now: datetime) -> None:
        """Make the first block from the declaration, or bring it up to date after a change."""
        declaration = form["first_declaration"].data
        loss, why = specificity_loss(declaration)
        session = visit.session
        block_id = session.first_kblock_id or str(uuid.uuid4())
        _PUT.run(
            {
                "session_id": session.id,
                "id": block_id,
                "layer": FIRST_LAYER,
                "content": declaration,
                "loss": loss,
                "justification": why,
                "edges": [],
                "created_at": now,
                "updated_at": now,
            }
        )
        session.first_declaration, session.first_kblock_id = declaration, block_id

    def rows(self, visit: Visit) -> Iterable[Row]:
        """The declaration."""
        if visit.session.first_declaration:
            yield Row(_l("What your writing is for"), visit.session.first_declaration)

    def facts(self, visit: Visit) -> Mapping[str, Any]:
        """The declaration."""
        return {"first_declaration": visit.session.first_declaration}

    def brief(self, declaration: str | None) -> Words | None:
        """How the declaration begins."""
        return shorten(declaration, 80, placeholder="…") if declaration else None


_PUT = Upsert(KBlock, ("layer", "content", "loss", "justification", "updated_at"))


def celebration(loss: float) -> dict[str, Any]:
    """How much to make of a declaration: the more specific it is, the more."""
    if loss < 0.35:
        emoji, color, message = "🎉", "#1d6f5c", _("That is a clear aim. Your writing can begin.")
    elif loss < 0.75:
        emoji, color, message = "✨", "#7a5cb8", _("A good beginning. Your writing has an aim.")
    else:
        emoji, color, message = "🌱", "#4d7c2f", _("It is planted. You can say more whenever.")
    return {
        "confetti": loss < 0.75,
        "emoji": emoji,
        "message": message,
        "color": color,
        "intensity": round(1 - loss, 2),
    }


def declared(visit: Visit) -> dict[str, Any]:
    """The first block as the JSON API answers it. `edges` are links to other blocks: the first one
    has none to link to."""
    block = db.session.get(KBlock, (visit.session.id, visit.session.first_kblock_id))
    assert block is not None  # noqa: S101 - saved in the transaction before
    return {
        "kblock_id": block.id,
        "layer": block.layer,
        "loss": block.loss,
        "justification": block.justification,
        "celebration": celebration(block.loss),
        "edges": block.edges,
        "completed": visit.session.completed,
    }
