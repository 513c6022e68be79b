# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who owns maintenance mode, and what may be done with it."""

from __future__ import annotations

import os
import typing as t
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import maintenance, postgres_catalog
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.symptoms import answers, closed_on_purpose

NOW = datetime(2026, 11, 30, 5, 0, tzinfo=timezone.utc)
OFF = {"enabled": False, "owned": False}
ME = "anna@ops"


def claim(owner: str = ME, minutes: int = 60, reason: str = "", run: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
    return maintenance.claim("I-1", owner, run, minutes, reason, NOW)


def on(owner: str = ME, later: int = 1, **more: t.Any) -> dict[str, t.Any]:
    """A mode that is on under a claim, as it stands some minutes later."""
    at = maintenance.standing(claim(owner, **more), NOW + timedelta(minutes=later))
    return {**at, "enabled": True, "owned": bool(at["owned"]), "changed_at": "2026-11-30T05:00:00Z"}


def wanted(state: str, **more: t.Any) -> dict[str, t.Any]:
    return {"state": state, "owner": ME, "minutes": 60, "reason": "", "while_running": False, "approved": False, **more}


def plan(state: str, row: t.Any = "off", edge: t.Any = "off", **more: t.Any) -> dict[str, t.Any]:
    row, edge = (OFF if seen == "off" else seen for seen in (row, edge))
    seen = {"row": row, "row_error": None if row else "it is down", "edge": edge, "edge_error": "no host"}
    return maintenance.plan(seen, wanted(state, **more))


@pytest.mark.parametrize("minutes", [0, -1, 1441])
def test_a_time_that_is_none_is_refused(minutes: int) -> None:
    with pytest.raises(IncidentError, match=f"maintenance_minutes is {minutes}; give 1 to 1440"):
        claim(minutes=minutes)


def test_a_run_is_known_to_have_ended_only_where_it_can_be_looked_up() -> None:
    alive = maintenance.run_of(os.getpid())
    assert not maintenance.run_ended(alive)
    assert maintenance.run_ended({**alive, "ticks": "1"})
    # Another boot, another container, no run at all: nothing says that it ended.
    assert not maintenance.run_ended({**alive, "ticks": "1", "boot": "other"})
    assert not maintenance.run_ended({**alive, "ticks": "1", "namespace": "pid:[1]"})
    assert not maintenance.run_ended(None) and not maintenance.run_ended({"pid": 1})


def test_a_system_without_namespaces_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "readlink", lambda _path: Path("/nowhere/at/all").read_text(encoding="ascii"))
    assert maintenance.pid_namespace() == ""


def test_the_mode_of_a_run_that_has_ended_is_owned_by_nobody() -> None:
    ended = {**maintenance.run_of(os.getpid()), "ticks": "1"}
    found = postgres_catalog.describe_maintenance(
        {"value": {"enabled": True, **claim(run=ended)}, "updated_by": None, "seconds": 60}, NOW + timedelta(minutes=1)
    )
    assert (found["enabled"], found["owned"], found["run_ended"], found["owner"], found["for_a_run"]) == (True, False, True, ME, True)


def test_what_else_is_in_the_value_stays() -> None:
    value = maintenance.value_on({"enabled": False, "message": "soon back", "owner": "old"}, claim(reason="move"))
    assert value["message"] == "soon back" and value["enabled"] is True and value["owner"] == ME and "run" not in value
    assert maintenance.value_off(value) == {"enabled": False, "message": "soon back"}
    assert maintenance.value_off("true") == {"enabled": False}


@pytest.mark.parametrize(
    ("state", "row", "edge", "more", "act", "places", "outcome"),
    [
        ("status", OFF, OFF, {}, "none", [], "healthy"),
        ("status", on(), OFF, {}, "none", [], "healthy"),
        ("status", on(later=61), OFF, {}, "none", [], "diagnosed"),
        ("status", None, None, {}, "none", [], "diagnosed"),
        ("on", OFF, OFF, {}, "on", ["row"], "resolved"),
        ("on", None, OFF, {}, "on", ["edge"], "resolved"),
        ("on", None, None, {}, "none", [], "escalated"),
        ("on", on(), OFF, {}, "none", [], "healthy"),
        ("on", on(), OFF, {"minutes": 90}, "on", ["row"], "resolved"),
        ("on", on(), OFF, {"while_running": True}, "on", ["row"], "resolved"),
        ("on", on("ben@ops"), OFF, {}, "none", [], "escalated"),
        ("on", on("ben@ops"), OFF, {"approved": True}, "on", ["row"], "resolved"),
        ("on", on("ben@ops", later=61), OFF, {}, "on", ["row"], "resolved"),
        ("on", OFF, on(), {}, "none", [], "healthy"),
        ("off", OFF, OFF, {}, "none", [], "healthy"),
        ("off", None, OFF, {}, "none", [], "escalated"),
        ("off", on(), on(), {}, "off", ["row", "edge"], "resolved"),
        ("off", on("ben@ops"), OFF, {}, "none", [], "escalated"),
        ("off", on("ben@ops", later=61), OFF, {}, "off", ["row"], "resolved"),
        ("off", OFF, {**OFF, "present": True}, {}, "off", ["edge"], "resolved"),
        ("expire", on("ben@ops"), OFF, {}, "none", [], "healthy"),
        ("expire", on("ben@ops", later=61), OFF, {}, "off", ["row"], "resolved"),
        ("expire", OFF, OFF, {}, "none", [], "healthy"),
    ],
)
def test_what_is_to_be_done(state: str, row: t.Any, edge: t.Any, more: dict[str, t.Any], act: str, places: list[str], outcome: str) -> None:
    found = plan(state, row, edge, **more)
    assert (found["act"], found["places"], found["outcome"]) == (act, places, outcome), found["text"]


RUN = maintenance.run_of(os.getpid())
EDGE_OPEN = {**OFF, "present": False}


@pytest.mark.parametrize(
    ("row", "edge", "places", "outcome"),
    [
        (OFF, EDGE_OPEN, ["edge"], "resolved"),
        (None, EDGE_OPEN, ["edge"], "resolved"),
        (OFF, None, ["row"], "resolved"),
        (None, None, [], "escalated"),
        # What its owner has closed by hand stays that person's.
        (on(), EDGE_OPEN, ["edge"], "resolved"),
        (OFF, on(), [], "healthy"),
        (on(), None, [], "healthy"),
        # What a killed run has left is taken over.
        (OFF, {**on(run=RUN), "owned": False, "run_ended": True}, ["edge"], "resolved"),
        (on("ben@ops"), EDGE_OPEN, [], "escalated"),
    ],
)
def test_where_the_row_goes_away_with_its_database_nginx_closes(row: t.Any, edge: t.Any, places: list[str], outcome: str) -> None:
    found = plan("on", row, edge, at_edge=True, while_running=True)
    assert (found["places"], found["outcome"], found["closed"]) == (places, outcome, outcome != "escalated"), found["text"]


@pytest.mark.parametrize(
    ("row", "edge", "begun", "places", "outcome", "closed"),
    [
        (OFF, on(run=RUN), ["edge"], ["edge"], "resolved", False),
        (on(run=RUN), None, ["row"], ["row"], "resolved", False),
        # Its time was over before, or it was half made.
        (OFF, {**on(run=RUN), "enabled": False, "present": True}, ["edge"], ["edge"], "resolved", False),
        # What somebody has switched on beside it goes on.
        ({**on("ben@ops"), "incident": "I-2"}, on(run=RUN), ["edge"], ["edge"], "resolved", True),
        ({**on(), "incident": "I-2"}, EDGE_OPEN, [], [], "healthy", True),
        (OFF, EDGE_OPEN, ["edge"], [], "healthy", False),
        (OFF, None, ["edge"], [], "escalated", True),
        (None, EDGE_OPEN, ["row"], [], "escalated", False),
    ],
)
def test_a_run_ends_what_it_has_begun_and_nothing_else(
    row: t.Any, edge: t.Any, begun: list[str], places: list[str], outcome: str, closed: bool
) -> None:
    found = plan("off", row, edge, incident="I-1", begun=begun)
    assert (found["places"], found["outcome"], found["closed"]) == (places, outcome, closed), found["text"]


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (on(reason="move"), ["owned by anna@ops (incident I-1)", "until 2026-11-30T06:00:00Z", ": move"]),
        (on(later=61), ["overdue since 2026-11-30T06:00:00Z"]),
        ({**on(), "run_ended": True, "owned": False}, ["but its run has ended"]),
        ({**on(), "incident": None, "since": None, "owner": None, "expires_at": None, "owned": False}, ["by hand, and nobody owns it"]),
        ({**on(), "incident": None, "owner": "a user"}, ["by hand (a user), until"]),
    ],
)
def test_what_is_said_of_it(one: dict[str, t.Any], words: list[str]) -> None:
    text = plan("status", one)["text"]
    assert [word for word in words if word not in text] == [], text


def test_only_an_approval_is_missing() -> None:
    assert plan("off", on("ben@ops"))["taken_over"] is True
    assert "incident_approve=maintenance" in plan("off", on("ben@ops"))["text"]
    assert plan("off", None, OFF)["taken_over"] is False


def test_nothing_is_switched_while_a_security_incident_keeps_everything() -> None:
    seen = {"row": OFF, "edge": OFF, "hold": {"path": "/opt/.incident-hold", "text": "break-in", "everything": True}}
    found = maintenance.plan(seen, wanted("on"))
    assert (found["places"], found["outcome"]) == ([], "escalated") and "/opt/.incident-hold" in found["text"]
    assert maintenance.plan(seen, wanted("status"))["outcome"] == "healthy"


def test_an_address_that_is_closed_on_purpose_is_no_outage() -> None:
    closed = {"class": "maintenance"}
    assert answers({"answers": False, "probes": [closed, {"class": "ok"}]}, closed=True)
    assert answers({"answers": False, "probes": [closed]}, closed=True)
    assert not answers({"answers": False, "probes": [closed, {"class": "refused"}]}, closed=True)
    assert not answers({"answers": False, "probes": [closed, {"class": "ok"}]}, closed=False)
    assert closed_on_purpose({"postgres": {"maintenance": None}, "nginx": {"maintenance": {"enabled": True, "owned": True}}})
    assert not closed_on_purpose({"postgres": {"maintenance": {"enabled": True, "owned": False}}, "nginx": None})
