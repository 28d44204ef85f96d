"""The operators' page: who may see it, what it shows, and what it costs."""

import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select, text

from tests.bench.fill import fill
from tests.conftest import MakeApp, StartServer
from tests.support.counting import count_statements
from tests.support.pages import Page, PageClient
from tests.wizard.samples import begin, read, step, walk
from webapp import tally
from webapp.extensions import db, transaction
from webapp.operators import dashboard, funnel, words
from webapp.operators.dashboard import safe_cell
from webapp.site import faults
from webapp.tally import Change, Standing
from webapp.types import now
from webapp.wizard.models import OnboardingSession

if TYPE_CHECKING:
    from playwright.sync_api import Browser

TOKEN = "a token of the operators"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
PATHS = ("/operators/", "/operators/funnel.csv", "/operators/sign-in", "/operators/no-such-page")


@pytest.fixture
def operated(make_app: MakeApp, sqlite_url: str) -> Flask:
    """An application with an operator."""
    return make_app(sqlite_url, OPERATOR_TOKEN=TOKEN)


class Origin:
    """A session that was begun so many days ago."""

    def __init__(self, days: int = 0, language: str | None = "en", device: str | None = "desktop"):
        self.created_at = now() - timedelta(days=days)
        self.language, self.device = language, device


def people(number: int, stop: str | None, seconds: float = 30, **origin: Any) -> None:
    """So many who went to this step (None: to the end) and left."""
    slugs = ["api-keys", "website", "research", "persona", "integrations", "finish"]
    with transaction():
        for _ in range(number):
            changes = [Change(tally.STARTED, Standing(), Standing(1))]
            for slug in slugs:
                if slug == stop:
                    changes.append(Change(slug, Standing(), Standing(1)))
                    break
                changes.append(Change(slug, Standing(), Standing(1, 1), seconds))
            tally.count(Origin(**origin), changes)


def signed_in(app: Flask) -> PageClient:
    client = PageClient(app)
    form = client.get("/operators/", 401)
    client.submit(form, {"token": TOKEN}, form="sign-in")
    return client


def row(page: Page, name: str) -> list[str]:
    """The cells of a table's row."""
    cells = page.find(f"//tr[th[normalize-space()='{name}']]/td")
    return [" ".join(str(cell.text_content()).split()) for cell in cells]


# The door.


def test_without_a_configured_token_there_is_nothing(app: Flask) -> None:
    client = PageClient(app)
    for path in PATHS:
        client.get(path, 404, BEARER)
        client.post(path, {"token": ""}, 404)


def test_the_token_opens_the_page_until_it_is_given_back(operated: Flask) -> None:
    client = PageClient(operated)
    form = client.get("/operators/", 401)
    assert form.headers["WWW-Authenticate"].startswith("Bearer")
    assert client.get("/operators/funnel.csv", 401).heading == form.heading
    for wrong in ("", "  ", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "tökén"):
        refused = client.submit(form, {"token": wrong}, form="sign-in", status=401)
        assert refused.title.startswith("Error:")
        assert refused.find("//*[@id='error-summary']//a[@href='#token']")
        assert TOKEN not in refused.source
        client.get("/operators/", 401)
    client.submit(form, {"token": f" {TOKEN}\n"}, form="sign-in")
    page = client.get("/operators/")
    assert client.get("/operators/sign-in", 303).location == "/operators/"
    client.submit(page, form="sign-out")
    client.get("/operators/", 401)


def test_the_token_is_asked_for_by_our_own_form_alone(operated: Flask) -> None:
    """Else another site could sign somebody in."""
    PageClient(operated).post("/operators/sign-in", {"token": TOKEN}, 400)


def test_a_sign_in_ends_after_hours_and_with_its_token(make_app: MakeApp, sqlite_url: str) -> None:
    with time_machine.travel("2026-05-03T10:00:00Z", tick=False) as clock:
        client = signed_in(make_app(sqlite_url, OPERATOR_TOKEN=TOKEN))
        cookie = client.flask.get_cookie("operator")
        assert cookie is not None
        clock.shift(timedelta(hours=11))
        client.get("/operators/")
        other = PageClient(make_app(sqlite_url, OPERATOR_TOKEN="another token by now"))
        other.flask.set_cookie("operator", cookie.value)
        other.get("/operators/", 401)
        forged = PageClient(make_app(sqlite_url, OPERATOR_TOKEN=TOKEN))
        for value in ("", "x", cookie.value[:-1] + ("a" if cookie.value[-1] != "a" else "b")):
            forged.flask.set_cookie("operator", value)
            forged.get("/operators/", 401)
        clock.shift(timedelta(hours=2))
        client.get("/operators/", 401)


def test_the_cookie_is_nobody_else_s(make_app: MakeApp, sqlite_url: str) -> None:
    app = make_app(sqlite_url, OPERATOR_TOKEN=TOKEN, PUBLIC_URL="https://start.example.com")
    client = app.test_client()
    base = {"base_url": "https://start.example.com"}
    form = client.get("/operators/", **base).text
    sent = {"token": TOKEN, "csrf_token": form.split('name="csrf_token" value="')[1].split('"')[0]}
    headers = {"Referer": "https://start.example.com/operators/"}
    answer = client.post("/operators/sign-in", data=sent, headers=headers, **base)
    (cookie,) = [c for c in answer.headers.getlist("Set-Cookie") if "operator=" in c]
    assert cookie.startswith("__Host-operator=")
    assert TOKEN not in cookie
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


def test_a_program_sends_the_token_with_each_request(operated: Flask) -> None:
    client = PageClient(operated)
    for path in ("/operators/", "/operators/funnel.csv"):
        assert "Set-Cookie" not in client.get(path, 200, BEARER).headers or path == "/operators/"
        client.get(path, 200, {"Authorization": f"bearer {TOKEN}"})
        client.get(path, 403, {"Authorization": f"Bearer {TOKEN}x"})
        client.get(path, 401, {"Authorization": "Basic YTpi"})
        client.get(f"{path}?token=a+token+of+the+operators", 401)


def test_guesses_are_limited_and_the_holder_is_not(make_app: MakeApp, sqlite_url: str) -> None:
    client = PageClient(make_app(sqlite_url, OPERATOR_TOKEN=TOKEN, RATE_LIMITS="on"))
    for _ in range(30):  # who comes to the form has guessed nothing
        client.get("/operators/", 401)
        client.get("/operators/", 200, BEARER)
    answers = [
        client.flask.get("/operators/", headers={"Authorization": f"Bearer {n}"}).status_code
        for n in range(25)
    ]
    assert answers[0] == 403
    assert answers[-1] == 429


# What it shows.


def test_before_anybody_begins_it_says_so(operated: Flask) -> None:
    page = signed_in(operated).get("/operators/?days=all")
    assert "Nobody has begun yet." in page.text("//main")
    assert not page.find("//main//table")
    assert "No analysis ended in this time." in page.text("//main")


def test_it_shows_where_people_stop(operated: Flask) -> None:
    with operated.app_context():
        people(4, "api-keys", device="phone", language="de")
        people(1, "website", seconds=100, device=None)
        people(5, None, seconds=25)
        with transaction():
            left = Standing(1), Standing(1, drafts=1)
            tally.count(Origin(), [Change("website", *left)])
            for code in (None, None, "dns_failed", "dns_failed", "robots", "a-new-code"):
                tally.count_analysis(code)
    client = signed_in(operated)
    page = client.get("/operators/")
    assert [t.text_content() for t in page.find("//dl[@class='totals']//dd")] == ["10", "5", "50%"]
    assert row(page, "API keys") == ["10", "6", "0", "4", "0", "26 s"]
    assert row(page, "Your website") == ["6", "5", "0", "1", "1", "25 s"]
    assert row(page, "Deutsch") == ["4", "0", "0%"]
    assert row(page, "English") == ["6", "5", "83%"]
    assert row(page, "Phone") == ["4", "0", "0%"]
    assert row(page, "Not known") == ["1", "0", "0%"]
    assert row(page, "No website has that name") == ["2"]
    assert row(page, "a-new-code") == ["1"]
    assert "Read: 2. Not read: 4." in page.text("//main")
    bars = page.find("//*[name()='svg'][@role='img']")
    assert len(bars) == 6
    assert "10 of 10 reached it: 6 saved it, 0 skipped it, 4 stopped here." in page.source
    # Each table of groups is beside all of its kind, whatever was chosen.
    page = client.get("/operators/?language=de")
    assert row(page, "API keys")[:4] == ["4", "0", "0", "4"]
    assert row(page, "English") == ["6", "5", "83%"]
    assert row(page, "Computer") == []
    page = client.get("/operators/?device=unknown")
    assert row(page, "API keys")[:4] == ["1", "1", "0", "0"]
    assert page.find("//select[@id='device']/option[@selected]/@value") == ["unknown"]


def test_each_period_counts_the_sessions_that_began_in_it(operated: Flask) -> None:
    with operated.app_context():
        for days in (0, 6, 7, 29, 30, 89, 90, 4000):
            people(1, None, days=days)
        with time_machine.travel(now() - timedelta(days=10)), transaction():
            tally.count_analysis("busy")
    client = signed_in(operated)
    for period, started in (("7", 2), ("30", 4), ("90", 6), ("all", 8)):
        page = client.get(f"/operators/?days={period}")
        assert row(page, "API keys")[0] == str(started)
        assert len(page.find("//nav//a[@aria-current='page']")) == 1
        assert bool(row(page, "The site was being read for others")) == (period != "7")
    assert row(client.get("/operators/"), "API keys")[0] == "4"


@pytest.mark.parametrize(
    "query", ["days=5", "days=-1", "days=x", "days=7%20", "device=fridge", "language=%3Cb%3E"]
)
def test_a_choice_that_there_is_not_is_refused(operated: Flask, query: str) -> None:
    client = PageClient(operated)
    client.get(f"/operators/?{query}", 422, BEARER)
    client.get(f"/operators/funnel.csv?{query}", 422, BEARER)


def test_a_step_that_is_no_longer_asked_is_shown_behind_the_others(
    make_app: MakeApp, sqlite_url: str
) -> None:
    app = make_app(sqlite_url, OPERATOR_TOKEN=TOKEN, ONBOARDING_STEPS="website,finish")
    with app.app_context():
        people(3, "persona")
        found = funnel.read()
    assert [(step.slug, step.number) for step in found.steps][:2] == [("website", 1), ("finish", 2)]
    assert {step.slug for step in found.steps[2:]} == {"api-keys", "research", "persona"}
    assert "no longer asked" in PageClient(app).get("/operators/", 200, BEARER).source


def test_it_is_read_in_each_language(operated: Flask) -> None:
    with operated.app_context():
        people(2, "website", seconds=4000)
    page = PageClient(operated).get("/operators/?lang=ar", 200, BEARER)
    assert page.find("/html/@dir") == ["rtl"]
    assert "matrix(-1 0 0 1 1000 0)" in page.source


def test_reading_it_costs_two_statements(make_app: MakeApp, any_url: str) -> None:
    app = make_app(any_url, OPERATOR_TOKEN=TOKEN)
    with app.app_context():
        walk(begin())
    client = PageClient(app)
    client.get("/operators/", 200, BEARER)
    with count_statements(app) as cost:
        client.get("/operators/", 200, BEARER)
    assert len(cost) == 3, cost  # and a look for what is new
    assert (cost.writes, cost.commits, cost.left_open) == ([], 0, 0), cost


def test_a_database_that_cannot_be_written_is_read_as_it_is(
    operated: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with operated.app_context():
        people(3, "website")
        assert tally.fold()
        people(1, "website")
        with db.engine.begin() as connection:
            connection.execute(
                text(
                    "CREATE TRIGGER stop BEFORE DELETE ON funnel_events "
                    "BEGIN SELECT RAISE(ABORT, 'read only'); END"
                )
            )
    page = PageClient(operated).get("/operators/", 200, BEARER)
    assert row(page, "API keys")[0] == "3"
    assert "still being summed up" in page.source


def test_nobody_s_identity_is_on_the_page(operated: Flask) -> None:
    with operated.app_context():
        session_id = begin()
        walk(session_id)
    client = PageClient(operated)
    for path in ("/operators/", "/operators/funnel.csv"):
        source = client.get(path, 200, BEARER).source
        assert session_id not in source
        assert "baker@fern-street.org" not in source


# As a file, and in a shell.


def test_the_file_has_the_figures_of_the_page(operated: Flask) -> None:
    with operated.app_context():
        people(4, "api-keys", device="phone")
        people(5, None, seconds=25, device="phone")
        people(1, None)
    answer = PageClient(operated).get("/operators/funnel.csv?days=7&device=phone", 200, BEARER)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == "attachment; filename=funnel-7.csv"
    lines = list(csv.DictReader(io.StringIO(answer.source)))
    assert [line["step"] for line in lines] == [
        *("api-keys", "website", "research", "persona", "integrations", "finish")
    ]
    since = (now().date() - timedelta(days=6)).isoformat()
    assert lines[0] == {
        "since": since, "language": "all", "device": "phone", "step": "api-keys",
        "title": "API keys", "started": "9", "reached": "9", "passed": "5", "skipped": "0",
        "stopped": "4", "drafts": "0", "median_seconds": "25",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_text_is_a_formula(text: str) -> None:
    assert safe_cell(text) == "'" + text
    assert safe_cell(-1) == -1
    assert safe_cell("a=1") == "a=1"


def test_the_command_tells_a_line_a_step(any_app: Flask) -> None:
    with any_app.app_context():
        people(4, "api-keys")
        people(5, None, seconds=100)
        with transaction():
            tally.count_analysis("robots")
        people(1, None, days=10)
    runner = any_app.test_cli_runner()
    lines = runner.invoke(args=["onboarding", "stats"]).output.splitlines()
    assert lines[0] == (
        "api-keys      reached 10  passed 6  skipped 0  stopped 4  drafts 0  median 1 min 42 s"
    )
    assert [line.split()[0] for line in lines[:6]] == list(funnel_slugs(any_app))
    assert lines[7:] == ["Started 10, completed 6.", "Analyses done 0, failed 1 (robots 1)."]
    told = json.loads(runner.invoke(args=["onboarding", "stats", "--days", "7", "--json"]).output)
    assert (told["started"], told["completed"], told["up_to_date"]) == (9, 5, True)
    assert told["steps"][0]["stopped"] == 4
    assert told["analyses"] == {"done": 0, "failed": {"robots": 1}}
    assert runner.invoke(args=["onboarding", "stats", "--days", "0"]).exit_code == 2


def funnel_slugs(app: Flask) -> tuple[str, ...]:
    with app.app_context():
        return tuple(step.slug for step in funnel.read().steps)


# The figures themselves.


def test_a_median_is_estimated_within_its_class() -> None:
    def times(**numbers: int) -> list[int]:
        return [numbers.get(name, 0) for name in tally.TIME_COLUMNS]

    assert funnel.median(times()) is None
    assert funnel.median(times(within_5=2)) == 2.5
    assert funnel.median(times(within_30=1, within_45=2, within_60=1)) == 37.5
    assert funnel.median(times(within_5=1, longer=3)) == float("inf")
    shown = [words.duration(s) for s in (None, 0.4, 59.4, 61, 599, 3540, 5400, float("inf"))]
    assert shown == [
        *("–", "0 s", "59 s", "1 min 1 s", "9 min 59 s", "59 min", "1 h 30 min"),
        "more than a day",
    ]


def test_every_fault_of_a_site_has_its_words() -> None:
    assert set(faults.SENTENCES) | {"internal"} <= set(words.REASONS)


def test_the_page_is_served_by_the_blueprint_that_needs_the_token(operated: Flask) -> None:
    rules = [r for r in operated.url_map.iter_rules() if r.rule.startswith("/operators")]
    assert {rule.endpoint.split(".")[0] for rule in rules} == {dashboard.bp.name}


def test_a_database_full_of_sessions_counts_what_its_rows_say(
    make_app: MakeApp, any_url: str, tmp_path: Path
) -> None:
    """What the benchmarks fill in is like what people would have left."""
    figures = fill(any_url, tmp_path / "filler", sessions=300)
    assert figures.rows["onboarding_sessions"] == 301  # and the one that was walked
    with make_app(any_url).app_context():
        found = funnel.read()
        rows = db.session.execute(
            text(
                "SELECT slug, count(first_seen_at), count(saved_at), count(skipped_at) "
                "FROM step_progress GROUP BY slug"
            )
        )
        # All of the one that was walked is saved, and counts for nothing.
        wanted = {slug: (seen - 1, saved - 1, skipped) for slug, seen, saved, skipped in rows}
        assert {s.slug: (s.reached, s.passed, s.skipped) for s in found.steps} == wanted
        assert found.started == 300
        some = select(OnboardingSession.id).where(OnboardingSession.completed).limit(2)
        for session_id in db.session.scalars(some).all():
            visit = read(session_id)
            assert visit.resume is None
            for slug in visit.saved:
                assert step(slug).rows(visit)


# In a browser.


def test_it_is_for_everybody(
    browser: "Browser", start_server: StartServer, make_app: MakeApp, sqlite_url: str
) -> None:
    """By keyboard, with and without JavaScript, narrow and wide, light and dark."""
    from tests.support.browser import accessibility_faults, open_page, sideways_scroll

    with make_app(sqlite_url).app_context():
        people(40, "website", seconds=70)
        people(30, None)
        people(9, "finish", device="phone", language="ar")
        with transaction():
            tally.count_analysis("dns_failed")
        assert tally.fold()
    address = start_server(sqlite_url, OPERATOR_TOKEN=TOKEN, workers=1).url + "/operators/"
    for javascript, width in ((True, 1280), (False, 360)):
        with open_page(browser, javascript=javascript, width=width) as page:
            page.goto(address)
            page.locator("#token").fill("a wrong one")
            page.keyboard.press("Enter")
            page.get_by_role("alert").wait_for()
            if javascript:
                page.wait_for_function("document.activeElement.id === 'error-summary'")
                assert accessibility_faults(page) == []
            page.locator("#token").fill(TOKEN)
            page.keyboard.press("Enter")
            page.get_by_role("heading", name="Step by step").wait_for()
            for theme in ("light", "dark"):
                page.emulate_media(color_scheme=theme)
                assert sideways_scroll(page) == 0
                if javascript:
                    assert accessibility_faults(page) == []
            page.get_by_role("link", name="All time").press("Enter")
            page.wait_for_url("**days=all*")
            page.get_by_label("Device", exact=True).select_option("phone")
            page.get_by_role("button", name="Show").press("Enter")
            page.wait_for_url("**device=phone*")
            cells = page.get_by_role("row", name="API keys").get_by_role("cell")
            assert cells.first.inner_text() == "9"
            page.get_by_role("button", name="Sign out").press("Enter")
            page.locator("#token").wait_for()
