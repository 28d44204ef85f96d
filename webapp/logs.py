"""Secrets stay out of the logs, whoever logs them: every record is masked as it is made.

A filter on a logger sees the records of that logger alone, and one on a handler those of that
handler; a record's factory sees all of them, those of libraries and of handlers that come later
among them. Tracebacks are masked with the message: an exception may quote a value.

A process that serves or works writes a line for each record, request and job to its standard error:
JSON for programs, or text for people.
"""

import atexit
import contextlib
import hashlib
import json
import logging
import os
import re
import sys
import threading
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from types import TracebackType
from typing import Any

from webapp import trace
from webapp.moments import iso

HIDDEN = "[hidden]"

_SECRETS = re.compile(
    r"""
    (?P<before>
        \b(?:bearer|basic)[ ]+                                     # Authorization
      | (?:__Host-)?(?:onward|__session)\w*["']?\s*[=:]\s*["']?    # cookies that say who calls
      | \b(?:x-onboarding-session|x-csrf-?token|x-goog-api-key|x-api-key|authorization|cookie
           |[\w-]*(?:secret|password|passwd|token|api_?key)|session_id|sid)
        ["']?\s*[=:]\s*["']?(?!(?:bearer|basic)\b)                 # named values, as text or JSON
      | ://[^/\s:@]*:(?=[^/\s@]+@)                                 # the password in an address
      | /resume/                                                   # a resume link
    )
    (?P<named>[^\s"'&;,)\]}@<>]{4,})
  | (?P<row>^DETAIL:[ ]+.*$)                                        # PostgreSQL quotes whole rows
  | (?P<uuid>\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b)      # session ids; Exa's keys
  | (?P<shape>
        \bAIza[\w-]{8,} | \bsk-[\w-]{8,} | \bck_pub_\w{4,} | \btvly-[\w-]{4,}
      | \.?\beyJ[\w-]{8,}(?:\.[\w-]*)*                             # JWT, and Flask's cookie
      | (?<![\w/.-])(?=[\w-]*[0-9])(?=[\w-]*[A-Za-z])[\w-]{32,}(?![\w/])  # what else is random
    )
    """,
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)


class _Known:
    """The secrets of this process's settings, longest first, so that none is cut in the middle."""

    values: tuple[str, ...] = ()


def mask(text: str) -> str:
    """The text without what opens anything: keys, tokens, cookies, passwords, ids of sessions.

    An id becomes eight characters of its hash, so that lines of the same session still belong
    together for a reader.
    """
    for value in _Known.values:
        text = text.replace(value, HIDDEN)
    return _SECRETS.sub(_masked, text)


def _masked(match: re.Match[str]) -> str:
    if match["uuid"]:
        return "id:" + hashlib.sha256(match["uuid"].lower().encode()).hexdigest()[:8]
    return (match["before"] or "") + HIDDEN


class MaskedRecord(logging.LogRecord):
    """A record whose message and traceback are masked before anybody gets it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.trace_id = trace.current_id()
        try:
            self.msg = mask(self.getMessage())
        except Exception:
            # A call that does not fit its own text: logging would print the arguments as they are.
            self.msg = mask(f"{self.msg} (with values that do not fit it)")
        self.args = ()
        if self.exc_info and self.exc_info[0]:
            self.exc_text = mask(logging.Formatter().formatException(self.exc_info))
        if self.stack_info:
            self.stack_info = mask(self.stack_info)


def init(known: Iterable[str] = ()) -> None:
    """Mask what this process logs from now on; `known`: secrets to mask wherever they occur."""
    added = {value for value in known if len(value) >= 8}
    _Known.values = tuple(sorted({*_Known.values, *added}, key=lambda one: (-len(one), one)))
    logging.setLogRecordFactory(MaskedRecord)


# -- lines on standard error -----------------------------------------------------------------------

FORMATS = ("json", "text")


class _Output:
    """How this process writes its lines; the empty format writes none of requests and jobs."""

    format = ""


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON, its traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": _written(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "event": "log",
            "logger": record.name,
        }
        if trace_id := getattr(record, "trace_id", ""):
            line["id"] = trace_id
        line["message"] = record.getMessage()
        if told := record.exc_text or record.stack_info:
            line["traceback"] = told
        return json.dumps(line)


class TextFormatter(logging.Formatter):
    """A record as people read it."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The text, with the request's id behind the message where there is one."""
        text = super().format(record)
        trace_id = getattr(record, "trace_id", "")
        first, _, rest = text.partition("\n")
        return f"{first} [{trace_id}]\n{rest}".rstrip("\n") if trace_id else text


def chosen_format(given: str) -> str:
    """`json` or `text`; where the operator chose neither: text for a terminal, else JSON."""
    if given in FORMATS:
        return given
    return "text" if sys.stderr.isatty() else "json"


def to_stderr(given: str) -> None:
    """From now on this process writes lines: our own from INFO, other libraries' warnings.
    `given`: the operator's LOG_FORMAT."""
    _Output.format = chosen_format(given)
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if _Output.format == "json" else TextFormatter())
    logging.getLogger().addHandler(handler)
    logging.getLogger("webapp").setLevel(logging.INFO)
    if _Output.format == "json":  # what granian says within a worker comes by here too
        server = logging.getLogger("_granian")
        server.handlers, server.propagate = [], True


TOGETHER = 12
"""Lines in one write: as many as are never torn apart in a pipe that several processes write to
(4,096 bytes; a line has 330 at most)."""
_later: deque[str] = deque()


def request(
    trace_id: str,
    method: str,
    route: str,
    status: int,
    ms: float,
    sql: int,
    at_once: bool = True,
) -> None:
    """Write the line of a request. Nothing in it is anybody's words, so that nothing is masked:
    `route` is a rule of the URL map and `method` one of ours. One that is not to be written at once
    goes with the next one that is, or with some more of its kind."""
    if _Output.format == "json":
        level = "error" if status >= 500 else "info"
        values = (_now(), level, trace_id, method, _quoted(route), status, ms, sql)
        line = _REQUEST % values
    elif _Output.format:
        line = f"{method} {route or '-'} {status} {ms:.1f} ms, {sql} SQL [{trace_id}]\n"
    else:
        return
    if not at_once:
        _later.append(line)
        if len(_later) >= TOGETHER:
            _write_later()
        return
    if _later:
        _write_later()
    _write(line)


def _write_later() -> None:
    lines: list[str] = []
    with contextlib.suppress(IndexError):  # another thread took the last one
        while len(lines) < TOGETHER:
            lines.append(_later.popleft())
    if lines:
        _write("".join(lines))


atexit.register(_write_later)


def job(level: str, **told: Any) -> None:
    """Write the line of a job: kinds, ids and numbers."""
    if _Output.format == "json":
        _write(json.dumps({"time": _now(), "level": level, "event": "job", **told}) + "\n")
    elif _Output.format:
        _write("job " + " ".join(f"{name}={value}" for name, value in told.items()) + "\n")


_REQUEST = (
    '{"time": "%s", "level": "%s", "event": "request", "id": "%s", "method": "%s", "route": %s,'
    ' "status": %d, "duration_ms": %.2f, "statements": %d}\n'
)
_quoted = cache(json.dumps)  # as many as there are rules


def _now() -> str:
    return _written(datetime.now(UTC))


def _written(moment: datetime) -> str:
    """To the millisecond."""
    return iso(moment)[:23] + "+00:00"


def _write(line: str) -> None:
    """One call to the system for a line, whatever other threads and processes write. A log that
    cannot be written stops nobody."""
    with contextlib.suppress(OSError):
        os.write(2, line.encode())


def mask_crashes() -> None:
    """Mask also what a process of ours prints when it, or a thread of it, dies of an exception."""
    sys.excepthook = _print_masked
    threading.excepthook = _print_masked_of_thread


def _print_masked(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    text = logging.Formatter().formatException((kind, error, trace))
    sys.stderr.write(mask(text) + "\n")


def _print_masked_of_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
        _print_masked(args.exc_type, args.exc_value, args.exc_traceback)
