"""What was saved before: complete, in order, one's own alone, and never a secret."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests.wizard.samples import (
    OPENAI_KEY,
    age,
    begin,
    by,
    filled,
    read,
    save,
    step,
    together,
    walk,
)
from webapp.extensions import db, transaction
from webapp.operators import cleanup
from webapp.wizard import history, store
from webapp.wizard.history import StepSave
from webapp.wizard.visit import StepLocked


def saves(session_id: str, slug: str = "") -> list[StepSave]:
    """What the history shows, newest first."""
    db.session.remove()
    found = [one for one in history.of_caller(by(session_id)) if not slug or one.slug == slug]
    db.session.expunge_all()
    return found


def rows(session_id: str) -> int:
    """How many rows the history has of a session, shown or not."""
    mine = StepSave.session_id == session_id
    return db.session.scalar(select(func.count()).select_from(StepSave).where(mine)) or 0


def test_each_save_is_one_entry_with_its_moment_and_its_values(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id)
        found = saves(session_id)
        assert [one.slug for one in found] == [
            "finish", "integrations", "persona", "research", "website", "api-keys",
        ]  # fmt: skip
        visit = read(session_id)
        for one in found:
            row = visit.progress[one.slug]
            assert (one.revision, one.saved_at) == (row.revision, row.saved_at)
        research = next(one for one in found if one.slug == "research")
        assert research.snapshot["content_types"] == ["Blog Posts", "News"]
        assert research.snapshot["auto_research"] is True


def test_an_entry_names_the_fields_that_changed_and_no_other(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id, until="research")
        save(session_id, "research", content_types=["News"], auto_research=None)
        save(session_id, "website", industry="bakery")
        save(session_id, "website")
        assert set(saves(session_id, "research")[0].changed) == {"content_types", "auto_research"}
        assert saves(session_id, "website")[1].changed == ["industry"]
        assert saves(session_id, "website")[0].changed == ["industry"]


def test_a_merge_is_one_entry_whose_change_is_the_late_tab_s(app: Flask) -> None:
    with app.app_context():
        session_id = begin()
        walk(session_id, until="website")
        base = read(session_id).revision("website")
        save(session_id, "website", industry="bakery")
        late = filled("website", business_goals="More guests.")
        store.save(by(session_id), step("website"), late, base)
        newest = saves(session_id, "website")[0]
        assert newest.changed == ["business_goals"]
        assert newest.snapshot["industry"] == "bakery"


@pytest.mark.parametrize("refusal", ["invalid", "stale", "locked"])
def test_what_was_not_saved_is_not_in_the_history(app: Flask, refusal: str) -> None:
    with app.app_context():
        session_id = begin()
        walk(session_id, until="website")
        save(session_id, "website", industry="bakery")
        before = rows(session_id)
        slug, base, changes = {
            "invalid": ("website", read(session_id).revision("website"), {"industry": "x" * 200}),
            "stale": ("website", 1, {"industry": "clockmaking"}),
            "locked": ("finish", 0, {}),
        }[refusal]
        expected: dict[str, type[Exception]] = {
            "invalid": store.AnswersInvalid,
            "stale": store.StaleRevision,
            "locked": StepLocked,
        }
        with pytest.raises(expected[refusal]):
            store.save(by(session_id), step(slug), filled(slug, **changes), base)
        assert rows(session_id) == before


def test_the_same_values_again_a_draft_and_a_skip_are_no_entries(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id, until="persona")
        before = rows(session_id)
        save(session_id, "persona")
        store.keep_draft(by(session_id), step("website"), {"industry": "half a wo"}, None)
        store.skip(by(session_id), step("integrations"), 0, {"platforms": ["wix"]})
        assert rows(session_id) == before


def test_a_save_that_fails_in_the_middle_leaves_no_entry(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        session_id = begin()
        save(session_id, "api-keys")

        def fail(*_: object, **__: object) -> None:
            raise RuntimeError("after the history was written")

        with monkeypatch.context() as broken:
            broken.setattr(store, "mark", fail)
            with pytest.raises(RuntimeError):
                save(session_id, "website")
        db.session.remove()
        assert [one.slug for one in saves(session_id)] == ["api-keys"]


def test_no_key_is_in_the_history_neither_open_nor_sealed_nor_its_end(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        save(session_id, "api-keys", tavily="tvly-0123456789")
        save(session_id, "api-keys", openai="", tavily="tvly-other-key-77")
        save(session_id, "api-keys", openai="", remove=["tavily"])
        found = saves(session_id, "api-keys")
        assert [one.changed for one in found] == [["tavily"], ["tavily"], ["openai", "tavily"]]
        everything = repr([(one.snapshot, one.changed) for one in found])
        for secret in (OPENAI_KEY, "tvly-0123456789", "tvly-other-key-77"):
            assert secret not in everything
            assert secret[-4:] not in everything


def test_twenty_saves_of_each_step_are_shown_and_the_cleanup_deletes_the_rest(
    any_app: Flask,
) -> None:
    with any_app.app_context():
        session_id, other = begin(), begin()
        for one in (session_id, other):
            walk(one, until="website")
        for number in range(24):
            save(session_id, "website", industry=f"trade {number}")
        save(session_id, "research")
        assert rows(session_id) == 27
        shown = saves(session_id)
        assert len([one for one in shown if one.slug == "website"]) == history.KEPT == 20
        assert [one.slug for one in shown].count("research") == 1
        assert shown[0].slug == "research"

        cleanup.run(24)
        after = saves(session_id)
        assert [one.revision for one in after] == [one.revision for one in shown]
        assert after[1].snapshot["industry"] == "trade 23"
        assert after[20].snapshot["industry"] == "trade 4"
        assert rows(session_id) == 22
        assert rows(other) == 2
        assert history.prune() == 0


def test_pruning_goes_in_batches_until_nothing_is_left_to_do(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "KEPT", 2)
    with app.app_context():
        ids = [begin() for _ in range(5)]
        for session_id in ids:
            save(session_id, "api-keys")
            for number in range(4):
                save(session_id, "website", industry=f"trade {number}")
        assert history.prune(batch=2) == 10
        assert {rows(session_id) for session_id in ids} == {3}


def test_a_dry_run_of_the_cleanup_prunes_nothing(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "KEPT", 1)
    with app.app_context():
        session_id = begin()
        save(session_id, "api-keys")
        for number in range(3):
            save(session_id, "website", industry=f"trade {number}")
        cleanup.run(24, dry_run=True)
        assert rows(session_id) == 4


def test_pruning_ends_when_its_time_is_up_and_gets_to_everything_in_time(
    any_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From another place each time, so that no part of a large history is never reached."""
    monkeypatch.setattr(history, "KEPT", 1)
    with any_app.app_context():
        for _ in range(6):
            session_id = begin()
            save(session_id, "api-keys")
            for number in range(2):
                save(session_id, "website", industry=f"trade {number}")
        ids = db.session.scalars(select(StepSave.session_id).distinct()).all()
        places = iter(["0", *ids] * 2)  # in the place of what chance draws in time
        monkeypatch.setattr(history.uuid, "uuid4", lambda: next(places))
        gone = [history.prune(batch=1, seconds=0) for _ in range(14)]
        assert max(gone) == 1
        assert sum(gone) == 6


def test_two_prunings_at_once_leave_the_newest(
    any_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "KEPT", 2)
    with any_app.app_context():
        session_id = begin()
        save(session_id, "api-keys")
        for number in range(6):
            save(session_id, "website", industry=f"trade {number}")
    results = together(any_app, history.prune, history.prune)
    assert sum(results) == 4, results
    with any_app.app_context():
        industries = [one.snapshot["industry"] for one in saves(session_id, "website")]
        assert industries == ["trade 5", "trade 4"]


def test_a_snapshot_is_found_by_its_owner_alone(app: Flask) -> None:
    with app.app_context():
        mine, theirs = begin(), begin()
        for session_id in (mine, theirs):
            walk(session_id, until="website")
        save(theirs, "website", industry="theirs")
        revision = read(theirs).revision("website")
        assert history.snapshot_at(by(theirs), "website", revision) is not None
        assert history.snapshot_at(by(mine), "website", revision) is None
        assert history.snapshot_at(by(theirs), "research", revision) is None
        assert {one.session_id for one in history.of_caller(by(mine))} == {mine}


@pytest.mark.parametrize("end", ["reset", "cleanup"])
def test_the_history_goes_with_the_answers(any_app: Flask, end: str) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id, until="research")
        if end == "reset":
            store.reset(by(session_id))
        else:
            age(session_id, 25)
            assert cleanup.run(24).deleted == 1
        assert rows(session_id) == 0


def test_moments_are_in_utc_and_in_order(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id, until="research")
        moments = [one.saved_at for one in saves(session_id)]
        assert moments == sorted(moments, reverse=True)
        assert all(moment.utcoffset() == timedelta(0) for moment in moments)


def test_a_snapshot_that_is_changed_in_memory_changes_no_entry(app: Flask) -> None:
    """The merge reads a snapshot while the save writes another one."""
    with app.app_context():
        session_id = begin()
        walk(session_id, until="website")
        revision = read(session_id).revision("website")
        with transaction():
            snapshot = history.snapshot_at(by(session_id), "website", revision)
            assert snapshot is not None
            snapshot["industry"] = "tampered"
        db.session.remove()
        kept = history.snapshot_at(by(session_id), "website", revision)
        assert kept is not None
        assert kept["industry"] == ""
