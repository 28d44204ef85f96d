"""The document tells of every route, and the answers are what it says."""

import faulthandler
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from flask import Flask

from tests.api.client import GOOD, ApiClient, document
from tests.conftest import MakeApp, StartServer
from tests.support.pages import PageClient
from webapp import apidoc, steps


def rules_of(app: Flask) -> set[tuple[str, str]]:
    """(path as OpenAPI writes it, method) of every route below /api/."""
    return {
        (re.sub(r"<(?:[^:>]+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def described(app: Flask) -> dict[str, Any]:
    """The document."""
    return document(app.test_client().get("/api/openapi.json"))


def test_every_route_is_in_the_document_and_the_other_way_round(app: Flask) -> None:
    told = {
        (path, method) for path, methods in described(app)["paths"].items() for method in methods
    }
    assert told == rules_of(app), "mark the view with @apidoc.documented(Operation(...))"


def test_the_document_is_openapi_3_1_and_says_what_each_operation_needs(app: Flask) -> None:
    found = described(app)
    assert found["openapi"].startswith("3.1.")
    ids = []
    for path, methods in found["paths"].items():
        for method, one in methods.items():
            ids.append(one["operationId"])
            assert one["summary"], path
            named = {p["name"] for p in one["parameters"] if p["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path))
            assert "application/problem+json" in one["responses"]["default"]["content"]
            assert any(status.startswith("2") for status in one["responses"])
            if method == "post" and "cleanup" not in path:
                schema = one["requestBody"]["content"]["application/json"]["schema"]
                assert schema["additionalProperties"] is False, path
                assert {"413", "415", "422"} <= set(one["responses"])
    assert len(set(ids)) == len(ids)
    assert set(found["components"]["schemas"]) == {"Problem", *(f"step-{slug}" for slug in GOOD)}
    for name, schema in references(found):
        assert name in found["components"]["schemas"], schema


def references(node: Any) -> list[tuple[str, Any]]:
    """Every `$ref` in a document."""
    if isinstance(node, dict):
        own = [(node["$ref"].rpartition("/")[2], node)] if "$ref" in node else []
        return own + [found for part in node.values() for found in references(part)]
    return [found for part in node for found in references(part)] if isinstance(node, list) else []


def test_the_fields_of_the_steps_are_told_from_their_forms(app: Flask) -> None:
    schemas = described(app)["components"]["schemas"]
    with app.test_request_context():
        for step in steps.STEPS:
            told = schemas[f"step-{step.slug}"]
            assert set(told["properties"]) == set(step.field_names())
            assert all(one["description"] for one in told["properties"].values())
    research = schemas["step-research"]
    assert research["required"] == ["research_depth", "content_types"]
    depth = research["properties"]["research_depth"]
    assert depth["enum"] == ["Basic", "Standard", "Comprehensive", "Expert"]
    assert research["properties"]["auto_research"]["default"] is True
    assert schemas["step-persona"]["properties"]["audience"]["maxLength"] == 500
    key = schemas["step-api-keys"]["properties"]["openai"]
    assert (key["writeOnly"], key["format"]) == (True, "password")


def test_what_the_document_says_of_types_is_what_is_checked() -> None:
    schema = apidoc.body(
        ("a",), a=apidoc.STRING | {"minLength": 2, "maxLength": 3}, b=apidoc.maybe(apidoc.BOOLEAN)
    )
    assert apidoc.faults({"a": "xy", "b": None}, schema) == {}
    assert set(apidoc.faults({"a": "x"}, schema)) == {"a"}
    assert set(apidoc.faults({"a": "wxyz", "b": 0}, schema)) == {"a", "b"}
    assert set(apidoc.faults({"b": [], "c": 1}, schema)) == {"a", "b", "c"}
    assert set(apidoc.faults({"a": None}, schema)) == {"a"}


def test_the_page_tells_the_same_and_needs_nobody_else(app: Flask) -> None:
    page = PageClient(app).get("/api/docs")
    found = described(app)
    text = page.text("//main")
    for path, methods in found["paths"].items():
        for method, one in methods.items():
            assert f"{method.upper()} {path}" in text
            assert one["summary"] in text
            assert page.find(f"//*[@id='{one['operationId']}']")
    for link in page.find("//main//a/@href"):
        anchor = str(link)
        assert anchor.startswith("/api/") or page.find(f"//*[@id='{anchor.removeprefix('#')}']")
    assert not page.find("//main//*[starts-with(@src, 'http')]")
    assert not page.find("//main//script")


def test_the_document_is_the_same_in_every_language_and_no_language_sets_a_cookie(
    app: Flask,
) -> None:
    client = app.test_client()
    tags = {
        client.get("/api/openapi.json", headers={"Accept-Language": one}).headers["ETag"]
        for one in ("en", "de", "ar")
    }
    assert len(tags) == 1
    german = client.get("/api/openapi.json", headers={"Accept-Language": "de"})
    assert german.headers["Content-Language"] == "en"
    document(client.get("/api/onboarding/status?lang=de"))


def test_a_step_that_is_not_asked_is_not_told(make_app: MakeApp, sqlite_url: str) -> None:
    found = described(make_app(sqlite_url, ONBOARDING_STEPS="research"))
    assert set(found["components"]["schemas"]) == {"Problem", "step-research", "step-finish"}


CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance,unsupported_method,"
    "negative_data_rejection,ignored_auth"
)


def fuzz(url: str, seconds: int, examples: int, folder: Path, *more: str) -> str:
    """Schemathesis over the whole document of a server, for a session that holds answers; its
    output, once it found nothing."""
    session_id = walked(url)
    done = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "run", f"{url}/api/openapi.json",
            "--checks", CHECKS, "--max-time", str(seconds), "--max-examples", str(examples),
            "--seed", "7", "--no-color", "--generation-database", "none", "--continue-on-failure",
            "-H", f"X-Onboarding-Session: {session_id}", "-H", "Authorization: Bearer token", *more,
        ],
        capture_output=True,
        text=True,
        timeout=seconds + 120,
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    return done.stdout


def walked(url: str) -> str:
    """A session of the server that is complete, and a key of a user."""
    session_id = ""
    for path, body in [
        ("start", {}),
        *((f"step/{slug}/complete", {"data": data}) for slug, data in GOOD.items()),
    ]:
        request = Request(
            f"{url}/api/onboarding/{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"} | {"X-Onboarding-Session": session_id},
        )
        with urlopen(request, timeout=20) as response:
            session_id = session_id or json.load(response)["session_id"]
    return session_id


@pytest.mark.long
def test_schemathesis_finds_no_fault(
    start_server: StartServer, sqlite_url: str, tmp_path: Path
) -> None:
    server = start_server(sqlite_url, SERVICE_TOKEN="token", CLEANUP_TOKEN="token")
    fuzz(server.url, 14, 12, tmp_path, "--phases", "examples,coverage,fuzzing")
    assert "Traceback" not in server.output()


@pytest.mark.long
def test_schemathesis_finds_no_fault_in_the_depth(
    start_server: StartServer, postgres_url: str, tmp_path: Path, app: Flask
) -> None:
    server = start_server(postgres_url, SERVICE_TOKEN="token", CLEANUP_TOKEN="token")
    faulthandler.cancel_dump_traceback_later()  # pytest's own: this takes its time
    out = fuzz(server.url, 150, 200, tmp_path)
    assert "Traceback" not in server.output(), out
    assert ApiClient(app).get("config")["total_steps"] == len(GOOD)
