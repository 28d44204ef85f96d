"""The persona: from what was measured and what was answered, by rules, without any model.

Nothing here reads a database or a clock: the same input gives the same persona, and everything in
it can be written as JSON. Texts that a user typed or a site carries stay data. They are not
escaped either: whoever shows them does that.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from webapp.steps.persona.archetypes import archetype
from webapp.steps.persona.evidence import (
    FEW_CONTRACTIONS,
    FEW_EXCLAMATIONS,
    MANY_CONTRACTIONS,
    MANY_EXCLAMATIONS,
    MANY_QUESTIONS,
    TONES,
    Evidence,
    clean,
    known_tone,
    read_evidence,
    section,
    subject,
    tone_distance,
)
from webapp.steps.persona.platforms import chosen, spoken_platform
from webapp.steps.persona.prefill import basis_of, basis_sentence, prefill, style_in_sentences
from webapp.steps.persona.quality import quality_metrics
from webapp.steps.persona.sentences import (
    Paragraph,
    Sentence,
    Translate,
    as_written,
    render,
    sentence,
)
from webapp.steps.persona.words import avoid_words

__all__ = ["basis_of", "basis_sentence", "build_persona", "prefill"]

# "Sentences longer than 25 words aren't accessible" (GOV.UK style guide, 2014); an average of 15
# is what plain-language guides advise (Oxford Guide to Plain English: 15 to 20).
HARD_SENTENCE = 25
ADVISED_SENTENCE = 15
LONG_PARAGRAPH = 100  # words
# The spread of sentence lengths divided by their mean: under the first, monotonous; over the
# second, some are far longer than the rest.
EVEN_RHYTHM = 0.35
UNEVEN_RHYTHM = 0.9
# A tone this many places away from the chosen one does not belong to it.
FORBIDDEN_DISTANCE = 3


def build_persona(
    answers: Mapping[str, Any],
    analysis: Mapping[str, Any] | None,
    business: Mapping[str, Any] | None,
    translate: Translate = as_written,
) -> dict[str, Any]:
    """The persona in the shape of the contract, ready to be stored as JSON.

    `answers` are those of the persona step, `analysis` a stored analysis or None, `business` the
    answers of somebody without a website or None. A number that was not measured is None. Beside
    each generated text stands its code with its values (`codes`); `translate` puts the texts into
    another language.
    """
    given = _cleaned(answers)
    writer = read_evidence(given, analysis, business)
    tone = given["tone"] or writer.tone
    platforms = {
        code: spoken_platform(code, writer, tone, translate) for code in given["selected_platforms"]
    }
    fits = {code: persona["fit"] for code, persona in platforms.items()}
    return {
        "core_persona": _core(given, writer, tone, analysis, business, translate),
        "platform_personas": platforms,
        "quality_metrics": render(quality_metrics(given, writer, fits), translate),
        "selected_platforms": given["selected_platforms"],
    }


def _cleaned(answers: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "persona_name": clean(answers.get("persona_name"), 80),
        "tone": known_tone(answers.get("tone")),
        "audience": clean(answers.get("audience"), 500),
        "voice_description": clean(answers.get("voice_description"), 1000),
        "selected_platforms": chosen(answers.get("selected_platforms")),
    }


def _core(
    given: Mapping[str, Any],
    writer: Evidence,
    tone: str | None,
    analysis: Mapping[str, Any] | None,
    business: Mapping[str, Any] | None,
    translate: Translate,
) -> dict[str, Any]:
    return {
        "identity": render(_identity(given, writer, tone, analysis, business), translate),
        "linguistic_fingerprint": _fingerprint(writer, tone),
        "tonal_range": _tonal_range(tone, writer.tone),
        "tone_agreement": render(_tone_agreement(given["tone"], writer.tone), translate),
        "stylistic_constraints": render(_constraints(writer, tone), translate),
    }


def _identity(
    given: Mapping[str, Any],
    writer: Evidence,
    tone: str | None,
    analysis: Mapping[str, Any] | None,
    business: Mapping[str, Any] | None,
) -> dict[str, Any]:
    code, decided_by = archetype(writer, tone)
    because = {"measures": "archetype_by_measures", "stated_tone": "archetype_by_tone"}
    purpose = clean((business or {}).get("business_goals"), 500) or subject(
        section(analysis, "content_type").get("purpose"), 200
    )
    return {
        "persona_name": given["persona_name"],
        "archetype": sentence(f"name_{code}") if code else None,
        "archetype_code": code,
        "archetype_basis": decided_by,
        "archetype_because": sentence(because[decided_by]) if decided_by else None,
        "brand_voice_description": _voice(given, writer, tone, code),
        "audience": given["audience"],
        "stated_voice": given["voice_description"] or None,
        "purpose": purpose or None,
    }


def _voice(
    given: Mapping[str, Any], writer: Evidence, tone: str | None, archetype_code: str | None
) -> Paragraph:
    """One paragraph: who writes for whom and how, what it was measured on, the own description."""
    voice = Paragraph()
    if given["persona_name"] and given["audience"] and tone:
        audience = given["audience"].rstrip(" .")
        voice.append(
            sentence("voice_who", name=given["persona_name"], audience=audience, tone=tone)
        )
    if archetype_code:
        voice.append(sentence(f"archetype_{archetype_code}"))
    voice += style_in_sentences(writer)
    values = {"words": writer.words, "pages": writer.pages, "site": writer.site}
    if not writer.measured:
        voice.append(
            sentence(
                "voice_from_description"
                if writer.source == "business_description"
                else "voice_from_answers"
            )
        )
        if writer.description:
            voice.append(sentence("voice_business", description=clean(writer.description, 300)))
    elif writer.pages > 1:
        voice.append(sentence("voice_measured_pages", **values))
    else:
        voice.append(
            sentence("voice_measured_page" if writer.pages else "voice_measured_site", **values)
        )
    if given["voice_description"]:
        voice.append(sentence("voice_stated", voice=given["voice_description"]))
    return voice


def _fingerprint(writer: Evidence, tone: str | None) -> dict[str, Any]:
    low, high = _usual_range(writer)
    return {
        "sentence_metrics": {
            "average_sentence_length_words": _rounded(writer.sentence_length, 1),
            "sentence_length_spread_words": _rounded(writer.sentence_spread, 1),
            "usual_shortest_words": low,
            "usual_longest_words": high,
            "average_paragraph_length_words": _rounded(writer.paragraph_length, 1),
            "question_share": _rounded(writer.question_share, 4),
            "exclamation_share": _rounded(writer.exclamation_share, 4),
        },
        "lexical_features": {
            "go_to_words": list(writer.own_words),
            "go_to_words_source": (
                None
                if not writer.own_words
                else "website"
                if writer.measured
                else "business_description"
            ),
            "go_to_phrases": list(writer.own_phrases),
            "avoid_words": avoid_words(writer.language, tone, writer.own_words),
            "vocabulary_level": writer.vocabulary_level,
            "lexical_diversity": _rounded(writer.lexical_diversity, 4),
            "long_word_share": _rounded(writer.long_word_share, 4),
            "contraction_share": _rounded(writer.contraction_share, 4),
        },
        "readability": {
            "score": _rounded(writer.readability_score, 1),
            "formula": writer.readability_formula,
            "band": writer.readability_band,
            "reads": writer.reading,
        },
        "person": {
            "habit": writer.person,
            "first_person_share": _rounded(writer.first_person_share, 4),
            "second_person_share": _rounded(writer.second_person_share, 4),
        },
        "language": writer.language,
    }


def _tonal_range(tone: str | None, measured: str | None) -> dict[str, Any]:
    return {
        "default_tone": tone,
        "permissible_tones": list(_permissible(tone, measured)),
        "forbidden_tones": list(_forbidden(tone, measured)),
    }


@lru_cache(maxsize=100)
def _permissible(tone: str | None, measured: str | None) -> Sequence[str]:
    """Neighbours of the chosen tone are welcome, and the measured one when it is not far."""
    if tone is None:
        return ()
    return tuple(
        other for other in TONES if tone_distance(tone, other) <= (2 if other == measured else 1)
    )


@lru_cache(maxsize=100)
def _forbidden(tone: str | None, measured: str | None) -> Sequence[str]:
    """Those that are far; what the own pages sound like is never forbidden."""
    if tone is None:
        return ()
    return tuple(
        other
        for other in TONES
        if tone_distance(tone, other) >= FORBIDDEN_DISTANCE and other != measured
    )


def _tone_agreement(stated: str | None, measured: str | None) -> dict[str, Any]:
    if stated is None and measured is None:
        said = sentence("tone_unknown")
    elif measured is None:
        said = sentence("tone_unmeasured", stated=stated)
    elif stated is None:
        said = sentence("tone_unstated", measured=measured)
    else:
        places = tone_distance(stated, measured)
        code = ("tone_agrees", "tone_near")[places] if places < 2 else "tone_differs"
        said = sentence(code, stated=stated, measured=measured)
    return {
        "stated": stated,
        "measured": measured,
        "agrees": None if stated is None or measured is None else stated == measured,
        "sentence": said,
    }


def _constraints(writer: Evidence, tone: str | None) -> dict[str, Any]:
    rules = _length_rules(writer) + _mark_rules(writer)
    if writer.person is not None:
        rules.append(sentence(f"rule_person_{writer.person}"))
    contractions = _contraction_rule(writer, tone)
    if contractions is not None:
        rules.append(contractions)
    if permitted := _permissible(tone, writer.tone):
        rules.append(sentence("rule_tone", tones=", ".join(permitted)))
    mean = writer.sentence_length
    return {
        "sentence_length_words": _rounded(mean, 1),
        "longest_sentence_words": _usual_range(writer)[1],
        "contractions": _how_much(writer.contraction_share, FEW_CONTRACTIONS, MANY_CONTRACTIONS),
        "exclamation_marks": _how_much(
            writer.exclamation_share, FEW_EXCLAMATIONS, MANY_EXCLAMATIONS
        ),
        "person": writer.person,
        "rules": rules,
    }


def _length_rules(writer: Evidence) -> list[Sentence]:
    mean, paragraph = writer.sentence_length, writer.paragraph_length
    low, high = _usual_range(writer)
    rules: list[Sentence] = []
    if mean is None:
        rules.append(sentence("rule_length_unmeasured", advised=ADVISED_SENTENCE))
    elif mean > HARD_SENTENCE:
        rules.append(sentence("rule_length_hard", mean=round(mean, 1), limit=HARD_SENTENCE))
    elif high is None:
        rules.append(sentence("rule_length_mean", mean=round(mean, 1)))
    else:
        rules.append(sentence("rule_length", mean=round(mean, 1), low=low, high=high))
    if mean is not None and writer.sentence_spread is not None:
        if writer.sentence_spread / mean < EVEN_RHYTHM:
            rules.append(sentence("rule_rhythm_even"))
        elif writer.sentence_spread / mean > UNEVEN_RHYTHM:
            rules.append(sentence("rule_rhythm_uneven"))
    if paragraph is not None:
        code = "rule_paragraph_long" if paragraph > LONG_PARAGRAPH else "rule_paragraph"
        rules.append(sentence(code, mean=round(paragraph, 1)))
    return rules


def _mark_rules(writer: Evidence) -> list[Sentence]:
    rules: list[Sentence] = []
    shouted, asked = writer.exclamation_share, writer.question_share
    if shouted is not None and shouted < FEW_EXCLAMATIONS:
        rules.append(sentence("rule_exclamations_few"))
    elif shouted is not None and shouted >= MANY_EXCLAMATIONS:
        rules.append(sentence("rule_exclamations_many", count=round(100 * shouted)))
    if asked is not None and asked >= MANY_QUESTIONS:
        rules.append(sentence("rule_questions_keep", count=round(100 * asked)))
    return rules


def _contraction_rule(writer: Evidence, tone: str | None) -> Sentence | None:
    """Only English has contractions that a writer may leave out."""
    share = writer.contraction_share
    if share is None or writer.language != "en":
        return None
    if share >= MANY_CONTRACTIONS and tone in ("Technical", "Academic"):
        return sentence("rule_contractions_tone", tone=tone)
    if share >= MANY_CONTRACTIONS:
        return sentence("rule_contractions_keep")
    if share >= FEW_CONTRACTIONS:
        return None
    if tone in ("Casual", "Conversational"):
        return sentence("rule_contractions_welcome", tone=tone)
    return sentence("rule_contractions_none")


def _usual_range(writer: Evidence) -> tuple[int | None, int | None]:
    """Words: one spread to either side of the mean, where about two thirds of sentences lie."""
    mean, spread = writer.sentence_length, writer.sentence_spread
    if mean is None or spread is None:
        return None, None
    return max(1, round(mean - spread)), max(1, round(mean + spread))


def _how_much(share: float | None, few: float, many: float) -> str | None:
    if share is None:
        return None
    return "few" if share < few else "many" if share >= many else "some"


def _rounded(value: float | None, places: int) -> float | None:
    return None if value is None else round(value, places)
