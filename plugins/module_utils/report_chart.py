# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The timeline of an incident as a picture: a lane for what was seen, the cause, what was done, the proof and the end, as inline SVG. Pure.

It is drawn for a width in pixels and never scaled down, so that its letters stay as large as those around it. Colours are the page's.
"""

from __future__ import annotations

import math
import typing as t
from collections.abc import Callable, Sequence

from .chart_layout import step, text_width
from .page_html import escaped
from .page_words import line, plural
from .timestamps import seconds_between

Mapping = dict[str, t.Any]

# The lanes from top to bottom, and the events of the timeline that each one shows. The others stand in the list below the picture.
LANES = {
    "seen": ("opened", "joined", "seen", "unknown"),
    "cause": ("cause",),
    "act": ("act", "did"),
    "proof": ("proof",),
    "end": ("healthy", "diagnosed", "resolved", "escalated"),
}
_LANE_OF = {event: lane for lane, events in LANES.items() for event in events}
_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))

# Pixels.
_NAMES = 70.0
_RIGHT = 16.0
_ROW = 40.0
_AXIS = 26.0
_DOT = 5.0
# Dots nearer than this are one: of ten thousand events no more are drawn than can be told apart.
_APART = 2.0
# Letters of an event's text that are shown over its dot.
_TITLE = 160


class Moment(t.NamedTuple):
    """An event in its lane: seconds since the incident was opened, the clock, and the words."""

    at: float
    lane: str
    clock: str
    event: str
    text: str


def moments(record: Mapping) -> list[Moment]:
    """The events that are drawn, in order of time."""
    found = []
    for entry in record["timeline"]:
        lane = _LANE_OF.get(entry["event"])
        at = seconds_between(record["opened_at"], entry["at"]) if lane else None
        if lane and at is not None:
            found.append(Moment(max(0.0, at), lane, entry["at"][11:19], entry["event"], entry["text"]))
    return sorted(found, key=lambda moment: moment.at)


def _label(in_lane: Sequence[Moment]) -> str:
    """The words of a lane: when, and how often."""
    first, last = in_lane[0], in_lane[-1]
    until = f" to {last.clock}" if last.clock != first.clock else ""
    often = f" ({len(in_lane)})" if len(in_lane) > 1 else ""
    return f"{first.clock}{until}{often}"


def told(record: Mapping, found: Sequence[Moment]) -> str:
    """The picture in words, for who cannot see it."""
    lanes = {lane: [moment for moment in found if moment.lane == lane] for lane in LANES}
    words = [f"{_name(lane, there)} {_label(there)}" for lane, there in lanes.items() if there]
    return f"Timeline of {line(record['id'])}, {plural(len(found), 'event')} drawn: {', '.join(words)} UTC."


def _name(lane: str, in_lane: Sequence[Moment]) -> str:
    """What stands before a lane: the end is called by the outcome."""
    return in_lane[-1].event if lane == "end" and in_lane else lane


def _axis(end: float, scale: Callable[[float], float], top: float, room: float) -> list[str]:
    size, unit = next(one for one in _UNITS if end >= 2 * one[0] or one[0] == 1)
    every = step(end / size, room)
    drawn = []
    for number in range(math.floor(end / size / every + 1e-9) + 1):
        x = scale(number * every * size)
        text = f"{number * every:g}{f' {unit}' if number == 0 else ''}"
        drawn.append(f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{top + 4:.1f}"/>')
        drawn.append(f'<text class="tick" x="{x:.1f}" y="{top + 17:.1f}" text-anchor="middle">{text}</text>')
    return drawn


def _lane(in_lane: Sequence[Moment], y: float, scale: Callable[[float], float], right: float) -> list[str]:
    """The dots of a lane, and above them its words, which end at the right edge where they would pass it."""
    kind, drawn = in_lane[0].lane, []
    before = -math.inf
    for moment in in_lane:
        x = scale(moment.at)
        if x - before >= _APART:
            words = escaped(line(f"{moment.clock} {moment.event}: {moment.text[:_TITLE]}"))
            drawn.append(f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{_DOT:g}"><title>{words}</title></circle>')
            before = x
    label = _label(in_lane)
    x = min(scale(in_lane[0].at) - _DOT, right - text_width(label))
    return [*drawn, f'<text class="mark" x="{x:.1f}" y="{y - 10:.1f}">{escaped(label)}</text>']


def chart(record: Mapping, width: int) -> str:
    """Return the SVG of that many pixels; nothing for a record without an event to draw."""
    found = moments(record)
    if not found:
        return ""
    end = max(1.0, found[-1].at)
    room = width - _NAMES - _RIGHT
    bottom = _ROW * len(LANES) + 6

    def scale(at: float) -> float:
        return _NAMES + at / end * room

    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" height="{bottom + _AXIS:.0f}" '
        f'viewBox="0 0 {width} {bottom + _AXIS:.0f}" aria-label="{escaped(told(record, found))}">'
    ]
    for number, lane in enumerate(LANES):
        y = _ROW * number + 28
        in_lane = [moment for moment in found if moment.lane == lane]
        drawn.append(f'<text class="lane" x="0" y="{y + 4:.1f}">{_name(lane, in_lane)}</text>')
        drawn.append(f'<line class="lane" x1="{_NAMES:g}" x2="{width - _RIGHT:g}" y1="{y:.1f}" y2="{y:.1f}"/>')
        drawn += _lane(in_lane, y, scale, width) if in_lane else []
    return "\n".join([*drawn, *_axis(end, scale, bottom, room), "</svg>"])
