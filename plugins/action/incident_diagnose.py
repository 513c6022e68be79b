# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what was observed to causes and a plan, told and written into the open incident on the controller.

One task: of an outage each one takes its tenth of a second.
"""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import (
    cause_catalog,
    diagnosis,
    payment_tables,
    run_settings,
    security_tables,
    square_report,
    triage,
)
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.recent import lately, recent_changes
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.record import Record, redacted
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.report import evidence_lines

Mapping = dict[str, t.Any]

_RETURNED = ("incident", "before", "after", "findings", "planned", "symptoms", "tried", "security", "on_its_way")


def tell(record: Record, finding: Mapping) -> list[Mapping]:
    """What the account says of a finding. Cause and plan go into the timeline too; the reasons stand in the finding itself."""
    # The title of drift says all that its id does.
    cause = record.event("cause", finding["title"] if finding.get("drift") else f"{finding['id']}: {finding['title']}")
    known = "; ".join(line for line in evidence_lines(redacted(finding["evidence"])) if not line.endswith((": unknown", ": none")))
    reasons = [
        {"at": cause["at"], "event": "because", "text": known},
        {"at": cause["at"], "event": "no restart", "text": finding["why_not_restart"]},
    ]
    if finding["decision"] == "leave" or finding.get("harmless"):
        return [cause, *reasons, record.event("left", finding["reason"])]
    if finding["decision"] == "act":
        owner = finding.get("role")
        handed = f", handed over to {owner}" if owner and owner != record.content["kind"] else ""
        planned = record.event("plan", f"{finding['remedy']} ({finding['risk']}){handed}")
    else:
        planned = record.event("plan", finding["reason"])
    return [cause, *reasons, planned, *([record.event("follow up", finding["escalate"])] if finding.get("escalate") else [])]


class ActionModule(ActionBase):
    """See the documentation of the module incident_diagnose."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: Mapping | None = None) -> Mapping:
        """Return the findings with their decisions, and what the incident began with; nothing on the managed host changes."""
        result: Mapping = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            {
                "kind": {"type": "str", "required": True},
                "observations": {"type": "dict", "required": True},
                "earlier": {"type": "dict"},
                "severities": {"type": "list", "elements": "dict", "default": []},
            }
        )
        options = diagnosis.plain(options)
        # What a failure leaves is what the diagnosis before it said.
        result.update({name: value for name, value in (options["earlier"] or {}).items() if name in _RETURNED})
        try:
            record = Record.current(task_vars)
            result.update(self._diagnose(record, (task_vars or {})["circuit_sage_incident"], options))
            # Nobody is called for what may only be on its way up: the next look decides.
            result["account"] += [] if result["on_its_way"] else self._announce(record, task_vars or {}, result)
        except IncidentError as error:
            return {**result, "failed": True, "msg": str(error)}
        return {**result, "changed": False}

    def _announce(self, record: Record, task_vars: Mapping, found: Mapping) -> list[Mapping]:
        """Tell who wants to be told: what the account says of that."""
        if not run_settings.may_tell(task_vars):
            return []
        from ansible_collections.circuit_sage.incident_response.plugins.plugin_utils import announcement

        return announcement.of_diagnosis(record, task_vars, self._templar, found).account

    def _diagnose(self, record: Record, incident: Mapping, options: Mapping) -> Mapping:
        observed, earlier = options["observations"], options["earlier"]
        is_first = not earlier or bool(earlier.get("on_its_way"))
        tried = earlier["tried"] + [finding["once"] for finding in earlier["planned"]] if earlier else []
        findings = diagnosis.plan(
            diagnosis.diagnose(observed, cause_catalog.all_causes(), options["kind"]),
            incident["risk_limit"],
            incident["approve"],
            tried,
            observed["stack"]["hold"]["text"],
            incident["done_lately"],
            bool(observed["stack"]["hold"].get("everything")),
        )
        planned = diagnosis.in_phases([finding for finding in findings if finding["decision"] == "act"])
        symptoms = diagnosis.symptoms(observed)
        if incident["act"]:
            record.remember_planned(findings)
        sick = bool(findings or symptoms)
        before = earlier["before"] if earlier else observed
        # What is told of the first look is not told again of the proof.
        record.keep_tables(square_report.differences(observed, before if earlier else None))
        record.keep_tables(payment_tables.observed(observed, before if earlier else None))
        if not incident["act"] and not (earlier and payment_tables.to_do(before)):
            record.keep_tables(payment_tables.to_do(observed))
        security = diagnosis.about_security(options["kind"], findings, earlier["security"] if earlier else None)
        record.keep_tables(security_tables.observed(observed) if security == "new" else [])
        account = self._tell(record, observed, findings, "seen" if is_first else "proof", keep=sick and is_first)
        unseen = diagnosis.not_seen(observed) if is_first and options["kind"] == diagnosis.SECURITY else None
        account += [record.event("not seen", unseen)] if unseen else []
        waits = None if earlier else diagnosis.on_its_way(observed, findings)
        if waits:
            account.append(record.event("waits", waits))
        elif options["severities"] and is_first:
            account += self._judge(record, triage.assess(observed, findings, symptoms, options["severities"]))
        told = (incident["run"], before, observed, findings, planned, symptoms, tried, security, waits is not None)
        return {**dict(zip(_RETURNED, told, strict=True)), "account": account}

    @staticmethod
    def _judge(record: Record, verdict: Mapping) -> list[Mapping]:
        """What the account says of severity, of who is affected, and of the playbook that mends it, written into the record."""
        if not verdict["severity"]:
            return []
        record.content["severity"], record.content["severity_reason"] = verdict["severity"], verdict["reason"]
        record.content["affected"] = verdict["affected"]
        told = [record.event("severity", f"{verdict['severity']}: {verdict['reason']}")]
        told += [record.event("affected", text) for text in verdict["affected"]]
        return [*told, *(record.event("playbook", f"ansible-playbook {name}.yml") for name in verdict["playbooks"])]

    @staticmethod
    def _tell(record: Record, observed: Mapping, findings: list[Mapping], event: str, keep: bool) -> list[Mapping]:
        """What the account says of what was seen and found, written into the record; where it is to be *kept*, as evidence too."""
        if keep:
            record.keep_evidence({"observations.json": observed})
        record.merge_findings(findings)
        own = [finding.get("severity") for finding in findings]
        # The worst severity of the causes, where each of them has one of its own: the playbook's is a guess before that.
        if own and all(own):
            earlier = [record.content["severity"]] if len(record.content["runs"]) > 1 else []
            record.content["severity"] = min(t.cast("list[str]", own) + earlier)
        account = [record.event(event, diagnosis.seen(observed))]
        if keep:
            opened = record.content["opened_at"]
            record.content["recent_changes"] = redacted(recent_changes(observed, opened))
            told = lately(record.content["recent_changes"], opened)
            account += [record.event("lately", told)] if told else []
        for finding in findings:
            account += tell(record, finding)
        return account
