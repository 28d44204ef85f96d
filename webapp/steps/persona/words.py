"""Words: those that tell something in a short description, and those a tone does without.

Both know the six languages that are measured fully (English, Spanish, German, French, Portuguese,
Italian). In another language nothing is advised against, rather than advising in the wrong one.
"""

from collections.abc import Sequence

from webapp.site.prose import words
from webapp.site.vocabulary import LANGUAGES

Language = str  # ISO 639-1, lower case

# Words that break a tone, by language: a start for the writer, who may edit them.
AVOID_WORDS: dict[Language, dict[str, tuple[str, ...]]] = {
    "en": {
        "Casual": ("utilise", "henceforth", "pursuant", "aforementioned", "hereby", "endeavour"),
        "Conversational": ("utilise", "aforementioned", "thus", "whereby", "facilitate"),
        "Professional": ("awesome", "stuff", "gonna", "super", "guys", "insane"),
        "Technical": ("magic", "simply", "obviously", "awesome", "basically", "revolutionary"),
        "Academic": ("awesome", "a lot", "obviously", "huge", "gonna", "everybody knows"),
    },
    "es": {
        "Casual": ("asimismo", "mediante", "susodicho", "en virtud de", "por ende"),
        "Conversational": ("susodicho", "asimismo", "por consiguiente", "en lo que respecta a"),
        "Professional": ("guay", "cosas", "súper", "brutal", "flipar"),
        "Technical": ("magia", "simplemente", "obviamente", "increíble", "revolucionario"),
        "Academic": ("guay", "obviamente", "un montón", "todo el mundo sabe", "súper"),
    },
    "de": {
        "Casual": ("diesbezüglich", "hiermit", "gemäß", "zwecks", "obliegen"),
        "Conversational": ("diesbezüglich", "vorgenannt", "mittels", "infolgedessen"),
        "Professional": ("mega", "Zeug", "krass", "super", "irgendwie"),
        "Technical": ("magisch", "einfach", "offensichtlich", "revolutionär", "irgendwie"),
        "Academic": ("mega", "total", "natürlich", "jeder weiß", "irgendwie"),
    },
    "fr": {
        "Casual": ("susmentionné", "conformément à", "par la présente", "nonobstant"),
        "Conversational": ("susmentionné", "par conséquent", "afférent", "nonobstant"),
        "Professional": ("génial", "truc", "super", "dingue", "du coup"),
        "Technical": ("magique", "simplement", "évidemment", "révolutionnaire", "truc"),
        "Academic": ("génial", "évidemment", "plein de", "tout le monde sait", "truc"),
    },
    "pt": {
        "Casual": ("outrossim", "mediante", "supracitado", "doravante"),
        "Conversational": ("supracitado", "outrossim", "por conseguinte", "no que tange a"),
        "Professional": ("fixe", "coisas", "super", "incrível", "tipo assim"),
        "Technical": ("mágico", "simplesmente", "obviamente", "revolucionário"),
        "Academic": ("obviamente", "um monte de", "toda a gente sabe", "super"),
    },
    "it": {
        "Casual": ("suddetto", "altresì", "mediante", "in ottemperanza a"),
        "Conversational": ("suddetto", "altresì", "pertanto", "per quanto concerne"),
        "Professional": ("figo", "roba", "super", "pazzesco", "tipo"),
        "Technical": ("magico", "semplicemente", "ovviamente", "rivoluzionario"),
        "Academic": ("ovviamente", "un sacco di", "tutti sanno", "roba"),
    },
}

# Any of the six languages: a short text does not always tell which one it is in.
_COMMON: frozenset[str] = frozenset().union(
    *(known.stop | known.common for known in LANGUAGES.values())
)

_SPOKEN_IN: dict[str, list[Language]] = {}
"""Function word -> the languages that have it."""
for _code, _known in LANGUAGES.items():
    for _word in _known.stop:
        _SPOKEN_IN.setdefault(_word, []).append(_code)


def telling_words(text: str, count: int = 8) -> list[str]:
    """Up to `count` words of a short text that say what it is about, the frequent ones first.

    Function words, everyday words, numbers and words under four letters are left out; a run of
    more than 30 letters is no word to recommend.
    """
    return telling_among(words(text), count)


def telling_among(spoken: Sequence[str], count: int = 8) -> list[str]:
    """The same of the words of a text."""
    counted: dict[str, int] = {}
    # A name keeps its capital, and so does a German noun; a word that is also seen without one
    # only began a sentence.
    written: dict[str, str] = {}
    for word in spoken:
        if not 4 <= len(word) <= 30 or word[0].isdigit() or (low := word.lower()) in _COMMON:
            continue
        counted[low] = counted.get(low, 0) + 1
        if low not in written or word.islower():
            written[low] = word
    # A dict keeps the order of first appearance, and sorting is stable.
    frequent = sorted(counted, key=counted.__getitem__, reverse=True)
    return [written[low] for low in frequent[:count]]


def guess_language(spoken: Sequence[str]) -> Language | None:
    """The language whose function words are met most often among these words; None when none leads
    by two."""
    met = dict.fromkeys(LANGUAGES, 0)
    for word in spoken:
        for code in _SPOKEN_IN.get(word.lower(), ()):
            met[code] += 1
    hits = sorted([(count, code) for code, count in met.items()])
    (second, _), (first, code) = hits[-2:]
    return code if first >= second + 2 else None


def avoid_words(language: Language | None, tone: str | None, own: tuple[str, ...]) -> list[str]:
    """Words that break `tone` in `language`, without those that the writer's own text lives on."""
    listed = AVOID_WORDS.get(language or "", {}).get(tone or "", ())
    mine = {word.lower() for word in own}
    return [word for word in listed if word.lower() not in mine]
