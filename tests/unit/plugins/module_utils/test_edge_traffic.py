# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that failed lately: lines as nginx writes them, hostile ones, the bound of what is read."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import edge_traffic
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

NOW = datetime(2026, 11, 23, 8, 0, 0, tzinfo=timezone.utc).timestamp()


def line(clock: str, request: str, status: int, user: str = "-") -> bytes:
    return f'203.0.113.7 - {user} [23/Nov/2026:{clock} +0000] "{request}" {status} 157 "-" "curl/7.88.1"\n'.encode()


LINES = [
    line("07:30:00", "GET / HTTP/1.1", 502),
    line("07:50:00", "GET / HTTP/1.1", 200),
    line("07:50:01", "GET /api/locations?page=2 HTTP/1.1", 500),
    line("07:50:02", "PUT /api/locations/17 HTTP/1.1", 499),
    line("07:50:03", "POST /api/auth/login HTTP/1.1", 401, user="someone with spaces"),
    line("07:50:04", "GET /apish HTTP/1.1", 404),
    b'203.0.113.7 - - [23/Nov/2026:07:50:05 +0000] "\\x16\\x03\\x01" 400 157 "-" "-"\n',
    line("07:50:06", "GET /api/health HTTP/1.1", 503).replace(b"curl/7.88.1", b"circuit-sage-incident-response"),
    b"no line of a log \xff\xfe\n",
    b'x - - [99/Foo/2026:07:50:05 +0000] "GET / HTTP/1.1" 500 1 "-" "-"\n',
]


def test_what_failed_by_feature() -> None:
    counted = edge_traffic.count(LINES, NOW - 900)
    assert (counted["requests"], counted["failed"]) == (6, 2)
    assert list(counted["features"].items()) == [
        ("/api/locations", {"requests": 2, "failed": 2}),
        ("the pages", {"requests": 3, "failed": 0}),
        ("/api/auth", {"requests": 1, "failed": 0}),
    ]


def test_of_the_file(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_bytes(b"".join(LINES))
    found = edge_traffic.observe(log, 45, NOW)
    assert (found["requests"], found["failed"], found["minutes"], found["truncated"]) == (7, 3, 45, False)


def test_of_a_long_file_the_end_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "access.log"
    log.write_bytes(line("07:59:00", "GET / HTTP/1.1", 500) * 100)
    monkeypatch.setattr(edge_traffic, "MOST_BYTES", 1000)
    lines, cut = edge_traffic.end_of(log, 1000)
    assert cut
    assert 0 < len(lines) < 15
    assert all(one.startswith(b"203.0.113.7") for one in lines)


def test_truncated_only_where_what_is_asked_for_may_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "access.log"
    log.write_bytes(line("07:10:00", "GET / HTTP/1.1", 200) * 50 + line("07:59:00", "GET / HTTP/1.1", 500) * 50)
    monkeypatch.setattr(edge_traffic.end_of, "__defaults__", (6000,))
    assert edge_traffic.observe(log, 15, NOW)["truncated"] is False
    assert edge_traffic.observe(log, 60, NOW)["truncated"] is True


def test_no_log(tmp_path: Path) -> None:
    with pytest.raises(IncidentError, match="cannot be read"):
        edge_traffic.observe(tmp_path / "none.log", 15, NOW)
