# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every fault of this incident, see molecule/harness/causes.py; all but its test of the seeded rows, some of which the remedies write."""

from __future__ import annotations

from causes import (  # noqa: F401
    Story,
    story,
    test_check_changes_nothing,
    test_check_names_cause_and_plan,
    test_lock_is_given_back,
    test_no_secret_leaves,
    test_only_what_is_broken_is_touched,
    test_record,
    test_run,
    test_second_run_leaves_it_alone,
)
from sandbox import Sandbox

# Against the tables as they were before the fault.
TOUCHED_PAID = """
SELECT count(*) FROM drill_saved.subscription_payments AS saved LEFT JOIN public.subscription_payments AS now USING (id)
WHERE saved.status IN ('succeeded', 'refunded') AND to_jsonb(saved) IS DISTINCT FROM to_jsonb(now) AND now.id IS NOT NULL
"""


def test_nothing_that_was_paid_is_touched(story: Story, sandbox: Sandbox) -> None:  # noqa: F811
    """Paid and refunded payments are history. (The fault itself may have taken some away.)"""
    assert story.mended.record.outcome
    assert sandbox.psql(TOUCHED_PAID, sandbox.env["POSTGRES_DB"]) == "0"
