"""How good a persona is: four scores from 0 to 100, each computed from what it rests on.

- linguistic_quality: words measured (full from 2,000 on), measures present, pages read. Without
  a measured text: at most 40, from the words of the business and voice descriptions.
- core_completeness: the points of CORE_PARTS that are there.
- platform_consistency: the mean `fit` of the chosen platforms.
- tone_agreement: 25 points less for each place between stated and measured tone; None when
  either is not known.

overall_score is their weighted mean (WEIGHTS); a score that is None leaves its weight to the
others. None of this is a judgement of the writing: it says how much the persona can be relied on.
"""

import math
from collections.abc import Mapping
from typing import Any

from webapp.steps.persona.evidence import MIN_WORDS, Evidence, tone_distance
from webapp.steps.persona.platforms import PLATFORMS
from webapp.steps.persona.sentences import Sentence, sentence

ENOUGH_WORDS = 2000
ENOUGH_PAGES = 5
ENOUGH_DESCRIPTION = 120  # words
ENOUGH_VOICE = 30  # words
AUDIENCE_WORDS = 3
WEAK_FIT = 60

WEIGHTS = {
    "linguistic_quality": 35,
    "core_completeness": 30,
    "platform_consistency": 20,
    "tone_agreement": 15,
}

# What a complete core persona knows, and what each part counts. 100 together.
CORE_PARTS = {
    "persona_name": 10,
    "tone": 10,
    "audience": 10,
    "audience_in_words": 5,
    "voice_description": 15,
    "selected_platforms": 10,
    "measured_sentence_length": 15,
    "own_words": 10,
    "measured_vocabulary": 5,
    "measured_tone": 10,
}

# The measures that a fingerprint uses.
FINGERPRINT = (
    "sentence_length",
    "sentence_spread",
    "paragraph_length",
    "readability_score",
    "lexical_diversity",
    "long_word_share",
    "question_share",
    "exclamation_share",
    "first_person_share",
    "second_person_share",
    "contraction_share",
)


def quality_metrics(
    answers: Mapping[str, Any], writer: Evidence, fits: Mapping[str, int]
) -> dict[str, Any]:
    """The scores, what they rest on, and what would raise them. `answers` are cleaned already."""
    parts = core_parts(answers, writer)
    scores: dict[str, int | None] = {
        "linguistic_quality": linguistic_quality(answers, writer),
        "core_completeness": sum([CORE_PARTS[name] for name, there in parts.items() if there]),
        "platform_consistency": round(sum(fits.values()) / len(fits)) if fits else 0,
        "tone_agreement": agreement_score(answers["tone"], writer.tone),
    }
    known = {name: score for name, score in scores.items() if score is not None}
    weights = {name: WEIGHTS[name] for name in known}
    weighted = sum([weights[name] * score for name, score in known.items()])
    return {
        "overall_score": round(weighted / sum(weights.values())),
        **scores,
        "missing": [name for name, there in parts.items() if not there],
        "weights": weights,
        "recommendations": recommendations(answers, writer, fits),
        "basis": {
            "source": writer.source,
            "words_measured": writer.words,
            "pages_read": writer.pages,
            "enough_text": writer.measured,
            "words_needed": MIN_WORDS,
        },
    }


def core_parts(answers: Mapping[str, Any], writer: Evidence) -> dict[str, bool]:
    """Which parts of CORE_PARTS are there."""
    return {
        "persona_name": bool(answers["persona_name"]),
        "tone": answers["tone"] is not None,
        "audience": bool(answers["audience"]),
        "audience_in_words": _audience_is_close(answers["audience"]),
        "voice_description": bool(answers["voice_description"]),
        "selected_platforms": bool(answers["selected_platforms"]),
        "measured_sentence_length": writer.sentence_length is not None,
        "own_words": bool(writer.own_words),
        "measured_vocabulary": writer.vocabulary_level is not None,
        "measured_tone": writer.tone is not None,
    }


def linguistic_quality(answers: Mapping[str, Any], writer: Evidence) -> int:
    """0 to 100. The root lets the first hundred words count for more than the last."""
    described = min(1.0, writer.description_words / ENOUGH_DESCRIPTION)
    voiced = min(1.0, len(answers["voice_description"].split()) / ENOUGH_VOICE)
    told = 30 * described + 10 * voiced
    if writer.measured:
        words = math.sqrt(min(1.0, writer.words / ENOUGH_WORDS))
        present = sum(getattr(writer, name) is not None for name in FINGERPRINT)
        measures = present / len(FINGERPRINT)
        pages = min(1.0, writer.pages / ENOUGH_PAGES)
        return round(max(65 * words + 20 * measures + 15 * pages, told))
    return round(told)


def agreement_score(stated: str | None, measured: str | None) -> int | None:
    """100 for the same tone, 75 for a neighbour, 0 for the two ends; None when one is unknown."""
    if stated is None or measured is None:
        return None
    return 100 - 25 * tone_distance(stated, measured)


def recommendations(
    answers: Mapping[str, Any], writer: Evidence, fits: Mapping[str, int]
) -> list[Sentence]:
    """What would raise a score, what weighs most first. Empty when nothing would."""
    advice = _about_text(writer)
    if not answers["persona_name"]:
        advice.append(sentence("raise_name"))
    if answers["tone"] is None:
        advice.append(sentence("raise_tone"))
    elif writer.tone is not None and writer.tone != answers["tone"]:
        advice.append(sentence("raise_agreement", stated=answers["tone"], measured=writer.tone))
    if not answers["voice_description"]:
        advice.append(sentence("raise_voice"))
    if not _audience_is_close(answers["audience"]):
        advice.append(sentence("raise_audience", wanted=AUDIENCE_WORDS))
    if not fits:
        advice.append(sentence("raise_platforms"))
    elif writer.measured:
        weakest = min(fits, key=lambda code: fits[code])
        if fits[weakest] < WEAK_FIT:
            label = PLATFORMS[weakest].label
            advice.append(sentence("raise_platform", platform=label, fit=fits[weakest]))
    return advice


_RAISED_BY = {
    "none": "raise_site",
    "running": "raise_running",
    "failed": "raise_failed",
    "thin": "raise_enough",
}


def _about_text(writer: Evidence) -> list[Sentence]:
    if writer.measured:
        advice = []
        if writer.words < ENOUGH_WORDS:
            missing = ENOUGH_WORDS - writer.words
            advice.append(sentence("raise_words", words=writer.words, missing=missing))
        if writer.pages < ENOUGH_PAGES:
            advice.append(sentence("raise_pages", pages=writer.pages, wanted=ENOUGH_PAGES))
        return advice
    values = {"site": writer.site, "words": writer.words, "needed": MIN_WORDS}
    advice = [sentence(_RAISED_BY[writer.state], **values)]
    if writer.source == "business_description" and writer.description_words < ENOUGH_DESCRIPTION:
        advice.append(
            sentence("raise_description", words=writer.description_words, wanted=ENOUGH_DESCRIPTION)
        )
    return advice


def _audience_is_close(audience: str) -> bool:
    return len(audience.split()) >= AUDIENCE_WORDS
