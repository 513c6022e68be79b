# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command that goes on with what waits for an approval."""

from __future__ import annotations

from ansible_collections.circuit_sage.incident_response.plugins.action.incident_close import continuation

WAITS = {"id": "miner", "decision": "leave", "reason": "isolate_and_redeploy is destructive; approve it with incident_approve=miner"}


def test_nothing_waits_for_an_approval() -> None:
    assert (
        continuation([{"id": "a", "decision": "act", "reason": ""}, {"id": "b", "decision": "leave", "reason": "a person decides"}], {})
        == ""
    )


def test_the_command_with_its_inventory() -> None:
    arguments = {"args": ("security incident.yml",), "inventory": ("inventories/production",), "extra_vars": ()}
    assert continuation([WAITS, {**WAITS, "id": "b"}], arguments) == (
        " To go on: `ansible-playbook -i inventories/production 'security incident.yml' -e incident_approve=miner,b`"
    )


def test_other_variables_are_not_repeated_since_one_may_be_a_secret() -> None:
    told = continuation([WAITS], {"args": ("x.yml",), "inventory": None, "extra_vars": ("password=hunter2",)})
    assert told == " To go on: `ansible-playbook x.yml -e incident_approve=miner`, with the other -e as they were"
