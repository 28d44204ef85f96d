"""What one statement reads of a session is what the ORM reads of it, column by column."""

import pytest
from flask import Flask
from sqlalchemy import select

from tests.wizard.samples import OPENAI_KEY, begin, by, read, save, walk
from webapp.extensions import db, transaction
from webapp.rows import Gathered
from webapp.steps.api_keys import ApiKey
from webapp.steps.research import ResearchPreferences
from webapp.types import now
from webapp.wizard import store
from webapp.wizard.models import OnboardingSession, StepProgress
from webapp.wizard.visit import journey

ODD = 'it\'s "so" \\ \\u0041 ü 🥖 \u2028\n\t {"a": [null]} T 2026-11-27'


@pytest.fixture
def session_id(any_app: Flask) -> str:
    with any_app.app_context():
        session_id = begin()
        walk(session_id, until="persona")
        store.keep_draft(by(session_id), journey().steps[3], {"persona_name": ODD, "edits": []}, 2)
        save(session_id, "research")
        return session_id


def test_the_rows_of_the_steps(any_app: Flask, session_id: str) -> None:
    with any_app.app_context():
        found = read(session_id).progress
        with transaction():
            locked = store.lock(by(session_id), now(), []).progress
        rows = db.session.scalars(select(StepProgress).filter_by(session_id=session_id)).all()
        assert len(rows) == len(found) == 5
        for row in rows:
            for name, value in found[row.slug]._asdict().items():
                assert value == getattr(row, name), f"{row.slug}: {name}"
        assert locked == found
        assert found["persona"].draft == {"persona_name": ODD, "edits": []}


def test_the_keys(any_app: Flask, session_id: str) -> None:
    with any_app.app_context():
        found = read(session_id).answer("api-keys")
        with transaction():
            steps = list(journey())
            locked = store.lock(by(session_id), now(), steps, attach=False).answer("api-keys")
        rows = db.session.scalars(select(ApiKey).filter_by(session_id=session_id)).all()
        assert [row.provider for row in rows] == list(found) == list(locked) == ["openai"]
        for column in [one.key for one in ApiKey.__table__.columns]:
            expected = getattr(rows[0], column)
            assert getattr(found["openai"], column) == expected, column
            assert getattr(locked["openai"], column) == expected, column
        assert found["openai"].opened() == OPENAI_KEY


def test_a_session_without_any(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        with transaction():
            db.session.query(StepProgress).filter_by(session_id=session_id).delete()
        visit = read(session_id)
        assert (visit.progress, visit.answer("api-keys")) == ({}, None)


def test_a_model_with_json_is_not_gathered() -> None:
    its_own = ResearchPreferences.session_id == OnboardingSession.id
    with pytest.raises(TypeError, match="JSON"):
        Gathered(ResearchPreferences, its_own)
