"""No secret is in any log, whatever goes wrong: masked as the record is made, and looked for in the
output of the real server."""

import json
import logging
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from tests.conftest import StartServer
from tests.journeys import walk
from tests.support.databases import TOP
from tests.support.pages import PageClient
from tests.support.visitors import Visitor
from webapp import logs
from webapp.extensions import db

OF_A_REQUEST = {
    *("time", "level", "event", "id", "method", "route", "status", "duration_ms", "statements")
}
UUID = "3f2a91bc-0c4d-4e5f-8a6b-1234567890ab"


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("Authorization: Bearer abc.def-ghi", "abc.def-ghi"),
        ("authorization: basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("{'Authorization': 'Bearer broomstick'}", "broomstick"),
        ('{"openai": "sk-typedKey99"}', "sk-typedKey99"),
        ("sk-ant-typedKey99 was refused", "typedKey99"),
        ("AIzaSyTyped99", "SyTyped99"),
        ("the key ck_pub_typed99", "typed99"),
        ("tvly-typed99", "typed99"),
        ("x-goog-api-key: typed99", "typed99"),
        ("api_key=typed99&x=1", "typed99"),
        ("JSON {'api_key': 'typed99'}", "typed99"),
        ("password=typed99 host=db", "typed99"),
        ("postgresql+psycopg://onward:typed99@db/onward", "typed99"),
        ("redis://:typed99@queue:6379/0", "typed99"),
        ("GET /onboarding/resume/Zk3typed99 HTTP/1.1", "Zk3typed99"),
        ("GET /api/onboarding/status?session_id=" + UUID, UUID),
        ("X-Onboarding-Session: " + UUID, UUID),
        ("no session " + UUID.upper(), UUID.upper()),
        ("Cookie: onward=eyJzaWQiOiJ4In0.aR8x.typed99; theme=dark", "typed99"),
        ("Set-Cookie: __Host-onward=.eJyrVkpMUc.aR8x.typed99; Secure", "typed99"),
        ("__session=eyJhbGciOi.eyJzdWIiOi.typed99", "typed99"),
        ("token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.typed99", "typed99"),
        ("csrf_token=ImEzZ typed99".replace(" ", ""), "typed99"),
        ("seen 0123456789abcdef0123456789abcdef01234567", "0123456789abcdef"),
        ("seen Ab3-_x9Ab3-_x9Ab3-_x9Ab3-_x9Ab3-_x9Ab3-_x9A", "Ab3-_x9Ab3"),
        ("error\nDETAIL:  Failing row contains (1, my own words).\nmore", "my own words"),
    ],
)
def test_what_opens_anything_is_masked(line: str, secret: str) -> None:
    assert secret in line
    assert secret not in logs.mask(line)


@pytest.mark.parametrize(
    "line",
    [
        "database away: OperationalError",
        'File "/srv/onward/webapp/wizard/views.py", line 212, in save_step',
        "CLEANUP_TOKEN is missing: with DEPLOY_ENV other than local it must be set.",
        "INSERT INTO api_keys (session_id, provider, key_id) VALUES (%(session_id)s, %(p)s)",
        "GET /onboarding/api-keys HTTP/1.1 303 12.4 ms",
        "the schema is at 0009_identity, the code needs 0010_audit_trail: run flask db upgrade",
        "could not read https://www.example.com/a-long-path/of-a-page-on-baking-bread-in-2026",
        "CSRF tokens do not match.",
        "Rate limit storage unreachable - falling back to in-memory storage",
    ],
)
def test_what_an_operator_needs_stays(line: str) -> None:
    assert logs.mask(line) == line


def test_lines_of_one_session_still_belong_together() -> None:
    one, again = logs.mask(f"queued for {UUID}"), logs.mask(f"done for {UUID.upper()}")
    assert one.rsplit(" ", 1)[1] == again.rsplit(" ", 1)[1]
    assert one != logs.mask(f"queued for {UUID.replace('3f2a', '3f2b')}")


def test_every_record_is_masked_whoever_logs_it_and_wherever_it_goes(
    caplog: pytest.LogCaptureFixture, app: Flask
) -> None:
    secret = "sk-Wander7Lantern2Quarry9"
    shown: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            shown.append(self.format(record) + repr(record.msg) + repr(record.args))

    for name in ("", "webapp", "some.library", "granian.access"):
        logger, handler = logging.getLogger(name), Collector()
        logger.addHandler(handler)
        try:
            logger.error("typed %s", secret)
            logger.error("typed %(key)s", {"key": secret})
            logger.error("does not fit %d", secret)
            logger.error(f"{secret}", stack_info=True)  # the line itself is in the stack
            try:
                raise ValueError(f"bad key {secret}")
            except ValueError:
                logger.exception("failed")
        finally:
            logger.removeHandler(handler)
    assert len(shown) >= 20
    assert secret not in "".join(shown)
    assert secret not in caplog.text
    assert any("ValueError: bad key [hidden]" in one for one in shown), "the rest is told"


def test_the_settings_own_secrets_are_masked_wherever_they_stand(app: Flask) -> None:
    key = app.extensions["settings"].secret_key
    assert logs.mask(f"signed with {key}.") == f"signed with {logs.HIDDEN}."


def test_a_process_that_dies_of_an_exception_prints_it_masked() -> None:
    code = (
        "import threading\nfrom webapp import logs\nlogs.init()\nlogs.mask_crashes()\n"
        "def fail(): raise ValueError('bad ' + 'sk-' + 'Wander7Lantern2')\n"
        "thread = threading.Thread(target=fail)\nthread.start()\nthread.join()\nfail()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=TOP, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr.count("ValueError: bad [hidden]") == 2
    assert "Wander7" not in done.stderr + done.stdout


def test_a_statement_that_fails_tells_no_value(
    any_app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    """PostgreSQL quotes the whole row in its detail."""

    def fail() -> str:
        session = {"id": UUID, "declaration": "my own words, not for the log"}
        db.session.execute(
            text(
                "INSERT INTO onboarding_sessions (id, first_declaration) VALUES (:id, :declaration)"
            ),
            session,
        )
        return ""

    any_app.add_url_rule("/fail", view_func=fail)
    PageClient(any_app).get("/fail", 500)
    assert "IntegrityError" in caplog.text or "NotNull" in caplog.text
    assert "my own words" not in caplog.text
    assert UUID not in caplog.text


def test_the_real_server_s_output_holds_no_secret_whatever_goes_wrong(
    start_server: StartServer, sqlite_url: str
) -> None:
    """A whole journey with the access log on, a refused save, a database that fails, a fault of
    ours, wrong and right tokens."""
    server = start_server(
        sqlite_url,
        workers=1,
        CLEANUP_TOKEN="broomstick-of-the-operator",
        GRANIAN_LOG_ACCESS_ENABLED="true",
        GRANIAN_LOG_ACCESS_FMT=(
            "%(method)s %(path)s?%(query_string)s '%(header{cookie})s' %(status)d"
        ),
        GRANIAN_LOG_LEVEL="info",
    )
    visitor = Visitor(server.url)
    secrets = {*walk.KEYS.values(), "broomstick-of-the-operator"}

    def remember() -> None:
        secrets.update({*visitor.cookies.values(), str(visitor.session_id)} - {"None"})

    page = visitor.follow(visitor.submit(visitor.get("/onboarding/")))
    refused = {"openai": "sk-Refused7Lantern2 Quarry9", "exa": walk.KEYS["exa"]}
    assert visitor.submit(page, refused, "save").status == 422
    secrets |= {"Refused7Lantern2"}
    for slug in walk.SLUGS[:-1]:
        page = visitor.get(f"/onboarding/{slug}")
        sent = {**walk.KEYS, "csrf_token": page.form().values()["csrf_token"]}
        secrets.add(sent["csrf_token"])
        assert visitor.submit(page, walk.ANSWERS[slug], "save").status == 303
        remember()
    made = visitor.submit(visitor.get("/onboarding/resume-link"))
    link = str(made.find("//p[contains(@class, 'resume-address')]//a/@href")[0])
    secrets.add(link.rsplit("/", 1)[1])
    other = Visitor(server.url)
    path = link.removeprefix(server.url).removeprefix("http://localhost")
    assert other.submit(other.get(path)).status == 303
    secrets |= set(other.cookies.values())
    visitor.get(f"/api/onboarding/status?session_id={visitor.session_id}")
    visitor.post("/onboarding/research", {"csrf_token": "old", "revision": "x"})
    # What is stored is broken by somebody: a fault of ours, then a database that fails.
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as database:
        database.execute("UPDATE research_preferences SET content_types = '{broken'")
    assert visitor.get("/onboarding/research").status == 500
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as database:
        database.execute("ALTER TABLE api_keys RENAME TO gone")
    assert visitor.get("/onboarding/api-keys").status in (500, 503)
    assert visitor.post("/onboarding/api-keys", sent).status in (500, 503)
    remember()
    output = server.output()
    assert "GET /onboarding/api-keys?" in output, "the access log is on"
    assert "/onboarding/resume/[hidden]" in output
    assert "Traceback" in output
    leaked = {secret for secret in secrets if secret in output}
    assert leaked == set()
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    told = [line for line in lines if line["event"] == "request"]
    assert all(set(line) == OF_A_REQUEST for line in told)
    assert {line["route"] for line in told} >= {
        "/onboarding/<slug>", "/onboarding/resume/<token>", "/api/onboarding/status"
    }  # fmt: skip
    typed = [str(value) for slug in walk.SLUGS for value in walk.ANSWERS[slug].values() if value]
    request_lines = [line for line in output.splitlines() if '"event": "request"' in line]
    for line in request_lines:
        assert "?" not in line
        assert not [one for one in typed if len(one) > 8 and one in line]
    faults = [line for line in lines if line["event"] == "log" and "Traceback" in str(line)]
    assert faults
    assert {line["id"] for line in faults} <= {line["id"] for line in told}, "each has its request"
    assert visitor.get("/metrics").status == 200
    assert not {secret for secret in secrets if secret in visitor.get("/metrics").source}
    for path_of_log in Path(server.log).parent.glob("*.log"):
        assert not any(secret in path_of_log.read_text() for secret in secrets)
