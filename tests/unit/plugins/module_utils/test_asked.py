# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked for beyond the compose files: only what differs, and nothing that cannot be right."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.asked import Wish, bytes_of, differences
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

MEBI = 1024**2
MODEL: dict[str, t.Any] = {
    "services": {
        "backend": {"limits": {"memory_bytes": 256 * MEBI}, "environment": {"DB_POOL_MAX": "10"}},
        "postgres": {"limits": {"memory_bytes": 0}, "environment": {}},
    }
}


@pytest.mark.parametrize(
    ("size", "expected"),
    [("768m", 768 * MEBI), ("2G", 2048 * MEBI), ("64mb", 64 * MEBI), ("10k", 10240), (1024, 1024), ("1024b", 1024)],
)
def test_sizes_are_read_as_compose_reads_them(size: t.Any, expected: int) -> None:
    assert bytes_of(size) == expected


@pytest.mark.parametrize("size", ["", "much", "1.5g", "-1m", "768 m", "1t", None])
def test_what_is_no_size_is_none(size: t.Any) -> None:
    assert bytes_of(size) is None


def test_nothing_is_asked_for_by_itself() -> None:
    for model in (MODEL, None):
        found = differences(Wish(), model)
        assert found is not None
        assert (found["memory_limits"], found["environment"]) == ([], [])


def test_a_higher_limit_is_told_with_the_override_that_says_it() -> None:
    found = differences(Wish({"backend": "768m"}), MODEL)
    assert found is not None
    assert found["memory_limits"] == [{"service": "backend", "memory_bytes": 768 * MEBI, "memory_bytes_now": 256 * MEBI}]
    limit = {"mem_limit": str(768 * MEBI), "deploy": {"resources": {"limits": {"memory": str(768 * MEBI)}}}}
    assert found["limits_override"] == {"services": {"backend": limit}}


def test_variables_of_the_pool_are_told_with_the_override_that_says_them() -> None:
    found = differences(Wish({}, {"DB_POOL_MAX": 20, "DB_POOL_IDLE": "5"}), MODEL)
    assert found is not None
    assert found["environment"] == [
        {"name": "DB_POOL_MAX", "value": "20", "value_now": "10"},
        {"name": "DB_POOL_IDLE", "value": "5", "value_now": None},
    ]
    assert found["environment_override"] == {"services": {"backend": {"environment": {"DB_POOL_MAX": "20", "DB_POOL_IDLE": "5"}}}}


def test_a_dollar_in_a_value_is_none_of_composes_variables() -> None:
    found = differences(Wish({}, {"DB_POOL_NAME": "a$B"}), MODEL)
    assert found is not None
    assert found["environment"][0]["value"] == "a$B"
    assert found["environment_override"] == {"services": {"backend": {"environment": {"DB_POOL_NAME": "a$$B"}}}}


def test_what_the_files_say_already_is_not_asked_for() -> None:
    found = differences(Wish({"backend": "256m"}, {"DB_POOL_MAX": 10}), MODEL)
    assert found is not None
    assert (found["memory_limits"], found["environment"]) == ([], [])


def test_without_composes_model_it_is_not_known() -> None:
    assert differences(Wish({"backend": "1g"}), None) is None


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (Wish({"backend": "lots"}), "asks for lots for backend, which is no size; write it as Compose does"),
        (Wish({"backend": "0m"}), "which is no size"),
        (Wish({"worker": "1g"}), "no such service; they have backend, postgres"),
        (Wish({"postgres": "1g"}), "give it no limit; there is nothing to raise"),
        (Wish({"backend": "64m"}), "give it 268435456 bytes; a lower limit is set there"),
        (Wish({}, {"DB POOL": 1}), "cannot be a variable"),
        (Wish({}, {"DB_PASSWORD": "x"}), "is a secret; those belong into the env file"),
        (Wish({"backend": ""}), "asks for '' for backend, which is no size"),
        *((Wish({}, {"DB_POOL_MAX": value}), "no number and no line of text") for value in (None, True, {"a": 1}, [5], "1\n2")),
    ],
)
def test_a_wish_that_cannot_be_right_is_refused_in_one_sentence(wish: Wish, sentence: str) -> None:
    with pytest.raises(IncidentError, match=sentence):
        differences(wish, MODEL)
