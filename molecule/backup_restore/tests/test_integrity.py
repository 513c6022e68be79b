# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is looked for in the data: each thing is found where it is, and nothing on the healthy stack."""

from __future__ import annotations

import pytest
from books import Books
from copies import Copies
from playbook import Player
from sandbox import Sandbox

PAYMENT = "SELECT {} FROM subscription_payments WHERE square_payment_id IS NOT NULL ORDER BY id {} LIMIT 1"
SPOILS = {
    "orphans": """SET session_replication_role = replica;
        DELETE FROM companies WHERE id = (SELECT company_id FROM subscriptions ORDER BY id LIMIT 1)""",
    "duplicate_payments": """INSERT INTO subscription_payments (subscription_id, company_id, amount, status, billing_period_start,
        billing_period_end, location_count) SELECT subscription_id, company_id, amount, 'succeeded', billing_period_start,
        billing_period_end, location_count FROM subscription_payments WHERE status = 'succeeded' ORDER BY id LIMIT 1""",
    "duplicate_square_payments": f"""UPDATE subscription_payments SET square_payment_id = ({PAYMENT.format("square_payment_id", "")})
        WHERE id = ({PAYMENT.format("id", "DESC")})""",
    "sequences_behind": "CREATE TABLE tickets (number serial PRIMARY KEY); INSERT INTO tickets VALUES (7)",
    "constraints_not_validated": "ALTER TABLE subscriptions ADD CONSTRAINT day CHECK (billing_day < 0) NOT VALID",
    "invalid_indexes": "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'subscription_payments_subscription'::regclass",
}


@pytest.mark.parametrize("kind", SPOILS)
def test_what_is_wrong_is_found(copies: Copies, books: Books, kind: str) -> None:
    """And nothing else that was not there before."""
    before = {one["id"] for one in copies.integrity(database=books.name)["findings"]}
    assert kind not in before
    books.ask(SPOILS[kind])
    found = {one["id"]: one for one in copies.integrity(database=books.name)["findings"]}
    assert kind in found
    assert found[kind]["evidence"]["count"] >= 1
    assert found[kind]["evidence"]["some"]


def test_rows_that_the_last_backup_had_are_missed(copies: Copies, books: Books) -> None:
    """A row that was removed, not marked as deleted."""
    copies.create(database=books.name)
    books.ask("DELETE FROM subscription_payments WHERE id = (SELECT id FROM subscription_payments ORDER BY id LIMIT 1)")
    (missing,) = [one for one in copies.integrity(database=books.name)["findings"] if one["id"] == "rows_missing"]
    assert "has" in missing["evidence"]["some"][0]


def test_pages_are_checked_where_the_extension_is_there(copies: Copies, books: Books) -> None:
    """pg_amcheck runs and is content."""
    assert [text for text in copies.integrity(database=books.name)["not_checked"] if "amcheck" in text]
    books.ask("CREATE EXTENSION amcheck")
    seen = copies.integrity(database=books.name)
    assert not [text for text in seen["not_checked"] if "amcheck" in text]
    assert "damaged_pages" not in [one["id"] for one in seen["findings"]]


def test_the_healthy_stack(sandbox: Sandbox, player: Player, copies: Copies) -> None:
    """The playbook finds nothing, changes nothing, and keeps what it saw."""
    before = sandbox.snapshot()
    run = player.play("-e", f"circuit_sage_backup_dir={copies.folder}", "-v", playbook="playbooks/verify_integrity.yml")
    assert (run.status, run.record.outcome) == (0, "healthy"), run.output
    assert run.changed == 0
    assert "integrity.json" in run.record.evidence()
    assert "New rows" in run.record.report
    assert sandbox.snapshot().changes_since(before) == {}
