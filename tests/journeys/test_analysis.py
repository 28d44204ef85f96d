"""A site that is really fetched and measured, followed through every page that shows it."""

import html
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask

from tests.conftest import MakeApp
from tests.journeys.walk import again, count, path_of, save, sql, walk
from tests.support.pages import Page, PageClient, Value
from tests.support.site import PROSE, SiteServer, page, prose_page
from webapp import jobs
from webapp.site import fetch

pytestmark = pytest.mark.usefixtures("no_politeness")

PROSE_DIR = os.environ.get("PROSE_DIR", "")


@dataclass(frozen=True)
class Impatient(fetch.FetchPolicy):
    """Loses patience after half a second."""

    total_seconds: float = 0.5


@pytest.fixture
def reading(make_app: MakeApp, any_url: str, site: SiteServer) -> Flask:
    """An application that may read the local site."""
    return make_app(any_url, FETCH_ALLOW=site.host_port)


@pytest.fixture
def client(reading: Flask) -> PageClient:
    """Its pages."""
    return PageClient(reading)


def _with(url: str) -> dict[str, dict[str, Value]]:
    return {"website": {"has_website": "yes", "website_url": url, "business_description": ""}}


def _work(app: Flask) -> int:
    with app.app_context():
        return jobs.run_pending()


def _measured(shown: Page) -> str:
    return shown.text("//*[@id='analysis']")


def test_saving_an_address_queues_one_job_and_the_user_goes_on(
    client: PageClient, reading: Flask, site: SiteServer
) -> None:
    after = walk(client, "research", _with(site.url()))
    assert after.path == path_of("research"), "nobody waits for the analysis"
    assert sql(reading, "SELECT status, website_url FROM website_analyses") == [
        ("queued", site.url())
    ]
    assert count(reading, "jobs") == 1
    assert site.visits == [], "the request itself fetched the site"


def test_what_was_measured_is_shown_on_the_step_with_what_it_rests_on(
    client: PageClient, reading: Flask, site: SiteServer
) -> None:
    walk(client, "research", _with(site.url()))
    assert _work(reading) == 1
    assert count(reading, "jobs") == 0
    (words,) = sql(reading, "SELECT measures FROM website_analyses")[0]
    said = _measured(client.get(path_of("website")))
    assert "The website has been read." in said
    assert "on 1 page" in said
    assert "words on average" in said
    assert "Readability" in said
    assert "from" in said
    # Counted by hand in the prose, headings and footer aside: within a tenth.
    expected = len(PROSE.replace("## ", "").split())
    shown = int(said.split(" words on 1 page")[0].split()[-1].replace(",", ""))
    assert abs(shown - expected) < expected / 10, (shown, expected, words)


def test_the_fetcher_says_who_it_is(client: PageClient, reading: Flask, site: SiteServer) -> None:
    walk(client, "research", _with(site.url()))
    _work(reading)
    assert {visit.headers["User-Agent"].split("/")[0] for visit in site.visits} == {"Onward"}


def test_the_persona_is_prefilled_with_a_word_on_where_each_value_came_from(
    client: PageClient, reading: Flask, site: SiteServer
) -> None:
    walk(client, "research", _with(site.url()))
    _work(reading)
    save(client, "research")
    step = client.get(path_of("persona"))
    values = step.form().values()
    assert values["tone"]
    assert values["audience"]
    assert set(values.getlist("selected_platforms")) >= {"linkedin", "instagram"}
    for name in ("tone", "audience", "selected_platforms"):
        (origin,) = step.find(f"//*[@id='{name}-origin']")
        assert origin.text_content().strip()
        described = step.find(f"//*[contains(@aria-describedby, '{name}-origin')]")
        assert described, "a reader of the field does not hear it"
    assert "words" in step.text("//p[@class='basis']")


def test_before_the_analysis_is_done_the_persona_says_so_and_prefills_nothing_from_it(
    client: PageClient, reading: Flask, site: SiteServer
) -> None:
    step = walk(client, "persona", _with(site.url()))
    assert not step.find("//*[@id='tone-origin']")
    assert step.form().values().getlist("tone") == []
    early = step.text("//p[@class='basis']")
    _work(reading)
    late = client.get(path_of("persona"))
    assert late.text("//p[@class='basis']") != early
    assert late.form().values()["tone"]


def test_platforms_that_were_found_on_the_site_are_marked_and_ticked(
    client: PageClient, reading: Flask, site: SiteServer
) -> None:
    walk(client, "integrations", _with(site.url()))
    _work(reading)
    step = client.get(path_of("integrations"))
    marked = {
        str(option.xpath("./input/@value")[0])
        for option in step.find("//div[@class='option']")
        if "found on your site" in option.text_content()
    }
    assert {"instagram", "linkedin", "rss"} <= marked
    assert set(step.form().values().getlist("platforms")) == marked
    ticked = "Ticked is what was found on your site."
    assert ticked in step.text("//main")
    refused = client.submit(step, {"platforms": ["wix"], "notify_email": "nobody"}, "save", 422)
    assert ticked not in refused.text("//main")
    client.follow(client.submit(step, {}, "save"))
    review = client.get(path_of("finish")).text("//section[@id='integrations']")
    assert "Found on your site" in review


def test_the_summary_shows_the_measured_style_and_what_it_makes_possible(
    client: PageClient, reading: Flask, site: SiteServer
) -> None:
    walk(client, "research", _with(site.url()))
    _work(reading)
    for slug in ("research", "persona", "integrations"):
        save(client, slug)
    done = client.follow(save(client, "finish"))
    said = done.text("//main")
    assert site.url() in said
    assert "words on average" in said
    assert "measured on" in done.text("//section[@id='website']")
    capabilities = {
        str(item.xpath(".//b")[0].text_content()): "not yet" not in item.text_content()
        for item in done.find("//ul[@class='capabilities']/li")
    }
    assert capabilities["Style analysis"]
    assert capabilities["Persona generation"]


def test_a_persona_saved_before_the_analysis_is_built_anew_when_it_is_done(
    client: PageClient, reading: Flask, site: SiteServer
) -> None:
    walk(client, changes=_with(site.url()))
    before = client.get("/onboarding/summary").text("//main")
    assert "The website is still being read." in before
    score = "SELECT core_persona, quality_metrics FROM persona_data"
    early = sql(reading, score)
    _work(reading)
    assert sql(reading, score) != early
    after = client.get("/onboarding/summary").text("//main")
    assert "still being read" not in after
    assert "No writing was measured" not in after
    assert "Sentences not measured" not in after
    assert "The Clockmaker" in after, "the user's own answers stay"


def test_without_the_analysis_the_persona_follows_from_the_answers_alone(
    client: PageClient, reading: Flask, site: SiteServer
) -> None:
    answers = _with(site.url())
    answers["website"]["use_analysis"] = None
    walk(client, "research", answers)
    _work(reading)
    save(client, "research")
    step = client.get(path_of("persona"))
    assert not step.find("//*[@id='tone-origin']")
    assert step.form().values().getlist("tone") == []


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/missing", "404"),
        ("/gone", "410"),
    ],
)
def test_a_page_that_is_not_there_is_told_and_can_be_tried_again(
    client: PageClient, reading: Flask, site: SiteServer, path: str, sentence: str
) -> None:
    walk(client, "research", _with(site.url(path)))
    assert _work(reading) == 1
    step = client.get(path_of("website"))
    said = _measured(step)
    assert "could not be read" in said
    assert sentence in said
    site.pages[path] = prose_page()
    shown = client.follow(again(client, step))
    assert shown.path == path_of("website")
    assert "waiting to be read." in _measured(shown)
    assert _work(reading) == 1
    assert "The website has been read." in _measured(client.get(path_of("website")))


def test_a_page_of_links_alone_is_read_and_nothing_is_invented(
    client: PageClient, reading: Flask, site: SiteServer
) -> None:
    walk(client, "research", _with(site.url("/navigation")))
    _work(reading)
    said = _measured(client.get(path_of("website")))
    assert "The website has been read." in said
    assert "not measured" in said
    save(client, "research")
    step = client.get(path_of("persona"))
    assert step.form().values().getlist("tone") == []
    save(client, "persona")
    save(client, "integrations")
    done = client.follow(save(client, "finish")).text("//main")
    assert "Persona generation not yet" in done


def test_a_broken_page_is_read_as_far_as_it_goes(
    client: PageClient, reading: Flask, site: SiteServer
) -> None:
    walk(client, "research", _with(site.url("/broken")))
    _work(reading)
    ((status,),) = sql(reading, "SELECT status FROM website_analyses")
    assert status == "completed"
    client.get(path_of("website"))
    client.get("/onboarding/website/analysis")


def test_a_slow_page_is_given_up_in_words_and_can_be_tried_again(
    client: PageClient, reading: Flask, site: SiteServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk(client, "research", _with(site.url("/slow")))
    with monkeypatch.context() as patch:
        patch.setattr(fetch, "FetchPolicy", Impatient)
        assert _work(reading) == 1
    step = client.get(path_of("website"))
    said = _measured(step)
    assert "could not be read" in said
    assert "0.5 seconds" in said
    site.pages["/slow"] = prose_page()
    again(client, step)
    assert _work(reading) == 1
    assert "The website has been read." in _measured(client.get(path_of("website")))


def test_an_address_in_a_private_network_is_refused_in_words(
    client: PageClient, reading: Flask
) -> None:
    walk(client, "research", _with("http://127.0.0.1:9/"))
    assert _work(reading) == 1
    ((status, message),) = sql(reading, "SELECT status, error_message FROM website_analyses")
    assert status == "failed"
    assert message
    assert str(message) in _measured(client.get(path_of("website")))


def test_a_failed_second_reading_leaves_the_first_result_to_count(
    client: PageClient, reading: Flask, site: SiteServer
) -> None:
    walk(client, "research", _with(site.url()))
    _work(reading)
    del site.pages["/"]
    again(client, client.get(path_of("website")))
    _work(reading)
    said = _measured(client.get(path_of("website")))
    assert "could not be read" in said
    assert "earlier result counts" in said
    save(client, "research")
    assert client.get(path_of("persona")).form().values()["tone"]


def test_an_address_that_was_read_before_is_offered_with_its_date_and_not_read_again(
    client: PageClient, reading: Flask, site: SiteServer
) -> None:
    site.pages["/second"] = prose_page()
    walk(client, "research", _with(site.url()))
    _work(reading)
    ((first_date,),) = sql(reading, "SELECT analysis_date FROM website_analyses")
    client.submit(client.get(path_of("website")), {"website_url": site.url("/second")}, "save")
    _work(reading)
    asked = site.paths().count("/")

    client.submit(client.get(path_of("website")), {"website_url": site.url("/")}, "save")
    assert _work(reading) == 0, "it was read again although a result is there"
    step = client.get(path_of("website"))
    said = step.text("//*[@id='website-earlier']")
    assert site.url() in said
    assert step.find("//*[@id='website-earlier']//time[@datetime]")
    assert _measured(step).startswith(f"What we read {site.url()}")
    dates = sql(
        reading, "SELECT analysis_date FROM website_analyses WHERE website_url = :u", u=site.url()
    )
    assert dates == [(first_date,)]
    assert site.paths().count("/") == asked

    again(client, step)
    assert _work(reading) == 1
    assert site.paths().count("/") > asked
    assert count(reading, "website_analyses") == 2


def test_again_takes_along_what_was_typed(
    client: PageClient, reading: Flask, site: SiteServer
) -> None:
    walk(client, "research", _with(site.url()))
    _work(reading)
    step = client.get(path_of("website"))
    shown = client.follow(again(client, step, {"business_goals": "More bread"}))
    assert shown.form().values()["business_goals"] == "More bread"
    assert "waiting to be read." in _measured(shown)


def test_an_address_that_is_replaced_while_it_is_read_leaves_the_newer_one_alone(
    client: PageClient, reading: Flask, site: SiteServer
) -> None:
    site.pages["/second"] = page("<p>Short.</p>", title="Second")
    walk(client, "persona", _with(site.url()))
    save(client, "persona")
    client.submit(client.get(path_of("website")), {"website_url": site.url("/second")}, "save")
    _work(reading)
    states = sql(reading, "SELECT website_url, status FROM website_analyses ORDER BY website_url")
    assert states == [(site.url(), "completed"), (site.url("/second"), "completed")]
    step = client.get(path_of("website"))
    assert site.url("/second") in _measured(step)
    assert step.form().values()["website_url"] == site.url("/second")


def test_starting_again_while_a_site_is_read_leaves_nothing_behind(
    client: PageClient, reading: Flask, site: SiteServer
) -> None:
    walk(client, "research", _with(site.url()))

    def reset_meanwhile(_handler: object) -> tuple[int, dict[str, str], str]:
        client.submit(client.get("/onboarding/reset"))
        return prose_page()  # type: ignore[return-value]

    site.pages["/"] = reset_meanwhile  # type: ignore[assignment]
    _work(reading)
    assert count(reading, "website_analyses") == 0
    assert count(reading, "jobs") == 0


def test_what_a_site_says_is_shown_as_text(
    client: PageClient, reading: Flask, site: SiteServer
) -> None:
    """A page on the web is as little to be trusted as a form."""
    evil = html.escape("<script>alert(1)</script> & <b>bold</b>")
    paragraphs = "".join(f"<p>{html.escape(part)} {evil}</p>" for part in PROSE.split("\n\n"))
    site.pages["/evil"] = page(f"<main>{paragraphs}</main>", title="<script>alert(2)</script>")
    walk(client, "research", _with(site.url("/evil")))
    _work(reading)
    for slug in ("research", "persona", "integrations", "finish"):
        save(client, slug)
    for path in ("website", "persona", "finish", "summary", "website/analysis"):
        assert "<script>alert" not in client.get(f"/onboarding/{path}").source


# -- prose that nobody wrote for a test ------------------------------------------------------------


def _documents() -> list[Path]:
    """The largest HTML files of PROSE_DIR, at most eight."""
    found = sorted(Path(PROSE_DIR).rglob("*.html"), key=lambda path: -path.stat().st_size)
    return [path for path in found if path.stat().st_size < 2_000_000][:8]


@pytest.mark.skipif(not PROSE_DIR, reason="PROSE_DIR names no folder of HTML to read (CI sets it).")
def test_real_documentation_is_measured(
    make_app: Callable[..., Flask], sqlite_url: str, site: SiteServer
) -> None:
    app = make_app(sqlite_url, FETCH_ALLOW=site.host_port)
    documents = _documents()
    assert documents, f"{PROSE_DIR} has no HTML"
    headers = {"Content-Type": "text/html"}  # without a charset: the page says it itself
    for number, document in enumerate(documents):
        site.pages[f"/doc/{number}"] = (200, headers, document.read_bytes())
        walk(PageClient(app), "research", _with(site.url(f"/doc/{number}")))
    assert _work(app) == len(documents)
    failed = sql(
        app, "SELECT website_url, error_message FROM website_analyses WHERE status <> 'completed'"
    )
    assert failed == []
    telling = 0
    for (analysis,) in sql(app, "SELECT measures FROM website_analyses"):
        measures = analysis if isinstance(analysis, dict) else json.loads(str(analysis))
        if (measures.get("word_count") or 0) < 150:
            continue
        telling += 1
        assert 3 < measures["average_sentence_length"] < 60, measures
        assert measures["readability_score"] is not None, measures
    assert telling >= len(documents) / 2, "most of a documentation is prose"
