# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parameters of the billing's statements. What the statements find is proven on a database."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import billing_query
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.billing_terms import terms_of

OPTIONS = {"company_ids": None, "price_per_location": None, "first_location_free": True, "limit": 1, "statement_timeout": 1}
NOW = datetime(2026, 11, 24, 1, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("as_of", "day"),
    [
        ("2026-11-01T00:00+00:00", 0),
        ("2026-11-01T02:00+00:00", 0),
        ("2026-11-01T02:00:00.000001+00:00", 1),
        ("2026-11-23T02:00+00:00", 22),
        ("2026-11-23T02:00:01+00:00", 23),
        (None, 23),
    ],
)
def test_last_due_day(as_of: str | None, day: int) -> None:
    terms = terms_of({**OPTIONS, "as_of": as_of}, {}, NOW)
    assert billing_query.parameters(terms, NOW)["due_day"] == day


def test_the_halves_are_all() -> None:
    """No company is in both, none in neither."""
    terms = terms_of({**OPTIONS, "as_of": None}, {}, NOW)
    one, other = billing_query.survey(terms, NOW).split(" UNION ALL ")
    assert one.replace("< '8", ">= '8") == other
