"""A sample of text that no page stands behind. It needs none of the libraries that read pages."""

import re
from typing import Any

from webapp.site import language, profile, style

_UNFIT = re.compile("[\x00\ud800-\udfff]")


def clean(value: Any) -> Any:
    """The same without the characters that no JSON column takes."""
    if isinstance(value, str):
        return _UNFIT.sub("", value)
    if isinstance(value, dict):
        return {clean(key): clean(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [clean(part) for part in value]
    return value


def analyse_text(text: str) -> dict[str, Any]:
    """Analyse a sample of text that no page stands behind: what a page would tell is None."""
    paragraphs = [text]
    code = language.detect(None, paragraphs)
    measures = style.measure(paragraphs, code)
    found = {
        "website_url": None,
        "language": code,
        "pages_read": 0,
        "measures": measures,
        **profile.derive(measures, {}),
        "seo_audit": None,
        "crawl_result": None,
    }
    return clean(found)
