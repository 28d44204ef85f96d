"""Probes: is the process up, and may it get traffic."""

import re
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, current_app, jsonify
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, TimeoutError

from webapp.extensions import db

_NAMED = {
    name: re.compile(rf'^{name} = "(\w+)"', re.MULTILINE) for name in ("revision", "down_revision")
}

bp = Blueprint("health", __name__)


@bp.get("/healthz")
def healthz() -> Response:
    """The process is up."""
    return jsonify(status="ok")


@bp.get("/readyz")
def readyz() -> Response:
    """The database answers and its schema is not behind the code; a newer schema is fine."""
    try:
        found = db.session.scalar(text("SELECT version_num FROM alembic_version"))
    except (DBAPIError, TimeoutError):
        return _not_ready("the database does not answer, or was never migrated")
    older, head = _revisions(str(current_app.config["MIGRATIONS_DIR"]))
    if found is None or found in older:
        return _not_ready(f"the schema is at {found}, the code needs {head}: run flask db upgrade")
    return jsonify(status="ok", schema=found)


def _not_ready(why: str) -> Response:
    response = jsonify(status="unavailable", reason=why)
    response.status_code = 503
    return response


@cache
def _revisions(folder: str) -> tuple[frozenset[str], str]:
    """Revisions that are behind the code's newest one, and that one."""
    # Alembic would say it too, for 11 MB of memory in every process that is asked.
    texts = [file.read_text() for file in (Path(folder) / "versions").glob("[0-9]*.py")]
    known = {name: _NAMED[name].findall("\n".join(texts)) for name in _NAMED}
    (head,) = set(known["revision"]) - set(known["down_revision"])
    return frozenset(known["revision"]) - {head}, head
