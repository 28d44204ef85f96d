"""What can be counted in a text: the measures of an analysis.

Everything here is a count or follows from counts by a published formula. A value that cannot
be measured, or that so little text would not carry, is None.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

from webapp.site import attitude, frequency, prose
from webapp.site.methods import rests_on
from webapp.site.syllables import COUNTED, count_syllables
from webapp.site.vocabulary import LANGUAGES, WITHOUT_SPACES, Vocabulary

ENOUGH_WORDS = 150
"""Under this, readability and diversity swing by chance more than by style."""

DIVERSITY_WINDOW = 100
LONG_WORD_LETTERS = 7
"""A long word has more than six letters: Björnsson's LIX (1968)."""

HISTOGRAM_STEP = 5
HISTOGRAM_LAST = 41


class Formula(NamedTuple):
    """A readability formula on the scale of Flesch: higher is easier."""

    name: str
    score: Callable[[float, float], float]
    """From words a sentence and syllables a word."""
    bands: tuple[tuple[float, str], ...]
    """Lowest score of each band, best first."""


# Flesch, "A new readability yardstick", Journal of Applied Psychology 32 (1948).
_FLESCH_BANDS = (
    (90.0, "very easy"),
    (80.0, "easy"),
    (70.0, "fairly easy"),
    (60.0, "standard"),
    (50.0, "fairly difficult"),
    (30.0, "difficult"),
    (-math.inf, "very difficult"),
)
# INFLESZ: Barrio-Cantalejo et al., Anales del Sistema Sanitario de Navarra 31 (2008).
_INFLESZ_BANDS = (
    (80.0, "very easy"),
    (65.0, "fairly easy"),
    (55.0, "standard"),
    (40.0, "fairly difficult"),
    (-math.inf, "very difficult"),
)
# Martins, Ghiraldelo, Nunes, Oliveira, "Readability formulas applied to textbooks in Brazilian
# Portuguese", ICMC-USP (1996).
_MARTINS_BANDS = (
    (75.0, "very easy"),
    (50.0, "easy"),
    (25.0, "difficult"),
    (-math.inf, "very difficult"),
)

FORMULAS = {
    "en": Formula(
        "Flesch Reading Ease (1948)", lambda w, s: 206.835 - 1.015 * w - 84.6 * s, _FLESCH_BANDS
    ),
    "es": Formula("Szigriszt-Pazos (1993)", lambda w, s: 206.835 - w - 62.3 * s, _INFLESZ_BANDS),
    "de": Formula("Flesch, Amstad (1978)", lambda w, s: 180 - w - 58.5 * s, _FLESCH_BANDS),
    "fr": Formula(
        "Flesch, Kandel-Moles (1958)", lambda w, s: 207 - 1.015 * w - 73.6 * s, _FLESCH_BANDS
    ),
    "it": Formula("Flesch, Franchina-Vacca (1986)", lambda w, s: 206 - w - 65 * s, _FLESCH_BANDS),
    "pt": Formula(
        "Flesch, Martins et al. (1996)", lambda w, s: 248.835 - 1.015 * w - 84.6 * s, _MARTINS_BANDS
    ),
}
"""The formula of each language, with author and year."""


def measure(text: str | Sequence[str], language: str | None) -> dict[str, Any]:
    """Measure a text (or its paragraphs) written in `language` (ISO 639-1, None if unknown).

    Lengths are in words; every `..._share` is from 0 to 1: of sentences for questions,
    exclamations and passive, of words for the others. `enough_text` is False under
    `ENOUGH_WORDS`; readability and diversity are None then. `lexical_diversity` is the mean
    type-token ratio of all windows of `mattr_window` words (MATTR, Covington and McFall 2010).
    `passive_share`, `hedge_share` and `certainty_share` are estimates. `rests_on`: measure -> the
    amount of text behind it; how each is computed stands in `methods.METHODS`. JSON-serialisable.
    """
    language = language if language != "" else None
    parts = _paragraphs(text)
    found = [prose.sentences(part, language) for part in parts]
    vocabulary = LANGUAGES.get(language or "")
    sentences = [sentence for paragraph in found for sentence in paragraph]
    if language in WITHOUT_SPACES:
        return _resting(
            _nothing(language)
            | {
                "sentence_count": len(sentences),
                "paragraph_count": len(parts),
                "question_share": _share(map(_is_question, sentences), len(sentences)),
                "exclamation_share": _share(map(_is_exclamation, sentences), len(sentences)),
            }
        )
    counted = [(sentence, prose.words(sentence)) for sentence in sentences]
    counted = [(sentence, words) for sentence, words in counted if words]
    lengths = [len(words) for _, words in counted]
    total = sum(lengths)
    result = _nothing(language) | {
        "word_count": total,
        "sentence_count": len(counted),
        "paragraph_count": len(parts),
    }
    if not total:
        return _resting(result)

    lower = [[word.lower() for word in words] for _, words in counted]
    lettered = [word for words in lower for word in words if not word[0].isdigit()]
    mean = total / len(lengths)
    result |= {
        "enough_text": total >= ENOUGH_WORDS,
        "average_sentence_length": round(mean, 1),
        "sentence_length_spread": round(_spread(lengths, mean), 1),
        "shortest_sentence": min(lengths),
        "longest_sentence": max(lengths),
        "sentence_length_histogram": _histogram(lengths),
        "average_paragraph_length": round(total / max(1, len(parts)), 1),
        "long_word_share": _share(
            (len(word.replace("'", "").replace("-", "")) >= LONG_WORD_LETTERS for word in lettered),
            total,
        ),
        "question_share": _share((_is_question(s) for s, _ in counted), len(counted)),
        "exclamation_share": _share((_is_exclamation(s) for s, _ in counted), len(counted)),
        "type_token_ratio": round(len(set(lettered)) / max(1, len(lettered)), 3),
        "number_share": _share((word[0].isdigit() for words in lower for word in words), total),
    }
    result["sample_sentences"] = _samples(counted, mean)
    result |= _emoji(parts, len(counted))
    if vocabulary and language:
        result |= _of_vocabulary(counted, lower, vocabulary, language, total)
    if result["enough_text"]:
        result["lexical_diversity"] = _moving_diversity(lettered)
    if language in COUNTED:
        syllables = sum(count_syllables(word, language) for word in lettered)
        result["syllable_count"] = syllables
        if lettered:
            result["average_syllables"] = round(syllables / len(lettered), 3)
        if result["enough_text"] and lettered:
            result |= _readability(language, mean, syllables / len(lettered))
    return _resting(result)


def _resting(result: dict[str, Any]) -> dict[str, Any]:
    return result | {"rests_on": rests_on(result)}


def _nothing(language: str | None) -> dict[str, Any]:
    """Every key of the measures, with nothing measured."""
    formula = FORMULAS.get(language or "")
    return {
        "language": language,
        "enough_text": False,
        "word_count": None,
        "sentence_count": None,
        "paragraph_count": None,
        "syllable_count": None,
        "average_syllables": None,
        "average_sentence_length": None,
        "sentence_length_spread": None,
        "shortest_sentence": None,
        "longest_sentence": None,
        "average_paragraph_length": None,
        "readability_score": None,
        "readability_formula": formula.name if formula else None,
        "readability_band": None,
        "lexical_diversity": None,
        "mattr_window": DIVERSITY_WINDOW,
        "type_token_ratio": None,
        "long_word_share": None,
        "question_share": None,
        "exclamation_share": None,
        "first_person_share": None,
        "i_share": None,
        "we_share": None,
        "second_person_share": None,
        "contraction_share": None,
        "passive_share": None,
        "transition_phrases": None,
        "transition_share": None,
        "hedge_share": None,
        "certainty_share": None,
        "emoji_count": None,
        "emoji_share": None,
        "number_share": None,
        "top_words": None,
        "recurring_phrases": None,
        "sample_sentences": None,
        "sentence_length_histogram": None,
        "heading_count": None,
        "heading_distance": None,
        "list_item_count": None,
        "call_count": None,
        "rests_on": {},
    }


def _paragraphs(text: str | Sequence[str]) -> list[str]:
    pieces = [text] if isinstance(text, str) else text
    return [part for piece in pieces for part in prose.paragraphs(piece) if prose.words(part)]


def _share(hits: Iterable[bool], total: int) -> float | None:
    return round(sum(map(bool, hits)) / total, 4) if total else None


def _ending(sentence: str) -> str:
    """The marks at the end of a sentence: from its last letter or digit on."""
    end = sentence[-12:]
    for place in range(len(end), 0, -1):
        if end[place - 1].isalnum():
            return end[place:]
    return end


_QUESTION_MARKS = frozenset("?\uff1f\u061f")


def _is_question(sentence: str) -> bool:
    return not _QUESTION_MARKS.isdisjoint(_ending(sentence))


def _is_exclamation(sentence: str) -> bool:
    marks = [mark for mark in _ending(sentence) if mark in "!?\uff01\uff1f"]
    return bool(marks) and marks[-1] in "!\uff01"


# A picture sign with what changes it: skin tone, variant, joined signs; two letters for a flag. The
# trade mark and its like are text.
_EMOJI = re.compile(
    "[\U0001f1e6-\U0001f1ff]{2}"
    "|(?:[0-9#*]\ufe0f?\u20e3)"
    "|(?:[\U0001f300-\U0001f5ff\U0001f600-\U0001f64f\U0001f680-\U0001f6ff\U0001f7e0-\U0001f7eb"
    "\U0001f900-\U0001f9ff\U0001fa70-\U0001faff\u2600-\u26ff\u2728\u2705\u270a-\u270d\u274c"
    "\u2753-\u2757\u2763\u2764\u2795-\u2797\u2b50\u2b55\u231a\u231b\u23e9-\u23f3]"
    "[\ufe0f\U0001f3fb-\U0001f3ff]*"
    "(?:\u200d[\U0001f300-\U0001faff\u2600-\u27bf]\ufe0f?[\U0001f3fb-\U0001f3ff]?)*)"
)


def _emoji(paragraphs: Sequence[str], sentences: int) -> dict[str, Any]:
    count = sum(len(_EMOJI.findall(part)) for part in paragraphs if not part.isascii())
    return {
        "emoji_count": count,
        "emoji_share": round(min(1.0, count / sentences), 4) if sentences else None,
    }


def _spread(lengths: Sequence[int], mean: float) -> float:
    """The standard deviation of the sentences of this text (all of them, not a sample)."""
    return math.sqrt(sum((length - mean) ** 2 for length in lengths) / len(lengths))


def _histogram(lengths: Sequence[int]) -> list[dict[str, int | None]]:
    bins: list[dict[str, int | None]] = []
    for low in range(1, HISTOGRAM_LAST, HISTOGRAM_STEP):
        high = low + HISTOGRAM_STEP - 1
        count = sum(low <= length <= high for length in lengths)
        bins.append({"from": low, "to": high, "count": count})
    over = sum(length >= HISTOGRAM_LAST for length in lengths)
    bins.append({"from": HISTOGRAM_LAST, "to": None, "count": over})
    return bins


def _moving_diversity(words: Sequence[str]) -> float | None:
    size = DIVERSITY_WINDOW
    if len(words) < size:
        return None
    window = Counter(words[:size])
    kinds = total = len(window)
    for position in range(size, len(words)):
        leaving, coming = words[position - size], words[position]
        window[leaving] -= 1
        if window[leaving] == 0:
            del window[leaving]
        window[coming] += 1
        kinds = len(window)
        total += kinds
    return round(total / (len(words) - size + 1) / size, 3)


def _readability(language: str, words: float, syllables: float) -> dict[str, Any]:
    formula = FORMULAS[language]
    score = round(formula.score(words, syllables), 1)
    band = next(name for lowest, name in formula.bands if score >= lowest)
    return {"readability_score": score, "readability_band": band}


def _of_vocabulary(
    counted: Sequence[tuple[str, list[str]]],
    lower: Sequence[list[str]],
    vocabulary: Vocabulary,
    language: str,
    total: int,
) -> dict[str, Any]:
    alone = first = second = short = 0
    singular = FIRST_SINGULAR[language]
    first_words, second_words = vocabulary.first_person, vocabulary.second_person
    polite, contraction = vocabulary.second_person_capital, vocabulary.contractions
    for (_, words), low in zip(counted, lower, strict=True):
        for word in low:
            bare = word
            if "'" in word:
                if contraction and contraction.fullmatch(word):
                    short += 1
                elif not contraction:
                    # French and Italian run the person into the next word: "j'ai", "m'a".
                    bare = word.partition("'")[0] + "'"
            first += bare in first_words
            alone += bare in singular
            second += bare in second_words
        if polite:
            # "Sie" at the start of a sentence may be "she" or "they"; later it is "you".
            second += sum(word in polite for word in words[1:])
    texts = [_plain(sentence) for sentence, _ in counted]
    joined = [_transitions(text, vocabulary) for text in texts]
    transitions = Counter(phrase for phrases in joined for phrase in phrases)
    passive = vocabulary.passive
    hedges = attitude.pattern(attitude.HEDGES[language])
    certainty = attitude.pattern(attitude.CERTAINTY[language])
    return {
        "first_person_share": round(first / total, 4),
        "i_share": round(alone / total, 4),
        "we_share": round((first - alone) / total, 4),
        "second_person_share": round(second / total, 4),
        "contraction_share": round(short / total, 4) if contraction else None,
        "passive_share": _share((passive.search(t) is not None for t in texts), len(texts))
        if passive
        else None,
        "transition_phrases": [
            {"phrase": phrase, "count": count}
            for phrase, count in sorted(transitions.items(), key=lambda item: (-item[1], item[0]))
        ][:12],
        "transition_share": _share(map(bool, joined), len(joined)),
        "hedge_share": _share((hedges.search(t) is not None for t in texts), len(texts)),
        "certainty_share": _share((certainty.search(t) is not None for t in texts), len(texts)),
        "top_words": _top_words(counted, lower, vocabulary, language, total),
        "recurring_phrases": _recurring(lower, vocabulary),
    }


def _plain(sentence: str) -> str:
    return sentence.lower().replace("\u2019", "'")


@cache
def _transition_pattern(phrases: tuple[str, ...]) -> re.Pattern[str]:
    # A single word joins thoughts only where a clause begins: "Then we left", not "since then".
    longest_first = sorted(phrases, key=len, reverse=True)
    single = "|".join(re.escape(phrase) for phrase in longest_first if " " not in phrase)
    several = "|".join(re.escape(phrase) for phrase in longest_first if " " in phrase)
    clause_start = r"(?:^[^\w]*|[,;:\u2014\u2013]\s+)"
    return re.compile(rf"{clause_start}(?P<one>{single})(?!\w)|\b(?P<more>{several})(?!\w)")


def _transitions(text: str, vocabulary: Vocabulary) -> list[str]:
    pattern = _transition_pattern(vocabulary.transitions)
    return [match["one"] or match["more"] for match in pattern.finditer(text)]


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


FIRST_SINGULAR = {
    "en": _set("i i'd i'll i'm i've me my mine myself"),
    "es": _set("yo me mi mí mis mío mía míos mías conmigo"),
    "de": _set("ich mich mir mein meine meinem meinen meiner meines"),
    "fr": _set("je j' me m' moi mon ma mes mien mienne miens miennes"),
    "pt": _set("eu me mim meu minha meus minhas comigo"),
    "it": _set("io me mi mio mia miei mie"),
}
"""Of the first person, the words for the writer alone."""

_PLURALS = {"en": ("s", "es"), "es": ("s", "es"), "pt": ("s",), "fr": ("s",)}


def _top_words(
    counted: Sequence[tuple[str, list[str]]],
    lower: Sequence[list[str]],
    vocabulary: Vocabulary,
    language: str,
    total: int,
) -> list[dict[str, Any]]:
    """The words that come back, and come back more often than in general texts of the language.

    `score` is the log-likelihood of that (Dunning 1993). Written as they mostly are in the middle
    of sentences, so that German nouns keep their capital. Plurals in -s are counted with their
    singular.
    """
    dull = vocabulary.stop | vocabulary.common
    counts: Counter[str] = Counter()
    written: dict[str, Counter[str]] = {}
    for (_, words), low in zip(counted, lower, strict=True):
        for position, (word, small) in enumerate(zip(words, low, strict=True)):
            if len(small) < 4 or small in dull or small[0].isdigit():
                continue
            if "'" in small:
                head, _, tail = small.rpartition("'")
                # "gardener's", "l'eau", "dell'acqua": the telling part is the longer one.
                keep_head = len(head) >= len(tail)
                small = head if keep_head else tail
                word = word.rpartition("'")[0 if keep_head else 2]
                if len(small) < 4 or small in dull or "'" in small:
                    continue
            counts[small] += 1
            written.setdefault(small, Counter())[word] += 3 if position else 1
    for plural in [word for word in counts if word.endswith("s")]:
        for ending in _PLURALS.get(language, ()):
            singular = plural.removesuffix(ending)
            if singular != plural and counts.get(singular):
                counts[singular] += counts.pop(plural)
                break
    for word in list(counts):
        if word + "s" in dull or (word.endswith("s") and word[:-1] in dull):
            del counts[word]
    scored = [
        (_keyness(count, frequency.share(word, language) * total), count, word)
        for word, count in counts.items()
        if count > 1
    ]
    telling = [entry for entry in scored if entry[0] > 0]
    telling.sort(key=lambda entry: (-entry[0], -entry[1], -len(entry[2]), entry[2]))
    return [
        {
            "word": written[word].most_common(1)[0][0][:60],
            "count": count,
            "score": round(score, 1),
        }
        for score, count, word in telling[:15]
    ]


def _keyness(seen: int, expected: float) -> float:
    """Log-likelihood that a word is more frequent than expected; 0 when it is not."""
    if seen <= expected:
        return 0.0
    return 2 * (seen * math.log(seen / expected) - (seen - expected))


_MOST_SAMPLES = 12
_LONGEST_SAMPLE = 300


def _samples(counted: Sequence[tuple[str, list[str]]], mean: float) -> list[dict[str, Any]]:
    """Real sentences over the whole range of lengths: the shortest, the longest, some between,
    some near the mean, one that asks and one that exclaims. `url` is for whoever knows the page."""
    lengths = {
        sentence: len(words)
        for sentence, words in counted
        if len(sentence) <= _LONGEST_SAMPLE and len(words) >= 3
    }
    ranked = sorted(lengths, key=lambda sentence: lengths[sentence])
    if not ranked:
        return []
    near = sorted(ranked, key=lambda sentence: abs(lengths[sentence] - mean))[:3]
    asks = [sentence for sentence in ranked if _is_question(sentence)][:1]
    exclaims = [sentence for sentence in ranked if _is_exclamation(sentence)][:1]
    steps = _MOST_SAMPLES - 6
    spread = [ranked[(len(ranked) - 1) * step // steps] for step in range(steps + 1)]
    chosen = list(dict.fromkeys([*spread, *near, *asks, *exclaims]))[:_MOST_SAMPLES]
    return [
        {"text": sentence, "words": lengths[sentence], "url": None}
        for sentence in sorted(chosen, key=lambda sentence: lengths[sentence])
    ]


_LONGEST_PHRASE = 5
_MOST_WORDS_FOR_PHRASES = 60_000


def _recurring(lower: Sequence[list[str]], vocabulary: Vocabulary) -> list[dict[str, Any]]:
    """Phrases of two to five words that come back three times or more, the telling ones first.

    A phrase that stands nearly always within a longer one gives way to it.
    """
    counts: Counter[tuple[str, ...]] = Counter()
    stop = vocabulary.stop
    taken = 0
    for words in lower:
        taken += len(words)
        if taken > _MOST_WORDS_FOR_PHRASES:
            break
        edges = [word not in stop and not word[0].isdigit() and len(word) > 1 for word in words]
        for start, begins in enumerate(edges):
            if begins:
                for end in range(start + 2, min(start + _LONGEST_PHRASE, len(words)) + 1):
                    if edges[end - 1]:
                        counts[tuple(words[start:end])] += 1
    found = {phrase: count for phrase, count in counts.items() if count >= 3}
    for longer in sorted(found, key=len, reverse=True):
        for size in range(2, len(longer)):
            for start in range(len(longer) - size + 1):
                part = longer[start : start + size]
                if longer in found and part in found and found[part] <= 1.25 * found[longer]:
                    del found[part]
    telling = sorted(found.items(), key=lambda item: (-item[1] * len(item[0]), item[0]))
    return [{"phrase": " ".join(phrase)[:120], "count": count} for phrase, count in telling[:10]]
