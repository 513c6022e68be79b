# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking back what a run wrote: exactly the rows that nobody has changed since, the newest change first."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence

from . import payment_undo, row_change
from .billing_database import transaction
from .password_login import Server
from .row_change import Undoable


def told(change: Undoable) -> dict[str, t.Any]:
    """A change that is taken back, as the module returns it: the columns as they are, and as they will be."""
    action = "delete" if change.action == "insert" else "restore"
    return {"table": change.table, "row": change.row_id, "action": action, "before": change.after, "after": change.before}


def kept(change: Undoable) -> dict[str, t.Any]:
    """A change that stays, because somebody has changed the row since."""
    gone = change.changed_since is None
    columns = change.changed_since or []
    why = (
        "the row is gone"
        if gone
        else f"{', '.join(columns)} changed since"
        if columns
        else "an earlier change of the row was changed since"
    )
    return {"table": change.table, "row": change.row_id, "columns": columns, "reason": why}


def diff_of(changes: Sequence[Undoable], limit: int) -> dict[str, str]:
    """Before and after, a line for each column of each change, of so many changes."""

    def lines(values: t.Callable[[Undoable], dict[str, t.Any] | None]) -> str:
        return "".join(
            f"{change.table} {change.row_id}: {column} {'none' if value is None else value}\n"
            for change in changes[:limit]
            for column, value in sorted((values(change) or {}).items())
        )

    rest = f"... and {len(changes) - limit} more changes\n" if len(changes) > limit else ""
    return {"before": lines(lambda change: change.after) + rest, "after": lines(lambda change: change.before) + rest}


def _rows(changes: Sequence[Undoable]) -> dict[str, list[str]]:
    rows: dict[str, list[str]] = {}
    for change in changes:
        rows.setdefault(change.table, []).append(change.row_id)
    return rows


def undo(
    server: Server,
    password: str,
    incident: str,
    *,
    limit: int,
    diff_limit: int,
    statement_timeout: int,
    lock_timeout: int,
    check_mode: bool,
) -> dict[str, t.Any]:
    """Take the incident's changes back in one transaction, and return what the module does."""
    with transaction(server, password, read_only=check_mode, statement_timeout=statement_timeout, lock_timeout=lock_timeout) as connection:
        row_change.take_lock(connection, incident)
        changes = row_change.changes_of(connection, incident)
        if changes and not check_mode:
            row_change.lock_rows(connection, _rows(changes))
            changes = row_change.changes_of(connection, incident)
        undone = [change for change in changes if change.whole]
        if undone and not check_mode:
            row_change.take_back(connection, undone)
        refunds = payment_undo.refunds_of(connection, incident)
    stays = [change for change in changes if not change.whole]
    return {
        "changed": bool(undone),
        "undone": [told(change) for change in undone[:limit]],
        "undone_count": len(undone),
        "kept": [kept(change) for change in stays[:limit]],
        "kept_count": len(stays),
        "refunds": refunds[:limit],
        "refunds_count": len(refunds),
        "truncated": max(len(undone), len(stays), len(refunds)) > limit,
        "diff": diff_of(undone, diff_limit),
    }
