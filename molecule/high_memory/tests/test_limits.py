# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A memory limit that is too low in the compose files themselves is raised for good, and a restart for a leak has a budget."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone

import pytest
import yaml
from playbook import Player
from sandbox import STACK, Sandbox, eventually, faults

OVERRIDE = STACK / "docker-compose.incident.yml"
ASKED = ("-e", json.dumps({"circuit_sage_memory_limits": {"backend": "512m"}}))
MEBI = 1024**2

MAKE_BACKEND = "compose up -d --no-deps --force-recreate --no-build backend"
WITH_OVERRIDE = f'COMPOSE_FILES="$COMPOSE_FILES\n{OVERRIDE.name}"; {MAKE_BACKEND}'
NEEDS_MORE = """
curl -s -o /dev/null --max-time 20 -H 'Content-Type: application/json' -d '{"megabytes": 200}' "$BACKEND_URL/_drill/leak-memory" || true
"""


def limit_of(sandbox: Sandbox) -> int:
    return int(sandbox.docker.api.inspect_container(sandbox.backend_container)["HostConfig"]["Memory"])


@pytest.fixture
def too_low(sandbox: Sandbox) -> Iterator[None]:
    """A backend that the compose files give 96 MiB, and that was ended when it needed more."""
    OVERRIDE.write_text("services: {backend: {mem_limit: 96m, labels: {kept: by the override}}}\n", encoding="utf-8")
    try:
        faults.shell(WITH_OVERRIDE)
        eventually(sandbox.is_healthy, 60, "the backend is healthy below its limit")
        faults.shell(NEEDS_MORE)
        eventually(lambda: sandbox.bites("container_oom"), 30, "the kernel ended the backend")
        yield
    finally:
        OVERRIDE.unlink()
        faults.shell(MAKE_BACKEND)
        sandbox.restore()


@pytest.mark.usefixtures("too_low")
def test_a_limit_of_the_compose_files_is_raised_for_good(sandbox: Sandbox, player: Player) -> None:
    """Named and left without a wish; with one raised in place, and kept where the next container is made of."""
    left = player.play()
    assert (left.status, left.record.outcome, left.record.causes[0]) == (2, "escalated", "container_oom_at_its_limit"), left.output
    assert "circuit_sage_memory_limits" in left.said()
    before = sandbox.snapshot()
    checked = player.play("--check", *ASKED)
    assert (checked.record.outcome, checked.record.causes) == ("diagnosed", ["memory_limit_asked"]), checked.output
    assert sandbox.snapshot().changes_since(before) == {}

    mended = player.play(*ASKED)
    assert (mended.status, mended.record.outcome) == (0, "resolved"), mended.output
    assert limit_of(sandbox) == 512 * MEBI
    # In place: it is the same container.
    assert sandbox.containers()["backend"].identity == before.containers["backend"].identity
    assert sandbox.is_healthy()
    kept = yaml.safe_load(OVERRIDE.read_text(encoding="utf-8"))["services"]["backend"]
    assert (kept["mem_limit"], kept["labels"]) == (str(512 * MEBI), {"kept": "by the override"})
    report = (mended.record.folder / "report.md").read_text(encoding="utf-8")
    assert "## Recent Changes" in report
    assert f"compose file {OVERRIDE.name} written" in report

    again = player.play("-v", *ASKED)
    assert (again.record.outcome, again.changed) == ("healthy", 0), again.output
    faults.shell(WITH_OVERRIDE)
    sandbox.restore()
    assert limit_of(sandbox) == 512 * MEBI


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        ({"backend": "plenty"}, "asks for plenty for backend, which is no size"),
        ({"worker": "1g"}, "no such service; they have backend, edge, frontend, postgres, square"),
        ({"backend": "1g"}, "give it no limit; there is nothing to raise"),
    ],
)
def test_a_wish_that_cannot_be_right_touches_nothing(sandbox: Sandbox, player: Player, limits: dict[str, str], sentence: str) -> None:
    before = sandbox.snapshot()
    run = player.play("-e", json.dumps({"circuit_sage_memory_limits": limits}))
    assert run.status == 2
    assert sentence in run.said()
    assert sandbox.snapshot().changes_since(before) == {}


def test_a_restart_for_a_leak_has_a_budget(sandbox: Sandbox, player: Player) -> None:
    """Three in a day; the fourth waits for a person, who can approve it."""
    first = player.play("--check")
    content = first.record.content
    content["remedies"] = [{"at": datetime.now(timezone.utc).isoformat(timespec="milliseconds"), "remedy": "restart_leaking_backend"}] * 3
    (first.record.folder / "incident.json").write_text(json.dumps(content), encoding="utf-8")
    with sandbox.fault("memory_leak"):
        before = sandbox.snapshot()
        left = player.play()
        assert (left.status, left.record.outcome, left.record.causes[0]) == (2, "escalated", "memory_leak"), left.output
        assert "restart_leaking_backend was carried out 3 times in 24 hours and did not last" in left.said()
        assert sandbox.snapshot().changes_since(before) == {}
        approved = player.play("-e", "incident_approve=memory_leak")
        assert (approved.status, approved.record.outcome) == (0, "resolved"), approved.output
