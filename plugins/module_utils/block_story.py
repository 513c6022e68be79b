# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of block_ips tells: its findings, what was seen, how it ended. Pure."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence

Story = dict[str, t.Any]

_TOLD = 5
_NO_RESTART = "the attackers come again as soon as the service is back"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_TOLD])
    return shown + (f" and {len(names) - _TOLD} more" if len(names) > _TOLD else "")


def findings(found: Mapping[str, t.Any], planned: Mapping[str, t.Any]) -> list[Story]:
    """The attacks as findings of an incident: *found* by access_log_info, *planned* by ip_block in check mode."""
    refused = {one["address"]: one["why"] for one in planned["refused"]}
    told = []
    for attack in found.get("attacks", []):
        left = [name for name in attack["addresses"] if name in refused]
        inside = attack["success_after_failures"]
        told.append(
            {
                "id": attack["id"],
                "title": attack["title"],
                "layer": "edge",
                "evidence": {
                    "addresses": _some(attack["addresses"]),
                    "networks": _some([f"{one['network']} ({one['addresses']})" for one in attack["networks"]]),
                    "requests": attack["counted"],
                    "first": attack["first"],
                    "last": attack["last"],
                    "paths": _some(sorted({path for one in attack["attackers"] for path in one["paths"]})),
                    "got_in": _some(inside),
                },
                "remedy": "block_ips",
                "risk": "safe",
                "decision": "leave" if left else "act",
                "reason": f"{len(left)} of them are never blocked: {refused[left[0]]}" if left else "",
                "escalate": f"{_some(inside)} got in after failures: find out which accounts, and end their sessions" if inside else None,
                "severity": "P1" if inside else "P2",
                "why_not_restart": _NO_RESTART,
            }
        )
    return told


def seen(found: Mapping[str, t.Any], planned: Mapping[str, t.Any]) -> str:
    """One line of what was looked at."""
    if not found.get("files"):
        text = f"{planned['blocked_count'] + planned['already_count']} addresses and networks were named"
    else:
        attackers = len(found["reasons"])
        text = f"{found['lines']} lines of {found['clients']} clients; {attackers} of them attack"
        unread = found["malformed"] + found["too_long"]
        text += f"; {unread} lines cannot be read" if unread else ""
        text += f"; {len(found['spared'])} are spared" if found["spared"] else ""
    already = f"; {planned['already_count']} are blocked already" if planned["already_count"] else ""
    return text + already + ("; bans were lost from the kernel" if planned["restored"] else "")


def observation(look: Mapping[str, t.Any]) -> Story:
    """What a security incident observes of the edge: the attacks, and what the bans come to. *look* is what ban_info returned."""
    planned = look["planned"]
    attacks = [
        {
            "id": attack["id"],
            "title": attack["title"],
            "count": len(attack["addresses"]),
            "waiting": len(attack["waiting"]),
            "addresses": _some(attack["waiting"] or attack["addresses"]),
            "networks": _some([f"{one['network']} ({one['addresses']})" for one in attack["networks"]]),
            "requests": attack["counted"],
            "first": attack["first"],
            "last": attack["last"],
            "paths": _some(sorted({path for one in attack["attackers"] for path in one["paths"]})),
            "got_in": _some(attack["success_after_failures"]) or None,
        }
        for attack in look["found"].get("attacks", [])
    ]
    bans = {
        "active": planned["active_count"] - planned["blocked_count"],
        "to_block": planned["blocked_count"],
        "refused": planned["refused"][:_TOLD],
        "lost": planned["restored"],
        "bypassed": list(look["bypassed"]),
    }
    return {"attacks": attacks, "bans": bans}


def judgement(found: Mapping[str, t.Any], planned: Mapping[str, t.Any], done: Mapping[str, t.Any] | None, act: bool) -> Story:
    """How the run ended: outcome, last message, and what an outsider would have noticed."""
    impact = [f"{attack['title']}: {attack['counted']} requests" for attack in found.get("attacks", [])]
    refused = planned["refused"]
    count = planned["blocked_count"]
    if not act and (count or refused or planned["restored"]):
        lost = "; bans that were lost would be put back" if planned["restored"] else ""
        text = f"{count} addresses and networks would be blocked, {len(refused)} are never blocked{lost}; nothing was changed"
        return {"outcome": "diagnosed", "text": text, "impact": impact}
    did = []
    if done and done["blocked_count"]:
        did.append(f"{done['blocked_count']} addresses and networks are blocked, the first until {done['blocked'][0]['until']}")
    if done and done["restored"]:
        did.append("bans that were lost are in the kernel again")
    if refused:
        left = f"left alone: {refused[0]['why']}" + (f"; {len(refused) - 1} more" if len(refused) > 1 else "")
        return {"outcome": "escalated", "text": ". ".join([*did, left, "A person is needed"]), "impact": impact}
    if did:
        return {"outcome": "resolved", "text": "; ".join(did), "impact": impact}
    well = "all of them are blocked already" if planned["already_count"] else "nobody attacks"
    return {"outcome": "healthy", "text": f"{well}, nothing was changed", "impact": impact}
