# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which credentials of a company are under which key, and its settings with all of them under the new one."""

from __future__ import annotations

import json

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.credential_walk import (
    ENCRYPT,
    KEEP,
    NEW,
    OLD,
    PLAIN,
    UNREADABLE,
    Company,
    Keys,
    credentials,
    read,
)
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_credentials import CredentialKey

OLD_KEY, NEW_KEY, OTHER_KEY = (CredentialKey(name) for name in ("old", "new", "other"))
KEYS = Keys(OLD_KEY, NEW_KEY)


def integrations(payment: object, **more: object) -> str:
    return json.dumps({"payment": {"provider": "square", "credentials": payment, "settings": {"rate": 1.10}}, **more})


def look(text: str, keys: Keys = KEYS) -> Company:
    return read(text, [value for _path, value in credentials(text)], keys)


def test_every_credential_comes_under_the_new_key_and_nothing_else_changes() -> None:
    old = [OLD_KEY.seal(plain) for plain in (b"token", "Grüße".encode())]
    text = integrations({"accessToken": old[0], "empty": ""}, email={"credentials": {"nested": [{"apiKey": old[1]}]}, "odd": None}, x=1)
    company = look(text)
    assert company.counts == {OLD: 2, NEW: 0, PLAIN: 0, UNREADABLE: 0}
    assert company.text is not None
    values = [value for _path, value in credentials(company.text)]
    assert [NEW_KEY.open(value) for value in values] == [b"token", "Grüße".encode()]
    for before, after in zip(old, values, strict=True):
        text = text.replace(before, after)
    assert company.text == text


def test_what_is_under_the_new_key_or_no_key_is_told_and_left() -> None:
    text = integrations({"a": NEW_KEY.seal(b"1"), "b": OTHER_KEY.seal(b"2"), "c": "plain", "d": "no:hex:value"})
    company = look(text)
    assert company.counts == {OLD: 0, NEW: 1, PLAIN: 1, UNREADABLE: 2}
    assert company.unreadable == ["payment.credentials.b", "payment.credentials.d"]
    assert (company.text, company.plaintext) == (None, [])


def test_plaintext_is_encrypted_when_asked() -> None:
    company = look(integrations({"a": "plain", "b": OLD_KEY.seal(b"2")}), KEYS._replace(plaintext=ENCRYPT))
    (one,) = company.plaintext
    assert one.path == ("payment", "credentials", "a")
    assert NEW_KEY.open(one.sealed) == b"plain"
    assert company.counts[OLD] == 1


@pytest.mark.parametrize("text", ["[]", "{}", '{"payment": 1}', '{"payment": {"credentials": null}}', integrations("", email=[])])
def test_settings_without_credentials_have_none(text: str) -> None:
    assert sum(look(text).counts.values()) == 0


def test_a_cipher_that_does_not_open_what_it_sealed_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = CredentialKey("broken")
    monkeypatch.setattr(broken, "open", lambda _stored: None)
    with pytest.raises(IncidentError, match="did not decrypt under the new key"):
        look(integrations({"a": OLD_KEY.seal(b"1")}), Keys(OLD_KEY, broken, KEEP))


def test_a_fingerprint_tells_the_key_and_not_the_value() -> None:
    assert CredentialKey("old").fingerprint == OLD_KEY.fingerprint != NEW_KEY.fingerprint
    assert "old" not in OLD_KEY.fingerprint
