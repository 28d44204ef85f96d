"""One site, from its address to everything that an analysis stores."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from webapp.site import address, language, profile, style
from webapp.site.fetch import FetchPolicy, Page, fetch
from webapp.site.text import PageText, read_page

Report = Callable[[int, int], None]
"""Called with the pages read so far and the pages known of."""


class ReadPage(NamedTuple):
    """A page as fetched, and what it says."""

    page: Page
    text: PageText


def analyse(url: str, policy: FetchPolicy, report: Report | None = None) -> dict[str, Any]:
    """Read the site at `url` and return its analysis, JSON-serialisable.

    Keys: `website_url`, `language`, `pages_read`, `measures`, all that `profile.derive` gives,
    and `crawl_result`. Raises AddressError and FetchError, whose sentences are for the user.
    """
    url = address.normalise(url, policy.allow)
    if report:
        report(0, 1)
    page = fetch(url, policy)
    read = [ReadPage(page, read_page(page.body, page.content_type, page.url))]
    if report:
        report(1, 1)
    return summarise(url, read)


def analyse_text(text: str) -> dict[str, Any]:
    """Analyse a sample of text that no page stands behind: what a page would tell is None."""
    paragraphs = [text]
    code = language.detect(None, paragraphs)
    measures = style.measure(paragraphs, code)
    return {
        "website_url": None,
        "language": code,
        "pages_read": 0,
        "measures": measures,
        **profile.derive(measures, {}),
        "seo_audit": None,
        "crawl_result": None,
    }


def summarise(url: str, read: Sequence[ReadPage]) -> dict[str, Any]:
    """Measure what was read of a site, the entry page first, and derive the rest.

    The paragraphs of all pages are measured as one text, each repeated one once: what stands on
    every page is furniture.
    """
    texts = [one.text for one in read]
    entry = texts[0]
    paragraphs = list(dict.fromkeys(p for text in texts for p in text.paragraphs))
    code = language.detect(_spoken(texts), paragraphs)
    measures = style.measure(paragraphs, code)
    facts = page_facts(entry)
    return {
        "website_url": url,
        "language": code,
        "pages_read": len(read),
        "measures": measures,
        **profile.derive(measures, facts),
        "crawl_result": {
            "title": entry.title,
            "description": entry.description,
            "headings": [heading.text for heading in entry.headings],
            "pages": [
                {"url": text.url, "title": text.title, "words": _words(text, code)}
                for text in texts
            ],
            "social_media": _merged(dict(text.social_media) for text in texts),
            "detected_platforms": list(dict.fromkeys(p for t in texts for p in t.platforms)),
            "feeds": list(dict.fromkeys(feed for text in texts for feed in text.feeds))[:10],
        },
    }


def page_facts(text: PageText) -> dict[str, Any]:
    """What `profile.derive` wants to know of a page beside its measures."""
    return {
        "url": text.url,
        "title": text.title,
        "description": text.description,
        "html_lang": text.html_lang,
        "headings": [{"level": h.level, "text": h.text} for h in text.headings],
        "calls": list(text.calls),
        "link_texts": [link.text for link in text.links],
        "canonical": text.canonical,
        "robots": text.robots,
        "social_preview": list(text.social_preview),
        "images": text.images,
        "images_without_alt": text.images_without_alt,
        "list_items": text.list_items,
        "logo_url": text.logo_url,
        "colours": list(text.theme_colours),
    }


def _spoken(texts: Sequence[PageText]) -> str | None:
    """What most pages say of their language."""
    said = Counter(text.html_lang for text in texts if text.html_lang)
    return said.most_common(1)[0][0] if said else None


def _words(text: PageText, code: str | None) -> int | None:
    count = style.measure(text.paragraphs, code)["word_count"]
    return int(count) if count is not None else None


def _merged(parts: Any) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for part in parts:
        for name, target in part.items():
            found.setdefault(name, target)
    return found
