# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who attacks by nginx's logs, what a ban of them would come to, and which bans do not hold. Reads only."""

from __future__ import annotations

import time
import typing as t
from collections.abc import Mapping
from pathlib import Path

from . import edge_traffic, ip_block
from .access_attacks import judge
from .access_rules import ATTACK_OPTIONS, RULE_OPTIONS, rules_of
from .ban_ledger import Ledger, now_text
from .ban_options import BAN_OPTIONS, place_of, protected_of, refuse_bad, wanted_of
from .input_bans import bypassed
from .ip_networks import Net, covering, net_of

BAN_INFO_OPTIONS: dict[str, dict[str, t.Any]] = {
    **BAN_OPTIONS,
    **ATTACK_OPTIONS,
    "rules": {"type": "list", "elements": "dict", "required": True, "options": RULE_OPTIONS},
    "traffic_minutes": {"type": "int", "default": 0},
}


def _found(options: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The attacks of the logs; nothing where addresses were named instead."""
    if options["addresses"]:
        return {}
    logs = [Path(path) for path in options["access_logs"]], [Path(path) for path in options["error_logs"]]
    return judge(*logs, rules_of(options["rules"]), options["since"], {})[0]


def _traffic(options: Mapping[str, t.Any]) -> dict[str, t.Any] | None:
    """The requests that failed lately; null where nobody asks."""
    if options["traffic_minutes"] < 1 or not options["access_logs"]:
        return None
    return edge_traffic.observe(Path(options["access_logs"][0]), options["traffic_minutes"], time.time())


class _Held:
    """What is blocked now."""

    def __init__(self, place: ip_block.Place) -> None:
        now = now_text()
        ledger = Ledger.read(place.ledger)
        ledger.settle(now)
        self._blocked = ledger.blocked(now)
        self._prefixes = sorted({net.prefix for net in self._blocked})

    def holds(self, net: Net) -> bool:
        return net in self._blocked or covering(net, self._blocked, self._prefixes) is not None


def look(options: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What the module ban_info returns."""
    refuse_bad(options)
    place, protected = place_of(options), protected_of(options)
    found = _found(options)
    wanted = wanted_of(options, options["addresses"] or list(found.get("reasons", {})), found.get("reasons", {}))
    planned = ip_block.block(place, wanted, protected, options["confirm_seconds"], strict=options["strict"], check=True)
    held = _Held(place)
    refused = {one["address"] for one in planned["refused"]}
    for attack in found.get("attacks", []):
        attack["waiting"] = [name for name in attack["addresses"] if name not in refused and not held.holds(net_of(name))]
    past = [str(net) for net in bypassed() if not held.holds(net) and protected.refusal(net) is None]
    return {"changed": False, "found": found, "planned": {**planned, "changed": False}, "bypassed": past, "traffic": _traffic(options)}
