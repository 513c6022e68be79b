# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our SCRAM verifiers are those that PostgreSQL makes, also for passwords beyond ASCII."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.scram import saslprep, verifier, verifies

# Made by PostgreSQL 15.18 with `ALTER ROLE ... PASSWORD '<the password>'` and read from pg_authid.
MADE_BY_THE_SERVER = (
    pytest.param(
        "pencil",
        "0lUg3xL+U8bppLo3Pg0o9g==",
        "nPXeRnumkA1JO0rWssDFMHylG0Q/kw0ThT2MQVux/NU=",
        "hD9sKb04U7GpAqGrcP0zEKCG9K0H8KPV3h0zK9jClQI=",
        id="plain",
    ),
    pytest.param(
        "p'a\\ss\"$$ #x",
        "6vmLPnqbNuUi127TCfNW3A==",
        "5ihICEUYkoJa/9gPEybS6Q6VJBZb8P2iqXmE72Muw8A=",
        "C9ZE2QCgPZDiknPlPINC5k85Ykne40BQPAdwM8KUflE=",
        id="quotes-backslash-dollars",
    ),
    pytest.param(
        "  lead and trail ",
        "LN4SXnCGPXWFu0Y2REawEw==",
        "UsF+08YCjW7OWwjKHM/K9J5RZpqZplWmFZZDvYWHMYo=",
        "4MRFTzSaSf9bfs4Vu5hwvTiwEhTOUzdETA3/BLX2caI=",
        id="blanks-at-the-ends",
    ),
    pytest.param(
        "caf\xe9",
        "31q0NhiMNtS3PsBLsrgh5Q==",
        "PwYFKWwDDWTTHcw/0YkjPYS6KsWWw1jBEBRtoAsD8aQ=",
        "TN/Kz4CgmqWeO7oA6B7Edz0YkfK8EnTb2vQPHI0vfNI=",
        id="composed",
    ),
    pytest.param(
        "cafe\u0301",
        "Ic6BNSHRRe4xTk1/UxgCWg==",
        "l0i205rccvdr5Zu8Cbvf1ryjuE3u2Swt+Mmw8L+wXlo=",
        "FtAEjIyu73+EXxRSbboErQnD/ZjvaS3xqq51DbN8pJI=",
        id="decomposed",
    ),
    pytest.param(
        "\u2168 IX",
        "Yco0gqysWaFeZL9rHnzypA==",
        "VtxhOBLtbsU7MDzC9f4TfYSx2NnL+dZDEoZMJzb8DMw=",
        "WLqinQjtWrFR2cNWcDczxZmYH7E+aCHSZVBlK4MTifk=",
        id="compatibility-form",
    ),
    pytest.param(
        "a\xadb",
        "5b/HnvN3JUUoUGJOPl+HMQ==",
        "1+4D2utPp0/Ly6NxR/opWryGUhBG46fCzlhBKd0tqL4=",
        "vfTURpqlSVn1butldRXy3UUBuhpTdgombt5pv/C7XNs=",
        id="soft-hyphen-goes",
    ),
    pytest.param(
        "x\xa0y",
        "qCi8adEEf6a4Q822czAmAg==",
        "nhjv0PtuatoacpuMa6YUJznKrBvcsBVsunuNP3gnHMI=",
        "MJ29troP84W4tzAyypYjarhgU4Pkx5n5i0aWTT9kno0=",
        id="no-break-space-is-a-space",
    ),
    pytest.param(
        "\u05d0\u05d1",
        "J/mm84z05SByvTVv5DxsJw==",
        "vTgkbMu3NpzOMTOQ5G2NFam9PE146KAM8vLhe80J+nQ=",
        "E4R/pTrymV2C45s3B+crL8zALUlTJqSKsgI6t9KFvMg=",
        id="right-to-left",
    ),
    pytest.param(
        "\u05d0a",
        "kzolulxvnANnryWRcpdUBg==",
        "/4VHMIleDn8qQh8WgzYYxR+jvpG/Mh+wYTGXFOr7Q7s=",
        "8mu130IROWJZz8EVdyxo91/rgW/rfWEj4T2n+wfce3Y=",
        id="mixed-directions-as-they-are",
    ),
    pytest.param(
        "a\x07\xe9",
        "TpBTwpehsMD0Fc+5rnJ9wQ==",
        "8QZAN3fgkesdO7lPuDDIHSDd1083hzQZPI64V2ukjzw=",
        "791YIm2GeYtYLzILpcZiVZliCR6fRrEhQudzBRT3gHQ=",
        id="control-character-as-it-is",
    ),
    pytest.param(
        "\xad",
        "t9S7XzTzyHjwimes0+PBvQ==",
        "E4HSwEleX6ss5El9EVSZf7YgD4oJTxbPHu2iERj38kA=",
        "RuxdmpzXgmmVlKp+Vof5e+lGDVSFmajH1YF4ja/bOJU=",
        id="nothing-left-as-it-is",
    ),
    pytest.param(
        "a\nb",
        "3N0JpJuj9vg//kxEoFRcLg==",
        "8q3SinB92u6zoDIBx/tIvM7iRD5uuULc620NyLdOWG8=",
        "ZyhUTZASKOD8iYG8pvy5+wRSsec5ilcVVxi443RNoWI=",
        id="line-feed",
    ),
    pytest.param(
        "\u0221",
        "kyv3fxm03lu4VJttNeIbtQ==",
        "e6hxXldSDNxvsQ15F5+K21G/J+lDzLyccsxsZ5tHdKo=",
        "bE2Kp//vSVlIWyahDkcs0T+PgBGZPkRb8q879BN98no=",
        id="unassigned-as-it-is",
    ),
    pytest.param(
        "\xe9\u200b",
        "l7oj6Sl2x7FRbZbTRqvdjQ==",
        "sYTUY6rJcOJcJvrcFpL9I0CR7axbSXzPRVun2WFFdQs=",
        "FQCiMaGAcah8EgEgqrfPfnRtohIVK930nAcuFp7HKpo=",
        id="zero-width-space-is-a-space",
    ),
    pytest.param(
        "\U0001f600",
        "lTt0Bi043MnuKFW+m74vBw==",
        "R45MdwHN5w9hdhycepuXOfzEOCTs8scTv6Yn6fpOzuI=",
        "eVz/FMD4aARzieZLS6MNejlMbemyGVehJKGI21h/Y8I=",
        id="newer-than-unicode-3.2-as-it-is",
    ),
)


@pytest.mark.parametrize(("password", "salt", "stored_key", "server_key"), MADE_BY_THE_SERVER)
def test_the_servers_own_verifier_is_recognised(password: str, salt: str, stored_key: str, server_key: str) -> None:
    stored = f"SCRAM-SHA-256$4096:{salt}${stored_key}:{server_key}"
    assert verifies(password, stored)
    assert not verifies(password + "x", stored)


def test_the_example_of_rfc_7677() -> None:
    # Salt and iterations of the exchange in section 3, for the user `user` with the password `pencil`.
    keys = "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    assert verifies("pencil", f"SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==${keys}")


def test_a_new_verifier_has_the_servers_form_and_a_salt_of_its_own() -> None:
    first, second = verifier("pencil"), verifier("pencil")
    assert re.fullmatch(r"SCRAM-SHA-256\$4096:[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=", first)
    assert first != second


@settings(max_examples=30)
@given(password=st.text())
def test_every_password_verifies(password: str) -> None:
    assert verifies(password, verifier(password))


@pytest.mark.parametrize("stored", [None, "", "md5c1ab4d0d1c1e4f0f5b1a1a1a1a1a1a1a", "pencil", "SCRAM-SHA-256$0:AAAA$a:b"])
def test_what_is_no_scram_verifier_does_not_verify(stored: str | None) -> None:
    assert not verifies("pencil", stored)


def test_composed_and_decomposed_are_the_same_password() -> None:
    assert saslprep("cafe\u0301") == saslprep("caf\u00e9")
