# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The units of systemd as the role schedule writes them, and when a schedule runs next."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from ansible_collections.circuit_sage.incident_response.plugins.filter.rotation import FilterModule
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.run_schedule import next_run

ROLE = Path(__file__).parents[3] / "roles" / "schedule"
NAME = "circuit-sage-security-rotation"


def unit(kind: str, **given: Any) -> configparser.ConfigParser:
    """One unit, rendered as Ansible does."""
    loader = DataLoader()
    variables = {
        name: value
        for part in ("vars", "defaults")
        for name, value in loader.load_from_file(str(ROLE / part / "main.yml"), trusted_as_template=True).items()
    }
    told = {"__schedule_command": ["/opt/x y/ansible-playbook", "-e", "a=50% $HOME"], "__schedule_folder": "/opt/circuit-sage"}
    templar = Templar(loader, {**variables, **told, "ansible_config_file": "/opt/ansible.cfg", **given})
    text = templar.template(trust_as_template((ROLE / "templates" / f"playbook{kind}.j2").read_text(encoding="utf-8")))
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string(text)
    return parsed


def test_a_run_that_was_missed_is_made_up_for() -> None:
    timer = unit(".timer", schedule_every="weekly", schedule_jitter_seconds=60)["Timer"]
    assert dict(timer) == {"OnCalendar": "Mon *-*-* 03:00:00", "RandomizedDelaySec": "60", "Persistent": "true"}


def test_what_is_told_is_not_put_off() -> None:
    timer = unit(".timer", schedule_playbook="status_update")
    assert dict(timer["Timer"]) == {"OnCalendar": "*-*-* *:0/5:00", "RandomizedDelaySec": "0", "Persistent": "true"}
    assert timer["Unit"]["Description"] == "Circuit Sage's status_update, every five minutes"
    assert unit(".timer", schedule_playbook="backup")["Timer"]["OnCalendar"] == "*-*-* 01:00:00"


def test_a_failure_tells_somebody_where_somebody_is_named() -> None:
    assert "OnFailure" not in unit(".service")["Unit"]
    told = unit(".service", schedule_on_failure="true")
    assert told["Unit"]["OnFailure"] == f"{NAME}-failed.service"
    # systemd reads `%%` and `$$` as one each.
    assert told["Service"]["ExecStart"] == '"/opt/x y/ansible-playbook" "-e" "a=50%% $$HOME"'
    failed = unit("-failed.service", schedule_on_failure='echo "50%" > $HOME/x')
    assert failed["Service"]["ExecStart"] == '/bin/sh -c "echo \\"50%%\\" > $$HOME/x"'


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
@pytest.mark.parametrize("every", ["every_five_minutes", "hourly", "daily", "weekly", "monthly", "quarterly"])
def test_systemd_knows_the_calendar(every: str) -> None:
    calendar = unit(".timer", schedule_every=every)["Timer"]["OnCalendar"]
    subprocess.run(["systemd-analyze", "calendar", calendar], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("every", "now", "then"),
    [
        ("monthly", "2026-11-29 22:00", "2026-12-01 03:00"),
        ("monthly", "2026-12-01 02:59", "2026-12-01 03:00"),
        ("monthly", "2026-12-01 03:00", "2027-01-01 03:00"),
        ("quarterly", "2026-11-29 22:00", "2027-01-01 03:00"),
        ("weekly", "2026-11-29 22:00", "2026-11-30 03:00"),
        ("weekly", "2026-11-30 03:00", "2026-12-07 03:00"),
        ("daily", "2026-11-30 03:00", "2026-12-01 03:00"),
        ("hourly", "2026-11-30 23:00", "2026-12-01 00:00"),
        ("every_five_minutes", "2026-11-30 23:59", "2026-12-01 00:00"),
        ("every_five_minutes", "2026-11-30 02:05", "2026-11-30 02:10"),
    ],
)
def test_the_next_run_is_the_first_after_now(every: str, now: str, then: str) -> None:
    assert next_run(every, datetime.fromisoformat(now), 3) == datetime.fromisoformat(then)


def test_the_filters_tell_what_is_wrong() -> None:
    filters = FilterModule().filters()
    assert filters["next_run"]("monthly", 1).endswith("-01 01:00")
    assert filters["env_values"]("A='x # y'\nB=2\n", ["A", "C"]) == {"A": "x # y"}
    with pytest.raises(Exception, match="no schedule"):
        filters["next_run"]("yearly")
    with pytest.raises(Exception, match="cannot be read"):
        filters["env_values"]("no variable\n", [])
    with pytest.raises(IncidentError):
        next_run("yearly", datetime.fromisoformat("2026-11-29"), 3)
