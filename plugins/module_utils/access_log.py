# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx's access and error logs in one pass, by the rules: who asked for what, how often, and what was an attack. Pure.

The loop over the lines does as little as can be: what a request means to the rules is found out once for each different request. All tables
are bounded, so that no log can fill the memory. A line that cannot be read is counted and left.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import typing as t
from collections.abc import Sequence
from datetime import datetime, timezone

from .access_rules import Rule

Mapping = dict[str, t.Any]

# Bounds of the tables: addresses, different requests, and what is kept of one address.
MAX_ADDRESSES = 40_000
MAX_REQUESTS = 20_000
MAX_PATHS = 40
MAX_AGENTS = 5
MAX_TEXT = 120
MAX_DETAILED = 400
_QUOTE = ord('"')
_ERROR_LINE = re.compile(
    rb"(?P<stamp>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[\w+\] \d+#\d+: (?:\*\d+ )?"
    rb"(?P<text>.{0,4000}?), client: (?P<address>[0-9a-fA-F.:]{2,45})\b"
)
# What comes of a client stands as it came in both halves of a line: as a user's name before this, as a request or a referrer after it.
_CLIENT = re.compile(rb", client: (?P<address>[0-9a-fA-F.:]*)")
_REQUEST = re.compile(rb'request: "(?P<method>[A-Z]{1,20}) (?P<path>[^ "]{0,2000})')
_USER = re.compile(rb'^user "(?P<user>[^"]{1,200})"')

# The rules for which a request counts, those for which it went well, and its path; None for one that no rule is about.
Kind = tuple[tuple[int, ...], tuple[int, ...], bytes]
# A flood is counted in so many steps, so that a request that is nothing but one more costs next to nothing.
_STEPS = 10


class Window:
    """How many lines came within the rule's seconds, from the first one that counts."""

    __slots__ = ("count", "members", "start")

    def __init__(self, start: float) -> None:
        self.start, self.count = start, 0
        self.members: dict[str, int] = {}


class Seen:
    """What is kept of one address."""

    __slots__ = (*("accounts", "after", "agents", "first", "hits", "last", "name", "passed", "paths", "requests", "steps", "windows"),)

    def __init__(self, name: str, now: float, rules: int) -> None:
        self.name, self.first, self.last = name, now, now
        self.requests = 0
        # When every so many requests were reached.
        self.steps: list[float] = []
        self.hits = [0] * rules
        self.passed: dict[int, int] = {}
        # When it first got in after it had failed.
        self.after: float | None = None
        self.windows: list[Window | None] = [None] * rules
        self.paths: dict[bytes, int] = {}
        self.agents: dict[bytes, int] = {}
        self.accounts: dict[bytes, int] = {}


def text_of(raw: bytes) -> str:
    """A piece of a log as text that a terminal and a report can take."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in raw.decode("utf-8", "replace"))


def path_of(request: bytes) -> bytes:
    """The path of `"GET /path HTTP/1.1`, without what follows the question mark: secrets may stand there. Else the beginning."""
    parts = request.split(b" ")
    return (parts[1] if len(parts) == 3 else request[1:]).partition(b"?")[0][:MAX_TEXT]


def moment_of(stamp: bytes, zone: bytes, days: dict[bytes, float]) -> float:
    """Seconds since 1970 of `[23/Nov/2026:07:56:07` and `+0000]`; -1 for what is no such time. *days* keeps what was found out of a day."""
    day = stamp[:12] + zone
    try:
        if day not in days:
            found = datetime.strptime(day.decode("ascii"), "[%d/%b/%Y%z]").timestamp()
            if len(days) >= MAX_REQUESTS:
                days.clear()
            days[day] = found
        hour, minute, second = map(int, stamp[13:].split(b":"))
    except ValueError:
        return -1.0
    return days[day] + hour * 3600 + minute * 60 + second


def with_spaces(line: bytes) -> tuple[bytes, bytes, bytes, bytes, bytes, bytes]:
    """The fields of a line whose user's name has spaces; ValueError for no line of the format. nginx writes no quote into a name."""
    before, request, rest = line.split(b'"', 2)
    raw, _dash, user = before.split(b" ", 2)
    user, stamp, zone, nothing = user.rsplit(b" ", 3)
    if nothing:
        raise ValueError(line)
    return raw, user, stamp, zone, b'"' + request, rest[1:]


def network_of(name: str) -> str:
    """The neighbourhood of an address: /24 of IPv4, /64 of IPv6."""
    if ":" not in name:
        return f"{name.rpartition('.')[0]}.0/24"
    return str(ipaddress.ip_network((name, 64), strict=False))


def _more(table: dict[t.Any, int], name: bytes | str, most: int) -> None:
    if name in table or len(table) < most:
        table[name] = table.get(name, 0) + 1


class Tally:
    """What the lines come to. Feed it lines in the order of their time."""

    def __init__(self, rules: Sequence[Rule], since: float = 0.0) -> None:
        self.rules = tuple(rules)
        self.since = since
        self.lines = self.old = self.malformed = self.dropped = 0
        self.first: float | None = None
        self.last: float | None = None
        self.table: dict[bytes, Seen] = {}
        self._kinds: dict[tuple[bytes, bytes], Kind | None] = {}
        # The rules for which every request of an address counts.
        self._floods = [number for number, rule in enumerate(self.rules) if not rule.is_narrow and rule.words is None]
        counts = [self.rules[number].count for number in self._floods]
        self._stride = max(1, min(counts, default=_STEPS) // _STEPS)
        self._steps_kept = max(counts, default=0) // self._stride + 1
        self._days: dict[bytes, float] = {}
        self._shared: list[dict[str, Window]] = [{} for _rule in self.rules]
        # By rule: each member of a window that was an attack, with how often it came in it at most.
        self.attacks: list[dict[str, int]] = [{} for _rule in self.rules]

    def feed(self, lines: Sequence[bytes]) -> None:
        """Take in lines of an access log in the combined format."""
        self.lines += len(lines)
        table, kinds, since, days, stride = self.table, self._kinds, self.since, self._days, self._stride
        last_stamp, now = b"", -1.0
        for line in lines:
            try:
                raw, _dash, user, stamp, zone, asked = line.split(b" ", 5)
                request, rest = asked.split(b'" ', 1)
                if request[0] != _QUOTE:
                    raw, user, stamp, zone, request, rest = with_spaces(line)
            except (ValueError, IndexError):
                self.malformed += 1
                continue
            if stamp != last_stamp:
                last_stamp, now = stamp, moment_of(stamp, zone, days)
            if now < since:
                self._leave(now)
                continue
            try:
                kind = kinds[request, rest[:4]]
                one = table[raw]
            except KeyError:
                try:
                    kind = self._kind(request, rest[:4])
                    one = table.get(raw) or self._new(raw, now)
                except (ValueError, OSError):
                    self.malformed += 1
                    continue
                _more(one.paths, path_of(request), MAX_PATHS)
            one.requests = count = one.requests + 1
            one.last = now
            if not count % stride:
                self._step(one, now)
            if kind is not None:
                self._take(one, kind, user, rest, now)

    def _leave(self, now: float) -> None:
        """A line that is left out: it is too old, or has no time."""
        if now < 0:
            self.malformed += 1
        else:
            self.old += 1

    def _step(self, one: Seen, now: float) -> None:
        """Some more requests of an address: whether they came fast enough for a flood."""
        one.steps.append(now)
        for number in self._floods:
            rule = self.rules[number]
            back = one.steps[-rule.count // self._stride :]
            # A further log begins at an earlier time than the one before it has ended.
            if len(back) * self._stride >= rule.count and max(back) - min(back) <= rule.seconds:
                self.attacks[number][one.name] = max(self.attacks[number].get(one.name, 0), rule.count)
        del one.steps[: -self._steps_kept]

    def _take(self, one: Seen, kind: tuple[tuple[int, ...], tuple[int, ...], bytes], user: bytes, rest: bytes, now: float) -> None:
        """Take in a request that a rule is about."""
        counted, well, path = kind
        for number in well:
            one.passed[number] = one.passed.get(number, 0) + 1
            if one.hits[number]:
                one.after = one.after or now
        if not counted:
            return
        for number in counted:
            self._count(one, number, now)
        # An attacker's next thousand requests say no more than the first hundreds.
        if one.requests <= MAX_DETAILED:
            _more(one.paths, path, MAX_PATHS)
            words = rest.split(b'"', 4)
            if len(words) > 3:
                _more(one.agents, words[3][:MAX_TEXT], MAX_AGENTS)
            if user != b"-":
                _more(one.accounts, user[:MAX_TEXT], MAX_PATHS)

    def feed_errors(self, lines: Sequence[bytes]) -> None:
        """Take in lines of an error log: refused passwords, limited and forbidden requests, with nginx's own words."""
        self.lines += len(lines)
        last_stamp, now = b"", -1.0
        for line in lines:
            found = _ERROR_LINE.match(line)
            if found is None or len(set(_CLIENT.findall(line))) > 1:
                # What is about no client is no trouble: nginx's own notices have none. Of two, a client wrote the one himself.
                self.malformed += b", client: " in line
                continue
            if found["stamp"] != last_stamp:
                last_stamp, now = found["stamp"], moment_of_error(found["stamp"])
            if now < self.since:
                self._leave(now)
                continue
            try:
                one = self.table.get(found["address"]) or self._new(found["address"], now)
            except (ValueError, OSError):
                self.malformed += 1
                continue
            one.last = max(one.last, now)
            words = text_of(found["text"])
            request = _REQUEST.search(line)
            method, path = (text_of(request["method"]), request["path"].partition(b"?")[0][:MAX_TEXT]) if request else ("", b"")
            for number, rule in enumerate(self.rules):
                if rule.words is not None and rule.words.search(words) and rule.asks(method, text_of(path)):
                    self._count(one, number, now)
                    _more(one.paths, path, MAX_PATHS)
                    user = _USER.match(found["text"])
                    if user:
                        _more(one.accounts, user["user"][:MAX_TEXT], MAX_PATHS)

    def _count(self, one: Seen, number: int, now: float) -> None:
        """One more line that counts for a rule."""
        one.hits[number] += 1
        rule = self.rules[number]
        if rule.per != "address":
            self._count_shared(one, number, rule, now)
            return
        window = one.windows[number]
        if window is None:
            window = one.windows[number] = Window(now)
        elif abs(now - window.start) > rule.seconds:
            window.start, window.count = now, 0
        window.count += 1
        if window.count >= rule.count:
            kept = self.attacks[number]
            kept[one.name] = max(kept.get(one.name, 0), window.count)

    def _kind(self, request: bytes, status: bytes) -> Kind | None:
        """What a request with that answer means to the rules; ValueError for what is no answer."""
        if (request, status) in self._kinds:
            return self._kinds[request, status]
        if not (status[:3].isdigit() and status[3:] == b" "):
            raise ValueError(status)
        # What is no request at all (a TLS greeting, nothing) has an answer all the same: 400.
        path = path_of(request)
        method, words = text_of(request[1:].partition(b" ")[0][:MAX_TEXT]), text_of(path)
        verdicts = [rule.verdict(method, words, int(status[:3])) for rule in self.rules]
        counted = tuple(number for number, verdict in enumerate(verdicts) if verdict and number not in self._floods)
        well = tuple(number for number, verdict in enumerate(verdicts) if verdict is False)
        if len(self._kinds) >= MAX_REQUESTS:
            self._kinds.clear()
        kind = self._kinds[request, status] = (counted, well, path) if counted or well else None
        return kind

    def _new(self, raw: bytes, now: float) -> Seen:
        """An address that was not there yet; ValueError or OSError for what is none."""
        name = raw.decode("ascii")
        family = socket.AF_INET6 if ":" in name else socket.AF_INET
        name = socket.inet_ntop(family, socket.inet_pton(family, name))
        if len(self.table) >= MAX_ADDRESSES:
            self._make_room()
        if self.first is None:
            self.first = now
        one = self.table[raw] = Seen(name, now, len(self.rules))
        return one

    def _make_room(self) -> None:
        """Forget the half of the addresses that counted least: an attacker is among those that counted most."""
        ranked = sorted(self.table.items(), key=lambda item: (sum(item[1].hits), item[1].last))
        for raw, _one in ranked[: len(ranked) // 2]:
            del self.table[raw]
        self.dropped += len(ranked) // 2

    def _count_shared(self, one: Seen, number: int, rule: Rule, now: float) -> None:
        """The same in the window of the network, or of everyone."""
        shared, key = self._shared[number], network_of(one.name) if rule.per == "network" else ""
        window = shared.get(key)
        if window is None or abs(now - window.start) > rule.seconds:
            if window is not None:
                self._judge(number, window)
            elif len(shared) >= MAX_REQUESTS:
                shared.clear()
            window = shared[key] = Window(now)
        window.count += 1
        _more(window.members, one.name, MAX_ADDRESSES)

    def _judge(self, number: int, window: Window) -> None:
        """Keep the members of a window that is over, where it was an attack."""
        rule, kept = self.rules[number], self.attacks[number]
        if window.count >= rule.count and len(window.members) >= rule.addresses:
            for name, count in window.members.items():
                if count >= rule.each and len(kept) < MAX_ADDRESSES:
                    kept[name] = max(kept.get(name, 0), count)

    def close(self) -> None:
        """Judge what is not over yet, once all lines were fed."""
        for number, shared in enumerate(self._shared):
            for window in shared.values():
                self._judge(number, window)
            shared.clear()
        self.last = max((one.last for one in self.table.values()), default=None)


def moment_of_error(stamp: bytes) -> float:
    """Seconds since 1970 of `2026/11/23 07:56:07`, which nginx writes in the host's own time; -1 for what is no such time."""
    try:
        return datetime.strptime(stamp.decode("ascii"), "%Y/%m/%d %H:%M:%S").timestamp()
    except ValueError:
        return -1.0


def iso(moment: float | None) -> str | None:
    """A moment as text, UTC with its offset."""
    return None if moment is None else datetime.fromtimestamp(moment, timezone.utc).isoformat(timespec="seconds")
