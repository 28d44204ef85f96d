"""An address's one row of a session, and having it read."""

from datetime import datetime

from sqlalchemy import select, update

from webapp import jobs
from webapp.extensions import db, insert_into
from webapp.site.address import spellings
from webapp.steps.website.models import FAILED, QUEUED, WebsiteAnalysis

ANALYSE = "website-analysis"
"""The kind of its jobs."""


def analysis_of(session_id: str, url: str, moment: datetime) -> WebsiteAnalysis:
    """The session's one row for this address, made on first need.

    A row under another spelling of it (`www.`, http) takes this one on, so that a site is read once
    however it is written. The session's lock is held: nobody else spells in between.
    """
    of_session = WebsiteAnalysis.session_id == session_id
    same = select(WebsiteAnalysis.id).where(
        of_session, WebsiteAnalysis.website_url.in_(spellings(url))
    )
    exact = select(WebsiteAnalysis.id).where(of_session, WebsiteAnalysis.website_url == url)
    newest = same.order_by(WebsiteAnalysis.updated_at.desc()).limit(1).scalar_subquery()
    db.session.execute(
        update(WebsiteAnalysis)
        .where(of_session, WebsiteAnalysis.id == newest, ~exact.exists())
        .values(website_url=url)
        .execution_options(synchronize_session=False)
    )
    row = insert_into(WebsiteAnalysis).values(
        session_id=session_id, website_url=url, status=QUEUED, queued_at=moment
    )
    return db.session.scalars(
        row.on_conflict_do_update(
            index_elements=["session_id", "website_url"],
            set_={"website_url": row.excluded.website_url},  # so that the old row is returned
        ).returning(WebsiteAnalysis),
        execution_options={"populate_existing": True},
    ).one()


def queue(analysis: WebsiteAnalysis, moment: datetime) -> None:
    """Have it read. When there is no room the answer is stored all the same, and the analysis says
    why it waits for a second try."""
    refusal = jobs.add(ANALYSE, analysis.id, analysis.session_id)
    if refusal:
        analysis.status = FAILED
        analysis.error_code, analysis.error_message = refusal.code, refusal.sentence
    elif analysis.status not in {QUEUED, "in_progress"}:
        analysis.status, analysis.queued_at = QUEUED, moment
