"""Makes the project's pictures: the icons, the image that is shown where somebody shares the
address, and the screenshots of the documentation.

    .venv/bin/python -m tests.pictures.make            # icons and social image
    .venv/bin/python -m tests.pictures.make docs       # the screenshots

The drawings are SVG of our own; Chromium turns them into PNG. The social image has no words in it:
the application has another name, and another language, wherever it is installed.
"""

import math
import random
import struct
import sys
from pathlib import Path

from playwright.sync_api import Browser

from tests.support.browser import chromium

TOP = Path(__file__).resolve().parents[2]
STATIC = TOP / "static"

PAPER, RULE, INK, ACCENT = "#f8f5ee", "#dfd9cb", "#1f232d", "#2b4391"
TOUCH_ICON = 180
ICO_SIZES = (16, 32, 48)
SOCIAL = (1200, 630)


def nib(x: float, y: float, size: float, angle: float) -> str:
    """A nib whose point is at (x, y); `size` is its height, `angle` in degrees, 0 points down."""
    return (
        f'<g transform="translate({x} {y}) rotate({angle}) scale({size / 32})">'
        f'<path d="M-5-32h10l5-14v-160h-20v160z" fill="{INK}"/>'
        f'<path d="M0 0-9-19-5-32H5L9-19z" fill="{ACCENT}"/>'
        f'<path d="M0 0v-15" stroke="{PAPER}" stroke-width="1.2"/>'
        f'<circle cy="-17" r="2.2" fill="{PAPER}"/></g>'
    )


def icon_svg(margin: float = 0) -> str:
    """The nib on a sheet of accent; without `margin` its corners are round, for a browser's tab."""
    corner = 0 if margin else 7
    scale = 1 - margin / 16
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><title>A nib</title>'
        f'<rect width="32" height="32" rx="{corner}" fill="{ACCENT}"/>'
        f'<g transform="translate(16 16) scale({scale:g}) translate(-16 -16)">'
        f'<path d="M16 27.500 9 14.500 12.500 4.500h7L23 14.500z" fill="{PAPER}"/>'
        f'<path d="M16 27.500V16" stroke="{ACCENT}" stroke-width="1.600"/>'
        f'<circle cx="16" cy="14" r="2.200" fill="{ACCENT}"/></g></svg>\n'
    )


def handwriting(x: float, y: float, width: float, rng: random.Random) -> tuple[str, float]:
    """Words on a line that look written, as an SVG path, and where they end."""
    path, end = "", x + width
    while x < end - 60:
        letters = rng.randint(3, 8)
        points = []
        for _ in range(letters):
            tall = 58 if rng.random() < 0.22 else rng.uniform(22, 28)
            long = rng.uniform(20, 27)
            for step in range(24):
                turn = step / 24 * 2 * math.pi
                up = tall * (1 - math.cos(turn)) / 2
                across = x + long * step / 24 - 10 * math.sin(turn) + 0.28 * up
                points.append(f"{across:.1f} {y - up:.1f}")
            x += long
        path += "M" + "L".join(points)
        x += rng.uniform(30, 42)
    return path, x


def social_svg() -> str:
    """A sheet of ruled paper with a margin line; a pen is at work in its fourth line."""
    wide, high = SOCIAL
    rng = random.Random(5)  # noqa: S311 - a drawing, the same each time
    lines = [126 + 96 * n for n in range(6)]
    rules = "".join(f'<path d="M0 {y}H{wide}" stroke="{RULE}" stroke-width="2"/>' for y in lines)
    widths = (790, 730, 770, 400)
    written = [handwriting(250, y, w, rng) for y, w in zip(lines, widths, strict=False)]
    tip = written[-1][1] - 12
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}">'
        f'<rect width="{wide}" height="{high}" fill="{PAPER}"/>{rules}'
        f'<path d="M186 0V{high}" stroke="{ACCENT}" stroke-opacity=".45" stroke-width="2"/>'
        f'<path d="{"".join(path for path, _ in written)}" fill="none" stroke="{ACCENT}" '
        'stroke-width="4" stroke-linecap="round" stroke-linejoin="round"/>'
        f"{nib(tip, lines[3] - 2, 128, 42)}</svg>"
    )


def png(browser: Browser, svg: str, width: int, height: int) -> bytes:
    """The drawing as PNG, without a ground of its own."""
    page = browser.new_page(viewport={"width": width, "height": height})
    try:
        page.set_content(f"<style>body{{margin:0}}svg{{display:block}}</style>{svg}")
        size = {"width": str(width), "height": str(height)}
        page.locator("svg").evaluate(
            "(svg, size) => Object.entries(size).forEach(([k, v]) => svg.setAttribute(k, v))", size
        )
        return page.locator("svg").screenshot(omit_background=True)
    finally:
        page.close()


def ico(pictures: list[tuple[int, bytes]]) -> bytes:
    """A Windows icon that holds PNGs: (edge in pixels, PNG)."""
    offset = 6 + 16 * len(pictures)
    head, body = struct.pack("<HHH", 0, 1, len(pictures)), b""
    for edge, data in pictures:
        head += struct.pack("<BBBBHHII", edge, edge, 0, 0, 1, 32, len(data), offset + len(body))
        body += data
    return head + body


def make_static() -> None:
    """The icons and the social image, in static/."""
    (STATIC / "favicon.svg").write_text(icon_svg())
    with chromium() as browser:
        small = [(edge, png(browser, icon_svg(), edge, edge)) for edge in ICO_SIZES]
        (STATIC / "favicon.ico").write_bytes(ico(small))
        touch = png(browser, icon_svg(margin=3), TOUCH_ICON, TOUCH_ICON)
        (STATIC / "favicon-180.png").write_bytes(touch)
        (STATIC / "social.png").write_bytes(png(browser, social_svg(), *SOCIAL))


if __name__ == "__main__":
    if sys.argv[1:] == ["docs"]:
        from tests.pictures.screens import make_docs

        make_docs(TOP / "docs")
    else:
        make_static()
