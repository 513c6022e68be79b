# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The investigation of a security incident as tables of the report. Pure."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence

Table = dict[str, t.Any]


def _table(name: str, title: str, columns: Sequence[str], rows: Sequence[Sequence[t.Any]], summary: str) -> Table:
    shown = [[_cell(value) for value in row] for row in rows]
    return {"name": name, "title": title, "columns": list(columns), "rows": shown, "summary": summary}


def _cell(value: t.Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _ports(security: Mapping[str, t.Any]) -> Table:
    rows = [[one["service"], one["host_address"] or "all", one["host_port"], one["container_port"]] for one in security["exposed_ports"]]
    published = {str(row[2]) for row in rows}
    # What Docker publishes stands in its own rows.
    rows += [["host", one["address"], one["port"], ""] for one in security["facts"]["listeners"] or [] if str(one["port"]) not in published]
    return _table(
        "exposure", "Exposure", ["of", "address", "port", "inside"], rows, f"{len(rows)} ports can be reached from other machines"
    )


def _files(security: Mapping[str, t.Any]) -> Table:
    found = security["facts"]["secret_files"]
    rows = [[one["path"], one["mode"], one["owner"], one["since"], one["secrets"]] for one in found]
    return _table("secret_files", "Files With Secrets", ["file", "mode", "owner", "mode since", "secrets"], rows, f"{len(rows)} files")


def _accounts(security: Mapping[str, t.Any]) -> Table:
    rogue = {one["id"]: one["reason"] for one in security["rogue_administrators"] or []}
    accounts = security["facts"]["accounts"] or []
    rows = [[one["email"], one["role"], one["created_at"], one["updated_at"], rogue.get(one["id"])] for one in accounts]
    summary = f"{len(rows)} superusers of the application, {len(rogue)} of them should not be there"
    return _table("administrators", "Superusers Of The Application", ["account", "role", "made", "changed", "wrong"], rows, summary)


def _roles(security: Mapping[str, t.Any]) -> Table:
    rogue = {one["name"]: one["reason"] for one in security["rogue_roles"] or []}
    reach = {one["role"]: one for one in security["facts"]["reach"] or []}
    rows = []
    for one in security["facts"]["roles"] or []:
        read = reach.get(one["name"]) or {}
        rows.append(
            [
                one["name"],
                one["superuser"],
                one["can_login"],
                one["sessions"],
                read.get("tables"),
                read.get("companies"),
                read.get("with_payment_credentials"),
                rogue.get(one["name"]),
            ]
        )
    columns = ["role", "superuser", "login", "sessions", "can read", "companies", "with payment credentials", "wrong"]
    summary = f"{len(rows)} roles, {len(rogue)} of them should not be there; what a privileged one can read counts as exposed"
    return _table("database_roles", "Database Roles And What They Can Read", columns, rows, summary)


def _updates(security: Mapping[str, t.Any]) -> Table:
    found = security["facts"]["updates"]
    rows = [[one["package"], one["installed"], one["update"]] for one in found or []]
    summary = f"{len(rows)} packages" if found is not None else f"not known: {security['unknown'].get('updates')}"
    return _table("security_updates", "Packages With Known Security Updates", ["package", "installed", "update"], rows, summary)


def _drift(observations: Mapping[str, t.Any]) -> Table:
    items = observations.get("drift")
    rows = [[one["component"], one["text"]] for one in items or []]
    why = (observations.get("unknown") or {}).get("drift")
    summary = f"{len(rows)} differences" if items is not None else f"not known: {why}"
    return _table("drift", "Difference To The Baseline", ["of", "difference"], rows, summary)


def observed(observations: Mapping[str, t.Any]) -> list[Table]:
    """The tables of what was looked at for a security incident; none where nothing was."""
    security = observations.get("security")
    if not security:
        return []
    return [make(security) for make in (_ports, _files, _accounts, _roles, _updates)] + [_drift(observations)]
