"""An address's one row of a session, and having it read."""

import uuid
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm.attributes import set_committed_value

from webapp import jobs
from webapp.prepared import Prepared
from webapp.rows import Upsert, as_read
from webapp.site.address import spellings
from webapp.steps.website.models import FAILED, QUEUED, WebsiteAnalysis

ANALYSE = "website-analysis"
"""The kind of its jobs."""


def analysis_of(
    session_id: str, url: str, moment: datetime, attach: bool = False
) -> WebsiteAnalysis:
    """The session's one row for this address, made on first need. `attach`: see `rows.as_read`.

    A row under another spelling of it (`www.`, http) takes this one on, so that a site is read once
    however it is written. The session's lock is held: nobody else spells in between.
    """
    others = spellings(url)
    owner: dict[str, Any] = {"owner": session_id, "url": url, "moment": moment}
    _spelling(len(others)).run(owner | {f"other_{n}": one for n, one in enumerate(others)})
    named: dict[str, Any] = dict.fromkeys(("queued_at", "created_at", "updated_at"), moment)
    named |= {"session_id": session_id, "status": QUEUED}
    [row] = _NAME.run(named | {"id": str(uuid.uuid4()), "website_url": url})
    values = row._asdict()
    found: WebsiteAnalysis = as_read(WebsiteAnalysis, values, attach)
    for name, value in values.items():  # one that was read before is out of date
        set_committed_value(found, name, value)
    return found


def _given(name: str, column: str) -> Any:
    return bindparam(name, type_=_COLUMNS[column].type)


_TABLE: Any = WebsiteAnalysis.__table__
_COLUMNS = _TABLE.c


@lru_cache(maxsize=20)
def _spelling(count: int) -> Prepared:
    """Write the newest row under one of so many spellings, `other_0` and so on, as `url`."""

    def make() -> Any:
        mine = _COLUMNS.session_id == _given("owner", "session_id")
        others = [_given(f"other_{n}", "website_url") for n in range(count)]
        same = select(_COLUMNS.id).where(mine, _COLUMNS.website_url.in_(others))
        newest = same.order_by(_COLUMNS.updated_at.desc()).limit(1).scalar_subquery()
        url = _given("url", "website_url")
        exact = select(_COLUMNS.id).where(mine, _COLUMNS.website_url == url)
        return (
            update(_TABLE)
            .where(mine, _COLUMNS.id == newest, ~exact.correlate(None).exists())
            .values(website_url=url, updated_at=_given("moment", "updated_at"))
        )

    return Prepared(make)


_NAME = Upsert(
    WebsiteAnalysis,
    changed=("website_url",),  # so that the old row is returned
    key=("session_id", "website_url"),
    returning=[column.name for column in _COLUMNS if column.name != "page_cache"],
)


def queue(analysis: WebsiteAnalysis, moment: datetime) -> None:
    """Have it read. When there is no room the answer is stored all the same, and the analysis says
    why it waits for a second try."""
    refusal = jobs.add(ANALYSE, analysis.id, analysis.session_id)
    if refusal:
        analysis.status = FAILED
        analysis.error_code, analysis.error_message = refusal.code, refusal.sentence
    elif analysis.status not in {QUEUED, "in_progress"}:
        analysis.status, analysis.queued_at = QUEUED, moment
