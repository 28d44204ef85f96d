"""Real servers and workers: killed over a delivery, and a receiver that is away."""

import os
import signal
import threading
import time

import pytest

from tests.browser.visitor import Visitor
from tests.conftest import MakeApp, StartServer
from tests.jobs.test_workers import PICKED_UP_SECONDS, idle, wait_until
from tests.journeys.walk import save, sql, walk
from tests.support.receiver import SECRET, TAKEN, Receiver
from tests.support.site import Answer

NO_COMPETITORS = {"research": {"competitors": ""}}


@pytest.mark.long
def test_what_a_killed_worker_was_sending_is_taken_once_under_one_id(
    make_app: MakeApp, start_server: StartServer, any_url: str, receiver: Receiver
) -> None:
    app = make_app(any_url, **receiver.settings)
    asked = threading.Event()

    def stuck(_handler: object) -> Answer | None:
        asked.set()
        receiver.site.stopping.wait(30)
        return None

    receiver.behaviours = [stuck, TAKEN]
    server = start_server(any_url, **receiver.settings)
    walk(Visitor(server.url), changes=NO_COMPETITORS)
    wait_until(asked.is_set, what=server.output())
    ((holder,),) = sql(app, "SELECT worker FROM jobs")
    os.kill(int(str(holder).rpartition("/")[2]), signal.SIGKILL)
    wait_until(lambda: idle(app), PICKED_UP_SECONDS, server.output())
    assert [one.type for one in receiver.taken] == ["completed"]
    assert len({one.id for one in receiver.got}) == 1
    assert sql(app, "SELECT state, attempts FROM webhooks") == [("delivered", 2)]
    assert SECRET[6:] not in server.output()


@pytest.mark.long
def test_nobody_waits_for_a_receiver_that_does_not_answer(
    start_server: StartServer, sqlite_url: str, receiver: Receiver
) -> None:
    receiver.behaviours = [receiver.site.slow(60, TAKEN)]
    server = start_server(sqlite_url, workers=1, **receiver.settings)
    visitor = Visitor(server.url)
    walk(visitor, changes=NO_COMPETITORS)
    wait_until(lambda: receiver.got, what=server.output())
    for tone in ("Academic", "Casual", "Technical"):
        begun = time.monotonic()
        save(visitor, "persona", {"tone": tone})
        assert time.monotonic() - begun < 3
    assert len(receiver.got) == 1
