# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the style sheet of the drill's page has beside that of every page: the table of faults, the matrix, the strip of probes. Pure."""

from __future__ import annotations

OWN = """
.faults tbody .id { overflow-wrap: anywhere; }
.faults td, .faults th { padding-left: 8px; padding-right: 8px; }
.faults th:first-child { min-width: 190px; }
.matrix { width: auto; }
.matrix td { text-align: center; min-width: 34px; padding: 5px; }
.matrix tbody th { padding: 5px 12px; white-space: nowrap; }
.matrix thead td { border: 0; }
.matrix thead th { vertical-align: bottom; padding: 10px 5px; text-align: center; }
.matrix thead th .id { writing-mode: vertical-rl; transform: rotate(180deg); color: var(--text); font-weight: 400; }
.matrix .right { background: var(--good-back); color: var(--good); font-weight: 600; }
.matrix .wrong { background: var(--bad-back); color: var(--bad); font-weight: 600; }
.chart line.again { stroke-dasharray: 2 2; }
.chart .up { fill: var(--up); } .chart .down { fill: var(--down); } .chart .unseen { fill: var(--unseen); }
.key .up::before { background: linear-gradient(transparent 50%, var(--up) 50%); }
.key .down::before { background: var(--down); }
.key .unseen::before { background: linear-gradient(transparent 75%, var(--unseen) 75%); }
@media screen and (max-width: 640px) {
  .faults th:first-child { min-width: 0; overflow-wrap: anywhere; }
}
@media print {
  .faults th, .faults td { padding: 4px 6px; }
  .faults th:first-child { min-width: 0; }
  .matrix td, .matrix thead th { padding: 2px; min-width: 14px; }
}
"""
