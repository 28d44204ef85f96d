"""The examples of docs/api.md, run as they stand, and a journey of one step over a kill."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from flask import Flask

from tests.conftest import MakeApp, StartServer
from tests.support.site import SiteServer
from webapp.identity.caller import Caller
from webapp.wizard import store

TOP = Path(__file__).resolve().parents[2]
DOCS = TOP / "docs" / "api.md"
BESIDE = {"/api/docs", "/api/openapi.json"}
"""What needs no example."""


def blocks(kind: str) -> list[str]:
    """The code blocks of the page in this language."""
    return re.findall(rf"```{kind}\n(.*?)```", DOCS.read_text(), re.DOTALL)


def called(source: str) -> set[tuple[str, str]]:
    """(method, path behind BASE) of every curl in a script."""
    found = set()
    for command in re.split(r"\bcurl\b", source.replace("\\\n", " "))[1:]:
        path = re.search(r'"\$BASE(/[^"]*)"', command)
        method = re.search(r"-X (\w+)", command)
        assert path, command
        found.add((method.group(1) if method else "GET", path.group(1)))
    return found


def test_every_operation_has_an_example(app: Flask) -> None:
    shown = set()
    for method, path in called("\n".join(blocks("sh"))):
        concrete = re.sub(r"\$\w+", "x", path).partition("?")[0]
        rule, _values = app.url_map.bind("localhost").match(
            f"/api/onboarding{concrete}", method, return_rule=True
        )
        shown.add((method, rule.rule))
    served = {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api") and rule.rule not in BESIDE
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert served - shown == set(), "add an example to docs/api.md"


@pytest.mark.skipif(shutil.which("curl") is None, reason="There is no curl to run the examples.")
def test_the_examples_run_as_they_stand(
    start_server: StartServer, make_app: MakeApp, sqlite_url: str, site: SiteServer, tmp_path: Path
) -> None:
    from tests.api.client import GOOD, ApiClient
    from tests.journeys.walk import sql

    tokens = {"SERVICE_TOKEN": "a token of services", "CLEANUP_TOKEN": "a token of cron"}
    app = make_app(sqlite_url, **tokens)
    client = ApiClient.started(app)
    client.save("api-keys", **GOOD["api-keys"])
    sql(app, "UPDATE onboarding_sessions SET user_id = 'user/1' WHERE completed = false")
    server = start_server(sqlite_url, FETCH_ALLOW=site.host_port, **tokens)
    script = "\n".join(blocks("sh"))
    for told, real in [
        ("http://127.0.0.1:8000", server.url),
        ("https://example.com", site.url("/").rstrip("/")),
    ]:
        assert script.count(told) == 1, "the examples name their addresses once"
        script = script.replace(told, real)
    done = subprocess.run(
        ["bash", "-euo", "pipefail"],
        input=script,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path), "NO_PROXY": "*"}
        | tokens,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    found = documents(done.stdout)
    problems = [one for one in found if "status" in one and "detail" in one]
    assert [one["status"] for one in problems] == [422, 409, 404]
    assert problems[0]["errors"].keys() == {"persona_name", "tone"}
    assert any(one.get("api_key", "").startswith("sk-") for one in found), "the key in clear"
    assert any(one.get("first_declaration") for one in found), "the summary"
    told = [json.loads(block.replace("…", "x")) for block in blocks("json")]
    assert set(told[0]) == next(set(one) for one in found if "step_number" in one)
    assert told[1]["errors"] == problems[0]["errors"]
    assert told[1]["detail"] == problems[0]["detail"]
    session_ids = re.findall(r'"session_id":"([0-9a-f-]{36})"', done.stdout)
    assert session_ids
    assert not [one for one in session_ids if one in server.output()], "no id in any log"


def documents(text: str) -> list[dict[str, Any]]:
    """The JSON objects that were printed one after the other."""
    decoder, found, at = json.JSONDecoder(), [], 0
    while (at := text.find("{", at)) >= 0:
        value, at = decoder.raw_decode(text, at)
        found.append(value)
    return found


def ask(url: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
    """Status and document of a GET, or of a POST with a body."""
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data, {"Content-Type": "application/json"})
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=20) as response:
            return response.status, json.load(response)
    except HTTPError as error:
        return error.code, json.load(error)


def test_start_declare_complete_is_a_journey_and_outlives_a_kill(
    start_server: StartServer, sqlite_url: str
) -> None:
    server = start_server(sqlite_url, workers=1, ONBOARDING_STEPS="finish")
    base = f"{server.url}/api/onboarding"
    _status, begun = ask(f"{base}/start", {})
    session_id = begun["session_id"]
    assert begun["current_step"] == "finish"
    body = {"declaration": "To teach 12 bakers in Leeds how rye rises.", "session_id": session_id}
    status, block = ask(f"{base}/first-declaration", body)
    assert (status, block["layer"], block["edges"]) == (200, 1, [])
    server.kill()
    server.start()
    status, found = ask(f"{base}/status?session_id={session_id}")
    assert (found["completed"], found["first_kblock_id"]) == (True, block["kblock_id"])
    status, done = ask(f"{base}/complete", {"session_id": session_id})
    assert (status, done["success"], done["persona_generated"]) == (200, True, False)
    status, summary = ask(f"{base}/summary?session_id={session_id}")
    assert summary["first_declaration"] == body["declaration"]
    # Without any session one is opened, and is complete at once.
    status, alone = ask(f"{base}/first-declaration", {"declaration": "Bread."})
    assert alone["session_id"] != session_id
    assert ask(f"{base}/status?session_id={alone['session_id']}")[1]["completed"] is True
    assert alone["loss"] > block["loss"]
    for secret in (session_id, alone["session_id"]):
        assert secret not in server.output(), "an address with a session id was logged"


def test_the_functions_of_the_docs_are_there(app: Flask) -> None:
    (source,) = blocks("python")
    with app.app_context():
        store.open_session(Caller(None, user_id="user/1"))
        names: dict[str, Any] = {}
        imports = [line for line in source.splitlines() if line.startswith("from webapp.product")]
        exec("\n".join(imports), names)  # noqa: S102 - the page's own lines
        assert names["status_of"]("user/1")["completed"] is False
        assert names["ai_inputs_of"]("user/1")["version"] == 1
        assert names["summary_of"]("user/1")["api_keys"] == {}
        assert names["api_key_for"]("user/1", "openai") is None
