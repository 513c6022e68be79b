# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The causes of all roles. A cause lives in one role, and every incident looks for all of them. On the controller only."""

from __future__ import annotations

import functools
import typing as t
from pathlib import Path

from .yaml_text import read_yaml

ROLES = Path(__file__).resolve().parents[2] / "roles"


def read_causes(role: str, roles: Path = ROLES) -> list[dict[str, t.Any]]:
    """The causes of a role, each with the name of that role, in the order of its file."""
    content = read_yaml((roles / role / "files" / "causes.yml").read_text(encoding="utf-8"))
    return [{**cause, "role": role} for cause in content["causes"]]


def roles_with_causes(roles: Path = ROLES) -> list[str]:
    """The roles that own causes."""
    return sorted(path.parents[1].name for path in roles.glob("*/files/causes.yml"))


@functools.cache
def all_causes(roles: Path = ROLES) -> list[dict[str, t.Any]]:
    """The causes of all roles, read once in a process; who wants one otherwise makes one of its own."""
    return [cause for role in roles_with_causes(roles) for cause in read_causes(role, roles)]
