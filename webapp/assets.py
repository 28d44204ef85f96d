"""Addresses of static files that change when the file does, so that browsers may keep them."""

import hashlib
from functools import cache
from pathlib import Path

from flask import current_app, url_for


def asset(name: str) -> str:
    """`css/app.css` -> its address with a hash of its content."""
    folder = current_app.static_folder or ""
    return url_for("static", filename=name, v=_fingerprint(Path(folder) / name))


@cache
def _fingerprint(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
