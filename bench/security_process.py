# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One measured piece of work in a process of its own, as a module's is: what it is told on its standard input, and tells at its end."""

from __future__ import annotations

import json
import resource
import sys
import typing as t
from pathlib import Path

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import ip_block
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.access_attacks import judge
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.access_rules import rules_of
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.ip_networks import Protected
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.protected_networks import protected_networks


def work(told: dict[str, t.Any]) -> dict[str, t.Any]:
    """What the modules access_log_info and ip_block do."""
    if "log" in told:
        found = judge([Path(told["log"])], [], rules_of(told["rules"]), 0, {})[0]
        return {"lines": found["lines"], "malformed": found["malformed"], "attacks": [one["id"] for one in found["attacks"]]}
    place = ip_block.Place(Path(told["ledger"]), run_dir=Path(told["ledger"]).parent)
    if "confirm" in told:
        return dict(ip_block.confirm(place, told["confirm"], False))
    addresses = Path(told["addresses"]).read_text(encoding="ascii").split()
    wanted = ip_block.Wanted(addresses, {}, {"by": "bench", "why": "bench", "incident": "bench"})
    done = ip_block.block(place, wanted, Protected(protected_networks("unix:///var/run/docker.sock", None, [])), 60)
    return {key: done[key] for key in ("changed", "blocked_count", "run")}


def main() -> None:
    """Do it, and say how much memory that took."""
    answer = work(json.load(sys.stdin))
    print(json.dumps({**answer, "kilobytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))


if __name__ == "__main__":
    main()
