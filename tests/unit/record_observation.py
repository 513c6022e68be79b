# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep what the newest incident saw as the recorded observation of a fault: record_observation.py FAULT.

It gets production's paths, and loses what tells only of the machine that it was seen on.
"""

from __future__ import annotations

import json
import re
import sys
import typing as t
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
RECORDED = CHECKOUT / "tests" / "unit" / "recorded" / "observations"
FAULTS = CHECKOUT / "extensions" / "drill" / "faults"
SEEN = CHECKOUT / "incidents" / "latest" / "evidence" / "observations.json"
PRODUCTION = "/opt/circuit-sage"
# Where a program and its files are on every machine, and in the containers.
COMMON = ("app", "bin", "dev", "etc", "lib", "lib64", "proc", "run", "sbin", "sys", "usr", "var")
# The first folder of an absolute path; what follows a scheme or a word is none.
_ROOT = re.compile(r"(?<![\w./:])/([\w.@-]+)")

Mapping = dict[str, t.Any]


def of_this_machine(text: str) -> bool:
    """Whether the text has a path that is another one elsewhere."""
    return any(root not in COMMON for root in _ROOT.findall(text))


def _process(process: Mapping) -> Mapping:
    executable = process["executable"]
    return {**process, "executable": f"/usr/bin/{Path(executable).name}" if executable and of_this_machine(executable) else executable}


def _is_of_the_scene(process: Mapping) -> bool:
    """A process of the stack or of the fault, and not of whoever works on this machine, the run of the playbook among them."""
    return process["service"] is not None or not of_this_machine(process["command"])


def _with_production_paths(value: t.Any, checkout: Path) -> t.Any:
    if isinstance(value, dict):
        return {name: _with_production_paths(inner, checkout) for name, inner in value.items()}
    if isinstance(value, list):
        return [_with_production_paths(inner, checkout) for inner in value]
    if isinstance(value, str):
        return value.replace(str(checkout / "molecule" / "stack"), PRODUCTION).replace(str(checkout), f"{PRODUCTION}/checkout")
    return value


def portable(observations: Mapping, checkout: Path = CHECKOUT) -> Mapping:
    """The observations as any machine could have made them."""
    found = dict(observations)
    if host := found.get("host"):
        processes = [_process(one) for one in host["processes"] if _is_of_the_scene(one)]
        ports = [{**one, "holder": one["holder"] and _process(one["holder"])} for one in host["ports"] or []]
        found["host"] = {**host, "processes": processes, "ports": ports}
    if security := found.get("security"):
        # Who listens on this machine, and which of its packages are old, is no part of the scene.
        found["security"] = {**security, "facts": {**security["facts"], "listeners": [], "updates": None}}
    return t.cast(Mapping, _with_production_paths(found, checkout))


def main(arguments: list[str]) -> int:
    """Command line."""
    if len(arguments) != 1:
        raise SystemExit("usage: record_observation.py FAULT")
    if not (FAULTS / f"{arguments[0]}.yml").is_file():
        raise SystemExit(f"there is no fault {arguments[0]}; write extensions/drill/faults/{arguments[0]}.yml first")
    if not SEEN.is_file():
        raise SystemExit(f"there is no {SEEN}; bring the fault about and run its playbook with --check first")
    path = RECORDED / f"{arguments[0]}.json"
    path.write_text(json.dumps(portable(json.loads(SEEN.read_text(encoding="utf-8"))), indent=1) + "\n", encoding="utf-8")
    print(f"recorded {path.relative_to(CHECKOUT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
