# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes `ansible_collections.circuit_sage.incident_response` importable from this checkout, by the loader that Ansible itself uses."""

from __future__ import annotations

import sys
from pathlib import Path

from ansible.plugins.loader import init_plugin_loader
from hypothesis import HealthCheck, settings
from hypothesis.configuration import set_hypothesis_home_dir

CHECKOUT = Path(__file__).parents[2]

# For the modules beside the tests, and the programs of the sandbox.
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent / "roles"), str(CHECKOUT / "molecule" / "stack")]
init_plugin_loader([str(CHECKOUT / ".ansible" / "collections")])
# Else a folder .hypothesis appears wherever the tests are started.
set_hypothesis_home_dir(CHECKOUT / ".cache" / "hypothesis")
# A machine that is busy takes its time over an example, which says nothing of the code.
settings.register_profile("busy", settings(deadline=None, suppress_health_check=[HealthCheck.too_slow]))
settings.load_profile("busy")
