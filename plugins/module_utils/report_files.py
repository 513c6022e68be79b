# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of an incident as the files of its record. Apart from the record, which modules take along that need no page."""

from __future__ import annotations

from . import report, report_html
from .record import Record, write_private


def write_report(record: Record) -> None:
    """Write ``report.md`` and ``report.html``: the same, for a terminal and for a browser."""
    review = record.review()
    write_private(record.folder / "report.md", report.render(record.content, review))
    write_private(record.folder / "report.html", report_html.render(record.content, review))
