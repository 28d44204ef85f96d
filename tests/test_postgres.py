"""Connections to PostgreSQL: what becomes of one that the server has closed."""

from typing import Any

import psycopg
import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from tests.conftest import MakeApp
from webapp.errors import is_database_away
from webapp.extensions import db
from webapp.prepared import Prepared
from webapp.wizard.models import OnboardingSession

pytestmark = pytest.mark.postgres


def test_a_connection_that_the_server_closed_is_replaced_unnoticed(
    make_app: MakeApp, postgres_url: str
) -> None:
    reading = Prepared(lambda: select(OnboardingSession.id))
    with make_app(postgres_url).app_context():
        first = _number()
        db.session.remove()  # it goes back into the pool
        address = db.engine.url.set(drivername="postgresql").render_as_string(False)
        with psycopg.connect(address, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [first])  # and wait for its end
        assert reading.run({}) == []
        assert _number() != first


def test_one_that_is_quiet_is_taken_as_it_is(
    make_app: MakeApp, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []
    with make_app(postgres_url).app_context():
        first = _number()
        db.session.remove()
        with monkeypatch.context() as patched:
            patched.setattr(psycopg.Connection, "execute", lambda *args: sent.append(args))
            db.session.connection()
        assert _number() == first
    assert sent == [], "no round trip to ask whether it is there"


def test_a_driver_that_has_hung_up_is_a_database_that_is_away(
    make_app: MakeApp, postgres_url: str
) -> None:
    reading = Prepared(lambda: select(OnboardingSession.id))
    with make_app(postgres_url).app_context():
        driver: Any = db.session.connection().connection.dbapi_connection
        driver.close()
        with pytest.raises(OperationalError) as refused:
            reading.run({})
        assert is_database_away(refused.value), "the page then keeps what was typed"


def _number() -> int:
    """The server's process at the other end."""
    driver: Any = db.session.connection().connection.dbapi_connection
    return int(driver.info.backend_pid)
