"""Two tabs, one answer: nothing that somebody saved is overwritten without a word."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.counting import count_statements
from tests.wizard.samples import (
    OPENAI_KEY,
    answers,
    begin,
    by,
    filled,
    read,
    save,
    snapshot,
    step,
    walk,
)
from webapp.operators import cleanup
from webapp.wizard import history, store
from webapp.wizard.merge import Merge, three_way
from webapp.wizard.revision import FOREIGN, MISSING
from webapp.wizard.visit import Visit

# The rule itself.

FIELDS = ("text", "list", "switch")
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": st.sampled_from(["", "one", "two", "three"]),
    "list": st.lists(st.sampled_from(["a", "b", "c"]), unique=True, max_size=2),
    "switch": st.booleans(),
}
FORMS = st.fixed_dictionaries(VALUES)


@given(FORMS, FORMS, FORMS)
def test_every_field_follows_the_one_side_that_changed_it(
    base: dict[str, Any], stored: dict[str, Any], typed: dict[str, Any]
) -> None:
    merge = three_way(base, stored, typed)
    assert set(merge.values) == set(FIELDS)
    for name in FIELDS:
        here, there = typed[name] != base[name], stored[name] != base[name]
        if here and there and typed[name] != stored[name]:
            assert name in merge.conflicts
            assert merge.values[name] == typed[name]
        elif there:
            assert merge.values[name] == stored[name]
        else:
            assert merge.values[name] == typed[name]
        assert (name in merge.theirs) == (there and not here), name


@given(FORMS, FORMS, FORMS)
def test_nothing_is_made_up_and_no_field_is_in_both_sets(
    base: dict[str, Any], stored: dict[str, Any], typed: dict[str, Any]
) -> None:
    merge = three_way(base, stored, typed)
    assert not merge.theirs & merge.conflicts
    assert all(value in (stored[name], typed[name]) for name, value in merge.values.items())


@given(FORMS, FORMS, FORMS)
def test_both_sides_agree_on_what_is_in_conflict(
    base: dict[str, Any], stored: dict[str, Any], typed: dict[str, Any]
) -> None:
    one, other = three_way(base, stored, typed), three_way(base, typed, stored)
    assert one.conflicts == other.conflicts
    if not one.conflicts:
        assert one.values == other.values, "who came second must not matter"


@given(FORMS, FORMS)
def test_who_changed_nothing_takes_what_is_stored(
    base: dict[str, Any], other: dict[str, Any]
) -> None:
    assert three_way(base, other, base).values == other
    assert three_way(base, base, other).values == other
    for merge in (three_way(base, other, base), three_way(base, base, other)):
        assert not merge.conflicts
    assert three_way(base, other, other) == Merge(other, frozenset(), frozenset())


@given(FORMS, FORMS, FORMS)
def test_a_merge_that_is_made_again_changes_nothing(
    base: dict[str, Any], stored: dict[str, Any], typed: dict[str, Any]
) -> None:
    """What a retry does once the merged form is stored."""
    merged = three_way(base, stored, typed).values
    again = three_way(base, merged, typed)
    assert again.values == merged


def test_a_field_that_the_base_does_not_know_yet_is_not_taken_for_unchanged() -> None:
    """A release added a field since the base was written."""
    merge = three_way({"old": 1}, {"old": 1, "new": "theirs"}, {"old": 1, "new": "mine"})
    assert merge.conflicts == {"new"}


# The same through the store, on both databases.


def tabs(session_id: str, slug: str) -> int:
    """The revision that every tab has which is opened now."""
    return read(session_id).revision(slug)


def late(session_id: str, slug: str, base: int | None, /, **changes: Any) -> Visit:
    """Save from a tab that was opened at revision `base`."""
    return store.save(by(session_id), step(slug), filled(slug, **changes), base)


def stored(session_id: str, slug: str) -> Any:
    """What is stored by now."""
    return answers(read(session_id), slug)


def test_a_list_is_one_field(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id, until="research")
        base = tabs(session_id, "research")
        save(session_id, "research", content_types=["News"])
        visit = late(session_id, "research", base, research_depth="Expert")
        assert visit.merged == {"content_types"}
        found = stored(session_id, "research")
        assert (found["content_types"], found["research_depth"]) == (["News"], "Expert")

        with pytest.raises(store.StaleRevision):
            late(session_id, "research", base, content_types=["Newsletters"])
        assert stored(session_id, "research") == found


def test_a_list_in_another_order_is_the_same_list(app: Flask) -> None:
    with app.app_context():
        session_id = begin()
        walk(session_id, until="research")
        base = tabs(session_id, "research")
        save(session_id, "research", content_types=["News", "Newsletters"])
        late(session_id, "research", base, content_types=["Newsletters", "News"])
        assert stored(session_id, "research")["content_types"] == ["News", "Newsletters"]


@pytest.mark.parametrize(("before", "theirs"), [("y", None), (None, "y")])
def test_a_checkbox_that_one_tab_changed_stays_changed(
    app: Flask, before: str | None, theirs: str | None
) -> None:
    """A checkbox that is off is not in the post at all: that must not read as "no opinion"."""
    with app.app_context():
        session_id = begin()
        walk(session_id, until="website")
        save(session_id, "research", auto_research=before)
        base = tabs(session_id, "research")
        save(session_id, "research", auto_research=theirs)
        visit = late(
            session_id, "research", base, auto_research=before, factual_content=None
        )  # the late tab changes another one
        assert visit.merged == {"auto_research"}
        found = stored(session_id, "research")
        assert (found["auto_research"], found["factual_content"]) == (theirs is not None, False)


def test_a_checkbox_that_both_changed_is_no_conflict_as_there_is_one_other_value(
    app: Flask,
) -> None:
    with app.app_context():
        session_id = begin()
        walk(session_id, until="research")
        base = tabs(session_id, "research")
        save(session_id, "research", auto_research=None, research_depth="Basic")
        late(session_id, "research", base, auto_research=None, competitors="rival.example.com")
        found = stored(session_id, "research")
        assert (found["auto_research"], found["research_depth"]) == (False, "Basic")
        assert found["competitors"] == "https://rival.example.com/"


def test_emptying_a_field_is_a_change_like_any_other(app: Flask) -> None:
    with app.app_context():
        session_id = begin()
        save(session_id, "api-keys")
        save(session_id, "website", industry="bakery")
        base = tabs(session_id, "website")
        save(session_id, "website", industry="", business_goals="More guests.")
        late(session_id, "website", base, industry="bakery", target_audience="Neighbours")
        found = stored(session_id, "website")
        assert found["industry"] == "", "the late tab had left it as it was"
        assert found["business_goals"] == "More guests."
        assert found["target_audience"] == "Neighbours"


def test_the_same_change_in_both_tabs_beside_different_ones_is_no_conflict(app: Flask) -> None:
    with app.app_context():
        session_id = begin()
        walk(session_id, until="persona")
        base = tabs(session_id, "persona")
        save(session_id, "persona", tone="Casual", persona_name="Theirs")
        visit = late(session_id, "persona", base, tone="Casual", audience="People with an oven")
        assert visit.merged == {"persona_name"}
        found = stored(session_id, "persona")
        assert (found["tone"], found["persona_name"]) == ("Casual", "Theirs")
        assert found["audience"] == "People with an oven"


def test_a_tab_that_changed_nothing_saves_nothing_over_what_is_stored(app: Flask) -> None:
    with app.app_context():
        session_id = begin()
        walk(session_id, until="persona")
        base = tabs(session_id, "persona")
        save(session_id, "persona", persona_name="Theirs", selected_platforms=["medium"])
        found = stored(session_id, "persona")
        late(session_id, "persona", base)
        assert stored(session_id, "persona") == found


def test_three_tabs_of_one_revision_are_merged_one_after_the_other(app: Flask) -> None:
    with app.app_context():
        session_id = begin()
        walk(session_id, until="website")
        base = tabs(session_id, "website")
        save(session_id, "website", industry="bakery")
        late(session_id, "website", base, target_audience="Neighbours")
        late(session_id, "website", base, business_goals="More guests.")
        found = stored(session_id, "website")
        assert found["industry"] == "bakery"
        assert found["target_audience"] == "Neighbours"
        assert found["business_goals"] == "More guests."


def test_two_first_saves_are_merged_on_the_empty_form(any_app: Flask) -> None:
    """Both tabs were opened before anything was stored: the form as it was then is the base."""
    with any_app.app_context():
        session_id = begin()
        save(session_id, "api-keys")
        base = tabs(session_id, "website")
        save(session_id, "website", industry="bakery")
        visit = late(session_id, "website", base, business_goals="More guests.")
        assert visit.merged == {"industry"}
        found = stored(session_id, "website")
        assert (found["industry"], found["business_goals"]) == ("bakery", "More guests.")
        with pytest.raises(store.StaleRevision):
            late(session_id, "website", base, industry="clockmaking")


def test_two_first_saves_of_switches_that_are_on_by_default(app: Flask) -> None:
    with app.app_context():
        session_id = begin()
        walk(session_id, until="website")
        base = tabs(session_id, "research")
        save(session_id, "research", auto_research=None)
        visit = late(session_id, "research", base, competitors="rival.example.com")
        assert visit.merged == {"auto_research"}
        assert stored(session_id, "research")["auto_research"] is False


def test_a_base_that_the_history_no_longer_has_is_a_conflict(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id, until="website")
        base = tabs(session_id, "website")
        for number in range(history.KEPT):
            save(session_id, "website", industry=f"trade {number}")
        late(session_id, "website", base, business_goals="Still merged.")
        cleanup.run(24)
        before = snapshot(session_id)
        with pytest.raises(store.StaleRevision):
            late(session_id, "website", base, target_audience="Too late to merge")
        assert snapshot(session_id) == before


@pytest.mark.parametrize("base", [MISSING, FOREIGN, 999_999])
def test_a_base_that_is_none_of_ours_is_a_conflict(app: Flask, base: int | None) -> None:
    with app.app_context():
        session_id = begin()
        walk(session_id, until="website")
        before = snapshot(session_id)
        with pytest.raises(store.StaleRevision):
            late(session_id, "website", base, industry="bakery")
        assert snapshot(session_id) == before


def test_a_completed_session_is_never_merged_into(any_app: Flask) -> None:
    """Whatever fields the old tab changed: what is finished is changed on purpose or not at all."""
    with any_app.app_context():
        session_id = begin()
        walk(session_id)
        base = tabs(session_id, "website")
        save(session_id, "website", industry="bakery")
        before = snapshot(session_id)
        with pytest.raises(store.StaleRevision):
            late(session_id, "website", base, business_goals="More guests.")
        assert snapshot(session_id) == before
        late(session_id, "website", base, industry="bakery")  # the same values are saved already
        save(session_id, "website", industry="bakery", business_goals="More guests.")
        assert stored(session_id, "website")["business_goals"] == "More guests."


def test_a_form_from_before_a_reset_has_no_base(app: Flask) -> None:
    with app.app_context():
        session_id = begin()
        walk(session_id, until="website")
        base = tabs(session_id, "website")
        store.reset(by(session_id))
        walk(session_id, until="website")
        before = snapshot(session_id)
        with pytest.raises(store.StaleRevision):
            late(session_id, "website", base, industry="bakery")
        assert snapshot(session_id) == before


def test_an_answer_that_was_skipped_elsewhere_is_a_conflict(app: Flask) -> None:
    with app.app_context():
        session_id = begin()
        walk(session_id, until="integrations")
        base = tabs(session_id, "integrations")
        store.skip(by(session_id), step("integrations"), base)
        with pytest.raises(store.StaleRevision):
            late(session_id, "integrations", base, platforms=["wix"])
        assert stored(session_id, "integrations") is None


def test_merging_is_one_transaction_of_few_statements(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id, until="persona")
        base = tabs(session_id, "persona")
        save(session_id, "persona", tone="Casual")
        form = filled("persona", persona_name="Mine")
    with any_app.app_context(), count_statements(any_app) as cost:
        store.save(by(session_id), step("persona"), form, base)
    assert (cost.commits, cost.left_open) == (1, 0), cost
    assert len(cost) <= 11, cost


# Keys: compared, merged and in conflict, and never shown.

MISTRAL, MISTRAL_2 = "Mistral8Wander2Key", "Mistral9Other1Key3"
EXA, EXA_2 = "5f0c1d2e-7a86-4b39-9c1d-d41f7be9a603", "0b54f1a6-2a8e-4e0c-8f29-76d5c2f0a9b1"


@pytest.fixture
def two_keys(app: Flask) -> Iterator[tuple[str, int]]:
    """A session with two keys, and the revision that two tabs have of it."""
    with app.app_context():
        session_id = begin()
        save(session_id, "api-keys", mistral=MISTRAL)
        yield session_id, tabs(session_id, "api-keys")


def blank(**changes: Any) -> dict[str, Any]:
    """A form of keys in which nothing else is typed."""
    return {"openai": "", **changes}


def test_keys_of_different_providers_are_merged(two_keys: tuple[str, int]) -> None:
    session_id, base = two_keys
    save(session_id, "api-keys", **blank(mistral=MISTRAL_2))
    visit = late(session_id, "api-keys", base, **blank(exa=EXA))
    assert visit.merged == {"mistral"}
    expected = {"openai": OPENAI_KEY, "mistral": MISTRAL_2, "exa": EXA}
    assert stored(session_id, "api-keys") == expected


def test_the_same_new_key_in_both_tabs_is_no_conflict(two_keys: tuple[str, int]) -> None:
    session_id, base = two_keys
    save(session_id, "api-keys", **blank(mistral=MISTRAL_2))
    late(session_id, "api-keys", base, **blank(mistral=MISTRAL_2, exa=EXA))
    expected = {"openai": OPENAI_KEY, "mistral": MISTRAL_2, "exa": EXA}
    assert stored(session_id, "api-keys") == expected


@pytest.mark.parametrize(
    ("theirs", "mine"),
    [
        ({"exa": EXA}, {"exa": EXA_2}),  # set here and there
        ({"mistral": MISTRAL_2}, {"mistral": MISTRAL_2 + "x"}),  # changed here and there
        ({"mistral": MISTRAL_2}, {"remove": ["mistral"]}),  # changed there, removed here
        ({"remove": ["mistral"]}, {"mistral": MISTRAL_2}),  # removed there, changed here
    ],
)
def test_one_provider_in_both_tabs_is_a_conflict(
    two_keys: tuple[str, int], theirs: dict[str, Any], mine: dict[str, Any]
) -> None:
    session_id, base = two_keys
    save(session_id, "api-keys", **blank(**theirs))
    before = snapshot(session_id)
    with pytest.raises(store.StaleRevision):
        late(session_id, "api-keys", base, **blank(**mine))
    assert snapshot(session_id) == before


def test_removing_the_same_key_in_both_tabs_is_no_conflict(two_keys: tuple[str, int]) -> None:
    session_id, base = two_keys
    save(session_id, "api-keys", **blank(remove=["mistral"]))
    late(session_id, "api-keys", base, **blank(remove=["mistral"], exa=EXA))
    assert stored(session_id, "api-keys") == {"openai": OPENAI_KEY, "exa": EXA}


def test_a_key_that_was_removed_elsewhere_stays_removed(two_keys: tuple[str, int]) -> None:
    session_id, base = two_keys
    save(session_id, "api-keys", **blank(remove=["mistral"]))
    visit = late(session_id, "api-keys", base, **blank(exa=EXA))
    assert visit.merged == {"mistral"}
    assert stored(session_id, "api-keys") == {"openai": OPENAI_KEY, "exa": EXA}


def test_two_tabs_that_remove_the_last_keys_between_them_are_refused(
    two_keys: tuple[str, int],
) -> None:
    """Each leaves one language model; together they would leave none."""
    session_id, base = two_keys
    save(session_id, "api-keys", **blank(remove=["mistral"]))
    before = snapshot(session_id)
    with pytest.raises(store.AnswersInvalid) as refused:
        late(session_id, "api-keys", base, **blank(remove=["openai"]))
    assert refused.value.form.errors
    assert snapshot(session_id) == before


def test_what_the_history_keeps_to_merge_keys_on_holds_none(two_keys: tuple[str, int]) -> None:
    session_id, base = two_keys
    kept = history.snapshot_at(by(session_id), "api-keys", base)
    assert kept is not None
    assert set(kept) == {"openai", "mistral"}
    for key in (OPENAI_KEY, MISTRAL):
        assert key not in repr(kept)
        assert key[-4:] not in repr(kept)


# The whole form again, whatever happened.

CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "industry": st.sampled_from(["", "bakery", "clockmaking"]),
        "target_audience": st.sampled_from(["", "Neighbours"]),
        "business_goals": st.sampled_from(["", "More guests."]),
        "use_analysis": st.sampled_from([None, "y"]),
    },
)


def test_any_two_tabs_store_both_or_store_one_and_say_so(app: Flask) -> None:
    with app.app_context():
        session_id = begin()
        save(session_id, "api-keys")

        @settings(max_examples=25, deadline=None)
        @given(CHANGES, CHANGES, CHANGES)
        def two_tabs(first: dict[str, Any], one: dict[str, Any], two: dict[str, Any]) -> None:
            save(session_id, "website", **first)
            base, common = tabs(session_id, "website"), stored(session_id, "website")
            save(session_id, "website", **{**first, **one})
            theirs = stored(session_id, "website")
            form = filled("website", **{**first, **two})
            assert form.validate()
            typed = form.data
            try:
                store.save(by(session_id), step("website"), form, base)
            except store.StaleRevision:
                assert stored(session_id, "website") == theirs
                assert any(
                    typed[n] != common[n] and theirs[n] != common[n] and typed[n] != theirs[n]
                    for n in typed
                )
            else:
                now = stored(session_id, "website")
                for name, value in now.items():
                    changed_here = typed[name] != common[name]
                    assert value == (typed[name] if changed_here else theirs[name]), name

        two_tabs()
