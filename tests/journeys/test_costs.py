"""What each page and each save costs in SQL. A new query is a decision: it shows here."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.sql.compiler import SQLCompiler

from tests.journeys.walk import (
    ANSWERS,
    SAME_ORIGIN,
    SLUGS,
    again,
    begin,
    path_of,
    same_browser,
    sql,
    walk,
)
from tests.support.counting import SqlCost, count_statements
from tests.support.pages import Page, PageClient, Value
from tests.support.site import SiteServer
from webapp import jobs, steps
from webapp.wizard import visit

STEP = 1
OTHER = 3
REVIEW = 3
BEGIN = 3
"""The session, its first step and the funnel's rows; where it leads is known then."""
SAVE = 9
"""The history of saves takes one of them, the job of an analysis another."""

REDIRECTS = {
    "/onboarding/": STEP,
    "/onboarding/start": 0,
    "/onboarding/resume-link/<link_id>/revoke": 0,
    "/onboarding/sign-in": 0,
    "/onboarding/adopt": 0,
}
GETS = {
    **REDIRECTS,
    "/onboarding/reset": STEP,
    "/onboarding/summary": REVIEW,
    "/onboarding/sign-out": STEP,
    "/onboarding/resume-link": OTHER,
    "/onboarding/history": OTHER,
    "/onboarding/your-data": OTHER,
    "/onboarding/your-data/export": OTHER,
    "/onboarding/your-data/erase": STEP,
    "/onboarding/website/analysis": STEP,
    **{path_of(slug): STEP for slug in SLUGS},
    path_of("research"): STEP + 1,  # the competitors that were read
    path_of("finish"): REVIEW,
}
"""The most statements that a GET may send."""


def test_every_page_of_every_step_has_a_limit(app: Flask) -> None:
    """A step that is added to the list without a limit and answers for these tests fails here."""
    slugs = [step.slug for step in steps.STEPS]
    assert [slug for slug in slugs if path_of(slug) not in GETS] == []
    assert [slug for slug in slugs if slug not in ANSWERS] == []
    further = [f"{path_of(step.slug)}/{name}" for step in steps.STEPS for name in step.pages]
    assert [path for path in further if path not in GETS] == []
    get_rules = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/onboarding/") and "GET" in (rule.methods or set())
    }
    known = {*GETS, "/onboarding/<slug>", "/onboarding/<slug>/<name>", "/onboarding/resume/<token>"}
    assert sorted(get_rules - known) == []


def test_the_steps_that_are_counted_are_the_steps_that_there_are(app: Flask) -> None:
    with app.app_context():
        assert tuple(step.slug for step in visit.journey()) == SLUGS


def _get(app: Flask, client: PageClient, path: str, status: int = 200) -> SqlCost:
    with count_statements(app) as cost:
        client.get(path, status)
    assert cost.writes == [], f"a GET of {path} writes\n{cost}"
    assert cost.commits == 0, f"a GET of {path} commits\n{cost}"
    assert cost.left_open == 0, f"a GET of {path} leaves its connection open\n{cost}"
    assert len(cost) <= GETS[path], f"a GET of {path}\n{cost}"
    return cost


def test_the_welcome_page_asks_the_database_nothing(any_app: Flask, any_client: PageClient) -> None:
    with count_statements(any_app) as cost:
        any_client.get("/onboarding/")
    assert len(cost) == 0, cost


def test_probes_of_life_ask_the_database_nothing(any_app: Flask) -> None:
    with count_statements(any_app) as cost:
        for path in ("/healthz", "/static/css/app.css"):
            with any_app.test_client().get(path) as response:
                assert response.status_code == 200
    assert len(cost) == 0, cost


def test_each_page_stays_within_its_limit_while_the_journey_is_under_way(
    any_app: Flask, any_client: PageClient
) -> None:
    page = begin(any_client)
    for slug in SLUGS:
        reached = SLUGS[: SLUGS.index(slug) + 1]
        for open_step in reached:
            _get(any_app, any_client, path_of(open_step))
        _get(any_app, any_client, "/onboarding/", 303)
        _get(any_app, any_client, "/onboarding/reset")
        _get(any_app, any_client, "/onboarding/summary", 303)
        _get(
            any_app,
            any_client,
            "/onboarding/website/analysis",
            200 if "website" in reached else 303,
        )
        page = any_client.submit(page, ANSWERS[slug], "save")
        page = any_client.follow(page)


def test_each_page_stays_within_its_limit_after_completion(
    any_app: Flask, any_client: PageClient
) -> None:
    walk(any_client)
    for path in GETS:
        _get(any_app, any_client, path, 303 if path in REDIRECTS else 200)


def test_pages_with_an_analysis_and_a_draft_stay_within_their_limits(
    make_app: Callable[..., Flask], any_url: str, site: SiteServer
) -> None:
    app = make_app(any_url, FETCH_ALLOW=site.host_port)
    client = PageClient(app)
    walk(client, "finish", {"website": {"has_website": "yes", "website_url": site.url()}})
    for slug in SLUGS:
        client.submit(client.get(path_of(slug)), _other(slug), "later")
    for worked in (False, True):
        if worked:
            with app.app_context():
                jobs.run_pending()
        for slug in SLUGS:
            _get(app, client, path_of(slug))
        _get(app, client, "/onboarding/website/analysis")


def test_what_a_page_costs_does_not_grow_with_the_number_of_sessions(any_app: Flask) -> None:
    client = PageClient(any_app)
    walk(client)
    few = {path: len(_get(any_app, client, path)) for path in set(GETS) - set(REDIRECTS)}
    for _ in range(5):
        walk(PageClient(any_app), until="research")
    assert {path: len(_get(any_app, client, path)) for path in few} == few


def _post(
    app: Flask,
    client: PageClient,
    page: Page,
    changes: dict[str, Value],
    action: str,
    status: int = 303,
) -> tuple[Page, SqlCost]:
    with count_statements(app) as cost:
        answer = client.submit(page, changes, action, status)
    assert cost.left_open == 0, f"{action} of {page.path} leaves its connection open\n{cost}"
    assert len(cost) <= SAVE, f"{action} of {page.path}\n{cost}"
    return answer, cost


def test_each_save_is_one_transaction_of_few_statements(
    any_app: Flask, any_client: PageClient
) -> None:
    page = begin(any_client)
    for slug in SLUGS:  # the first save, and with it the completion
        answer, cost = _post(any_app, any_client, page, ANSWERS[slug], "save")
        assert cost.commits == 1, cost
        page = any_client.follow(answer)
    for slug in SLUGS:  # a change of what is stored
        page = any_client.get(path_of(slug))
        _, cost = _post(any_app, any_client, page, _other(slug), "save")
        assert cost.commits == 1, cost


def test_only_acts_that_matter_pay_for_the_audit_trail(app: Flask, client: PageClient) -> None:
    """One INSERT when the session is completed, or changed after that; no answer on the way."""
    page = begin(client)
    for slug in SLUGS:
        answer, cost = _post(app, client, page, ANSWERS[slug], "save")
        told = [one for one in cost.writes if "audit_trail" in one]
        assert len(told) == (1 if slug == "finish" else 0), cost
        page = client.follow(answer)
    _, cost = _post(app, client, client.get(path_of("research")), _other("research"), "save")
    assert len([one for one in cost.writes if "audit_trail" in one]) == 1, cost


def test_saving_a_website_with_its_analysis_stays_within_the_limit(
    any_app: Flask, any_client: PageClient
) -> None:
    walk(any_client, until="finish")
    with_site: dict[str, Value] = {"has_website": "yes", "website_url": "clock.example"}
    for changes, action in (
        (with_site, "save"),
        ({"website_url": "other.example"}, "save"),
        ({"website_url": "clock.example"}, "save"),
    ):
        page = any_client.get(path_of("website"))
        _, cost = _post(any_app, any_client, page, changes, action)
        assert cost.commits == 1, cost
    sql(any_app, "DELETE FROM jobs")
    sql(any_app, "UPDATE website_analyses SET status = 'failed', error_message = 'No answer.'")
    page = any_client.get(path_of("website"))
    with count_statements(any_app) as cost:
        again(any_client, page)
    assert cost.commits == 1, cost
    assert len(cost) <= SAVE, cost


def test_a_journey_like_one_before_compiles_no_statement(
    any_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To put a statement together and compile it takes several times what running it does: an
    upsert of an address and its job took 8 of 12 ms of a save, each time."""
    site: dict[str, Value] = {"has_website": "yes", "website_url": "clock.example"}
    walk(PageClient(any_app), changes={"website": site})
    compiled: list[str] = []
    compile_it = SQLCompiler.__init__

    def noting(self: SQLCompiler, *args: Any, **options: Any) -> None:
        compile_it(self, *args, **options)
        compiled.append(str(self))

    monkeypatch.setattr(SQLCompiler, "__init__", noting)
    walk(PageClient(any_app), changes={"website": site})
    assert compiled == []


@pytest.mark.parametrize("action", ["back", "later", "skip", "discard"])
def test_the_other_buttons_are_one_transaction_too(
    any_app: Flask, any_client: PageClient, action: str
) -> None:
    page = walk(any_client, until="integrations")
    if action == "discard":
        page = any_client.follow(any_client.submit(page, {"platforms": ["ghost"]}, "later"))
    _, cost = _post(any_app, any_client, page, {"platforms": ["wix"]}, action)
    assert cost.commits == 1, cost


def test_a_refused_save_writes_nothing(any_app: Flask, any_client: PageClient) -> None:
    page = walk(any_client, until="research")
    _, cost = _post(any_app, any_client, page, {"research_depth": None}, "save", 422)
    assert cost.commits == 0, cost
    assert cost.writes == [], cost
    stale = any_client.get(path_of("website"))
    any_client.submit(stale, {"industry": "watches"}, "save")
    _, cost = _post(any_app, any_client, stale, {"industry": "bells"}, "save", 409)
    assert cost.commits == 0, cost


def test_the_same_save_twice_changes_nothing_the_second_time(
    any_app: Flask, any_client: PageClient
) -> None:
    page = walk(any_client, until="research")
    _post(any_app, any_client, page, ANSWERS["research"], "save")
    _, cost = _post(any_app, any_client, page, ANSWERS["research"], "save")
    assert not [w for w in cost.writes if "onboarding_sessions" not in w], cost


def test_beginning_and_starting_again_are_one_transaction_each(
    any_app: Flask, any_client: PageClient
) -> None:
    welcome = any_client.get("/onboarding/")
    with count_statements(any_app) as cost:
        any_client.submit(welcome)
    assert cost.commits == 1, cost
    assert len(cost) <= BEGIN, cost
    ask = any_client.get("/onboarding/reset")
    with count_statements(any_app) as cost:
        any_client.submit(ask)
    assert cost.commits == 1, cost
    assert len(cost) <= SAVE + 1, cost
    assert cost.left_open == 0, cost


def test_a_refused_token_costs_no_transaction(any_app: Flask, any_client: PageClient) -> None:
    page = walk(any_client, until="research")
    sent = page.form().filled(ANSWERS["research"], "save")
    sent["csrf_token"] = "of yesterday"
    with count_statements(any_app) as cost:
        same_browser(any_client, any_app).post(path_of("research"), sent, 400, SAME_ORIGIN)
    assert cost.commits == 0, cost
    assert cost.writes == [], cost
    assert len(cost) <= STEP, cost


def _other(slug: str) -> dict[str, Value]:
    """A lawful change of the usual answers."""
    others: dict[str, dict[str, Value]] = {
        "api-keys": {"mistral": "Mistral8Wander2Key", "openai": "sk-Another7Key2Of9Mine4"},
        "website": {"industry": "horology"},
        "research": {"research_depth": "Basic", "auto_research": True},
        "persona": {"tone": "Academic", "selected_platforms": ["medium", "blog"]},
        "integrations": {"platforms": ["youtube"]},
        "finish": {"first_declaration": "To keep time, and to tell of it."},
    }
    return others[slug]
