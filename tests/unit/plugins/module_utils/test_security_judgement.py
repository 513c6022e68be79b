# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is judged to be wrong after a break-in: right and near miss of each kind."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import security_judgement as judgement


def change(path: str, kind: int = 1) -> dict[str, Any]:
    return {"Path": path, "Kind": kind}


def test_a_changed_file_is_told_and_the_folders_around_it_are_not() -> None:
    found = judgement.changed_files([change("/app", 0), change("/app/x"), change("/app/x/shell.js"), change("/etc/passwd", 0)], [])
    assert found == [{"path": "/app/x/shell.js", "change": "added"}, {"path": "/etc/passwd", "change": "changed"}]


def test_what_changes_by_itself_is_not_told() -> None:
    patterns = judgement.expected_changes("backend", {"all": ["/tmp/*"], "backend": ["/app/logs/*"], "edge": ["*"]})
    changes = [change("/tmp/a/b"), change("/app/logs/today"), change("/app/logs-of-mine", 2)]
    assert judgement.changed_files(changes, patterns) == [{"path": "/app/logs-of-mine", "change": "deleted"}]


@pytest.mark.parametrize(
    ("executable", "arguments", "word"),
    [
        ("/tmp/kdevtmpfsi", ["kdevtmpfsi"], "everybody may write"),
        ("/dev/shm/x (deleted)", ["x"], "everybody may write"),
        ("/usr/bin/node (deleted)", ["node"], "deleted since"),
        ("/memfd:x (deleted)", ["x"], "from memory"),
        ("/opt/shell", ["shell"], "not of the image"),
        ("/data/tool", ["tool"], "from a volume"),
        ("/usr/bin/python3.11", ["python3.11", "-u", "/tmp/miner.py"], "/tmp/miner.py"),
        ("/bin/dash", ["/bin/sh", "/opt/shell"], "not of the image"),
    ],
)
def test_a_process_that_is_none_of_the_images(executable: str, arguments: list[str], word: str) -> None:
    assert word in str(judgement.why_foreign(executable, arguments, {"/opt/shell"}, ["/data"]))


@pytest.mark.parametrize(
    ("executable", "arguments"),
    [
        ("/usr/bin/node", ["node", "dist/index.js"]),
        ("/usr/bin/gunicorn", ["gunicorn", "--worker-tmp-dir", "/dev/shm/x"]),
        ("/usr/bin/python3", ["python3"]),
        (None, ["hidden"]),
        ("/usr/bin/x", []),
        ("/database/x", ["x"]),
    ],
)
def test_a_process_of_the_image_is_none(executable: str | None, arguments: list[str]) -> None:
    assert judgement.why_foreign(executable, arguments, set(), ["/data"]) is None


def account(email: str) -> dict[str, Any]:
    return {"id": email, "email": email}


def rogue(emails: list[str], named: list[str], recorded: list[str] | None, suspected: bool = True) -> list[str]:
    return [one["email"] for one in judgement.administrators([account(one) for one in emails], named, recorded, suspected)]


def test_who_is_named_may_administer_and_nobody_else() -> None:
    assert rogue(["Boss@example.com", "x@example.com"], ["boss@example.com"], ["x@example.com"]) == ["x@example.com"]
    assert rogue([judgement.SEEDED_ADMINISTRATOR], [judgement.SEEDED_ADMINISTRATOR], None) == []


def test_without_names_those_of_the_baseline_may_but_not_the_one_that_everybody_knows() -> None:
    emails = ["a@example.com", "b@example.com", judgement.SEEDED_ADMINISTRATOR]
    assert rogue(emails, [], ["A@example.com", judgement.SEEDED_ADMINISTRATOR]) == ["b@example.com", judgement.SEEDED_ADMINISTRATOR]
    assert rogue(emails, [], None) == [judgement.SEEDED_ADMINISTRATOR]


def test_without_a_suspicion_the_one_that_every_installation_has_tells_nothing_where_nobody_is_named() -> None:
    seeded = judgement.SEEDED_ADMINISTRATOR
    assert rogue([seeded], [], None, suspected=False) == []
    assert rogue([seeded, "b@example.com"], [], [seeded], suspected=False) == ["b@example.com"]
    # These say that it is gone.
    assert rogue([seeded], ["boss@example.com"], None, suspected=False) == [seeded]
    assert rogue([seeded], [], ["a@example.com"], suspected=False) == [seeded]


def role(name: str, **more: Any) -> dict[str, Any]:
    powers = {"superuser": False, "can_login": True, "create_role": False, "replication": False, "member_of": [], "sessions": 0}
    return {"name": name, **powers, **more}


def names(found: list[dict[str, Any]]) -> list[str]:
    return [one["name"] for one in found]


def test_only_the_own_role_may_be_superuser_without_a_baseline() -> None:
    roles = [role("app", superuser=True), role("x", superuser=True), role("y", create_role=True), role("reader", member_of=["staff"])]
    assert names(judgement.rogue_roles(roles, "app", None)) == ["x"]


def test_with_a_baseline_lesser_powers_count_too() -> None:
    roles = [role("dba", superuser=True), role("y", create_role=True), role("z", member_of=["pg_read_all_data"]), role("reader")]
    assert names(judgement.rogue_roles(roles, "app", ["dba"])) == ["y", "z"]


def test_the_roles_that_take_turns_are_the_applications_own() -> None:
    roles = [
        role("app", superuser=True),
        role("app_a", superuser=True, member_of=["app"]),
        role("app_b", superuser=True, member_of=["app"]),
    ]
    assert judgement.rogue_roles(roles, "app_b", None) == []
    assert names(judgement.rogue_roles([*roles[:2], role("app_b", superuser=True)], "app_a", None)) == ["app_b"]
    assert len(judgement.foreign_sessions([holder("203.0.113.9", user="app_a")], "app_b", [], [])) == 1


def test_a_role_that_can_do_nothing_any_more_is_none() -> None:
    assert judgement.rogue_roles([role("x", superuser=True, can_login=False)], "app", None) == []
    assert names(judgement.rogue_roles([role("x", superuser=True, can_login=False, sessions=1)], "app", None)) == ["x"]


def holder(client: str, **more: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "user": "app",
        "database": "db",
        "service": None,
        "container": None,
        "application": "",
        "state": "idle",
        "count": 1,
        "sessions": [],
    }
    return {**usual, "client": client, **more}


def test_sessions_from_elsewhere() -> None:
    holders = [
        holder("172.30.0.20", service="backend"),
        holder("172.30.0.1"),
        holder("[local]"),
        holder("127.0.0.1"),
        holder("172.30.0.128", container="intruder"),
        holder("203.0.113.9"),
        holder("203.0.113.9", user="report"),
    ]
    found = judgement.foreign_sessions(holders, "app", ["172.30.0.1"], ["backend", "postgres"])
    assert [one["client"] for one in found] == ["172.30.0.128", "203.0.113.9"]
    found = judgement.foreign_sessions(holders, "app", ["172.30.0.1"], ["backend", "postgres"], ["172.30.0.0/24"])
    assert [one["client"] for one in found] == ["203.0.113.9"]


def test_the_gateways_of_all_networks() -> None:
    networks: list[dict[str, Any]] = [
        {"IPAM": {"Config": [{"Gateway": "172.30.0.1/24"}, {"Subnet": "fd00::/64"}]}},
        {"IPAM": {"Config": None}},
        {},
    ]
    assert judgement.gateways(networks) == ["172.30.0.1"]
    assert judgement.subnets(networks) == ["fd00::/64"]


@pytest.mark.parametrize(
    ("address", "exposed"), [("127.0.0.1", False), ("::1", False), ("0.0.0.0", True), ("::", True), ("", True), ("x", True)]
)
def test_what_other_machines_reach(address: str, exposed: bool) -> None:
    assert judgement.is_exposed(address) is exposed


def port(address: str, number: int | None) -> dict[str, Any]:
    return {"host_address": address, "host_port": number, "container_port": "5432/tcp"}


def test_the_ports_as_they_should_be_published() -> None:
    assert judgement.loopback_ports([port("0.0.0.0", 5432), port("::", 5432)]) == ["127.0.0.1:5432:5432"]
    assert judgement.loopback_ports([port("127.0.0.1", 15432), port("0.0.0.0", 5432), port("0.0.0.0", None)]) == ["127.0.0.1:15432:5432"]


def test_files_that_everybody_may_read() -> None:
    files = [{"path": mode, "mode": mode} for mode in ("0600", "0640", "0644", "0602")]
    assert [one["path"] for one in judgement.readable_by_all(files)] == ["0644", "0602"]


FACTS: dict[str, Any] = {
    "own_role": "app",
    "changes": [{"path": "/x"}],
    "processes": [],
    "roles": [role("app", superuser=True), role("x", superuser=True)],
    "accounts": [account("x@example.com")],
    "gateways": [],
    "subnets": ["172.30.0.0/24"],
    "secret_files": [],
    "unknown": {"updates": "not asked"},
}
OPTIONS: dict[str, Any] = {"leaked": ["B", "A"], "administrators": ["x@example.com"], "suspected": True, "isolate": ["backend", "gone"]}


def observed(**more: Any) -> dict[str, Any]:
    backend = {"container": "api", "ports": [port("0.0.0.0", 4000)], "networks": [{"name": "n"}]}
    return {"stack": {"services": {"backend": backend}}, "postgres": {"activity": {"holders": []}}, **more}


def test_all_of_it_together() -> None:
    found = judgement.judge(FACTS, observed(), OPTIONS)
    assert [one["path"] for one in found["changed_files"]] == ["/x"]
    assert names(found["rogue_roles"]) == ["x"]
    assert found["rogue_administrators"] == []
    assert found["exposed_ports"][0]["service"] == "backend"
    assert found["leaked"] == ["A", "B"]
    assert [one["service"] for one in found["isolate"]] == ["backend"]
    assert (found["administrators"], found["roles"]) == (["x@example.com"], ["app", "x"])
    assert not {"unknown", "changes", "processes"} & set(found["facts"])


def test_without_a_suspicion_sessions_from_the_projects_networks_tell_nothing() -> None:
    seen = observed()
    seen["postgres"]["activity"]["holders"] = [holder("172.30.0.128"), holder("203.0.113.9")]
    found = [judgement.judge(FACTS, seen, {**OPTIONS, "suspected": suspected})["foreign_sessions"] for suspected in (True, False)]
    assert [len(one) for one in found] == [2, 1]


def test_the_baseline_says_who_may_be_there() -> None:
    found = judgement.judge(FACTS, observed(baseline={"postgres": {"superusers": ["app", "x"]}}), OPTIONS)
    assert found["rogue_roles"] == []
    found = judgement.judge(FACTS, observed(baseline={"security": {"roles": ["app"]}, "postgres": {"superusers": ["x"]}}), OPTIONS)
    assert names(found["rogue_roles"]) == ["x"]


def test_what_could_not_be_looked_at_is_not_judged() -> None:
    facts = {**FACTS, "roles": None, "accounts": None, "changes": None, "processes": None}
    found = judgement.judge(facts, {"stack": {"services": None}, "postgres": None}, {**OPTIONS, "isolate": []})
    for name in ("rogue_roles", "rogue_administrators", "changed_files", "foreign_processes", "administrators", "roles"):
        assert found[name] is None
