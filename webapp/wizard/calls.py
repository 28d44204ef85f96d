"""What a step adds to the JSON API: plain functions, which the engine wraps with the caller, the
lock and the commit. None of them knows who calls."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from webapp.apidoc import Operation
from webapp.wizard.shown import Visit

Params: TypeAlias = Mapping[str, str]
"""The variable parts of the address."""
Body: TypeAlias = Mapping[str, Any]
"""The JSON object that was sent, checked against the operation's schema."""
Document: TypeAlias = Mapping[str, Any]
"""What is answered as JSON."""


class NotThere(Exception):
    """There is nothing of the caller's by that name; `args[0]` is the sentence. Answered as 404."""


class Refused(Exception):
    """What was sent does not fit; `args[0]` is {field: [sentences]}. Answered as 422."""


@dataclass(frozen=True)
class Call:
    """One operation below `/api/onboarding/`; `path` as Flask writes it (`persona/<name>`)."""

    method: str
    path: str
    operation: Operation


@dataclass(frozen=True)
class Asks(Call):
    """Needs no session and no database: the function answers by itself, and may take its time."""

    function: Callable[[Body, Params], Document]


@dataclass(frozen=True)
class Reads(Call):
    """Reads the caller's session. The visit holds the step's answer and those that it needs; with
    `everything`, all. None is answered as 404."""

    function: Callable[[Visit, Params], Document | None]
    everything: bool = False


@dataclass(frozen=True)
class Saves(Call):
    """Saves the step's form, by the one way that there is: `values` makes the form's fields of the
    body, `answer` the document of what is stored then."""

    values: Callable[[Body, Params], Mapping[str, Any]]
    answer: Callable[[Visit], Document]
    before: Callable[[Visit, Params], None] | None = None
    """Called with what is stored before; may raise NotThere."""
    field: Callable[[str, Body], str] = lambda name, _body: name
    """What a field of the form is called in the body, for the errors."""
    begins: bool = False
    """Who calls without a session gets one, and its id with the answer."""
    in_parts: bool = False
    """A part of the answer is kept although the step needs more: it stays open then."""


@dataclass(frozen=True)
class Changes(Call):
    """Changes something of the step beside its answer, in the engine's transaction, behind the
    session's lock. `prepare` is called before, outside of any transaction, with what may take time
    or refuse; what it returns is handed on. Returns the status and the document."""

    prepare: Callable[[Body, Params], Any]
    function: Callable[[Visit, Any, datetime], tuple[int, Document]]
