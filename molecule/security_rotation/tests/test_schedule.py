# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schedule on this machine, which has no systemd: an entry of cron comes, stays as it is, and goes."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path

from playbook import Player

PLAYBOOK = "playbooks/schedule.yml"


def test_an_entry_comes_stays_and_goes(player: Player, tmp_path: Path) -> None:
    folder = tmp_path / "cron.d"
    settings = {"schedule_cron_dir": str(folder), "schedule_every": "quarterly", "schedule_on_failure": "echo 50% 'failed'"}
    refused = player.play("-e", json.dumps(settings), playbook=PLAYBOOK)
    assert refused.status == 2
    assert "has neither systemd nor the folder" in refused.said()
    folder.mkdir()
    made = player.play("-v", "-e", json.dumps(settings), playbook=PLAYBOOK)
    assert made.status == 0, made.output
    assert "security_rotation runs quarterly, the next time at 20" in made.said()
    (entry,) = folder.iterdir()
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600
    line = entry.read_text(encoding="utf-8").splitlines()[-1]
    assert line.startswith("0 3 1 1,4,7,10 * root sleep ")
    assert "circuit_sage.incident_response.security_rotation || { echo 50\\% 'failed'; }" in line
    # Cron hands on what stands behind the name of the user, without the backslash.
    command = line.split(" root ", 1)[1].replace("\\%", "%")
    assert subprocess.run(["sh", "-n", "-c", command], check=False).returncode == 0
    again = player.play("-v", "-e", json.dumps(settings), playbook=PLAYBOOK)
    assert "changed=0 " in again.said(), again.output
    more = player.play("-e", json.dumps({"schedule_cron_dir": str(folder), "schedule_playbook": "status_update"}), playbook=PLAYBOOK)
    assert "status_update runs every five minutes, the next time at 20" in more.said(), more.output
    (reminders,) = set(folder.iterdir()) - {entry}
    line = reminders.read_text(encoding="utf-8").splitlines()[-1]
    assert line.startswith('*/5 * * * * root sleep "$(shuf -i 0-0 -n 1)"; ')
    assert line.endswith("circuit_sage.incident_response.status_update")
    gone = player.play("-e", json.dumps({**settings, "schedule_state": "absent"}), playbook=PLAYBOOK)
    assert gone.status == 0, gone.output
    assert list(folder.iterdir()) == [reminders]
