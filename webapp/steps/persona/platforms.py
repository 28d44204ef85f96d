"""Each platform's limits and habits, and how they are adjusted to one writer.

Limits, looked up in November 2026:
- LinkedIn post: 3,000 characters, about 210 of them shown before "see more"
  (support.buffer.com/article/588, docs.upload-post.com/resources/character-limits).
- X post without a paid plan: 280; a link counts 23; an emoji or a Chinese, Japanese or Korean
  character counts 2 (docs.x.com/fundamentals/counting-characters).
- Facebook post: 63,206 (Facebook's announcement of 30 November 2011, unchanged since; some
  posting tools stop at 5,000).
- Instagram caption: 2,200, about 125 shown; five hashtags since the end of 2025
  (support.buffer.com/article/588, ayrshare.com/docs/apis/post/social-networks/instagram).
- Medium, Substack, a blog: no limit that a writer meets, so None and a recommended length.

Sentence habits are editorial targets of this project, not rules of the platforms. They follow the
American Press Institute's table (8 words very easy, 11 easy, 14 fairly easy, 17 standard, 21
fairly difficult, 25 difficult): feeds read in passing aim for easy, letters and articles for
standard. Recommended lengths are targets of the same kind.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from webapp.steps.persona.evidence import (
    FEW_QUESTIONS,
    MANY_EXCLAMATIONS,
    MANY_QUESTIONS,
    Evidence,
    read_evidence,
    tone_distance,
)
from webapp.steps.persona.sentences import (
    Sentence,
    Translate,
    as_written,
    render,
    sentence,
)

# A word with the space behind it, in letters: English prose runs from 5.5 to 6.5. Only for the
# rough "about N sentences fit".
LETTERS_A_WORD = 6


@dataclass(frozen=True)
class Platform:
    """One platform. Lengths of sentences and paragraphs are in words."""

    label: str
    place: str  # as it stands after "on" in a sentence
    kind: str
    character_limit: int | None
    recommended: tuple[int, int]
    recommended_unit: str  # "characters" or "words"
    fold: int | None  # characters shown before the rest is folded away
    habit: int  # words in a usual sentence
    lowest: int  # the optimal length stays between these two
    highest: int
    # How far the optimal length follows the writer: 0 keeps the habit, 1 is the writer's own mean.
    follow: float
    paragraph: int  # longest paragraph
    hashtags: tuple[int, int]
    tones: tuple[str, ...]  # at home here
    talk: bool  # readers answer here, and expect to be addressed
    markup: bool  # headings, lists and links in the text
    formats: tuple[str, ...]
    practices: tuple[str, ...]  # codes in SENTENCES
    dos: tuple[str, ...]
    donts: tuple[str, ...]


PLATFORMS: dict[str, Platform] = {
    "linkedin": Platform(
        label="LinkedIn",
        place="LinkedIn",
        kind="professional network",
        character_limit=3000,
        recommended=(900, 1800),
        recommended_unit="characters",
        fold=210,
        habit=14,
        lowest=9,
        highest=20,
        follow=0.4,
        paragraph=40,
        hashtags=(3, 5),
        tones=("Conversational", "Professional", "Technical"),
        talk=True,
        markup=False,
        formats=("text post", "document carousel", "article", "poll"),
        practices=("linkedin_hook", "linkedin_lines", "linkedin_tags"),
        dos=("linkedin_proof",),
        donts=("linkedin_dont_sell", "linkedin_dont_bait"),
    ),
    "facebook": Platform(
        label="Facebook",
        place="Facebook",
        kind="social network",
        character_limit=63206,
        recommended=(80, 500),
        recommended_unit="characters",
        fold=None,
        habit=12,
        lowest=7,
        highest=17,
        follow=0.35,
        paragraph=40,
        hashtags=(0, 2),
        tones=("Casual", "Conversational"),
        talk=True,
        markup=False,
        formats=("text post", "photo post", "link post", "event"),
        practices=("facebook_short", "facebook_reply"),
        dos=("facebook_people",),
        donts=("facebook_dont_tags", "facebook_dont_wall"),
    ),
    "twitter": Platform(
        label="X",
        place="X",
        kind="microblog",
        character_limit=280,
        recommended=(70, 240),
        recommended_unit="characters",
        fold=None,
        habit=11,
        lowest=6,
        highest=16,
        follow=0.25,
        paragraph=25,
        hashtags=(0, 2),
        tones=("Casual", "Conversational", "Professional"),
        talk=True,
        markup=False,
        formats=("post", "thread", "reply", "poll"),
        practices=("twitter_one_idea", "twitter_links"),
        dos=("twitter_front",),
        donts=("twitter_dont_tags", "twitter_dont_cut"),
    ),
    "blog": Platform(
        label="Blog",
        place="your blog",
        kind="own website",
        character_limit=None,
        recommended=(600, 1500),
        recommended_unit="words",
        fold=None,
        habit=17,
        lowest=11,
        highest=22,
        follow=0.6,
        paragraph=90,
        hashtags=(0, 0),
        tones=("Casual", "Conversational", "Professional", "Technical", "Academic"),
        talk=False,
        markup=True,
        formats=("article", "how-to", "list", "case study"),
        practices=("blog_headings", "blog_answer"),
        dos=("blog_links",),
        donts=("blog_dont_stuff", "blog_dont_wall"),
    ),
    "instagram": Platform(
        label="Instagram",
        place="Instagram",
        kind="visual social network",
        character_limit=2200,
        recommended=(70, 300),
        recommended_unit="characters",
        fold=125,
        habit=10,
        lowest=6,
        highest=15,
        follow=0.25,
        paragraph=30,
        hashtags=(3, 5),
        tones=("Casual", "Conversational"),
        talk=True,
        markup=False,
        formats=("photo", "carousel", "reel", "story"),
        practices=("instagram_first_line", "instagram_alt"),
        dos=("instagram_picture",),
        donts=("instagram_dont_links", "instagram_dont_tags"),
    ),
    "medium": Platform(
        label="Medium",
        place="Medium",
        kind="publishing platform",
        character_limit=None,
        recommended=(1000, 1800),
        recommended_unit="words",
        fold=None,
        habit=17,
        lowest=11,
        highest=23,
        follow=0.6,
        paragraph=80,
        hashtags=(3, 5),
        tones=("Conversational", "Professional", "Technical", "Academic"),
        talk=False,
        markup=True,
        formats=("story", "essay", "tutorial"),
        practices=("medium_title", "medium_topics"),
        dos=("medium_story",),
        donts=("medium_dont_ads", "medium_dont_clickbait"),
    ),
    "substack": Platform(
        label="Substack",
        place="Substack",
        kind="newsletter",
        character_limit=None,
        recommended=(600, 1500),
        recommended_unit="words",
        fold=None,
        habit=16,
        lowest=10,
        highest=22,
        follow=0.6,
        paragraph=80,
        hashtags=(0, 0),
        tones=("Casual", "Conversational", "Professional", "Academic"),
        talk=True,
        markup=True,
        formats=("newsletter", "essay", "note", "podcast"),
        practices=("substack_letter", "substack_subject"),
        dos=("substack_rhythm",),
        donts=("substack_dont_lists", "substack_dont_length"),
    ),
}


def chosen(value: object) -> list[str]:
    """The platforms of a list that are known, each once, in the order of PLATFORMS."""
    names = value if isinstance(value, list | tuple | set | frozenset) else ()
    return [platform for platform in PLATFORMS if platform in names]


def optimal_sentence_length(platform: Platform, measured: float | None) -> int:
    """Words: the platform's habit, moved towards the measured mean within the platform's range."""
    if measured is None:
        return platform.habit
    moved = platform.habit + platform.follow * (measured - platform.habit)
    return round(min(max(moved, platform.lowest), platform.highest))


def fit(platform: Platform, writer: Evidence, tone: str | None) -> int:
    """How well this writer's own style suits the platform, 0 to 100.

    From the tone's distance to one that is at home there (25 points a place), and the words by
    which the mean sentence leaves the platform's range (4 points a word, 60 at most). Without a
    measured sentence length only the tone speaks, and the result stays at 50 or less.
    """
    if tone is None:
        tone_score = 0
    else:
        tone_score = 100 - 25 * min(tone_distance(tone, home) for home in platform.tones)
    mean = writer.sentence_length
    if mean is None:
        return round(0.5 * tone_score)
    outside = max(platform.lowest - mean, mean - platform.highest, 0)
    sentence_score = 100 - min(60.0, 4 * outside)
    return round(0.5 * tone_score + 0.5 * sentence_score)


def spoken_platform(
    code: str, writer: Evidence, tone: str | None, translate: Translate = as_written
) -> dict[str, Any]:
    """The persona for one platform in words. Of a writer who was not measured it depends on the
    tone alone, but for the words of their own, which are named last."""
    if writer.measured or translate is not as_written:
        return render(platform_persona(code, writer, tone), translate)
    persona = dict(_of_nobody(code, tone))
    codes = persona["codes"] = dict(persona["codes"])
    for key in codes:
        persona[key], codes[key] = list(persona[key]), list(codes[key])
    if writer.own_words:
        last = render({"dos": [_own_words(writer)]})
        persona["dos"] += last["dos"]
        codes["dos"] += last["codes"]["dos"]
    return persona


@lru_cache(maxsize=100)
def _of_nobody(code: str, tone: str | None) -> dict[str, Any]:
    """Of a writer who was not measured. Limits and codes in it are those of everybody: they are
    never changed, only replaced."""
    return render(platform_persona(code, read_evidence({}, None, None), tone))


def platform_persona(code: str, writer: Evidence, tone: str | None) -> dict[str, Any]:
    """The persona for one platform, with Sentences still to be put into words by `render`."""
    platform = PLATFORMS[code]
    optimal = optimal_sentence_length(platform, writer.sentence_length)
    return {
        "platform_type": platform.kind,
        "label": platform.label,
        "sentence_metrics": _sentence_metrics(platform, writer, optimal),
        "content_format_rules": _format_rules(platform, writer),
        "platform_best_practices": _practices(platform, writer, optimal),
        "dos": _dos(platform, writer),
        "donts": _donts(platform, writer, tone),
        "fit": fit(platform, writer, tone),
    }


def _sentence_metrics(platform: Platform, writer: Evidence, optimal: int) -> Mapping[str, Any]:
    return {
        "optimal_sentence_length": optimal,
        "platform_habit": platform.habit,
        "range": [platform.lowest, platform.highest],
        "measured_average": _rounded(writer.sentence_length),
        "adjusted_to_writer": writer.sentence_length is not None,
    }


def _format_rules(platform: Platform, writer: Evidence) -> Mapping[str, Any]:
    least, most = platform.recommended
    return {
        "character_limit": platform.character_limit,
        "recommended_length": {"min": least, "max": most, "unit": platform.recommended_unit},
        "visible_characters": platform.fold,
        "longest_paragraph_words": platform.paragraph,
        "hashtags": {"min": platform.hashtags[0], "max": platform.hashtags[1]},
        "markup": platform.markup,
        "formats": list(platform.formats),
        "own_sentences_that_fit": sentences_that_fit(platform, writer.sentence_length),
    }


def sentences_that_fit(platform: Platform, mean: float | None) -> int | None:
    """About how many sentences of this length fit where room is scarce; None where it is not."""
    limit = platform.character_limit
    if limit is None or limit > 500 or mean is None:
        return None
    return int(limit // (mean * LETTERS_A_WORD))


def _practices(platform: Platform, writer: Evidence, optimal: int) -> list[Sentence]:
    """The advice on length first, then on room, then what is good practice for everybody."""
    advice = [_length_advice(platform, writer.sentence_length, optimal)]
    room = sentences_that_fit(platform, writer.sentence_length)
    if room == 0:
        advice.append(sentence("room_none", limit=platform.character_limit))
    elif room == 1:
        advice.append(sentence("room_one", limit=platform.character_limit))
    elif room is not None:
        advice.append(sentence("room_many", count=room, limit=platform.character_limit))
    if writer.paragraph_length is not None and writer.paragraph_length > platform.paragraph:
        advice.append(
            sentence(
                "paragraphs_long",
                mean=_rounded(writer.paragraph_length),
                platform=platform.place,
                limit=platform.paragraph,
            )
        )
    advice += [_habit(code, platform.fold) for code in platform.practices]
    return advice


def _length_advice(platform: Platform, mean: float | None, optimal: int) -> Sentence:
    values = {"platform": platform.place, "optimal": optimal}
    if mean is None:
        return sentence("length_unmeasured", **values)
    values["mean"] = _rounded(mean)
    if mean > platform.highest:
        return sentence("length_long", **values)
    if mean < platform.lowest:
        return sentence("length_short", **values)
    return sentence("length_fits", mean=_rounded(mean), platform=platform.place)


def _dos(platform: Platform, writer: Evidence) -> list[Sentence]:
    advice = [_habit(code, platform.fold) for code in platform.dos]
    room = sentences_that_fit(platform, writer.sentence_length)
    if room is not None:
        advice.append(sentence("thread" if room < 3 else "one_post"))
    if platform.talk:
        if writer.person == "impersonal":
            advice.append(sentence("say_you", platform=platform.place))
        asked = writer.question_share
        if asked is not None and asked < FEW_QUESTIONS:
            advice.append(sentence("ask_more"))
        elif asked is not None and asked >= MANY_QUESTIONS:
            advice.append(sentence("ask_on"))
    if platform.habit < 15 and writer.reading == "difficult":
        advice.append(sentence("simpler_words", platform=platform.place))
    if writer.own_words:
        advice.append(_own_words(writer))
    return advice


def _own_words(writer: Evidence) -> Sentence:
    return sentence("own_words", words=", ".join(writer.own_words[:3]))


def _donts(platform: Platform, writer: Evidence, tone: str | None) -> list[Sentence]:
    advice = [_habit(code, platform.fold) for code in platform.donts]
    shouted = writer.exclamation_share
    if shouted is not None and shouted >= MANY_EXCLAMATIONS and "Casual" not in platform.tones:
        advice.append(sentence("fewer_exclamations"))
    if tone is not None and tone not in platform.tones:
        advice.append(sentence("tone_far", platform=platform.place, tone=tone))
    return advice


@lru_cache(maxsize=500)
def _habit(code: str, fold: int | None) -> Sentence:
    return sentence(code, fold=fold)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
