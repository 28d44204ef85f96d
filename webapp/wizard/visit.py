"""One session as one request sees it, read in a handful of statements."""

from collections.abc import Iterable, Sequence
from typing import Any

from flask import current_app
from sqlalchemy import select

from webapp.extensions import Model, db
from webapp.wizard.journey import Journey
from webapp.wizard.models import OnboardingSession, StepProgress
from webapp.wizard.step import Step


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
    ) -> None:
        """`answers`: slug -> stored answer or None, for the steps that were loaded."""
        self.session = session
        self.progress = {row.slug: row for row in progress}
        self.journey = journey
        self._answers = answers

    def answer(self, slug: str) -> Any:
        """The stored answer of a step that was loaded; None when there is none."""
        return self._answers.get(slug)

    def keep(self, slug: str, answer: Any) -> None:
        """Store a new or changed answer with the transaction, and let later readers see it."""
        self._answers[slug] = answer
        if isinstance(answer, Model):
            db.session.add(answer)

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


def load(session_id: str, step: Step | None = None, everything: bool = False) -> Visit | None:
    """The session with the answers that this step needs (or with all): one statement for the steps'
    rows, one for the session and its one-row answers, one for each step that stores its answer
    otherwise. None when there is no such session.

    The revisions are read before the values: each statement sees its own moment, and values newer
    than their revision are a conflict at worst, while older ones would overwrite a save.
    """
    steps = list(journey()) if everything else needed(step)
    progress = _progress(session_id)
    joined = [s for s in steps if s.answer]
    query = join(select(OnboardingSession, *[s.answer for s in joined]), joined)
    row = db.session.execute(query.where(OnboardingSession.id == session_id)).first()
    if row is None:
        return None
    answers = dict(zip([s.slug for s in joined], row[1:], strict=True))
    return _visit(row[0], progress, answers, steps)


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
) -> Visit:
    for step in steps:
        if not step.answer:
            answers[step.slug] = step.load(session.id)
    return Visit(session, progress, answers, journey())
