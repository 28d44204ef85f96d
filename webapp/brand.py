"""The operator's look: BRAND_COLOUR as a style sheet that replaces three tokens, BRAND_LOGO as a
file that we serve ourselves.

A colour of a brand is rarely made for text. It stays as it is wherever it holds 4.5:1 against the
paper, and is otherwise made darker (on light paper) or lighter (on dark), hue kept, just until it
does; so every colour is a good one. Everything is read and checked once, at the start.
"""

import hashlib
import logging
import re
import struct
from dataclasses import dataclass

from flask import Flask, Response, abort, request, url_for

from webapp.config import TOP, ConfigError, Settings

log = logging.getLogger(__name__)

CONTRAST = 4.5
"""WCAG 2.2, 1.4.3: what text needs against what it stands on."""
LOGO_HEIGHT = 32
"""Pixels of the page; the width follows from the picture."""
LOGO_BYTES = 64 * 1024
YEAR = 31536000
HOUR = 3600

_TOKENS = TOP / "static" / "css" / "tokens.css"
_STEPS = 200
_HOVER = 0.3
"""How far the colour under the pointer is on the way to ink."""
_INK, _WHITE = (19, 19, 24), (255, 255, 255)

RGB = tuple[int, int, int]


@dataclass(frozen=True)
class Shades:
    """The tokens for one kind of paper, as `#rrggbb`."""

    accent: str
    accent_strong: str
    on_accent: str


@dataclass(frozen=True)
class Logo:
    """A picture, as it is served."""

    content: bytes
    mimetype: str
    width: int
    """Pixels at LOGO_HEIGHT."""


def init_app(app: Flask, settings: Settings) -> None:
    """Serve the style sheet and the logo, and tell the templates their addresses: '' without one.

    Raises ConfigError, with a sentence, for a colour or a file that cannot be used.
    """
    css = style_sheet(settings.brand_colour) if settings.brand_colour else ""
    logo = read_logo(settings.brand_logo) if settings.brand_logo else None
    style_hash = hashlib.sha256(css.encode()).hexdigest()[:12]
    logo_hash = hashlib.sha256(logo.content).hexdigest()[:12] if logo else ""

    def brand_css() -> Response:
        if not css:
            abort(404)
        return _cached(Response(css, mimetype="text/css"), style_hash)

    def brand_logo() -> Response:
        if logo is None:
            abort(404)
        return _cached(Response(logo.content, mimetype=logo.mimetype), logo_hash)

    app.add_url_rule("/brand.css", "brand.css", brand_css)
    app.add_url_rule("/brand-logo", "brand.logo", brand_logo)
    app.context_processor(
        lambda: {
            "brand_css_url": url_for("brand.css", v=style_hash) if css else "",
            "brand_logo_url": url_for("brand.logo", v=logo_hash) if logo else "",
            "brand_logo_width": logo.width if logo else 0,
        }
    )


def style_sheet(colour: str, tokens: str | None = None) -> str:
    """The style sheet for a brand's colour (`#rrggbb`). `tokens`: the style sheet that names the
    papers, our own by default. Raises ConfigError for what is no such colour."""
    chosen = _rgb(colour)
    papers = _papers(_TOKENS.read_text() if tokens is None else tokens)
    light, dark = shades(chosen, papers[0], dark=False), shades(chosen, papers[1], dark=True)
    for kind, found in (("light", light), ("dark", dark)):
        if found.accent != colour.lower():
            log.info(
                "BRAND_COLOUR %s is %s on %s paper: as it is, text in it would be hard to read",
                colour, found.accent, kind,
            )  # fmt: skip
    names = ("accent", "accent_strong", "on_accent")
    pairs = [(f"--{n.replace('_', '-')}", getattr(light, n), getattr(dark, n)) for n in names]
    day = "".join(f"  {name}: {of_day};\n" for name, of_day, _night in pairs)
    both = "".join(f"    {name}: light-dark({a}, {b});\n" for name, a, b in pairs)
    return (
        f":root {{\n{day}}}\n\n"
        f"@supports (color: light-dark(#000, #fff)) {{\n  :root {{\n{both}  }}\n}}\n"
    )


def shades(colour: RGB, papers: list[RGB], dark: bool) -> Shades:
    """What a colour becomes on these papers: the least change that can be read on all of them.
    `dark`: they are dark, so it is made lighter."""
    goal = _WHITE if dark else _INK
    steps = (_mixed(colour, goal, step / _STEPS) for step in range(_STEPS + 1))
    accent = next(c for c in steps if _can_be_read(c, papers))
    strong = _mixed(accent, goal, _HOVER)
    on = next(
        c for c in ((_INK, _WHITE) if dark else (_WHITE, _INK)) if _can_be_read(c, [accent, strong])
    )
    return Shades(*(f"#{r:02x}{g:02x}{b:02x}" for r, g, b in (accent, strong, on)))


def _can_be_read(colour: RGB, on: list[RGB]) -> bool:
    return all(contrast(colour, ground) >= CONTRAST for ground in on)


def contrast(one: RGB, other: RGB) -> float:
    """WCAG's contrast ratio, from 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def read_logo(name: str) -> Logo:
    """The picture in a file: SVG or PNG, up to 64 KB. Raises ConfigError for any other."""
    if re.match(r"[a-z][a-z0-9+.-]+://", name, re.IGNORECASE):
        raise ConfigError(
            "BRAND_LOGO is an address; it takes the path of a file, which is served from here, "
            "so that no other host learns who is on these pages."
        )
    path = TOP / name
    try:
        with path.open("rb") as file:
            content = file.read(LOGO_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"BRAND_LOGO: {path} cannot be read ({error.strerror}).") from None
    if len(content) > LOGO_BYTES:
        raise ConfigError(f"BRAND_LOGO: {path} is larger than {LOGO_BYTES // 1024} KB.")
    size = _png_size(content)
    if size:
        return Logo(content, "image/png", _width(*size))
    if re.search(rb"<svg[\s>]", content[:4096]):
        return Logo(content, "image/svg+xml", _width(*_svg_size(content)))
    raise ConfigError(f"BRAND_LOGO: {path} is neither an SVG nor a PNG file.")


def _cached(response: Response, fingerprint: str) -> Response:
    """Kept for a year under the address that names its content. Should a browser be led to an SVG
    itself, it can do nothing: the policy for all that is no page says so."""
    response.cache_control.public = True
    named = request.args.get("v") == fingerprint
    response.cache_control.max_age = YEAR if named else HOUR
    response.cache_control.immutable = named
    return response


def _rgb(colour: str) -> RGB:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
        raise ConfigError(f"BRAND_COLOUR is {colour!r}; it takes a colour like #2b4391.")
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _papers(tokens: str) -> tuple[list[RGB], list[RGB]]:
    """What text stands on, by day and by night: read from the style sheet, so that the two cannot
    disagree."""
    found = [
        re.search(rf"--{name}: light-dark\((#\w{{6}}), (#\w{{6}})\)", tokens)
        for name in ("paper", "sheet", "tint")
    ]
    pairs = [(_rgb(match[1]), _rgb(match[2])) for match in found if match]
    if len(pairs) != len(found):
        raise RuntimeError("the style sheet does not name --paper, --sheet and --tint")
    return [day for day, _night in pairs], [night for _day, night in pairs]


def _mixed(one: RGB, other: RGB, share: float) -> RGB:
    r, g, b = (round(a + (z - a) * share) for a, z in zip(one, other, strict=True))
    return r, g, b


def _luminance(colour: RGB) -> float:
    r, g, b = (_linear(value / 255) for value in colour)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def _png_size(content: bytes) -> tuple[float, float] | None:
    if content[:8] != b"\x89PNG\r\n\x1a\n" or len(content) < 24:
        return None
    width, height = struct.unpack(">II", content[16:24])
    return width, height


def _svg_size(content: bytes) -> tuple[float, float]:
    """Width and height in any unit, from the root's `viewBox`, else from its own `width` and
    `height`; a square where it says nothing."""
    tag = re.search(rb"<svg[\s>][^>]*", content)
    root = tag[0].decode("utf-8", "replace") if tag else ""
    number = r"\s*(\d+(?:\.\d+)?)"
    box = re.search(rf"viewBox\s*=\s*[\"']\s*\S+?[\s,]+\S+?[\s,]+{number}[\s,]+{number}", root)
    if box:
        return float(box[1]), float(box[2])
    width = re.search(rf"\swidth\s*=\s*[\"']{number}", root)
    height = re.search(rf"\sheight\s*=\s*[\"']{number}", root)
    return (float(width[1]), float(height[1])) if width and height else (1, 1)


def _width(width: float, height: float) -> int:
    """Pixels at LOGO_HEIGHT, within reason."""
    return max(8, min(320, round(LOGO_HEIGHT * width / height))) if width and height else 32
