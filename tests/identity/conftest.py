"""Applications whose users sign in."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from tests.support.jwks import JwksServer, jwks_server

SIGN_IN = "https://accounts.example.com/sign-in?theme=dark"


@pytest.fixture(scope="module")
def issuer() -> Iterator[JwksServer]:
    """Who signs the users in."""
    with jwks_server() as running:
        yield running


@pytest.fixture
def app(make_app: Callable[..., Flask], sqlite_url: str, issuer: JwksServer) -> Flask:
    """Users sign in if they like."""
    return make_app(sqlite_url, **issuer.settings)


@pytest.fixture
def any_app(make_app: Callable[..., Flask], any_url: str, issuer: JwksServer) -> Flask:
    """The same on SQLite, then on PostgreSQL."""
    return make_app(any_url, **issuer.settings)


@pytest.fixture
def closed_app(make_app: Callable[..., Flask], sqlite_url: str, issuer: JwksServer) -> Flask:
    """Everybody has to sign in."""
    return make_app(sqlite_url, **issuer.settings, SIGN_IN_URL=SIGN_IN)
