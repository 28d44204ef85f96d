"""The command as an operator runs it, and a look at everything that it left."""

import json
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import select

from tests.support.databases import TOP
from webapp.extensions import Base, db
from webapp.identity.caller import Caller
from webapp.wizard import store
from webapp.wizard.visit import Visit

DATA = TOP.parent / "shared" / "data" / "legacy"
"""Data that the earlier systems wrote themselves, where it lies beside the project."""


def bring(app: Flask, kind: str, source: object, *options: str) -> dict[str, Any]:
    """Run the import; the report. Fails unless the exit status is 0."""
    status, output, error = run(app, kind, source, "--json", *options)
    assert status == 0, f"{output}\n{error}"
    return json.loads(output)


def run(app: Flask, kind: str, source: object, *options: str) -> tuple[int, str, str]:
    """Exit status, what is printed, and what is printed as an error."""
    arguments = ["onboarding", "import", kind, str(source), *options]
    result = app.test_cli_runner().invoke(args=arguments)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def visit_of(user_id: str | None = None, session_id: str | None = None) -> Visit:
    """A user's whole session, or the one of this id."""
    db.session.remove()
    caller = Caller(session_id, trusted=True) if session_id else Caller(None, user_id=user_id)
    visit = store.load(caller, everything=True)
    assert visit is not None, user_id or session_id
    return visit


def everything(but: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """Every row of every table."""
    db.session.remove()
    return {
        table.name: sorted(repr(tuple(row)) for row in db.session.execute(select(table)))
        for table in Base.metadata.sorted_tables
        if table.name not in but
    }


def state_of(path: Path) -> dict[str, tuple[bytes, int]]:
    """Contents and times of a file or of all files beside and in it."""
    folder = path if path.is_dir() else path.parent
    return {
        str(one.relative_to(folder)): (one.read_bytes(), one.stat().st_mtime_ns)
        for one in sorted(folder.rglob("*"))
        if one.is_file()
    }


def refused(report: dict[str, Any]) -> set[tuple[str, str]]:
    """Table and id of each row that was not attachable."""
    return {(one["table"], str(one["id"])) for one in report["not_attachable"]}
