"""Pages and parts of pages, rendered once for each language and shape, and kept.

What is kept holds nothing of anybody. A text that differs from answer to answer (what a user gave,
when it was saved, the CSRF token) is a hole in it, filled and escaped for each response. A hole's
mark cannot be guessed, so that no text of a user is ever taken for one.

A template that is kept may ask of a text only whether there is one: the key says that. All else
that decides what it makes is part of the key too, and has few values, so that nobody can fill the
memory by making up keys. So are the labels and titles of the code (`FixedText`): what is kept holds
them in its language, and nothing is left to be done for them when it is sent.

Parts are texts, whole pages are kept as the bytes that are sent: most hold a letter beyond Latin-1
somewhere, and to join and to encode such a text anew costs several times what copying bytes does.
"""

import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from flask import Flask, render_template
from flask_babel import LazyString
from markupsafe import Markup, escape

from webapp import at_hand, languages
from webapp.at_hand import the_app
from webapp.csrf import csrf_token
from webapp.security import csp_nonce
from webapp.texts import FixedText

MOST = 1000
"""How many are kept: a few for each step and language. Beyond that goes what was asked for the
longest time ago."""

_MARK = secrets.token_hex(8)
_HOLES = re.compile(f"\x02{_MARK}:(.*?)\x03")
_special = re.compile("[&<>'\"]").search
_OURS: Mapping[str, Callable[[], str]] = {"our csrf": csrf_token, "our nonce": csp_nonce}


class Hole(Markup):
    """Stands in a part that is being kept for what is known when it is sent."""


class Few(tuple[Any, ...]):
    """Data of ours with few values, that may decide what is kept: it is hashable throughout."""


Call: TypeAlias = tuple[str, tuple[Any, ...], Mapping[str, Any]]
"""A macro, and what it is given: as for `macro`."""


class Calls(tuple[Call, ...]):
    """What these make, one after the other, as a text that is given to another macro of the same
    template."""


_PLAIN: frozenset[object] = frozenset({str, Markup, Calls, type(None)})


class _Kept(NamedTuple):
    """What is kept, of a page or of a part of one."""

    pieces: list[Any]
    """What stands around the holes, and at every second place a hole: texts, or the bytes."""
    holes: tuple[tuple[int, str], ...]
    """The place and the name of each."""
    ours: frozenset[str]
    """The names of those that are filled here."""


def hole(name: str) -> Hole:
    """The place where the value of this name goes."""
    return Hole(f"\x02{_MARK}:{name}\x03")


def init_app(app: Flask) -> None:
    """Give the templates `kept_part` and `ticked`, and what goes through holes."""
    app.extensions["kept"] = OrderedDict()
    holes = {
        "csrf_token": lambda: hole("our csrf") if is_keeping() else csrf_token(),
        "csp_nonce": lambda: hole("our nonce") if is_keeping() else csp_nonce(),
    }
    app.jinja_env.globals.update(holes, kept_part=part, ticked=_ticked)
    app.context_processor(lambda: holes)  # before the token of Flask-WTF, which does the same


class _Here:
    """What a request knows of it, found once: a page asks for dozens of parts."""

    language: str
    """Its code, of this very moment."""
    find: Callable[[Hashable], _Kept | None]
    """What is kept under this key, language and all; None for what is not yet."""

    def __init__(self) -> None:
        self.found: OrderedDict[Hashable, _Kept] | None = the_app().extensions["kept"]
        self.is_keeping = False
        self._open()

    def _open(self) -> None:
        if self.found is None:
            self.find = self._refuse
        elif len(self.found) > MOST // 2:
            self.find = self._touch
        else:  # what was asked for in which order matters to a full house alone
            self.find = self.found.get

    def _touch(self, sought: Hashable) -> _Kept | None:
        assert self.found is not None  # noqa: S101 - it is more than half full
        kept = self.found.get(sought)
        if kept is not None:
            with suppress(KeyError):  # another thread lets go of it at this very moment
                self.found.move_to_end(sought)
        return kept

    def _refuse(self, sought: Hashable) -> _Kept | None:
        """A text that is no hole would be kept with what is around it."""
        raise RuntimeError(f"{sought} is made within what is being kept")

    def keep(self, sought: Hashable, render: Callable[[], str], as_bytes: bool = False) -> _Kept:
        """Render it, and keep that."""
        assert self.found is not None  # noqa: S101 - it was sought there
        self.is_keeping, self.find = True, self._refuse
        try:
            kept = _cut(str(render()), as_bytes)
        finally:
            self.is_keeping = False
            self._open()
        self.found[sought] = kept
        while len(self.found) > MOST:
            with suppress(KeyError):
                self.found.popitem(last=False)
        return kept


def _here() -> _Here:
    ours = at_hand.ours()
    try:
        here: _Here = ours.kept
        here.language = ours.language
    except AttributeError:  # the first time, or outside of a request
        here = ours.kept = ours.get("kept") or _Here()
        here.language = languages.chosen()
    return here


def is_keeping() -> bool:
    """What is rendered now will be sent more than once."""
    return _here().is_keeping


def is_on() -> bool:
    """Whether anything is kept at all; a test compares with what is made anew each time."""
    return _here().found is not None


def page(template: str, texts: Mapping[str, Any], **few: Any) -> str | bytes:
    """A whole page. The template gets both; see `macro` for what they may be."""
    if not is_on():
        return render_template(template, **few, **texts)
    key = (template, tuple(few.items()), there(texts))
    return whole_page(key, texts, lambda: render_template(template, **few, **holes_for(texts)))


def whole_page(key: Hashable, texts: Mapping[str, Any], render: Callable[[], str]) -> bytes:
    """What `render` makes with holes in the places of these texts, and the texts in them. `key`
    holds all that it depends on beside the language and the settings, `there(texts)` above all."""
    here = _here()
    sought = (here.language, key)
    pieces = _filled(here, here.find(sought) or here.keep(sought, render, as_bytes=True), texts)
    pieces[1::2] = [text.encode() for text in pieces[1::2]]
    return b"".join(pieces)


def whole(key: Hashable, texts: Mapping[str, Any], render: Callable[[], str]) -> Markup:
    """The same of a part of a page."""
    here = _here()
    sought = (here.language, key)
    return _markup(_filled(here, here.find(sought) or here.keep(sought, render), texts))


def macro(template: str, name: str, /, *few: Any, **texts: Any) -> Markup:
    """What a macro of a template makes. `few`: what decides its shape, hashable, with few values.
    `texts`: texts, or None or '' where there is none. They go through holes, but for those of the
    code's own without values (`FixedText`): such a one decides what is kept, and is kept in it."""
    return macros(template, [(name, few, texts)])


def macros(template: str, calls: Iterable[Call]) -> Markup:
    """What macros of a template make, one after the other."""
    here = _here()
    if here.found is None:
        return _markup([_made_anew(template, *one) for one in calls])
    return _markup(_pieces(here, template, calls))


def each(name: str, texts: Iterable[Any]) -> Calls:
    """A macro with each of some texts as its `text`."""
    return Calls([(name, (), {"text": text}) for text in texts])


def _pieces(here: _Here, template: str, calls: Iterable[Call]) -> list[str]:
    pieces: list[str] = []
    for name, few, texts in calls:
        sought = (here.language, template, name, few, there(texts))
        kept = here.find(sought) or here.keep(sought, partial(_made_of, template, name, few, texts))
        pieces += _filled(here, kept, texts, template)
    return pieces


def _made_anew(template: str, name: str, few: tuple[Any, ...], texts: Mapping[str, Any]) -> str:
    given = {
        name: macros(template, text) if isinstance(text, Calls) else text
        for name, text in texts.items()
    }
    return _of(template, name)(*few, **given)


def _made_of(template: str, name: str, few: tuple[Any, ...], texts: Mapping[str, Any]) -> str:
    return _of(template, name)(*few, **holes_for(texts))


def made(template: str, name: str, /, *given: Any) -> Markup:
    """What a macro makes of data of any kind: nothing of it is kept."""
    return _markup([_of(template, name)(*given)])


def part(*key: Hashable, caller: Callable[[], Markup]) -> Markup:
    """A part of a template: `{% call kept_part('foot', theme) %}…{% endcall %}`."""
    here = _here()
    if here.found is None or here.is_keeping:  # it goes into what is kept around it
        return caller()
    return whole(key, {}, caller)


def joined(parts: Iterable[Markup]) -> Markup:
    """Parts, one after the other."""
    return _markup(parts)


def holes_for(texts: Mapping[str, Any]) -> dict[str, Any]:
    """A hole for each text that differs from answer to answer. A fixed text of the code stays, and
    so does what is not there."""
    return {name: _hole_for(name, text) for name, text in texts.items()}


def _hole_for(name: str, text: Any) -> Any:
    shape = _shape(text)
    return hole(name) if shape is True else text if isinstance(text, FixedText) else shape


def tick(field: str, value: object) -> str:
    """The name of the hole for the tick of a choice; the field's form goes through holes."""
    return f"tick {field} {value}"


def _ticked(field: str, value: object, checked: object) -> str:
    """`checked` for a radio button or a checkbox that is, in a template."""
    if is_keeping():
        return hole(tick(field, value))
    return "checked" if checked else ""


def there(texts: Mapping[str, Any]) -> tuple[Any, ...]:
    """Which texts there are, as a part of a key; what there is not, as it is."""
    shapes = [
        text and True
        if (kind := text.__class__) in _PLAIN
        else text.english
        if kind is FixedText
        else _shape(text)
        for text in texts.values()
    ]
    return (*texts, *shapes)


def _shape(text: Any) -> bool | str | None:
    """True for a text that goes through a hole, itself for one that is not there, and which it is
    for a fixed text of the code. One that is yet to be translated is there without a look at it."""
    if text.__class__ is FixedText:
        return text.english
    if text is None or isinstance(text, str):
        return True if text else text
    if isinstance(text, Calls):
        return True if text else ""
    if isinstance(text, LazyString):
        return True
    raise TypeError(f"no text: {type(text).__name__}")


def _of(template: str, name: str) -> Callable[..., str]:
    module = the_app().jinja_env.get_template(template).module
    return getattr(module, name)


def _cut(rendered: str, as_bytes: bool) -> _Kept:
    pieces: list[Any] = _HOLES.split(rendered)
    holes = tuple(enumerate(pieces))[1::2]
    if as_bytes:
        pieces = [piece.encode() for piece in pieces]
    return _Kept(pieces, holes, frozenset(name for _place, name in holes if name in _OURS))


def _filled(here: _Here, kept: _Kept, texts: Mapping[str, Any], template: str = "") -> list[Any]:
    """The pieces, with what goes into the holes between them. `template`: of its `Calls`."""
    pieces, holes, ours = kept
    if ours:
        texts = {**texts, **{name: _OURS[name]() for name in ours}}
    pieces = [*pieces]
    for place, name in holes:
        text = texts[name]
        kind = text.__class__
        if kind is str:
            if _special(text):
                text = escape(text)
        elif kind is Calls:
            text = "".join(_pieces(here, template, text))
        elif kind is not Markup:
            text = _html(text)
        pieces[place] = text
    return pieces


def _html(text: Any) -> str:
    """What `escape` makes of a text, without its ways about what needs none."""
    return str(text) if isinstance(text, LazyString) else escape(text)


def _markup(pieces: Iterable[str]) -> Markup:
    """One text of what is markup already: of a template, or escaped. (Markup itself looks first
    whether it is given one.)"""
    return str.__new__(Markup, "".join(pieces))
