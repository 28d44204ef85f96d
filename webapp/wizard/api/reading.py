"""What a request of the API says: its body, its session id, its conditions; each checked before
anything happens."""

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from flask import request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from webapp import apidoc
from webapp.apidoc import Schema
from webapp.wizard.calls import Refused

SESSION_ID: Schema = {
    "type": "string",
    "description": "The session id that `start` answered; it decides alone who calls.",
}
_LONGEST_NUMBER = 40
_UNFIT = re.compile("[\x00\ud800-\udfff]")


class PreconditionFailed(Exception):
    """If-Match names another state than the stored one. Answered as 412."""


def body(schema: Schema | None, session: bool = True) -> dict[str, Any]:
    """The JSON object of the request, {} for none. `session`: it may hold `session_id`.

    Raises BadRequest, UnsupportedMediaType or Refused, each with a sentence.
    """
    known = schema or apidoc.body()
    if session:
        known = known | {"properties": {**known["properties"], "session_id": SESSION_ID}}
    value = read_json()
    if unfit := _unfit(value):
        raise Refused({unfit: ["This contains a character that cannot be stored."]})
    if faults := apidoc.faults(value, known):
        raise Refused(faults)
    return value


def read_json() -> dict[str, Any]:
    """The body as an object, whatever is in it; {} for an empty one."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Send the body as it is, without Content-Encoding.")
    raw = request.get_data(cache=True)
    if not raw.strip():
        return {}
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if request.mimetype != "application/json" or charset not in {"utf-8", "utf8"}:
        raise UnsupportedMediaType("Send JSON in UTF-8, with Content-Type: application/json.")
    try:
        value = json.loads(
            raw.decode("utf-8-sig"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_constant=_no_number,
        )
    except UnicodeDecodeError as error:
        raise BadRequest("The body is not valid UTF-8.") from error
    except RecursionError as error:
        raise BadRequest("The JSON is nested too deeply.") from error
    except ValueError as error:
        what = str(error) if isinstance(error, _Unreadable) else "The body is not valid JSON."
        raise BadRequest(what) from error
    if not isinstance(value, dict):
        raise Refused({"form": ["The body must be a JSON object."]})
    return value


def conditions(header: str) -> list[str] | None:
    """The tags of If-Match or If-None-Match: `*` or what stands between the quotes, weak ones with
    their `W/`. None when the header was not sent. A tag that was marked on the way by a compressor
    (`"tag:gzip"`) is the same tag."""
    sent = request.headers.get(header)
    if sent is None:
        return None
    if sent.strip() == "*":
        return ["*"]
    tags = re.findall(r'(W/)?"([^"]*)"', sent)
    return [weak + re.sub(r"[:;-](?:gzip|br|zstd|deflate)$", "", tag) for weak, tag in tags]


class _Unreadable(ValueError):
    """Valid to a lenient reader, and still not to be guessed at."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Unreadable("The JSON names a key twice.")
    return found


def _integer(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise _Unreadable("The JSON holds a number that is too long.")
    return int(text)


def _no_number(text: str) -> NoReturn:
    raise _Unreadable(f"{text} is not JSON.")


def _unfit(value: Mapping[str, Any], name: str = "") -> str | None:
    """The field in which there is a character that no database stores; None for a fit body."""
    for key, part in value.items():
        if _UNFIT.search(key):
            return name or "form"
        if isinstance(part, dict):
            if found := _unfit(part, name):
                return key if found == "form" else found
        elif any(_UNFIT.search(t) for t in _strings(part)):
            return key
    return None


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [text for one in value for text in _strings(one)] if isinstance(value, list) else []
