# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host does by the clock, read from a folder that stands for its root."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import host_schedules

NOBODY = 65534


def write(root: Path, path: str, text: str) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_crontabs_scripts_and_timers_are_told_by_their_text(tmp_path: Path) -> None:
    backup = write(tmp_path, "etc/cron.d/circuit-sage-backup", "0 3 * * * root /opt/circuit-sage/backup.sh\n")
    write(tmp_path, "etc/cron.d/.placeholder", "nothing\n")
    write(tmp_path, "etc/systemd/system/rotation.timer", "[Timer]\n")
    write(tmp_path, "etc/systemd/system/rotation.service", "[Service]\n")
    write(tmp_path, "etc/cron.daily/logrotate", "#!/bin/sh\n")
    write(tmp_path, "var/spool/cron/crontabs/deploy", "@daily true\n")
    found, unread = host_schedules.read(tmp_path)
    assert sorted(found) == [
        "/etc/cron.d/circuit-sage-backup",
        "/etc/cron.daily/logrotate",
        "/etc/systemd/system/rotation.timer",
        "/var/spool/cron/crontabs/deploy",
    ]
    assert unread == []
    assert host_schedules.read(tmp_path)[0] == found
    backup.write_text("0 4 * * * root /opt/circuit-sage/backup.sh\n", encoding="utf-8")
    later, _unread = host_schedules.read(tmp_path)
    assert [path for path in found if later[path] != found[path]] == ["/etc/cron.d/circuit-sage-backup"]


def test_a_host_without_schedules_has_none(tmp_path: Path) -> None:
    assert host_schedules.read(tmp_path) == ({}, [])


def test_what_this_user_may_not_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = write(tmp_path, "etc/cron.d/private", "@daily true\n")
    write(tmp_path, "var/spool/cron/crontabs/deploy", "@daily true\n")
    secret.chmod(0)
    (tmp_path / "var/spool/cron/crontabs").chmod(0)
    # The folders above belong to whoever runs the tests; from the current one this user gets in.
    for folder in (tmp_path, *tmp_path.rglob("etc"), *tmp_path.rglob("cron*")):
        if folder.name != "crontabs" and folder.is_dir():
            folder.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    root = Path()
    was = os.geteuid()
    if was == 0:
        os.seteuid(NOBODY)
    try:
        found, unread = host_schedules.read(root)
    finally:
        os.seteuid(was)
    assert (found, unread) == ({}, ["etc/cron.d/private", "var/spool/cron/crontabs"])
