# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a measurement ends: its table on the terminal and as Markdown, and what was missed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from table import HEAD, Row, markdown, plain


def conclude(rows: Sequence[Row], note: str, missed: Sequence[str], file: Path) -> int:
    """Print and write the table with its note; `missed` are bars that no row has. Gives the exit status: 1 where a bar was missed."""
    lines = [HEAD, *(row.cells() for row in rows)]
    print(f"{plain(lines)}\n{note}")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{markdown(lines)}\n\n{note}\n", encoding="utf-8")
    missed = [*(f"{row.name} ({row.cells()[6]})" for row in rows if not row.passed), *missed]
    if missed:
        print(f"bench: missed: {'; '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0
