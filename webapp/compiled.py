"""Templates as Jinja compiles them, kept in the instance folder.

Compiling them takes a second of each process, and memory that it does not give back. What is read
here is run, so each file is signed: one that nobody with our SECRET_KEY wrote, that is damaged, or
that was compiled by another Python or Jinja or from another text counts as none. Where nothing can
be written, each process compiles for itself.
"""

import hashlib
import hmac
import sys
from contextlib import suppress
from pathlib import Path

import jinja2
from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache

from webapp.config import Settings
from webapp.files import write_whole

_SIGNATURE = hashlib.sha256().digest_size


class SignedCache(BytecodeCache):
    """One file for each template, written whole or not at all."""

    def __init__(self, folder: Path, secret: str) -> None:
        """`folder` need not exist; `secret` signs."""
        self._folder = folder
        self._key = f"compiled templates {sys.version} {jinja2.__version__} {secret}".encode()

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill the bucket, if there is something for it that holds."""
        with suppress(OSError):
            content = (self._folder / bucket.key).read_bytes()
            signature, code = content[:_SIGNATURE], content[_SIGNATURE:]
            if hmac.compare_digest(signature, self._sign(bucket, code)):
                bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what is in the bucket."""
        code = bucket.bytecode_to_string()
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            write_whole(self._folder / bucket.key, self._sign(bucket, code) + code)

    def _sign(self, bucket: Bucket, code: bytes) -> bytes:
        belongs_to = f"{bucket.key} {bucket.checksum} ".encode()
        return hmac.digest(self._key, belongs_to + code, "sha256")


def init_app(app: Flask, settings: Settings) -> None:
    """Let the templates of `app` be compiled once for all processes."""
    app.jinja_env.bytecode_cache = SignedCache(
        settings.instance_dir / "templates", settings.secret_key
    )


def compile_all(app: Flask) -> None:
    """Compile what is not yet, or has changed: for a process that ends soon."""
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)
