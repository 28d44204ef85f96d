"""What is known about a writer, read out of an analysis, a business description and answers.

Everything that comes in was stored earlier or typed by somebody, so it is read with care: a
number outside its unit's range counts as not measured, a text is cut to a length and cleared of
control characters (PostgreSQL's JSONB refuses NUL). What is not known is None, never a default.
"""

import math
import unicodedata
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from webapp.site.prose import words as words_of
from webapp.steps.persona.words import Language, guess_language, telling_among

# Under this many words an analysis counts as "not enough text".
MIN_WORDS = 150

# From informal to formal. The distance of two tones is the number of places between them.
TONES = ("Casual", "Conversational", "Professional", "Technical", "Academic")

# Words that name one of the five tones in another way.
TONE_SYNONYMS = {
    "informal": "Casual",
    "friendly": "Casual",
    "playful": "Casual",
    "warm": "Conversational",
    "personal": "Conversational",
    "formal": "Professional",
    "business": "Professional",
    "corporate": "Professional",
    "expert": "Technical",
    "scholarly": "Academic",
    "scientific": "Academic",
}

# A writer speaks as "I"/"we", or to "you", from this share of all words on. A plain instruction
# sheet has "you" in about every third sentence of 15 words, which is 2 in 100 words.
PERSON_SHARE = 0.015
# Spanish, Italian and Portuguese leave most pronouns to the verb's ending: half is as telling.
PERSON_SHARE_IN_THE_VERB = 0.0075
IN_THE_VERB = ("es", "it", "pt")
MANY_QUESTIONS = 0.08  # of all sentences
FEW_QUESTIONS = 0.03
MANY_EXCLAMATIONS = 0.10
FEW_EXCLAMATIONS = 0.01
MANY_CONTRACTIONS = 0.01  # of all words
FEW_CONTRACTIONS = 0.002

# Flesch's bands: from 70 "fairly easy", under 50 "difficult". The adaptations to Spanish, German,
# French, Portuguese and Italian keep the scale from 0 (hard) to 100 (easy).
EASY_FROM = 70.0
DIFFICULT_UNDER = 50.0
EASE_FORMULAS = ("flesch", "amstad", "huerta", "szigriszt", "kandel", "vacca", "gulpease")

Source = Literal["website", "business_description", "answers"]
State = Literal["measured", "thin", "running", "failed", "none"]
Reading = Literal["easy", "plain", "difficult"]
Person = Literal["reader", "writer", "both", "impersonal"]

_NOTHING_SAID = {"", "general", "unknown", "none", "not measured", "not known", "other", "n/a"}


def clean(value: object, limit: int) -> str:
    """`value` as one line of at most `limit` characters; '' for what is no text."""
    if not isinstance(value, str):
        return ""
    kept = value[: limit * 4]  # what lies far beyond the limit need not be looked at
    if not kept.isprintable():
        kept = "".join(
            " " if unicodedata.category(letter) in ("Cc", "Zl", "Zp") else letter
            for letter in kept
            if unicodedata.category(letter) != "Cs"
        )
    line = " ".join(kept.split())
    if len(line) <= limit:
        return line
    return line[: limit - 1].rstrip() + "…"


def number(value: object, low: float, high: float) -> float | None:
    """`value` as a float when it is a number between `low` and `high`, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not low <= value <= high or not math.isfinite(value):
        return None
    return float(value)


def section(container: object, key: str) -> Mapping[str, Any]:
    """The dict under `key`; an empty one when there is none."""
    value = container.get(key) if isinstance(container, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def strings(value: object, count: int, limit: int) -> list[str]:
    """The first `count` different texts of a list; an item may be [text, …] or {word: text}."""
    found: list[str] = []
    for item in value if isinstance(value, list | tuple) else ():
        if isinstance(item, Mapping):
            item = item.get("word") or item.get("phrase")
        elif isinstance(item, list | tuple):
            item = item[0] if item else None
        text = clean(item, limit)
        if text and text not in found:
            found.append(text)
            if len(found) == count:
                break
    return found


def subject(value: object, limit: int) -> str:
    """A text (or the first of a list of texts) that says something; '' for "General" and such."""
    if isinstance(value, list | tuple):
        value = next(iter(value), None)
    text = clean(value, limit)
    return "" if text.lower() in _NOTHING_SAID else text


def known_tone(value: object) -> str | None:
    """The one of the five tones that `value` names, or None."""
    name = clean(value, 40).lower()
    for tone in TONES:
        if name == tone.lower():
            return tone
    return TONE_SYNONYMS.get(name)


def tone_distance(one: str, other: str) -> int:
    """Places between two tones: 0 the same, 1 neighbours, 4 Casual and Academic."""
    return abs(TONES.index(one) - TONES.index(other))


def site_name(analysis: Mapping[str, Any] | None) -> str:
    """The host of the analysed address without "www.", or "your website"."""
    if not analysis:
        return "your website"
    address = clean(analysis.get("website_url"), 500)
    try:
        host = urlsplit(address if "//" in address else f"//{address}").hostname or ""
    except ValueError:
        host = ""
    host = clean(host.removeprefix("www."), 100)
    return host or "your website"


class Evidence(NamedTuple):
    """What is known. Shares run from 0 to 1; lengths are in words; None is "not measured"."""

    source: Source
    state: State
    site: str
    words: int  # found on the site, also when too few to measure
    pages: int
    language: Language | None
    description: str
    description_words: int
    sentence_length: float | None = None
    sentence_spread: float | None = None
    paragraph_length: float | None = None
    readability_score: float | None = None
    readability_formula: str | None = None
    readability_band: str | None = None
    lexical_diversity: float | None = None
    long_word_share: float | None = None
    question_share: float | None = None
    exclamation_share: float | None = None
    first_person_share: float | None = None
    second_person_share: float | None = None
    contraction_share: float | None = None
    tone: str | None = None
    vocabulary_level: str | None = None
    own_words: tuple[str, ...] = ()
    own_phrases: tuple[str, ...] = ()

    @property
    def measured(self) -> bool:
        """Whether enough of the writer's own text was measured."""
        return self.state == "measured"

    @property
    def reading(self) -> Reading | None:
        """How hard the text is, by the band's name, else by the score on an ease scale."""
        band = (self.readability_band or "").lower()
        if "easy" in band or "simple" in band:
            return "easy"
        if "fairly" in band or "standard" in band or "plain" in band:
            return "plain"
        if "difficult" in band or "hard" in band or "complex" in band:
            return "difficult"
        formula = (self.readability_formula or "").lower()
        if self.readability_score is None or not any(name in formula for name in EASE_FORMULAS):
            return None
        if self.readability_score >= EASY_FROM:
            return "easy"
        return "difficult" if self.readability_score < DIFFICULT_UNDER else "plain"

    @property
    def person(self) -> Person | None:
        """Whom the text speaks as and to. The weaker of two habits counts from half the other."""
        first, second = self.first_person_share, self.second_person_share
        if first is None or second is None:
            return None
        enough = PERSON_SHARE_IN_THE_VERB if self.language in IN_THE_VERB else PERSON_SHARE
        strong = max(first, second)
        if strong < enough:
            return "impersonal"
        if min(first, second) >= max(enough, strong / 2):
            return "both"
        return "reader" if second > first else "writer"


def read_evidence(
    answers: Mapping[str, Any],
    analysis: Mapping[str, Any] | None,
    business: Mapping[str, Any] | None,
) -> Evidence:
    """Everything the persona may rest on. A website with enough text comes before a description."""
    measures = section(analysis, "measures")
    words = int(number(measures.get("word_count"), 0, 10**9) or 0)
    pages = int(number((analysis or {}).get("pages_read"), 0, 10**6) or 0)
    description = clean((business or {}).get("business_description"), 1000)
    state = _state(analysis, measures, words)
    about: dict[str, Any] = {
        "state": state,
        "site": site_name(analysis),
        "words": words,
        "pages": pages,
        "description": description,
        "description_words": len(description.split()),
    }
    if state != "measured":
        described = words_of(description)
        voice = clean(answers.get("voice_description"), 1000)
        audience = clean(answers.get("audience"), 500)
        return Evidence(
            source="business_description" if description else "answers",
            language=guess_language([*described, *words_of(voice), *words_of(audience)]),
            own_words=tuple(telling_among(described)),
            **about,
        )
    return Evidence(
        **about,
        source="website",
        language=_language((analysis or {}).get("language")),
        sentence_length=number(measures.get("average_sentence_length"), 1, 1000),
        sentence_spread=number(measures.get("sentence_length_spread"), 0, 1000),
        paragraph_length=number(measures.get("average_paragraph_length"), 0.1, 100_000),
        readability_score=number(measures.get("readability_score"), -10_000, 10_000),
        readability_formula=clean(measures.get("readability_formula"), 80) or None,
        readability_band=clean(measures.get("readability_band"), 40) or None,
        lexical_diversity=number(measures.get("lexical_diversity"), 0, 1),
        long_word_share=number(measures.get("long_word_share"), 0, 1),
        question_share=number(measures.get("question_share"), 0, 1),
        exclamation_share=number(measures.get("exclamation_share"), 0, 1),
        first_person_share=number(measures.get("first_person_share"), 0, 1),
        second_person_share=number(measures.get("second_person_share"), 0, 1),
        contraction_share=number(measures.get("contraction_share"), 0, 1),
        tone=known_tone(section(analysis, "recommended_settings").get("writing_tone"))
        or known_tone(section(analysis, "writing_style").get("tone")),
        vocabulary_level=clean(
            section(analysis, "content_characteristics").get("vocabulary_level"), 60
        )
        or None,
        own_words=tuple(strings(measures.get("top_words"), 12, 40)),
        own_phrases=tuple(
            strings(
                section(section(analysis, "style_patterns"), "patterns").get("transition_phrases"),
                6,
                60,
            )
        ),
    )


def _state(analysis: Mapping[str, Any] | None, measures: Mapping[str, Any], words: int) -> State:
    """Measures of the same address that an earlier reading left count while it is read again."""
    if not analysis:
        return "none"
    if words >= MIN_WORDS:
        return "measured"
    if analysis.get("status") in ("queued", "in_progress"):
        return "running"
    if analysis.get("status") == "failed":
        return "failed"
    return "thin"


def _language(value: object) -> Language | None:
    code = clean(value, 20).lower().replace("_", "-").split("-")[0]
    return code or None
