"""The generated texts of a persona that a user may put into their own words.

The generated text and the user's own stand side by side: the persona's columns hold what was
generated, `persona_data.edits` holds {path: {"text": own words, "made": digest}} and nothing
generated ever touches it. `made` tells from which generated text the own one was written, so that
the page can say when that one is another by now. `with_edits` puts the own words in their places.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from flask_babel import LazyString

from webapp.steps.persona.platforms import PLATFORMS
from webapp.texts import lazy_gettext as _l

Edits = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Text:
    """One text: its form field, where it lies in the persona, and how it is written in a form.

    A `paragraph` and a `line` are a string; `lines` a list with a line for each; `words` a list,
    separated by commas or line breaks.
    """

    field: str
    path: tuple[str, ...]
    label: LazyString
    shape: Literal["line", "paragraph", "lines", "words"]
    limit: int  # characters, as typed
    platform: str | None = None

    @cached_property
    def name(self) -> str:
        """The path as one word, under which an edit is stored."""
        return ".".join(self.path)

    def written(self, value: Any) -> str:
        """A value of the persona as the form shows it; '' for None."""
        if isinstance(value, list | tuple):
            return (", " if self.shape == "words" else "\n").join(map(str, value))
        return str(value) if value else ""

    def read(self, text: str) -> str | list[str]:
        """What was typed, as the persona holds it."""
        if self.shape in ("line", "paragraph"):
            return text
        parts = re.split(r"[,;\n]" if self.shape == "words" else r"\n", text)
        return list(dict.fromkeys(part for one in parts if (part := one.strip(" \t•*-"))))

    def rows(self, text: str) -> int:
        """How many lines a control needs to show the text."""
        return min(14, max(2, sum(1 + len(line) // 70 for line in text.split("\n"))))


def _platform_texts(code: str) -> Iterable[Text]:
    of = PLATFORMS[code].label
    at = ("platform_personas", code)
    for part, key, label in (
        ("advice", "platform_best_practices", _l("%(platform)s: good practice", platform=of)),
        ("dos", "dos", _l("%(platform)s: do", platform=of)),
        ("donts", "donts", _l("%(platform)s: leave", platform=of)),
    ):
        yield Text(f"own_{code}_{part}", (*at, key), label, "lines", 1000, code)


_FINGERPRINT = ("core_persona", "linguistic_fingerprint", "lexical_features")
_IDENTITY = ("core_persona", "identity")

TEXTS: dict[str, Text] = {
    one.field: one
    for one in (
        Text("own_archetype", (*_IDENTITY, "archetype"), _l("Archetype"), "line", 80),
        Text(
            "own_voice", (*_IDENTITY, "brand_voice_description"), _l("The voice"), "paragraph", 3000
        ),
        Text("own_words", (*_FINGERPRINT, "go_to_words"), _l("Words to use"), "words", 1000),
        Text("own_avoid", (*_FINGERPRINT, "avoid_words"), _l("Words to avoid"), "words", 1000),
        Text(
            "own_rules",
            ("core_persona", "stylistic_constraints", "rules"),
            _l("Rules of style"),
            "lines",
            2000,
        ),
        *(text for code in PLATFORMS for text in _platform_texts(code)),
    )
}
"""Every text that can be edited, by its form field."""


def digest(text: str) -> str:
    """A short mark of a text; white space and line endings make no difference."""
    return hashlib.sha256(" ".join(text.split()).encode("utf-8", "replace")).hexdigest()[:16]


def generated(persona: Mapping[str, Any], text: Text) -> Any:
    """The value at the text's place; None where the persona has none (a platform not chosen)."""
    value: Any = persona
    for key in text.path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def mark_of(persona: Mapping[str, Any], text: Text) -> str:
    """The digest of a generated text."""
    return digest(text.written(generated(persona, text)))


def changed_edits(
    own: Mapping[str, str], before: Edits, shown: Mapping[str, Any]
) -> dict[str, Any] | None:
    """The edits after a save; None when there is none.

    `own`: form field -> the user's words, '' to use the generated text again; a field that is not
    in it keeps its edit. `shown`: the stored persona (English) that the user had before them.
    """
    after = {name: dict(edit) for name, edit in before.items()}
    for field, words in own.items():
        if not words and not before:
            continue
        text = TEXTS[field]
        if not words:
            after.pop(text.name, None)
        elif words != after.get(text.name, {}).get("text"):
            after[text.name] = {"text": words, "made": mark_of(shown, text)}
    return after or None


def own_words(edits: Edits | None) -> dict[str, str]:
    """Form field -> the user's own words, '' where the generated text is used."""
    if not edits:
        return dict.fromkeys(TEXTS, "")
    return {field: str(edits.get(text.name, {}).get("text", "")) for field, text in TEXTS.items()}


def outdated(persona: Mapping[str, Any], edits: Edits | None) -> set[str]:
    """Form fields whose generated text (English) is not the one that the edit was written from."""
    return {
        field
        for field, text in TEXTS.items()
        if (edit := (edits or {}).get(text.name))
        and generated(persona, text) is not None
        and edit.get("made") != mark_of(persona, text)
    }


def _copied(persona: Mapping[str, Any]) -> dict[str, Any]:
    """Its dicts, all the way down; what is in them is replaced and never changed."""
    return {key: _copied(v) if isinstance(v, dict) else v for key, v in persona.items()}


def with_edits(persona: Mapping[str, Any], edits: Edits | None) -> dict[str, Any]:
    """A copy of the persona with the user's own words in their places.

    A platform that is not chosen gets none. Codes beside a text that was replaced go with it.
    """
    edited = _copied(persona)
    for text in TEXTS.values():
        edit = (edits or {}).get(text.name)
        if edit is None or (text.platform and generated(persona, text) is None):
            continue
        place = edited
        for key in text.path[:-1]:
            place = place.setdefault(key, {})
        place[text.path[-1]] = text.read(edit["text"])
        place.get("codes", {}).pop(text.path[-1], None)
        if text.field == "own_archetype":
            place["archetype_because"] = None
            place.get("codes", {}).pop("archetype_because", None)
    return edited
