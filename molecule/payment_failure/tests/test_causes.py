# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A charge and a setting through the playbook, from the diagnosis to a second run; the other faults are in test_diagnosis.py, and what the
playbook does beside in test_playbook.py.
"""

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
from stack_payments import StackPayments

# A charge that was made and of which nobody was told; a setting, with the books behind it.
FAULTS = ("timeout_after_charge", "webhook_signature")


def test_nobody_is_charged_twice_and_each_charge_is_recorded(story: Story, payments: StackPayments) -> None:  # noqa: F811
    """After the run and the one after it."""
    assert story.again.record.outcome
    assert payments.complaints() == []
    assert len(payments.square.charges()) == 1
