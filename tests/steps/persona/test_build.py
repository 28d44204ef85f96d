"""The core persona: identity, fingerprint, tones, constraints."""

import copy
import json

import pytest

from webapp.steps.persona.archetypes import RULES
from webapp.steps.persona.build import build_persona
from webapp.steps.persona.sentences import SENTENCES

from .samples import BUSINESS, LONG, SHORT, analysis, answers


def core(given=None, read=LONG, business=None):
    return build_persona(given or answers(), read, business)["core_persona"]


def test_the_fingerprint_holds_the_measured_numbers() -> None:
    fingerprint = core()["linguistic_fingerprint"]
    assert fingerprint["sentence_metrics"]["average_sentence_length_words"] == 28.4
    assert fingerprint["sentence_metrics"]["usual_shortest_words"] == 17
    assert fingerprint["sentence_metrics"]["usual_longest_words"] == 40
    assert fingerprint["lexical_features"]["go_to_words"] == LONG["measures"]["top_words"]
    assert fingerprint["lexical_features"]["go_to_words_source"] == "website"
    assert fingerprint["lexical_features"]["go_to_phrases"] == ["in contrast", "therefore"]
    assert fingerprint["lexical_features"]["vocabulary_level"] == "advanced"
    assert fingerprint["readability"]["reads"] == "difficult"


def test_two_writers_get_two_fingerprints() -> None:
    one, other = core(read=LONG), core(read=SHORT)
    assert one["linguistic_fingerprint"] != other["linguistic_fingerprint"]
    assert one["identity"]["archetype"] != other["identity"]["archetype"]
    assert one["stylistic_constraints"]["rules"] != other["stylistic_constraints"]["rules"]
    assert (
        one["identity"]["brand_voice_description"] != other["identity"]["brand_voice_description"]
    )


@pytest.mark.parametrize(
    "item", ["loaf", {"word": "loaf", "count": 3}, {"phrase": "loaf"}, ["loaf", 3], ("loaf", 3)]
)
def test_top_words_are_read_in_each_shape(item) -> None:
    lexical = core(read=analysis(top_words=[item]))["linguistic_fingerprint"]["lexical_features"]
    assert lexical["go_to_words"] == ["loaf"]


def test_nothing_is_measured_under_150_words() -> None:
    under = core(read=analysis(word_count=149))["linguistic_fingerprint"]
    enough = core(read=analysis(word_count=150))["linguistic_fingerprint"]
    assert under["sentence_metrics"]["average_sentence_length_words"] is None
    assert under["lexical_features"]["go_to_words"] == []
    assert enough["sentence_metrics"]["average_sentence_length_words"] == 28.4


@pytest.mark.parametrize("nonsense", [None, True, "28", float("nan"), float("inf"), -1, 10**30, []])
def test_a_measure_that_is_no_such_number_counts_as_not_measured(nonsense) -> None:
    made = core(read=analysis(average_sentence_length=nonsense))
    metrics = made["linguistic_fingerprint"]["sentence_metrics"]
    assert metrics["average_sentence_length_words"] is None
    assert metrics["usual_longest_words"] is None
    assert "No sentence length was measured" in made["stylistic_constraints"]["rules"][0]


@pytest.mark.parametrize("read", [None, {**LONG, "measures": None}, analysis(word_count=20)])
def test_without_a_measured_text_every_number_is_none(read) -> None:
    made = core(read=read, business=BUSINESS)
    fingerprint = made["linguistic_fingerprint"]
    assert set(fingerprint["sentence_metrics"].values()) == {None}
    assert set(fingerprint["readability"].values()) == {None}
    assert set(fingerprint["person"].values()) == {None}
    lexical = fingerprint["lexical_features"]
    assert lexical["vocabulary_level"] is lexical["lexical_diversity"] is None
    assert made["stylistic_constraints"]["sentence_length_words"] is None


def test_without_a_site_the_words_come_from_the_description_and_it_is_said() -> None:
    made = core(read=None, business=BUSINESS)
    lexical = made["linguistic_fingerprint"]["lexical_features"]
    assert lexical["go_to_words"][0] == "sourdough"
    assert "Leeds" in lexical["go_to_words"]
    assert "teach" in lexical["go_to_words"]
    assert "with" not in lexical["go_to_words"]
    assert "your" not in lexical["go_to_words"]
    assert lexical["go_to_words_source"] == "business_description"
    voice = made["identity"]["brand_voice_description"]
    assert "rests on your business description" in voice
    assert "measured on" not in voice
    assert made["identity"]["purpose"] == "Fill the evening courses"


def test_without_site_and_description_the_voice_rests_on_the_answers() -> None:
    made = core(read=None)
    assert "rests on your answers alone" in made["identity"]["brand_voice_description"]
    assert made["linguistic_fingerprint"]["lexical_features"]["go_to_words"] == []
    assert made["linguistic_fingerprint"]["lexical_features"]["go_to_words_source"] is None


@pytest.mark.parametrize(
    ("pages", "said"),
    [(7, "1,240 words on 7 pages of example.com"), (1, "on 1 page of"), (0, "words of example")],
)
def test_the_voice_says_what_it_was_measured_on(pages, said) -> None:
    voice = core(read={**LONG, "pages_read": pages})["identity"]["brand_voice_description"]
    assert said in voice


def test_the_voice_ends_in_the_users_own_description() -> None:
    with_own = core()["identity"]
    without = core(answers(voice_description=""))["identity"]
    assert with_own["brand_voice_description"].endswith("Calm, exact, never grand.")
    assert "In your own words" not in without["brand_voice_description"]
    assert without["stated_voice"] is None


@pytest.mark.parametrize("name", ["{audience}", "<b>{0}</b>", "%(tone)s", "{tone!r:>9}", "{"])
def test_a_name_is_data_and_neither_template_nor_html(name) -> None:
    made = build_persona(answers(persona_name=name, audience=name * 2), None, BUSINESS)
    assert made["core_persona"]["identity"]["persona_name"] == name
    assert (
        f"{name} writes for these readers: {name * 2}."
        in (made["core_persona"]["identity"]["brand_voice_description"])
    )


def test_control_characters_and_lone_surrogates_are_dropped() -> None:
    given = answers(persona_name="A\x00B\ud800\n C\u2028D")
    name = core(given)["identity"]["persona_name"]
    assert name == "A B C D"
    json.dumps(build_persona(given, LONG, None), ensure_ascii=False).encode("utf-8")


def test_long_answers_are_cut() -> None:
    made = core(answers(persona_name="x" * 200, audience="y" * 900, voice_description="z" * 5000))
    assert made["identity"]["persona_name"] == "x" * 79 + "…"
    assert len(made["identity"]["audience"]) == 500
    assert len(made["identity"]["stated_voice"]) == 1000


# Archetypes


@pytest.mark.parametrize(
    ("first", "second", "band", "tone", "questions", "expected"),
    [
        (0.0, 0.03, "easy", "Casual", 0.08, "coach"),
        (0.0, 0.03, "easy", "Casual", 0.0799, "companion"),
        (0.0, 0.03, "standard", "Conversational", 0.0, "companion"),
        (0.0, 0.03, "plain", "Technical", 0.0, "teacher"),
        (0.0, 0.015, "easy", "Academic", 0.0, "teacher"),
        (0.0, 0.0149, "easy", "Academic", 0.0, "scholar"),
        (0.03, 0.03, "difficult", "Professional", 0.0, "advisor"),
        (0.0, 0.03, None, "Professional", 0.0, "guide"),
        (0.03, 0.0, "fairly easy", "Casual", 0.0, "storyteller"),
        (0.03, 0.0, "very difficult", "Casual", 0.0, "essayist"),
        (0.03, 0.0, None, "Casual", 0.0, "narrator"),
        (0.0, 0.0, "difficult", "Academic", 0.0, "scholar"),
        (0.0, 0.0, "easy", "Technical", 0.0, "engineer"),
        (0.0, 0.0, "difficult", "Professional", 0.0, "analyst"),
        (0.0, 0.0, "easy", "Professional", 0.5, "reporter"),
    ],
)
def test_the_archetype_follows_the_table(first, second, band, tone, questions, expected) -> None:
    read = analysis(
        first_person_share=first,
        second_person_share=second,
        readability_band=band,
        readability_score=None,
        question_share=questions,
    )
    identity = core(answers(tone=tone), read)["identity"]
    assert identity["archetype_code"] == expected
    assert identity["archetype"] == SENTENCES[f"name_{expected}"]
    assert identity["archetype_basis"] == "measures"


@pytest.mark.parametrize(
    ("tone", "expected"),
    [
        ("Casual", "companion"),
        ("Conversational", "companion"),
        ("Professional", "advisor"),
        ("Technical", "engineer"),
        ("Academic", "scholar"),
    ],
)
def test_without_a_measured_person_the_tone_decides_and_it_is_said(tone, expected) -> None:
    identity = core(answers(tone=tone), None, BUSINESS)["identity"]
    assert identity["archetype_code"] == expected
    assert identity["archetype_basis"] == "stated_tone"
    assert "it was not measured whom" in identity["archetype_because"]


def test_each_archetype_has_a_sentence_and_can_be_reached() -> None:
    for rule in RULES:
        assert {f"archetype_{rule.archetype}", f"name_{rule.archetype}"} <= set(SENTENCES)
    assert len({rule.archetype for rule in RULES}) == len(RULES)


@pytest.mark.parametrize(
    ("score", "formula", "reads"),
    [
        (70, "Flesch Reading Ease", "easy"),
        (69.9, "Flesch Reading Ease", "plain"),
        (50, "Amstad", "plain"),
        (49.9, "Fernández Huerta", "difficult"),
        (49.9, "a formula of another scale", None),
        (None, "Flesch Reading Ease", None),
    ],
)
def test_without_a_band_the_score_says_how_it_reads(score, formula, reads) -> None:
    read = analysis(readability_band=None, readability_score=score, readability_formula=formula)
    assert core(read=read)["linguistic_fingerprint"]["readability"]["reads"] == reads


@pytest.mark.parametrize(
    ("first", "second", "habit"),
    [
        (0.04, 0.02, "both"),
        (0.05, 0.02, "writer"),
        (0.02, 0.05, "reader"),
        (0.014, 0.014, "impersonal"),
        (None, 0.05, None),
    ],
)
def test_the_person_follows_from_both_shares(first, second, habit) -> None:
    read = analysis(first_person_share=first, second_person_share=second)
    assert core(read=read)["linguistic_fingerprint"]["person"]["habit"] == habit


def test_a_language_that_keeps_the_person_in_the_verb_needs_fewer_pronouns() -> None:
    def habit(language):
        read = {**analysis(first_person_share=0.0, second_person_share=0.008)}
        read["language"] = language
        return core(read=read)["linguistic_fingerprint"]["person"]["habit"]

    assert habit("es") == habit("it") == habit("pt-BR") == "reader"
    assert habit("en") == habit("de") == "impersonal"


# Tones


@pytest.mark.parametrize(
    ("stated", "agrees", "part"),
    [
        ("Academic", True, "read that way"),
        ("Technical", False, "close to it"),
        ("Professional", False, "Both can be right"),
        ("Casual", False, "Both can be right"),
    ],
)
def test_a_disagreement_with_the_measured_tone_is_said_and_the_stated_one_wins(
    stated, agrees, part
) -> None:
    made = core(answers(tone=stated))
    assert made["tone_agreement"]["stated"] == stated
    assert made["tone_agreement"]["measured"] == "Academic"
    assert made["tone_agreement"]["agrees"] is agrees
    assert part in made["tone_agreement"]["sentence"]
    assert made["tonal_range"]["default_tone"] == stated


def test_an_unmeasured_tone_is_none_and_neither_agrees_nor_disagrees() -> None:
    agreement = core(read=None)["tone_agreement"]
    assert agreement["measured"] is None
    assert agreement["agrees"] is None
    assert "No tone was measured" in agreement["sentence"]


@pytest.mark.parametrize(
    ("word", "tone"),
    [("formal", "Professional"), ("FRIENDLY", "Casual"), ("scholarly", "Academic"), ("blue", None)],
)
def test_a_tone_by_another_name_is_recognised(word, tone) -> None:
    read = {**LONG, "recommended_settings": {"writing_tone": word}, "writing_style": {}}
    assert core(read=read)["tone_agreement"]["measured"] == tone


def test_the_tone_of_the_writing_style_stands_in_for_a_missing_recommendation() -> None:
    read = {**LONG, "recommended_settings": {}}
    assert core(read=read)["tone_agreement"]["measured"] == "Academic"


def test_neighbours_of_a_tone_are_permitted_and_far_ones_forbidden() -> None:
    tones = core(answers(tone="Casual"), None)["tonal_range"]
    assert tones["permissible_tones"] == ["Casual", "Conversational"]
    assert tones["forbidden_tones"] == ["Technical", "Academic"]


def test_the_measured_tone_is_never_forbidden() -> None:
    far = core(answers(tone="Casual"))["tonal_range"]
    assert far["forbidden_tones"] == ["Technical"]
    assert "Academic" not in far["permissible_tones"]
    near = core(answers(tone="Professional"))["tonal_range"]
    assert "Academic" in near["permissible_tones"]


# Constraints and words


@pytest.mark.parametrize(
    ("mean", "spread", "part"),
    [
        (25.0, 10.0, "Keep sentences near 25 words; yours mostly run from 15 to 35"),
        (25.1, 10.0, "Over 25 they are hard to read"),
        (14.0, None, "Keep sentences near 14 words, as you do"),
    ],
)
def test_the_rule_on_length_follows_the_measure(mean, spread, part) -> None:
    read = analysis(average_sentence_length=mean, sentence_length_spread=spread)
    assert part in core(read=read)["stylistic_constraints"]["rules"][0]


@pytest.mark.parametrize(
    ("spread", "code"), [(3.4, "rule_rhythm_even"), (3.5, None), (9.0, None), (9.1, "uneven")]
)
def test_the_rhythm_is_named_when_even_or_uneven(spread, code) -> None:
    read = analysis(average_sentence_length=10.0, sentence_length_spread=spread)
    codes = [one["code"] for one in core(read=read)["stylistic_constraints"]["codes"]["rules"]]
    rhythm = [found for found in codes if "rhythm" in found]
    assert (code in rhythm[0]) if code else not rhythm


@pytest.mark.parametrize(
    ("share", "tone", "language", "code"),
    [
        (0.01, "Casual", "en", "rule_contractions_keep"),
        (0.01, "Academic", "en", "rule_contractions_tone"),
        (0.0099, "Academic", "en", None),
        (0.002, "Academic", "en", None),
        (0.0019, "Academic", "en", "rule_contractions_none"),
        (0.0019, "Casual", "en", "rule_contractions_welcome"),
        (0.0, "Academic", "de", None),
        (None, "Academic", "en", None),
    ],
)
def test_contractions_are_judged_with_the_tone_and_in_english_alone(
    share, tone, language, code
) -> None:
    read = {**analysis(contraction_share=share), "language": language}
    codes = core(answers(tone=tone), read)["stylistic_constraints"]["codes"]["rules"]
    assert [one["code"] for one in codes if "contractions" in one["code"]] == (
        [code] if code else []
    )


def test_words_to_avoid_are_in_the_language_of_the_text() -> None:
    def avoided(language):
        read = {**LONG, "language": language}
        return core(read=read)["linguistic_fingerprint"]["lexical_features"]["avoid_words"]

    assert "awesome" in avoided("en")
    assert "krass" in avoided("de-AT")
    assert avoided("fi") == []
    assert avoided(None) == []


def test_a_word_of_their_own_is_not_to_be_avoided() -> None:
    lexical = core(read=analysis(top_words=["Stuff"]))["linguistic_fingerprint"]
    assert "stuff" not in lexical["lexical_features"]["avoid_words"]
    assert "awesome" in lexical["lexical_features"]["avoid_words"]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Wir backen Brot für die Cafés der Stadt und lehren das Backen", "de"),
        ("Nous faisons du pain pour les cafés de la ville avec des amis", "fr"),
        ("Hacemos pan para los cafés de la ciudad y también para quien lo quiera", "es"),
        ("Qwrt zxcv bnmk", None),
    ],
)
def test_the_language_of_a_description_is_guessed_only_when_it_is_clear(text, language) -> None:
    given = answers(voice_description="", audience="xx")
    made = core(given, None, {"business_description": text})
    assert made["linguistic_fingerprint"]["language"] == language


def test_the_same_input_gives_the_same_persona_and_is_left_as_it_was() -> None:
    given, read, business = answers(), analysis(), dict(BUSINESS)
    before = copy.deepcopy((given, read, business))
    assert build_persona(given, read, business) == build_persona(given, read, business)
    assert (given, read, business) == before


def test_an_earlier_reading_counts_while_the_site_is_read_again() -> None:
    for status in ("queued", "in_progress", "failed"):
        made = core(read={**LONG, "status": status})
        metrics = made["linguistic_fingerprint"]["sentence_metrics"]
        assert metrics["average_sentence_length_words"] == 28.4
