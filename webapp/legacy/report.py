"""What an import did: counts, and one by one what it could not do, without any stored value.

The single entries are kept in a temporary file, so that a long report costs no memory.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from typing import Any

OUTCOMES = ("imported", "merged", "already_there", "not_attachable")
NOT_ATTACHABLE, LEFT_OUT, MAPPED, NOTE = "not_attachable", "left_out", "mapped", "notes"

MOST_MAPPED = 300

REASONS = {
    "no_session_id": "session id is null",
    "no_such_session": "small session id that does not exist: its session is gone",
    "unknown_hash": "hash of a user id that is nowhere in the data, nor known here",
    "ambiguous_hash": "the hash of several known user ids",
    "hard_coded_user": "user id 1 was hard-coded by the old form: not a person",
    "no_user_id": "user id is null",
    "no_such_user": "no such user",
    "bad_user_id": "the user id is empty, too long, or holds what cannot be stored",
    "ownerless": "the file names no user",
    "ambiguous_owner": "the file's name fits several known users",
    "unknown_owner": "the file's name has lost characters, and no known user fits it",
    "corrupt": "the file is not the JSON that it should be",
    "too_large": "the file is too large",
    "unreadable": "the file cannot be read",
    "not_understood": "it holds what no such row can hold",
    "not_stored": "the database refused it",
    "no_address": "no address of a website: there is nothing to file it under",
    "bad_address": "the address is none that this application can read",
    "bad_json": "the column does not hold JSON",
    "bad_shape": "the column holds another kind of value than it should",
    "unknown_provider": "a key of a provider that this application does not know",
    "no_key": "the key is empty",
    "bad_key": "the key is longer than any key, or holds what no key holds",
    "older_key": "there is a newer key of this provider",
    "odd_key": "the key does not look like one of this provider; it was kept as it is",
    "newer_chosen": "another row of this user was chosen",
    "unknown_value": "a value that this application does not know",
    "cut": "longer than its column: cut at the end",
    "no_place": "there is no place for it here",
    "only_defaults": "the old default, not a choice: the step stays open with it filled in",
    "never_finished": "it was never finished there: shown as failed, to be tried again",
    "finished_there": "finished there, but in use here: it stays open",
    "second_session": "another session of this user came first; its declaration became a block",
    "alias": "by its hash, this numeric user is another known one; both have a session here",
    "persona_failed": "its making had failed there; made anew",
    "too_many": "more than fit here",
    "too_long_id": "the id is too long: it got a new one",
}  # fmt: skip
"""Code -> why, in words."""


class Report:
    """Counts by table, and entries of what was not attachable, left out or put otherwise."""

    def __init__(self, source: str, dry_run: bool) -> None:
        self.source, self.dry_run = source, dry_run
        self.tables: dict[str, Counter[str]] = {}
        self.counts: Counter[str] = Counter()
        """`users`, `users_new`, `users_merged`, `users_already_there`, `completed`, `open`."""
        self.mapped: Counter[tuple[str, str, str]] = Counter()
        self.kinds: Counter[str] = Counter()
        self._spool: Any = None

    def count(self, table: str, outcome: str, many: int = 1) -> None:
        """Rows of a table that met one of the OUTCOMES."""
        self.tables.setdefault(table, Counter())[outcome] += many

    def add(self, kind: str, table: str, row: Any, reason: str, **more: Any) -> None:
        """An entry. `more`: ids, names of columns and providers; never what a column held."""
        if kind == NOT_ATTACHABLE:
            self.count(table, NOT_ATTACHABLE)
        self.kinds[kind] += 1
        self.write({"kind": kind, "table": table, "id": row, "reason": reason, **more})

    def write(self, entry: dict[str, Any]) -> None:
        """Keep an entry, or one that another report gave."""
        if self._spool is None:
            self._spool = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - `close` closes it
                100_000, "w+", encoding="utf-8"
            )
        self._spool.write(json.dumps(entry, ensure_ascii=True, default=str) + "\n")

    def map(self, field: str, old: str, new: str) -> None:
        """A value went by another name; counted, the first MOST_MAPPED by their names."""
        key = field, old[:60], new
        if key not in self.mapped and len(self.mapped) >= MOST_MAPPED:
            key = field, "(others)", new
        self.mapped[key] += 1

    def absorb(self, other: "Report") -> None:
        """Take over what was told of a part that is stored by now."""
        for table, counted in other.tables.items():
            self.tables.setdefault(table, Counter()).update(counted)
        self.counts += other.counts
        for (field, old, new), count in other.mapped.items():
            known = (field, old, new) in self.mapped or len(self.mapped) < MOST_MAPPED
            self.mapped[field, old if known else "(others)", new] += count
        self.kinds += other.kinds
        for entry in other.entries():
            self.write(entry)
        other.close()

    def entries(self, kind: str | None = None) -> Iterator[dict[str, Any]]:
        """The entries in their order, all or one kind's."""
        if self._spool is None:
            return
        self._spool.seek(0)
        for line in self._spool:
            entry = json.loads(line)
            if kind is None or entry["kind"] == kind:
                yield entry
        self._spool.seek(0, 2)

    def close(self) -> None:
        """Give the temporary file back."""
        if self._spool is not None:
            self._spool.close()

    def as_json(self) -> Iterator[str]:
        """The report as one JSON object, in pieces."""
        head = {
            "source": self.source,
            "dry_run": self.dry_run,
            "counts": {name: self.counts[name] for name in sorted(self.counts)},
            "tables": {
                table: {outcome: counted[outcome] for outcome in OUTCOMES}
                for table, counted in sorted(self.tables.items())
            },
            "mapped": [
                {"field": field, "from": old, "to": new, "count": n}
                for (field, old, new), n in sorted(self.mapped.items())
            ],
        }
        yield json.dumps(head, ensure_ascii=False)[:-1]
        for kind in (NOT_ATTACHABLE, LEFT_OUT, NOTE):
            yield f', "{kind}": ['
            for number, entry in enumerate(self.entries(kind)):
                del entry["kind"]
                entry["why"] = REASONS[entry["reason"]]
                yield (", " if number else "") + json.dumps(entry, ensure_ascii=False)
            yield "]"
        yield "}\n"

    def as_text(self) -> Iterator[str]:
        """The report in lines, for people."""
        done = "would be" if self.dry_run else "were"
        users = self.counts
        yield (
            f"{users['users']} sessions {done} looked at: {users['users_new']} new, "
            f"{users['users_merged']} merged into one that is here, "
            f"{users['users_already_there']} already there."
        )
        completed, still_open = users["completed"], users["open"]
        yield f"Of the new and merged ones {completed} are completed, {still_open} open."
        for table, counted in sorted(self.tables.items()):
            told = ", ".join(f"{counted[name]} {name.replace('_', ' ')}" for name in OUTCOMES)
            yield f"  {table}: {told}"
        if self.mapped:
            yield "Put into our own terms:"
            for (field, old, new), count in sorted(self.mapped.items()):
                yield f"  {field}: {_plain(old)} -> {new} ({count})"
        for kind, title in (
            (NOT_ATTACHABLE, "Not attachable, and not imported:"),
            (LEFT_OUT, "Left out, or kept otherwise:"),
            (NOTE, "To know:"),
        ):
            if self.kinds[kind]:
                yield title
                yield from map(_line, self.entries(kind))
        if users["open"] and not self.dry_run:
            yield (
                "Open sessions count as touched now. The cleanup deletes them as any other: give "
                "it as many hours as their users may take to come back."
            )


def _line(entry: dict[str, Any]) -> str:
    known = ("kind", "table", "id", "reason")
    more = ", ".join(f"{name} {value}" for name, value in entry.items() if name not in known)
    line = f"  {entry['table']} {entry['id']}: {REASONS[entry['reason']]}"
    return _plain(line + (f" ({more})" if more else ""))


def _plain(line: str) -> str:
    """In one line, whatever ids and names there are."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
