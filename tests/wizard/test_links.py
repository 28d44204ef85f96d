"""Resume links: a token that is stored nowhere, opens once, within a week, and can be revoked."""

import hashlib
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select, text, update

from tests.wizard.samples import age, begin, by, read, together
from webapp.extensions import db, transaction
from webapp.operators import cleanup
from webapp.types import now
from webapp.wizard import links, store
from webapp.wizard.links import ResumeLink
from webapp.wizard.models import OnboardingSession

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def make(session_id: str) -> tuple[str, str]:
    """A new link, committed: its token and its id."""
    with transaction():
        store.lock(by(session_id), now(), [])
        token, link = links.make(session_id)
        link_id = link.id
    return token, link_id


def state(token: str) -> str | None:
    """What the database says of a link."""
    db.session.remove()
    link = links.find(token)
    return link.state if link else None


def test_a_token_is_long_random_and_good_in_an_address(app: Flask) -> None:
    with app.app_context():
        session_id = begin()
        tokens = {make(session_id)[0] for _ in range(20)}
    assert len(tokens) == 20
    for token in tokens:
        assert re.fullmatch(r"[A-Za-z0-9_-]{40,}", token)  # 240 bits or more
    assert session_id not in "".join(tokens)


def test_tokens_come_from_the_system_s_generator(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int | None] = []

    def token_urlsafe(length: int | None = None) -> str:
        asked.append(length)
        return "token-of-this-test"

    monkeypatch.setattr(secrets, "token_urlsafe", token_urlsafe)
    with app.app_context():
        assert make(begin())[0] == "token-of-this-test"
    assert asked == [32]


def test_the_token_is_nowhere_in_the_database(app: Flask, sqlite_url: str) -> None:
    with app.app_context():
        session_id = begin()
        token, _ = make(session_id)
        used, _ = make(session_id)
        assert links.use(used) == session_id
        hashes = set(db.session.scalars(select(ResumeLink.token_hash)))
        db.session.remove()
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    files = list(path.parent.glob(path.name + "*"))
    assert files
    for file in files:
        content = file.read_bytes()
        assert token.encode() not in content, file
        assert used.encode() not in content, file
    assert hashlib.sha256(token.encode()).hexdigest() in hashes


def test_the_hash_itself_opens_nothing(any_app: Flask) -> None:
    """Who reads the table cannot use a link."""
    with any_app.app_context():
        make(begin())
        (stored,) = db.session.scalars(select(ResumeLink.token_hash))
        assert links.find(stored) is None
        assert links.use(stored) is None


def test_a_link_opens_its_session_once(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        token, _ = make(session_id)
        assert state(token) == "open"
        assert links.use(token) == session_id
        assert state(token) == "used"
        assert links.use(token) is None


def test_looking_at_a_link_uses_nothing_up(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        token, _ = make(session_id)
        before = read(session_id).session
        for _ in range(3):
            assert links.find(token) is not None
        assert state(token) == "open"
        assert read(session_id).session.updated_at == before.updated_at
        assert links.use(token) == session_id


def test_of_two_clicks_at_once_one_wins(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        tokens = [make(session_id)[0] for _ in range(4)]
    for token in tokens:
        results = together(any_app, *[lambda t=token: links.use(t)] * 3)
        assert sorted(results, key=bool) == [None, None, session_id], results


def test_a_click_and_a_revocation_at_once_agree_on_who_was_first(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        made = [make(session_id) for _ in range(4)]
    for token, link_id in made:
        opened, revoked = together(
            any_app,
            lambda t=token: links.use(t),
            lambda i=link_id: links.revoke(by(session_id), i),
        )
        assert (opened == session_id) != revoked, (opened, revoked)
        with any_app.app_context():
            assert state(token) == ("revoked" if revoked else "used")


def test_a_link_lives_for_seven_days(any_app: Flask) -> None:
    with any_app.app_context(), time_machine.travel(NOON, tick=False) as clock:
        session_id = begin()
        early, late = make(session_id)[0], make(session_id)[0]
        clock.shift(timedelta(days=7) - timedelta(seconds=1))
        assert state(early) == "open"
        assert links.use(early) == session_id
        clock.shift(timedelta(seconds=1))
        assert state(late) == "expired"
        assert links.use(late) is None
        assert state(early) == "used"


def test_a_revoked_link_opens_nothing(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        token, link_id = make(session_id)
        assert links.revoke(by(session_id), link_id) is True
        assert state(token) == "revoked"
        assert links.use(token) is None
        assert links.revoke(by(session_id), link_id) is False


def test_another_session_cannot_revoke_a_link(any_app: Flask) -> None:
    with any_app.app_context():
        mine, theirs = begin(), begin()
        token, link_id = make(theirs)
        assert links.revoke(by(mine), link_id) is False
        assert state(token) == "open"
        assert [link.id for link in links.of_caller(by(mine))] == []
        assert [link.id for link in links.of_caller(by(theirs))] == [link_id]


def test_a_used_link_is_not_revoked_any_more(app: Flask) -> None:
    with app.app_context():
        session_id = begin()
        token, link_id = make(session_id)
        links.use(token)
        assert links.revoke(by(session_id), link_id) is False
        assert state(token) == "used"


def test_an_eleventh_link_revokes_the_oldest_open_one(app: Flask) -> None:
    with app.app_context(), time_machine.travel(NOON, tick=False) as clock:
        session_id = begin()
        tokens = []
        for _ in range(links.MOST_OPEN + 1):
            tokens.append(make(session_id)[0])
            clock.shift(timedelta(minutes=1))
        assert state(tokens[0]) == "revoked"
        assert {state(token) for token in tokens[1:]} == {"open"}
        assert links.use(tokens[0]) is None


def test_an_unknown_token_is_unknown(app: Flask) -> None:
    with app.app_context():
        make(begin())
        for token in ("", "x", "A" * 43, "é", "../../etc/passwd"):
            assert links.find(token) is None
            assert links.use(token) is None


def test_links_go_with_their_session(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        token, _ = make(session_id)
        store.reset(by(session_id))
        assert state(token) is None
        assert links.use(token) is None


def test_opening_a_link_counts_as_use_of_the_session(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        token, _ = make(session_id)
        age(session_id, 100)
        links.use(token)
        assert cleanup.run(24).deleted == 0
        assert now() - read(session_id).session.updated_at < timedelta(minutes=1)


# A session with an open link waits for it.


def by_command(hours: int) -> int:
    """As cron and the command line do it."""
    return cleanup.run(hours).deleted


def in_sql(hours: int) -> int:
    """As the function on PostgreSQL does it."""
    with transaction():
        query = text("SELECT cleanup_onboarding_sessions(:hours)")
        return int(db.session.scalar(query, {"hours": hours}) or 0)


def _use(token: str, _session_id: str, _link_id: str) -> None:
    links.use(token)


def _revoke(_token: str, session_id: str, link_id: str) -> None:
    links.revoke(by(session_id), link_id)


def _expire(token: str, _session_id: str, _link_id: str) -> None:
    with transaction():
        past = now() - timedelta(seconds=1)
        db.session.execute(update(ResumeLink).values(expires_at=past))


ENDS = pytest.mark.parametrize("end", [_use, _revoke, _expire])


def spare_and_take(sweep: Callable[[int], int], end: Callable[[str, str, str], None]) -> None:
    """The session with an open link stays, one without goes; once the link is closed it goes."""
    session_id, other = begin(), begin()
    token, link_id = make(session_id)
    for one in (session_id, other):
        age(one, 6 * 24)
    assert cleanup.run(24, dry_run=True).deleted == 1
    assert sweep(24) == 1
    assert set(db.session.scalars(select(OnboardingSession.id))) == {session_id}

    end(token, session_id, link_id)
    age(session_id, 25)
    assert cleanup.run(24, dry_run=True).deleted == 1
    assert sweep(24) == 1
    assert state(token) is None


@ENDS
def test_the_cleanup_spares_a_session_until_its_link_is_closed(any_app: Flask, end: Any) -> None:
    with any_app.app_context():
        spare_and_take(by_command, end)


@ENDS
def test_the_sql_function_spares_it_too(make_app: Any, postgres_url: str, end: Any) -> None:
    with make_app(postgres_url).app_context():
        spare_and_take(in_sql, end)


def test_one_open_link_among_closed_ones_is_enough(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        used, revoked, still_open = (make(session_id) for _ in range(3))
        links.use(used[0])
        links.revoke(by(session_id), revoked[1])
        age(session_id, 100)
        assert cleanup.run(24).deleted == 0
        assert links.use(still_open[0]) == session_id
        age(session_id, 100)
        assert cleanup.run(24).deleted == 1


def test_another_session_s_open_link_spares_nobody_else(any_app: Flask) -> None:
    with any_app.app_context():
        linked, other = begin(), begin()
        make(linked)
        for one in (linked, other):
            age(one, 100)
        assert cleanup.run(24).deleted == 1
        assert list(db.session.scalars(select(OnboardingSession.id))) == [linked]
