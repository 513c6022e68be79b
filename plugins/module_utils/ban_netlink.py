# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Elements of nftables' sets as the kernel takes them, in one transaction: `nft` reads them as text, for longer than the kernel works.

The messages are those that `nft --debug=mnl` shows.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence

from .errors import IncidentError

Range = tuple[int, int]
# A message of a transaction: what it does, and to what.
Message = tuple[int, bytes]

ADD, DELETE = 12, 14
# linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h, linux/netlink.h
_NETLINK_NETFILTER, _SUBSYSTEM, _INET = 12, 10, 1
_BEGIN, _END, _ERROR = 16, 17, 2
_REQUEST, _ACKNOWLEDGE, _NESTED = 1, 4, 0x8000
_LIST_TABLE, _LIST_SET, _LIST_ELEMENTS, _LIST_ELEMENT = 1, 2, 3, 1
_KEY, _DATA, _FLAGS, _TIMEOUT = 1, 2, 3, 4
_VALUE, _VERDICT, _VERDICT_CODE, _VERDICT_CHAIN = 1, 2, 1, 2
_INTERVAL_END, _JUMP = 1, -3
_SOL_NETLINK, _CAP_ACK, _SO_SNDBUFFORCE = 270, 10, 32
_GENERATION = 16
# The length of a list is told in sixteen bits; an interval of IPv6 has 76 bytes.
_IN_A_MESSAGE = 800
_BYTES = {4: 4, 6: 16}
_SECONDS = 300


def _attribute(kind: int, data: bytes) -> bytes:
    length = 4 + len(data)
    return struct.pack("=HH", length, kind) + data + bytes(-length % 4)


def _set_of(table: str, name: str) -> bytes:
    return _attribute(_LIST_TABLE, table.encode() + b"\0") + _attribute(_LIST_SET, name.encode() + b"\0")


def _listed(table: str, name: str, elements: bytes) -> bytes:
    return _set_of(table, name) + _attribute(_LIST_ELEMENTS | _NESTED, elements)


def _element(key: bytes, seconds: int | None = None, *parts: bytes) -> bytes:
    """One element, whose key comes last."""
    timeout = b"" if seconds is None else _attribute(_TIMEOUT, struct.pack(">Q", seconds * 1000))
    return _attribute(_LIST_ELEMENT | _NESTED, timeout + b"".join(parts) + _attribute(_KEY | _NESTED, _attribute(_VALUE, key)))


def _intervals(ranges: Sequence[Range], size: int, seconds: int | None) -> bytes:
    """The elements of intervals: where each begins, and behind its last address where it ends. No ban reaches the very last address."""
    begins = _element(bytes(size), seconds)
    whole = begins + _element(bytes(size), None, _attribute(_FLAGS, struct.pack(">I", _INTERVAL_END)))
    found = bytearray(whole * len(ranges))
    firsts = b"".join([first.to_bytes(size, "big") for first, _last in ranges])
    ends = b"".join([(last + 1).to_bytes(size, "big") for _first, last in ranges])
    # Byte by byte over all of them at once, since all else is the same in each.
    for place in range(size):
        found[len(begins) - size + place :: len(whole)] = firsts[place::size]
        found[len(whole) - size + place :: len(whole)] = ends[place::size]
    return bytes(found)


def flushed(table: str, name: str) -> Message:
    """All elements of a set are removed."""
    return DELETE, _set_of(table, name)


def changed(table: str, name: str, version: int, verb: int, seconds: Mapping[Range, int | None]) -> Iterator[Message]:
    """Intervals are added for so many seconds, or deleted (seconds are none then)."""
    alike: dict[int | None, list[Range]] = {}
    for one, how_long in seconds.items():
        alike.setdefault(how_long, []).append(one)
    for how_long, ranges in alike.items():
        for place in range(0, len(ranges), _IN_A_MESSAGE):
            yield verb, _listed(table, name, _intervals(ranges[place : place + _IN_A_MESSAGE], _BYTES[version], how_long))


def jumps(table: str, name: str, chain: str, keys: Iterable[int], seconds: int | None) -> Message:
    """Keys of one byte lead to a chain, for so many seconds or for good."""
    verdict = _attribute(_VERDICT_CODE, struct.pack(">i", _JUMP)) + _attribute(_VERDICT_CHAIN, chain.encode() + b"\0")
    data = _attribute(_DATA | _NESTED, _attribute(_VERDICT | _NESTED, verdict))
    return ADD, _listed(table, name, b"".join(_element(bytes([key]), seconds, data) for key in keys))


def _message(kind: int, flags: int, number: int, body: bytes, family: int = _INET, resource: int = 0) -> bytes:
    header = struct.pack("=IHHII", 20 + len(body), kind, _REQUEST | flags, number, 0)
    return header + struct.pack("=BB", family, 0) + struct.pack(">H", resource) + body


def send(messages: Iterable[Message]) -> None:
    """Have the kernel take all of them, or none."""
    listed = list(messages)
    batch = [_message(_BEGIN, 0, 0, b"", 0, _SUBSYSTEM)]
    for number, (kind, body) in enumerate(listed, 1):
        batch.append(_message(_SUBSYSTEM << 8 | kind, _ACKNOWLEDGE if number == len(listed) else 0, number, body))
    batch.append(_message(_END, 0, len(listed) + 1, b"", 0, _SUBSYSTEM))
    data = b"".join(batch)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as link:
            link.settimeout(_SECONDS)
            # The kernel takes a transaction in one piece, and tells an error without the message that it is about.
            link.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, 2 * len(data) + 65536)
            link.setsockopt(_SOL_NETLINK, _CAP_ACK, 1)
            link.send(data)
            error = _answer(link)
    except OSError as failed:
        error = failed.errno or errno.ETIMEDOUT
    if error:
        raise IncidentError(f"nftables refused the bans ({os.strerror(error)}); nothing was changed; run as root on a kernel with nftables")


def _answer(link: socket.socket) -> int:
    """The number of the error with which the kernel refuses, 0 where it has taken all."""
    answer = link.recv(65536)
    kind, code = struct.unpack_from("=4xH10xi", answer)
    return -int(code) if kind == _ERROR else 0


def generation() -> int:
    """The kernel's number of the present state of all rules; OSError or struct.error where it is not told."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as link:
        link.settimeout(5)
        link.send(_message(_SUBSYSTEM << 8 | _GENERATION, 0, 1, b"", 0))
        answer = link.recv(4096)
    # After both headers the first attribute: its length, its type (1), the number.
    length, kind, number = struct.unpack_from("=HH4s", answer, 20)
    if (length, kind) != (8, 1):
        raise struct.error("no number")
    return int.from_bytes(number, "big")
