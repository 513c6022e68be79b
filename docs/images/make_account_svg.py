# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw the account of a real run as a picture of a terminal: the run's output on standard input, the SVG on standard output.

    ANSIBLE_FORCE_COLOR=1 ansible-playbook playbooks/db_failure.yml |
      python docs/images/make_account_svg.py 'ansible-playbook playbooks/db_failure.yml' >docs/images/db_failure.svg

The argument is the command line to show above the output. Standard library only.
"""

from __future__ import annotations

import re
import sys
import typing as t
from pathlib import Path
from xml.sax.saxutils import escape

CHECKOUT = Path(__file__).resolve().parents[2]

# One cell of the character grid and the frame around it, in the SVG's own units.
CELL_WIDTH, CELL_HEIGHT, FONT_SIZE = 8.43, 19, 14
MARGIN, TITLE_BAR = 18, 34

# The panel is dark in light and dark surroundings alike, as most terminals are; each colour is readable on it.
BACKGROUND, BORDER, PLAIN = "#161b22", "#3d444d", "#d1d7e0"
COLOURS = {
    "30": "#8b949e",
    "31": "#ff7b72",
    "32": "#56d364",
    "33": "#e3b341",
    "34": "#79c0ff",
    "35": "#d2a8ff",
    "36": "#56d4dd",
    "37": "#f0f6fc",
}
ESCAPE = re.compile(r"\x1b\[([0-9;]*)m")


class Span(t.NamedTuple):
    """A piece of one line in one colour."""

    column: int
    text: str
    colour: str


def spans(line: str) -> list[Span]:
    """Split a line at its colour codes."""
    found: list[Span] = []
    column, colour = 0, PLAIN
    for number, part in enumerate(ESCAPE.split(line)):
        if number % 2:
            codes = part.split(";")
            colour = next((COLOURS[code] for code in codes if code in COLOURS), PLAIN)
        elif part:
            found.append(Span(column, part, colour))
            column += len(part)
    return found


def draw(command: str, output: str) -> str:
    """The SVG of a terminal that shows the command and its output."""
    lines = [f"$ {command}", *output.replace(f"{CHECKOUT}/", "").splitlines()]
    plain = [ESCAPE.sub("", line) for line in lines]
    width = round(max(map(len, plain)) * CELL_WIDTH + 2 * MARGIN)
    height = TITLE_BAR + len(lines) * CELL_HEIGHT + MARGIN
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
        f"<title>{escape(command)}</title>",
        f"<desc>{escape(chr(10).join(plain))}</desc>",
        f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8" fill="{BACKGROUND}" stroke="{BORDER}"/>',
        *(f'<circle cx="{MARGIN + 4 + 18 * number}" cy="17" r="5" fill="{BORDER}"/>' for number in range(3)),
        f'<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, \'DejaVu Sans Mono\', monospace" font-size="{FONT_SIZE}">',
    ]
    for number, line in enumerate(lines):
        y = TITLE_BAR + (number + 1) * CELL_HEIGHT - 5
        for span in spans(line):
            text = span.text.lstrip(" ")
            if not text:
                continue
            column = span.column + len(span.text) - len(text)
            # The length is fixed, so that columns stand below one another whatever font the reader has.
            drawn.append(
                f'<text x="{MARGIN + column * CELL_WIDTH:.1f}" y="{y}" fill="{span.colour}" xml:space="preserve" '
                f'textLength="{len(text) * CELL_WIDTH:.1f}" lengthAdjust="spacingAndGlyphs">{escape(text)}</text>'
            )
    return "\n".join([*drawn, "</g>", "</svg>", ""])


def main() -> int:
    """Command line."""
    if len(sys.argv) != 2 or sys.stdin.isatty():
        print(__doc__, file=sys.stderr)
        return 2
    sys.stdout.write(draw(sys.argv[1], sys.stdin.read()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
