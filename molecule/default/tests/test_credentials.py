# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Payment credentials: where they are, how they are encrypted, shown by decrypting and encrypting them without the application."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator

import pytest
from circuit_sage import CircuitSage, eventually, now, plain
from credential_format import COMPLAINT, FORM, company_settings, decrypt, encrypt
from cryptography.exceptions import InvalidTag
from made_company import Company

NAMES = {"accessToken", "applicationId", "locationId"}


@pytest.fixture
def read_with(system: CircuitSage, company: Company, token: str) -> Iterator[Callable[..., str]]:
    """Stores credentials of the company and makes the backend read them; gives what it logged."""

    def store_and_read(**credentials: str) -> str:
        system.sql("UPDATE companies SET settings = %s::jsonb WHERE id = %s", json.dumps(company_settings(**credentials)), company.id)
        mark, agent = now(), f"conformance/{uuid.uuid4().hex[:8]}"
        reply = system.backend("GET", system.settings.credentials_path, token=token, User_Agent=agent)
        assert reply.status == 200
        # The access line comes last: with it everything is there that the request made the backend log.
        eventually(lambda: agent in system.log("backend", mark), 10, "the backend logs the request")
        return plain(system.log("backend", mark))

    yield store_and_read
    system.sql("UPDATE companies SET settings = '{}' WHERE id = %s", company.id)


@pytest.mark.sandbox_only(reason="which companies have credentials is known of the seeded data only")
def test_who_pays_by_square_has_credentials(system: CircuitSage) -> None:
    """At the documented place, with what stands beside them; one company has them in plaintext, and one has lost them."""
    payments = "SELECT settings #> '{integrations,payment}' AS payment FROM companies"
    found = [row["payment"] for row in system.sql(payments) if (row["payment"] or {}).get("credentials")]
    paying = system.sql("SELECT id FROM subscriptions WHERE square_subscription_id LIKE 'sandbox-%%'")
    assert len(found) == len(paying) - 1
    for payment in found:
        assert payment["provider"] == "square"
        assert isinstance(payment["enabled"], bool)
        assert isinstance(payment["settings"]["testMode"], bool)
        assert set(payment["credentials"]) == NAMES
    forms = [{bool(FORM.match(value)) for value in payment["credentials"].values()} for payment in found]
    assert sorted(forms, key=str) == [{False}] + [{True}] * (len(found) - 1)


def test_stored_values_decrypt_independently(system: CircuitSage) -> None:
    """Under the key of the env file, and under no other; old plaintext and empty values are left out."""
    path = "SELECT value FROM companies, jsonb_each_text(settings #> '{integrations,payment,credentials}')"
    values = [row["value"] for row in system.sql(path) if row["value"].count(":") == 2]
    assert values
    assert all(decrypt(value, system.env["ENCRYPTION_KEY"]) for value in values)
    with pytest.raises(InvalidTag):
        decrypt(values[0], "another key")


def test_application_reads_what_others_encrypt(system: CircuitSage, read_with: Callable[..., str]) -> None:
    """The format is complete: no complaint of the backend about a value made here."""
    assert "Failed to decrypt" not in read_with(accessToken=encrypt("conformance-token", system.env["ENCRYPTION_KEY"]))


def test_plain_and_empty_values_are_taken(read_with: Callable[..., str]) -> None:
    """A value without two colons is plaintext from before encryption; an empty one stays empty."""
    assert "Failed to decrypt" not in read_with(accessToken="plain-from-before", applicationId="", locationId="one:colon")


def test_value_under_another_key_is_skipped_with_a_line(read_with: Callable[..., str]) -> None:
    """Nothing fails loudly: the call is 200, and the log says this."""
    assert COMPLAINT in read_with(accessToken=encrypt("conformance-token", "another key"))
