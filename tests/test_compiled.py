"""Templates are compiled once for all processes, and nobody else's code is run for one."""

from pathlib import Path
from typing import Any

import jinja2
import pytest
from flask import Flask
from jinja2 import DictLoader, Environment, nodes
from jinja2.environment import CodeGenerator

from webapp.compiled import SignedCache

SECRET = "one secret"


class Counting(CodeGenerator):
    """Counts what is compiled."""

    count = 0

    def visit_Template(self, *args: Any, **more: Any) -> None:  # noqa: N802 - Jinja's name
        """A template."""
        Counting.count += 1
        super().visit_Template(*args, **more)


def rendered(folder: Path, source: str = "Hello {{ name }}", secret: str = SECRET) -> int:
    """Render a template in a process of its own, as it were; how often it was compiled."""
    env = Environment(loader=DictLoader({"a.html": source, "b.html": "b"}), autoescape=True)
    env.code_generator_class = Counting
    env.bytecode_cache = SignedCache(folder, secret)
    Counting.count = 0
    text = env.get_template("a.html").render(name="<you>")
    assert text == source.replace("{{ name }}", "&lt;you&gt;")
    return Counting.count


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where one template was compiled to."""
    assert rendered(tmp_path / "templates") == 1
    return tmp_path / "templates"


def only_file(folder: Path) -> Path:
    (found,) = folder.iterdir()
    return found


def test_it_is_compiled_once_and_kept_from_others(folder: Path) -> None:
    assert rendered(folder) == 0
    assert folder.stat().st_mode & 0o777 == 0o700
    assert only_file(folder).stat().st_mode & 0o777 == 0o600


def test_a_text_that_changed_is_compiled_anew_and_takes_the_place(folder: Path) -> None:
    assert rendered(folder, "Good day {{ name }}") == 1
    assert rendered(folder, "Good day {{ name }}") == 0
    assert only_file(folder)


def test_what_another_secret_signed_is_not_run(folder: Path) -> None:
    assert rendered(folder, secret="another") == 1


def test_what_another_jinja_compiled_is_not_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jinja2, "__version__", "99")
    assert rendered(folder) == 1


@pytest.mark.parametrize("place", [0, 40, -1])
def test_a_file_that_is_damaged_or_cut_off_is_made_anew(folder: Path, place: int) -> None:
    whole = only_file(folder).read_bytes()
    damaged = bytearray(whole)
    damaged[place] ^= 1
    for content in (bytes(damaged), whole[:place], b""):
        only_file(folder).write_bytes(content)
        assert rendered(folder) == 1
        assert only_file(folder).read_bytes() == whole


def test_the_file_of_one_template_is_none_for_another(folder: Path) -> None:
    env = Environment(loader=DictLoader({"b.html": "Hello {{ name }}"}), autoescape=True)
    env.bytecode_cache = cache = SignedCache(folder, SECRET)
    only_file(folder).rename(folder / cache.get_cache_key("b.html"))
    bucket = cache.get_bucket(env, "b.html", None, "Hello {{ name }}")
    assert bucket.code is None


def test_no_filter_is_applied_while_compiling(app: Flask) -> None:
    # Its result would be kept over an upgrade that changes the filter and not the template.
    env = app.jinja_env
    for name in env.list_templates(["html"]):
        assert env.loader
        tree = env.parse(env.loader.get_source(env, name)[0])
        on_constants = [
            one.name for one in tree.find_all(nodes.Filter) if isinstance(one.node, nodes.Const)
        ]
        assert on_constants == [], name


def test_where_nothing_can_be_written_it_is_compiled_each_time(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert [rendered(tmp_path / "file") for _ in range(2)] == [1, 1]
    assert [rendered(tmp_path / "missing" / "folder") for _ in range(2)] == [1, 1]
