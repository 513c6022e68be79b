# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the messages share: the stack, the receivers on the loopback, and the settings that lead to them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parent))
sys.path.insert(0, str(HERE.parents[2] / "harness"))
# Else a failed assertion in one of these would not say what it compared.
pytest.register_assert_rewrite("causes", "fixtures", "leaks", "playbook", "receivers", "sandbox")

from fixtures import sandbox, seeded_rows  # noqa: E402
from playbook import Player  # noqa: E402
from receivers import Mail, Web, mail_receiver, web_receiver  # noqa: E402

__all__ = ["sandbox", "seeded_rows"]


@pytest.fixture
def player(tmp_path: Path) -> Player:
    """Runs the playbook whose incidents are told of."""
    return Player(tmp_path / "records", "db_failure")


@pytest.fixture
def web() -> Iterator[Web]:
    """The web services."""
    with web_receiver() as found:
        yield found


@pytest.fixture
def mail() -> Iterator[Mail]:
    """The mail server."""
    with mail_receiver() as found:
        yield found
