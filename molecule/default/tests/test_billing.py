# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The billing rule: what a company owes, what is stored of it and when, and the scheduler's payments."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from circuit_sage import CircuitSage
from made_company import Company

WRONG = Decimal("999.00")


@pytest.fixture(scope="module")
def price(system: CircuitSage) -> Decimal:
    """50.00 unless the backend was told another."""
    return Decimal(system.container_env("backend").get("BILLING_AMOUNT_PER_LOCATION") or "50")


@pytest.fixture(scope="module")
def billed_token(billed_company: Company, tokens: Callable[[Company], str]) -> str:
    """A token of the administrator of the company whose billing is changed."""
    return tokens(billed_company)


@pytest.fixture(autouse=True)
def as_made(system: CircuitSage, billed_company: Company) -> Iterator[None]:
    """Three billable locations and a wrong stored amount before each test."""
    system.sql(
        "DELETE FROM locations WHERE company_id = %s AND NOT id = ANY(%s::uuid[])", billed_company.id, list(billed_company.locations)
    )
    system.sql("UPDATE locations SET is_free = false, is_active = true, deleted_at = NULL WHERE company_id = %s", billed_company.id)
    system.sql("UPDATE subscriptions SET monthly_amount = %s, status = 'active' WHERE id = %s", WRONG, billed_company.subscription_id)
    yield


def stored(system: CircuitSage, company: Company) -> Decimal:
    """The amount in the row."""
    row = system.sql("SELECT monthly_amount FROM subscriptions WHERE id = %s", company.subscription_id)[0]
    return Decimal(row["monthly_amount"])


def free(system: CircuitSage, company: Company) -> list[bool]:
    """Which locations are free, the oldest first."""
    rows = system.sql("SELECT is_free FROM locations WHERE company_id = %s AND deleted_at IS NULL ORDER BY created_at", company.id)
    return [row["is_free"] for row in rows]


def shown(system: CircuitSage, token: str) -> tuple[Decimal, int]:
    """The amount and the number of billable locations that the API shows."""
    reply = system.backend("GET", "/api/subscriptions", token=token)
    assert reply.status == 200
    data: dict[str, Any] = reply.json["data"]
    return Decimal(str(data["monthlyAmount"])), data["locationCount"]


def test_reading_recomputes_and_hides_a_wrong_row(system: CircuitSage, billed_company: Company, billed_token: str, price: Decimal) -> None:
    """The API shows billable x price; the row stays wrong."""
    assert shown(system, billed_token) == (3 * price, 3)
    assert stored(system, billed_company) == WRONG


def test_price_is_the_containers(system: CircuitSage, price: Decimal) -> None:
    """50.00 unless the env file says otherwise."""
    assert price == Decimal(system.env.get("BILLING_AMOUNT_PER_LOCATION") or "50")


def test_inactive_locations_are_billed(system: CircuitSage, billed_company: Company, billed_token: str, price: Decimal) -> None:
    """`is_active` does not count; `is_free` and `deleted_at` do."""
    system.sql("UPDATE locations SET is_active = false WHERE company_id = %s", billed_company.id)
    assert shown(system, billed_token)[0] == 3 * price
    system.sql("UPDATE locations SET is_free = true WHERE id = %s", billed_company.locations[1])
    assert shown(system, billed_token)[0] == 2 * price
    system.sql("UPDATE locations SET deleted_at = now() WHERE id = %s", billed_company.locations[2])
    assert shown(system, billed_token)[0] == price
    assert stored(system, billed_company) == WRONG


def test_first_location_becomes_free_when_somebody_lists(
    system: CircuitSage, billed_company: Company, billed_token: str, price: Decimal
) -> None:
    """By creation time; before that only the policy says so. The stored amount does not follow."""
    assert free(system, billed_company) == [False, False, False]
    reply = system.backend("GET", "/api/locations", token=billed_token)
    assert [place["isFree"] for place in sorted(reply.json["data"], key=lambda place: place["name"])] == [True, False, False]
    assert free(system, billed_company) == [True, False, False]
    assert shown(system, billed_token)[0] == 2 * price
    assert stored(system, billed_company) == WRONG


def test_changing_and_deleting_do_not_recalculate(system: CircuitSage, billed_company: Company, billed_token: str) -> None:
    """PUT and DELETE leave the stored amount as it is; a delete is soft."""
    place = billed_company.locations[2]
    changed = system.backend("PUT", f"/api/locations/{place}", token=billed_token, body={"name": "Place 2", "phone": "555-0100"})
    assert changed.status == 200
    assert stored(system, billed_company) == WRONG
    assert system.backend("DELETE", f"/api/locations/{place}", token=billed_token).status == 200
    assert stored(system, billed_company) == WRONG
    assert system.sql("SELECT 1 AS there FROM locations WHERE id = %s AND deleted_at IS NOT NULL", place)


def test_the_free_switch_recalculates(system: CircuitSage, billed_company: Company, billed_token: str, price: Decimal) -> None:
    """It stores what is due."""
    path = f"/api/locations/{billed_company.locations[1]}/free"
    assert system.backend("PATCH", path, token=billed_token, body={"isFree": True}).status == 200
    assert stored(system, billed_company) == 2 * price
    assert system.backend("PATCH", path, token=billed_token, body={"isFree": False}).status == 200
    assert stored(system, billed_company) == 3 * price


def test_creating_recalculates(system: CircuitSage, billed_company: Company, billed_token: str, price: Decimal) -> None:
    """It stores what is due."""
    reply = system.backend("POST", "/api/locations", token=billed_token, body={"name": "Place 3", "address": "1 Main Street"})
    assert reply.status == 201, reply.text
    assert stored(system, billed_company) == (4 - sum(free(system, billed_company))) * price


def test_past_due_hides_what_is_not_free_and_stays(system: CircuitSage, billed_company: Company, billed_token: str, price: Decimal) -> None:
    """Only free locations are seen; nothing that the application does makes it active again."""
    system.sql("UPDATE subscriptions SET status = 'past_due' WHERE id = %s", billed_company.subscription_id)
    reply = system.backend("GET", "/api/locations", token=billed_token)
    assert [place["id"] for place in reply.json["data"]] == [billed_company.locations[0]]
    path = f"/api/locations/{billed_company.locations[1]}/free"
    system.backend("PATCH", path, token=billed_token, body={"isFree": True})
    row = system.sql("SELECT status, monthly_amount FROM subscriptions WHERE id = %s", billed_company.subscription_id)[0]
    assert (row["status"], row["monthly_amount"]) == ("past_due", price)


def test_anything_is_a_status_and_a_billing_day(system: CircuitSage, billed_company: Company) -> None:
    """Nothing in the database stops a spelling or a day 31."""
    for status, day in (("canceled", 31), ("cancelled", 0), ("nonsense", -1)):
        system.sql("UPDATE subscriptions SET status = %s, billing_day = %s WHERE id = %s", status, day, billed_company.subscription_id)
    system.sql("UPDATE subscriptions SET billing_day = 28 WHERE id = %s", billed_company.subscription_id)


@pytest.mark.sandbox_only(reason="the real scheduler runs at 02:00 on the billing day and cannot be started by hand for another day")
class TestScheduler:
    """What the scheduler writes on the billing day. No seeded subscription is billed on the 28th of that month."""

    DAY = datetime(2031, 2, 28, tzinfo=UTC)

    def run(self, system: CircuitSage, company: Company, **columns: Any) -> list[dict[str, Any]]:
        """Bill one day with these values of the subscription, and give the payments it made for the company."""
        for column, value in columns.items():
            system.sql(f"UPDATE subscriptions SET {column} = %s WHERE id = %s", value, company.subscription_id)  # noqa: S608 - names of ours
        container = system.docker.containers.get(system.settings.containers["backend"])
        done = container.exec_run(["python3", "/app/billing.py", "--as-of", self.DAY.date().isoformat()])
        assert done.exit_code == 0, done.output.decode()
        made = system.sql("DELETE FROM subscription_payments WHERE billing_period_start >= '2031-01-31' RETURNING *")
        return [row for row in made if row["company_id"] == company.id]

    def test_pending_payment_of_the_calendar_month(self, system: CircuitSage, billed_company: Company, price: Decimal) -> None:
        """With autopay and a Square subscription the charge is left to Square: pending, no reason."""
        rows = self.run(system, billed_company, autopay_enabled=True, square_subscription_id="conformance", status="active")
        assert [(row["status"], row["amount"], row["location_count"], row["failure_reason"]) for row in rows] == [
            ("pending", 3 * price, 3, None)
        ]
        start, end = rows[0]["billing_period_start"], rows[0]["billing_period_end"]
        assert start == datetime(2031, 2, 1, tzinfo=UTC)
        assert end.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") == f"2031-02-{calendar.monthrange(2031, 2)[1]} 23:59:59"
        assert rows[0]["square_payment_id"] is None

    def test_without_autopay_the_reason_says_so(self, system: CircuitSage, billed_company: Company) -> None:
        """Pending subscriptions are billed as well."""
        rows = self.run(system, billed_company, autopay_enabled=False, status="pending")
        assert [(row["status"], row["failure_reason"]) for row in rows] == [("pending", "Autopay not enabled")]

    @pytest.mark.parametrize("status", ["past_due", "canceled", "cancelled", "expired"])
    def test_other_statuses_are_not_billed(self, system: CircuitSage, billed_company: Company, status: str) -> None:
        """Gaps in the series of these are legal."""
        assert self.run(system, billed_company, status=status) == []

    def test_other_days_are_not_billed(self, system: CircuitSage, billed_company: Company) -> None:
        """A day 31 in February is never billed."""
        assert self.run(system, billed_company, status="active", billing_day=31) == []
        system.sql("UPDATE subscriptions SET billing_day = 28 WHERE id = %s", billed_company.subscription_id)
