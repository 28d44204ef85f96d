"""What the analysis of a site says in codes and in English, in the language of whoever reads it."""

import re
from collections.abc import Mapping
from typing import Any

from flask_babel import format_decimal

from webapp.site.address import SENTENCES as ADDRESSES
from webapp.site.address import AddressError
from webapp.site.compare import SENTENCES as COMPARED
from webapp.site.faults import SENTENCES as FAULTS
from webapp.site.methods import METHODS
from webapp.site.profile import ADVICE, SEO_ADVICE, WARNINGS, audience_in_words
from webapp.texts import gettext, ngettext

_NUMBER = re.compile(r"\d+(?:\.(\d+))?")
_TERMS = frozenset({"tone", "level", "band"})
"""Values of advice that are terms of ours: a tone, a level of vocabulary, a readability band."""


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
        text, values = COMPARED[row["code"]], row["values"]
        if isinstance(text, tuple):
            said = ngettext(*text, round(float(values["difference"])))
        else:
            said = gettext(text)
        return str(said).format(**{name: _localised(value) for name, value in values.items()})
    except (KeyError, TypeError, ValueError, IndexError):
        return str(row.get("sentence") or "")


def method_of(measure: str) -> dict[str, Any] | None:
    """How a measure is computed: `sentence`, `source` (or None) and `estimate`."""
    method = METHODS.get(measure)
    if method is None:
        return None
    return {
        "sentence": str(gettext(method.sentence)),
        "source": str(gettext(method.source)) if method.source else None,
        "estimate": method.estimate,
    }


def fault_in_words(code: str | None, message: str | None) -> str:
    """Stored `error_code` and `error_message` (English) of a reading, as a sentence; '' for none.

    What the sentence was filled with is taken from the English one.
    """
    return _refilled(FAULTS.get(code or "", ""), message or "")


def address_fault(error: AddressError) -> str:
    """Why an address cannot be a website's."""
    values = {name: _localised(value) for name, value in error.values.items()}
    return str(gettext(ADDRESSES[error.code])).format(**values)


def warning_in_words(message: str | None) -> str:
    """A stored `warning_message` (English) as a sentence; '' for none."""
    templates = (text for text in WARNINGS.values() if _values(text, message or "") is not None)
    return _refilled(next(templates, ""), message or "")


def term_in_words(term: str | None) -> str:
    """A term of an analysis in the reader's language: a sign of trust, a tone."""
    return str(gettext(term)) if term else ""


def _said(parts: Any, english: list[str]) -> list[str]:
    try:
        given = [(ADVICE[one["code"]], one["values"]) for one in parts]
        said = [str(gettext(text)).format(**_values_in_words(values)) for text, values in given]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return english
    return said if len(said) == len(english) else english


def _values_in_words(values: Mapping[str, Any]) -> dict[str, str]:
    """What the user's site says stays; our terms and numbers are the reader's."""
    said = {}
    for name, value in values.items():
        if name == "audience":
            said[name] = audience_in_words(str(value), gettext)
        elif name == "tone":  # stored in small letters, known with a capital
            said[name] = str(gettext(str(value).capitalize())).lower()
        elif name in _TERMS:
            said[name] = str(gettext(str(value)))
        else:
            said[name] = _localised(value)
    return said


def _localised(value: Any) -> str:
    """A number as the reader's language writes it, with as many decimals; any other text as it
    is."""
    match = _NUMBER.fullmatch(str(value))
    if match is None:
        return str(value)
    places = len(match[1] or "")
    return str(format_decimal(float(match[0]), format="0" + ("." + "0" * places if places else "")))


def _refilled(template: str, english: str) -> str:
    """A sentence that `template` was filled to, said again in the reader's language."""
    if not english:
        return ""
    values = _values(template, english)
    if not values:
        return str(gettext(english))
    filled = {name: _localised(value) for name, value in values.items()}
    return str(gettext(template)).format(**filled)


def _values(template: str, english: str) -> dict[str, str] | None:
    """What an English sentence was filled with; None when it is not this one."""
    pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.*?)", re.escape(template))
    match = re.fullmatch(pattern, english, re.DOTALL)
    return match.groupdict() if match else None
