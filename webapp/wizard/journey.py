"""Where a caller stands, derived from the steps that are done. Pure: no database, no request."""

from collections.abc import Collection, Iterator, Sequence
from typing import Generic, Protocol, TypeVar


class Stop(Protocol):
    """What the journey needs to know of a step."""

    slug: str
    optional: bool


S = TypeVar("S", bound=Stop)


class Journey(Generic[S]):
    """Steps in their order. A step is *done* when it was saved or skipped; every method takes the
    slugs of those (`done`), and ignores slugs that are no step of this journey."""

    def __init__(self, steps: Sequence[S]) -> None:
        """`steps`: at least one, each slug once."""
        self.steps = tuple(steps)
        self._by_slug = {step.slug: step for step in self.steps}
        self._number = {step.slug: number for number, step in enumerate(self.steps, start=1)}

    def __iter__(self) -> Iterator[S]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def get(self, slug: str) -> S | None:
        """The step of this slug, None for a name that is no step."""
        return self._by_slug.get(slug)

    def number(self, slug: str) -> int:
        """1 for the first step."""
        return self._number[slug]

    @property
    def last(self) -> S:
        """The step that completes the journey."""
        return self.steps[-1]

    def resume_point(self, done: Collection[str]) -> S | None:
        """The first step that is not done; None when all are."""
        return next((step for step in self.steps if step.slug not in done), None)

    def open_until(self, done: Collection[str]) -> int:
        """The number of the last step that is open: every step up to the resume point is."""
        resume = self.resume_point(done)
        return len(self) if resume is None else self._number[resume.slug]

    def may_visit(self, slug: str, done: Collection[str]) -> bool:
        """The step is open."""
        return self._number[slug] <= self.open_until(done)

    def before(self, slug: str) -> S | None:
        """The step that "Back" leads to; None on the first."""
        number = self._number[slug]
        return self.steps[number - 2] if number > 1 else None

    def after(self, slug: str) -> S | None:
        """The step behind this one; None on the last."""
        number = self._number[slug]
        return self.steps[number] if number < len(self.steps) else None

    def missing(self, saved: Collection[str]) -> list[S]:
        """Required steps, the last one aside, that are not saved: completion waits for them."""
        return [s for s in self.steps[:-1] if not s.optional and s.slug not in saved]

    def percentage(self, done: Collection[str]) -> int:
        """Done steps of all steps, 0–100, rounded down, so that 100 means all."""
        return 100 * sum(step.slug in done for step in self.steps) // len(self.steps)
