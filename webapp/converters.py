"""Parts of addresses that Flask's own converters would cut or change."""

from flask import Flask
from werkzeug.routing import BaseConverter


class Everything(BaseConverter):
    """Any text, slashes too, also at its beginning and end: a user's id, an address."""

    regex = ".+?"
    part_isolating = False
    weight = 300


class Last(BaseConverter):
    """A last part that is none of the other readings of a user: what ends in those is theirs."""

    regex = "(?!(?:status|summary|ai-inputs)$)[^/]+"


def init_app(app: Flask) -> None:
    """Make them known, before any route is added."""
    app.url_map.converters |= {"everything": Everything, "last": Last}
