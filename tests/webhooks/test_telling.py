"""What the host product is told, and when; and what it is not told."""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import update

from tests.api.client import ApiClient
from tests.conftest import MakeApp
from tests.jobs.test_queue import fill_the_queue
from tests.journeys.test_costs import SAVE, _other
from tests.journeys.walk import ANSWERS, KEYS, SLUGS, begin, count, path_of, sql, walk
from tests.legacy.hands import bring
from tests.legacy.samples import ALWRITY, baker, sqlite_source
from tests.support.counting import count_statements
from tests.support.pages import PageClient
from tests.support.receiver import SECRET, Receiver
from tests.support.site import SiteServer
from tests.webhooks.conftest import completed, work
from tests.wizard import samples
from webapp import jobs, webhooks
from webapp.extensions import transaction
from webapp.identity.caller import Caller
from webapp.identity.users import Left
from webapp.operators import cleanup
from webapp.types import now
from webapp.webhooks import Webhook
from webapp.wizard import adoption, store
from webapp.wizard.models import OnboardingSession

USER = "auth0|user/1 é"


def of_user(user_id: str = USER, until: str = "finish") -> str:
    """A user's session, answered up to and with a step; its id."""
    caller = store.open_session(Caller(None, user_id=user_id))
    samples.walk(str(caller.session_id), until)
    return str(caller.session_id)


def test_a_completion_is_told_with_what_the_product_needs_and_no_more(
    telling: Flask, receiver: Receiver
) -> None:
    with telling.app_context():
        session_id = of_user(until="integrations")
        assert count(telling, "webhooks") == 0
        samples.save(session_id, "finish")
    assert receiver.got == [], "no request waits for the receiver"
    assert work(telling) == 1
    (message,) = receiver.taken
    assert set(message.payload) == {"type", "timestamp", "data"}
    assert message.payload["type"] == "onboarding.completed"
    moment = datetime.fromisoformat(message.payload["timestamp"])
    assert abs(now() - moment) < timedelta(minutes=1)
    quoted = "/api/onboarding/users/auth0%7Cuser%2F1%20%C3%A9"
    assert message.data == {
        "user_id": USER,
        "session_hash": hashlib.sha256(session_id.encode()).hexdigest(),
        "step": None,
        "completed_at": message.payload["timestamp"],
        "read": {
            "status": f"{quoted}/status",
            "summary": f"{quoted}/summary",
            "ai_inputs": f"{quoted}/ai-inputs",
        },
    }
    assert message.headers["content-type"] == "application/json"
    assert message.id.startswith("msg_")
    assert count(telling, "jobs") == 0
    assert work(telling, later=True) == 0, "it is never sent again"
    assert len(receiver.got) == 1


def test_the_addresses_in_it_are_there(make_app: MakeApp, telling_sqlite: Flask) -> None:
    app = make_app(
        telling_sqlite.config["SQLALCHEMY_DATABASE_URI"],
        SERVICE_TOKEN="a token of services",
    )
    with telling_sqlite.app_context():
        of_user()
        (row,) = webhooks.read(9)
    for path in row["payload"]["data"]["read"].values():
        found = app.test_client().get(path, headers={"Authorization": "Bearer a token of services"})
        assert found.status_code == 200, path


def finished(app: Flask) -> PageClient:
    """A browser whose session is completed; nothing else is queued for it."""
    client = PageClient(app)
    walk(client, changes={"research": {"competitors": ""}})
    return client


def test_what_is_no_change_is_not_told(telling_sqlite: Flask) -> None:
    client = finished(telling_sqlite)
    for _ in range(2):
        client.submit(client.get(path_of("persona")), {"tone": "Academic"}, "save")
        client.submit(client.get(path_of("integrations")), {}, "skip")
    client.submit(client.get(path_of("persona")), {"tone": None}, "save", 422)
    with telling_sqlite.app_context():
        told = [row["payload"]["data"]["step"] for row in webhooks.read(99)]
    assert told == ["integrations", "persona", None]


def test_what_is_not_sent_yet_goes_with_a_session_that_is_begun_anew(
    telling_sqlite: Flask, receiver: Receiver
) -> None:
    client = finished(telling_sqlite)
    client.submit(client.get(path_of("persona")), {"tone": "Academic"}, "save")
    client.submit(client.get("/onboarding/reset"))
    work(telling_sqlite)
    (told,) = receiver.taken
    assert (told.type, told.data["completed_at"]) == ("reset", None)
    client.submit(client.get("/onboarding/reset"))
    assert work(telling_sqlite) == 0, "nobody was told of a completion since"


def test_they_come_in_order_one_job_for_all_of_a_session(
    telling_sqlite: Flask, receiver: Receiver
) -> None:
    client = finished(telling_sqlite)
    for slug in ("research", "finish", "persona"):
        client.submit(client.get(path_of(slug)), _other(slug), "save")
    client.submit(client.get(path_of("integrations")), {}, "skip")
    assert count(telling_sqlite, "jobs") == 1
    assert work(telling_sqlite) == 5
    steps = [(one.type, one.data["step"]) for one in receiver.taken]
    assert steps == [
        ("completed", None), ("changed", "research"), ("changed", "finish"),
        ("changed", "persona"), ("changed", "integrations"),
    ]  # fmt: skip
    assert len({one.id for one in receiver.got}) == 5
    client.submit(client.get("/onboarding/reset"))
    work(telling_sqlite)
    assert receiver.types()[5:] == ["reset"]


def test_an_analysis_that_ends_after_the_completion_is_a_change(
    make_app: MakeApp, sqlite_url: str, receiver: Receiver, site: SiteServer, no_politeness: None
) -> None:
    app = make_app(sqlite_url, FETCH_ALLOW=site.host_port, **receiver.settings)
    given = {"has_website": "yes", "website_url": site.url(), "business_description": ""}
    walk(PageClient(app), changes={"website": given})
    work(app)
    assert receiver.types() == ["completed", "changed"]
    assert receiver.taken[1].data["step"] == "website"


def test_a_session_that_becomes_a_user_s_is_told_again_with_its_user(
    telling_sqlite: Flask, receiver: Receiver
) -> None:
    with telling_sqlite.app_context():
        session_id = samples.begin()
        samples.walk(session_id)
        assert adoption.adopt(Caller(None, user_id="user_1"), Left(session_id))
    work(telling_sqlite)
    assert [(one.type, one.data["user_id"]) for one in receiver.taken] == [
        ("completed", None), ("changed", "user_1"),
    ]  # fmt: skip
    assert receiver.taken[0].data["read"] is None, "nobody's results are read by a user's id"


def test_a_completed_session_that_an_open_one_replaces_is_told_as_begun_anew(
    telling_sqlite: Flask, receiver: Receiver
) -> None:
    with telling_sqlite.app_context():
        of_user("user_1")
        other = samples.begin()
        samples.walk(other, "website")
    work(telling_sqlite)
    with telling_sqlite.app_context():
        assert adoption.adopt(Caller(None, user_id="user_1"), Left(other), instead=True)
    work(telling_sqlite)
    assert [(one.type, one.data["user_id"]) for one in receiver.taken] == [
        ("completed", "user_1"), ("reset", "user_1"),
    ]  # fmt: skip


def test_without_an_address_nobody_is_told_and_nothing_is_kept(app: Flask) -> None:
    client = finished(app)
    client.submit(client.get(path_of("research")), _other("research"), "save")
    assert count(app, "webhooks") == 0
    assert count(app, "jobs") == 0


def test_a_save_that_fails_tells_nothing(telling: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_more: object) -> None:
        raise RuntimeError("after the event was written")

    with telling.app_context():
        session_id = of_user(until="integrations")
        with monkeypatch.context() as patch:
            patch.setattr("webapp.wizard.store.mark", fail)
            with pytest.raises(RuntimeError):
                samples.save(session_id, "finish")
    assert count(telling, "webhooks") == count(telling, "jobs") == 0


def test_the_import_tells_nobody(telling_sqlite: Flask, receiver: Receiver, tmp_path: Path) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    source = sqlite_source(folder / "alwrity.db", ALWRITY, baker())
    bring(telling_sqlite, "alwrity", source)
    completed = "SELECT user_id FROM onboarding_sessions WHERE completed"
    assert sql(telling_sqlite, completed) == [("user_baker",)]
    assert count(telling_sqlite, "webhooks") == count(telling_sqlite, "jobs") == 0
    with telling_sqlite.app_context():
        caller = store.open_session(Caller(None, user_id="user_baker"))
        samples.save(str(caller.session_id), "research", research_depth="Basic")
    work(telling_sqlite)
    assert receiver.types() == ["changed"], "what its user does afterwards is told"


# Secrets, costs, and who is in the way of whom.


def test_no_secret_and_no_answer_is_in_a_row_or_a_message(
    telling_sqlite: Flask, receiver: Receiver
) -> None:
    client = ApiClient.started(telling_sqlite)
    client.walk()
    finished(telling_sqlite)
    work(telling_sqlite)
    assert len(receiver.taken) == 2
    rows = str(sql(telling_sqlite, "SELECT id, type, body, fault FROM webhooks"))
    sent = rows + "".join(one.body for one in receiver.got)
    assert client.session_id
    secrets = [*KEYS.values(), client.session_id, SECRET, SECRET[6:], samples.OPENAI_KEY]
    answers = [str(ANSWERS["finish"]["first_declaration"]), "clock", "The Clockmaker", "bread"]
    assert [one for one in secrets + answers if one in sent] == []
    # Who holds the id can tell whose event it is.
    hashed = hashlib.sha256(client.session_id.encode()).hexdigest()
    assert hashed in [one.data["session_hash"] for one in receiver.taken]


def test_a_save_that_is_told_costs_two_statements_more_and_others_none(telling: Flask) -> None:
    client = PageClient(telling)
    page = begin(client)
    for slug in SLUGS:
        with count_statements(telling) as cost:
            answer = client.submit(page, ANSWERS[slug], "save")
        assert len(cost) <= SAVE + (2 if slug == "finish" else 0), cost
        assert cost.commits == 1, cost
        page = client.follow(answer)
    for slug in SLUGS:
        page = client.get(path_of(slug))
        with count_statements(telling) as cost:
            client.submit(page, _other(slug), "save")
        assert len(cost) <= SAVE + 2, cost
        assert cost.commits == 1, cost


def test_a_full_queue_and_a_busy_session_refuse_no_event_and_events_refuse_no_job(
    telling: Flask, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with telling.app_context():
        session_id = of_user(until="integrations")
    fill_the_queue(telling)
    with telling.app_context():
        samples.save(session_id, "finish")
    sql(telling, "DELETE FROM jobs WHERE kind = 'errand'")
    assert work(telling) == 1
    assert receiver.types() == ["completed"]
    monkeypatch.setattr("webapp.jobs.queue.QUEUE_LIMIT", 2)
    with telling.app_context():
        for number in range(3):
            of_user(f"user_{number}")
        with transaction():
            assert jobs.add("website-analysis", "a", session_id) is None


def test_two_deliveries_are_in_hand_at_a_time_so_that_a_slow_receiver_leaves_room(
    brief: Flask,
) -> None:
    with brief.app_context():
        for number in range(4):
            completed(f"user_{number}")
        with transaction():
            jobs.add("website-analysis", "of somebody", None)
        kinds = [job.kind for _ in range(9) if (job := jobs.claim("w"))]
    assert sorted(kinds) == ["webhook", "webhook", "website-analysis"]


def test_events_go_with_their_session(brief: Flask) -> None:
    with brief.app_context():
        completed(USER)
        store.reset(Caller(None, user_id=USER))
        with transaction():
            session = store.lock(Caller(None, user_id=USER), now(), []).session
            adoption._delete(session)
    for table in ("webhooks", "jobs", "onboarding_sessions"):
        assert count(brief, table) == 0, table


def test_old_events_are_pruned_by_the_cleanup_and_waiting_ones_stay(brief: Flask) -> None:
    ages = [("delivered", 31), ("delivered", 29), ("failed", 91), ("failed", 89), ("waiting", 400)]
    with brief.app_context():
        session_id = completed(USER)
        with transaction():
            locked = store.lock(Caller(None, user_id=USER), now(), []).session
            for _ in ages[1:]:
                webhooks.tell(locked, "changed", "research", now())
        numbers = [row["id"] for row in webhooks.read(9)]
        with transaction():
            for event_id, (state, days) in zip(numbers, ages, strict=True):
                _set(event_id, state=state, created_at=now() - timedelta(days=days))
        cleanup.run(24)
        left = {(row["state"], row["created_at"][:10]) for row in webhooks.read(9)}
        kept = [ages[1], ages[3], ages[4]]
        assert left == {
            (state, (now() - timedelta(days=days)).isoformat()[:10]) for state, days in kept
        }
        assert samples.db.session.get(OnboardingSession, session_id)


def _set(event_id: str, **values: object) -> None:
    samples.db.session.execute(update(Webhook).where(Webhook.id == event_id).values(**values))


def test_a_save_and_the_end_of_a_delivery_in_one_moment_leave_no_event_behind(
    brief: Flask, receiver: Receiver
) -> None:
    """However the two meet: the job goes on, or the save makes a new one."""
    with brief.app_context():
        session_id = completed(USER)

    def deliver() -> None:
        jobs.run_pending()

    def change(depth: str) -> Callable[[], object]:
        return lambda: samples.save(session_id, "finish", first_declaration=depth)

    for round_ in range(6):
        depth = ("Basic", "Expert")[round_ % 2]
        outcome = samples.together(brief, deliver, change(depth))
        assert [one for one in outcome if isinstance(one, Exception)] == []
    work(brief, later=True)
    states = sql(brief, "SELECT state, count(*) FROM webhooks GROUP BY state")
    assert states == [("delivered", 7)]
    assert receiver.types() == ["completed"] + ["changed"] * 6


def test_the_body_is_json_whatever_a_user_is_called(
    telling_sqlite: Flask, receiver: Receiver
) -> None:
    name = 'q"uo\\te\u2028\n🦉'
    with telling_sqlite.app_context():
        of_user(name)
    work(telling_sqlite)
    assert json.loads(receiver.taken[0].body)["data"]["user_id"] == name
