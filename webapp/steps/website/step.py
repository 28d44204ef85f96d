"""The website step: saving an address queues its analysis in the same transaction."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from flask_babel import format_decimal
from sqlalchemy.orm.attributes import set_committed_value

from webapp.readings import fault_in_words, term_in_words, warning_in_words
from webapp.steps.website.calls import CALLS, current
from webapp.steps.website.form import WebsiteForm
from webapp.steps.website.models import COMPLETED, FAILED, QUEUED, WebsiteAnalysis, WebsiteAnswer
from webapp.steps.website.queueing import analysis_of, queue
from webapp.texts import gettext as _
from webapp.texts import lazy_gettext as _l
from webapp.texts import ngettext
from webapp.wizard.forms import StepForm
from webapp.wizard.step import Capability, Row, Step, StepPage, Visit, Words


class WebsiteStep(Step):
    """The website, or the business in its place."""

    slug = "website"
    title = _l("Your website")
    description = _l(
        "We read the public pages of your site and measure how you write there, so that new texts "
        "sound like you. No site yet? Then describe your business in a few words."
    )
    minutes = 2
    changeable = _l("You can change it later; a new address is read anew")
    form = WebsiteForm
    answer = WebsiteAnswer
    actions = frozenset({"again"})
    calls = CALLS
    brief_columns = (WebsiteAnswer.has_website, WebsiteAnswer.website_url, WebsiteAnswer.industry)

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
            "has_website": form["has_website"].data == "yes",
            "website_url": form["website_url"].data or None,
        }

    def save(self, form: StepForm, visit: Visit, now: datetime) -> None:
        """The answers, and the analysis of an address that has none (or whose last one failed)."""
        super().save(form, visit, now)
        answer: WebsiteAnswer = visit.answer(self.slug)
        analysis = None
        if answer.has_website and answer.website_url:
            analysis = analysis_of(visit.session.id, answer.website_url, now)
            if analysis.status in {QUEUED, FAILED}:
                queue(analysis, now)
        set_committed_value(answer, "analysis", analysis)

    def act(self, action: str, visit: Visit, now: datetime) -> None:
        """Analyse again, unless it is under way; the older result stays until the newer comes."""
        analysis = visit.answer(self.slug).current_analysis
        if analysis is not None and not analysis.under_way:
            queue(analysis, now)

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

    def same(self, form: StepForm, answer: Any) -> bool:
        """An address whose analysis was deleted is to be read once more."""
        unread = answer is not None and answer.has_website and answer.analysis is None
        return not unread and super().same(form, answer)

    def facts(self, visit: Visit) -> Mapping[str, Any]:
        """The address, or the business in its place, and what was measured."""
        answer: WebsiteAnswer | None = visit.answer(self.slug)
        return {
            "website_url": answer.website_url if answer else None,
            "business": answer.business if answer else None,
            "style_analysis": current(visit, {}),
        }

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

    def brief(self, has_website: bool, url: str | None, industry: str) -> Words:
        """The site's host, or the industry."""
        if has_website and url:
            return (urlsplit(url).hostname or url).removeprefix("www.")
        return industry or _l("No website yet")

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
        elif analysis.status == COMPLETED and analysis.writing_style:
            why = _l("An earlier system read your site, without figures. It can be analysed again.")
        elif analysis.status == COMPLETED:
            why = _l("Read, but there was too little text to measure.")
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
        if analysis.measures is None:  # of an earlier system, which told no figures
            return term_in_words(style["tone"])
        return ngettext(
            "%(tone)s, measured on %(words)s word",
            "%(tone)s, measured on %(words)s words",
            words,
            tone=term_in_words(style["tone"]),
            words=format_decimal(words),
        )
    if analysis.status == COMPLETED:
        little = _("Read, but there was too little text to measure.")
        return warning_in_words(analysis.warning_message) or little
    if analysis.status == FAILED:
        why = fault_in_words(analysis.error_code, analysis.error_message)
        return why or _("The analysis did not succeed.")
    return _("The analysis is running.")
