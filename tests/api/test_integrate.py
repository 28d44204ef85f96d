"""docs/integrate.md, block by block, as it stands: a product that signs its users in, sends them to
a real server, is told, and reads the result."""

import base64
import hashlib
import hmac
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.api.test_docs import ask, documents
from tests.browser.visitor import Visitor, Wire
from tests.conftest import MakeApp, StartServer
from tests.jobs.test_workers import wait_until
from tests.journeys.walk import KEYS, walk
from tests.support.databases import settings
from tests.support.node import node_or_skip
from tests.support.server import LiveServer
from tests.wizard.samples import save
from webapp import config, webhooks
from webapp.identity.caller import Caller
from webapp.webhooks import post
from webapp.wizard import store

TOP = Path(__file__).resolve().parents[2]
DOCS = TOP / "docs" / "integrate.md"
SECRET = "whsec_" + base64.b64encode(b"x" * 32).decode()
KINDS = {"sh": 3, "python": 3, "js": 1, "html": 1, "json": 1}
"""How many blocks there are. One more is one more to run here."""


def blocks(kind: str) -> list[str]:
    """The code blocks of the page in this language."""
    return re.findall(rf"```{kind}\n(.*?)```", DOCS.read_text(), re.DOTALL)


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], port: int, cwd: Path, **environ: str) -> Iterator[Path]:
    """A program that listens at a port; its output is in the file."""
    log = cwd / f"{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={"PATH": os.environ["PATH"], "PORT": str(port), **environ},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: answers(port), what=log)
        yield log
    finally:
        process.kill()
        process.wait()


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def flask_app(name: str, port: int) -> list[str]:
    """How a Flask application of the page is served."""
    return [sys.executable, "-m", "flask", "--app", name, "run", "--port", str(port)]


def exported(start: str, product: str, cwd: Path) -> dict[str, str]:
    """The settings of the page, with the addresses of this machine."""
    script = blocks("sh")[0].replace("https://start.example.com", start)
    script = script.replace("https://app.example.com", product)
    names = re.findall(r"^export (\w+)=", script, re.MULTILINE)
    dump = "python3 -c 'import json, os; print(json.dumps(dict(os.environ)))'"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"{script}\n{dump}"],
        cwd=cwd, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    return {name: found[name] for name in names}


def test_every_block_is_run_here() -> None:
    found = re.findall(r"^```(\w+)$", DOCS.read_text(), re.MULTILINE)
    assert {kind: found.count(kind) for kind in set(found)} == KINDS


def test_the_settings_of_the_page_are_good_ones(tmp_path: Path) -> None:
    said = exported("https://start.example.com", "https://app.example.com", tmp_path)
    found = config.read(settings(f"sqlite:///{tmp_path / 'x'}", tmp_path, **said))
    assert found.webhook_url == "https://app.example.com/hooks/onward"
    assert found.webhook_secrets == (said["WEBHOOK_SECRET"],)
    assert len(found.service_token) >= 48


@pytest.mark.long
@pytest.mark.skipif(shutil.which("curl") is None, reason="There is no curl to run the examples.")
def test_a_product_signs_in_is_told_and_reads(
    start_server: StartServer, sqlite_url: str, tmp_path: Path
) -> None:
    signing, receiving = free_port(), free_port()
    product = f"http://127.0.0.1:{signing}"
    probe = exported("http://127.0.0.1:1", product, tmp_path)
    hook = {"WEBHOOK_URL": f"http://127.0.0.1:{receiving}/hooks/onward", "PUBLIC_URL": ""}
    sign_in, receiver, _verify = blocks("python")
    (tmp_path / "sign_in.py").write_text(sign_in)
    (tmp_path / "receiver.py").write_text(receiver)
    with ExitStack() as programs:
        server = start_server(sqlite_url, **(probe | hook))
        mine = probe | {"ONWARD": server.url, "NO_PROXY": "*"}
        programs.enter_context(running(flask_app("sign_in", signing), signing, tmp_path, **mine))
        log = programs.enter_context(
            running(flask_app("receiver", receiving), receiving, tmp_path, **mine)
        )
        visitor = signed_in(server, product, "/onboarding/")
        page = walk(visitor, changes={"research": {"competitors": ""}})
        (button,) = page.find("//main//a[contains(@class, 'button--main')]/@href")
        assert button == f"{product}/welcome"
        told = f"http://127.0.0.1:{receiving}"
        wait_until(lambda: ask(f"{told}/done")[1], what=log.read_text() + server.output())
        ((event_id, inputs),) = ask(f"{told}/done")[1].items()
        assert event_id.startswith("msg_")
        assert inputs["version"] == 1
        assert "The Clockmaker" in json.dumps(inputs)
        read, operate = blocks("sh")[1:]
        environ = settings(sqlite_url, Path(server.environ["INSTANCE_DIR"]), **(mine | hook))
        said = shell(read, tmp_path, environ)
        found = documents(said)
        assert [one.get("completed") for one in found[:1]] == [True]
        assert found[1] == inputs
        assert found[3]["api_key"] == KEYS["openai"]
        printed = shell(operate, TOP, environ)
        assert "was taken: answer 204." in printed
        assert f"{event_id}  onboarding.completed  delivered  attempts 1  answer 204" in printed
        assert printed.endswith("0 will be sent again.\n")
        # Nobody else can tell it anything, nor sign in to somewhere else.
        status, _nothing = post_unsigned(f"{told}/hooks/onward")
        assert status == 400
        away = Wire(product).get(f"/sign-in?redirect_url={quote('https://evil.example')}", {})
        assert away.status_code == 400
        assert probe["WEBHOOK_SECRET"] not in server.output()


def signed_in(server: LiveServer, product: str, path: str) -> Visitor:
    """A browser that follows the page's link, to the product's sign-in and back."""
    (link,) = re.findall(r'href="https://start.example.com(/[^"]*)"', blocks("html")[0])
    assert link == path
    visitor = Visitor(server.url)
    sent = visitor.flask.get(path, {})  # type: ignore[arg-type]
    assert sent.status_code == 303
    place = sent.headers["Location"]
    assert place.startswith(f"{product}/sign-in?redirect_url=")
    back = Wire(product).get(place.removeprefix(product), {})
    assert back.headers["Location"] == f"{server.url}{path}"
    visitor.flask._cookies.load(back.headers["Set-Cookie"])  # type: ignore[attr-defined]
    return visitor


def shell(script: str, cwd: Path, environ: dict[str, str]) -> str:
    """Run a block; what it prints."""
    folder = Path(sys.executable).parent
    done = subprocess.run(
        ["bash", "-euo", "pipefail"], input=script, cwd=cwd, capture_output=True, text=True,
        env=environ | {"PATH": f"{folder}:{os.environ['PATH']}"}, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def post_unsigned(url: str) -> tuple[int, str]:
    """A message that somebody else made."""
    wire = Wire(url)
    path = "/" + url.split("/", 3)[3]
    forged = {
        "webhook-id": "msg_1", "webhook-timestamp": str(int(time.time())),
        "webhook-signature": "v1," + base64.b64encode(b"0" * 32).decode(),
    }  # fmt: skip
    answer = wire.post(path, {}, forged)
    return answer.status_code, answer.get_data(as_text=True)


def test_the_lines_without_a_library_take_what_is_ours_and_nothing_else() -> None:
    names: dict[str, Any] = {}
    exec(blocks("python")[2], names)  # noqa: S102 - the page's own lines
    verify: Callable[..., Any] = names["verify"]
    body = json.dumps({"type": "onboarding.test", "data": {"user_id": "é"}}).encode()

    def headers(sent: float, signed: bytes = body) -> dict[str, str]:
        text = f"msg_1.{int(sent)}.".encode() + signed
        mine = hmac.new(b"x" * 32, text, hashlib.sha256).digest()
        signature = f"v1,{base64.b64encode(mine).decode()}"
        return {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(int(sent)),
            "webhook-signature": f"v1,AAAA {signature}",
        }

    assert verify(body, headers(time.time()), SECRET)["data"]["user_id"] == "é"
    for wrong in (headers(time.time() - 400), headers(time.time(), b"{}")):
        with pytest.raises(ValueError, match=r"too old|not signed"):
            verify(body, wrong, SECRET)


def test_the_receiver_in_node_takes_what_is_ours_and_nothing_else(tmp_path: Path) -> None:
    node, port = node_or_skip(), free_port()
    (tmp_path / "receiver.mjs").write_text(blocks("js")[0])
    url = f"http://127.0.0.1:{port}/hooks/onward"
    body = json.dumps({"type": "onboarding.completed", "data": {"user_id": "user_é"}})
    with running([node, "receiver.mjs"], port, tmp_path, WEBHOOK_SECRET=SECRET) as log:
        other = "whsec_" + base64.b64encode(b"y" * 32).decode()
        assert post.deliver(url, [SECRET], "msg_1", body).status == 204
        assert post.deliver(url, [other, SECRET], "msg_1", body).status == 204
        assert post.deliver(url, [other], "msg_2", body).status == 400
        assert post_unsigned(url)[0] == 400
        assert log.read_text() == "onboarding.completed user_é\n"


def test_the_message_of_the_page_is_a_real_one(make_app: MakeApp, sqlite_url: str) -> None:
    (shown,) = (json.loads(block) for block in blocks("json"))
    hook = {"WEBHOOK_URL": "http://127.0.0.1:9/hook", "WEBHOOK_SECRET": SECRET}
    app = make_app(sqlite_url, ONBOARDING_STEPS="finish", **hook)
    with app.app_context():
        caller = store.open_session(Caller(None, user_id="user_1"))
        save(str(caller.session_id), "finish")
        (row,) = webhooks.read(1)
    told = row["payload"]
    assert list(told) == list(shown)
    assert list(told["data"]) == list(shown["data"])
    assert told["data"]["read"] == shown["data"]["read"]
    assert (told["type"], told["data"]["step"]) == (shown["type"], shown["data"]["step"])
