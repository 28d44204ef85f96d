"""The JSON operations of the website step: what was measured, and measuring a site or a sample of
text without answering the step."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select

from webapp import apidoc, jobs
from webapp.apidoc import BOOLEAN, INTEGER, MOMENT, OBJECT, STRING, Operation, Schema, answer, maybe
from webapp.config import settings
from webapp.extensions import db
from webapp.readings import fault_in_words, warning_in_words
from webapp.site.address import AddressError, normalise, spellings
from webapp.site.sample import analyse_text
from webapp.steps.website.models import COMPLETED, FAILED, QUEUED, RESULTS, WebsiteAnalysis
from webapp.steps.website.queueing import ANALYSE, analysis_of, queue
from webapp.texts import gettext as _
from webapp.wizard.calls import Body, Call, Changes, Document, NotThere, Params, Reads, Refused
from webapp.wizard.step import Visit

TAG = "Style detection"
SAMPLE = "text:"
"""What the address of a sample of text begins with, before the SHA-256 of the text."""
MOST_ANALYSES = 50
"""Of one session; more is refused until some are deleted."""
SHORTEST, LONGEST = 50, 10_000
_STYLE = (
    "measures", "writing_style", "content_characteristics", "target_audience", "content_type",
    "recommended_settings", "brand_analysis", "seo_audit",
)  # fmt: skip

STATE: Schema = STRING | {"enum": [QUEUED, "in_progress", COMPLETED, FAILED]}
DETECTION = answer(
    success=BOOLEAN | {"description": "False once the analysis has failed."},
    analysis_id=STRING,
    status=STATE,
    website_url=maybe(STRING),
    style_analysis=maybe(OBJECT),
    style_patterns=maybe(OBJECT),
    style_guidelines=maybe(OBJECT),
    error=maybe(STRING),
    warning=maybe(STRING),
    pages_done=maybe(INTEGER),
    pages_known=maybe(INTEGER),
)
BRIEF = answer(
    tone=maybe(STRING), language=maybe(STRING), word_count=maybe(INTEGER),
    pages_read=maybe(INTEGER), status=STATE,
)  # fmt: skip
ENTRY = answer(
    analysis_id=STRING, website_url=maybe(STRING), status=STATE,
    analysis_date=maybe(MOMENT), summary=BRIEF,
)  # fmt: skip


def current(visit: Visit, _params: Params) -> Document | None:
    """The stored analysis of the answered website, as the contract shapes it."""
    website = visit.answer("website")
    analysis = website.current_analysis if website else None
    return {"analysis_id": analysis.id, **analysis.as_dict()} if analysis else None


def wanted(body: Body, _params: Params) -> dict[str, Any]:
    """What is to be measured. A sample is measured here, where nobody waits for a lock."""
    if ("url" in body) == ("text_sample" in body):
        raise Refused({"form": [_("Give either a url or a text_sample.")]})
    again = bool(body.get("again"))
    if "url" in body:
        try:
            address = normalise(body["url"], settings().fetch_allow)
        except AddressError as error:
            raise Refused({"url": [str(error)]}) from error
        return {"url": address, "again": again, "found": None}
    text = body["text_sample"].strip()
    if not SHORTEST <= len(text) <= LONGEST:
        raise Refused(
            {
                "text_sample": [
                    _(
                        "Give %(low)d to %(high)s characters of text; these are %(n)d.",
                        low=SHORTEST,
                        high=f"{LONGEST:,}",
                        n=len(text),
                    )
                ]
            }
        )
    digest = hashlib.sha256(text.encode()).hexdigest()
    return {"url": SAMPLE + digest, "again": True, "found": analyse_text(text)}


def detect(visit: Visit, what: dict[str, Any], moment: datetime) -> tuple[int, Document]:
    """Have a site read (202 until it is), or store what a sample measured; the step's own answer
    stays as it is."""
    session_id = visit.session.id
    known = _read_before(visit, what["url"]) is not None
    if not known and (_count(session_id) or 0) >= MOST_ANALYSES:
        sentence = _("There are %(n)d analyses already: delete one first.", n=MOST_ANALYSES)
        raise Refused({"form": [sentence]})
    if what["found"] is None:
        analysis = analysis_of(session_id, what["url"], moment, attach=True)
        failed_untried = analysis.status == FAILED and analysis.error_code in jobs.NO_ROOM
        if not known or failed_untried or (what["again"] and not analysis.under_way):
            queue(analysis, moment)
    else:
        analysis = _read_before(visit, what["url"]) or WebsiteAnalysis(
            session_id=session_id, website_url=what["url"]
        )
        for name in RESULTS:
            setattr(analysis, name, what["found"].get(name))
        analysis.status, analysis.analysis_date = COMPLETED, moment
        analysis.error_code = analysis.error_message = None
        db.session.add(analysis)
    db.session.flush()
    return (202 if analysis.under_way else 200), shown(analysis)


def shown(analysis: WebsiteAnalysis) -> dict[str, Any]:
    """An analysis as style detection answers it; an older result stays in it while a newer one is
    under way."""
    measured, failed = analysis.measures is not None, analysis.status == FAILED
    fault = fault_in_words(analysis.error_code, analysis.error_message) if failed else None
    return {
        "success": not failed,
        "analysis_id": analysis.id,
        "status": analysis.status,
        "website_url": _address(analysis),
        "analysis_date": _moment(analysis),
        "language": analysis.language,
        "style_analysis": {name: getattr(analysis, name) for name in _STYLE} if measured else None,
        "style_patterns": analysis.style_patterns,
        "style_guidelines": analysis.style_guidelines,
        "error": fault or None,
        "warning": warning_in_words(analysis.warning_message) or None,
        "pages_done": analysis.pages_done,
        "pages_known": analysis.pages_known,
    }


def existing(visit: Visit, params: Params) -> Document:
    """Whether a site was read before in this session, however its address is written."""
    try:
        address = normalise(_as_sent(params["url"]), settings().fetch_allow)
    except AddressError as error:
        raise Refused({"url": [str(error)]}) from error
    analysis = _read_before(visit, address)
    if analysis is None:
        return {"exists": False, "analysis_id": None, "analysis_date": None, "summary": None}
    return {
        "exists": True,
        "analysis_id": analysis.id,
        "analysis_date": _moment(analysis),
        "summary": _brief(analysis),
    }


def one(visit: Visit, params: Params) -> Document | None:
    """One of the session's analyses, None for one that is not its own."""
    analysis = _own(visit, params["id"])
    return shown(analysis) if analysis else None


def every(visit: Visit, _params: Params) -> Document:
    """All of the session's analyses, the newest first."""
    entries = [
        {
            "analysis_id": analysis.id,
            "website_url": _address(analysis),
            "status": analysis.status,
            "analysis_date": _moment(analysis),
            "summary": _brief(analysis),
        }
        for analysis in _rows(visit)
    ]
    return {"analyses": entries, "total": len(entries)}


def named(_body: Body, params: Params) -> str:
    """The id in the address."""
    return params["id"]


def remove(visit: Visit, analysis_id: str, _moment: datetime) -> tuple[int, Document]:
    """Delete an analysis, and the job that would make it anew."""
    analysis = _own(visit, analysis_id)
    if analysis is None:
        raise NotThere(_("There is no analysis of yours with this id."))
    job = (jobs.Job.kind == ANALYSE) & (jobs.Job.subject == analysis.id)
    db.session.execute(delete(jobs.Job).where(job))
    db.session.delete(analysis)
    return 200, {"success": True, "analysis_id": analysis_id}


def _rows(visit: Visit) -> Sequence[WebsiteAnalysis]:
    query = select(WebsiteAnalysis).where(WebsiteAnalysis.session_id == visit.session.id)
    return db.session.scalars(query.order_by(WebsiteAnalysis.updated_at.desc())).all()


def _own(visit: Visit, analysis_id: str) -> WebsiteAnalysis | None:
    mine = WebsiteAnalysis.session_id == visit.session.id
    return db.session.scalar(select(WebsiteAnalysis).where(mine, WebsiteAnalysis.id == analysis_id))


def _read_before(visit: Visit, url: str) -> WebsiteAnalysis | None:
    """The newest analysis of this address, however it was written, or of this sample."""
    like = [url] if url.startswith(SAMPLE) else spellings(url)
    mine = WebsiteAnalysis.session_id == visit.session.id
    query = select(WebsiteAnalysis).where(mine, WebsiteAnalysis.website_url.in_(like))
    return db.session.scalars(query.order_by(WebsiteAnalysis.updated_at.desc())).first()


def _count(session_id: str) -> int | None:
    mine = WebsiteAnalysis.session_id == session_id
    return db.session.scalar(select(func.count()).select_from(WebsiteAnalysis).where(mine))


def _brief(analysis: WebsiteAnalysis) -> dict[str, Any]:
    return {
        "tone": (analysis.writing_style or {}).get("tone"),
        "language": analysis.language,
        "word_count": (analysis.measures or {}).get("word_count"),
        "pages_read": analysis.pages_read,
        "status": analysis.status,
    }


def _address(analysis: WebsiteAnalysis) -> str | None:
    return None if analysis.website_url.startswith(SAMPLE) else analysis.website_url


def _moment(analysis: WebsiteAnalysis) -> str | None:
    return analysis.analysis_date.isoformat() if analysis.analysis_date else None


def _as_sent(url: str) -> str:
    """Servers and proxies make one slash of two: `https:/example.com` means what it says."""
    scheme, colon, rest = url.partition(":")
    if colon and scheme.lower() in {"http", "https"} and rest.startswith("/"):
        return f"{scheme}://{rest.lstrip('/')}"
    return url


_ID: Schema = STRING | {"description": "The `analysis_id` of an analysis of the session."}
CALLS: tuple[Call, ...] = (
    Reads(
        "GET",
        "website-analysis",
        Operation(
            "What was measured on the user's website",
            TAG,
            {200: answer(analysis_id=STRING, website_url=STRING, status=STATE,
                         analysis_date=maybe(MOMENT), measures=maybe(OBJECT),
                         writing_style=maybe(OBJECT))},
            detail="404 while no website is answered. Values that were not measured are null.",
            etag=True,
        ),
        current,
    ),
    Changes(
        "POST",
        "style-detection/complete",
        Operation(
            "Measure a website, or a sample of text",
            TAG,
            {200: DETECTION, 202: DETECTION},
            body=apidoc.body(
                url=STRING | {"maxLength": 2000, "description": "The site's address."},
                text_sample=STRING
                | {"minLength": SHORTEST, "maxLength": LONGEST, "description": "Or a text."},
                again=BOOLEAN | {"description": "Read a site anew that was read before."},
            ),
            detail="A site is read in the background: 202 while it runs, and the finished result "
            "(200) when the same is asked again. A failed one is told, and read anew with `again`. "
            "The answer of the website step stays as it is.",
        ),
        wanted,
        detect,
    ),
    Reads(
        "GET",
        "style-detection/check-existing/<everything:url>",
        Operation(
            "Whether a website was measured already",
            TAG,
            {200: answer(exists=BOOLEAN, analysis_id=maybe(STRING),
                         analysis_date=maybe(MOMENT), summary=maybe(BRIEF))},
            path={"url": STRING | {"description": "The address, percent-encoded."}},
            problems={422: "This is no address of a website."},
            etag=True,
        ),
        existing,
    ),
    Reads(
        "GET",
        "style-detection/analysis/<id>",
        Operation("One analysis", TAG, {200: DETECTION}, path={"id": _ID}, etag=True),
        one,
    ),
    Changes(
        "DELETE",
        "style-detection/analysis/<id>",
        Operation(
            "Delete an analysis",
            TAG,
            {200: answer(success=BOOLEAN, analysis_id=STRING)},
            path={"id": _ID},
        ),
        named,
        remove,
    ),
    Reads(
        "GET",
        "style-detection/session-analyses",
        Operation(
            "All analyses of the session",
            TAG,
            {200: answer(analyses=apidoc.listing(ENTRY), total=INTEGER)},
            etag=True,
        ),
        every,
    ),
)  # fmt: skip
"""What the step hands to the engine."""
