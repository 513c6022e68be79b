# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible loads the account at the start of every run, before anything is told."""

from __future__ import annotations

import subprocess
import sys

_CALLBACK = "ansible_collections.circuit_sage.incident_response.plugins.callback.account"


def test_loads_no_client() -> None:
    # Square's SDK alone took half a second of each run, most of which never ask Square.
    clients = {"docker", "httpx", "psycopg2", "pydantic", "requests", "square"}
    program = f"import sys, {_CALLBACK}; print(*(sys.modules.keys() & {clients}))"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"PYTHONPATH": ".ansible/collections"}
    )
    assert loaded.stdout.split() == []
