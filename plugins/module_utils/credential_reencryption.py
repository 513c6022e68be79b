# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every stored credential from one key to another, in one transaction: all of them or none.

The database writes one page while the next one is decrypted, so that both together take little longer than the cipher alone. No more than
four pages are in memory.
"""

from __future__ import annotations

import sys
import typing as t
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from . import credential_walk
from .credential_walk import NEW, OLD, PLAIN, UNREADABLE, Company, Keys
from .errors import IncidentError

# Companies that are read and written at once.
PAGE = 1000
# How many companies with an unreadable value are named.
MOST_NAMED = 20

_CREATE = """
CREATE SCHEMA IF NOT EXISTS circuit_sage_ops;
CREATE TABLE IF NOT EXISTS circuit_sage_ops.credential_key (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  incident text NOT NULL,
  key_before text NOT NULL,
  key_after text NOT NULL,
  reencrypted bigint NOT NULL,
  found_done bigint NOT NULL,
  plaintext bigint NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);
"""
# Readers go on; who wants to store a credential waits, so that none is stored under the old key behind the page that has it.
_LOCK = "LOCK TABLE companies IN SHARE ROW EXCLUSIVE MODE"
# It goes on seeing the rows as they were when it was opened, whatever is written behind it.
_OPEN = """
DECLARE circuit_sage_companies NO SCROLL CURSOR FOR
SELECT id::text, (settings -> 'integrations')::text,
  jsonb_path_query_array(settings, '$.integrations.*.credentials.** ? (@.type() == "string" && @ != "")')::text
FROM companies WHERE jsonb_typeof(settings -> 'integrations') = 'object'
"""
_PAGE = f"FETCH {PAGE} FROM circuit_sage_companies"
# A page has few of the table's rows: each is found by its key, whatever the planner believes of a table that was just filled.
_PREPARE = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"
# All of a page in one value: a table to copy it into first takes half as long again.
_WRITE = """
WITH written AS (
  UPDATE companies c SET settings = jsonb_set(c.settings, '{integrations}', p.one -> 1)
  FROM jsonb_array_elements(%s::jsonb) AS p (one) WHERE c.id = (p.one ->> 0)::uuid
  RETURNING c.settings -> 'integrations' = p.one -> 1 AS is_same
) SELECT count(*) FILTER (WHERE is_same) FROM written
"""
_WRITE_ONE = """
UPDATE companies SET settings = jsonb_set(settings, %s, to_jsonb(%s::text)) WHERE id = %s RETURNING settings #>> %s = %s
"""
_RECORD = """
INSERT INTO circuit_sage_ops.credential_key (incident, key_before, key_after, reencrypted, found_done, plaintext)
VALUES (%s, %s, %s, %s, %s, %s)
"""

# Seconds after which a thread that computes lets one go on that was answered: at Python's own five milliseconds the database waits for as
# long as it works.
_TURN_SECONDS = 0.0005

Rows = list[tuple[str, str]]
# A company, the text of its integrations, and the array of its credentials.
Page = list[tuple[str, str, str]]


@contextmanager
def _quick_turns() -> Iterator[None]:
    """Let the thread that asks the database go on soon after each answer."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


class _Database:
    """The session, used by one thread at a time."""

    def __init__(self, connection: t.Any) -> None:
        self._connection = connection

    def run(self, sql: str, given: t.Sequence[t.Any] = ()) -> list[tuple[t.Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, given)
            return list(cursor.fetchall()) if cursor.description else []

    def page(self) -> Page:
        return t.cast(Page, self.run(_PAGE))

    def write(self, rows: Rows) -> int:
        """Write the settings; how many of them are not stored as they were written."""
        page = ",".join([f'["{identity}",{text}]' for identity, text in rows])
        ((same,),) = self.run(_WRITE, (f"[{page}]",))
        return len(rows) - int(same)

    def write_plaintext(self, identity: str, company: Company) -> int:
        """Write the values that become encrypted ones; how many of them are not stored as they were written."""
        other = 0
        for one in company.plaintext:
            path = ["integrations", *one.path]
            ((same,),) = self.run(_WRITE_ONE, (path, one.sealed, identity, path, one.sealed))
            other += not same
        return other


def _pages(database: _Database, worker: ThreadPoolExecutor) -> Iterator[Page]:
    """The companies, page by page; the next one is asked for while one is worked on."""
    worker.submit(database.run, _OPEN).result()
    asked = worker.submit(database.page)
    while rows := asked.result():
        asked = worker.submit(database.page)
        yield rows


class _Reencryption:
    """One pass, and what it has found so far."""

    def __init__(self, keys: Keys, check_mode: bool) -> None:
        self._keys = keys
        self._check_mode = check_mode
        self.counts = {OLD: 0, NEW: 0, PLAIN: 0, UNREADABLE: 0}
        self.companies = 0
        self.unreadable: list[dict[str, str]] = []
        self.otherwise = 0

    @property
    def changes(self) -> int:
        return self.counts[OLD] + (self.counts[PLAIN] if self._keys.plaintext == credential_walk.ENCRYPT else 0)

    def _take_in(self, identity: str, company: Company) -> None:
        self.companies += 1
        for kind, number in company.counts.items():
            self.counts[kind] += number
        for path in company.unreadable[: MOST_NAMED - len(self.unreadable)]:
            self.unreadable.append({"company_id": identity, "credential": path})

    def carry_out(self, database: _Database) -> None:
        """Look at all companies, and write until one is found that neither key opens: what was written is rolled back then."""
        with ThreadPoolExecutor(1) as worker, _quick_turns():
            writing: list[Future[int]] = []
            for rows in _pages(database, worker):
                changed: Rows = []
                plaintext: list[tuple[str, Company]] = []
                for identity, text, values in rows:
                    company = credential_walk.read(text, credential_walk.values_of(values), self._keys)
                    self._take_in(identity, company)
                    if company.text is not None:
                        changed.append((identity, company.text))
                    if company.plaintext:
                        plaintext.append((identity, company))
                if self._writes and changed:
                    writing.append(worker.submit(database.write, changed))
                # After the page, which holds the other values of the same companies.
                if self._writes:
                    writing += [worker.submit(database.write_plaintext, *one) for one in plaintext]
                while len(writing) > 1:
                    self.otherwise += writing.pop(0).result()
            self.otherwise += sum(written.result() for written in writing)

    @property
    def _writes(self) -> bool:
        return not self._check_mode and not self.counts[UNREADABLE]


def refuse_unreadable(found: t.Mapping[str, t.Any]) -> None:
    """A value that neither key opens would be lost for good under a third one."""
    if found["unreadable_count"]:
        named = ", ".join(f"{one['credential']} of company {one['company_id']}" for one in found["unreadable"][:3])
        more = found["unreadable_count"] - len(found["unreadable"][:3])
        raise IncidentError(
            f"{found['unreadable_count']} credentials decrypt under neither key: {named}{f' and {more} more' if more > 0 else ''}; "
            "restore the key under which they were stored, or have the companies connect again; nothing was changed"
        )


def reencrypt(connection: t.Any, keys: Keys, incident: str, check_mode: bool) -> dict[str, t.Any]:
    """Bring every credential under the new key within the session's transaction, and say what was found. The caller commits."""
    database = _Database(connection)
    if not check_mode:
        database.run(_LOCK)
        database.run(_PREPARE)
    one_pass = _Reencryption(keys, check_mode)
    one_pass.carry_out(database)
    found = {
        "companies": one_pass.companies,
        "under_old_key": one_pass.counts[OLD],
        "under_new_key": one_pass.counts[NEW],
        "plaintext": one_pass.counts[PLAIN],
        "unreadable_count": one_pass.counts[UNREADABLE],
        "unreadable": one_pass.unreadable,
        "changed": bool(one_pass.changes),
        "key_before": keys.old.fingerprint,
        "key_after": keys.new.fingerprint,
    }
    refuse_unreadable(found)
    if one_pass.otherwise:
        raise IncidentError(
            f"{one_pass.otherwise} companies have other settings than were written; nothing was changed; "
            "look for a trigger on the table companies that changes them"
        )
    if one_pass.changes and not check_mode:
        database.run(_CREATE)
        counts = (one_pass.counts[OLD], one_pass.counts[NEW], one_pass.counts[PLAIN])
        database.run(_RECORD, (incident, keys.old.fingerprint, keys.new.fingerprint, *counts))
    return found
