"""Connections to PostgreSQL: what becomes of one that the server has closed, and several statements
at a time."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest
from markupsafe import Markup
from psycopg.types.json import Jsonb
from sqlalchemy import bindparam, func, insert, select
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from tests.conftest import MakeApp
from tests.wizard import samples
from webapp import postgres
from webapp.errors import is_database_away
from webapp.extensions import current_connection, db, transaction
from webapp.postgres import PipeliningConnection
from webapp.prepared import Prepared, run_all
from webapp.wizard import store
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


def test_one_that_is_closed_while_it_rests_is_replaced_as_well(
    make_app: MakeApp, postgres_url: str
) -> None:
    app = make_app(postgres_url)
    number = Prepared(lambda: select(func.pg_backend_pid()))
    with app.app_context():
        [(first,)] = number.run({})
        address = db.engine.url.set(drivername="postgresql").render_as_string(False)
    assert len(app.extensions["connections"]) == 1
    with psycopg.connect(address, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [first])
    with app.app_context():
        [(second,)] = number.run({})
    assert second != first


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


# Several statements at a time.


@pytest.fixture
def driver(postgres_url: str) -> Iterator[PipeliningConnection]:
    with PipeliningConnection.connect(postgres_url, autocommit=True) as found:
        yield found


ALL_KINDS: dict[str, Any] = {
    "text": "it's 100 % “quoted” \\ and\nof two lines %(text)s",
    "markup": Markup("<b>"),
    "none": None,
    "true": True,
    "false": False,
    "small": 7,
    "large": -(2**40),
    "float": 0.1,
    "bytes": psycopg.Binary(b"\x00\xff'\\"),
    "moment": datetime(2026, 11, 27, 12, 30, 1, 25, tzinfo=UTC),
    "day": date(2026, 2, 28),
    "json": Jsonb({"a": [1, None, "ü"]}),
}
TYPED = """SELECT %(text)s::text, %(markup)s::text, %(none)s::text, %(true)s::bool, %(false)s::bool,
    %(small)s::int, %(large)s::bigint, %(float)s::float8, %(bytes)s::bytea,
    %(moment)s::timestamptz, %(day)s::date, %(json)s::jsonb, %(small)s::int + 1, 'no %% sign'"""


def test_values_of_every_kind_come_back_as_through_a_cursor(driver: PipeliningConnection) -> None:
    through_a_cursor = driver.execute(TYPED, ALL_KINDS).fetchall()
    for _ in range(2):  # to be prepared, and prepared already
        assert driver.exchange([(TYPED, ALL_KINDS)]) == [through_a_cursor]


def test_all_answers_come_in_their_order(driver: PipeliningConnection) -> None:
    asked: list[tuple[str, Any]] = [("SELECT %(n)s::int", {"n": n}) for n in range(30)]
    asked.insert(7, ("CREATE TEMP TABLE noted (n int)", {}))
    asked.insert(9, ("INSERT INTO noted VALUES (5)", {}))
    asked.append(("SELECT n FROM noted", {}))
    found = driver.exchange(asked)
    assert [rows for rows in found if rows] == [*([(n,)] for n in range(30)), [(5,)]]
    assert (found[7], found[9]) == ([], [])


def test_nothing_is_executed_after_an_error(driver: PipeliningConnection) -> None:
    driver.execute("CREATE TEMP TABLE noted (n int PRIMARY KEY)")
    note = "INSERT INTO noted VALUES (%(n)s)"
    found = driver.exchange(
        [
            ("BEGIN", {}),
            (note, {"n": 1}),
            (note, {"n": 1}),
            ("SELECT 'never prepared'", {}),
            ("COMMIT", {}),
        ]
    )
    assert found[:2] == [[], []]
    assert isinstance(found[2], psycopg.errors.UniqueViolation)
    assert len(found) == 3
    assert driver.exchange([("ROLLBACK", {})]) == [[]]
    # It serves on, with what was not prepared then as well.
    later = driver.exchange([("SELECT 'never prepared'", {}), ("SELECT count(*) FROM noted", {})])
    assert later == [[("never prepared",)], [(0,)]]


def test_a_statement_that_cannot_be_prepared_is_its_own_error(driver: PipeliningConnection) -> None:
    for _ in range(2):
        found = driver.exchange([("SELECT 1", {}), ("SELECT nonsense", {}), ("SELECT 2", {})])
        assert found[0] == [(1,)]
        assert isinstance(found[1], psycopg.errors.UndefinedColumn)
        assert len(found) == 2
    assert driver.exchange([("SELECT 2", {})]) == [[(2,)]]


def test_what_is_larger_than_the_wire_holds_goes_both_ways(driver: PipeliningConnection) -> None:
    large = "ü" * 1_000_000
    echo = "SELECT %(large)s::text"
    assert driver.exchange([(echo, {"large": large})] * 5) == [[(large,)]] * 5


def test_a_character_that_cannot_be_stored_is_refused_and_not_cut_off(
    driver: PipeliningConnection,
) -> None:
    with pytest.raises(psycopg.DataError):
        driver.exchange([("SELECT %(text)s::text", {"text": "a\0b"})])
    assert driver.exchange([("SELECT 1", {})]) == [[(1,)]]


def test_more_statements_than_are_prepared_are_executed_all_the_same(
    driver: PipeliningConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "MOST_PREPARED", 2)
    for _ in range(2):
        found = driver.exchange([(f"SELECT {n}, %(m)s::int", {"m": n}) for n in range(5)])
        assert found == [[(n, n)] for n in range(5)]
    assert driver.execute("SELECT count(*) FROM pg_prepared_statements").fetchall() == [(2,)]


def test_what_psycopg_drops_is_prepared_anew(driver: PipeliningConnection) -> None:
    """It drops all prepared statements of a connection with a rollback or a DROP."""
    asked: list[tuple[str, Any]] = [("SELECT 1", {})]
    driver.exchange(asked)
    driver.execute("SELECT 2", prepare=True)
    driver.execute("BEGIN")
    driver.rollback()
    assert driver.exchange(asked) == [[(1,)]]
    driver.execute("SELECT 2", prepare=True)
    driver.execute("CREATE TEMP TABLE noted (n int)")
    driver.execute("DROP TABLE noted")
    driver.execute("SELECT 3")
    assert driver.exchange(asked) == [[(1,)]]


def test_an_answer_that_does_not_come_in_time_ends_the_connection(
    driver: PipeliningConnection, make_app: MakeApp, postgres_url: str, monkeypatch: Any
) -> None:
    monkeypatch.setattr(postgres, "ANSWER_SECONDS", 0.2)
    asked = make_app(postgres_url).test_request_context()
    with asked, pytest.raises(psycopg.OperationalError, match="in time"):
        driver.exchange([("SELECT pg_sleep(3)", {})])
    assert driver.closed


def test_a_server_that_hangs_up_between_two_answers_is_gone(
    driver: PipeliningConnection, postgres_url: str
) -> None:
    end = "SELECT pg_terminate_backend(pg_backend_pid())"
    with pytest.raises(psycopg.OperationalError):
        driver.exchange([("SELECT 1", {}), (end, {}), ("SELECT 2", {})])
    assert driver.closed


_BEGIN = Prepared(
    lambda: insert(OnboardingSession).values(
        {"id": bindparam("id"), "created_at": bindparam("at"), "updated_at": bindparam("at")}
        | {"completed": False, "revision": 0, "sealed_revision": 0, "begun_by_api": False}
    )
)
_IDS = Prepared(lambda: select(OnboardingSession.id).order_by(OnboardingSession.id))


def _values(session_id: str) -> dict[str, Any]:
    return {"id": session_id, "at": datetime(2026, 1, 2, tzinfo=UTC)}


def _begin(*session_ids: str) -> None:
    with transaction():
        for one in session_ids:
            _BEGIN.run(_values(one))


def test_what_a_transaction_writes_is_seen_by_what_it_reads(
    make_app: MakeApp, postgres_url: str
) -> None:
    with make_app(postgres_url).app_context():
        with transaction():
            _BEGIN.run(_values("a"))
            assert _IDS.run({}) == [("a",)]
            _BEGIN.run(_values("b"))
            assert db.session.scalars(select(OnboardingSession.id)).all() == ["a", "b"]
            _BEGIN.run(_values("c"))
            assert db.session.scalars(select(OnboardingSession.id)).all() == ["a", "b", "c"]
        assert run_all([_IDS, _IDS], {}) == [[("a",), ("b",), ("c",)]] * 2


def test_a_write_that_fails_fails_with_the_commit_and_nothing_is_stored(
    make_app: MakeApp, postgres_url: str
) -> None:
    with make_app(postgres_url).app_context():
        with pytest.raises(IntegrityError) as refused:
            _begin("a", "a", "b")
        assert "INSERT INTO onboarding_sessions" in str(refused.value)
        assert _IDS.run({}) == []
        with pytest.raises(DataError):
            _begin("a", "a\0b")
        assert _IDS.run({}) == []


def test_a_transaction_that_gives_up_sends_nothing_that_waits(
    make_app: MakeApp, postgres_url: str
) -> None:
    with make_app(postgres_url).app_context():
        for reads in (False, True):
            with suppress(ZeroDivisionError), transaction():
                if reads:
                    _IDS.run({})
                _BEGIN.run(_values("a"))
                raise ZeroDivisionError
            driver: Any = current_connection()._pooled.dbapi_connection
            assert driver.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
            assert _IDS.run({}) == []


def test_a_save_is_sent_in_two_goes(
    make_app: MakeApp, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read behind the lock, and what is written with the commit."""
    sent: list[list[str]] = []
    exchange = PipeliningConnection.exchange

    def noted(self: PipeliningConnection, statements: Any) -> Any:
        sent.append([sql for sql, _ in statements])
        return exchange(self, statements)

    app = make_app(postgres_url)
    with app.app_context():
        session_id = samples.begin()
        samples.save(session_id, "api-keys")
        base = samples.read(session_id).revision("website")
        form = samples.filled("website")
    with app.app_context(), monkeypatch.context() as patched:
        patched.setattr(PipeliningConnection, "exchange", noted)
        store.save(samples.by(session_id), samples.step("website"), form, base)
    first, second = sent
    assert first[0].startswith("BEGIN")
    assert [sql.split()[0] for sql in first[1:]] == ["UPDATE", "SELECT"]
    assert {sql.split()[0] for sql in second[:-1]} == {"INSERT"}
    assert second[-1] == "COMMIT"
