# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults of a drill: which files can be used, which are chosen, who may be broken, what counts as touched."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
import typing as t
from datetime import datetime, timezone
from pathlib import Path

import pytest
import yaml
from recorded_observations import recorded

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import drill_faults
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

FAULT: dict[str, t.Any] = {
    "id": "mine",
    "incident": "db_failure",
    "title": "Mine",
    "inject": "true",
    "symptom": "true",
    "revert": "true",
    "expect": {"cause": "mine", "outcome": "resolved", "touches": []},
}
NOW = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)


def write(folder: Path, name: str = "mine", **changes: t.Any) -> Path:
    path = folder / f"{name}.yml"
    content = {key: value for key, value in {**FAULT, **changes}.items() if value is not None}
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"revert": None}, "lacks revert; add it"),
        ({"remedy": "x"}, "unknown keys remedy; the known ones are id, "),
        ({"id": "other"}, "has the id other; name the file as the fault"),
        (
            {"incident": "db_failur"},
            r"mine\.yml has the incident db_failur; use one of billing_errors, db_failure, high_memory, payment_failure, rollback, "
            "security_incident, service_outage$",
        ),
        ({"incident": ["db_failure"]}, r"has the incident \['db_failure'\]; use one of billing_errors, db_failure, "),
        ({"needs": "sandbox_backend"}, "needs is a list of what the fault needs, out of sandbox_backend"),
        ({"needs": ["a_backend"]}, "needs is a list of what the fault needs, out of sandbox_backend"),
        ({"expect": {"cause": "mine"}}, "expect needs a cause, and an outcome that is one of resolved"),
        ({"expect": {"cause": "mine", "outcome": "fine"}}, "expect needs a cause"),
        ({"expect": {"cause": "mine", "outcome": "resolved", "touch": []}}, "expect has unknown keys touch; the known ones are cause, "),
        ({"expect": {"cause": "mine", "outcome": "resolved", "touches": "postgres"}}, r"touches of expect is a list, .* \[postgres\]"),
        ({"needs": [["sandbox_backend"]]}, "needs is a list of what the fault needs"),
        ({"inject": " "}, "inject must be text that is not empty"),
        ({"title": 5, "revert": ["a"]}, "title, revert must be text"),
    ],
)
def test_a_fault_that_cannot_be_used_is_told(tmp_path: Path, changes: dict[str, t.Any], words: str) -> None:
    with pytest.raises(IncidentError, match=words):
        drill_faults.read(write(tmp_path, **changes))


@pytest.mark.parametrize(
    ("text", "words"),
    [("a: [", "it is not YAML"), ("title: 2026-13-45", "it is not YAML"), ("- a", "holds no fault"), ("", "holds no fault")],
)
def test_a_file_without_a_fault_is_told(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "mine.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(IncidentError, match=words):
        drill_faults.read(path)
    with pytest.raises(IncidentError, match="No such file"):
        drill_faults.read(tmp_path / "absent.yml")


def test_every_fault_of_the_collection_can_be_used() -> None:
    assert drill_faults.find([drill_faults.FOLDER])


def test_a_users_fault_is_found_and_goes_before_one_of_the_same_id(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, "postgres_stopped", id="postgres_stopped", title="Another")
    found = drill_faults.find([drill_faults.FOLDER, tmp_path])
    assert (found["mine"]["title"], found["postgres_stopped"]["title"]) == ("Mine", "Another")
    with pytest.raises(IncidentError, match=r"drill_fault_path names .*absent, which is no folder"):
        drill_faults.find([tmp_path / "absent"])


def test_faults_are_chosen_by_id_by_incident_or_all() -> None:
    faults = {name: {**FAULT, "id": name, "incident": incident} for name, incident in (("a", "x"), ("b", "y"), ("c", "x"))}

    def chosen(*wanted: str) -> list[str]:
        return [fault["id"] for fault in drill_faults.choose(faults, wanted)]

    assert chosen("all") == ["a", "b", "c"]
    assert chosen("x") == ["a", "c"]
    assert chosen("b", "x", "a") == ["b", "a", "c"]
    with pytest.raises(IncidentError, match=r"names d; use all, an incident \(x, y\) or a fault \(a, b, c\)"):
        chosen("a", "d")


@pytest.mark.parametrize("token", ["web1:2026-11-23T12:00:01Z", "web1:2026-11-23T14:00:00+01:00", "web1:2026-11-24"])
def test_a_token_opens_its_host_until_its_time(token: str) -> None:
    drill_faults.check_token(token, "web1", NOW)


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("", "web1 is not the sandbox, and a drill breaks what it runs on"),
        ("web1", "is not the sandbox"),
        ("web2:2027-01-01T00:00:00Z", "is for web2, not for web1"),
        ("web1:tomorrow", "has `tomorrow` for a time"),
        ("web1:2026-11-23T12:00:00Z", "expired at"),
    ],
)
def test_without_a_token_that_fits_nothing_is_broken(token: str, words: str) -> None:
    with pytest.raises(IncidentError, match=words) as refused:
        drill_faults.check_token(token, "web1", NOW)
    assert "set drill_token to web1:TIME" in str(refused.value)


@pytest.mark.parametrize("seconds", [-4, 0, 29, 86_401])
def test_a_time_that_would_take_a_fault_back_at_once_or_never_is_refused(seconds: int) -> None:
    with pytest.raises(IncidentError, match=f"^drill_revert_seconds is {seconds}; use 30, which a fault may take to bite, to 86400$"):
        drill_faults.check_revert_seconds(seconds)


@pytest.mark.parametrize("seconds", [30, 300, 86_400])
def test_a_time_that_can_be_waited_for_passes(seconds: int) -> None:
    drill_faults.check_revert_seconds(seconds)


@pytest.mark.parametrize(
    ("image", "needs", "reason"),
    [
        ("circuit-sage-sandbox/backend:1", ["sandbox_backend"], None),
        ("mine-backend", [], None),
        ("mine-backend", ["sandbox_backend"], "it needs sandbox_backend, .*, and this backend is mine-backend"),
    ],
)
def test_a_fault_that_needs_the_sandboxs_backend_is_skipped_on_another(image: str, needs: list[str], reason: str | None) -> None:
    observations = recorded("healthy", stack__services__backend__image={"name": image, "id": "sha256:1"})
    found = drill_faults.reason_to_skip({**FAULT, "needs": needs}, observations)
    assert found == reason if reason is None else re.match(reason, found or "")


def test_a_fault_that_needs_the_simulator_of_square_is_skipped_where_there_is_none() -> None:
    fault = {**FAULT, "needs": ["sandbox_square"]}
    assert drill_faults.reason_to_skip(fault, recorded("square_amount_differs")) is None
    observations = recorded("square_amount_differs")
    del observations["stack"]["services"]["square"]
    assert str(drill_faults.reason_to_skip(fault, observations)).startswith("it needs sandbox_square")


def test_a_fault_that_asks_the_simulator_of_square_says_so() -> None:
    for fault in drill_faults.find([drill_faults.FOLDER]).values():
        asks = any(word in fault[part] for word in ("/_sim/", "payments_restore") for part in ("inject", "symptom", "revert"))
        assert ("sandbox_square" in fault.get("needs", [])) is asks, fault["id"]


def test_a_fault_that_asks_the_sandboxs_backend_for_something_says_so() -> None:
    words = ("/_drill/", "circuit-sage-sandbox/", "bad_release", "new_database_release", "checked_webhook", '"$BACKEND" python3')
    for fault in drill_faults.find([drill_faults.FOLDER]).values():
        asks = any(word in fault[part] for word in words for part in ("inject", "symptom", "revert"))
        assert ("sandbox_backend" in fault.get("needs", [])) is asks, fault["id"]


def test_names_come_from_what_was_observed() -> None:
    names = drill_faults.environment(recorded("healthy"), {"project_name": "cs", "files": ["a.yml", "b.yml"]})
    assert names["BACKEND"] == "circuit-sage-sandbox-api"
    assert names["POSTGRES_ADDRESS"] == "172.30.83.10"
    assert names["BACKEND_URL"] == "http://127.0.0.1:14000"
    assert names["COMPOSE_FILES"] == "a.yml\nb.yml"
    assert names["NETWORK"] == "circuit-sage-sandbox_circuit-sage-network"
    with pytest.raises(IncidentError, match="publishes no port"):
        drill_faults.environment(recorded("healthy", stack__services__backend__ports=[]), {"project_name": "cs", "files": []})


LINE = "container backend 1a 2026-11-23T10:00:00Z {} false false net,"
WAITS = LINE.replace("false", "true", 1)


@pytest.mark.parametrize(
    ("after", "touched"),
    [
        (LINE.format(2), []),
        (LINE.format(2).replace("10:00:00", "10:00:09"), ["backend"]),
        (LINE.format(3).replace("10:00:00", "10:00:09"), []),
        (LINE.format(0).replace("10:00:00", "10:00:09"), ["backend"]),
        (LINE.format(2).replace("1a", "2b"), ["backend"]),
        (LINE.format(2).replace("false net", "true net"), ["backend"]),
        (LINE.format(2).replace("net,", ""), ["backend"]),
        ("", ["backend"]),
        (LINE.format(2) + "\ncontainer new 1a 2026-11-23T10:00:00Z 0 false false net,", ["new"]),
    ],
)
def test_a_restart_by_docker_itself_is_nobodys_touch(after: str, touched: list[str]) -> None:
    assert drill_faults.touched(LINE.format(2), after) == touched


@pytest.mark.parametrize(("restarts", "touched"), [(2, []), (3, []), (1, ["backend"])])
def test_a_restart_is_counted_before_the_pause_that_it_makes(restarts: int, touched: list[str]) -> None:
    assert drill_faults.touched(WAITS.format(2), LINE.format(restarts).replace("10:00:00", "10:00:09")) == touched


def test_files_and_database_are_compared() -> None:
    before = "env_file 12\ndatabase ab\n"
    assert drill_faults.touched(before, before) == []
    assert drill_faults.touched(before, "env_file 13\ndatabase ac\n") == ["database", "env_file"]


def names(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "env").write_text("POSTGRES_USER=u\nPOSTGRES_DB=d\nPOSTGRES_PASSWORD=p\n", encoding="utf-8")
    return {"STATE": str(tmp_path / "state"), "ENV_FILE": str(tmp_path / "env"), "PROJECT": "it's"}


def bash(script: str) -> str:
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=10, check=True).stdout


def test_a_part_sees_the_names_quoted(tmp_path: Path) -> None:
    assert bash(drill_faults.script(names(tmp_path), 'echo "$PROJECT $DB_USER $DB_NAME"')) == "it's u d\n"


@pytest.mark.parametrize("disarmed", [True, False])
def test_the_watchdog_takes_back_what_a_killed_drill_left(tmp_path: Path, disarmed: bool) -> None:
    taken_back = tmp_path / "taken back"
    bash(drill_faults.watchdog(names(tmp_path), f"echo \"$PROJECT\" > '{taken_back}'", 1))
    if disarmed:
        bash(drill_faults.script(names(tmp_path), drill_faults.DISARM))
    deadline = time.monotonic() + (2.5 if disarmed else 8)
    while not taken_back.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert taken_back.exists() is not disarmed


def test_a_watchdog_leaves_what_a_later_one_watches(tmp_path: Path) -> None:
    """The next fault is brought about before the earlier watchdog has looked: it is not to take its own back in the midst of it."""
    taken_back = tmp_path / "taken back"
    scene = names(tmp_path)
    armed = tmp_path / "state" / "armed"
    bash(drill_faults.watchdog(scene, f"touch '{taken_back}'", 2))
    earlier = Path("/proc", armed.read_text(encoding="utf-8").split()[0])
    bash(drill_faults.script(scene, drill_faults.DISARM))
    bash(drill_faults.watchdog(scene, "true", 600))
    pid, born = armed.read_text(encoding="utf-8").split()
    try:
        deadline = time.monotonic() + 10
        while earlier.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not earlier.exists()
        assert not taken_back.exists()
        assert Path("/proc", pid, "stat").read_text(encoding="utf-8").split()[21] == born
    finally:
        os.killpg(int(pid), signal.SIGKILL)


def test_seconds_between_stamps() -> None:
    assert drill_faults.seconds_between("2026-11-23T12:00:00.250Z", "2026-11-23T12:00:02.000+00:00") == 1.75


def test_the_healthy_system_is_a_fault_that_breaks_nothing() -> None:
    fault = drill_faults.no_fault("db_failure")
    assert drill_faults.check(fault, Path("healthy_db_failure.yml")) == fault
