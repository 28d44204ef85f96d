"""The operators' figures in words: times, devices, and why an analysis failed."""

import math

from webapp import devices
from webapp.texts import gettext as _
from webapp.texts import lazy_gettext as _l

UNKNOWN = _l("Not known")
DEVICES = {
    devices.DESKTOP: _l("Computer"),
    devices.PHONE: _l("Phone"),
    devices.TABLET: _l("Tablet"),
}
REASONS = {
    "private_address": _l("The address is on a private network"),
    "dns_failed": _l("No website has that name"),
    "timed_out": _l("The site was too slow"),
    "refused_connection": _l("The site did not accept a connection"),
    "tls_failed": _l("The site has no valid certificate"),
    "too_many_redirects": _l("The site redirected too often"),
    "too_large": _l("The page was too large"),
    "not_html": _l("There was no page of text"),
    "http_error": _l("The site answered with an error"),
    "bad_port": _l("The address names a port that websites do not use"),
    "bad_scheme": _l("The site redirected to something other than a web page"),
    "bad_redirect": _l("The site redirected to an address that does not work"),
    "broken_response": _l("The answer could not be understood"),
    "robots": _l("The site asks programs not to read it (robots.txt)"),
    "robots_unreachable": _l("The site could not say what programs may read (robots.txt)"),
    "busy": _l("The site was being read for others"),
    "internal": _l("A fault of ours"),
}
"""Code of a failed analysis -> the reason, without a full stop."""


def duration(seconds: float | None) -> str:
    """A median time, as exact as it is known; a dash for None."""
    if seconds is None:
        return "–"
    if math.isinf(seconds):
        return _("more than a day")
    whole = round(seconds)
    if whole < 60:
        return _("%(seconds)d s", seconds=whole)
    if whole < 600:
        return _("%(minutes)d min %(seconds)d s", minutes=whole // 60, seconds=whole % 60)
    minutes = round(seconds / 60)
    if minutes < 60:
        return _("%(minutes)d min", minutes=minutes)
    return _("%(hours)d h %(minutes)d min", hours=minutes // 60, minutes=minutes % 60)


def device_in_words(device: str) -> str:
    """`phone` -> Phone."""
    return str(DEVICES.get(device, UNKNOWN))


def reason_in_words(code: str) -> str:
    """Why an analysis failed; a code that has no words stands for itself."""
    return str(REASONS.get(code, code))
