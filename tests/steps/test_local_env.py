"""On a developer's own machine the keys also stand in a `.env` file, and only there."""

import logging
import stat
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.conftest import MakeApp
from tests.support.databases import TOP
from tests.wizard.samples import OPENAI_KEY, begin, by, filled, read, save, step, together
from webapp import config, dotenv
from webapp.extensions import transaction
from webapp.raw import RawConnection
from webapp.steps.api_keys import PROVIDERS
from webapp.wizard import store

OTHER_KEY = "sk-" + "n0ther" * 5 + "5678"
MISTRAL = "Mistral8Wander2Key"


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    return tmp_path / "project" / ".env"


@pytest.fixture
def local(make_app: MakeApp, sqlite_url: str, env_file: Path) -> Flask:
    """An application for one developer, whose project lies in the test's own folder."""
    env_file.parent.mkdir()
    return make_app(sqlite_url, DEPLOY_ENV="local", ENV_FILE=str(env_file))


def variables(path: Path) -> dict[str, str]:
    lines = path.read_text().splitlines() if path.exists() else []
    return {
        name: dotenv.unquote(value) for name, _, value in (line.partition("=") for line in lines)
    }


def test_saved_keys_stand_there_under_their_names_for_the_owner_alone(
    local: Flask, env_file: Path
) -> None:
    env_file.write_text("# mine\nMISTRAL_API_KEY=old\nDEBUG=1\n")
    with local.app_context():
        save(begin(), "api-keys", mistral=MISTRAL)
    assert env_file.read_text() == (
        f"# mine\nMISTRAL_API_KEY='{MISTRAL}'\nDEBUG=1\nOPENAI_API_KEY='{OPENAI_KEY}'\n"
    )
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600


def test_every_provider_has_the_name_that_its_own_library_reads(
    local: Flask, env_file: Path
) -> None:
    keys = {
        "gemini": "AIza" + "k" * 30, "openai": OPENAI_KEY, "anthropic": "sk-ant-" + "k" * 20,
        "mistral": MISTRAL, "exa": "01234567-89ab-cdef-0123-456789abcdef",
        "tavily": "tvly-0123456789", "serper": "serper0123456789",
        "copilotkit": "ck_pub_" + "k" * 20,
    }  # fmt: skip
    assert set(keys) == {p.name for p in PROVIDERS}
    with local.app_context():
        save(begin(), "api-keys", **keys)
    assert variables(env_file) == {
        "GEMINI_API_KEY": keys["gemini"], "OPENAI_API_KEY": keys["openai"],
        "ANTHROPIC_API_KEY": keys["anthropic"], "MISTRAL_API_KEY": keys["mistral"],
        "EXA_API_KEY": keys["exa"], "TAVILY_API_KEY": keys["tavily"],
        "SERPER_API_KEY": keys["serper"], "COPILOTKIT_API_KEY": keys["copilotkit"],
    }  # fmt: skip


def test_a_removed_key_and_everything_after_a_reset_leave_it(local: Flask, env_file: Path) -> None:
    """What somebody else put in a key's place stays, and so do another session's keys."""
    with local.app_context():
        mine = begin()
        save(mine, "api-keys", mistral=MISTRAL, tavily="tvly-0123456789", exa="")
        save(mine, "api-keys", openai="", remove=["tavily"])
        assert set(variables(env_file)) == {"OPENAI_API_KEY", "MISTRAL_API_KEY"}
        save(begin(), "api-keys", openai=OTHER_KEY)
        assert variables(env_file)["OPENAI_API_KEY"] == OTHER_KEY
        store.reset(by(mine))
        assert variables(env_file) == {"OPENAI_API_KEY": OTHER_KEY}


def test_nothing_is_written_before_the_commit_nor_without_one(
    local: Flask, env_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with local.app_context():
        session_id = begin()

        def fails(_connection: object) -> None:
            assert not env_file.exists()
            raise RuntimeError("the commit fails")

        with monkeypatch.context() as patched:
            patched.setattr(RawConnection, "commit", fails)
            with pytest.raises(RuntimeError):
                save(session_id, "api-keys")
        assert not env_file.exists()
        with transaction():  # what waited for the commit that failed does not wait for another
            pass
        assert not env_file.exists()
        form = filled("api-keys", openai="", tavily="tvly-0123456789")
        with pytest.raises(store.AnswersInvalid):
            store.save(by(session_id), step("api-keys"), form, 0)
        assert not env_file.exists()
        save(session_id, "api-keys")
        assert env_file.exists()


def test_a_file_that_cannot_be_written_costs_nobody_a_save(
    make_app: MakeApp, sqlite_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a-folder").mkdir()
    for path in (tmp_path / "nowhere" / ".env", tmp_path / "a-folder"):
        local = make_app(sqlite_url, DEPLOY_ENV="local", ENV_FILE=str(path))
        caplog.clear()
        with local.app_context(), caplog.at_level(logging.WARNING):
            visit = save(begin(), "api-keys")
            assert "api-keys" in visit.saved
        assert str(path) in caplog.text
        assert OPENAI_KEY not in caplog.text


def test_a_key_with_signs_that_the_file_cannot_hold_is_left_out(
    local: Flask, env_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    env_file.write_text("MISTRAL_API_KEY='Mistral8Before0Key'\n")
    strange = "Mistral${HOME}Key"
    with local.app_context(), caplog.at_level(logging.WARNING):
        session_id = begin()
        save(session_id, "api-keys", mistral="Mistral8Before0Key")
        save(session_id, "api-keys", mistral=strange)
    assert set(variables(env_file)) == {"OPENAI_API_KEY"}
    assert "mistral" in caplog.text
    assert strange not in caplog.text


def test_of_saves_at_the_same_moment_the_stored_one_stands_there(
    local: Flask, env_file: Path
) -> None:
    with local.app_context():
        session_id = begin()
        save(session_id, "api-keys")
    keys = [f"sk-{number}" + "k" * 30 for number in range(6)]
    results = together(local, *[lambda k=key: _save_on_top(session_id, k) for key in keys])
    assert [one for one in results if isinstance(one, Exception)] == []
    with local.app_context():
        stored = read(session_id).answer("api-keys")["openai"].opened()
    assert variables(env_file) == {"OPENAI_API_KEY": stored}


def _save_on_top(session_id: str, key: str) -> Any:
    for _ in range(50):
        try:
            return save(session_id, "api-keys", openai=key)
        except store.StaleRevision:
            continue
    return None


def test_any_other_deployment_never_writes_it(
    make_app: MakeApp, sqlite_url: str, env_file: Path
) -> None:
    env_file.parent.mkdir()
    for deployment in ("production", "test", "LOCAL"):
        app = make_app(sqlite_url, DEPLOY_ENV=deployment, ENV_FILE=str(env_file))
        with app.app_context():
            session_id = begin()
            save(session_id, "api-keys")
            store.reset(by(session_id))
    assert not env_file.exists()


def test_it_is_the_project_s_own_file_unless_it_is_told_otherwise(tmp_path: Path) -> None:
    environ = {"DEPLOY_ENV": "local", "INSTANCE_DIR": str(tmp_path)}
    assert config.read(environ).env_file == TOP / ".env"
    ignored = (TOP / ".gitignore").read_text().split()
    assert {"/.env", "/.env.*"} <= set(ignored)


def test_what_is_written_is_no_setting_of_ours() -> None:
    """Commands read the file where python-dotenv is installed, the server never does."""
    settings = config.Settings.__dataclass_fields__
    assert not [p.name for p in PROVIDERS if f"{p.name}_api_key" in settings]
