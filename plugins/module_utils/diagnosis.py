# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From observations to findings to a plan: pure functions, no I/O.

A *cause* is data (a role's ``files/causes.yml``), an *observation* is what the read-only modules return, a *finding* is a cause
that matches. The layers stand in causal order: what is wrong in a deeper layer explains what is seen above it.
"""

from __future__ import annotations

import functools
import json
import typing as t
from collections.abc import Sequence

from . import baseline, payment_observation, postgres_errors, square_report
from .baseline import LAYERS
from .errors import IncidentError
from .symptoms import answers, closed_on_purpose, symptoms_of

# Not every Python has it; which one lacks it is told when it is needed, not when Ansible lists its plugins.
try:
    import jmespath
except ImportError:
    jmespath = None

RISKS = ("safe", "disruptive", "destructive")
REQUIRED_KEYS = ("id", "title", "layer", "match", "evidence", "why_not_restart")
OPTIONAL_KEYS = ("remedy", "risk", "respects_hold", "escalate", "severity", "role", "harmless", "when_asked", "per_day", "phase")
# The steps of a security incident in which a remedy may come, in the order of the guide; what has none belongs to the last.
PHASES = ("contain", "block", "rotate", "patch")
# The role whose remedies a hold on everything does not keep back: it sets such a hold itself.
SECURITY = "security_incident"
# The kind of an incident in which nobody knows yet what it is: everything is asked for.
EVERYTHING = "triage"
SEVERITIES = ("P1", "P2", "P3", "P4")
# A backend that began less than so long ago may be on its way up; it takes a few seconds, more on a busy host.
YOUNG_SECONDS = 30
# What an address answers behind which nobody listens.
NOBODY_LISTENS = {"bad_gateway", "closed", "refused"}

Mapping = dict[str, t.Any]


def plain(value: t.Any) -> t.Any:
    """Return plain dicts, lists and scalars for what Ansible hands over as tagged or lazy containers."""
    return json.loads(json.dumps(value))


def _need_jmespath() -> None:
    if jmespath is None:
        raise IncidentError("the Python of ansible-playbook lacks jmespath; install it there: pip install jmespath")


@functools.cache
def _compiled(expression: str) -> t.Any:
    """The expression, parsed: jmespath itself remembers fewer than there are."""
    return jmespath.compile(expression)


def check_causes(causes: Sequence[Mapping]) -> None:
    """Raise IncidentError, in one sentence, for a cause that cannot be used."""
    _need_jmespath()
    seen: set[str] = set()
    for cause in causes:
        name = cause.get("id", "without an id")
        missing = [key for key in REQUIRED_KEYS if not cause.get(key)]
        if missing:
            raise IncidentError(f"cause {name} lacks {', '.join(missing)}; add it to the role's files/causes.yml")
        unknown = sorted(set(cause) - set(REQUIRED_KEYS) - set(OPTIONAL_KEYS))
        if unknown:
            known = ", ".join(REQUIRED_KEYS + OPTIONAL_KEYS)
            raise IncidentError(f"cause {name} has unknown keys {', '.join(unknown)}; the known ones are {known}")
        if name in seen:
            raise IncidentError(f"cause {name} stands twice; give each cause an id of its own")
        seen.add(name)
        if cause["layer"] not in LAYERS:
            raise IncidentError(f"cause {name} has the layer {cause['layer']}; use one of {', '.join(LAYERS)}")
        if cause.get("remedy") and cause.get("risk") not in RISKS:
            raise IncidentError(f"cause {name} has a remedy with the risk {cause.get('risk')}; use one of {', '.join(RISKS)}")
        if cause.get("harmless") and cause.get("remedy"):
            raise IncidentError(f"cause {name} is harmless and has a remedy; leave one of both out")
        if cause.get("severity", "P1") not in SEVERITIES:
            raise IncidentError(f"cause {name} has the severity {cause['severity']}; use one of {', '.join(SEVERITIES)}")
        if cause.get("phase", PHASES[0]) not in PHASES:
            raise IncidentError(f"cause {name} has the phase {cause['phase']}; use one of {', '.join(PHASES)}")
        budget = cause.get("per_day")
        if budget is not None and not (cause.get("remedy") and isinstance(budget, int) and budget > 0):
            raise IncidentError(f"cause {name} has per_day {budget}; say how often a day its remedy may run, or leave it out")
        for key in ("match", "evidence"):
            try:
                _compiled(cause[key])
            except jmespath.exceptions.JMESPathError as error:
                raise IncidentError(f"cause {name}: {key} is not JMESPath ({str(error).splitlines()[0]})") from error


def diagnose(observations: Mapping, causes: Sequence[Mapping], kind: str | None = None) -> list[Mapping]:
    """Return the findings: the causes that match, deepest layer first, each with its evidence.

    Within a layer the order of the causes decides. A cause that is told only when asked for is left out unless its role handles the
    incident of this *kind*; without a kind everything is asked for. Where no cause explains what is broken, drift from the baseline is a
    finding. Raises IncidentError when a cause cannot be evaluated.
    """
    check_causes(causes)
    _need_jmespath()
    facts = plain(observations)
    findings = []
    for cause in sorted(causes, key=lambda entry: LAYERS.index(entry["layer"])):
        if cause.get("when_asked") and kind not in (None, EVERYTHING, cause.get("role")):
            continue
        try:
            if _compiled(cause["match"]).search(facts) is not True:
                continue
            evidence = _compiled(cause["evidence"]).search(facts)
        except jmespath.exceptions.JMESPathError as error:
            raise IncidentError(f"cause {cause['id']} cannot be evaluated: {error}") from error
        findings.append(
            {
                "id": cause["id"],
                "title": cause["title"],
                "layer": cause["layer"],
                "evidence": evidence,
                "remedy": cause.get("remedy"),
                "once": cause.get("remedy"),
                "risk": cause.get("risk"),
                "respects_hold": bool(cause.get("respects_hold")),
                "per_day": cause.get("per_day"),
                "phase": cause.get("phase"),
                "escalate": cause.get("escalate"),
                "harmless": bool(cause.get("harmless")),
                "severity": cause.get("severity"),
                "role": cause.get("role"),
                "why_not_restart": cause["why_not_restart"],
                "status": "found",
            }
        )
    if all(finding["harmless"] for finding in findings):
        findings += baseline.findings(facts.get("drift") or [], symptoms_of(facts))
    return findings


def plan(
    findings: Sequence[Mapping],
    risk_limit: str = "disruptive",
    approve: Sequence[str] = (),
    tried: Sequence[str] = (),
    hold: str | None = None,
    done_lately: t.Mapping[str, int] | None = None,
    hold_everything: bool = False,
) -> list[Mapping]:
    """Return the findings in causal order, each with ``decision`` (act, leave, or none: nothing is to be done) and ``reason``.

    Each remedy is planned at most once, by the name in a finding's ``once``; *tried* has those of earlier rounds. A destructive remedy
    needs its cause or remedy in *approve*.
    *hold* is the text of a hold marker: somebody keeps the system as it is, and causes that respect it are left alone. One that
    *holds everything* is of a security incident, and what another role would do is left alone, whatever it is.
    *done_lately* says how often each remedy was carried out in the last 24 hours: one that only puts a fault off has a budget, ``per_day``.
    """
    limit = RISKS.index(risk_limit)
    planned: list[Mapping] = []
    taken = set(tried)
    for finding in findings:
        remedy, once = finding.get("remedy"), finding.get("once")
        risk = finding.get("risk")
        approved = finding["id"] in approve or remedy in approve
        if finding.get("harmless"):
            decision, reason = "none", "nothing is to be done about it"
        elif not remedy:
            decision, reason = "leave", finding.get("escalate") or "no remedy is known to be right; a person decides"
        elif hold and not approved and (finding.get("respects_hold") or (hold_everything and finding.get("role") != SECURITY)):
            decision, reason = "leave", f"a hold is set ({hold}); lift it, or approve with incident_approve={finding['id']}"
        elif once in tried:
            decision, reason = "leave", f"{remedy} was tried already and did not mend it"
        elif finding.get("per_day") and not approved and (done_lately or {}).get(str(once), 0) >= finding["per_day"]:
            decision = "leave"
            reason = (
                f"{remedy} was carried out {(done_lately or {})[str(once)]} times in 24 hours and did not last; mend what is behind it, "
                f"or approve one more with incident_approve={finding['id']}"
            )
        elif once in taken:
            # When it does not mend this one too, the next look says so.
            decision, reason = "none", f"{remedy} is planned already"
        elif risk == "destructive" and not approved:
            decision, reason = "leave", f"{remedy} is destructive; approve it with incident_approve={finding['id']}"
        elif RISKS.index(t.cast(str, risk)) > limit and not approved:
            way = f"raise it, or approve this with incident_approve={finding['id']}"
            decision, reason = "leave", f"{remedy} is {risk}, above incident_risk_limit={risk_limit}; {way}"
        else:
            decision, reason = "act", ""
            taken.add(str(once))
        planned.append({**finding, "decision": decision, "reason": reason})
    return planned


def about_security(kind: str, findings: Sequence[Mapping], earlier: str | None = None) -> str | None:
    """Whether a run is about security: ``new`` since this look, ``known`` since one before, of which this said *earlier*; else null.

    A security incident is from its first look on, one of another *kind* as soon as a cause of it is found.
    """
    if earlier:
        return "known"
    return "new" if kind == SECURITY or any(finding.get("role") == SECURITY for finding in findings) else None


def in_phases(planned: Sequence[Mapping]) -> list[Mapping]:
    """The remedies to carry out, in causal order within each step of the guide's order."""

    def step(finding: Mapping) -> int:
        return PHASES.index(finding.get("phase") or PHASES[-1])

    return sorted(planned, key=step)


def symptoms(observations: Mapping) -> list[str]:
    """Return, one sentence each, what an outsider would call broken. Empty means healthy."""
    return symptoms_of(plain(observations))


def on_its_way(observations: Mapping, findings: Sequence[Mapping]) -> str | None:
    """Why to look again before a person is called: no cause explains it, but backend or PostgreSQL began just now. Null: no reason.

    So it is when Docker has started one of them once more, by itself, just before the look, or when PostgreSQL recovers from a crash.
    """
    services, probes = observations["stack"].get("services") or {}, observations["edge"]["probes"]
    error, late, name = observations["postgres"]["error"], "backend", "the backend"
    if error and error["class"] in postgres_errors.PASSING:
        # A server refuses until it has started, or has recovered from a crash; its backend comes up after it.
        late, name = "postgres", "PostgreSQL"
    elif error or not probes or not {probe["class"] for probe in probes} <= NOBODY_LISTENS:
        return None
    service = services.get(late) or {}
    age = service.get("started_seconds_ago")
    if service.get("state") != "running" or age is None or age >= YOUNG_SECONDS:
        return None
    if not all(finding.get("harmless") or finding.get("drift") for finding in findings):
        return None
    return f"no known cause explains it, but {name} began {age} s ago and may not listen yet; it is looked at again after a while"


def seen(observations: Mapping) -> str:
    """Return one line of what was seen, for the account and the timeline."""
    facts = plain(observations)
    if not facts["stack"]["engine"]["reachable"]:
        return "the Docker engine does not answer"
    parts = []
    for name, service in facts["stack"]["services"].items():
        state = service["state"]
        if state == "running" and name not in ("postgres", "backend"):
            continue
        if state == "exited":
            state = f"exited ({service['exit_code']})"
        if service.get("restart_count"):
            state += f", {service['restart_count']} restarts"
        parts.append(f"{name} {state}")
    postgres = facts["postgres"]
    if postgres.get("error"):
        parts.append(f"login {postgres['error']['class']}")
    else:
        parts.append("login ok, write " + (postgres["write"]["class"] or "unknown"))
    parts.append("service " + ("answers" if answers(facts["edge"], closed_on_purpose(facts)) else "does not answer"))
    billing = facts.get("billing")
    if billing:
        wrong = sum(total["count"] for total in billing["totals"].values())
        parts.append(f"billing of {billing['companies']} companies " + (f"wrong in {wrong} places" if wrong else "right"))
    parts += square_report.seen(facts)
    parts += payment_observation.seen(facts)
    return "; ".join(parts)


def not_seen(observations: Mapping) -> str | None:
    """What a look for a break-in could not look at, each with the reason, in one line: a rotation may be open behind it."""
    unknown = (observations.get("security") or {}).get("unknown") or {}
    # Updates are looked up only by a run that acts.
    return "; ".join(f"{name}: {reason}" for name, reason in unknown.items() if name != "updates") or None


def _data_volume(facts: Mapping) -> str | None:
    """The volume in which PostgreSQL keeps its data."""
    mounts = ((facts.get("stack") or {}).get("services") or {}).get("postgres", {}).get("mounts") or []
    return next((mount["name"] for mount in mounts if mount["type"] == "volume"), None)


def _came_back(before: Mapping, after: Mapping) -> bool:
    """Whether PostgreSQL has a volume again that lay unused before: then the other cluster is the one that was missed."""
    volume = _data_volume(after)
    unused = ((before.get("stack") or {}).get("volumes") or {}).get(volume, {}).get("used_by") == []
    return unused and volume != _data_volume(before)


def preserved(before: Mapping | None, after: Mapping) -> list[str]:
    """Return what was there *before* and is not there *after*: the loss that no remedy may cause. Unknown before: nothing to compare."""
    lost = []
    earlier, later = plain(before or {}).get("postgres") or {}, plain(after)["postgres"]
    old_system = (earlier.get("server") or {}).get("system_identifier")
    new_system = (later.get("server") or {}).get("system_identifier")
    if old_system and new_system and old_system != new_system and not _came_back(plain(before or {}), plain(after)):
        lost.append(f"this is another database cluster: system identifier {old_system} became {new_system}")
    for table, count in (earlier.get("content") or {}).items():
        now = (later.get("content") or {}).get(table)
        if now is not None and count is not None and now < count:
            lost.append(f"{table} had {count} rows and has {now}")
    return lost


def conclude(
    before: Mapping | None,
    after: Mapping | None,
    findings: Sequence[Mapping],
    acted: bool,
    act: bool,
    failure: str | None = None,
    done: str | None = None,
) -> dict[str, str]:
    """Return the ``outcome`` of a run (healthy, diagnosed, resolved, escalated) and its last message, ``text``.

    *before* and *after* are the first and the last observations, *acted* says whether a remedy ran, *act* whether this run was allowed
    to, *failure* what broke in the run itself, *done* what a run did that was not there to mend anything.
    """
    harmless = [finding["id"] for finding in findings if finding.get("harmless")]
    findings = [finding for finding in findings if not finding.get("harmless")]
    named = ", ".join(finding["id"] for finding in findings)
    well = "nothing is broken, nothing was changed" + (f"; {', '.join(harmless)} was seen and is harmless" if harmless else "")
    if failure or not before or not after:
        return {"outcome": "escalated", "text": failure or "the system could not be observed; look at the record's timeline"}
    left = [f"{finding['id']}: {finding['reason']}" for finding in findings if finding.get("decision") == "leave"]
    sick = symptoms(after)
    lost = preserved(before, after)
    if not act:
        if not sick and not findings:
            return {"outcome": "healthy", "text": well}
        text = f"cause {named}; nothing was changed" if named else "unknown: no known cause explains " + "; ".join(sick)
        return {"outcome": "diagnosed", "text": text}
    if not sick and not lost and not left:
        if acted:
            return {"outcome": "resolved", "text": f"{named} mended and proven"}
        if done:
            return {"outcome": "resolved", "text": done}
        return {"outcome": "healthy", "text": well}
    parts = [f"found {named}" if named else "unknown: no known cause explains what is seen; nothing was changed"]
    if sick:
        parts.append("still wrong: " + "; ".join(sick))
    if lost:
        parts.append("lost: " + "; ".join(lost))
    if left:
        parts.append("left alone: " + "; ".join(left))
    return {"outcome": "escalated", "text": ". ".join(parts) + ". A person is needed"}
