# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the variables and the model of the compose files come to."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import compose

RECORDED = Path(__file__).parents[2] / "recorded"

FILE = """
# ${COMMENTED}
services:
  backend:
    environment:
      DB_PASSWORD: ${POSTGRES_PASSWORD}  # ${COMMENTED_TOO}
      - JWT_SECRET=$JWT_SECRET
      "PLAIN": "${A:-x}${B-y}${C:+z}$$D"
      NEEDED: ${E:?say why}
      NESTED: ${F:-${G}}
      UNLESS: ${H:+${I}}
      OPTIONAL: $K
      PRICE: 5$
"""


def test_missing_are_those_without_a_default() -> None:
    assert compose.missing_variables(FILE, {}) == ["E", "G", "JWT_SECRET", "K", "POSTGRES_PASSWORD"]


def test_what_is_there_is_not_missing() -> None:
    there = {"POSTGRES_PASSWORD": "x", "JWT_SECRET": "x", "K": "", "E": "x", "F": "x"}
    assert compose.missing_variables(FILE, there) == []


def test_nothing_works_with_an_empty_secret() -> None:
    assert compose.missing_variables(FILE, {"POSTGRES_PASSWORD": "", "JWT_SECRET": "", "K": "", "E": "x", "F": "x"}) == [
        "JWT_SECRET",
        "POSTGRES_PASSWORD",
    ]


def test_empty_is_missing_where_the_file_says_so() -> None:
    assert compose.missing_variables("x: ${E:?} ${F?} ${G}", {"E": "", "F": "", "G": ""}) == ["E"]


def test_the_word_of_an_alternative_counts_only_when_it_is_used() -> None:
    assert compose.missing_variables("x: ${H:+${I}}", {"H": "x"}) == ["I"]
    assert compose.missing_variables("x: ${H:+${I}}", {}) == []


def test_blanked_names_are_those_of_the_container() -> None:
    assert compose.blanked_names(FILE, {"E": "x", "F": "x"}) == {"DB_PASSWORD", "JWT_SECRET", "OPTIONAL"}


def test_arguments_name_everything() -> None:
    assert compose.arguments(Path("/opt/x"), "name", ["a.yml", "/etc/b.yml"], ".env") == [
        *("docker", "compose", "--project-directory", "/opt/x", "--project-name", "name", "--env-file", "/opt/x/.env"),
        *("--file", "/opt/x/a.yml", "--file", "/etc/b.yml"),
    ]
    assert compose.arguments(Path("/opt/x"), "name", [compose.STANDARD_INPUT], ".env")[-2:] == ["--file", "-"]


def plugin(folder: Path) -> str:
    """A Compose that tells how it was called."""
    folder.mkdir(parents=True)
    path = folder / "docker-compose"
    path.write_text('#!/bin/sh\necho "$@"\n')
    path.chmod(0o700)
    return str(path)


def test_the_plugin_is_called_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, of_all = tmp_path / "settings" / "cli-plugins", tmp_path / "system"
    monkeypatch.setattr(compose, "_PLUGIN_FOLDERS", (str(tmp_path / "none"), str(of_all)))
    environment = {"DOCKER_CONFIG": str(tmp_path / "settings")}
    assert compose.program(environment) == ["docker", "compose"]
    path = plugin(of_all)
    assert compose.program(environment) == [path]
    # The user's own goes before.
    assert compose.program({"HOME": str(tmp_path)}) == [path]
    path = plugin(own)
    assert compose.program(environment) == [path]
    monkeypatch.setenv("DOCKER_CONFIG", environment["DOCKER_CONFIG"])
    assert compose.run(["docker", "compose", "version", "--short"], 5) == "version --short\n"


@pytest.mark.parametrize("settings", [b'{"cliPluginsExtraDirs": ["/elsewhere"]}', b"\xff"])
def test_the_client_is_asked_where_it_may_know_better(tmp_path: Path, settings: bytes) -> None:
    plugin(tmp_path / "cli-plugins")
    (tmp_path / "config.json").write_bytes(settings)
    assert compose.program({"DOCKER_CONFIG": str(tmp_path)}) == ["docker", "compose"]


def test_hashes_as_recorded() -> None:
    hashes = compose.parse_hashes((RECORDED / "compose_hashes.txt").read_text())
    assert set(hashes) == {"backend", "frontend", "postgres"}
    assert all(len(digest) == 64 for digest in hashes.values())
    assert compose.parse_hashes("") == {}


def test_model_as_recorded() -> None:
    model = compose.parse_model((RECORDED / "compose_config.json").read_text())
    assert model["volumes"] == ["circuit-sage_postgres_data"]
    backend = model["services"]["backend"]
    assert backend["environment"] == {"DB_PASSWORD": "first-password-123", "JWT_SECRET": "jwt$secret-456", "OPTIONAL": ""}
    assert backend["networks"] == [{"name": "circuit-sage_circuit-sage-network", "aliases": ["backend"], "address": None}]


def test_model_of_less_usual_files() -> None:
    model = compose.parse_model(
        json.dumps(
            {
                "networks": {"outer": None},
                "volumes": {"data": None},
                "services": {
                    "a": {
                        "networks": {"outer": {"ipv4_address": "172.30.0.2", "aliases": ["aa"]}, "other": None},
                        "environment": {"N": 1, "U": None},
                    },
                    "b": {"network_mode": "host"},
                },
            }
        )
    )
    assert model["volumes"] == ["data"]
    assert model["services"]["a"]["environment"] == {"N": "1"}
    assert model["services"]["a"]["networks"][0] == {"name": "outer", "aliases": ["a", "aa"], "address": "172.30.0.2"}
    assert model["services"]["a"]["networks"][1]["name"] == "other"
    assert model["services"]["b"] == {"environment": {}, "networks": [], "limits": {"memory_bytes": 0, "nofile": 0}}
    assert compose.parse_model("{}") == {"services": {}, "volumes": []}


def test_without_dependencies() -> None:
    config = json.loads(compose.without_dependencies((RECORDED / "compose_config.json").read_text()))
    assert set(config["services"]) == {"backend", "frontend", "postgres"}
    assert "depends_on" not in config["services"]["backend"]
    assert config["services"]["backend"]["environment"]["JWT_SECRET"] == "jwt$$secret-456"


def test_run_reads_what_it_is_given() -> None:
    assert compose.run(["cat"], 5, "typed") == "typed"
    assert compose.run(["cat"], 5) == ""


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("2.26.1", "2.26.1-4\n", True), ("2.26.1", "v2.26.1", True), ("2.26.1", "2.26.10", False), ("2.26.1+ds1", "2.26.1", True)],
)
def test_versions(one: str, other: str, same: bool) -> None:
    assert compose.same_version(one, other) is same


def test_run_gives_only_what_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_PASSWORD", "of-the-caller")
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    assert "POSTGRES_PASSWORD" not in compose.run(["env"], 5)


def test_run_says_why_it_failed() -> None:
    with pytest.raises(compose.ComposeUnavailable, match=r"failed: error password=\*+$"):
        compose.run(["sh", "-c", "echo warning >&2; echo error password=hunter2 >&2; exit 1"], 5)
    with pytest.raises(compose.ComposeUnavailable, match="failed: no message"):
        compose.run(["false"], 5)
    with pytest.raises(compose.ComposeUnavailable, match=r"no answer within 0\.05 seconds"):
        compose.run(["sleep", "5"], 0.05)  # type: ignore[arg-type]  # a test need not wait a second


def test_run_without_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_args: object, **_kwargs: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(subprocess, "run", missing)
    with pytest.raises(compose.ComposeUnavailable, match="install Docker's client"):
        compose.run(["docker"], 5)


@pytest.mark.parametrize(
    ("wanted", "limits"),
    [
        ({}, {"memory_bytes": 0, "nofile": 0}),
        ({"mem_limit": "268435456", "ulimits": {"nofile": 64}}, {"memory_bytes": 268435456, "nofile": 64}),
        (
            {"deploy": {"resources": {"limits": {"memory": "536870912"}}}, "ulimits": {"nofile": {"soft": 1024, "hard": 2048}}},
            {"memory_bytes": 536870912, "nofile": 1024},
        ),
    ],
)
def test_limits_of_the_files(wanted: dict[str, Any], limits: dict[str, int]) -> None:
    assert compose.parse_model(json.dumps({"services": {"a": wanted}}))["services"]["a"]["limits"] == limits
