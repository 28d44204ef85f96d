"""Browsers that carry tokens, and whose sessions there are."""

from flask import Flask

from tests.journeys.walk import sql
from tests.support.jwks import KEY
from tests.support.pages import PageClient
from webapp.types import now


def browser(app: Flask, token: str = "") -> PageClient:
    """A new browser, with this token of Clerk's."""
    client = PageClient(app)
    return carrying(client, token) if token else client


def carrying(client: PageClient, token: str) -> PageClient:
    """The same browser, with this token from now on; without any for an empty one."""
    if token:
        client.flask.set_cookie("__session", token)
    else:
        client.flask.delete_cookie("__session")
    return client


def aged(user: str = "user_1") -> str:
    """A token that was good a minute ago."""
    moment = int(now().timestamp())
    return KEY.token(user, iat=moment - 120, nbf=moment - 125, exp=moment - 60)


def owners(app: Flask) -> list[str | None]:
    """The users of all sessions, those of nobody first."""
    rows = sql(app, "SELECT user_id FROM onboarding_sessions")
    return sorted((row[0] for row in rows), key=lambda user: user or "")  # type: ignore[arg-type]
