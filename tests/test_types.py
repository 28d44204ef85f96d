"""Moments and JSON are the same on both databases."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, func, insert, inspect, select, text
from sqlalchemy.exc import StatementError

from webapp.extensions import db
from webapp.types import JSON, UTCDateTime, now

THINGS = Table(
    "things",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("at", UTCDateTime),
    Column("data", JSON),
)
BERLIN = timezone(timedelta(hours=2))


@pytest.fixture(autouse=True)
def things(any_app: Flask):  # type: ignore[no-untyped-def]
    with any_app.app_context():
        with db.engine.begin() as connection:
            THINGS.create(connection)
        yield


def kept(**values: Any) -> Any:
    """Store one row and read it back."""
    with db.engine.begin() as connection:
        connection.execute(THINGS.delete())
        connection.execute(insert(THINGS).values(id=1, **values))
        return connection.execute(select(THINGS)).one()


def test_a_moment_comes_back_in_utc() -> None:
    moment = datetime(2026, 11, 20, 12, 42, 0, 5, tzinfo=BERLIN)
    back = kept(at=moment).at
    assert back == moment
    assert (back.tzinfo, back.hour) == (UTC, 10)


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(StatementError, match="without a zone"):
        kept(at=datetime(2026, 11, 20, 10, 42))  # noqa: DTZ001


def test_no_moment_is_null() -> None:
    assert kept(at=None).at is None


def test_moments_of_any_time_and_zone_keep_their_order() -> None:
    offsets = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
    moments = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=offsets)  # noqa: DTZ001

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(moments, min_size=2, max_size=8, unique=True))
    def check(given_moments: list[datetime]) -> None:
        with db.engine.begin() as connection:
            connection.execute(THINGS.delete())
            rows = [{"id": n, "at": moment} for n, moment in enumerate(given_moments)]
            connection.execute(insert(THINGS), rows)
            ordered = connection.scalars(select(THINGS.c.at).order_by(THINGS.c.at)).all()
            newest = connection.scalar(select(func.max(THINGS.c.at)))
            middle = sorted(given_moments)[len(given_moments) // 2]
            older = select(func.count()).where(THINGS.c.at < middle)
            assert connection.scalar(older) == sum(m < middle for m in given_moments)
        assert list(ordered) == sorted(given_moments)
        assert newest == max(given_moments)

    check()


def test_the_clock_is_in_utc() -> None:
    assert now().tzinfo is UTC
    assert abs((datetime.now(UTC) - now()).total_seconds()) < 5


@pytest.mark.parametrize(
    "data",
    [
        {}, [], {"a": [1, 2.5, None, True, {"b": "ü 🥖 \" ' \\ \n"}]}, ["x"] * 100, 0, "", False,
        "text",
    ],
)  # fmt: skip
def test_json_comes_back_as_it_was(data: Any) -> None:
    assert kept(data=data).data == data


def test_none_is_sql_s_null_and_not_the_json_text_null(any_app: Flask) -> None:
    assert kept(data=None).data is None
    with db.engine.connect() as connection:
        count = text("SELECT count(*) FROM things WHERE data IS NULL")
        assert connection.scalar(count) == 1


def test_json_is_jsonb_and_a_moment_is_timestamptz_on_postgresql(any_app: Flask) -> None:
    types = {one["name"]: str(one["type"]) for one in inspect(db.engine).get_columns("things")}
    if db.engine.dialect.name == "postgresql":
        assert types["data"] == "JSONB"
        with db.engine.connect() as connection:
            kind = connection.scalar(
                text(
                    "SELECT data_type FROM information_schema.columns "
                    "WHERE table_name = 'things' AND column_name = 'at'"
                )
            )
        assert kind == "timestamp with time zone"
    else:
        assert types["data"] == "JSON"
        kept(at=datetime(2026, 11, 20, 12, 42, tzinfo=BERLIN))
        with db.engine.connect() as connection:
            as_text = connection.scalar(text("SELECT at FROM things"))
        assert as_text == "2026-11-20 10:42:00.000000+00:00"
