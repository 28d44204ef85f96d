"""The outside world is unreachable: a test that would reach it fails, also where the code under
test would swallow the error."""

import ipaddress
import socket
import sys
from typing import Any

RESERVED = (".invalid", ".test", ".example", "example.com", "example.org", "example.net")
"""Names that stand for nobody (RFC 2606): they do not resolve, and asking for one is no fault."""


class OutsideWorldError(ConnectionError):
    """The code under test turned to an address that is not this machine."""


attempts: list[str] = []
"""What was tried since the list was last cleared: `tests/conftest.py` does so for each test."""

_closed = False


def close_the_world() -> None:
    """From now on this process reaches this machine alone: loopback and Unix sockets.

    An audit hook sees every connection of the `socket` module, whoever opens it. It cannot be
    taken back, so it is put there once, and it does not see what is not Python (libpq, Chromium).
    """
    global _closed
    if not _closed:
        sys.addaudithook(_refuse)
        _closed = True


def _refuse(event: str, args: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        connection, address = args
        if connection.family != socket.AF_UNIX and address and not _is_local(str(address[0])):
            _tell(f"{event} {address!r}")
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = args[0].decode() if isinstance(args[0], bytes) else args[0]
        if host and not _is_local(host) and not _is_address(host):
            if host.rstrip(".").endswith(RESERVED):
                raise socket.gaierror(socket.EAI_NONAME, f"{host} stands for nobody")
            _tell(f"{event} {host!r}")


def _tell(attempt: str) -> None:
    attempts.append(attempt)
    raise OutsideWorldError(f"Tests stay on this machine; this one tried {attempt}.")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_local(host: str) -> bool:
    if host.rstrip(".").lower() in ("", "localhost"):
        return True
    return _is_address(host) and ipaddress.ip_address(host).is_loopback
