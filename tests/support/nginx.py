"""Debian's nginx with the configuration of `deploy/nginx/`, on free ports, in front of servers."""

import json
import os
import pwd
import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.support.databases import TOP

START_SECONDS = 10
CONFIGURATION = TOP / "deploy" / "nginx"


def why_no_nginx() -> str | None:
    """None when the server is installed, else a sentence that says what to do."""
    if _program():
        return None
    return "There is no nginx (on Debian and Ubuntu: apt install nginx)."


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Nginx:
    """nginx on 127.0.0.1: TLS at `port`, plain HTTP at `plain_port`. Its files are those of
    `deploy/nginx/`; only addresses, names and paths are replaced, and each of them must be there to
    be replaced."""

    def __init__(self, folder: Path) -> None:
        self.port, self.plain_port = free_port(), free_port()
        self.folder = folder
        self.certificate = folder / "fullchain.pem"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """PUBLIC_URL."""
        return f"https://127.0.0.1:{self.port}"

    def trust(self) -> ssl.SSLContext:
        """What a browser of somebody who trusts the certificate checks with."""
        return ssl.create_default_context(cafile=str(self.certificate))

    def start(self, *servers: int) -> "Nginx":
        """Write the files, start in front of these ports, and return when it listens."""
        self.folder.mkdir(mode=0o755)
        self._make_certificate()
        (self.folder / "onward-upstream.conf").write_text(self._upstream(servers))
        (self.folder / "onward.conf").write_text(self._site())
        main = self.folder / "nginx.conf"
        main.write_text(self._main())
        command = [str(_program()), "-p", str(self.folder), "-c", str(main), "-e", "stderr"]
        checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
        assert "[warn]" not in checked.stderr, checked.stderr
        with (self.folder / "output").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self._process.poll() is None, (self.folder / "output").read_text()
            assert time.monotonic() < deadline, "nginx does not answer"
            time.sleep(0.02)
        return self

    def stop(self) -> None:
        """Ask it to end at once."""
        if self._process:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def log(self) -> list[dict[str, Any]]:
        """The access log, a dictionary a request. A line is written once its answer has gone out:
        it is read when nothing was added for a moment."""
        path, size = self.folder / "onward.log", -1
        while (grown := path.stat().st_size) != size:
            size = grown
            time.sleep(0.2)
        text = path.read_text()
        return [json.loads(line) for line in text.splitlines()]

    def __enter__(self) -> "Nginx":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _upstream(self, servers: tuple[int, ...]) -> str:
        text = (CONFIGURATION / "onward-upstream.conf").read_text()
        for written, port in zip((8001, 8002), servers, strict=True):
            text = _replaced(text, f"127.0.0.1:{written} ", f"127.0.0.1:{port} ")
        return text

    def _site(self) -> str:
        text = (CONFIGURATION / "onward.conf").read_text()
        for old, new in (
            ("listen [::]:80;", ""),
            ("listen [::]:443 ssl http2;", ""),
            ("listen 80;", f"listen 127.0.0.1:{self.plain_port};"),
            ("listen 443 ssl http2;", f"listen 127.0.0.1:{self.port} ssl http2;"),
            ("server_name start.example.com;", "server_name 127.0.0.1;"),
            ("/etc/ssl/onward/fullchain.pem", str(self.certificate)),
            ("/etc/ssl/onward/privkey.pem", str(self.folder / "privkey.pem")),
            ("/var/log/nginx/", f"{self.folder}/"),
            ("root /opt/onward;", f'root "{TOP}";'),
        ):
            text = _replaced(text, old, new)
        return text

    def _main(self) -> str:
        """As Debian's: a worker process for each core, `conf.d` inside `http`."""
        user = f"user {pwd.getpwuid(os.getuid()).pw_name};" if os.getuid() == 0 else ""
        temporary = "".join(
            f"{kind}_temp_path {self.folder}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        return (
            f"{user} daemon off; worker_processes 2; pid {self.folder}/pid;\n"
            "events { worker_connections 256; }\n"
            f"http {{ {temporary} include /etc/nginx/mime.types;\n"
            f"include {self.folder}/onward-upstream.conf;\ninclude {self.folder}/onward.conf; }}\n"
        )

    def _make_certificate(self) -> None:
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"]
        command += ["ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
        command += ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(self.certificate)]
        command += ["-keyout", str(self.folder / "privkey.pem")]
        subprocess.run(command, check=True, capture_output=True)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1):
                return True
        except OSError:
            return False


def _program() -> str | None:
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def _replaced(text: str, old: str, new: str) -> str:
    assert old in text, f"deploy/nginx has no {old!r} any more"
    return text.replace(old, new)
