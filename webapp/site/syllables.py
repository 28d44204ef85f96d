"""Syllables of a word, for the readability formulas of six languages.

Hyphenation (`pyphen`) never breaks inside a syllable but leaves out many breaks ("idea" is
never divided), so it is a lower bound. Vowel groups find the others. English and Portuguese
take the greater of the two; where spelling tells the syllables, the vowels decide alone.
"""

import re
from functools import cache, lru_cache
from typing import Any

COUNTED = frozenset({"en", "es", "de", "fr", "pt", "it"})

# What is longer is no word; it is not worth the time.
_LONGEST_WORD = 80


@lru_cache(maxsize=50_000)
def count_syllables(word: str, language: str) -> int:
    """Return the number of syllables, at least 1, of a lower-case word in a `COUNTED` language."""
    word = word[:_LONGEST_WORD]
    if language == "en" and word not in _ENGLISH_KNOWN:
        # "it's", "don't", "they've": what is left out has no syllable of its own.
        word = re.sub(r"'(?:s|t|m|d|ll|re|ve)?(?=-|$)", "", word)
    parts = [word] if word in _ENGLISH_KNOWN else re.split(r"[-']", word)
    return max(1, sum(_RULES[language](part) for part in parts if part))


@cache
def _hyphenation(language: str, left: int, right: int) -> Any:
    import pyphen

    return pyphen.Pyphen(lang=language, left=left, right=right)


# --- English ---------------------------------------------------------------------------------

_ENGLISH_KNOWN = {
    word: count
    for count, words in {
        1: "queue queues cruise juice suit fruit build built guide guess guest being's clothes "
        "whose those once ones ache aches eye eyes tongue league vague vogue s t",
        2: "people people's really every evening business something someone somewhere sometimes "
        "somebody being doing going seeing science quiet poem poet lion riot trial dial real's "
        "rhythm create prayer tired fire's idea's area's naive chaos client giant react diet fuel "
        "cruel dual duel jewel ruin fluid suite's lifetime therefore whatever's useful careful "
        "hopeful maybe homepage website safety lovely lonely safely basement movement statement "
        "didn't couldn't wouldn't shouldn't isn't wasn't doesn't hasn't haven't hadn't mightn't",
        3: "area idea ideas areas created creates theatre museum piano radio video studio "
        "biology's reality's society's different everyone everything everybody anyone business's "
        "interest family's however whatever whenever forever experience's usually's actual "
        "actually's influence genuine violent scientist quietly evidence",
        4: "reality society actually experience biology usually creativity's variety anxiety "
        "european's february january individual's material period's particularly's",
        5: "creativity individual university's particularly",
    }.items()
    for word in words.split()
}
_VOWELS_EN = re.compile(r"[aeiouy]+")
_HIATUS_EN = re.compile(
    r"i(?:a(?!l\b|lly\b|n\b|ns\b|ge|g)|o(?!n|us|r\b|rs\b)|um|us|en(?:t|ce)?\b)|[^q]u(?:al|ous|ity|ate|ation)"
    r"|eo|ea(?:te|ti|tor)\b|yi|oi(?:ng|c\b)|[^g]ui(?:t[ey]|d\b)|ie(?:r|st|ty)\b|(?<![qg])ua|ya(?:b|n\w)"
)


def _english(word: str) -> int:
    known = _ENGLISH_KNOWN.get(word)
    if known:
        return known
    groups = len(_VOWELS_EN.findall(word))
    # Two vowels that are said apart: "medium", "area", "curious" (which is kept as one: -ious).
    for match in _HIATUS_EN.finditer(word):
        before = word[max(0, match.start() - 1) : match.start()]
        if match[0].startswith("i") and before and before in "tcsg" and "o" in match[0]:
            continue
        if match[0].startswith("ien") and before and before in "tcs":
            continue
        if match[0] == "eo" and re.search(r"p?eople|geon|eous", word):
            continue
        groups += 1
    if re.search(r"[^aeiouyl]e$|[aeiouy]le$|[^aeiouytdbpkgczfs]le$|[aeiou]ye$", word):
        groups -= 1  # silent at the end: "time", "whole"; but "ta-ble"
    elif re.search(r"[^aeiouytd]ed$", word) or (
        re.search(r"[^aeiouysxz]es$", word)
        and not re.search(r"(?:[cs]h|[cg])es$|[^aeiou]les$", word)
    ):
        groups -= 1  # "walked", "times"; but "wanted", "boxes"
    if re.search(r"[^aeiouy](?:e)(?:ly|ment|ments|ful|less|ness)$", word):
        groups -= 1  # "home-less"
    if re.search(r"(?:sm|thm)s?$", word):
        groups += 1  # "pris-m"
    return max(1, groups, len(_hyphenation("en_US", 2, 2).positions(word)) + 1)


# --- languages whose spelling tells ----------------------------------------------------------

_STRONG_ES = "aeoáéíóú"
_SPANISH = re.compile(
    # One nucleus: a strong vowel with the weak ones around it, or weak ones alone.
    r"(?:(?<=[qg])u(?=[eiéí]))"
    r"|(?P<nucleus>[iuü]?[aeoáéó][iuyü](?![aeiouáéíóú])|[iuü]?[aeoáéóíú]|[iuü]{1,2}|(?<![aeiouáéíóúü])y(?![aeiouáéíóú]))"
)


def _spanish(word: str) -> int:
    return sum(1 for match in _SPANISH.finditer(word) if match["nucleus"])


_ITALIAN = re.compile(
    r"(?:(?<=q)u(?=[aeiouàèéìòù]))|(?:(?<=[cg])i(?=[aouàòù]))"
    r"|(?P<nucleus>[iu]?[aeoàèéòó][iu](?![aeoàèéìòù])|[iu]?[aeoàèéòóìù]|[iu]{1,2})"
)
# Words whose last "i" carries the stress, so that it is a syllable of its own: po-e-si-a.
_ITALIAN_APART = re.compile(
    r"^(?:zi|mi|di|pi|vi|ri|spi|tu|su|du)[aoe]$"
    r"|(?:log|graf|sof|nom|pat|metr|fon|zzer|ter|rer|gnor|ler|cher|gger|tt|iz|ner|gn|es|gr|ll)ia$"
    r"|^(?:maria|energia|strategia|bugia|magia)$"
)
_ITALIAN_TOGETHER = re.compile(
    r"(?:sizia|tizia|lizia|nizia|rizia|famiglia|bottiglia|materia|miseria)$"
)


def _italian(word: str) -> int:
    if word == "ciao":
        return 1
    count = sum(1 for match in _ITALIAN.finditer(word) if match["nucleus"])
    apart = _ITALIAN_APART.search(word)
    if apart and (word == "polizia" or not _ITALIAN_TOGETHER.search(word)):
        count += 1
    return count


_GERMAN = re.compile(r"aa|ee|oo|ie|ei|ai|ey|ay|au|äu|eu|qu(?=[aeiouäöü])|[aeiouäöüyàéèêâ]")


def _german(word: str) -> int:
    count = sum(1 for match in _GERMAN.finditer(word) if not match[0].startswith("q"))
    # The "ie" of these is said apart: Fa-mi-li-e, I-ta-li-en.
    if re.search(
        r"(?:famil|lin|ser|ital|span|med|fer|akt|stud|immobil|brasil|mater)ien?$|(?:s|l|ch)eum|ideen$",
        word,
    ):
        count += 1
    # A prefix that ends in the vowel the stem begins with: be-enden, ge-ehrt.
    if (
        re.match(r"(?:be|ge)(?:e|i(?!e))(?!r$|ß|s[st])", word)
        and len(word) > 5
        and not re.match(
            r"(?:geist|beide|beis|geige|beil|geiz|beere|beeren|beet|beige|bein|beisp|beit|geil)",
            word,
        )
    ):
        count += 1
    return count


_FRENCH_KNOWN = {"content": 2, "réel": 2, "réels": 2, "est": 1, "cet": 1, "avec": 2}
_FRENCH = re.compile(r"[aeiouyàâäéèêëîïôöùûüœæ]+")
_FRENCH_APART = re.compile(
    r"é[aouièâô]|[aeo]ï|[aeo]ë|(?<=[bcdfgptv][rl])i[eaoé]|ao(?!u)|(?<![gq])uel|ouer|oué"
)


def _french(word: str) -> int:
    if word in _FRENCH_KNOWN:
        return _FRENCH_KNOWN[word]
    count = len(_FRENCH.findall(word)) + len(_FRENCH_APART.findall(word))
    # "y" between vowels carries two: pa-yer, vo-yage; "pays" is the exception that reads so.
    count += len(re.findall(r"[aou]y[aeoué]", word)) + (word in ("pays", "paysage", "abbaye"))
    # A final mute e (also -es, -ent of verbs) is not said.
    if count > 1 and re.search(r"[^aeiouyàâéèêîôûïë](?:e|es)$|(?:[^aeiouéèmn]|[^e]m)ent$", word):
        if re.search(r"ent$", word) and not re.search(
            r"(?:ss|ll|rr|rl|ch|gn|tt|nn|nt|iqu|is|rt|pt|nd|tr)ent$", word
        ):
            return count
        count -= 1
    elif count > 1 and re.search(r"(?:qu|gu)es?$", word):
        count -= 1
    return count


_PORTUGUESE = re.compile(
    r"(?:(?<=[qg])u(?=[eiéíê]))|(?:(?<=q)u(?=[aoáóâ]))"
    r"|(?P<nucleus>ão|ãe|õe|[aeoáéóâêô][iu](?![rz]$|nh|l$|m$)|[aeoáéóâêôàãõíú]|ui(?![mzrln]$)|iu|[iu])"
)


def _portuguese(word: str) -> int:
    found = sum(1 for match in _PORTUGUESE.finditer(word) if match["nucleus"])
    # "história": a falling pair after the stressed syllable is one.
    if re.search(r"[áéíóúâêô][^aeiouáéíóúâêôãõ]+[iu][ao]s?$", word):
        found -= 1
    return max(found, 1)


_RULES = {
    "en": _english,
    "es": _spanish,
    "de": _german,
    "fr": _french,
    "pt": _portuguese,
    "it": _italian,
}
