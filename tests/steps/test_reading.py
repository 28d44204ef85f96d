"""The work behind an address: progress while it runs, turns at a host, and what is remembered."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text, update

from tests.conftest import MakeApp
from tests.support import databases
from tests.support.counting import count_statements
from tests.support.site import Answer, SiteServer, page, prose_page
from tests.wizard.samples import begin, read, save
from webapp import jobs
from webapp.extensions import db, transaction
from webapp.site.analyse import analyse
from webapp.site.crawl import Limits
from webapp.site.fetch import FetchError, FetchPolicy, fetch
from webapp.steps.website import task, turns
from webapp.steps.website.models import HostTurn, WebsiteAnalysis
from webapp.steps.website.task import Progress, user_agent

HOST = "93.184.216.34"


@pytest.fixture
def app(make_app: MakeApp, any_url: str, site: SiteServer) -> Iterator[Flask]:
    """On SQLite, then on PostgreSQL; it may read the site."""
    made = make_app(any_url, FETCH_ALLOW=site.host_port, PUBLIC_URL="https://start.example.com")
    with made.app_context():
        yield made


def analysed(url: str, **more: str) -> str:
    """A session whose website was read."""
    session_id = begin()
    save(session_id, "api-keys")
    save(session_id, "website", has_website="yes", website_url=url, **more)
    jobs.run_pending()
    return session_id


def stored(session_id: str) -> WebsiteAnalysis:
    analysis = read(session_id).answer("website").analysis
    assert isinstance(analysis, WebsiteAnalysis)
    return analysis


# --- turns -----------------------------------------------------------------------------------


def test_so_many_turns_at_one_address_and_no_more(app: Flask) -> None:
    with turns.turn(HOST, 5) as first, turns.turn(HOST, 5) as second:
        assert (first, second) == (True, True)
        started = time.monotonic()
        with turns.turn(HOST, 0.6) as third:
            assert third is False
        assert 0.25 < time.monotonic() - started < 1.5
        with turns.turn("1.1.1.1", 5) as elsewhere:
            assert elsewhere is True


def test_a_turn_rests_before_it_is_given_again(app: Flask) -> None:
    with turns.turn(HOST, 5), turns.turn(HOST, 5):
        pass
    started = time.monotonic()
    with turns.turn(HOST, 5) as again:
        assert again is True
    assert time.monotonic() - started > turns.PAUSE_SECONDS / 2


def test_a_turn_whose_holder_died_is_free_when_its_time_is_over(app: Flask) -> None:
    with turns.turn(HOST, 5), turns.turn(HOST, 5):
        with transaction():
            long_ago = task.now().replace(year=2020)
            db.session.execute(update(HostTurn).where(HostTurn.slot == 1).values(until=long_ago))
        with turns.turn(HOST, 1) as taken:
            assert taken is True
        # Whoever comes back from the dead gives back nothing that is another's.
    assert db.session.scalar(select(func.count()).select_from(HostTurn)) == turns.TURNS


def test_old_turns_are_forgotten(app: Flask) -> None:
    with turns.turn(HOST, 5):
        pass
    turns.forget_old()
    assert db.session.scalar(select(func.count()).select_from(HostTurn)) == 1
    with transaction():
        db.session.execute(update(HostTurn).values(until=task.now().replace(year=2020)))
    turns.forget_old()
    assert db.session.scalar(select(func.count()).select_from(HostTurn)) == 0


FLOOD = """
import sys, threading
from webapp import create_app
from webapp.site.analyse import analyse
from webapp.site.crawl import Limits
from webapp.site.fetch import FetchError, FetchPolicy, fetch
from webapp.steps.website import turns

app, url, pair = create_app(), sys.argv[1], sys.argv[2]

def work():
    with app.app_context():
        for _ in range(3):
            try:
                fetch(url, FetchPolicy(allow=frozenset({pair})), turn=turns.turn)
            except FetchError as error:
                assert error.code == "busy", error.code

threads = [threading.Thread(target=work) for _ in range(3)]
[t.start() for t in threads]
[t.join() for t in threads]
"""


@pytest.mark.long
def test_three_processes_together_send_no_more_requests_at_a_time_than_there_are_turns(
    app: Flask, any_url: str, tmp_path: Path, site: SiteServer
) -> None:
    lock = threading.Lock()
    under_way = most = 0

    def slow(_handler: BaseHTTPRequestHandler) -> Answer:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        site.stopping.wait(0.15)
        with lock:
            under_way -= 1
        return prose_page()

    site.pages["/"] = slow
    environ = {"PATH": os.environ["PATH"], **databases.settings(any_url, tmp_path / "instance")}
    command = [sys.executable, "-c", FLOOD, site.url(), site.host_port]
    processes = [subprocess.Popen(command, cwd=databases.TOP, env=environ) for _ in range(3)]
    assert [process.wait(90) for process in processes] == [0, 0, 0]
    assert len(site.visits) >= 9
    assert most == turns.TURNS


def test_a_fetch_without_a_turn_sends_nothing_and_says_why(app: Flask, site: SiteServer) -> None:
    policy = FetchPolicy(allow=frozenset({site.host_port}), total_seconds=1)
    with (
        turns.turn("127.0.0.1", 5),
        turns.turn("127.0.0.1", 5),
        pytest.raises(FetchError, match="being read for others"),
    ):
        fetch(site.url(), policy, turn=turns.turn)
    assert site.visits == []


def test_a_redirect_needs_a_turn_at_the_place_that_it_leads_to(
    app: Flask, site: SiteServer
) -> None:
    asked = []

    def counting(address: str, seconds: float):  # type: ignore[no-untyped-def]
        asked.append(address)
        return turns.turn(address, seconds)

    site.pages["/away"] = (
        302,
        {"Location": f"http://other.example:{site.url().split(':')[2]}"},
        "",
    )
    port = site.host_port.split(":")[1]
    allow = frozenset({site.host_port, f"other.example:{port}"})
    fetch(
        site.url("/away"),
        FetchPolicy(allow=allow),
        turn=counting,
        resolver=lambda host, port: ["127.0.0.1"],
    )
    assert asked == ["127.0.0.1", "127.0.0.1"]


# --- progress --------------------------------------------------------------------------------


def test_progress_is_written_once_a_second_without_touching_the_session(app: Flask) -> None:
    session_id = begin()
    save(session_id, "api-keys")
    save(session_id, "website", has_website="yes", website_url="clock.example")
    subject = stored(session_id).id
    with transaction():
        task.AnalysisTask(refresh=lambda *_: None).start(subject)
    before = read(session_id).session.updated_at
    with count_statements(app) as cost:
        progress = Progress(WebsiteAnalysis, subject)
        for done in range(12):
            progress(done, 12)
    assert len(cost.writes) == 1, cost
    assert "onboarding_sessions" not in str(cost)
    now_stored = stored(session_id)
    assert (now_stored.pages_done, now_stored.pages_known) == (0, 12)
    assert read(session_id).session.updated_at == before


def test_progress_is_seen_while_the_session_s_row_is_locked_by_a_save(app: Flask) -> None:
    if db.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time; the progress waits for it.")
    session_id = begin()
    save(session_id, "api-keys")
    save(session_id, "website", has_website="yes", website_url="clock.example")
    subject = stored(session_id).id
    with transaction():
        task.AnalysisTask(refresh=lambda *_: None).start(subject)
    with transaction():
        locked = text("SELECT id FROM onboarding_sessions WHERE id = :id FOR UPDATE")
        db.session.execute(locked, {"id": session_id})
        started = time.monotonic()
        Progress(WebsiteAnalysis, subject)(3, 7)
        assert time.monotonic() - started < 1
    assert (stored(session_id).pages_done, stored(session_id).pages_known) == (3, 7)


def test_progress_of_a_reading_that_is_over_is_not_written(app: Flask, site: SiteServer) -> None:
    session_id = analysed(site.url())
    Progress(WebsiteAnalysis, stored(session_id).id)(1, 99)
    assert stored(session_id).pages_known == stored(session_id).pages_read


def test_what_is_known_so_far_comes_at_once_and_goes_with_the_end(
    app: Flask, site: SiteServer
) -> None:
    session_id = analysed(site.url())
    finished = stored(session_id)
    reading = task.AnalysisTask(refresh=lambda *_: None)
    with transaction():
        reading.start(finished.id)
    progress = Progress(WebsiteAnalysis, finished.id)
    asked = []

    def measure() -> dict[str, object]:
        asked.append(1)
        return {"pages_read": 1}

    progress(0, 1)
    progress.known(measure)
    for done in range(1, 9):
        progress(done, 12)
    assert len(asked) == 1, "about once a second, the first one at once"
    assert stored(session_id).so_far == {"pages_read": 1}
    assert stored(session_id).measures == finished.measures, "the older result stays"
    with transaction():
        reading.give_up(finished.id)
    assert stored(session_id).so_far is None
    with transaction():
        reading.start(finished.id)
    Progress(WebsiteAnalysis, finished.id).known(measure)
    with transaction():
        reading.finish(finished.id, {"error_code": "dns_failed", "error_message": "No such name."})
    assert stored(session_id).so_far is None


def test_the_part_of_an_analysis_is_like_the_whole(site: SiteServer) -> None:
    parts: list[dict[str, Any]] = []
    whole = analyse(
        site.url(),
        FetchPolicy(allow=frozenset({site.host_port})),
        so_far=lambda measure: parts.append(measure()),
        limits=Limits(pages=1, pause=0),
    )
    assert len(parts) == 1
    (part,) = parts
    assert part["pages_read"] == 1
    assert part["writing_style"] == {"tone": whole["writing_style"]["tone"]}
    for name, value in part["measures"].items():
        assert whole["measures"][name] == value, name


# --- what is stored --------------------------------------------------------------------------


def test_a_site_is_read_over_several_pages_and_again_only_what_changed(
    app: Flask, site: SiteServer
) -> None:
    def tagged(handler: BaseHTTPRequestHandler) -> Answer:
        status, headers, body = prose_page()
        if handler.headers.get("If-None-Match") == '"v1"':
            return 304, {}, ""
        return status, {**headers, "ETag": '"v1"'}, body

    site.pages["/"] = tagged
    site.pages["/bread"] = page("<main><p>" + "Rye and spelt keep for a week. " * 9 + "</p></main>")
    session_id = analysed(site.url())
    first = stored(session_id)
    assert first.status == "completed"
    assert first.pages_read == first.pages_done == first.pages_known == 2
    assert "page_cache" not in vars(first), "the worker's own column was loaded with the page"
    assert "page_cache" not in first.as_dict()
    assert site.visits[0].path == "/robots.txt"
    agents = {visit.headers["User-Agent"] for visit in site.visits}
    assert agents == {"Onward/1.0 (+https://start.example.com)"}

    site.visits.clear()
    with transaction():
        jobs.add("website-analysis", first.id, session_id)
    jobs.run_pending()
    asked = [visit for visit in site.visits if visit.path == "/"]
    assert [visit.headers.get("If-None-Match") for visit in asked] == ['"v1"']
    second = stored(session_id)
    assert second.analysis_date > first.analysis_date  # type: ignore[operator]
    assert second.measures == first.measures


def test_the_brand_is_stored_when_it_is_switched_on_alone(
    make_app: MakeApp, sqlite_url: str, site: SiteServer
) -> None:
    for switch, wanted in (("on", True), ("off", False)):
        app = make_app(sqlite_url, FETCH_ALLOW=site.host_port, ENABLE_WEBSITE_BRAND_COLUMNS=switch)
        with app.app_context():
            assert (stored(analysed(site.url())).brand_analysis is not None) is wanted


def test_an_address_in_another_spelling_meets_its_earlier_analysis(
    app: Flask, site: SiteServer
) -> None:
    session_id = analysed(site.url("/bread"))
    site.pages["/bread"] = page("<p>x</p>")
    first = stored(session_id)
    save(session_id, "website", has_website="yes", website_url=site.url("/bread/"))
    again = stored(session_id)
    assert again.id == first.id
    assert again.website_url == site.url("/bread/")
    assert db.session.scalar(select(func.count()).select_from(WebsiteAnalysis)) == 1


def test_two_rows_in_two_spellings_stay_two(app: Flask) -> None:
    session_id = begin()
    save(session_id, "api-keys")
    save(session_id, "website", has_website="yes", website_url="http://clock.example")
    other = WebsiteAnalysis(
        session_id=session_id, website_url="https://www.clock.example/", status="failed"
    )
    with transaction():
        db.session.add(other)
    save(session_id, "website", has_website="yes", website_url="https://www.clock.example/")
    save(session_id, "website", has_website="yes", website_url="http://clock.example/")
    assert db.session.scalar(select(func.count()).select_from(WebsiteAnalysis)) == 2


@pytest.mark.parametrize(
    ("name", "address", "agent"),
    [
        ("Onward", "", "Onward/1.0"),
        ("Onward", "https://a.example", "Onward/1.0 (+https://a.example)"),
        ("Größe & Co / 2", "", "Gre-Co-2/1.0"),
        ("会社", "", "Onward/1.0"),
    ],
)
def test_the_visitor_s_name_is_one_that_robots_txt_can_name(
    name: str, address: str, agent: str
) -> None:
    assert user_agent(name, address) == agent


def test_a_verdict_stands_within_its_time_whatever_the_site_does() -> None:
    """The bounds that are set add up to less than 45 seconds."""
    limits, policy = Limits(), FetchPolicy()
    # robots.txt, then the page; nothing is asked for after `seconds`, and that request ends then.
    assert limits.robots_seconds + policy.total_seconds + limits.longest_pause <= limits.seconds
    assert limits.seconds <= 40
    assert policy.total_seconds < turns.HOLD_SECONDS
