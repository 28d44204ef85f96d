"""The request at hand, its session, what is kept for as long as it lasts, and the application: each
found by one look.

Flask's `request`, `session`, `g` and `current_app` look anew for each attribute that is asked of
them, over five calls; a journey came to a thousand such attributes. Outside of a context these
functions raise LookupError.
"""

from typing import Any

from flask import Flask, Request
from flask.globals import _cv_app, _cv_request
from flask.sessions import SessionMixin


def the_request() -> Request:
    """The request, what `request` stands for."""
    return _cv_request.get().request


def its_session() -> SessionMixin:
    """What the request's cookie says, what `session` stands for."""
    return _cv_request.get().session


def ours() -> Any:
    """Where things are kept until the request ends, what `g` stands for."""
    return _cv_app.get().g


def the_app() -> Flask:
    """The application at work, what `current_app` stands for."""
    return _cv_app.get().app


def context_id() -> int:
    """What tells this context of the application from others at the same time."""
    return id(_cv_app.get())
