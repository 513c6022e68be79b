# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a log: pieces of lines as the engine sends them, colours, patterns with near misses, the life of a container, bounds."""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import container_log
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.container_log import Line
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.redaction import MASK

STAMP = b"2026-11-23T11:35:00.570165605Z "
# Half a minute and more after the lines of the tests, in seconds since 1970.
NOW = datetime(2026, 11, 23, 11, 53, 0, 500000, tzinfo=timezone.utc).timestamp()


def test_a_line_in_colour() -> None:
    lines = container_log.to_lines([STAMP + b"2026-11-23 07:56:07 \x1b[33mwarn\x1b[39m: Authentication failure\r\n"])
    assert lines == [Line("2026-11-23T11:35:00.570165605Z", "2026-11-23 07:56:07 warn: Authentication failure")]


def test_pieces_of_a_long_line_become_one() -> None:
    lines = container_log.to_lines([STAMP + b"x" * 16384, STAMP + b"y" * 16384, STAMP + b"z\n", STAMP + b"after\n"])
    assert [(len(line.text), line.text[-1]) for line in lines] == [(container_log.LONGEST_LINE, "x"), (5, "r")]


def test_no_line_feed_at_the_end_no_stamp_and_bytes_that_are_no_text() -> None:
    lines = container_log.to_lines([STAMP + b"\xff one", b" more"])
    assert [line.text for line in lines] == ["\ufffd one more"]
    assert container_log.to_lines([b"without\n"]) == [Line("", "without")]
    assert container_log.to_lines([]) == []


def test_a_terminal_sends_all_in_one_frame() -> None:
    assert [line.text for line in container_log.to_lines([STAMP + b"a\n" + STAMP + b"b\n"])] == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("name_not_found", "getaddrinfo ENOTFOUND postgres"),
        ("name_lookup_failed", "getaddrinfo EAI_AGAIN postgres"),
        ("connection_refused", "connect ECONNREFUSED 172.18.0.2:5432"),
        ("connect_timeout", "Connection terminated due to connection timeout"),
        ("password_rejected", 'password authentication failed for user "circuit_sage_user"'),
        ("password_expired", 'DETAIL:  User "circuit_sage_user" has an expired password.'),
        ("login_not_permitted", 'role "circuit_sage_user" is not permitted to log in'),
        ("role_missing", 'role "circuit_sage_user" does not exist'),
        ("too_many_clients", "sorry, too many clients already"),
        ("too_many_clients", "remaining connection slots are reserved for non-replication superuser connections"),
        ("database_not_accepting", 'database "circuit_sage_db" is not currently accepting connections'),
        ("database_missing", 'database "circuit_sage_db" does not exist'),
        ("pool_exhausted", "timeout exceeded when trying to connect"),
        ("statement_timeout", "canceling statement due to statement timeout"),
        ("statement_cancelled", "canceling statement due to user request"),
        ("schema_not_selected", "no schema has been selected to create in"),
        ("relation_missing", 'relation "users" does not exist'),
        ("hba_rejected", 'no pg_hba.conf entry for host "172.18.0.3", user "u", database "d", no encryption'),
        ("read_only", "cannot execute CREATE EXTENSION in a read-only transaction"),
        ("session_terminated", "terminating connection due to administrator command"),
        ("jwt_secret_missing", "secret or public key must be provided"),
        ("credential_unreadable", "Failed to decrypt credential accessToken, skipping: Unsupported state"),
        ("migration_failed", "Migration failed: error: boom"),
        ("killed", "Killed"),
    ],
)
def test_the_texts_of_each_fault(name: str, text: str) -> None:
    patterns = container_log.compile_patterns({})
    found = container_log.summarise([Line("2026-11-23T11:35:00.5Z", text)], patterns, None, [], NOW)["patterns"]
    assert name in found
    # A text of one fault is not read as another's; a migration's line also carries the error behind it.
    assert len(found) == 1


@pytest.mark.parametrize(
    "text",
    [
        "Authentication failure",
        "Killed process 12 by hand",
        "applied 0042_payment_failed.sql",
        "GET /api/users 200",
        "Billing event",
        "role is not permitted to see this page",
        "listening on port 4000",
    ],
)
def test_near_misses(text: str) -> None:
    assert container_log.summarise([Line("", text)], container_log.compile_patterns({}), None, [], NOW)["patterns"] == {}


def test_this_life_begins_a_little_before_the_noted_start() -> None:
    text = "sorry, too many clients already"
    lines = [
        Line("2026-11-23T11:52:40.000000000Z", text),
        # Observed: the first line of a life, 4 ms before the start that the engine notes.
        Line("2026-11-23T11:52:47.907687586Z", text),
        Line("2026-11-23T11:52:48.000000000Z", text + " password=hunter2"),
        Line("", text),
    ]
    found = container_log.summarise(lines, container_log.compile_patterns({}), "2026-11-23T11:52:47.910Z", [], NOW)
    assert found["patterns"]["too_many_clients"] == {
        "count": 4,
        "this_life": 2,
        "first_at": "2026-11-23T11:52:40.000Z",
        "last_at": None,
        "seconds_ago": None,
        "last_line": text,
    }
    assert found["lines"] == 4
    assert found["tail"][2] == f"{text} password={MASK}"


def test_never_started_has_no_life() -> None:
    found = container_log.summarise([Line("2026-11-23T11:52:48Z", "Killed")], container_log.compile_patterns({}), None, [], NOW)
    assert found["patterns"]["killed"]["this_life"] == 0
    assert found["patterns"]["killed"]["seconds_ago"] == 12.5


def test_what_is_shown_is_short_and_without_secrets() -> None:
    lines = [Line("2026-11-23T11:52:48Z", f"{number} own-secret " + "x" * 1000) for number in range(30)]
    found = container_log.summarise(lines, container_log.compile_patterns({"own": "own-secret"}), None, ["own-secret"], NOW)
    assert len(found["tail"]) == container_log.TAIL_LINES
    assert found["tail"][0].startswith(f"10 {MASK} x")
    assert all(len(text) == container_log.LONGEST_SHOWN for text in [*found["tail"], found["patterns"]["own"]["last_line"]])


def test_own_patterns_go_before_the_defaults() -> None:
    assert container_log.compile_patterns({"killed": "KILL"})["killed"].pattern == "KILL"


def test_a_pattern_that_is_none_is_refused() -> None:
    with pytest.raises(IncidentError, match="patterns: `mine` is not a regular expression"):
        container_log.compile_patterns({"mine": "("})


def test_bounds() -> None:
    later = time.monotonic() + 60
    assert container_log.bounded(iter([b"ab", b"c"]), later, 3) == [b"ab", b"c"]
    with pytest.raises(container_log.LogTooLong, match="more than 3 bytes"):
        container_log.bounded(iter([b"ab", b"cd"]), later, 3)
    with pytest.raises(container_log.LogTooLong, match="in time"):
        container_log.bounded(iter([b"ab", b"cd"]), time.monotonic() - 1)


@given(
    st.lists(st.sampled_from(["Killed", "was Killed", "", " x", "y", "x\ty"])),
    st.sampled_from(["^Killed$", r"\AKilled", r"x\Z", r"(?<!\s)x", "y$", "z", ".+"]),
)
def test_what_the_whole_does_not_hold_is_in_no_line(texts: list[str], pattern: str) -> None:
    """Leaving out the patterns that the log as a whole does not hold changes nothing of what is found, at the edges of a line either."""
    found = container_log.summarise([Line("", text) for text in texts], {"own": re.compile(pattern)}, None, [], NOW)["patterns"]
    count = sum(bool(re.search(pattern, text)) for text in texts)
    assert found.get("own", {"count": 0})["count"] == count
