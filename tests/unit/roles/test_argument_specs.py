# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Argument specifications, defaults and documentation of the roles agree."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import run_settings

CHECKOUT = Path(__file__).parents[3]
ROLES = sorted(path.name for path in (CHECKOUT / "roles").iterdir() if path.is_dir())
# What Ansible calls the types of an argument specification, in Python.
TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "path": (str,),
    "int": (int,),
    "list": (list,),
    "dict": (dict,),
    "bool": (bool,),
    "float": (float,),
}


def read(path: Path) -> t.Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def options(role: str) -> dict[str, dict[str, t.Any]]:
    """The options of the role's one entry point."""
    found: dict[str, dict[str, t.Any]] = read(CHECKOUT / "roles" / role / "meta" / "argument_specs.yml")["argument_specs"]["main"][
        "options"
    ]
    return found


@pytest.mark.parametrize("role", ROLES)
def test_every_default_is_specified_with_the_same_value(role: str) -> None:
    specified = {name: option["default"] for name, option in options(role).items() if "default" in option}
    defaults = CHECKOUT / "roles" / role / "defaults" / "main.yml"
    assert specified == (read(defaults) if defaults.exists() else {})


@pytest.mark.parametrize("role", ROLES)
def test_an_option_without_a_default_is_required(role: str) -> None:
    assert [name for name, option in options(role).items() if "default" not in option and not option.get("required")] == []


@pytest.mark.parametrize("role", ROLES)
def test_defaults_have_the_type_and_are_among_the_choices(role: str) -> None:
    for name, option in options(role).items():
        if "default" in option and option["type"] != "raw":
            assert isinstance(option["default"], TYPES[option["type"]]), name
            assert option["default"] in option.get("choices", [option["default"]]), name


def test_entry_points_have_their_task_file() -> None:
    for role in ROLES:
        entry_points = read(CHECKOUT / "roles" / role / "meta" / "argument_specs.yml")["argument_specs"]
        for entry_point in entry_points:
            assert (CHECKOUT / "roles" / role / "tasks" / f"{entry_point}.yml").exists(), (role, entry_point)


def test_the_settings_of_a_run_are_those_that_the_role_specifies() -> None:
    settings = options("open_incident")
    assert {name for name in settings if name.startswith("incident_")} == set(run_settings.KNOWN)
    assert tuple(settings["incident_mode"]["choices"]) == run_settings.MODES
    assert tuple(settings["incident_risk_limit"]["choices"]) == run_settings.RISKS


def test_the_settings_of_looking_back_are_those_that_the_roles_specify() -> None:
    assert {*options("incident_review"), *options("incident_history")} == set(run_settings.OF_LOOKING_BACK)


def test_every_setting_is_explained_to_users() -> None:
    contract = (CHECKOUT / "docs" / "contract.md").read_text(encoding="utf-8")
    assert [name for name in run_settings.KNOWN if f"`{name}`" not in contract] == []


@pytest.mark.parametrize("inventory", ["sandbox", "production.example"])
def test_inventories_set_only_what_the_role_knows(inventory: str) -> None:
    variables = read(CHECKOUT / "inventories" / inventory / "group_vars" / "circuit_sage.yml")
    assert set(variables) <= set(options("open_incident"))
