"""A `.env` file that somebody else wrote: variables are set and removed, all else stays."""

import fcntl
import importlib.util
import os
import stat
import subprocess
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webapp import dotenv

MINE = """# my settings
export DEBUG=1

OPENAI_API_KEY=sk-old # the old one
QUOTE="several
OPENAI_API_KEY=not-this-one
lines"
  PATH_TO = /somewhere
nonsense without a sign
EMPTY=
"""


def change(path: Path, values: dict[str, str], gone: dict[str, str] | None = None) -> str:
    with dotenv.alone(path):
        dotenv.update(path, values, gone or {})
    return path.read_text() if path.exists() else ""


def sourced(path: Path, *names: str) -> list[str]:
    """What a POSIX shell makes of the file."""
    shown = " ".join(f'"${{{name}-unset}}"' for name in names)
    script = f". '{path}' && printf '%s\\0' {shown}"
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=True, env={})
    return done.stdout.decode().split("\0")[:-1]


def test_other_lines_their_order_and_comments_stay(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(MINE)
    text = change(path, {"OPENAI_API_KEY": "sk-new", "EXA_API_KEY": "e"}, {"EMPTY": "x"})
    assert text == MINE.replace(
        "OPENAI_API_KEY=sk-old # the old one", "OPENAI_API_KEY='sk-new' # the old one"
    ) + ("EXA_API_KEY='e'\n")
    assert change(path, {}, {"OPENAI_API_KEY": "sk-new", "EXA_API_KEY": "e"}) == MINE.replace(
        "OPENAI_API_KEY=sk-old # the old one\n", ""
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("A=1", "A='new'"),
        ("B=1", "B=1\nA='new'\n"),
        ("B=1\r\nA=2\r\n", "B=1\r\nA='new'\r\n"),
        ("A=1\nB=2\nA=3\n", "A='new'\nB=2\n"),
        ("export A='x'\n", "export A='new'\n"),
        ("A = \"x # y\" # note\n", "A='new' # note\n"),
        ("A=# note\n", "A='new' # note\n"),
        ("A='it'\\''s'\nB=1\n", "A='new'\nB=1\n"),
        ("A=\"never closed\nB=1\n", "A='new'\nB=1\n"),
        ("#A=1\nAA=1\nA.B=1\n", "#A=1\nAA=1\nA.B=1\nA='new'\n"),
        ("\ufeffB=1\n", "\ufeffB=1\nA='new'\n"),
    ],
)  # fmt: skip
def test_a_variable_keeps_its_place_however_it_was_written(before: str, after: str) -> None:
    assert dotenv.edited(before, {"A": dotenv.quote("new")}, {}) == after
    assert dotenv.edited(after, {"A": dotenv.quote("new")}, {}) == after


def test_only_the_value_that_was_written_is_removed(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A='mine'\nB=theirs\nC=\"q\"\n")
    assert change(path, {}, {"A": "mine", "B": "mine", "C": "q"}) == "B=theirs\n"
    missing = tmp_path / "none"
    assert change(missing, {}, {"A": "mine"}) == ""
    assert not missing.exists(), "nothing to set makes no file"


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40))
@settings(max_examples=200, deadline=None)
def test_every_value_that_is_quoted_is_read_back_as_it_was(value: str) -> None:
    if dotenv.can_quote(value):
        assert dotenv.unquote(dotenv.quote(value)) == value
    else:
        assert set(value) & set("$\\`"), "plain values can always be written"


ODD = [
    "sk-plain_0.9", "a$HOME", "`id`", "$(id)", "a'b", 'a"b', "a'b\"c", "a\\b", "a\\\\b", "\\'x",
    "#!&;|<>*?[]~",
]  # fmt: skip


def test_a_shell_and_python_dotenv_read_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    values = {f"V{n}": value for n, value in enumerate(ODD)}
    change(path, values)
    assert sourced(path, *values) == list(values.values())
    if importlib.util.find_spec("dotenv"):  # not among what is installed
        import dotenv as python_dotenv

        assert python_dotenv.dotenv_values(path) == values


@pytest.mark.parametrize("value", ["two\nlines", "nul\0", "${HOME}", "ends\\", "a'$x", "a'`x`"])
def test_what_the_two_would_read_otherwise_is_not_written(tmp_path: Path, value: str) -> None:
    path = tmp_path / ".env"
    path.write_text("B=1\n")
    with pytest.raises(dotenv.CannotQuote), dotenv.alone(path):
        dotenv.update(path, {"B": "2", "A": value}, {})
    assert path.read_text() == "B=1\n"


def test_the_file_is_its_owner_s_alone_also_where_it_was_not(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    change(path, {"A": "1"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    change(path, {"A": "2"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == [".env"], "nothing is left beside it"


def test_a_link_is_followed_and_bytes_that_are_no_text_stay(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    real = tmp_path / "elsewhere" / "settings"
    real.write_bytes(b"B=\xff\xfe\n")
    link = tmp_path / ".env"
    link.symlink_to(real)
    with dotenv.alone(link):
        assert dotenv.update(link, {"A": "1"}, {})
    assert link.is_symlink()
    assert real.read_bytes() == b"B=\xff\xfe\nA='1'\n"


def test_a_write_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ".env"
    path.write_text("B=1\n")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="space"):
            change(path, {"A": "1"})
    assert path.read_text() == "B=1\n"
    assert os.listdir(tmp_path) == [".env"]


def test_writers_at_the_same_moment_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / ".env"

    def write(number: int) -> None:
        for turn in range(5):
            change(path, {f"V{number}": str(turn)})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(path.read_text().split()) == [f"V{number}='4'" for number in range(6)]


def test_a_writer_that_hangs_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dotenv, "LOCK_SECONDS", 0.1)
    holder = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(holder, fcntl.LOCK_EX)
        begun = time.monotonic()
        with pytest.raises(BlockingIOError):
            change(tmp_path / ".env", {"A": "1"})
        assert time.monotonic() - begun < 2
    finally:
        os.close(holder)
    assert change(tmp_path / ".env", {"A": "1"}) == "A='1'\n"
