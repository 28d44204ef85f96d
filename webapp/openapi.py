"""The OpenAPI 3.1 document of the JSON API, generated from the routes and what they declare, and
the same as a page to read."""

import re
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Flask, Response, current_app, render_template
from werkzeug.routing import Rule

from webapp import apidoc
from webapp.apidoc import INTEGER, OBJECT, STRING, STRINGS, Operation, Schema
from webapp.config import settings
from webapp.identity.caller import ID_HEADER
from webapp.languages import spoken
from webapp.wizard import store
from webapp.wizard.api import fields
from webapp.wizard.api.wrap import Answer, respond

bp = Blueprint("openapi", __name__, url_prefix="/api")

VERSION = "1.0"
"""Of the API; the first part is raised when a name goes or changes its meaning."""
TAG = "This document"
PROBLEM: Schema = {
    "type": "object",
    "description": "RFC 9457.",
    "properties": {
        "type": STRING,
        "title": STRING,
        "status": INTEGER,
        "detail": STRING | {"description": "A sentence for people."},
        "errors": OBJECT
        | {
            "description": "Of a 422: field -> what is wrong; `form` for what belongs to none.",
            "additionalProperties": STRINGS,
        },
        "request_id": STRING | {"description": "Finds this request in the operator's log."},
        "missing_steps": STRINGS | {"description": "Of some 409: slugs of the steps to do first."},
    },
    "required": ["type", "title", "status", "detail"],
}
INTRODUCTION = """\
The journey as JSON: the same forms, rules and storage as the pages. An answer that was saved by one
is seen by the other.

**Who is calling.** One of three, in this order: the `session_id` that `POST start` answered (header
`X-Onboarding-Session`, or `session_id` in the query or the body; it decides alone); a bearer token
(where users sign in); the browser's own cookie, and then unsafe methods need the header
`X-CSRFToken`, which `GET csrf-token` tells. A session that was begun in the pages, or belongs to a
user, is never opened by its id. The API sets no cookie.

**Errors** are problem documents (RFC 9457). Every 422 has `errors`: {field: [sentences]}.

**Two writers.** Reads carry an `ETag`; `If-None-Match` is heeded. Writes heed `If-Match` (412), or
`revision` in the body (409). Without either a write goes on what is stored when its turn comes. The
same values once more are no change.
"""


@bp.get("/openapi.json")
@apidoc.documented(
    Operation("The OpenAPI document", TAG, {200: OBJECT}, caller="anybody", etag=True)
)
def document() -> Response:
    """The document, in English for everybody."""
    with spoken("en"):
        response = respond(Answer(describe(current_app)), etag=True)
    response.content_language.add("en")
    return response


@bp.get("/docs")
@apidoc.documented(Operation("The same, to read", TAG, {200: {"x-page": True}}, caller="anybody"))
def docs() -> str:
    """A page that needs no script and loads nothing from elsewhere; what it frames is English."""
    with spoken("en"):
        told = {
            "api": describe(current_app),
            "sections": sections(),
            "steps": {step.slug: fields.schema_of(step) for step in store.journey()},
        }
    return render_template("api/docs.html", kind=_kind, **told)


def operations(app: Flask) -> Iterator[tuple[str, str, Rule, Operation]]:
    """(path as OpenAPI writes it, method, rule, operation) of every route below /api/."""
    for rule in app.url_map.iter_rules():
        operation = getattr(app.view_functions[rule.endpoint], "operation", None)
        if rule.rule.startswith("/api/") and operation is not None:
            path = re.sub(r"<(?:[a-z_]+(?:\([^)]*\))?:)?(\w+)>", r"{\1}", rule.rule)
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield path, method.lower(), rule, operation


def describe(app: Flask) -> dict[str, Any]:
    """The document of an application: its own steps, with their choices and lengths."""
    paths: dict[str, dict[str, Any]] = {}
    for path, method, rule, operation in sorted(operations(app), key=lambda one: one[:2]):
        paths.setdefault(path, {})[method] = _operation(path, method, rule, operation)
    steps = {step.slug: fields.schema_of(step) for step in store.journey()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{settings().app_name} API",
            "version": VERSION,
            "description": INTRODUCTION,
        },
        "servers": [{"url": settings().public_url or "/"}],
        "paths": paths,
        "components": {
            "schemas": {"Problem": PROBLEM, **{f"step-{slug}": one for slug, one in steps.items()}},
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "header", "name": ID_HEADER},
                "cookie": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": app.config["SESSION_COOKIE_NAME"],
                },
                "user": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "service": {"type": "http", "scheme": "bearer"},
                "cleanup": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def sections() -> list[tuple[str, list[dict[str, Any]]]]:
    """The operations by their tags, for the page."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path, method, rule, operation in sorted(operations(current_app), key=lambda one: one[:2]):
        told = _operation(path, method, rule, operation)
        told |= {"path": path, "method": method.upper(), "takes": _takes(operation)}
        told["answer_keys"] = {
            status: list(schema.get("properties", ()))
            for status, schema in operation.answers.items()
        }
        told["refusals"] = dict(sorted(operation.problems.items()))
        found.setdefault(operation.tag, []).append(told)
    return sorted(found.items(), key=lambda one: _ORDER.index(one[0]) if one[0] in _ORDER else 99)


_ORDER = ["Session", "Steps", "API keys", "Style detection", "Answers", "The end",
          "For the host product", "Operators", TAG]  # fmt: skip


def _takes(operation: Operation) -> list[dict[str, Any]]:
    schema = operation.body or {}
    return [
        {
            "name": name,
            "required": name in schema.get("required", ()),
            "kind": _kind(one),
            "description": one.get("description", ""),
        }
        for name, one in schema.get("properties", {}).items()
    ]


def _kind(schema: Schema) -> str:
    """A schema in a few words, for the page."""
    if "anyOf" in schema:
        return " | ".join(_kind(one) for one in schema["anyOf"])
    if schema.get("type") == "array" or "array" in schema.get("type", ()):
        return "list of " + _kind(schema["items"])
    kind = schema.get("type", "any")
    words = " | ".join(kind) if isinstance(kind, list) else str(kind)
    if "enum" in schema:
        words += ": " + ", ".join(str(value) for value in schema["enum"] if value is not None)
    if "maxLength" in schema:
        words += f", {schema.get('minLength', 0)}–{schema['maxLength']}"
    return words


def _operation(path: str, method: str, rule: Rule, operation: Operation) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": _path_schema(operation, name)}
        for name in re.findall(r"{(\w+)}", path)
    ]
    parameters += [
        {"name": name, "in": "query", "schema": schema} for name, schema in operation.query.items()
    ]
    if operation.etag:
        parameters.append(_header("If-None-Match", "The ETag that is known already."))
    if operation.if_match:
        parameters.append(_header("If-Match", "The ETag of what the change rests on."))
    if operation.caller == "session" and method != "get":
        parameters.append(_header("X-CSRFToken", "With the browser's cookie."))
    told: dict[str, Any] = {
        "operationId": rule.endpoint.replace(".", "-"),
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": parameters,
        "responses": _responses(operation, method),
        "security": _SECURITY[operation.caller],
    }
    if operation.detail:
        told["description"] = operation.detail
    if method != "get" and operation.caller != "cleanup":
        told["requestBody"] = _body(operation, path)
    return told


_SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "anybody": [],
    "session": [{"session": []}, {"user": []}, {"cookie": []}, {}],
    "service": [{"service": []}],
    "cleanup": [{"cleanup": []}],
}


def _path_schema(operation: Operation, name: str) -> Schema:
    return operation.path.get(name, STRING)


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "schema": STRING, "description": description}


def _body(operation: Operation, path: str) -> dict[str, Any]:
    schema = operation.body or apidoc.body()
    if operation.caller == "session":
        secret = STRING | {"description": "Instead of the header X-Onboarding-Session."}
        schema = schema | {"properties": {**schema["properties"], "session_id": secret}}
    if path.endswith("/step/{n}/complete"):
        steps = [{"$ref": f"#/components/schemas/step-{step.slug}"} for step in store.journey()]
        schema = schema | {"properties": {**schema["properties"], "data": {"anyOf": steps}}}
    return {
        "required": bool(schema.get("required")),
        "content": {"application/json": {"schema": schema}},
    }


def _responses(operation: Operation, method: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, schema in operation.answers.items():
        page = "x-page" in schema
        kind = "text/html" if page else "application/json"
        found[str(status)] = {
            "description": "As asked." if status == 200 else "Under way; ask again.",
            "content": {kind: {"schema": STRING if page else schema}},
        }
        if operation.etag:
            tag = {"schema": STRING, "description": "For If-None-Match, and If-Match of a write."}
            found[str(status)]["headers"] = {"ETag": tag}
    if operation.etag:
        found["304"] = {"description": "You have it already."}
    refusals = _usual(operation, method) | dict(operation.problems)
    for status, description in sorted(refusals.items()):
        found[str(status)] = _problem(description)
        if status in {429, 503}:
            seconds = {"schema": INTEGER, "description": "Seconds."}
            found[str(status)]["headers"] = {"Retry-After": seconds}
        if status == 401:
            found["401"]["headers"] = {"WWW-Authenticate": {"schema": STRING}}
    found["default"] = _problem("Any other refusal.")
    return found


def _usual(operation: Operation, method: str) -> dict[int, str]:
    found = {
        400: "The request cannot be read; or the cookie came without its CSRF token.",
        429: "Too many requests.",
        503: "The database does not answer.",
    }
    if operation.caller == "session":
        found |= {
            401: "The token does not hold, or one is needed.",
            404: "There is nothing of the caller's by that name, or no session.",
        }
    if operation.caller in {"service", "cleanup"}:
        found |= {401: "No token.", 403: "Not the token."}
        found[503] = "No token is configured, or the database does not answer."
    if method != "get":
        found |= {
            413: "The body is too large.",
            415: "The body is not JSON.",
            422: "Something in the body does not fit: see `errors`.",
        }
    return found


def _problem(description: str) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": description, "content": content}
