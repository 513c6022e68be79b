# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Closing Circuit Sage at nginx, and opening it again: what nginx's own test refuses is put back before nginx has read it.

Killed at any moment, nginx has the old configuration or the new one, and the next run sees the file and goes on.
"""

from __future__ import annotations

import shutil
import subprocess
import typing as t
from collections.abc import Mapping
from pathlib import Path

from . import edge_closing
from .atomic_file import replace_content
from .errors import IncidentError
from .nginx_observer import TEST_SECONDS, running, test_configuration
from .redaction import redact

# Not where nginx would read it.
KEPT = Path("/var/tmp")  # noqa: S108 - names that hold the incident's, never overwritten


class Edge(t.NamedTuple):
    """nginx's program and its folder."""

    program: str
    folder: Path
    kept: Path = KEPT


def _test(edge: Edge) -> str | None:
    """What nginx says against its configuration."""
    tested = test_configuration(edge.program, edge.folder / "nginx.conf")
    place = f" in {tested['file']}:{tested['line']}" if tested["file"] else ""
    return None if tested["class"] == "ok" else f"{tested['message']}{place}"


def _reload(edge: Edge) -> str | None:
    """Have nginx read its files again: why it does not."""
    command = [edge.program, "-s", "reload", "-c", str(edge.folder / "nginx.conf")]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TEST_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"it took longer than {TEST_SECONDS} seconds"
    lines = done.stderr.strip().splitlines()
    return None if done.returncode == 0 else redact(lines[-1] if lines else f"exit status {done.returncode}")


def refuse_hopeless(edge: Edge) -> None:
    """Nothing is touched where nginx does not run, or does not pass its own test as it is."""
    trouble = _test(edge)
    if trouble:
        raise IncidentError(f"nginx does not pass its own test as it is ({trouble}); run service_outage first, nothing was touched")
    if not running(edge.folder):
        raise IncidentError("nginx does not run; run service_outage first, nothing was touched")


def _keep(edge: Edge, path: Path, incident: str) -> None:
    """A copy of the file as it is, which no later run overwrites."""
    copy = edge.kept / f"{path.name}.{incident}"
    if not copy.exists():
        shutil.copy2(path, copy)


def _write(changed: Mapping[Path, str]) -> None:
    for path, text in changed.items():
        replace_content(path, text.encode("utf-8", "surrogateescape"))


def _write_claim(edge: Edge, text: str | None) -> None:
    """The file of ours, or none."""
    path = edge.folder / edge_closing.FILE
    if text is None:
        path.unlink(missing_ok=True)
        return
    path.touch(mode=0o644)
    replace_content(path, text.encode("utf-8"), 0o644)


def _tested(edge: Edge, sites: Mapping[Path, str], text: str | None) -> None:
    """Write, test, and have nginx read it; put everything back where nginx does not want it."""
    path = edge.folder / edge_closing.FILE
    before = path.read_text(encoding="utf-8") if path.exists() else None
    found = edge_closing.sites(edge.folder)
    if text is not None:
        _write_claim(edge, text)
    _write(sites)
    trouble = _test(edge) or _reload(edge)
    if trouble:
        _write({site: found[site] for site in sites})
        _write_claim(edge, before)
        raise IncidentError(f"nginx refuses the configuration ({trouble}); what was there before is put back, and nginx still uses it")


def close(edge: Edge, claim: Mapping[str, t.Any], check_mode: bool) -> bool:
    """Close; whether that changes, or would change, anything."""
    sites = edge_closing.changes(edge.folder, close=True)
    path = edge.folder / edge_closing.FILE
    finished = edge_closing.text_of(claim, finished=True)
    if not sites and path.exists() and path.read_text(encoding="utf-8") == finished:
        return False
    refuse_hopeless(edge)
    if not check_mode:
        for site in sites:
            _keep(edge, site, claim["incident"])
        _tested(edge, sites, edge_closing.text_of(claim, finished=False))
        _write_claim(edge, finished)
    return True


def reopen(edge: Edge, check_mode: bool) -> bool:
    """Open again; whether that changes, or would change, anything."""
    sites = edge_closing.changes(edge.folder, close=False)
    if not sites and not (edge.folder / edge_closing.FILE).exists():
        return False
    refuse_hopeless(edge)
    if not check_mode:
        _tested(edge, sites, None)
        _write_claim(edge, None)
    return True


def change(edge: Edge, state: str, claim: Mapping[str, t.Any] | None, check_mode: bool) -> bool:
    """Make it `closed` under a claim, or `open`; whether that changes anything. Raises IncidentError without the right to."""
    try:
        return close(edge, claim or {}, check_mode) if state == "closed" else reopen(edge, check_mode)
    except PermissionError as error:
        raise IncidentError(f"no right to change {error.filename}; set circuit_sage_edge_become, nothing was touched") from None
