# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The score: which bars a drill meets, which faults miss them, and that no failure hides behind bars that are met."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import drill_score

Mapping = dict[str, t.Any]


def row_of(run: Mapping, name: str) -> Mapping:
    """The row of that name."""
    (row,) = [row for row in drill_score.score(run) if row["name"] == name]
    return row


def missed(run: Mapping) -> dict[str, list[str]]:
    """The bars that were missed, with the faults that missed them."""
    return {row["name"]: row["faults"] for row in drill_score.score(run) if not row["met"]}


def test_a_drill_in_which_all_went_well(drill: Mapping) -> None:
    assert drill_score.passed(drill)
    assert [(row["name"], row["bar"], row["seen"]) for row in drill_score.score(drill)] == [
        ("Right cause named first", "≥ 95 % of faults", "3 of 3 (100 %)"),
        ("Recovered without a person", "100 % of faults", "3 of 3 (100 %)"),
        ("Wrong disruptive acts", "0 acts", "0"),
        ("Changes to a healthy stack", "0 changes", "0"),
        ("Changes in check mode", "0 changes", "0"),
        ("Data lost", "0 rows", "0"),
        ("Faults that ran and bit", "all, at least 1", "3 of 3"),
        ("Failed in another way", "0 faults", "0"),
    ]
    assert drill_score.counts(drill) == {"passed": 3, "failed": 0, "skipped": 0}


@pytest.mark.parametrize(
    ("seen", "name"),
    [
        ({"diagnosis": "among"}, "Right cause named first"),
        ({"diagnosis": None}, "Right cause named first"),
        ({"outcome": "escalated"}, "Recovered without a person"),
        ({"seconds_to_recover": None}, "Recovered without a person"),
        ({"wrong_touches": ["backend", "env_file"]}, "Wrong disruptive acts"),
        ({"check_changes": ["env_file"]}, "Changes in check mode"),
        ({"rows_lost": 4}, "Data lost"),
        ({"rows_lost": None}, "Data lost"),
        ({"bit": False}, "Faults that ran and bit"),
        ({"drift_after": ["role"]}, "Failed in another way"),
    ],
)
def test_each_bar_is_missed_by_its_own_failure_alone(drill: Mapping, seen: Mapping, name: str) -> None:
    drill["results"][1].update(seen, status="failed")
    assert missed(drill) == {name: ["lock_blocker"]}
    assert not drill_score.passed(drill)


def test_changes_to_the_healthy_stack_are_no_fault_of_a_fault(drill: Mapping) -> None:
    drill["healthy_changes"] = ["db_failure: changed backend", "db_failure: changed env_file"]
    assert missed(drill) == {"Changes to a healthy stack": []}
    assert row_of(drill, "Changes to a healthy stack")["seen"] == "2"


def test_what_was_seen_counts_acts_and_rows(drill: Mapping) -> None:
    drill["results"][0].update(wrong_touches=["backend", "env_file"], rows_lost=4)
    drill["results"][1].update(wrong_touches=["edge"], rows_lost=None)
    assert row_of(drill, "Wrong disruptive acts")["seen"] == "3"
    assert row_of(drill, "Data lost")["seen"] == "4, not counted after 1"
    assert row_of(drill, "Data lost")["faults"] == ["postgres_stopped", "lock_blocker"]


SKIPPED = {"status": "skipped", "bit": False, "diagnosis": None, "outcome": None, "seconds_to_recover": None, "rows_lost": None}


def test_a_skipped_fault_enters_no_percentage_and_keeps_no_drill_from_passing(drill: Mapping) -> None:
    drill["results"][2].update(SKIPPED)
    assert drill_score.passed(drill)
    assert row_of(drill, "Faults that ran and bit")["seen"] == "2 of 2, 1 skipped"
    assert row_of(drill, "Right cause named first")["seen"] == "2 of 2 (100 %)"
    assert drill_score.counts(drill) == {"passed": 2, "failed": 0, "skipped": 1}


def test_a_drill_in_which_every_fault_was_skipped_does_not_pass(drill: Mapping) -> None:
    for result in drill["results"]:
        result.update(SKIPPED)
    assert missed(drill) == {"Faults that ran and bit": []}
    assert row_of(drill, "Faults that ran and bit")["seen"] == "0 of 0, 3 skipped"


def test_a_drill_without_a_fault_passes_nothing(drill: Mapping) -> None:
    drill["results"] = []
    assert missed(drill) == {"Faults that ran and bit": []}
    assert row_of(drill, "Right cause named first")["seen"] == "no fault asks for it"
    assert drill_score.figures(drill)["worst_fault"] is None


def test_a_fault_that_a_person_has_to_mend_need_not_recover(drill: Mapping) -> None:
    drill["results"][0].update(
        expected={"cause": "unknown", "outcome": "escalated"}, outcome="escalated", seconds_to_recover=None, findings=[]
    )
    assert drill_score.passed(drill)
    assert row_of(drill, "Recovered without a person")["seen"] == "2 of 2 (100 %)"
    assert drill_score.confused(drill) == {}


@pytest.mark.parametrize(("wrong", "met", "seen"), [(1, True, "19 of 20 (95 %)"), (2, False, "18 of 20 (90 %)")])
def test_of_twenty_first_diagnoses_one_may_be_wrong(drill: Mapping, wrong: int, met: bool, seen: str) -> None:
    drill["results"] = [{**drill["results"][0], "id": f"fault_{number}"} for number in range(20)]
    for result in drill["results"][:wrong]:
        result.update(diagnosis="among", status="failed")
    assert row_of(drill, "Right cause named first")["seen"] == seen
    assert drill_score.passed(drill) is met


@pytest.mark.parametrize("seen", [{"drift_after": ["role"]}, {"expected": {"cause": "a", "outcome": "escalated"}}])
def test_a_forgiven_diagnosis_forgives_nothing_else(drill: Mapping, seen: Mapping) -> None:
    drill["results"] = [{**drill["results"][0], "id": f"fault_{number}"} for number in range(20)]
    drill["results"][0].update(seen, diagnosis="among", status="failed")
    assert missed(drill) == {"Failed in another way": ["fault_0"]}


@given(good=st.integers(0, 300), bad=st.integers(0, 300))
def test_the_percentage_never_reads_better_than_it_is(good: int, bad: int) -> None:
    results = [{"id": "a", "good": number < good} for number in range(good + bad)]
    row = drill_score._share("name", 95, results, lambda result: bool(result["good"]))
    assert row["met"] is (good >= 0.95 * (good + bad))
    if results:
        assert (int(row["seen"].split("(")[1].split(" ")[0]) >= 95) is row["met"]


def test_the_matrix_has_the_expected_causes_first_and_the_unknown_last(failed_drill: Mapping) -> None:
    failed_drill["results"][0]["findings"] = []
    pairs = drill_score.confusion(failed_drill)
    rows, columns = drill_score.matrix({pair: number for pair, number in pairs.items() if pair[0] != "unknown"})
    assert rows == ["postgres_stopped", "lock_blocker", "role_nologin"]
    assert columns[:3] == rows
    assert columns[-1] == "unknown"
    assert pairs[("lock_blocker", "postgres_stopped")] == 1
    assert ("blunt", "unknown") not in pairs  # it did not bite: there was nothing to name
    assert ("unknown", "unknown") not in drill_score.confused(failed_drill)


def test_figures_are_of_the_faults_that_were_measured(failed_drill: Mapping) -> None:
    failed_drill["results"][1]["seconds_to_recover"] = 9.0
    assert drill_score.figures(failed_drill) == {
        "median_to_diagnose": 2.0,
        "median_to_recover": 6.0,
        "worst_to_recover": 9.0,
        "worst_fault": "lock_blocker",
        "sent": 480,
        "failed": 240,
    }


def test_an_objective_is_a_bar_of_its_own(drill: Mapping) -> None:
    drill["results"][1]["objectives"] = [
        {"name": "RTO", "bar": "≤ 60 s", "seen": "70.0 s", "met": False},
        {"name": "RPO", "bar": "≤ 60 s", "seen": "1.0 s", "met": True},
    ]
    assert missed(drill) == {"RTO": ["lock_blocker"]}
    assert [row["met"] for row in drill_score.score(drill) if row["name"] == "RPO"] == [True]


def test_what_had_no_cause_to_name_is_not_forgiven(drill: Mapping) -> None:
    drill["results"][1].update(expected={"cause": None, "outcome": "resolved"}, diagnosis=None, status="failed")
    assert missed(drill) == {"Failed in another way": ["lock_blocker"]}
