"""The addresses in a sitemap (sitemaps.org): XML, plain text, or an index of others; packed or not.

Read by pattern, not by an XML parser: only the addresses are wanted, real sitemaps are often not
well-formed, and a pattern expands no entities.
"""

import html
import re
import zlib
from itertools import islice
from typing import NamedTuple

from webapp.site.text import decode

TYPES = frozenset(
    {
        "application/xml",
        "text/xml",
        "text/plain",
        "application/gzip",
        "application/x-gzip",
        "application/octet-stream",
    }
)
"""The content types that sitemaps are sent as."""

MAX_ADDRESSES = 2_000
MAX_BYTES = 4 * 1024 * 1024

_LOCATION = re.compile(
    r"<(?!image:|video:|news:)(?:[\w.-]{1,40}:)?loc\s*>\s*(?:<!\[CDATA\[)?\s*([^<>\]\s]{1,2000})",
    re.IGNORECASE,
)
_INDEX = re.compile(r"<(?:[\w.-]{1,40}:)?sitemapindex[\s>]", re.IGNORECASE)


class Sitemap(NamedTuple):
    """What a sitemap lists, as written: pages, or other sitemaps."""

    pages: list[str]
    sitemaps: list[str]


def parse(body: bytes, content_type: str = "") -> Sitemap:
    """Read a sitemap; whatever it is, this gives what addresses are in it."""
    if body.startswith(b"\x1f\x8b"):
        body = _unpacked(body)
    text, _ = decode(body[:MAX_BYTES], content_type)
    if "<" in text[:2000]:
        found = [
            html.unescape(match[1]) for match in islice(_LOCATION.finditer(text), MAX_ADDRESSES)
        ]
    else:
        lines = (line.strip() for line in text.splitlines())
        found = [line for line in lines if re.match(r"https?://\S+$", line)][:MAX_ADDRESSES]
    if _INDEX.search(text[:4000]):
        return Sitemap([], found)
    return Sitemap(found, [])


def _unpacked(body: bytes) -> bytes:
    try:
        return zlib.decompressobj(31).decompress(body, MAX_BYTES)
    except zlib.error:
        return b""
