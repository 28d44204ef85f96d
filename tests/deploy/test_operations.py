"""The commands of docs/operations.md: those that a test machine can run are run, in their order and
as they stand; of the others, what they name is there."""

import os
import re
import shlex
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.deploy.test_containers import compose
from tests.deploy.test_units import installed
from tests.support.databases import SECRETS, TOP

DOCS = TOP / "docs" / "operations.md"

OF_THE_MACHINE = {
    "apt-get", "cp", "docker", "git", "journalctl", "nginx", "runuser", "sed", "systemctl",
    "useradd",
}  # fmt: skip
"""They change the machine, or need a Docker daemon, systemd, the network."""
OF_THE_INSTALL = ("cd /opt/onward\n", "python3 -m venv", ".venv/bin/python -m pip install")
"""What the virtual environment of this run stands for."""


ELSEWHERE = ("Back up", "Restore", "Read the metrics", "What to do when")
"""Sections whose commands other tests run: `tests/operators/test_backup.py`,
`tests/test_deploy_prometheus.py`, `tests/operators/test_metrics.py`."""


def lines() -> list[str]:
    """Every command of the page's other sections, a line each."""
    sections = re.split(r"^(?=## )", DOCS.read_text(), flags=re.MULTILINE)
    text = "".join(one for one in sections if not one[3:].startswith(ELSEWHERE))
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    return [
        line for block in blocks for line in textwrap.dedent(block).splitlines() if line.strip()
    ]


def runs_here(line: str) -> bool:
    """Whether a test can run it."""
    if shlex.split(line, comments=True)[0] in OF_THE_MACHINE:
        return False
    return not f"{line}\n".startswith(OF_THE_INSTALL)


@pytest.mark.long
def test_the_commands_that_can_run_here_do(
    start_server: StartServer, sqlite_url: str, tmp_path: Path
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("There is no curl to run the commands.")
    home = installed(tmp_path)
    shutil.copy(TOP / "deploy" / "onward.env", home / "deploy" / "onward.env")
    (home / "deploy" / "compose").mkdir()
    server = start_server(sqlite_url, workers=1, CLEANUP_TOKEN="a token of cron")
    script = "\n".join(filter(runs_here, lines()))
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    group = subprocess.run(["id", "-gn"], capture_output=True, text=True, check=True).stdout.strip()
    env_file = tmp_path / "etc" / "onward.env"
    for told, real in (
        ("/opt/onward", f"'{home}'"),
        ("/etc/onward/onward.env", f"'{env_file}'"),
        ("-o root -g root", f"-o {user} -g {group}"),
        ("http://127.0.0.1:8001", server.url),
    ):
        assert told in script
        script = script.replace(told, real)
    # Between the installation of the file and its first use an operator fills it in.
    values = {**SECRETS, "DATABASE_URL": sqlite_url, "INSTANCE_DIR": str(tmp_path)}
    filled = "\n".join(
        f"""printf '%s\\n' "{name}='{value}'" >> "$ENV_FILE\"""" for name, value in values.items()
    )
    first = next(line for line in script.splitlines() if "db upgrade" in line)
    script = script.replace(first, f"{filled}\n{first}", 1)
    done = subprocess.run(
        ["bash", "-euxo", "pipefail"],
        input=script,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
        env={
            "PATH": os.environ["PATH"],
            "NO_PROXY": "*",
            "ONWARD_ENV": str(env_file),
            "ONWARD_USER": user,
            "ENV_FILE": str(env_file),
            "CLEANUP_TOKEN": "a token of cron",
        },
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    ran = done.stderr.count("\n+ ") + done.stderr.startswith("+ ")
    assert ran >= 15, "the commands were not run"
    for told in ("Started 0, completed 0.", "sealed anew", "sessions would be deleted", '"ok"'):
        assert told in done.stdout, told
    made = dict(re.findall(r"^(\w+)='(.*)'$", done.stdout, re.MULTILINE))
    assert made.keys() == {"SECRET_KEY", "ENCRYPTION_KEYS", "OPERATOR_TOKEN"}
    for file in (env_file, home / "deploy/compose/onward.env", home / "deploy/compose/.env"):
        assert file.stat().st_mode & 0o777 == 0o600, file
    passwords = (home / "deploy/compose/.env").read_text()
    assert set(re.findall(r"^(\w+)=\w{48}$", passwords, re.MULTILINE)) == {
        name for name in re.findall(r"\$\{(\w+)", str(compose())) if name.endswith("PASSWORD")
    }


def test_what_the_other_commands_name_is_there() -> None:
    others = [line for line in lines() if not runs_here(line)]
    assert len(others) > 15
    units = {path.name for path in (TOP / "deploy" / "systemd").iterdir()}
    for line in others:
        words = shlex.split(line)
        for word in words:
            path = re.fullmatch(r"/opt/onward/(.+)", word)
            if path and "*" not in word:
                assert (TOP / path.group(1)).exists(), word
            if "*" in word and path:
                assert list(TOP.glob(path.group(1))), word
        if words[0] == "systemctl":
            for word in words:
                if word.startswith("onward-"):
                    name = re.sub(r"@(\d+|\*)$", "@.service", word)
                    assert name in units, word
        if words[:2] == ["docker", "compose"]:
            assert words[2] in {"build", "up", "exec", "logs"}
        if words[:3] == ["docker", "compose", "exec"]:
            assert words[3] in compose()["services"]
        if words[:3] == ["docker", "compose", "logs"]:
            assert set(words[5:]) <= set(compose()["services"])
        if words[0] == "sed":
            pattern = words[2].split("/")[1]
            assert re.search(pattern, (TOP / "deploy" / "nginx" / "onward.conf").read_text())


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", DOCS.read_text()):
        assert (DOCS.parent / target).exists(), target
    for page, anchor in re.findall(r"\]\(([^)#]+\.md)#([^)]+)\)", DOCS.read_text()):
        headings = re.findall(r"^#+ (.*)$", (DOCS.parent / page).read_text(), re.MULTILINE)
        assert anchor in {
            re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings
        }, anchor
