# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The units of systemd as the role schedule writes them, and when a schedule runs next."""

from __future__ import annotations

import configparser
import json
import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from ansible_collections.circuit_sage.incident_response.plugins.filter.rotation import FilterModule
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.rotation_schedule import next_run

ROLE = Path(__file__).parents[3] / "roles" / "schedule"
NAME = "circuit-sage-security-rotation"


def unit(kind: str, **given: Any) -> configparser.ConfigParser:
    """One unit, rendered as Ansible does."""
    variables = yaml.safe_load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))
    values = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text(encoding="utf-8"))
    environment = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701 - no HTML
    environment.filters["to_json"] = json.dumps
    told = {"__schedule_command": ["/opt/x y/ansible-playbook", "-e", "a=50% $HOME"], "__schedule_folder": "/opt/circuit-sage"}
    template = environment.from_string((ROLE / "templates" / f"rotation{kind}.j2").read_text(encoding="utf-8"))
    text = template.render({**variables, **values, **told, "ansible_config_file": "/opt/ansible.cfg", **given})
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string(text)
    return parsed


def test_a_run_that_was_missed_is_made_up_for() -> None:
    timer = unit(".timer", schedule_every="weekly", schedule_jitter_seconds=60)["Timer"]
    assert dict(timer) == {"OnCalendar": "Mon *-*-* 03:00:00", "RandomizedDelaySec": "60", "Persistent": "true"}


def test_a_failure_tells_somebody_where_somebody_is_named() -> None:
    assert "OnFailure" not in unit(".service")["Unit"]
    told = unit(".service", schedule_on_failure="true")
    assert told["Unit"]["OnFailure"] == f"{NAME}-failed.service"
    # systemd reads `%%` and `$$` as one each.
    assert told["Service"]["ExecStart"] == '"/opt/x y/ansible-playbook" "-e" "a=50%% $$HOME"'
    failed = unit("-failed.service", schedule_on_failure='echo "50%" > $HOME/x')
    assert failed["Service"]["ExecStart"] == '/bin/sh -c "echo \\"50%%\\" > $$HOME/x"'


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
@pytest.mark.parametrize("every", ["weekly", "monthly", "quarterly"])
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
    ],
)
def test_the_next_run_is_the_first_after_now(every: str, now: str, then: str) -> None:
    assert next_run(every, datetime.fromisoformat(now)) == datetime.fromisoformat(then)


def test_the_filters_tell_what_is_wrong() -> None:
    filters = FilterModule().filters()
    assert filters["next_run"]("monthly").endswith("-01 03:00")
    assert filters["env_values"]("A='x # y'\nB=2\n", ["A", "C"]) == {"A": "x # y"}
    with pytest.raises(Exception, match="no schedule"):
        filters["next_run"]("daily")
    with pytest.raises(Exception, match="cannot be read"):
        filters["env_values"]("no variable\n", [])
    with pytest.raises(IncidentError):
        next_run("daily", datetime.fromisoformat("2026-11-29"))
