"""The language of a text, as an ISO 639-1 code.

Scripts that one language alone uses tell at once; among the others the function words do, of which
every second or third word of running text is one. That needs no model in memory.
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache

from webapp.site import prose
from webapp.site.frequency import NAMES, ranks
from webapp.site.vocabulary import LANGUAGES

# Fewer words than this say little about their language.
_ENOUGH_WORDS = 20
# Of running text, about half are function words. What the page says needs less of them to be
# believed than a text that contradicts it; Catalan has a good part of the Spanish ones.
_AGREES = 0.25
_SPEAKS_FOR_ITSELF = 0.40
# The same among all languages, by the most frequent words of each.
_MOST_FREQUENT = 200
_KNOWN_BY = 0.20
_AHEAD_OF_THE_NEXT = 1.15


def detect(html_lang: str | None, text: str | Sequence[str]) -> str | None:
    """Return the language of `text`, or None when neither it nor the page tells.

    `html_lang` is what the page says of itself. It is believed unless the text clearly speaks
    another language: templates often say "en" whatever is written in them.
    """
    said = _primary(html_lang)
    sample = (text if isinstance(text, str) else "\n".join(text))[:20_000]
    words = [word.lower() for word in prose.words(sample)]
    if len(words) >= _ENOUGH_WORDS and (said is None or said in LANGUAGES):
        plain = _plain_language(words, said)
        if plain:
            return plain
    letters = sum(character.isalpha() for character in sample)
    if len(words) < _ENOUGH_WORDS and letters < 60:
        return said
    found = _of_script(sample) or _of_all_languages(words, said)
    if found is None or (said is not None and _near(found, said)):
        return said
    return found


def _primary(tag: str | None) -> str | None:
    match = re.match(r"\s*([a-zA-Z]{2})(?:[-_]|\s*$)", tag or "")
    code = match[1].lower() if match else None
    return {"nb": "no", "iw": "he", "in": "id"}.get(code or "", code)


def _plain_language(words: Sequence[str], said: str | None) -> str | None:
    """The one of our languages that a text plainly speaks, by its function words."""
    shares = {
        code: sum(word in vocabulary.stop for word in words) / len(words)
        for code, vocabulary in LANGUAGES.items()
    }
    best = max(shares, key=lambda code: shares[code])
    share = shares.pop(best)
    needed = _AGREES if best == said else _SPEAKS_FOR_ITSELF
    return best if share >= needed and share > 1.5 * max(shares.values()) else None


# Scripts in which one language is written; for Devanagari and the like, the most common one.
_SCRIPTS = {
    "ja": r"[\u3040-\u30ff]",
    "ko": r"[\uac00-\ud7af\u1100-\u11ff]",
    "th": r"[\u0e00-\u0e7f]",
    "lo": r"[\u0e80-\u0eff]",
    "km": r"[\u1780-\u17ff]",
    "my": r"[\u1000-\u109f]",
    "bo": r"[\u0f00-\u0fff]",
    "he": r"[\u0590-\u05ff]",
    "el": r"[\u0370-\u03ff\u1f00-\u1fff]",
    "hy": r"[\u0530-\u058f]",
    "ka": r"[\u10a0-\u10ff]",
    "bn": r"[\u0980-\u09ff]",
    "pa": r"[\u0a00-\u0a7f]",
    "gu": r"[\u0a80-\u0aff]",
    "ta": r"[\u0b80-\u0bff]",
    "te": r"[\u0c00-\u0c7f]",
    "kn": r"[\u0c80-\u0cff]",
    "ml": r"[\u0d00-\u0d7f]",
    "am": r"[\u1200-\u137f]",
}
_HAN = re.compile(r"[\u4e00-\u9fff]")


def _of_script(sample: str) -> str | None:
    letters = sum(character.isalpha() for character in sample)
    if not letters or sample.isascii():
        return None
    counts = {code: len(re.findall(pattern, sample)) for code, pattern in _SCRIPTS.items()}
    han = len(_HAN.findall(sample))
    # Japanese mixes its own signs with Chinese ones; Chinese uses those alone.
    if han + counts["ja"] > letters / 2:
        return "ja" if counts["ja"] > han / 10 else "zh"
    best = max(counts, key=lambda code: counts[code])
    return best if counts[best] > letters / 2 else None


@cache
def _most_frequent(code: str) -> frozenset[str]:
    return frozenset(
        word for word, rank in ranks(code).items() if rank <= _MOST_FREQUENT and word.isalpha()
    )


def _of_all_languages(words: Sequence[str], said: str | None) -> str | None:
    """The language whose most frequent words make up most of the text, if it is clearly ahead."""
    counted = Counter(words)
    shares = {
        code: sum(n for word, n in counted.items() if word in _most_frequent(code)) / len(words)
        for code in NAMES
    }
    best = max(shares, key=lambda code: shares[code])
    if said in shares and shares[said] >= 0.8 * shares[best] and shares[said] >= _KNOWN_BY:
        return said
    rivals = [share for code, share in shares.items() if code != best and not _near(code, best)]
    if shares[best] < _KNOWN_BY or shares[best] < _AHEAD_OF_THE_NEXT * max(rivals):
        return None
    return best


_FAMILIES = (
    {"no", "nb", "nn", "da"},
    {"ms", "id", "jv"},
    {"hr", "sr", "bs", "sh"},
    {"gl", "pt"},
    {"cs", "sk"},
    {"bg", "mk"},
    {"nl", "af", "fy"},
    {"hi", "mr", "ne"},
    {"ca", "oc"},
)


def _near(one: str, other: str) -> bool:
    return any(one in family and other in family for family in _FAMILIES)
