"""What follows from the measures: style, audience, kind of content, and advice to a writer.

Rules, not opinions of a model: each value comes from thresholds in the table below, and
`evidence` names the measures that it rests on, with their values. Where the field has
a published threshold it is used and named; the others are editors' rules of thumb, kept in one
place so that they can be argued with.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from webapp.site.brand import read_brand
from webapp.site.marked import N_
from webapp.site.style import ENOUGH_WORDS
from webapp.site.vocabulary import LANGUAGES

TONES = ("Professional", "Casual", "Technical", "Conversational", "Academic")

# --- thresholds ------------------------------------------------------------------------------

# Words a sentence. Cutts, "Oxford Guide to Plain English": aim at an average of 15 to 20.
SHORT_SENTENCES = 12.0
LONG_SENTENCES = 20.0
VERY_LONG_SENTENCES = 24.0
# Above this a single sentence loses readers (GOV.UK content design: split above 25 words).
TOO_LONG_A_SENTENCE = 25

# Spread divided by mean.
EVEN_RHYTHM = 0.4
VARIED_RHYTHM = 0.6

# Words a paragraph.
SHORT_PARAGRAPHS = 45.0
LONG_PARAGRAPHS = 110.0

# Shares of all words. Conversation has about ten times the "you" of academic prose (Biber et
# al., "Longman Grammar of Spoken and Written English").
SOME_YOU = 0.008
MUCH_YOU = 0.02
SOME_I = 0.012
MUCH_I = 0.03
SOME_CONTRACTIONS = 0.006
MANY_CONTRACTIONS = 0.018

# Shares of all sentences.
SOME_QUESTIONS = 0.04
MANY_QUESTIONS = 0.10
SOME_EXCLAMATIONS = 0.03
MANY_EXCLAMATIONS = 0.10
MUCH_PASSIVE = 0.25
SOME_TRANSITIONS = 0.08
# Every third sentence with a hedge or a booster is noticed; academic prose has about as many of
# either (Hyland, "Metadiscourse", 2005, counts 15 hedges and 6 boosters in 1,000 words).
MUCH_HEDGING = 0.33
MUCH_CERTAINTY = 0.25
# Above this share of numbers, figures are part of the style.
SOME_NUMBERS = 0.015

# The share of words over six letters in ordinary prose: each language has its own.
USUAL_LONG_WORDS = {"en": 0.20, "es": 0.27, "de": 0.29, "fr": 0.25, "it": 0.28, "pt": 0.26}
MANY_LONG_WORDS = 1.4  # times the usual share
FEW_LONG_WORDS = 0.75

# Moving-average type-token ratio over 100 words: prose lies around 0.7.
PLAIN_DIVERSITY = 0.64
RICH_DIVERSITY = 0.74

COMPLEXITY_OF_BAND = {
    "very easy": "simple",
    "easy": "simple",
    "fairly easy": "moderate",
    "standard": "moderate",
    "fairly difficult": "complex",
    "difficult": "complex",
    "very difficult": "very complex",
}
# Björnsson's LIX, for languages without a formula of their own: 40 ends what is easy reading,
# 50 newspapers, 60 factual texts.
COMPLEXITY_OF_LIX = ((40.0, "simple"), (50.0, "moderate"), (60.0, "complex"))

EXPERTISE = {
    "simple": "beginner",
    "moderate": "general",
    "complex": "advanced",
    "very complex": "expert",
}
SCHOOLING = {
    "simple": N_("comfortable from about the 6th school year on"),
    "moderate": N_("comfortable from about the 8th school year on"),
    "complex": N_("comfortable at the end of secondary school and after"),
    "very complex": N_("comfortable for university graduates"),
}

LANGUAGE_NAMES = {
    "en": N_("English"),
    "es": N_("Spanish"),
    "de": N_("German"),
    "fr": N_("French"),
    "pt": N_("Portuguese"),
    "it": N_("Italian"),
}

READERS, READERS_OF_ANY = N_("readers of {language}"), N_("readers")
ADDRESSED = (N_("spoken to directly all along"), N_("spoken to directly now and then"))

ADVICE = {
    "keep_tone": N_("Keep the {tone} tone: it is how your pages already sound."),
    "keep_formal": N_("Stay formal: no contractions, few exclamations."),
    "keep_informal": N_("Stay informal: your readers are used to being talked to."),
    "keep_neutral": N_("Stay between formal and informal, as you do now."),
    "keep_contractions": N_("Use contractions as you do now ({percent}% of your words)."),
    "sentence_length": N_(
        "Keep sentences near {mean} words; yours vary from {shortest} to {longest}."
    ),
    "split_long": N_("Split sentences of more than {limit} words; your longest has {longest}."),
    "shorten": N_("Aim below {limit} words a sentence on average; yours have {mean}."),
    "vary": N_("Vary your sentences more: most of yours have nearly the same length."),
    "keep_rhythm": N_("Keep mixing short and long sentences: the change carries the reader."),
    "paragraphs": N_("Keep paragraphs near {mean} words."),
    "split_paragraphs": N_("Split paragraphs: {mean} words each are many on a small screen."),
    "headings": N_("Set a heading every few paragraphs; {count} were found."),
    "telling_words": N_("Come back to the words that are yours: {words}."),
    "plainer_words": N_("Prefer shorter words: {percent}% of yours have more than six letters."),
    "keep_words": N_("Keep your vocabulary at this level ({level})."),
    "repeat_less": N_("Vary your words more: many come back within a few sentences."),
    "ask": N_("Ask the reader a question now and then; yours hardly do."),
    "keep_asking": N_("Keep asking questions ({percent}% of your sentences do)."),
    "address": N_("Address the reader as “you” more often; it is {percent}% of your words now."),
    "keep_addressing": N_("Keep addressing the reader directly."),
    "call": N_("End with what the reader can do next."),
    "keep_call": N_("Keep telling the reader what to do next (“{call}”)."),
    "audience": N_("Write for {audience}."),
    "explain": N_("Explain terms on first use: your text asks much of its readers."),
    "keep_level": N_("Keep the reading level ({band}): it fits a wide audience."),
    "title": N_("Give each page a title of 15 to 65 characters that says what it is about."),
    "description": N_("Describe each page in one or two sentences of 50 to 160 characters."),
    "one_h1": N_("Give each page exactly one main heading."),
    "words_in_headings": N_("Use your telling words in headings: {words}."),
    "exclamations": N_("Exclamation marks in every tenth sentence: they wear off."),
    "passive": N_("The passive in about {percent}% of sentences: say who acts."),
    "transitions": N_("Join thoughts with the phrases that you use: {phrases}."),
    "add_transitions": N_("Join thoughts with a linking phrase where one follows from another."),
    "hedge_less": N_("Soften less: {percent}% of your sentences hold a word like “perhaps”."),
    "prove": N_("Prove what you assert: {percent}% of your sentences hold a word like “always”."),
    "keep_figures": N_("Keep giving figures: {percent}% of your words are numbers."),
    "no_slang": N_("Slang and exclamation marks do not fit this tone."),
    "no_jargon": N_("Jargon without an explanation."),
    "no_long": N_("Sentences of more than {limit} words."),
    "no_walls": N_("Paragraphs of more than {limit} words."),
}

SEO_ADVICE = {
    "title": (N_("The page has no title, or one that is very short or long."), ADVICE["title"]),
    "description": (N_("The page has no description of a useful length."), ADVICE["description"]),
    "h1": (N_("The page does not have exactly one main heading."), ADVICE["one_h1"]),
    "language": (
        N_("The page does not say in which language it is written."),
        N_("Name the language of the page (<html lang=…>)."),
    ),
    "language_match": (
        N_("The page says that it is written in another language than it is."),
        N_("Name the language that the text is written in (<html lang=…>)."),
    ),
    "different_titles": (
        N_("Several pages have the same title."),
        N_("Give each page a title of its own."),
    ),
    "canonical": (
        N_("The page names no canonical address."),
        N_("Add a canonical link, so that copies of the page count as one."),
    ),
    "social_preview": (
        N_("There is no preview for social networks."),
        N_("Add Open Graph properties: og:title, og:description, og:image."),
    ),
    "alt_texts": (
        N_("Some pictures have no alternative text."),
        N_("Describe each picture in its alt text; leave it empty for decoration."),
    ),
    "subheadings": (
        N_("The text is long and has no subheadings."),
        N_("Divide the text with subheadings."),
    ),
    "https": (N_("The page is not served over HTTPS."), N_("Serve the site over HTTPS.")),
    "indexing": (
        N_("The page asks search engines to leave it out."),
        N_("Remove “noindex” if the page should be found."),
    ),
}


WARNINGS = {
    "no_spaces": N_(
        "The language of this page is written without spaces between words; "
        "its style cannot be measured yet."
    ),
    "no_text": N_("No running text was found on this page, so its style could not be measured."),
    "too_little": N_(
        "Only {count} words of running text were found: not enough to measure a style. "
        "It takes {enough}."
    ),
    "language": N_(
        "The language of this page is not one of those that are measured fully: "
        "readability and word choice are left out."
    ),
}
"""What keeps an analysis from being whole, for the user."""


def derive(
    measures: Mapping[str, Any], page_facts: Mapping[str, Any], brand: bool = True
) -> dict[str, Any]:
    """Derive everything of an analysis that is not itself a measure.

    `measures`: what `style.measure` returned. `page_facts`: any of `url`, `title`,
    `description`, `html_lang`, `headings` (of `{level, text}`), `calls`, `link_texts`,
    `canonical`, `robots`, `social_preview`, `images`, `images_without_alt`, `list_items`,
    `logo_url`, `colours`, `paragraphs` (all that was measured), `titles` (of all pages); what is
    missing is taken as not found. `brand`: whether the brand is read at all.

    Returns `writing_style`, `content_characteristics`, `target_audience`, `content_type`,
    `recommended_settings`, `style_patterns`, `style_guidelines`, `brand_analysis`, `seo_audit`,
    `evidence` (dotted name of a value -> the measures it rests on) and `warning_message`.
    Under `style.ENOUGH_WORDS` words what rests on the text is None (lists are empty).
    """
    notes = _Notes(measures)
    enough = bool(measures.get("enough_text"))
    call = _call_to_action(page_facts, measures.get("language"))
    style = _writing_style(measures, notes) if enough else _blank(STYLE_KEYS)
    characteristics = _characteristics(measures, notes) if enough else _blank(CHARACTERISTIC_KEYS)
    audience = _audience(measures, style, notes) if enough else _blank(AUDIENCE_KEYS)
    content = _content_type(measures, page_facts, style, call, notes, enough)
    settings: dict[str, Any] = _blank(("writing_tone", "target_audience", "content_type"))
    patterns: dict[str, Any] = {
        "patterns": {
            "sentence_length": None,
            "vocabulary_patterns": [],
            "transition_phrases": [],
            "paragraph_structure": None,
            "recurring_phrases": [],
        },
        "unique_elements": [],
    }
    advice = _Advice()
    if enough:
        settings = {
            "writing_tone": style["tone"],
            "target_audience": audience["demographics"],
            "content_type": _recommended_type(content["primary_type"]),
        }
        notes.add("recommended_settings.writing_tone", *_TONE_MEASURES)
        patterns = _patterns(measures, characteristics, notes)
        _advise(advice, measures, style, characteristics, audience, page_facts, call)
    return {
        "writing_style": style,
        "content_characteristics": characteristics,
        "target_audience": audience,
        "content_type": content,
        "recommended_settings": settings,
        "style_patterns": patterns,
        "style_guidelines": advice.guidelines(),
        "brand_analysis": read_brand(style, page_facts, measures.get("language"))
        if brand
        else None,
        "seo_audit": _seo(page_facts, measures),
        "evidence": notes.evidence,
        "warning_message": _warning(measures),
    }


STYLE_KEYS = ("tone", "voice", "complexity", "engagement_level", "formality_level")
CHARACTERISTIC_KEYS = (
    "sentence_structure",
    "vocabulary_level",
    "paragraph_organization",
    "readability_score",
)
AUDIENCE_KEYS = ("demographics", "expertise_level", "industry_focus")
_TONE_MEASURES = (
    "readability_band",
    "average_sentence_length",
    "long_word_share",
    "second_person_share",
    "first_person_share",
    "contraction_share",
    "question_share",
    "exclamation_share",
)


class _Notes:
    """Collects, for each derived value, the measures that it rests on."""

    def __init__(self, measures: Mapping[str, Any]) -> None:
        self._measures = measures
        self.evidence: dict[str, str] = {}

    def add(self, name: str, *measures: str) -> None:
        known = ((key, self._measures.get(key)) for key in measures)
        shown = (f"{key.replace('_', ' ')} {value}" for key, value in known if value is not None)
        self.evidence[name] = "; ".join(shown)

    def say(self, name: str, text: str) -> None:
        self.evidence[name] = text


class _Advice:
    """Collects advice as sentences, and beside them as codes for other languages."""

    GUIDELINES = (
        "tone_recommendations",
        "structure_guidelines",
        "vocabulary_suggestions",
        "engagement_tips",
        "audience_considerations",
        "seo_optimization",
    )

    def __init__(self) -> None:
        sections = (*self.GUIDELINES, "best_practices", "avoid_elements")
        self._said: dict[str, list[dict[str, Any]]] = {section: [] for section in sections}

    def add(self, section: str, code: str, **values: object) -> None:
        self._said[section].append({"code": code, "values": values})

    def guidelines(self) -> dict[str, Any]:
        sentences = {
            section: [ADVICE[said["code"]].format(**said["values"]) for said in entries]
            for section, entries in self._said.items()
        }
        return {
            "guidelines": {section: sentences[section] for section in self.GUIDELINES},
            "best_practices": sentences["best_practices"],
            "avoid_elements": sentences["avoid_elements"],
            "codes": self._said,
        }


def _blank(keys: Sequence[str]) -> dict[str, Any]:
    return dict.fromkeys(keys)


def _number(measures: Mapping[str, Any], key: str) -> float:
    """A measure for comparing; one that this language does not have counts as none of it."""
    return float(measures.get(key) or 0)


def _long_words(measures: Mapping[str, Any]) -> float:
    """The share of long words, as a multiple of what is usual in the language."""
    usual = USUAL_LONG_WORDS.get(measures.get("language") or "", 0.25)
    return _number(measures, "long_word_share") / usual


def _percent(measures: Mapping[str, Any], key: str) -> str:
    percent = _number(measures, key) * 100
    return f"{percent:.0f}" if percent >= 10 else f"{percent:.1f}"


# --- style -----------------------------------------------------------------------------------


def _writing_style(measures: Mapping[str, Any], notes: _Notes) -> dict[str, Any]:
    complexity = _complexity(measures, notes)
    formality = _formality(measures)
    notes.add(
        "writing_style.formality_level",
        "contraction_share",
        "first_person_share",
        "second_person_share",
        "exclamation_share",
        "long_word_share",
    )
    notes.add("writing_style.tone", *_TONE_MEASURES)
    notes.add("writing_style.voice", "first_person_share", "second_person_share", "passive_share")
    notes.add(
        "writing_style.engagement_level",
        "question_share",
        "second_person_share",
        "exclamation_share",
    )
    return {
        "tone": _tone(measures, complexity, formality),
        "voice": _voice(measures),
        "complexity": complexity,
        "engagement_level": _engagement(measures),
        "formality_level": formality,
    }


def _complexity(measures: Mapping[str, Any], notes: _Notes) -> str:
    band = measures.get("readability_band")
    if band:
        notes.add("writing_style.complexity", "readability_band", "readability_score")
        return COMPLEXITY_OF_BAND[band]
    lix = _number(measures, "average_sentence_length") + 100 * _number(measures, "long_word_share")
    notes.say("writing_style.complexity", f"LIX {lix:.1f} (sentence length and long words)")
    return next((name for limit, name in COMPLEXITY_OF_LIX if lix < limit), "very complex")


def _formality(measures: Mapping[str, Any]) -> str:
    points = 0
    you, i = _number(measures, "second_person_share"), _number(measures, "first_person_share")
    points += (you < SOME_YOU / 2) - (you >= MUCH_YOU)
    points += (i < SOME_I / 2) - (i >= MUCH_I)
    points += (_long_words(measures) >= MANY_LONG_WORDS) - (_long_words(measures) < FEW_LONG_WORDS)
    points -= _number(measures, "exclamation_share") >= SOME_EXCLAMATIONS
    contractions = measures.get("contraction_share")
    if contractions is not None:
        points += contractions < SOME_CONTRACTIONS / 3
        points -= contractions >= SOME_CONTRACTIONS
        points -= contractions >= MANY_CONTRACTIONS
    if points >= 3:
        return "formal"
    return "informal" if points <= -2 else "neutral"


def _tone(measures: Mapping[str, Any], complexity: str, formality: str) -> str:
    """The first rule that fits."""
    you = _number(measures, "second_person_share")
    i = _number(measures, "first_person_share")
    length = _number(measures, "average_sentence_length")
    many_long = _long_words(measures) >= MANY_LONG_WORDS
    hard = complexity in ("complex", "very complex")
    talks = you >= SOME_YOU and (
        _number(measures, "question_share") >= SOME_QUESTIONS
        or _number(measures, "contraction_share") >= SOME_CONTRACTIONS
        or i >= SOME_I
        or you >= MUCH_YOU
    )
    if hard and length >= LONG_SENTENCES and you < SOME_YOU and formality != "informal":
        return "Academic"
    if hard and many_long and formality != "informal":
        return "Technical"
    if formality == "informal" and (
        _number(measures, "exclamation_share") >= MANY_EXCLAMATIONS
        or (_number(measures, "contraction_share") >= MANY_CONTRACTIONS and i >= MUCH_I)
    ):
        return "Casual"
    if talks and not hard:
        return "Conversational"
    return "Casual" if formality == "informal" else "Professional"


def _voice(measures: Mapping[str, Any]) -> str:
    you, i = _number(measures, "second_person_share"), _number(measures, "first_person_share")
    if i >= SOME_I and you >= SOME_YOU:
        return "in dialogue (I or we, and you)"
    if you >= SOME_YOU:
        return "direct (speaks to the reader)"
    if i >= SOME_I:
        return "personal (speaks as I or we)"
    if _number(measures, "passive_share") >= MUCH_PASSIVE:
        return "impersonal (much passive)"
    return "reporting (third person)"


def _engagement(measures: Mapping[str, Any]) -> str:
    questions = _number(measures, "question_share")
    you = _number(measures, "second_person_share")
    points = (questions >= SOME_QUESTIONS) + (questions >= MANY_QUESTIONS)
    points += (you >= SOME_YOU) + (you >= MUCH_YOU)
    points += _number(measures, "exclamation_share") >= SOME_EXCLAMATIONS
    if points >= 3:
        return "high"
    return "moderate" if points else "low"


# --- characteristics and audience ------------------------------------------------------------


def _characteristics(measures: Mapping[str, Any], notes: _Notes) -> dict[str, Any]:
    name = "content_characteristics"
    notes.add(f"{name}.sentence_structure", "average_sentence_length", "sentence_length_spread")
    notes.add(f"{name}.vocabulary_level", "lexical_diversity", "long_word_share")
    notes.add(f"{name}.paragraph_organization", "average_paragraph_length", "paragraph_count")
    notes.add(f"{name}.readability_score", "readability_score", "readability_formula")
    return {
        "sentence_structure": f"{_length_word(measures)} sentences, {_rhythm(measures)}",
        "vocabulary_level": _vocabulary_level(measures),
        "paragraph_organization": _paragraph_word(measures) + " paragraphs",
        "readability_score": measures.get("readability_score"),
    }


def _length_word(measures: Mapping[str, Any]) -> str:
    mean = _number(measures, "average_sentence_length")
    return "short" if mean < SHORT_SENTENCES else "medium" if mean < LONG_SENTENCES else "long"


def _variation(measures: Mapping[str, Any]) -> float:
    mean = _number(measures, "average_sentence_length")
    return _number(measures, "sentence_length_spread") / mean if mean else 0.0


def _rhythm(measures: Mapping[str, Any]) -> str:
    variation = _variation(measures)
    if variation < EVEN_RHYTHM:
        return "even in length"
    return "much varied in length" if variation >= VARIED_RHYTHM else "varied in length"


def _vocabulary_level(measures: Mapping[str, Any]) -> str:
    diversity = measures.get("lexical_diversity")
    points = 0
    if diversity is not None:
        points += (diversity >= RICH_DIVERSITY) - (diversity < PLAIN_DIVERSITY)
    points += (_long_words(measures) >= 1.25) - (_long_words(measures) < FEW_LONG_WORDS)
    return "basic" if points < 0 else "advanced" if points > 0 else "intermediate"


def _paragraph_word(measures: Mapping[str, Any]) -> str:
    mean = _number(measures, "average_paragraph_length")
    return "short" if mean < SHORT_PARAGRAPHS else "medium" if mean < LONG_PARAGRAPHS else "long"


def _top(measures: Mapping[str, Any], count: int) -> list[str]:
    return [entry["word"] for entry in (measures.get("top_words") or [])[:count]]


def _audience(
    measures: Mapping[str, Any], style: Mapping[str, Any], notes: _Notes
) -> dict[str, Any]:
    language = LANGUAGE_NAMES.get(measures.get("language") or "")
    readers = READERS.format(language=language) if language else READERS_OF_ANY
    topics = _top(measures, 3)
    notes.add(
        "target_audience.demographics",
        *("language", "readability_band", "readability_score", "second_person_share"),
    )
    notes.add("target_audience.expertise_level", "readability_band", "readability_score")
    notes.say(
        "target_audience.industry_focus", "most telling words: " + ", ".join(_top(measures, 8))
    )
    return {
        "demographics": f"{readers}, {SCHOOLING[style['complexity']]}{_addressed(measures)}",
        "expertise_level": EXPERTISE[style["complexity"]],
        "industry_focus": ", ".join(topics) or None,
    }


def _addressed(measures: Mapping[str, Any]) -> str:
    """How the text turns to its readers."""
    you = measures.get("second_person_share")
    if you is None:
        return ""
    if you >= MUCH_YOU:
        return f"; {ADDRESSED[0]}"
    return f"; {ADDRESSED[1]}" if you >= SOME_YOU else ""


def audience_in_words(demographics: str, translate: Callable[[str], str]) -> str:
    """Stored `demographics` in another language; what was not made by this module stays."""
    readers, _comma, rest = demographics.partition(", ")
    schooling, _mark, addressed = rest.partition("; ")
    language = next(
        (n for n in LANGUAGE_NAMES.values() if READERS.format(language=n) == readers), ""
    )
    known = language or readers == READERS_OF_ANY
    if not known or schooling not in SCHOOLING.values() or addressed not in ("", *ADDRESSED):
        return demographics
    if language:
        readers = translate(READERS).format(language=translate(language))
    else:
        readers = translate(READERS_OF_ANY)
    said = translate(N_("{readers}, {schooling}")).format(
        readers=readers, schooling=translate(schooling)
    )
    if not addressed:
        return said
    return translate(N_("{audience}; {addressed}")).format(
        audience=said, addressed=translate(addressed)
    )


# --- kind of content -------------------------------------------------------------------------

_HOW_TO = re.compile(
    r"\b(?:how to|step by step|guide|tutorial|cómo|guía|anleitung|schritt für schritt|ratgeber"
    r"|wie man|comment|tutoriel|como fazer|guia|passo a passo|guida|come fare)\b",
    re.IGNORECASE,
)
_SHOP = re.compile(
    r"add to (?:cart|basket)|shop now|order now|\bbuy\b|warenkorb|jetzt kaufen|carrito|comprar"
    r"|panier|acheter|carrinho|carrello|acquista",
    re.IGNORECASE,
)


def is_call(text: str, language: str | None) -> bool:
    """Whether a button or link asks the reader to do something."""
    vocabulary = LANGUAGES.get(language or "") or LANGUAGES["en"]
    lowered = text.lower()
    return any(re.match(rf"{re.escape(call)}(?!\w)", lowered) for call in vocabulary.calls)


def _call_to_action(facts: Mapping[str, Any], language: str | None) -> str | None:
    """What a button or link of the page asks the reader to do, in the page's own words."""
    calls = (str(text) for text in facts.get("calls") or ())
    return next((text for text in calls if is_call(text, language)), None)


def _content_type(
    measures: Mapping[str, Any],
    facts: Mapping[str, Any],
    style: Mapping[str, Any],
    call: str | None,
    notes: _Notes,
    enough: bool,
) -> dict[str, Any]:
    titles = [str(facts.get("title") or "")]
    titles += [heading["text"] for heading in facts.get("headings") or ()]
    kinds = []
    reasons = []
    if any(_SHOP.search(str(text)) for text in facts.get("calls") or ()):
        kinds.append("product page")
        reasons.append("a button that sells")
    if any(_HOW_TO.search(title) for title in titles):
        kinds.append("guide")
        reasons.append("title or headings that promise instructions")
    if enough:
        if style["tone"] in ("Academic", "Technical"):
            kinds.append("technical article" if style["tone"] == "Technical" else "essay")
            reasons.append(f"tone {style['tone']}")
        if _number(measures, "first_person_share") >= SOME_I:
            kinds.append("personal blog")
            reasons.append(f"first person share {measures.get('first_person_share')}")
        if not kinds:
            kinds.append("article")
            reasons.append(f"{measures.get('word_count')} words of running text")
    purpose = None
    if kinds:
        teaches = "guide" in kinds
        purpose = "sell" if kinds[0] == "product page" else "teach" if teaches else "inform"
        notes.say("content_type.primary_type", "; ".join(reasons))
    if call:
        notes.say("content_type.call_to_action", f"a button or link says “{call}”")
    return {
        "primary_type": kinds[0] if kinds else None,
        "secondary_types": kinds[1:],
        "purpose": purpose,
        "call_to_action": call,
    }


def _recommended_type(primary: str | None) -> str:
    return {"technical article": "Technical Articles", "essay": "Academic Papers"}.get(
        primary or "", "Blog Posts"
    )


# --- patterns and advice ---------------------------------------------------------------------


def _patterns(
    measures: Mapping[str, Any], characteristics: Mapping[str, Any], notes: _Notes
) -> dict[str, Any]:
    phrases = [entry["phrase"] for entry in (measures.get("transition_phrases") or [])[:8]]
    notes.add(
        "style_patterns.patterns.sentence_length",
        "average_sentence_length",
        "shortest_sentence",
        "longest_sentence",
    )
    notes.add("style_patterns.patterns.paragraph_structure", "average_paragraph_length")
    notes.add(
        "style_patterns.unique_elements", "question_share", "exclamation_share", "passive_share"
    )
    return {
        "patterns": {
            "sentence_length": (
                f"{_number(measures, 'average_sentence_length'):.0f} words on average, "
                f"from {measures.get('shortest_sentence')} to {measures.get('longest_sentence')}"
            ),
            "vocabulary_patterns": _top(measures, 10),
            "transition_phrases": phrases,
            "paragraph_structure": (
                f"{_number(measures, 'average_paragraph_length'):.0f} words on average "
                f"({characteristics['paragraph_organization']})"
            ),
            "recurring_phrases": [
                entry["phrase"] for entry in (measures.get("recurring_phrases") or [])[:8]
            ],
        },
        "unique_elements": _unique(measures),
    }


def _unique(measures: Mapping[str, Any]) -> list[str]:
    found = []
    if _number(measures, "question_share") >= MANY_QUESTIONS:
        found.append(f"questions in {_percent(measures, 'question_share')} % of sentences")
    if _number(measures, "exclamation_share") >= MANY_EXCLAMATIONS:
        found.append(f"exclamations in {_percent(measures, 'exclamation_share')} % of sentences")
    if _number(measures, "contraction_share") >= MANY_CONTRACTIONS:
        found.append(f"contractions in {_percent(measures, 'contraction_share')} % of words")
    if _variation(measures) >= VARIED_RHYTHM:
        found.append("a strong change between short and long sentences")
    if _number(measures, "passive_share") >= MUCH_PASSIVE:
        found.append(f"the passive in about {_percent(measures, 'passive_share')} % of sentences")
    return found


def _advise(
    advice: _Advice,
    measures: Mapping[str, Any],
    style: Mapping[str, Any],
    characteristics: Mapping[str, Any],
    audience: Mapping[str, Any],
    facts: Mapping[str, Any],
    call: str | None,
) -> None:
    mean = _number(measures, "average_sentence_length")
    longest, shortest = measures.get("longest_sentence"), measures.get("shortest_sentence")
    paragraph = _number(measures, "average_paragraph_length")
    hard = style["complexity"] in ("complex", "very complex")
    words = ", ".join(_top(measures, 5))

    section = "tone_recommendations"
    advice.add(section, "keep_tone", tone=str(style["tone"]).lower())
    advice.add(section, f"keep_{style['formality_level']}")
    if _number(measures, "contraction_share") >= SOME_CONTRACTIONS:
        advice.add(section, "keep_contractions", percent=_percent(measures, "contraction_share"))

    section = "structure_guidelines"
    if mean < VERY_LONG_SENTENCES:
        advice.add(
            section, "sentence_length", mean=f"{mean:.0f}", shortest=shortest, longest=longest
        )
    else:
        advice.add(section, "shorten", limit=f"{LONG_SENTENCES:.0f}", mean=f"{mean:.0f}")
    if (longest or 0) > TOO_LONG_A_SENTENCE:
        advice.add(section, "split_long", limit=TOO_LONG_A_SENTENCE, longest=longest)
    if paragraph < LONG_PARAGRAPHS:
        advice.add(section, "paragraphs", mean=f"{paragraph:.0f}")
    else:
        advice.add(section, "split_paragraphs", mean=f"{paragraph:.0f}")
    headings = int(measures.get("heading_count") or len(facts.get("headings") or ()))
    if _number(measures, "word_count") / max(1, headings) > 300:
        advice.add(section, "headings", count=headings)

    section = "vocabulary_suggestions"
    if words:
        advice.add(section, "telling_words", words=words)
    if _long_words(measures) >= MANY_LONG_WORDS:
        advice.add(section, "plainer_words", percent=_percent(measures, "long_word_share"))
    else:
        advice.add(section, "keep_words", level=characteristics["vocabulary_level"])
    diversity = measures.get("lexical_diversity")
    if diversity is not None and diversity < PLAIN_DIVERSITY:
        advice.add(section, "repeat_less")

    section = "engagement_tips"
    if _number(measures, "question_share") < SOME_QUESTIONS:
        advice.add(section, "ask")
    else:
        advice.add(section, "keep_asking", percent=_percent(measures, "question_share"))
    you = measures.get("second_person_share")
    if you is not None and you >= SOME_YOU:
        advice.add(section, "keep_addressing")
    elif you is not None and style["tone"] not in ("Academic", "Technical"):
        advice.add(section, "address", percent=_percent(measures, "second_person_share"))
    if call:
        advice.add(section, "keep_call", call=call)
    else:
        advice.add(section, "call")

    section = "audience_considerations"
    advice.add(section, "audience", audience=audience["demographics"])
    if hard:
        advice.add(section, "explain")
    elif measures.get("readability_band"):
        advice.add(section, "keep_level", band=measures["readability_band"])

    section = "seo_optimization"
    for issue in _seo_issues(facts, measures):
        code = {"title": "title", "description": "description", "h1": "one_h1"}.get(issue)
        if code:
            advice.add(section, code)
    if words:
        advice.add(section, "words_in_headings", words=", ".join(_top(measures, 3)))

    section = "best_practices"
    advice.add(section, "vary" if _variation(measures) < EVEN_RHYTHM else "keep_rhythm")
    phrases = [entry["phrase"] for entry in (measures.get("transition_phrases") or [])[:4]]
    if phrases and _number(measures, "transition_share") >= SOME_TRANSITIONS:
        advice.add(section, "transitions", phrases=", ".join(phrases))
    elif measures.get("transition_share") is not None:
        advice.add(section, "add_transitions")
    if _number(measures, "number_share") >= SOME_NUMBERS:
        advice.add(section, "keep_figures", percent=_percent(measures, "number_share"))
    if _number(measures, "certainty_share") >= MUCH_CERTAINTY:
        advice.add(section, "prove", percent=_percent(measures, "certainty_share"))

    section = "avoid_elements"
    advice.add(section, "no_long", limit=max(TOO_LONG_A_SENTENCE, round(mean * 1.8)))
    advice.add(section, "no_walls", limit=f"{max(LONG_PARAGRAPHS, paragraph * 1.2):.0f}")
    if style["formality_level"] == "formal":
        advice.add(section, "no_slang")
    if not hard:
        advice.add(section, "no_jargon")
    if _number(measures, "exclamation_share") >= MANY_EXCLAMATIONS:
        advice.add(section, "exclamations")
    if _number(measures, "hedge_share") >= MUCH_HEDGING:
        advice.add(section, "hedge_less", percent=_percent(measures, "hedge_share"))
    if _number(measures, "passive_share") >= MUCH_PASSIVE:
        advice.add(section, "passive", percent=_percent(measures, "passive_share"))


# --- search engines ------------------------------------------------------------------------


def _seo_issues(facts: Mapping[str, Any], measures: Mapping[str, Any]) -> list[str]:
    title, description = facts.get("title") or "", facts.get("description") or ""
    levels = [heading["level"] for heading in facts.get("headings") or ()]
    preview = set(facts.get("social_preview") or ())
    code = measures.get("language")
    said = str(facts.get("html_lang") or "").lower().partition("-")[0].partition("_")[0]
    titles = [title for title in facts.get("titles") or () if title]
    passed = {
        "title": 15 <= len(title) <= 65,
        "description": 50 <= len(description) <= 160,
        "h1": levels.count(1) == 1,
        "language": bool(facts.get("html_lang")),
        "language_match": not (said and code) or said == code,
        "different_titles": len(set(titles)) == len(titles),
        "canonical": bool(facts.get("canonical")),
        "social_preview": {"og:title", "og:image"} <= preview,
        "alt_texts": not facts.get("images_without_alt"),
        "subheadings": _number(measures, "word_count") < 400 or any(n > 1 for n in levels),
        "https": str(facts.get("url") or "").startswith("https://"),
        "indexing": "noindex" not in str(facts.get("robots") or "").lower(),
    }
    return [name for name, fine in passed.items() if not fine]


def _seo(facts: Mapping[str, Any], measures: Mapping[str, Any]) -> dict[str, Any]:
    """Checks of the first page (titles: of all); `score` is the percentage passed."""
    issues = _seo_issues(facts, measures)
    return {
        "score": round(100 * (len(SEO_ADVICE) - len(issues)) / len(SEO_ADVICE)),
        "issues": [SEO_ADVICE[issue][0] for issue in issues],
        "recommendations": [SEO_ADVICE[issue][1] for issue in issues],
        "codes": issues,
    }


def _warning(measures: Mapping[str, Any]) -> str | None:
    count = measures.get("word_count")
    if count is None:
        return WARNINGS["no_spaces"]
    if not measures.get("enough_text"):
        said = WARNINGS["too_little"] if count else WARNINGS["no_text"]
        return said.format(count=count, enough=ENOUGH_WORDS)
    return None if measures.get("language") in LANGUAGES else WARNINGS["language"]
