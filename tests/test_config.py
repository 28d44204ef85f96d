"""Settings: each fault is told in a sentence that names the variable; secrets are made once."""

import base64
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.databases import SECRETS, TOP, settings
from webapp import config, create_app
from webapp.config import ConfigError, Settings

KEY = SECRETS["ENCRYPTION_KEYS"]
WEBHOOK_SECRET = "whsec_" + "QUFB" * 8


def read(folder: Path, **changes: str) -> Settings:
    """The settings of a production environment with `changes`."""
    environ = settings(f"sqlite:///{folder / 'x.sqlite'}", folder, DEPLOY_ENV="production")
    return config.read(environ | changes)


def fault_of(folder: Path, **changes: str) -> str:
    """What is said of an environment that does not work."""
    with pytest.raises(ConfigError) as refused:
        read(folder, **changes)
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "http"),
        ("PORT", "-1"),
        ("PORT", "8000.5"),
        ("PORT", "٨٠٠٠"),
        ("WORKERS", "0"),
        ("WORKERS", "many"),
        ("THREADS", "0"),
        ("PREPARED_STATEMENTS", "sometimes"),
        ("RETENTION_HOURS", "0"),
        ("RETENTION_HOURS", "8761"),
        ("ENABLE_WEBSITE_BRAND_COLUMNS", "perhaps"),
        ("AUTH_MODE", "trust-me"),
        ("RATE_LIMITS", "sometimes"),
        ("PROVIDER_CHECKS", "maybe"),
        ("TRUSTED_PROXIES", "proxy.example.com"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, 10.0.0.300"),
        ("REDIS_URL", "http://127.0.0.1"),
        ("REDIS_URL", "redis://127.0.0.1:port"),
        ("SIGN_IN_URL", "/sign-in"),
        ("PRIVACY_URL", "javascript:alert(1)"),
        ("TERMS_URL", "terms"),
        ("SUPPORT_EMAIL", "nobody"),
        ("PUBLIC_URL", "start.example.com"),
        ("PUBLIC_URL", "ftp://start.example.com"),
        ("PUBLIC_URL", "https://"),
        ("PUBLIC_URL", "https://[::1"),
        ("AFTER_URL", "javascript:alert(1)"),
        ("AFTER_URL", "/here"),
        ("WEBHOOK_SECRET", "whsec_" + "QUFB" * 7),
        ("WEBHOOK_SECRET", "whsec_" + "QUFB" * 22),
        ("WEBHOOK_SECRET", "QUFB" * 8),
        ("WEBHOOK_SECRET", "whsec_" + "QUF-" * 8),
        ("WEBHOOK_SECRET", "whsec_" + "QUFB" * 8 + ",whsec_"),
        ("FETCH_ALLOW", "127.0.0.1"),
        ("FETCH_ALLOW", "127.0.0.1:http"),
        ("FETCH_ALLOW", "127.0.0.1:0"),
        ("FETCH_ALLOW", ":8000"),
        ("FETCH_ALLOW", "127.0.0.1:8000, localhost"),
        ("DATABASE_URL", "not a database"),
        ("DATABASE_URL", "mysql://root@localhost/onward"),
        ("DATABASE_URL", "postgresql+asyncpg://localhost/onward"),
        ("DATABASE_URL", "postgresql://me:secret@localhost:port/onward"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("SECRET_KEY", ""),
        ("SECRET_KEY", "   "),
        ("SECRET_KEY", "short"),
        ("ENCRYPTION_KEYS", ""),
        ("ENCRYPTION_KEYS", ","),
        ("ENCRYPTION_KEYS", " , ,"),
        ("ENCRYPTION_KEYS", "AAEC"),
        ("ENCRYPTION_KEYS", KEY[:-5]),
        ("ENCRYPTION_KEYS", "!" * 44),
        ("ENCRYPTION_KEYS", f"{KEY},short"),
    ],
)
def test_a_fault_has_a_sentence_that_names_the_variable(
    tmp_path: Path, name: str, value: str
) -> None:
    said = fault_of(tmp_path, **{name: value})
    assert len(said.splitlines()) == 1
    assert name in said
    assert said.endswith((".", ")", "loopback HOST."))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("app.example.com/hook", "no address"),
        ("ftp://app.example.com/hook", "no address"),
        ("https://", "no address"),
        ("https://app.example.com:port/", "no address"),
        ("https://[::1", "no address"),
        ("https://app.example.com/a b", "no address"),
        ("https://app.example.com/#part", "no address"),
        ("https://bücher.example/hook", "no address"),
        ("http://app.example.com/hook", "use https"),
        ("http://8.8.8.8/hook", "use https"),
        ("http://0.0.0.0/hook", "use https"),
        ("http://local.example.com/hook", "use https"),
    ],
)
def test_an_address_to_tell_that_is_none_or_open_to_all_is_refused(
    tmp_path: Path, url: str, said: str
) -> None:
    given = url.replace("://", "://me:hunter2@") if "://" in url else url
    told = fault_of(tmp_path, WEBHOOK_URL=given, WEBHOOK_SECRET=WEBHOOK_SECRET)
    assert told.startswith("WEBHOOK_URL is ")
    assert said in told
    assert len(told.splitlines()) == 1
    assert "hunter2" not in told


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example.com/hook?a=1",
        "https://me:pass@app.example.com:8443",
        "https://xn--bcher-kva.example/",
        "http://localhost:3000/hook",
        "http://127.0.0.1:3000/",
        "http://[::1]:3000/",
        "http://10.1.2.3/hook",
        "http://[fd00::1]/hook",
        "http://app:3000/hook",
        "http://app.internal/hook",
        "http://app.default.svc.cluster.local/hook",
    ],
)
def test_an_address_to_tell_is_taken_as_it_is(tmp_path: Path, url: str) -> None:
    other = "whsec_" + "QkJC" * 8
    found = read(tmp_path, WEBHOOK_URL=url, WEBHOOK_SECRET=f"{WEBHOOK_SECRET}, {other}")
    assert found.webhook_url == url
    assert found.webhook_secrets == (WEBHOOK_SECRET, other)
    assert {WEBHOOK_SECRET[6:], other[6:]} < set(found.secrets)


def test_an_address_to_tell_needs_its_secret_and_a_secret_alone_tells_nobody(
    tmp_path: Path,
) -> None:
    told = fault_of(tmp_path, WEBHOOK_URL="https://app.example.com/hook")
    assert told == "WEBHOOK_SECRET is missing: what WEBHOOK_URL is told is signed with it."
    assert read(tmp_path, WEBHOOK_SECRET=WEBHOOK_SECRET).webhook_url == ""


@pytest.mark.parametrize("name", ["DATABASE_URL", "SECRET_KEY", "ENCRYPTION_KEYS"])
def test_no_sentence_tells_a_secret(tmp_path: Path, name: str) -> None:
    values = {
        "DATABASE_URL": "mysql://me:hunter2@localhost/onward",
        "SECRET_KEY": "hunter2",
        "ENCRYPTION_KEYS": "hunter2",
    }
    assert "hunter2" not in fault_of(tmp_path, **{name: values[name]})


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    said = fault_of(tmp_path, PORT="x", WORKERS="y", SECRET_KEY="", DATABASE_URL="z").splitlines()
    assert len(said) == 4
    for name in ("PORT", "WORKERS", "SECRET_KEY", "DATABASE_URL"):
        assert sum(name in line for line in said) == 1


@pytest.mark.parametrize(
    ("steps", "fault"),
    [("research,nowhere", "'nowhere'"), ("research,website,research", "twice")],
)
def test_steps_that_make_no_journey_stop_the_start(tmp_path: Path, steps: str, fault: str) -> None:
    environ = settings(f"sqlite:///{tmp_path / 'x.sqlite'}", tmp_path, ONBOARDING_STEPS=steps)
    with pytest.raises(ConfigError, match=f"ONBOARDING_STEPS.*{fault}"):
        create_app(environ)


@pytest.mark.parametrize(
    ("steps", "journey"),
    [
        ("finish", ["finish"]),
        ("research", ["research", "finish"]),
        (" research , website,finish ,", ["research", "website", "finish"]),
        ("finish,research", ["research", "finish"]),
        ("", ["api-keys", "website", "research", "persona", "integrations", "finish"]),
    ],
)
def test_the_journey_has_the_operator_s_steps_and_finish_last(
    tmp_path: Path, steps: str, journey: list[str]
) -> None:
    environ = settings(f"sqlite:///{tmp_path / 'x.sqlite'}", tmp_path, ONBOARDING_STEPS=steps)
    made = create_app(environ).extensions["journey"]
    assert [step.slug for step in made] == journey


def test_what_is_not_set_has_the_contract_s_default(tmp_path: Path) -> None:
    found = config.read({"INSTANCE_DIR": str(tmp_path)})
    assert (found.host, found.port, found.workers) == ("127.0.0.1", 8000, 2)
    assert (found.deploy_env, found.retention_hours) == ("local", 24)
    assert (found.cleanup_token, found.public_url, found.after_url) == ("", "", "")
    assert (found.onboarding_steps, found.fetch_allow) == (None, frozenset())
    assert found.brand_columns is True
    assert found.database_url == f"sqlite:///{tmp_path / 'onward.sqlite'}"
    assert found.behind_tls is False


def test_an_empty_or_blank_variable_counts_as_not_set(tmp_path: Path) -> None:
    found = read(tmp_path, PORT="", WORKERS="  ", PUBLIC_URL="", ONBOARDING_STEPS=" , ")
    assert (found.port, found.workers, found.public_url) == (8000, 2, "")
    assert found.onboarding_steps is None


def test_tokens_are_checked_against_three_settings_or_not_at_all(tmp_path: Path) -> None:
    said = fault_of(tmp_path, AUTH_MODE="jwt", JWT_ISSUER="https://idp.example.com").splitlines()
    assert [line.split()[0] for line in said] == ["JWT_JWKS_URL", "JWT_AUDIENCE"]


# Databases.


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("postgresql://me:pw@db/onward", "postgresql+psycopg://me:pw@db/onward"),
        ("postgresql+psycopg://me:pw@db/onward", "postgresql+psycopg://me:pw@db/onward"),
        ("postgres://me:pw@db:5433/onward", "postgresql+psycopg://me:pw@db:5433/onward"),
        (
            "postgresql://me:p%40%2F%3A@db/onward?sslmode=require",
            "postgresql+psycopg://me:p%40%2F%3A@db/onward?sslmode=require",
        ),
        ("postgresql:///onward?host=/run/pg", "postgresql+psycopg:///onward?host=%2Frun%2Fpg"),
        ("sqlite:////var/lib/onward.sqlite", "sqlite:////var/lib/onward.sqlite"),
        ("sqlite:///data/onward.sqlite", f"sqlite:///{TOP / 'data/onward.sqlite'}"),
    ],
)
def test_a_database_may_be_named_in_each_of_these_ways(
    tmp_path: Path, given: str, taken: str
) -> None:
    assert read(tmp_path, DATABASE_URL=given).database_url == taken


def test_only_a_file_is_sqlite(tmp_path: Path) -> None:
    assert read(tmp_path).is_sqlite
    assert not read(tmp_path, DATABASE_URL="postgresql://db/onward").is_sqlite


# Secrets.


@pytest.mark.parametrize("name", ["SECRET_KEY", "ENCRYPTION_KEYS"])
@pytest.mark.parametrize("deploy_env", ["production", "staging", "Local", "test"])
def test_away_from_a_developer_s_machine_a_missing_secret_stops_the_start(
    tmp_path: Path, name: str, deploy_env: str
) -> None:
    said = fault_of(tmp_path, **{name: "", "DEPLOY_ENV": deploy_env})
    assert said.startswith(name)
    assert not list(tmp_path.iterdir()), "none is made by itself"


def test_on_a_developer_s_machine_secrets_are_made_once_and_for_their_owner_alone(
    tmp_path: Path,
) -> None:
    environ = {"INSTANCE_DIR": str(tmp_path / "instance")}
    first, second = config.read(environ), config.read(environ)
    assert first.secret_key == second.secret_key
    assert first.encryption_keys == second.encryption_keys
    assert len(first.secret_key) >= 32
    assert [len(key) for key in first.encryption_keys] == [32]
    files = sorted((tmp_path / "instance").iterdir())
    assert [file.name for file in files] == ["encryption_keys", "secret_key"]
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "instance").stat().st_mode) & 0o077 == 0


def test_two_machines_make_different_secrets(tmp_path: Path) -> None:
    one, other = (config.read({"INSTANCE_DIR": str(tmp_path / name)}) for name in "ab")
    assert one.secret_key != other.secret_key
    assert one.encryption_keys != other.encryption_keys


def test_a_secret_that_is_set_is_used_and_none_is_made(tmp_path: Path) -> None:
    found = config.read({"INSTANCE_DIR": str(tmp_path), **SECRETS})
    assert found.secret_key == SECRETS["SECRET_KEY"]
    assert found.encryption_keys == (bytes(range(32)),)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_processes_that_start_at_once_agree_on_the_secrets(tmp_path: Path) -> None:
    code = (
        "import sys, time, pathlib; from webapp import config\n"
        "folder = pathlib.Path(sys.argv[1]); print('ready', flush=True)\n"
        "while not (folder / 'go').exists(): time.sleep(0.001)\n"
        "found = config.read({'INSTANCE_DIR': str(folder / 'instance')})\n"
        "print(found.secret_key, found.encryption_keys[0].hex())\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            cwd=TOP,
            env={"PATH": os.environ["PATH"]},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        (tmp_path / "go").touch()
        said = {process.communicate(timeout=30)[0] for process in processes}
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert len(said) == 1, said
    assert len(said.pop().split()) == 2
    names = sorted(file.name for file in (tmp_path / "instance").iterdir())
    assert names == ["encryption_keys", "secret_key"], "no draft is left behind"


def test_several_keys_are_read_newest_first(tmp_path: Path) -> None:
    keys = [os.urandom(32) for _ in range(3)]
    texts = [base64.urlsafe_b64encode(key).decode() for key in keys]
    texts[1] = texts[1].rstrip("=")
    found = read(tmp_path, ENCRYPTION_KEYS=f" {texts[0]} , {texts[1]},{texts[2]},")
    assert found.encryption_keys == tuple(keys)


def test_a_folder_that_cannot_be_made_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="INSTANCE_DIR"):
        config.read({"INSTANCE_DIR": str(tmp_path / "file" / "instance")})


# Addresses.


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "start.example.com", ""])  # noqa: S104
def test_a_developer_s_machine_serves_itself_alone(tmp_path: Path, host: str) -> None:
    environ = {"INSTANCE_DIR": str(tmp_path), "HOST": host}
    if host:
        with pytest.raises(ConfigError, match="HOST"):
            config.read(environ)
    else:
        assert config.read(environ).host == "127.0.0.1"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost"])
def test_a_loopback_host_is_a_developer_s_machine(tmp_path: Path, host: str) -> None:
    assert config.read({"INSTANCE_DIR": str(tmp_path), "HOST": host}).host == host


def test_any_other_environment_may_serve_everybody(tmp_path: Path) -> None:
    assert read(tmp_path, HOST="0.0.0.0").host == "0.0.0.0"  # noqa: S104


def test_the_public_address_decides_on_hosts_and_on_tls(tmp_path: Path) -> None:
    found = read(tmp_path, PUBLIC_URL="https://Start.Example.com:8443/")
    assert found.allowed_hosts == {"start.example.com"}
    assert (found.behind_tls, found.public_url[-1]) == (True, "3")
    assert not read(tmp_path, PUBLIC_URL="http://start.example.com").behind_tls
    assert "localhost" in read(tmp_path).allowed_hosts


def test_addresses_that_may_be_fetched_are_pairs_in_small_letters(tmp_path: Path) -> None:
    found = read(tmp_path, FETCH_ALLOW="LOCALHOST:8000, 127.0.0.1:81,[::1]:082,")
    assert found.fetch_allow == {"localhost:8000", "127.0.0.1:81", "[::1]:82"}


def test_the_command_line_tells_the_sentences_and_no_stack_trace(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "INSTANCE_DIR": str(tmp_path), "PORT": "x"}
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", "import wsgi"],
        cwd=TOP, env=environ, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert "PORT is 'x'; it takes a whole number from 1 to 65535." in done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - begun < 30
