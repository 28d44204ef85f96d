"""deploy/systemd and deploy/onward: what they name is there, and says the same as the Makefile."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.databases import SECRETS, TOP
from tests.support.server import serve_command
from webapp import config

UNITS = sorted((TOP / "deploy" / "systemd").iterdir())
HOME = "/opt/onward"


def command_of(unit: Path) -> list[str]:
    """ExecStart, its lines joined."""
    text = unit.read_text().replace("\\\n", " ")
    (found,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    return shlex.split(found)


def served_by_make() -> list[str]:
    """What `make run` gives to Python, its three variables by name."""
    command = serve_command({"HOST": "<HOST>", "PORT": "<PORT>", "WORKERS": "<WORKERS>"})
    return command[command.index("-OO") :]


def known_settings() -> set[str]:
    """Every name that the application reads from the environment."""
    source = (TOP / "webapp" / "config.py").read_text()
    return set(re.findall(r'"([A-Z][A-Z_]{3,})"', source))


def test_the_web_server_is_served_as_make_run_does() -> None:
    command = command_of(TOP / "deploy" / "systemd" / "onward-web@.service")
    assert command[0] == f"{HOME}/.venv/bin/python"
    wanted = {"<HOST>": "${HOST}", "<PORT>": "%i", "<WORKERS>": "${WORKERS}"}
    assert command[1:] == [wanted.get(part, part) for part in served_by_make()]


def test_a_stop_takes_longer_than_the_server_needs() -> None:
    unit = (TOP / "deploy" / "systemd" / "onward-web@.service").read_text()
    command = served_by_make()
    grace = int(command[command.index("--workers-kill-timeout") + 1])
    assert int(re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)[0]) > grace + 5


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_name_what_is_there(unit: Path) -> None:
    text = unit.read_text()
    if unit.suffix == ".timer":
        assert unit.with_suffix(".service").exists()
        return
    assert f"WorkingDirectory={HOME}\n" in text
    assert "EnvironmentFile=/etc/onward/onward.env\n" in text
    program, *arguments = command_of(unit)
    module = arguments[arguments.index("-m") + 1]
    assert program == f"{HOME}/.venv/bin/python"
    assert module in {"granian", "flask"} or (TOP / f"{module.replace('.', '/')}.py").exists()
    documents = re.findall(rf"file://{HOME}/(\S+)", text)
    assert documents
    assert all((TOP / document).exists() for document in documents)
    for assigned in re.findall(r"^Environment=(.*)$", text, re.MULTILINE):
        names = {part.partition("=")[0] for part in assigned.split()}
        assert names <= known_settings() | {"PYTHONDONTWRITEBYTECODE", "FLASK_SKIP_DOTENV"}
    assert text.index("Environment=") < text.index("EnvironmentFile="), "the file decides"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="There is no systemd-analyze.")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    for unit in UNITS:  # the one path that cannot be here is replaced
        text = unit.read_text().replace(f"{HOME}/.venv/bin/python", sys.executable)
        (tmp_path / unit.name).write_text(text)
    names = [str(tmp_path / unit.name.replace("@.", "@8001.")) for unit in UNITS]
    for unit in UNITS:
        if "@." in unit.name:
            (tmp_path / unit.name.replace("@.", "@8001.")).symlink_to(unit.name)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *names],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    told = [line for line in (done.stdout + done.stderr).splitlines() if "onward" in line]
    assert (done.returncode, told) == (0, []), done.stderr
    for name in names:
        if name.endswith(".service"):
            done = subprocess.run(
                ["systemd-analyze", "security", "--offline=yes", "--threshold=20", name],
                capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout[-2000:]


# -- the settings' file and the command that reads it ----------------------------------------------


def assignments(text: str) -> dict[str, str]:
    """NAME='value' of each line, also of those that are commented out."""
    lines = [line.removeprefix("#") for line in text.splitlines() if re.match(r"#?[A-Z_]+=", line)]
    return {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}


def test_the_file_of_settings_is_one_that_the_application_takes(tmp_path: Path) -> None:
    text = (TOP / "deploy" / "onward.env").read_text()
    found = assignments(text)
    assert found.keys() <= known_settings(), "a name that the application does not read"
    for line in text.splitlines():
        assert re.fullmatch(r"(#.*|[A-Z_]+='[^']*'|)", line), (
            f"sh, systemd and Docker differ: {line}"
        )
    with pytest.raises(config.ConfigError, match="SECRET_KEY is missing"):
        config.read({**found, "INSTANCE_DIR": str(tmp_path)})
    read = config.read({**found, **SECRETS, "INSTANCE_DIR": str(tmp_path)})
    assert read.behind_tls
    assert not read.is_sqlite


def installed(folder: Path) -> Path:
    """The project as it stands in /opt/onward, with this run's virtual environment."""
    home = folder / "opt onward"
    home.mkdir()
    for one in TOP.iterdir():
        if one.name not in {".venv", "deploy", ".env", "instance"} and not one.name.startswith("."):
            (home / one.name).symlink_to(one)
    (home / "deploy").mkdir()
    shutil.copy(TOP / "deploy" / "onward", home / "deploy" / "onward")
    (home / ".venv").symlink_to(sys.prefix)
    return home


def test_the_command_has_the_server_s_settings(sqlite_url: str, tmp_path: Path) -> None:
    command = installed(tmp_path) / "deploy" / "onward"
    env_file = tmp_path / "onward.env"
    # A value that a shell would take apart, were it not for the quotes.
    values = {**SECRETS, "DATABASE_URL": sqlite_url, "INSTANCE_DIR": str(tmp_path)}
    values["APP_NAME"] = "$(exit 3) `exit 3` & more"
    env_file.write_text("".join(f"{key}='{value}'\n" for key, value in values.items()))
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    environ = {"PATH": os.environ["PATH"], "ONWARD_ENV": str(env_file), "ONWARD_USER": user}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(command), *words], cwd="/", env=environ, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip

    done = run("onboarding", "stats")
    assert done.returncode == 0, done.stderr
    assert "Started 0" in done.stdout
    assert run("onboarding", "verify", "no such").returncode == 2, "the exit status comes through"
    environ["ONWARD_ENV"] = str(tmp_path / "none")
    done = run("onboarding", "stats")
    assert done.returncode == 2
    assert "cannot be read" in done.stderr
