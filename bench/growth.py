# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An inventory in which one stack has many names, to see how a diagnosis grows with the number of hosts."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from pathlib import Path

import yaml

GROUP = "circuit_sage"


def many_names(inventory: Mapping[str, t.Any], number: int) -> dict[str, t.Any]:
    """The inventory with so many names for the one host of the group, each with that host's own variables."""
    (host,) = inventory[GROUP]["hosts"]
    variables = inventory[GROUP]["hosts"][host]
    hosts = {f"{host}-{count}": dict(variables) for count in range(1, number + 1)}
    return {**inventory, GROUP: {**inventory[GROUP], "hosts": hosts}}


def write_inventory(sandbox: Path, folder: Path, number: int) -> Path:
    """Write it into a folder of its own, beside the group variables of the sandbox's inventory: one file, so that it is one source."""
    folder.mkdir()
    (folder / "group_vars").symlink_to(sandbox / "group_vars")
    inventory = yaml.safe_load((sandbox / "hosts.yml").read_text(encoding="utf-8"))
    path = folder / "hosts.yml"
    path.write_text(yaml.safe_dump(many_names(inventory, number), sort_keys=False), encoding="utf-8")
    return path
