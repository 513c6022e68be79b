# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine to talk to, for the tests of everything that does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from engine_server import EngineServer, engine_in


@pytest.fixture
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineServer]:
    """An engine that answers nothing yet."""
    # A folder of its own: what is in that of the test may be compared with what was.
    with engine_in(tmp_path_factory.mktemp("engine")) as made:
        yield made
