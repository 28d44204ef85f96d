"""What a step is: the one thing the engine and the steps agree on.

A step is a class with a slug, a form, a table for its answer, and a few methods; the defaults serve
a step whose form fields are columns of its answer's table. None of the methods commits, and none
knows whether a page, the API or a command called it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from webapp.wizard.calls import Call
from webapp.wizard.forms import StepForm
from webapp.wizard.merge import Merge, three_way
from webapp.wizard.shown import Capability, Row, StepPage, Visit, Words

__all__ = ["Capability", "Row", "Step", "StepPage", "Visit", "Words"]


class Step:
    """One step of the journey. Subclass it, set what is declared here, and list it in `STEPS`."""

    slug: str
    title: Words
    description: Words
    form: type[StepForm]
    answer: type[Any] | None = None
    """Model with one row a session (an `Answer`); None for a step that stores otherwise."""
    answers: type[Any] | None = None
    """Or one with several, and `of_several`, which makes the answer of them, None of none."""
    optional: bool = False
    minutes: int = 0
    """How long the step takes most people; 0 says nothing."""
    changeable: Words | None = None
    """Whether it can be changed later, in a few words without a full stop, beside `minutes`."""
    needs: tuple[str, ...] = ()
    """Slugs of the steps whose answers this one reads; the engine loads them beside its own."""
    needs_all: bool = False
    """True for a step that reads every other one's answer."""

    pages: Mapping[str, StepPage] = {}
    """Further pages of the step: last part of the address -> page."""
    actions: frozenset[str] = frozenset()
    """Further buttons (`action`) of the form: their post saves the form, then calls `act`."""
    asks: frozenset[str] = frozenset()
    """Further buttons that ask somebody outside: what is `sound` is kept, then `ask` is called."""
    calls: Sequence[Call] = ()
    """Further operations of the JSON API."""
    brief_columns: Sequence[Any] = ()
    """Columns of the answer, or subqueries about the session, that `brief` is made from. Every page
    with the rail reads those of all steps, so they are few and short."""

    @property
    def template(self) -> str:
        """The template of the step's page."""
        return f"steps/{self.slug.replace('-', '_')}.html"

    def load(self, session_id: str) -> Any:
        """The stored answer of a step with neither model; one statement."""
        return None

    def stored(self, visit: Visit) -> Any:
        """What is stored of this step, None when nothing is."""
        return visit.answer(self.slug)

    def values(self, answer: Any) -> dict[str, Any]:
        """Stored answer -> field values, as the form shows them."""
        return {name: getattr(answer, name) for name in self.field_names()}

    def columns(self, form: StepForm) -> dict[str, Any]:
        """Valid form -> columns of the answer; the other way round from `values`."""
        return form.data

    def prefill(self, visit: Visit) -> dict[str, Any]:
        """Field values to suggest when nothing is stored yet."""
        return {}

    def check(self, form: StepForm, visit: Visit) -> dict[str, list[str]]:
        """Errors that only the stored answers can tell: {field: [messages]}."""
        return {}

    def faults(self, visit: Visit) -> Iterable[str]:
        """What is wrong with the stored answer beyond its form, for the final validation."""
        return ()

    def save(self, form: StepForm, visit: Visit, now: datetime) -> None:
        """Store a valid form, inside the engine's transaction."""
        assert self.answer is not None  # noqa: S101 - a step without a table has its own `save`
        answer = visit.answer(self.slug)
        if answer is None:
            answer = self.answer(session_id=visit.session.id, created_at=now)
        for name, value in self.columns(form).items():
            setattr(answer, name, value)
        answer.updated_at = now
        visit.keep(self.slug, answer)

    def refresh(self, visit: Visit, now: datetime) -> None:
        """Called when a step that this one `needs` was saved and this one is stored already."""

    def same(self, form: StepForm, answer: Any) -> bool:
        """True when a valid form says just what is stored, so that a second post is no change."""
        return answer is not None and self.values(answer) == form.data

    def snapshot(self, visit: Visit) -> dict[str, Any]:
        """What the history keeps of the stored answer: field -> value, secrets never."""
        return self.values(self.stored(visit))

    def merge(self, base: Mapping[str, Any], visit: Visit, form: StepForm) -> Merge:
        """A form made from the snapshot `base`, and what is stored by now."""
        return three_way(base, self.values(self.stored(visit)), form.data)

    def blank(self, visit: Visit, form: StepForm) -> dict[str, Any]:
        """The snapshot that a form was made from before anything was stored. What was suggested
        then cannot be known: a suggestion of today that was left as it is was left so, any other
        value in its place is the user's own."""
        today = self.form(formdata=None, data=self.prefill(visit)).data
        own = {n: object() for n in self.prefill(visit) if form.data.get(n) != today.get(n)}
        return today | own

    def rows(self, visit: Visit) -> Iterable[Row]:
        """The lines of this step on the review and the summary."""
        return ()

    def brief(self, *told: Any) -> Words | None:
        """What was saved, in one line for the rail: "Comprehensive · News, Newsletters". `told` are
        the values of `brief_columns`; called for a saved step that has some."""
        return None

    def capabilities(self, visit: Visit) -> Iterable[Capability]:
        """What this step's answer makes possible, for the summary."""
        return ()

    def beside_form(self, visit: Visit) -> Mapping[str, Any]:
        """What the step's template shows beside the form."""
        return {}

    def suggested(self, visit: Visit) -> tuple[dict[str, Any], dict[str, Any]]:
        """`prefill` and `beside_form` of a step of which nothing is stored, for one that finds out
        the same for both."""
        return self.prefill(visit), dict(self.beside_form(visit))

    def report(self, visit: Visit) -> Mapping[str, Any]:
        """Results that the summary shows beside the rows: name in the template -> object."""
        return {}

    def sound(self, form: StepForm) -> dict[str, Any]:
        """Of a validated form, however wrong: field -> value of what to keep before `ask`."""
        return {}

    def ask(self, action: str, form: StepForm, visit: Visit) -> tuple[str, str] | None:
        """Ask outside, which may take seconds, in no transaction; the answer as the kind of a
        message and its text. None when the form got an error instead."""
        return None

    def forget(self, session_id: str) -> None:
        """Called before everything of the session is deleted, in that transaction: take along, once
        it is committed, what the step keeps elsewhere."""

    def facts(self, visit: Visit) -> Mapping[str, Any]:
        """Keys of the JSON summary; null where nothing is stored, or the step is not asked."""
        return {}

    def outcome(self, visit: Visit) -> Mapping[str, Any]:
        """What the JSON answer to completing says of this step."""
        return {}

    def act(self, action: str, visit: Visit, now: datetime) -> None:
        """Do what a further button asks for, in the transaction of the save."""

    def field_names(self) -> list[str]:
        """The form's fields in their order."""
        return self.form.names()
