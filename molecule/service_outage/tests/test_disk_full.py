# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file system of the project is full, in the sight of the run alone: it has a mount namespace with a small copy of the folder."""

from __future__ import annotations

import json
import os

import pytest
from playbook import Player
from sandbox import STACK, Sandbox

BALLAST = STACK / "ballast"
SETTING = ("-e", json.dumps({"circuit_sage_ballast": [str(BALLAST)]}))
# The copy is full but for its ballast; what is typed after it runs there.
SMALL = """
set -eu
copy=$(mktemp -d)
tar -C "$1" -cf "$copy/project.tar" .
mount -t tmpfs -o size=48m small "$1"
tar -C "$1" -xf "$copy/project.tar"
rm -r "$copy"
[ "$2" = 0 ] || fallocate -l "$2" "$1/ballast"
dd if=/dev/zero of="$1/export-by-hand.tar" bs=64k 2>/dev/null || true
shift 2
exec "$@"
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a mount namespace")


def on_a_small_disk(ballast: str) -> tuple[str, ...]:
    return ("unshare", "--mount", "bash", "-c", SMALL, "small", str(STACK), ballast)


def test_ballast_gives_room_back(sandbox: Sandbox, player: Player) -> None:
    before = sandbox.snapshot()
    checked = player.play("--check", *SETTING, before=on_a_small_disk("20m"))
    assert (checked.record.outcome, checked.record.causes) == ("diagnosed", ["host_disk_full"]), checked.output
    run = player.play(*SETTING, before=on_a_small_disk("20m"))
    assert (run.status, run.record.outcome, run.record.causes) == (0, "resolved", ["host_disk_full"]), run.output
    assert [change["action"] for change in run.record.content["changes"]] == [f"deleted the ballast {BALLAST} of 20.00 MB"]
    assert sandbox.snapshot().changes_since(before) == {}


def test_without_ballast_nothing_is_deleted(sandbox: Sandbox, player: Player) -> None:
    before = sandbox.snapshot()
    run = player.play(*SETTING, before=on_a_small_disk("0"))
    assert (run.record.outcome, run.record.causes) == ("escalated", ["host_disk_without_ballast"]), run.output
    assert run.record.content["changes"] == []
    assert sandbox.snapshot().changes_since(before) == {}
