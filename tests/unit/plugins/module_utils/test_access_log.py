# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attacks found in logs: the rules, the windows, who is spared, and lines that nobody wrote well."""

from __future__ import annotations

import typing as t
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import access_log
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.access_attacks import attacks, result
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.access_log import Tally, moment_of, moment_of_error
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.access_rules import rules_of
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

BEGIN = datetime(2026, 11, 23, 7, 56, 7, tzinfo=timezone.utc).timestamp()
SIGN_IN = {"method": "POST", "path": "^/api/auth/login$", "statuses": [401, 429], "failure_share": 0.8}
BRUTE = {"id": "brute_force", "title": "b", "count": 5, "seconds": 60, **SIGN_IN}
STUFFING = {"id": "stuffing", "title": "c", "count": 12, "seconds": 60, "per": "everyone", "addresses": 4, "each": 3, **SIGN_IN}
NETWORK = {"id": "network", "title": "n", "count": 6, "seconds": 60, "per": "network", "addresses": 2, **SIGN_IN}
SCANNER = {"id": "scanner", "title": "s", "count": 5, "seconds": 60, "statuses": [404], "paths": 4}
FLOOD = {"id": "flood", "title": "f", "count": 100, "seconds": 10}
REFUSED = {"id": "refused", "title": "r", "count": 2, "seconds": 60, "words": "password mismatch|was not found"}


def line(address: str, second: float, request: str = "POST /api/auth/login HTTP/1.1", status: int = 401, user: str = "-") -> bytes:
    stamp = datetime.fromtimestamp(BEGIN + second, timezone.utc).strftime("%d/%b/%Y:%H:%M:%S +0000")
    return f'{address} - {user} [{stamp}] "{request}" {status} 59 "-" "curl/7.88.1"'.encode()


def found(rules: list[dict[str, t.Any]], lines: list[bytes], errors: list[bytes] | None = None, since: float = 0) -> dict[str, t.Any]:
    tally = Tally(rules_of(rules), since)
    tally.feed(lines)
    tally.feed_errors(errors or [])
    tally.close()
    return result(tally)


def attackers(rules: list[dict[str, t.Any]], lines: list[bytes]) -> dict[str, list[str]]:
    return {one["id"]: one["addresses"] for one in found(rules, lines)["attacks"]}


def test_one_address_that_tries_passwords() -> None:
    assert attackers([BRUTE], [line("203.0.113.9", second) for second in range(5)]) == {"brute_force": ["203.0.113.9"]}


def test_too_few_or_too_slow_is_no_attack() -> None:
    assert attackers([BRUTE], [line("203.0.113.9", second) for second in range(4)]) == {}
    assert attackers([BRUTE], [line("203.0.113.9", 61 * number) for number in range(20)]) == {}


def test_an_office_behind_one_address_is_spared() -> None:
    signed_in = [line("203.0.113.9", 10, status=200)] * 20
    told = found([BRUTE], [line("203.0.113.9", second) for second in range(6)] + signed_in)
    assert (told["attacks"], told["reasons"]) == ([], {})
    assert told["spared"] == [
        {
            "address": "203.0.113.9",
            "rule": "brute_force",
            "why": "20 of its requests there went well, as those of an office behind one address do",
        }
    ]


def test_who_got_in_after_failures_is_told() -> None:
    told = found([BRUTE], [line("203.0.113.9", second, user="admin") for second in range(9)] + [line("203.0.113.9", 9, status=200)])
    attack = told["attacks"][0]
    assert attack["success_after_failures"] == ["203.0.113.9"]
    assert attack["attackers"][0]["success_after_failures"] == "2026-11-23T07:56:16+00:00"
    assert (attack["counted"], attack["accounts"], attack["first"]) == (9, ["admin"], "2026-11-23T07:56:07+00:00")


def test_many_addresses_with_few_tries_each() -> None:
    many = [line(f"203.0.{number}.9", second) for second in range(3) for number in range(5)]
    bystander = [line("198.51.100.7", 1), line("198.51.100.7", 2)]
    told = found([BRUTE, STUFFING], many + bystander)
    assert [one["id"] for one in told["attacks"]] == ["stuffing"]
    assert sorted(told["reasons"]) == [f"203.0.{number}.9" for number in range(5)]
    assert told["attacks"][0]["network_count"] == 5


def test_few_addresses_are_no_crowd() -> None:
    assert attackers([STUFFING], [line(f"203.0.113.{number}", second) for second in range(5) for number in range(3)]) == {}


def test_a_crowd_without_its_offices_may_be_none() -> None:
    tries = [line(f"203.0.{number}.9", second) for second in range(3) for number in range(4)]
    offices = [line("203.0.0.9", 5, status=200)] * 30
    told = found([STUFFING], tries + offices)
    assert told["attacks"] == []


def test_one_network_counts_together() -> None:
    lines = [line(f"2001:db8:0:1::{number}", number) for number in range(1, 7)] + [line("2001:db8:0:2::1", 3)] * 5
    assert set(attackers([NETWORK], lines)["network"]) == {f"2001:db8:0:1::{number}" for number in range(1, 7)}


def test_a_window_that_is_over_was_an_attack_all_the_same() -> None:
    lines = [line(f"203.0.113.{number % 2}", number) for number in range(6)] + [line("203.0.113.1", 500)]
    assert sorted(attackers([NETWORK], lines)["network"]) == ["203.0.113.0", "203.0.113.1"]


def test_a_scanner_asks_for_different_paths() -> None:
    scan = [line("203.0.113.9", number, f"GET /wp-{number}.php?a=secret HTTP/1.1", 404) for number in range(6)]
    told = found([SCANNER], scan + [line("203.0.113.8", number, "GET /favicon.ico HTTP/1.1", 404) for number in range(9)])
    assert told["reasons"] == {"203.0.113.9": "scanner"}
    assert told["spared"][0]["why"] == "it asked for 1 different paths only"
    assert told["attacks"][0]["attackers"][0]["paths"][0] == "/wp-0.php"


@pytest.mark.parametrize(("seconds", "attack"), [(9, True), (30, False)])
def test_a_flood_is_faster_than_a_person(seconds: int, attack: bool) -> None:
    lines = [line("203.0.113.9", number * seconds / 110, "GET / HTTP/1.1", 200) for number in range(110)]
    assert bool(attackers([FLOOD], lines)) is attack


def test_lines_that_cannot_be_read_are_counted() -> None:
    good = line("203.0.113.9", 0)
    broken = [b"", b"\x16\x03\x01", b"a b c", good[:50], good.replace(b"203.0.113.9", b"evil.example"), good.replace(b" 401 ", b" 4x1 ")]
    broken += [good.replace(b"Nov", b"Foo"), good.replace(b"07:56:07", b"aa:bb:cc"), good.replace(b"203.0.113.9", b"\xff\xfe")]
    told = found([BRUTE], [*broken, good])
    assert (told["lines"], told["malformed"], told["clients"]) == (len(broken) + 1, len(broken), 1)


def test_a_request_that_is_none_has_an_answer() -> None:
    rule = {"id": "noise", "title": "n", "count": 2, "seconds": 60, "statuses": [400]}
    told = found([rule], [line("203.0.113.9", 0, r"\x16\x03\x01", 400), line("203.0.113.9", 1, "", 400)])
    assert told["reasons"] == {"203.0.113.9": "noise"}


def test_a_user_with_spaces_and_a_time_in_the_name_deceives_nobody() -> None:
    forged = line("203.0.113.9", 0, user="x [01/Jan/2030:00:00:00 +0000] y")
    told = found([BRUTE], [forged, line("203.0.113.9", 1, user="a b")])
    assert (told["malformed"], told["last"]) == (0, "2026-11-23T07:56:08+00:00")


def test_lines_before_the_time_are_left_out() -> None:
    told = found([BRUTE], [line("203.0.113.9", second) for second in range(10)], since=BEGIN + 6)
    assert (told["older"], told["attacks"]) == (6, [])


@pytest.mark.parametrize(
    "text",
    [
        'user "x, client: 198.51.100.7, y" was not found in "/p", client: 203.0.113.9, server: _, request: "GET / HTTP/1.1"',
        'open() "/var/www/was not found, client: 198.51.100.7" failed (2: none), client: 203.0.113.9, server: _, request: "GET / HTTP/1.1"',
        'user "x" was not found in "/p", client: 203.0.113.9, server: _, request: "GET / H", referrer: "http://x/, client: 198.51.100.7"',
    ],
    ids=["user", "path", "referrer"],
)
def test_a_client_that_writes_another_ones_address_into_the_error_log_blocks_nobody(text: str) -> None:
    told = found([REFUSED], [], [f"2026/11/23 07:56:07 [error] 57#57: *1 {text}".encode()] * 3)
    assert (told["reasons"], told["malformed"]) == ({}, 3)


@pytest.mark.parametrize(
    ("rule", "addresses", "every"),
    [(BRUTE, ["203.0.113.9"], 20), (FLOOD, ["203.0.113.9"], 1), (NETWORK, ["203.0.113.9", "203.0.113.10"], 40)],
    ids=lambda given: given["id"] if isinstance(given, dict) else "",
)
def test_a_further_log_begins_before_the_end_of_the_one_before(rule: dict[str, t.Any], addresses: list[str], every: int) -> None:
    log = [line(address, second) for second in range(0, 3600, every) for address in addresses]
    assert attackers([rule], log) == {}
    assert attackers([rule], log + log) == {}


def test_the_error_log_has_its_own_words() -> None:
    words = (
        '2026/11/23 07:56:0{} [error] 57#57: *{} user "admin": password mismatch, client: 203.0.113.9, server: _, request: "GET /a?b=c H"'
    )
    lines = [words.format(number, number).encode() for number in range(3)]
    lines += [b"2026/11/23 07:56:07 [notice] 1#1: start worker processes", b"nonsense, client: x", lines[0].replace(b"11/23", b"99/99")]
    lines.append(lines[0].replace(b"client: 203.0.113.9", b"client: ::::"))
    told = found([REFUSED], [], lines)
    assert told["reasons"] == {"203.0.113.9": "refused"}
    assert told["malformed"] == 3
    assert (told["attacks"][0]["accounts"], told["attacks"][0]["attackers"][0]["paths"]) == (["admin"], ["/a"])
    assert found([REFUSED], [], lines[:1], since=4e9)["older"] == 1


def test_where_there_is_no_room_those_that_count_least_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_log, "MAX_ADDRESSES", 10)
    monkeypatch.setattr(access_log, "MAX_REQUESTS", 4)
    lines = [line("203.0.113.9", second) for second in range(6)]
    lines += [line(f"198.51.100.{number}", 10, f"GET /{number} HTTP/1.1", 200) for number in range(40)]
    told = found([BRUTE, NETWORK], lines)
    assert told["reasons"] == {"203.0.113.9": "brute_force"}
    assert told["forgotten"] > 20 and told["clients"] <= 10


def test_the_days_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_log, "MAX_REQUESTS", 1)
    days: dict[bytes, float] = {}
    assert moment_of(b"[23/Nov/2026:07:56:07", b"+0000]", days) == BEGIN
    assert moment_of(b"[23/Nov/2026:08:56:07", b"+0100]", days) == BEGIN
    assert len(days) == 1
    assert moment_of_error(b"2026/11/23 07:56:07") > 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"count": 0}, "has count 0; give a whole number from 1"),
        ({"failure_share": 2.0}, "give a share from 0 to 1"),
        ({"path": "("}, "has a path that is no regular expression"),
    ],
)
def test_a_rule_that_cannot_be_right_is_refused(change: dict[str, t.Any], words: str) -> None:
    with pytest.raises(IncidentError, match=words.replace("(", r"\(")):
        rules_of([BRUTE | change])


def test_two_rules_of_one_name_are_refused() -> None:
    with pytest.raises(IncidentError, match="two rules are called brute_force"):
        rules_of([BRUTE, BRUTE])


ANYTHING = st.lists(
    st.one_of(st.binary(max_size=200), st.sampled_from([line("203.0.113.9", 1), line("2001:db8::9", 2, status=200)])), max_size=30
)


@given(ANYTHING)
def test_no_line_is_fatal_and_each_is_counted(lines: list[bytes]) -> None:
    tally = Tally(rules_of([BRUTE, STUFFING, NETWORK, SCANNER, FLOOD]))
    tally.feed(lines)
    tally.feed_errors(lines)
    tally.close()
    assert attacks(tally) is not None
    assert tally.lines == 2 * len(lines)


@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=30))
def test_hostile_bytes_between_the_quotes_change_nobody_else(request_: bytes, agent: bytes, user: bytes) -> None:
    stripped = [raw.replace(b'"', b"").replace(b"\n", b"") for raw in (request_, agent, user)]
    stamp = b"[23/Nov/2026:07:56:07 +0000]"
    hostile = b"203.0.113.9 - " + stripped[2] + b" " + stamp + b' "' + stripped[0] + b'" 404 1 "-" "' + stripped[1] + b'"'
    tally = Tally(rules_of([BRUTE, SCANNER]))
    tally.feed([hostile, line("198.51.100.7", 1)])
    tally.close()
    assert set(tally.table) <= {b"203.0.113.9", b"198.51.100.7"}
    assert tally.malformed + sum(one.requests for one in tally.table.values()) == 2
