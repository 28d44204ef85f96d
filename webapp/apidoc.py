"""What each operation of the JSON API takes and answers, said once beside the code that does it.

The same declaration checks bodies (`faults`) and becomes the OpenAPI document (`webapp.openapi`).
Schemas are JSON Schema as OpenAPI 3.1 knows it. Nothing here knows a request.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar

Schema: TypeAlias = dict[str, Any]
F = TypeVar("F", bound=Callable[..., Any])

STRING: Schema = {"type": "string"}
BOOLEAN: Schema = {"type": "boolean"}
INTEGER: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
STRINGS: Schema = {"type": "array", "items": STRING}
OBJECT: Schema = {"type": "object"}


def maybe(schema: Schema) -> Schema:
    """The same, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def listing(schema: Schema) -> Schema:
    """A list of such."""
    return {"type": "array", "items": schema}


def answer(**properties: Schema) -> Schema:
    """An object that has at least these keys."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def body(required: tuple[str, ...] = (), **properties: Schema) -> Schema:
    """An object that may have these keys and no other."""
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema | ({"required": list(required)} if required else {})


Callers = Literal["anybody", "session", "service", "cleanup"]


@dataclass(frozen=True)
class Operation:
    """One request of the API, as the document tells of it."""

    summary: str
    tag: str
    answers: Mapping[int, Schema]
    """Status of success -> schema of the answer."""
    body: Schema | None = None
    """Schema of the JSON object that is taken; None: an empty object or nothing."""
    detail: str = ""
    path: Mapping[str, Schema] = field(default_factory=dict)
    """Schemas of parameters in the address that are more than any text."""
    query: Mapping[str, Schema] = field(default_factory=dict)
    problems: Mapping[int, str] = field(default_factory=dict)
    """Refusals of this operation's own: status -> when. What any request may meet is not said."""
    caller: Callers = "session"
    etag: bool = False
    """The answer carries an ETag, and If-None-Match is heeded."""
    if_match: bool = False
    """If-Match is heeded: the ETag that the change rests on."""


def documented(operation: Operation) -> Callable[[F], F]:
    """Tell the document of a view."""

    def mark(view: F) -> F:
        view.operation = operation  # type: ignore[attr-defined]
        return view

    return mark


def faults(value: Mapping[str, Any], schema: Schema) -> dict[str, list[str]]:
    """What is wrong with an object's keys and types: {key: [sentences]}; {} when nothing is.

    It knows types, enums, lengths, `required` and `additionalProperties`; what a form asks beyond
    is the form's own matter.
    """
    found: dict[str, list[str]] = {}
    known = schema.get("properties", {})
    for name, given in value.items():
        if name in known:
            if fault := _fault(given, known[name]):
                found[name] = [fault]
        elif schema.get("additionalProperties") is False:
            names = ", ".join(known) or "none"
            found[name[:80]] = [f"There is no such field here. The fields are: {names}."]
    for name in schema.get("required", ()):
        if name not in value:
            found[name] = ["This field is missing."]
    return found


_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,), "boolean": (bool,), "array": (list,), "object": (dict,), "null": (type(None),)
}  # fmt: skip
_IN_WORDS = {
    "string": "a string",
    "boolean": "true or false",
    "array": "a list of strings",
    "object": "an object",
    "null": "null",
}


def _fault(value: Any, schema: Schema) -> str | None:
    kinds = _kinds(schema)
    if kinds and not any(isinstance(value, _KINDS[kind]) for kind in kinds):
        return f"This takes {' or '.join(_IN_WORDS[kind] for kind in kinds)}."
    if isinstance(value, list) and not all(isinstance(one, str) for one in value):
        return "This takes a list of strings."
    if isinstance(value, str):
        low, high = schema.get("minLength", 0), schema.get("maxLength")
        if "enum" in schema and value not in schema["enum"]:
            return f"This takes one of: {', '.join(map(str, schema['enum']))}."
        if len(value) < low or (high is not None and len(value) > high):
            bounds = f"{low} to {high}" if high is not None else f"{low} or more"
            return f"This takes {bounds} characters; these are {len(value)}."
    return None


def _kinds(schema: Schema) -> list[str]:
    if "anyOf" in schema:
        return list(dict.fromkeys(kind for one in schema["anyOf"] for kind in _kinds(one)))
    kind = schema.get("type")
    return [kind] if isinstance(kind, str) else list(kind or [])
