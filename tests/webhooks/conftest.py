"""An application that tells a receiver on this machine."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import update

from tests.conftest import MakeApp
from tests.support.receiver import Receiver, receiving
from tests.wizard import samples
from webapp import jobs
from webapp.extensions import db, transaction
from webapp.identity.caller import Caller
from webapp.jobs import Job
from webapp.types import now
from webapp.wizard import store

Work = Callable[[], int]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Who is told."""
    with receiving() as running:
        yield running


@pytest.fixture
def telling(make_app: MakeApp, any_url: str, receiver: Receiver) -> Flask:
    """The application on each database; nobody works in the background."""
    return make_app(any_url, **receiver.settings)


@pytest.fixture
def telling_sqlite(make_app: MakeApp, sqlite_url: str, receiver: Receiver) -> Flask:
    """The same where the database makes no difference."""
    return make_app(sqlite_url, **receiver.settings)


@pytest.fixture
def brief(make_app: MakeApp, any_url: str, receiver: Receiver) -> Flask:
    """An application whose journey is its last step, for what happens after it."""
    return make_app(any_url, ONBOARDING_STEPS="finish", **receiver.settings)


@pytest.fixture
def brief_sqlite(make_app: MakeApp, sqlite_url: str, receiver: Receiver) -> Flask:
    """The same where the database makes no difference."""
    return make_app(sqlite_url, ONBOARDING_STEPS="finish", **receiver.settings)


def completed(user_id: str = "user_1", changes: int = 0) -> str:
    """A user who has declared, and then changed that so often; the id of the session."""
    caller = store.open_session(Caller(None, user_id=user_id))
    for number in range(1 + changes):
        samples.save(str(caller.session_id), "finish", first_declaration=f"Text {number}.")
    return str(caller.session_id)


def work(app: Flask, later: bool = False) -> int:
    """Do what is due, or (`later`) what is put off as well, once; how many jobs that was."""
    with app.app_context():
        if later:
            with transaction():
                db.session.execute(update(Job).values(run_after=now()))
        return jobs.run_pending()
