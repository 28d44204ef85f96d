"""One run of an import: both passes, in batches with a commit each."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import select
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from webapp.extensions import db, transaction
from webapp.legacy import alwrity, kgents, progress_files
from webapp.legacy.bring import bring
from webapp.legacy.bundle import Bundle
from webapp.legacy.index import Index
from webapp.legacy.report import NOT_ATTACHABLE, NOTE, Report
from webapp.legacy.sources import SourceError, database
from webapp.types import now
from webapp.wizard.models import OnboardingSession

SOURCES = (alwrity.NAME, progress_files.NAME, kgents.NAME)
BATCH = 25
_PATIENCE = 4

Pair = tuple[Bundle | None, Report]


class ImportStopped(Exception):
    """Our own database did not let it go on; what was committed before stays, and another run does
    the rest."""


class _DryRun(Exception):
    """Ends a transaction of which nothing is to stay."""


class Import:
    """One run. Use it in a `with`: `owners` is known then, `steps` does the work."""

    def __init__(
        self, kind: str, source: str, dry_run: bool, batch: int, offset: int, name: str | None
    ) -> None:
        """`offset`: minutes that the former server's clock was ahead of UTC; `name`: which operator
        runs it, for the audit trail."""
        self.kind, self.batch, self.offset, self.name = kind, batch, offset, name
        self.report = Report(kind, dry_run)
        self._source = source
        self.owners = 0
        """How many sessions there are to look at."""

    @contextmanager
    def open(self) -> Iterator["Import"]:
        """Open the source and make the first pass. Raises SourceError."""
        with Index() as self._index:
            if self.kind == progress_files.NAME:
                folder = progress_files.folder(self._source)
                self._know_ours()
                progress_files.assign(folder, self._index, self.report)
                self._bundles = lambda work: progress_files.bundles(folder, work, self.offset)
                yield self._counted()
                return
            with database(self._source) as found:
                module = alwrity if self.kind == alwrity.NAME else kgents
                if not module.fits(found):
                    raise SourceError(f"This is a database, but none of {self.kind}.")
                if module is alwrity:
                    alwrity.scan(found, self._index)
                self._know_ours()
                module.assign(found, self._index, self.report)
                self._bundles = lambda work: module.bundles(found, work, self.offset)
                yield self._counted()

    def steps(self) -> Iterator[int]:
        """Do the second pass; yields how many owners each batch had, once it is stored."""
        for work in self._index.owners(self.batch):
            pairs: list[Pair] = []
            try:
                pairs.extend(self._bundles(work))
                self._store(pairs)
            finally:
                for _bundle, report in pairs:
                    report.close()
            yield len(work)

    def _counted(self) -> "Import":
        self.owners = self._index.count_owners()
        return self

    def _know_ours(self) -> None:
        """The users who are here already, in pages; then who is an alias of whom."""
        last = ""
        query = select(OnboardingSession.user_id).order_by(OnboardingSession.user_id).limit(1000)
        while True:
            found = list(db.session.scalars(query.where(OnboardingSession.user_id > last)))
            users = [one for one in found if one]
            if not users:
                break
            self._index.know(users, own=False)
            last = users[-1]
        self._index.find_aliases()
        for alias, _user in self._index.aliases():
            mine = select(OnboardingSession.id).where(OnboardingSession.user_id == alias)
            if db.session.scalar(mine):
                self.report.add(NOTE, "onboarding_sessions", alias, "alias")

    def _store(self, pairs: list[Pair]) -> None:
        """A batch in one transaction; where the database refuses that, each owner in their own, so
        that one does not cost the others."""
        told = self._attempt(pairs)
        if told is None:
            for pair in pairs:
                one = self._attempt([pair])
                if one is None:
                    bundle, _report = pair
                    one = Report(self.kind, dry_run=False)
                    for table, row, _how in bundle.rows if bundle else ():
                        one.add(NOT_ATTACHABLE, table, row, "not_stored")
                self.report.absorb(one)
        else:
            self.report.absorb(told)

    def _attempt(self, pairs: list[Pair]) -> Report | None:
        """What is to be told of these once they are stored; None where the database refused a
        value. Raises ImportStopped when it does not answer, or a lock is held for too long."""
        for attempt in range(_PATIENCE):
            told = Report(self.kind, dry_run=False)
            try:
                with transaction():
                    for bundle, before in pairs:
                        if bundle is not None:
                            bring(bundle, self.kind, now(), told, self.name)
                        _copy(before, told)
                    if self.report.dry_run:
                        raise _DryRun
            except _DryRun:
                return told
            except OperationalError as error:
                told.close()
                if attempt == _PATIENCE - 1:
                    raise ImportStopped from error
                time.sleep(0.5 * (attempt + 1))
            except (SQLAlchemyError, ValueError, TypeError, KeyError, AttributeError):
                told.close()
                return None
            else:
                return told
        return None


def _copy(before: Report, told: Report) -> None:
    """What was found while reading, told once, when it is stored."""
    for entry in before.entries():
        told.write(entry)
    for table, counted in before.tables.items():
        told.tables.setdefault(table, type(counted)()).update(counted)
    told.mapped += before.mapped
    told.kinds += before.kinds
