# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Re-encryption on a real database: everything or nothing, nothing else changes, and a change of keys that broke off is resumed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from books import ENCRYPTION_KEY, Books
from credential_format import decrypt, encrypt
from made_system import MadeSystem

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.credential_walk import ENCRYPT
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

NEW = "another-key"
KEYS: dict[str, Any] = {"old_key": ENCRYPTION_KEY, "new_key": NEW}
# What is no credential, with all values of credentials taken out.
REST = """
SELECT md5(string_agg(regexp_replace(settings::text, '"[0-9a-f]{32}:[0-9a-f]{32}:[0-9a-f]+"', '""', 'g') || updated_at, ',' ORDER BY id))
FROM companies
"""
WITH_CREDENTIALS = "SELECT id::text FROM companies WHERE settings #> '{integrations,payment,credentials}' IS NOT NULL ORDER BY id"
SETTINGS = """
SELECT coalesce(d.datname, ''), setconfig FROM pg_db_role_setting LEFT JOIN pg_database d ON d.oid = setdatabase WHERE setrole = %s::regrole
"""


def put(books: Books, company: str, path: str, value: str) -> None:
    books.ask("UPDATE companies SET settings = jsonb_set(settings, %s, to_jsonb(%s::text)) WHERE id = %s", path, value, company)


def test_square_and_sendgrid_follow_and_nothing_else_changes(system: MadeSystem, books: Books) -> None:
    company = books.ask(WITH_CREDENTIALS)[0][0]
    odd = {"number": 1.10, "text": 'quo"ted \\ back\nslash Grüße', "list": [1.0, None]}
    books.ask("UPDATE companies SET settings = settings || %s WHERE id = %s", json.dumps({"odd": odd}), company)
    before, rest = system.stored(), books.ask(REST)
    found = system.reencrypt(**KEYS)
    assert found["under_old_key"] == len([value for value in before.values() if value.count(":") == 2]) > 80
    assert any(place[1] == "email" for place in before)
    assert system.decrypted(NEW) == system.plain
    assert books.ask(REST) == rest
    # Done by the test from the documented format alone.
    stored = next(value for value in system.stored().values() if value.count(":") == 2)
    assert decrypt(stored, NEW) in system.plain.values()
    ((before_key, after_key, number),) = books.ask("SELECT key_before, key_after, reencrypted FROM circuit_sage_ops.credential_key")
    assert (before_key, after_key, number) == (found["key_before"], found["key_after"], found["under_old_key"])
    assert system.reencrypt(**KEYS)["changed"] is False
    assert books.ask("SELECT count(*) FROM circuit_sage_ops.credential_key") == [(1,)]


def test_mixed_keys_are_resumed(system: MadeSystem, books: Books) -> None:
    """Forty of a hundred values are under the new key already, as a change of keys by hand left them."""
    values = [(place, value) for place, value in system.stored().items() if value.count(":") == 2]
    for (company, *path), value in values[: len(values) * 2 // 5]:
        put(books, company, "{integrations," + ",".join(path) + "}", encrypt(decrypt(value, ENCRYPTION_KEY), NEW))
    looked = system.reencrypt(check_mode=True, **KEYS)
    assert (looked["under_new_key"], looked["under_old_key"]) == (len(values) * 2 // 5, len(values) - len(values) * 2 // 5)
    assert system.decrypted(ENCRYPTION_KEY, NEW) == system.plain != system.decrypted(NEW)
    system.reencrypt(**KEYS)
    assert system.decrypted(NEW) == system.plain


def test_a_value_of_neither_key_stops_it_before_anything_is_changed(system: MadeSystem, books: Books) -> None:
    (company,) = books.ask(WITH_CREDENTIALS)[-1]
    put(books, company, "{integrations,payment,credentials,accessToken}", encrypt("token", "a key that nobody has"))
    before = system.stored()
    for check_mode in (True, False):
        with pytest.raises(
            IncidentError, match=f"1 credentials decrypt under neither key: payment.credentials.accessToken of company {company}"
        ):
            system.reencrypt(check_mode=check_mode, **KEYS)
    assert system.stored() == before
    assert books.ask("SELECT to_regclass('circuit_sage_ops.credential_key')") == [(None,)]


def test_plaintext_is_kept_or_encrypted_as_asked(system: MadeSystem) -> None:
    plaintext = {place for place, value in system.stored().items() if value.count(":") != 2}
    assert len(plaintext) == 3
    assert system.reencrypt(**KEYS)["plaintext"] == 3
    assert {place for place, value in system.stored().items() if value.count(":") != 2} == plaintext
    system.reencrypt(plaintext=ENCRYPT, old_key=NEW, new_key=ENCRYPTION_KEY)
    assert all(value.count(":") == 2 for value in system.stored().values())
    assert system.decrypted(ENCRYPTION_KEY) == system.plain


def test_who_stores_a_setting_meanwhile_is_waited_for_and_told(system: MadeSystem, books: Books) -> None:
    books.ask("BEGIN; UPDATE companies SET settings = settings")
    with pytest.raises(IncidentError, match="locked by somebody else"):
        system.reencrypt(lock_timeout=1, **KEYS)
    books.ask("ROLLBACK")
    assert system.decrypted(ENCRYPTION_KEY) == system.plain


def test_a_trigger_that_changes_settings_stops_it(system: MadeSystem, books: Books) -> None:
    books.ask(
        "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN NEW.settings = jsonb_set(NEW.settings, '{integrations,odd}', 'true'); RETURN NEW; END $$;"
        "CREATE TRIGGER spoil BEFORE UPDATE ON companies FOR EACH ROW EXECUTE FUNCTION spoil()"
    )
    with pytest.raises(IncidentError, match="look for a trigger"):
        system.reencrypt(**KEYS)
    assert system.decrypted(ENCRYPTION_KEY) == system.plain


def test_settings_of_the_old_role_go_with_the_new_one(system: MadeSystem, books: Books) -> None:
    """Settings, also those of one database and those that are lists; what it makes belongs to the owner of the tables."""
    role = system.owner
    books.ask(f"ALTER ROLE {role} SET search_path = \"$user\", public, 'odd name'")
    books.ask(f"ALTER ROLE {role} IN DATABASE {books.name} SET statement_timeout = '61s'; ALTER ROLE {role} CONNECTION LIMIT 77 CREATEDB")
    system.rotate(secrets=["POSTGRES_PASSWORD"])
    new = f"{role}_a"
    settings = dict(books.ask(SETTINGS, new))
    assert settings == {"": ['search_path="$user", public, "odd name"', f"role={role}"], books.name: ["statement_timeout=61s"]}
    assert books.ask("SELECT rolsuper, rolcreatedb, rolconnlimit, rolcanlogin FROM pg_roles WHERE rolname = %s", new) == [
        (True, True, 77, True)
    ]
    assert books.ask("SELECT rolcanlogin, rolpassword FROM pg_authid WHERE rolname = %s", role) == [(False, None)]
    assert (
        system.as_application("CREATE TABLE made_by_a_release (); SELECT tableowner FROM pg_tables WHERE tablename = 'made_by_a_release'")
        == role
    )
    assert books.ask("SELECT usename FROM pg_stat_activity WHERE usename = %s", role) == []
    books.ask("DROP TABLE made_by_a_release")
