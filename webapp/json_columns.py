"""How values of JSON columns are written and read."""

import json
from typing import Any

import orjson

_JSON_ALONE = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
"""What JSON has no word for is refused, as Python's library does."""


def write_json(value: Any) -> bytes:
    """UTF-8, without a space. What orjson does not take (half a surrogate pair, an integer beyond
    64 bits, keys that are no texts) the library of Python writes, which takes five times as long.
    Raises TypeError for what is not JSON."""
    try:
        return orjson.dumps(value, option=_JSON_ALONE)
    except TypeError:
        return json.dumps(value).encode()


def read_json(text: str | bytes | bytearray | memoryview) -> Any:
    """What `write_json` or a database wrote; integers beyond 64 bits come as floats."""
    try:
        return orjson.loads(text)
    except ValueError:
        return json.loads(bytes(text) if isinstance(text, memoryview) else text)
