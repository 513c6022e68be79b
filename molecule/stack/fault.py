#!/usr/bin/env python3
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a fault about on the sandbox, wait until it bites, and take it back: fault.py inject|revert|list [ID].

A fault is one YAML file in extensions/drill/faults/. Its shell parts run under bash with the names and functions of
extensions/drill/prelude.sh.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import typing as t
from pathlib import Path

STACK = Path(__file__).resolve().parent
CHECKOUT = STACK.parent.parent
sys.path.insert(0, str(CHECKOUT / ".ansible" / "collections"))

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import drill_faults  # noqa: E402
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError  # noqa: E402

BITE_SECONDS = 30.0
HEALTH_SECONDS = 60.0


def environment() -> dict[str, str]:
    """The names of the sandbox, from the same SANDBOX_* variables that stack.sh reads."""
    project = os.environ.get("SANDBOX_PROJECT", "circuit-sage-sandbox")
    backend_port = os.environ.get("SANDBOX_BACKEND_PORT", "14000")
    state = CHECKOUT / ".cache" / "drill"
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {
        **os.environ,
        "STACK": str(STACK),
        "COMPOSE_FILES": "docker-compose.prod.yml\ndocker-compose.sandbox.yml",
        "STATE": str(state),
        "ENV_FILE": str(STACK / ".env.production"),
        "PROJECT": project,
        "POSTGRES": f"{project}-db",
        "BACKEND": f"{project}-api",
        "FRONTEND": f"{project}-frontend",
        "EDGE": f"{project}-edge",
        "NETWORK": f"{project}_circuit-sage-network",
        "POSTGRES_ADDRESS": os.environ.get("SANDBOX_NETWORK", "172.30.83") + ".10",
        "BACKEND_ADDRESS": os.environ.get("SANDBOX_NETWORK", "172.30.83") + ".20",
        "BACKEND_URL": f"http://127.0.0.1:{backend_port}",
        "EDGE_URL": f"https://localhost:{os.environ.get('SANDBOX_EDGE_TLS_PORT', '18443')}",
    }


def load(identity: str) -> dict[str, t.Any]:
    """The fault of that id; the sentence for one that is not there or cannot be used goes to the caller."""
    path = drill_faults.FOLDER / f"{identity}.yml"
    if not path.exists():
        raise SystemExit(f"there is no fault {identity}; the faults are {', '.join(known())}")
    try:
        return drill_faults.read(path)
    except IncidentError as error:
        raise SystemExit(str(error)) from None


def known() -> list[str]:
    """The ids of the faults."""
    return sorted(path.stem for path in drill_faults.FOLDER.glob("*.yml"))


def shell(script: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a part of a fault; its output is kept for the error."""
    command = ["bash", "-c", drill_faults.prelude() + script]
    done = subprocess.run(command, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    if check and done.returncode:
        raise SystemExit(f"failed with status {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
    return done


def wait_for(script: str, seconds: float, what: str) -> None:
    """Poll until the script succeeds, for at most that long."""
    deadline = time.monotonic() + seconds
    while shell(script, check=False).returncode:
        if time.monotonic() > deadline:
            raise SystemExit(f"{what} within {seconds:.0f} s")
        time.sleep(0.1)


def inject(identity: str) -> None:
    """Bring the fault about and wait until it bites."""
    fault = load(identity)
    shell(fault["inject"])
    wait_for(fault["symptom"], BITE_SECONDS, f"the fault {identity} did not bite")


def revert(identity: str) -> None:
    """Take the fault back and wait until the service is healthy."""
    shell(load(identity)["revert"])
    wait_for(drill_faults.HEALTHY, HEALTH_SECONDS, "the service was not healthy again")


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=("inject", "revert", "list"))
    parser.add_argument("fault", nargs="?")
    options = parser.parse_args()
    if options.action == "list":
        print("\n".join(known()))
        return 0
    if not options.fault:
        parser.error(f"which fault? One of {', '.join(known())}")
    {"inject": inject, "revert": revert}[options.action](options.fault)
    return 0


if __name__ == "__main__":
    sys.exit(main())
