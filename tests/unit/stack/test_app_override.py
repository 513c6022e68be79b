# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an application's compose file is run with: nothing in it meets the application's real stack, and nothing writes to its folder."""

from __future__ import annotations

import copy
import typing as t
from pathlib import Path

import app_override
import pytest
import write_env
import yaml
from app_override import Removed, ReplacedList, ReplacedMapping

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import env_file
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

PRODUCTION, SANDBOX = (
    yaml.safe_load((app_override.STACK / name).read_text(encoding="utf-8"))
    for name in ("docker-compose.prod.yml", "docker-compose.sandbox.yml")
)
# As `docker compose config --format json` prints a production file.
MODEL: dict[str, t.Any] = {
    "name": "mine",
    "networks": {"inside": {"name": "fixed-network", "ipam": {"config": [{"subnet": "10.9.0.0/24"}]}}, "private": {"internal": True}},
    "volumes": {"data": {"name": "fixed-data", "external": True}},
    "services": {
        "postgres": {
            "image": "postgres:15",
            "container_name": "circuit-sage-db",
            "ports": [{"mode": "ingress", "target": 5432, "published": "5432", "protocol": "tcp"}],
            "networks": {"inside": {"ipv4_address": "10.9.0.2", "aliases": ["db"]}},
            "volumes": [
                {"type": "volume", "source": "data", "target": "/var/lib/postgresql/data", "volume": {}},
                {"type": "bind", "source": "/app/init$$d", "target": "/docker-entrypoint-initdb.d", "bind": {"create_host_path": True}},
                {"type": "bind", "source": "/app/backups", "target": "/backups", "bind": {"create_host_path": True}},
            ],
        },
        "backend": {"image": "mine/api", "build": {"context": "/app/backend"}, "networks": {"private": None, "inside": None}},
        "frontend": {"build": {"context": "/app/frontend"}, "networks": {"private": None}},
        "worker": {"image": "mine/worker", "ports": [{"target": 9, "published": "9"}], "networks": {"inside": None}},
        "backup": {"image": "mine/backup", "network_mode": "none"},
    },
}
COMPOSE = """
services:
  backend:
    environment:
      KEPT: ${JWT_SECRET}
      SMTP_PASSWORD: ${SMTP_PASSWORD}
      SMTP_HOST: ${SMTP_HOST}
      REGION: ${REGION:?}
      LEVEL: ${LEVEL:-info}
"""
SETTINGS = dict(write_env.SETTINGS)


def overridden(**changes: t.Any) -> dict[str, t.Any]:
    """The override of the model with some services changed, where only one folder of the host is there."""
    model = copy.deepcopy(MODEL)
    for name, change in changes.items():
        model["services"][name] = {**model["services"].get(name, {}), **change}
    return app_override.override(model, PRODUCTION, SANDBOX, "mine", lambda source: source == "/app/init$d")


def test_fixed_names_are_taken_away() -> None:
    content = overridden()
    assert isinstance(content["services"]["postgres"]["container_name"], Removed)
    assert "container_name" not in content["services"]["worker"]
    assert isinstance(content["services"]["backend"]["image"], Removed)
    # What is not built here is found as the file says.
    assert "image" not in content["services"]["postgres"]
    assert content["volumes"] == {"data": {"name": "mine_data", "labels": {"circuit-sage.sandbox.id": "${SANDBOX_ID}"}}}
    assert {key: network["name"] for key, network in content["networks"].items()} == {"inside": "mine_inside", "private": "mine_private"}
    assert all(isinstance(one, ReplacedMapping) for one in [*content["networks"].values(), *content["volumes"].values()])


def test_ports_are_the_sandboxes_and_others_are_not_published() -> None:
    services = overridden()["services"]
    assert services["postgres"]["ports"] == ["127.0.0.1:${SANDBOX_POSTGRES_PORT:-15432}:5432"]
    assert services["frontend"]["ports"] == ["127.0.0.1:${SANDBOX_FRONTEND_PORT:-13000}:3000"]
    assert services["worker"]["ports"] == []
    assert all(isinstance(services[name]["ports"], ReplacedList) for name in MODEL["services"])


def test_addresses_are_those_that_the_edge_knows() -> None:
    content = overridden()
    services = content["services"]
    assert services["postgres"]["networks"] == {"inside": {"aliases": ["db"], "ipv4_address": "${SANDBOX_NETWORK:-172.30.83}.10"}}
    assert services["backend"]["networks"] == {"private": {}, "inside": {"ipv4_address": "${SANDBOX_NETWORK:-172.30.83}.20"}}
    assert services["frontend"]["networks"]["inside"] == {"ipv4_address": "${SANDBOX_NETWORK:-172.30.83}.30"}
    assert services["worker"]["networks"] == {"inside": {}}
    assert "networks" not in services["backup"]
    assert services["edge"]["networks"] == {"inside": {"ipv4_address": "${SANDBOX_NETWORK:-172.30.83}.40"}}
    assert content["networks"]["inside"]["ipam"] == SANDBOX["networks"]["circuit-sage-network"]["ipam"]
    assert content["networks"]["private"] == {"name": "mine_private", "internal": True}
    assert "build" not in services["edge"]


def test_folders_of_the_host_are_not_written_to() -> None:
    services = overridden()["services"]
    assert services["postgres"]["volumes"] == [
        {"type": "volume", "source": "data", "target": "/var/lib/postgresql/data", "volume": {}},
        {"type": "bind", "source": "/app/init$$d", "target": "/docker-entrypoint-initdb.d", "read_only": True},
    ]
    assert services["postgres"]["tmpfs"] == ["/backups"]
    assert "volumes" not in services["backend"]


def test_the_tags_are_those_of_compose() -> None:
    text = app_override.as_yaml({"a": Removed(), "b": ReplacedList([1]), "c": ReplacedMapping(d=2), "e": ["x"] * 2})
    assert text == "a: !reset 'null'\nb: !override\n- 1\nc: !override\n  d: 2\ne:\n- x\n- x\n"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"edge": {"image": "nginx"}}, "has a service edge, which is the drill's own nginx"),
        ({"worker": {"network_mode": "host"}}, "has worker in the host's network"),
        ({"backend": {"networks": {"private": None}}}, "postgres and backend of its docker-compose.prod.yml share no network"),
    ],
)
def test_what_cannot_be_moved_is_told(changes: dict[str, t.Any], words: str) -> None:
    with pytest.raises(IncidentError, match=words):
        overridden(**changes)


def test_services_that_are_lacking_are_told() -> None:
    with pytest.raises(IncidentError, match=r"its docker-compose\.prod\.yml lacks the service postgres, frontend; give"):
        app_override.check({"backend": {}, "web": {}})


def test_a_services_own_env_file_is_not_read() -> None:
    services = app_override.parse("services: {a: {env_file: .env.production}, b: {}, c: {env_file: []}}", Path("x"))
    assert app_override.without_env_files(services, Path("/ours/env")) == {"a": {"env_file": ["/ours/env"]}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", r"/app/file is not YAML \(line 1\)"),
        ("a: !what 1", "is not YAML"),
        ("", "is no compose file, it has no services"),
        ("- a", "is no compose file"),
        ("services:", "is no compose file"),
        ("services: {a: }", "is no compose file"),
    ],
)
def test_a_file_that_is_no_compose_file_is_told(text: str, words: str) -> None:
    with pytest.raises(IncidentError, match=words):
        app_override.parse(text, Path("/app/file"))


def test_every_variable_without_a_default_gets_a_value() -> None:
    variables = env_file.parse(app_override.env_text("", SETTINGS, COMPOSE))
    assert len(variables["SMTP_PASSWORD"]) == 64
    assert (variables["SMTP_HOST"], variables["REGION"]) == ("", "drill")
    assert "LEVEL" not in variables
    assert variables["SANDBOX_EDGE_PORT"] == "18080"
    assert len(variables["JWT_SECRET"]) == 64


def test_values_stay_from_one_drill_to_the_next() -> None:
    first = app_override.env_text("", SETTINGS, COMPOSE)
    assert app_override.env_text(first, SETTINGS, COMPOSE) == first
    lost = "".join(line for line in first.splitlines(keepends=True) if not line.startswith("JWT_SECRET="))
    again = env_file.parse(app_override.env_text(lost, SETTINGS, COMPOSE))
    assert again["JWT_SECRET"] != env_file.parse(first)["JWT_SECRET"]
    assert {name for name, value in env_file.parse(first).items() if again[name] != value} == {"JWT_SECRET"}


@pytest.mark.parametrize(("version", "enough"), [("2.24.4", True), ("v2.26.1-4", True), ("3.0.0", True), ("2.24.3", False), ("2.9", False)])
def test_an_older_compose_does_not_know_the_tags(version: str, enough: bool) -> None:
    assert app_override.is_new_enough(version) is enough


def test_an_application_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(IncidentError, match="absent is no folder; give the folder of a checkout"):
        app_override.read(tmp_path / "absent")
    with pytest.raises(IncidentError, match=r"has no docker-compose\.prod\.yml; give the folder"):
        app_override.read(tmp_path)
    (tmp_path / "docker-compose.prod.yml").mkdir()
    with pytest.raises(IncidentError, match=r"cannot be read \(IsADirectoryError\)"):
        app_override.read(tmp_path)
