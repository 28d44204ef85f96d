"""Pages and parts of pages, rendered once for each language and shape, and kept.

What is kept holds nothing of anybody. A text that differs from answer to answer (what a user gave,
when it was saved, the CSRF token) is a hole in it, filled and escaped for each response. A hole's
mark cannot be guessed, so that no text of a user is ever taken for one.

A template that is kept may ask of a text only whether there is one: the key says that. All else
that decides what it makes is part of the key too, and has few values, so that nobody can fill the
memory by making up keys.
"""

import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from flask import Flask, current_app, g, render_template
from flask_babel import LazyString
from markupsafe import Markup, escape

from webapp import languages
from webapp.csrf import csrf_token
from webapp.security import csp_nonce

MOST = 600
"""How many are kept: a few for each step and language. Beyond that goes what was asked for the
longest time ago."""

_MARK = secrets.token_hex(8)
_HOLES = re.compile(f"\x02{_MARK}:(.*?)\x03")
_PLAIN_TEXTS: frozenset[object] = frozenset({str, Markup})
_SPECIAL = re.compile("[&<>'\"]")
_OURS: Mapping[str, Callable[[], str]] = {"csrf": csrf_token, "nonce": csp_nonce}


class Hole(Markup):
    """Stands in a part that is being kept for what is known when it is sent."""


class Few(tuple[Any, ...]):
    """Data of ours with few values, that may decide what is kept: it is hashable throughout."""


class _Kept(NamedTuple):
    """The text before the first hole; then each hole's name, with the text that follows it."""

    first: str
    rest: tuple[tuple[str, str], ...]


def hole(name: str) -> Hole:
    """The place where the value of this name goes."""
    return Hole(f"\x02{_MARK}:{name}\x03")


def init_app(app: Flask) -> None:
    """Give the templates `kept_part` and `ticked`, and what goes through holes."""
    app.extensions["kept"] = OrderedDict()
    holes = {
        "csrf_token": lambda: hole("csrf") if is_keeping() else csrf_token(),
        "csp_nonce": lambda: hole("nonce") if is_keeping() else csp_nonce(),
    }
    app.jinja_env.globals.update(holes, kept_part=part, ticked=_ticked)
    app.context_processor(lambda: holes)  # before the token of Flask-WTF, which does the same


class _Here:
    """What a request knows of it, found once: a page asks for dozens of parts."""

    def __init__(self) -> None:
        self.found: OrderedDict[Hashable, _Kept] | None = current_app.extensions["kept"]
        self.is_keeping = False


def _here() -> _Here:
    ours = g._get_current_object()
    try:
        return ours.kept
    except AttributeError:
        ours.kept = _Here()
        return ours.kept


def is_keeping() -> bool:
    """What is rendered now will be sent more than once."""
    return _here().is_keeping


def is_on() -> bool:
    """Whether anything is kept at all; a test compares with what is made anew each time."""
    return _here().found is not None


def page(template: str, texts: Mapping[str, Any], **few: Any) -> str:
    """A whole page. The template gets both; see `macro` for what they may be."""
    if not is_on():
        return render_template(template, **few, **texts)
    key = (template, tuple(few.items()), there(texts))
    return whole(key, texts, lambda: render_template(template, **few, **holes_for(texts)))


def whole(key: Hashable, texts: Mapping[str, Any], render: Callable[[], str]) -> str:
    """What `render` makes with holes in the places of these texts, and the texts in them. `key`
    holds all that it depends on beside the language and the settings, `there(texts)` above all."""
    return _filled(_find(key, render), texts)


def macro(template: str, name: str, /, *few: Any, **texts: Any) -> Markup:
    """What a macro of a template makes. `few`: what decides its shape, hashable, with few values.
    `texts`: texts, or None or '' where there is none; they go through holes."""
    if not is_on():
        return Markup(_of(template, name)(*few, **texts))  # noqa: S704 - of a template
    return Markup(_filled(_macro(template, name, few, texts), texts))  # noqa: S704 - escaped


def each(template: str, name: str, texts: Iterable[Any]) -> Markup:
    """What a macro makes of each of some texts, its `text`, one after the other."""
    if not is_on():
        return joined(macro(template, name, text=text) for text in texts)
    kept = {there: _macro(template, name, (), {"text": there}) for there in ("some", "")}
    made = [_filled(kept["some" if _shape(text) else ""], {"text": text}) for text in texts]
    return Markup("".join(made))  # noqa: S704 - escaped


def _macro(template: str, name: str, few: tuple[Any, ...], texts: Mapping[str, Any]) -> "_Kept":
    key = (template, name, few, there(texts))
    return _find(key, lambda: _of(template, name)(*few, **holes_for(texts)))


def made(template: str, name: str, /, *given: Any) -> Markup:
    """What a macro makes of data of any kind: nothing of it is kept."""
    return Markup(_of(template, name)(*given))  # noqa: S704 - of a template


def part(*key: Hashable, caller: Callable[[], Markup]) -> Markup:
    """A part of a template: `{% call kept_part('foot', theme) %}…{% endcall %}`."""
    if not is_on() or is_keeping():  # it goes into what is kept around it
        return caller()
    return Markup(_filled(_find(key, caller), {}))  # noqa: S704 - filled with escaped values


def joined(parts: Iterable[Markup]) -> Markup:
    """Parts, one after the other."""
    return Markup("".join(parts))  # noqa: S704 - they are markup


def holes_for(texts: Mapping[str, Any]) -> dict[str, Any]:
    """A hole for each text that there is; what there is not stays as it is."""
    return {name: hole(name) if _shape(text) else text for name, text in texts.items()}


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
        True if text.__class__ in _PLAIN_TEXTS and text else _shape(text) for text in texts.values()
    ]
    return (*texts, *shapes)


def _shape(text: Any) -> bool | str | None:
    """True for a text, itself for what is none. A text of ours that is yet to be translated is
    there without a look at it."""
    if text is None or isinstance(text, str):
        return True if text else text
    if isinstance(text, LazyString):
        return True
    raise TypeError(f"no text: {type(text).__name__}")


def _of(template: str, name: str) -> Callable[..., str]:
    module = current_app.jinja_env.get_template(template).module
    return getattr(module, name)


def _find(key: Hashable, render: Callable[[], str]) -> _Kept:
    here = _here()
    found = here.found
    if here.is_keeping or found is None:
        # A text that is no hole would be kept with what is around it.
        raise RuntimeError(f"{key} is made within what is being kept")
    sought = (languages.chosen(), key)
    try:
        kept = found[sought]
        found.move_to_end(sought)
    except KeyError:  # not kept yet; or another thread lets go of it at this very moment
        here.is_keeping = True
        try:
            pieces = _HOLES.split(str(render()))
        finally:
            here.is_keeping = False
        kept = _Kept(pieces[0], tuple(zip(pieces[1::2], pieces[2::2], strict=True)))
        found[sought] = kept
        while len(found) > MOST:
            with suppress(KeyError):
                found.popitem(last=False)
    return kept


def _filled(kept: _Kept, texts: Mapping[str, Any]) -> str:
    made = [kept.first]
    ours: dict[str, str] = {}
    for name, after in kept.rest:
        if name not in _OURS:
            text = texts[name]
            made += text if text.__class__ is Markup else _html(text), after
            continue
        if name not in ours:
            ours[name] = _OURS[name]()
        made += ours[name], after
    return "".join(made)


def _html(text: Any) -> str:
    """What `escape` makes of a text, without its ways about what needs none."""
    kind = text.__class__
    if kind is Markup or (kind is str and not _SPECIAL.search(text)):
        return text
    return str(text) if kind is LazyString else escape(text)
