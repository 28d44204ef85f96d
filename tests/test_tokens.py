"""The style sheets: each pair of colours can be read, sizes stay small, nothing is physical."""

import re
import struct
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]
STATIC = TOP / "static"

STYLES_BYTES = 30 * 1024
SCRIPTS_BYTES = 12_000
OF_ONE_PAGE = ("operators.css", "api.css")

GROUNDS = ("paper", "sheet", "tint")
TEXTS = ("ink", "ink-soft", "accent", "accent-strong", "wrong")
TEXT_ON = [
    *[(text, ground) for text in TEXTS for ground in GROUNDS],
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("on-wrong", "wrong"),
]
"""Text and what it stands on: 4.5:1 (WCAG 1.4.3)."""
MARK_ON = [(mark, ground) for mark in ("edge", "accent", "ink") for ground in GROUNDS]
"""Borders of controls, marks of states and bars of pictures: 3:1 (WCAG 1.4.11)."""


def tokens(source: str) -> dict[str, tuple[str, str]]:
    """Name -> its colour by day and by night, as `#rrggbb`."""
    pairs = re.findall(r"--([a-z-]+):\s*light-dark\((#[0-9a-f]{6}),\s*(#[0-9a-f]{6})\)", source)
    return {name: (day, night) for name, day, night in pairs}


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb`, WCAG 2.2."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def physical(source: str) -> list[str]:
    """Declarations that name a side of the screen, where the direction of the script should say."""
    source = re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL)
    declarations = re.findall(r"(?:^|[;{])\s*([a-z-]+)\s*:\s*([^;{}]+)(?=[;}])", source)
    sides = r"(?:(?:margin|padding|border|inset)-)?(?:left|right|top|bottom)(?:-.*)?"
    sizes = r"(?:(?:min|max)-)?(?:width|height)"
    found = []
    for name, value in declarations:
        is_side = re.fullmatch(sides, name) or re.fullmatch(sizes, name)
        is_aligned = name in ("text-align", "float", "clear") and value.strip() in ("left", "right")
        if is_side or is_aligned:
            found.append(f"{name}: {value.strip()}")
    return found


def test_white_on_black_is_twenty_one_to_one() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_every_pair_of_colours_can_be_read_by_day_and_by_night() -> None:
    found = tokens((STATIC / "css/tokens.css").read_text())
    poor = []
    for pairs, least in ((TEXT_ON, 4.5), (MARK_ON, 3.0)):
        for front, ground in pairs:
            for when in (0, 1):
                ratio = contrast(found[front][when], found[ground][when])
                if ratio < least:
                    poor.append(f"{front} on {ground}, {('day', 'night')[when]}: {ratio:.2f}")
    assert poor == []


def test_a_browser_without_light_dark_gets_the_colours_of_the_day() -> None:
    source = (STATIC / "css/tokens.css").read_text()
    plain = dict(re.findall(r"^  --([a-z-]+): (#[0-9a-f]{6});", source, re.MULTILINE))
    assert plain == {name: day for name, (day, _night) in tokens(source).items()}


def test_style_sheets_and_scripts_are_small() -> None:
    """What the operators' page and the API's load beside it, nobody else does."""
    for pattern, most in (("css/*.css", STYLES_BYTES), ("js/*.js", SCRIPTS_BYTES)):
        sizes = {path.name: path.stat().st_size for path in STATIC.glob(pattern)}
        sizes = {name: size for name, size in sizes.items() if name not in OF_ONE_PAGE}
        assert sizes
        assert sum(sizes.values()) <= most, sizes


def test_the_style_sheets_name_no_side_of_the_screen() -> None:
    faults = {path.name: physical(path.read_text()) for path in (STATIC / "css").glob("*.css")}
    assert {name: found for name, found in faults.items() if found} == {}


def test_a_side_of_the_screen_is_found() -> None:
    source = "a { margin-left: 1px; inline-size: 2px; width:3px; text-align: right; top: 0 }"
    assert physical(source) == ["margin-left: 1px", "width: 3px", "text-align: right", "top: 0"]
    assert physical("@media (max-width: 3rem) { a { max-inline-size: 4px; color: red } }") == []


def test_colours_stand_in_the_tokens_alone() -> None:
    source = (STATIC / "css/app.css").read_text()
    assert set(re.findall(r"#[0-9a-f]{3,8}\b(?=[;\s])", source)) <= {"#fff"}  # a QR code's ground


def test_the_pictures_have_the_sizes_that_pages_promise() -> None:
    for name, size in (("social.png", (1200, 630)), ("favicon-180.png", (180, 180))):
        head = (STATIC / name).read_bytes()[:24]
        assert head[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">II", head[16:24]) == size
    ico = (STATIC / "favicon.ico").read_bytes()
    _zero, kind, count = struct.unpack("<HHH", ico[:6])
    edges = [ico[6 + 16 * n] for n in range(count)]
    assert (kind, edges) == (1, [16, 32, 48])
    assert (STATIC / "social.png").stat().st_size < 100_000
