# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host runs at boot and after a flush: make the kernel hold what the ledger says. Needs nothing but Python and nft."""

from __future__ import annotations

import sys
from pathlib import Path

from .errors import IncidentError
from .ip_block import Place, reload


def main(arguments: list[str]) -> int:
    """Command line: LEDGER TABLE."""
    try:
        result = reload(Place(Path(arguments[0]), arguments[1]))
    except IncidentError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if result["restored"]:
        sys.stdout.write(f"{result['active_count']} bans are in the kernel again\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
