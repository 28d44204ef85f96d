"""Sentences of the writer's own that fit the persona, and such that break it, with the reasons."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from webapp.site.prose import words
from webapp.site.vocabulary import LANGUAGES
from webapp.steps.persona.evidence import clean, number, section, strings
from webapp.steps.persona.sentences import Sentence, sentence

MOST = 3
"""Sentences shown of each kind."""

SENTENCE_LIMIT = 300  # characters
FAR_LONGER = 1.2
"""Times the usual longest: only then a sentence counts as breaking the rule of length."""
NEAR_THE_MEAN = 0.35  # of the mean, where the spread is not known
PLAIN_TONES = ("Casual", "Conversational")
STRICT_TONES = ("Technical", "Academic")


class Example(NamedTuple):
    """A sentence as it stands on the site, its words counted, and why it is shown."""

    text: str
    words: int
    reasons: tuple[Sentence, ...]


def choose_examples(
    sentences: object, persona: Mapping[str, Any], hard: int = 25
) -> tuple[list[Example], list[Example]]:
    """(those that fit, those that break it), at most three of each, the most telling first.

    `sentences` are stored samples ({"text", "words"} or plain texts); `persona` is a core persona
    with the user's edits. `hard`: words above which a sentence is hard to read for anybody. A
    sentence for which nothing speaks in either way is in neither list.
    """
    fits: list[Example] = []
    breaks: list[Example] = []
    rules = _Rules(persona, hard)
    for text in _texts(sentences):
        spoken = words(text)
        if not spoken:
            continue
        against = tuple(rules.against(text, spoken))
        if against:
            breaks.append(Example(text, len(spoken), against))
        elif in_favour := tuple(rules.in_favour(spoken)):
            fits.append(Example(text, len(spoken), in_favour))
    mean = rules.mean or 0
    fits.sort(key=lambda one: (-len(one.reasons), abs(one.words - mean)))
    breaks.sort(key=lambda one: (-len(one.reasons), -one.words))
    return fits[:MOST], breaks[:MOST]


class _Rules:
    """What the persona asks of one sentence."""

    def __init__(self, persona: Mapping[str, Any], hard: int) -> None:
        fingerprint = section(persona, "linguistic_fingerprint")
        metrics = section(fingerprint, "sentence_metrics")
        lexical = section(fingerprint, "lexical_features")
        constraints = section(persona, "stylistic_constraints")
        self.hard = hard
        self.mean = number(metrics.get("average_sentence_length_words"), 1, 1000)
        self.low = number(metrics.get("usual_shortest_words"), 1, 1000)
        self.high = number(metrics.get("usual_longest_words"), 1, 1000)
        self.own = {word.lower() for word in strings(lexical.get("go_to_words"), 40, 60)}
        self.avoid = strings(lexical.get("avoid_words"), 40, 60)
        self.tone = section(persona, "tonal_range").get("default_tone")
        self.person = constraints.get("person")
        self.exclamations = constraints.get("exclamation_marks")
        self.contractions = constraints.get("contractions")
        self.vocabulary = LANGUAGES.get(str(fingerprint.get("language") or ""))

    def against(self, text: str, spoken: Sequence[str]) -> Iterable[Sentence]:
        """Why the sentence breaks the persona."""
        count = len(spoken)
        high = self.high
        if high is not None and self.hard >= high and count > FAR_LONGER * high:
            yield sentence("breaks_long", words=count, high=round(high))
        elif count > self.hard:
            yield sentence("breaks_hard", words=count, limit=self.hard)
        plain = f" {' '.join(word.lower() for word in spoken)} "
        for word in self.avoid:
            if f" {' '.join(words(word.lower()))} " in plain:
                yield sentence("breaks_word", word=word)
        if self.exclamations == "few" and text.rstrip(" \"'”’»)").endswith(("!", "！")):
            yield sentence("breaks_exclamation")
        if self._avoids_contractions() and (found := self._contraction(spoken)):
            yield sentence("breaks_contraction", found=found)

    def in_favour(self, spoken: Sequence[str]) -> Iterable[Sentence]:
        """What of the persona the sentence shows."""
        count = len(spoken)
        if self.low is not None and self.high is not None:
            if self.low <= count <= self.high:
                low, high = round(self.low), round(self.high)
                yield sentence("fits_length", words=count, low=low, high=high)
        elif self.mean is not None and abs(count - self.mean) <= NEAR_THE_MEAN * self.mean:
            yield sentence("fits_near", words=count, mean=round(self.mean, 1))
        found = list(dict.fromkeys(word for word in spoken if word.lower() in self.own))
        if found:
            yield sentence("fits_words", found=", ".join(found[:4]))
        if self.vocabulary is None:
            return
        lower = [word.lower() for word in spoken]
        if self.person in ("reader", "both") and self.vocabulary.second_person & set(lower):
            yield sentence("fits_reader")
        if self.person in ("writer", "both") and self.vocabulary.first_person & set(lower):
            yield sentence("fits_writer")

    def _avoids_contractions(self) -> bool:
        if self.contractions == "many":
            return self.tone in STRICT_TONES
        return self.contractions == "few" and self.tone not in PLAIN_TONES

    def _contraction(self, spoken: Sequence[str]) -> str | None:
        """Only English has contractions that a writer may leave out."""
        pattern = self.vocabulary.contractions if self.vocabulary else None
        if pattern is None or self.vocabulary is not LANGUAGES["en"]:
            return None
        return next((word for word in spoken if pattern.fullmatch(word.lower())), None)


def _texts(sentences: object) -> list[str]:
    """The samples as clean texts, each once."""
    found: dict[str, None] = {}
    for one in sentences if isinstance(sentences, list | tuple) else ():
        text = clean(one.get("text") if isinstance(one, Mapping) else one, SENTENCE_LIMIT)
        if text:
            found[text] = None
    return list(found)
