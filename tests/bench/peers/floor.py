"""The bare floor: Flask with HTML written by hand, and one statement and one commit a step.

It checks that required fields are there, escapes what it prints, and knows its caller by Flask's
signed cookie. It has no CSRF token, no languages, no limits, no encryption, and reads nothing back
before the last page.
"""

import os
import sqlite3
import uuid
from typing import Any

from flask import Flask, abort, redirect, request, session
from markupsafe import escape
from werkzeug.wrappers import Response

from tests.bench.peers.questions import (
    CONNECTIONS,
    CONTENT_TYPES,
    DEPTHS,
    PLATFORMS,
    PROVIDERS,
    STEPS,
    TONES,
    YES_NO,
)


def _text(name: str, kind: str = "text") -> str:
    return f'<p><label for="{name}">{name}</label> <input id="{name}" type="{kind}" name="{name}">'


def _area(name: str) -> str:
    return f'<p><label for="{name}">{name}</label> <textarea id="{name}" name="{name}"></textarea>'


def _options(name: str, kind: str, values: tuple[str, ...]) -> str:
    inputs = (
        f'<label><input type="{kind}" name="{name}" value="{one}"> {one}</label>' for one in values
    )
    return f"<fieldset><legend>{name}</legend>{' '.join(inputs)}</fieldset>"


_FIELDS = {
    "api-keys": "".join(_text(name, "password") for name in PROVIDERS),
    "website": _options("has_website", "radio", YES_NO)
    + _text("website_url", "url")
    + _options("use_analysis", "checkbox", ("y",))
    + _area("business_description")
    + _text("industry")
    + _area("target_audience")
    + _area("business_goals"),
    "research": _options("research_depth", "radio", DEPTHS)
    + _options("content_types", "checkbox", CONTENT_TYPES)
    + _options("auto_research", "checkbox", ("y",))
    + _options("factual_content", "checkbox", ("y",))
    + _area("competitors"),
    "persona": _text("persona_name")
    + _options("tone", "radio", TONES)
    + _area("audience")
    + _area("voice_description")
    + _options("selected_platforms", "checkbox", PLATFORMS),
    "integrations": _options("platforms", "checkbox", CONNECTIONS) + _text("notify_email", "email"),
    "finish": _area("first_declaration"),
}
_REQUIRED = {
    "website": ("has_website",),
    "research": ("research_depth", "content_types"),
    "persona": ("persona_name", "tone", "audience", "selected_platforms"),
    "finish": ("first_declaration",),
}


def _page(title: str, body: str) -> str:
    return f'<!doctype html><html lang="en"><title>{title}</title><h1>{title}</h1>{body}</html>'


class _Database:
    """One connection a process; `?` stands for a value."""

    def __init__(self, url: str) -> None:
        self._is_sqlite = url.startswith("sqlite:///")
        if self._is_sqlite:
            self._connection: Any = sqlite3.connect(
                url.removeprefix("sqlite:///"), isolation_level=None, timeout=5
            )
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
        else:
            import psycopg

            self._connection = psycopg.connect(url, autocommit=True)

    def run(self, statement: str, *values: object) -> Any:
        """One statement, which is one transaction."""
        sql = statement if self._is_sqlite else statement.replace("?", "%s")
        return self._connection.execute(sql, values)


app = Flask(__name__)
app.secret_key = os.environ["SECRET_KEY"]
database: Any = None


@app.before_request
def connect() -> None:
    """In the worker, not in the process that it is forked from."""
    global database
    if database is None:
        database = _Database(os.environ["DATABASE_URL"])


@app.get("/")
def welcome() -> str:
    return _page("Welcome", '<form method="post" action="/start"><button>Start</button></form>')


@app.post("/start")
def start() -> Response:
    session["sid"] = str(uuid.uuid4())
    database.run("INSERT INTO floor (id) VALUES (?)", session["sid"])
    return redirect(f"/{STEPS[0]}", 303)


@app.get("/<slug>")
def show(slug: str) -> str:
    if slug not in _FIELDS or "sid" not in session:
        abort(404)
    form = f'<form method="post">{_FIELDS[slug]}<p><button>Save</button></form>'
    return _page(slug, form)


@app.post("/<slug>")
def save(slug: str) -> Response:
    if slug not in _FIELDS or not all(map(request.form.get, _REQUIRED.get(slug, ()))):
        abort(422)
    given = app.json.dumps(request.form.to_dict(flat=False))
    column = slug.replace("-", "_")
    database.run(f"UPDATE floor SET {column} = ? WHERE id = ?", given, session["sid"])  # noqa: S608
    after = STEPS.index(slug) + 1
    return redirect(f"/{STEPS[after]}" if after < len(STEPS) else "/done", 303)


@app.get("/done")
def done() -> str:
    row = database.run("SELECT * FROM floor WHERE id = ?", session["sid"]).fetchone()
    return _page("Done", "".join(f"<p>{escape(value)}" for value in row[1:]))


if __name__ == "__main__":  # once, before it is served
    columns = ", ".join(f"{slug.replace('-', '_')} TEXT" for slug in STEPS)
    made = _Database(os.environ["DATABASE_URL"])
    made.run(f"CREATE TABLE floor (id VARCHAR(36) PRIMARY KEY, {columns})")
