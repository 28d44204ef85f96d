"""Pages that belong to no journey: the accessibility statement."""

from datetime import date

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from webapp.config import settings

REVIEWED = date(2026, 11, 20)
"""When the statement was last held against the pages."""

bp = Blueprint("pages", __name__)


@bp.get("/accessibility")
def accessibility() -> ResponseReturnValue:
    """What was tested and how, what is known not to be good yet, and whom to write to."""
    return render_template(
        "pages/accessibility.html",
        reviewed=REVIEWED,
        hours=settings().retention_hours,
    )
