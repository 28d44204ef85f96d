"""A worker's threads come upon what is made once (compiled, compressed, kept) at the same time."""

import gzip
import sys
from collections.abc import Iterator
from functools import partial

import pytest
from flask import Flask

from tests.conftest import MakeApp
from tests.journeys.walk import sql, walk
from tests.support.pages import PageClient
from tests.wizard.samples import at_once
from webapp import compress

THREADS = 8


@pytest.fixture(autouse=True)
def hasty_switches() -> Iterator[None]:
    """Let the interpreter change threads thousands of times more often than it does."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_the_first_requests_for_a_static_file(app: Flask) -> None:
    """Two pages that a browser opens together ask a new process for the same file twice."""
    browser = app.test_client()
    for path in ("js/focus.js", "css/app.css", "js/draft.js", "js/times.js"):
        plain = browser.get(f"/static/{path}", buffered=True).data

        def ask(path: str = path) -> bytes:
            headers = {"Accept-Encoding": "gzip"}
            answer = app.test_client().get(f"/static/{path}", headers=headers, buffered=True)
            assert answer.status_code == 200
            return gzip.decompress(answer.data)

        for _ in range(20):
            compress._static.clear()
            assert at_once(*[ask] * THREADS) == [plain] * THREADS


def test_the_first_journeys(make_app: MakeApp, any_url: str) -> None:
    """Each visitor gets the own answers back, on pages that all of them cause to be kept."""
    app = make_app(any_url)

    def visit(number: int) -> None:
        client = PageClient(app)
        industry = f"clocks of number {number}"
        page = walk(client, changes={"website": {"industry": industry}}).source
        assert page.count("clocks of number") == page.count(industry) > 0

    calls = (partial(visit, number) for number in range(THREADS))
    assert at_once(*calls) == [None] * THREADS
    assert sql(app, "SELECT count(*) FROM onboarding_sessions") == [(THREADS,)]
