"""One site, from its address to everything that an analysis stores."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from webapp.site import address, language, profile, prose, style
from webapp.site.crawl import Crawl, Limits, ReadPage, Report, crawl, keep
from webapp.site.fetch import FetchPolicy, Turn, any_time
from webapp.site.methods import rests_on
from webapp.site.sample import analyse_text, clean
from webapp.site.text import PageText
from webapp.site.vocabulary import LANGUAGES

__all__ = ["analyse", "analyse_text", "clean", "page_facts", "summarise", "without_furniture"]

MOST_CHARACTERS = 600_000
"""So much text is measured, some 100,000 words; more would say the same and take longer."""

MOST_CHARACTERS_SO_FAR = 60_000
"""And so much while pages are still being read: it is measured anew about once a second."""

PART_MEASURES = (
    "word_count", "sentence_count", "average_sentence_length", "sentence_length_spread",
    "readability_score", "readability_formula", "readability_band", "long_word_share",
    "contraction_share", "first_person_share", "second_person_share", "question_share",
    "exclamation_share",
)  # fmt: skip

SoFar = Callable[[Callable[[], dict[str, Any]]], None]
"""Called with a function that measures what is read until now, for whoever wants to know."""

FURNITURE_PAGES = 3
"""What stands on so many pages is furniture, however long it is."""


def analyse(
    url: str,
    policy: FetchPolicy,
    report: Report | None = None,
    *,
    so_far: SoFar | None = None,
    limits: Limits | None = None,
    turn: Turn = any_time,
    kept: Mapping[str, Any] | None = None,
    brand: bool = True,
) -> dict[str, Any]:
    """Read the site at `url` and return its analysis, JSON-serialisable.

    Keys: `website_url`, `language`, `pages_read`, `measures`, all that `profile.derive` gives,
    `crawl_result`, and `page_cache`: what to hand in as `kept` the next time. `so_far` gets, with
    each page, a function that measures those read until then. Raises AddressError and FetchError,
    whose sentences are for the user.
    """
    url = address.normalise(url, policy.allow)

    def watch(read: Sequence[ReadPage]) -> None:
        if so_far:
            so_far(lambda: known_so_far(url, read))

    crawled = crawl(url, policy, limits, report=report, watch=watch, turn=turn, kept=kept)
    found = summarise(url, crawled.pages, brand=brand, crawled=crawled)
    return clean(found | {"page_cache": keep(crawled)})


def known_so_far(url: str, read: Sequence[ReadPage]) -> dict[str, Any]:
    """The short list of an analysis of the pages read until now: `pages_read`, the `PART_MEASURES`
    among `measures`, `writing_style.tone`, and `pages` (url, title). Empty where there is so much
    text that it is measured once, at the end."""
    if sum(len(one) for page in read for one in page.text.paragraphs) > MOST_CHARACTERS_SO_FAR:
        return {}
    found = summarise(url, read, brand=False)
    pages = found["crawl_result"]["pages"]
    return clean(
        {
            "pages_read": found["pages_read"],
            "measures": {name: found["measures"].get(name) for name in PART_MEASURES},
            "writing_style": {"tone": found["writing_style"]["tone"]},
            "pages": [{"url": page["url"], "title": page["title"]} for page in pages],
        }
    )


def summarise(
    url: str, read: Sequence[ReadPage], *, brand: bool = True, crawled: Crawl | None = None
) -> dict[str, Any]:
    """Measure what was read of a site, the entry page first, and derive the rest.

    The paragraphs of all pages are measured as one text; pages in another language than most of
    the text are left out of it.
    """
    texts = [one.text for one in read]
    entry = texts[0]
    codes = [language.detect(text.html_lang, text.paragraphs) for text in texts]
    code = _main_language(texts, codes)
    own = [text for text, its in zip(texts, codes, strict=True) if its in (code, None)]
    paragraphs, complete = _bounded(without_furniture([text.paragraphs for text in own]))
    measures = style.measure(paragraphs, code)
    measures |= _of_pages(own, measures, code)
    measures["rests_on"] = rests_on(measures, len(own))
    _name_pages(measures["sample_sentences"] or [], own)
    facts = page_facts(entry) | {
        "paragraphs": paragraphs,
        "titles": [text.title for text in texts],
        "calls": list(dict.fromkeys(call for text in own for call in text.calls)),
        "link_texts": list(dict.fromkeys(link.text for text in texts for link in text.links)),
        "colours": list(dict.fromkeys(c for text in texts for c in text.colours))[:6],
        "logo_url": next((text.logo_url for text in texts if text.logo_url), None),
    }
    return {
        "website_url": url,
        "language": code,
        "pages_read": len(read),
        "measures": measures,
        **profile.derive(measures, facts, brand),
        "crawl_result": {
            "title": entry.title,
            "description": entry.description,
            "headings": [heading.text for heading in entry.headings],
            "pages": [
                {
                    "url": text.url,
                    "title": text.title,
                    "words": _words(text, its),
                    "language": its,
                    "measured": its in (code, None),
                }
                for text, its in zip(texts, codes, strict=True)
            ],
            "social_media": _merged(dict(text.social_media) for text in texts),
            "detected_platforms": _platforms(texts, crawled),
            "feeds": list(dict.fromkeys(feed for text in texts for feed in text.feeds))[:10],
            "all_text_measured": complete,
            "unread": [
                {"url": left, "code": why} for left, why in (crawled.left if crawled else [])
            ],
            "ran_out_of_time": bool(crawled and not crawled.complete),
        },
    }


def without_furniture(pages: Sequence[Sequence[str]]) -> list[str]:
    """The paragraphs of several pages as one text: what stands on several of them once, what
    stands on `FURNITURE_PAGES` or more not at all (figures in it may differ).

    Where all text is of that kind, it is the text.
    """
    shapes = [{_shape(paragraph) for paragraph in page} for page in pages]
    on_pages = Counter(shape for page in shapes for shape in page)
    every = list(dict.fromkeys(paragraph for page in pages for paragraph in page))
    kept = [one for one in every if on_pages[_shape(one)] < FURNITURE_PAGES]
    return kept or every


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
        "colours": list(text.colours),
        "paragraphs": list(text.paragraphs),
    }


def _main_language(texts: Sequence[PageText], codes: Sequence[str | None]) -> str | None:
    """The language of most of the text; the entry page's where there is none."""
    amounts: Counter[str] = Counter()
    for text, code in zip(texts, codes, strict=True):
        if code:
            amounts[code] += 1 + sum(map(len, text.paragraphs))
    return amounts.most_common(1)[0][0] if amounts else None


def _shape(paragraph: str) -> str:
    return re.sub(r"\d+", "0", paragraph.lower())


def _bounded(paragraphs: Sequence[str]) -> tuple[list[str], bool]:
    left = MOST_CHARACTERS
    taken: list[str] = []
    for paragraph in paragraphs:
        if left <= 0:
            return taken, False
        taken.append(paragraph)
        left -= len(paragraph)
    return taken, True


def _of_pages(
    texts: Sequence[PageText], measures: Mapping[str, Any], code: str | None
) -> dict[str, Any]:
    """What is counted on the pages and not in their text."""
    headings = sum(len(text.headings) for text in texts)
    words = measures.get("word_count")
    calls = {call.lower() for text in texts for call in text.calls if profile.is_call(call, code)}
    return {
        "heading_count": headings,
        "heading_distance": round(words / headings, 1) if words and headings else None,
        "list_item_count": sum(text.list_items for text in texts),
        "call_count": len(calls) if code in LANGUAGES else None,
    }


def _name_pages(samples: Iterable[dict[str, Any]], texts: Sequence[PageText]) -> None:
    whole = [(text.url, " ".join(text.paragraphs)) for text in texts]
    for sample in samples:
        sample["url"] = next((url for url, said in whole if sample["text"] in said), None)


def _platforms(texts: Sequence[PageText], crawled: Crawl | None) -> list[str]:
    found = list(dict.fromkeys(name for text in texts for name in text.platforms))
    if crawled and crawled.wordpress and "wordpress" not in found:
        found.insert(0, "wordpress")
    return found


def _words(text: PageText, code: str | None) -> int | None:
    if code in style.WITHOUT_SPACES:
        return None
    return sum(len(prose.words(paragraph)) for paragraph in text.paragraphs)


def _merged(parts: Iterable[Mapping[str, str]]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for part in parts:
        for name, target in part.items():
            found.setdefault(name, target)
    return found
