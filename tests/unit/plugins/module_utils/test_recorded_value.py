# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recorded value is found where it is, and a source that cannot be read is refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine_server import EngineServer

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.docker_engine import DockerEngine
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.recorded_value import (
    Source,
    environments_of,
    find_value,
    name_at,
    read_text,
    source_of,
    variables_of,
)

EVERY_KIND = ["container", "copy", "env_file"]


@pytest.mark.parametrize(
    ("text", "source", "words"),
    [
        ("env_file", Source("env_file"), "the env file"),
        ("container:backend", Source("container", "backend"), "the container of the service backend"),
        ("copy:.env.production.good", Source("copy", ".env.production.good"), "the file .env.production.good"),
    ],
)
def test_a_source_is_read_and_told(text: str, source: Source, words: str) -> None:
    assert source_of(text, EVERY_KIND) == source
    assert str(source) == words


@pytest.mark.parametrize("text", ["", "backend", "container", "container:", "copy:", "env_file:", "env_file:x", "vault:x"])
def test_a_source_of_no_kind_is_refused(text: str) -> None:
    with pytest.raises(IncidentError, match=r"write `container:<service>` or `copy:<file name>` or `env_file`"):
        source_of(text, EVERY_KIND)


def test_only_the_kinds_that_are_offered_count() -> None:
    with pytest.raises(IncidentError, match=r"write `env_file`$"):
        source_of("copy:x", ["env_file"])


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "..", ".", "a/b", "a\0"])
def test_a_copy_does_not_lead_elsewhere(name: str) -> None:
    with pytest.raises(IncidentError, match="without a folder"):
        source_of(f"copy:{name}", EVERY_KIND)


def test_the_backend_has_its_own_names() -> None:
    assert name_at(Source("container", "backend"), "POSTGRES_PASSWORD") == "DB_PASSWORD"
    assert name_at(Source("container", "backend"), "JWT_SECRET") == "JWT_SECRET"
    assert name_at(Source("container", "postgres"), "POSTGRES_PASSWORD") == "POSTGRES_PASSWORD"


@pytest.fixture
def client(engine: EngineServer) -> DockerEngine:
    """An engine with the container of a service, one that `compose run` made, one of another project, and one without labels."""
    other = {"com.docker.compose.project": "another", "com.docker.compose.service": "backend"}
    run = {"com.docker.compose.project": "sage", "com.docker.compose.service": "backend", "com.docker.compose.oneoff": "True"}
    engine.containers(
        "sage",
        backend={"Config": {"Env": ["DB_PASSWORD=one", "URL=a=b", "EMPTY="]}},
        run={"Config": {"Env": ["DB_PASSWORD=two"]}, "Short": {"Labels": run, "Created": 3}},
        other={"Config": {"Env": ["DB_PASSWORD=three"]}, "Short": {"Labels": other}},
        bare={"Config": {"Env": None}, "Short": {"Labels": None}},
    )
    return DockerEngine(engine.address, 2)


def test_only_the_containers_of_the_service_count(client: DockerEngine) -> None:
    assert environments_of(client, "sage", "backend") == [{"DB_PASSWORD": "one", "URL": "a=b", "EMPTY": ""}]


def test_a_service_without_a_container_is_refused(client: DockerEngine) -> None:
    with pytest.raises(IncidentError, match="project sage has no container of the service postgres"):
        environments_of(client, "sage", "postgres")


def no_engine(service: str) -> list[dict[str, str]]:
    raise AssertionError(f"nobody asked for {service}")


def test_files_are_read_without_the_engine(tmp_path: Path) -> None:
    env_file = tmp_path / ".env.production"
    env_file.write_text("P=mine\n", encoding="utf-8")
    (tmp_path / "good").write_text("P='theirs'\n", encoding="utf-8")
    assert find_value(Source("env_file"), "P", env_file, no_engine) == "mine"
    assert find_value(Source("copy", "good"), "P", env_file, no_engine) == "theirs"


def test_containers_that_agree_have_one_value() -> None:
    assert find_value(Source("container", "backend"), "P", Path("unused"), lambda _service: [{"P": "a"}, {"P": "a"}]) == "a"


@pytest.mark.parametrize(
    ("places", "words"),
    [
        ([{"P": "a"}, {"P": "b"}], "do not agree on P"),
        ([{"P": "a"}, {}], "do not agree on P"),
        ([{"P": ""}], "has an empty P"),
        ([{}], "has no P"),
    ],
)
def test_a_value_that_is_none_is_refused(places: list[dict[str, str]], words: str) -> None:
    with pytest.raises(IncidentError, match=words):
        find_value(Source("container", "backend"), "P", Path("unused"), lambda _service: places)


def test_a_text_is_read_byte_for_byte(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_bytes(b"P=caf\xc3\xa9\xff\r\n")
    assert read_text(file).encode("utf-8", "surrogateescape") == b"P=caf\xc3\xa9\xff\r\n"


def test_a_file_that_is_missing_or_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(IncidentError, match=f"there is no file {tmp_path}/x"):
        variables_of(tmp_path / "x")
    with pytest.raises(IncidentError, match=f"{tmp_path} cannot be read: Is a directory"):
        read_text(tmp_path)


def test_a_broken_line_is_told_with_its_file(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("A=1\nB='open\n", encoding="utf-8")
    with pytest.raises(IncidentError, match=f"^{file}: line 2: "):
        variables_of(file)
