"""A persona on the summary, row by row. Each row is kept with holes for its texts (`kept.macro`):
everything is put into words here, and nothing is computed in the template."""

from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup

from webapp import kept
from webapp.kept import Call, Calls
from webapp.languages import decimal, listed, share
from webapp.site.marked import N_
from webapp.steps.persona.shown import ShownPersona, translate
from webapp.texts import gettext as _
from webapp.texts import lazy_gettext as _l

_FILE = "macros/persona.html"

_TERMS = frozenset(
    {
        # Tones, bands of readability, levels of a vocabulary.
        *("Professional", "Casual", "Technical", "Conversational", "Academic"),
        *("very easy", "easy", "fairly easy", "standard", "fairly difficult", "difficult"),
        *("very difficult", N_("basic"), N_("intermediate"), N_("advanced"), N_("everyday")),
    }
)
_PERSONS = {
    "reader": N_("to the reader, as “you”"),
    "writer": N_("as “I” or “we”"),
    "both": N_("as “I” or “we”, to “you”"),
    "impersonal": N_("about the subject"),
}


def sheet(persona: ShownPersona) -> Markup:
    """The whole section."""
    question, quality = persona.tone_question, persona.quality_metrics or {}
    score = quality.get("overall_score")
    examples = persona.fits or persona.breaks
    return kept.macro(
        *(_FILE, "section"),
        score=None if score is None else decimal(score),
        identity=Calls([_identity(persona)]),
        question=question.sentence if question else None,
        rows=Calls([*_character(persona), *_quality(quality)]),
        examples=kept.made(_FILE, "examples_of", persona) if examples else None,
        platforms=Calls(
            [
                _platform(name, persona.platform_personas[name], persona.edited)
                for name in persona.selected_platforms
                if name in (persona.platform_personas or {})
            ]
        ),
    )


def identity(persona: ShownPersona) -> Markup:
    """Who it is: name, archetype, voice."""
    return kept.macros(_FILE, [_identity(persona)])


def _identity(persona: ShownPersona) -> Call:
    said = persona.core_persona.get("identity") or {}
    texts = {
        "name": _text(said.get("persona_name")),
        "archetype": _text(said.get("archetype")),
        "voice": _text(said.get("brand_voice_description")),
        "because": _text(said.get("archetype_because")),
    }
    is_own = not persona.edited.isdisjoint(("own_voice", "own_archetype"))
    return "identity_of", (is_own,), texts


def _character(persona: ShownPersona) -> Iterable[Call]:
    """Tones, words and measured habits, each only where there is one."""
    core = persona.core_persona or {}
    tones = core.get("tonal_range") or {}
    fingerprint = core.get("linguistic_fingerprint") or {}
    words = fingerprint.get("lexical_features") or {}
    main = tones.get("default_tone")
    yield _fact(_l("Tone"), _term(main) if main else None)
    others = [tone for tone in tones.get("permissible_tones") or () if tone != main]
    for label, names in (
        (_l("Also fits"), others),
        (_l("Does not fit"), tones.get("forbidden_tones")),
    ):
        if names:
            yield "tones", (), {"label": label, "names": listed(map(_term, names))}
    edited = persona.edited
    yield _fact(_l("Words to use"), words.get("go_to_words"), mine="own_words" in edited)
    yield _fact(_l("Words to avoid"), words.get("avoid_words"), mine="own_avoid" in edited)
    yield from _fingerprint(fingerprint, words)
    rules = (core.get("stylistic_constraints") or {}).get("rules")
    yield _fact(_l("Rules of style"), rules, lines=True, mine="own_rules" in edited)


def _fingerprint(fingerprint: Mapping[str, Any], words: Mapping[str, Any]) -> Iterable[Call]:
    lengths = fingerprint.get("sentence_metrics") or {}
    reads = fingerprint.get("readability") or {}
    habit = (fingerprint.get("person") or {}).get("habit")

    def average(length: float | None) -> str | None:
        if length is None:
            return None
        return _("%(number)s words on average", number=decimal(length))

    yield _fact(_l("Sentences"), average(lengths.get("average_sentence_length_words")))
    if lengths.get("usual_longest_words") is not None:
        low, high = lengths["usual_shortest_words"], lengths["usual_longest_words"]
        said = _("%(low)s to %(high)s words a sentence", low=decimal(low), high=decimal(high))
        yield _fact(_l("Mostly"), said)
    if lengths.get("average_paragraph_length_words") is not None:
        yield _fact(_l("Paragraphs"), average(lengths["average_paragraph_length_words"]))
    level = words.get("vocabulary_level")
    yield _fact(_l("Vocabulary"), _term(level) if level else None)
    if words.get("long_word_share") is not None:
        yield _fact(_l("Long words"), share(words["long_word_share"]))
    if reads.get("score") is not None:
        band = [_term(reads["band"])] if reads.get("band") else []
        yield _fact(_l("Readability"), listed([decimal(reads["score"]), *band]))
    if habit:
        yield _fact(_l("Speaks"), translate(_PERSONS[habit]) if habit in _PERSONS else None)
    if lengths.get("question_share") is not None:
        said = _("%(share)s of sentences", share=share(lengths["question_share"]))
        yield _fact(_l("Questions"), said)


_SCORES = {
    "linguistic_quality": _l("text that was measured"),
    "core_completeness": _l("answers given"),
    "platform_consistency": _l("platforms that suit"),
    "tone_agreement": _l("stated and measured tone"),
}


def _quality(quality: Mapping[str, Any]) -> Iterable[Call]:
    """What the persona can be relied on for: the scores, and what would raise them."""
    scores = [
        ("score_of", (), {"label": label, "value": str(score), "number": decimal(score)})
        for name, label in _SCORES.items()
        if (score := quality.get(name)) is not None
    ]
    yield "scores_of", (), {"scores": Calls(scores)}
    if quality.get("recommendations"):
        yield _fact(_l("To make it better"), quality["recommendations"], lines=True)


def _platform(name: str, platform: Mapping[str, Any], edited: frozenset[str]) -> Call:
    """One platform: its limits in a line, then what to do and what to leave."""
    limit = (platform.get("content_format_rules") or {}).get("character_limit")
    length = (platform.get("sentence_metrics") or {}).get("optimal_sentence_length")
    advice = [*(platform.get("platform_best_practices") or ()), *(platform.get("dos") or ())]
    mine = not edited.isdisjoint((f"own_{name}_advice", f"own_{name}_dos"))
    rows = [_fact(_l("Best practices"), advice, lines=True, mine=mine)]
    if platform.get("donts"):
        mine = f"own_{name}_donts" in edited
        rows.append(_fact(_l("Leave"), platform["donts"], lines=True, mine=mine))
    texts = {
        "label": translate(str(platform.get("label") or name)),
        "limit": decimal(limit) if limit else None,
        "length": decimal(length) if length else None,
        "rows": Calls(rows),
    }
    return "platform", (), texts


def _fact(label: Any, value: Any, *, lines: bool = False, mine: bool = False) -> Call:
    """A row for a text or a list; `lines` gives each element of a list a line of its own."""
    items = None
    if isinstance(value, list):
        if lines and value:
            items = kept.each("line", map(str, value))
        value = None if lines or not value else ", ".join(map(str, value))
    return "fact", (mine,), {"label": label, "value": _text(value), "items": items}


def _term(name: Any) -> str:
    return translate(name) if name in _TERMS else str(name)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
