"""A site is read as a polite visitor reads it; what goes wrong costs pages, not the result."""

import gzip
import json
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.site.conftest import LocalSite, html, redirect, sample
from webapp.site.analyse import analyse
from webapp.site.crawl import Crawl, Limits, crawl, keep, likely_text
from webapp.site.fetch import FetchError, FetchPolicy

QUICK = Limits(pause=0, longest_pause=0.3, seconds=10)

LINES = [
    "The baker opens the door before the sun is up, and the whole street smells of bread.",
    "Nobody knows who planted the old pear tree behind the mill, but everybody eats from it.",
    "A letter that was lost for twenty years came back last week, and it still made sense.",
    "When the river rises, the children put their paper boats into the flooded meadow.",
]


def article(number: int, links: str = "", head: str = "") -> bytes:
    """A page with text that no other page has."""
    text = "".join(f"<p>{line} It happened {number} times in all.</p>" for line in LINES)
    return html(
        f"<html lang=en><head><title>Page {number}</title>{head}</head>"
        f"<body><main><h1>Page {number}</h1>{text}</main><nav>{links}</nav></body></html>"
    )


def link(path: str, text: str = "Read more about this and that") -> str:
    return f"<a href='{path}'>{text}</a>"


def paths(site: LocalSite) -> list[str]:
    return [request.split(b" ", 2)[1].decode() for request in site.requests]


def read(site: LocalSite, policy: FetchPolicy, path: str = "/", **limits: float) -> Crawl:
    return crawl(site.url(path), policy, replace(QUICK, **limits))  # type: ignore[arg-type]


def titles(result: Crawl) -> list[str | None]:
    return [page.text.title for page in result.pages]


# --- which pages, and how many ---------------------------------------------------------------


def test_internal_pages_are_read_the_likely_ones_first(
    site: LocalSite, policy: FetchPolicy
) -> None:
    site.answers["/"] = article(
        0,
        link("/tag/bread", "bread")
        + link("/blog/why-we-bake-slowly")
        + link("/cart", "Cart")
        + link("/brochure.pdf")
        + link("https://elsewhere.example/blog/post")
        + link("/about", "About us")
        + link("/wp-login.php", "Log in"),
    )
    for number, path in enumerate(("/tag/bread", "/blog/why-we-bake-slowly", "/about"), 1):
        site.answers[path] = article(number)
    result = read(site, policy)
    assert paths(site)[:2] == ["/robots.txt", "/"]
    pages = [p for p in paths(site) if p in site.answers]
    assert pages == ["/", "/blog/why-we-bake-slowly", "/about", "/tag/bread"]
    assert not {"/cart", "/brochure.pdf", "/wp-login.php"} & set(paths(site))
    assert titles(result) == ["Page 0", "Page 2", "Page 3", "Page 1"]
    assert result.complete


def test_at_most_so_many_pages_are_read_and_the_progress_is_told(
    site: LocalSite, policy: FetchPolicy
) -> None:
    site.answers["/"] = article(0, "".join(link(f"/blog/{n}") for n in range(1, 40)))
    for n in range(1, 40):
        site.answers[f"/blog/{n}"] = article(n)
    told: list[tuple[int, int]] = []
    result = crawl(site.url(), policy, QUICK, report=lambda done, known: told.append((done, known)))
    assert len(result.pages) == 12
    assert told[0] == (0, 1)
    assert (5, 12) in told
    assert told[-1] == (12, 12)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert all(done <= known for done, known in told)


def test_a_page_is_read_once_however_it_is_linked(site: LocalSite, policy: FetchPolicy) -> None:
    spellings = (
        "/blog/one",
        "/blog/one/",
        "/blog/one#part",
        "/blog/one?utm_source=x",
        "/blog/../blog/one",
    )
    site.answers["/"] = article(0, "".join(map(link, spellings)) + link("/index.html"))
    site.answers["/blog/one"] = article(1, link("/"))
    result = read(site, policy)
    assert len(result.pages) == 2
    assert paths(site).count("/") == 1
    assert sum(path.startswith("/blog") for path in paths(site)) == 1


def test_copies_under_other_addresses_are_no_pages(site: LocalSite, policy: FetchPolicy) -> None:
    site.answers["/"] = article(0, link("/blog/one-1") + link("/blog/two-2"))
    site.answers["/blog/one-1"] = article(0)
    site.answers["/blog/two-2"] = article(2)
    assert titles(read(site, policy)) == ["Page 0", "Page 2"]


def test_links_that_nobody_should_follow_are_not_followed(
    site: LocalSite, policy: FetchPolicy
) -> None:
    site.answers["/"] = article(
        0, "<a rel=nofollow href=/blog/one>One of the pages</a>" + link("/blog/two")
    )
    site.answers["/blog/two"] = article(
        2, link("/blog/three"), "<meta name=robots content=nofollow>"
    )
    site.answers["/blog/three"] = article(3)
    assert titles(read(site, policy)) == ["Page 0", "Page 2"]


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("/blog/why-we-bake", "/tag/bread"),
        ("/2024/05/a-day-at-the-mill", "/imprint"),
        ("/about", "/privacy-policy"),
        ("/how-to-keep-bread-fresh", "/page/7"),
        ("/articles/one", "/articles/one?sort=a&view=b"),
        ("/guide", "/de/guide"),
    ],
)
def test_pages_of_prose_are_ranked_before_others(better: str, worse: str) -> None:
    first = likely_text(f"https://a.example{better}", "", "en")
    second = likely_text(f"https://a.example{worse}", "", "en")
    assert first is not None
    assert second is None or first > second


# --- robots.txt ------------------------------------------------------------------------------


def robots(text: str, **more: str) -> bytes:
    return html(text, kind="text/plain", **more)  # type: ignore[arg-type]


def test_what_robots_txt_forbids_is_not_read(site: LocalSite, policy: FetchPolicy) -> None:
    site.answers["/robots.txt"] = robots(
        "User-agent: *\nDisallow: /blog/secret\nDisallow: /*.php$\nAllow: /blog/secret/open\n"
    )
    site.answers["/"] = article(
        0,
        link("/blog/secret/one") + link("/blog/secret/open") + link("/a.php") + link("/blog/free"),
    )
    for n, path in enumerate(("/blog/secret/one", "/blog/secret/open", "/a.php", "/blog/free"), 1):
        site.answers[path] = article(n)
    read(site, policy)
    assert not {"/blog/secret/one", "/a.php"} & set(paths(site))
    assert {"/blog/secret/open", "/blog/free"} <= set(paths(site))


def test_rules_for_our_name_go_before_the_rules_for_all(
    site: LocalSite, policy: FetchPolicy
) -> None:
    site.answers["/robots.txt"] = robots(
        "User-agent: *\nDisallow:\n\nUser-agent: Onward\nDisallow: /\n"
    )
    site.answers["/"] = article(0)
    with pytest.raises(FetchError, match=r"robots\.txt says so") as refused:
        read(site, policy)
    assert refused.value.code == "robots"
    assert paths(site) == ["/robots.txt"]
    site.answers["/robots.txt"] = robots("User-agent: Othername\nDisallow: /\n")
    assert len(read(site, policy).pages) == 1


@pytest.mark.parametrize(
    "answer",
    [
        html("", status="404 Not Found"),
        html("", status="403 Forbidden"),
        html("<html>Welcome to our single page</html>"),
        html(bytes(range(256)) * 30, kind="text/plain"),
        html("{}", kind="application/json"),
        redirect("/robots.txt"),
        b"nonsense\r\n\r\n",
        robots("User-agent: *\nCrawl-delay: never\nDisallow\n:::\n\0"),
    ],
)
def test_a_site_without_usable_rules_forbids_nothing(
    answer: bytes, site: LocalSite, policy: FetchPolicy
) -> None:
    site.answers["/robots.txt"] = answer
    site.answers["/"] = article(0)
    assert len(read(site, policy).pages) == 1


def test_rules_that_the_site_cannot_tell_forbid_everything(
    site: LocalSite, policy: FetchPolicy
) -> None:
    site.answers["/robots.txt"] = html("", status="503 Busy")
    site.answers["/"] = article(0)
    with pytest.raises(FetchError, match="503 Service Unavailable"):
        read(site, policy)
    assert paths(site) == ["/robots.txt"]


def test_very_long_rules_are_read_up_to_the_limit(site: LocalSite, policy: FetchPolicy) -> None:
    long = "User-agent: *\nDisallow: /blog/one\n" + "Disallow: /x/y/z\n" * 60_000
    site.answers["/robots.txt"] = robots(long)
    site.answers["/"] = article(0, link("/blog/one"))
    roomy = replace(policy, max_body_bytes=2_000_000)
    assert len(read(site, roomy).pages) == 1


def test_a_redirect_to_another_host_is_judged_by_that_host_s_rules(
    site: LocalSite, policy: FetchPolicy
) -> None:
    other = LocalSite()
    try:
        site.answers["/"] = redirect(other.url("/home"))
        other.answers["/robots.txt"] = robots("User-agent: *\nDisallow: /home\n")
        other.answers["/home"] = article(1)
        both = replace(policy, allow=frozenset({site.pair, other.pair}))
        with pytest.raises(FetchError) as refused:
            crawl(site.url(), both, QUICK)
        assert refused.value.code == "robots"
        other.answers["/robots.txt"] = robots("User-agent: *\nDisallow: /private\n")
        other.answers["/home"] = article(1, link("/blog/on-the-other-host"))
        other.answers["/blog/on-the-other-host"] = article(2)
        assert titles(crawl(site.url(), both, QUICK)) == ["Page 1", "Page 2"]
    finally:
        other.close()


def test_there_is_a_pause_between_requests_as_long_as_the_site_wants(
    site: LocalSite, policy: FetchPolicy
) -> None:
    def gaps(**limits: float) -> list[float]:
        moments: list[float] = []
        whole = html("<html><main><p>Hello</p></main>" + link("/b-c-d") + link("/e-f-g"))

        def stamped(connection: socket.socket) -> None:
            moments.append(time.monotonic())
            connection.sendall(whole)

        for path in ("/", "/b-c-d", "/e-f-g"):
            site.answers[path] = stamped
        read(site, policy, detect=False, **limits)
        return [later - earlier for earlier, later in pairwise(moments)]

    assert min(gaps(pause=0.15)) >= 0.15
    site.answers["/robots.txt"] = robots("User-agent: *\nCrawl-delay: 60\n")
    bounded = gaps(pause=0)
    assert 0.3 <= min(bounded) <= max(bounded) < 1.5


# --- sitemaps --------------------------------------------------------------------------------


def sitemap(*locations: str, index: bool = False) -> str:
    outer, inner = ("sitemapindex", "sitemap") if index else ("urlset", "url")
    body = "".join(f"<{inner}><loc>{location}</loc></{inner}>" for location in locations)
    return f'<?xml version="1.0"?><{outer} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{body}</{outer}>'


def test_pages_of_the_sitemap_are_read(site: LocalSite, policy: FetchPolicy) -> None:
    site.answers["/sitemap.xml"] = html(
        sitemap(site.url("/blog/hidden-page"), "https://elsewhere.example/blog/x"),
        kind="application/xml",
    )
    site.answers["/"] = article(0)
    site.answers["/blog/hidden-page"] = article(1)
    result = read(site, policy)
    assert result.sitemap
    assert titles(result) == ["Page 0", "Page 1"]


def test_an_index_of_packed_sitemaps_named_in_robots_txt_is_followed(
    site: LocalSite, policy: FetchPolicy
) -> None:
    site.answers["/robots.txt"] = robots(f"Sitemap: {site.url('/index.xml')}\n")
    site.answers["/index.xml"] = html(
        sitemap(site.url("/tags.xml.gz"), site.url("/posts.xml.gz"), index=True), kind="text/xml"
    )
    packed = gzip.compress(sitemap(site.url("/blog/from-the-archive")).encode())
    site.answers["/posts.xml.gz"] = html(packed, kind="application/x-gzip")
    site.answers["/tags.xml.gz"] = html(packed, kind="application/x-gzip")
    site.answers["/"] = article(0)
    site.answers["/blog/from-the-archive"] = article(1)
    result = read(site, policy)
    assert titles(result) == ["Page 0", "Page 1"]
    assert paths(site).index("/posts.xml.gz") < paths(site).index("/tags.xml.gz")
    assert "/sitemap.xml" not in paths(site)


def test_sitemaps_that_lead_in_circles_end(site: LocalSite, policy: FetchPolicy) -> None:
    site.answers["/sitemap.xml"] = html(
        sitemap(*(site.url(f"/sitemap-{n}.xml") for n in range(50)), index=True),
        kind="application/xml",
    )
    for n in range(50):
        site.answers[f"/sitemap-{n}.xml"] = site.answers["/sitemap.xml"]
    site.answers["/"] = article(0)
    assert len(read(site, policy).pages) == 1
    assert sum("sitemap" in path for path in paths(site)) == QUICK.sitemaps


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY a{n} "{"&a" + str(n - 1) + ";" * 1 if n else "&a;"}">' for n in range(9))
    + "]><urlset><url><loc>&a8;</loc></url></urlset>"
)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/xml"),
        (b"<urlset><url><loc>", "application/xml"),
        (BOMB.encode(), "application/xml"),
        (b"\x1f\x8b" + b"\0" * 50, "application/gzip"),
        (gzip.compress(b"\0" * 30_000_000), "application/gzip"),
        (b"<html>Not found</html>", "text/html"),
        (b"<loc>javascript:alert(1)</loc><loc>http://127.0.0.1:1/x</loc><loc>//</loc>", "text/xml"),
        (("<urlset>" + "<loc>" * 20_000).encode(), "text/xml"),
    ],
)
def test_a_broken_or_hostile_sitemap_is_left_out(
    body: bytes, kind: str, site: LocalSite, policy: FetchPolicy
) -> None:
    site.answers["/sitemap.xml"] = html(body, kind=kind)
    site.answers["/"] = article(0)
    started = time.process_time()
    assert len(read(site, policy).pages) == 1
    assert time.process_time() - started < 1.5


# --- reading again ---------------------------------------------------------------------------


def conditional(site: LocalSite, whole: bytes, tag: bytes) -> Callable[[socket.socket], None]:
    """A page that answers 304 to whoever names its tag."""

    def answer(connection: socket.socket) -> None:
        if b"if-none-match: " + tag in site.requests[-1].lower():
            connection.sendall(b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n")
        else:
            connection.sendall(whole)

    return answer


def test_a_page_that_has_not_changed_is_not_sent_again(
    site: LocalSite, policy: FetchPolicy
) -> None:
    def tagged(number: int, links: str = "") -> bytes:
        return article(number, links).replace(b"\r\n", b'\r\nETag: "v%d"\r\n' % number, 1)

    site.answers["/"] = conditional(site, tagged(0, link("/blog/one")), b'"v0"')
    site.answers["/blog/one"] = conditional(site, tagged(1), b'"v1"')
    first = read(site, policy)
    assert first.unchanged == 0
    kept = json.loads(json.dumps(keep(first)))
    assert set(kept) == {site.url("/"), site.url("/blog/one")}

    second = crawl(site.url(), policy, QUICK, kept=kept)
    assert second.unchanged == 2
    assert [page.text for page in second.pages] == [page.text for page in first.pages]
    assert keep(second) == keep(first)

    site.answers["/blog/one"] = article(7)
    third = crawl(site.url(), policy, QUICK, kept=kept)
    assert (third.unchanged, titles(third)) == (1, ["Page 0", "Page 7"])
    assert set(keep(third)) == {site.url("/")}


@pytest.mark.parametrize(
    "spoilt", [{"version": 0}, {"text": {}}, {"text": {"links": [1]}}, {"text": None}]
)
def test_what_was_kept_in_another_shape_is_read_anew(
    spoilt: dict[str, object], site: LocalSite, policy: FetchPolicy
) -> None:
    whole = article(0).replace(b"\r\n", b'\r\nETag: "v0"\r\n', 1)
    site.answers["/"] = conditional(site, whole, b'"v0"')
    kept = keep(read(site, policy))
    kept[site.url()] |= spoilt
    again = crawl(site.url(), policy, QUICK, kept=kept)
    assert (again.unchanged, titles(again)) == (0, ["Page 0"])


# --- when it goes wrong ----------------------------------------------------------------------


def test_time_that_runs_out_costs_pages_not_the_result(
    site: LocalSite, policy: FetchPolicy
) -> None:
    def slow(connection: socket.socket) -> None:
        site.wait(0.4)
        connection.sendall(article(int(site.requests[-1].split(b"/blog/")[1].split(b" ")[0])))

    site.answers["/"] = article(0, "".join(link(f"/blog/{n}") for n in range(1, 12)))
    for n in range(1, 12):
        site.answers[f"/blog/{n}"] = slow
    started = time.monotonic()
    result = read(site, policy, seconds=2)
    assert time.monotonic() - started < 2.6
    assert 2 <= len(result.pages) < 10
    assert not result.complete


def test_pages_that_hang_end_the_visit_with_what_was_read(
    site: LocalSite, policy: FetchPolicy
) -> None:
    site.answers["/"] = article(0, "".join(link(f"/blog/{n}") for n in range(1, 12)))
    for n in range(1, 12):
        site.answers[f"/blog/{n}"] = lambda connection: site.wait(5) and None
    result = read(site, policy, page_seconds=0.3)
    assert len(result.pages) == 1
    assert [code for _, code in result.left] == ["timed_out"] * 2


def test_faulty_pages_are_left_out_and_named(site: LocalSite, policy: FetchPolicy) -> None:
    site.answers["/"] = article(0, link("/blog/gone") + link("/blog/binary") + link("/blog/good"))
    site.answers["/blog/gone"] = html("", status="410 Gone")
    site.answers["/blog/binary"] = html("%PDF", kind="application/pdf")
    site.answers["/blog/good"] = article(1)
    result = read(site, policy)
    assert titles(result) == ["Page 0", "Page 1"]
    assert dict(result.left) == {
        site.url("/blog/gone"): "http_error",
        site.url("/blog/binary"): "not_html",
    }


def test_a_site_that_asks_for_less_is_left_in_peace(site: LocalSite, policy: FetchPolicy) -> None:
    site.answers["/"] = article(0, "".join(link(f"/blog/{n}") for n in range(1, 12)))
    for n in range(1, 12):
        site.answers[f"/blog/{n}"] = html("", status="429 Too Many Requests")
    result = read(site, policy)
    assert sum(path.startswith("/blog/") for path in paths(site)) == 1
    assert not result.complete


def test_links_robots_and_sitemaps_never_lead_to_a_private_server(
    site: LocalSite, sentinel: LocalSite, policy: FetchPolicy
) -> None:
    inner = sentinel.url("/")
    site.answers["/robots.txt"] = robots(
        f"Sitemap: {inner}sitemap.xml\nSitemap: http://[::1]/s.xml\n"
    )
    site.answers["/sitemap.xml"] = html(sitemap(inner, "http://169.254.169.254/"), kind="text/xml")
    site.answers["/"] = article(
        0, link(inner) + link("/blog/redirects-inside") + link(f"//{sentinel.pair}/blog/x")
    )
    site.answers["/blog/redirects-inside"] = redirect(inner)
    strict = replace(policy, ports=frozenset({80, 443, sentinel.port}))
    result = read(site, strict)
    assert len(result.pages) == 1
    assert dict(result.left) == {site.url("/blog/redirects-inside"): "private_address"}


def test_robots_txt_that_redirects_to_a_private_server_is_a_verdict(
    site: LocalSite, sentinel: LocalSite, policy: FetchPolicy
) -> None:
    site.answers["/robots.txt"] = redirect(sentinel.url("/"))
    site.answers["/"] = article(0)
    strict = replace(policy, ports=frozenset({sentinel.port}))
    with pytest.raises(FetchError) as refused:
        read(site, strict)
    assert refused.value.code == "private_address"


def test_the_visitor_gives_its_name_in_every_request(site: LocalSite, policy: FetchPolicy) -> None:
    site.answers["/"] = article(0, link("/blog/one"))
    site.answers["/blog/one"] = article(1)
    read(site, policy)
    assert len(site.requests) >= 5
    for request in site.requests:
        assert b"user-agent: onward/1.0 (+https://onward.example)\r\n" in request.lower()
        assert b"cookie" not in request.lower()


# --- WordPress -------------------------------------------------------------------------------


def test_wordpress_that_hides_is_known_by_its_interface(
    site: LocalSite, policy: FetchPolicy
) -> None:
    site.answers["/"] = article(0)
    answer = json.dumps({"name": "x", "namespaces": ["oembed/1.0", "wp/v2"]})
    for body in (answer, answer.replace("/", "\\/")):
        site.answers["/wp-json/"] = html(body, kind="application/json; charset=UTF-8")
        found = analyse(site.url(), policy, limits=QUICK)
        assert found["crawl_result"]["detected_platforms"] == ["wordpress"]
    site.answers["/wp-json/"] = html('{"wp": 2}', kind="application/json")
    assert analyse(site.url(), policy, limits=QUICK)["crawl_result"]["detected_platforms"] == []


def test_the_interface_is_not_asked_for_where_a_mark_tells(
    site: LocalSite, policy: FetchPolicy
) -> None:
    site.answers["/"] = html(sample("easy_english"))
    read(site, policy)
    assert "/wp-json/" not in paths(site)
    site.answers["/"] = article(0).replace(
        b"\r\n", b'\r\nLink: </wp-json/>; rel="https://api.w.org/"\r\n', 1
    )
    assert read(site, policy).wordpress
    assert "/wp-json/" not in paths(site)
