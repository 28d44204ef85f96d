"""Whose each row is: an index of ids in a temporary file, so that no source is ever in memory."""

import hashlib
import re
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

SMALL = 100_000
"""A number below this is no hash of a user id, as far as anybody can tell: one in 20,000 is."""
MODULUS = 2_147_483_647
MAX_USER_ID = 255

_TABLES = """
CREATE TABLE known (user_id TEXT PRIMARY KEY, own INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE hashes (hash INTEGER, user_id TEXT, PRIMARY KEY (hash, user_id)) WITHOUT ROWID;
CREATE TABLE old_hashes (hash INTEGER, user_id TEXT, PRIMARY KEY (hash, user_id)) WITHOUT ROWID;
CREATE TABLE names (name TEXT, user_id TEXT, PRIMARY KEY (name, user_id)) WITHOUT ROWID;
CREATE TABLE aliases (user_id TEXT PRIMARY KEY, canonical TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE sessions (id INTEGER PRIMARY KEY, user_id TEXT NOT NULL);
CREATE TABLE work (owner TEXT, tbl TEXT, id TEXT, PRIMARY KEY (owner, tbl, id)) WITHOUT ROWID;
"""


def user_hash(user_id: str) -> int:
    """The number under which the former system filed rows of a user: the first 8 hex digits of the
    SHA-256 of the id, modulo 2147483647."""
    return int(hashlib.sha256(user_id.encode()).hexdigest()[:8], 16) % MODULUS


def old_user_hash(user_id: str) -> int | None:
    """The number that it used before October 2025: the first 8 characters behind `user_`, where
    they are hex digits."""
    start = user_id.removeprefix("user_")[:8]
    return int(start, 16) % MODULUS if re.fullmatch(r"[0-9a-fA-F]{8}", start) else None


def file_name(user_id: str) -> str:
    """A user id as the names of progress files hold it: what is no letter, digit, hyphen or
    underscore was written as an underscore."""
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in user_id)


def is_user_id(value: Any) -> bool:
    """Whether a database of ours can keep this as a user's id."""
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_USER_ID:
        return False
    return "\0" not in value and value == value.encode("utf-8", "replace").decode()


class Index:
    """Known user ids with their hashes, sessions, and each owner's rows. Use it in a `with`."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="onward-import-")
        path = Path(self._folder.name) / "index.sqlite"
        self._db = sqlite3.connect(path, isolation_level=None)
        # It is made anew for each run, so nothing in it has to survive one.
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-20000"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.executescript(_TABLES)

    def __enter__(self) -> "Index":
        return self

    def __exit__(self, *_error: object) -> None:
        self._db.close()
        self._folder.cleanup()

    def know(self, user_ids: Iterable[str], own: bool) -> None:
        """Note user ids. `own`: they are users of the source itself."""
        for user_id in user_ids:
            self._db.execute(
                "INSERT INTO known VALUES (?, ?) ON CONFLICT (user_id) "
                "DO UPDATE SET own = max(own, excluded.own)",
                (user_id, own),
            )
            self._put("hashes", user_hash(user_id), user_id)
            self._put("names", file_name(user_id), user_id)
            if (old := old_user_hash(user_id)) is not None:
                self._put("old_hashes", old, user_id)

    def session(self, row: int, user_id: str) -> None:
        """Note a session of the source."""
        self._db.execute("INSERT OR REPLACE INTO sessions VALUES (?, ?)", (row, user_id))

    def find_aliases(self) -> None:
        """Known users whose id is a number that is the hash of one other known user: an old
        migration wrote the hash where the id belongs."""
        self._db.execute(
            "INSERT INTO aliases SELECT known.user_id, min(hashes.user_id) FROM known "
            "JOIN hashes ON hashes.hash = CAST(known.user_id AS INTEGER) "
            "AND CAST(hashes.hash AS TEXT) = known.user_id AND hashes.user_id <> known.user_id "
            "WHERE hashes.hash >= ? GROUP BY known.user_id HAVING count(*) = 1",
            (SMALL,),
        )

    def aliases(self) -> Iterator[tuple[str, str]]:
        """Each alias and who it is."""
        yield from self._db.execute("SELECT user_id, canonical FROM aliases ORDER BY 1")

    def canonical(self, user_id: str) -> str:
        """The user themselves, or whose alias this id is."""
        query = "SELECT canonical FROM aliases WHERE user_id = ?"
        found = self._db.execute(query, (user_id,)).fetchone()
        return found[0] if found else user_id

    def owner_of(self, session_id: Any) -> tuple[str | None, str]:
        """Owner of a row filed under `session_id`, or None, and how it was found, or why not.

        The session of that id decides; else the known user with that hash; else the user whose id
        is that very number, unless it is so small that it can be a session's.
        """
        if session_id is None:
            return None, "no_session_id"
        if not isinstance(session_id, int) or not 0 <= session_id < 2**63:
            return None, "no_such_session"
        found = self._all("SELECT user_id FROM sessions WHERE id = ?", session_id)
        if found:
            owner = self.canonical(found[0])
            return owner, "session" if owner == found[0] else "migrated-hash-owner"
        return self._by_hash(session_id)

    def owner_of_business(self, user_id: Any) -> tuple[str | None, str]:
        """The same for a row that is filed under a user's number."""
        if user_id is None:
            return None, "no_user_id"
        if user_id == 1:
            return None, "hard_coded_user"
        if not isinstance(user_id, int) or not 0 <= user_id < 2**63:
            return None, "no_such_user"
        owner, how = self._by_hash(user_id)
        if owner or how == "ambiguous_hash":
            return owner, how
        query = "SELECT user_id FROM known WHERE own AND user_id = ?"
        exact = self._all(query, str(user_id))
        return (self.canonical(exact[0]), "exact-id") if exact else (None, "no_such_user")

    def _by_hash(self, number: int) -> tuple[str | None, str]:
        for table, how in (("hashes", "hash"), ("old_hashes", "old-hash")):
            query = f"SELECT user_id FROM {table} WHERE hash = ?"  # noqa: S608 - one of two names
            owners = {self.canonical(one) for one in self._all(query, number)}
            if len(owners) > 1:
                return None, "ambiguous_hash"
            if owners:
                return owners.pop(), how
            if table == "hashes" and number >= SMALL:
                exact = self._all("SELECT user_id FROM known WHERE user_id = ?", str(number))
                if exact:
                    return self.canonical(exact[0]), "hash"
        return None, "unknown_hash" if number >= SMALL else "no_such_session"

    def users_named(self, name: str) -> list[str]:
        """Known users whose progress file has this name."""
        return self._all("SELECT user_id FROM names WHERE name = ?", name)

    def work(self, owner: str, table: str, row: Any) -> None:
        """Note a row of an owner."""
        self._db.execute("INSERT OR IGNORE INTO work VALUES (?, ?, ?)", (owner, table, str(row)))

    def count_owners(self) -> int:
        """How many owners have rows."""
        return int(self._db.execute("SELECT count(DISTINCT owner) FROM work").fetchone()[0])

    def owners(self, batch: int) -> Iterator[dict[str, dict[str, list[str]]]]:
        """Owner -> table -> ids of rows, in batches of owners."""
        last = ""
        while True:
            query = "SELECT DISTINCT owner FROM work WHERE owner > ? ORDER BY owner LIMIT ?"
            owners = self._all(query, last, batch)
            if not owners:
                return
            found: dict[str, dict[str, list[str]]] = {}
            for owner in owners:
                rows = self._db.execute("SELECT tbl, id FROM work WHERE owner = ?", (owner,))
                for table, row in rows:
                    found.setdefault(owner, {}).setdefault(table, []).append(row)
            yield found
            last = owners[-1]

    def _put(self, table: str, key: Any, user_id: str) -> None:
        self._db.execute(f"INSERT OR IGNORE INTO {table} VALUES (?, ?)", (key, user_id))  # noqa: S608

    def _all(self, query: str, *values: Any) -> list[str]:
        return [row[0] for row in self._db.execute(query, values)]
