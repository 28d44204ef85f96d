"""The house holds: who may import whom, who may commit, what templates and pages may name.

Every rule is a function from sources to faults, so that it is itself tested on sources that break
it: a rule that finds nothing in them would find nothing in the house either.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import jinja2
import pytest
from flask import Flask
from jinja2 import nodes

TOP = Path(__file__).resolve().parents[1]

GROUND = (
    *("config", "vault", "extensions", "types", "security", "assets", "errors", "jobs", "audit"),
    "apidoc",
    *("languages", "bounds", "csrf", "limits", "logs", "tally", "devices", "prepared", "rows"),
    *("meters", "trace", "headers", "signing"),
)
RECORDS = (
    "wizard.models",
    "wizard.store",
    "wizard.visit",
    "wizard.ending",
    "steps",
    "identity",
    *GROUND,
)
"""What those who look after stored sessions from outside the journey may use."""

MAY_IMPORT: dict[str, tuple[str, ...]] = {
    # room -> what it may import, each with all that lies in it; the longest name that fits decides.
    "config": (),
    "assets": (),
    "texts": (),
    "brand": ("assets", "config"),
    "devices": (),
    "files": (),
    "dotenv": ("files",),
    "vault": ("config",),
    "application": ("bounds", "headers"),
    "headers": (),
    "signing": (),
    "security": ("config", "headers"),
    "bounds": (),
    "compiled": ("config", "files"),
    "compress": ("headers",),
    "csrf": ("bounds", "signing"),
    "limits": ("config",),
    "logs": ("moments", "trace"),
    "meters": (),
    "trace": (),
    "watching": ("logs", "meters", "trace"),
    "proxies": ("config", "headers"),
    "extensions": ("config", "csrf", "postgres", "raw"),
    "raw": (),
    "postgres": ("json_columns", "moments"),
    "json_columns": (),
    "moments": (),
    "types": ("config", "vault", "extensions", "json_columns", "moments"),
    "catalogues": ("files",),
    "languages": (
        *("catalogues", "config", "extensions", "headers", "moments", "security", "site.marked"),
    ),
    "admission": (
        *("appearance", "application", "bounds", "config", "errors", "headers", "languages"),
        *("security", "trace"),
    ),
    "appearance": ("config", "security"),
    "audit": ("config", "extensions", "prepared", "types"),
    "prepared": ("extensions",),
    "rows": ("extensions", "prepared", "types"),
    "kept": ("csrf", "languages", "security"),
    "tally": ("extensions", "prepared", "types"),
    "errors": GROUND,
    "jobs": GROUND,
    "site": ("site",),
    "identity": (
        *("identity", "config", "csrf", "extensions", "headers", "signing"),
        "site.marked",
    ),
    "wizard": ("wizard", "identity", "mail", "appearance", "kept", *GROUND),
    "wizard.binding": (),
    "wizard.forms": ("languages", "wizard.binding"),
    "wizard.journey": (),
    "wizard.revision": (),
    "wizard.merge": (),
    "wizard.shown": (),
    "wizard.refusals": ("wizard.forms",),
    "wizard.calls": ("apidoc", "wizard.shown"),
    "wizard.step": ("wizard.calls", "wizard.forms", "wizard.merge", "wizard.shown"),
    "wizard.models": ("extensions", "types"),
    "wizard.owner": ("wizard.models", "identity", "extensions", "types"),
    "wizard.visit": (
        *("wizard.models", "wizard.journey", "wizard.step", "wizard.owner", "identity"),
        *("extensions", "json_columns", "prepared", "rows", "types"),
    ),
    "wizard.store": (
        *("wizard.models", "wizard.journey", "wizard.step", "wizard.visit", "wizard.forms"),
        *("wizard.revision", "wizard.merge", "wizard.history", "wizard.progress", "identity"),
        *("extensions", "types", "tally", "meters", "wizard.refusals"),
    ),
    "wizard.history": (
        *("wizard.models", "wizard.owner", "identity"),
        *("extensions", "prepared", "types"),
    ),
    "wizard.links": ("wizard.models", "wizard.owner", "identity", "extensions", "types", "audit"),
    "steps": (
        *("wizard.models", "wizard.step", "wizard.forms", "wizard.merge", "wizard.calls"),
        *("site", "readings", "apidoc", "languages", "kept"),
        *("jobs", "extensions", "types", "vault", "config", "dotenv", "tally"),
        *("prepared", "rows"),
    ),
    "mail": GROUND,
    "migrating": (),
    "webhooks": ("webhooks", *GROUND),
    "pages": GROUND,
    "readings": ("site",),
    "apidoc": (),
    "converters": (),
    "openapi": ("wizard", "identity", *GROUND),
    "product": ("ai_inputs", "wizard", *RECORDS),
    "service": ("product", "wizard.api", *RECORDS),
    "ai_inputs": ("wizard.models", "wizard.visit", "wizard.calls", "steps", *GROUND),
    "operators": ("operators", "mail", "webhooks", "wizard.history", "wizard.links", *RECORDS),
    "legacy": ("legacy", "site", *RECORDS),
    "privacy": ("wizard.views", *RECORDS),
    "commands": ("cli", "errors", "legacy.models", "logs"),
    "cli": ("operators", "legacy", "privacy", "webhooks", *RECORDS),
    "worker": ("", *GROUND),  # a process of its own: it starts from create_app, as wsgi.py does
}

FOR_EVERYBODY = ("texts", "at_hand")
"""They know nothing of us, and serve all."""

ENGINE = ("journey", "step", "models", "store")
ENGINE_LINES = 600

Sources = Mapping[str, str]
"""Python sources by their dotted name inside webapp: `wizard.store`; a package by its own name,
webapp itself by the empty one."""


# The rules.


def import_faults(sources: Sources) -> list[str]:
    """Imports against the table, wherever in a module they stand."""
    faults = []
    for module, imported in _edges(sources):
        if module == "":
            continue  # create_app is the only place that knows everybody
        room = _room(module)
        if room is None:
            faults.append(f"{module} is in no room of the table: decide what it may import")
        elif imported == "" and "" not in MAY_IMPORT[room]:
            faults.append(f"{module} imports webapp itself")
        elif not _allowed(module, imported, room):
            faults.append(f"{module} imports {imported}")
    return sorted(set(faults))


def circles(sources: Sources) -> list[str]:
    """Modules that import each other, over however many corners."""
    graph: dict[str, set[str]] = {name: set() for name in sources}
    for module, imported in _edges(sources):
        if imported in graph and imported != module:
            graph[module].add(imported)
    found: list[str] = []
    done: set[str] = set()

    def visit(module: str, path: list[str]) -> None:
        if module in path:
            found.append(" -> ".join([*path[path.index(module) :], module]))
        elif module not in done:
            for imported in sorted(graph[module]):
                visit(imported, [*path, module])
            done.add(module)

    for module in sorted(graph):
        visit(module, [])
    return found


def call_faults(sources: Sources, method: str) -> list[str]:
    """Places that call something of that name: `db.create_all()`, `session.commit()`."""
    faults = []
    for module, source in sources.items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call):
                called = getattr(node.func, "attr", None) or getattr(node.func, "id", None)
                if called == method:
                    faults.append(f"{module}:{node.lineno} calls {method}")
    return faults


def undocumented(sources: Sources) -> tuple[list[str], int]:
    """Public functions and classes of modules that have no docstring, and how many there are."""
    missing, count = [], 0
    for module, source in sources.items():
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and (
                not node.name.startswith("_")
            ):
                count += 1
                if not ast.get_docstring(node):
                    missing.append(f"{module}.{node.name}")
    return missing, count


def unused_macros(source: str) -> list[str]:
    """Names that a template imports and never uses."""
    tree = _jinja().parse(source)
    imported = {
        name if isinstance(name, str) else name[1]
        for found in tree.find_all(nodes.FromImport)
        for name in found.names
    }
    imported |= {found.target for found in tree.find_all(nodes.Import)}
    used = {name.name for name in tree.find_all(nodes.Name) if name.ctx == "load"}
    return sorted(imported - used)


def foreign_loads(name: str, source: str) -> list[str]:
    """What a template, a style sheet, a script or an SVG would load from another host."""
    if name.endswith(".css"):
        pattern = r"""(?:url\(\s*["']?|@import\s+["'])\s*((?:https?:)?//[^"')\s]+)"""
    elif name.endswith((".js", ".mjs")):
        # Any address in a string: a script that names none loads from none.
        pattern = r"""["'`]((?:https?|wss?)://[^"'`]+|//[a-z0-9][^"'`\s]*\.[^"'`\s]+)"""
    else:
        pattern = (
            r"<(?:script|link|img|iframe|frame|embed|object|source|track|video|audio|input|use"
            r"|image|base|form)\b[^>]*?\b(?:src|href|srcset|data|poster|action|formaction)"
            r"""\s*=\s*["']?\s*((?:https?:)?//[^"'\s>]+)"""
        )
    found = re.findall(pattern, source, re.IGNORECASE)
    return [address for address in found if not address.startswith("http://www.w3.org/")]


# The house.


def test_every_import_follows_the_table() -> None:
    assert import_faults(webapp_sources()) == []


def test_no_circle_of_imports() -> None:
    assert circles(webapp_sources()) == []


def test_tables_are_made_by_migrations_alone() -> None:
    everything = {**webapp_sources(), **sources_in(TOP / "migrations"), **sources_in(TOP / "tests")}
    everything |= {path.stem: path.read_text() for path in TOP.glob("*.py")}
    del everything["test_migrations"]  # it compares what the two make
    assert call_faults(everything, "create_all") == []


def test_no_step_commits() -> None:
    steps = {name: text for name, text in webapp_sources().items() if name.startswith("steps")}
    assert steps
    assert call_faults(steps, "commit") == []


def test_the_engine_is_small() -> None:
    lines = {name: webapp_sources()[f"wizard.{name}"].count("\n") for name in ENGINE}
    assert sum(lines.values()) < ENGINE_LINES, lines


def test_nine_of_ten_public_functions_and_classes_are_documented() -> None:
    missing, count = undocumented(webapp_sources())
    assert count > 50
    assert len(missing) <= count / 10, f"{len(missing)} of {count}: {missing}"


def test_no_template_imports_a_macro_in_vain() -> None:
    unused = {name: unused_macros(text) for name, text in template_sources().items()}
    assert {name: macros for name, macros in unused.items() if macros} == {}


def test_nothing_loads_from_another_host() -> None:
    files = {**template_sources(), **static_sources()}
    assert files
    loads = {name: foreign_loads(name, text) for name, text in files.items()}
    assert {name: addresses for name, addresses in loads.items() if addresses} == {}


def test_every_template_compiles(app: Flask) -> None:
    strict = app.jinja_env.overlay(undefined=jinja2.StrictUndefined)
    names = strict.list_templates()
    assert names
    for name in names:
        strict.get_template(name)


# The rules themselves, on made-up houses.


@pytest.mark.parametrize(
    ("module", "source", "fault"),
    [
        (
            "wizard.store",
            "from webapp.steps import research",
            "wizard.store imports steps.research",
        ),
        ("wizard.store", "def f():\n    import webapp.steps", "wizard.store imports steps"),
        ("wizard.journey", "from . import models", "wizard.journey imports wizard.models"),
        ("wizard.views", "from webapp.steps import STEPS", "wizard.views imports steps"),
        ("steps.finish", "from .research import Form", "steps.finish imports steps.research"),
        ("steps.finish", "from webapp.wizard import store", "steps.finish imports wizard.store"),
        ("site.fetch", "from webapp.config import Settings", "site.fetch imports config"),
        ("config", "import webapp", "config imports webapp itself"),
        ("config", "from webapp import create_app", "config imports webapp itself"),
        ("attic", "import webapp.config", "attic is in no room of the table"),
    ],
)
def test_an_import_upward_is_found(module: str, source: str, fault: str) -> None:
    house = dict.fromkeys(("steps", "steps.research", "wizard", "wizard.models", "config"), "")
    house |= {"wizard.store": "", "": "", module: source}
    faults = import_faults(house)
    assert len(faults) == 1
    assert faults[0].startswith(fault)


def test_an_import_downward_is_no_fault() -> None:
    house = {
        "": "from webapp.steps import STEPS\nfrom webapp import wizard",
        "config": "import os",
        "extensions": "from webapp.config import Settings",
        "wizard": "",
        "wizard.models": "from webapp.extensions import db\nfrom sqlalchemy import Text",
        "wizard.store": "from . import models\nfrom .models import Draft",
        "steps": "from webapp.steps import research\nfrom .website import step",
        "steps.research": "from webapp.wizard.models import Answer",
        "steps.website": "",
        "site": "",
        "steps.website.step": "from webapp.steps.website.form import Form\nfrom webapp import site",
        "steps.website.form": "",
    }
    assert import_faults(house) == []
    assert circles(house) == []


def test_a_circle_is_found_also_inside_functions() -> None:
    house = {
        "site.a": "from webapp.site import b",
        "site.b": "def f():\n    from .c import g",
        "site.c": "import webapp.site.a",
        "site.d": "from webapp.site import a",
    }
    assert circles(house) == ["site.a -> site.b -> site.c -> site.a"]


def test_a_call_is_found_by_its_name() -> None:
    source = "def f(db):\n    db.session.commit()\n    commit()\n"
    assert call_faults({"x": source}, "commit") == ["x:2 calls commit", "x:3 calls commit"]
    assert call_faults({"x": "commit = 1\ndb.committed()"}, "commit") == []


def test_a_missing_docstring_is_found() -> None:
    source = 'class A:\n    """It is."""\ndef b(): ...\ndef _c(): ...\nasync def d(): ...\n'
    assert undocumented({"x": source}) == (["x.b", "x.d"], 3)


def test_an_unused_macro_is_found() -> None:
    source = (
        "{% from 'forms.html' import used, unused, short as long with context %}"
        "{% import 'icons.html' as icons %}{{ used() }}{% call long() %}x{% endcall %}"
        "{% trans name=1 %}hello {{ name }}{% endtrans %}"
    )
    assert unused_macros(source) == ["icons", "unused"]


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("a.html", '<script nonce="x" src="https://cdn.example/a.js"></script>'),
        ("a.html", "<link rel=stylesheet\n href='//cdn.example/a.css'>"),
        ("a.html", '<img alt="" src=http://cdn.example/a.png>'),
        ("a.svg", '<image href="https://cdn.example/a.png"/>'),
        ("a.css", "a { background: url( 'https://cdn.example/a.png') }"),
        ("a.css", '@import "//cdn.example/a.css";'),
        ("a.js", 'import {x} from "https://cdn.example/x.js"'),
        ("a.js", "fetch(`//cdn.example/x`)"),
    ],
)
def test_a_load_from_another_host_is_found(name: str, source: str) -> None:
    assert len(foreign_loads(name, source)) == 1


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("a.html", '<a href="https://example.org/" rel="noopener">there</a>'),
        ("a.html", '<link href="{{ asset("css/app.css") }}"><p>see https://example.org/</p>'),
        ("a.svg", '<svg xmlns="http://www.w3.org/2000/svg"><use href="#a"/></svg>'),
        ("a.css", "a { background: url(data:image/png;base64,AA//BB) } /* https://x.org/ */"),
        ("a.js", "// https://example.org/\nfetch('/onboarding/')"),
    ],
)
def test_a_mere_mention_of_another_host_is_no_fault(name: str, source: str) -> None:
    assert foreign_loads(name, source) == []


# Reading the house.


def webapp_sources() -> Sources:
    """The modules of webapp."""
    return sources_in(TOP / "webapp")


def sources_in(folder: Path) -> dict[str, str]:
    """The Python modules in a folder, by their dotted name inside it."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text()
    return found


def template_sources() -> dict[str, str]:
    """All templates, by their path."""
    return _texts(TOP / "templates", (".html", ".txt", ".xml", ".svg"))


def static_sources() -> dict[str, str]:
    """All static files that are text, by their path."""
    return _texts(TOP / "static", (".css", ".js", ".mjs", ".svg", ".html"))


def _texts(folder: Path, endings: tuple[str, ...]) -> dict[str, str]:
    paths = (path for path in sorted(folder.rglob("*")) if path.suffix in endings)
    return {str(path.relative_to(TOP)): path.read_text() for path in paths}


def _edges(sources: Sources) -> Iterator[tuple[str, str]]:
    """(module, what it imports of webapp), both by their name inside webapp."""
    packages = {name.rpartition(".")[0] for name in sources} | {""}
    for module, source in sources.items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name.split(".")[0] == "webapp":
                        yield module, alias.name.removeprefix("webapp").removeprefix(".")
            elif isinstance(node, ast.ImportFrom):
                base = _base(module, node, is_package=module in packages)
                if base is None:
                    continue
                for alias in node.names:
                    # `from package import module` imports the module, `… import name` the package.
                    inner = f"{base}.{alias.name}".strip(".")
                    yield module, inner if inner in sources else base


def _base(module: str, node: ast.ImportFrom, *, is_package: bool) -> str | None:
    """What an import is from, by its name inside webapp; None when that is not ours."""
    named = node.module or ""
    if not node.level:
        return named[7:] if named.split(".")[0] == "webapp" else None
    parts = module.split(".") if module else []
    up = node.level - 1 if is_package else node.level
    return ".".join([*parts[: len(parts) - up], *([named] if named else [])])


def _room(module: str) -> str | None:
    fitting = [room for room in MAY_IMPORT if _within(module, room)]
    return max(fitting, key=len) if fitting else None


def _allowed(module: str, imported: str, room: str) -> bool:
    if module == "steps":  # the list of the steps
        return _within(imported, "steps") or imported in MAY_IMPORT[room]
    if _within(module, "steps") and _within(imported, "steps"):
        return module.split(".")[1] == [*imported.split("."), ""][1]  # its own package
    return any(_within(imported, other) for other in (*MAY_IMPORT[room], *FOR_EVERYBODY))


def _within(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def _jinja() -> jinja2.Environment:
    return jinja2.Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
