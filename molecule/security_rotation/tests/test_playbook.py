# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook on the stack: a full rotation under load, one that is killed, one whose proof fails, what is refused."""

from __future__ import annotations

import json
import re
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from edge_watch import EdgeWatch
from leaks import Arguments, files_of, leaks
from playbook import Player, Run
from sandbox import Sandbox, eventually
from stack_secrets import JOURNAL, VARIABLES, StackSecrets

# Told by the run: how many requests failed, of how many, and within how many seconds.
FIGURES = re.compile(r"(\d+) of (\d+) requests to the backend failed in [\d.]+ s, within ([\d.]+) s")
# A recreated backend takes two to four; more than a crowded machine ever needed.
AWAY_SECONDS = 60
STALE = 30 * 60


def secrets_of(sandbox: Sandbox, when: str) -> dict[str, str]:
    return {f"{name} {when}": sandbox.env[name] for name in VARIABLES} | sandbox.square_tokens


def test_a_full_rotation_under_load(sandbox: Sandbox, secrets_of_the_stack: StackSecrets, player: Player) -> None:
    """Every secret is another one, nobody but the backend was touched, and no secret stands in anything that the run leaves."""
    old_token, before, env_before = sandbox.token, secrets_of(sandbox, "before"), sandbox.env
    containers, began = sandbox.containers(), time.time()
    with Arguments() as arguments, EdgeWatch(sandbox) as watch:
        run = player.play("-vvvv")
    assert (run.status, run.record.outcome) == (0, "resolved"), run.output
    told = FIGURES.search(" ".join(run.record.events("meanwhile")))
    print(f"through the edge: {watch.seen}; the run itself: {told and told[0]}")
    assert told
    assert 0 < float(told[3]) < AWAY_SECONDS
    assert 0 < watch.seen["failures"] < watch.seen["requests"]
    assert watch.seen["away_seconds"] < AWAY_SECONDS
    secrets_of_the_stack.assert_whole()
    assert not secrets_of_the_stack.is_taken(old_token)
    assert all(sandbox.env[name] != env_before[name] for name in (*VARIABLES, "POSTGRES_USER"))
    unchanged = {name: value for name, value in sandbox.env.items() if name not in (*VARIABLES, "POSTGRES_USER")}
    assert unchanged.items() <= env_before.items()
    assert list(sandbox.env) == list(env_before)
    touched = [name for name, now in sandbox.containers().items() if now.touched_since(containers[name])]
    assert touched == ["backend"]
    _left_nothing(run, sandbox, arguments, before)
    # Nobody logs in under a password that is none any more.
    said = sandbox.docker.containers.get(sandbox.postgres_container).logs(since=began).decode("utf-8", "replace")
    assert "password authentication failed" not in said


def _left_nothing(run: Run, sandbox: Sandbox, arguments: Arguments, before: dict[str, str]) -> None:
    places = {"output": run.output, "arguments": arguments.text, **files_of(run.record.folder)}
    assert leaks(places, {**before, **secrets_of(sandbox, "now")}) == []
    assert not run.record.wrong_modes()
    assert stat.S_IMODE(JOURNAL.stat().st_mode) == stat.S_IMODE(sandbox.env_file.stat().st_mode) == 0o600
    # The key before, without which an old backup has no credentials, and nothing else.
    kept = {**before, **secrets_of(sandbox, "now")}
    assert leaks({"journal": JOURNAL.read_text(encoding="utf-8")}, kept) == ["ENCRYPTION_KEY before in journal"]
    assert json.loads(JOURNAL.read_text(encoding="utf-8"))["ended"] == "finished"


def test_a_killed_run_is_ended_by_the_next(sandbox: Sandbox, secrets_of_the_stack: StackSecrets, player: Player) -> None:
    """Killed when the new file is written and the old backend still runs; the next run ends it and rotates nothing else."""
    run = player.start("-e", "rotation_secrets=POSTGRES_PASSWORD,ENCRYPTION_KEY")
    eventually(_is_written_by_an_open_rotation, 120, "the file is written")
    run.kill()
    pending = sandbox.env
    again = player.play()
    assert (again.status, again.record.outcome) == (0, "resolved"), again.output
    assert "left open" in " ".join(again.record.events("plan"))
    # Who asked for it because it has leaked must not take it for done.
    assert "does not rotate JWT_SECRET, so run security_rotation again" in again.record.content["summary"]
    assert sandbox.env == pending
    secrets_of_the_stack.assert_whole()


def _journal() -> dict[str, Any]:
    return dict(json.loads(JOURNAL.read_text(encoding="utf-8")))


def _is_written_by_an_open_rotation() -> bool:
    if not JOURNAL.exists():
        return False
    journal = _journal()
    return "file_written" in journal["done"] and not journal["ended"]


def test_a_proof_that_fails_brings_the_old_secrets_back(
    sandbox: Sandbox, secrets_of_the_stack: StackSecrets, player: Player, tmp_path: Path
) -> None:
    """A hook's proof fails: the run says why, and the service is as it was."""
    hook = tmp_path / "hook.yml"
    hook.write_text(
        """---
- name: Make a new key
  ansible.builtin.set_fact:
    rotation_value: made-up-by-the-hook
  when: rotation_stage == 'create'
  no_log: true
- name: Refuse it
  ansible.builtin.fail:
    msg: the mail service does not know the new key
  when: rotation_stage == 'test'
""",
        encoding="utf-8",
    )
    before = sandbox.env
    run = player.play("-e", json.dumps({"rotation_hooks": {"SENDGRID_API_KEY": str(hook)}}))
    assert (run.status, run.record.outcome) == (2, "escalated"), run.output
    assert "rolled back" in run.said()
    assert "the mail service does not know the new key" in run.said()
    assert "made-up-by-the-hook" not in run.output
    assert sandbox.env == before
    secrets_of_the_stack.assert_whole()


def test_one_secret_in_an_emergency_and_a_session_from_elsewhere(
    sandbox: Sandbox, secrets_of_the_stack: StackSecrets, player: Player, tmp_path: Path
) -> None:
    """With the single role: a session that came in with the leaked password is ended; JWT_SECRET is rotated before; both are published."""
    publish = tmp_path / "publish.yml"
    kept = tmp_path / "kept.json"
    publish.write_text(
        f"---\n- name: Keep\n  ansible.builtin.copy:\n    content: '{{{{ rotation_published }}}}'\n    dest: {kept}\n    mode: '0600'\n"
        "  no_log: true\n",
        encoding="utf-8",
    )
    before = sandbox.env
    guest = sandbox.docker.containers.get(sandbox.postgres_container).client.api
    job = guest.exec_create(
        sandbox.postgres_container,
        ["psql", "-X", "-U", before["POSTGRES_USER"], "-d", "postgres", "-c", f"SELECT pg_sleep({STALE})"],
    )["Id"]
    guest.exec_start(job, detach=True)
    settings = {
        "rotation_secrets": "JWT_SECRET,POSTGRES_PASSWORD",
        "rotation_emergency": True,
        "rotation_database_method": "single",
        "rotation_publish": str(publish),
    }
    run = player.play("-e", json.dumps(settings))
    assert (run.status, run.record.outcome) == (0, "resolved"), run.output
    assert run.record.content["summary"] == "rotated JWT_SECRET, proven; rotated POSTGRES_PASSWORD, proven"
    assert guest.exec_inspect(job)["Running"] is False
    assert sandbox.env["POSTGRES_USER"] == before["POSTGRES_USER"]
    assert sandbox.env["ENCRYPTION_KEY"] == before["ENCRYPTION_KEY"]
    assert json.loads(kept.read_text(encoding="utf-8")) == {"POSTGRES_PASSWORD": sandbox.env["POSTGRES_PASSWORD"]}
    secrets_of_the_stack.assert_whole()


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"rotation_secrets": "JWT_SECRETS"}, "JWT_SECRETS is none of POSTGRES_PASSWORD, JWT_SECRET, ENCRYPTION_KEY"),
        (
            {"rotation_hooks": {"SENDGRID_API_KEY": "/nonexistent/hook.yml"}},
            "there is no task file /nonexistent/hook.yml on the controller",
        ),
        ({"rotation_publish": "no.yml"}, "/playbooks/no.yml on the controller; correct rotation_hooks or rotation_publish"),
        ({"rotation_vault_password_file": "/nonexistent/password"}, "the vault password file /nonexistent/password cannot be read"),
    ],
    ids=lambda given: "-".join(given) if isinstance(given, dict) else "",
)
def test_bad_input_is_told_in_one_sentence(
    sandbox: Sandbox, secrets_of_the_stack: StackSecrets, player: Player, setting: dict[str, object], words: str
) -> None:
    before = sandbox.snapshot()
    run = player.play("--check", "-e", json.dumps(setting))
    assert run.status == 2
    assert words in run.said()
    assert "Traceback" not in run.output
    assert not sandbox.snapshot().changes_since(before)
