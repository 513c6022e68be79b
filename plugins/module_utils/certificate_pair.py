# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judging a certificate and its key before anybody serves them: in a handshake between two ends in memory."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import tls_probe
from .errors import IncidentError

Pair = tuple[Path, Path]
# Each end has something to say three times in a handshake at most.
_TURNS = 4
_NUMBER = re.compile(r"(?P<stem>.*?)(?P<number>\d+)\.pem")


def _first_certificate(path: Path) -> bytes:
    text = path.read_text(encoding="ascii", errors="replace")
    begin, end = text.find(ssl.PEM_HEADER), text.find(ssl.PEM_FOOTER)
    if begin < 0 or end < begin:
        raise IncidentError("it holds no certificate")
    return ssl.PEM_cert_to_DER_cert(text[begin : end + len(ssl.PEM_FOOTER)])


def _shake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> None:
    """A handshake that raises what is wrong with the certificate."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(to_client, to_server, server_hostname=name), server.wrap_bio(to_server, to_client, server_side=True)]
    for _turn in range(_TURNS):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue


def judge(certificate: Path, key: Path, name: str) -> dict[str, Any]:
    """The class of a pair (ok, expired, not_yet_valid, other_name, key_mismatch, unreadable), when it ends, and what is wrong with it."""
    found: dict[str, Any] = {"class": "ok", "not_after": None, "error": None}
    try:
        der = _first_certificate(certificate)
        found["not_after"] = tls_probe.expiry(der).strftime("%Y-%m-%dT%H:%M:%SZ")
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(certificate, key)
        _shake(server, tls_probe.pinned(der), name)
    except ssl.SSLCertVerificationError as error:
        found.update({"class": tls_probe.classify(error), "error": error.verify_message})
    except ssl.SSLError as error:
        mismatch = "MISMATCH" in str(error.reason)
        found.update({"class": "key_mismatch" if mismatch else "unreadable", "error": str(error.reason or error)})
    except (OSError, ValueError, IncidentError) as error:
        found.update({"class": "unreadable", "error": getattr(error, "strerror", None) or str(error)})
    return found


def others(certificate: Path, key: Path, archive: Path) -> Iterator[Pair]:
    """Pairs that may be put back: certbot's archive of the same name, and copies beside the files with the same ending."""
    stems = certificate.stem, key.stem
    for path in sorted((archive / certificate.parent.name).glob(f"{stems[0]}*.pem")):
        if (number := _NUMBER.fullmatch(path.name)) and number["stem"] == stems[0]:
            yield path, path.with_name(f"{stems[1]}{number['number']}.pem")
    for path in sorted(certificate.parent.glob(f"{certificate.name}?*")):
        yield path, key.with_name(key.name + path.name[len(certificate.name) :])


def last_valid(certificate: Path, key: Path, archive: Path, name: str) -> Pair | None:
    """Of those that are right for the name now, the one that lasts longest."""
    valid = [(judged["not_after"], pair) for pair in others(certificate, key, archive) if (judged := judge(*pair, name))["class"] == "ok"]
    return max(valid, key=lambda one: str(one[0]))[1] if valid else None
