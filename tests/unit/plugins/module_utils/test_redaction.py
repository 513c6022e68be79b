# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is taken out of a text, and what has to stay."""

from __future__ import annotations

import time

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.redaction import MASK, is_secret_name, redact, secret_values

# Made up, in the forms of the real ones.
SCRAM = "SCRAM-SHA-256$4096:MTIzNDU2Nzg5MDEyMzQ1Ng==$" + "a" * 43 + "=:" + "b" * 43 + "="
BCRYPT = "$2b$10$" + "N9qo8uLOickgx2ZMRZoMye" + "I" * 31
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("db password=hunter2 host=x", f"db password={MASK} host=x"),
        ("PGPASSWORD=hunter2;next", f"PGPASSWORD={MASK};next"),
        ("JWT_SECRET=abc", f"JWT_SECRET={MASK}"),
        ("ALTER ROLE a PASSWORD 'it''s' VALID", f"ALTER ROLE a PASSWORD {MASK} VALID"),
        ("ENCRYPTED PASSWORD E'x'", f"ENCRYPTED PASSWORD E{MASK}"),
        ('{"password": "x\\"y", "a": 1}', f'{{"password": {MASK}, "a": 1}}'),
        ("{'apiKey': 'x'}", f"{{'apiKey': {MASK}}}"),
        ("token: abcd next", f"token: {MASK} next"),
        ("postgres://u:p@ss@h/db", f"postgres://u:{MASK}@h/db"),
        ("Authorization: Bearer abcdefghij", f"Authorization: Bearer {MASK}"),
        (f"was {SCRAM}.", f"was {MASK}."),
        ("x" * 60 + "_token=abc", "x" * 60 + f"_token={MASK}"),
        ("\u0130: password=hunter2 \u0130", f"\u0130: password={MASK} \u0130"),
        ("password=a Password=b", f"password={MASK} Password={MASK}"),
        ("md5" + "0123456789abcdef" * 2, MASK),
        (BCRYPT, MASK),
        (f"cookie {TOKEN};", f"cookie {MASK};"),
    ],
)
def test_taken_out(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        'FATAL:  password authentication failed for user "circuit_sage_user"',
        "Failed to decrypt credential accessToken, skipping: Unsupported state or unable to authenticate data",
        "secret or public key must be provided",
        "sorry, too many clients already",
        "http://127.0.0.1:4000/health",
        "GET /api/auth/password-reset?next=1 200",
    ],
)
def test_left_alone(text: str) -> None:
    assert redact(text) == text


def test_known_values_longest_first_and_short_ones_stay() -> None:
    assert redact("a secret1 b secret1-more prod", ["secret1", "secret1-more", "prod"]) == f"a {MASK} b {MASK} prod"


def test_which_variables_hold_secrets() -> None:
    secret = ("POSTGRES_PASSWORD", "DB_PASSWORD", "JWT_SECRET", "ENCRYPTION_KEY", "SENDGRID_API_KEY", "GITHUB_TOKEN", "DATABASE_URL")
    open_names = ("POSTGRES_USER", "ALLOWED_ORIGINS", "BILLING_DAY_OF_MONTH", "KEYBOARD", "FRONTEND_URL")
    assert all(map(is_secret_name, secret))
    assert not any(map(is_secret_name, open_names))
    assert secret_values({"JWT_SECRET": "s", "API_KEY": "", "TOKEN": None, "PORT": "4000"}) == {"s"}


def test_a_log_costs_little() -> None:
    lines = ["LOG:  checkpoint complete: wrote 3 buffers (0.0%)", 'FATAL:  password authentication failed for user "circuit_sage_user"']
    began = time.process_time()
    assert redact("\n".join(lines * 5000)).count(MASK) == 0
    assert time.process_time() - began < 1


def test_a_hostile_line_costs_time_in_proportion() -> None:
    began = time.process_time()
    redact("password" * 500 + "-a." * 1000 + "://" * 500)
    assert time.process_time() - began < 1
