"""The website step: saving an address queues its analysis in the same transaction."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select, update
from sqlalchemy.orm.attributes import set_committed_value

from webapp import jobs
from webapp.extensions import db, insert_into
from webapp.site.address import spellings
from webapp.steps.website.form import WebsiteForm
from webapp.steps.website.models import COMPLETED, FAILED, QUEUED, WebsiteAnalysis, WebsiteAnswer
from webapp.wizard.forms import StepForm
from webapp.wizard.step import Capability, Row, Step, StepPage, Visit

ANALYSE = "website-analysis"
"""The kind of its jobs."""


class WebsiteStep(Step):
    """The website, or the business in its place."""

    slug = "website"
    title = _l("Your website")
    description = _l(
        "Give the address of your site and we measure how you write there. "
        "No site yet? Describe your business in a few words."
    )
    form = WebsiteForm
    answer = WebsiteAnswer
    actions = frozenset({"again"})

    def __init__(self) -> None:
        self.pages = {
            "analysis": StepPage(
                "steps/website_analysis.html", "steps/_analysis.html", self._analysis_page
            )
        }

    def values(self, answer: WebsiteAnswer) -> dict[str, Any]:
        """Yes or no in the form is a boolean in the table."""
        values = super().values(answer)
        return values | {
            "has_website": "yes" if answer.has_website else "no",
            "website_url": answer.website_url or "",
        }

    def columns(self, form: StepForm) -> dict[str, Any]:
        """The other way round."""
        return form.data | {
            "has_website": form.data["has_website"] == "yes",
            "website_url": form.data["website_url"] or None,
        }

    def save(self, form: StepForm, visit: Visit, now: datetime) -> None:
        """The answers, and the analysis of an address that has none (or whose last one failed)."""
        super().save(form, visit, now)
        answer: WebsiteAnswer = visit.answer(self.slug)
        analysis = None
        if answer.has_website and answer.website_url:
            analysis = _analysis_of(visit.session.id, answer.website_url, now)
            if analysis.status in {QUEUED, FAILED}:
                _queue(analysis, now)
        set_committed_value(answer, "analysis", analysis)

    def act(self, action: str, visit: Visit, now: datetime) -> None:
        """Analyse again, unless it is under way; the older result stays until the newer comes."""
        analysis = visit.answer(self.slug).current_analysis
        if analysis is not None and not analysis.under_way:
            _queue(analysis, now)

    def beside_form(self, visit: Visit) -> Mapping[str, Any]:
        """The state of the analysis."""
        answer: WebsiteAnswer | None = visit.answer(self.slug)
        analysis = answer.current_analysis if answer else None
        earlier = None
        if analysis is not None and analysis.analysis_date and not analysis.under_way:
            earlier = {"url": analysis.website_url, "date": analysis.analysis_date}
        return {"analysis": analysis, "earlier": earlier}

    def report(self, visit: Visit) -> Mapping[str, Any]:
        """The analysis, for the summary."""
        answer: WebsiteAnswer | None = visit.answer(self.slug)
        return {"analysis": answer.current_analysis if answer else None}

    def _analysis_page(self, visit: Visit) -> Mapping[str, Any]:
        return {"analysis": self.beside_form(visit)["analysis"]}

    def rows(self, visit: Visit) -> Iterable[Row]:
        """The address and its measured style, or the business."""
        answer: WebsiteAnswer | None = visit.answer(self.slug)
        if answer is None:
            return
        if answer.has_website:
            yield Row(_l("Website"), answer.website_url)
            yield Row(_l("Writing style"), _style(answer.current_analysis))
            yield Row(
                _l("Persona follows from the analysis"),
                _l("Yes") if answer.use_analysis else _l("No"),
            )
        else:
            yield Row(_l("Website"), _l("None yet"))
        labels = (
            _l("Your business"),
            _l("Industry"),
            _l("Whom you write for"),
            _l("What your writing should bring about"),
        )  # fmt: skip
        for label, name in zip(labels, _TEXTS, strict=True):
            if value := getattr(answer, name):
                yield Row(label, value)

    def capabilities(self, visit: Visit) -> Iterable[Capability]:
        """An analysis that is done."""
        answer: WebsiteAnswer | None = visit.answer(self.slug)
        analysis = answer.current_analysis if answer else None
        done = analysis is not None and analysis.measures is not None
        if done:
            why = _l("Your site was read and measured.")
        elif analysis is None:
            why = _l("There is no website to measure.")
        elif analysis.under_way:
            why = _l("The analysis of your site is still running.")
        else:
            why = _l("The analysis of your site did not succeed.")
        yield Capability("style_analysis", _l("Style analysis"), done, why)


_TEXTS = ("business_description", "industry", "target_audience", "business_goals")


def _style(analysis: WebsiteAnalysis | None) -> Any:
    """One line on the state or the result of an analysis."""
    if analysis is None:
        return _("Not analysed")
    style = analysis.writing_style or {}
    if analysis.status == COMPLETED and style.get("tone"):
        words = (analysis.measures or {}).get("word_count") or 0
        return _("%(tone)s, measured on %(words)s words", tone=style["tone"], words=f"{words:,}")
    if analysis.status == COMPLETED:
        return analysis.warning_message or _("Read, but there was too little text to measure.")
    if analysis.status == FAILED:
        return analysis.error_message or _("The analysis did not succeed.")
    return _("The analysis is running.")


def _analysis_of(session_id: str, url: str, moment: datetime) -> WebsiteAnalysis:
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


def _queue(analysis: WebsiteAnalysis, moment: datetime) -> None:
    """Have it read. When there is no room the answer is stored all the same, and the analysis says
    why it waits for a second try."""
    refusal = jobs.add(ANALYSE, analysis.id, analysis.session_id)
    if refusal:
        analysis.status = FAILED
        analysis.error_code, analysis.error_message = refusal.code, refusal.sentence
    elif analysis.status not in {QUEUED, "in_progress"}:
        analysis.status, analysis.queued_at = QUEUED, moment
