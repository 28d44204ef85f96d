"""Secrets stay out of the logs, whoever logs them: every record is masked as it is made.

A filter on a logger sees the records of that logger alone, and one on a handler those of that
handler; a record's factory sees all of them, those of libraries and of handlers that come later
among them. Tracebacks are masked with the message: an exception may quote a value.
"""

import hashlib
import logging
import re
import sys
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Any

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
