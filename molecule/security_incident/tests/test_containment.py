# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Four things at once that only a person may let be contained: what each remedy does, in which order, and what is kept of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from evidence_key import Key
from playbook import Player, Run
from sandbox import Container, Sandbox
from stack_secrets import StackSecrets

FAULTS = ("rogue_superuser", "rogue_app_admin", "database_password_leaked", "miner")


@dataclass(frozen=True)
class Story:
    """Before, the run, and after it."""

    before: Container
    run: Run
    after: Container
    login: str
    role: str
    account: str
    sessions: str
    processes: str
    old_role: str
    whole: bool


@pytest.fixture(scope="module")
def contained(sandbox: Sandbox, secrets_of_the_stack: StackSecrets, key: Key, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """All approved by name."""
    player = Player(tmp_path_factory.mktemp("contained") / "records", "security_incident")
    database = sandbox.env["POSTGRES_DB"]
    with sandbox.fault(*FAULTS):
        before = sandbox.containers()["backend"]
        run = player.play("-v", "-e", f"incident_approve={','.join(FAULTS)}", "-e", f"circuit_sage_evidence_recipient={key.public}")
        yield Story(
            before,
            run,
            sandbox.containers()["backend"],
            sandbox.psql("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'drill_support'"),
            sandbox.psql("SELECT rolsuper FROM pg_roles WHERE rolname = 'drill_support'"),
            sandbox.psql("SELECT deleted_at IS NOT NULL FROM users WHERE email = 'support@circuit-sage.example'", database),
            sandbox.psql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'psql' AND client_addr IS NOT NULL"),
            str(sandbox.docker.containers.get(sandbox.backend_container).top()["Processes"]),
            sandbox.psql(f"SELECT rolcanlogin FROM pg_roles WHERE rolname = '{secrets_of_the_stack.first['POSTGRES_USER']}'"),  # noqa: S608
            secrets_of_the_stack.signs_in(),
        )


def test_all_are_found_and_mended(contained: Story) -> None:
    """Each is gone in the proof, and the service serves."""
    assert contained.run.status == 0, contained.run.output
    assert contained.run.record.outcome == "resolved"
    assert sorted(contained.run.record.causes) == sorted(FAULTS)


def test_the_role_has_no_login_and_is_kept(contained: Story) -> None:
    """With its powers: it is evidence."""
    assert (contained.login, contained.role) == ("f", "t")


def test_the_account_is_deactivated(contained: Story) -> None:
    """By `deleted_at`, which alone ends its tokens."""
    assert contained.account == "t"


def test_the_intruders_session_is_ended_and_the_password_opens_nothing(contained: Story) -> None:
    """The application logs in as another role; its own sessions go on, and people sign in."""
    assert contained.sessions == "0"
    assert contained.old_role == "f"
    assert contained.whole
    acts = contained.run.record.events("act")
    ended = next(number for number, text in enumerate(acts) if text.startswith("end "))
    assert acts[ended + 1].startswith("rotate POSTGRES_PASSWORD, from the role ")


def test_the_container_is_a_new_one_in_the_same_networks(contained: Story) -> None:
    """Of the same image, without the process."""
    assert contained.after.identity != contained.before.identity
    assert contained.after.networks == contained.before.networks
    assert "sleep 900" not in contained.processes


def test_the_order_of_the_guide(contained: Story) -> None:
    """All evidence before the first act; and the process was written down before its container was cut off."""
    timeline = [(entry["event"], entry["text"]) for entry in contained.run.record.content["timeline"]]
    acts = [number for number, (event, _text) in enumerate(timeline) if event == "act"]
    kept = [number for number, (event, text) in enumerate(timeline) if event == "kept" and text.startswith("evidence of")]
    portrait = next(number for number, (_event, text) in enumerate(timeline) if text.startswith("what process"))
    cut = next(number for number, (_event, text) in enumerate(timeline) if text.startswith("cut "))
    # The rotation keeps the backend's log once more, which is lost when it makes that anew.
    assert max(kept[:2]) < min(acts) < kept[2]
    assert portrait < cut


def test_each_change_says_how_it_is_undone(contained: Story) -> None:
    """In words that can be typed."""
    undo = {change["undo"] for change in contained.run.record.content["changes"]}
    assert "ALTER ROLE drill_support LOGIN" in undo
    assert any(one.startswith("UPDATE users SET deleted_at = NULL WHERE id = '") for one in undo)
    assert any(one.startswith("docker network connect --alias") for one in undo)


def test_the_evidence_is_encrypted_and_can_be_read_with_the_key(contained: Story, key: Key) -> None:
    """No file is left readable, all are in the checksums, and the miner's portrait is what was running."""
    names = contained.run.record.evidence()
    assert names
    assert [name for name in names if not name.endswith(".gpg")] == []
    folder = contained.run.record.folder / "evidence"
    portrait = next(name for name in names if name.startswith("process-"))
    assert "sleep 900" in key.read(folder / portrait)
    for wanted in ("host.processes.txt.gpg", "host.firewall.txt.gpg", "database.roles.json.gpg", "nginx.circuit-sage-access.log.gpg"):
        assert wanted in names
    assert "drill_support" in key.read(folder / "database.roles.json.gpg")


def test_the_investigation_stands_in_the_report(contained: Story) -> None:
    """What could be read, by which role, and what else was looked at."""
    report = contained.run.record.report
    for heading in ("Exposure", "Files With Secrets", "Superusers Of The Application", "Packages With Known Security Updates"):
        assert f"## {heading}" in report
    (roles,) = [one for one in contained.run.record.content["tables"] if one["name"] == "database_roles"]
    (row,) = [row for row in roles["rows"] if row[0] == "drill_support"]
    assert "companies" in row[4]
    assert int(row[5]) > 0
