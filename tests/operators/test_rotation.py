"""Rotation of ENCRYPTION_KEYS: everything sealed anew, beside saves, stopped and run again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from tests.conftest import MakeApp
from tests.support.databases import TOP, settings
from tests.wizard.samples import OPENAI_KEY, begin, save, together
from webapp import audit
from webapp.extensions import db, transaction
from webapp.mail import Letter
from webapp.operators import rotation
from webapp.steps.api_keys import ApiKey
from webapp.types import now
from webapp.vault import vault
from webapp.wizard import store

OLD = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
NEW = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
BOTH = f"{NEW},{OLD}"
MISTRAL = "Mistral8Wander2Key"

RunCommand = Callable[..., Any]


@pytest.fixture
def old(make_app: MakeApp, any_url: str) -> Flask:
    """The application as it was, with six sealed keys of three sessions and a letter."""
    app = make_app(any_url, ENCRYPTION_KEYS=OLD)
    with app.app_context():
        for _ in range(3):
            session_id = begin()
            save(session_id, "api-keys", mistral=MISTRAL)
        with transaction():
            sealed = vault().seal("a link", session_id, "letter-1")
            letter = Letter(session_id=session_id, id="letter-1", body=sealed, created_at=now())
            letter.recipient, letter.subject = "a@example.com", "Continue"
            db.session.add(letter)
    return app


@pytest.fixture
def both(make_app: MakeApp, any_url: str, old: Flask) -> Flask:
    """The same with a new key in front."""
    return make_app(any_url, ENCRYPTION_KEYS=BOTH)


@pytest.fixture
def new(make_app: MakeApp, any_url: str) -> Flask:
    """The same, the old key forgotten."""
    return make_app(any_url, ENCRYPTION_KEYS=NEW)


def rotate(app: Flask, *words: str) -> tuple[int, dict[str, Any]]:
    """Exit status and report of the command."""
    arguments = ["onboarding", "rotate-keys", "--json", *words]
    result = app.test_cli_runner().invoke(args=arguments)
    assert OPENAI_KEY not in result.output
    return result.exit_code, json.loads(result.output)


def opened() -> list[str | None]:
    """What the stored keys are, in clear, with the key ids checked."""
    db.session.remove()
    rows = db.session.scalars(select(ApiKey).order_by(ApiKey.provider)).all()
    assert all(row.key_id == vault().key_name(row.ciphertext) for row in rows)
    return [row.opened() for row in rows]


def test_everything_is_sealed_anew_in_batches_and_reported(both: Flask, new: Flask) -> None:
    for batch in ("2", "100"):
        done = {"rotated": 7 if batch == "2" else 0, "already": 0 if batch == "2" else 7}
        report = done | {"unopened": 0, "examples": []}
        assert rotate(both, "--batch", batch) == (0, report)
    with new.app_context():
        assert opened() == [MISTRAL] * 3 + [OPENAI_KEY] * 3
        letter = db.session.scalars(select(Letter)).one()
        assert vault().open(letter.body, letter.session_id, letter.id) == "a link"
        first, second = list(audit.read())
        assert (first.action, first.who, first.details["rotated"]) == (
            "keys_rotated",
            "operator",
            7,
        )
        assert second.details == {"rotated": 0, "already": 7, "unopened": 0, "finished": True}
        assert first.name, "the operator's name at the system"


def test_what_cannot_be_opened_is_told_and_stays(both: Flask, new: Flask) -> None:
    with both.app_context():
        with transaction():
            damaged = (ApiKey.provider == "openai") & (ApiKey.ciphertext != b"")
            db.session.execute(update(ApiKey).where(damaged).values(ciphertext=b"\x01broken"))
        before = db.session.scalars(select(ApiKey.session_id).distinct()).all()
    status, report = rotate(both)
    assert (status, report["rotated"], report["unopened"]) == (1, 4, 3)
    assert report["examples"] == [f"{session_id} openai" for session_id in sorted(before)]
    with new.app_context():
        rows = db.session.scalars(select(ApiKey)).all()
        assert sum(row.ciphertext == b"\x01broken" for row in rows) == 3, "nothing is deleted"
    said = both.test_cli_runner().invoke(args=["onboarding", "rotate-keys"])
    assert said.exit_code == 1
    assert "3 cannot be opened with any of ENCRYPTION_KEYS" in said.output
    status, report = rotate(new)
    assert (status, report["unopened"], report["already"]) == (1, 3, 4)


def test_without_the_old_key_nothing_is_touched(new: Flask, old: Flask) -> None:
    status, report = rotate(new)
    assert (status, report["rotated"], report["unopened"]) == (1, 0, 7)
    with old.app_context():
        assert opened() == [MISTRAL] * 3 + [OPENAI_KEY] * 3


def test_stopped_in_the_middle_it_goes_on_where_it_was(
    both: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch at hand is undone, those before it are kept, and the trail knows of them."""
    turns = []
    rotate_batch = rotation._rotate

    def stop(*args: Any, **more: Any) -> Any:
        turns.append(1)
        left = rotate_batch(*args, **more)
        if len(turns) == 3:
            raise KeyboardInterrupt
        return left

    with both.app_context():
        with monkeypatch.context() as patched:
            patched.setattr(rotation, "_rotate", stop)
            with pytest.raises(KeyboardInterrupt):
                list(rotation.run(batch=2))
        ids = [row.key_id for row in db.session.scalars(select(ApiKey)).all()]
        newest = vault().key_name(vault().seal("", ""))
        assert ids.count(newest) == 4
        (entry,) = list(audit.read())
        assert entry.details == {"rotated": 4, "already": 0, "unopened": 0}
    assert rotate(both) == (0, {"rotated": 3, "already": 4, "unopened": 0, "examples": []})


def test_a_save_in_between_wins_and_is_sealed_with_the_newest_key(
    both: Flask, new: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compare and swap: what was read for the rotation is not what is stored any more."""
    rotate_batch = rotation._rotate
    changed: list[str] = []

    def late(table: Any, todo: list[Any], done: Any, patient: bool) -> Any:
        if not changed:
            changed.append(todo[0].session_id)
            values = {"ciphertext": vault().seal("sk-" + "s" * 30, changed[0], todo[0].name)}
            values["key_id"] = vault().key_name(values["ciphertext"])  # type: ignore[assignment]
            mine = (ApiKey.session_id == changed[0]) & (ApiKey.provider == todo[0].name)
            db.session.execute(update(ApiKey).where(mine).values(values))
        return rotate_batch(table, todo, done, patient)

    with both.app_context():
        monkeypatch.setattr(rotation, "_rotate", late)
        *_, done = rotation.run()
        assert done.rotated == 6
    with new.app_context():
        assert sorted(map(str, opened())) == sorted(
            [MISTRAL] * 2 + [OPENAI_KEY] * 3 + ["sk-" + "s" * 30]
        )


def test_beside_running_saves_neither_waits_in_a_circle_nor_loses(both: Flask, new: Flask) -> None:
    with both.app_context():
        sessions = list(db.session.scalars(select(ApiKey.session_id).distinct()))

    def keep_saving(session_id: str, number: int) -> str:
        last = ""
        for turn in range(6):
            last = f"sk-{number}{turn}" + "z" * 30
            for _ in range(60):
                try:
                    save(session_id, "api-keys", openai=last, mistral=MISTRAL + str(turn))
                    break
                except store.StaleRevision:
                    continue
        return last

    def keep_rotating() -> None:
        for _ in range(4):
            list(rotation.run(batch=2))

    results = together(
        both,
        *[lambda s=one, n=n: keep_saving(s, n) for n, one in enumerate(sessions)],
        keep_rotating,
    )
    assert [one for one in results if isinstance(one, Exception)] == []
    assert rotate(both)[0] == 0
    with new.app_context():
        keys = opened()
        assert sorted(map(str, keys[3:])) == sorted(results[:3])
        assert keys[:3] == [MISTRAL + "5"] * 3


@pytest.mark.long
def test_killed_in_the_middle_it_goes_on_where_it_was(
    make_app: MakeApp, sqlite_url: str, tmp_path: Any
) -> None:
    old_app = make_app(sqlite_url, ENCRYPTION_KEYS=OLD)
    with old_app.app_context():
        for _ in range(60):
            save(begin(), "api-keys")
    environ = settings(sqlite_url, tmp_path / "instance", ENCRYPTION_KEYS=BOTH)
    words = ["onboarding", "rotate-keys", "--batch", "1"]
    command = ["-m", "flask", "--app", "wsgi", *words]
    for _ in range(3):
        child = subprocess.Popen(
            [sys.executable, *command],
            cwd=TOP,
            env={"PATH": os.environ["PATH"], **environ},
            stdout=subprocess.DEVNULL,
        )
        _wait_for_more(old_app)
        child.send_signal(signal.SIGKILL)
        child.wait(10)
    both = make_app(sqlite_url, ENCRYPTION_KEYS=BOTH)
    status, report = rotate(both)
    assert status == 0
    assert report["already"] > 0
    assert report["rotated"] + report["already"] == 60
    with make_app(sqlite_url, ENCRYPTION_KEYS=NEW).app_context():
        assert opened() == [OPENAI_KEY] * 60


def _wait_for_more(app: Flask) -> None:
    """Until a rotation in another process has got a little further."""
    with app.app_context():
        query = select(ApiKey.key_id)
        begun = sorted(db.session.scalars(query))
        for _ in range(300):
            db.session.remove()
            if sorted(db.session.scalars(query)) != begun:
                return
            time.sleep(0.02)
    raise AssertionError("the rotation does not begin")
