"""Compiled templates: kept in a folder, and made anew wherever that does not hold."""

import os
from pathlib import Path

import jinja2
import pytest

from webapp.compiled import CompiledTemplates


def _environment(folder: Path, text: str = "Hello {{ name }}") -> jinja2.Environment:
    loader = jinja2.DictLoader({"page.html": text})
    return jinja2.Environment(
        loader=loader, bytecode_cache=CompiledTemplates(folder), autoescape=True
    )


def _render(environment: jinja2.Environment) -> str:
    return environment.get_template("page.html").render(name="<b>")


def test_a_template_is_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "templates"
    assert _render(_environment(folder)) == "Hello &lt;b&gt;"
    assert folder.stat().st_mode & 0o777 == 0o700
    again = _environment(folder)
    monkeypatch.setattr(again, "_generate", None)  # nothing is compiled
    assert _render(again) == "Hello &lt;b&gt;"


def test_one_that_was_changed_is_compiled_anew(tmp_path: Path) -> None:
    _render(_environment(tmp_path))
    assert _render(_environment(tmp_path, "Bye {{ name }}")) == "Bye &lt;b&gt;"


@pytest.mark.parametrize("rubbish", [b"", b"rubbish", None])
def test_a_file_that_is_broken_is_replaced(tmp_path: Path, rubbish: bytes | None) -> None:
    _render(_environment(tmp_path))
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:-40] if rubbish is None else rubbish)
    assert _render(_environment(tmp_path)) == "Hello &lt;b&gt;"
    assert file.read_bytes() == whole


def test_a_folder_that_cannot_be_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "missing" / "deep", Path("/proc/templates")):
        assert _render(_environment(folder)) == "Hello &lt;b&gt;"
    assert os.listdir(tmp_path) == ["file"]
