"""kgents' onboarding sessions: declarations and the blocks made of them, in the table of its
migration or in that of its newer models."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from webapp.legacy import values
from webapp.legacy.bundle import Bundle, Declaration, guarded
from webapp.legacy.index import Index, is_user_id
from webapp.legacy.report import NOT_ATTACHABLE, NOTE, Report
from webapp.legacy.sources import Database

NAME = "kgents"
SESSIONS = "onboarding_sessions"
ANONYMOUS = "\x01"
"""Before the id of a session without a user, where owners are listed: no user id begins so."""
LONGEST_ID = 64


def fits(source: Database) -> bool:
    """Whether this is such a database."""
    columns = ("id", "user_id", "current_step", "completed", "first_declaration", "created_at")
    return source.has(SESSIONS, *columns) and not source.has(SESSIONS, "progress")


def assign(source: Database, index: Index, report: Report) -> None:
    """Say whose each session is: the user's that it names, or nobody's but its own."""
    for page in source.pages(SESSIONS, "id", "user_id"):
        for row, said in page:
            user_id = str(said) if isinstance(said, int) else said
            if row is None or not is_user_id(str(row)):
                report.add(NOT_ATTACHABLE, SESSIONS, row, "bad_user_id")
            elif values.is_empty(user_id):
                index.work(f"{ANONYMOUS}{row}", SESSIONS, row)
            elif is_user_id(user_id) and not user_id.startswith(ANONYMOUS):
                index.work(user_id, SESSIONS, row)
            else:
                report.add(NOT_ATTACHABLE, SESSIONS, row, "bad_user_id")


def bundles(
    source: Database, work: Mapping[str, Mapping[str, list[str]]], _offset: int
) -> Iterator[tuple[Bundle | None, Report]]:
    """What each of these owners brings along."""
    ids = [one for tables in work.values() for one in tables[SESSIONS]]
    found = {str(row["id"]): row for row in source.rows(SESSIONS, ids)}
    for owner, tables in work.items():
        report = Report(NAME, dry_run=False)
        rows = [found[one] for one in tables[SESSIONS] if one in found]
        user_id = None if owner.startswith(ANONYMOUS) else owner
        named = [(SESSIONS, row["id"]) for row in rows]
        yield guarded(partial(build, user_id, rows, report), named, report), report


def build(user_id: str | None, rows: list[dict[str, Any]], report: Report) -> Bundle:
    """A user's sessions -> one. The newest with a declaration leads, else the newest; the other
    declarations become further blocks, byte for byte."""

    def rank(row: Mapping[str, Any]) -> tuple[bool, str, str]:
        return bool(row["first_declaration"]), values.order(row["created_at"]), str(row["id"])

    ordered = sorted(rows, key=rank, reverse=True)
    bundle = Bundle(user_id, contents=ordered)
    for number, row in enumerate(ordered):
        bundle.note(SESSIONS, row["id"], merged=number > 0)
        created, updated = values.moment(row["created_at"]), values.moment(row.get("updated_at"))
        ended = values.moment(row.get("completed_at")) or updated or created
        declared = row["first_declaration"]
        if number == 0:
            if len(str(row["id"])) <= LONGEST_ID:
                bundle.session_id = str(row["id"])
            else:
                report.add(NOTE, SESSIONS, row["id"], "too_long_id")
            bundle.began, bundle.touched = created, updated
            if declared or values.boolean(row["completed"], False):
                bundle.completed = ended
        elif declared:
            report.add(NOTE, SESSIONS, row["id"], "second_session")
        if declared:
            block = values.text(row.get("first_kblock_id"))[:LONGEST_ID] or None
            said = values.storable(str(declared))
            bundle.declarations.append(Declaration(said, block, ended))
    return bundle
