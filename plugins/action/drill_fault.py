# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One fault of a drill: bring it about, let the incident's playbook mend it, measure from outside, take it back."""

from __future__ import annotations

import json
import time
import typing as t
from datetime import datetime, timezone
from pathlib import Path

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import drill_faults, drill_probe
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.diagnosis import plain
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.record import utc_now
from ansible_collections.circuit_sage.incident_response.plugins.plugin_utils.drill_action import (
    HEALTH_SECONDS,
    POLL_SECONDS,
    DrillAction,
    Mapping,
)

BITE_SECONDS = 30.0
# Rows committed before the fault, which have to be there after it.
HEARTBEATS = 10
_HEARTBEAT = f"""
CREATE SCHEMA IF NOT EXISTS circuit_sage_ops;
CREATE TABLE IF NOT EXISTS circuit_sage_ops.drill_heartbeat (at timestamptz DEFAULT clock_timestamp());
TRUNCATE circuit_sage_ops.drill_heartbeat;
INSERT INTO circuit_sage_ops.drill_heartbeat SELECT clock_timestamp() FROM generate_series(1, {HEARTBEATS});
"""  # noqa: S608 - the number is our own


class ActionModule(DrillAction):
    """See the documentation of the module drill_fault."""

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Return the measurements; a fault that did not bite or was not mended is a result, not a failure of the task."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            {
                "fault": {"type": "dict", "required": True},
                "names": {"type": "dict", "required": True},
                "urls": {"type": "list", "elements": "str", "required": True},
                "token": {"type": "str"},
                "folder": {"type": "path", "required": True},
                "revert_seconds": {"type": "int", "default": 300},
            }
        )
        self._options, self._vars = plain(options), task_vars or {}
        self._fault = self._options["fault"]
        self._timeline: list[Mapping] = []
        self._began = time.monotonic()
        found = self._blank()
        if reason := self._fault.get("skipped"):
            found.update(status="skipped", reasons=[reason])
        else:
            self._drill_and_judge(found)
        if self._fault["id"].startswith(drill_faults.HEALTHY_ID) and not found["outcome"]:
            # What cannot look at a healthy system will mend no broken one.
            return {**result, "failed": True, "msg": f"{self._fault['id']}: {'; '.join(found['reasons'])}; no fault was brought about"}
        recovered = found["seconds_to_recover"]
        text = f"{self._fault['id']}: {found['status']}"
        text += f", {found['outcome']} after {found['playbook_seconds']:.1f} s" if found["outcome"] else ""
        text += f", serving after {recovered:.1f} s" if recovered is not None else ""
        text += f" ({'; '.join(found['reasons'])})" if found["reasons"] else ""
        entry = {"at": utc_now(), "event": found["status"], "text": text}
        return {**result, "changed": found["status"] != "skipped", "drilled": found, "account": [entry]}

    def _blank(self) -> Mapping:
        fault = self._fault
        return self._unmeasured(fault["id"], fault["incident"], fault["title"], fault["expect"]["cause"], fault["expect"]["outcome"])

    # The course of the drill

    def _drill_and_judge(self, found: Mapping) -> None:
        try:
            self._drill(found)
        except IncidentError as error:
            found["reasons"].append(str(error))
        found["timeline"] = self._timeline
        found["status"] = "failed" if found["reasons"] else "passed"

    def _drill(self, found: Mapping) -> None:
        fault = self._fault
        if self._options["token"] is not None:
            drill_faults.check_token(self._options["token"], self._vars["inventory_hostname"], datetime.now(timezone.utc))
        self._wait(drill_faults.HEALTHY, HEALTH_SECONDS, "the system is not healthy, so that nothing can be drilled on it")
        if self._bites():
            raise IncidentError("its symptom shows before it is brought about, so that it would prove nothing; correct its symptom")
        # Before the rest: where another drill is under way nothing of it may be touched.
        self._shell(drill_faults.watchdog(self._names, fault["revert"], self._options["revert_seconds"]), "its watchdog")
        armed = time.monotonic()
        watch = drill_probe.watch_service(self._options["urls"], True)
        try:
            self._began = time.monotonic()
            self._sql(_HEARTBEAT)
            self._mark("injected", fault["title"])
            self._part(fault["inject"], "its injection")
            # Not before: some faults bite only a backend that nobody has asked anything for a while.
            watch.start()
            self._wait(fault["symptom"], BITE_SECONDS, "it did not bite")
            found["bit"], found["bite_seconds"] = True, round(time.monotonic() - self._began, 2)
            self._mark("bit", "its symptom shows")
            self._respond(found, watch)
            if time.monotonic() - armed > self._options["revert_seconds"]:
                raise IncidentError(
                    f"its watchdog took it back after {self._options['revert_seconds']} s, while it was being drilled, so that nothing of"
                    " this counts; give more drill_revert_seconds"
                )
        finally:
            self._revert(found, watch)

    def _respond(self, found: Mapping, watch: drill_probe.Watch) -> None:
        before = self._part(drill_faults.SNAPSHOT, "the snapshot")
        self._play("--check")
        checked = self._part(drill_faults.SNAPSHOT, "the snapshot")
        found["check_changes"] = drill_faults.touched(before, checked)
        symptom = drill_probe.Watch(lambda: self._try(self._fault["symptom"]) is None, drill_probe.SYMPTOM_SECONDS)
        symptom.start()
        began, started_at = time.monotonic(), utc_now()
        self._mark("started", f"{self._fault['incident']}.yml")
        status = self._play()
        found["playbook_seconds"] = round(time.monotonic() - began, 2)
        self._mark("ended", f"with status {status}")
        if self._expects("resolved"):
            self._settle(watch, symptom)
        symptom.end()
        found["touched"] = drill_faults.touched(checked, self._part(drill_faults.SNAPSHOT, "the snapshot"))
        since = drill_probe.well_since([look for look in watch.looks if look.at >= began], symptom.looks)
        if since is not None:
            found["seconds_to_recover"] = round(max(since - began, 0), 2)
            self._mark("recovered", "it serves, and the symptom is gone", since)
        self._read_record(found, started_at, began)
        self._judge(found, status)

    def _settle(self, watch: drill_probe.Watch, symptom: drill_probe.Watch) -> None:
        """Wait until the last looks are good, which may be a moment after the playbook's own."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if all(one.looks and one.looks[-1].well for one in (watch, symptom)):
                return
            time.sleep(POLL_SECONDS)

    def _read_record(self, found: Mapping, started_at: str, began: float) -> None:
        record = json.loads((self._records / "latest" / "incident.json").read_text(encoding="utf-8"))
        found["outcome"] = record["outcome"]
        found["findings"] = [finding["id"] for finding in record["findings"]]
        found["drift_after"] = record.get("drift_after") or []
        for entry in record["timeline"]:
            if entry["event"] in ("cause", "act", "proof"):
                at = drill_faults.seconds_between(started_at, entry["at"])
                self._mark(entry["event"], entry["text"], began + at)
                if entry["event"] == "cause" and found["seconds_to_diagnose"] is None:
                    found["seconds_to_diagnose"] = round(at, 2)

    def _judge(self, found: Mapping, status: int) -> None:
        expect, reasons = self._fault["expect"], found["reasons"]
        findings = found["findings"]
        if expect["cause"] == "unknown":
            found["diagnosis"] = "first" if not findings else "wrong"
        elif not findings:
            found["diagnosis"] = "unknown"
        elif findings[0] == expect["cause"]:
            found["diagnosis"] = "first"
        else:
            found["diagnosis"] = "among" if expect["cause"] in findings else "wrong"
        allowed = set(expect.get("touches") or [])
        # What Docker restarts by itself while the database is away is not the playbook's touch, and is not seen as one.
        allowed |= {"database"} if "postgres" in allowed else set()
        found["wrong_touches"] = [name for name in found["touched"] if name not in allowed]
        if found["diagnosis"] != "first":
            reasons.append(f"{expect['cause']} was to be named first, and the findings are {', '.join(findings) or 'none'}")
        if found["outcome"] != expect["outcome"]:
            reasons.append(f"the outcome is {found['outcome']} (status {status}), and {expect['outcome']} was expected")
        if expect["outcome"] == "resolved" and found["seconds_to_recover"] is None:
            reasons.append("the service did not serve again, or the symptom still showed, when the playbook had ended")
        if found["wrong_touches"]:
            reasons.append(f"touched {', '.join(found['wrong_touches'])}, which had no part in it")
        if found["check_changes"]:
            reasons.append(f"--check changed {', '.join(found['check_changes'])}")

    def _revert(self, found: Mapping, watch: drill_probe.Watch) -> None:
        """Take the fault back whatever happened, prove health, count the rows."""
        deadline = time.monotonic() + HEALTH_SECONDS
        # Again and again: taking it back may need a server that is just coming up.
        while (problem := self._try(self._fault["revert"])) is None and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        try:
            if problem is None:
                self._mark("reverted", "the fault could not be taken back")
                raise IncidentError("it could not be taken back; do by hand what its file says under revert")
            self._mark("reverted", "the fault is taken back")
            self._wait(drill_faults.HEALTHY, HEALTH_SECONDS, "the system was not healthy again when the fault was taken back")
            self._await_no_symptom()
            self._shell(drill_faults.script(self._names, drill_faults.DISARM), "the watchdog's end")
            kept = int(self._sql("SELECT count(*) FROM circuit_sage_ops.drill_heartbeat;").strip() or 0)
            self._sql("DROP TABLE circuit_sage_ops.drill_heartbeat;")
            found["rows_lost"] = HEARTBEATS - kept
            if found["rows_lost"]:
                found["reasons"].append(f"{found['rows_lost']} committed rows are lost")
        except IncidentError as error:
            found["reasons"].append(str(error))
        finally:
            watch.end()
            found["requests"] = {"sent": len(watch.looks), "failed": sum(not look.well for look in watch.looks)}
            found["probes"] = [[round(look.at - self._began, 2), look.well] for look in watch.looks]

    def _await_no_symptom(self) -> None:
        deadline = time.monotonic() + BITE_SECONDS
        while self._bites():
            if time.monotonic() > deadline:
                raise IncidentError("its symptom still shows when it was taken back; correct its revert, and do by hand what it should do")
            time.sleep(POLL_SECONDS)

    def _bites(self) -> bool:
        """Whether the symptom shows. Where nothing is broken there is none."""
        return not self._fault["id"].startswith(drill_faults.HEALTHY_ID) and self._try(self._fault["symptom"]) is not None

    # Its tools

    @property
    def _records(self) -> Path:
        return Path(str(self._options["folder"]), "records", str(self._fault["id"]))

    def _expects(self, outcome: str) -> bool:
        return bool(self._fault["expect"]["outcome"] == outcome)

    def _play(self, *arguments: str) -> int:
        """Run the incident's playbook as a user does, and return its exit status."""
        return self._run_playbook(self._fault["incident"], self._records, *arguments)
