"""Rules over sources: which texts that people read are not marked for translation."""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import jinja2
from jinja2 import nodes

MARKS = frozenset(
    {"_", "_l", "gettext", "lazy_gettext", "ngettext", "lazy_ngettext", "pgettext", "npgettext",
     "N_", "NN_"}
)  # fmt: skip
"""Functions whose texts are extracted."""

HANDLED = MARKS | {"Refusal", "Operation"}
"""Those, and what documents the API, which is English."""

READ_ALOUD = frozenset(
    {"title", "aria-label", "aria-description", "aria-roledescription", "placeholder", "alt",
     "label"}
)  # fmt: skip
"""Attributes that people see or hear."""

NO_PROSE = frozenset({"script", "style", "code", "kbd", "pre"})
VALUE = "\x00"
"""Stands for what a template fills in."""

_WORD = re.compile(r"[^\W\d_]{2,}")
_SENTENCE = re.compile(r"[^\W\d_]{2,}[,;:]? [^\W\d_]")
_CAPITAL = re.compile(r"^[A-ZÄÖÜ“„«][a-zäöü]+\b")


def unmarked_in_template(source: str, allowed: frozenset[str] = frozenset()) -> list[str]:
    """Texts and attributes of a template that nobody can translate, and plain texts in its
    expressions. `allowed`: words that are the same in every language."""
    environment = jinja2.Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    tree = environment.parse(source)
    page = _Page(allowed)
    page.feed(re.sub(rf"(</?){VALUE}", r"\1section", "".join(_flow(tree.body))))
    page.close()
    in_expressions = [text for one in tree.body for text in _constants(one) if _is_prose(text)]
    return page.found + [text for text in in_expressions if text.strip() not in allowed]


def unmarked_in_python(source: str) -> list[str]:
    """`line: text` for every text that reads like a sentence or a label and is not marked; those of
    the log, of internal errors and docstrings are not for users."""
    tree = ast.parse(source)
    hidden = {id(one) for node in ast.walk(tree) for one in _not_for_users(node)}
    return [
        f"{node.lineno}: {node.value}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in hidden
        and _is_prose(node.value, capital=True)
    ]


def _is_prose(text: str, capital: bool = False) -> bool:
    """Whether it reads like words for people: several of them, or one with a capital."""
    text = text.strip()
    if capital:
        return bool(_CAPITAL.match(text) and _SENTENCE.search(text))
    tokens = text.split()
    if any(re.search(r"[-_=/<>{}#.]\w", token) for token in tokens):
        return False  # class names, addresses, formats
    return bool(_CAPITAL.match(text)) or bool(_SENTENCE.search(text))


def _flow(body: list[nodes.Node]) -> Iterator[str]:
    """A template's own text in its order, VALUE in place of what is filled in."""
    for node in body:
        if isinstance(node, nodes.TemplateData):
            yield node.data
        elif isinstance(node, nodes.Output):
            yield from _flow(node.nodes)
        elif isinstance(node, nodes.Expr) or getattr(node, "name", "").endswith("_class"):
            yield VALUE  # a block that fills a class is no prose
        else:
            for field in ("body", "elif_", "else_"):
                yield from _flow(getattr(node, field, None) or [])


def _constants(node: nodes.Node) -> Iterator[str]:
    """Texts in the expressions below a node that are shown or handed on as they are."""
    if isinstance(node, nodes.Const):
        if isinstance(node.value, str):
            yield node.value
        return
    if isinstance(node, nodes.TemplateData | nodes.Compare | nodes.ImportedName | nodes.Test):
        return
    if isinstance(node, nodes.Getitem):
        yield from _constants(node.node)
        return
    if isinstance(node, nodes.Pair):  # the key is for the machine
        yield from _constants(node.value)
        return
    if isinstance(node, nodes.Call):
        name = getattr(node.node, "name", None)
        if name in MARKS:
            for one in node.kwargs:
                yield from _constants(one)
            return
    for child in node.iter_child_nodes():
        yield from _constants(child)


class _Page(HTMLParser):
    """Collects words that stand in the HTML itself."""

    def __init__(self, allowed: frozenset[str]) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._allowed = allowed
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at the attributes; an element without prose is remembered until its end."""
        if tag in NO_PROSE:
            self._open.append(tag)
        given = dict(attrs)
        for name, value in attrs:
            shown = name in READ_ALOUD or (
                (name == "value" and tag == "input" and given.get("type") in ("submit", "button"))
                or (name == "content" and tag == "meta" and _about(given))
                or (name.startswith("data-") and _SENTENCE.search(value or ""))
            )
            if shown:
                self._look(f"{name}=", value or "")

    def handle_endtag(self, tag: str) -> None:
        """Forget what has ended."""
        if self._open and self._open[-1] == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        """Words between the tags."""
        if not self._open:
            self._look("", data)

    def _look(self, where: str, text: str) -> None:
        for part in text.split(VALUE):
            words = " ".join(part.split())
            if _WORD.search(words) and words not in self._allowed:
                self.found.append(where + words)


def _about(given: dict[str, Any]) -> bool:
    name = str(given.get("name") or given.get("property") or "")
    return name in ("description", "application-name") or name.endswith((":title", ":description"))


_MACHINE = re.compile(r"^(log|logger|current_app\.logger|warnings|click)$")


def _not_for_users(node: ast.AST) -> Iterator[ast.AST]:
    """Constants below this node that no user reads."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        for one in node.body:  # docstrings, of attributes too
            if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant):
                yield one.value
    elif isinstance(node, ast.Call) and (_called(node) in HANDLED or _is_machine(node)):
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
            yield from ast.walk(argument)
    elif isinstance(node, ast.Raise):
        name = _called(node.exc) if isinstance(node.exc, ast.Call) else ""
        if name in ("ValueError", "TypeError", "RuntimeError", "ConfigError", "OperationalError"):
            yield from ast.walk(node)


def _called(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def _is_machine(node: ast.Call) -> bool:
    if not isinstance(node.func, ast.Attribute):
        return False
    return bool(_MACHINE.match(ast.unparse(node.func.value)))
