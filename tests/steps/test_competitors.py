"""Competitors are read a few pages each, once, and compared with the user's own site."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests.conftest import MakeApp
from tests.support.counting import count_statements
from tests.support.site import SiteServer, page, prose_page
from tests.wizard.samples import begin, by, filled, read, save, step, together
from webapp import jobs
from webapp.extensions import db, transaction
from webapp.jobs import Job
from webapp.steps.research import COMPETITOR, MAX_COMPETITORS, CompetitorAnalysis
from webapp.steps.website import competitors
from webapp.wizard import store

pytestmark = pytest.mark.usefixtures("no_politeness")

SHORT = "<main>" + "<p>We bake. You eat. Bread is good. Come and see us. It is warm.</p>" * 1
FIVE = [f"rival-{n}.example" for n in range(5)]


@pytest.fixture
def app(make_app: MakeApp, any_url: str, site: SiteServer) -> Iterator[Flask]:
    """On SQLite, then on PostgreSQL; it may read the site."""
    made = make_app(any_url, FETCH_ALLOW=site.host_port)
    with made.app_context():
        yield made


def ready(**website: str) -> str:
    """A session whose next step is this one."""
    session_id = begin()
    save(session_id, "api-keys")
    save(session_id, "website", **website)
    return session_id


def name(session_id: str, *addresses: str, **more: Any) -> None:
    save(session_id, "research", competitors="\n".join(addresses), **more)


def rows(session_id: str) -> dict[str, CompetitorAnalysis]:
    db.session.remove()
    found = db.session.scalars(
        select(CompetitorAnalysis).where(CompetitorAnalysis.session_id == session_id)
    ).all()
    db.session.expunge_all()
    return {row.website_url: row for row in found}


def queued(session_id: str) -> set[str]:
    """The subjects of the jobs of this kind."""
    mine = (Job.session_id == session_id) & (Job.kind == COMPETITOR)
    return set(db.session.scalars(select(Job.subject).where(mine)))


def comparisons(session_id: str) -> list[dict[str, Any]]:
    visit = store.require(by(session_id), step("research"))
    return list(step("research").beside_form(visit)["comparisons"])


def short_page(number: int = 0) -> Any:
    text = " ".join(f"We bake loaf {number} and {n}. You eat it warm." for n in range(40))
    links = "".join(f"<a href='/rival/{n}-more-of-it'>More of it</a>" for n in range(9))
    return page(f"<main><p>{text}</p></main>{links}")


def test_each_competitor_gets_a_row_and_a_job_in_the_transaction_of_the_save(app: Flask) -> None:
    session_id = ready()
    name(session_id, *FIVE)
    found = rows(session_id)
    assert set(found) == {f"https://{one}/" for one in FIVE}
    assert {row.status for row in found.values()} == {"queued"}
    assert queued(session_id) == {row.id for row in found.values()}


def test_a_refused_save_queues_nothing(app: Flask) -> None:
    session_id = ready()
    with pytest.raises(store.AnswersInvalid):
        name(session_id, "rival.example", "no address")
    assert rows(session_id) == {}
    assert queued(session_id) == set()


def test_two_saves_make_one_row_and_one_job(app: Flask) -> None:
    session_id = ready()
    name(session_id, "rival.example")
    (first,) = rows(session_id).values()
    name(session_id, "rival.example", "other.example", research_depth="Expert")
    found = rows(session_id)
    assert found["https://rival.example/"].id == first.id
    assert queued(session_id) == {row.id for row in found.values()}


def test_two_saves_at_once_make_one_row(app: Flask) -> None:
    session_id = ready()
    form = filled("research", competitors="rival.example\nother.example")
    base = read(session_id).revision("research")

    def go() -> None:
        store.save(by(session_id), step("research"), form, base)

    together(app, go, go, go)
    assert len(rows(session_id)) == len(queued(session_id)) == 2


def test_two_spellings_of_one_site_are_one_competitor(app: Flask) -> None:
    session_id = ready()
    name(
        session_id, "rival.example", "http://www.rival.example/", "https://rival.example/?utm_id=1"
    )
    assert list(rows(session_id)) == ["https://rival.example/"]


def test_a_competitor_that_is_removed_is_gone_with_its_job(app: Flask) -> None:
    session_id = ready()
    name(session_id, *FIVE)
    name(session_id, *FIVE[:1], "new.example", "newer.example", "newest.example", "last.example")
    found = rows(session_id)
    assert len(found) == MAX_COMPETITORS
    assert queued(session_id) == {row.id for row in found.values()}
    assert {row.status for row in found.values()} == {"queued"}
    name(session_id)
    assert (rows(session_id), queued(session_id)) == ({}, set())
    assert comparisons(session_id) == []


def test_a_competitor_of_somebody_else_stays(app: Flask) -> None:
    one, other = ready(), ready()
    for session_id in (one, other):
        name(session_id, "rival.example")
    name(one)
    assert len(rows(other)) == len(queued(other)) == 1


def test_one_that_is_removed_while_it_is_read_leaves_nothing(app: Flask, site: SiteServer) -> None:
    session_id = ready()

    def remove(_handler: object) -> Any:
        with app.app_context():
            name(session_id)
        return short_page()

    site.pages["/rival"] = remove
    name(session_id, site.url("/rival"))
    jobs.run_pending()
    assert (rows(session_id), queued(session_id)) == ({}, set())


def test_they_are_read_and_compared_measure_by_measure(app: Flask, site: SiteServer) -> None:
    site.pages["/rival"] = short_page()
    for n in range(9):
        site.pages[f"/rival/{n}-more-of-it"] = short_page(n + 1)
    session_id = ready(has_website="yes", website_url=site.url())
    jobs.run_pending()
    site.visits.clear()
    name(session_id, site.url("/rival"), site.url("/gone"))
    waiting = comparisons(session_id)
    assert [(one["status"], one["rows"]) for one in waiting] == [("queued", []), ("queued", [])]

    jobs.run_pending()
    rival, gone = comparisons(session_id)
    assert (rival["url"], rival["status"], rival["pages_read"]) == (
        site.url("/rival"),
        "completed",
        3,
    )
    assert len([path for path in site.paths() if path.startswith("/rival")]) == 3
    assert "/wp-json/" not in site.paths()
    sentences = {row["measure"]: row for row in rival["rows"]}
    length = sentences["average_sentence_length"]
    assert length["code"] == "sentences_shorter"
    own = read(session_id).answer("website").analysis.measures["average_sentence_length"]
    assert (length["own"], length["theirs"]) == (own, 5.0)
    assert length["sentence"] == f"Their sentences are {own - 5:.0f} words shorter."
    assert sentences["second_person_share"]["code"] == "reader_more"

    assert (gone["status"], gone["rows"]) == ("failed", [])
    assert gone["error_message"] == "The site answered with “410 Gone”."
    report = step("research").report(store.require(by(session_id), everything=True))
    assert report["comparisons"] == [rival, gone]


def test_without_a_site_of_one_s_own_there_is_nothing_to_compare_with(
    app: Flask, site: SiteServer
) -> None:
    site.pages["/rival"] = short_page()
    session_id = ready()
    name(session_id, site.url("/rival"))
    jobs.run_pending()
    (only,) = comparisons(session_id)
    assert (only["status"], only["rows"], only["own_site_measured"]) == ("completed", [], False)
    assert only["words"] > 150


def test_a_site_that_could_not_be_read_is_tried_again_with_the_next_save(
    app: Flask, site: SiteServer
) -> None:
    session_id = ready()
    name(session_id, site.url("/rival"))
    jobs.run_pending()
    assert comparisons(session_id)[0]["status"] == "failed"
    site.pages["/rival"] = short_page()
    name(session_id, site.url("/rival"), research_depth="Expert")
    assert len(queued(session_id)) == 1
    jobs.run_pending()
    assert comparisons(session_id)[0]["status"] == "completed"
    asked = len(site.visits)
    name(session_id, site.url("/rival"), research_depth="Basic")
    assert queued(session_id) == set()
    assert len(site.visits) == asked


def test_a_reading_that_we_could_not_finish_says_that_the_fault_is_ours(app: Flask) -> None:
    session_id = ready()
    name(session_id, "rival.example")
    (row,) = rows(session_id).values()
    with transaction():
        competitors.CompetitorTask(CompetitorAnalysis).give_up(row.id)
    (only,) = comparisons(session_id)
    assert only["status"] == "failed"
    assert "the fault is ours" in only["error_message"]


def test_the_kinds_of_the_job_and_of_its_task_are_the_same(app: Flask) -> None:
    assert competitors.COMPETITOR == COMPETITOR
    assert isinstance(app.extensions["tasks"][COMPETITOR], competitors.CompetitorTask)


def test_no_page_of_prose_is_needed_to_name_competitors(app: Flask, site: SiteServer) -> None:
    """The step's page costs three statements, a save of five new competitors as few as may be."""
    site.pages["/rival"] = prose_page()
    session_id = ready(has_website="yes", website_url=site.url())
    form = filled("research", competitors="\n".join(FIVE))
    base = read(session_id).revision("research")
    with count_statements(app) as cost:
        store.save(by(session_id), step("research"), form, base)
    assert cost.commits == 1
    assert len(cost) <= 8 + MAX_COMPETITORS, cost
    db.session.remove()
    with count_statements(app) as cost:
        comparisons(session_id)
    assert len(cost) <= 3, cost
