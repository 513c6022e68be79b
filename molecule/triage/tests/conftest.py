# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""triage on the real stack: every test runs the playbook as a user would, and looks from outside at what it did."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "harness"))

# Else a failed assertion in one of these would not say what it compared.
pytest.register_assert_rewrite("evidence_key", "fixtures", "leaks", "playbook", "sandbox")

from evidence_key import key  # noqa: E402
from fixtures import player, sandbox, seeded_rows  # noqa: E402

__all__ = ["key", "player", "sandbox", "seeded_rows"]
