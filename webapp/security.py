"""Headers that every answer carries, and which host names are answered at all."""

import secrets

from flask import Flask, Response, abort, g, request

from webapp.config import Settings

PROBES = frozenset({"/healthz", "/readyz", "/metrics"})

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'nonce-{nonce}'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def csp_nonce() -> str:
    """This response's nonce for its own scripts."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return str(g.csp_nonce)


def from_our_own_page() -> bool:
    """True when the browser says that the request comes from a page of this very origin.

    Typed values are given back to such a request alone: another site could otherwise post somebody
    into a page that it has filled.
    """
    fetch_site = request.headers.get("Sec-Fetch-Site")
    if fetch_site is not None:
        return fetch_site == "same-origin"
    return request.headers.get("Origin") == request.host_url.rstrip("/")


def init_app(app: Flask, settings: Settings) -> None:
    """Check the host name first, set the headers last."""
    allowed = settings.allowed_hosts

    def check_host() -> None:
        host = request.host.rsplit(":", 1)[0] if not request.host.endswith("]") else request.host
        if host.lower() not in allowed and request.path not in PROBES:
            abort(400, "This address is not one that the application answers to.")

    def set_headers(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if response.mimetype == "text/html":
            policy = _POLICY.format(nonce=csp_nonce())
            response.headers.setdefault("Content-Security-Policy", policy)
        if request.endpoint == "static":
            if request.args.get("v"):
                response.cache_control.max_age = 31536000
                response.cache_control.immutable = True
        else:
            response.headers.setdefault("Cache-Control", "private, no-store")
        if settings.behind_tls:
            response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        return response

    app.before_request(check_host)
    app.after_request(set_headers)
