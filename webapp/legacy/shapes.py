"""Results of earlier systems in the shape that the pages of this one read."""

import re
from collections.abc import Mapping
from typing import Any

from webapp.legacy import values
from webapp.steps.persona.build import build_persona
from webapp.steps.persona.texts import TEXTS, digest, generated
from webapp.steps.website.models import WebsiteAnalysis

_LISTS = {
    "target_audience": ("demographics",),
    "content_type": ("secondary_types",),
    "style_patterns": ("unique_elements",),
    "style_guidelines": ("best_practices", "avoid_elements"),
    "brand_analysis": ("brand_values", "trust_signals"),
}
"""Column -> keys whose values the pages walk through."""
_TEXTS = {
    "writing_style": ("tone", "voice", "complexity", "engagement_level", "formality_level"),
    "recommended_settings": ("writing_tone", "target_audience", "content_type"),
}


_NUMBERS = re.compile(r"_words$|_share$|_diversity$|score$|average$|length$|characters$|_fit$")
"""Names of values that a page writes as numbers."""


def analysis_columns(found: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Results as they were -> columns of ours, and the names of those that hold no object. What is
    not an object cannot be shown; what this system does not know stays beside what it does."""
    columns, strange = {}, []
    for name, value in found.items():
        if not isinstance(value, Mapping):
            strange.append(name)
            continue
        columns[name] = _listed(name, dict(value))
    insights = columns.pop("content_strategy_insights", None)
    if insights:
        kept = columns.setdefault("style_guidelines", {})
        kept.setdefault("content_strategy_insights", insights)
    if "crawl_result" in columns:
        columns["crawl_result"] = _crawl(columns["crawl_result"])
    return columns, strange


def _listed(name: str, value: dict[str, Any]) -> dict[str, Any]:
    for key in _LISTS.get(name, ()):
        if key in value:
            value[key] = values.texts(value[key])
    for key in _TEXTS.get(name, ()):
        if key in value and not isinstance(value[key], str):
            value[key] = ", ".join(values.texts(value[key])) or None
    if name == "style_guidelines":
        said = value.get("guidelines")
        said = said if isinstance(said, Mapping) else {}
        value["guidelines"] = {key: values.texts(one) for key, one in said.items()}
        value.pop("codes", None)
    if name == "brand_analysis":
        value.pop("colours", None)  # ours are measured, and drawn
    if name == "style_patterns" and not isinstance(value.get("patterns", {}), Mapping):
        value["patterns"] = {}
    return value


def _crawl(found: dict[str, Any]) -> dict[str, Any]:
    """The former one kept under `content` what ours has at the top."""
    content = found.get("content")
    content = content if isinstance(content, Mapping) else {}
    social = content.get("social_media")
    ours = {
        "title": values.text(content.get("title")) or None,
        "description": values.text(content.get("description")) or None,
        "headings": values.texts(content.get("headings")),
        "pages": [],
        "social_media": {
            str(name): url
            for name, url in (social.items() if isinstance(social, Mapping) else ())
            if isinstance(url, str)
        },
        "detected_platforms": [],
        "feeds": [],
    }
    kept = {name: value for name, value in found.items() if name not in ours}
    return kept | ours


def audience(website: Mapping[str, Any], analysis: WebsiteAnalysis | None) -> str:
    """Whom the texts are for, where the old system says so: of its recommendations, its findings,
    or the description of the business; '' where nothing does."""
    recommended = (analysis.recommended_settings or {}) if analysis else {}
    found = (analysis.target_audience or {}) if analysis else {}
    said = [
        values.text(recommended.get("target_audience")),
        ", ".join(values.texts(found.get("demographics"))),
        values.text(website.get("target_audience")),
    ]
    return next(filter(None, said), "")[:500].rstrip()


def built_persona(
    answers: Mapping[str, Any],
    old: Mapping[str, Any],
    analysis: WebsiteAnalysis | None,
    business: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The three JSON columns and `edits`: the persona by our rules, with everything of the old one
    in its places. Texts that a user can word otherwise become their own words, so that nothing that
    is generated later touches them."""
    built = build_persona(answers, analysis.as_dict() if analysis else None, business)
    persona = {
        "core_persona": _laid_over(built["core_persona"], old.get("core_persona") or {}),
        "platform_personas": _laid_over(
            built["platform_personas"], old.get("platform_personas") or {}
        ),
        "quality_metrics": _laid_over(built["quality_metrics"], old.get("quality_metrics") or {}),
    }
    edits: dict[str, Any] = {}
    for text in TEXTS.values():
        theirs, ours = generated(old, text), generated(built, text)
        if values.is_empty(theirs) or (text.platform and ours is None):
            continue
        written = text.written(generated(persona, text))
        if written and len(written) <= text.limit and written != text.written(ours):
            edits[text.name] = {"text": written, "made": digest(written)}
    return persona | {"edits": edits or None}


def _laid_over(ours: Any, theirs: Any, name: str = "") -> Any:
    """Their value where it is of the same kind as ours, or ours has none; what is said from a code
    and was replaced loses its code."""
    if not isinstance(ours, Mapping) or not isinstance(theirs, Mapping):
        return theirs if _same_kind(ours, theirs, name) else ours
    result = dict(ours)
    codes = result.get("codes")
    if isinstance(codes, dict):
        codes = result["codes"] = dict(codes)
    for name, value in theirs.items():
        if name == "codes" or values.is_empty(value):
            continue
        known = name in result
        if known and result[name] is None and not isinstance(value, str | int | float):
            continue  # a page writes one value there, if any
        merged = _laid_over(result.get(name), value, name)
        if isinstance(codes, dict) and name in codes and merged != result.get(name):
            del codes[name]
        result[name] = merged
    return result


def _same_kind(ours: Any, theirs: Any, name: str) -> bool:
    if ours is None:
        number = isinstance(theirs, int | float) and not isinstance(theirs, bool)
        return number if _NUMBERS.search(name) else not number
    if isinstance(ours, list):
        said = isinstance(theirs, list) and all(isinstance(one, str) for one in theirs)
        return said and all(isinstance(one, str) for one in ours)
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return isinstance(ours, bool) and isinstance(theirs, bool)
    numbers = isinstance(ours, int | float) and isinstance(theirs, int | float)
    return numbers or (isinstance(ours, str) and isinstance(theirs, str))
