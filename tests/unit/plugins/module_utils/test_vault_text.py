# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vaults that Ansible opens, and Ansible's that are opened here."""

from __future__ import annotations

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import vault_text
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError, LibraryMissing

TEXTS = ["", "one line", "x" * 16, '{"key": "Grüße"}\n' * 40]
ANSIBLE = VaultLib([("default", VaultSecret(b"password"))])


@pytest.mark.parametrize("text", TEXTS)
def test_ansible_opens_it(text: str) -> None:
    sealed = vault_text.seal(text, "password")
    assert vault_text.is_vaulted(sealed)
    assert ANSIBLE.decrypt(sealed.encode()).decode() == text
    assert vault_text.open_vault(sealed, "password") == text


def test_ansible_s_own_is_opened() -> None:
    assert vault_text.open_vault(ANSIBLE.encrypt(b"secret").decode(), "password") == "secret"


def test_another_password_opens_nothing() -> None:
    with pytest.raises(IncidentError, match="the vault password does not open it"):
        vault_text.open_vault(vault_text.seal("secret", "password"), "another")


@pytest.mark.parametrize("body", ["", "not hexadecimal", "61" * 8])
def test_a_damaged_one_is_told(body: str) -> None:
    with pytest.raises(IncidentError, match="no vault that can be read"):
        vault_text.open_vault(f"{vault_text.HEADER}\n{body}", "password")


def test_a_missing_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault_text, "MISSING_CIPHER", "cryptography is missing")
    with pytest.raises(LibraryMissing):
        vault_text.seal("secret", "password")
