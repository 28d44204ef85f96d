"""JSON columns are written by orjson, and what it does not take by Python's own library."""

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest

from webapp.json_columns import read_json, write_json

TAKEN = [
    *(None, True, False, 0, -1, 2**63 - 1, -(2**63), 0.1, 1e16, 5e-324, 1.7976931348623157e308),
    *("", "it's “so”\n\t\\ \0 \x7f \u2028", "ünï 🥖", [], {}, [[]], {"": {"a": [1, 2.5, None]}}),
    {"b": 1, "a": 2, "ä": 3},
]


@pytest.mark.parametrize("value", TAKEN, ids=repr)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    written = write_json(value)
    assert read_json(written) == value
    assert read_json(written.decode()) == value
    assert read_json(memoryview(written)) == value
    assert json.loads(written) == value
    if isinstance(value, dict):
        assert list(read_json(written)) == list(value)


@pytest.mark.parametrize("value", TAKEN, ids=repr)
def test_what_the_library_of_python_wrote_is_read_too(value: Any) -> None:
    assert read_json(json.dumps(value)) == value
    assert read_json(json.dumps(value, ensure_ascii=False)) == value


@pytest.mark.parametrize(
    "value", ["half \ud83e a pair", {"a\udc00": ["\ud800"]}, 10**400], ids=ascii
)
def test_what_orjson_refuses_comes_back_too(value: Any) -> None:
    assert read_json(write_json(value)) == value
    assert read_json(memoryview(write_json(value))) == value


def test_an_integer_beyond_64_bits_comes_as_a_float() -> None:
    assert write_json(2**70) == str(2**70).encode()
    assert read_json(write_json(2**70)) == float(2**70)


def test_names_that_are_no_texts_are_written_as_python_s_library_writes_them() -> None:
    assert read_json(write_json({1: "a", None: "b"})) == {"1": "a", "null": "b"}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_in_json_is_null(value: float) -> None:
    assert write_json([value]) == b"[null]"


@pytest.mark.parametrize("value", [{"a": {1}}, b"a", datetime.max.replace(tzinfo=UTC), 1j])
def test_what_is_not_json_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        write_json(value)


@pytest.mark.parametrize("text", ["", "{", "[1,]", "'a'"])
def test_what_is_not_json_is_not_read(text: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        read_json(text)
