"""Moments are written as Python writes them."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from webapp.moments import iso

ZONES = st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)


@given(st.datetimes(timezones=st.just(UTC)))
@example(datetime.min.replace(tzinfo=UTC))
@example(datetime.max.replace(tzinfo=UTC))
@example(datetime(2026, 11, 20, 10, 42, tzinfo=UTC))
@example(datetime(2026, 11, 20, 10, 42, 0, 1, tzinfo=UTC))
@example(datetime(2026, 11, 20, 10, 42, 0, 120000, tzinfo=UTC, fold=1))
def test_a_moment_is_written_as_python_writes_it(moment: datetime) -> None:
    assert iso(moment) == moment.isoformat(timespec="microseconds")
    assert datetime.fromisoformat(iso(moment)) == moment


@given(st.datetimes(timezones=st.just(UTC)), ZONES)
def test_it_is_written_in_utc(moment: datetime, zone: timezone) -> None:
    with suppress(OverflowError):  # another year than the first or the last
        moment = moment.astimezone(zone)
    assert iso(moment) == moment.astimezone(UTC).isoformat(timespec="microseconds")


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        iso(datetime.now(UTC).replace(tzinfo=None))
