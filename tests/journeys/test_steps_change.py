"""A release, or ONBOARDING_STEPS, changes the steps while people are under way."""

import pytest
from flask import Flask

from tests.conftest import MakeApp
from tests.journeys.walk import (
    ANSWERS,
    SAME_ORIGIN,
    TITLES,
    begin,
    count,
    messages,
    path_of,
    same_browser,
    save,
    sql,
    walk,
)
from tests.support.pages import Page, PageClient, Value
from webapp.steps import STEPS

ALL = "api-keys,website,research,persona,integrations,finish"
WITHOUT_RESEARCH = "api-keys,website,persona,integrations,finish"
SUMMARY = "/onboarding/summary"
NEW = "is new since"


class Release:
    """One database, and an application for each list of steps that it is opened with."""

    def __init__(self, make_app: MakeApp, url: str) -> None:
        self._make, self._url = make_app, url

    def app(self, steps: str = ALL) -> Flask:
        """The application as this release has it."""
        return self._make(self._url, ONBOARDING_STEPS=steps)

    def after(self, client: PageClient, steps: str) -> PageClient:
        """The same browser on the next release."""
        return same_browser(client, self.app(steps))


@pytest.fixture
def release(make_app: MakeApp, sqlite_url: str) -> Release:
    """On SQLite: what is looked at here is the journey."""
    return Release(make_app, sqlite_url)


@pytest.fixture
def any_release(make_app: MakeApp, any_url: str) -> Release:
    """On each database."""
    return Release(make_app, any_url)


def walk_some(
    client: PageClient, slugs: str, values: dict[str, dict[str, Value]] | None = None
) -> Page:
    """Begin, and save these steps in their order; what comes next."""
    page = begin(client)
    for slug in slugs.split(","):
        assert page.path == path_of(slug)
        page = client.follow(save(client, slug, (values or {}).get(slug)))
    return page


def sections(page: Page) -> list[str]:
    """The titles of the steps that the summary or the review shows."""
    titles = [one.text_content().strip() for one in page.find("//main//h2")]
    return [title for title in titles if title in TITLES.values()]


# A step is added.


def test_who_is_under_way_continues_at_the_new_step_and_is_told_in_one_sentence(
    any_release: Release,
) -> None:
    client = PageClient(any_release.app(WITHOUT_RESEARCH))
    assert walk_some(client, "api-keys,website,persona").path == path_of("integrations")
    client = any_release.after(client, ALL)
    resumed = client.follow(client.get("/onboarding/", 303))
    assert resumed.path == path_of("research")
    told = [text for text in messages(resumed) if NEW in text]
    assert len(told) == 1
    page = client.follow(save(client, "research"))
    assert page.path == path_of("integrations"), "what was answered is not asked again"
    assert not [text for text in messages(page) if NEW in text]
    values = client.get(path_of("persona")).form().values()
    assert values["persona_name"] == ANSWERS["persona"]["persona_name"]
    assert not [text for text in messages(client.get(path_of("research"))) if NEW in text]


def test_steps_behind_the_new_one_wait_for_it_and_the_way_there_is_said(release: Release) -> None:
    client = PageClient(release.app(WITHOUT_RESEARCH))
    walk_some(client, "api-keys,website,persona,integrations")
    client = release.after(client, ALL)
    for slug in ("persona", "finish"):
        sent_back = client.get(path_of(slug), 303)
        assert sent_back.location == path_of("research")
    assert any(TITLES["research"] in text for text in messages(client.follow(sent_back)))


def test_an_old_tab_of_a_step_behind_the_new_one_saves_nothing_and_keeps_the_text(
    release: Release,
) -> None:
    client = PageClient(release.app(WITHOUT_RESEARCH))
    old = walk_some(client, "api-keys,website,persona")
    client = release.after(client, ALL)
    assert client.submit(old, {"platforms": ["wix"]}, "save").location == path_of("research")
    app = client.flask.application
    assert count(app, "platform_integrations") == 0
    reached = client.follow(save(client, "research"))
    assert reached.path == path_of("integrations")
    assert reached.form().values().getlist("platforms") == ["wix"]


def test_nobody_is_told_of_a_step_that_was_always_ahead(release: Release) -> None:
    client = PageClient(release.app(ALL))
    page = begin(client)
    for slug in TITLES:
        assert not [text for text in messages(page) if NEW in text], slug
        page = client.follow(save(client, slug))


def test_who_had_not_come_so_far_meets_the_new_step_in_its_place(release: Release) -> None:
    client = PageClient(release.app(WITHOUT_RESEARCH))
    assert walk_some(client, "api-keys").path == path_of("website")
    client = release.after(client, ALL)
    page = client.follow(save(client, "website"))
    assert page.path == path_of("research")
    assert not [text for text in messages(page) if NEW in text]


def test_who_stood_before_the_last_step_cannot_finish_without_the_new_one(
    release: Release,
) -> None:
    client = PageClient(release.app(WITHOUT_RESEARCH))
    review = walk_some(client, "api-keys,website,persona,integrations")
    client = release.after(client, ALL)
    sent = client.submit(review, ANSWERS["finish"], "save")
    assert sent.location == path_of("research")
    app = client.flask.application
    assert sql(app, "SELECT completed_at FROM onboarding_sessions") == [(None,)]
    client.follow(save(client, "research"))
    client.submit(client.get(path_of("finish")), ANSWERS["finish"], "save")
    assert sql(app, "SELECT completed_at FROM onboarding_sessions") != [(None,)]


def test_completed_stays_completed_and_the_new_step_is_offered(any_release: Release) -> None:
    client = PageClient(any_release.app(WITHOUT_RESEARCH))
    walk_some(client, WITHOUT_RESEARCH)
    done = "SELECT completed, completed_at, first_kblock_id FROM onboarding_sessions"
    client = any_release.after(client, ALL)
    app = client.flask.application
    before = sql(app, done)
    assert client.get("/onboarding/", 303).location == SUMMARY
    summary = client.get(SUMMARY)
    offered = summary.find(f"//main//a[@href='{path_of('research')}']")
    assert offered
    note = [text for text in messages(summary) if TITLES["research"] in text]
    assert len(note) == 1, "one sentence says what is new"
    page = client.get(path_of("research"))
    assert any(NEW in text for text in messages(page))
    saved = client.submit(page, ANSWERS["research"], "save")
    assert saved.location.startswith(SUMMARY)
    after = client.follow(saved)
    assert "Comprehensive" in after.text("//main")
    assert not [text for text in messages(after) if TITLES["research"] in text]
    assert sql(app, done) == before
    assert count(app, "kblocks") == 1


def test_a_completed_session_without_the_new_step_can_change_everything_else(
    release: Release,
) -> None:
    client = PageClient(release.app(WITHOUT_RESEARCH))
    walk_some(client, WITHOUT_RESEARCH)
    client = release.after(client, ALL)
    save(client, "persona", {"tone": "Casual"})
    save(client, "finish", {"first_declaration": "Other words."})
    app = client.flask.application
    assert sql(app, "SELECT tone FROM persona_data") == [("Casual",)]
    assert sql(app, "SELECT content FROM kblocks") == [("Other words.",)]


def test_saves_behind_a_new_step_cannot_be_put_back_until_it_is_reached(
    release: Release,
) -> None:
    client = PageClient(release.app(WITHOUT_RESEARCH))
    walk_some(client, "api-keys,website,persona")
    save(client, "persona", {"persona_name": "Second"})
    client = release.after(client, ALL)
    page = client.get("/onboarding/history")
    forms = page.find("//main//section//form")
    app = client.flask.application
    for form in forms:
        sent = {str(one.get("name")): one.get("value") for one in form.xpath(".//input")}
        answer = client.post("/onboarding/history", sent, 303, SAME_ORIGIN)
        assert messages(client.follow(answer)), "it says why not"
    assert sql(app, "SELECT persona_name FROM persona_data") == [("Second",)]


# A step is removed.


def test_answers_of_a_removed_step_are_kept_and_not_shown(any_release: Release) -> None:
    client = PageClient(any_release.app(ALL))
    walk(client)
    client = any_release.after(client, WITHOUT_RESEARCH)
    app = client.flask.application
    summary = client.get(SUMMARY)
    assert TITLES["research"] not in sections(summary)
    assert set(sections(summary)) == set(TITLES.values()) - {TITLES["research"]}
    assert "Comprehensive" not in summary.text("//main")
    assert sql(app, "SELECT research_depth FROM research_preferences") == [("Comprehensive",)]
    client.get(path_of("research"), 404)
    assert TITLES["research"] not in client.get("/onboarding/history").text("//main")
    page = client.get("/onboarding/persona")
    assert "of 5" in page.title

    client = any_release.after(client, ALL)
    assert "Comprehensive" in client.get(SUMMARY).text("//main"), "it was away, not gone"


def test_who_stood_on_the_removed_step_continues_behind_it(any_release: Release) -> None:
    client = PageClient(any_release.app(ALL))
    page = walk(client, until="research")
    client.submit(page, {"competitors": "half a"}, "later")
    client = any_release.after(client, WITHOUT_RESEARCH)
    assert client.get("/onboarding/", 303).location == path_of("persona")
    walked = client.follow(save(client, "persona"))
    walked = client.follow(save(client, "integrations"))
    assert TITLES["research"] not in sections(walked)
    done = client.submit(walked, ANSWERS["finish"], "save")
    assert done.location == SUMMARY
    client = any_release.after(client, ALL)
    values = client.get(path_of("research")).form().values()
    assert values["competitors"] == "half a", "its draft was kept"


def test_a_post_to_a_removed_step_is_404_and_changes_nothing(release: Release) -> None:
    client = PageClient(release.app(ALL))
    walk(client, until="persona")
    old = client.get(path_of("research"))
    client = release.after(client, WITHOUT_RESEARCH)
    sent = old.form().filled({"research_depth": "Expert"}, "save")
    client.post(path_of("research"), sent, 404, SAME_ORIGIN)
    client.post(path_of("research") + "/draft", sent, 404, SAME_ORIGIN)
    app = client.flask.application
    assert sql(app, "SELECT research_depth FROM research_preferences") == [("Comprehensive",)]


@pytest.mark.parametrize("gone", ["api-keys", "website", "persona", "integrations"])
def test_without_any_one_step_every_page_still_works(release: Release, gone: str) -> None:
    """Steps read each other's answers: the persona the website's, for instance."""
    client = PageClient(release.app(ALL))
    walk(client)
    left = [slug for slug in TITLES if slug != gone]
    client = release.after(client, ",".join(left))
    assert TITLES[gone] not in sections(client.get(SUMMARY))
    for slug in left:
        page = client.get(path_of(slug))
        client.submit(page, ANSWERS[slug], "save")
    fresh = PageClient(client.flask.application)
    assert walk_some(fresh, ",".join(left)).path == SUMMARY


def test_finish_alone_is_a_journey_for_who_had_begun_a_longer_one(release: Release) -> None:
    client = PageClient(release.app(ALL))
    walk(client, until="research")
    client = release.after(client, "finish")
    assert client.get("/onboarding/", 303).location == path_of("finish")
    done = client.submit(client.get(path_of("finish")), ANSWERS["finish"], "save")
    assert done.location == SUMMARY
    assert sections(client.get(SUMMARY)) == [TITLES["finish"]]
    assert count(client.flask.application, "website_answers") == 1


def test_steps_in_another_order_ask_nothing_twice(release: Release) -> None:
    client = PageClient(release.app(ALL))
    walk(client, until="persona")
    client = release.after(client, "research,persona,website,api-keys,integrations,finish")
    assert client.get("/onboarding/", 303).location == path_of("persona")
    assert client.follow(save(client, "persona")).path == path_of("integrations")


# A step is made optional, or required.


@pytest.fixture
def make_optional(monkeypatch: pytest.MonkeyPatch) -> object:
    """`make_optional("research", True)`: as the next release has it."""

    def change(slug: str, optional: bool) -> None:
        (step,) = [step for step in STEPS if step.slug == slug]
        monkeypatch.setattr(step, "optional", optional, raising=False)

    return change


def test_a_step_that_was_made_optional_can_be_skipped_from_then_on(
    any_release: Release, make_optional: object
) -> None:
    client = PageClient(any_release.app())
    page = walk(client, until="research")
    assert "skip" not in [value for _, value in page.form().buttons()]
    make_optional("research", True)  # type: ignore[operator]
    client = any_release.after(client, ALL)
    page = client.get(path_of("research"))
    assert client.submit(page, {}, "skip").location == path_of("persona")
    client.follow(save(client, "persona"))
    client.follow(save(client, "integrations"))
    done = client.submit(client.get(path_of("finish")), ANSWERS["finish"], "save")
    assert done.location == SUMMARY
    assert "kipped" in client.get(SUMMARY).text("//section[@id='research']")


def test_a_step_that_was_made_required_stands_in_the_way_of_who_skipped_it(
    release: Release, make_optional: object
) -> None:
    client = PageClient(release.app())
    page = walk(client, until="integrations")
    review = client.follow(client.submit(page, {}, "skip"))
    make_optional("integrations", False)  # type: ignore[operator]
    client = release.after(client, ALL)
    refused = client.submit(review, ANSWERS["finish"], "save", 422)
    assert refused.find(f"//main//a[@href='{path_of('integrations')}']")
    client.submit(client.get(path_of("integrations")), ANSWERS["integrations"], "save")
    done = client.submit(client.get(path_of("finish")), ANSWERS["finish"], "save")
    assert done.location == SUMMARY


def test_who_completed_without_it_stays_completed(release: Release, make_optional: object) -> None:
    client = PageClient(release.app())
    page = walk(client, until="integrations")
    review = client.follow(client.submit(page, {}, "skip"))
    client.submit(review, ANSWERS["finish"], "save")
    make_optional("integrations", False)  # type: ignore[operator]
    client = release.after(client, ALL)
    assert client.get("/onboarding/", 303).location == SUMMARY
    save(client, "persona", {"tone": "Casual"})
    assert client.get("/onboarding/", 303).location == SUMMARY
