# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a run (`incident_*`): checked before anything is touched, a typing mistake never ignored. Pure."""

from __future__ import annotations

import difflib
import re
import typing as t
from collections.abc import Iterable, Sequence

from .baseline import PUT_BACK
from .diagnosis import RISKS
from .errors import IncidentError

MODES = ("remediate", "diagnose")
# What a playbook does that is no remedy of a cause, and that has to be approved by its name.
ACTIONS = ("restore", "maintenance")
# The settings that a user may give; a test compares them with the argument specification of the role open_incident.
KNOWN = (
    "incident_mode",
    "incident_risk_limit",
    "incident_approve",
    "incident_record_dir",
    "incident_lock_dir",
    "incident_lock_seconds",
    "incident_settle_seconds",
)
# Those of the roles that look back on incidents, whose names begin alike; a test compares them with their argument specifications.
OF_LOOKING_BACK = (
    "incident_review_incident",
    "incident_review_owner",
    "incident_review_owners",
    "incident_review_due",
    "incident_review_severities",
    "incident_review_items",
    "incident_review_done",
    "incident_review_not_done",
    "incident_review_root_cause",
    "incident_review_prevention",
    "incident_review_close",
    "incident_review_github_token",
    "incident_review_github_repository",
    "incident_review_github_url",
    "incident_history_dir",
    "incident_history_prometheus_file",
)
# The modules' options, as the sentences of their errors name them, and the variables of the inventory that the roles give them.
VARIABLES = {
    "project_src": "circuit_sage_project_src",
    "project_name": "circuit_sage_project_name",
    "files": "circuit_sage_compose_files",
    "env_file": "circuit_sage_env_file",
    "docker_host": "circuit_sage_docker_host",
    "login_host": "circuit_sage_postgres_host",
    "login_port": "circuit_sage_postgres_port",
    "urls": "circuit_sage_health_urls",
}
_ADVICE = re.compile(rf"(?<=\b(?:set|and) )(?:{'|'.join(VARIABLES)})\b(?=[ ,;.]|$)")


def in_variables(text: str) -> str:
    """A module's advice (`set env_file`) for who runs a playbook, where that is a variable of the inventory."""
    return _ADVICE.sub(lambda found: VARIABLES[found[0]], text)


def refuse_unknown(names: Iterable[str]) -> None:
    """Raise for a variable that begins with `incident_` and is no setting: a mistyped one would silently do the default."""
    for name in sorted(names):
        if name.startswith("incident_") and name not in KNOWN + OF_LOOKING_BACK:
            near = difflib.get_close_matches(name, KNOWN + OF_LOOKING_BACK, n=1)
            advice = f"did you mean {near[0]}?" if near else f"the settings are {', '.join(KNOWN)}"
            raise IncidentError(f"{name} is not a setting of a run; {advice}")


def may_tell(names: Iterable[str]) -> bool:
    """Whether a variable of the role notify is given. Without one its plugins are not loaded, which Ansible would compile in every run."""
    return any(name.startswith("notify_") for name in names)


def as_list(value: t.Any) -> list[str]:
    """The names of a list, or of a text with commas as `-e` gives it."""
    if value is None:
        return []
    parts = value.split(",") if isinstance(value, str) else list(value)
    return [str(part).strip() for part in parts if str(part).strip()]


def check(mode: str, risk_limit: str, approve: t.Any, causes: Sequence[dict[str, t.Any]]) -> list[str]:
    """Raise for a value that is not among the choices; otherwise the approved names as a list."""
    if mode not in MODES:
        raise IncidentError(f"incident_mode is {mode}; use one of {', '.join(MODES)}")
    if risk_limit not in RISKS:
        raise IncidentError(f"incident_risk_limit is {risk_limit}; use one of {', '.join(RISKS)}")
    names = sorted({cause["id"] for cause in causes} | {cause["remedy"] for cause in causes if cause.get("remedy")} | {PUT_BACK, *ACTIONS})
    approved = as_list(approve)
    for name in approved:
        if name not in names:
            # All of them are more than anybody reads.
            near = " or ".join(difflib.get_close_matches(name, names, n=3))
            advice = f"did you mean {near}?" if near else "run without it first: what waits for an approval is named then"
            raise IncidentError(f"incident_approve names {name}, which is no cause or remedy here; {advice}")
    return approved
