# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role ip_block: what was found as findings of an incident, as one line, and how the run ended."""

from __future__ import annotations

import typing as t
from collections.abc import Callable

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import block_story
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.diagnosis import plain


def _of_plain(function: Callable[..., t.Any]) -> Callable[..., t.Any]:
    """Ansible gives values with tags, which the record does not take."""

    def call(*args: t.Any) -> t.Any:
        return function(*(plain(arg) for arg in args))

    return call


class FilterModule:
    """The filters of the role."""

    def filters(self) -> dict[str, Callable[..., t.Any]]:
        """Return the filters by name."""
        return {
            "block_findings": _of_plain(block_story.findings),
            "block_judgement": _of_plain(block_story.judgement),
            "block_observation": _of_plain(block_story.observation),
            "block_seen": _of_plain(block_story.seen),
        }
