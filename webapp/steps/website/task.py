"""The work behind the website step: read the site, measure it, store what was found."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import select, update

from webapp.config import settings
from webapp.extensions import db
from webapp.steps.website.models import COMPLETED, FAILED, IN_PROGRESS, RESULTS, WebsiteAnalysis
from webapp.steps.website.step import ANALYSE
from webapp.types import now
from webapp.wizard.models import OnboardingSession

GAVE_UP = "We could not finish reading this site, and the fault is ours. Try again later."


class AnalysisTask:
    """Reads one address. The subject is the id of its row."""

    kind = ANALYSE

    def __init__(self, refresh: Callable[[str, str], None]) -> None:
        """`refresh(session_id, slug)` renews, in the same transaction, what followed from it."""
        self._refresh = refresh

    def start(self, subject: str) -> str | None:
        """Mark the row; its address is the input."""
        return db.session.scalar(
            update(WebsiteAnalysis)
            .where(WebsiteAnalysis.id == subject)
            .values(status=IN_PROGRESS, started_at=now())
            .returning(WebsiteAnalysis.website_url)
        )

    def work(self, given: str) -> dict[str, Any]:
        """The analysis, or `error_code` and `error_message` of a verdict about the site."""
        from webapp.site.analyse import analyse  # the libraries behind it are the worker's alone
        from webapp.site.fetch import FetchError, FetchPolicy

        config = settings()
        about = f" (+{config.public_url})" if config.public_url else ""
        agent = f"{config.app_name.encode('ascii', 'ignore').decode() or 'Onward'}/1.0{about}"
        try:
            policy = FetchPolicy(user_agent=agent, allow=config.fetch_allow)
            return analyse(given, policy)
        except FetchError as error:
            return {"error_code": error.code, "error_message": str(error)}

    def finish(self, subject: str, result: dict[str, Any]) -> None:
        """Store the result; a verdict leaves an older result as it was."""
        analysis = self._locked(subject)
        if analysis is None:
            return
        moment = now()
        analysis.error_code = result.get("error_code")
        analysis.error_message = result.get("error_message")
        analysis.status = FAILED if analysis.error_code else COMPLETED
        if not analysis.error_code:
            for name in RESULTS:
                setattr(analysis, name, result.get(name))
            if not settings().brand_columns:
                analysis.brand_analysis = None
            analysis.analysis_date = moment
        db.session.flush()
        self._refresh(analysis.session_id, "website")

    def give_up(self, subject: str) -> None:
        """It failed three times, and not because of the site."""
        analysis = self._locked(subject)
        if analysis is not None:
            analysis.status, analysis.error_code = FAILED, "internal"
            analysis.error_message = GAVE_UP

    def _locked(self, subject: str) -> WebsiteAnalysis | None:
        """The row, behind its session's lock, which every save takes first as well."""
        owner = select(WebsiteAnalysis.session_id).where(WebsiteAnalysis.id == subject)
        session_id = db.session.scalar(owner)
        query = select(OnboardingSession).where(OnboardingSession.id == session_id)
        if session_id is None or not db.session.scalar(query.with_for_update()):
            return None
        return db.session.scalar(select(WebsiteAnalysis).where(WebsiteAnalysis.id == subject))
