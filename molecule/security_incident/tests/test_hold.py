# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container that is cut off goes on running, and no other playbook gives it back what it was cut off from; what leaked is told."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playbook import Player, Run
from sandbox import Container, Sandbox, Snapshot

ASKED = json.dumps({"security_incident_isolate": ["backend"], "security_incident_leaked": ["JWT_SECRET"]})


@dataclass(frozen=True)
class Story:
    """Asked without an approval, with it, another playbook, and the undo from the record."""

    whole: Container
    refused: Run
    untouched: dict[str, str]
    isolated: Run
    apart: Container
    held: bool
    other: Run
    after_other: Snapshot
    after_isolated: Snapshot
    undone: Container


def undo(run: Run) -> None:
    """What the record says, typed."""
    for change in run.record.content["changes"]:
        subprocess.run(shlex.split(change["undo"]), check=True, capture_output=True)


@pytest.fixture(scope="module")
def held(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Whatever happens, the stack is whole afterwards."""
    player = Player(tmp_path_factory.mktemp("held") / "records", "security_incident")
    before = sandbox.snapshot()
    refused = player.play("-v", "-e", ASKED)
    untouched = sandbox.snapshot().changes_since(before)
    # What is cut off does not come back by waiting for it.
    isolated = player.play("-v", "-e", ASKED, "-e", "incident_approve=isolation_asked", "-e", "incident_settle_seconds=1")
    try:
        after_isolated, held = sandbox.snapshot(), sandbox.hold_file.exists()
        other = player.play("-v", playbook="playbooks/db_failure.yml")
        after_other = sandbox.snapshot()
    finally:
        undo(isolated)
        sandbox.restore()
    yield Story(
        before.containers["backend"],
        refused,
        untouched,
        isolated,
        after_isolated.containers["backend"],
        held,
        other,
        after_other,
        after_isolated,
        sandbox.snapshot().containers["backend"],
    )


def test_without_approval_it_names_the_command_that_goes_on(held: Story) -> None:
    """Evidence is kept, and nothing is touched."""
    assert held.refused.status == 2
    assert held.refused.record.outcome == "escalated"
    assert held.untouched == {}
    assert "playbooks/security_incident.yml" in held.refused.record.content["summary"]
    assert "-e incident_approve=isolation_asked,jwt_secret_leaked`" in held.refused.record.content["summary"]
    assert "postgres.log" in held.refused.record.evidence()


def test_what_leaked_is_rotated_with_an_approval_only_and_not_while_a_container_is_held(held: Story) -> None:
    """It would make the container anew that is to be looked at."""
    (finding,) = [one for one in held.refused.record.content["findings"] if one["id"] == "jwt_secret_leaked"]
    assert (finding["decision"], finding["remedy"]) == ("leave", "rotate_session_key")
    assert "approve it with incident_approve=jwt_secret_leaked" in finding["reason"]
    (finding,) = [one for one in held.isolated.record.content["findings"] if one["id"] == "jwt_secret_leaked"]
    assert finding["reason"].startswith("a hold is set (security incident ")


def test_the_container_runs_and_reaches_nobody(held: Story) -> None:
    """The same container, in the same life."""
    assert held.isolated.record.outcome == "escalated"
    assert (held.apart.identity, held.apart.started_at) == (held.whole.identity, held.whole.started_at)
    assert (held.whole.networks != (), held.apart.networks) == (True, ())
    assert held.held


def test_another_playbook_leaves_it_alone(held: Story) -> None:
    """It names what is wrong, and that a hold is set."""
    assert held.other.record.outcome == "escalated"
    assert held.other.changed == 0
    assert held.after_other.changes_since(held.after_isolated) == {}
    (finding,) = held.other.record.content["findings"]
    assert finding["id"] == "network_detached"
    assert finding["reason"].startswith(f"a hold is set (security incident {held.isolated.record.content['id']}); lift it")


def test_the_records_undo_takes_it_back(held: Story, sandbox: Sandbox) -> None:
    """The networks with their aliases, and the hold is gone."""
    assert held.undone.networks == held.whole.networks
    assert not sandbox.hold_file.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"security_incident_leaked": ["JWT_SECRT"]}, "`JWT_SECRT` in security_incident_leaked is no variable of the env file"),
        (
            {"security_incident_isolate": ["nginx"]},
            "nginx in security_incident_isolate is no service of the compose files; use one of backend",
        ),
        (
            {"circuit_sage_evidence_recipient": "/no/such.asc"},
            "is neither an age recipient (age1...) nor a file with an OpenPGP public key",
        ),
    ],
)
def test_bad_input_is_refused(player: Player, sandbox: Sandbox, options: dict[str, object], words: str) -> None:
    """Before anything is touched, in one sentence."""
    before = sandbox.snapshot()
    run = player.play("-e", json.dumps(options))
    assert run.status == 2
    assert words in run.said()
    assert "Traceback" not in run.output
    assert sandbox.snapshot().changes_since(before) == {}
