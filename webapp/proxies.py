"""Who is at the other end of the wire, when proxies stand between: only what a proxy that the
operator trusts has said is believed, whoever else sends such headers."""

import ipaddress
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask

from webapp.config import Network, Settings
from webapp.headers import kept_if_short

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NEVER = (
    *("HTTP_FORWARDED", "HTTP_X_FORWARDED_PORT", "HTTP_X_FORWARDED_PREFIX"),
    *("HTTP_X_FORWARDED_SCHEME", "HTTP_X_FORWARDED_SSL", "HTTP_X_REAL_IP"),
)
"""What nothing here reads: taken away, so that nothing ever reads it by accident."""


def init_app(app: Flask, settings: Settings) -> None:
    """Stand in front of the application."""
    app.wsgi_app = TrustedProxies(app.wsgi_app, settings.trusted_proxies)  # type: ignore[method-assign, assignment]


class TrustedProxies:
    """WSGI middleware: sets REMOTE_ADDR, the scheme and the host to what trusted proxies say.

    `X-Forwarded-For` is walked from the right for as long as the hop that wrote an entry is
    trusted; the first address that is not a trusted proxy is the client. `X-Forwarded-Proto` and
    `X-Forwarded-Host` are taken from the same hop, where they are lists, else as they stand. An
    `X-Request-ID` stays for those behind when the peer is trusted.
    """

    def __init__(self, app: WSGIApplication, networks: Iterable[Network]) -> None:
        self._app = app
        self._networks = tuple(networks)
        self._client = kept_if_short(4096)(self._find_client)

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Any:
        """Serve the request."""
        forwarded_for = environ.pop("HTTP_X_FORWARDED_FOR", "")
        scheme = environ.pop("HTTP_X_FORWARDED_PROTO", "")
        host = environ.pop("HTTP_X_FORWARDED_HOST", "")
        for name in _NEVER:
            environ.pop(name, None)
        known = self._client(environ.get("REMOTE_ADDR", ""), forwarded_for)
        if known:
            environ["REMOTE_ADDR"], hops = known
            if scheme and (said := _said(scheme, hops).lower()) in {"http", "https"}:
                environ["wsgi.url_scheme"] = said
            if host and (said := _said(host, hops)):
                environ["HTTP_HOST"] = said
        else:
            environ.pop("HTTP_X_REQUEST_ID", None)
        return self._app(environ, start)

    def _find_client(self, peer: str, forwarded_for: str) -> tuple[str, int] | None:
        """The client's address, and how many trusted proxies are in front of this server; None
        where the peer is none."""
        address = parse(peer)
        if address is None or not self._trusts(address):
            return None
        client, hops = self._walk(address, forwarded_for)
        return str(client), hops

    def _walk(self, peer: Address, forwarded_for: str) -> tuple[Address, int]:
        """The client, and how many trusted proxies are in front of this server."""
        client, hops = peer, 1
        for text in reversed(forwarded_for.split(",")) if forwarded_for else ():
            found = parse(text)
            if found is None:
                break  # whoever wrote this is the last one that is known
            client = found
            if not self._trusts(found):
                break
            hops += 1
        return client, hops

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def parse(text: str) -> Address | None:
    """An address as proxies write it, with or without a port or brackets; None for anything else.

    An IPv4 address in IPv6's clothes (`::ffff:192.0.2.1`) is the IPv4 address.
    """
    text = text.strip()
    if text.startswith("["):
        text, bracket, port = text[1:].partition("]")
        good = bool(bracket) and (not port or _is_port(port.removeprefix(":")))
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
        good = _is_port(port)
    else:
        good = True
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address):
        if found.scope_id:
            return None
        found = found.ipv4_mapped or found
    return found if good else None


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text[:6]) < 65536


def _said(header: str, hops: int) -> str:
    """The entry that the outermost trusted proxy wrote or let stand."""
    if "," not in header:
        return header.strip()
    entries = [entry.strip() for entry in header.split(",")]
    return entries[-min(hops, len(entries))]
