# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at the certificate of a server from outside: expired, another name, or from nobody we trust. The standard library alone.

The certificate that is served is taken as an authority of its own for one more handshake: what is refused then is its date or its name,
whoever signed it.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from .errors import IncidentError

# OpenSSL's numbers of what it finds wrong with a certificate.
_CLASSES = {9: "not_yet_valid", 10: "expired", 62: "other_name", 64: "other_name"}
_WORDS = {
    "not_yet_valid": "it is not valid yet",
    "expired": "it has expired",
    "other_name": "it is for another name",
    "untrusted": "its authority is not trusted",
}
_SEQUENCE, _VERSION, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements of a DER sequence: tag and content of each."""
    position = 0
    while position + 2 <= len(der):
        tag, length = der[position], der[position + 1]
        position += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(der[position : position + size], "big")
            position += size
        yield tag, der[position : position + length]
        position += length


def _moment(tag: int, text: bytes) -> datetime:
    form = {_UTC_TIME: "%y%m%d%H%M%SZ", _GENERALIZED_TIME: "%Y%m%d%H%M%SZ"}[tag]
    return datetime.strptime(text.decode("ascii"), form).replace(tzinfo=timezone.utc)


def expiry(der: bytes) -> datetime:
    """When a certificate ends. Raises IncidentError for what is no certificate."""
    try:
        certificate = next(_elements(der))[1]
        fields = [one for one in _elements(next(_elements(certificate))[1]) if one[0] != _VERSION]
        # After the version: serial number, algorithm, issuer, validity.
        tag, validity = fields[3]
        if tag != _SEQUENCE:
            raise ValueError("no validity")
        return _moment(*list(_elements(validity))[1])
    except (StopIteration, IndexError, KeyError, ValueError) as error:
        raise IncidentError("what the server sent is no certificate that can be read") from error


def _shake(host: str, port: int, timeout: float, context: ssl.SSLContext) -> bytes:
    """The certificate that the server shows, after a handshake that the context agrees to."""
    with socket.create_connection((host, port), timeout) as plain, context.wrap_socket(plain, server_hostname=host) as wrapped:
        return wrapped.getpeercert(binary_form=True) or b""


def _unverified() -> ssl.SSLContext:
    """For looking at what is served; nothing is sent over it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def pinned(der: bytes) -> ssl.SSLContext:
    """A context that trusts this one certificate, and still checks its date and its name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=der)
    # A certificate that another one signed may be trusted by itself too; Python before 3.10 has no name for it.
    context.verify_flags |= getattr(ssl, "VERIFY_X509_PARTIAL_CHAIN", 0x80000)
    return context


def classify(error: Exception) -> str:
    """What kept a handshake from being done."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _CLASSES.get(error.verify_code, "untrusted")
    # Before Python 3.10 the time-out of a socket is no TimeoutError.
    if isinstance(error, TimeoutError) or str(error).endswith("timed out"):
        return "timeout"
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    # A port forwarder without a server behind it takes the connection and closes it.
    if isinstance(error, (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)):
        return "closed"
    return "no_tls" if isinstance(error, ssl.SSLError) else "other"


def look_at_certificate(host: str, port: int, timeout: float, trusted: bool) -> tuple[dict[str, Any], ssl.SSLContext | None]:
    """What is served, and a context that accepts it for reading the page, null when nothing should.

    With `trusted` the chain has to end at an authority of this host; without, the certificate may be signed by itself.
    """
    began = time.monotonic()
    found: dict[str, Any] = {"host": host, "port": port, "class": "ok", "not_after": None, "days_left": None, "error": None}
    context: ssl.SSLContext | None = None
    try:
        der = _shake(host, port, timeout, _unverified())
        with contextlib.suppress(IncidentError):
            end = expiry(der)
            found["not_after"] = end.strftime("%Y-%m-%dT%H:%M:%SZ")
            found["days_left"] = (end - datetime.now(timezone.utc)).days
        _shake(host, port, timeout, pinned(der))
        context = ssl.create_default_context() if trusted else pinned(der)
        if trusted:
            _shake(host, port, timeout, context)
    except (OSError, ValueError) as error:
        kind = classify(error)
        told = getattr(error, "verify_message", None) or getattr(error, "strerror", None) or str(error)
        found.update({"class": kind, "error": f"{_WORDS[kind]} ({told})" if kind in _WORDS else told})
        context = None
    found["milliseconds"] = round((time.monotonic() - began) * 1000)
    return found, context
