# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An inventory in which one stack has many names."""

from __future__ import annotations

from pathlib import Path

from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.vars.manager import VariableManager
from growth import write_inventory

SANDBOX = Path(__file__).parents[3] / "inventories" / "sandbox"


def test_each_name_has_the_variables_of_the_sandbox(tmp_path: Path) -> None:
    loader = DataLoader()
    path = write_inventory(SANDBOX, tmp_path / "many", 3)
    inventory = InventoryManager(loader, sources=[str(path)])
    variables = VariableManager(loader, inventory)
    hosts = inventory.get_hosts("circuit_sage")
    assert [host.name for host in hosts] == ["sandbox-1", "sandbox-2", "sandbox-3"]
    for host in hosts:
        seen = variables.get_vars(host=host)
        assert seen["ansible_connection"] == "local"
        assert seen["circuit_sage_compose_files"][0] == "docker-compose.prod.yml"
    assert [host.name for host in inventory.get_hosts("circuit_sage_edge")] == ["sandbox-edge"]
