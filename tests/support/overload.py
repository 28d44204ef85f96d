"""A process that has too much to do, without anybody who asks."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask

from webapp.admission import Admission


@contextmanager
def full(app: Flask) -> Iterator[None]:
    """Every place at work and in the waiting room is taken."""
    door: Any = app.wsgi_app
    while not isinstance(door, Admission):
        door = door._app
    assert isinstance(door, Admission)
    room, door._room = door._room, 0
    slots = [door._free.acquire(blocking=False) for _ in range(99)].count(True)
    assert slots == app.extensions["settings"].threads
    yield
    door._room = room
    for _ in range(slots):
        door._free.release()
