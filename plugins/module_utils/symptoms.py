# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an outsider would call broken in plain observations: for the diagnosis, and for the host that keeps evidence of it.

Apart from the diagnosis because that needs a JMESPath library, which the managed host need not have.
"""

from __future__ import annotations

from typing import Any

from . import payment_observation
from .edge_probe import troubles
from .http_probe import decide

Mapping = dict[str, Any]

# On one machine it takes a fraction of a millisecond; a busy one may take some tens.
SLOW_ROUND_TRIP_MS = 100


def symptoms_of(observations: Mapping) -> list[str]:
    """Return, one sentence each, what an outsider would call broken. Empty means healthy."""
    stack, postgres, edge = observations["stack"], observations["postgres"], observations["edge"]
    if not stack["engine"]["reachable"]:
        return [f"the Docker engine does not answer: {stack['engine']['error']}"]
    found = []
    for name in ("postgres", "backend", "frontend"):
        if name == "frontend" and name not in stack["services"]:
            continue
        service = stack["services"].get(name) or {"state": "missing"}
        if service["state"] != "running":
            found.append(f"{name} is {service['state']}")
    lacks = ((stack["services"].get("backend") or {}).get("environment") or {}).get("missing")
    if lacks:
        found.append(f"the backend runs without {', '.join(lacks)}")
    if postgres.get("error"):
        found.append(f"PostgreSQL does not let the application in: {postgres['error']['message']}")
    elif not postgres["write"]["ok"]:
        found.append(f"a write fails: {postgres['write']['message']}")
    found += [f"the table {one['name']} is missing" for one in postgres.get("missing_tables") or []]
    round_trip = (postgres.get("network") or {}).get("round_trip_ms") or 0
    if round_trip >= SLOW_ROUND_TRIP_MS:
        found.append(f"a question that costs nothing takes {round_trip:.0f} ms to the database and back")
    if postgres.get("blockers"):
        found.append(f"{sum(blocker['waiting'] for blocker in postgres['blockers'])} sessions wait for a lock")
    closed = closed_on_purpose(observations)
    if not answers(edge, closed):
        found.append("the service does not answer: " + describe_probes(edge))
    found += troubles(edge, closed)
    wrong = (observations.get("billing") or {}).get("totals")
    if wrong:
        found.append("the billing is wrong: " + ", ".join(f"{total['count']} {kind}" for kind, total in wrong.items()))
    charged = ((observations.get("billing") or {}).get("square") or {}).get("totals", {}).get("approve")
    if charged:
        found.append(f"Square charges {charged['count']} subscriptions another amount than is due")
    return found + payment_observation.symptoms(observations)


def closed_on_purpose(observations: Mapping) -> bool:
    """Whether somebody who may still be at work owns the maintenance mode that is on, in the database or at the edge."""
    places = ((observations.get(name) or {}).get("maintenance") or {} for name in ("postgres", "nginx"))
    return any(one.get("enabled") and one.get("owned") for one in places)


def answers(edge: Mapping, closed: bool) -> bool:
    """Whether the service answers; an address that is closed on purpose leaves that to the next one."""
    probes = [probe for probe in edge["probes"] if not (closed and probe["class"] == "maintenance")]
    return bool(edge["answers"] or (closed and (not probes or decide(probes))))


def describe_probes(edge: Mapping) -> str:
    """Return what each probed address answered, in a few words."""
    return ", ".join(f"{probe['url']} {probe['status'] or probe['class']}" for probe in edge["probes"])
