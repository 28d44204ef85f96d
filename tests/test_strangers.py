"""Nobody reaches what is not theirs: every route of the URL map, as a stranger, as another user and
without identity, with the ids of somebody else in its address, its header, its query and its body.

Whoever adds a route adds a line to `ROUTES`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.journeys.walk import ANSWERS, SAME_ORIGIN, sql, walk
from tests.support.jwks import KEY, JwksServer, jwks_server, new_key
from tests.support.pages import PageClient
from tests.wizard.samples import snapshot

SIGN_IN = "https://accounts.example.com/sign-in"
MARK = "wombat"
"""Is in everything that the victim has typed, and in nothing else."""
VICTIMS_KEY = "sk-Wander7Lantern2Quarry9ZqXj"
TOKENS = {
    "OPERATOR_TOKEN": "operators-only-0123456789",
    "SERVICE_TOKEN": "services-only-0123456789",
    "CLEANUP_TOKEN": "cron-only-0123456789",
}


@dataclass(frozen=True)
class Way:
    """How a stranger is kept out of a route."""

    kind: str
    """`public`: it holds nothing of anybody's. `own`: it finds the caller's own session and no
    other. `token`: it takes a token of the operator's. `link`: it takes the token in its address.
    """
    shows: bool = False
    """The victim sees their own words or ids there: so would a stranger, if they got in."""
    sent: Mapping[str, Any] = field(default_factory=dict)
    """What is posted, beside the ids of the victim."""


PUBLIC, OWN, SHOWN, TOKEN = Way("public"), Way("own"), Way("own", shows=True), Way("token")
API = "/api/onboarding"
DETECTION = f"{API}/style-detection"
USERS = f"{API}/users/<everything:user_id>"

ROUTES: dict[str, Way] = {
    # method and rule -> how a stranger is kept out
    "GET /": PUBLIC,
    "GET /static/<path:filename>": PUBLIC,
    "GET /favicon.ico": PUBLIC,
    "GET /brand.css": PUBLIC,
    "GET /brand-logo": PUBLIC,
    "GET /accessibility": PUBLIC,
    "POST /theme": PUBLIC,
    "GET /healthz": PUBLIC,
    "GET /readyz": PUBLIC,
    "GET /api/docs": PUBLIC,
    "GET /api/openapi.json": PUBLIC,
    "GET /onboarding/sign-in": PUBLIC,
    "GET /onboarding/start": PUBLIC,
    "GET /onboarding/resume-link/<link_id>/revoke": PUBLIC,
    # the pages
    "GET /onboarding/": OWN,
    "POST /onboarding/start": OWN,
    "GET /onboarding/<slug>": SHOWN,
    "POST /onboarding/<slug>": Way("own", sent={"action": "save", **ANSWERS["website"]}),
    "POST /onboarding/<slug>/draft": Way("own", sent={"industry": "mine now"}),
    "GET /onboarding/<slug>/<name>": SHOWN,
    "GET /onboarding/adopt": OWN,
    "POST /onboarding/adopt": Way("own", sent={"action": "device"}),
    "GET /onboarding/history": SHOWN,
    "POST /onboarding/history": Way("own", sent={"slug": "website", "save": "2"}),
    "GET /onboarding/reset": OWN,
    "POST /onboarding/reset": OWN,
    "GET /onboarding/resume-link": SHOWN,
    "POST /onboarding/resume-link": OWN,
    "POST /onboarding/resume-link/<link_id>/revoke": OWN,
    "GET /onboarding/resume/<token>": Way("link"),
    "POST /onboarding/resume/<token>": Way("link"),
    "GET /onboarding/sign-out": OWN,
    "POST /onboarding/sign-out": OWN,
    "GET /onboarding/summary": SHOWN,
    "GET /onboarding/your-data": OWN,
    "GET /onboarding/your-data/export": OWN,
    "POST /onboarding/your-data/export": SHOWN,
    "GET /onboarding/your-data/erase": OWN,
    "POST /onboarding/your-data/erase": OWN,
    # the API
    f"GET {API}/config": PUBLIC,
    f"GET {API}/csrf-token": PUBLIC,
    f"GET {API}/providers": PUBLIC,
    f"GET {API}/providers/<provider>": PUBLIC,
    f"POST {API}/providers/<provider>/validate": Way("public", sent={"api_key": "x" * 30}),
    f"GET {API}/ai-inputs": SHOWN,
    f"GET {API}/api-keys": SHOWN,
    f"POST {API}/api-keys": Way("own", sent={"provider": "openai", "api_key": "sk-" + "x" * 30}),
    f"DELETE {API}/api-keys/<provider>": OWN,
    f"POST {API}/complete": OWN,
    f"POST {API}/first-declaration": Way("own", sent={"declaration": "Mine now."}),
    f"GET {API}/persona": SHOWN,
    f"GET {API}/progress": SHOWN,
    f"GET {API}/research-preferences": SHOWN,
    f"POST {API}/reset": OWN,
    f"GET {API}/resume": OWN,
    f"POST {API}/start": OWN,
    f"GET {API}/status": SHOWN,
    f"GET {API}/step/<n>": SHOWN,
    f"POST {API}/step/<n>/complete": Way("own", sent={"data": ANSWERS["website"]}),
    f"POST {API}/step/<n>/skip": OWN,
    f"GET {API}/step/<n>/validate": OWN,
    f"GET {API}/summary": SHOWN,
    f"GET {API}/website-analysis": SHOWN,
    f"GET {DETECTION}/analysis/<id>": SHOWN,
    f"DELETE {DETECTION}/analysis/<id>": OWN,
    f"GET {DETECTION}/check-existing/<everything:url>": SHOWN,
    f"POST {DETECTION}/complete": Way("own", sent={"text_sample": "It is only a sample. " * 9}),
    f"GET {DETECTION}/session-analyses": SHOWN,
    # with a token of the operator's
    f"POST {API}/cleanup": TOKEN,
    f"GET {USERS}/ai-inputs": TOKEN,
    f"GET {USERS}/api-keys/<last:provider>": TOKEN,
    f"GET {USERS}/status": TOKEN,
    f"GET {USERS}/summary": TOKEN,
    "GET /metrics": TOKEN,
    "GET /operators/": TOKEN,
    "GET /operators/funnel.csv": TOKEN,
    "GET /operators/sign-in": PUBLIC,
    "POST /operators/sign-in": Way("token", sent={"token": "a guess"}),
    "POST /operators/sign-out": PUBLIC,
}


Caller = Callable[[], tuple[FlaskClient, dict[str, Any]]]
"""A fresh client of somebody, and what they send along."""


@dataclass
class Victim:
    """A user who has answered everything, what a stranger may know of them, and what they show."""

    client: PageClient
    session_id: str
    ids: dict[str, str]
    form: dict[str, str]

    @property
    def marks(self) -> set[str]:
        """What no stranger is to see, beside their words."""
        ids = {self.session_id, self.ids["link_id"], self.ids["id"]}
        return {MARK, VICTIMS_KEY[-4:].lower(), *ids}


def known_rules(app: Flask) -> list[str]:
    """Method and rule of every route of the application."""
    methods = ("GET", "POST", "PUT", "PATCH", "DELETE")
    rules = list(app.url_map.iter_rules())
    return sorted(f"{m} {rule.rule}" for m in methods for rule in rules if m in rule.methods)


@pytest.fixture(scope="module")
def issuer() -> Iterator[JwksServer]:
    """Who signs the users in."""
    with jwks_server() as running:
        yield running


@pytest.fixture
def app(make_app: Callable[..., Flask], sqlite_url: str, issuer: JwksServer) -> Flask:
    """Every route there can be, but for those of `SIGN_IN_URL`."""
    return make_app(sqlite_url, **issuer.settings, **TOKENS)


@pytest.fixture
def closed_app(make_app: Callable[..., Flask], sqlite_url: str, issuer: JwksServer) -> Flask:
    """The same on the same database, where everybody has to sign in."""
    return make_app(sqlite_url, **issuer.settings, **TOKENS, SIGN_IN_URL=SIGN_IN)


@pytest.fixture
def victim(app: Flask) -> Victim:
    """Signed in, finished, with a site being read, a draft, a resume link."""
    client = PageClient(app)
    client.flask.set_cookie("__session", KEY.token("the victim"))
    words = {"has_website": "yes", "website_url": f"{MARK}.example", "industry": MARK}
    texts: dict[str, dict[str, Any]] = {
        "api-keys": {"openai": VICTIMS_KEY},
        "website": words,
        "research": {"competitors": f"{MARK}-rival.example"},
        "persona": {"persona_name": MARK, "audience": f"{MARK}s"},
        "integrations": {"notify_email": f"{MARK}@example.com"},
        "finish": {"first_declaration": f"To tell of {MARK}s."},
    }
    walk(client, changes=texts)
    token = client.get("/onboarding/reset").form().values()["csrf_token"]
    client.post("/onboarding/resume-link", {"csrf_token": token}, 200)
    session_id, link_id, analysis = (
        str(sql(app, f"SELECT id FROM {table}")[0][0])  # noqa: S608 - our own names
        for table in ("onboarding_sessions", "resume_links", "website_analyses")
    )
    ids = {
        "slug": "website", "name": "analysis", "link_id": link_id, "token": "a-guess",
        "filename": "css/app.css", "n": "website", "id": analysis, "provider": "openai",
        "user_id": "the victim", "url": f"https://{MARK}.example",
    }  # fmt: skip
    values = client.get("/onboarding/website").form().values()
    form = {name: values[name] for name in ("revision", "csrf_token")}
    return Victim(client, session_id, ids, form)


def test_every_route_has_a_line_here(app: Flask) -> None:
    missing = [rule for rule in known_rules(app) if rule not in ROUTES]
    assert missing == [], (
        "these routes have no line in ROUTES of tests/test_strangers.py: say how a stranger is "
        "kept out of them (public, own, token, link)"
    )


def ask(
    app: Flask,
    client: FlaskClient,
    rule: str,
    victim: Victim,
    *,
    token: Mapping[str, str] | None = None,
    ids: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
) -> TestResponse:
    """Send a request to this route with everything in it that a stranger could know of the victim.
    `token` goes into a form, `ids` into a JSON body."""
    method, path = rule.split(" ", 1)
    rules = [one for one in app.url_map.iter_rules() if one.rule == path]
    found = next(one for one in rules if method in (one.methods or ()))
    values = {name: victim.ids[name] for name in found.arguments}
    address = app.url_map.bind("localhost").build(found.endpoint, values, method=method)
    sent = ROUTES[rule].sent
    body: dict[str, Any] = {}
    if method != "GET" and path.startswith("/api/"):
        body["json"] = {**sent, **(ids or {})}
    elif method != "GET":
        body["data"] = {**victim.form, **sent, **(token or {})}
    everything = {**SAME_ORIGIN, **(headers or {})}
    options: dict[str, Any] = {"headers": everything, "query_string": query, "buffered": True}
    return client.open(address, method=method, **options, **body)


def leaks(answer: TestResponse, victim: Victim) -> list[str]:
    """What of the victim's is in an answer, its headers too."""
    text = f"{answer.get_data().decode(errors='replace')} {answer.headers}".lower()
    plain = _RANDOM.sub("", text)  # a token of hundreds of letters may hold any four of them
    return [mark for mark in victim.marks if mark in (text if len(mark) > 8 else plain)]


_RANDOM = re.compile(r"[\w=.-]{60,}")


def browsers(app: Flask, victim: Victim) -> dict[str, Caller]:
    """Each of the callers who are somebody else: a new client with their cookies, and what they
    send along."""
    made: dict[str, tuple[PageClient, dict[str, str]]] = {}
    for name, user in (("nobody yet", ""), ("anonymous", ""), ("another user", "another user")):
        client = PageClient(app)
        if user:
            client.flask.set_cookie("__session", KEY.token(user))
        page = client.get("/onboarding/")
        if name != "nobody yet":
            walk(client)
            page = client.get("/onboarding/website")
        made[name] = client, {"csrf_token": page.form().values()["csrf_token"]}

    def browser(name: str) -> Caller:
        def fresh() -> tuple[FlaskClient, dict[str, Any]]:
            client, token = made[name]
            copy = app.test_client()
            for cookie in ("onward", "__session"):
                if (value := client.flask.get_cookie(cookie)) is not None:
                    copy.set_cookie(cookie, value.value)
            headers = {"X-CSRFToken": token["csrf_token"]}
            return copy, {"token": token, "headers": headers}

        return fresh

    found = {name: browser(name) for name in made}

    def with_bearer() -> tuple[FlaskClient, dict[str, Any]]:
        return app.test_client(), {
            "headers": {"Authorization": f"Bearer {KEY.token('another user')}"}
        }

    def by_id(**sent: Any) -> Caller:
        return lambda: (app.test_client(), dict(sent))

    sid = victim.session_id
    return found | {
        "a user by bearer": with_bearer,
        "the id in a header": by_id(headers={"X-Onboarding-Session": sid}),
        "the id in the query": by_id(query={"session_id": sid}),
        "the id in the body": by_id(ids={"session_id": sid}),
    }


def in_order(app: Flask) -> list[str]:
    """Reading first; what deletes the caller's own answers last."""
    last = ("DELETE", "reset", "sign-out", "adopt", "erase")
    return sorted(
        known_rules(app), key=lambda r: (any(x in r for x in last), not r.startswith("GET"), r)
    )


def test_no_route_gives_a_stranger_what_is_somebody_else_s_nor_changes_it(
    app: Flask, victim: Victim
) -> None:
    with app.app_context():
        before = snapshot(victim.session_id)
    faults = []
    callers = browsers(app, victim)
    for rule in in_order(app):
        way = ROUTES[rule]
        for name, fresh in callers.items():
            client, more = fresh()
            in_body = name == "the id in the body" and rule.startswith("GET")
            if in_body or (name.startswith("the id") and not rule.split()[1].startswith("/api/")):
                continue
            answer = ask(app, client, rule, victim, **more)
            if answer.status_code >= 500 and way.kind != "token":
                faults.append(f"{rule} as {name}: {answer.status_code}")
            found = leaks(answer, victim)
            if name.startswith("the id"):  # what they sent themselves may come back
                found = [mark for mark in found if mark != victim.session_id]
            if found:
                faults.append(f"{rule} as {name} tells {found}: {answer.status_code}")
            if way.kind == "token" and answer.status_code not in {303, 400, 401, 403, 404}:
                faults.append(f"{rule} as {name} without its token: {answer.status_code}")
            if (
                name.startswith("the id")
                and way.kind == "own"
                and answer.status_code not in {404, 422}
            ):
                faults.append(f"{rule} by {name} is not 404: {answer.status_code}")
    assert not faults, "\n".join(faults)
    with app.app_context():
        after = snapshot(victim.session_id)
    changed = [table for table in before if before[table] != after[table]]
    assert changed == [], "a stranger changed rows of the victim's"


def test_the_same_requests_do_show_the_owner_what_is_theirs(app: Flask, victim: Victim) -> None:
    """Or the test above would find nothing whatever happened."""
    blind = []
    for rule, way in ROUTES.items():
        if way.shows:
            answer = ask(app, victim.client.flask, rule, victim)
            if not leaks(answer, victim):
                blind.append(f"{rule}: {answer.status_code} {answer.headers.get('Location', '')}")
    assert blind == []


def test_a_forged_token_is_401_on_every_route_that_asks_who_calls(
    app: Flask, victim: Victim
) -> None:
    forged = new_key(KEY.kid, "ES256").token("the victim")
    cookie = victim.client.flask.get_cookie("onward")
    assert cookie is not None
    token = {"csrf_token": victim.form["csrf_token"]}
    faults = []
    for rule in in_order(app):
        if ROUTES[rule].kind == "own":
            client = app.test_client()
            client.set_cookie("onward", cookie.value)
            client.set_cookie("__session", forged)
            headers = {"X-CSRFToken": token["csrf_token"]}
            answer = ask(app, client, rule, victim, token=token, headers=headers)
            if answer.status_code != 401 and rule != "POST /onboarding/sign-out":
                faults.append(f"{rule}: {answer.status_code}")
    assert not faults, "\n".join(faults)
    assert sql(app, "SELECT count(*) FROM onboarding_sessions") == [(1,)]


def test_without_identity_every_page_leads_to_sign_in_and_every_call_is_401(
    closed_app: Flask, victim: Victim
) -> None:
    client = closed_app.test_client()
    token = PageClient(closed_app).get("/accessibility")
    assert token.status == 200
    faults = []
    for rule in in_order(closed_app):
        way = ROUTES[rule]
        if way.kind != "own" or rule.endswith(("sign-out", "/csrf-token")):
            continue
        answer = ask(closed_app, client, rule, victim)
        to_sign_in = answer.headers.get("Location", "").startswith(SIGN_IN)
        is_page = not rule.split()[1].startswith("/api/")
        if is_page and rule.startswith("GET"):
            good = answer.status_code == 303 and to_sign_in
        else:  # a form without a token of ours comes back, saved nowhere
            good = answer.status_code == (400 if is_page else 401)
        if not good or (rule.startswith("GET") and leaks(answer, victim)):
            faults.append(f"{rule}: {answer.status_code} {answer.headers.get('Location', '')}")
    assert not faults, "\n".join(faults)
    assert sql(closed_app, "SELECT count(*) FROM onboarding_sessions") == [(1,)]
