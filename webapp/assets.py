"""Addresses of static files that change when the file does, so that browsers may keep them."""

import hashlib
from functools import cache
from pathlib import Path

from flask import current_app, request


def asset(name: str) -> str:
    """`css/app.css` -> its address with a hash of its content."""
    return f"{request.script_root}{_address(current_app.static_folder or '', name)}"


@cache
def _address(folder: str, name: str) -> str:
    """Asked for a dozen times by each page."""
    fingerprint = hashlib.sha256((Path(folder) / name).read_bytes()).hexdigest()[:12]
    return current_app.url_for("static", filename=name, v=fingerprint).removeprefix(
        request.script_root
    )
