"""The JSON face of the journey: the same forms, gate, store and rows as the pages."""

from collections.abc import Sequence

from flask import Blueprint, Flask

from webapp.extensions import csrf
from webapp.wizard.api import wrap
from webapp.wizard.api.further import route_of
from webapp.wizard.api.routes import routes
from webapp.wizard.calls import Call
from webapp.wizard.step import Step

PREFIX = "/api/onboarding"


def init_app(app: Flask, steps: Sequence[Step], further: Sequence[Call] = ()) -> None:
    """Serve the engine's operations, those of all `steps` (asked here or not), and `further` ones
    of the whole session."""
    app.extensions["every_step"] = tuple(steps)
    bp = wrap.init(Blueprint(wrap.NAME, __name__, url_prefix=PREFIX))
    csrf.exempt(bp)  # the token is asked for once it is known that the cookie is who calls
    for method, path, route, operation in routes.found:
        wrap.add_to(bp, method, path, route, operation)
    for step in steps:
        for call in step.calls:
            wrap.add_to(bp, call.method, call.path, route_of(call, step), call.operation)
    for call in further:
        wrap.add_to(bp, call.method, call.path, route_of(call, None), call.operation)
    app.register_blueprint(bp)
