# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`docker kill -s STOP` on the backend looks as if it froze it, and does not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from circuit_sage import CircuitSage


@pytest.fixture
def first_process_stopped(system: CircuitSage) -> Iterator[None]:
    """Stop process 1 and let it go on; then a restart, since Docker takes any `docker kill` for a manual stop and would not restart it."""
    name = system.settings.containers["backend"]
    system.docker.api.kill(name, signal="STOP")
    yield
    system.docker.api.kill(name, signal="CONT")
    system.restart_backend()


def test_stops_a_wrapper_only(system: CircuitSage, first_process_stopped: None) -> None:
    """Process 1 is a package manager: what serves lies beneath it and goes on."""
    assert system.health().status == 200
