# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The known good state of a system, and what has drifted from it. Pure functions: no I/O.

A baseline has the shape of the observations it was made from, without what changes by itself. What differs from it now is drift: an
observation like any other, which finds faults that no cause describes.
"""

from __future__ import annotations

import json
import re
import typing as t
from collections.abc import Iterator, Sequence

from .errors import IncidentError

FORMAT = 1
# The advice where a baseline cannot be used: an incident does not wait until it is mended.
WITHOUT = "go on without a baseline (-e circuit_sage_baseline=)"
# The remedy that puts back what has drifted, and the role that owns it.
PUT_BACK = "put_back"
REMEDIES_OF = "db_failure"
# The layers in causal order: what is wrong in a deeper one explains what is seen above it.
LAYERS = ("host", "engine", "container", "network", "process", "authentication", "state", "pool", "application", "edge")

Mapping = dict[str, t.Any]


def _attached(networks: t.Any) -> t.Any:
    """The names of networks. Addresses and aliases change with every container that is made anew."""
    if not isinstance(networks, list):
        return networks
    return sorted(str(network["name"]) if isinstance(network, dict) and "name" in network else str(network) for network in networks)


class Kept(t.NamedTuple):
    """A part of the observations that a baseline holds: its path (`*` is any name), and the layer that drift in it belongs to.

    `held` makes of the part what stays as it is; made of that, it is the same once more.
    """

    path: str
    layer: str
    held: t.Callable[[t.Any], t.Any] = lambda part: part


# What stays as it is as long as nobody changes it. A part that an observation does not have is left out.
KEPT = (
    Kept("stack.engine.version", "engine"),
    Kept("stack.project.src", "container"),
    Kept("stack.files", "container"),
    Kept("stack.env_file.mode", "container"),
    Kept("stack.env_file.owner", "container"),
    Kept("stack.env_file.variables", "container"),
    Kept("stack.services.*.image", "container"),
    Kept("stack.services.*.command", "container"),
    Kept("stack.services.*.limits", "container"),
    Kept("stack.services.*.mounts", "container"),
    Kept("stack.services.*.restart_policy", "container"),
    Kept("stack.services.*.fingerprints", "container"),
    Kept("stack.services.*.ports", "network"),
    Kept("stack.services.*.networks", "network", _attached),
    Kept("postgres.hba", "authentication"),
    Kept("postgres.role.can_login", "authentication"),
    Kept("postgres.role.connection_limit", "authentication"),
    Kept("postgres.role.superuser", "authentication"),
    Kept("postgres.role.valid_until", "authentication"),
    Kept("postgres.role.settings", "state"),
    Kept("postgres.superusers", "authentication"),
    Kept("postgres.server.system_identifier", "state"),
    Kept("postgres.server.version", "state"),
    Kept("postgres.server.max_connections", "state"),
    Kept("postgres.server.settings_of_all_roles", "state"),
    Kept("postgres.database.name", "state"),
    Kept("postgres.database.allow_connections", "state"),
    Kept("postgres.database.connection_limit", "state"),
    Kept("postgres.database.settings", "state"),
    Kept("postgres.database.role_settings", "state"),
    Kept("postgres.database.grants", "state"),
    Kept("postgres.tables", "state"),
    Kept("postgres.application", "application"),
    Kept("security.roles", "authentication"),
    Kept("security.administrators", "application"),
    Kept("host.schedules", "application"),
)

# Names of parts for a person, the first that fits; `{name}` is what stands at the `*`.
_COMPONENTS = (
    (("stack", "services", "*", "fingerprints"), "environment of {name}", "{name}"),
    (("stack", "services", "*"), "container {name}", "{name}"),
    (("stack", "env_file"), "env file", "backend"),
    (("stack",), "project", "host"),
    (("postgres", "role"), "role {role}", "postgres"),
    (("postgres", "database"), "database {database}", "postgres"),
    (("postgres", "server"), "server", "postgres"),
    (("postgres", "application"), "application", "backend"),
    (("postgres",), "server", "postgres"),
    (("host", "schedules"), "schedule", "schedules"),
    (("security",), "security", "security"),
)

# A value that may stand in a statement as it is, between quotes: whatever else a baseline holds is put back by a person.
_PLAIN_VALUE = re.compile(r"[\w.%+:-]+( [\w.%+:-]+)*")
_NAME = re.compile(r"[a-z_][a-z0-9_.]*")

_UNKNOWN: t.Any = object()


def _at(place: t.Any, parts: Sequence[str]) -> t.Any:
    for part in parts:
        if not isinstance(place, dict) or part not in place:
            return _UNKNOWN
        place = place[part]
    return place


def _paths(content: Mapping, path: str) -> Iterator[tuple[str, ...]]:
    """The real paths that a path with `*` stands for."""
    before, star, after = path.partition(".*")
    if not star:
        yield tuple(path.split("."))
        return
    names = _at(content, before.split("."))
    # A file that was edited by hand may lack it, or hold something else there.
    for name in names if isinstance(names, dict) else {}:
        yield (*before.split("."), str(name), *after.lstrip(".").split("."))


def extract(observations: Mapping) -> Mapping:
    """The part of the observations that a baseline holds."""
    found: Mapping = {}
    for kept in KEPT:
        for path in _paths(observations, kept.path):
            value = _at(observations, path)
            if value is _UNKNOWN or (value is None and not _known(observations, path)):
                continue
            place = found
            for part in path[:-1]:
                place = place.setdefault(part, {})
            place[path[-1]] = kept.held(value)
    return found


def check(content: t.Any, path: str, host: str) -> Mapping:
    """The observations of a baseline file that can be used; IncidentError in one sentence for one that cannot."""
    again = "when all is well, delete it and record it again with baseline.yml"
    if not isinstance(content, dict) or not isinstance(content.get("observations"), dict):
        raise IncidentError(f"the baseline {path} holds no observations; put the last good copy back, or {WITHOUT}; {again}")
    if content.get("format") != FORMAT:
        raise IncidentError(f"the baseline {path} has the format {content.get('format')}, and {FORMAT} is needed; {WITHOUT}; {again}")
    if content.get("host") != host:
        raise IncidentError(
            f"the baseline {path} is of the host {content.get('host')}, not of {host}; set circuit_sage_baseline to the file of {host}, "
            f"or {WITHOUT}"
        )
    try:
        json.dumps(content["observations"])
    except (TypeError, ValueError):
        raise IncidentError(
            f"the baseline {path} holds neither text nor number, as a time without quotes is; quote it, or {WITHOUT}; {again}"
        ) from None
    if not extract(content["observations"]):
        raise IncidentError(f"the baseline {path} holds nothing to compare with; put the last good copy back, or {WITHOUT}; {again}")
    return t.cast(Mapping, content["observations"])


def why_none(path: str | None) -> str:
    """Why nothing is compared, and what to do: the reason for an observation without a baseline."""
    if not path:
        return "circuit_sage_baseline is not set; set it to a file on the controller, and record it with baseline.yml while all is well"
    return f"there is no baseline {path}; record one with baseline.yml while all is well"


def _known(observations: Mapping, path: Sequence[str]) -> bool:
    """Whether this part could be observed: what could not be is named in its module's `unknown`."""
    unknown = (observations.get(path[0]) or {}).get("unknown") or {}
    return not any(".".join(path[1 : end + 1]) in unknown for end in range(1, len(path)))


def _leaves(value: t.Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], t.Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, str(name)))
    else:
        yield path, value


def _same(was: t.Any, now: t.Any, path: Sequence[str]) -> bool:
    # A password that never expires: no time at all, or `infinity`.
    return was == now or (path[-1] == "valid_until" and all(one in (None, "infinity") for one in (was, now)))


def drift(recorded: Mapping, observations: Mapping) -> list[Mapping]:
    """What differs from the baseline now, in the order of KEPT; what cannot be observed now is left out."""
    found = []
    for kept in KEPT:
        for path in _paths(recorded, kept.path):
            was, now = _at(recorded, path), _at(observations, path)
            if was is _UNKNOWN or now is _UNKNOWN or not _known(observations, path) or (now is None and isinstance(was, (dict, list))):
                continue
            before, after = dict(_leaves(kept.held(was), path)), dict(_leaves(kept.held(now), path))
            for leaf in [*before, *(one for one in after if one not in before)]:
                if not _same(before.get(leaf), after.get(leaf), leaf):
                    found.append(_describe(leaf, kept, before.get(leaf), after.get(leaf), observations))
    return found


def _describe(leaf: tuple[str, ...], kept: Kept, was: t.Any, now: t.Any, observations: Mapping) -> Mapping:
    names = {
        "role": (_at(observations, ("postgres", "role", "name")) or "?"),
        "database": (_at(observations, ("postgres", "database", "name")) or "?"),
        "name": leaf[2] if leaf[:2] == ("stack", "services") else "",
    }
    title, component, length = next(
        (title, component, len(parts))
        for parts, title, component in _COMPONENTS
        if len(leaf) > len(parts) and all(part in ("*", real) for part, real in zip(parts, leaf, strict=False))
    )
    what = ".".join(leaf[length:])
    secret = "fingerprints" in leaf
    change = "changed" if secret and was and now else f"{_shown(was)} → {_shown(now)}"
    if secret and not (was and now):
        change = "taken away" if was else "added"
    return {
        "path": ".".join(leaf),
        "layer": kept.layer,
        "component": component.format(**names),
        "text": f"{title.format(**names)}: {what} {change}",
        "was": None if secret else was,
        "now": None if secret else now,
    }


def _shown(value: t.Any) -> str:
    return "none" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def findings(items: Sequence[Mapping], sick: Sequence[str]) -> list[Mapping]:
    """Drift as findings where something is broken: that of the components which the symptoms name, or all where it is of none of them."""
    if not sick:
        return []
    named = re.findall(r"[a-z]+", " ".join(sick).lower().replace("postgresql", "postgres"))
    explained = [item for item in items if item["component"] in ("host", *named)]
    return sorted((_finding(item) for item in explained or items), key=lambda finding: LAYERS.index(finding["layer"]))


def _evidence(item: Mapping) -> Mapping:
    values = {"recorded": item["was"], "now": item["now"]}
    # Both are null where the values are secret; one alone is a setting that nobody has set, and that is known.
    return (
        values if values["recorded"] == values["now"] else {name: "not set" if value is None else value for name, value in values.items()}
    )


def _finding(item: Mapping) -> Mapping:
    return {
        "id": f"drift:{item['path']}",
        "title": f"drift: {item['text']}",
        "layer": item["layer"],
        "evidence": _evidence(item),
        "remedy": PUT_BACK if statement(item) else None,
        "once": f"{PUT_BACK} {item['path']}",
        "risk": "disruptive",
        "respects_hold": True,
        "per_day": None,
        "escalate": "it differs from the recorded baseline; find out who changed it and why",
        "severity": None,
        "role": REMEDIES_OF,
        "why_not_restart": "a restart does not take a change of the configuration back",
        "status": "found",
        "drift": item,
    }


def statement(item: Mapping) -> str | None:
    """The SQL that puts an item back, with psql's variables `role` and `database`; null where it is not exact and safe."""
    target, _dot, rest = item["path"].partition("postgres.")[2].partition(".")
    was = item["was"]
    owner = {"role": 'ROLE :"role"', "database": 'DATABASE :"database"'}.get(target)
    if target == "server" and rest.startswith("settings_of_all_roles."):
        owner, rest = "ROLE ALL", rest.replace("settings_of_all_roles.", "settings.")
    if owner is None:
        return None
    if rest == "connection_limit" and isinstance(was, int):
        return f"ALTER {owner} CONNECTION LIMIT {was}"
    if rest == "valid_until" and (was is None or _PLAIN_VALUE.fullmatch(str(was))):
        return f"ALTER {owner} VALID UNTIL '{was or 'infinity'}'"
    name = rest.partition("settings.")[2]
    if not rest.startswith("settings.") or not _NAME.fullmatch(name):
        return None
    if was is None:
        return f"ALTER {owner} RESET {name}"
    return f"ALTER {owner} SET {name} = '{was}'" if _PLAIN_VALUE.fullmatch(str(was)) else None
