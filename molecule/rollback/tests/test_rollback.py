# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release that no probe complains of is taken back, and so is the roll-back; where there is no way back nothing is stopped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playbook import Player
from sandbox import Sandbox, faults

DEPLOY = """
docker tag circuit-sage-sandbox/backend:1 "$PROJECT-release/backend:previous"
# A layer of its own, so that it was made now: an image that only gets a label is as old as the one below.
printf '%s\\n' 'FROM circuit-sage-sandbox/backend:1' "RUN : release of $(date +%s)" | docker build -q -t "$PROJECT-release/backend:1" -
echo "SANDBOX_BACKEND_IMAGE=$PROJECT-release/backend:1" >>"$ENV_FILE"
compose up -d --no-deps --no-build backend
"""
BROKEN = """
printf '%s\\n' 'FROM circuit-sage-sandbox/backend:1' "RUN : release of $(date +%s)" \\
  'ENTRYPOINT ["/bin/false"]' |
  docker build -q -t "$PROJECT-release/backend:broken" -
"""
FORGET_PREVIOUS = 'docker rmi "$PROJECT-release/backend:previous"'
MIGRATE = "INSERT INTO schema_migrations (filename, checksum) VALUES ('900_drill.sql', 'none')"
FORGET = "DELETE FROM schema_migrations WHERE filename = '900_drill.sql'"
UNDO = "playbooks/undo.yml"


@pytest.fixture
def release(sandbox: Sandbox) -> Iterator[str]:
    """A release was deployed over the one before: its image."""
    try:
        faults.shell(DEPLOY)
        sandbox.restore()
        yield running(sandbox)
    finally:
        faults.shell("no_release")
        sandbox.restore()


def running(sandbox: Sandbox) -> str:
    """The image that the backend runs."""
    return str(sandbox.docker.containers.get(sandbox.backend_container).image.id)


def image_of(sandbox: Sandbox, name: str) -> str:
    return str(sandbox.docker.images.get(name).id)


def test_taken_back_and_forth(sandbox: Sandbox, player: Player, release: str, seeded_rows: str) -> None:
    """With --check it is only said; a second run goes back no further; undo brings the release again."""
    before = image_of(sandbox, "circuit-sage-sandbox/backend:1")
    assert release != before
    seen = sandbox.snapshot()
    checked = player.play("--check", "-v")
    assert (checked.status, checked.record.outcome, checked.record.causes) == (0, "diagnosed", ["rollback_asked"]), checked.output
    assert sandbox.snapshot().changes_since(seen) == {}

    run = player.play("-v")
    assert (run.status, run.record.outcome) == (0, "resolved"), run.output
    assert running(sandbox) == before
    assert sandbox.snapshot().changes_since(seen).keys() == {"backend"}
    kept = f"{sandbox.project}-release/backend:{run.record.folder.name}"
    assert image_of(sandbox, kept) == release
    (change,) = run.record.content["changes"]
    assert change["undo"] == f"ansible-playbook circuit_sage.incident_response.rollback -e rollback_to={run.record.folder.name}"
    sandbox.prove_write()
    assert sandbox.rows() == seeded_rows

    seen = sandbox.snapshot()
    again = player.play("-v")
    assert (again.status, again.record.outcome, again.record.causes) == (0, "healthy", ["rolled_back_already"]), again.output
    assert again.changed == 0
    assert sandbox.snapshot().changes_since(seen) == {}

    undone = player.play("-e", f"incident={run.record.folder.name}", playbook=UNDO)
    assert undone.status == 0, undone.output
    assert running(sandbox) == release
    assert sandbox.is_healthy()


def test_what_does_not_become_healthy_is_taken_back(sandbox: Sandbox, player: Player, release: str) -> None:
    faults.shell(BROKEN)
    run = player.play("-e", "rollback_to=broken", "-e", "incident_settle_seconds=10")
    assert (run.status, run.record.outcome) == (2, "escalated"), run.output
    assert f"did not become healthy, so {release} runs again" in run.said()
    assert running(sandbox) == release
    sandbox.restore()


def test_nothing_is_stopped_where_there_is_no_way_back(sandbox: Sandbox, player: Player, release: str) -> None:
    """The schema is a newer one; there is no image; the name is of something else."""
    seen = sandbox.snapshot()
    try:
        sandbox.psql(MIGRATE, sandbox.env["POSTGRES_DB"])
        migrated = player.play()
    finally:
        sandbox.psql(FORGET, sandbox.env["POSTGRES_DB"])
    assert (migrated.record.outcome, migrated.record.causes) == ("escalated", ["rollback_over_migrations"]), migrated.output
    assert "900_drill.sql" in migrated.said()
    faults.shell(FORGET_PREVIOUS)
    alone = player.play()
    assert (alone.record.outcome, alone.record.causes) == ("escalated", ["rollback_without_target"]), alone.output
    other = player.play("-e", "rollback_to=circuit-sage-sandbox/frontend:1")
    assert other.status == 2
    assert f"the image circuit-sage-sandbox/frontend:1 is none of {sandbox.project}-release/backend; name one of it" in other.said()
    for run in (migrated, alone, other):
        assert run.record.content["changes"] == []
    assert running(sandbox) == release
    assert sandbox.snapshot().changes_since(seen) == {}
