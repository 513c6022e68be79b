# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs that grow, are rotated, compressed and cut short, read from where the last look ended."""

from __future__ import annotations

import gzip
import os
import typing as t
from pathlib import Path

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import log_lines
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.access_attacks import judge
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.access_rules import rules_of
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.log_lines import Lines, read_marks, write_marks


def read(path: Path, mark: dict[str, t.Any] | None = None, since: float = 0) -> tuple[list[bytes], dict[str, t.Any], Lines]:
    lines = Lines(since)
    found = [line for piece in lines.of(path, mark) for line in piece]
    return found, lines.marks[str(path)], lines


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "access.log"
    path.write_bytes(b"one\ntwo\n")
    return path


def append(path: Path, text: bytes) -> None:
    with path.open("ab") as file:
        file.write(text)


def test_a_line_without_its_end_waits_for_the_next_look(log: Path) -> None:
    append(log, b"thr")
    found, mark, _lines = read(log)
    assert found == [b"one", b"two"]
    append(log, b"ee\n")
    assert read(log, mark)[0] == [b"three"]


def test_what_was_rotated_away_is_finished_first(log: Path) -> None:
    mark = read(log)[1]
    append(log, b"three\n")
    log.rename(log.with_name("access.log.1"))
    log.write_bytes(b"four\n")
    assert read(log, mark)[0] == [b"three", b"four"]


def test_also_when_it_was_compressed_since(log: Path) -> None:
    mark = read(log)[1]
    log.with_name("access.log.2.gz").write_bytes(gzip.compress(log.read_bytes() + b"three\n"))
    os.utime(log.with_name("access.log.2.gz"), (1, 1))
    log.rename(log.with_name("access.log.1"))
    log.with_name("access.log.1").write_bytes(b"four\n")
    log.write_bytes(b"five\n")
    assert read(log, mark)[0] == [b"three", b"four", b"five"]


def test_without_a_mark_all_is_read_oldest_first(log: Path) -> None:
    for number, name in enumerate(("access.log.2.gz", "access.log-20261101.gz", "access.log.1")):
        data = name.encode() + b"\n"
        log.with_name(name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
        os.utime(log.with_name(name), (number, number))
    log.with_name("access.log.bak").write_bytes(b"not ours\n")
    found, _mark, lines = read(log)
    assert found == [b"access.log.2.gz", b"access.log-20261101.gz", b"access.log.1", b"one", b"two"]
    assert len(lines.files) == 4
    assert read(log, since=10)[0] == [b"one", b"two"]


def test_a_log_that_was_cut_short_or_is_another_one_begins_anew(log: Path) -> None:
    mark = read(log)[1]
    log.write_bytes(b"new\n")
    assert read(log, mark)[0] == [b"new"]


def test_a_rotated_log_may_end_without_a_line_end(log: Path) -> None:
    log.with_name("access.log.1").write_bytes(b"zero\nhalf")
    os.utime(log.with_name("access.log.1"), (1, 1))
    assert read(log)[0] == [b"zero", b"half", b"one", b"two"]


def test_a_line_of_megabytes_is_counted_and_not_kept(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_lines, "PIECE", 100)
    monkeypatch.setattr(log_lines, "LONGEST_LINE", 50)
    log.write_bytes(b"one\n" + b"x" * 1000 + b"\ntwo\n" + b"y" * 200 + b"\nthree\n")
    found, _mark, lines = read(log)
    assert (found, lines.longer) == ([b"one", b"two", b"three"], 2)


def test_a_damaged_compressed_log_is_told(log: Path) -> None:
    log.with_name("access.log.1.gz").write_bytes(gzip.compress(b"zero\n" * 1000)[:30])
    found, _mark, lines = read(log, {"inode": 1, "offset": 1, "head": "", "head_length": 5})
    assert (found, lines.broken) == ([b"one", b"two"], [str(log.with_name("access.log.1.gz"))])


def test_a_log_that_is_not_there_is_told(log: Path) -> None:
    with pytest.raises(IncidentError, match="is not there; give the path that nginx writes to"):
        list(Lines().of(log.with_name("other.log"), None))
    log.unlink()
    log.mkdir()
    with pytest.raises(IncidentError, match="cannot be read: Is a directory"):
        list(Lines().of(log, None))


def test_the_state_is_kept_and_a_broken_one_is_told(tmp_path: Path) -> None:
    state = tmp_path / "state" / "logs.json"
    assert read_marks(state) == {}
    write_marks(state, {"a": {"offset": 1}})
    assert read_marks(state) == {"a": {"offset": 1}}
    assert state.stat().st_mode & 0o777 == 0o600
    state.write_text("{")
    with pytest.raises(IncidentError, match="remove it to begin anew"):
        read_marks(state)
    with pytest.raises(IncidentError, match="cannot be written"):
        write_marks(state / "below" / "x.json", {})


def test_both_kinds_of_logs_are_judged_together(log: Path) -> None:
    errors = log.with_name("error.log")
    errors.write_bytes(b"2026/11/23 07:56:07 [error] 57#57: *1 access forbidden by rule, client: 203.0.113.9, server: _\n")
    rule = {"id": "forbidden", "title": "f", "count": 1, "seconds": 1, "words": "forbidden"}
    found, marks = judge([log], [errors], rules_of([rule]), 0, {})
    assert (found["lines"], found["malformed"], found["reasons"]) == (3, 2, {"203.0.113.9": "forbidden"})
    assert set(marks) == {str(log), str(errors)}
    assert judge([log], [errors], rules_of([rule]), 0, marks)[0]["lines"] == 0
