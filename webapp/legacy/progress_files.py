"""ALwrity's progress files, `.onboarding_progress_{user}.json`, one a user.

Whatever is no letter, digit, hyphen or underscore was written as an underscore into the name, so a
name may fit several users. What the database says comes before a file: import that first.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from webapp.legacy import values
from webapp.legacy.bundle import (
    Analysis,
    Bundle,
    address,
    competitors,
    guarded,
    persona,
    provider_key,
    research,
)
from webapp.legacy.index import Index
from webapp.legacy.report import LEFT_OUT, NOT_ATTACHABLE, Report
from webapp.legacy.sources import SourceError
from webapp.site.address import AddressError

NAME = "progress-files"
TABLE = "progress_files"
PREFIX, SUFFIX = ".onboarding_progress", ".json"
MAX_BYTES = 5_000_000
RESULTS = (
    "writing_style", "content_characteristics", "target_audience", "content_type",
    "recommended_settings", "style_patterns", "brand_analysis", "crawl_result",
    "content_strategy_insights",
)  # fmt: skip
GUIDELINES = (
    "guidelines", "best_practices", "avoid_elements", "content_strategy", "ai_generation_tips",
    "competitive_advantages", "content_calendar_suggestions",
)  # fmt: skip
PERSONA = {
    "corePersona": "core_persona",
    "platformPersonas": "platform_personas",
    "qualityMetrics": "quality_metrics",
    "selectedPlatforms": "selected_platforms",
}
_NOTHING_LOST = re.compile(r"user_[0-9A-Za-z]{10,}")
"""A user id of Clerk's as a whole: nothing in such an id is lost in a file's name."""
_NO_PLACE = ("researchSummary", "sitemapAnalysis")


def folder(source: str) -> Path:
    """The folder with the files. Raises SourceError when it is none."""
    path = Path(source)
    if not path.is_dir():
        raise SourceError(f"{source} is no folder.")
    if next(_files(path), None) is None:
        raise SourceError(f"In {source} there is no file {PREFIX}_….json.")
    return path


def _files(path: Path) -> Iterator[Path]:
    return path.glob(f"{PREFIX}*{SUFFIX}")


def assign(path: Path, index: Index, report: Report) -> None:
    """Say whose each file is, from its name and the ids that are known."""
    for file in _files(path):
        name = file.name.removeprefix(PREFIX).removesuffix(SUFFIX).removeprefix("_")
        if not name or "\n" in name or name != name.encode("utf-8", "replace").decode():
            report.add(NOT_ATTACHABLE, TABLE, file.name, "ownerless")
            continue
        users = index.users_named(name)
        if len(users) > 1:
            report.add(NOT_ATTACHABLE, TABLE, file.name, "ambiguous_owner", many=len(users))
        elif users or _NOTHING_LOST.fullmatch(name):
            index.work(index.canonical(users[0]) if users else name, TABLE, file.name)
        else:
            report.add(NOT_ATTACHABLE, TABLE, file.name, "unknown_owner")


def bundles(
    path: Path, work: Mapping[str, Mapping[str, list[str]]], offset: int
) -> Iterator[tuple[Bundle | None, Report]]:
    """What each of these owners brings along; None for a file that cannot be read."""
    for owner, files in work.items():
        for name in files[TABLE]:
            report = Report(NAME, dry_run=False)
            content = _read(path / name, report)
            make = partial(build, owner, name, content or {}, offset, report)
            yield guarded(make, [(TABLE, name)], report) if content else None, report


def _read(file: Path, report: Report) -> dict[str, Any] | None:
    reason = "corrupt"
    try:
        if file.stat().st_size > MAX_BYTES:
            reason = "too_large"
        else:
            text = file.read_text(encoding="utf-8-sig")
            content = values.clean(json.loads(text, parse_constant=lambda _name: None))
            if isinstance(content, dict) and isinstance(content.get("steps"), list):
                return content
    except OSError:
        reason = "unreadable"
    except (ValueError, RecursionError):
        reason = "corrupt"
    report.add(NOT_ATTACHABLE, TABLE, file.name, reason)
    return None


def build(owner: str, name: str, content: Mapping[str, Any], offset: int, report: Report) -> Bundle:
    """One file -> what it brings along."""
    bundle = Bundle(owner, contents=content)
    bundle.note(TABLE, name)
    bundle.began = values.moment(content.get("started_at"), offset)
    bundle.touched = values.moment(content.get("last_updated"), offset)
    if content.get("is_completed") is True:
        ended = values.moment(content.get("completed_at"), offset)
        bundle.completed = ended or bundle.touched or bundle.began
    data: dict[int, Mapping[str, Any]] = {}
    for step in content["steps"]:
        if isinstance(step, Mapping) and isinstance(step.get("data"), Mapping):
            number = values.number(step.get("step_number"))
            if number is not None and 1 <= number <= 6:
                data[int(number)] = step["data"]
    _keys(bundle, name, data.get(1, {}), content, offset, report)
    _website(bundle, name, data.get(2, {}), report)
    later = {**data.get(3, {}), **{k: v for k, v in data.get(4, {}).items() if v}}
    _research(bundle, name, later, report)
    found = {ours: later.get(theirs) for theirs, ours in PERSONA.items()}
    if not all(map(values.is_empty, found.values())):
        bundle.persona = persona(found, TABLE, name, report)
    for column in _NO_PLACE:
        if not values.is_empty(later.get(column)):
            report.add(LEFT_OUT, TABLE, name, "no_place", column=column)
    return bundle


def _keys(
    bundle: Bundle,
    name: str,
    data: Mapping[str, Any],
    content: Mapping[str, Any],
    offset: int,
    report: Report,
) -> None:
    steps = [step for step in content["steps"] if isinstance(step, Mapping)]
    first = next((step for step in steps if step.get("step_number") == 1), {})
    written = values.moment(first.get("completed_at"), offset) or bundle.touched
    keys = data.get("api_keys")
    for provider, key in keys.items() if isinstance(keys, Mapping) else ():
        if values.is_empty(key):
            continue
        known = provider_key(provider, key, TABLE, name, report)
        if known and (known[0] not in bundle.keys or provider == known[0]):
            bundle.keys[known[0]] = known[1], written


def _website(bundle: Bundle, name: str, data: Mapping[str, Any], report: Report) -> None:
    try:
        url = address(data.get("website"))
    except AddressError:
        report.add(LEFT_OUT, TABLE, name, "bad_address", column="website")
        return
    found = data.get("analysis")
    found = found if isinstance(found, Mapping) else {}
    columns = {one: found[one] for one in RESULTS if not values.is_empty(found.get(one))}
    guidelines = {one: found[one] for one in GUIDELINES if not values.is_empty(found.get(one))}
    if guidelines:
        columns["style_guidelines"] = guidelines
    patterns = {
        one: found[one]
        for one in ("style_consistency", "unique_elements")
        if not values.is_empty(found.get(one))
    }
    if patterns and isinstance(columns.get("style_patterns", {}), Mapping):
        columns["style_patterns"] = patterns | dict(columns.get("style_patterns", {}))
    if url is None:
        if columns:
            report.add(LEFT_OUT, TABLE, name, "no_address", column="analysis")
        return
    if columns:
        bundle.analyses.append(Analysis(url, True, columns, date=bundle.touched))
    else:
        bundle.unfinished.add("website")
    bundle.website = {"has_website": True, "website_url": url}
    if "useAnalysisForGenAI" in data:
        bundle.website["use_analysis"] = values.boolean(data["useAnalysisForGenAI"], True)


def _research(bundle: Bundle, name: str, data: Mapping[str, Any], report: Report) -> None:
    named = competitors(data.get("competitors"), TABLE, name, report)
    said = {
        ours: data[theirs]
        for theirs, ours in (
            ("researchDepth", "research_depth"),
            ("research_depth", "research_depth"),
            ("contentTypes", "content_types"),
            ("content_types", "content_types"),
            ("autoResearch", "auto_research"),
            ("factualContent", "factual_content"),
        )
        if theirs in data
    }
    if named or said:
        bundle.research = research(said, TABLE, name, report)
        bundle.research["competitors"] = named
