# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What looks like a cause of service_outage in the database and is none, and what is for a person."""

from __future__ import annotations

from recorded_observations import CAUSES, found, recorded

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import diagnosis


def test_tables_that_could_not_be_listed_are_not_missing() -> None:
    assert found(recorded("health_check_shallow", postgres__missing_tables=None)) == []


def test_a_dropped_table_is_for_a_person_even_beside_a_renamed_one() -> None:
    missing = [{"name": "users", "renamed_to": "users_before"}, {"name": "locations", "renamed_to": None}]
    (finding,) = diagnosis.diagnose(recorded("health_check_shallow", postgres__missing_tables=missing), CAUSES)
    assert (finding["id"], finding["remedy"]) == ("table_missing", None)


def test_a_missing_table_is_a_symptom_although_health_is_green() -> None:
    assert diagnosis.symptoms(recorded("health_check_shallow")) == ["the table users is missing"]
