"""What is acknowledged is stored, once and whole, in any order and at any moment."""

import threading
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import IntegrityError

from tests.support.counting import count_statements
from tests.wizard.samples import (
    GOOD,
    SLUGS,
    age,
    answers,
    begin,
    by,
    filled,
    in_hand,
    read,
    save,
    snapshot,
    step,
    together,
    walk,
)
from webapp.extensions import db, transaction
from webapp.identity.caller import Caller
from webapp.operators import cleanup
from webapp.steps.api_keys import ApiKey
from webapp.steps.finish import KBlock
from webapp.wizard import store
from webapp.wizard.models import OnboardingSession, StepProgress
from webapp.wizard.revision import FOREIGN, MISSING
from webapp.wizard.visit import StepLocked, Visit

OTHER: dict[str, dict[str, Any]] = {
    "api-keys": {"openai": "sk-" + "another-key" * 3},
    "website": {"business_description": "We repair bicycles, and teach how it is done."},
    "research": {"research_depth": "Expert", "competitors": "rival.example.com"},
    "persona": {"tone": "Technical", "selected_platforms": ["linkedin"]},
    "integrations": {"platforms": ["wix", "rss"], "notify_email": ""},
    "finish": {"first_declaration": "So that bicycles live longer."},
}
BAD: dict[str, dict[str, Any]] = {
    "api-keys": {"openai": "short"},
    "website": {"business_description": "too short"},
    "research": {"content_types": []},
    "persona": {"audience": ""},
    "integrations": {"platforms": ["nowhere"]},
    "finish": {"first_declaration": " "},
}


# One save.


def test_a_save_is_one_commit_and_at_most_nine_statements(any_app: Flask) -> None:
    for slug in SLUGS:
        with any_app.app_context():
            session_id = begin()
            for earlier in SLUGS[: SLUGS.index(slug)]:
                save(session_id, earlier)
            base = read(session_id).revision(slug)
            form = filled(slug)
        with any_app.app_context(), count_statements(any_app) as cost:
            store.save(by(session_id), step(slug), form, base)
        assert (cost.commits, cost.left_open) == (1, 0), f"{slug}: {cost}"
        assert len(cost) <= 9, f"{slug}: {cost}"


def test_every_step_is_read_back_as_it_was_saved(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        for slug in SLUGS:
            form = filled(slug)
            assert form.validate()
            save(session_id, slug)
            found = answers(read(session_id), slug)
            assert found == (GOOD[slug] if slug == "api-keys" else form.data), slug


def test_a_moment_of_a_whole_second_is_written_as_wide_as_any_other(
    any_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite moments are texts, which sort as time does only where they are of one width."""
    moment = datetime(2099, 11, 20, 10, 42, tzinfo=UTC)
    monkeypatch.setattr(store, "now", lambda: moment)
    with any_app.app_context():
        session_id = begin()
        save(session_id, "api-keys")
        rows = db.session.scalars(select(StepProgress).where(StepProgress.slug == "website"))
        assert [row.first_seen_at for row in rows] == [moment]
        if db.engine.dialect.name == "sqlite":
            texts = (
                "SELECT first_seen_at FROM step_progress UNION SELECT saved_at FROM step_history"
            )
            written = {str(one) for one in db.session.scalars(text(texts))}
            assert len(written) == 2
            assert set(map(len, written)) == {32}


def test_a_refused_form_stores_nothing_at_all(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        before = snapshot(session_id)
        with pytest.raises(store.AnswersInvalid):
            save(session_id, "api-keys", **BAD["api-keys"])
        assert snapshot(session_id) == before


def test_what_only_the_stored_answers_can_tell_stores_nothing_either(any_app: Flask) -> None:
    """A search key alone has a good shape; that a language model is missing is found behind the
    session's lock, where the revision was counted already."""
    with any_app.app_context():
        session_id = begin()
        before = snapshot(session_id)
        with pytest.raises(store.AnswersInvalid):
            save(session_id, "api-keys", openai="", tavily="tvly-0123456789")
        assert snapshot(session_id) == before


def test_a_fault_in_the_middle_of_a_save_leaves_nothing(
    any_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with any_app.app_context():
        session_id = begin()
        before = snapshot(session_id)

        keys = step("api-keys")
        really_save = keys.save

        def fail(*args: Any) -> None:
            really_save(*args)
            db.session.flush()
            raise RuntimeError("in the middle")

        monkeypatch.setattr(keys, "save", fail)
        with pytest.raises(RuntimeError, match="in the middle"):
            save(session_id, "api-keys")
        assert snapshot(session_id) == before


def test_the_step_after_the_saved_one_counts_as_seen_from_then_on(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        save(session_id, "api-keys")
        visit = read(session_id)
        saved, following = visit.progress["api-keys"], visit.progress["website"]
        assert saved.saved_at == following.first_seen_at == visit.session.updated_at
        assert following.saved_at is None
        first_seen = saved.first_seen_at
        save(session_id, "website")
        save(session_id, "api-keys", **OTHER["api-keys"])
        visit = read(session_id)
        assert visit.progress["api-keys"].first_seen_at == first_seen, "seen first stays first"


def test_a_step_beyond_the_first_unfinished_one_is_locked(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        before = snapshot(session_id)
        for slug in SLUGS[1:]:
            with pytest.raises(StepLocked):
                save(session_id, slug)
        with pytest.raises(StepLocked):
            save(session_id, "research", **BAD["research"])
        with pytest.raises(StepLocked):
            store.skip(by(session_id), step("integrations"), MISSING)
        assert snapshot(session_id) == before


def test_a_session_that_is_not_there_is_gone_for_every_write(any_app: Flask) -> None:
    with any_app.app_context():
        nobody = store.new_session_id()
        with pytest.raises(store.SessionGone):
            store.save(by(nobody), step("api-keys"), filled("api-keys"), MISSING)
        with pytest.raises(store.SessionGone):
            store.save(by(nobody), step("api-keys"), filled("api-keys", openai="short"), MISSING)
        with pytest.raises(store.SessionGone):
            store.skip(by(nobody), step("integrations"), MISSING)
        with pytest.raises(store.SessionGone):
            store.keep_draft(by(nobody), step("website"), filled("website").typed(), MISSING)
        with pytest.raises(store.SessionGone):
            store.reset(by(nobody))
        assert store.load(by(nobody)) is None


# Revisions.


def test_a_form_made_before_the_last_save_cannot_save(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        save(session_id, "api-keys")
        old = read(session_id).revision("website")
        save(session_id, "website")
        with pytest.raises(store.StaleRevision):
            store.save(by(session_id), step("website"), filled("website", **OTHER["website"]), old)
        stored = answers(read(session_id), "website")
        assert stored["business_description"] == GOOD["website"]["business_description"]


def test_the_same_values_twice_count_as_saved_and_change_nothing(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        for slug in SLUGS[:-1]:
            old = read(session_id).revision(slug)
            save(session_id, slug)
            before = read(session_id).progress[slug]
            store.save(by(session_id), step(slug), filled(slug), old)
            after = read(session_id).progress[slug]
            assert (after.saved_at, after.revision) == (before.saved_at, before.revision), slug


def test_a_double_click_on_finish_finishes_once(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id, until="integrations")
        base = read(session_id).revision("finish")
        first = store.save(by(session_id), step("finish"), filled("finish"), base)
        completed_at = first.session.completed_at
        store.save(by(session_id), step("finish"), filled("finish"), base)
        visit = read(session_id)
        assert visit.session.completed_at == completed_at
        count = select(func.count()).select_from(KBlock).where(KBlock.session_id == session_id)
        assert db.session.scalar(count) == 1


def test_a_form_of_another_session_never_saves(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        with pytest.raises(store.StaleRevision):
            store.save(by(session_id), step("api-keys"), filled("api-keys"), FOREIGN)
        assert answers(read(session_id), "api-keys") is None


def test_a_form_without_a_revision_saves_a_step_that_was_never_saved_and_no_other(
    any_app: Flask,
) -> None:
    with any_app.app_context():
        session_id = begin()
        store.save(by(session_id), step("api-keys"), filled("api-keys"), MISSING)
        store.save(by(session_id), step("api-keys"), filled("api-keys"), MISSING)
        other = filled("api-keys", **OTHER["api-keys"])
        with pytest.raises(store.StaleRevision):
            store.save(by(session_id), step("api-keys"), other, MISSING)
        assert answers(read(session_id), "api-keys") == GOOD["api-keys"]


def test_two_tabs_that_changed_different_fields_are_merged(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id, until="research")
        tab = read(session_id).revision("website")
        save(session_id, "website", industry="bakery")
        late = filled("website", business_goals="More guests in our courses.")
        visit = store.save(by(session_id), step("website"), late, tab)
        assert visit.merged == {"industry"}
        stored = answers(read(session_id), "website")
        assert stored["industry"] == "bakery"
        assert stored["business_goals"] == "More guests in our courses."


def test_a_merged_form_that_does_not_hold_stores_nothing(any_app: Flask) -> None:
    """Each tab alone was right; together they leave no website and no description."""
    with any_app.app_context():
        session_id = begin()
        save(session_id, "api-keys")
        site = {"has_website": "yes", "website_url": "fern-street.org"}
        save(session_id, "website", **site)
        tab = read(session_id).revision("website")
        save(session_id, "website", **site, business_description="")
        before = snapshot(session_id)
        late = filled("website", **site | {"has_website": "no"})
        with pytest.raises(store.AnswersInvalid) as refused:
            store.save(by(session_id), step("website"), late, tab)
        assert refused.value.merged
        assert refused.value.form.errors
        assert snapshot(session_id) == before


def test_saving_one_step_leaves_the_open_forms_of_the_others_good(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id, until="research")
        tab = read(session_id).revision("website")
        save(session_id, "research", **OTHER["research"])
        store.save(by(session_id), step("website"), filled("website", **OTHER["website"]), tab)
        assert answers(read(session_id), "website")["business_description"].startswith("We repair")


def test_no_tab_from_before_the_completion_can_change_what_was_completed(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id, until="integrations")
        tabs = {slug: read(session_id).revision(slug) for slug in SLUGS}
        save(session_id, "finish")
        completed = read(session_id).session.completed_at
        for slug, base in tabs.items():
            with pytest.raises(store.StaleRevision):
                store.save(by(session_id), step(slug), filled(slug, **OTHER[slug]), base)
            with pytest.raises(store.StaleRevision):
                store.save(by(session_id), step(slug), filled(slug, **OTHER[slug]), MISSING)
        with pytest.raises(store.StaleRevision):
            store.skip(by(session_id), step("integrations"), tabs["integrations"])
        visit = read(session_id)
        assert (visit.session.completed, visit.session.completed_at) == (True, completed)
        assert answers(visit, "research")["research_depth"] == "Standard"


def test_every_answer_can_be_changed_after_completion_on_its_current_revision(
    any_app: Flask,
) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id)
        completed_at = read(session_id).session.completed_at
        for slug in SLUGS:
            form = filled(slug, **OTHER[slug])
            assert form.validate()
            save(session_id, slug, **OTHER[slug])
            expected = OTHER[slug] if slug == "api-keys" else form.data
            assert answers(read(session_id), slug) == expected
        session = read(session_id).session
        assert (session.completed, session.completed_at) == (True, completed_at)


# Completion.


def test_completion_validates_every_step_once_more(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id, until="integrations")
        with transaction():
            visit = in_hand(session_id)
            db.session.execute(delete(ApiKey).where(ApiKey.provider == "openai"))
            visit.answer("persona").audience = ""
        before = snapshot(session_id)
        with pytest.raises(store.JourneyIncomplete) as refused:
            save(session_id, "finish")
        found = {one.slug: messages for one, messages in refused.value.args[0]}
        assert set(found) == {"api-keys", "persona"}
        assert all(found.values()), "each says what is wrong"
        assert snapshot(session_id) == before, "neither the declaration nor a block is stored"


@pytest.mark.parametrize(
    ("slug", "name", "value"),
    [
        ("website", "business_description", "x" * 1001),
        ("research", "content_types", ["Rumours"]),
        ("persona", "tone", "Sarcastic"),
        ("persona", "selected_platforms", ["blog", "myspace"]),
        ("persona", "edits", {"core_persona.identity.archetype": {"text": "x" * 81, "made": ""}}),
        ("integrations", "notify_email", "nobody"),
    ],
)
def test_completion_finds_a_stored_value_that_the_form_refuses_by_now(
    any_app: Flask, slug: str, name: str, value: Any
) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id, until="integrations")
        with transaction():
            setattr(in_hand(session_id).answer(slug), name, value)
        with pytest.raises(store.JourneyIncomplete) as refused:
            save(session_id, "finish")
        [(found, messages)] = refused.value.args[0]
        assert found.slug == slug
        assert len(messages) == 1


def test_completion_waits_for_a_required_step_that_came_later(any_app: Flask) -> None:
    """As when the operator adds a step: those who had finished it stay where they are."""
    with any_app.app_context():
        session_id = begin()
        walk(session_id, until="integrations")
        with transaction():
            row = db.session.get(StepProgress, (session_id, "research"))
            assert row is not None
            row.saved_at = None
        with pytest.raises(StepLocked):
            save(session_id, "finish")


def test_completion_is_one_transaction_with_the_first_block(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id)
        session = read(session_id).session
        block = db.session.get(KBlock, (session_id, session.first_kblock_id))
        assert block is not None
        assert block.content == session.first_declaration == GOOD["finish"]["first_declaration"]
        assert block.layer == 1
        assert session.completed_at == session.updated_at == block.created_at


# Skipping, drafts, starting again.


def test_a_required_step_cannot_be_skipped(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        before = snapshot(session_id)
        for slug in ("api-keys", "finish"):
            with pytest.raises(store.StepRequired):
                store.skip(by(session_id), step(slug), MISSING)
        assert snapshot(session_id) == before


def test_skipping_keeps_what_was_typed_as_the_draft(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id, until="persona")
        base = read(session_id).revision("integrations")
        typed = filled("integrations", notify_email="not yet an add").typed()
        visit = store.skip(by(session_id), step("integrations"), base, typed)
        assert visit.resume is not None
        assert visit.resume.slug == "finish"
        row = read(session_id).progress["integrations"]
        assert row.draft == typed
        assert (row.saved_at, row.skipped_at) == (None, row.draft_at)


def test_skipping_a_saved_step_turns_its_answer_into_a_draft(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id, until="integrations")
        stored = answers(read(session_id), "integrations")
        base = read(session_id).revision("integrations")
        store.skip(by(session_id), step("integrations"), base)
        visit = read(session_id)
        assert answers(visit, "integrations") is None
        assert visit.progress["integrations"].draft == stored
        save(session_id, "integrations")
        row = read(session_id).progress["integrations"]
        assert (row.skipped_at, row.draft, row.draft_at) == (None, None, None)


def test_skipping_with_an_untouched_form_leaves_no_draft(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id, until="persona")
        untouched = filled("integrations", platforms=None, notify_email="").typed()
        base = read(session_id).revision("integrations")
        store.skip(by(session_id), step("integrations"), base, untouched)
        assert read(session_id).progress["integrations"].draft is None


def test_skipping_twice_is_skipping_once(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id, until="persona")
        base = read(session_id).revision("integrations")
        store.skip(by(session_id), step("integrations"), base)
        first = read(session_id).progress["integrations"].skipped_at
        store.skip(by(session_id), step("integrations"), base)
        assert read(session_id).progress["integrations"].skipped_at == first


def test_a_draft_is_kept_as_typed_and_not_validated(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        typed = filled("website", has_website="yes", website_url="  not a web address ").typed()
        store.keep_draft(by(session_id), step("website"), typed, 0)
        row = read(session_id).progress["website"]
        assert row.draft == typed
        assert row.draft["website_url"] == "  not a web address "
        assert row.draft_at is not None
        assert row.first_seen_at is None, "it is locked still: nobody has seen it"


@pytest.mark.parametrize("text", ["\0", "a\0b", "\x01\x1f", "\ufffe", "🥖" * 50, "\\u0000", "'\";"])
def test_a_draft_may_hold_whatever_was_typed(any_app: Flask, text: str) -> None:
    """`later` and `back` never validate, so they never fail on what a field holds either."""
    with any_app.app_context():
        session_id = begin()
        typed = filled("website", business_description=text, industry=text).typed()
        store.keep_draft(by(session_id), step("website"), typed, 0)
        kept = read(session_id).progress["website"].draft
        assert kept is not None
        assert kept["industry"].replace("\0", "") == text.replace("\0", "")


def test_a_draft_that_equals_what_is_stored_is_none(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id, until="persona")
        for slug in ("api-keys", "website", "research", "persona"):
            base = read(session_id).revision(slug)
            changed = filled(slug, remove=["gemini"], industry="Bread", competitors="x", tone="?")
            store.keep_draft(by(session_id), step(slug), changed.typed(), base)
            assert read(session_id).progress[slug].draft is not None, slug
            store.keep_draft(by(session_id), step(slug), filled(slug).typed(), base)
            row = read(session_id).progress[slug]
            assert (row.draft, row.draft_at, row.draft_revision) == (None, None, None), slug


def test_a_draft_never_holds_a_key(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        store.keep_draft(by(session_id), step("api-keys"), filled("api-keys").typed(), 0)
        assert GOOD["api-keys"]["openai"] not in repr(snapshot(session_id))


def test_a_draft_changes_neither_answers_nor_revisions_nor_the_resume_point(
    any_app: Flask,
) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id, until="website")
        before = read(session_id)
        typed = filled("website", **OTHER["website"]).typed()
        store.keep_draft(by(session_id), step("website"), typed, before.revision("website"))
        after = read(session_id)
        assert answers(after, "website") == answers(before, "website")
        assert after.revision("website") == before.revision("website")
        assert after.resume is before.resume


def test_a_draft_keeps_the_session_from_the_cleanup(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        age(session_id, 48)
        store.keep_draft(by(session_id), step("website"), filled("website").typed(), 0)
        assert cleanup.run(24).deleted == 0


def test_a_reset_keeps_the_id_deletes_every_answer_and_voids_every_open_form(
    any_app: Flask,
) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id)
        before = read(session_id)
        tabs = {slug: before.revision(slug) for slug in SLUGS}
        store.reset(by(session_id))
        visit = read(session_id)
        assert visit.session.id == session_id
        assert (visit.session.completed, visit.session.completed_at) == (False, None)
        assert (visit.session.first_declaration, visit.session.first_kblock_id) == (None, None)
        assert visit.session.revision > before.session.revision
        assert (visit.done, set(visit.progress)) == (set(), {"api-keys"})
        assert all(answers(visit, slug) is None for slug in SLUGS)
        rows = snapshot(session_id)
        assert {name for name, found in rows.items() if found} == {
            "onboarding_sessions", "step_progress",
        }  # fmt: skip
        for base in (tabs["api-keys"], 0, MISSING, FOREIGN):
            with pytest.raises(store.StaleRevision):
                store.save(by(session_id), step("api-keys"), filled("api-keys"), base)
        save(session_id, "api-keys")


def test_a_reset_keeps_the_user_that_the_session_belongs_to(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = store.new_session_id()
        user = store.open_session(Caller(session_id, user_id="user_42"))
        store.reset(user)
        assert read(session_id).session.user_id == "user_42"


# Several at once.


def test_two_saves_of_a_step_from_the_same_page_make_one_change(any_app: Flask) -> None:
    for _ in range(5):
        with any_app.app_context():
            session_id = begin()
            save(session_id, "api-keys")
            base = read(session_id).revision("website")

        def save_with(text: str, session_id: str = session_id, base: int = base) -> Visit:
            form = filled("website", business_description=text)
            return store.save(by(session_id), step("website"), form, base)

        texts = ["We bake bread at night.", "We bake bread by day."]
        results = together(any_app, *[lambda t=text: save_with(t) for text in texts])
        stale = [isinstance(result, store.StaleRevision) for result in results]
        assert sorted(stale) == [False, True], results
        with any_app.app_context():
            stored = answers(read(session_id), "website")["business_description"]
        assert stored == texts[stale.index(False)], "the one that was acknowledged is stored"


def test_two_saves_of_the_same_values_at_once_are_both_saved_and_make_one_change(
    any_app: Flask,
) -> None:
    for _ in range(5):
        with any_app.app_context():
            session_id = begin()

        def save_it(session_id: str = session_id) -> Visit:
            return store.save(by(session_id), step("api-keys"), filled("api-keys"), 0)

        results = together(any_app, save_it, save_it, save_it)
        assert [type(result) for result in results] == [Visit] * 3, results
        with any_app.app_context():
            mine = ApiKey.session_id == session_id
            assert db.session.scalar(select(func.count()).where(mine)) == 1
            revisions = {result.progress["api-keys"].revision for result in results}
            assert revisions == {read(session_id).progress["api-keys"].revision}


def test_two_saves_of_two_steps_at_once_are_both_stored(any_app: Flask) -> None:
    for _ in range(5):
        with any_app.app_context():
            session_id = begin()
            walk(session_id, until="research")
        results = together(
            any_app,
            lambda sid=session_id: save(sid, "website", **OTHER["website"]),
            lambda sid=session_id: save(sid, "research", **OTHER["research"]),
        )
        assert [type(result) for result in results] == [Visit] * 2, results
        with any_app.app_context():
            visit = read(session_id)
            assert answers(visit, "website")["business_description"].startswith("We repair")
            assert answers(visit, "research")["research_depth"] == "Expert"


def test_two_starts_with_one_id_make_one_session(any_app: Flask) -> None:
    for _ in range(5):
        session_id = store.new_session_id()
        results = together(any_app, *[lambda sid=session_id: store.open_session(by(sid))] * 4)
        assert results == [by(session_id)] * 4
        with any_app.app_context():
            rows = snapshot(session_id)
            assert (len(rows["onboarding_sessions"]), len(rows["step_progress"])) == (1, 1)


def test_opening_a_session_that_is_there_changes_nothing(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id, until="research")
        before = snapshot(session_id)
        store.open_session(by(session_id))
        assert snapshot(session_id) == before


def test_a_cleanup_in_the_middle_of_a_save_leaves_the_session_alone(
    any_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The save holds the session's row: the cleanup passes over it (PostgreSQL) or waits and finds
    it fresh (SQLite)."""
    with any_app.app_context():
        session_id = begin()
        age(session_id, 48)
        form = filled("api-keys")
    inside, cleaned = threading.Event(), threading.Event()
    keys = step_of(any_app, "api-keys")
    really_save = keys.save

    def slow_save(*args: Any, **kwargs: Any) -> None:
        really_save(*args, **kwargs)
        db.session.flush()
        inside.set()
        cleaned.wait(0.5)  # SQLite's cleanup waits for this very transaction

    monkeypatch.setattr(keys, "save", slow_save)

    def clean() -> int:
        assert inside.wait(10)
        deleted = cleanup.run(24).deleted
        cleaned.set()
        return deleted

    saved, deleted = together(any_app, lambda: store.save(by(session_id), keys, form, 0), clean)
    assert isinstance(saved, Visit), saved
    assert deleted == 0
    with any_app.app_context():
        assert answers(read(session_id), "api-keys") == GOOD["api-keys"]


def test_a_save_that_races_a_cleanup_is_stored_or_refused_and_never_lost(any_app: Flask) -> None:
    for _ in range(12):
        with any_app.app_context():
            session_id = begin()
            age(session_id, 48)
        saved, cleaned = together(
            any_app,
            lambda sid=session_id: store.save(by(sid), step("api-keys"), filled("api-keys"), 0),
            lambda: cleanup.run(24).deleted,
        )
        with any_app.app_context():
            left = store.load(by(session_id), everything=True)
            if isinstance(saved, Visit):
                assert left is not None, "an acknowledged save was deleted"
                assert answers(left, "api-keys") == GOOD["api-keys"]
                assert cleaned == 0
            else:
                assert isinstance(saved, store.SessionGone), saved
                assert left is None
                assert cleaned == 1


def test_a_save_that_races_a_reset_never_stores_a_part(any_app: Flask) -> None:
    for _ in range(8):
        with any_app.app_context():
            session_id = begin()
            save(session_id, "api-keys")
            base = read(session_id).revision("website")
        saved, was_reset = together(
            any_app,
            lambda sid=session_id, b=base: store.save(
                by(sid), step("website"), filled("website"), b
            ),
            lambda sid=session_id: store.reset(by(sid)),
        )
        assert was_reset is None
        assert isinstance(saved, Visit | StepLocked), saved
        with any_app.app_context():
            visit = read(session_id)
            assert (visit.done, set(visit.progress)) == (set(), {"api-keys"})
            assert answers(visit, "website") is None


def step_of(app: Flask, slug: str) -> Any:
    """The step of this application, outside of its context."""
    with app.app_context():
        return step(slug)


# Any order at all.


@dataclass
class Expected:
    """What a session must hold, by what was acknowledged."""

    saved: dict[str, Any] = field(default_factory=dict)
    skipped: set[str] = field(default_factory=set)
    drafts: dict[str, Any] = field(default_factory=dict)
    completed_at: datetime | None = None
    revision: int = 0
    bases: dict[str, list[int]] = field(default_factory=dict)
    history: dict[tuple[str, int], Any] = field(default_factory=dict)
    """Step and revision -> what was saved then."""

    @property
    def done(self) -> set[str]:
        return set(self.saved) | self.skipped

    def may_visit(self, slug: str) -> bool:
        before = set(SLUGS[: SLUGS.index(slug)])
        return self.completed_at is not None or before <= self.done


class AnyOrder(RuleBasedStateMachine):
    """Two sessions, saved, skipped, drafted and reset in any order, with good, bad, old and foreign
    forms. What is read back is compared with what was acknowledged."""

    def __init__(self, app: Flask) -> None:
        super().__init__()
        self.context = app.app_context()
        self.context.push()

    def teardown(self) -> None:
        db.session.remove()
        self.context.pop()

    @initialize()
    def two_sessions(self) -> None:
        self.ids = [begin(), begin()]
        self.expected = [Expected(), Expected()]
        self.rows = [snapshot(session_id) for session_id in self.ids]

    @rule(
        who=st.integers(0, 1),
        data=st.data(),
        kind=st.sampled_from(["good", "good", "other", "bad"]),
        base=st.sampled_from(["current", "current", "current", "old", "missing", "foreign"]),
    )
    def save(self, who: int, data: st.DataObject, kind: str, base: str) -> None:
        mine = self.expected[who]
        slug = self._somewhere(data, mine)
        changes = {"good": {}, "other": OTHER[slug], "bad": BAD[slug]}[kind]
        form = filled(slug, **changes)
        visit = read(self.ids[who])
        current, sealed = visit.revision(slug), visit.session.sealed_revision
        prefilled = step(slug).form(formdata=None, data=step(slug).prefill(visit)).data
        known = {(slug, sealed): prefilled} | mine.history
        count = self._base(data, mine, slug, base, current)
        fresh = count == current or (count is MISSING and current == 0)
        outcome = self._try(who, lambda: store.save(by(self.ids[who]), step(slug), form, count))
        values = (GOOD[slug] | changes) if slug == "api-keys" else form.data
        if not mine.may_visit(slug):
            assert isinstance(outcome, StepLocked)
        elif kind == "bad":
            assert isinstance(outcome, store.AnswersInvalid)
        elif mine.saved.get(slug) == values and slug not in mine.drafts:
            assert isinstance(outcome, Visit), outcome
        elif not fresh and (values := self._merged(mine, slug, count, values, known)) is None:
            assert isinstance(outcome, store.StaleRevision), outcome
        else:
            assert isinstance(outcome, Visit), outcome
            mine.saved[slug] = deepcopy(values)
            mine.history[slug, outcome.progress[slug].revision] = mine.saved[slug]
            mine.skipped.discard(slug)
            mine.drafts.pop(slug, None)
            if slug == SLUGS[-1] and mine.completed_at is None:
                mine.completed_at = outcome.session.completed_at
                assert mine.completed_at is not None

    @rule(who=st.integers(0, 1), slug=st.sampled_from(["integrations"] * 3 + list(SLUGS)))
    def skip(self, who: int, slug: str) -> None:
        mine = self.expected[who]
        base = read(self.ids[who]).revision(slug)
        outcome = self._try(who, lambda: store.skip(by(self.ids[who]), step(slug), base))
        if slug != "integrations":
            assert isinstance(outcome, store.StepRequired)
        elif not mine.may_visit(slug):
            assert isinstance(outcome, StepLocked)
        else:
            assert isinstance(outcome, Visit), outcome
            if slug in mine.saved:
                mine.drafts[slug] = mine.saved.pop(slug)
            elif slug not in mine.skipped:
                mine.drafts.pop(slug, None)
            mine.skipped.add(slug)

    @rule(
        who=st.integers(0, 1),
        slug=st.sampled_from(SLUGS),
        kind=st.sampled_from(["good", "other", "bad", "none"]),
    )
    def draft(self, who: int, slug: str, kind: str) -> None:
        """What "back" and "save for later" do."""
        mine = self.expected[who]
        changes = {"good": {}, "other": OTHER[slug], "bad": BAD[slug], "none": {}}[kind]
        typed = None if kind == "none" else filled(slug, **changes).typed()
        base = read(self.ids[who]).revision(slug)
        outcome = self._try(
            who, lambda: store.keep_draft(by(self.ids[who]), step(slug), typed, base)
        )
        assert not isinstance(outcome, Exception)
        untouched = {"remove": []} if slug == "api-keys" else mine.saved.get(slug)
        # What was not in the post, as the persona's own texts, is not changed by it.
        if typed is None or (untouched and all(untouched[n] == typed[n] for n in typed)):
            mine.drafts.pop(slug, None)
        else:
            mine.drafts[slug] = typed

    @rule(who=st.integers(0, 1), sure=st.sampled_from([False, False, False, True]))
    def reset(self, who: int, sure: bool) -> None:
        if sure:
            mine = self.expected[who]
            assert self._try(who, lambda: store.reset(by(self.ids[who]))) is None
            self.expected[who] = Expected(revision=mine.revision, bases=mine.bases)

    def _somewhere(self, data: st.DataObject, mine: Expected) -> str:
        """A step; mostly the next one, or the walk would hardly ever reach its end."""
        following = next((slug for slug in SLUGS if slug not in mine.done), SLUGS[-1])
        return data.draw(st.sampled_from([following] * 6 + list(SLUGS)))

    def _merged(
        self, mine: Expected, slug: str, base: int | None, typed: Any, known: dict[Any, Any]
    ) -> Any:
        """What a form of an older page makes of what is stored now: both changes, where they are
        changes to different fields; None where they are not, or nobody can tell."""
        before, stored = known.get((slug, base)), mine.saved.get(slug)
        if slug == "api-keys" or before is None or stored is None or mine.completed_at:
            return None  # of a key the history tells only that it changed
        merged = {}
        for name, value in typed.items():
            here, there = value != before.get(name), stored[name] != before.get(name)
            if here and there and value != stored[name]:
                return None
            merged[name] = value if here else stored[name]
        return merged

    def _base(
        self, data: st.DataObject, mine: Expected, slug: str, base: str, current: int
    ) -> int | None:
        known = mine.bases.setdefault(slug, [])
        if current not in known:
            known.append(current)
        if base == "old":
            return data.draw(st.sampled_from(known))
        return {"current": current, "missing": MISSING, "foreign": FOREIGN}[base]

    def _try(self, who: int, write: Any) -> Any:
        """Call it; hold that the other session is untouched, and that the count of this one grew
        exactly when the write was acknowledged."""
        other = 1 - who
        try:
            outcome = write()
        except (StepLocked, store.AnswersInvalid, store.StaleRevision, store.StepRequired) as error:
            outcome = error
        assert snapshot(self.ids[other]) == self.rows[other], "the other session was changed"
        rows = snapshot(self.ids[who])
        revision = read(self.ids[who]).session.revision
        if isinstance(outcome, Exception):
            assert rows == self.rows[who], "a refused write left something behind"
        else:
            assert revision > self.expected[who].revision, "the count did not grow"
        self.expected[who].revision = revision
        self.rows[who] = rows
        return outcome

    @invariant()
    def what_was_acknowledged_is_what_is_stored(self) -> None:
        for session_id, mine in zip(self.ids, self.expected, strict=True):
            visit = read(session_id)
            assert visit.saved == set(mine.saved)
            assert visit.done == mine.done
            for slug in SLUGS:
                assert answers(visit, slug) == mine.saved.get(slug), slug
            drafts = {s: row.draft for s, row in visit.progress.items() if row.draft is not None}
            assert drafts == mine.drafts

    @invariant()
    def where_one_stands_follows_from_it(self) -> None:
        for session_id, mine in zip(self.ids, self.expected, strict=True):
            visit = read(session_id)
            resume = visit.resume
            left = [slug for slug in SLUGS if slug not in mine.done]
            if mine.completed_at is None:
                assert resume is not None
                assert resume.slug == left[0]
            else:
                assert resume is None
            assert visit.journey.percentage(visit.done) == 100 * (6 - len(left)) // 6
            assert (visit.session.completed, visit.session.completed_at) == (
                mine.completed_at is not None,
                mine.completed_at,
            )
            if visit.session.completed:
                assert {*SLUGS} - {"integrations"} <= visit.saved


def test_any_order_of_saving_skipping_drafting_and_resetting_ends_in_a_lawful_state(
    app: Flask,
) -> None:
    run_state_machine_as_test(
        lambda: AnyOrder(app),
        settings=settings(
            max_examples=10,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_session_s_row_is_the_one_place_where_completion_is_kept(any_app: Flask) -> None:
    """The database itself refuses a completed session without its time."""
    with any_app.app_context():
        session_id = begin()
        completed = update(OnboardingSession).values(completed=True)
        with pytest.raises(IntegrityError, match="completed_has_its_time"), transaction():
            db.session.execute(completed)
        assert not read(session_id).session.completed
