# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nginx reads while maintenance mode is at the edge: a file of ours, and a line in each server of Circuit Sage that includes it. Pure
but for reading these files.

nginx itself compares the time with the end, so that the mode ends when nobody is left to end it.
"""

from __future__ import annotations

import json
import re
import typing as t
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from email.utils import format_datetime
from pathlib import Path

from . import maintenance
from .errors import IncidentError

FILE = "circuit-sage-maintenance.conf"
_PAGE = "/circuit-sage-maintenance"
_VARIABLE = "$circuit_sage_maintenance"
# The application's own words, and what it goes on to answer: the status, the newsletter, the sign-in.
BODY = '{"success":false,"error":{"message":"Service is currently under maintenance. Please check back later."},"maintenance":true}'
CLOSED = "^/api"
EXEMPT = "^/api/(?:system|newsletter|auth/login)"
_HEAD = "# Written by circuit_sage.incident_response; `maintenance.yml -e maintenance=off` takes it away.\n"
_CLAIM = "# claim: "
# A comment, a quoted text, a sign, a word.
_TOKEN = re.compile(r"""#[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[{};]|[^\s{};"'#][^\s{};"']*""")
_API = re.compile(r"^\s*location\s+(?:[=~^*]+\s+)?\"?\^?/api\b", re.MULTILINE)
_PROXY = re.compile(r"^\s*proxy_pass\s", re.MULTILINE)


def before(seconds: int) -> str:
    """A regular expression for the numbers of the same length below *seconds*: nginx compares texts only."""
    digits = str(seconds)
    rest = [f"\\d{{{len(digits) - place - 1}}}" if place + 1 < len(digits) else "" for place in range(len(digits))]
    shorter = [f"{digits[:place]}[0-{int(digit) - 1}]{rest[place]}" for place, digit in enumerate(digits) if int(digit) > 0]
    return f"^(?:{'|'.join(shorter)})\\."


def text_of(claim: Mapping[str, t.Any], finished: bool) -> str:
    """The file. The claim goes into it once nginx has read it: without one, a killed run left it half made."""
    until = maintenance.moment(claim["expires_at"])
    if until is None:
        raise IncidentError(f"the claim has no end ({claim['expires_at']}); write expires_at as 2026-11-30T06:00:00+00:00")
    return f"""{_HEAD}{_CLAIM + json.dumps(dict(claim)) if finished else "#"}
location = {_PAGE} {{
    internal;
    default_type application/json;
    add_header Retry-After "{format_datetime(until.astimezone(timezone.utc), usegmt=True)}" always;
    return 503 '{BODY}';
}}
set {_VARIABLE} "";
if ($uri ~ "{CLOSED}") {{ set {_VARIABLE} "closed"; }}
if ($uri ~ "{EXEMPT}") {{ set {_VARIABLE} ""; }}
if ($msec !~ "{before(int(until.timestamp()))}") {{ set {_VARIABLE} ""; }}
if ({_VARIABLE}) {{ rewrite ^ {_PAGE} last; }}
"""


def claim_in(text: str) -> dict[str, t.Any] | None:
    """The claim that the file holds."""
    line = next((line for line in text.splitlines() if line.startswith(_CLAIM)), None)
    try:
        found = json.loads(line.removeprefix(_CLAIM)) if line else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def server_bodies(text: str) -> Iterator[tuple[int, int]]:
    """Where the content of each `server` block begins and ends."""
    blocks: list[tuple[bool, int]] = []
    words: list[str] = []
    for found in _TOKEN.finditer(text):
        word = found[0]
        if word == "{":
            blocks.append((words == ["server"], found.end()))
        elif word == "}" and blocks:
            is_server, start = blocks.pop()
            if is_server:
                yield start, found.start()
        if word in "{};":
            words = []
        elif not word.startswith("#"):
            words.append(word)


def line_for(folder: Path) -> str:
    """What is put behind the `server {` of a server that closes."""
    return f"\n    include {folder / FILE};"


def opened(text: str, folder: Path) -> str:
    """The text as it was before."""
    return text.replace(line_for(folder), "")


def closed(text: str, folder: Path, of: re.Pattern[str]) -> str:
    """The text with each of the servers closing whose own content matches."""
    text = opened(text, folder)
    for start, end in sorted(server_bodies(text), reverse=True):
        if of.search(text[start:end]):
            text = text[:start] + line_for(folder) + text[start:]
    return text


def sites(folder: Path) -> dict[Path, str]:
    """The files that may hold servers, with links followed, and their texts."""
    found = {}
    for path in [folder / "nginx.conf", *sorted(folder.glob("sites-enabled/*")), *sorted(folder.glob("conf.d/*.conf"))]:
        if path.is_file():
            found[path.resolve()] = path.read_bytes().decode("utf-8", "surrogateescape")
    return found


def changes(folder: Path, close: bool) -> dict[Path, str]:
    """The files that become something else, and what. Raises IncidentError where no server looks like Circuit Sage's."""
    found = sites(folder)
    if not close:
        wanted = {path: opened(text, folder) for path, text in found.items()}
    else:
        for of in (_API, _PROXY):
            wanted = {path: closed(text, folder, of) for path, text in found.items()}
            if any(line_for(folder) in text for text in wanted.values()):
                break
        else:
            raise IncidentError(f"no server below {folder} hands anything on to an application; correct the group circuit_sage_edge")
    return {path: text for path, text in wanted.items() if text != found[path]}


def look(folder: Path, now: datetime | None = None) -> dict[str, t.Any] | None:
    """Maintenance mode at the edge; null where there is nothing of it."""
    try:
        text = (folder / FILE).read_text(encoding="utf-8")
        included = any(line_for(folder) in site for site in sites(folder).values())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise IncidentError(f"{folder} cannot be read ({error.strerror}); set circuit_sage_edge_become") from None
    return described(claim_in(text) if included else None, now)


def described(claim: Mapping[str, t.Any] | None, now: datetime | None = None) -> dict[str, t.Any]:
    """A claim at the edge as it stands now. nginx does not obey it any more when its time is over."""
    at = maintenance.standing(claim or {}, now or datetime.now(timezone.utc))
    return {**at, "present": True, "enabled": claim is not None and not at["overdue"], "owned": bool(at["owned"]), "claim": claim}
