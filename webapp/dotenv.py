"""Setting and removing variables of a `.env` file: what else stands in it stays as it is.

A value is quoted so that python-dotenv and a POSIX shell read the same. The file is replaced as a
whole, mode 0600, and one writer works at a time.
"""

import fcntl
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from webapp.files import write_whole

LOCK_SECONDS = 2

_BINDING = re.compile(
    r"""(?P<before>[^\S\r\n]*(?:export[^\S\r\n]+)?)
    (?P<name>[A-Za-z_][A-Za-z0-9_]*)[^\S\r\n]*=[^\S\r\n]*
    (?P<value>'(?:\\'|[^'])*'|"(?:\\.|[^"\\])*"|[^\s\#'"][^\r\n]*?(?=[^\S\r\n]+\#|[^\S\r\n]*(?:[\r\n]|\Z))|)
    (?P<after>[^\r\n]*)(?P<end>\r\n|\n|\r|\Z)""",
    re.VERBOSE | re.DOTALL,
)
_COMMENT = re.compile(r"\s*#")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r|\Z)")


class CannotQuote(ValueError):
    """No spelling of the value means the same to python-dotenv and to a shell."""


def update(path: Path, values: Mapping[str, str], gone: Mapping[str, str]) -> bool:
    """Set `values`, and remove each variable of `gone` that has just that value; the caller holds
    the file's lock (`alone`).

    Returns whether the file changed; one that is not there is made when there is something to set.
    Raises OSError when it cannot be read or written, CannotQuote before anything is done.
    """
    quoted = {name: quote(value) for name, value in values.items()}
    path = path.resolve()  # a link is followed, not replaced
    try:
        before = path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        before = ""
    after = edited(before, quoted, gone)
    if after == before:
        return False
    write_whole(path, after.encode("utf-8", "surrogateescape"), durable=True)
    return True


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock of the file's folder; it goes with the process, whatever happens to that.

    Raises BlockingIOError when another holds it for longer than `LOCK_SECONDS`.
    """
    handle = os.open(path.resolve().parent, os.O_RDONLY)
    try:
        end = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)
        yield
    finally:
        os.close(handle)


def edited(text: str, quoted: Mapping[str, str], gone: Mapping[str, str]) -> str:
    """The text of a `.env` file with these changes; `quoted` are values as they are to be written.
    A variable that stands there already keeps its place and its comment."""
    left = dict(quoted)
    out = []
    for piece, found in _pieces(text):
        name = found["name"] if found else ""
        if found and name in quoted:
            if name in left:
                comment = found["after"].strip() if _COMMENT.match(found["after"]) else ""
                line = f"{found['before']}{name}={left.pop(name)} {comment}".rstrip()
                out.append(line + found["end"])
        elif not (found and name in gone and unquote(found["value"]) == gone[name]):
            out.append(piece)
    if left and out and not out[-1].endswith(("\n", "\r")):
        out.append("\n")
    ending = "\r\n" if "\r\n" in text else "\n"
    out += [f"{name}={value}{ending}" for name, value in left.items()]
    return "".join(out)


def quote(value: str) -> str:
    """The value in quotes. Raises CannotQuote."""
    # Each of these means one thing to python-dotenv and another to a shell, whatever the quotes.
    if re.search(r"[\x00-\x1f\x7f]|\$\{|\\\Z", value):
        raise CannotQuote
    if "'" not in value and "\\\\" not in value:
        return f"'{value}'"
    if "$" in value or "`" in value:
        raise CannotQuote
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def can_quote(value: str) -> bool:
    """Whether `quote` finds a spelling."""
    try:
        quote(value)
    except CannotQuote:
        return False
    return True


def unquote(text: str) -> str:
    """What a value as it is written means to python-dotenv; quoted or not."""
    if len(text) > 1 and text[0] == text[-1] == "'":
        return re.sub(r"\\([\\'])", r"\1", text[1:-1])
    if len(text) > 1 and text[0] == text[-1] == '"':
        return re.sub(r"\\([\\'\"])", r"\1", text[1:-1])
    return text.strip()


def _pieces(text: str) -> Iterator[tuple[str, re.Match[str] | None]]:
    """The file's bindings, and what stands between them line by line."""
    position = 0
    while position < len(text):
        found = _BINDING.match(text, position)
        end = (found or _LINE.match(text, position)).end()  # type: ignore[union-attr]
        yield text[position:end], found
        position = end
