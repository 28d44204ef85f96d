"""What a step shows beside its form: rows of the summary, what it makes possible, more pages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from flask_babel import LazyString
from markupsafe import Markup

Words: TypeAlias = str | LazyString


@dataclass(frozen=True)
class Row:
    """One line of the review and the summary; `value` is what was answered, as people read it."""

    label: Words
    value: Words | list[Words] | Markup | None
    note: Words | None = None


@dataclass(frozen=True)
class Capability:
    """Something the product can do for this user, or not yet, and why."""

    name: str
    label: Words
    available: bool
    why: Words


class Visit(Protocol):
    """What a step sees of the session at hand: its id, and the answers that it asked for."""

    @property
    def session(self) -> Any:
        """The session's own row; a step may set what belongs there, the engine stores it."""
        ...

    def answer(self, slug: str) -> Any:
        """The stored answer of a step, None when there is none (or the step is not offered)."""
        ...

    def keep(self, slug: str, answer: Any) -> None:
        """Tell the session of an answer that was just made, for the steps that follow from it."""
        ...


@dataclass(frozen=True)
class StepPage:
    """A page of a step beside its form, for instance the state of work that it began.

    `context` is called with the visit and returns what the templates get; `fragment` is the part of
    the page that a script fetches alone.
    """

    template: str
    fragment: str
    context: Callable[[Visit], Mapping[str, Any]]
