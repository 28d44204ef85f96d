"""Header fields of an answer, in one pass over them: werkzeug's own ways look through all fields,
and parse, once for each one that is set."""

from collections.abc import Iterable

from flask import Response


def add_missing(response: Response, fields: Iterable[tuple[str, str]]) -> None:
    """Add those of these fields that the answer does not have."""
    there = {name.lower() for name, _ in response.headers}
    response.headers.extend([field for field in fields if field[0].lower() not in there])


def vary_by(response: Response, *names: str) -> None:
    """Say that the answer depends on these fields of the request."""
    said = response.headers.get("Vary")
    if said is None:
        response.headers["Vary"] = ", ".join(names)
        return
    there = {name.strip() for name in said.lower().split(",")}
    missing = [name for name in names if name.lower() not in there]
    if missing:
        response.headers["Vary"] = ", ".join([said, *missing])


def kind(response: Response) -> str:
    """The kind of the content, without its charset: `text/html`."""
    return (response.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
