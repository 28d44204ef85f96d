"""One session as one request sees it, read in a handful of statements."""

from collections import namedtuple
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select, update

from webapp.at_hand import the_app
from webapp.extensions import Model
from webapp.identity.caller import Caller, trusted
from webapp.json_columns import read_json
from webapp.prepared import Convert, Prepared, converted, run_all
from webapp.rows import Gathered, Rows, as_read, changed, insert_row, is_new, update_row
from webapp.types import UTCDateTime, read_moment, rows_as_json
from webapp.wizard.journey import Journey
from webapp.wizard.models import OnboardingSession, StepProgress
from webapp.wizard.owner import bound_to, kind_of, owned_by
from webapp.wizard.step import Step, Words

_SESSION = OnboardingSession.__table__.c
_STATE = StepProgress.__table__.c


class StepState(NamedTuple):
    """A row of `step_progress` as it was read, its columns by their names."""

    slug: str
    first_seen_at: datetime | None = None
    saved_at: datetime | None = None
    skipped_at: datetime | None = None
    revision: int = 0
    saved_page: str | None = None
    draft: dict[str, Any] | None = None
    draft_at: datetime | None = None
    draft_revision: int | None = None

    @property
    def done(self) -> bool:
        """Saved or skipped."""
        return self.saved_at is not None or self.skipped_at is not None


_STATES = [_STATE[name] for name in StepState._fields]
_SessionRow: Any = namedtuple("_SessionRow", list(_SESSION.keys()))  # type: ignore[misc]
"""A row of `onboarding_sessions` that is only read."""


class SessionGone(Exception):
    """The session does not exist (any more)."""


class StepLocked(Exception):
    """The step lies beyond the first unfinished one; `args[0]` is the Visit."""


class Visit:
    """One session as one request sees it: its row, its steps' rows, the answers that were asked
    for. Steps get it as their window on the session."""

    def __init__(
        self,
        session: Any,
        progress: Iterable[StepState],
        answers: dict[str, Any],
        journey: Journey[Step],
        told: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:
        """`answers`: slug -> stored answer or None, for the steps that were loaded; `told`: slug ->
        values of the step's `brief_columns`, for a page with the rail."""
        self.session = session
        self.progress: dict[str, Any] = {row.slug: row for row in progress}
        self.journey = journey
        self.merged: frozenset[str] = frozenset()
        """Fields of a save that came from what another tab had saved."""
        self._answers = answers
        self._told = told or {}
        self._new: list[Model] = []

    def answer(self, slug: str) -> Any:
        """The stored answer of a step that was loaded; None when there is none."""
        return self._answers.get(slug)

    def keep(self, slug: str, answer: Any) -> None:
        """Store a new or changed answer with the transaction, and let later readers see it."""
        self._answers[slug] = answer
        if isinstance(answer, Model) and is_new(answer) and answer not in self._new:
            self._new.append(answer)

    def flush(self) -> None:
        """Write the answers that are new, and what was read and then changed, the session too, in a
        statement each. What is attached to the ORM's session is written with the transaction."""
        for answer in self._new:
            insert_row(answer)
        self._new.clear()
        for row in (self.session, *self._answers.values()):
            if isinstance(row, Model):
                for one in changed(row):
                    update_row(one)

    def brief(self, step: Step) -> Words | None:
        """What was saved of a step, in one line; None where nothing was, or it was not loaded."""
        told, row = self._told.get(step.slug), self.progress.get(step.slug)
        return step.brief(*told) if told and row and row.saved_at else None

    @property
    def done(self) -> set[str]:
        """Slugs that are saved or skipped."""
        return {slug for slug, row in self.progress.items() if row.done}

    @property
    def saved(self) -> set[str]:
        """Slugs that are saved."""
        return {slug for slug, row in self.progress.items() if row.saved_at}

    @property
    def resume(self) -> Step | None:
        """Where this session goes on; None once it is completed."""
        return None if self.session.completed else self.journey.resume_point(self.done)

    def may_visit(self, step: Step) -> bool:
        """Completed sessions may visit every step."""
        return self.session.completed or self.journey.may_visit(step.slug, self.done)

    def revision(self, slug: str) -> int:
        """The count that a form of this step must have been made from to save."""
        row = self.progress.get(slug)
        return max(row.revision if row else 0, self.session.sealed_revision)

    def require(self, step: Step) -> None:
        """Raise StepLocked unless the step may be visited."""
        if not self.may_visit(step):
            raise StepLocked(self)


def journey() -> Journey[Step]:
    """The steps of the application at work."""
    return the_app().extensions["journey"]


def load(caller: Caller, step: Step | None = None, everything: bool = False) -> Visit | None:
    """The caller's session with the answers that this step needs (or with all): one statement, and
    one for each step that reads its answer itself. With a step, it also reads what the rail tells
    of the others. None when there is no such session.

    The revisions are read no later than the values: values newer than their revision are a conflict
    at worst, while older ones would overwrite a save.
    """
    steps = list(journey()) if everything else needed(step)
    told = [s for s in journey() if s.brief_columns] if step else []
    reading = _reading(kind_of(caller), tuple(steps), tuple(told))
    rows = reading.statement.run(bound_to(caller))
    if not rows:
        return None
    columns = iter(rows[0])
    session: Any = _SessionRow._make(islice(columns, len(_SESSION)))
    briefs = {s.slug: tuple(islice(columns, len(s.brief_columns))) for s in told}
    return reading.visit(session, rows[0], told=briefs)


@lru_cache(maxsize=500)
def _reading(kind: Caller, steps: tuple[Step, ...], told: tuple[Step, ...]) -> "_Reading":
    columns = [column for s in told for column in s.brief_columns]
    first = [*_SESSION, *(c.label(f"told_{n}") for n, c in enumerate(columns))]
    return _Reading(kind, steps, first, told)


class _Reading:
    """A statement that reads one row: the rows of `step_progress` and the answers of some steps.
    What is of several rows comes as one value: with a row for each, the rest would be read as many
    times."""

    def __init__(
        self,
        kind: Caller,
        steps: Sequence[Step],
        first: Sequence[Any] = (),
        others: Sequence[Step] = (),
    ) -> None:
        """`first`: columns that the row begins with; `others`: steps whose answers they are of."""
        self._first = len(first)
        self._single = [s for s in steps if s.answer]
        several: list[tuple[str, Any]] = [(s.slug, s.answers) for s in steps if s.answers]
        self._several = [
            (slug, model, Gathered(model, model.session_id == OnboardingSession.id))
            for slug, model in several
        ]
        self._by_itself = [s for s in steps if not (s.answer or s.answers)]
        joined = list(dict.fromkeys([*(s for s in others if s.answer), *self._single]))
        models: list[Any] = [s.answer for s in self._single]
        before = [*first, _states(), *(gathered.column for _, _, gathered in self._several)]
        self._rows = Rows(models, lambda query: join(query, joined).where(owned_by(kind)), before)
        self.statement = self._rows.statement

    def visit(
        self,
        session: Any,
        row: Sequence[Any],
        attach: bool = False,
        told: Mapping[str, Sequence[Any]] | None = None,
    ) -> Visit:
        """What a row says of a session. `attach`: see `as_read`, of answers of one row; `told`: see
        `Visit`."""
        states, *several = row[self._first :][: 1 + len(self._several)]
        found = zip(self._single, self._rows.objects(row, attach), strict=True)
        answers = {step.slug: one for step, one in found}
        for (slug, model, gathered), value in zip(self._several, several, strict=True):
            answers[slug] = model.of_several(gathered.objects(value))
        for step in self._by_itself:
            answers[step.slug] = step.load(session.id)
        progress = [StepState._make(converted(one, _CONVERT_STATE)) for one in states or ()]
        return Visit(session, progress, answers, journey(), told)


def _states() -> Any:
    its_own = StepProgress.session_id == OnboardingSession.id
    return select(rows_as_json(*_STATES)).where(its_own).scalar_subquery().label("states")


def _read_draft(draft: Any) -> Any:
    return read_json(draft) if isinstance(draft, str) else draft


_CONVERT_STATE: list[tuple[int, Convert]] = [
    *((n, read_moment) for n, c in enumerate(_STATES) if isinstance(c.type, UTCDateTime)),
    (StepState._fields.index("draft"), _read_draft),
]
"""What `rows_as_json` says otherwise of a row of `step_progress`."""


def require(caller: Caller, step: Step | None = None, everything: bool = False) -> Visit:
    """Like `load`, for a caller who must have a session; raises SessionGone."""
    visit = load(caller, step, everything)
    if visit is None:
        raise SessionGone
    return visit


def id_of(caller: Caller) -> str | None:
    """The id of the caller's session, None without one. For a signed-in user it is looked up."""
    if not caller.is_somebody:
        return None
    rows = _finding(kind_of(caller)).run(bound_to(caller))
    return rows[0].id if rows else None


@lru_cache(maxsize=50)
def _finding(kind: Caller) -> Prepared:
    return Prepared(lambda: select(OnboardingSession.id).where(owned_by(kind)))


def lock(caller: Caller, moment: datetime, steps: list[Step], attach: bool = True) -> Visit:
    """Touch and lock the caller's session, then read it with the answers of `steps`. Inside a
    transaction. What is changed in them is stored with it; not `attach`: by `flush` alone.

    Raises SessionGone.
    """
    kind, values = kind_of(caller), bound_to(caller) | {"moment": moment}
    reading = _reading_locked(kind, tuple(steps))
    both = [_touching(kind), reading.statement]
    for _ in range(2):
        touched, rows = run_all(both, values)
        if touched:
            session = as_read(OnboardingSession, touched[0]._asdict(), attach)
            return reading.visit(session, rows[0], attach)
        # A reset deletes the row and inserts it again: who waited for the old one looks once more.
    raise SessionGone


@lru_cache(maxsize=50)
def _touching(kind: Caller) -> Prepared:
    return Prepared(
        lambda: (
            update(OnboardingSession)
            .where(owned_by(kind))
            .values(updated_at=bindparam("moment"), revision=OnboardingSession.revision + 1)
            .returning(*_SESSION)
        )
    )


def load_locked(session: OnboardingSession, steps: list[Step], attach: bool = True) -> Visit:
    """The same behind the lock of a session that the transaction has read already."""
    caller = trusted(session.id)
    reading = _reading_locked(kind_of(caller), tuple(steps))
    [row] = reading.statement.run(bound_to(caller))
    return reading.visit(session, row, attach)


@lru_cache(maxsize=500)
def _reading_locked(kind: Caller, steps: tuple[Step, ...]) -> _Reading:
    return _Reading(kind, steps)


def needed(step: Step | None) -> list[Step]:
    """The steps whose answers this one reads, itself among them, in their order."""
    if step is None:
        return []
    if step.needs_all:
        return list(journey())
    return [s for s in journey() if s is step or s.slug in step.needs]


def with_followers(step: Step) -> list[Step]:
    """The same, with those steps whose results follow from this one's answer."""
    around = [s for s in journey() if step.slug in s.needs]
    wanted = {s.slug for one in (step, *around) for s in needed(one)}
    return [s for s in journey() if s.slug in wanted]


def join(query: Any, steps: list[Step]) -> Any:
    """Outer-join the one-row answers of these steps to the session."""
    query = query.select_from(OnboardingSession)
    for step in steps:
        query = query.outerjoin(step.answer, step.answer.session_id == OnboardingSession.id)  # type: ignore[union-attr]
    return query


def problems(visit: Visit) -> list[tuple[Step, list[str]]]:
    """What stands in the way of completion: required steps that are not saved, and saved ones whose
    answers do not hold (any more), each with its messages. Every step is validated once more."""
    found, saved = [], visit.saved
    for step in visit.journey.steps[:-1]:
        if step.slug in saved:
            stored = step.stored(visit)
            values = step.values(stored) if stored is not None else {}
            form = step.form.of_stored(values)
            holds = form.validate()
            if holds and (errors := step.check(form, visit)):
                form.add_errors(errors)
                holds = False
            told = [] if holds else form.errors.values()
            texts = [str(text) for errors in told for text in errors]
            if messages := list(dict.fromkeys([*texts, *step.faults(visit)])):
                found.append((step, messages))
        elif not step.optional:
            found.append((step, []))
    return found


def is_untouched(typed: dict[str, Any], step: Step, visit: Visit) -> bool:
    """Nothing of what was sent differs from what the form held before."""
    before = untouched(step, visit)
    return all(before.get(name) == value for name, value in typed.items())


def untouched(step: Step, visit: Visit) -> dict[str, Any]:
    """What a form of the step holds before anybody types in it."""
    stored = step.stored(visit)
    values = step.values(stored) if stored is not None else step.prefill(visit)
    return step.form(formdata=None, data=values).typed()
