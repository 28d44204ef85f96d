"""How frequent a word is in general, from the lists that jusText brings along.

They hold the most frequent words of Wikipedia in each language, most frequent first. From the rank
follows about how often a word stands in any text (Zipf 1949, in Mandelbrot's form).
"""

import pkgutil
from functools import lru_cache

NAMES = {
    "en": "English", "es": "Spanish", "de": "German", "fr": "French", "pt": "Portuguese",
    "it": "Italian", "nl": "Dutch", "sv": "Swedish", "da": "Danish", "no": "Norwegian_Bokmal",
    "nn": "Norwegian_Nynorsk", "fi": "Finnish", "is": "Icelandic", "pl": "Polish", "cs": "Czech",
    "sk": "Slovak", "sl": "Slovenian", "hr": "Croatian", "sr": "Serbian", "bs": "Bosnian",
    "bg": "Bulgarian", "mk": "Macedonian", "ru": "Russian", "uk": "Ukrainian", "be": "Belarusian",
    "ro": "Romanian", "hu": "Hungarian", "et": "Estonian", "lv": "Latvian", "lt": "Lithuanian",
    "tr": "Turkish", "az": "Azerbaijani", "kk": "Kazakh", "ca": "Catalan", "gl": "Galician",
    "oc": "Occitan", "eu": "Basque", "ga": "Irish", "cy": "Welsh", "br": "Breton", "sq": "Albanian",
    "mt": "Maltese", "lb": "Luxembourgish", "fy": "West_Frisian", "af": "Afrikaans",
    "id": "Indonesian", "ms": "Malay", "jv": "Javanese", "tl": "Tagalog", "vi": "Vietnamese",
    "sw": "Swahili", "eo": "Esperanto", "la": "Latin", "ar": "Arabic", "fa": "Persian",
    "ur": "Urdu", "hi": "Hindi", "mr": "Marathi", "ne": "Nepali",
}  # fmt: skip
"""ISO 639-1 -> the name of its list."""


MOST = 800
"""Words that are read of a list; some have thousands, from texts too few to rank them."""


@lru_cache(maxsize=12)
def ranks(language: str) -> dict[str, int]:
    """Word in lower case -> its rank, 1 for the most frequent; empty where there is no list."""
    name = NAMES.get(language)
    data = pkgutil.get_data("justext", f"stoplists/{name}.txt") if name else None
    found: dict[str, int] = {}
    for word in (data or b"").decode("utf-8").split(None, MOST)[:MOST]:
        found.setdefault(word.lower().replace("\u2019", "'"), len(found) + 1)
    return found


RARE = 0.00001
"""The share taken for a word that is on no list: ten in a million."""

COMMON = 0.0001
"""The share taken for an everyday word that is on no list: a hundred in a million."""


def share(word: str, language: str) -> float:
    """About which share of all words of any text this one (in lower case) is."""
    rank = ranks(language).get(word)
    return max(RARE, 0.1 / (rank + 2.7)) if rank else RARE
