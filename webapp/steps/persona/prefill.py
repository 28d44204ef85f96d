"""What the persona step can suggest before anything is answered, and what it will rest on."""

import re
from collections.abc import Mapping
from typing import Any

from webapp.site.profile import audience_in_words
from webapp.steps.persona.evidence import (
    MANY_CONTRACTIONS,
    MANY_EXCLAMATIONS,
    MANY_QUESTIONS,
    MIN_WORDS,
    Evidence,
    clean,
    read_evidence,
    section,
    subject,
)
from webapp.steps.persona.platforms import PLATFORMS
from webapp.steps.persona.sentences import (
    Sentence,
    Translate,
    WriteNumber,
    as_counted,
    as_written,
    paragraph_of,
    sentence,
    words_of,
)

# The names under which an analysis may list a profile, beside the platforms' own.
PROFILE_NAMES = {
    "x": "twitter",
    "x.com": "twitter",
    "x (twitter)": "twitter",
    "twitter/x": "twitter",
}

Suggestion = tuple[Any, Sentence]


def prefill(
    analysis: Mapping[str, Any] | None,
    business: Mapping[str, Any] | None,
    translate: Translate = as_written,
    number: WriteNumber = as_counted,
    writer: Evidence | None = None,
) -> tuple[dict[str, Any], dict[str, str]]:
    """Suggested values of the persona form, and for each a sentence on where it came from.

    Only what has a basis is suggested: a field that is not in the values has none. The values
    keep the form's lengths. `writer`: what was read out of the two already.
    """
    writer = writer or read_evidence({}, analysis, business)
    found = {
        "persona_name": _name(writer, analysis, business, translate),
        "tone": _tone(writer),
        "audience": _audience(writer, analysis, business, translate),
        "voice_description": _voice(writer, translate, number),
        "selected_platforms": _platforms(writer, analysis),
    }
    values = {field: made[0] for field, made in found.items() if made}
    origins = {field: words_of(made[1], translate, number) for field, made in found.items() if made}
    return values, origins


def basis_sentence(
    analysis: Mapping[str, Any] | None,
    business: Mapping[str, Any] | None,
    translate: Translate = as_written,
    number: WriteNumber = as_counted,
) -> str:
    """What a persona built now would rest on, in a sentence or two."""
    return basis_of(read_evidence({}, analysis, business), translate, number)


def basis_of(writer: Evidence, translate: Translate, number: WriteNumber) -> str:
    """The same, of what was read out of the two already."""
    described = "description" if writer.source == "business_description" else "answers"
    values = {"site": writer.site, "words": writer.words, "pages": writer.pages}
    if writer.measured:
        code = "basis_site" if not writer.pages else "basis_page"
        said = [sentence("basis_pages" if writer.pages > 1 else code, **values)]
    elif writer.state == "none":
        said = [sentence(f"basis_{described}")]
    elif writer.state == "running":
        said = [sentence("basis_running", **values), sentence(f"basis_until_then_{described}")]
    elif writer.state == "failed":
        said = [sentence("basis_failed", **values), sentence(f"basis_instead_{described}")]
    else:
        code = "basis_thin" if writer.words else "basis_uncounted"
        said = [
            sentence(code, needed=MIN_WORDS, **values),
            sentence(f"basis_instead_{described}"),
        ]
    return paragraph_of(said, translate, number)


def style_in_sentences(writer: Evidence) -> list[Sentence]:
    """The measured style in short sentences; empty when nothing was measured."""
    said: list[Sentence] = []
    if not writer.measured:
        return said
    if writer.sentence_length is not None:
        said.append(sentence("style_sentences", mean=round(writer.sentence_length)))
    if writer.reading is not None:
        said.append(sentence(f"style_{writer.reading}"))
    if writer.person is not None:
        said.append(sentence(f"style_person_{writer.person}"))
    if (writer.question_share or 0) >= MANY_QUESTIONS:
        said.append(sentence("style_questions"))
    if (writer.exclamation_share or 0) >= MANY_EXCLAMATIONS:
        said.append(sentence("style_exclamations"))
    if writer.language == "en" and (writer.contraction_share or 0) >= MANY_CONTRACTIONS:
        said.append(sentence("style_contractions"))
    if writer.own_words:
        said.append(sentence("style_words", words=", ".join(writer.own_words[:5])))
    return said


def _name(
    writer: Evidence,
    analysis: Mapping[str, Any] | None,
    business: Mapping[str, Any] | None,
    translate: Translate,
) -> Suggestion | None:
    industry = _first(subject((business or {}).get("industry"), 60))
    focus = ""
    if writer.measured:
        focus = _first(subject(section(analysis, "target_audience").get("industry_focus"), 60))
    if industry:
        topic, origin = industry, sentence("from_industry")
    elif focus:
        topic, origin = focus, sentence("from_focus", site=writer.site)
    elif writer.measured and writer.own_words:
        topic, origin = writer.own_words[0], sentence("from_top_word", site=writer.site)
    else:
        return None
    return clean(words_of(sentence("name_suggestion", topic=topic), translate), 80), origin


def _first(topics: str) -> str:
    """The first of several topics: strung together they are no name."""
    return re.split(r"[,;]", topics)[0].strip()


def _tone(writer: Evidence) -> Suggestion | None:
    return (writer.tone, sentence("from_tone", site=writer.site)) if writer.tone else None


def _audience(
    writer: Evidence,
    analysis: Mapping[str, Any] | None,
    business: Mapping[str, Any] | None,
    translate: Translate,
) -> Suggestion | None:
    """The user's own words come before what was derived from the pages."""
    stated = clean((business or {}).get("target_audience"), 500)
    if len(stated) >= 2:
        return stated, sentence("from_stated_audience")
    if not writer.measured:
        return None
    derived = subject(section(analysis, "recommended_settings").get("target_audience"), 500)
    if len(derived) < 2:
        derived = subject(section(analysis, "target_audience").get("demographics"), 500)
    if len(derived) < 2:
        return None
    said = audience_in_words(derived, translate)
    return said[:1].upper() + said[1:], sentence("from_audience", site=writer.site)


def _voice(writer: Evidence, translate: Translate, number: WriteNumber) -> Suggestion | None:
    said = style_in_sentences(writer)
    if not said:
        return None
    text = clean(paragraph_of(said, translate, number), 1000)
    return text, sentence("from_style", site=writer.site)


def _platforms(writer: Evidence, analysis: Mapping[str, Any] | None) -> Suggestion | None:
    crawl = section(analysis, "crawl_result")
    names = {
        str(name).strip().lower() for name, url in section(crawl, "social_media").items() if url
    }
    linked = {PROFILE_NAMES.get(name, name) for name in names} & PLATFORMS.keys()
    feeds = crawl.get("feeds")
    blog = isinstance(feeds, list | tuple) and len(feeds) > 0
    together = [code for code in PLATFORMS if code in linked or (blog and code == "blog")]
    if not together:
        return None
    if linked and blog:
        origin = "from_profiles_and_feed"
    else:
        origin = "from_profiles" if linked else "from_feed"
    return together, sentence(origin, site=writer.site)
