"""Two sites' measures, side by side: what differs enough to be said, in one sentence each."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from webapp.site.marked import N_, NN_
from webapp.site.vocabulary import LANGUAGES

SENTENCES: dict[str, str | tuple[str, str]] = {
    "sentences_shorter": NN_(
        "Their sentences are {difference} word shorter.",
        "Their sentences are {difference} words shorter.",
    ),
    "sentences_longer": NN_(
        "Their sentences are {difference} word longer.",
        "Their sentences are {difference} words longer.",
    ),
    "sentences_alike": N_("Their sentences are about as long as yours."),
    "easier": NN_(
        "They are easier to read, by {difference} point of 100.",
        "They are easier to read, by {difference} points of 100.",
    ),
    "harder": NN_(
        "They are harder to read, by {difference} point of 100.",
        "They are harder to read, by {difference} points of 100.",
    ),
    "as_easy": N_("They are about as easy to read as you."),
    "paragraphs_shorter": NN_(
        "Their paragraphs are {difference} word shorter.",
        "Their paragraphs are {difference} words shorter.",
    ),
    "paragraphs_longer": NN_(
        "Their paragraphs are {difference} word longer.",
        "Their paragraphs are {difference} words longer.",
    ),
    "paragraphs_alike": N_("Their paragraphs are about as long as yours."),
    "words_richer": N_("They vary their words more."),
    "words_plainer": N_("They repeat their words more."),
    "words_alike": N_("They vary their words about as much as you."),
    "long_words_more": N_("They use more long words: {theirs}% of all, yours are {own}%."),
    "long_words_fewer": N_("They use fewer long words: {theirs}% of all, yours are {own}%."),
    "long_words_alike": N_("They use about as many long words as you."),
    "reader_more": N_("They speak to the reader more often: {theirs}% of words, yours are {own}%."),
    "reader_less": N_("They speak to the reader less often: {theirs}% of words, yours are {own}%."),
    "reader_alike": N_("They speak to the reader about as often as you."),
    "self_more": N_("They speak of themselves more often: {theirs}% of words, yours are {own}%."),
    "self_less": N_("They speak of themselves less often: {theirs}% of words, yours are {own}%."),
    "self_alike": N_("They speak of themselves about as often as you."),
    "questions_more": N_("They ask more questions: {theirs}% of sentences, yours are {own}%."),
    "questions_fewer": N_("They ask fewer questions: {theirs}% of sentences, yours are {own}%."),
    "questions_alike": N_("They ask about as many questions as you."),
    "exclamations_more": N_("They exclaim more often: {theirs}% of sentences, yours are {own}%."),
    "exclamations_fewer": N_("They exclaim less often: {theirs}% of sentences, yours are {own}%."),
    "exclamations_alike": N_("They exclaim about as often as you."),
    "passive_more": N_("They use the passive more: {theirs}% of sentences, yours are {own}%."),
    "passive_less": N_("They use the passive less: {theirs}% of sentences, yours are {own}%."),
    "passive_alike": N_("They use the passive about as much as you."),
    "hedges_more": N_("They soften more: {theirs}% of sentences, yours are {own}%."),
    "hedges_less": N_("They soften less: {theirs}% of sentences, yours are {own}%."),
    "hedges_alike": N_("They soften about as much as you."),
}
"""Code -> the sentence, with the values that it is filled with; where it depends on `difference`,
its form for one and the one for more."""


class _Rule(NamedTuple):
    """`enough`: the least difference that is said. `more`, `less`, `alike`: codes for theirs."""

    measure: str
    enough: float
    more: str
    less: str
    alike: str
    show: Callable[[float], str]
    of_language: bool = False
    """True where figures of two languages cannot be compared."""


def _whole(value: float) -> str:
    return f"{value:.0f}"


def _percent(value: float) -> str:
    percent = value * 100
    return f"{percent:.0f}" if percent >= 10 else f"{percent:.1f}"


def _hundredths(value: float) -> str:
    return f"{value:.2f}"


_RULES = (
    _Rule(
        "average_sentence_length",
        1.0,
        "sentences_longer",
        "sentences_shorter",
        "sentences_alike",
        _whole,
    ),
    _Rule("readability_score", 5.0, "easier", "harder", "as_easy", _whole, True),
    _Rule(
        "average_paragraph_length",
        8.0,
        "paragraphs_longer",
        "paragraphs_shorter",
        "paragraphs_alike",
        _whole,
    ),
    _Rule(
        "lexical_diversity",
        0.03,
        "words_richer",
        "words_plainer",
        "words_alike",
        _hundredths,
        True,
    ),
    _Rule(
        "long_word_share",
        0.03,
        "long_words_more",
        "long_words_fewer",
        "long_words_alike",
        _percent,
        True,
    ),
    _Rule("second_person_share", 0.006, "reader_more", "reader_less", "reader_alike", _percent),
    _Rule("first_person_share", 0.006, "self_more", "self_less", "self_alike", _percent),
    _Rule("question_share", 0.03, "questions_more", "questions_fewer", "questions_alike", _percent),
    _Rule(
        "exclamation_share",
        0.03,
        "exclamations_more",
        "exclamations_fewer",
        "exclamations_alike",
        _percent,
    ),
    _Rule("passive_share", 0.06, "passive_more", "passive_less", "passive_alike", _percent, True),
    _Rule("hedge_share", 0.06, "hedges_more", "hedges_less", "hedges_alike", _percent, True),
)


def compare(
    own: Mapping[str, Any] | None, theirs: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """Compare what `style.measure` returned for the user's site and for another.

    Rows of `measure`, `own`, `theirs` (numbers), `code` (a key of `SENTENCES`), `values` (what its
    sentence is filled with) and `sentence` (English); only measures that both have. Empty unless
    both rest on enough text.
    """
    if not own or not theirs or not (own.get("enough_text") and theirs.get("enough_text")):
        return []
    same_language = own.get("language") == theirs.get("language")
    rows = []
    for rule in _RULES:
        mine, others = _number(own, rule.measure), _number(theirs, rule.measure)
        if mine is None or others is None:
            continue
        if rule.of_language and not (same_language and own.get("language") in LANGUAGES):
            continue
        difference = round(others - mine, 4)
        code = rule.alike
        if abs(difference) >= rule.enough:
            code = rule.more if difference > 0 else rule.less
        values = {
            "difference": rule.show(abs(difference)),
            "own": rule.show(mine),
            "theirs": rule.show(others),
        }
        rows.append(
            {
                "measure": rule.measure,
                "own": mine,
                "theirs": others,
                "code": code,
                "values": values,
                "sentence": _english(code, values),
            }
        )
    return rows


def _english(code: str, values: Mapping[str, str]) -> str:
    text = SENTENCES[code]
    if isinstance(text, tuple):
        text = text[0] if values["difference"] == "1" else text[1]
    return text.format(**values)


def _number(measures: Mapping[str, Any], name: str) -> float | None:
    value = measures.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
