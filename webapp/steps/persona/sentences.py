"""Every sentence a persona can say, in one table, each under a code.

A stored persona keeps the English text for whoever reads the JSON, and beside it the code and
the values the text was made of, so that the same sentence can be given in another language.
`N_` only marks a text for the translators' extraction; `translate` turns it into the reader's
language before the values are put in. Values are data: they are never read as templates; those
that are terms of ours (a tone, "your blog") are translated too.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from string import Formatter
from typing import Any, NamedTuple

from webapp.site.marked import N_

Translate = Callable[[str], str]
WriteNumber = Callable[[float, str], str]
"""A number and how the table would format it (`,`, `g` or nothing) -> as the reader writes it."""


def as_written(text: str) -> str:
    """The default translation: English, as in the table."""
    return text


def as_counted(number: float, spec: str) -> str:
    """The default way to write a number: English, as the table formats it."""
    return format(number, spec)


class Sentence(NamedTuple):
    """One sentence before it is put into words: its code in SENTENCES and the values it names."""

    code: str
    values: dict[str, Any]


class Paragraph(list[Sentence]):
    """Sentences that are shown as one text, in this order."""


SENTENCES: dict[str, str] = {
    # What the persona rests on.
    "basis_pages": N_("Your persona will rest on {words:,} words on {pages:,} pages of {site}."),
    "basis_page": N_("Your persona will rest on {words:,} words on 1 page of {site}."),
    "basis_site": N_("Your persona will rest on {words:,} words of {site}."),
    "basis_description": N_(
        "Your persona will rest on your business description, as there is no website to measure."
    ),
    "basis_answers": N_(
        "Your persona will rest on your answers alone, as there is no website to measure."
    ),
    "basis_thin": N_(
        "There is not enough text on {site} to measure: {words:,} words were found and "
        "{needed:,} are needed."
    ),
    "basis_uncounted": N_("No words could be counted on {site}, so its style is not measured."),
    "basis_running": N_("{site} is still being read."),
    "basis_failed": N_("{site} could not be read."),
    "basis_until_then_description": N_(
        "Until it is measured, your persona will rest on your business description."
    ),
    "basis_until_then_answers": N_("Until it is measured, your persona will rest on your answers."),
    "basis_instead_description": N_(
        "So your persona will rest on your business description instead."
    ),
    "basis_instead_answers": N_("So your persona will rest on your answers instead."),
    # The voice, one paragraph.
    "voice_who": N_("{name} writes for these readers: {audience}. The tone is {tone}."),
    "voice_measured_pages": N_(
        "This was measured on {words:,} words on {pages:,} pages of {site}."
    ),
    "voice_measured_page": N_("This was measured on {words:,} words on 1 page of {site}."),
    "voice_measured_site": N_("This was measured on {words:,} words of {site}."),
    "voice_from_description": N_(
        "No writing was measured: this voice rests on your business description and your answers."
    ),
    "voice_from_answers": N_("No writing was measured: this voice rests on your answers alone."),
    "voice_business": N_("The business in its own words: {description}"),
    "voice_stated": N_("In your own words: {voice}"),
    "style_sentences": N_("Sentences of about {mean} words."),
    "style_easy": N_("Easy to read."),
    "style_plain": N_("Plain to read."),
    "style_difficult": N_("Demanding to read."),
    "style_person_reader": N_("Speaks to the reader as “you”."),
    "style_person_writer": N_("Speaks as “I” or “we”."),
    "style_person_both": N_("Speaks as “I” or “we”, and to the reader as “you”."),
    "style_person_impersonal": N_("Speaks about the subject, seldom as “I”, “we” or “you”."),
    "style_questions": N_("Asks questions often."),
    "style_exclamations": N_("Uses exclamation marks often."),
    "style_contractions": N_("Uses contractions."),
    "style_words": N_("Telling words: {words}."),
    # Archetypes: their names, and what each does.
    "name_coach": N_("The Coach"),
    "name_teacher": N_("The Teacher"),
    "name_companion": N_("The Companion"),
    "name_advisor": N_("The Advisor"),
    "name_storyteller": N_("The Storyteller"),
    "name_essayist": N_("The Essayist"),
    "name_scholar": N_("The Scholar"),
    "name_engineer": N_("The Engineer"),
    "name_analyst": N_("The Analyst"),
    "name_reporter": N_("The Reporter"),
    "name_guide": N_("The Guide"),
    "name_narrator": N_("The Narrator"),
    "archetype_coach": N_("Addresses the reader and moves them along with questions."),
    "archetype_teacher": N_("Explains to the reader, step by step, in clear words."),
    "archetype_companion": N_("Talks with the reader as one talks across a table."),
    "archetype_advisor": N_("Counsels the reader and does not shy away from detail."),
    "archetype_storyteller": N_("Tells what happened to them, in words everyone follows."),
    "archetype_essayist": N_("Thinks aloud in the first person, at length and with care."),
    "archetype_scholar": N_("Lays out an argument and steps back behind it."),
    "archetype_engineer": N_("Describes how a thing works, exactly and without ornament."),
    "archetype_analyst": N_("Weighs the matter soberly and draws conclusions."),
    "archetype_reporter": N_("Says what is the case, plainly, without putting themselves first."),
    "archetype_guide": N_("Addresses the reader and shows the way."),
    "archetype_narrator": N_("Speaks from their own experience."),
    "archetype_by_measures": N_("This archetype follows from your measured style."),
    "archetype_by_tone": N_(
        "This archetype follows from the tone you chose, as it was not measured whom your text "
        "speaks as and to."
    ),
    # Stated and measured tone.
    "tone_agrees": N_("You chose {stated}, and your pages read that way."),
    "tone_near": N_(
        "You chose {stated}; your pages read as {measured}, which is close to it. "
        "Your choice is used. You can change it if {measured} fits you better."
    ),
    "tone_differs": N_(
        "You chose {stated}; your pages read as {measured}. Both can be right: your choice is "
        "used. You can change it if {measured} is closer to how you want to sound."
    ),
    "tone_unmeasured": N_("No tone was measured, so your choice, {stated}, is used."),
    "tone_unstated": N_("No tone was chosen, so {measured} is used, as your pages read."),
    "tone_unknown": N_("No tone was chosen and none was measured."),
    # Constraints.
    "rule_length": N_("Keep sentences near {mean:g} words; yours mostly run from {low} to {high}."),
    "rule_length_mean": N_("Keep sentences near {mean:g} words, as you do."),
    "rule_length_hard": N_(
        "Your sentences average {mean:g} words. Over {limit} they are hard to read: split the "
        "longest."
    ),
    "rule_length_unmeasured": N_(
        "No sentence length was measured. Plain-language guides advise about {advised} words."
    ),
    "rule_rhythm_even": N_("Your sentences are nearly all of one length: vary them a little."),
    "rule_rhythm_uneven": N_("Your sentences vary widely in length: rein in the longest."),
    "rule_paragraph": N_("Keep paragraphs near {mean:g} words, as you do."),
    "rule_paragraph_long": N_("Your paragraphs average {mean:g} words: break them sooner."),
    "rule_contractions_keep": N_("Keep your contractions; they are part of your voice."),
    "rule_contractions_none": N_("Avoid contractions; your own text has hardly any."),
    "rule_contractions_welcome": N_(
        "Your text has hardly any contractions; the tone {tone} welcomes them."
    ),
    "rule_contractions_tone": N_(
        "Your text uses contractions, but the tone {tone} seldom does: use fewer."
    ),
    "rule_exclamations_few": N_("Hardly ever use an exclamation mark; your own text does not."),
    "rule_exclamations_many": N_(
        "{count} in 100 of your sentences end in an exclamation mark: keep it for what deserves it."
    ),
    "rule_questions_keep": N_("Go on asking questions: {count} in 100 of your sentences do."),
    "rule_person_reader": N_("Address the reader as “you”, as you do."),
    "rule_person_writer": N_("Write as “I” or “we”, as you do."),
    "rule_person_both": N_("Go on pairing “I” or “we” with “you”."),
    "rule_person_impersonal": N_("Keep to the subject; your own text seldom says “I” or “you”."),
    "rule_tone": N_("Stay within these tones: {tones}."),
    # Platform advice that depends on the writer.
    "length_long": N_(
        "Your sentences average {mean:g} words; on {platform} aim for {optimal}. Split the long "
        "ones: one thought a sentence."
    ),
    "length_short": N_(
        "Your sentences average {mean:g} words, short for {platform}. Let some of them run to "
        "about {optimal}."
    ),
    "length_fits": N_("Your sentences average {mean:g} words, which suits {platform}: keep them."),
    "length_unmeasured": N_(
        "Nothing was measured of your own sentences: {optimal} words is what is usual on "
        "{platform}, not what is usual with you."
    ),
    "room_none": N_(
        "One sentence of your usual length takes more than {limit} characters: shorten before "
        "you post."
    ),
    "room_one": N_("About one sentence of your usual length fits into {limit} characters."),
    "room_many": N_("About {count} sentences of your usual length fit into {limit} characters."),
    "thread": N_("Use a thread for anything that needs more than one of your sentences."),
    "one_post": N_("Say it in one post: your short sentences leave room."),
    "paragraphs_long": N_(
        "Your paragraphs average {mean:g} words; on {platform} keep them under {limit}."
    ),
    "say_you": N_("Your pages seldom address anybody; on {platform} say “you”."),
    "ask_more": N_("You seldom ask; end with one question that a reader can answer."),
    "ask_on": N_("You ask readily: use that, and answer those who reply."),
    "simpler_words": N_("Your pages are demanding to read; on {platform} choose shorter words."),
    "fewer_exclamations": N_("Don't use as many exclamation marks as on your pages."),
    "tone_far": N_("Don't keep the {tone} tone unchanged: {platform} is used to another."),
    "own_words": N_("Use your own words: {words}."),
    # Platform habits.
    "linkedin_hook": N_("Put the point into the first {fold} characters: the rest is folded away."),
    "linkedin_lines": N_("One or two sentences a paragraph, with a blank line between."),
    "linkedin_proof": N_("Give a figure, a case or something you learned yourself."),
    "linkedin_tags": N_("Three to five hashtags, at the end."),
    "linkedin_dont_sell": N_("Don't open with a sales pitch."),
    "linkedin_dont_bait": N_("Don't ask for likes or comments for their own sake."),
    "facebook_short": N_("Keep to a few short sentences; long posts are folded away."),
    "facebook_people": N_("Show people and places rather than products."),
    "facebook_reply": N_("Answer comments; that is where the reading goes on."),
    "facebook_dont_tags": N_("Don't add more than two hashtags."),
    "facebook_dont_wall": N_("Don't post a wall of text, although the limit allows it."),
    "twitter_one_idea": N_("One idea a post."),
    "twitter_front": N_("Begin with the news; leave out the run-up."),
    "twitter_links": N_("Count 23 characters for each link, whatever its length."),
    "twitter_dont_tags": N_("Don't use more than two hashtags."),
    "twitter_dont_cut": N_("Don't cut a sentence at the limit; write a shorter one."),
    "instagram_first_line": N_(
        "Say what the picture cannot in the first {fold} characters: the rest is folded away."
    ),
    "instagram_picture": N_("Begin from the picture; the caption serves it."),
    "instagram_alt": N_("Give every picture a text alternative."),
    "instagram_dont_links": N_("Don't put links into captions; they can't be followed there."),
    "instagram_dont_tags": N_("Don't use more than five hashtags."),
    "blog_headings": N_("A heading every two to four paragraphs that says what follows."),
    "blog_answer": N_("Answer the reader's question in the first paragraph."),
    "blog_links": N_("Link to your sources and to your own earlier pages."),
    "blog_dont_stuff": N_("Don't repeat a keyword for a search engine's sake."),
    "blog_dont_wall": N_("Don't let a paragraph fill a telephone's screen."),
    "medium_title": N_("A title and a subtitle that promise one thing."),
    "medium_story": N_("Open with a scene or a claim, then carry it through."),
    "medium_topics": N_("Choose up to five topics; readers find you by them."),
    "medium_dont_ads": N_("Don't publish an advertisement as a story."),
    "medium_dont_clickbait": N_("Don't promise more in the title than the text keeps."),
    "substack_letter": N_("Write it as a letter to one subscriber."),
    "substack_subject": N_("Make the subject line say what they get."),
    "substack_rhythm": N_("Keep the rhythm you promised, and one theme an issue."),
    "substack_dont_lists": N_("Don't send a bare list of links without your own view."),
    "substack_dont_length": N_("Don't exceed what an e-mail shows whole; many programs cut it."),
    # What would raise the quality.
    "raise_site": N_(
        "Give the address of a website with your own writing: at least {needed:,} words are "
        "measured for a persona of your own style."
    ),
    "raise_running": N_("Build the persona again when {site} has been read."),
    "raise_failed": N_("{site} could not be read: analyse it again or give another address."),
    "raise_enough": N_(
        "{site} gave {words:,} words: from {needed:,} on, your style is measured. Choose an "
        "address with more text."
    ),
    "raise_words": N_(
        "{words:,} words were measured. About {missing:,} more would make the measures firmer."
    ),
    "raise_pages": N_("Pages read: {pages:,}. With {wanted:,} or more, one odd page weighs less."),
    "raise_description": N_(
        "Describe your business in more words: {words:,} now, about {wanted:,} say more."
    ),
    "raise_voice": N_("Describe your voice in a sentence or two."),
    "raise_audience": N_("Say more closely whom you write for, in at least {wanted} words."),
    "raise_name": N_("Give the persona a name."),
    "raise_platforms": N_("Choose at least one platform."),
    "raise_tone": N_("Choose a tone."),
    "raise_agreement": N_(
        "Your chosen tone, {stated}, and your pages, {measured}, differ: choose {measured}, or "
        "bring the pages closer to {stated}."
    ),
    "raise_platform": N_(
        "{platform} is furthest from your style ({fit} of 100): follow its advice, or leave it out."
    ),
    # Why a sentence of the writer's own fits the persona, or breaks it.
    "fits_length": N_("{words} words, within your usual {low} to {high}."),
    "fits_near": N_("{words} words, near your average of {mean:g}."),
    "fits_words": N_("It has words of yours: {found}."),
    "fits_reader": N_("It speaks to the reader."),
    "fits_writer": N_("It speaks as “I” or “we”."),
    "breaks_long": N_("{words} words, longer than your usual {high}."),
    "breaks_hard": N_("{words} words: over {limit} a sentence is hard to read."),
    "breaks_word": N_("It has “{word}”, a word to avoid."),
    "breaks_exclamation": N_("It ends in an exclamation mark, which you hardly ever use."),
    "breaks_contraction": N_("It has a contraction (“{found}”), which your persona avoids."),
    # Where a suggested value came from.
    "from_industry": N_("From the industry you named with your business"),
    "from_focus": N_("From the subject found on {site}"),
    "from_top_word": N_("From the most telling word on {site}"),
    "from_tone": N_("From the tone measured on {site}"),
    "from_stated_audience": N_("From the target audience you named with your business"),
    "from_audience": N_("From the readers that {site} seems to be written for"),
    "from_style": N_("From the style measured on {site}"),
    "from_profiles": N_("From the profiles linked on {site}"),
    "from_feed": N_("From the feed found on {site}"),
    "from_profiles_and_feed": N_("From the profiles and the feed found on {site}"),
    # Suggested values.
    "name_suggestion": N_("The {topic} writer"),
}


def sentence(code: str, **values: Any) -> Sentence:
    """A sentence of the table with those of the values that it names.

    KeyError for a code that is not in the table, or a value that the sentence needs and lacks.
    """
    return _filled(code, values) if values else _alone(code)


def _filled(code: str, values: Mapping[str, Any]) -> Sentence:
    return Sentence(code, {field: values[field] for field in _fields_of(SENTENCES[code])})


@lru_cache(maxsize=1000)
def _alone(code: str) -> Sentence:
    """A sentence that names no value; `render` copies its values, so that all can share it."""
    return _filled(code, {})


@lru_cache(maxsize=1000)
def _fields_of(text: str) -> tuple[str, ...]:
    """What a text of the table is filled with."""
    return tuple(field for _, field, _, _ in Formatter().parse(text) if field)


def words_of(
    what: Sentence, translate: Translate = as_written, number: WriteNumber = as_counted
) -> str:
    """The sentence in words. The values are put in once and not read again."""
    return _words(what.code, what.values, translate, number)


def _words(code: str, values: Mapping[str, Any], translate: Translate, number: WriteNumber) -> str:
    text = translate(SENTENCES[code])
    if not values and (said := _without_values(text)) is not None:
        return said
    parts = _parts_of(text)
    if parts is None:
        said_values = {name: _in_words(name, one, translate) for name, one in values.items()}
        return _Filler(number).vformat(text, (), said_values)
    words: list[str] = []
    for lead, field, spec in parts:
        words.append(lead)
        if field:
            value = values[field]
            if field in _MAY_BE_TERMS and translate is not as_written:
                value = _in_words(field, value, translate)
            if spec or value.__class__ is not str:
                value = _formatted(value, spec, number)
            words.append(value)
    return "".join(words)


@lru_cache(maxsize=2000)
def _parts_of(text: str) -> list[tuple[str, str | None, str]] | None:
    """What `str.format` finds in a text: what stands before each field, its name, its format. None
    for a text that asks for more of a value than this."""
    parts = []
    for lead, field, spec, conversion in Formatter().parse(text):
        if conversion or "{" in (spec or "") or not (field is None or field.isidentifier()):
            return None
        parts.append((lead, field, spec or ""))
    return parts


@lru_cache(maxsize=2000)
def _without_values(text: str) -> str | None:
    """What a text that asks for no values says; None for one that does."""
    return None if _fields_of(text) else Formatter().vformat(text, (), {})


def paragraph_of(
    sentences: list[Sentence], translate: Translate = as_written, number: WriteNumber = as_counted
) -> str:
    """The sentences in words, one after the other."""
    return " ".join(words_of(one, translate, number) for one in sentences)


def render(section: Mapping[str, Any], translate: Translate = as_written) -> dict[str, Any]:
    """A copy of `section` with each sentence in words.

    Beside them stands `codes`: {key: [{code, values}]} for the keys whose text was made from the
    table, so that it can be said again in another language (`say_again`).
    """
    spoken: dict[str, Any] = {}
    codes: dict[str, list[dict[str, Any]]] = {}
    for key, value in section.items():
        kind = type(value)
        if kind not in _MAY_SPEAK:  # most of a persona's hundreds of values
            spoken[key] = value
            continue
        parts: list[Sentence] = []
        if kind is dict:
            spoken[key] = render(value, translate)
        elif kind is Sentence:
            parts = [value]
            spoken[key] = words_of(value, translate)
        elif kind is Paragraph:
            parts = list(value)
            spoken[key] = paragraph_of(value, translate)
        elif value and type(value[0]) is Sentence:
            parts = value
            spoken[key] = [words_of(one, translate) for one in value]
        else:
            spoken[key] = value
        if parts:
            codes[key] = [{"code": one.code, "values": dict(one.values)} for one in parts]
    if codes:
        spoken["codes"] = codes
    return spoken


def say_again(
    stored: Mapping[str, Any], translate: Translate, number: WriteNumber = as_counted
) -> dict[str, Any]:
    """A copy of what `render` made, without the codes, each text said again from its codes.

    A text whose codes this version of the table does not know stays as it was stored, in English.
    """
    spoken = dict(stored)
    codes = spoken.pop("codes", None)
    if codes.__class__ is not dict:
        codes = _NO_CODES
    for key, value in spoken.items():
        if key in codes:
            spoken[key] = _said_again(value, codes[key], translate, number)
        elif value.__class__ is dict:
            spoken[key] = say_again(value, translate, number)
    return spoken


def _said_again(text: Any, parts: Any, translate: Translate, number: WriteNumber) -> Any:
    try:
        said = [_words(part["code"], part["values"], translate, number) for part in parts]
    except (KeyError, TypeError, ValueError):
        return text
    return said if text.__class__ is list else " ".join(said)


_NO_CODES: dict[str, Any] = {}


class _Filler(Formatter):
    """Puts values into a sentence, numbers as the reader writes them."""

    def __init__(self, number: WriteNumber) -> None:
        self.number = number

    def format_field(self, value: Any, format_spec: str) -> Any:
        """A number in the reader's way; anything else as `format` would."""
        return _formatted(value, format_spec, self.number)


def _formatted(value: Any, spec: str, number: WriteNumber) -> str:
    if type(value) in _NUMBERS:
        return number(value, spec)
    return format(value, spec)


TERMS = (
    N_("Casual"), N_("Conversational"), N_("Professional"), N_("Technical"), N_("Academic"),
    N_("your blog"), N_("your website"), N_("Blog"),
)  # fmt: skip
"""Words of ours that stand in sentences as values."""

_MAY_BE_TERMS = frozenset({"tone", "tones", "stated", "measured", "platform", "site"})
_MAY_SPEAK = frozenset({dict, list, Sentence, Paragraph})
_NUMBERS = frozenset({int, float})


def _in_words(name: str, value: Any, translate: Translate) -> Any:
    """A term of ours in the reader's language; what a user or a site wrote stays."""
    if name == "tones" and isinstance(value, str):
        parts = (translate(one) if one in TERMS else one for one in value.split(", "))
        return translate(", ").join(parts)
    return translate(value) if name in _MAY_BE_TERMS and value in TERMS else value
