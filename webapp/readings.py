"""What the analysis of a site says in codes and in English, in the language of whoever reads it."""

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext

from webapp.site.compare import SENTENCES as COMPARED
from webapp.site.methods import METHODS
from webapp.site.profile import ADVICE, SEO_ADVICE


def advice_in_words(guidelines: Mapping[str, Any] | None) -> dict[str, list[str]]:
    """Stored `style_guidelines` -> section -> sentences, from their codes.

    The sections are those of `guidelines`, then `best_practices` and `avoid_elements`. What has no
    codes, or one that this version does not know, is given as it was stored.
    """
    stored = guidelines or {}
    sections = {**(stored.get("guidelines") or {})}
    sections |= {name: stored.get(name) for name in ("best_practices", "avoid_elements")}
    codes = stored.get("codes") or {}
    return {
        name: _said(codes.get(name), list(sentences or [])) for name, sentences in sections.items()
    }


def audit_in_words(audit: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Stored `seo_audit` -> (what is amiss, what to do) for each issue, from its codes."""
    stored = audit or {}
    issues, advice = stored.get("issues") or [], stored.get("recommendations") or []
    english = list(zip(issues, advice, strict=False))
    codes = stored.get("codes") or []
    if len(codes) != len(english) or any(code not in SEO_ADVICE for code in codes):
        return english
    return [(str(gettext(SEO_ADVICE[c][0])), str(gettext(SEO_ADVICE[c][1]))) for c in codes]


def compared_in_words(row: Mapping[str, Any]) -> str:
    """A row of `webapp.site.compare` as a sentence."""
    try:
        return str(gettext(COMPARED[row["code"]])).format(**row["values"])
    except (KeyError, TypeError, ValueError, IndexError):
        return str(row.get("sentence") or "")


def method_of(measure: str) -> dict[str, Any] | None:
    """How a measure is computed: `sentence`, `source` (or None) and `estimate`."""
    method = METHODS.get(measure)
    if method is None:
        return None
    return {
        "sentence": str(gettext(method.sentence)),
        "source": method.source,
        "estimate": method.estimate,
    }


def _said(parts: Any, english: list[str]) -> list[str]:
    try:
        said = [str(gettext(ADVICE[one["code"]])).format(**one["values"]) for one in parts]
    except (KeyError, TypeError, ValueError, IndexError):
        return english
    return said if len(said) == len(english) else english
