# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults of a drill: reading their files, choosing among them, and the shell in which their parts run. On the controller only."""

from __future__ import annotations

import re
import shlex
import typing as t
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from .cause_catalog import roles_with_causes
from .errors import IncidentError
from .stack import repository_of
from .yaml_text import read_yaml

FOLDER = Path(__file__).resolve().parents[2] / "extensions" / "drill" / "faults"
PRELUDE = FOLDER.parent / "prelude.sh"
REQUIRED = ("id", "incident", "title", "inject", "symptom", "revert", "expect")
OPTIONAL = ("needs",)
EXPECTED = ("cause", "outcome", "touches", "restarts", "waits")
# What is drilled: fault after fault, or the loss of the whole database.
FAULTS, DISASTER_RECOVERY = "faults", "disaster_recovery"
SCENARIOS = (FAULTS, DISASTER_RECOVERY)
OUTCOMES = ("resolved", "escalated", "healthy")
# What a fault may need (`needs`) that not every Circuit Sage has: the switches for drills and the Python of the sandbox's own backend, and
# the sandbox's simulator of Square.
SANDBOX_BACKEND = "sandbox_backend"
SANDBOX_SQUARE = "sandbox_square"
NEEDS = (SANDBOX_BACKEND, SANDBOX_SQUARE)
_SQUARE_SERVICE = "square"
# The image of that backend, whatever its tag.
_SANDBOX_IMAGE = "circuit-sage-sandbox/backend"
# A fault may take the shortest of these to bite, and is not to be taken back before; the longest is a day.
REVERT_SECONDS = range(30, 86_400 + 1)
# Before the incident, the id of a drill in which nothing is broken.
HEALTHY_ID = "healthy_"

Mapping = dict[str, t.Any]

# Succeeds while the service is healthy.
HEALTHY = 'test "$(health)" = 200 && echo "SELECT 1" | login >/dev/null'

# What tells a touched system from an untouched one: a line for each container, for the env file, and for the database. Who refuses,
# Docker or the server, depends on the moment while the database is started again and again.
SNAPSHOT = r"""
form='container {{index .Config.Labels "com.docker.compose.service"}} {{.Id}} {{.State.StartedAt}} {{.RestartCount}} '
form=$form'{{.State.Restarting}} {{.State.Paused}} {{range $name, $_ := .NetworkSettings.Networks}}{{$name}},{{end}}'
docker ps -aq --filter "label=com.docker.compose.project=$PROJECT" | xargs -r docker inspect -f "$form"
printf 'env_file %s\n' "$( (sha256sum "$ENV_FILE"; stat -c %a "$ENV_FILE") | tr -dc '[:alnum:]' | sha256sum | cut -c 1-16)"
catalog=$(echo "SELECT rolname, rolcanlogin, rolsuper, rolconnlimit, rolvaliduntil, md5(rolpassword) FROM pg_authid
          WHERE rolname !~ '^pg_' ORDER BY 1;
        SELECT datname, datallowconn, datconnlimit FROM pg_database ORDER BY 1; SELECT * FROM pg_db_role_setting ORDER BY 1, 2;" |
  admin_sql 2>/dev/null) ||
  catalog='nobody is let in'
printf 'database %s\n' "$(printf '%s' "$catalog" | sha256sum | cut -c 1-16)"
"""


def check(fault: t.Any, path: Path) -> Mapping:
    """The content of a fault file, or IncidentError in one sentence for one that cannot be used."""
    if not isinstance(fault, dict):
        raise IncidentError(f"the fault file {path} holds no fault; write the keys {', '.join(REQUIRED)}")
    missing = [key for key in REQUIRED if key not in fault]
    if missing:
        raise IncidentError(f"the fault file {path} lacks {', '.join(missing)}; add it")
    unknown = sorted(str(key) for key in set(fault) - set(REQUIRED) - set(OPTIONAL))
    if unknown:
        raise IncidentError(
            f"the fault file {path} has unknown keys {', '.join(unknown)}; the known ones are {', '.join(REQUIRED + OPTIONAL)}"
        )
    if fault["id"] != path.stem:
        raise IncidentError(f"the fault file {path} has the id {fault['id']}; name the file as the fault")
    no_text = [key for key in ("title", "inject", "symptom", "revert") if not isinstance(fault[key], str) or not fault[key].strip()]
    if no_text:
        raise IncidentError(f"the fault file {path}: {', '.join(no_text)} must be text that is not empty; put it into quotes")
    # The incident is the playbook that the drill runs, and a role with causes is what such a playbook is made of.
    incidents = roles_with_causes()
    if fault["incident"] not in incidents:
        raise IncidentError(f"the fault file {path} has the incident {fault['incident']}; use one of {', '.join(incidents)}")
    needs = fault.get("needs", [])
    if not isinstance(needs, list) or any(need not in NEEDS for need in needs):
        raise IncidentError(f"the fault file {path}: needs is a list of what the fault needs, out of {', '.join(NEEDS)}")
    expect = fault["expect"]
    if not isinstance(expect, dict) or not expect.get("cause") or expect.get("outcome") not in OUTCOMES:
        raise IncidentError(f"the fault file {path}: expect needs a cause, and an outcome that is one of {', '.join(OUTCOMES)}")
    unknown = sorted(str(key) for key in set(expect) - set(EXPECTED))
    if unknown:
        raise IncidentError(
            f"the fault file {path}: expect has unknown keys {', '.join(unknown)}; the known ones are {', '.join(EXPECTED)}"
        )
    for key in ("touches", "restarts"):
        if not isinstance(expect.get(key, []), list):
            raise IncidentError(f"the fault file {path}: {key} of expect is a list, for example [postgres]")
    return t.cast(Mapping, fault)


def read(path: Path) -> Mapping:
    """The fault of a file."""
    # Imported here because the managed host, which gets this folder too, need not have it.
    import yaml

    try:
        content = read_yaml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", None) or "it is not YAML"
        raise IncidentError(f"the fault file {path} cannot be read ({reason}); mend it or take it out of drill_fault_path") from None
    return check(content, path)


def find(folders: Sequence[Path]) -> dict[str, Mapping]:
    """All faults of some folders by id; one of a later folder replaces one of the same id."""
    found: dict[str, Mapping] = {}
    for folder in folders:
        if not folder.is_dir():
            raise IncidentError(f"drill_fault_path names {folder}, which is no folder; correct it")
        for path in sorted(folder.glob("*.yml")):
            found[path.stem] = read(path)
    return found


def choose(faults: dict[str, Mapping], wanted: Sequence[str]) -> list[Mapping]:
    """The faults that are wanted, by id, by incident, or `all`, each once."""
    kinds = sorted({fault["incident"] for fault in faults.values()})
    chosen: dict[str, Mapping] = {}
    for name in wanted:
        hits = [one for one in faults.values() if name in ("all", one["id"], one["incident"])]
        if not hits:
            raise IncidentError(
                f"drill_faults names {name}; use all, an incident ({', '.join(kinds)}) or a fault ({', '.join(sorted(faults))})"
            )
        chosen.update({one["id"]: one for one in hits})
    return list(chosen.values())


def reason_to_skip(fault: Mapping, observations: Mapping) -> str | None:
    """Why the fault cannot be brought about on this system; null when it can."""
    image = observations["stack"]["services"]["backend"]["image"]["name"]
    if SANDBOX_BACKEND in fault.get("needs", []) and repository_of(image) != _SANDBOX_IMAGE:
        return f"it needs {SANDBOX_BACKEND}, a switch or a program of the sandbox's own backend, and this backend is {image}"
    if SANDBOX_SQUARE in fault.get("needs", []) and _SQUARE_SERVICE not in observations["stack"]["services"]:
        return f"it needs {SANDBOX_SQUARE}, the sandbox's simulator of Square, and this stack has none"
    return None


def no_fault(incident: str) -> Mapping:
    """A fault that breaks nothing: the incident's playbook on the healthy system."""
    return {
        "id": f"{HEALTHY_ID}{incident}",
        "incident": incident,
        "title": f"nothing is broken, {incident}.yml has nothing to do",
        **dict.fromkeys(("inject", "symptom", "revert"), "true"),
        "expect": {"cause": "unknown", "outcome": "healthy", "touches": []},
    }


def check_token(token: str, host: str, now: datetime) -> None:
    """Refuse a drill outside of the sandbox without a token that names the host and a time that is still to come."""
    form = f"set drill_token to {host}:TIME with the time until which its owner lets it be broken, for example {host}:2030-01-31T04:00:00Z"
    named, colon, until = token.partition(":")
    if not token or not colon:
        raise IncidentError(f"{host} is not the sandbox, and a drill breaks what it runs on; {form}")
    if named != host:
        raise IncidentError(f"drill_token is for {named}, not for {host}; {form}")
    try:
        expires = datetime.fromisoformat(until.replace("Z", "+00:00"))
    except ValueError:
        raise IncidentError(f"drill_token has `{until}` for a time; {form}") from None
    if expires.tzinfo is None:
        expires = expires.replace(tzinfo=timezone.utc)
    if expires <= now:
        raise IncidentError(f"drill_token expired at {until}; {form}")


def check_revert_seconds(seconds: int) -> None:
    """Refuse a time after which a fault is taken back that would end it at once or never."""
    if seconds not in REVERT_SECONDS:
        shortest, longest = REVERT_SECONDS[0], REVERT_SECONDS[-1]
        raise IncidentError(f"drill_revert_seconds is {seconds}; use {shortest}, which a fault may take to bite, to {longest}")


def environment(observations: Mapping, settings: Mapping) -> dict[str, str]:
    """The names that a fault's shell uses, from what was observed on the healthy system and the settings of the inventory."""
    services = observations["stack"]["services"]
    backend, postgres = services["backend"], services["postgres"]
    port = next(iter(backend["ports"]), None)
    if port is None:
        raise IncidentError("the backend publishes no port, so that a drill cannot look at its health; publish it on 127.0.0.1")
    src = observations["stack"]["project"]["src"]
    shared = {network["name"] for network in postgres["networks"]}
    edge = services.get("edge") or {}
    ports = {one["container_port"]: one["host_port"] for one in edge.get("ports") or []}
    names = {
        "PROJECT": settings["project_name"],
        "STACK": src,
        "COMPOSE_FILES": "\n".join(settings["files"]),
        "ENV_FILE": observations["stack"]["env_file"]["path"],
        "STATE": f"/tmp/circuit-sage-drill-{settings['project_name']}",  # noqa: S108 - made with mode 0700 by the one who drills
        # The one on which the database is found, where the backend is on others as well.
        "NETWORK": next(network["name"] for network in backend["networks"] if network["name"] in shared),
        "POSTGRES_ADDRESS": _fixed_address(postgres),
        "BACKEND_ADDRESS": _fixed_address(backend),
        # Where nginx is on the host itself, as in production, its own name is asked.
        "EDGE_URL": f"https://localhost:{ports['443/tcp']}" if ports.get("443/tcp") else "https://localhost",
        "BACKEND_URL": f"http://{port['host_address'] or '127.0.0.1'}:{port['host_port']}",
    }
    for variable, service in (("POSTGRES", "postgres"), ("BACKEND", "backend"), ("FRONTEND", "frontend"), ("EDGE", "edge")):
        names[variable] = (services.get(service) or {}).get("container") or ""
    return names


def _fixed_address(service: Mapping) -> str:
    """The address that the compose file gives a service, empty where it gives none."""
    return next((network["address"] for network in service["networks_expected"] or [] if network["address"]), "")


def prelude() -> str:
    """What goes before each part of a fault: the functions that faults use."""
    return PRELUDE.read_text(encoding="utf-8")


def script(names: Mapping, part: str) -> str:
    """A part of a fault as a script for bash."""
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in names.items())
    return f'{exports}{prelude()}mkdir -m 0700 -p "$STATE"\n{part}'


# $0 is the script that takes the fault back, $1 the seconds. `armed` names the process and its start: by them a watchdog knows what a later
# one wrote, and `make stack-down` finds it. A TERM to its group has it take the fault back now.
_WATCHDOG = """
mine() { [ "$(cut -d ' ' -f 1 "$STATE/armed" 2>/dev/null)" = $$ ]; }
echo "$$ $(cut -d ' ' -f 22 "/proc/$$/stat")" >"$STATE/armed.new"
now=
trap 'now=yes' TERM
mv "$STATE/armed.new" "$STATE/armed"
for _ in $(seq "$1"); do
  [ -z "$now" ] || break
  sleep 1
  mine || exit 0
done
trap - TERM
timeout --foreground 120 bash -c "$0"
mine && rm -f "$STATE/armed"
"""


# A fault that is still to be taken back is another drill's, or one that could not be: its watchdog must not be lost.
_BUSY = """
pid= born=
read -r pid born 2>/dev/null <"$STATE/armed" || true
if [ -n "$pid" ] && [ "$born" = "$(cut -d ' ' -f 22 "/proc/$pid/stat" 2>/dev/null)" ]; then
  echo "another drill is under way, or a fault is still to be taken back by its watchdog (process $pid); wait until that has ended" >&2
  exit 1
fi
"""


def watchdog(names: Mapping, revert: str, seconds: int) -> str:
    """A script that starts a process of its own which takes the fault back after so many seconds, unless the drill does before."""
    inner = script(names, revert)
    start = f"setsid bash -c {shlex.quote(_WATCHDOG)} {shlex.quote(inner)} {seconds} >/dev/null 2>&1 </dev/null &"
    return script(names, f'{_BUSY}{DISARM}{start}\nuntil [ -e "$STATE/armed" ]; do sleep 0.05; done\n')


DISARM = 'rm -f "$STATE/armed"\n'


def touched(before: str, after: str) -> list[str]:
    """What is different between two snapshots: services, `env_file`, `database`. Docker's own restarts are nobody's touch."""
    old, new = _lines(before), _lines(after)
    return sorted(name for name in old.keys() | new.keys() if _differs(old.get(name), new.get(name)))


def _lines(snapshot: str) -> dict[str, list[str]]:
    found = {}
    for line in snapshot.splitlines():
        kind, *fields = line.split()
        if kind == "container" and fields:
            found[fields[0]] = fields[1:]
        elif kind in ("env_file", "database"):
            found[kind] = fields
    return found


def _differs(old: list[str] | None, new: list[str] | None) -> bool:
    if old is None or new is None:
        return True
    if len(old) < 5 or len(new) < 5:
        return old != new
    identity, started, restarts, waits, *rest = old
    if (identity, rest) != (new[0], new[4:]):
        return True
    # Docker counts its own restarts, each before the pause that it makes; a person's start or restart sets the count back.
    return started != new[1] and int(new[2]) < int(restarts) + (waits == "false")


def seconds_between(earlier: str, later: str) -> float:
    """Seconds from one time stamp of a record to another."""
    first, last = (datetime.fromisoformat(re.sub(r"Z$", "+00:00", stamp)) for stamp in (earlier, later))
    return (last - first).total_seconds()
