"""Every text that people read is marked for translation and translated in every language."""

import io
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from tests.support.texts import unmarked_in_python, unmarked_in_template
from webapp import catalogues, files

TOP = Path(__file__).resolve().parents[1]
CODES = catalogues.codes()

SAME_EVERYWHERE = frozenset({"light dark", "UTC", "QR", "JSON", "CSV", "OpenAPI"})
"""What a template may say in every language."""

ENGLISH_PYTHON = (
    *(
        "apidoc",
        "catalogues",
        "cli",
        "commands",
        "config",
        "openapi",
        "service",
        "worker",
        "ai_inputs",
    ),
    *(
        "wizard/api/",
        "wizard/calls",
        "operators/backup",
        "operators/cleanup",
        "operators/metrics",
        "legacy/",
        "proxies",
        "logs",
        "meters",
    ),
    *("site/style", "site/vocabulary", "steps/api_keys/calls", "steps/website/calls"),
)
"""What developers, operators' terminals and programs read, and names of formulas and word lists."""

NAMES = frozenset(
    {"Google Gemini", "Google Search Console", "Bing Webmaster Tools", "Google Analytics 4",
     "Blog Posts", "Social Media", "Technical Articles", "Academic Papers",
     "Covington and McFall, Journal of Quantitative Linguistics 17 (2010)",
     "Björnsson, LIX (1968)", 'Bearer realm="operators"'}
)  # fmt: skip
"""Products, values of form fields, and sources that are names alone."""


@pytest.fixture(scope="module")
def template() -> Catalog:
    """The texts of the code as it is."""
    return catalogues.extract()


# What is read is marked.


def test_every_text_of_a_template_is_marked() -> None:
    found = {
        str(path.relative_to(TOP)): texts
        for path in sorted((TOP / "templates").rglob("*.html"))
        if "api" not in path.parts
        and (texts := unmarked_in_template(path.read_text(encoding="utf-8"), SAME_EVERYWHERE))
    }
    assert found == {}, "put these into {{ _('…') }}"


def test_every_text_of_the_code_is_marked() -> None:
    found = {}
    for path in sorted((TOP / "webapp").rglob("*.py")):
        name = str(path.relative_to(TOP / "webapp"))
        if name.startswith(ENGLISH_PYTHON):
            continue
        texts = unmarked_in_python(path.read_text(encoding="utf-8"))
        if texts := [text for text in texts if text.partition(": ")[2] not in NAMES]:
            found[name] = texts
    assert found == {}, "put these into _(), _l() or N_()"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("<p>Hello</p>", ["Hello"]),
        ("<p>{{ _('Hello') }} you</p>", ["you"]),
        ("<p>{% if x %}{{ name }} and more{% endif %}</p>", ["and more"]),
        ("{% block title %}Welcome{% endblock %}", ["Welcome"]),
        ('<a title="Go there" href="{{ x }}">{{ y }}</a>', ["title=Go there"]),
        ('<input type="submit" value="Send">', ["value=Send"]),
        ('<input placeholder="{{ a }}, say">', ["placeholder=, say"]),
        ('<p data-saved="Draft saved {time}"></p>', ["data-saved=Draft saved {time}"]),
        ('<meta name="description" content="All of it">', ["content=All of it"]),
        ("<svg><title>A chart</title></svg>", ["A chart"]),
        ("{{ fact('Sentence length', value) }}", ["Sentence length"]),
        ("{{ 'Yes' if x else 'No way' }}", ["Yes", "No way"]),
        ("{{ x | default('Nothing yet') }}", ["Nothing yet"]),
        ("{{ _('From %(who)s', who='Some body') }}", ["Some body"]),
        ("<{{ h }}>Title</{{ h }}>", ["Title"]),
        ("<p>&nbsp;Hello&nbsp;</p>", ["Hello"]),
        # And what is fine.
        ("<p>{{ _('Hello') }}, {{ name }}: 5 × 3 %</p>", []),
        ("{% trans %}Hello{% endtrans %}", []),
        ("{% trans n=count %}One{% pluralize %}{{ n }} words{% endtrans %}", []),
        ("<p class='row wide' id=\"a b\">{{ {'a': 1}['Some key'] }}</p>", []),
        ("{% if x == 'Some value' %}{{ x }}{% endif %}", []),
        ("{% set tones = {'Professional': _('Professional')} %}", []),
        ("<script>let message = 1;</script><code>pip install</code>", []),
        ("{% block desk_class %}desk--single desk--title{% endblock %}", []),
        ("{% from 'macros/forms.html' import field with context %}{# A note #}", []),
        ('<meta name="viewport" content="width=device-width, initial-scale=1">', []),
    ],
)
def test_an_unmarked_text_in_a_template_is_found(source: str, found: list[str]) -> None:
    assert unmarked_in_template(source) == found


def test_an_unmarked_text_in_python_is_found() -> None:
    source = '''
"""A docstring of the module."""
LABEL = "Choose a tone."
def f(x):
    """Another one of a function."""
    flash("Your answers are saved.", "success")
    return f"Only {x} words were found." if x else "No words were found."
'''
    assert unmarked_in_python(source) == [
        "3: Choose a tone.", "6: Your answers are saved.", "7: No words were found.",
    ]  # fmt: skip
    fine = """
log.warning("Something of the log")
A, B, C = _("Choose a tone."), _l("Choose a place."), N_("Choose a name.")
raise ValueError("Not a good value")
NAME = "website-analysis"
"""
    assert unmarked_in_python(fine) == []


# What is marked is translated.


@pytest.mark.parametrize("code", CODES)
def test_every_text_is_translated_and_no_translation_is_stale(code: str, template: Catalog) -> None:
    catalogue = _catalogue(code)
    wanted, there = set(map(_key, _texts(template))), set(map(_key, _texts(catalogue)))
    assert wanted - there == set(), "run `make messages` and translate these"
    assert there - wanted == set(), "nothing says these any more: run `make messages`"
    assert catalogues.untranslated(catalogue) == []
    assert [one.id for one in _texts(catalogue) if one.fuzzy] == []
    path = catalogues.path_of(code)
    merged = catalogues.merge(template, code)
    assert path.read_text(encoding="utf-8") == merged, f"{path} is not as `make messages` writes it"


@pytest.mark.parametrize("code", CODES)
def test_placeholders_and_edges_are_those_of_the_english_text(code: str) -> None:
    faults = [
        (message.id, one)
        for message in _texts(_catalogue(code))
        for one, english in _forms(message)
        if one and _faults(english, one)
    ]
    assert faults == []


@pytest.mark.parametrize(
    ("english", "translated", "fault"),
    [
        ("%(n)d words", "%(n)d Wörter", False),
        ("%(n)d words", "%(m)d Wörter", True),
        ("%(n)d words", "Wörter", True),
        ("%(n)d words", "%(n)d Wörter, 5 % davon", True),
        ("{n:,} words", "{n} Wörter", False),
        ("{n:,} words", "{m} Wörter", True),
        ("{n:,} words", "{n Wörter", True),
        ("{a} of {b}", "von {b}: {a}", False),
        ("From %(a)s", "", True),
        ("Made\n\nat %(a)s", "am %(a)s", True),
        ("Choose a tone.", "Wählen Sie einen Ton. ", True),
        ("<b>New</b>", "<b>Neu", True),
    ],
)
def test_a_broken_translation_is_found(english: str, translated: str, fault: bool) -> None:
    assert bool(_faults(english, translated)) is fault


@pytest.mark.parametrize("code", CODES)
def test_a_language_says_every_number_in_its_own_forms(code: str) -> None:
    catalogue = _catalogue(code)
    plural = [message for message in _texts(catalogue) if isinstance(message.id, tuple)]
    assert len(plural) > 5
    for message in plural:
        assert len(message.string) == catalogue.num_plurals, message.id
    if code == "ar":
        assert catalogue.num_plurals == 6


def test_what_is_compiled_is_what_the_file_says(tmp_path: Path) -> None:
    source = catalogues.path_of("es").read_bytes()
    compiled = io.BytesIO(catalogues.compile_catalogue(source, "es"))
    from babel.support import Translations

    said = Translations(compiled)
    for message in _texts(_catalogue("es")):
        if isinstance(message.id, str):
            got = said.upgettext(message.context, message.id) if message.context else None
            assert (got or said.ugettext(message.id)) == message.string


def test_a_changed_file_is_compiled_anew_and_leaves_nothing_old_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogues, "FOLDER", tmp_path)
    path = catalogues.path_of("es")
    path.parent.mkdir(parents=True)
    head = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    for said in ("Hola", "Buenas"):
        path.write_text(f'{head}msgid "Hello"\nmsgstr "{said}"\n', encoding="utf-8")
        assert catalogues.load("es").ugettext("Hello") == said
        assert len(list(path.parent.glob("*.mo"))) == 1
        assert len(list(path.parent.iterdir())) == 2, "no draft is left beside the two files"
    monkeypatch.setattr(files.tempfile, "mkstemp", _read_only)
    path.write_text(f'{head}msgid "Hello"\nmsgstr "Saludos"\n', encoding="utf-8")
    assert catalogues.load("es").ugettext("Hello") == "Saludos", "also where nothing can be stored"
    with pytest.raises(FileNotFoundError):
        catalogues.load("fr")


def test_adding_a_language_makes_one_file_with_every_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(catalogues, "FOLDER", tmp_path / "webapp" / "translations")
    monkeypatch.setattr(catalogues, "extract", _small)
    monkeypatch.setattr(catalogues, "TOP", tmp_path)
    assert catalogues.main(["pt-BR"]) == 0
    assert catalogues.codes() == ["pt_BR"]
    assert "2 texts to translate" in capsys.readouterr().out
    path = catalogues.path_of("pt_BR")
    assert list(path.parent.iterdir()) == [path]
    made = path.read_text(encoding="utf-8")
    assert catalogues.main([]) == 0
    assert path.read_text(encoding="utf-8") == made, "a second time changes nothing"
    translated = made.replace('msgid "Hello"\nmsgstr ""', 'msgid "Hello"\nmsgstr "Olá"')
    path.write_text(translated, encoding="utf-8")
    assert catalogues.main(["pt_BR"]) == 0
    assert path.read_text(encoding="utf-8") == translated, "what is translated stays"
    capsys.readouterr()
    for nonsense in ("klingonisch", "../../x", "x" * 300):
        assert catalogues.main([nonsense]) == 2
    assert "is no language" in capsys.readouterr().out
    assert catalogues.codes() == ["pt_BR"]


def _read_only(**_options: object) -> tuple[int, str]:
    raise PermissionError


def _small() -> Catalog:
    catalogue = Catalog(fuzzy=False)
    catalogue.add("Hello", locations=[("a.html", 1)])
    catalogue.add(("%(num)d word", "%(num)d words"), locations=[("a.html", 2)])
    return catalogue


def _catalogue(code: str) -> Catalog:
    with catalogues.path_of(code).open("rb") as file:
        return read_po(file, locale=code)


def _texts(catalogue: Catalog) -> Iterator[Message]:
    return (message for message in catalogue if message.id)


def _key(message: Message) -> tuple[object, object]:
    return message.context, message.id


def _forms(message: Message) -> list[tuple[str, str]]:
    """(translation, the English text that it stands for). A form for one number alone may leave the
    number out: Arabic says "one word" and "two words" without it."""
    if isinstance(message.id, str):
        return [(str(message.string), message.id)]
    several = list(message.string)
    if len(several) == 2:
        return list(zip(several, message.id, strict=True))
    return [(one, message.id[1]) for one in several[3:]]


def _faults(english: str, translated: str) -> list[str]:
    """What is wrong with a translation, whatever it says."""
    faults = []
    if _named(english) != _named(translated):
        faults.append("placeholders")
    if _named(english) and re.search(r"%(?!\(\w+\)[sd]|%)", translated):
        faults.append("a lonely %")
    if _braces(english) != _braces(translated):
        faults.append("braces")
    if english.count("\n") != translated.count("\n"):
        faults.append("lines")
    if (translated[:1].isspace(), translated[-1:].isspace()) != (
        english[:1].isspace(), english[-1:].isspace(),
    ):  # fmt: skip
        faults.append("spaces at the ends")
    if sorted(re.findall(r"</?\w+", english)) != sorted(re.findall(r"</?\w+", translated)):
        faults.append("tags")
    return faults


def _named(text: str) -> list[str]:
    return sorted(set(re.findall(r"%\((\w+)\)[sd]", text)))


def _braces(text: str) -> list[str] | None:
    try:
        return sorted({name for _, name, _, _ in string.Formatter().parse(text) if name})
    except ValueError:
        return None
