# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One measured piece of work in a process of its own: the report of one record, or the history of all."""

from __future__ import annotations

import sys
from pathlib import Path

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import history, history_html, history_text
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.record import Record, utc_now, write_private
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.report_files import write_report


def main() -> None:
    """Do what is named, in the folder that is named."""
    work, folder = sys.argv[1], Path(sys.argv[2])
    if work == "report":
        write_report(Record.load(str(folder)))
        return
    found = history.summary(*history.read(folder), utc_now())
    for name, render in (("html", history_html.html), ("md", history_text.markdown), ("prom", history_text.prometheus)):
        write_private(folder / f"history.{name}", render(found))
    print(found["incidents"])


if __name__ == "__main__":
    main()
