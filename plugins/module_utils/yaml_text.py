# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML, read with PyYAML's C loader where there is one: it takes a tenth of the time. On the controller only."""

from __future__ import annotations

import typing as t


def read_yaml(text: str) -> t.Any:
    """The content of a text that holds plain data; yaml.YAMLError where it is no YAML."""
    # Imported here because the managed host, which gets this folder too, need not have it.
    import yaml

    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
