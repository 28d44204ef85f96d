"""Statements past SQLAlchemy and those of the ORM are of one transaction."""

from contextlib import suppress

import pytest
from flask import Flask
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError, PendingRollbackError

from tests.wizard import samples
from webapp.extensions import current_connection, db, transaction
from webapp.prepared import Prepared
from webapp.rows import as_read, changed
from webapp.tally import EVENTS
from webapp.types import now
from webapp.wizard.models import OnboardingSession

_RENAME = Prepared(
    lambda: (
        update(OnboardingSession)
        .where(OnboardingSession.id == bindparam("key"))
        .values(language=bindparam("new"))
    )
)


def _told(session_id: str) -> tuple[str | None, str | None]:
    """What the database holds, asked on a connection of its own."""
    columns = select(OnboardingSession.language, OnboardingSession.device)
    with db.engine.connect() as other:
        return tuple(other.execute(columns.where(OnboardingSession.id == session_id)).one())


@pytest.fixture
def session_id(any_app: Flask) -> str:
    with any_app.app_context():
        found: str = samples.begin()
        with transaction():
            row = db.session.get(OnboardingSession, found)
            row.language, row.device = "en", "phone"
        return found


def test_both_ways_of_writing_meet_in_one_transaction(any_app: Flask, session_id: str) -> None:
    with any_app.app_context():
        with transaction():
            _RENAME.run({"key": session_id, "new": "de"})
            row = db.session.get(OnboardingSession, session_id)
            assert row.language == "de"
            row.device = "desktop"
            assert _told(session_id) == ("en", "phone")
        assert _told(session_id) == ("de", "desktop")


def test_neither_is_there_after_an_error(any_app: Flask, session_id: str) -> None:
    with any_app.app_context():
        for through_the_orm in (True, False):
            with suppress(ZeroDivisionError), transaction():
                if through_the_orm:
                    db.session.get(OnboardingSession, session_id).device = "desktop"
                    db.session.flush()
                _RENAME.run({"key": session_id, "new": "de"})
                raise ZeroDivisionError
        assert _told(session_id) == ("en", "phone")


def test_a_parameter_whose_type_nobody_knows_is_refused(any_app: Flask) -> None:
    """The driver would write it its own way: SQLite's a moment without its microseconds."""
    rows = [{"day": bindparam("one")}, {"day": bindparam("other")}]
    both = Prepared(lambda: insert(EVENTS).values(rows))
    with any_app.app_context(), pytest.raises(ValueError, match="without a type: other"):
        both.run({"one": now(), "other": now()})


def test_an_error_of_the_driver_is_one_of_sqlalchemy(any_app: Flask, session_id: str) -> None:
    again = Prepared(
        lambda: (
            update(OnboardingSession)
            .where(OnboardingSession.id == bindparam("key"))
            .values(completed=True)
        )
    )
    with any_app.app_context():
        with pytest.raises(IntegrityError) as told, transaction():
            again.run({"key": session_id})  # without its time
        assert not told.value.connection_invalidated
        assert "parameters hidden" in str(told.value)
        with transaction():
            _RENAME.run({"key": session_id, "new": "de"})
        assert _told(session_id) == ("de", "phone")


def test_a_transaction_does_not_go_on_on_another_connection(
    any_app: Flask, session_id: str
) -> None:
    with any_app.app_context():
        with suppress(ZeroDivisionError), transaction():
            _RENAME.run({"key": session_id, "new": "de"})
            current_connection()._pooled.invalidate()
            with pytest.raises(PendingRollbackError):
                _RENAME.run({"key": session_id, "new": "fr"})
            raise ZeroDivisionError
        assert _told(session_id) == ("en", "phone")
        _RENAME.run({"key": session_id, "new": "de"})  # outside, the next one serves
        assert _told(session_id) == ("de", "phone")


def test_a_connection_that_cannot_be_had_is_an_error_of_the_database(
    any_app: Flask, session_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses() -> None:
        raise db.engine.dialect.loaded_dbapi.OperationalError("nobody there")

    with any_app.app_context():
        db.session.remove()
        db.engine.dispose()  # none is at rest
        monkeypatch.setattr(db.engine, "raw_connection", refuses)
        with pytest.raises(DBAPIError):
            _RENAME.run({"key": session_id, "new": "de"})
        with pytest.raises(DBAPIError), transaction():
            pass


def test_what_was_read_past_the_orm_tells_that_it_was_changed(
    any_app: Flask, session_id: str
) -> None:
    with any_app.app_context():
        values = {"id": session_id, "language": "en", "device": "phone"}
        row = as_read(OnboardingSession, values)
        assert not list(changed(row))
        row.device = "desktop"
        assert list(changed(row)) == [row]
        with transaction():
            db.session.add_all(changed(row))
        assert _told(session_id) == ("en", "desktop")


# Between two requests.

_LANGUAGES = Prepared(lambda: select(OnboardingSession.language))


def _driver() -> object:
    return current_connection()._pooled.dbapi_connection


def test_a_connection_rests_for_the_next_request(any_app: Flask, session_id: str) -> None:
    with any_app.app_context():
        first = _driver()
    with any_app.app_context(), transaction():
        assert _driver() is first
        _RENAME.run({"key": session_id, "new": "de"})
    at_rest = any_app.extensions["connections"]
    assert len(at_rest) == 1
    with any_app.app_context():
        assert _driver() is first
        assert len(at_rest) == 0
        assert _LANGUAGES.run({}) == [("de",)]


def test_one_in_which_something_is_under_way_does_not_rest(any_app: Flask, session_id: str) -> None:
    with any_app.app_context():
        connection = current_connection()
        connection.begin()
        _RENAME.run({"key": session_id, "new": "de"})
        _LANGUAGES.run({})
    assert len(any_app.extensions["connections"]) == 0
    with any_app.app_context():
        assert _LANGUAGES.run({}) == [("en",)], "it was undone, and holds up nobody"
        with transaction():
            _RENAME.run({"key": session_id, "new": "fr"})


def test_those_at_rest_are_closed_with_the_engine(any_app: Flask) -> None:
    with any_app.app_context():
        driver = _driver()
    with any_app.app_context():
        db.engine.dispose()
        assert len(any_app.extensions["connections"]) == 0
        with pytest.raises(db.engine.dialect.loaded_dbapi.Error):
            driver.cursor().execute("SELECT 1")  # type: ignore[attr-defined]
        assert _driver() is not driver
