# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The size of the backend's pool is adjusted where it is asked for, and stays so."""

from __future__ import annotations

import json

import yaml
from playbook import Player
from sandbox import STACK, Sandbox, faults

OVERRIDE = STACK / "docker-compose.incident.yml"
ASKED = ("-e", json.dumps({"circuit_sage_pool_environment": {"DB_POOL_MAX": 12}}))


def test_the_pool_is_adjusted_for_good(sandbox: Sandbox, player: Player) -> None:
    before = sandbox.snapshot()
    try:
        checked = player.play("--check", *ASKED)
        assert (checked.record.outcome, checked.record.causes) == ("diagnosed", ["pool_settings_asked"]), checked.output
        assert sandbox.snapshot().changes_since(before) == {}

        adjusted = player.play(*ASKED)
        assert (adjusted.status, adjusted.record.outcome) == (0, "resolved"), adjusted.output
        assert set(sandbox.snapshot().changes_since(before)) == {"backend", "files"}
        assert yaml.safe_load(OVERRIDE.read_text(encoding="utf-8")) == {"services": {"backend": {"environment": {"DB_POOL_MAX": "12"}}}}
        again = player.play("-v", *ASKED)
        assert (again.record.outcome, again.changed) == ("healthy", 0), again.output

        status, answer = sandbox.ask(f"{sandbox.backend_url}/_drill/leak-connections", "POST", {"count": 12})
        assert (status, answer["data"]["leakedConnections"]) == (200, 12)
    finally:
        OVERRIDE.unlink(missing_ok=True)
        faults.shell("compose up -d --no-deps --force-recreate --no-build backend")
        sandbox.restore()
