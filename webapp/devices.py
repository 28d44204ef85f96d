"""What kind of device somebody begins on, from the `User-Agent` of that one request: one word, and
nothing else of it is kept."""

import re

from flask import has_request_context, request

DESKTOP, PHONE, TABLET = "desktop", "phone", "tablet"

# In this order. A tablet that asks for desktop pages (as an iPad does) calls itself a desktop.
_PROGRAMS = re.compile(
    r"bot\b|crawl|spider|^curl|^wget|^python|^go-http|^node|^axios|^okhttp|^java/|^postman", re.I
)
_TELEVISIONS = re.compile(r"smart-?tv|android ?tv|googletv|appletv|\btv\b|bravia|\baft[a-z]", re.I)
_TABLETS = re.compile(r"ipad|tablet|kindle|silk(?!.*mobile)|playbook|android(?!.*mobile)", re.I)
_PHONES = re.compile(r"iphone|ipod|windows phone|opera mini|mobi", re.I)
_DESKTOPS = re.compile(r"windows nt|macintosh|x11|cros|linux", re.I)

_LONGEST = 400


def device_class(user_agent: str) -> str | None:
    """`desktop`, `phone` or `tablet`; None for programs, televisions, and what says nothing."""
    said = user_agent[:_LONGEST]
    if _PROGRAMS.search(said) or _TELEVISIONS.search(said):
        return None
    for pattern, word in ((_TABLETS, TABLET), (_PHONES, PHONE), (_DESKTOPS, DESKTOP)):
        if pattern.search(said):
            return word
    return None


def of_request() -> str | None:
    """The class of the device that this request comes from; None outside of one."""
    return device_class(request.headers.get("User-Agent", "")) if has_request_context() else None
