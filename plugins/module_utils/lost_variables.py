# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the value of a variable that the env file has lost can still be found. Values are compared here and never told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .recorded_value import BACKEND_NAMES
from .redaction import is_secret_name

Variables = Mapping[str, str]


def agrees(copy: Variables, own: Variables, lost: Sequence[str]) -> bool:
    """Whether a copy is one of this system's: it has a secret in common with the env file, and none that differs.

    An example, or the file of another system, has values of its own, and one of those would be an invented secret.
    """
    common = {name for name in set(copy) & set(own) - set(lost) if is_secret_name(name) and own[name]}
    return bool(common) and all(copy[name] == own[name] for name in common)


def sources(
    lost: Sequence[str], own: Variables, environments: Mapping[str, Variables], copies: Mapping[str, Variables]
) -> list[dict[str, str]]:
    """For each lost variable the place that still has its value, as the module env_file_restore names it; those that none has are left out.

    A container was made with the value that was right then, so it goes before a copy; of the copies the first, which is the newest.
    """
    found = []
    for name in lost:
        places = [
            *(
                (f"container:{service}", environment.get(BACKEND_NAMES.get(name, name) if service == "backend" else name))
                for service, environment in environments.items()
            ),
            *((f"copy:{copy}", variables.get(name)) for copy, variables in copies.items() if agrees(variables, own, lost)),
        ]
        source = next((place for place, value in places if value), None)
        if source:
            found.append({"variable": name, "source": source})
    return found
