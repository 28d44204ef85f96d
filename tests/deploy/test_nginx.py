"""deploy/nginx at work: before two servers, one of which is killed while people walk through."""

import http.client
import socket
import threading
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.deploy.conftest import CLEANUP_TOKEN, Site
from tests.journeys.walk import ANSWERS, SLUGS, path_of
from tests.support.pages import Page
from tests.support.server import LiveServer
from tests.support.visitors import Unheard, Visitor
from webapp.bounds import MAX_ADDRESS, MAX_BODY, MAX_HEADERS

pytestmark = [pytest.mark.postgres, pytest.mark.long]


def ask(
    site: Site,
    path: str,
    headers: Mapping[str, str] | None = None,
    *,
    method: str = "GET",
    body: bytes | None = None,
    address: str = "127.0.0.2",
    server: LiveServer | None = None,
) -> tuple[int, http.client.HTTPMessage, bytes]:
    """Status, headers and body; through nginx, or of a server itself."""
    where = f"127.0.0.1:{server.port}" if server else urlsplit(site.nginx.url).netloc
    wire: http.client.HTTPConnection
    if server:
        wire = http.client.HTTPConnection(where, timeout=20, source_address=(address, 0))
    else:
        wire = http.client.HTTPSConnection(
            where, timeout=20, source_address=(address, 0), context=site.nginx.trust()
        )
    try:
        wire.request(method, path, body, dict(headers or {}))
        answer = wire.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        wire.close()


# -- one of two is killed, nobody notices ----------------------------------------------------------


class Walker(threading.Thread):
    """Somebody who goes through all six steps again and again, and looks at each page they get."""

    def __init__(self, site: Site, number: int, until: threading.Event) -> None:
        super().__init__(daemon=True)
        self.site, self.until = site, until
        self.address = f"127.0.0.{10 + number}"
        self.journeys: list[str] = []
        """The sessions that were completed."""
        self.failed: BaseException | None = None
        self.pages = 0
        self.cut_off = 0
        """Pages that were loaded once more."""

    def run(self) -> None:
        """Walk until it is enough; the journey that was begun is ended."""
        try:
            while not self.until.is_set():
                self.walk(self.site.visitor(self.address))
        except BaseException as error:
            self.failed = error

    def walk(self, visitor: Visitor) -> None:
        page = self.opened(visitor, "/onboarding/")
        assert page.status == 200, page.status
        page = self.followed(visitor, visitor.submit(page))
        for slug in SLUGS:
            assert (page.status, page.path) == (200, path_of(slug)), (page.status, page.path)
            saved = visitor.submit(page, ANSWERS[slug], "save")
            assert saved.status == 303, f"{slug}: {saved.status} {saved.source[:2000]}"
            page = self.followed(visitor, saved)
        assert (page.status, page.path) == (200, "/onboarding/summary"), (page.status, page.path)
        assert str(ANSWERS["finish"]["first_declaration"]) in page.source
        assert visitor.session_id
        self.journeys.append(visitor.session_id)
        self.pages += visitor.requests

    def opened(self, visitor: Visitor, path: str) -> Page:
        """A page. One whose server died between its head and its end is cut off, which no proxy can
        mend: it is loaded once more, as by the browser's own button."""
        try:
            return visitor.get(path)
        except Unheard as error:
            if not isinstance(error.__cause__, http.client.IncompleteRead):
                raise
            self.cut_off += 1
            return visitor.get(path)

    def followed(self, visitor: Visitor, page: Page) -> Page:
        """What a redirect leads to."""
        while page.status == 303:
            page = self.opened(visitor, page.location)
        return page


def during(site: Site, disturb: list[tuple[float, str, int]], walkers: int = 4) -> list[Walker]:
    """People walk while servers are killed, stopped and started as told: (seconds, what, which)."""
    until = threading.Event()
    crowd = [Walker(site, number, until) for number in range(walkers)]
    for walker in crowd:
        walker.start()
    try:
        for seconds, what, which in disturb:
            time.sleep(seconds)
            getattr(site.servers[which], what)()
        time.sleep(1)
    finally:
        until.set()
        for walker in crowd:
            walker.join(60)
    for walker in crowd:
        if walker.failed:
            raise walker.failed
        assert not walker.is_alive(), "somebody hangs"
        assert walker.journeys, "somebody came to no end"
    return crowd


def everything_is_stored(site: Site, crowd: list[Walker]) -> None:
    """Every journey that ended is in the database, whole, and there is no session beside them."""
    done = [session_id for walker in crowd for session_id in walker.journeys]
    with psycopg.connect(site.database_url) as connection:
        rows = connection.execute(
            "SELECT s.id, s.first_declaration,"
            " (SELECT count(*) FROM step_progress p"
            "  WHERE p.session_id = s.id AND p.saved_at IS NOT NULL)"
            " FROM onboarding_sessions s WHERE s.completed"
        ).fetchall()
        (sessions,) = connection.execute("SELECT count(*) FROM onboarding_sessions").fetchone() or (
            0,
        )
    assert {row[0] for row in rows} == set(done)
    assert len(set(done)) == len(done) == sessions, "a start that was sent twice made two"
    for _id, declaration, saved in rows:
        assert declaration == ANSWERS["finish"]["first_declaration"]
        assert saved == len(SLUGS)


def test_one_of_two_is_killed_during_journeys_and_nobody_notices(site_behind_nginx: Site) -> None:
    site = site_behind_nginx
    killed_and_started = [
        (wait, what, which) for which in (0, 1, 0) for wait, what in ((1.5, "kill"), (1, "start"))
    ]
    crowd = during(site, killed_and_started)
    everything_is_stored(site, crowd)
    log = site.nginx.log()
    assert not [one for one in log if one["status"] >= 500], "somebody saw an error"
    assert sum(walker.cut_off for walker in crowd) <= 3, "at most what was on the wire at each kill"
    ports = {str(server.port) for server in site.servers}
    answered = [one["server"].rpartition(":")[2] for one in log if one["server"]]
    assert all(answered.count(port) > 20 for port in ports), "both took part"
    assert [one for one in log if "," in one["server"]], "no request ever met a dead server"
    assert {one["client"] for one in log} == {walker.address for walker in crowd}


def test_servers_are_restarted_one_after_the_other_and_nobody_notices(
    site_behind_nginx: Site,
) -> None:
    site = site_behind_nginx
    crowd = during(
        site,
        [(1, "stop", 0), (0, "start", 0), (1, "stop", 1), (0, "start", 1)],
    )
    everything_is_stored(site, crowd)
    assert not [one for one in site.nginx.log() if one["status"] >= 500]


def test_what_may_not_be_sent_twice_is_not(site_behind_nginx: Site) -> None:
    """A server that takes a request and dies: the form of a step goes to the next one, a mail and
    a call of the API do not."""
    site = site_behind_nginx
    trap = Trap(site.servers[0])
    try:
        for path, statuses in (
            ("/onboarding/research", {302, 303, 400, 403, 413, 422}),
            ("/onboarding/resume-link", {503}),
            ("/onboarding/resume/abc", {503}),
            ("/api/onboarding/start", {503}),
        ):
            before = trap.caught
            for _ in range(8):  # nginx asks its two servers in turn
                status, headers, body = ask(site, path, method="POST", body=b"a=b")
                if trap.caught > before:
                    break
            assert trap.caught == before + 1, f"{path} never came to the trap"
            assert status in statuses, (path, status)
            if status == 503:
                assert headers["Retry-After"] == "5"
                assert headers["Strict-Transport-Security"] is None
                assert b"not available right now" in body
    finally:
        trap.close()


class Trap:
    """Listens in a server's place, reads a request and hangs up."""

    def __init__(self, server: LiveServer) -> None:
        server.kill()
        self.caught = 0
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._socket.bind(("127.0.0.1", server.port))
        self._socket.listen(16)
        threading.Thread(target=self._catch, daemon=True).start()

    def _catch(self) -> None:
        while True:
            try:
                wire, _ = self._socket.accept()
            except OSError:
                return
            with wire:
                wire.settimeout(5)
                wire.recv(65536)
                self.caught += 1

    def close(self) -> None:
        """Stop listening."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


# -- what nginx and the application agree on -------------------------------------------------------


def test_nginx_and_the_application_agree(site_behind_nginx: Site) -> None:
    """One start of everything for many small questions."""
    site = site_behind_nginx
    tls_and_cookies(site)
    plain_http_leads_to_tls(site)
    static_files_have_the_application_s_headers(site)
    limits_are_the_application_s(site)
    logs_hold_no_secret(site)
    metrics_are_not_for_the_world(site)
    addresses_are_real_and_counted_together(site)


def tls_and_cookies(site: Site) -> None:
    visitor = site.visitor()
    page = visitor.get("/onboarding/")
    assert page.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert visitor.follow(visitor.submit(page)).status == 200
    assert visitor.cookies
    assert all(name.startswith("__Host-") for name in visitor.cookies), visitor.cookies
    gzipped = ask(site, "/onboarding/", {"Accept-Encoding": "gzip"})[1]
    assert gzipped["Content-Encoding"] == "gzip", "the application's own"
    assert ask(site, "/onboarding/", {"Host": "evil.example"})[0] == 400


def plain_http_leads_to_tls(site: Site) -> None:
    wire = http.client.HTTPConnection("127.0.0.1", site.nginx.plain_port, timeout=20)
    wire.request("GET", "/onboarding/research?a=b", headers={"Host": "127.0.0.1"})
    answer = wire.getresponse()
    assert answer.status == 301
    assert answer.headers["Location"] == "https://127.0.0.1/onboarding/research?a=b"
    wire.close()


OF_THE_WIRE = {
    *("date", "server", "connection", "content-length", "last-modified", "etag", "vary"),
    *("accept-ranges", "content-disposition", "x-request-id"),
}
"""Headers that may differ: nothing hangs on their wording."""


def static_files_have_the_application_s_headers(site: Site) -> None:
    for path in (
        "/static/css/app.css?v=0123456789ab",
        "/static/js/draft.js",
        "/static/favicon.svg?v=0123456789ab",
        "/static/social.png",
        "/static/favicon.ico",
    ):
        _status, ours, content = ask(site, path, server=site.servers[0])
        status, theirs, same = ask(site, path)
        assert (status, same) == (200, content), path
        ours_say, theirs_say = (
            {
                name.lower(): ", ".join(sorted(value.replace("; ", ";").split(", ")))
                for name, value in found.items()
                if name.lower() not in OF_THE_WIRE
            }
            for found in (ours, theirs)
        )
        assert theirs_say == ours_say, path
        assert theirs["ETag"], path
    hashed = ask(site, "/static/css/app.css?v=0123456789ab", {"Accept-Encoding": "gzip"})[1]
    assert hashed["Content-Encoding"] == "gzip"
    assert "immutable" in hashed["Cache-Control"]
    assert "max-age=31536000" in hashed["Cache-Control"]
    served = [one for one in site.nginx.log() if one["path"].startswith("/static/")]
    assert served
    assert not [one for one in served if one["server"]], "nginx alone serves them"
    status, headers, body = ask(site, "/static/css/none.css?v=1")
    assert status == 404
    assert "immutable" not in (headers["Cache-Control"] or "")
    assert b"<html" in body, "the application's own page"
    assert ask(site, "/static/../wsgi.py")[0] in {400, 404}
    assert ask(site, "/static/%2e%2e/wsgi.py")[0] in {400, 404}


def limits_are_the_application_s(site: Site) -> None:
    server = site.servers[0]
    json_kind = {"Content-Type": "application/json"}
    for size, expected in ((MAX_BODY, {400, 404, 422}), (MAX_BODY + 1, {413})):
        for who in (server, None):
            body = b'"' + b"x" * (size - 2) + b'"'
            status = ask(
                site, "/api/onboarding/start", json_kind, method="POST", body=body, server=who
            )[0]
            assert status in expected, (size, who is None, status)
    for length, expected_status in ((MAX_ADDRESS, 200), (MAX_ADDRESS + 1, 414)):
        path = "/healthz?" + "x" * (length - len("/healthz"))
        assert [ask(site, path, server=who)[0] for who in (server, None)] == [expected_status] * 2
    for size, expected_status in ((MAX_HEADERS - 1500, 200), (MAX_HEADERS + 100, 431)):
        cookie = {"Cookie": "x" * size}
        found = [ask(site, "/accessibility", cookie, server=who)[0] for who in (server, None)]
        assert found == [expected_status] * 2


SECRET = "Wander7Lantern2Quarry9MeadowWander7Lantern2"


def logs_hold_no_secret(site: Site) -> None:
    ask(site, f"/onboarding/resume/{SECRET}", {"Referer": f"https://a.example/{SECRET}"})
    ask(site, f"/api/onboarding/status?session_id={SECRET}", {"User-Agent": SECRET})
    ask(site, f"/api/onboarding/users/{SECRET}/status")
    chosen = {"X-Request-ID": "outer-0123456789"}
    ask(site, "/healthz", chosen)
    ask(site, "/healthz", {"X-Request-ID": "no id\t{at all}"})
    ids = [one["id"] for one in site.nginx.log() if one["path"] == "/healthz"][-2:]
    assert ids[0] == "outer-0123456789"
    assert len(ids[1]) == 32
    assert ids[1].isalnum()
    for name in ("onward.log", "onward-error.log", "output"):
        text = (site.nginx.folder / name).read_text()
        assert SECRET not in text, name
    assert [one for one in site.nginx.log() if one["path"] == "/onboarding/resume/…"]


def metrics_are_not_for_the_world(site: Site) -> None:
    before = len(site.nginx.log())
    assert ask(site, "/metrics")[0] == 404
    assert site.nginx.log()[before]["server"] == "", "it never reached a server"


def addresses_are_real_and_counted_together(site: Site) -> None:
    """20 wrong tokens a minute are what an address has, over both servers; what somebody writes
    into X-Forwarded-For makes no other address of them; and the neighbour is not held for it."""
    path = "/api/onboarding/cleanup?hours=24&dry_run=1"
    statuses = []
    for number in range(24):
        headers = {
            "Authorization": f"Bearer wrong {number}",
            "X-Forwarded-For": f"203.0.113.{number}",
            "X_Forwarded_For": f"203.0.113.{number}",
            "X-Real-IP": f"203.0.113.{number}",
            "Forwarded": f"for=203.0.113.{number}",
        }
        statuses.append(ask(site, path, headers, method="POST", address="127.0.0.3")[0])
    assert statuses == [statuses[0]] * 20 + [429] * 4
    assert statuses[0] in {401, 403}
    used = [one["server"] for one in site.nginx.log()[-24:]]
    assert len(set(used)) == 2, "both servers were asked"
    good = {"Authorization": f"Bearer {CLEANUP_TOKEN}"}
    assert ask(site, path, good, method="POST", address="127.0.0.4")[0] == 200
