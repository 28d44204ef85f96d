"""The translations' files: extracting texts, merging them into every language, and compiling.

A language is one file, `webapp/translations/<code>/LC_MESSAGES/messages.po`. What is compiled from
it stands beside it under a name that holds the file's digest, so that it is never stale; it is made
when it is first needed. `python -m webapp.catalogues` brings every file up to date with the texts
of the code, and with the code of a language it adds that one.
"""

import hashlib
import io
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from babel import Locale, UnknownLocaleError
from babel.support import Translations

from webapp.files import write_whole

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog

TOP = Path(__file__).resolve().parents[1]
FOLDER = Path(__file__).parent / "translations"
WIDTH = 100
"""Columns of a translations file."""

SOURCES = (("webapp/**.py", "python"), ("templates/**.html", "jinja2"))
KEYWORDS = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "_l": None,
    "lazy_gettext": None,
    "lazy_ngettext": (1, 2),
    "N_": None,
    "NN_": (1, 2),
    "Refusal": (2,),
}
"""Functions whose texts are translated: the positions of their texts, None for the first."""


def codes() -> list[str]:
    """The languages that have a file, in the order of their codes."""
    return sorted(path.parents[1].name for path in FOLDER.glob("*/LC_MESSAGES/messages.po"))


def path_of(code: str) -> Path:
    """Where the texts of a language are."""
    return FOLDER / code / "LC_MESSAGES" / "messages.po"


def load(code: str) -> Translations:
    """The translations of a language, compiled first if need be. Raises FileNotFoundError."""
    source = path_of(code).read_bytes()
    compiled = path_of(code).with_name(f"messages.{hashlib.sha256(source).hexdigest()[:16]}.mo")
    return _load(compiled, source, code)


@cache
def _load(compiled: Path, source: bytes, code: str) -> Translations:
    try:
        content = compiled.read_bytes()
    except FileNotFoundError:
        content = compile_catalogue(source, code)
        _keep(compiled, content)
    return Translations(io.BytesIO(content))


def compile_catalogue(source: bytes, code: str) -> bytes:
    """A .po file's content -> the .mo file's; what is marked as fuzzy is left out."""
    from babel.messages.mofile import write_mo  # not at the top: a server seldom needs it
    from babel.messages.pofile import read_po

    out = io.BytesIO()
    write_mo(out, read_po(io.BytesIO(source), locale=code))
    return out.getvalue()


def _keep(compiled: Path, content: bytes) -> None:
    """Store it for the next start, whole or not at all. Where nothing can be written it is compiled
    at each start."""
    older = list(compiled.parent.glob("messages.*.mo"))
    try:
        write_whole(compiled, content, mode=0o644)
        for path in older:
            path.unlink(missing_ok=True)
    except OSError:
        return


def extract() -> "Catalog":
    """Every text that is marked for translation, in the code and the templates."""
    from babel.messages.catalog import Catalog
    from babel.messages.extract import extract_from_dir

    found = Catalog(project="Onward", charset="utf-8", fuzzy=False)
    rows = extract_from_dir(
        TOP,
        method_map=list(SOURCES),
        options_map={"templates/**.html": {"encoding": "utf-8", "trimmed": "true"}},
        keywords=KEYWORDS,
        comment_tags=("Translators:",),
        strip_comment_tags=True,
    )
    for file, _line, message, comments, context in sorted(rows, key=lambda row: (row[0], row[1])):
        found.add(message, locations=[(file, 1)], auto_comments=comments, context=context)
    return found


def merge(template: "Catalog", code: str) -> str:
    """The file of a language with the texts of `template`: known translations stay, new texts are
    empty, those that are gone go. A language that has no file gets one."""
    from babel.messages.catalog import Catalog
    from babel.messages.pofile import read_po, write_po

    path = path_of(code)
    locale = Locale.parse(code, sep="_" if "_" in code else "-")
    if path.exists():
        with path.open("rb") as file:
            catalogue = read_po(file, locale=locale)
    else:
        catalogue = Catalog(locale=locale)
    catalogue.update(template, no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    catalogue.fuzzy = False
    fresh = Catalog(
        locale=locale,
        project="Onward",
        charset="utf-8",
        fuzzy=False,
        header_comment=f"# Onward in {locale.english_name}.",
    )
    for message in catalogue:
        if message.id:
            fresh[message.id if isinstance(message.id, str) else message.id[0]] = message
    out = io.BytesIO()
    write_po(out, fresh, width=WIDTH, include_lineno=False, omit_header=True)
    header = (
        f"{fresh.header_comment}\n"
        'msgid ""\nmsgstr ""\n'
        f'"Language: {fresh.locale_identifier}\\n"\n'
        f'"Plural-Forms: {fresh.plural_forms}\\n"\n'
        '"MIME-Version: 1.0\\n"\n'
        '"Content-Type: text/plain; charset=utf-8\\n"\n'
        '"Content-Transfer-Encoding: 8bit\\n"\n\n'
    )
    return header + out.getvalue().decode()


def main(arguments: list[str]) -> int:
    """Bring every language's file up to date; add those that are named."""
    for code in arguments:
        try:
            Locale.parse(code.replace("-", "_"))
        except (UnknownLocaleError, ValueError):
            print(f"{code!r} is no language that is known: it is a code like fr or pt_BR.")  # noqa: T201
            return 2
    from babel.messages.pofile import read_po

    template = extract()
    for code in sorted({*codes(), *(code.replace("-", "_") for code in arguments)}):
        path = path_of(code)
        text = merge(template, code)
        left = len(untranslated(read_po(io.BytesIO(text.encode()), locale=code)))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"{path.relative_to(TOP)}: {left} texts to translate")  # noqa: T201
    return 0


def untranslated(catalogue: "Catalog") -> list[str]:
    """Texts of a file that have no translation, one of its plural forms missing included."""
    return [
        message.id if isinstance(message.id, str) else message.id[0]
        for message in catalogue
        if message.id
        and not all([message.string] if isinstance(message.string, str | None) else message.string)
    ]


if __name__ == "__main__":
    sys.exit(main([one for one in sys.argv[1:] if one]))
