"""A page as bytes -> its text and what else it says of itself.

The main text is found by `trafilatura`; on pages that it cannot take (very many elements, very
deep nesting) or makes nothing of, by the share of links in each block. Both are loaded when
they are first needed: they are large.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from webapp.site import address, prose
from webapp.site.address import AddressError
from webapp.site.fetch import charset_of

if TYPE_CHECKING:
    from lxml.html import HtmlElement

MAX_CHARACTERS = 2_000_000
"""A page is read up to here; the longest novels are shorter."""

MAX_ELEMENTS = 8_000
MAX_DEPTH = 150
MAX_PARAGRAPHS = 3_000
MAX_LINKS = 1_000
MAX_HEADINGS = 60


@dataclass(frozen=True)
class Link:
    """A link to a canonical URL; `internal` when it stays on the page's own host."""

    url: str
    text: str
    internal: bool
    rel: tuple[str, ...] = ()


@dataclass(frozen=True)
class Heading:
    """A heading of level 1 to 6."""

    level: int
    text: str


@dataclass(frozen=True)
class PageText:
    """What one page says. Texts are on one line each and bounded in length.

    `paragraphs`: the main text, without headings and navigation. `social_media`: name -> URL.
    `platforms`: names of the integrations that left a mark on the page. `calls`: what links and
    buttons say. `colours`: of its own style sheets, as `#rrggbb`, the most telling first; greys
    are left out. `list_items` are those outside of menus. `social_preview`: the Open Graph
    properties present. `images` and `images_without_alt` are counts. `truncated`: the page was
    longer than `MAX_CHARACTERS`.
    """

    url: str
    title: str | None = None
    description: str | None = None
    html_lang: str | None = None
    headings: tuple[Heading, ...] = ()
    paragraphs: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    feeds: tuple[str, ...] = ()
    social_media: tuple[tuple[str, str], ...] = ()
    platforms: tuple[str, ...] = ()
    generator: str | None = None
    canonical: str | None = None
    robots: str | None = None
    social_preview: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    logo_url: str | None = None
    theme_colours: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    images: int = 0
    images_without_alt: int = 0
    list_items: int = 0
    charset: str = "utf-8"
    truncated: bool = False


def read_page(body: bytes, content_type: str, url: str) -> PageText:
    """Read a page. `content_type` is the header as sent, with its charset if it names one.

    Broken mark-up gives what is there; no input makes this raise.
    """
    mime = content_type.partition(";")[0].strip().lower()
    text, charset = decode(body, content_type)
    truncated = len(text) > MAX_CHARACTERS
    text, controls = _CONTROLS.subn("", text[:MAX_CHARACTERS])
    if controls + text.count("\ufffd") > len(text) * _MOST_GARBAGE + 20:
        return PageText(url=url, charset=charset, truncated=truncated)
    if mime == "text/plain":
        return PageText(
            url=url,
            paragraphs=tuple(_bounded(prose.paragraphs(text))),
            charset=charset,
            truncated=truncated,
        )
    tree = _parse(text)
    if tree is None:
        return PageText(url=url, charset=charset, truncated=truncated)
    return _read_tree(tree, url, charset, truncated)


# --- bytes to characters ---------------------------------------------------------------------

# A picture or an archive that calls itself text is full of what no writer types.
_MOST_GARBAGE = 0.1
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_META_CHARSET = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:+-]{1,40})|<\?xml[^>]{0,100}encoding=[\"']"
    rb"([\w.:+-]{1,40})",
    re.IGNORECASE,
)
# What pages call Latin-1 is Windows-1252 on the web, and so on (WHATWG Encoding Standard).
_REALLY = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
    "utf-16": "utf-16-le",
}
_PAGE_CHARSETS = re.compile(
    r"utf-8|utf-16-[lb]e|cp125\d|cp874|cp866|cp932|cp949|iso8859-\d+|koi8-[ru]|mac-(?:roman|cyrillic)"
    r"|gb18030|big5hkscs|euc_jp|iso2022_jp|tis-620"
)


def decode(body: bytes, content_type: str = "") -> tuple[str, str]:
    """Return the characters of a page and the charset they were read in.

    Asked in turn: the byte order mark, the header, the page's own `<meta>`, the content.
    """
    for mark, charset in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(charset, "replace"), charset
    in_page = _META_CHARSET.search(body[:4096])
    named = [charset_of(content_type)]
    if in_page:
        named.append(charset_of("charset=" + (in_page[1] or in_page[2]).decode("ascii")))
    candidates = [_REALLY.get(charset, charset) for charset in named if charset]
    candidates = [charset for charset in candidates if _PAGE_CHARSETS.fullmatch(charset)]
    # A <meta> that could be read as ASCII cannot itself stand in a page of UTF-16.
    candidates = [c for c in candidates if not (in_page and c.startswith("utf-16"))]
    # Bytes that are valid UTF-8 beyond ASCII are hardly ever anything else.
    if not candidates or (candidates[0].startswith(("cp125", "iso8859")) and not body.isascii()):
        candidates.insert(0, "utf-8")
    for charset in candidates:
        try:
            return body.decode(charset), charset
        except (UnicodeDecodeError, ValueError):
            continue
    if set(candidates) == {"utf-8"}:
        # It is not UTF-8, whoever said so. A page that is UTF-8 but for a few broken bytes keeps
        # its letters; anything else is most likely what is left over on the web.
        read = body.decode("utf-8", "replace")
        if read.count("\ufffd") * 20 <= sum(byte > 127 for byte in body[:200_000]):
            return read, "utf-8"
        return body.decode("cp1252", "replace"), "cp1252"
    charset = next(charset for charset in candidates if charset != "utf-8")
    return body.decode(charset, "replace"), charset


# --- characters to a tree --------------------------------------------------------------------


# Two line breaks stand for the end of a paragraph. Extraction drops them; a character that no
# page means to show takes their place until the text is split.
_BREAK = "\ue000"
_TWO_BREAKS = re.compile(r"<br\s*/?>\s*(?:<br\s*/?>\s*)+", re.IGNORECASE)


def _parse(text: str) -> "HtmlElement | None":
    import lxml.etree
    import lxml.html

    # An XML declaration in a string that is decoded already is refused by the parser.
    text = re.sub(r"^\s*<\?xml[^>]*>", "", text, count=1)
    text = _TWO_BREAKS.sub(f"<br>{_BREAK}<br>", text.replace(_BREAK, ""))
    if not text.strip():
        return None
    # Pages with many unclosed tags nest deeper than the parser's usual 256; its other limits are
    # above what is let in here.
    parser = lxml.html.HTMLParser(
        remove_comments=True, remove_pis=True, collect_ids=False, huge_tree=True
    )
    try:
        return lxml.html.document_fromstring(text, parser=parser)
    except (lxml.etree.LxmlError, ValueError, AssertionError):
        return None


def _read_tree(tree: "HtmlElement", url: str, charset: str, truncated: bool) -> PageText:
    elements, depth, list_items = _shape(tree)
    metas = _metas(tree)
    links = tuple(_links(tree, url))
    headings = tuple(_headings(tree))
    icons = _link_elements(tree)
    link_texts = {link.text for link in links if link.text}
    paragraphs: list[str] = []
    if elements <= MAX_ELEMENTS and depth <= MAX_DEPTH:
        paragraphs = _main_text(tree, link_texts)
    if not paragraphs:
        paragraphs = _text_blocks(tree, link_texts)
    said = {heading.text for heading in headings}
    paragraphs = [paragraph for paragraph in paragraphs if paragraph not in said]
    images = tree.xpath("count(//img)")
    without_alt = tree.xpath("count(//img[not(@alt)])")
    return PageText(
        url=url,
        title=_line(tree.findtext(".//title") or metas.get("og:title"), 300),
        description=_line(metas.get("description") or metas.get("og:description"), 1000),
        html_lang=_line(
            tree.get("lang")
            or tree.get("{http://www.w3.org/XML/1998/namespace}lang")
            or tree.get("xml:lang"),
            35,
        ),
        headings=headings,
        paragraphs=tuple(_bounded(paragraphs)),
        links=links,
        feeds=tuple(_feeds(icons, url)),
        social_media=tuple(_social(links)),
        platforms=tuple(_platforms(tree, metas, icons, links)),
        generator=_line(metas.get("generator"), 100),
        canonical=_resolved(url, _first(icons, "canonical")),
        robots=_line(metas.get("robots"), 100),
        social_preview=tuple(
            sorted(name for name in metas if name.startswith(("og:", "twitter:")))[:30]
        ),
        calls=tuple(_calls(tree)),
        logo_url=_logo(tree, url, icons),
        theme_colours=tuple(
            value
            for name in ("theme-color", "msapplication-tilecolor")
            if re.fullmatch(r"#[0-9a-fA-F]{3,8}|[a-z]{3,20}", value := metas.get(name, ""))
        ),
        images=int(images),
        images_without_alt=int(without_alt),
        colours=tuple(_colours(tree, metas.get("theme-color", ""))),
        list_items=list_items,
        charset=charset,
        truncated=truncated,
    )


_FURNITURE = frozenset({"nav", "header", "footer", "aside", "menu", "form"})


def _shape(tree: "HtmlElement") -> tuple[int, int, int]:
    """Count elements, the deepest nesting, and list items outside of menus; without recursion."""
    import lxml.etree

    count = depth = deepest = furniture = items = 0
    for event, element in lxml.etree.iterwalk(tree, events=("start", "end")):
        if event == "start":
            count += 1
            depth += 1
            deepest = max(deepest, depth)
            furniture += element.tag in _FURNITURE
            items += element.tag == "li" and not furniture
        else:
            depth -= 1
            furniture -= element.tag in _FURNITURE
    return count, deepest, items


def _line(text: str | None, limit: int) -> str | None:
    line = " ".join((text or "").replace(_BREAK, " ").split())
    return line[:limit] or None


def _bounded(paragraphs: Iterable[str]) -> list[str]:
    return [paragraph[:20_000] for paragraph in list(paragraphs)[:MAX_PARAGRAPHS]]


# --- the main text ---------------------------------------------------------------------------

_SENTENCE_END = re.compile(r"[.!?\u2026:\u3002\uff01\uff1f\u0964][\"'\u201d\u2019\u00bb)\]]*$")


def _main_text(tree: "HtmlElement", link_texts: set[str]) -> list[str]:
    import trafilatura

    try:
        document = trafilatura.bare_extraction(
            tree, include_comments=False, include_tables=False, include_images=False
        )
    # It walks trees of any shape; whatever it stumbles over, the plain reading remains.
    except Exception:
        return []
    body = getattr(document, "body", None)
    if body is None:
        return []
    paragraphs = []
    for element in body.iter("p", "quote", "item"):
        if element.tag != "p" and element.find(".//p") is not None:
            continue
        if element.tag == "p" and any(
            parent.tag == "p" for parent in element.iterancestors("p", "body")
        ):
            continue
        for line_break in element.iter("lb"):
            line_break.tail = "\n" + (line_break.tail or "")
        for part in "".join(element.itertext()).split(_BREAK):
            paragraph = _without_links(part, link_texts)
            if paragraph and (element.tag != "item" or _is_prose(paragraph)):
                paragraphs.append(paragraph)
    return paragraphs


def _without_links(text: str, link_texts: set[str]) -> str:
    """One line of text, without the lines that are nothing but a link: menus, that is."""
    lines = (" ".join(line.split()) for line in text.split("\n"))
    kept = (line for line in lines if line and (line not in link_texts or _is_prose(line)))
    return " ".join(kept)


def _is_prose(text: str) -> bool:
    """Tell a sentence from a label."""
    return len(text.split()) >= 5 and _SENTENCE_END.search(text) is not None


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_INLINE = _names("""
a abbr b bdi bdo cite code data dfn em font i kbd mark q s samp small span strike strong sub sup
time tt u var wbr br ins del
""")
# Not the head: where a page leaves out <body>, which it may, the parser hangs the text in there.
_SKIPPED = _names("""
script style nav header footer aside form noscript template svg math select button iframe object
video audio canvas h1 h2 h3 h4 h5 h6 title dialog menu
""")


def _text_blocks(tree: "HtmlElement", link_texts: set[str]) -> list[str]:
    """Every block whose own text is mostly not links. In one pass, whatever the nesting."""
    import lxml.etree

    found: list[str] = []
    buffer: list[str] = []
    linked = 0
    in_link = skipping = 0

    def flush() -> None:
        nonlocal linked
        text = " ".join("".join(buffer).split())
        if text and linked * 2 < len(text) and text not in link_texts:
            parts = [part.strip() for part in text.split(_BREAK)]
            found.extend(part for part in parts if len(part.split()) >= 10 or _is_prose(part))
        buffer.clear()
        linked = 0

    for event, element in lxml.etree.iterwalk(tree, events=("start", "end")):
        if len(found) >= MAX_PARAGRAPHS:
            break
        tag = element.tag if isinstance(element.tag, str) else ""
        if event == "start":
            if tag in _SKIPPED:
                flush()
                skipping += 1
            elif tag not in _INLINE:
                flush()
            in_link += tag == "a"
            text = element.text
        else:
            if tag in _SKIPPED:
                skipping -= 1
            elif tag not in _INLINE:
                flush()
            in_link -= tag == "a"
            text = element.tail
        if tag == "br" and event == "start":
            buffer.append(" ")
        if text and not skipping:
            buffer.append(text)
            if in_link:
                linked += len(text.strip())
    flush()
    return found


# --- what else is on the page ----------------------------------------------------------------


def _metas(tree: "HtmlElement") -> dict[str, str]:
    found: dict[str, str] = {}
    for element in tree.iter("meta"):
        name = (element.get("name") or element.get("property") or "").strip().lower()
        content = (element.get("content") or "").strip()
        if name and content and len(found) < 200:
            found.setdefault(name[:80], content[:2000])
    return found


def _headings(tree: "HtmlElement") -> Iterator[Heading]:
    count = 0
    for element in tree.iter("h1", "h2", "h3", "h4", "h5", "h6"):
        text = _line("".join(element.itertext()), 200)
        if text:
            yield Heading(int(element.tag[1]), text)
            count += 1
            if count == MAX_HEADINGS:
                return


def _links(tree: "HtmlElement", url: str) -> Iterator[Link]:
    base = next((element.get("href") for element in tree.iter("base")), None)
    base = _resolved(url, base) or url
    host = _site_host(url)
    seen = set()
    for element in tree.iter("a"):
        target = _resolved(base, element.get("href"))
        text = _line("".join(element.itertext()), 200) or ""
        if target is None or (target, text) in seen:
            continue
        seen.add((target, text))
        rel = tuple((element.get("rel") or "").lower().split()[:6])
        yield Link(target, text, _site_host(target) == host, rel)
        if len(seen) == MAX_LINKS:
            return


def _site_host(url: str) -> str:
    return address.split(url).host.removeprefix("www.")


def _resolved(base: str, reference: str | None) -> str | None:
    if not reference or len(reference) > 1500 or reference.lstrip().startswith("#"):
        return None
    try:
        # A link may well lead to the host that the page itself came from, dot or no dot.
        return address.join(base, reference, {address.split(base).pair})
    except AddressError:
        return None


def _link_elements(tree: "HtmlElement") -> list[tuple[frozenset[str], str, str]]:
    """The `<link>` elements: relations, href, type."""
    return [
        (
            frozenset((element.get("rel") or "").lower().split()),
            element.get("href") or "",
            (element.get("type") or "").lower().strip(),
        )
        for element in list(tree.iter("link"))[:200]
    ]


def _first(elements: list[tuple[frozenset[str], str, str]], rel: str) -> str | None:
    return next((href for rels, href, _ in elements if rel in rels and href), None)


def _feeds(elements: list[tuple[frozenset[str], str, str]], url: str) -> Iterator[str]:
    seen: set[str] = set()
    for rels, href, kind in elements:
        is_feed = kind in ("application/rss+xml", "application/atom+xml", "application/feed+json")
        target = _resolved(url, href) if is_feed and "alternate" in rels else None
        if target and target not in seen and len(seen) < 10:
            seen.add(target)
            yield target


_SOCIAL_HOSTS = {
    "linkedin": ("linkedin.com",),
    "facebook": ("facebook.com", "fb.com"),
    "twitter": ("twitter.com", "x.com"),
    "instagram": ("instagram.com",),
    "youtube": ("youtube.com",),
    "medium": ("medium.com",),
    "substack": ("substack.com",),
    "github": ("github.com",),
    "tiktok": ("tiktok.com",),
    "pinterest": ("pinterest.com",),
    "mastodon": ("mastodon.social",),
    "bluesky": ("bsky.app",),
}
# These share *this* page, or belong to the network; they are nobody's profile.
_NOT_A_PROFILE = re.compile(
    r"/(?:share|sharer|sharer\.php|intent|home|login|signup|hashtag|search|watch|embed|plugins|"
    r"dialog|sharing|sharearticle|policies|privacy|about|explore|p|reel|status|tr|help|legal|tos|"
    r"terms|features|pin|playlist|shorts)(?:[/?]|$)",
    re.IGNORECASE,
)


def _social(links: Iterable[Link]) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for link in links:
        parts = address.split(link.url)
        for name, hosts in _SOCIAL_HOSTS.items():
            own = any(parts.host == host or parts.host.endswith("." + host) for host in hosts)
            if not own or name in seen or link.internal:
                continue
            has_name = parts.target.strip("/") or parts.host.count(".") > 1
            if has_name and not _NOT_A_PROFILE.match(parts.target):
                seen.add(name)
                yield name, link.url[:500]


_INTEGRATIONS = ("linkedin", "facebook", "twitter", "instagram", "youtube")
_GA4 = re.compile(r"G-[A-Z0-9]{6,12}")


def _platforms(
    tree: "HtmlElement",
    metas: dict[str, str],
    elements: list[tuple[frozenset[str], str, str]],
    links: Iterable[Link],
) -> list[str]:
    """The integrations whose marks the page carries, in the order in which they are offered."""
    generator = metas.get("generator", "").lower()
    sources = [e.get("src") or "" for e in list(tree.iter("script", "img"))[:500]]
    assets = [*sources, *(href for _, href, _ in elements)]
    scripts = "".join((e.text or "")[:5000] for e in list(tree.iter("script"))[:60])
    feed_types = ("application/rss+xml", "application/atom+xml", "application/feed+json")
    found = {
        "wordpress": "wordpress" in generator
        or any("/wp-content/" in asset or "/wp-includes/" in asset for asset in assets)
        or any("https://api.w.org/" in rels for rels, _, _ in elements),
        "wix": "wix.com" in generator
        or any("static.wixstatic.com" in a or "static.parastorage.com" in a for a in assets),
        "ghost": generator.startswith("ghost")
        or any("/ghost/" in asset or "/portal.min.js" in asset for asset in assets),
        "gsc": "google-site-verification" in metas,
        "bing": "msvalidate.01" in metas,
        "ga4": any(
            "googletagmanager.com/gtag/js" in source
            and any(_GA4.fullmatch(v) for v in parse_qs(source.partition("?")[2]).get("id", []))
            for source in sources
        )
        or bool(re.search(r"gtag\(\s*['\"]config['\"]\s*,\s*['\"]G-[A-Z0-9]{6,12}['\"]", scripts)),
        "rss": any(kind in feed_types and "alternate" in rels for rels, _, kind in elements),
    }
    found |= {name: True for name, _ in _social(links) if name in _INTEGRATIONS}
    return [name for name, is_there in found.items() if is_there]


def _calls(tree: "HtmlElement") -> list[str]:
    """What buttons and button-like links say."""
    texts = []
    for element in tree.iter("button", "a", "input"):
        if element.tag == "input":
            if element.get("type") not in ("submit", "button"):
                continue
            text = _line(element.get("value"), 80)
        else:
            text = _line("".join(element.itertext()), 81)
        if text and len(text) <= 80 and text not in texts:
            texts.append(text)
        if len(texts) == 200:
            break
    return texts


def _logo(
    tree: "HtmlElement", url: str, elements: list[tuple[frozenset[str], str, str]]
) -> str | None:
    for image in list(tree.iter("img"))[:60]:
        marks = " ".join(image.get(name) or "" for name in ("class", "id", "alt", "src"))
        if re.search(r"\blogo|logo\b", marks, re.IGNORECASE):
            return _resolved(url, image.get("src"))
    return _resolved(url, _first(elements, "apple-touch-icon") or _first(elements, "icon"))


# --- colours ---------------------------------------------------------------------------------

_COLOUR = re.compile(
    r"(?P<name>--[\w-]{1,60}\s*:\s*)?"
    r"(?:#(?P<hex>[0-9a-fA-F]{8}|[0-9a-fA-F]{6}|[0-9a-fA-F]{3,4})(?![0-9a-zA-Z_-])"
    r"|rgba?\(\s*(?P<r>\d{1,3})[\s,]+(?P<g>\d{1,3})[\s,]+(?P<b>\d{1,3}))"
)
_BRAND_NAME = re.compile(r"brand|primary|accent|theme|main|secondary|highlight", re.IGNORECASE)
_MOST_COLOURS = 6


def _colours(tree: "HtmlElement", theme: str) -> list[str]:
    """The colours of a page, from what is written in the page itself.

    A colour counts once for each place that names it, more when its variable is called like one
    of a brand. The colour that the page gives the browser comes first, whatever it is.
    """
    counts: dict[str, float] = {}
    css = [element.text or "" for element in list(tree.iter("style"))[:30]]
    css += [str(style) for style in tree.xpath("(//@style)[position() <= 500]")]
    for match in _COLOUR.finditer("\n".join(css)[:300_000]):
        colour = _hex(match)
        if colour and not _is_grey(colour):
            named = bool(match["name"] and _BRAND_NAME.search(match["name"]))
            counts[colour] = counts.get(colour, 0) + (8 if named else 1)
    ranked = sorted(counts, key=lambda colour: -counts[colour])
    first = _COLOUR.match(theme.strip())
    leading = _hex(first) if first else None
    found = [leading] if leading else []
    return [*found, *(colour for colour in ranked if colour != leading)][:_MOST_COLOURS]


def _hex(match: re.Match[str]) -> str | None:
    if match["hex"]:
        digits = match["hex"].lower()
        digits = "".join(2 * digit for digit in digits) if len(digits) < 6 else digits
        return f"#{digits[:6]}"
    parts = [int(match[name]) for name in "rgb"]
    return "#" + "".join(f"{part:02x}" for part in parts) if max(parts) < 256 else None


def _is_grey(colour: str) -> bool:
    parts = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return max(parts) - min(parts) < 24
