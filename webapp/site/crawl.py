"""A few pages of a site, read as a polite visitor reads them.

First what the site allows (robots.txt), then the page that was named, then the site's own list of
its pages (sitemap), then the pages that most likely carry text: a pause between two requests, one
at a time, nothing twice. A page that was read before is asked for only if it has changed.
"""

import heapq
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, NamedTuple

from webapp.site import address, sitemap
from webapp.site.address import AddressError
from webapp.site.fetch import READABLE_TYPES, FetchError, FetchPolicy, Page, Turn, any_time, fetch
from webapp.site.robots import MAX_BYTES, Robots, everything_allowed
from webapp.site.text import Heading, Link, PageText, read_page

Report = Callable[[int, int], None]
"""Called with the pages read so far and the pages that will be read as far as is known."""
Watch = Callable[[Sequence["ReadPage"]], None]
"""Called with the pages read so far whenever one more is read."""


@dataclass(frozen=True)
class Limits:
    """How much of a site is read. Times in seconds.

    After `seconds` nothing more is asked for. `pause` lies between two requests; a longer one that
    the site wants (Crawl-delay) is kept up to `longest_pause`. `detect`: ask for WordPress's own
    interface where no mark tells.
    """

    pages: int = 12
    seconds: float = 35
    pause: float = 0.4
    longest_pause: float = 5
    robots_seconds: float = 10
    page_seconds: float = 10
    sitemaps: int = 3
    detect: bool = True


class ReadPage(NamedTuple):
    """A page as fetched (its body left out), and what it says."""

    page: Page
    text: PageText


@dataclass
class Crawl:
    """What was read of a site, the named page first.

    `asked` counts every request. `unchanged` counts the pages that had not changed since. `left`
    holds (address, code of `fetch.SENTENCES`) of pages that could not be read. `wordpress`: its
    interface answered. `complete`: no time ran out.
    """

    pages: list[ReadPage] = field(default_factory=list)
    asked: int = 0
    unchanged: int = 0
    left: list[tuple[str, str]] = field(default_factory=list)
    wordpress: bool = False
    sitemap: bool = False
    complete: bool = True


def crawl(
    url: str,
    policy: FetchPolicy,
    limits: Limits | None = None,
    *,
    report: Report | None = None,
    watch: Watch | None = None,
    turn: Turn = any_time,
    kept: Mapping[str, Any] | None = None,
) -> Crawl:
    """Read up to `limits.pages` pages of the site at `url` (canonical).

    `kept`: what `keep` returned of an earlier reading. Raises FetchError when the named page
    cannot be read; what goes wrong after it costs pages, never the result.
    """
    return _Visit(url, policy, limits or Limits(), report, watch, turn, kept or {}).run()


def keep(crawled: Crawl) -> dict[str, Any]:
    """What to remember for the next reading: address asked for -> validators and text. JSON.

    Pages without a validator, and very long ones, are read anew each time.
    """
    found = {}
    for page, text in crawled.pages:
        etag, modified = page.headers.get("etag"), page.headers.get("last-modified")
        size = sum(map(len, text.paragraphs))
        if (etag or modified) and size <= _MOST_KEPT:
            asked_for = page.redirects[0] if page.redirects else page.url
            found[asked_for] = {
                "etag": etag,
                "last_modified": modified,
                "version": VERSION,
                "url": page.url,
                "text": asdict(replace(text, links=text.links[:300])),
            }
    return found


VERSION = 1
"""Of the shape of what is kept; another one is not used."""

_MOST_KEPT = 150_000


def _remembered(entry: Mapping[str, Any]) -> PageText | None:
    """The text of a kept page; None when it is of another version."""
    if entry.get("version") != VERSION:
        return None
    try:
        values = dict(entry["text"])
        values["links"] = tuple(
            Link(**(link | {"rel": tuple(link["rel"])})) for link in values["links"]
        )
        values["headings"] = tuple(Heading(**heading) for heading in values["headings"])
        values["social_media"] = tuple(
            (str(name), str(target)) for name, target in values["social_media"]
        )
        for one in fields(PageText):
            if isinstance(values.get(one.name), list):
                values[one.name] = tuple(values[one.name])
        return PageText(**values)
    except (KeyError, TypeError, ValueError):
        return None


# --- the visit -------------------------------------------------------------------------------

# After these the site is left in peace: it asked for it, or it is in trouble.
_STOPPING = frozenset({429, 500, 502, 503, 504})
_MOST_TIMEOUTS = 2
# These mean that the site as a whole cannot be reached: the page would fail in the same way.
_UNREACHABLE = frozenset(
    {
        "private_address",
        "dns_failed",
        "timed_out",
        "refused_connection",
        "tls_failed",
        "bad_port",
        "busy",
    }
)


class _Visit:
    """One reading of one site."""

    def __init__(
        self,
        url: str,
        policy: FetchPolicy,
        limits: Limits,
        report: Report | None,
        watch: Watch | None,
        turn: Turn,
        kept: Mapping[str, Any],
    ) -> None:
        self.url, self.policy, self.limits = url, policy, limits
        self.turn, self.kept = turn, kept
        self._report, self._watch = report, watch
        self.agent = policy.user_agent.partition("/")[0].strip() or "Onward"
        self.end = time.monotonic() + limits.seconds
        self.next_request = 0.0
        self.pause = limits.pause
        self.rules: dict[str, Robots] = {}
        self.result = Crawl()
        self.queue: list[tuple[float, int, str]] = []
        self.seen: set[str] = set()
        self.site = address.split(url)
        self.language: str | None = None

    def run(self) -> Crawl:
        self.report()
        entry = self.entry()
        self.site = address.split(entry.page.url)
        self.language = _primary(entry.text.html_lang)
        self.seen.add(address.comparable(self.url))
        self.take(entry)
        if self.limits.pages > 1:
            self.offer_sitemap()
            self.further_pages()
        if self.limits.detect:
            self.ask_for_wordpress(entry)
        return self.result

    def report(self) -> None:
        if self._report:
            done = len(self.result.pages)
            self._report(done, max(1, min(self.limits.pages, done + len(self.queue))))

    # -- requests

    def left(self) -> float:
        return self.end - time.monotonic()

    def wait(self) -> bool:
        """Keep the pause; False when the time would be over after it."""
        pause = self.next_request - time.monotonic()
        if pause >= self.left():
            return False
        if pause > 0:
            time.sleep(pause)
        return True

    def get(self, url: str, policy: FetchPolicy, **options: Any) -> Page:
        self.result.asked += 1
        try:
            return fetch(url, policy, turn=self.turn, **options)
        finally:
            self.next_request = time.monotonic() + self.pause

    def hurried(self, seconds: float, **changes: Any) -> FetchPolicy:
        """The policy with at most so many seconds, and never more than are left."""
        return replace(self.policy, total_seconds=max(0.1, min(seconds, self.left())), **changes)

    # -- robots.txt

    def robots(self, url: str) -> Robots:
        """The rules of the page's origin. Raises FetchError when nobody can tell them."""
        parts = address.split(url)
        origin = f"{parts.scheme}://{parts.pair}"
        if origin not in self.rules:
            self.rules[origin] = self.read_robots(f"{parts.scheme}://{_authority(parts)}")
            self.pause = max(self.pause, min(self.rules[origin].delay, self.limits.longest_pause))
            self.next_request = time.monotonic() + self.pause
        return self.rules[origin]

    def read_robots(self, origin: str) -> Robots:
        policy = self.hurried(
            self.limits.robots_seconds, max_text_bytes=MAX_BYTES, cut=True, max_redirects=5
        )
        try:
            page = self.get(f"{origin}/robots.txt", policy)
        except FetchError as error:
            if error.code in _UNREACHABLE:
                raise
            # RFC 9309, 2.3.1: an error of the server forbids everything, all else nothing.
            if error.status is not None and error.status >= 500:
                raise FetchError("robots_unreachable", error.status, **error.values) from None
            return everything_allowed(self.agent)
        return Robots(page.body, self.agent)

    # -- pages

    def entry(self) -> ReadPage:
        if not self.robots(self.url).allows(self.url):
            raise FetchError("robots")
        self.wait()
        read = self.read(self.url, self.hurried(self.policy.total_seconds))
        # Where the address led to another host, that one decides.
        if not self.robots(read.page.url).allows(read.page.url):
            raise FetchError("robots")
        return read

    def read(self, url: str, policy: FetchPolicy) -> ReadPage:
        entry = self.kept.get(url)
        before = _remembered(entry) if entry else None
        headers = {}
        if entry and before:
            headers = {
                name: value
                for name, value in (
                    ("If-None-Match", entry.get("etag")),
                    ("If-Modified-Since", entry.get("last_modified")),
                )
                if value
            }
        page = self.get(url, policy, accept=READABLE_TYPES, headers=headers)
        if page.status == 304 and entry and before:
            self.result.unchanged += 1
            validators = {"etag": entry.get("etag"), "last-modified": entry.get("last_modified")}
            known = {name: value for name, value in validators.items() if value}
            return ReadPage(replace(page, headers=known | dict(page.headers)), before)
        text = read_page(page.body, page.content_type, page.url)
        return ReadPage(replace(page, body=b""), text)

    def take(self, read: ReadPage) -> None:
        """Count the page unless it is a copy of one that was read, and offer what it links to."""
        self.seen |= {address.comparable(read.page.url)}
        copy = any(_is_copy(read.text, other.text) for other in self.result.pages)
        if not copy:
            self.result.pages.append(read)
            if self._watch:
                self._watch(self.result.pages)
        if "nofollow" not in (read.text.robots or "").lower():
            self.offer(
                (link.url, link.text)
                for link in read.text.links
                if link.internal and "nofollow" not in link.rel
            )
        self.report()

    def offer(self, links: Iterable[tuple[str, str]], bonus: float = 0) -> None:
        for url, text in links:
            own = self.own(url)
            if own is None:
                continue
            key = address.comparable(own)
            score = likely_text(own, text, self.language)
            if key in self.seen or score is None:
                continue
            self.seen.add(key)
            heapq.heappush(self.queue, (-score - bonus, len(self.seen), own))

    def own(self, url: str) -> str | None:
        """The address on the origin that is being read, None for another site's."""
        parts = address.split(url)
        if parts.host.removeprefix("www.") != self.site.host.removeprefix("www."):
            return None
        usual = {80, 443}
        if parts.port != self.site.port and not {parts.port, self.site.port} <= usual:
            return None
        return f"{self.site.scheme}://{_authority(self.site)}{parts.target}"

    def further_pages(self) -> None:
        timeouts = 0
        while self.queue and len(self.result.pages) < self.limits.pages:
            _, _, url = heapq.heappop(self.queue)
            if not self.robots(url).allows(url):
                continue
            if self.result.asked >= 3 * self.limits.pages or not self.wait() or self.left() < 0.5:
                self.result.complete = False
                break
            try:
                self.take(self.read(url, self.hurried(self.limits.page_seconds)))
            except FetchError as error:
                self.result.left.append((url, error.code))
                timeouts += error.code == "timed_out"
                if (
                    error.status in _STOPPING
                    or error.code in ("busy", "refused_connection")
                    or timeouts >= _MOST_TIMEOUTS
                ):
                    self.result.complete = False
                    break
        self.queue.clear()
        self.report()

    # -- what the site says of itself

    def offer_sitemap(self) -> None:
        """Offer the pages of the site's own list."""
        origin = f"{self.site.scheme}://{_authority(self.site)}"
        named = self.robots(origin + "/").sitemaps
        waiting = [one for one in map(self.join_own, named) if one] or [f"{origin}/sitemap.xml"]
        tried = 0
        while waiting and tried < self.limits.sitemaps and self.left() > 8:
            url = waiting.pop(0)
            if not self.robots(url).allows(url) or not self.wait():
                continue
            tried += 1
            policy = self.hurried(
                6, max_body_bytes=sitemap.MAX_BYTES, max_text_bytes=sitemap.MAX_BYTES, cut=True
            )
            try:
                page = self.get(url, policy, accept=sitemap.TYPES)
            except (FetchError, AddressError):
                continue
            found = sitemap.parse(page.body, page.content_type)
            self.result.sitemap |= bool(found.pages)
            pages = (one for one in map(self.join_own, found.pages) if one)
            self.offer(((one, "") for one in pages), bonus=0.5)
            inner = [one for one in map(self.join_own, found.sitemaps) if one and one != url]
            waiting = sorted(inner, key=_sitemap_rank)[: self.limits.sitemaps] + waiting
        self.report()

    def join_own(self, reference: str) -> str | None:
        try:
            joined = address.join(self.site_url(), reference, {self.site.pair})
        except AddressError:
            return None
        return self.own(joined)

    def site_url(self) -> str:
        return f"{self.site.scheme}://{_authority(self.site)}/"

    def ask_for_wordpress(self, entry: ReadPage) -> None:
        """Ask WordPress's interface, where it may be one and nothing on its pages says so."""
        if "api.w.org" in entry.page.headers.get("link", ""):
            self.result.wordpress = True
            return
        known = {"wordpress", "wix", "ghost"}
        marks = {platform for read in self.result.pages for platform in read.text.platforms}
        if known & marks or any(read.text.generator for read in self.result.pages):
            return
        url = self.site_url() + "wp-json/"
        if not self.robots(url).allows(url) or self.left() < 6 or not self.wait():
            return
        try:
            policy = self.hurried(5, max_text_bytes=256 * 1024, cut=True)
            page = self.get(url, policy, accept=frozenset({"application/json"}))
        except FetchError:
            return
        self.result.wordpress = re.search(rb'"wp\\?/v2"', page.body) is not None


def _authority(parts: address.Parts) -> str:
    host = f"[{parts.host}]" if ":" in parts.host else parts.host
    usual = address.DEFAULT_PORTS[parts.scheme]
    return host if parts.port == usual else f"{host}:{parts.port}"


def _primary(tag: str | None) -> str | None:
    return (tag or "").lower().partition("-")[0].partition("_")[0] or None


def _is_copy(one: PageText, other: PageText) -> bool:
    """The same text under two addresses (a print view, a parameter, a missing page's stand-in)."""
    return bool(one.paragraphs) and one.paragraphs == other.paragraphs


def _sitemap_rank(url: str) -> int:
    name = url.rpartition("/")[2].lower()
    if re.search(r"post|page|article|blog|news|misc", name):
        return 0
    return 2 if re.search(r"tag|categor|author|product|image|video|attachment|user", name) else 1


# --- which pages carry text ------------------------------------------------------------------

_FILES = re.compile(
    r"\.(?:pdf|jpe?g|png|gif|webp|avif|svg|ico|css|js|mjs|json|xml|rss|atom|zip|gz|tgz|rar|7z|exe|"
    r"dmg|apk|iso|mp[34]|m4[av]|mov|avi|webm|og[gv]|wav|flac|docx?|xlsx?|pptx?|od[tsp]|csv|epub|"
    r"ics|woff2?|ttf|eot|txt|md|asc|sig|deb|rpm)$",
    re.IGNORECASE,
)
_NEVER = re.compile(
    r"/(?:wp-admin|wp-login|wp-json|wp-content|xmlrpc|cgi-bin|cdn-cgi|feed|rss|atom|login|signin|"
    r"sign-in|signup|sign-up|register|logout|account|my-account|cart|basket|checkout|warenkorb|"
    r"panier|carrito|carrello|carrinho|search|suche|buscar|recherche|cerca|admin|api|share|print|"
    r"amp|embed|trackback|comments?|reply|unsubscribe)(?:[/.]|$)",
    re.IGNORECASE,
)
_DULL = re.compile(
    r"/(?:tags?|categor(?:y|ies|ia|ie)|kategorie|authors?|autor|archives?|page|seite|pagina|"
    r"privacy|datenschutz|privacidad|confidentialite|imprint|impressum|legal|terms|agb|cookies?|"
    r"mentions-legales|aviso-legal|disclaimer|contact|kontakt|contacto|contatti|sitemap|jobs?|"
    r"careers?|karriere|gallery|galerie|photos?|calendar|events?|shop|products?|produkte?|downloads?|"
    r"wp-)(?:[-/.]|$)",
    re.IGNORECASE,
)
_LIKELY = re.compile(
    r"/(?:blog|posts?|articles?|artikel|news|aktuelles|noticias|actualites|notizie|stor(?:y|ies)|"
    r"journal|magazin[e]?|guides?|ratgeber|insights?|essays?|writing|notes?|learn|how-to|tips|"
    r"resources?|case-stud(?:y|ies)|about|about-us|ueber-uns|uber-uns|a-propos|chi-siamo|sobre|"
    r"quienes-somos|quem-somos|services?|leistungen|mission|philosophy|our-story|faq)(?:[-/.]|$)",
    re.IGNORECASE,
)
_DATE = re.compile(r"/(?:19|20)\d\d(?:[/-]\d\d?)")
_LANGUAGE_PART = re.compile(
    r"/(en|de|es|fr|it|pt|nl|pl|sv|da|no|nb|fi|cs|sk|hu|ro|bg|el|tr|ru|uk|ja|ko|zh|ar|he|hi|ca)"
    r"(?:-[a-z]{2})?(?:/|$)",
    re.IGNORECASE,
)


def likely_text(url: str, link_text: str = "", language: str | None = None) -> float | None:
    """Rank a page by its address and what a link to it says: higher is likelier prose.

    None for what is no page of text at all (files, shopping carts, sign-in). `language` is the one
    that the site's first page says it is written in: others are put last.
    """
    path, _, query = address.split(url).target.partition("?")
    if _FILES.search(path) or _NEVER.search(path) or len(url) > 500:
        return None
    score = 0.0
    slug = (
        path.rstrip("/").rpartition("/")[2].rpartition(".")[0]
        or path.rstrip("/").rpartition("/")[2]
    )
    score += 2.0 * (_LIKELY.search(path) is not None)
    score += 2.0 * (_DATE.search(path) is not None)
    score += 0.5 * min(4, slug.count("-") + slug.count("_"))
    score += 0.4 * min(5, len(link_text.split()))
    score -= 4.0 * (_DULL.search(path) is not None)
    score -= 0.3 * max(0, path.strip("/").count("/") - 2)
    if query:
        score -= 1.5 + 0.5 * query.count("&")
        if re.search(r"(?:^|&)(?:replytocom|add-to-cart|action|s|q|sort|filter|print)=", query):
            return None
    part = _LANGUAGE_PART.match(path)
    if part and language and part[1].lower() != language:
        score -= 6.0
    return score
