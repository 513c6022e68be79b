# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of a fresh observation: production's paths, the stack's and the fault's processes, nothing of the machine."""

from __future__ import annotations

import json
import re
import typing as t
from pathlib import Path

import pytest
import record_observation

MINE = Path("/home/anna/circuit-sage-ir")
# Where people and their programs are; the text of a page or a request has other words after a slash.
PRIVATE = re.compile(r"(?<![\w.])/(?:home|root|Users|tmp|mnt|work)/")


def process(command: str, executable: str | None = "/usr/bin/python3.11", service: str | None = None) -> dict[str, t.Any]:
    return {"command": command, "executable": executable, "service": service}


def test_paths_are_production_s() -> None:
    stack = f"{MINE}/molecule/stack"
    seen = {
        "stack": {"project": {"src": stack, "override": f"{stack}/docker-compose.incident.yml", "files": [f"{MINE}/.cache/app/x.yml"]}},
        "unknown": {"drift": f"there is no baseline {MINE}/inventories/sandbox.baseline/sandbox.yml; record one"},
        "changed": False,
    }
    assert record_observation.portable(seen, MINE) == {
        "stack": {
            "project": {
                "src": "/opt/circuit-sage",
                "override": "/opt/circuit-sage/docker-compose.incident.yml",
                "files": ["/opt/circuit-sage/checkout/.cache/app/x.yml"],
            }
        },
        "unknown": {"drift": "there is no baseline /opt/circuit-sage/checkout/inventories/sandbox.baseline/sandbox.yml; record one"},
        "changed": False,
    }


def test_processes_are_those_of_the_stack_and_of_the_fault() -> None:
    hog = process(
        "python3 -c import os; held = bytearray(os.sysconf('SC_PHYS_PAGES') // 8)", "/home/anna/.pyenv/versions/3.11.7/bin/python3.11"
    )
    engine = process("containerd --config /var/run/docker/containerd/containerd.toml", "/usr/bin/containerd")
    own = process("python3 /app/app.py /data/x", service="backend")
    others = [
        process(f"{MINE}/.venv/bin/python {MINE}/.venv/bin/ansible-playbook playbooks/db_failure.yml --check"),
        process("/usr/bin/python3 /root/.ansible/tmp/ansible-tmp-1/AnsiballZ_observation_info.py"),
        process("vim /srv/notes"),
    ]
    ports = [{"port": 1, "holder": hog}, {"port": 2, "holder": None}]
    host = record_observation.portable({"host": {"processes": [hog, *others, engine, own], "ports": ports}}, MINE)["host"]
    assert host["processes"] == [{**hog, "executable": "/usr/bin/python3.11"}, engine, own]
    assert host["ports"] == [{"port": 1, "holder": host["processes"][0]}, {"port": 2, "holder": None}]


def test_what_the_newest_incident_saw_is_recorded_for_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_observation, "CHECKOUT", tmp_path)
    monkeypatch.setattr(record_observation, "RECORDED", tmp_path)
    monkeypatch.setattr(record_observation, "SEEN", tmp_path / "observations.json")
    with pytest.raises(SystemExit, match=r"observations\.json; bring the fault about"):
        record_observation.main(["lock_blocker"])
    (tmp_path / "observations.json").write_text('{"changed": false}', encoding="utf-8")
    assert record_observation.main(["lock_blocker"]) == 0
    assert json.loads((tmp_path / "lock_blocker.json").read_text(encoding="utf-8")) == {"changed": False}
    with pytest.raises(SystemExit, match="there is no fault lock_blockr; write"):
        record_observation.main(["lock_blockr"])
    with pytest.raises(SystemExit, match="usage"):
        record_observation.main([])


@pytest.mark.parametrize("path", sorted(record_observation.RECORDED.glob("*.json")), ids=lambda path: path.stem)
def test_nothing_recorded_names_a_place_of_a_machine(path: Path) -> None:
    assert PRIVATE.findall(path.read_text(encoding="utf-8")) == []
