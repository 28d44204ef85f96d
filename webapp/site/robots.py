"""What a site allows programs to read: its robots.txt (RFC 9309), parsed by `protego`."""

import math

from webapp.site.text import decode

MAX_BYTES = 512 * 1024
"""A reader must take 500 KiB at least; what follows is left out."""


class Robots:
    """The rules of one origin for one program."""

    def __init__(self, body: bytes, agent: str) -> None:
        """`agent`: the name of the program, the part of its User-Agent before the slash."""
        from protego import Protego

        text, _ = decode(body[:MAX_BYTES], "text/plain; charset=utf-8")
        self._agent = agent
        self._rules = Protego.parse(text)

    def allows(self, url: str) -> bool:
        """Whether this program may read the page."""
        return bool(self._rules.can_fetch(url, self._agent))

    @property
    def delay(self) -> float:
        """The seconds that the site wants between two requests; 0 when it does not say."""
        delay = self._rules.crawl_delay(self._agent)
        return delay if delay is not None and math.isfinite(delay) and delay > 0 else 0.0

    @property
    def sitemaps(self) -> list[str]:
        """The addresses of its sitemaps, as they are written."""
        return [str(sitemap) for sitemap in self._rules.sitemaps][:20]


def everything_allowed(agent: str) -> Robots:
    """The rules of a site that has none."""
    return Robots(b"", agent)
