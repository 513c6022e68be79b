# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of the roles that a run goes through. Ansible checks the values of those that it knows, and says nothing of a mistyped name,
which would silently do the default. On the controller only.
"""

from __future__ import annotations

import difflib
import typing as t
from collections.abc import Iterable
from pathlib import Path

from .cause_catalog import ROLES
from .errors import IncidentError
from .yaml_text import read_yaml

# What `-e` gives for short where a role has a list of companies.
ONE_COMPANY = "company_id"


def _entries(role: str, roles: Path) -> dict[str, dict[str, t.Any]]:
    """The argument specifications of a role by entry point; none for a role of another collection."""
    try:
        text = (roles / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    return t.cast("dict[str, dict[str, t.Any]]", read_yaml(text)["argument_specs"])


def specification(role: str, roles: Path = ROLES) -> dict[str, t.Any]:
    """The options of a role's entry point `main`, as Ansible's validator takes them."""
    return t.cast("dict[str, t.Any]", _entries(role, roles)["main"]["options"])


def settings_of(role: str, roles: Path = ROLES) -> list[str]:
    """What a role may be given, by its argument specification; nothing for a role of another collection."""
    return sorted({name for entry in _entries(role, roles).values() for name in entry.get("options", {})})


def refuse_mistyped(names: Iterable[str], role: str, settings: list[str]) -> None:
    """Raise for a variable that begins as the role's settings do, is none, and is nearly one. Others may be of a user's own task files."""
    words = role.split("_")
    # `rotation_secrets` is a setting of the role `secret_rotation`.
    beginnings = tuple("_".join(words[first:]) + "_" for first in range(len(words)))
    own = [name for name in settings if name.startswith(beginnings)]
    given = sorted(names)
    for name in given:
        if name.startswith(beginnings) and name not in own:
            near = difflib.get_close_matches(name, own, n=1, cutoff=0.85)
            if near:
                raise IncidentError(f"{name} is not a setting of the role {role}; did you mean {near[0]}?")
    if any(name.endswith(f"_{ONE_COMPANY}s") for name in settings):
        # Ignored, it would let a run that is meant for one customer go over all of them.
        for name in given:
            if name != ONE_COMPANY and name.startswith("comp") and difflib.get_close_matches(name, [ONE_COMPANY], cutoff=0.9):
                raise IncidentError(f"{name} is not a setting of the role {role}; did you mean {ONE_COMPANY}?")
