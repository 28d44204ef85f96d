"""Pages and parts of pages that hold nothing of anybody: rendered once for each language, and kept.

What differs from answer to answer even there (the CSRF token, the nonce, how long answers are kept)
is a hole in what is kept, filled for each response. A hole's mark cannot be guessed, so that no
text of a user is ever taken for one.
"""

import re
import secrets
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from flask import Flask, current_app, g, render_template
from markupsafe import Markup, escape

from webapp import languages
from webapp.csrf import csrf_token
from webapp.security import csp_nonce

MOST = 400
"""How many are kept: a few for each step and language. Beyond that the oldest goes."""

_MARK = secrets.token_hex(8)
_HOLES = re.compile(f"\x02{_MARK}:(.*?)\x03")


class Hole(Markup):
    """Stands in a part that is being kept for what is known when it is sent."""


def hole(name: str) -> Hole:
    """The place where the value of this name goes."""
    return Hole(f"\x02{_MARK}:{name}\x03")


def init_app(app: Flask) -> None:
    """Give the templates `kept_part`, and what goes through holes."""
    app.extensions["kept"] = {}
    holes = {
        "csrf_token": lambda: hole("csrf") if is_keeping() else csrf_token(),
        "csp_nonce": lambda: hole("nonce") if is_keeping() else csp_nonce(),
    }
    app.jinja_env.globals.update(holes, kept_part=part)
    app.context_processor(lambda: holes)  # before the token of Flask-WTF, which does the same


def is_keeping() -> bool:
    """What is rendered now will be sent more than once."""
    return "keeping" in g


def page(key: Hashable, template: str, values: Mapping[str, Any], **context: Any) -> str:
    """A whole page. `key` holds all that it depends on beside the language and the settings;
    `values` are what goes into its holes, as HTML."""
    return _filled(_segments((template, key), lambda: render_template(template, **context)), values)


def part(*key: Hashable, caller: Callable[[], Markup]) -> Markup:
    """A part of a template: `{% call kept_part('foot', theme) %}…{% endcall %}`."""
    if is_keeping():  # it goes into what is kept around it
        return caller()
    return Markup(_filled(_segments(key, caller), {}))  # noqa: S704 - filled with escaped values


def _segments(key: Hashable, render: Callable[[], str]) -> list[str]:
    """Text and the names of holes in turn."""
    found: dict[Hashable, list[str]] = current_app.extensions["kept"]
    whole = (languages.chosen(), key)
    if whole not in found:
        g.keeping = True
        try:
            text = str(render())
        finally:
            g.pop("keeping")
        if len(found) >= MOST:
            found.pop(next(iter(found), None), None)
        found[whole] = _HOLES.split(text)
    return found[whole]


def _filled(segments: list[str], values: Mapping[str, Any]) -> str:
    text = segments[::2]
    ours = {"csrf": csrf_token, "nonce": csp_nonce}
    holes = [str(ours[name]()) if name in ours else escape(values[name]) for name in segments[1::2]]
    return "".join(part for pair in zip(text, [*holes, ""], strict=True) for part in pair)
