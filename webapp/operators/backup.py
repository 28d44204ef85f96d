"""A copy of the SQLite database beside a server at work."""

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from webapp import audit
from webapp.config import settings
from webapp.extensions import transaction

ALL_PAGES = -1
"""In one go, as it was at one moment: others write meanwhile. Copied piece by piece it would begin
anew whenever somebody has saved between two pieces, and beside a busy server never end."""


class NotPossible(Exception):
    """Why no backup was made, in a sentence."""


def run(target: Path, force: bool = False, name: str | None = None) -> int:
    """Copy the database to `target`, whole or not at all, readable by its owner alone; returns the
    bytes of the copy. It is the database as it was at one moment, however many save meanwhile.

    `name`: which operator, for the audit trail, whose entry is not in the copy. Raises NotPossible.
    """
    if not settings().is_sqlite:
        raise NotPossible(
            "The database is PostgreSQL: use pg_dump (docs/operations.md, “Back up”)."
        )
    source = Path(settings().database_url.partition("///")[2])
    target = target.absolute()
    if not source.exists():
        raise NotPossible(f"There is no database at {source} yet.")
    if target.exists() and (not force or not target.is_file() or target.samefile(source)):
        raise NotPossible(f"{target} is there already.")
    try:
        _copy(source, target)
    except (OSError, sqlite3.Error) as error:
        raise NotPossible(f"The backup was not made: {error}.") from error
    with transaction():
        audit.record("backed_up", who="operator", name=name)
    return target.stat().st_size


def _copy(source: Path, target: Path) -> None:
    handle, draft = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")  # mode 0600
    os.close(handle)
    try:
        with (
            closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True, timeout=30)) as there,
            closing(sqlite3.connect(draft)) as here,
        ):
            there.backup(here, pages=ALL_PAGES)
            here.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
            (found,) = here.execute("PRAGMA integrity_check").fetchone()
            if found != "ok":
                raise NotPossible(f"The copy is damaged, so it was thrown away: {found}")
        with open(draft, "rb") as file:
            os.fsync(file.fileno())
        os.replace(draft, target)
    finally:
        Path(draft).unlink(missing_ok=True)


def belonging() -> list[Path]:
    """Files without which stored API keys are lost and every cookie is void; empty where the
    environment holds those secrets."""
    folder = settings().instance_dir
    names = ("secret_key", "encryption_keys")
    return [folder / name for name in names if (folder / name).exists()]
