"""How each measure is computed: a sentence for whoever asks, its source, and what it rests on."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from webapp.site.marked import N_


class Method(NamedTuple):
    """One measure: `sentence` in English, `source` where the field has one, `unit` of its basis."""

    sentence: str
    source: str | None = None
    unit: str = "words"
    """What it rests on: `words`, `sentences`, `paragraphs` or `pages`."""
    estimate: bool = False
    """True where words alone cannot decide, so that the figure may be some percent off."""


_SENTENCES, _PARAGRAPHS, _PAGES = "sentences", "paragraphs", "pages"

METHODS: dict[str, Method] = {
    "word_count": Method(
        N_(
            "All words of the main text: numbers count, links do not, “don't” and “well-known” are "
            "one word each."
        )
    ),
    "sentence_count": Method(
        N_("All sentences; a full stop after an abbreviation or in a number does not end one."),
        unit=_SENTENCES,
    ),
    "paragraph_count": Method(
        N_(
            "All paragraphs of the main text, without headings; what is the same on several pages "
            "counts once, and what stands on three or more not at all."
        ),
        unit=_PARAGRAPHS,
    ),
    "average_sentence_length": Method(
        N_("All words divided by all sentences."),
        N_("15 to 20 words: Cutts, Oxford Guide to Plain English"),
        _SENTENCES,
    ),
    "sentence_length_spread": Method(
        N_("The standard deviation of the sentences' lengths in words."), unit=_SENTENCES
    ),
    "shortest_sentence": Method(N_("The words of the shortest sentence."), unit=_SENTENCES),
    "longest_sentence": Method(N_("The words of the longest sentence."), unit=_SENTENCES),
    "sentence_length_histogram": Method(
        N_("Sentences counted by their length, in steps of five words."), unit=_SENTENCES
    ),
    "average_paragraph_length": Method(
        N_("All words divided by all paragraphs."), unit=_PARAGRAPHS
    ),
    "syllable_count": Method(
        N_("Syllables of all words, by hyphenation patterns and vowel groups of the language."),
        N_("Patterns: Pyphen (Hunspell)"),
    ),
    "average_syllables": Method(N_("All syllables divided by all words that are not numbers.")),
    "readability_score": Method(
        N_(
            "Computed from words a sentence and syllables a word, by the formula made for the "
            "language; higher is easier."
        ),
        N_(
            "English: Flesch 1948; Spanish: Szigriszt-Pazos 1993; German: Amstad 1978; French: "
            "Kandel "
            "and Moles 1958; Italian: Franchina and Vacca 1986; Portuguese: Martins et al. 1996"
        ),
        _SENTENCES,
    ),
    "readability_band": Method(
        N_("The name that the formula's authors give to scores in this range."),
        N_("Flesch 1948; Barrio-Cantalejo et al. 2008 (Spanish); Martins et al. 1996 (Portuguese)"),
        _SENTENCES,
    ),
    "lexical_diversity": Method(
        N_(
            "The share of different words among 100 in a row, averaged over every such window of "
            "the "
            "text (moving-average type-token ratio)."
        ),
        "Covington and McFall, Journal of Quantitative Linguistics 17 (2010)",
    ),
    "type_token_ratio": Method(
        N_("The number of different words divided by the number of all; it falls as a text grows.")
    ),
    "long_word_share": Method(
        N_("The share of words with more than six letters."), "Björnsson, LIX (1968)"
    ),
    "top_words": Method(
        N_(
            "The words that come back more often than in general texts of the language, by "
            "log-likelihood; function words and everyday words are left out."
        ),
        N_(
            "Dunning, Computational Linguistics 19 (1993); frequencies: jusText's lists from "
            "Wikipedia"
        ),
    ),
    "recurring_phrases": Method(
        N_(
            "Runs of two to five words that come back at least three times within a sentence, and "
            "neither begin nor end with a function word."
        ),
        N_("N-grams, after Biber et al. (1999) on lexical bundles"),
    ),
    "first_person_share": Method(
        N_("The share of words that mean the writer: I and we in all forms.")
    ),
    "i_share": Method(N_("The share of words that mean the writer alone: I, me, my, mine.")),
    "we_share": Method(N_("The share of words that mean a group with the writer: we, us, our.")),
    "second_person_share": Method(N_("The share of words that mean the reader: you, your.")),
    "contraction_share": Method(
        N_(
            "The share of words like “don't” and “we're”; in languages where they are no choice it "
            "is not measured."
        )
    ),
    "passive_share": Method(
        N_(
            "The share of sentences with a form of “to be” (German: “werden”) and a participle; "
            "an estimate by pattern, for English, German and Spanish."
        ),
        unit=_SENTENCES,
        estimate=True,
    ),
    "question_share": Method(
        N_("The share of sentences that end with a question mark."), unit=_SENTENCES
    ),
    "exclamation_share": Method(
        N_("The share of sentences that end with an exclamation mark."), unit=_SENTENCES
    ),
    "transition_phrases": Method(
        N_("Phrases that join thoughts (“however”, “for example”), counted."), unit=_SENTENCES
    ),
    "transition_share": Method(
        N_("The share of sentences with a phrase that joins thoughts."), unit=_SENTENCES
    ),
    "hedge_share": Method(
        N_(
            "The share of sentences with a word that leaves room for doubt (“perhaps”, “usually”); "
            "an estimate by a list of words."
        ),
        N_("Hedges: Hyland, Metadiscourse (2005)"),
        _SENTENCES,
        estimate=True,
    ),
    "certainty_share": Method(
        N_(
            "The share of sentences with a word that leaves no doubt (“certainly”, “always”); "
            "an estimate by a list of words."
        ),
        N_("Boosters: Hyland, Metadiscourse (2005)"),
        _SENTENCES,
        estimate=True,
    ),
    "emoji_count": Method(
        N_("Emoji in the main text; one made of several signs counts once."), unit=_SENTENCES
    ),
    "emoji_share": Method(N_("Emoji divided by sentences, at most 1."), unit=_SENTENCES),
    "number_share": Method(N_("The share of words that are numbers in digits.")),
    "heading_count": Method(N_("Headings with text on the pages that were read."), unit=_PAGES),
    "heading_distance": Method(
        N_("Words of the main text for each heading, on average."), unit=_PAGES
    ),
    "list_item_count": Method(
        N_("Items of lists outside of menus, headers and footers."), unit=_PAGES
    ),
    "call_count": Method(
        N_(
            "Different buttons and links that ask the reader to do something (“Subscribe”, "
            "“Contact "
            "us”), by a list of phrases for each language."
        ),
        unit=_PAGES,
        estimate=True,
    ),
}
"""Measure -> how it is computed."""

COUNTS = {"words": "word_count", "sentences": "sentence_count", "paragraphs": "paragraph_count"}


def rests_on(measures: Mapping[str, Any], pages: int | None = None) -> dict[str, dict[str, Any]]:
    """Measure -> `{"amount": 1240, "unit": "words"}`, for every measure that has a value."""
    amounts = {unit: measures.get(name) for unit, name in COUNTS.items()} | {"pages": pages}
    return {
        name: {"amount": amounts[method.unit], "unit": method.unit}
        for name, method in METHODS.items()
        if measures.get(name) is not None and amounts[method.unit] is not None
    }
