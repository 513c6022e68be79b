# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a run: what is unknown or not among the choices is refused, with what to write instead."""

from __future__ import annotations

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import run_settings
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

CAUSES = [{"id": "a", "remedy": "mend_a"}, {"id": "b"}]


def test_known_settings_and_other_variables_pass() -> None:
    run_settings.refuse_unknown([*run_settings.KNOWN, *run_settings.OF_LOOKING_BACK, "circuit_sage_incident", "inventory_hostname"])


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("incident_mod", "did you mean incident_mode"),
        ("incident_review_don", "did you mean incident_review_done"),
        ("incident_0123456789_and_more_of_the_same", "the settings are incident_mode"),
    ],
)
def test_a_mistyped_setting_is_refused_with_advice(name: str, advice: str) -> None:
    with pytest.raises(IncidentError, match=f"{name} is not a setting of a run; {advice}"):
        run_settings.refuse_unknown(["incident_mode", name])


@pytest.mark.parametrize(
    ("value", "names"),
    [(None, []), ("", []), ("a", ["a"]), ("a, mend_a,", ["a", "mend_a"]), (["a"], ["a"]), ((), [])],
)
def test_approved_names_come_as_text_or_list(value: object, names: list[str]) -> None:
    assert run_settings.check("remediate", "safe", value, CAUSES) == names


@pytest.mark.parametrize(
    ("mode", "limit", "approve", "sentence"),
    [
        ("fix", "safe", [], "incident_mode is fix; use one of remediate, diagnose"),
        ("diagnose", "high", [], "incident_risk_limit is high; use one of safe, disruptive, destructive"),
        ("diagnose", "safe", "c", "incident_approve names c, which is no cause or remedy here; run without it first: what waits for an"),
        ("diagnose", "safe", "a,mend_b", "incident_approve names mend_b, which is no cause or remedy here; did you mean mend_a?"),
    ],
)
def test_a_value_that_is_no_choice_is_refused(mode: str, limit: str, approve: str, sentence: str) -> None:
    with pytest.raises(IncidentError, match=sentence):
        run_settings.check(mode, limit, approve, CAUSES)


@pytest.mark.parametrize(
    ("advice", "told"),
    [
        ("put a copy back, or set env_file", "put a copy back, or set circuit_sage_env_file"),
        (
            "set project_src to the folder of the compose file, and files to its name",
            "set circuit_sage_project_src to the folder of the compose file, and circuit_sage_compose_files to its name",
        ),
        ("there is no /srv/set project_name-old, look at env_file", "there is no /srv/set project_name-old, look at env_file"),
    ],
)
def test_advice_names_the_variable_of_the_inventory(advice: str, told: str) -> None:
    assert run_settings.in_variables(advice) == told


def test_whether_somebody_may_have_to_be_told() -> None:
    assert run_settings.may_tell(["other", "notify_auto"])
    assert not run_settings.may_tell(["incident_mode"])
