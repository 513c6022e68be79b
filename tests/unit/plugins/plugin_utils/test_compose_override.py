# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The override's text: earlier lines stay, ports stand instead of those of the compose files, and Compose's tags are no obstacle."""

from __future__ import annotations

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.plugin_utils import compose_override

PORTS = {"services": {"postgres": {"ports": ["127.0.0.1:5432:5432"]}}}


def test_ports_carry_the_tag_and_survive_the_next_addition() -> None:
    first = compose_override.merge("", PORTS)
    assert "ports: !override\n" in first
    second = compose_override.merge(first, {"services": {"backend": {"mem_limit": "512m"}}})
    assert "ports: !override\n" in second
    assert "127.0.0.1:5432:5432" in second
    assert "mem_limit: 512m" in second


def test_an_addition_replaces_what_it_names_alone() -> None:
    text = "services:\n  postgres:\n    image: postgres:15\n    ports: ['0.0.0.0:5432:5432']\n"
    merged = compose_override.merge(text, PORTS)
    assert "image: postgres:15" in merged
    assert "0.0.0.0" not in merged


def test_other_tags_of_compose_are_read() -> None:
    assert "x: 1" in compose_override.merge("services: {a: !reset {x: 1}, b: !reset null}\n", {})


@pytest.mark.parametrize(("text", "words"), [("a: [", "is not YAML"), ("- a\n", "is no compose file")])
def test_what_is_no_override_is_refused(text: str, words: str) -> None:
    with pytest.raises(IncidentError, match=words):
        compose_override.merge(text, PORTS)
