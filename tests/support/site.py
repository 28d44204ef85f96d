"""A website on this machine, for the analysis to read."""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, Mapping[str, str], bytes | str]
"""Status, headers, body. Content-Type defaults to HTML, Content-Length is added."""

HTML = {"Content-Type": "text/html; charset=utf-8"}


@dataclass(frozen=True)
class Visit:
    """One request that the site received."""

    method: str
    path: str
    headers: Mapping[str, str]


@dataclass
class SiteServer:
    """Serves `pages` on 127.0.0.1: path (with its query) -> an answer, or a function that is given
    the request's handler and either returns an answer or writes one itself and returns None.

    What is not in `pages` is a 404. A test may change `pages` at any time.
    """

    pages: dict[str, Answer | Callable[[BaseHTTPRequestHandler], Answer | None]]
    visits: list[Visit] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when the test is over: a page that makes its reader wait waits on this."""

    def __post_init__(self) -> None:
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site._answer(self)

            do_HEAD = do_POST = do_GET  # noqa: N815  (names of http.server)

            def log_message(self, *_: Any) -> None:
                """Nothing: the visits are recorded."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_: Any) -> None:
                """Nothing: a reader that hangs up in the middle is what some tests are about."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def host_port(self) -> str:
        """As FETCH_ALLOW wants it."""
        return f"127.0.0.1:{self._server.server_port}"

    def url(self, path: str = "/") -> str:
        """The address of a page."""
        return f"http://{self.host_port}{path}"

    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [visit.path for visit in self.visits]

    def close(self) -> None:
        """Stop serving, and let the slow pages go."""
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> "SiteServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def slow(self, seconds: float, answer: Answer) -> Callable[[BaseHTTPRequestHandler], Answer]:
        """A page that takes its time before it says anything."""

        def wait(_handler: BaseHTTPRequestHandler) -> Answer:
            self.stopping.wait(seconds)
            return answer

        return wait

    def dripping(self, answer: bytes, pause: float) -> Callable[[BaseHTTPRequestHandler], None]:
        """A page (status line, headers and all) that comes one byte at a time."""

        def drip(handler: BaseHTTPRequestHandler) -> None:
            handler.close_connection = True
            for byte in answer:
                if self.stopping.wait(pause):
                    return
                handler.wfile.write(bytes([byte]))
                handler.wfile.flush()

        return drip

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.visits.append(Visit(handler.command, handler.path, dict(handler.headers.items())))
        page = self.pages.get(handler.path, (404, HTML, "<title>Not found</title>"))
        answer = page(handler) if callable(page) else page
        if answer is None:
            return
        status, headers, body = answer
        raw = body.encode() if isinstance(body, str) else body
        handler.send_response(status)
        for name, value in {**HTML, "Content-Length": str(len(raw)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(raw)


def page(body: str, *, title: str = "A page", lang: str = "en", head: str = "") -> Answer:
    """An HTML page around `body`."""
    return (
        200,
        HTML,
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title>{head}</head><body>{body}</body></html>",
    )


def prose_page() -> Answer:
    """A page as a small firm would have it: navigation, an article of some 500 words, a footer."""
    article = "".join(
        f"<h2>{escape(text[3:])}</h2>" if text.startswith("## ") else f"<p>{escape(text)}</p>"
        for text in PROSE.strip().split("\n\n")
    )
    return page(
        '<header><nav><ul><li><a href="/">Home</a></li><li><a href="/bread">Bread</a></li>'
        '<li><a href="/visit">Visit us</a></li></ul></nav></header>'
        f"<main><article><h1>How we bake</h1>{article}</article></main>"
        '<footer><p>Fern Street Bakery</p><a href="https://www.instagram.com/fernstreetbakery">'
        'Instagram</a> <a href="https://www.linkedin.com/company/fernstreetbakery">LinkedIn</a>'
        "</footer>",
        title="How we bake · Fern Street Bakery",
        head='<meta name="description" content="Slow bread from a small bakery.">'
        '<link rel="alternate" type="application/rss+xml" title="News" href="/feed.xml">',
    )


def navigation_page() -> Answer:
    """A page of links alone: nothing to measure a style on."""
    links = "".join(f'<li><a href="/shelf/{n}">Shelf {n}</a></li>' for n in range(1, 41))
    return page(f"<nav><ul>{links}</ul></nav>", title="All shelves")


def broken_page() -> Answer:
    """A page that nobody closed, with a byte that is no UTF-8, and tags that cross each other."""
    return (
        200,
        HTML,
        b"<html><title>Bro\xffken<body><p><b>One <i>two</b> three</i><table><p>four <a",
    )


def small_site() -> Iterator[SiteServer]:
    """A site with one page of each kind, until the generator is closed."""
    with SiteServer({}) as site:
        site.pages |= {
            "/": prose_page(),
            "/navigation": navigation_page(),
            "/broken": broken_page(),
            "/slow": site.slow(60, prose_page()),
            "/gone": (410, HTML, "<title>Gone</title><h1>This page is gone</h1>"),
            "/moved": (301, {"Location": "/"}, ""),
        }
        yield site


PROSE = """
We bake bread the slow way, because the slow way tastes better. Every evening at six we mix flour,
water, salt and a spoonful of yesterday's dough. Then we wait. The dough rests for fourteen hours in
wooden boxes, and while the town sleeps it does most of the work for us. By four in the morning it
has doubled, and it smells faintly of apples and beer.

People often ask us what the secret is. There isn't one! Good flour matters, of course, and so does
the temperature of the room. But mostly it is a question of patience. If you hurry a dough, it will
forgive you once or twice; after that you can taste the hurry in every slice.

## Where our flour comes from

Our wheat grows eleven miles from here, on a farm that belongs to two sisters. They plant four old
varieties, none of which would please a large mill, since the grains are uneven and the harvest is
small. We drive out there each August to help with the sacks. The miller grinds them on stones from
1911, a few hundred pounds at a time, so that the oil in the grain never grows warm and bitter.

You may notice that our loaves differ a little from month to month. That is the field speaking. In a
wet year the flour drinks less water, and the crumb is tighter. In a dry one the dough runs over the
bench like honey, and we have to fold it twice as often. We could correct all of this with powders,
as larger bakeries do. We'd rather tell you about it.

## What you can expect from us

We open at seven and close when the shelves are empty, which on a Saturday may be before noon. Would
you like to be sure of your loaf? Write to us the day before, and we will put one aside with your
name on it. Nobody has ever had to pay in advance, and in nine years only three loaves were never
collected.

Our rye keeps for a week in a paper bag. Our white bread does not, and it shouldn't: it is meant to
be eaten on the day it is baked, with butter, while somebody tells you a story. What is left in the
evening goes to the shelter on Mill Lane, whose cook makes a bread soup that we envy.

## Come and learn

Four times a year we clear the bench for eight guests and teach them everything we know. You will
knead by hand, burn at least one crust, and take home a jar of our starter together with a page of
instructions. Feed it every Sunday and it will outlive all of us. The next course begins in October,
and two places are still free. Bring an apron, an appetite, and the questions you have always wanted
to ask a baker.
"""
