"""The real server under `kill -9`: what was acknowledged is there afterwards."""

import http.client
import random
import threading
import time
from dataclasses import dataclass, field

import pytest

from tests.browser.hands import answers_with, database_files, without_keys
from tests.browser.visitor import Visitor
from tests.conftest import StartServer
from tests.journeys.walk import ANSWERS, KEYS, SLUGS, begin, path_of, save, walk
from tests.support.server import LiveServer
from tests.support.site import Answer, SiteServer, prose_page

UNHEARD = (OSError, http.client.HTTPException)
"""The server went away in the middle: nobody knows whether it stored what it was sent."""


@pytest.mark.long
def test_the_journey_on_postgresql_survives_a_killed_server(
    start_server: StartServer, postgres_url: str, site: SiteServer
) -> None:
    server = start_server(postgres_url, FETCH_ALLOW=site.host_port)
    visitor = Visitor(server.url)
    walk(visitor, "integrations", answers_with(site.url()))
    _wait_for(visitor, "completed", 20)
    server.restart()
    page = visitor.follow(visitor.get("/onboarding/", 303))
    assert page.path == path_of("integrations")
    save(visitor, "integrations")
    done = visitor.follow(save(visitor, "finish")).text("//main")
    for words in (site.url(), "words on average", "The Clockmaker", "WordPress", "It rests on"):
        assert words in done
    assert visitor.get("/onboarding/", 303).location == "/onboarding/summary"
    without_keys(server.output())
    assert "Traceback" not in server.output()


@pytest.mark.long
def test_stopping_the_server_in_the_ordinary_way_costs_nothing_either(
    start_server: StartServer, sqlite_url: str
) -> None:
    server = start_server(sqlite_url)
    visitor = Visitor(server.url)
    walk(visitor, until="persona")
    server.stop()
    server.start()
    assert visitor.get("/onboarding/", 303).location == path_of("persona")
    without_keys(server.output(), *database_files(sqlite_url))


@pytest.mark.long
@pytest.mark.parametrize("when", ["queued", "in_progress"])
def test_an_analysis_that_died_with_the_server_is_picked_up_again(
    start_server: StartServer, sqlite_url: str, site: SiteServer, when: str
) -> None:
    dead = threading.Event()

    def slow_at_first(_handler: object) -> Answer:
        while not dead.is_set() and not site.stopping.is_set():
            site.stopping.wait(0.05)
        return prose_page()

    site.pages["/slow-at-first"] = slow_at_first  # type: ignore[assignment]
    server = start_server(sqlite_url, FETCH_ALLOW=site.host_port)
    visitor = Visitor(server.url)
    walk(visitor, "research", answers_with(site.url("/slow-at-first")))
    if when == "in_progress":
        _wait_for(visitor, "in_progress", 20)
    server.kill()
    dead.set()
    server.start()
    _wait_for(visitor, "completed", 60)
    assert "words on average" in visitor.get(path_of("website")).text("//*[@id='analysis']")


def _wait_for(visitor: Visitor, status: str, seconds: float) -> None:
    """Until the analysis is in this state (or beyond it)."""
    order = ["queued", "in_progress", "completed"]
    deadline = time.monotonic() + seconds
    while True:
        (found,) = visitor.get("/onboarding/website/analysis").find("//*[@id='analysis']")
        now = str(found.get("data-status"))
        assert now != "failed", found.text_content()
        if order.index(now) >= order.index(status):
            return
        assert time.monotonic() < deadline, f"the analysis is still {now} after {seconds} s"
        time.sleep(0.1)


# -- chaos -----------------------------------------------------------------------------------------


@dataclass
class Saver:
    """A visitor who saves again and again, and remembers what was acknowledged."""

    visitor: Visitor
    name: str
    random: random.Random
    stored: dict[str, str] = field(default_factory=dict)
    """Slug -> the last text whose saving was acknowledged."""
    perhaps: dict[str, set[str]] = field(default_factory=dict)
    """Slug -> texts that were sent after it and never answered."""
    acknowledged: int = 0
    faults: list[str] = field(default_factory=list)

    FIELDS = {  # noqa: RUF012 - a constant
        "website": "industry",
        "research": "competitors",
        "persona": "persona_name",
        "finish": "first_declaration",
    }

    def run(self, stop: threading.Event) -> None:
        """Save until told to stop; what is wrong goes to `faults`."""
        number = 0
        while not stop.is_set() and not self.faults:
            number += 1
            slug = self.random.choice(list(self.FIELDS))
            try:
                self._save(slug, f"{self.name}-{number}.example.com")
            except UNHEARD:
                time.sleep(0.1)
            except AssertionError as error:
                self.faults.append(f"{self.name}: {str(error)[:600]}")

    def _save(self, slug: str, text: str) -> None:
        page = self.visitor.get(path_of(slug))
        self._check(slug, page.form().values()[self.FIELDS[slug]])
        self.perhaps.setdefault(slug, set()).add(text)
        answer = self.visitor.submit(page, {self.FIELDS[slug]: text}, "save")
        assert answer.location.split("#")[0] == "/onboarding/summary"
        self.stored[slug], self.perhaps[slug] = text, set()
        self.acknowledged += 1

    def _check(self, slug: str, shown: str) -> None:
        shown = shown.removeprefix("https://").rstrip("/")
        lawful = self.perhaps.get(slug, set()) | {self.stored[slug]}
        assert shown in lawful, f"{slug} shows {shown!r}, acknowledged was {self.stored[slug]!r}"

    def check_all(self) -> None:
        """Everything that was acknowledged is shown."""
        for slug, name in self.FIELDS.items():
            self._check(slug, self.visitor.get(path_of(slug)).form().values()[name])


@pytest.mark.long
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_what_four_visitors_saved_is_there_however_often_the_server_is_killed(
    start_server: StartServer, request: pytest.FixtureRequest, database: str
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")  # noqa: T201 - how to repeat a failure
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    server = start_server(request.getfixturevalue(f"{database}_url"))
    savers = [_finished(server, f"v{n}", random.Random(seed + n)) for n in range(4)]  # noqa: S311
    stop = threading.Event()
    threads = [threading.Thread(target=saver.run, args=(stop,)) for saver in savers]
    for thread in threads:
        thread.start()
    try:
        for _ in range(8):
            time.sleep(chance.uniform(0.2, 2.0))
            server.restart()
        time.sleep(1)
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert [fault for saver in savers for fault in saver.faults] == []
    assert all(saver.acknowledged for saver in savers), [s.acknowledged for s in savers]
    for saver in savers:
        saver.check_all()
    without_keys(server.output())
    assert "Traceback" not in server.output()


def _finished(server: LiveServer, name: str, chance: random.Random) -> Saver:
    """A visitor whose journey is completed, so that every step may be saved in any order."""
    visitor = Visitor(server.url)
    walk(visitor)
    stored = {
        slug: str(visitor.get(path_of(slug)).form().values()[field_name])
        for slug, field_name in Saver.FIELDS.items()
    }
    stored["research"] = (
        "https://rival.example.com/\r\nhttps://other.example.org/shop".removeprefix("https://")
    )
    return Saver(visitor, name, chance, stored)


@pytest.mark.long
def test_visitors_on_their_way_lose_no_step_when_the_server_is_killed_between_any_two(
    start_server: StartServer, sqlite_url: str
) -> None:
    """Killed right after each answer: an acknowledged step is stored, whatever came after it."""
    server = start_server(sqlite_url, workers=1)
    visitor = Visitor(server.url)
    begin(visitor)
    for number, slug in enumerate(SLUGS, start=1):
        save(visitor, slug)
        server.restart()
        following = [*map(path_of, SLUGS), "/onboarding/summary"][number]
        assert visitor.get("/onboarding/", 303).location == following
    done = visitor.get("/onboarding/summary").text("//main")
    assert str(ANSWERS["finish"]["first_declaration"]) in done
    assert KEYS["openai"][-4:] in done
    without_keys(server.output(), *database_files(sqlite_url))
