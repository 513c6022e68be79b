# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the doc fragment `bans`, as Ansible's argument spec, and what they come to."""

from __future__ import annotations

import getpass
import re
import typing as t
from collections.abc import Mapping, Sequence
from pathlib import Path

from .errors import IncidentError
from .ip_block import Place, Wanted
from .ip_networks import Protected, nets_of
from .protected_networks import protected_networks

BAN_OPTIONS: dict[str, dict[str, t.Any]] = {
    "addresses": {"type": "list", "elements": "str", "default": []},
    "incident": {"type": "str"},
    "reason": {"type": "str", "default": "blocked by hand"},
    "hours": {"type": "float", "default": 24},
    "allow": {"type": "list", "elements": "str", "default": []},
    "wide": {"type": "list", "elements": "str", "default": []},
    "gather_at": {"type": "int", "default": 0},
    "strict": {"type": "bool", "default": True},
    "confirm_seconds": {"type": "int", "default": 60},
    "responder": {"type": "str"},
    "ledger": {"type": "path", "default": "/var/lib/circuit-sage/ip_block.json"},
    "table": {"type": "str", "default": "circuit_sage_block"},
    "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
}


def refuse_bad(options: Mapping[str, t.Any]) -> None:
    """Raise for an option that could do nobody good, in one sentence."""
    if not 0 < options["hours"] <= 720:
        raise IncidentError(f"ip_block_hours is {options['hours']:g}; give more than 0 and at most 720, the 30 days that a ban may last")
    if options["confirm_seconds"] and not 10 <= options["confirm_seconds"] <= 600:
        raise IncidentError(f"ip_block_confirm_seconds is {options['confirm_seconds']}; give 10 to 600, or 0 for no confirmation")
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,60}", options["table"]):
        raise IncidentError(f"ip_block_table is {options['table']!r}; give a name of small letters, digits and _")
    for name in ("allow", "wide"):
        try:
            nets_of(options[name])
        except IncidentError as error:
            raise IncidentError(f"ip_block_{name} cannot be used: {error}") from None


def place_of(options: Mapping[str, t.Any]) -> Place:
    """Where the bans are."""
    return Place(Path(options["ledger"]), options["table"])


def protected_of(options: Mapping[str, t.Any]) -> Protected:
    """What must not be blocked."""
    return Protected(protected_networks(options["docker_host"], options["responder"], options["allow"]), options["wide"])


def wanted_of(options: Mapping[str, t.Any], addresses: Sequence[str], reasons: Mapping[str, t.Any]) -> Wanted:
    """What is to be blocked, and why."""
    run = {"by": getpass.getuser(), "why": options["reason"], "incident": options["incident"]}
    return Wanted(addresses, dict(reasons), run, options["hours"], options["gather_at"])
