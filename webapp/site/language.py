"""The language of a text, as an ISO 639-1 code."""

import re
from collections.abc import Sequence

from webapp.site import prose
from webapp.site.vocabulary import LANGUAGES

# Fewer words than this say little about their language.
_ENOUGH_WORDS = 20
# Of running text, about half are function words. What the page says needs less of them to be
# believed than a text that contradicts it; Catalan has a good part of the Spanish ones.
_AGREES = 0.25
_SPEAKS_FOR_ITSELF = 0.40


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
    import py3langid

    found, _ = py3langid.classify(sample)
    if found == said:
        return said
    if said is None:
        return found if _is_sure(sample, found) else None
    # Norwegian, Malay and their like are told apart by luck: keep what the page says.
    return found if _is_sure(sample, found) and not _near(found, said) else said


def _primary(tag: str | None) -> str | None:
    match = re.match(r"\s*([a-zA-Z]{2})(?:[-_]|\s*$)", tag or "")
    return match[1].lower() if match else None


def _plain_language(words: Sequence[str], said: str | None) -> str | None:
    """The one of our languages that a text plainly speaks, by its function words.

    Cheap, and spares loading a model of a hundred megabytes for most pages.
    """
    shares = {
        code: sum(word in vocabulary.stop for word in words) / len(words)
        for code, vocabulary in LANGUAGES.items()
    }
    best = max(shares, key=lambda code: shares[code])
    share = shares.pop(best)
    needed = _AGREES if best == said else _SPEAKS_FOR_ITSELF
    return best if share >= needed and share > 1.5 * max(shares.values()) else None


def _is_sure(sample: str, found: str) -> bool:
    """Whether halves of the text speak the same language as the whole."""
    import py3langid

    half = len(sample) // 2
    return all(py3langid.classify(part)[0] == found for part in (sample[:half], sample[half:]))


_FAMILIES = (
    {"no", "nb", "nn", "da"},
    {"ms", "id"},
    {"hr", "sr", "bs", "sh"},
    {"gl", "pt"},
    {"he", "iw"},
)


def _near(one: str, other: str) -> bool:
    return any(one in family and other in family for family in _FAMILIES)
