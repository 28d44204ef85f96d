"""Running text taken apart: paragraphs, sentences, words.

Regular expressions and the word lists of `vocabulary`; nothing to train or download. Sentences
follow what a reader would say: "Dr. Lee paid 3.50 at 5 p.m. and left." is one.
"""

import re
import unicodedata

from webapp.site.vocabulary import LANGUAGES, Vocabulary

# Letters with their marks (accents written apart, vowel signs of Indic and Semitic scripts).
_LETTER = (
    r"(?:[^\W\d_]|[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
    r"\u0900-\u0963\u0971-\u09e3\u0a00-\u0dff])"
)
_WORD = re.compile(rf"{_LETTER}+(?:['\-]{_LETTER}+)*|\d+(?:[.,:]\d+)*")
_LINK = re.compile(
    r"(?:https?://|www\.)\S+|\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}", re.IGNORECASE
)
_PARAGRAPH_BREAK = re.compile(r"\n[^\S\n]*\n\s*")
_SPACE = re.compile(r"\s+")
_APOSTROPHES = str.maketrans({"\u2019": "'", "\u02bc": "'", "\u2018": "'", "\uff07": "'"})
_HYPHENS = str.maketrans({"\u2010": "-", "\u2011": "-", "\u00ad": None, "\u200b": None})

_CLOSERS = "\"'\u201d\u2019\u00bb\u203a)\\]\u201c"
_OPENERS = "\"'\u201c\u2018\u201e\u00ab\u2039(\\[\u00bf\u00a1\u2014\u2013-"
# The look-behinds and possessive quantifiers keep this linear on a page of dots.
_MARKS = ".!?\u2026\u203d"
_WIDE_MARKS = "\u3002\uff01\uff1f"
_END = re.compile(
    rf"(?<![{_MARKS}])(?P<mark>[{_MARKS}]++|[\u0964\u06d4\u061f]++)"
    rf"(?P<close>[{_CLOSERS}]*+(?:\s\u00bb(?=\s|$))?)(?=\s|$)"
    rf"|(?<![{_WIDE_MARKS}])[{_WIDE_MARKS}]++[{_CLOSERS}\u300d\u300f]*+"
)
_LAST_TOKEN = re.compile(r"[^\s(\[\"'\u201c\u2018\u00ab\u201e]+$")
_OPENING = re.compile(rf"\s*[{_OPENERS}]*\s*")


def paragraphs(text: str) -> list[str]:
    """Split at empty lines; each paragraph on one line, none empty."""
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    parts = (_SPACE.sub(" ", part).strip() for part in _PARAGRAPH_BREAK.split(text))
    return [part for part in parts if part]


def words(text: str) -> list[str]:
    """Return the words as written, with straight apostrophes; numbers count, links do not.

    "don't", "l'eau", "well-known", "3.50" are one word each.
    """
    text = unicodedata.normalize("NFC", text).translate(_APOSTROPHES).translate(_HYPHENS)
    if ":" in text or "@" in text or "www." in text:
        text = _LINK.sub(" ", text)
    return _WORD.findall(text)


def sentences(text: str, language: str | None = None) -> list[str]:
    """Split a text into its sentences, in order. An empty line always ends one."""
    vocabulary = LANGUAGES.get(language or "")
    return [
        sentence
        for paragraph in paragraphs(text)
        for sentence in _of_paragraph(paragraph, vocabulary, language)
    ]


def _of_paragraph(text: str, vocabulary: Vocabulary | None, language: str | None) -> list[str]:
    found = []
    start = 0
    # Somebody who begins without a capital writes without capitals: they tell nothing then.
    capitals = not text[_OPENING.match(text).end() :][:1].islower()  # type: ignore[union-attr]
    for match in _END.finditer(text):
        end = match.end()
        if end < len(text) and not _ends(text, match, start, vocabulary, language, capitals):
            continue
        sentence = text[start:end].strip()
        if _WORD.search(sentence):
            found.append(sentence)
        elif found and sentence:
            found[-1] += " " + sentence
        start = end
    rest = text[start:].strip()
    if _WORD.search(rest):
        found.append(rest)
    elif found and rest:
        found[-1] += " " + rest
    return found


def _ends(
    text: str,
    match: re.Match[str],
    start: int,
    vocabulary: Vocabulary | None,
    language: str | None,
    capitals: bool,
) -> bool:
    mark = match["mark"]
    if mark is None:
        return True
    begin = _OPENING.match(text, match.end()).end()  # type: ignore[union-attr]
    after = text[begin : begin + 40]
    lower_follows = capitals and after[:1].islower()
    if mark != ".":
        # "Stop!" he said. / Wait... what? / but: Really? yes.
        if lower_follows and (match["close"] or mark[0] in ".\u2026"):
            return False
        return not (lower_follows and mark.startswith("\u203d"))
    if match["close"] and not lower_follows:
        return True
    # Abbreviations are short: looking no further back keeps a text of nothing else linear.
    before_mark = _LAST_TOKEN.search(text[max(start, match.start() - 40) : match.start()])
    last = before_mark[0] if before_mark else ""
    if lower_follows:
        return False
    next_word = re.match(r"\w+", after)
    follows = next_word[0].lower() if next_word else ""
    if _is_initial(last, language):
        # "J. Smith" goes on; "vitamin C. The next" does not.
        return vocabulary is not None and len(follows) > 1 and follows in vocabulary.stop
    if language == "de" and last.isdigit() and len(last) <= 2:
        # An ordinal: "am 3. Mai", "im 19. Jahrhundert".
        return False
    if vocabulary is None:
        return True
    known = last.lower().translate(_APOSTROPHES)
    if known in vocabulary.titles:
        # "No." is an abbreviation before a number and an answer elsewhere.
        return known in ("no", "art", "fig", "p", "n") and not after[:1].isdigit()
    if known in vocabulary.abbreviations or re.fullmatch(r"(?:\w\.)+\w", last):
        return follows in vocabulary.stop or (known in ("etc", "usw", "ecc") and bool(follows))
    return True


def _is_initial(last: str, language: str | None) -> bool:
    """Tell "J." in "J. R. R. Tolkien" from the "I." that ends an English sentence."""
    letters = last.split(".")
    if not all(len(letter) == 1 and letter.isupper() for letter in letters):
        return False
    return len(letters) == 1 and not (language == "en" and last == "I")
