# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Statements that are run for each payment, planned once in a session: planning them takes the server longer than carrying them out."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Mapping

_PLACE = re.compile(r":(\w+):")


class Statement:
    """A statement with places such as `:payment:`, of which the types are given in their order."""

    def __init__(self, name: str, text: str, **types: str) -> None:
        self.name = name
        numbers = {place: number for number, place in enumerate(types, 1)}
        self.direct = _PLACE.sub(lambda found: f"%({found[1]})s::{types[found[1]]}", text.replace("%", "%%"))
        places = ", ".join(f"%({place})s" for place in types)
        self.execute = f"EXECUTE {name} ({places})"
        numbered = _PLACE.sub(lambda found: f"${numbers[found[1]]}", text)
        self.prepare = f"PREPARE {name} ({', '.join(types.values())}) AS {numbered}"


class Once:
    """A connection on which a statement is run a few times."""

    def __init__(self, connection: t.Any) -> None:
        self.connection = connection

    def run(self, statement: Statement, values: Mapping[str, t.Any], before: str = "") -> list[tuple[t.Any, ...]]:
        """The rows of a statement. What goes before it goes to the server along with it."""
        with self.connection.cursor() as cursor:
            cursor.execute(before + statement.direct, values)
            return list(cursor.fetchall())


class Often(Once):
    """A connection on which the same statements are run for many payments."""

    def __init__(self, connection: t.Any) -> None:
        super().__init__(connection)
        self._prepared: set[str] = set()

    def run(self, statement: Statement, values: Mapping[str, t.Any], before: str = "") -> list[tuple[t.Any, ...]]:
        """The rows of a statement. What goes before it goes to the server along with it."""
        with self.connection.cursor() as cursor:
            if statement.name not in self._prepared:
                cursor.execute(statement.prepare)
                self._prepared.add(statement.name)
            cursor.execute(before + statement.execute, values)
            return list(cursor.fetchall())
