"""ALwrity's database: string user ids, or the older schema with INTEGER ones.

Most tables say `session_id` where some rows hold the session's id and others a hash of the user's;
neither copy is complete, so both are merged field by field.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from webapp.legacy import values
from webapp.legacy.bundle import (
    Analysis,
    Bundle,
    address,
    cut,
    guarded,
    persona,
    provider_key,
    research,
    same_address,
)
from webapp.legacy.index import Index, is_user_id
from webapp.legacy.report import LEFT_OUT, NOT_ATTACHABLE, Report
from webapp.legacy.sources import Database
from webapp.site.address import AddressError

NAME = "alwrity"
SESSIONS = "onboarding_sessions"
BUSINESS = "user_business_info"
BY_SESSION = ("api_keys", "website_analyses", "research_preferences", "persona_data")
RESULTS = (
    "writing_style", "content_characteristics", "target_audience", "content_type",
    "recommended_settings", "style_patterns", "style_guidelines", "brand_analysis",
    "crawl_result", "content_strategy_insights",
)  # fmt: skip
PERSONA = ("core_persona", "platform_personas", "quality_metrics", "selected_platforms")
LAST_STEP = 6


def fits(source: Database) -> bool:
    """Whether this is such a database."""
    return source.has(SESSIONS, "id", "user_id", "current_step", "progress")


def scan(source: Database, index: Index) -> None:
    """First pass: the user ids and the sessions."""
    for page in source.pages(SESSIONS, "id", "user_id"):
        for row, said in page:
            user_id = str(said) if isinstance(said, int) else said
            if is_user_id(user_id):
                index.know([user_id], own=True)
                index.session(row, user_id)


def assign(source: Database, index: Index, report: Report) -> None:
    """Say whose each row is, once all known ids are known."""
    for page in source.pages(SESSIONS, "id", "user_id"):
        for row, said in page:
            user_id = str(said) if isinstance(said, int) else said
            if is_user_id(user_id):
                index.work(index.canonical(user_id), SESSIONS, row)
            else:
                report.add(NOT_ATTACHABLE, SESSIONS, row, "bad_user_id")
    for table in BY_SESSION:
        if source.has(table, "id", "session_id"):
            for page in source.pages(table, "id", "session_id"):
                for row, session_id in page:
                    owner, how = index.owner_of(session_id)
                    _assign(index, report, table, row, owner, how, session_id=session_id)
    if source.has(BUSINESS, "id", "user_id"):
        for page in source.pages(BUSINESS, "id", "user_id"):
            for row, user_id in page:
                owner, how = index.owner_of_business(user_id)
                _assign(index, report, BUSINESS, row, owner, how, user_id=user_id)


def _assign(
    index: Index, report: Report, table: str, row: Any, owner: str | None, how: str, **filed: Any
) -> None:
    if owner is None:
        report.add(NOT_ATTACHABLE, table, row, how, **filed)
    else:
        index.work(owner, table, row)


def bundles(
    source: Database, work: Mapping[str, Mapping[str, list[str]]], offset: int
) -> Iterator[tuple[Bundle | None, Report]]:
    """Second pass: what each of these owners brings along, and what is to be told of it."""
    tables = {table for rows in work.values() for table in rows}
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for table in tables:
        ids = [int(one) for rows in work.values() for one in rows.get(table, ())]
        found[table] = {str(row["id"]): row for row in source.rows(table, ids)}
    for owner, tables_of in work.items():
        mine = {
            table: [found[table][one] for one in ids if one in found[table]]
            for table, ids in tables_of.items()
        }
        report = Report(NAME, dry_run=False)
        rows = [(table, row["id"]) for table, found_rows in mine.items() for row in found_rows]
        yield guarded(partial(build, owner, mine, offset, report), rows, report), report


def build(
    owner: str, rows: Mapping[str, list[dict[str, Any]]], offset: int, report: Report
) -> Bundle:
    """One owner's rows -> what they bring along."""
    bundle = Bundle(owner)
    ordered = {
        table: sorted(found, key=_newest_first, reverse=True) for table, found in rows.items()
    }
    bundle.contents = dict(sorted(ordered.items()))
    _sessions(bundle, ordered.get(SESSIONS, []), offset)
    _keys(bundle, ordered.get("api_keys", []), report)
    _analyses(bundle, ordered.get("website_analyses", []), report)
    _business(bundle, ordered.get(BUSINESS, []), report)
    _research(bundle, ordered.get("research_preferences", []), report)
    _persona(bundle, ordered.get("persona_data", []), report)
    return bundle


def _newest_first(row: Mapping[str, Any]) -> tuple[str, str, int]:
    """Times are compared as they were written: which clock wrote one, nobody can tell."""
    written = values.order(row.get("updated_at")) or values.order(row.get("created_at"))
    return written, values.order(row.get("created_at")), row["id"]


def _sessions(bundle: Bundle, rows: list[dict[str, Any]], offset: int) -> None:
    for number, row in enumerate(rows):
        bundle.note(SESSIONS, row["id"], merged=number > 0)
        began, touched = (
            values.moment(row.get(name), offset if values.is_local(row.get(name)) else 0)
            for name in ("started_at", "updated_at")
        )
        bundle.began = min(filter(None, (bundle.began, began)), default=None)
        bundle.touched = max(filter(None, (bundle.touched, touched)), default=None)
        step, progress = values.number(row.get("current_step")), values.number(row.get("progress"))
        if (step or 0) >= LAST_STEP and (progress or 0) >= 100:
            bundle.completed = bundle.completed or touched or began


def _keys(bundle: Bundle, rows: list[dict[str, Any]], report: Report) -> None:
    for row in rows:
        known = provider_key(row.get("provider"), row.get("key"), "api_keys", row["id"], report)
        if known is None:
            bundle.note("api_keys", row["id"], merged=True)
            continue
        name, key = known
        older = name in bundle.keys
        bundle.note("api_keys", row["id"], merged=older)
        if older:
            report.add(LEFT_OUT, "api_keys", row["id"], "older_key", provider=name)
        else:
            written = values.moment(row.get("updated_at")) or values.moment(row.get("created_at"))
            bundle.keys[name] = key, written


def _analyses(bundle: Bundle, rows: list[dict[str, Any]], report: Report) -> None:
    groups: dict[str, list[dict[str, Any]]] = {}
    urls: dict[str, str] = {}
    for row in rows:
        try:
            url = address(row.get("website_url"))
        except AddressError:
            report.add(LEFT_OUT, "website_analyses", row["id"], "bad_address")
            bundle.note("website_analyses", row["id"], merged=True)
            continue
        if url is None:
            report.add(LEFT_OUT, "website_analyses", row["id"], "no_address")
            bundle.note("website_analyses", row["id"], merged=True)
            continue
        mark = same_address(url)
        groups.setdefault(mark, []).append(row)
        urls.setdefault(mark, url)
    for mark, group in groups.items():
        bundle.analyses.append(_merged(bundle, urls[mark], group, report))
    if bundle.analyses:
        best = next((one for one in bundle.analyses if one.completed), bundle.analyses[0])
        bundle.website |= {"has_website": True, "website_url": best.url}
        if not best.completed:
            bundle.unfinished.add("website")


def _merged(bundle: Bundle, url: str, group: list[dict[str, Any]], report: Report) -> Analysis:
    """Rows of one address, newest first: of each field the newest that says something, out of the
    completed rows where there is one."""
    table = "website_analyses"
    completed = [row for row in group if row.get("status") == "completed"]
    analysis = Analysis(url, bool(completed))
    for number, row in enumerate(group):
        bundle.note(table, row["id"], merged=number > 0)
    for row in completed or group:
        for name in RESULTS:
            if name in analysis.columns:
                continue
            value = _json(row, name, table, report)
            if not values.is_empty(value):
                analysis.columns[name] = value
        analysis.warning = analysis.warning or values.text(row.get("warning_message")) or None
        analysis.date = analysis.date or values.moment(row.get("analysis_date"))
    if not completed:
        errors = [values.text(row.get("error_message")) for row in group]
        analysis.error = next(filter(None, errors), None)
        if any(row.get("status") != "failed" for row in group):
            report.add(LEFT_OUT, table, group[0]["id"], "never_finished")
    return analysis


def _business(bundle: Bundle, rows: list[dict[str, Any]], report: Report) -> None:
    limits = {"business_description": 10**6, "industry": 100, "target_audience": 500,
              "business_goals": 10**6}  # fmt: skip
    for number, row in enumerate(rows):
        bundle.note(BUSINESS, row["id"], merged=number > 0)
        for name, limit in limits.items():
            said = cut(row.get(name), limit, BUSINESS, row["id"], report)
            if said and not bundle.website.get(name):
                bundle.website[name] = said
    if rows and "has_website" not in bundle.website:
        bundle.website["has_website"] = False


def _research(bundle: Bundle, rows: list[dict[str, Any]], report: Report) -> None:
    table = "research_preferences"
    read = [row | {"content_types": _json(row, "content_types", table, report)} for row in rows]
    explicit = [row for row in read if not values.is_empty(row["content_types"])]
    chosen = next(iter([*explicit, *read]), None)
    for row in read:
        bundle.note(table, row["id"], merged=row is not chosen)
        if row is not chosen:
            report.add(LEFT_OUT, table, row["id"], "newer_chosen")
    if chosen:
        bundle.research = research(chosen, table, chosen["id"], report)
        if not explicit:
            report.add(LEFT_OUT, table, chosen["id"], "only_defaults")
        _copies(bundle, chosen, report)


def _copies(bundle: Bundle, row: dict[str, Any], report: Report) -> None:
    """The preferences hold copies of parts of the analysis: they fill its gaps."""
    url = bundle.website.get("website_url")
    current = next((one for one in bundle.analyses if one.url == url), None)
    for name in ("writing_style", "content_characteristics", "target_audience",
                 "recommended_settings"):  # fmt: skip
        value = _json(row, name, "research_preferences", report)
        if values.is_empty(value):
            continue
        if current is not None:
            kept = current.columns.setdefault(name, value)
            if kept == value:
                continue
        report.add(LEFT_OUT, "research_preferences", row["id"], "no_place", column=name)


def _persona(bundle: Bundle, rows: list[dict[str, Any]], report: Report) -> None:
    found: dict[str, Any] = {}
    for number, row in enumerate(rows):
        bundle.note("persona_data", row["id"], merged=number > 0)
        for name in PERSONA:
            value = _json(row, name, "persona_data", report)
            if name not in found and not values.is_empty(value):
                found[name] = value
    if found:
        bundle.persona = persona(found, "persona_data", rows[0]["id"], report)


def _json(row: Mapping[str, Any], name: str, table: str, report: Report) -> Any:
    try:
        return values.from_json(row.get(name))
    except ValueError:
        report.add(LEFT_OUT, table, row["id"], "bad_json", column=name)
        return None
