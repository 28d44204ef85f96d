"""Texts in the language of the request at hand.

Flask-Babel's functions of the same names look up the context, the domain and the locale anew for
each text, which came to a twentieth of a journey's CPU. Its lazy strings are used, those without
values with what each catalogue says of them kept.
"""

from collections.abc import Callable
from functools import lru_cache

from babel.support import NullTranslations
from flask_babel import LazyString


class _Source:
    """Where translations come from; `webapp.languages` says so when it is loaded."""

    chosen: Callable[[], NullTranslations] = staticmethod(NullTranslations)


def come_from(chosen: Callable[[], NullTranslations]) -> None:
    """From now on texts are translated by what `chosen` returns when they are asked for."""
    _Source.chosen = staticmethod(chosen)


def gettext(text: str, /, **values: object) -> str:
    """The text in the language at hand, with `values` in the places of their names."""
    found: str = _Source.chosen().gettext(text)
    return found % values if values else found


def translator() -> Callable[[str], str]:
    """What translates into the language at hand, for many texts at once; `gettext` finds it anew
    for each."""
    return _Source.chosen().gettext


def ngettext(one: str, many: str, n: int, /, **values: object) -> str:
    """The text in the form that the number `n` asks for; it is `num` among the values."""
    found: str = _Source.chosen().ngettext(one, many, n)
    return found % ({"num": n} | values)


class FixedText(LazyString):
    """A text of the code without values, which each catalogue is asked for once."""

    def __init__(self, text: str) -> None:
        super().__init__(gettext, text)
        self.english = text
        """As the code has it: what tells it from others, in any language."""
        self._said: dict[NullTranslations, str] = {}

    def __str__(self) -> str:
        catalogue = _Source.chosen()
        said = self._said.get(catalogue)
        if said is None:
            said = self._said[catalogue] = str(catalogue.gettext(self.english))
        return said


def lazy_gettext(text: str, /, **values: object) -> LazyString:
    """As `gettext`, but translated whenever it is written, in the language of that moment."""
    return LazyString(gettext, text, **values) if values else _lazy(text)


_lazy = lru_cache(2000)(FixedText)
"""The code has as many as the catalogues, some of them within functions."""


def lazy_ngettext(one: str, many: str, n: int, /, **values: object) -> LazyString:
    """As `ngettext`, but translated whenever it is written."""
    return LazyString(ngettext, one, many, n, **values)
