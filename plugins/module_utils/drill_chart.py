# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of one recovery: a strip of probes over the seconds, and what happened when, as inline SVG. Pure.

It is drawn for a width in pixels and never scaled down, so that its letters stay as large as those around it. Colours are the page's.
"""

from __future__ import annotations

import math
import typing as t
from collections.abc import Sequence
from html import escape

from .chart_layout import LABEL_GAP, LANE, place, step, text_width
from .page_words import line, plural, seconds

Mapping = dict[str, t.Any]

# The events of a timeline that get a mark, with the words of the label. The others stand in the list below the picture.
MARKS = {
    "injected": "injected",
    "bit": "bit",
    "playbook": "playbook",
    "playbook started": "playbook",
    "started": "playbook",
    "cause": "cause",
    "act": "act",
    "proof": "proof",
    "recovered": "recovered",
    "reverted": "reverted",
}

# Pixels.
_STRIP = 26.0
_HEIGHTS = {"up": 0.5, "down": 1.0, "unseen": 0.15}
_AXIS = 24.0
_MARGIN = 12.0

# Probes come ten a second. Where none came for so long, the strip is left open rather than drawn with what was seen before.
_SILENCE = 1.0
_PROBE = 0.1


class Span(t.NamedTuple):
    """Seconds in which every probe had the same answer."""

    start: float
    end: float
    up: bool


def spans(probes: Sequence[Sequence[t.Any]]) -> list[Span]:
    """Join the probes to spans; each probe holds until the next."""
    joined: list[Span] = []
    ordered = sorted((float(at), bool(up)) for at, up in probes)
    for number, (at, up) in enumerate(ordered):
        following = ordered[number + 1][0] if number + 1 < len(ordered) else at + _PROBE
        end = following if following - at <= _SILENCE else at + _PROBE
        if joined and joined[-1].up == up and joined[-1].end == at:
            joined[-1] = Span(joined[-1].start, end, up)
        else:
            joined.append(Span(at, end, up))
    return joined


def _strip(joined: Sequence[Span], begin: float, end: float) -> list[tuple[str, float, float]]:
    """The pieces of the strip, those that nobody probed among them."""
    pieces: list[tuple[str, float, float]] = []
    for span in [*joined, Span(end, end, True)]:
        if span.start > begin:
            pieces.append(("unseen", begin, span.start))
        if span.end > span.start:
            pieces.append(("up" if span.up else "down", *span[:2]))
        begin = span.end
    return pieces


def kind_of(entry: Mapping) -> str | None:
    """The mark that an event of the timeline gets."""
    return MARKS.get(str(entry["event"]).replace("_", " "))


def marks(timeline: Sequence[Mapping]) -> list[tuple[float, str, str]]:
    """The seconds, kind and words of each label: one for each kind, at its first event."""
    first: dict[str, float] = {}
    number: dict[str, int] = {}
    for entry in sorted(timeline, key=lambda entry: float(entry["at"])):
        kind = kind_of(entry)
        if kind:
            first.setdefault(kind, float(entry["at"]))
            number[kind] = number.get(kind, 0) + 1
    return [(at, kind, f"{kind if number[kind] == 1 else plural(number[kind], kind)} {seconds(at)}") for kind, at in first.items()]


def told(result: Mapping) -> str:
    """The picture in words, for who cannot see it."""
    labels = [label[2] for label in marks(result["timeline"])]
    joined = spans(result["probes"])
    outages = [span for span in joined if not span.up]
    words = f"Timeline of {line(result['id'])}: {', '.join(labels) or 'no event'}."
    if not joined:
        return f"{words} No probe was made."
    if not outages:
        return f"{words} The service answered every probe."
    total = sum(span.end - span.start for span in outages)
    last = "and did not answer again" if not joined[-1].up else f"until {seconds(outages[-1].end)}"
    often = "" if len(outages) == 1 else f", {len(outages)} times"
    return f"{words} The service did not answer for {seconds(total)}{often}: from {seconds(outages[0].start)} {last}."


def _axis(begin: float, end: float, scale: t.Callable[[float], float], top: float, room: float) -> list[str]:
    every = step(end - begin, room)
    drawn = []
    for number in range(math.ceil(begin / every - 1e-9), math.floor(end / every + 1e-9) + 1):
        x = scale(number * every)
        drawn.append(f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{top + 4:.1f}"/>')
        unit = " s" if number == 0 else ""
        drawn.append(f'<text class="tick" x="{x:.1f}" y="{top + 16:.1f}" text-anchor="middle">{number * every:g}{unit}</text>')
    return drawn


def chart(result: Mapping, width: int) -> str:
    """Return the SVG of that many pixels; nothing for a fault of which nothing is known."""
    joined = spans(result["probes"])
    events = marks(result["timeline"])
    marked = [float(entry["at"]) for entry in result["timeline"] if kind_of(entry)]
    moments = marked + [at for span in joined for at in span[:2]]
    if not moments:
        return ""
    begin = min(0.0, *moments)
    end = max(begin + 1.0, *moments)
    # The scale ends where every label's words still fit behind it.
    room = width - 2 * _MARGIN
    fits = [(room - text_width(text)) / (at - begin) for at, kind, text in events if at > begin]
    pixels = min([room / (end - begin), *(fit for fit in fits if fit > 0)])

    def scale(at: float) -> float:
        return _MARGIN + (at - begin) * pixels

    labels = place([(scale(at), kind, text) for at, kind, text in events])
    top = LANE * (max((label.lane for label in labels), default=-1) + 1) + 2
    bottom = top + _STRIP
    height = bottom + _AXIS
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" height="{height:.0f}" viewBox="0 0 {width} {height:.0f}" '
        f'aria-label="{escape(told(result))}">'
    ]
    for kind, since, until in _strip(joined, begin, end):
        # Not by colour alone: each kind has its height.
        tall = _STRIP * _HEIGHTS[kind]
        wide = max(1.0, (until - since) * pixels)
        drawn.append(f'<rect class="{kind}" x="{scale(since):.1f}" y="{bottom - tall:.1f}" width="{wide:.1f}" height="{tall:.1f}"/>')
    drawn += _axis(begin, end, scale, bottom, (end - begin) * pixels)
    for at in sorted(set(marked) - {event[0] for event in events}):
        x = scale(at)
        drawn.append(f'<line class="again" x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom:.1f}"/>')
    for label in labels:
        y = top - LANE * label.lane
        drawn.append(f'<line class="mark {label.kind}" x1="{label.x:.1f}" x2="{label.x:.1f}" y1="{y - 13:.1f}" y2="{bottom:.1f}"/>')
        drawn.append(f'<text class="mark {label.kind}" x="{label.x + LABEL_GAP:.1f}" y="{y - 4:.1f}">{escape(label.text)}</text>')
    return "\n".join([*drawn, "</svg>"])
