"""Too often is answered 429, keeps what was typed, costs no SQL, and hits nobody else."""

import json
import logging
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from flask import Flask
from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from tests.conftest import MakeApp
from tests.journeys import walk
from tests.support.counting import count_statements
from tests.support.pages import PageClient
from tests.support.redis import RedisServer, why_no_redis
from webapp import limits
from webapp.limits import Rate

SAVE, START = "wizard.save_step", "wizard.start"


@pytest.fixture
def limited(make_app: MakeApp, sqlite_url: str) -> Flask:
    """The application as it is served, with its real rates."""
    tokens = {"CLEANUP_TOKEN": "broom", "OPERATOR_TOKEN": "lens"}
    return make_app(sqlite_url, RATE_LIMITS="on", **tokens)


def set_rate(monkeypatch: pytest.MonkeyPatch, endpoint: str, **rate: str) -> None:
    """Another rate for an endpoint, of the same name."""
    monkeypatch.setitem(limits.RATES, endpoint, Rate(limits.RATES[endpoint].name, **rate))


def test_the_table_names_routes_that_exist_and_no_route_that_changes_something_is_free(
    limited: Flask,
) -> None:
    assert set(limits.RATES) <= set(limited.view_functions)
    for rule in limited.url_map.iter_rules():
        for method in (rule.methods or set()) & limits.UNSAFE:
            assert limits.rate_of(rule.endpoint, method), f"{method} {rule.rule} is not limited"
    assert limits.rate_of("wizard.show_step", "GET") is None
    assert limits.rate_of(SAVE, "POST", "check-openai") is limits.CHECK_KEY
    assert limits.rate_of(SAVE, "POST", "again") is limits.ANALYSE
    assert limits.rate_of(SAVE, "POST", "save") is limits.SAVE


def test_an_office_of_two_hundred_people_behind_one_address_never_meets_a_limit() -> None:
    """What one person does in a minute at most (a draft: every two seconds), and in an hour."""
    minute = {"save": 15, "draft": 30, "start": 3, "check-key": 5, "analyse": 3, "make-link": 2,
              "follow-link": 2, "sign-in": 4}  # fmt: skip
    hour = {"start": 6, "check-key": 20, "analyse": 15, "make-link": 6}
    rates = {rate.name: rate for rate in (*limits.RATES.values(), *limits.ACTIONS.values())}
    for name, rate in rates.items():
        for text, people in ((rate.caller, 1), (rate.address, 200)):
            for item in limits.limits_of(text):
                wanted = minute if item.seconds == 60 else hour
                assert item.amount >= people * wanted[name], f"{name}: {item} for {people}"


def test_whoever_walks_through_everything_meets_no_limit(limited: Flask) -> None:
    client = PageClient(limited)
    assert walk.walk(client).path == "/onboarding/summary"


def test_a_save_too_often_gives_the_form_back_and_costs_no_sql(
    limited: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_rate(monkeypatch, SAVE, caller="3/minute", address="100/minute")
    client = PageClient(limited)
    walk.walk(client, until="website")
    page = client.get("/onboarding/website")
    typed = {"has_website": "no", "business_description": "Too short"}
    for _ in range(2):
        client.submit(page, typed, status=422)
    with count_statements(limited) as cost:
        refused = client.submit(page, typed, status=429)
    assert len(cost) == 0, cost
    assert refused.form().values()["business_description"] == "Too short"
    assert "What you typed is still here" in " ".join(walk.messages(refused))
    seconds = int(refused.headers["Retry-After"])
    assert 1 <= seconds <= 62
    right = walk.ANSWERS["website"]
    with time_machine.travel(time.time() + seconds):
        assert client.submit(refused, right).location == "/onboarding/research"


def test_a_key_that_was_typed_does_not_come_back_from_a_refusal(
    limited: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_rate(monkeypatch, SAVE, caller="1/minute")
    client = PageClient(limited)
    page = walk.begin(client)
    client.submit(page, {"openai": "sk-no"}, status=422)
    walk.without_secrets(client.submit(page, dict(walk.KEYS), status=429))


def test_typed_values_come_back_to_a_page_of_ours_alone(
    limited: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_rate(monkeypatch, SAVE, address="1/minute")
    client = PageClient(limited)
    typed = {"industry": "typed-words"}
    client.post("/onboarding/website", typed, 400)
    page = client.post("/onboarding/website", typed, 429, {"Sec-Fetch-Site": "cross-site"})
    assert page.heading == "Too many requests"
    assert "typed-words" not in page.source


def test_callers_are_counted_each_for_themselves_and_together_by_their_address(
    limited: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_rate(monkeypatch, START, caller="2/minute", address="5/minute")
    one, two, three = (PageClient(limited) for _ in range(3))
    pages = [client.get("/onboarding/") for client in (one, two, three)]
    for client, page in ((one, pages[0]), (two, pages[1])):
        client.submit(page)
        client.submit(page)
        assert client.submit(page, status=429).heading == "Too many requests"
    three.submit(pages[2])
    three.submit(pages[2], status=429)  # her second only, but the sixth of this address
    with time_machine.travel(time.time() + 61):
        three.submit(pages[2])


def test_the_requests_of_one_network_are_counted_together_on_ipv6(
    limited: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_rate(monkeypatch, START, address="2/minute")

    def status(address: str) -> int:
        there = {"REMOTE_ADDR": address}
        return limited.test_client().post("/onboarding/start", environ_base=there).status_code

    assert [status(f"2001:db8:1:2::{host}") for host in (1, 2, 3)] == [400, 400, 429]
    assert status("2001:db8:1:3::1") == 400
    assert [status(address) for address in ("192.0.2.1", "192.0.2.2", "")] == [400, 400, 400]


def test_guesses_at_a_token_run_out_and_whoever_holds_it_does_not_count(limited: Flask) -> None:
    client = limited.test_client()

    def clean(token: str, address: str = "192.0.2.7") -> int:
        response = client.post(
            "/api/onboarding/cleanup",
            headers={"Authorization": f"Bearer {token}"},
            environ_base={"REMOTE_ADDR": address},
        )
        if response.status_code == 429:
            problem = json.loads(response.data)
            assert response.mimetype == "application/problem+json"
            assert (problem["status"], problem["title"]) == (429, "Too Many Requests")
            assert int(response.headers["Retry-After"]) > 0
        return response.status_code

    assert {clean("broom") for _ in range(25)} == {200}
    assert [clean(f"guess-{n}") for n in range(21)] == [403] * 20 + [429]
    assert clean("broom") == 429, "a right guess tells nothing any more"
    assert clean("broom", "192.0.2.8") == 200


def test_guesses_at_resume_links_run_out(limited: Flask) -> None:
    client = PageClient(limited)
    walk.begin(client)
    made = client.submit(client.get("/onboarding/resume-link"), status=200)
    link = str(made.find("//p[contains(@class, 'resume-address')]//a/@href")[0])
    for n in range(60):
        client.get(f"/onboarding/resume/guess-{n}", 404)
    refused = client.get("/onboarding/resume/guess", 429)
    assert int(refused.headers["Retry-After"]) > 0
    path = link.removeprefix("http://localhost")
    with time_machine.travel(time.time() + 61):
        assert client.get(path).heading


def test_behind_a_proxy_each_client_has_limits_of_its_own_and_a_made_up_address_helps_nobody(
    make_app: MakeApp, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_rate(monkeypatch, START, address="2/minute")
    app = make_app(sqlite_url, RATE_LIMITS="on", TRUSTED_PROXIES="10.0.0.0/8")

    def status(peer: str, forwarded_for: str) -> int:
        return (
            app.test_client()
            .post(
                "/onboarding/start",
                environ_base={"REMOTE_ADDR": peer},
                headers={"X-Forwarded-For": forwarded_for},
            )
            .status_code
        )

    assert [status("10.0.0.1", "192.0.2.1") for _ in range(3)] == [400, 400, 429]
    assert status("10.0.0.1", "198.51.100.9, 192.0.2.1, 10.0.0.7") == 429
    assert status("10.0.0.1", "192.0.2.2") == 400
    assert [status("203.0.113.5", f"192.0.2.{n}") for n in range(3)] == [400, 400, 429]


def test_limits_that_are_off_count_nothing(make_app: MakeApp, sqlite_url: str) -> None:
    app = make_app(sqlite_url, RATE_LIMITS="off", CLEANUP_TOKEN="broom")
    client = app.test_client()
    answers = {client.post("/onboarding/start").status_code for _ in range(40)}
    wrong = {"Authorization": "Bearer x"}
    answers |= {
        client.post("/api/onboarding/cleanup", headers=wrong).status_code for _ in range(30)
    }
    assert answers == {400, 403}


def test_counts_are_kept_under_the_keys_that_other_versions_of_us_use(
    limited: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While servers are upgraded one after the other they share one Redis."""
    set_rate(monkeypatch, START, caller="2/minute;7/hour", address="5/minute", refused="9/minute")
    limited.test_client().post("/onboarding/start", headers={"Authorization": "Bearer x"})
    kept = limited.extensions["limits"]._memory._kept
    who = "b937a6fd6074f3650930dd9a8c3ea51f"
    assert set(kept) >= {
        f"LIMITER/onward/{who}/start-caller/2/1/minute",
        f"LIMITER/onward/{who}/start-caller/7/1/hour",
        "LIMITER/onward/127.0.0.1/start-address/5/1/minute",
    }
    assert not any("refused" in key for key in kept)


def test_memory_counts_as_the_library_does_that_counts_in_redis() -> None:
    """Random requests of a few callers, over some hours, on both."""
    chance = random.Random(8)  # noqa: S311 - no secret
    library, ours = FixedWindowRateLimiter(MemoryStorage()), limits.Memory()
    texts = ("3/minute", "5/hour")
    told: list[tuple[RateLimitItem, limits.Limit]] = [
        (parse_many(text)[0], limits.limits_of(text)[0]) for text in texts
    ]
    assert [str(one) for one, _ours in told] == [str(limit) for _one, limit in told]
    met = 0
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        for _ in range(2000):
            clock.shift(chance.choice((0, 0, 1, 7, 40, 59.5, 60)))
            (item, limit), who = chance.choice(told), chance.choice("abc")
            key = item.key_for(who)
            if chance.random() < 0.7:
                allowed = ours.incr(key, limit.seconds) <= limit.amount
                assert allowed == library.hit(item, who)
                met += not allowed
            opens_at, left = library.get_window_stats(item, who)
            assert (max(0, limit.amount - ours.get(key)), ours.get_expiry(key)) == (left, opens_at)
    assert met > 100


def test_counts_that_are_over_are_thrown_away() -> None:
    counts = limits.Memory()
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        for n in range(1000):
            counts.incr(f"minute {n}", 60)
        counts.incr("hour", 3600)
        clock.shift(61)
        counts.incr("new", 60)
        assert set(counts._kept) == {"hour", "new"}
        clock.shift(-3600)  # the clock was put right
        counts.incr("newer", 60)
        assert counts.get("newer") == 1


def test_no_count_is_lost_between_threads() -> None:
    counts = limits.Memory()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _n: counts.incr("key", 3600), range(4000)))
    assert counts.get("key") == 4000


# Redis.


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of this test's own."""
    if reason := why_no_redis():
        pytest.skip(reason)
    with RedisServer(tmp_path) as server:
        yield server


def test_redis_is_shared_and_may_go_and_come_back(
    make_app: MakeApp,
    sqlite_url: str,
    redis: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_rate(monkeypatch, START, address="4/minute")
    one, two = (make_app(sqlite_url, RATE_LIMITS="on", REDIS_URL=redis.url) for _ in range(2))

    def starts(app: Flask, times: int) -> list[int]:
        client = app.test_client()
        return [client.post("/onboarding/start").status_code for _ in range(times)]

    assert starts(one, 3) + starts(two, 2) == [400, 400, 400, 400, 429]
    redis.kill()
    before = time.monotonic()
    with caplog.at_level(logging.WARNING):
        assert starts(one, 5) == [400, 400, 400, 400, 429], "in memory"
    assert time.monotonic() - before < 3, "nobody waits for it"
    assert [r.message for r in caplog.records if "storage" in r.message] == [
        "Rate limit storage unreachable - falling back to in-memory storage"
    ]
    with monkeypatch.context() as nothing_set_up:
        nothing_set_up.setattr(logging.root, "handlers", [])  # as in a server
        assert starts(two, 1) == [400]
    assert "Rate limit storage unreachable" in capsys.readouterr().err
    redis.start()
    with time_machine.travel(time.time() + timedelta(seconds=61).total_seconds()):
        assert starts(two, 3) + starts(one, 2) == [400, 400, 400, 400, 429], "shared again"


def test_a_redis_that_dies_between_two_looks_at_it_costs_nobody_an_answer(
    make_app: MakeApp, sqlite_url: str, redis: RedisServer
) -> None:
    """A failed guess is counted after its answer is made."""
    app = make_app(sqlite_url, RATE_LIMITS="on", REDIS_URL=redis.url, CLEANUP_TOKEN="broom")
    app.add_url_rule("/kill", endpoint="kill", view_func=lambda: (redis.kill() or "", 403)[0:2])
    limits.RATES["kill"] = limits.TOKEN
    try:
        assert app.test_client().get("/kill").status_code == 403
    finally:
        del limits.RATES["kill"]
