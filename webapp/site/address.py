"""What a person types as the address of a site, as one canonical URL.

Light on purpose: a web form validates with it, so it pulls in nothing but `idna`. Whether an
address may be *reached* (private networks, ports) is decided by `fetch`, when it is resolved.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Collection
from typing import NamedTuple
from urllib.parse import urljoin

import idna

from webapp.site.marked import N_

MAX_LENGTH = 500
DEFAULT_PORTS = {"http": 80, "https": 443}

SENTENCES = {
    "empty": N_("Enter the address of a website."),
    "too_long": N_(
        "This address is longer than {limit} characters. Enter the address of the first page."
    ),
    "control_characters": N_(
        "This address contains invisible control characters. Type it in place of pasting it."
    ),
    "bad_scheme": N_("Only addresses that start with http:// or https:// can be read."),
    "credentials": N_("Leave the user name and password out of the address."),
    "no_host": N_("This address names no website. Write it like example.com."),
    "bad_host": N_("This is not a valid website name. Write it like example.com."),
    "no_dot": N_("A website name has a dot in it, like example.com."),
    "bad_port": N_(
        "The port in this address is not a number from 1 to 65535. Most sites need none: leave out "
        "the colon and what follows it."
    ),
}


class AddressError(ValueError):
    """An address that cannot be a public website; `code` is a key of `SENTENCES`."""

    def __init__(self, code: str, **values: object) -> None:
        self.code = code
        self.values = values
        self.sentence = SENTENCES[code].format(**values)
        super().__init__(self.sentence)


class Parts(NamedTuple):
    """A canonical URL taken apart. `host` is ASCII, an IPv6 literal without its brackets."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def pair(self) -> str:
        """`host:port` as it is written in an allow list (`[::1]:80` for IPv6)."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


_WITH_SLASHES = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)", re.IGNORECASE | re.DOTALL)
_WITH_COLON = re.compile(r"[a-z][a-z0-9+.-]*:(?!\d+(?:[/?#]|$))", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC_LABEL = re.compile(r"\d+|0x[0-9a-f]*")
_PERCENT = re.compile(r"%(?:[0-9a-fA-F]{2})?")
_SAFE = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/%[]"
)
_UNTOUCHED = re.compile(r"[A-Za-z0-9._~/-]*")
# Marks that turn the direction of writing: they make an address look like another one.
_DIRECTION_MARKS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_INVISIBLE_AT_THE_ENDS = "\ufeff\u200b\u200e\u200f"


def normalise(text: str, allow: Collection[str] = frozenset(), max_length: int = MAX_LENGTH) -> str:
    """Return the canonical URL of `text`, as it is stored and compared.

    `allow` holds `host:port` pairs that may do without a dot (`localhost:8000`).
    Raises AddressError.
    """
    text = text.strip().strip(_INVISIBLE_AT_THE_ENDS).strip()
    if not text:
        raise AddressError("empty")
    if len(text) > max_length:
        raise AddressError("too_long", limit=max_length)
    if not (text.isascii() and text.isprintable()) and any(map(_is_control, text)):
        raise AddressError("control_characters")

    scheme, rest = _split_scheme(text)
    cut = min((i for i in map(rest.find, "/?#") if i >= 0), default=len(rest))
    authority, tail = rest[:cut], rest[cut:]
    if "@" in authority:
        raise AddressError("credentials")
    host_text, port_text = _split_authority(authority)
    host = _canonical_host(host_text)
    port = _port(port_text)
    if scheme is None:
        scheme = "http" if port == DEFAULT_PORTS["http"] else "https"
    number = port or DEFAULT_PORTS[scheme]
    if "." not in host and ":" not in host and f"{host}:{number}" not in allow:
        raise AddressError("no_dot")

    shown_host = f"[{host}]" if ":" in host else host
    shown_port = "" if number == DEFAULT_PORTS[scheme] else f":{number}"
    url = f"{scheme}://{shown_host}{shown_port}{_canonical_target(tail)}"
    if len(url) > max_length:
        raise AddressError("too_long", limit=max_length)
    return url


def join(base: str, reference: str, allow: Collection[str] = frozenset()) -> str:
    """Return the canonical URL of a link or redirect found at `base`. Raises AddressError."""
    reference = reference.strip()
    try:
        joined = urljoin(base, reference)
    except ValueError:
        raise AddressError("bad_host") from None
    # Without this, "//host" or "javascript:" would meet the leniency meant for typed text.
    if not _WITH_SLASHES.match(joined):
        raise AddressError("bad_scheme")
    return normalise(joined, allow, max_length=2000)


def split(url: str) -> Parts:
    """Take a canonical URL (of `normalise`) apart."""
    scheme, _, rest = url.partition("://")
    authority, slash, target = rest.partition("/")
    if authority.startswith("["):
        host, _, port = authority[1:].partition("]")
        port = port[1:]
    else:
        host, _, port = authority.partition(":")
    return Parts(scheme, host, int(port) if port else DEFAULT_PORTS[scheme], slash + target)


# Parameters that say where a reader came from, never which page it is.
_TRACKING = re.compile(
    r"(?:utm_\w*|mtm_\w*|pk_\w*|fbclid|gclid|dclid|msclkid|mc_cid|mc_eid|igshid|yclid|_ga|_gl|ref)"
    r"(?:=.*)?",
    re.IGNORECASE,
)
_INDEX = re.compile(r"/(?:index|default)\.(?:html?|php|aspx?|jsp)$", re.IGNORECASE)


def comparable(url: str) -> str:
    """Return what two ways to write one page's address have in common; not an address itself.

    Of a canonical URL: without scheme, `www.`, the usual ports, `index.html`, a slash at the end,
    tracking parameters; the other parameters in order.
    """
    parts = split(url)
    port = "" if parts.port in (80, 443) else f":{parts.port}"
    path, _, query = parts.target.partition("?")
    path = _INDEX.sub("/", path).rstrip("/")
    kept = sorted(pair for pair in query.split("&") if pair and not _TRACKING.fullmatch(pair))
    host = parts.host.removeprefix("www.")
    return f"{host}{port}{path}" + (f"?{'&'.join(kept)}" if kept else "")


def spellings(url: str) -> list[str]:
    """The usual ways to write the address of the same site: with and without `www.`, http and
    https, a slash at the end. All of them are alike to `comparable`; `url` itself is the first."""
    parts = split(url)
    hosts = [parts.host]
    if ":" not in parts.host and not re.fullmatch(r"[\d.]+", parts.host):
        bare = parts.host.removeprefix("www.")
        hosts = [bare, f"www.{bare}"]
    path, question, query = parts.target.partition("?")
    paths = [path.rstrip("/") or "/", path.rstrip("/") + "/"]
    usual = parts.port == DEFAULT_PORTS[parts.scheme]
    roots = [
        f"{scheme}://{f'[{host}]' if ':' in host else host}{'' if usual else f':{parts.port}'}"
        for scheme in (DEFAULT_PORTS if usual else (parts.scheme,))
        for host in hosts
    ]
    every = [f"{root}{one}{question}{query}" for root in roots for one in paths]
    return list(dict.fromkeys([url, *every]))


def display(url: str) -> str:
    """Return a canonical URL for people: the host in its own letters, `/` alone left out."""
    parts = split(url)
    host = ".".join(_unicode_label(label) for label in parts.host.split("."))
    host = f"[{host}]" if ":" in host else host
    port = "" if parts.port == DEFAULT_PORTS[parts.scheme] else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}{'' if parts.target == '/' else parts.target}"


def _is_control(character: str) -> bool:
    return (
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in _DIRECTION_MARKS
    )


def _split_scheme(text: str) -> tuple[str | None, str]:
    match = _WITH_SLASHES.match(text)
    if match:
        scheme = match[1].lower()
        if scheme not in DEFAULT_PORTS:
            raise AddressError("bad_scheme")
        return scheme, match[2]
    if text.startswith("//"):
        return None, text[2:]
    # "example.com:8080/" is a host and a port; "mailto:somebody" and "javascript:" are not.
    if _WITH_COLON.match(text) and "." not in text.partition(":")[0]:
        raise AddressError("bad_scheme")
    return None, text


def _split_authority(authority: str) -> tuple[str, str | None]:
    if authority.startswith("["):
        host, bracket, rest = authority.partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise AddressError("bad_host")
        return host + "]", rest[1:] if rest else None
    host, colon, port = authority.partition(":")
    return host, port if colon else None


def _port(text: str | None) -> int | None:
    if text is None or text == "":
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise AddressError("bad_port")
    return int(text)


def _canonical_host(text: str) -> str:
    if not text:
        raise AddressError("no_host")
    if text.startswith("["):
        try:
            # A zone ("%eth0") names a network card of ours, never a website.
            if "%" in text:
                raise AddressError("bad_host")
            return ipaddress.IPv6Address(text[1:-1]).compressed
        except ipaddress.AddressValueError:
            raise AddressError("bad_host") from None
    host = text.lower()
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True, transitional=False).decode("ascii").lower()
        except (idna.IDNAError, UnicodeError, ValueError):
            raise AddressError("bad_host") from None
    host = host.removesuffix(".")
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressError("bad_host")
    if any(label.startswith("xn--") for label in labels):
        try:
            idna.decode(host)
        except (idna.IDNAError, UnicodeError, ValueError):
            raise AddressError("bad_host") from None
    # Names that end in a number are addresses to a resolver ("0x7f.1" is 127.0.0.1): only the
    # plain dotted form is let through, so that what is checked is what is reached.
    if _NUMERIC_LABEL.fullmatch(labels[-1]):
        if len(labels) == 1:
            raise AddressError("no_dot")
        try:
            return str(ipaddress.IPv4Address(host))
        except ipaddress.AddressValueError:
            raise AddressError("bad_host") from None
    return host


def _canonical_target(tail: str) -> str:
    tail = tail.partition("#")[0]
    path, question, query = tail.partition("?")
    return _without_dots(_quote(path) or "/") + (f"?{_quote(query, '?')}" if question else "")


def _quote(text: str, also: str = "") -> str:
    if _UNTOUCHED.fullmatch(text):
        return text
    text = _PERCENT.sub(lambda match: match[0].upper() if len(match[0]) == 3 else "%25", text)
    safe = _SAFE | frozenset(also.encode())
    return "".join(
        chr(byte) if byte in safe else f"%{byte:02X}" for byte in text.encode("utf-8", "replace")
    )


def _without_dots(path: str) -> str:
    """Remove "." and ".." segments (RFC 3986, 5.2.4), so that one page has one address."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for position, segment in enumerate(segments):
        last = position == len(segments) - 1
        if segment == "..":
            if kept:
                kept.pop()
            if last:
                kept.append("")
        elif segment == ".":
            if last:
                kept.append("")
        else:
            kept.append(segment)
    return "/" + "/".join(kept)


def _unicode_label(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return idna.decode(label)
    except (idna.IDNAError, UnicodeError):
        return label
