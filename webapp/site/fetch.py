"""Fetch one page of somebody's site, without becoming a way into anybody's network.

The name is resolved once, every answer is checked, and the connection goes to a checked
address; there is no second look-up that could answer differently. One deadline covers the whole
of it: look-up, connections, TLS, redirects, headers, body. A small HTTP/1.1 client over a socket
(`h11` reads the protocol) keeps all of that in sight.
"""

import codecs
import http
import ipaddress
import queue
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import NoReturn

import h11

from webapp.site import address
from webapp.site.address import AddressError, Parts
from webapp.site.faults import SENTENCES

HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
READABLE_TYPES = HTML_TYPES | {"text/plain"}


class FetchError(Exception):
    """A page that was not fetched: `code` is a key of `SENTENCES`, `sentence` is for the user.

    `values` are what the sentence was filled with (to render it in another language); `status`
    is the HTTP status of an `http_error`, else None.
    """

    def __init__(self, code: str, status: int | None = None, **values: object) -> None:
        self.code = code
        self.status = status
        self.values = values
        self.sentence = SENTENCES[code].format(**values)
        super().__init__(self.sentence)


@dataclass(frozen=True)
class FetchPolicy:
    """Whom the fetcher may reach and how much it may take. Times in seconds, sizes in bytes.

    `allow` holds `host:port` pairs that may be private or on odd ports: exactly those.
    `total_seconds` covers everything from the look-up to the last byte, redirects included.
    """

    user_agent: str = "Onward"
    allow: frozenset[str] = frozenset()
    ports: frozenset[int] = frozenset({80, 443, 8080, 8443})
    total_seconds: float = 20
    connect_seconds: float = 6
    max_redirects: int = 5
    max_header_bytes: int = 32 * 1024
    max_body_bytes: int = 6 * 1024 * 1024
    max_text_bytes: int = 10 * 1024 * 1024
    cut: bool = False
    """Over `max_text_bytes` the rest is left out instead of the whole refused (robots.txt)."""


@dataclass(frozen=True)
class Page:
    """One answer of a site. `body` is decompressed; `url` is the last of the redirects.

    `status` is 200 to 299, or 304 for a conditional request, whose body is empty. `headers` has
    lower-case names and only the ones somebody needs (`KEPT_HEADERS`).
    """

    url: str
    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    redirects: tuple[str, ...] = ()
    elapsed: float = 0.0

    @property
    def mime(self) -> str:
        """The content type without parameters, in lower case; empty when none was sent."""
        return self.content_type.partition(";")[0].strip().lower()

    @property
    def charset(self) -> str | None:
        """The charset that the header names, if this Python knows it."""
        return charset_of(self.content_type)


KEPT_HEADERS = frozenset(
    {"etag", "last-modified", "link", "x-robots-tag", "content-language", "x-powered-by"}
)

Resolver = Callable[[str, int], list[str]]

Turn = Callable[[str, float], AbstractContextManager[bool]]
"""Called with an IP address and the seconds that one may wait: holds a turn to speak to it while
it is entered. It gives False when there was none to be had in time."""


def any_time(ip: str, seconds: float) -> AbstractContextManager[bool]:
    """The `Turn` of a caller who is alone."""
    return nullcontext(True)


def fetch(
    url: str,
    policy: FetchPolicy,
    *,
    accept: frozenset[str] = READABLE_TYPES,
    headers: Mapping[str, str] | None = None,
    resolver: Resolver | None = None,
    tls: ssl.SSLContext | None = None,
    turn: Turn = any_time,
) -> Page:
    """Fetch `url`, following redirects, and return the page.

    `accept`: content types that are read. `headers`: for conditional requests (`If-None-Match`,
    `If-Modified-Since`) alone. `resolver` returns the addresses of a name (the system's by
    default). `turn` bounds the requests under way to one place; it is asked again for the place
    that a redirect leads to. Raises FetchError, or AddressError when `url` itself is none.
    """
    started = time.monotonic()
    deadline = _Deadline(policy.total_seconds)
    url = address.normalise(url, policy.allow, max_length=2000)
    visited: list[str] = []
    while True:
        parts = address.split(url)
        addresses = _addresses(parts, policy, deadline, resolver or _system_resolver)
        with (
            _turn(turn, addresses, deadline),
            _connect(parts, addresses, policy, deadline, tls) as wire,
        ):
            asked = _request_headers(parts, policy, headers or {})
            answer = _ask(wire, parts, policy, deadline, asked)
            if answer.status in (301, 302, 303, 307, 308):
                visited.append(url)
                if len(visited) > policy.max_redirects:
                    raise FetchError("too_many_redirects", limit=policy.max_redirects)
                url = _redirect_target(url, answer, policy)
                continue
            if answer.status == 304 and headers:
                return _page(url, answer, b"", visited, started)
            if not 200 <= answer.status < 300:
                raise FetchError("http_error", answer.status, answer=_status_line(answer.status))
            body = _read_body(answer, policy, accept)
            return _page(url, answer, body, visited, started)


@dataclass(frozen=True)
class Reply:
    """What a service answered to `ask`: the status, and of a refusal the beginning of its words."""

    status: int
    body: bytes


def ask(
    url: str,
    policy: FetchPolicy,
    headers: Mapping[str, str],
    *,
    method: str = "GET",
    body: bytes = b"",
    resolver: Resolver | None = None,
    tls: ssl.SSLContext | None = None,
) -> Reply:
    """Put a question that carries a secret to a service whose address is our own, not a user's.

    `headers` may hold the secret. It goes to that one place and nowhere else: over TLS (a place in
    `policy.allow` aside), and a redirect is an answer like any other, never followed. Of an answer
    other than 2xx the first `policy.max_body_bytes` are read, of a 2xx nothing. Raises FetchError,
    AddressError when `url` is none, and ValueError for a header that cannot be sent, unquoted.
    """
    for name, value in headers.items():
        if not re.fullmatch(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?", value):
            raise ValueError(f"the header {name} cannot be sent")
    deadline = _Deadline(policy.total_seconds)
    parts = address.split(address.normalise(url, policy.allow, max_length=2000))
    if parts.scheme != "https" and parts.pair not in policy.allow:
        raise FetchError("tls_failed")
    sent = [
        ("Host", _host_header(parts)),
        ("User-Agent", _agent(policy)),
        ("Accept", "application/json"),
        ("Connection", "close"),
        *headers.items(),
    ]
    if body:
        sent.append(("Content-Length", str(len(body))))
    addresses = _addresses(parts, policy, deadline, resolver or _system_resolver)
    with _connect(parts, addresses, policy, deadline, tls) as wire:
        answer = _ask(wire, parts, policy, deadline, sent, method, body)
        said = bytearray()
        if not 200 <= answer.status < 300:
            try:
                for chunk in answer.data:
                    said += chunk
            except FetchError as error:
                if error.code != "too_large":
                    raise
        return Reply(answer.status, bytes(said))


@contextmanager
def _turn(turn: Turn, addresses: list[str], deadline: "_Deadline") -> Iterator[None]:
    """Hold a turn for a place: the least of its addresses, whatever their order and its name."""
    with turn(min(addresses), deadline.left()) as granted:
        if not granted:
            raise FetchError("busy")
        yield


def is_public(text: str) -> bool:
    """Tell whether an IP address is one of the public internet.

    Stricter than `ipaddress.is_global`: addresses that wrap another one (6to4, Teredo, NAT64,
    IPv4-mapped) lead where the inner one does, so all of them are refused.
    """
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        return False
    if not ip.is_global or ip.is_multicast:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _NOT_PUBLIC_4)
    if ip.scope_id is not None or ip not in _ASSIGNED_6:
        return False
    return not any(ip in network for network in _NOT_PUBLIC_6)


# The IANA special-purpose registries (RFC 6890 and what followed), with two additions.
_NOT_PUBLIC_4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # the host of a virtual machine at Azure, under a public number
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",  # 6to4 relays, withdrawn by RFC 7526
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
# Everything that is assigned to the public internet lies in here; ::/96, ::ffff:0:0/96,
# 64:ff9b::/96, 64:ff9b:1::/48, fc00::/7, fe80::/10, fec0::/10 and ff00::/8 do not.
_ASSIGNED_6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "2001::/23",  # Teredo, ORCHID, benchmarking and other protocol assignments
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)


class _Deadline:
    """The moment when a request as a whole is over."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left. Raises FetchError when none are."""
        left = self._end - time.monotonic()
        if left <= 0:
            self.passed()
        return left

    def passed(self) -> NoReturn:
        raise FetchError("timed_out", seconds=f"{self._seconds:g}") from None


# --- finding the address ---------------------------------------------------------------------

# A look-up cannot be cancelled, only abandoned. The bound keeps a hostile name server from
# piling up threads.
_LOOKUPS = threading.BoundedSemaphore(32)


def _system_resolver(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _addresses(
    parts: Parts, policy: FetchPolicy, deadline: _Deadline, resolver: Resolver
) -> list[str]:
    allowed = parts.pair in policy.allow
    if not allowed and parts.port not in policy.ports:
        raise FetchError("bad_port", port=parts.port)
    addresses = _look_up(parts, deadline, resolver)
    if not addresses:
        raise _unknown(parts)
    # One private answer among public ones is how a rebinding attack looks: refuse them all.
    if not allowed and not all(is_public(ip) for ip in addresses):
        raise FetchError("private_address")
    return addresses


def _look_up(parts: Parts, deadline: _Deadline, resolver: Resolver) -> list[str]:
    try:
        return [str(ipaddress.ip_address(parts.host))]
    except ValueError:
        pass
    if not _LOOKUPS.acquire(timeout=deadline.left()):
        deadline.passed()
    answers: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def work() -> None:
        try:
            answers.put(resolver(parts.host, parts.port))
        except Exception as error:  # whatever it was, nobody shall wait for it
            answers.put(error)
        finally:
            _LOOKUPS.release()

    threading.Thread(target=work, name="look-up", daemon=True).start()
    try:
        answer = answers.get(timeout=deadline.left())
    except queue.Empty:
        deadline.passed()
    if isinstance(answer, Exception):
        raise _unknown(parts)
    return answer


def _unknown(parts: Parts) -> FetchError:
    name = address.display(f"https://{parts.host}/").removeprefix("https://")
    return FetchError("dns_failed", host=name)


# --- the connection --------------------------------------------------------------------------


def _connect(
    parts: Parts,
    addresses: list[str],
    policy: FetchPolicy,
    deadline: _Deadline,
    tls: ssl.SSLContext | None,
) -> socket.socket:
    """Connect to the first address that accepts, and put TLS on it for https."""
    wire = None
    slow = False
    for ip in addresses[:6]:
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        wire = socket.socket(family, socket.SOCK_STREAM)
        wire.settimeout(min(policy.connect_seconds, deadline.left()))
        try:
            wire.connect((ip, parts.port))
            break
        except OSError as error:
            slow = isinstance(error, TimeoutError)
            wire.close()
            wire = None
    if wire is None:
        deadline.left()
        if slow:
            raise FetchError("timed_out", seconds=f"{policy.connect_seconds:g}")
        raise FetchError("refused_connection")
    if parts.scheme == "http":
        return wire
    try:
        # CPython counts this timeout over the whole handshake, not over each read of it.
        wire.settimeout(deadline.left())
        return (tls or _tls_context()).wrap_socket(wire, server_hostname=parts.host)
    except TimeoutError:
        wire.close()
        deadline.passed()
    except (OSError, ValueError):
        wire.close()
        raise FetchError("tls_failed") from None
    except BaseException:
        wire.close()
        raise


_tls_lock = threading.Lock()
_tls: ssl.SSLContext | None = None


def _tls_context() -> ssl.SSLContext:
    """The context for public sites, made once: loading the certificates takes a while."""
    global _tls
    with _tls_lock:
        if _tls is None:
            context = ssl.create_default_context()
            paths = ssl.get_default_verify_paths()
            if not (paths.cafile or paths.capath):
                import certifi

                context.load_verify_locations(certifi.where())
            context.set_alpn_protocols(["http/1.1"])
            _tls = context
        return _tls


# --- the question and its answer -------------------------------------------------------------


@dataclass
class _Answer:
    status: int
    headers: dict[str, str]
    data: Iterator[bytes]


def _ask(
    wire: socket.socket,
    parts: Parts,
    policy: FetchPolicy,
    deadline: _Deadline,
    headers: list[tuple[str, str]],
    method: str = "GET",
    body: bytes = b"",
) -> _Answer:
    try:
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=policy.max_header_bytes)
        request = h11.Request(method=method, target=parts.target, headers=headers)
        events: list[h11.Event] = [request, h11.EndOfMessage()]
        if body:
            events.insert(1, h11.Data(data=body))
        wire.settimeout(deadline.left())
        # The request and its end are one send: some servers mistake two for two requests.
        wire.sendall(b"".join(connection.send(event) or b"" for event in events))
        taken = 0
        for _ in range(8):
            event, read = _next_event(connection, wire, deadline, policy.max_header_bytes - taken)
            taken += read
            if isinstance(event, h11.Response):
                size = sum(len(name) + len(value) + 4 for name, value in event.headers)
                if size > policy.max_header_bytes:
                    raise FetchError("too_large")
                found: dict[str, str] = {}
                for name, value in event.headers:
                    found.setdefault(name.decode("ascii"), value.decode("latin-1")[:4000])
                return _Answer(event.status_code, found, _data(connection, wire, policy, deadline))
            if not isinstance(event, h11.InformationalResponse):
                break
        raise FetchError("broken_response")
    except h11.RemoteProtocolError as error:
        # h11 says 431 when what it holds back has outgrown the limit for headers.
        code = "too_large" if error.error_status_hint == 431 else "broken_response"
        raise FetchError(code) from None
    except TimeoutError:
        deadline.passed()
    except OSError:
        raise FetchError("broken_response") from None


def _request_headers(
    parts: Parts, policy: FetchPolicy, extra: Mapping[str, str]
) -> list[tuple[str, str]]:
    conditional = [
        (name, value)
        for name, value in extra.items()
        if name.lower() in ("if-none-match", "if-modified-since")
        and re.fullmatch(r"[\x20-\x7e]{1,500}", value)
    ]
    return [
        ("Host", _host_header(parts)),
        ("User-Agent", _agent(policy)),
        ("Accept", "text/html,application/xhtml+xml,text/plain;q=0.8,*/*;q=0.1"),
        ("Accept-Encoding", "gzip"),
        ("Connection", "close"),
        *conditional,
    ]


def _host_header(parts: Parts) -> str:
    host = f"[{parts.host}]" if ":" in parts.host else parts.host
    return host if parts.port == address.DEFAULT_PORTS[parts.scheme] else f"{host}:{parts.port}"


def _agent(policy: FetchPolicy) -> str:
    return re.sub(r"[^\x20-\x7e]", "", policy.user_agent).strip() or "Onward"


def _next_event(
    connection: h11.Connection, wire: socket.socket, deadline: _Deadline, allowance: int
) -> tuple[object, int]:
    """Return the next event and how many bytes were read for it."""
    read = 0
    while True:
        event = connection.next_event()
        if event is not h11.NEED_DATA:
            return event, read
        if read > allowance:
            raise FetchError("too_large")
        wire.settimeout(deadline.left())
        try:
            received = wire.recv(16 * 1024)
        except ssl.SSLEOFError:
            received = b""
        read += len(received)
        connection.receive_data(received)


def _data(
    connection: h11.Connection, wire: socket.socket, policy: FetchPolicy, deadline: _Deadline
) -> Iterator[bytes]:
    total = 0
    try:
        while True:
            event, _ = _next_event(connection, wire, deadline, policy.max_body_bytes)
            if isinstance(event, h11.EndOfMessage):
                return
            if not isinstance(event, h11.Data):
                raise FetchError("broken_response")
            total += len(event.data)
            if total > policy.max_body_bytes:
                raise FetchError("too_large")
            yield bytes(event.data)
    except h11.RemoteProtocolError:
        raise FetchError("broken_response") from None
    except TimeoutError:
        deadline.passed()
    except OSError:
        raise FetchError("broken_response") from None


def _redirect_target(url: str, answer: _Answer, policy: FetchPolicy) -> str:
    location = answer.headers.get("location", "").strip()
    if not location:
        raise FetchError("broken_response")
    # Servers send UTF-8 in this header; it was read byte by byte.
    location = location.encode("latin-1").decode("utf-8", "replace")
    try:
        return address.join(url, location, policy.allow)
    except AddressError as error:
        code = "bad_scheme" if error.code == "bad_scheme" else "bad_redirect"
        raise FetchError(code) from None


def _read_body(answer: _Answer, policy: FetchPolicy, accept: frozenset[str]) -> bytes:
    content_type = answer.headers.get("content-type", "")
    mime = content_type.partition(";")[0].strip().lower()
    if mime and mime not in accept:
        shown = mime if re.fullmatch(r"[\w.+-]+/[\w.+-]+", mime) and len(mime) < 80 else "unknown"
        raise FetchError("not_html", content_type=shown)
    length = answer.headers.get("content-length", "")
    if not policy.cut and length.isdigit() and int(length) > policy.max_body_bytes:
        raise FetchError("too_large")
    coding = answer.headers.get("content-encoding", "").strip().lower()
    chunks = answer.data if coding in ("", "identity") else _inflate(answer.data, coding, policy)
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > policy.max_text_bytes:
            if not policy.cut:
                raise FetchError("too_large")
            del body[policy.max_text_bytes :]
            break
    if not mime and not re.match(
        rb"\s*(?:<!--.*?-->\s*)?<(?:!doctype html|html)", body[:2000], re.I | re.S
    ):
        raise FetchError("not_html", content_type="unknown")
    return bytes(body)


def _inflate(data: Iterator[bytes], coding: str, policy: FetchPolicy) -> Iterator[bytes]:
    if coding not in ("gzip", "x-gzip", "deflate"):
        raise FetchError("broken_response")
    window = 15 if coding == "deflate" else 31
    engine = zlib.decompressobj(window)
    first = True
    try:
        for chunk in data:
            if first and coding == "deflate" and chunk[0] & 0x0F != 8:
                engine = zlib.decompressobj(-15)  # bare deflate, which some servers send
            first = False
            while chunk:
                if engine.eof:
                    # Another gzip member may follow; anything else after the end is padding.
                    if coding == "deflate" or not chunk.startswith(b"\x1f\x8b"):
                        return
                    engine = zlib.decompressobj(window)
                # Never more than one byte over the cap comes out at once, however small it is.
                yield engine.decompress(chunk, min(256 * 1024, policy.max_text_bytes + 1))
                chunk = engine.unused_data if engine.eof else engine.unconsumed_tail
        while not first and not engine.eof and (rest := engine.decompress(b"", 256 * 1024)):
            yield rest
    except zlib.error:
        raise FetchError("broken_response") from None
    if not first and not engine.eof:
        raise FetchError("broken_response")


def _page(url: str, answer: _Answer, body: bytes, redirects: list[str], started: float) -> Page:
    return Page(
        url=url,
        status=answer.status,
        content_type=answer.headers.get("content-type", "")[:200],
        body=body,
        headers={name: answer.headers[name] for name in KEPT_HEADERS & answer.headers.keys()},
        redirects=tuple(redirects),
        elapsed=round(time.monotonic() - started, 3),
    )


def _status_line(status: int) -> str:
    # The phrase is ours: the site's own could say anything.
    try:
        return f"{status} {http.HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def charset_of(content_type: str) -> str | None:
    """Return the charset parameter of a content type when this Python can decode it."""
    match = re.search(r"charset\s*=\s*[\"']?([\w.:+-]{1,40})", content_type, re.IGNORECASE)
    if not match:
        return None
    try:
        return codecs.lookup(match[1]).name
    except LookupError:
        return None
