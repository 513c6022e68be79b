# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The loss of the whole database: back it up, destroy its volume, make the stack anew, restore, and measure from outside what it cost."""

from __future__ import annotations

import json
import re
import time
import typing as t
from pathlib import Path

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import drill_faults, drill_probe
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.diagnosis import plain
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.record import utc_now
from ansible_collections.circuit_sage.incident_response.plugins.plugin_utils.drill_action import HEALTH_SECONDS, DrillAction, Mapping

BEAT_SECONDS = 0.5
SETTLE_SECONDS = 30.0
REBUILD_SECONDS = 180.0
TABLE = "circuit_sage_ops.drill_heartbeat"

_BEGIN = f"""
CREATE SCHEMA IF NOT EXISTS circuit_sage_ops;
DROP TABLE IF EXISTS {TABLE};
CREATE TABLE {TABLE} (at timestamptz DEFAULT clock_timestamp());
"""
_BEAT = f"INSERT INTO {TABLE} DEFAULT VALUES RETURNING extract(epoch FROM at);"  # noqa: S608 # our own words
# Each table's rows, and a sum over their content whatever their order.
_ROWS = """
SELECT c.relname, query_to_xml(format('SELECT count(*) AS n, sum(hashtextextended(t::text, 0)::numeric) AS d FROM public.%I t', c.relname),
  false, true, '')::text
FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace ORDER BY 1;
"""
_IDENTIFIER = "SELECT system_identifier FROM pg_control_system();"
# The container goes with the volume: nothing of the cluster is left but the backup.
_DESTROY = """
volume=$(docker inspect -f '{{range .Mounts}}{{if eq .Destination "/var/lib/postgresql/data"}}{{.Name}}{{end}}{{end}}' "$POSTGRES")
test -n "$volume"
docker rm -f "$POSTGRES"
docker volume rm "$volume"
"""
_REBUILD = "compose up -d --no-build 2>&1"


def tables_of(printed: str) -> dict[str, tuple[int, str]]:
    """Each table's number of rows and the sum over their content."""
    found = {}
    # A table takes several lines.
    for name, number, digest in re.findall(r"^(\w+)\|<.*?<n>(\d+)</n>\s*(?:<d>(.*?)</d>)?", printed, re.MULTILINE | re.DOTALL):
        found[name] = (int(number), digest)
    return found


def missing_rows(before: dict[str, tuple[int, str]], after: dict[str, tuple[int, str]]) -> tuple[int, list[str]]:
    """How many rows are gone, and the tables that have another content."""
    lost = sum(max(number - after.get(name, (0, ""))[0], 0) for name, (number, _digest) in before.items())
    return lost, [name for name, seen in before.items() if after.get(name) != seen]


class ActionModule(DrillAction):
    """See the documentation of the module drill_disaster."""

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Return the measurements; what was not recovered is a result, not a failure of the task."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            {
                "names": {"type": "dict", "required": True},
                "urls": {"type": "list", "elements": "str", "required": True},
                "folder": {"type": "path", "required": True},
                "rto": {"type": "float", "required": True},
                "rpo": {"type": "float", "required": True},
            }
        )
        self._options, self._vars = plain(options), task_vars or {}
        self._timeline = []
        self._began = time.monotonic()
        self._last_beat: float | None = None
        found = self._unmeasured("disaster_recovery", "restore", "The database is lost with its volume", None, "resolved")
        found["objectives"] = []
        try:
            self._drill(found)
        except IncidentError as error:
            found["reasons"].append(str(error))
        found["timeline"] = self._timeline
        self._judge(found)
        text = f"{found['id']}: {found['status']}" + (f" ({'; '.join(found['reasons'])})" if found["reasons"] else "")
        entry = {"at": utc_now(), "event": found["status"], "text": text}
        return {**result, "changed": True, "drilled": found, "account": [entry]}

    # The course of the drill

    def _drill(self, found: Mapping) -> None:
        self._wait(drill_faults.HEALTHY, HEALTH_SECONDS, "the system is not healthy, so that nothing can be drilled on it")
        self._sql(_BEGIN)
        beats = drill_probe.Watch(self._beat, BEAT_SECONDS)
        watch = drill_probe.watch_service(self._options["urls"], True)
        beats.start()
        try:
            before, identifier = tables_of(self._sql(_ROWS)), self._sql(_IDENTIFIER).strip()
            self._back_up()
            watch.start()
            destroyed = self._destroy(found)
            last = self._last_beat
            self._restore(found, identifier, destroyed, watch, beats)
            lost, different = missing_rows(before, tables_of(self._sql(_ROWS)))
            found["rows_lost"] = lost
            found["reasons"] += [f"other rows than before in {', '.join(different)}"] if different else []
            found["lost_seconds"] = self._lost_seconds(last)
        finally:
            beats.end()
            watch.end()
            found["requests"] = {"sent": len(watch.looks), "failed": sum(not look.well for look in watch.looks)}
            found["probes"] = [[round(look.at - self._began, 2), look.well] for look in watch.looks]
        self._sql(f"DROP TABLE {TABLE};")

    def _beat(self) -> bool:
        """Write a row, and remember when the last one was that the database has taken."""
        printed = self._try(f"admin_sql \"$DB_NAME\" <<'END'\n{_BEAT}\nEND\n")
        if printed is None:
            return False
        self._last_beat = float(printed.strip())
        return True

    def _back_up(self) -> None:
        self._mark("started", "backup.yml")
        if self._run_playbook("backup", self._records("backup")) != 0:
            raise IncidentError(f"the backup failed; its output is {self._records('backup').with_suffix('.log')}")
        self._mark("ended", "the backup is made and proven")

    def _destroy(self, found: Mapping) -> float:
        destroyed = time.monotonic()
        self._part(_DESTROY, "the destruction of the volume")
        self._mark("injected", "the database is gone with its volume", at=destroyed)
        # A new cluster may take longer than the health check of a busy machine's container has patience, and Compose gives up with it.
        self._wait(_REBUILD, REBUILD_SECONDS, "the stack could not be made anew")
        self._wait(drill_faults.HEALTHY, HEALTH_SECONDS, "the stack that was made anew is not healthy")
        found["bit"], found["bite_seconds"] = True, round(time.monotonic() - destroyed, 2)
        self._mark("bit", "the stack is made anew, with an empty database")
        return destroyed

    def _restore(self, found: Mapping, identifier: str, destroyed: float, watch: drill_probe.Watch, beats: drill_probe.Watch) -> None:
        began = time.monotonic()
        self._mark("playbook started", "restore.yml")
        given = {
            "restore_database": self._part('printf %s "$DB_NAME"', "the name of the database"),
            "restore_system_identifier": identifier,
            "incident_approve": "restore",
        }
        status = self._run_playbook("restore", self._records("restore"), "--extra-vars", json.dumps(given))
        found["playbook_seconds"] = round(time.monotonic() - began, 2)
        self._mark("ended", f"with status {status}")
        record = json.loads((self._records("restore") / "latest" / "incident.json").read_text(encoding="utf-8"))
        found["outcome"] = record["outcome"]
        if status != 0:
            raise IncidentError(f"the restore failed: {record.get('summary')}")
        deadline = time.monotonic() + SETTLE_SECONDS
        while self._well_since(destroyed, watch, beats) is None and time.monotonic() < deadline:
            time.sleep(BEAT_SECONDS)
        since = self._well_since(destroyed, watch, beats)
        if since is None:
            raise IncidentError("the service did not serve again when the restore had ended")
        found["seconds_to_recover"] = round(since - destroyed, 2)
        self._mark("recovered", "the service answers, and the database takes the rows that it had before", at=since)

    @staticmethod
    def _well_since(destroyed: float, watch: drill_probe.Watch, beats: drill_probe.Watch) -> float | None:
        """Since when both go well. An empty database answers too, but has no table for the rows."""
        looks = ([look for look in one.looks if look.at >= destroyed] for one in (watch, beats))
        return drill_probe.well_since(*looks)

    def _lost_seconds(self, last: float | None) -> float:
        """Of how many seconds the rows are gone that were written before the database was lost."""
        if last is None:
            raise IncidentError("no row was written before the database was lost, so that it is not known what was lost")
        newest = self._sql(f"SELECT extract(epoch FROM max(at)) FROM {TABLE} WHERE at <= to_timestamp({last});").strip()  # noqa: S608 # numbers
        if not newest:
            raise IncidentError("none of the rows is there again that were written before the database was lost")
        return round(last - float(newest), 2)

    def _judge(self, found: Mapping) -> None:
        wanted = (
            ("RTO", self._options["rto"], found["seconds_to_recover"]),
            ("RPO", self._options["rpo"], found.pop("lost_seconds", None)),
        )
        for name, most, seen in wanted:
            met = seen is not None and seen <= most
            shown = "not measured" if seen is None else f"{seen:.1f} s"
            found["objectives"].append({"name": name, "bar": f"≤ {most:g} s", "seen": shown, "met": met})
            if not met:
                found["reasons"].append(f"{name} is {shown}, and {most:g} s are allowed")
        if found["rows_lost"]:
            found["reasons"].append(f"{found['rows_lost']} rows of the backup are lost")
        found["status"] = "failed" if found["reasons"] else "passed"

    def _records(self, playbook: str) -> Path:
        return Path(str(self._options["folder"]), "records", playbook)
