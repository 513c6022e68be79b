# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guards and bad input: one sentence that says what was wrong and what to do, and nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from books import INCIDENT, Books, Server, company, module, subscription
from sandbox import Sandbox

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

NOBODY = "00000000-0000-4000-8000-000000000000"


GUARDS = [
    ({"max_companies": 1}, ("max_companies (1)", "2 companies would change")),
    ({"max_companies_share": 0.04}, ("max_companies_share (0.04)", "2 of 37 companies")),
    ({"max_total_difference": "2.00"}, ("max_total_difference (2.00)", "add up to 2.74")),
    ({"max_single_difference": "1.00"}, ("max_single_difference (1.00)", "is of 1.37")),
]


@pytest.mark.parametrize(("guard", "words"), GUARDS, ids=lambda value: next(iter(value)) if isinstance(value, dict) else "")
@pytest.mark.parametrize("check_mode", [False, True])
def test_guard(books: Books, guard: dict[str, Any], words: tuple[str, ...], check_mode: bool) -> None:
    """Its name, its value and what was seen; not a byte is written, in check mode it trips as well."""
    books.ask(
        "UPDATE subscriptions SET monthly_amount = monthly_amount + 1.37 WHERE id IN (%s, %s)",
        *(subscription(1), subscription(2)),
    )
    before = books.digest()
    with pytest.raises(IncidentError) as caught:
        books.recalculate(books.order(**guard), check_mode)
    assert [word for word in (*words, "nothing was written") if word not in str(caught.value)] == []
    assert (books.digest(), books.recorded()) == (before, -1)
    if "max_companies_share" in guard:
        assert books.recalculate(books.order(**guard), company_ids=[company(1), company(2)])["changed"]


def test_an_empty_table_of_locations(books: Books) -> None:
    """Somebody restored the wrong database."""
    books.ask("TRUNCATE users, locations CASCADE")
    before = books.digest()
    for companies in (None, [company(1)]):
        with pytest.raises(IncidentError, match=r"the guard locations \(never empty\).*restore"):
            books.recalculate(company_ids=companies)
    assert books.digest() == before


def test_a_billing_run_under_way(books: Books) -> None:
    """A payment of the period that was made just now; but not one that a recalculation made."""
    gone = "DELETE FROM subscription_payments WHERE subscription_id = %s AND billing_period_start = date_trunc('month', now(), 'UTC')"
    books.ask(gone, subscription(1))
    assert books.recalculate(books.order(billing_run_quiet_seconds=60))["changed"]
    books.ask(gone, subscription(2))
    assert books.recalculate(books.order(billing_run_quiet_seconds=60))["changed"]
    books.ask(gone, subscription(3))
    books.ask("UPDATE subscription_payments SET created_at = now() WHERE subscription_id = %s", subscription(6))
    before = books.digest()
    with pytest.raises(IncidentError, match=r"billing_run_quiet_seconds \(60\).*under way"):
        books.recalculate(books.order(billing_run_quiet_seconds=60))
    assert books.digest() == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"company_ids": ["company-01"]}, "the company `company-01` is no UUID"),
        ({"company_ids": [company(1), NOBODY]}, f"there is no company {NOBODY}"),
        ({"price_per_location": "abc"}, "price_per_location is `abc`, which is no amount"),
        ({"price_per_location": "-5"}, "price_per_location is `-5`, which is no amount"),
        ({"price_per_location": "NaN"}, "which is no amount"),
        ({"price_per_location": "5e1"}, "which is no amount"),
        ({"price_per_location": "50.001"}, "at most two decimals"),
        ({"price_per_location": "0"}, "above 0"),
        ({"price_per_location": "999999999"}, "which is no amount"),
        ({"as_of": "1448-06-12"}, "another calendar"),
        ({"as_of": "2569-11-23"}, "in the future or is of another calendar"),
        ({"as_of": "令和8年11月23日"}, "cannot be read"),
        ({"as_of": "2026-02-30"}, "no day or time of the calendar"),
        ({"as_of": "2026-11-01 02:00"}, "cannot be read"),
    ],
)
def test_bad_option(books: Books, options: dict[str, Any], words: str) -> None:
    """One sentence, and nothing is written."""
    books.ask("UPDATE subscriptions SET monthly_amount = 1 WHERE id = %s", subscription(1))
    before = books.digest()
    with pytest.raises(IncidentError) as caught:
        books.recalculate(**options)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (books.digest(), books.recorded()) == (before, -1)


def test_unknown_incident(books: Books) -> None:
    """Before there is any record, and beside another incident's."""
    with pytest.raises(IncidentError, match="no changes of the incident `nothing`"):
        books.undo("nothing")
    books.ask("UPDATE subscriptions SET monthly_amount = 1 WHERE id = %s", subscription(1))
    books.recalculate()
    with pytest.raises(IncidentError, match="no changes of the incident `nothing`"):
        books.undo("nothing")


def test_a_user_without_rights(books: Books) -> None:
    """Who may read but not write, who may write but not make the schema, and who may do nothing."""
    role = f"reader_{books.name}"
    books.ask("UPDATE subscriptions SET monthly_amount = 1 WHERE id = %s", subscription(1))
    before = books.digest()
    books.ask(f"CREATE ROLE {role} LOGIN PASSWORD 'made-up'")
    books.login, books.password = books.login.__class__(books.login.host, books.login.port, role, books.name, 5), "made-up"
    try:
        for grant in ("SELECT", "SELECT, UPDATE, INSERT"):
            with pytest.raises(IncidentError, match=f"the role {role} has too few rights .permission denied") as caught:
                books.recalculate()
            assert "\n" not in str(caught.value)
            books.ask(f"GRANT {grant} ON ALL TABLES IN SCHEMA public TO {role}")
        with pytest.raises(IncidentError, match="permission denied for database"):
            books.recalculate()
        assert (books.digest(), books.recorded()) == (before, -1)
    finally:
        books.ask(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_the_module_says_what_is_wrong_and_mends_it(books: Books, sandbox: Sandbox) -> None:
    """Through Ansible: audit, check mode with diff, mend, again, undo."""
    books.ask("UPDATE subscriptions SET monthly_amount = 163.37 WHERE id = %s", subscription(1))
    before = books.digest()
    audit = module(books, "billing_audit_info")
    assert [(one["stored"], one["due"], one["difference_cents"]) for one in audit["discrepancies"]] == [("163.37", "150.00", -1337)]
    checked = module(books, "billing_recalculate", "--check", "--diff", incident=INCIDENT)
    assert (checked["changed"], books.digest(), books.recorded()) == (True, before, -1)
    assert "monthly_amount 150.00" in books.recalculate(check_mode=True)["diff"]["after"]
    assert module(books, "billing_recalculate", incident=INCIDENT)["changed"]
    assert not module(books, "billing_recalculate", incident=INCIDENT)["changed"]
    assert module(books, "row_undo", incident=INCIDENT)["undone_count"] == 1
    assert books.digest() == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"login_port": 1}, "Connection refused"),
        ({"login_user": "nobody-here"}, "password authentication failed"),
        ({"login_db": "postgres"}, "has no table companies and no locations"),
        ({"project_src": "/nowhere"}, "there is no file /nowhere/.env.production"),
        ({"kinds": ["square_amount_differs"]}, "value of kinds must be one or more of"),
    ],
)
def test_the_module_refuses(books: Books, options: dict[str, Any], words: str) -> None:
    """One sentence from the module itself."""
    answer = module(books, "billing_recalculate", incident=INCIDENT, **options)
    assert words in answer["msg"]
    assert "\n" not in answer["msg"]


def test_a_wrong_password(books: Books, server: Server, tmp_path: Path) -> None:
    """It is the env file's that is wrong; neither is shown."""
    (tmp_path / ".env.production").write_text("POSTGRES_PASSWORD=not-this-one\n", encoding="utf-8")
    answer = module(books, "billing_audit_info", project_src=str(tmp_path))
    assert "correct POSTGRES_PASSWORD of the env file" in answer["msg"]
    assert "not-this-one" not in answer["msg"]
