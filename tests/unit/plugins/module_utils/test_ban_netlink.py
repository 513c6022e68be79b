# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The messages to the kernel, byte by byte as `nft --debug=mnl` shows its own. molecule/block_ips has the kernel itself."""

from __future__ import annotations

import socket
import struct
import typing as t

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import ban_netlink, ban_table
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.ban_netlink import ADD, DELETE
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.ban_table import ENDLESS, Layout, messages
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

BASE = 0x20010DB8 << 96
# add element inet t a { 1.2.3.4 timeout 60s }, without the end at 0.0.0.0 that nft puts before the first element of a set.
SET_T_A = bytes.fromhex("0600010074000000 0600020061000000")
ADDED = SET_T_A + bytes.fromhex(
    "3800 0380 1c00 0180 0c00 0400 000000000000ea60 0c00 0180 0800 0100 01020304 1800 0180 0800 0300 00000001 0c00 0180 0800 0100 01020305"
)
# add element inet t m { ipv4 timeout 60s : jump trial }
JUMP = bytes.fromhex(
    "0600010074000000 060002006d000000 3c00 0380 3800 0180 0c00 0400 000000000000ea60"
    "1c00 0280 1800 0280 0800 0100 fffffffd 0a00 0200 747269616c00 0000 0c00 0180 0500 0100 02000000"
)


def test_an_interval_is_its_beginning_and_its_end() -> None:
    address = 0x01020304
    assert list(ban_netlink.changed("t", "a", 4, ADD, {(address, address): 60})) == [(ADD, ADDED)]
    ((verb, body),) = ban_netlink.changed("t", "a", 4, DELETE, {(address, address): None})
    assert verb == DELETE and len(body) == len(ADDED) - 12 and b"\xea\x60" not in body


def attributes(data: bytes) -> dict[int, bytes]:
    found, place = {}, 0
    while place < len(data):
        length, kind = struct.unpack_from("=HH", data, place)
        found[kind & 0x7FFF] = data[place + 4 : place + length]
        place += -(-length // 4) * 4
    return found


def test_a_verdict_leads_to_a_chain() -> None:
    assert ban_netlink.jumps("t", "m", "trial", [2], 60)[0] == ADD
    element = attributes(attributes(attributes(ban_netlink.jumps("t", "m", "trial", [2], 60)[1])[3])[1])
    asked = attributes(attributes(attributes(JUMP)[3])[1])
    assert element == asked
    assert 4 not in attributes(attributes(attributes(ban_netlink.jumps("t", "m", "trial", [2], None)[1])[3])[1])


def test_many_intervals_are_several_messages_none_of_them_too_long() -> None:
    ranges = {(BASE + number * 4, BASE + number * 4 + 2): 60 + number % 2 for number in range(3000)}
    found = list(ban_netlink.changed("t", "a", 6, ADD, dict(ranges)))
    assert len(found) == 4 and all(len(body) < 65536 for _verb, body in found)
    keys = [body.count((BASE + number * 4 + 3).to_bytes(16, "big")) for number in (0, 2999) for _verb, body in found]
    assert sorted(keys) == [0] * 6 + [1] * 2


def test_a_layout_leads_to_the_next() -> None:
    before, after = Layout(trial_seconds=30), Layout(trial_seconds=ENDLESS)
    far = "2100-01-01T00:00:00Z"
    before.sets["blocked_ipv4"], after.sets["blocked_ipv4"] = {(1, 1): far, (2, 2): far}, {(2, 2): far, (3, 4): far}
    after.sets["trial_ipv6"] = before.sets["trial_ipv6"]
    found = [verb for verb, _body in messages(before, after, "2026-11-23T00:00:00Z")]
    # One is deleted, one is added, the way is taken away, and is there again for good.
    assert found == [DELETE, ADD, DELETE, ADD]
    assert [verb for verb, _body in messages(before, Layout(), "2026-11-23T00:00:00Z")] == [DELETE] * 4


class Link:
    """Answers like the kernel."""

    def __init__(self, answer: bytes) -> None:
        self.sent, self._answer = b"", answer

    def __enter__(self) -> Link:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def settimeout(self, _seconds: float) -> None:
        pass

    def setsockopt(self, *_option: int) -> None:
        pass

    def send(self, data: bytes) -> None:
        self.sent = data

    def recv(self, _most: int) -> bytes:
        if not self._answer:
            raise TimeoutError
        return self._answer


def answering(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> Link:
    link = Link(answer)
    monkeypatch.setattr(ban_netlink.socket, "socket", lambda *_kind: link)
    return link


def told(error: int) -> bytes:
    return struct.pack("=IHHIIi", 36, 2, 0, 1, 0, -error) + bytes(16)


def test_one_transaction_with_one_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    link = answering(monkeypatch, told(0))
    ban_netlink.send([ban_netlink.flushed("t", "a"), ban_netlink.flushed("t", "m")])
    kinds, place = [], 0
    while place < len(link.sent):
        length, kind, flags = struct.unpack_from("=IHH", link.sent, place)
        kinds.append((kind, flags))
        place += length
    assert kinds == [(16, 1), (0xA0E, 1), (0xA0E, 5), (17, 1)]


@pytest.mark.parametrize(("answer", "words"), [(told(1), "Operation not permitted"), (b"", "Connection timed out")])
def test_a_refusal_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch, answer: bytes, words: str) -> None:
    answering(monkeypatch, answer)
    with pytest.raises(IncidentError, match=rf"refused the bans \({words}\); nothing was changed; run as root"):
        ban_netlink.send([ban_netlink.flushed("t", "a")])


def test_the_generation_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, bytes(20) + struct.pack("=HH", 8, 1) + struct.pack(">I", 77))
    assert ban_table.generation() == 77
    answering(monkeypatch, bytes(28))
    assert ban_table.generation() is None


def test_a_table_that_is_there_is_replaced_at_once_and_one_that_is_not_is_made_and_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []
    sent: list[t.Any] = []
    monkeypatch.setattr(ban_table, "apply", texts.append)
    monkeypatch.setattr(ban_netlink, "send", lambda found: sent.append(list(found)))
    after = Layout()
    after.sets["blocked_ipv4"] = {(1, 1): "2100-01-01T00:00:00Z"}
    for said, made in (("table inet bans\n", 1), ("table inet bansheet\n", 2)):
        monkeypatch.setattr(ban_table, "_nft", lambda _words, said=said: type("Done", (), {"stdout": said}))
        assert ban_table.lead(None, after, "2026-11-23T00:00:00Z", "bans") == made
    assert "delete table" in texts[0] and "0.0.0.1 timeout" in texts[0]
    assert "delete table" not in texts[1] and "0.0.0.1" not in texts[1] and len(sent) == 1
    assert ban_table.lead(Layout(), after, "2026-11-23T00:00:00Z", "bans") == 1 and len(sent) == 2
    assert socket.inet_aton("0.0.0.1") in sent[1][0][1]
