"""Two servers on one PostgreSQL and one Redis, and nginx in front of them."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support.nginx import Nginx, why_no_nginx
from tests.support.redis import RedisServer, why_no_redis
from tests.support.server import LiveServer
from tests.support.visitors import Visitor

CLEANUP_TOKEN = "a token of cron that nobody guesses"


@dataclass
class Site:
    """Everything that stands in deploy/, at work."""

    nginx: Nginx
    servers: list[LiveServer]
    database_url: str

    def visitor(self, address: str = "127.0.0.2") -> Visitor:
        """A browser somewhere: nginx is asked from this address of the machine."""
        return Visitor(self.nginx.url, self.nginx.trust(), address)


@pytest.fixture
def site_behind_nginx(
    start_server: StartServer, postgres_url: str, tmp_path: Path
) -> Iterator[Site]:
    """Left out where there is no nginx or Redis, or failed where that may not be."""
    for reason, requires in ((why_no_nginx(), "REQUIRE_NGINX"), (why_no_redis(), "REQUIRE_REDIS")):
        if reason and os.environ.get(requires) == "1":
            pytest.fail(f"{reason} {requires}=1 makes that a failure.", pytrace=False)
        if reason:
            pytest.skip(reason)
    with Nginx(tmp_path / "nginx") as nginx, RedisServer(tmp_path) as redis:
        servers = [
            start_server(
                postgres_url,
                PUBLIC_URL=nginx.url,
                TRUSTED_PROXIES="127.0.0.1",
                REDIS_URL=redis.url,
                BROKER_URL=redis.url.replace("/0", "/1"),
                RATE_LIMITS="on",
                CLEANUP_TOKEN=CLEANUP_TOKEN,
            )
            for _ in range(2)
        ]
        nginx.start(*(server.port for server in servers))
        yield Site(nginx, servers, postgres_url)
