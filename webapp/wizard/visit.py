"""One session as one request sees it, read in a handful of statements."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from flask import current_app
from sqlalchemy import select, update

from webapp.extensions import Model, db
from webapp.identity.caller import Caller
from webapp.wizard.journey import Journey
from webapp.wizard.models import OnboardingSession, StepProgress
from webapp.wizard.owner import its_own, owned_by
from webapp.wizard.step import Step, Words


class SessionGone(Exception):
    """The session does not exist (any more)."""


class StepLocked(Exception):
    """The step lies beyond the first unfinished one; `args[0]` is the Visit."""


class Visit:
    """One session as one request sees it: its row, its steps' rows, the answers that were asked
    for. Steps get it as their window on the session."""

    def __init__(
        self,
        session: OnboardingSession,
        progress: Iterable[StepProgress],
        answers: dict[str, Any],
        journey: Journey[Step],
        told: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:
        """`answers`: slug -> stored answer or None, for the steps that were loaded; `told`: slug ->
        values of the step's `brief_columns`, for a page with the rail."""
        self.session = session
        self.progress = {row.slug: row for row in progress}
        self.journey = journey
        self.merged: frozenset[str] = frozenset()
        """Fields of a save that came from what another tab had saved."""
        self._answers = answers
        self._told = told or {}

    def answer(self, slug: str) -> Any:
        """The stored answer of a step that was loaded; None when there is none."""
        return self._answers.get(slug)

    def keep(self, slug: str, answer: Any) -> None:
        """Store a new or changed answer with the transaction, and let later readers see it."""
        self._answers[slug] = answer
        if isinstance(answer, Model):
            db.session.add(answer)

    def brief(self, step: Step) -> Words | None:
        """What was saved of a step, in one line; None where nothing was, or it was not loaded."""
        told = self._told.get(step.slug)
        return step.brief(*told) if told and step.slug in self.saved else None

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
    return current_app.extensions["journey"]


def load(caller: Caller, step: Step | None = None, everything: bool = False) -> Visit | None:
    """The caller's session with the answers that this step needs (or with all): one statement for
    the steps' rows, one for the session and its one-row answers, one for each step that stores its
    answer otherwise. With a step, the second also reads what the rail tells of the others. None
    when there is no such session.

    The revisions are read before the values: each statement sees its own moment, and values newer
    than their revision are a conflict at worst, while older ones would overwrite a save.
    """
    steps = list(journey()) if everything else needed(step)
    query = its_own(select(StepProgress), StepProgress, caller)
    progress = db.session.scalars(query).all()
    joined = [s for s in steps if s.answer]
    told = [s for s in journey() if s.brief_columns] if step else []
    columns = [*[s.answer for s in joined], *[c for s in told for c in s.brief_columns]]
    beside = [s for s in journey() if s.answer and (s in joined or s in told)]
    query = join(select(OnboardingSession, *columns), beside)
    row = db.session.execute(query.where(owned_by(caller))).first()
    if row is None:
        return None
    answers = dict(zip([s.slug for s in joined], row[1:], strict=False))
    values = iter(row[1 + len(joined) :])
    briefs = {s.slug: tuple(islice(values, len(s.brief_columns))) for s in told}
    return _visit(row[0], progress, answers, steps, briefs)


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
    return db.session.scalar(select(OnboardingSession.id).where(owned_by(caller)))


def lock(caller: Caller, moment: datetime, steps: list[Step]) -> Visit:
    """Touch and lock the caller's session, then read it with the answers of `steps`. Inside a
    transaction.

    Raises SessionGone.
    """
    touch = (
        update(OnboardingSession)
        .where(owned_by(caller))
        .values(updated_at=moment, revision=OnboardingSession.revision + 1)
        .returning(OnboardingSession)
    )
    # A reset deletes the row and inserts it again: who waited for the old one looks once more.
    session = db.session.scalar(touch) or db.session.scalar(touch)
    if session is None:
        raise SessionGone
    return load_locked(session, steps)


def load_locked(session: OnboardingSession, steps: list[Step]) -> Visit:
    """The same behind the lock of a session that the transaction has read already."""
    joined = [s for s in steps if s.answer]
    answers: dict[str, Any] = {}
    if joined:
        query = join(select(OnboardingSession.id, *[s.answer for s in joined]), joined)
        row = db.session.execute(query.where(OnboardingSession.id == session.id)).one()
        answers = dict(zip([s.slug for s in joined], row[1:], strict=True))
    return _visit(session, _progress(session.id), answers, steps)


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


def _progress(session_id: str) -> Sequence[StepProgress]:
    query = select(StepProgress).where(StepProgress.session_id == session_id)
    return db.session.scalars(query).all()


def _visit(
    session: OnboardingSession,
    progress: Sequence[StepProgress],
    answers: dict[str, Any],
    steps: list[Step],
    told: Mapping[str, Sequence[Any]] | None = None,
) -> Visit:
    for step in steps:
        if not step.answer:
            answers[step.slug] = step.load(session.id)
    return Visit(session, progress, answers, journey(), told)


def problems(visit: Visit) -> list[tuple[Step, list[str]]]:
    """What stands in the way of completion: required steps that are not saved, and saved ones whose
    answers do not hold (any more), each with its messages. Every step is validated once more."""
    found = []
    for step in visit.journey.steps[:-1]:
        if step.slug in visit.saved:
            stored = step.stored(visit)
            values = step.values(stored) if stored is not None else {}
            form = step.form(formdata=None, data=values)
            if form.validate():
                form.add_errors(step.check(form, visit))
            texts = [str(text) for errors in form.errors.values() for text in errors]
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
