"""Every statement of the request path, the cleanup and the workers finds its rows by an index.

What is sent is collected while everything is done once, so that a new query is covered unaided, and
the database is then asked how it would go about it. SQLite is asked without statistics. PostgreSQL
is asked with some thousands of rows in each table, and may read a table from one end to the other
only where nothing else is possible at all.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, UniqueConstraint, event

from tests.journeys.test_resume_links import click, make, path_on
from tests.journeys.walk import ANSWERS, SLUGS, path_of, walk
from tests.support.jwks import KEY, jwks_server
from tests.support.pages import PageClient, PageForm
from tests.support.site import SiteServer
from webapp import jobs, tally
from webapp.extensions import Base, db
from webapp.operators import cleanup
from webapp.wizard import history

SMALL = {
    # table -> why it is small, or may be read whole
    "alembic_version": "one row",
    "jobs": "a thousand rows at most (`jobs.queue.QUEUE_LIMIT`)",
    "funnel_counts": "grows with days, not with sessions",
    "analysis_counts": "grows with days, not with sessions",
    "host_turns": "a row for each website that is being read",
    "funnel_events": "a log, read from its beginning by LIMIT, and emptied by whoever reads it",
}


@contextmanager
def collected(app: Flask) -> Iterator[dict[str, Any]]:
    """Statement -> parameters of one of its executions, of all that is sent in the block."""
    found: dict[str, Any] = {}

    def keep(_conn: Any, _cursor: Any, sql: str, values: Any, _ctx: Any, many: bool) -> None:
        if re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", sql, re.IGNORECASE):
            found.setdefault(sql, values[0] if many else values)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", keep)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", keep)


def scans(connection: Connection, sql: str, values: Any) -> set[str]:
    """The tables that this statement would read from one end to the other."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values).all()
        plan = [str(row[3]) for row in rows]
        # "SCAN t USING INDEX" goes through all of t too, if in order; with a LIMIT that is right.
        pattern = r"SCAN (\w+)\b(?! USING)" if _is_bounded(sql) else r"SCAN (\w+)"
        made_anew = r"SEARCH (\w+) USING AUTOMATIC"
        matches = [re.match(rf"{pattern}|{made_anew}", line) for line in plan]
        names = {match[1] or match[2] for match in matches if match}
        tables = {_table(sql, name) for name in names}
        return tables & set(Base.metadata.tables)  # not what a part of the statement has made
    plan_rows = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON, COSTS OFF) {sql}", values)
    found: set[str] = set()
    nodes = [plan_rows.scalar_one()[0]["Plan"]]
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        if node["Node Type"] == "Seq Scan":
            found.add(node["Relation Name"])
        if (name := node.get("Index Name")) and not _is_bounded(sql):
            first = _first_column(connection, name)
            if first not in node.get("Index Cond", ""):
                found.add(_table_of_index(connection, name))  # the whole index, row by row
    return found


def _first_column(connection: Connection, index: str) -> str:
    query = "SELECT pg_get_indexdef(to_regclass(%s), 1, true)"
    return str(connection.exec_driver_sql(query, (index,)).scalar_one())


def _table_of_index(connection: Connection, index: str) -> str:
    query = "SELECT indrelid::regclass::text FROM pg_index WHERE indexrelid = to_regclass(%s)"
    return str(connection.exec_driver_sql(query, (index,)).scalar_one())


def _is_bounded(sql: str) -> bool:
    return " LIMIT " in " ".join(sql.upper().split())


def _table(sql: str, name: str) -> str:
    """The table behind an alias of the statement."""
    match = re.search(rf"(\w+) (?:AS )?{name}\b", sql)
    known = Base.metadata.tables
    return match[1] if name not in known and match and match[1] in known else name


def multiply(app: Flask, times: int = 3000) -> None:
    """Copies of a row of each table, each in a session of its own, and statistics of them."""
    new = {
        "session_id": "'copy-' || n", "id": "'copy-' || n", "user_id": "'user-' || n",
        "token_hash": "'hash-' || n", "subject": "'subject-' || n",
    }  # fmt: skip
    with app.app_context(), db.engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            if table.name in SMALL:
                continue
            names = [column.name for column in table.columns]
            values = [new.get(name, f"one.{name}") for name in names]
            connection.exec_driver_sql(
                f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {', '.join(values)} "  # noqa: S608
                f"FROM (SELECT * FROM {table.name} LIMIT 1) AS one, generate_series(1, {times}) n"
            )
        connection.exec_driver_sql("ANALYZE")


def faults(app: Flask, found: dict[str, Any]) -> list[str]:
    """Statements that read a large table whole."""
    told = []
    with app.app_context(), db.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET enable_seqscan = off")
            connection.exec_driver_sql("SET enable_bitmapscan = on")
            connection.exec_driver_sql("SET plan_cache_mode = force_generic_plan")
        for sql, values in found.items():
            for table in sorted(scans(connection, sql, values) - set(SMALL)):
                told.append(f"{table} is read whole by: {' '.join(sql.split())}")
        connection.invalidate()
    return told


def _everything(app: Flask, site: SiteServer) -> None:
    """All that browsers, programs, operators, cron and workers do."""
    client = PageClient(app)
    walk(
        client,
        until="finish",
        changes={"website": {"has_website": "yes", "website_url": site.url()}},
    )
    with app.app_context():
        jobs.run_pending()
    for slug in SLUGS:
        page = client.get(path_of(slug))
        client.flask.post(f"{page.path}/draft", data=page.form().filled(ANSWERS[slug]))
        client.submit(client.get(page.path), ANSWERS[slug], "later")
    phone = PageClient(app)
    click(phone, path_on(make(client)))
    page = client.get(path_of("integrations"))
    client.submit(page, ANSWERS["integrations"], "skip")
    client.submit(client.get(path_of("finish")), ANSWERS["finish"], "save")
    changed = {**ANSWERS["research"], "research_depth": "Basic"}
    stale = client.get(path_of("research"))
    for depth, page in (("Basic", client.get(stale.path)), ("Expert", stale)):
        body = page.form().filled({**changed, "research_depth": depth}, "save")
        client.flask.post(page.path, data=body)  # saved, merged or asked about
    for path in ("", "summary", "history", "reset", "resume-link", "sign-out", "website/analysis"):
        client.flask.get(f"/onboarding/{path}")
    page = client.get("/onboarding/history")
    (form, *_) = page.find("//main//form[@method='post']")
    client.flask.post("/onboarding/history", data=PageForm(form).filled({}))
    api = app.test_client()
    given = api.post("/api/onboarding/start", json={}).get_json()
    headers = {"X-Onboarding-Session": given["session_id"]}
    for slug in SLUGS:
        values = {n: v for n, v in ANSWERS[slug].items() if v is not None}
        values["auto_research"] = False
        data = values if slug == "research" else ANSWERS[slug]
        api.post(f"/api/onboarding/step/{slug}/complete", json={"data": data}, headers=headers)
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/onboarding/") and "GET" in (rule.methods or ()):
            path = re.sub(r"<[^>]*>", "1", rule.rule)
            api.get(path, headers=headers)
            service = {"Authorization": "Bearer service"}
            api.get(re.sub(r"<[^>]*>", "user_1", rule.rule), headers=service)
    user = PageClient(app)
    user.flask.set_cookie("__session", KEY.token("user_1"))
    walk(user, until="research")
    client.submit(client.get("/onboarding/reset"))
    with app.app_context():
        history.prune()
        tally.fold()
        cleanup.run(24, dry_run=True)
        cleanup.run(24)
    operator = {"Authorization": "Bearer operator"}
    for path in ("/operators/", "/operators/funnel.csv?days=all", "/metrics", "/readyz"):
        app.test_client().get(path, headers=operator)


def test_every_statement_finds_its_rows_by_an_index(
    make_app: Callable[..., Flask], any_url: str, site: SiteServer, no_politeness: None
) -> None:
    with jwks_server() as issuer:
        app = make_app(
            any_url,
            FETCH_ALLOW=site.host_port,
            OPERATOR_TOKEN="operator",
            SERVICE_TOKEN="service",
            **issuer.settings,
        )
        with collected(app) as found:
            _everything(app, site)
    text = "\n".join(found)
    if app.config["SQLALCHEMY_DATABASE_URI"].startswith("postgresql"):
        multiply(app)
    told = faults(app, found)
    assert told == [], "\n".join(told)
    untouched = {name for name in Base.metadata.tables if not re.search(rf"\b{name}\b", text)}
    untouched -= {"import_marks", "letters"}  # of the importer, and of a mail server
    assert not untouched, f"nothing was asked of {untouched}: this test does not cover them"
    assert len(found) > 60


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM onboarding_sessions WHERE first_declaration = 'x'",
        "SELECT count(*) FROM step_progress WHERE slug = 'finish'",
        "UPDATE onboarding_sessions SET revision = 1 WHERE device = 'phone'",
        "DELETE FROM step_history WHERE saved_at < '2026-01-01'",
        "SELECT s.id FROM onboarding_sessions AS s JOIN step_progress AS p ON p.slug = s.device "
        "WHERE s.id = 'x'",
    ],
)
def test_a_statement_without_an_index_is_found(
    make_app: Callable[..., Flask], any_url: str, sql: str
) -> None:
    app = make_app(any_url)
    assert faults(app, {sql: ()}) != []
    assert faults(app, {"SELECT id FROM onboarding_sessions WHERE id = 'x'": ()}) == []


# -- where a row lives -----------------------------------------------------------------------------

NOT_OF_A_SESSION = {
    "audit_trail": "outlives the session; one shard, or a table of its own for each",
    "funnel_events": "names nobody; a log that each shard may keep for itself",
    "funnel_counts": "names nobody; sums of days, which can be added over shards",
    "analysis_counts": "names nobody; sums of days, which can be added over shards",
    "host_turns": "about websites that are read, for a minute",
}
LEADS_TO_A_SESSION = {
    "jobs": "the key is the job's own; session_id is a column of it, null for work about nobody",
    "webhooks": "counted, so that a session's events go in their order; session_id is a column",
}


def test_every_table_shards_by_session() -> None:
    """Its key begins with the session, or the row names its session; exceptions have a reason."""
    unknown = []
    for name, table in Base.metadata.tables.items():
        first = next(iter(table.primary_key.columns)).name
        if name == "onboarding_sessions":
            assert first == "id"
        elif first != "session_id" and name not in {**NOT_OF_A_SESSION, **LEADS_TO_A_SESSION}:
            unknown.append(name)
        if name in LEADS_TO_A_SESSION:
            assert first != "session_id", f"{name} is no exception"
            (key,) = table.c.session_id.foreign_keys
            assert key.column.table.name == "onboarding_sessions"
            unique = [c for c in table.constraints if isinstance(c, UniqueConstraint)]
            firsts = [next(iter(one.columns)).name for one in [*table.indexes, *unique]]
            assert "session_id" in firsts, name
        if name in NOT_OF_A_SESSION:
            assert not table.foreign_keys, name
    assert unknown == []
    assert {*NOT_OF_A_SESSION, *LEADS_TO_A_SESSION} <= set(Base.metadata.tables)
