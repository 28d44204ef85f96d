"""The work behind an address: read the site, measure it, store what was found."""

import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError

from webapp import tally
from webapp.config import settings
from webapp.extensions import db, own_connection
from webapp.site.marked import N_
from webapp.steps.website import turns
from webapp.steps.website.models import COMPLETED, FAILED, IN_PROGRESS, RESULTS, WebsiteAnalysis
from webapp.steps.website.queueing import ANALYSE
from webapp.types import now
from webapp.wizard.models import OnboardingSession

log = logging.getLogger(__name__)

GAVE_UP = N_("We could not finish reading this site, and the fault is ours. Try again later.")

PROGRESS_SECONDS = 1.0
"""The least time between two writings of the progress."""


class Reading(NamedTuple):
    """What `work` needs: the row, its address, and what is remembered of an earlier reading."""

    id: str
    url: str
    kept: Mapping[str, Any]


class ReadingTask:
    """Reads an address of one kind of row. The subject is the row's id; `model` has the columns
    `website_url`, `status`, `error_code`, `error_message`, `page_cache`, the times, and `results`.
    """

    kind: str
    model: Any
    results: ClassVar[tuple[str, ...]]
    """The columns that a result fills."""
    pages: ClassVar[int] = 12
    detect: ClassVar[bool] = True
    in_parts: ClassVar[bool] = False
    """The rows have `so_far`: what is known already while pages are still being read."""

    def start(self, subject: str) -> Reading | None:
        """Mark the row; its address is the input."""
        model = self.model
        row = db.session.execute(
            update(model)
            .where(model.id == subject)
            .values(
                status=IN_PROGRESS,
                started_at=now(),
                pages_done=0,
                pages_known=None,
                **({"so_far": None} if self.in_parts else {}),
            )
            .returning(model.id, model.website_url, model.page_cache)
        ).first()
        return Reading(row.id, row.website_url, row.page_cache or {}) if row else None

    def work(self, given: Reading) -> dict[str, Any]:
        """The analysis, or `error_code` and `error_message` of a verdict about the site."""
        from webapp.site.analyse import analyse  # the libraries behind it are the worker's alone
        from webapp.site.crawl import Limits
        from webapp.site.fetch import FetchError, FetchPolicy

        config = settings()
        policy = FetchPolicy(
            user_agent=user_agent(config.app_name, config.public_url), allow=config.fetch_allow
        )
        progress = Progress(self.model, given.id)
        try:
            return analyse(
                given.url,
                policy,
                progress,
                so_far=progress.known if self.in_parts else None,
                limits=Limits(pages=self.pages, detect=self.detect),
                turn=turns.turn,
                kept=given.kept,
                brand=config.brand_columns,
            )
        except FetchError as error:
            return {"error_code": error.code, "error_message": str(error)}
        finally:
            turns.forget_old()

    def finish(self, subject: str, result: dict[str, Any]) -> None:
        """Store the result; a verdict leaves an older result as it was."""
        analysis = self._locked(subject)
        if analysis is None:
            return
        analysis.error_code = result.get("error_code")
        analysis.error_message = result.get("error_message")
        analysis.status = FAILED if analysis.error_code else COMPLETED
        self.ended(analysis.error_code)
        if self.in_parts:
            analysis.so_far = None
        if not analysis.error_code:
            for name in self.results:
                setattr(analysis, name, result.get(name))
            analysis.page_cache = result.get("page_cache")
            analysis.pages_done = analysis.pages_known = result.get("pages_read")
            analysis.analysis_date = now()
        db.session.flush()
        self.stored(analysis)

    def stored(self, analysis: Any) -> None:
        """Called in the same transaction when a result was stored."""

    def ended(self, code: str | None) -> None:
        """Called in the same transaction at the end; `code` says what went wrong, None nothing."""

    def give_up(self, subject: str) -> None:
        """It failed three times, and not because of the site."""
        analysis = self._locked(subject)
        if analysis is not None:
            analysis.status, analysis.error_code = FAILED, "internal"
            analysis.error_message = GAVE_UP
            if self.in_parts:
                analysis.so_far = None
            self.ended(analysis.error_code)

    def _locked(self, subject: str) -> Any:
        """The row, behind its session's lock, which every save takes first as well."""
        owner = select(self.model.session_id).where(self.model.id == subject)
        session_id = db.session.scalar(owner)
        query = select(OnboardingSession).where(OnboardingSession.id == session_id)
        if session_id is None or not db.session.scalar(query.with_for_update()):
            return None
        return db.session.scalar(select(self.model).where(self.model.id == subject))


class AnalysisTask(ReadingTask):
    """Reads the user's own site."""

    kind = ANALYSE
    model = WebsiteAnalysis
    results = RESULTS
    in_parts = True

    def __init__(self, refresh: Callable[[str, str], None]) -> None:
        """`refresh(session_id, slug)` renews, in the same transaction, what followed from it."""
        self._refresh = refresh

    def stored(self, analysis: WebsiteAnalysis) -> None:
        """Renew what follows from the website."""
        self._refresh(analysis.session_id, "website")

    def ended(self, code: str | None) -> None:
        """Let the operators' figures know."""
        tally.count_analysis(code)


class Progress:
    """Writes how far a reading is, about once a second, in a statement of its own that touches the
    row alone. A write that fails is left out: the next one says more."""

    def __init__(self, model: Any, subject: str) -> None:
        self._model, self._subject = model, subject
        self._written: tuple[int, int] | None = None
        self._next = 0.0
        self._measure: Callable[[], dict[str, Any]] | None = None
        self._shown = False

    def known(self, measure: Callable[[], dict[str, Any]]) -> None:
        """`measure` tells what is known so far; it is asked when the next line is written."""
        self._measure = measure

    def __call__(self, done: int, known: int) -> None:
        """So many pages are read of so many that are known of."""
        moment = time.monotonic()
        soon = moment < self._next and (
            self._shown or not self._measure
        )  # the first piece: at once
        if (done, known) == self._written or soon:
            return
        self._written, self._next = (done, known), moment + PROGRESS_SECONDS
        model = self._model
        mine = (model.id == self._subject) & (model.status == IN_PROGRESS)
        values = {"pages_done": done, "pages_known": known, "updated_at": model.updated_at}
        if self._measure and (so_far := self._measure()):
            values["so_far"] = so_far
            self._shown = True
        try:
            with own_connection() as connection:  # in autocommit
                connection.execute(update(model).where(mine).values(**values))
        except SQLAlchemyError as error:
            log.warning("progress not written: %s", type(error).__name__)


def user_agent(app_name: str, public_url: str) -> str:
    """Who reads: the application's name, and where it can be found once it has an address."""
    plain = app_name.encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-") or "Onward"
    return f"{name}/1.0 (+{public_url})" if public_url else f"{name}/1.0"
