"""Headers that every answer carries, and which host names are answered at all."""

import base64
import hashlib
import hmac
import os
import re
from functools import lru_cache
from urllib.parse import urlsplit

from flask import Flask, Response, abort

from webapp.at_hand import ours, the_request
from webapp.config import Settings, settings
from webapp.headers import add_missing, kind
from webapp.texts import gettext as _

PROBES = frozenset({"/healthz", "/readyz", "/metrics"})

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'nonce-{nonce}'; img-src 'self'; "
    "connect-src 'self'; form-action {forms}; base-uri 'none'; frame-ancestors 'none'"
)
_POLICY_OF_DATA = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""For what is no page: should a browser ever show it as one, it can do nothing."""

_FEATURES = (
    "accelerometer", "autoplay", "browsing-topics", "camera", "captured-surface-control",
    "clipboard-read", "compute-pressure", "cross-origin-isolated", "display-capture",
    "encrypted-media", "fullscreen", "gamepad", "geolocation", "gyroscope", "hid",
    "identity-credentials-get", "idle-detection", "keyboard-map", "local-fonts", "magnetometer",
    "microphone", "midi", "otp-credentials", "payment", "picture-in-picture",
    "publickey-credentials-create", "publickey-credentials-get", "screen-wake-lock", "serial",
    "storage-access", "sync-xhr", "usb", "window-management", "xr-spatial-tracking",
)  # fmt: skip
"""What browsers can do for a page and no page of ours needs. (A feature that Chromium does not know
would be a warning on every page.)"""

_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
_NO_FEATURES = ", ".join(f"{feature}=()" for feature in _FEATURES)
_STORED_FOR_A_YEAR = "max-age=31536000"

LONGEST_HOST = 300
"""Characters of a `Host` that is looked at; a name has 253 at most."""
_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[^][:@/\\?#\s,]+)(?::(?P<port>[0-9]{1,5}))?")


def csp_nonce() -> str:
    """This response's nonce for its own scripts."""
    kept = ours()
    if "csp_nonce" not in kept:
        kept.csp_nonce = new_nonce()
    return str(kept.csp_nonce)


def new_nonce() -> str:
    """A nonce that nobody guesses: 18 bytes need no padding."""
    return base64.b64encode(os.urandom(18), b"-_").decode()


def cookie_name(name: str) -> str:
    """What a cookie of ours is called: behind TLS with the prefix by which browsers hold it to this
    very host, to TLS and to the path `/`."""
    return f"__Host-{name}" if settings().behind_tls else name


def from_our_own_page() -> bool:
    """True when the browser says that the request comes from a page of this very origin.

    Typed values are given back to such a request alone: another site could otherwise post somebody
    into a page that it has filled.
    """
    asked = the_request()
    fetch_site, origin = asked.headers.get("Sec-Fetch-Site"), asked.headers.get("Origin")
    return is_from(settings().public_url or asked.host_url, fetch_site, origin)


def is_from(address: str, fetch_site: str | None, origin: str | None) -> bool:
    """Whether a browser that sends these two headers says so of pages at this address."""
    if fetch_site is not None:
        return fetch_site == "same-origin"
    return origin is not None and origin == origin_of(address)


def own_origin() -> str:
    """Scheme, host and port of our pages as a browser writes them in `Origin`."""
    return origin_of(settings().public_url or the_request().host_url)


def origin_of(address: str) -> str:
    """Scheme, host and port of an address as a browser writes them in `Origin`."""
    parts = urlsplit(address)
    port = (
        "" if parts.port in {None, {"http": 80, "https": 443}[parts.scheme]} else f":{parts.port}"
    )
    name = parts.hostname or ""
    return f"{parts.scheme}://{f'[{name}]' if ':' in name else name}{port}"


def is_our_host(given: str, allowed: frozenset[str]) -> bool:
    """Whether a `Host` header names one of these hosts, whatever its port."""
    found = _HOST.fullmatch(given)
    if found is None or int(found["port"] or 0) > 65535:
        return False
    return found["name"].lower().strip("[]") in allowed


def bearer() -> str | None:
    """The bearer token of this request, None without one."""
    scheme, _space, given = the_request().headers.get("Authorization", "").partition(" ")
    return given.strip() or None if scheme.lower() == "bearer" else None


def is_token(given: str, token: str) -> bool:
    """Whether `given` is the operator's token; it takes the same time for every wrong one, whatever
    its length."""
    both = (hashlib.sha256(one.encode()).digest() for one in (given.strip(), token))
    return hmac.compare_digest(*both)


def init_app(app: Flask, chosen: Settings) -> None:
    """Check the host name first, set the headers last."""
    allowed = frozenset(_in_ascii(name.strip("[]")) for name in chosen.allowed_hosts)
    sign_in = urlsplit(chosen.sign_in_url)
    # Chromium holds the redirect that answers a form to this too: a post may be sent to sign in.
    forms = f"'self' {sign_in.scheme}://{sign_in.netloc}" if sign_in.netloc else "'self'"

    before_nonce, after_nonce = _POLICY.format(nonce="\0", forms=forms).split("\0")
    tls = (("Strict-Transport-Security", _STORED_FOR_A_YEAR),) if chosen.behind_tls else ()
    always = (*_HEADERS, *tls)

    @lru_cache(64)  # most hosts are ours, and a host of an enemy's costs no more than before
    def is_ours(given: str) -> bool:
        return is_our_host(given, allowed)

    def check_host() -> None:
        asked = the_request()
        given = asked.environ.get("HTTP_HOST", "")
        known = is_ours(given) if len(given) <= LONGEST_HOST else False
        if not known and asked.path not in PROBES:
            abort(400, _("This address is not one that the application answers to."))

    def set_headers(response: Response) -> Response:
        asked = the_request()
        if kind(response) == "text/html":
            policy = f"{before_nonce}{csp_nonce()}{after_nonce}"
            fields = [*always, ("Permissions-Policy", _NO_FEATURES)]
        else:
            policy, fields = _POLICY_OF_DATA, [*always]
        fields.append(("Content-Security-Policy", policy))
        if asked.endpoint == "static" and response.status_code < 400:
            if asked.args.get("v"):
                response.cache_control.no_cache = None  # Flask's default asks anew each time
                response.cache_control.public = True
                response.cache_control.max_age = 31536000
                response.cache_control.immutable = True
        else:
            fields.append(("Cache-Control", "private, no-store"))
        add_missing(response, fields)
        return response

    app.before_request(check_host)
    app.after_request(set_headers)


def _in_ascii(name: str) -> str:
    """A host name as browsers send it."""
    try:
        return name if name.isascii() else name.encode("idna").decode()
    except UnicodeError:
        return name
