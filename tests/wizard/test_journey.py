"""Where a caller stands follows from what is done, whatever the order in which it was done."""

from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from webapp.wizard.journey import Journey


@dataclass(frozen=True)
class Stop:
    slug: str
    optional: bool = False


FOUR = Journey([Stop("keys"), Stop("site"), Stop("extras", optional=True), Stop("end")])


def test_a_new_journey_begins_at_the_first_step() -> None:
    resume = FOUR.resume_point(set())
    assert resume is not None
    assert (resume.slug, FOUR.percentage(set())) == ("keys", 0)


def test_the_resume_point_is_the_first_step_that_is_not_done() -> None:
    assert FOUR.resume_point({"keys", "extras"}) is FOUR.steps[1]


def test_nothing_is_left_to_resume_when_every_step_is_done() -> None:
    done = {"keys", "site", "extras", "end"}
    assert FOUR.resume_point(done) is None
    assert FOUR.percentage(done) == 100
    assert all(FOUR.may_visit(step.slug, done) for step in FOUR)


def test_steps_up_to_the_resume_point_are_open_and_those_beyond_are_not() -> None:
    open_steps = [step.slug for step in FOUR if FOUR.may_visit(step.slug, {"keys"})]
    assert open_steps == ["keys", "site"]


def test_a_step_done_beyond_a_gap_opens_nothing() -> None:
    """A step added in the middle later makes such a gap."""
    assert not FOUR.may_visit("end", {"keys", "extras"})


def test_optional_steps_and_the_last_one_are_never_missing() -> None:
    assert [step.slug for step in FOUR.missing({"site"})] == ["keys"]
    assert FOUR.missing({"keys", "site"}) == []


def test_a_skipped_step_that_is_required_is_still_missing() -> None:
    """`missing` takes what is saved; a step that became required later may have been skipped."""
    assert [step.slug for step in FOUR.missing({"keys"})] == ["site"]


def test_the_percentage_is_rounded_down_so_that_100_means_all() -> None:
    six = Journey([Stop(str(n)) for n in range(6)])
    shares = [six.percentage({str(n) for n in range(count)}) for count in range(7)]
    assert shares == [0, 16, 33, 50, 66, 83, 100]


def test_slugs_of_no_step_count_for_nothing() -> None:
    assert FOUR.percentage({"gone", "keys"}) == 25
    assert FOUR.resume_point({"gone"}) is FOUR.steps[0]
    assert FOUR.get("gone") is None


def test_back_and_on_lead_to_the_neighbours() -> None:
    assert FOUR.before("keys") is None
    assert FOUR.before("site") is FOUR.steps[0]
    assert FOUR.after("extras") is FOUR.steps[3]
    assert FOUR.after("end") is None
    assert [FOUR.number(step.slug) for step in FOUR] == [1, 2, 3, 4]
    assert len(FOUR) == 4


def test_the_last_step_alone_is_a_lawful_journey() -> None:
    one = Journey([Stop("end")])
    assert one.resume_point(set()) is one.last
    assert one.may_visit("end", set())
    assert one.missing(set()) == []
    assert (one.before("end"), one.after("end")) == (None, None)


def test_a_name_that_is_no_step_has_no_number() -> None:
    with pytest.raises(KeyError):
        FOUR.number("gone")


class AnyOrder(RuleBasedStateMachine):
    """Saves, skips and goes back in any order, as a store that keeps to the journey lets it."""

    saved: set[str]
    skipped: set[str]

    @initialize(optional=st.lists(st.booleans(), min_size=0, max_size=7))
    def steps(self, optional: list[bool]) -> None:
        stops = [Stop(f"step-{n}", flag) for n, flag in enumerate(optional)]
        self.journey = Journey([*stops, Stop("end")])
        self.saved, self.skipped = set(), set()
        self.place = 0
        self.completed = False

    @property
    def done(self) -> set[str]:
        return self.saved | self.skipped

    @rule(data=st.data())
    def save(self, data: st.DataObject) -> None:
        step = data.draw(st.sampled_from(self.journey.steps))
        if self.completed or self.journey.may_visit(step.slug, self.done):
            if step is self.journey.last and self.journey.missing(self.saved):
                raise AssertionError("the last step was open while a required one was missing")
            self.completed = self.completed or step is self.journey.last
            self.saved.add(step.slug)
            self.skipped.discard(step.slug)
            following = self.journey.after(step.slug)
            self.place = self.journey.number((following or step).slug) - 1

    @rule(data=st.data())
    def skip(self, data: st.DataObject) -> None:
        step = data.draw(st.sampled_from(self.journey.steps))
        if step.optional and self.journey.may_visit(step.slug, self.done):
            self.saved.discard(step.slug)
            self.skipped.add(step.slug)

    @precondition(lambda self: self.place > 0)
    @rule()
    def go_back(self) -> None:
        here = self.journey.steps[self.place]
        before = self.journey.before(here.slug)
        assert before is not None
        assert self.journey.after(before.slug) is here
        assert self.journey.may_visit(before.slug, self.done), "what lies behind stays open"
        self.place -= 1

    @invariant()
    def the_resume_point_is_the_first_step_that_is_not_done(self) -> None:
        resume = self.journey.resume_point(self.done)
        left = [step for step in self.journey if step.slug not in self.done]
        assert resume is (left[0] if left else None)

    @invariant()
    def what_is_open_is_a_beginning_of_the_journey_that_ends_at_the_resume_point(self) -> None:
        flags = [self.journey.may_visit(step.slug, self.done) for step in self.journey]
        assert flags == sorted(flags, reverse=True)
        resume = self.journey.resume_point(self.done)
        assert sum(flags) == (self.journey.number(resume.slug) if resume else len(self.journey))

    @invariant()
    def done_steps_have_no_gap(self) -> None:
        flags = [step.slug in self.done for step in self.journey]
        assert flags == sorted(flags, reverse=True)

    @invariant()
    def the_percentage_agrees(self) -> None:
        share = self.journey.percentage(self.done)
        assert 0 <= share <= 100
        assert (share == 100) == (self.journey.resume_point(self.done) is None)
        assert share == len(self.done) * 100 // len(self.journey)

    @invariant()
    def completion_means_that_every_required_step_is_saved(self) -> None:
        if self.completed:
            required = {step.slug for step in self.journey if not step.optional}
            assert required <= self.saved


AnyOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestAnyOrder = AnyOrder.TestCase
