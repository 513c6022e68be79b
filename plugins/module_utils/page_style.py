# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the pages look: their colours, and the style sheet for screens of every width and for paper. Pure."""

from __future__ import annotations

# Every pair of a text colour and what it stands on has the contrast that WCAG AA asks for; a test computes it.
LIGHT = {
    "page": "#f7f8f9",
    "card": "#ffffff",
    "text": "#1d2329",
    "soft": "#59636e",
    "rule": "#d9dee3",
    "link": "#0b5cad",
    "good": "#17693f",
    "good-back": "#e3f3ea",
    "bad": "#a92a21",
    "bad-back": "#fbe9e7",
    "idle": "#59636e",
    "idle-back": "#eceff2",
    "up": "#4b9b73",
    "down": "#cf5a4f",
    "unseen": "#b4bcc4",
    "warn": "#b3741a",
}
DARK = {
    "page": "#14181c",
    "card": "#1c2126",
    "text": "#e4e8ec",
    "soft": "#a3adb8",
    "rule": "#343b43",
    "link": "#7db8f5",
    "good": "#7fd1a5",
    "good-back": "#1b3a2b",
    "bad": "#f5a199",
    "bad-back": "#472420",
    "idle": "#a3adb8",
    "idle-back": "#2a3138",
    "up": "#3f8f67",
    "down": "#cb5a50",
    "unseen": "#5a646e",
    "warn": "#cf962f",
}

_STYLE = """
:root { color-scheme: light dark; LIGHT }
@media (prefers-color-scheme: dark) { :root { DARK } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans",
  "Liberation Sans", "DejaVu Sans", sans-serif; }
main, header, footer { max-width: 1040px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 40px; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 4px; letter-spacing: -0.01em; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 48px 0 12px; }
h3 { font-size: 1.0625rem; line-height: 1.35; margin: 0; overflow-wrap: anywhere; }
p { margin: 0 0 8px; max-width: 44rem; }
a { color: var(--link); text-decoration-thickness: 1px; text-underline-offset: 2px; }
a:focus-visible, .scroll:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.id { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", "DejaVu Sans Mono", monospace;
  font-size: 0.9em; }
.soft { color: var(--soft); }
.head { display: flex; gap: 12px 16px; align-items: baseline; flex-wrap: wrap; }
.badge { display: inline-block; padding: 1px 9px; border-radius: 99px; font-size: 0.8125rem; font-weight: 600; white-space: nowrap; }
.badge.passed, .badge.met, .badge.healthy, .badge.resolved { color: var(--good); background: var(--good-back); }
.badge.failed, .badge.missed, .badge.escalated, .badge.open { color: var(--bad); background: var(--bad-back); }
.badge.skipped, .badge.diagnosed { color: var(--idle); background: var(--idle-back); }
.banner { background: var(--card); border: 1px solid var(--rule); border-left: 6px solid var(--edge); border-radius: 8px;
  padding: 20px 24px; }
.banner.passed { --edge: var(--up); }
.banner.failed { --edge: var(--down); }
.banner p { margin: 0; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(165px, 1fr)); gap: 12px; margin: 12px 0 0; padding: 0; }
.figures > div { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 12px 16px; display: flex;
  flex-direction: column-reverse; justify-content: flex-end; }
.figures dt { color: var(--soft); font-size: 0.8125rem; line-height: 1.35; overflow-wrap: anywhere; }
.figures dd { margin: 0; font-size: 1.375rem; line-height: 1.3; font-weight: 600; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--rule); border-radius: 8px; }
table { border-collapse: collapse; width: 100%; font-size: 0.9375rem; font-variant-numeric: tabular-nums; }
th, td { padding: 8px 12px; text-align: left; vertical-align: top; border-top: 1px solid var(--rule); }
thead th { border-top: 0; color: var(--soft); font-size: 0.8125rem; font-weight: 600; line-height: 1.3; vertical-align: bottom; }
tbody th { font-weight: 400; }
td.number { white-space: nowrap; }
td.number, th.number { text-align: right; }
td small, th small { display: block; color: var(--soft); font-size: 0.8125rem; line-height: 1.35; }
td small { overflow-wrap: anywhere; }
small.phone { display: none; }
.card { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 16px 20px 12px; margin: 0 0 16px; }
.card .title { margin: 2px 0 0; color: var(--soft); }
.facts { display: flex; flex-wrap: wrap; gap: 2px 24px; margin: 10px 0 0; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
.facts div { display: flex; gap: 6px; flex-wrap: wrap; }
.facts dt { color: var(--soft); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.reasons { margin: 12px 0 0; padding: 8px 12px 8px 30px; border-radius: 6px; background: var(--bad-back); color: var(--bad);
  overflow-wrap: anywhere; }
.reasons.skipped { background: var(--idle-back); color: var(--text); }
.chart { margin: 12px 0 0; overflow-x: auto; }
.chart svg { display: block; }
.chart .middle, .chart .narrow { display: none; }
.chart text { font-size: 12px; font-family: inherit; fill: var(--text); font-variant-numeric: tabular-nums; }
.chart text.tick { fill: var(--soft); }
.chart line { stroke: var(--text); stroke-width: 1; }
.chart line.tick { stroke: var(--soft); }
.events { list-style: none; margin: 8px 0 0; padding: 0; font-size: 0.875rem; line-height: 1.45; }
.events li { display: grid; grid-template-columns: 4rem 5.5rem minmax(0, 1fr); gap: 0 12px; padding: 2px 0; }
.events .at { text-align: right; color: var(--soft); font-variant-numeric: tabular-nums; white-space: nowrap; }
.events .text { overflow-wrap: anywhere; }
.key { display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 0 0 12px; font-size: 0.875rem; color: var(--soft); max-width: none; }
.key span::before { content: ""; display: inline-block; width: 14px; margin-right: 6px; height: 14px; vertical-align: -2px; }
footer { padding: 24px 24px 48px; color: var(--soft); font-size: 0.875rem; }
@media screen and (max-width: 1056px) { .minor, .chart .wide { display: none; } .chart .middle { display: block; } }
@media screen and (max-width: 740px) { .chart .middle { display: none; } .chart .narrow { display: block; } }
@media screen and (max-width: 640px) {
  main, header, footer { padding-left: 12px; padding-right: 12px; }
  header { padding-top: 16px; }
  h1 { font-size: 1.625rem; }
  h2 { margin-top: 36px; }
  .banner { padding: 14px 16px; }
  .figures { grid-template-columns: 1fr 1fr; gap: 8px; }
  .figures > div { padding: 10px 12px; }
  .detail { display: none; }
  small.phone { display: block; }
  th, td { padding: 7px 8px; }
  .card { padding: 14px 12px 10px; }
  .events li { grid-template-columns: 3.5rem minmax(0, 1fr); }
  .events .text { grid-column: 2; margin-bottom: 4px; }
}
@media print {
  :root { color-scheme: light; LIGHT --page: #ffffff; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  html { font-size: 11px; }
  body { font-size: 1rem; }
  th, td { padding: 4px 6px; }
  main, header, footer { max-width: none; padding: 0; }
  .scroll, .chart { overflow: visible; }
  .chart .wide, .chart .narrow { display: none; } .chart .middle { display: block; }
  .banner, .figures > div, .card, tr { break-inside: avoid; }
  h2, .key { break-after: avoid; }
  a { color: inherit; text-decoration: none; }
}
"""


def _variables(palette: dict[str, str]) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in palette.items())


def style(own: str) -> str:
    """Return the style sheet, with what a page has of its own at its end."""
    return _STYLE.replace("LIGHT", _variables(LIGHT)).replace("DARK", _variables(DARK)) + own
