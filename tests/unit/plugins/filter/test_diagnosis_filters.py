# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters, through Ansible's own templating: what a play writes is what the pure functions get."""

from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.template import trust_as_template as trusted

OBSERVATIONS = {
    "stack": {"engine": {"reachable": True, "error": None}, "services": {"postgres": {"state": "exited", "exit_code": 0}}},
    "postgres": {"error": {"class": "refused", "message": "refused"}, "write": {}, "blockers": []},
    "edge": {"answers": False, "probes": []},
}
CAUSE = {
    "id": "a",
    "title": "t",
    "layer": "process",
    "match": "stack.services.postgres.state == 'exited'",
    "evidence": "stack.services.postgres.exit_code",
    "remedy": "mend",
    "risk": "safe",
    "why_not_restart": "w",
}


def render(expression: str, **variables: t.Any) -> t.Any:
    return Templar(DataLoader(), variables={"seen": OBSERVATIONS, "causes": [CAUSE], **variables}).template(trusted(expression))


def test_findings_and_plan_in_one_expression() -> None:
    planned = render(
        "{{ seen | circuit_sage.incident_response.findings(causes) | circuit_sage.incident_response.plan('safe', [], [], none) }}"
    )
    assert [(finding["id"], finding["evidence"], finding["decision"]) for finding in planned] == [("a", 0, "act")]


def test_symptoms_and_what_was_seen() -> None:
    assert "postgres is exited" in render("{{ seen | circuit_sage.incident_response.symptoms }}")
    assert render("{{ seen | circuit_sage.incident_response.seen }}").startswith("postgres exited (0); login refused")


def test_a_cause_that_cannot_be_used_is_named() -> None:
    with pytest.raises(AnsibleError, match="cause a has the layer cellar"):
        render("{{ seen | circuit_sage.incident_response.findings(causes) }}", causes=[{**CAUSE, "layer": "cellar"}])
