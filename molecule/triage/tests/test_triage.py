# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong, how bad it is, who is affected and what mends it, in one command; and mended by it where that is asked for."""

from __future__ import annotations

import json
import os
import signal

from evidence_key import Key
from playbook import SECONDS, Player, Record
from sandbox import COMPANIES, Sandbox, eventually

LOG = "/var/log/nginx/circuit-sage-access.log"
UNCONFIGURED = json.dumps({"circuit_sage_administrators": [], "circuit_sage_expected_changes": {}})
# What only the whole evidence has.
WHOLE = ("database.roles.json", "host.firewall.txt", "nginx.circuit-sage-access.log", "backend.changes.json")


def order(record: Record, *beginnings: str) -> list[int]:
    """Where in the timeline the first entries stand that begin so."""
    told = [f"{entry['event']}: {entry['text']}" for entry in record.content["timeline"]]
    return [next(number for number, text in enumerate(told) if text.startswith(beginning)) for beginning in beginnings]


def test_a_healthy_system_has_no_severity(sandbox: Sandbox, player: Player) -> None:
    before = sandbox.snapshot()
    run = player.play("-v", "-e", "triage_remediate=true")
    assert (run.status, run.record.outcome, run.changed) == (0, "healthy", 0), run.output
    assert run.record.events("severity", "affected", "playbook") == []
    assert sandbox.snapshot().changes_since(before) == {}


def test_a_backend_on_its_way_up_has_no_severity(sandbox: Sandbox, player: Player) -> None:
    """Docker may have started it again just before the look: the look after it is the one that judges."""
    with sandbox.held_start() as pid:
        run = player.start()
        eventually(lambda: (run.records / "latest").exists() and run.record.events("waits"), SECONDS, "the run waits for it")
        os.kill(pid, signal.SIGCONT)
        run.wait()
    assert (run.status, run.record.outcome) == (0, "healthy"), run.output
    assert run.record.events("severity", "affected", "playbook") == []


def test_two_faults_are_classified_and_then_mended(sandbox: Sandbox, player: Player, seeded_rows: str) -> None:
    """Without being asked it touches nothing; asked, it mends both, the deeper one first, each by the role whose it is."""
    with sandbox.fault("frontend_stopped"):
        assert all(sandbox.ask(f"{sandbox.edge_url}/")[0] == 502 for _ask in range(5))
        with sandbox.fault("postgres_stopped"):
            before = sandbox.snapshot()
            told = player.play("-v")
            record = told.record
            assert (told.status, record.outcome, told.changed) == (0, "diagnosed", 0), told.output
            assert sandbox.snapshot().changes_since(before) == {}
            assert record.causes == ["postgres_stopped", "frontend_stopped"]
            seen = json.loads((record.folder / "evidence" / "observations.json").read_text(encoding="utf-8"))
            assert seen["security"]["unknown"]["roles"] == "PostgreSQL does not run"
            assert "looks like an attack" in seen["security"]["unknown"]["attacks"]
            assert record.content["severity"] == "P1"
            assert record.events("severity") == ["P1: complete service outage"]
            assert record.events("playbook") == ["ansible-playbook db_failure.yml", "ansible-playbook service_outage.yml"]
            features, companies, requests = record.events("affected")
            assert features == "features: everything"
            assert companies == "companies: unknown, the database cannot be asked"
            failed, of, _total = requests.removeprefix("requests: ").split(" ", 2)
            assert (int(failed) >= 5, of) == (True, "of"), requests
            assert "**Severity**: P1 (complete service outage)" in record.report
            assert f"- {requests}" in record.report.split("## Impact")[1]

            mended = player.play("-e", "triage_remediate=true", "-e", f"incident={record.content['id']}")
            assert (mended.status, mended.record.outcome) == (0, "resolved"), mended.output
            content = mended.record.content
            # One incident, from the first look to the proof.
            assert (content["id"], content["opened_at"]) == (record.content["id"], record.content["opened_at"])
            assert [run["outcome"] for run in content["runs"]] == ["diagnosed", "resolved"]
            assert mended.record.events("joined") == [f"Triage on {content['host']}"]
            touched = [change["component"] for change in content["changes"]]
            assert touched.index("postgres") < touched.index("frontend")
            sandbox.prove_write()
            assert sandbox.rows() == seeded_rows


def test_a_break_in_is_named_and_its_evidence_kept_before_anything_is_mended(sandbox: Sandbox, player: Player, key: Key) -> None:
    """It alone is told, though nobody has said what is usual here. Asked to mend an outage beside it, the triage contains it first."""
    with sandbox.fault("rogue_superuser"):
        before = sandbox.snapshot()
        told = player.play("-v", "-e", UNCONFIGURED)
        record = told.record
        assert (told.status, record.outcome, told.changed) == (0, "diagnosed", 0), told.output
        assert sandbox.snapshot().changes_since(before) == {}
        assert record.causes == ["rogue_superuser"]
        assert record.events("severity") == ["P1: security breach"]
        assert record.events("playbook") == ["ansible-playbook security_incident.yml"]
        assert not set(WHOLE) & set(record.evidence())

        with sandbox.fault("frontend_stopped"):
            options = ("-e", "incident_approve=rogue_superuser", "-e", f"circuit_sage_evidence_recipient={key.public}")
            mended = player.play("-e", "triage_remediate=true", *options)
        record = mended.record
        assert (mended.status, record.outcome) == (0, "resolved"), mended.output
        steps = order(record, "kept: evidence of backend, ", "kept: evidence of nginx", "act: take login from the role ", "act: start ")
        assert steps == sorted(steps)
        names = record.evidence()
        assert {f"{name}.gpg" for name in WHOLE} < set(names)
        assert [name for name in names if not name.endswith(".gpg")] == []
        assert "drill_support" in key.read(record.folder / "evidence" / "database.roles.json.gpg")


def test_a_break_in_that_an_outage_hid_waits_for_its_approval(sandbox: Sandbox, player: Player) -> None:
    """The outage is mended, all evidence is kept as soon as the break-in shows, and it is left to a person, as in security_incident."""
    with sandbox.fault("rogue_superuser", "postgres_stopped"):
        run = player.play("-e", "triage_remediate=true")
        login = sandbox.psql("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'drill_support'")
    record = run.record
    assert (run.status, record.outcome, login) == (2, "escalated", "t"), run.output
    assert record.causes == ["postgres_stopped", "rogue_superuser"]
    assert "approve it with incident_approve=rogue_superuser" in record.content["summary"]
    steps = order(record, "act: start ", "proof: ", "cause: rogue_superuser", "kept: evidence of nginx")
    assert steps == sorted(steps)
    assert set(WHOLE) < set(record.evidence())


def test_only_the_pages_are_gone(sandbox: Sandbox, player: Player) -> None:
    with sandbox.fault("frontend_stopped"):
        record = player.play("--check").record
    assert (record.content["severity"], record.content["severity_reason"]) == ("P2", "partial service outage")
    assert f"companies: {COMPANIES}" in record.events("affected")


def test_a_log_that_cannot_be_read_is_no_reason_to_stop(sandbox: Sandbox, player: Player) -> None:
    """Who is affected is told as far as it is known."""
    edge = sandbox.docker.containers.get(f"{sandbox.project}-edge")
    assert edge.exec_run(["mv", LOG, f"{LOG}.away"]).exit_code == 0
    try:
        with sandbox.fault("frontend_stopped"):
            run = player.play("--check")
    finally:
        assert edge.exec_run(["mv", f"{LOG}.away", LOG]).exit_code == 0
    assert run.record.outcome == "diagnosed", run.output
    assert not any(text.startswith("requests:") for text in run.record.events("affected"))


def test_what_cannot_be_used_is_refused(player: Player) -> None:
    run = player.play("-e", "triage_traffic_minutes=soon")
    assert run.status == 2
    assert "triage_traffic_minutes" in run.said()
    assert "there is no incident nowhere in" in player.play("-e", "incident=nowhere").said()
    assert "triage_remedaite" in player.play("-e", "triage_remedaite=true").said()
