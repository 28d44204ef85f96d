"""What every answer carries, which hosts are answered, and that no unsafe request gets by."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.routing import Rule

from tests.conftest import MakeApp
from tests.support.pages import Page, PageClient
from tests.wizard.samples import save, snapshot, walk

PUBLIC = {"/favicon.ico", "/brand.css", "/brand-logo"}
"""What is the same for everybody, so that caches may keep it, beside the static files."""
TOP = Path(__file__).resolve().parents[1]
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
EXEMPT = {"/api/onboarding/cleanup"}
"""What asks for a token of its own instead of a browser's cookie."""


def paths(app: Flask) -> Iterator[tuple[Rule, str]]:
    """Every route, with an address that leads there."""
    for rule in app.url_map.iter_rules():
        path = rule.rule
        for name in rule.arguments:
            value = {"slug": "website", "name": "analysis", "filename": "css/app.css"}.get(
                name, "x"
            )
            path = re.sub(rf"<(?:\w+:)?{name}>", value, path)
        yield rule, path


@pytest.fixture
def inside(client: PageClient, app: Flask) -> PageClient:
    """A browser with a completed session."""
    client.submit(client.get("/onboarding/"))
    with client.flask.session_transaction() as cookie:
        session_id = str(cookie["sid"])
    with app.app_context():
        walk(session_id)
    return client


def test_every_answer_of_every_route_carries_the_headers(app: Flask, inside: PageClient) -> None:
    seen = 0
    for rule, path in paths(app):
        for method in sorted((rule.methods or set()) | {"DELETE"}):
            response = inside.flask.open(path, method=method)
            headers = response.headers
            told = f"{method} {path}: {response.status_code}"
            assert response.status_code < 500 or path.startswith("/api"), told
            assert headers["X-Content-Type-Options"] == "nosniff", told
            assert headers["X-Frame-Options"] == "DENY", told
            assert headers["Referrer-Policy"] == "same-origin", told
            assert headers["Cross-Origin-Opener-Policy"] == "same-origin", told
            assert headers["Cross-Origin-Resource-Policy"] == "same-origin", told
            if response.mimetype == "text/html":
                assert "camera=()" in headers["Permissions-Policy"], told
            policy = headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none';"), told
            assert "frame-ancestors 'none'" in policy, told
            assert "unsafe" not in policy, told
            if path.startswith("/static") or path in PUBLIC:
                assert "Set-Cookie" not in headers, told
            else:
                assert headers["Cache-Control"] == "private, no-store", told
            assert "Server" not in headers, told
            seen += 1
            response.close()
    assert seen > 20


def test_the_policy_lets_nothing_in_but_our_own(client: PageClient) -> None:
    policy = client.get("/onboarding/").headers["Content-Security-Policy"]
    rules = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert re.fullmatch(r"'nonce-[\w-]{16,}'", rules.pop("script-src"))
    assert rules == {
        "default-src": "'none'", "style-src": "'self'", "img-src": "'self'",
        "connect-src": "'self'", "form-action": "'self'", "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }  # fmt: skip


def test_a_static_file_that_is_not_there_is_not_kept_for_a_year(app: Flask) -> None:
    """While servers are upgraded one after the other, an older one may not have it yet."""
    client = app.test_client()
    kept = client.get("/static/css/app.css?v=0123456789ab", buffered=True)
    assert "immutable" in kept.headers["Cache-Control"]
    missing = client.get("/static/css/none.css?v=0123456789ab")
    assert missing.status_code == 404
    assert missing.headers["Cache-Control"] == "private, no-store"


def test_every_page_has_a_nonce_of_its_own(client: PageClient) -> None:
    nonces = set()
    for _ in range(5):
        policy = client.get("/onboarding/").headers["Content-Security-Policy"]
        nonces.add(re.findall(r"'nonce-([^']+)'", policy)[0])
    assert len(nonces) == 5


def test_a_static_file_is_kept_for_a_year_under_the_address_that_names_its_content(
    client: PageClient,
) -> None:
    (address,) = client.get("/onboarding/").find("//link[contains(@href, 'app.css')]/@href")
    with client.flask.get(str(address)) as response:
        kept = response.headers["Cache-Control"]
    assert "max-age=31536000" in kept
    assert "immutable" in kept
    with client.flask.get(str(address).partition("?")[0]) as response:
        bare = response.headers["Cache-Control"]
    assert "immutable" not in bare
    assert "max-age" not in bare


# Hosts.


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "localhost:8000", "[::1]:8000", "[::1]"]
)
def test_without_a_public_address_this_machine_s_names_are_answered(app: Flask, host: str) -> None:
    response = app.test_client().get("/onboarding/", headers={"Host": host})
    assert response.status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "localhost.evil.example", "evil.example:8000", "127.0.0.1.nip.io",
        "192.168.1.5", "[::2]", "localhost@evil.example", "2130706433", "localhost.",
        "", " ", ":8000", "localhost:", "localhost:0x50", "localhost:99999", "localhost:-1",
        "localhost:80:80", "localhost:80@evil.example", "localhost, evil.example", "_localhost",
        "local_host", "localhost/evil.example", "localhost\\evil.example", "localhost#evil",
        "localhost?evil", "//localhost", "http://localhost", "[::1", "::1]", "[localhost]",
        "[::1]evil", "127.1", "127.0.0.1.", "0x7f000001", "localhos\u0442", "localhost\t",
        "[::ffff:127.0.0.1]", "[::1%25lo]", "evil.example:localhost",
    ],
)  # fmt: skip
def test_without_a_public_address_any_other_name_is_400(app: Flask, host: str) -> None:
    response = app.test_client().get("/onboarding/", headers={"Host": host})
    assert response.status_code == 400
    assert b"evil" not in response.data
    assert "Set-Cookie" not in response.headers


def test_a_public_address_is_answered_and_no_other(make_app: MakeApp, sqlite_url: str) -> None:
    app = make_app(sqlite_url, PUBLIC_URL="https://start.example.com/")
    client = app.test_client()
    answers = {
        host: client.get("/onboarding/", headers={"Host": host}).status_code
        for host in ("start.example.com", "START.example.com:443", "start.example.com:8000",
                     "localhost", "example.com", "other.start.example.com", "start.example.com.",
                     "start.example.com.evil.example", "start.example.com:443.evil.example")
    }  # fmt: skip
    assert list(answers.values()) == [200, 200, 200, 400, 400, 400, 400, 400, 400], answers


def test_a_public_address_in_other_letters_or_numbers_is_answered_too(
    make_app: MakeApp, sqlite_url: str
) -> None:
    for address, host in (
        ("https://bäckerei.example", "xn--bckerei-5wa.example"),
        ("http://[2001:db8::1]:8080", "[2001:DB8::1]:8080"),
    ):
        client = make_app(sqlite_url, PUBLIC_URL=address).test_client()
        assert client.get("/onboarding/", headers={"Host": host}).status_code == 200, host
        assert client.get("/onboarding/").status_code == 400, host


def test_links_and_redirects_name_the_public_address_alone(
    make_app: MakeApp, sqlite_url: str
) -> None:
    """Whatever port or case the request had."""
    app = make_app(sqlite_url, PUBLIC_URL="https://start.example.com")
    client = PageClient(app)

    def ask(method: str, path: str, **data: str) -> Page:
        base = "https://START.example.com:8443"
        return Page(path, client.flask.open(path, method=method, data=data, base_url=base))

    secret = ask("GET", "/onboarding/").form().values()["csrf_token"]
    location = ask("POST", "/onboarding/start", csrf_token=secret).headers["Location"]
    assert location == "/onboarding/api-keys"
    page = ask("POST", "/onboarding/resume-link", csrf_token=secret)
    (link,) = page.find("//p[contains(@class, 'resume-address')]//a/@href")
    assert str(link).startswith("https://start.example.com/onboarding/resume/")
    assert "8443" not in page.source


def test_a_form_may_be_answered_by_a_redirect_to_the_sign_in_and_to_nowhere_else(
    make_app: MakeApp, sqlite_url: str
) -> None:
    """Chromium holds redirects of forms to the policy as well."""
    app = make_app(sqlite_url, SIGN_IN_URL="https://accounts.example.com/sign-in?x=1")
    policy = app.test_client().get("/nowhere").headers["Content-Security-Policy"]
    assert "form-action 'self' https://accounts.example.com;" in policy


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_the_probes_answer_to_any_name(app: Flask, path: str) -> None:
    """They are asked by address, from inside a cluster."""
    assert app.test_client().get(path, headers={"Host": "10.1.2.3:8000"}).status_code == 200


def test_the_host_is_checked_before_anything_is_given_back(app: Flask) -> None:
    """A name that was bent to this machine gets no form of ours, whatever it posts."""
    headers = {"Host": "evil.example", "Sec-Fetch-Site": "same-origin"}
    response = app.test_client().post(
        "/onboarding/api-keys", data={"openai": "sk-typed"}, headers=headers
    )
    assert response.status_code == 400
    assert b"<form" not in response.data
    assert b"csrf_token" not in response.data


def test_behind_tls_cookies_demand_it_and_browsers_remember_it(
    make_app: MakeApp, sqlite_url: str
) -> None:
    app = make_app(sqlite_url, PUBLIC_URL="https://start.example.com")
    response = app.test_client().get("/onboarding/", base_url="https://start.example.com")
    assert "HttpOnly" in response.headers["Set-Cookie"]
    client = app.test_client()
    cookies = []
    for _rule, path in paths(app):
        for asked in (path, f"{path}?lang=de&theme=dark"):
            for method in ("GET", "POST"):
                with client.open(
                    asked, method=method, base_url="https://start.example.com"
                ) as answer:
                    cookies += answer.headers.getlist("Set-Cookie")
    assert cookies
    for cookie in cookies:
        assert cookie.startswith("__Host-"), cookie
        for part in ("Secure", "SameSite=Lax", "Path=/"):
            assert part in cookie
        assert "Domain" not in cookie
    assert "max-age=31536000" in response.headers["Strict-Transport-Security"]


def test_without_tls_the_cookie_is_closed_to_scripts_and_other_sites(client: PageClient) -> None:
    page = client.get("/onboarding/")
    cookie = page.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    assert "Strict-Transport-Security" not in page.headers


# Unsafe requests.


def test_every_unsafe_route_refuses_a_request_without_a_token(
    app: Flask, inside: PageClient
) -> None:
    with inside.flask.session_transaction() as cookie:
        session_id = str(cookie["sid"])
    with app.app_context():
        before = snapshot(session_id)
    tried = []
    for rule, path in paths(app):
        for method in UNSAFE:
            if method in (rule.methods or set()) and path not in EXEMPT:
                for token in (None, "made-up", ""):
                    if path.startswith("/api/"):
                        headers = {} if token is None else {"X-CSRFToken": token}
                        response = inside.flask.open(path, method=method, json={}, headers=headers)
                        if response.status_code == 422:  # the API looks at the body before
                            continue
                    else:
                        data = {} if token is None else {"csrf_token": token}
                        response = inside.flask.open(path, method=method, data=data)
                    assert response.status_code == 400, f"{method} {path}: {response.status_code}"
                    tried.append(path)
    pages = {"/onboarding/start", "/onboarding/reset", "/onboarding/website"}
    assert pages | {"/api/onboarding/start", "/api/onboarding/reset"} <= set(tried)
    with app.app_context():
        assert snapshot(session_id) == before


def test_another_browser_s_token_is_refused(app: Flask, inside: PageClient) -> None:
    stranger = PageClient(app)
    token = stranger.get("/onboarding/").form().values()["csrf_token"]
    inside.post("/onboarding/reset", {"csrf_token": token}, status=400)
    assert inside.get("/onboarding/summary").heading


def test_behind_tls_the_browser_s_word_is_held_against_the_public_address(
    make_app: MakeApp, sqlite_url: str
) -> None:
    """The proxy in front speaks HTTP to this server; a browser's Origin says HTTPS."""
    app = make_app(sqlite_url, PUBLIC_URL="https://start.example.com:443")
    for origin, ours in (
        ("https://start.example.com", True), ("http://start.example.com", False),
        ("https://start.example.com:8443", False), ("https://evil.example", False), ("", False),
    ):  # fmt: skip
        headers = {"Origin": origin, "Host": "start.example.com"}
        typed = {"industry": "typed-words"}
        response = app.test_client().post("/onboarding/website", data=typed, headers=headers)
        assert response.status_code == 400
        assert (b"typed-words" in response.data) is ours, origin


def test_tokens_are_compared_in_constant_time() -> None:
    """No source compares what looks like a secret by ==, !=, in or startswith."""
    found = []
    for path in sorted((TOP / "webapp").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare) and isinstance(
                node.ops[0], ast.Eq | ast.NotEq | ast.In | ast.NotIn
            ):
                sides = [ast.unparse(side).lower() for side in (node.left, *node.comparators)]
                secret = re.compile(
                    r"(?:^|[._])(?:\w*_token|secret\w*|signature|password|\w*api_key|token)$"
                )
                if all(secret.search(side) or side.startswith("given") for side in sides):
                    found.append(f"{path.name}:{node.lineno}: {ast.unparse(node)}")
    assert found == []


def test_the_threat_model_and_the_promises_name_tests_that_exist() -> None:
    named = 0
    for text in ("docs/SECURITY.md", "README.md"):
        for path, test in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (TOP / text).read_text()):
            named += 1
            assert (TOP / path).is_file(), path
            assert f"def {test}(" in (TOP / path).read_text() or not test, f"{path}::{test}"
    assert named > 40


def test_no_get_changes_anything(app: Flask, inside: PageClient) -> None:
    with inside.flask.session_transaction() as cookie:
        session_id = str(cookie["sid"])
    with app.app_context():
        before = snapshot(session_id)
    for rule, path in paths(app):
        if "GET" in (rule.methods or set()):
            inside.flask.get(path).close()
    with app.app_context():
        assert snapshot(session_id) == before


def test_what_was_typed_is_given_back_to_a_page_of_ours_alone(
    client: PageClient, app: Flask
) -> None:
    client.submit(client.get("/onboarding/"))
    with client.flask.session_transaction() as cookie:
        session_id = str(cookie["sid"])
    with app.app_context():
        save(session_id, "api-keys")
    ours = [
        {"Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://localhost"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
    ]
    theirs = [
        {}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"}, {"Origin": "https://evil.example"}, {"Origin": "null"},
        {"Origin": "https://localhost"}, {"Origin": "http://localhost:8000"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    ]  # fmt: skip
    typed = {"csrf_token": "old", "industry": "typed-words"}
    for headers in ours:
        page = client.post("/onboarding/website", typed, 400, headers)
        assert page.form().values()["industry"] == "typed-words", headers
    for headers in theirs:
        page = client.post("/onboarding/website", typed, 400, headers)
        assert "typed-words" not in page.source, headers
