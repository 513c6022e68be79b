# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingerprints tell equal from different, and nothing else."""

from __future__ import annotations

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.fingerprint import Fingerprints


def test_equal_values_have_equal_fingerprints() -> None:
    fingerprints = Fingerprints()
    assert fingerprints.of("one") == fingerprints.of("one")
    assert fingerprints.of("one") != fingerprints.of("two")
    assert len(fingerprints.of("")) == 12


def test_a_key_of_its_own_for_each_call() -> None:
    assert Fingerprints().of("one") != Fingerprints().of("one")
    assert Fingerprints(b"k").of("one") == Fingerprints(b"k").of("one")


def test_bytes_that_are_no_text() -> None:
    assert Fingerprints(b"k").of("\udcff") != Fingerprints(b"k").of("")
