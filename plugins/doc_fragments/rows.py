# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the modules that write rows of the application's tables and keep their images."""

from __future__ import annotations


class ModuleDocFragment:
    """Options shared by the modules that change rows."""

    DOCUMENTATION = r"""
options:
  lock_timeout:
    description: How many seconds to wait for a row that somebody else has locked, and for another run.
    type: int
    default: 5
  diff_limit:
    description: How many changes the diff shows.
    type: int
    default: 100
"""
