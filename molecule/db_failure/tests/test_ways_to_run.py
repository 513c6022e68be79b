# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways to start the playbook: by path from the checkout, from playbooks/, by its full name after installation; what they print."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from playbook import BIN, Player, Run, user_environment
from sandbox import CHECKOUT, Sandbox

FULL_NAME = "circuit_sage.incident_response.db_failure"
INVENTORY = str(CHECKOUT / "inventories" / "sandbox")
ACCOUNT_LINE = re.compile(
    r" +\d+\.\d s  (opened|seen|lately|cause|because|no restart|plan|kept|act|did|left|proof|healthy|resolved|diagnosed|record) "
)


def assert_plain(run: Run) -> None:
    """Without a terminal there are no escape codes, and no Ansible of its own accord complains."""
    assert "\x1b" not in run.output
    assert "Traceback" not in run.output
    assert "[WARNING]" not in run.output
    assert "[DEPRECATION WARNING]" not in run.output


@pytest.fixture(scope="module")
def paused(sandbox: Sandbox) -> Iterator[None]:
    """A fault that is quick to make and to mend."""
    with sandbox.fault("postgres_paused"):
        yield


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collections path with the built tarball in it, and beside it community.docker as a user would have it."""
    work = tmp_path_factory.mktemp("installed")
    galaxy = [str(BIN / "ansible-galaxy"), "collection"]
    for command in (
        [*galaxy, "build", str(CHECKOUT), "--output-path", str(work)],
        [*galaxy, "install", "--offline", "--no-deps", "--collections-path", str(work / "collections"), str(work / "TARBALL")],
    ):
        words = [str(next(work.glob("*.tar.gz"))) if word.endswith("TARBALL") else word for word in command]
        done = subprocess.run(words, cwd=work, env=user_environment(), capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    found = CHECKOUT / ".ansible/collections/ansible_collections/community"
    (work / "collections/ansible_collections/community").symlink_to(found, target_is_directory=True)
    return work / "collections"


@pytest.mark.usefixtures("paused")
class TestOnAFault:
    """In this order: the ones that only look come first, the last one mends."""

    def test_installed_with_the_default_callback(self, installed: Path, tmp_path: Path) -> None:
        """From an empty folder without an ansible.cfg: it works, keeps its records there, and its last message says cause and record."""
        env = user_environment(ANSIBLE_COLLECTIONS_PATH=str(installed))
        player = Player(tmp_path / "incidents", "db_failure")
        run = player.play("-i", INVENTORY, "--check", playbook=FULL_NAME, cwd=tmp_path, env=env, say_records=False)
        assert run.status == 0, run.output
        assert_plain(run)
        assert run.record.outcome == "diagnosed"
        message = re.findall(r'"msg": "(.*)"', run.stdout)[-1]
        assert message.startswith("diagnosed: cause postgres_paused")
        assert message.endswith(f"{run.record.folder}/report.md")

    def test_the_example_of_observe(self, player: Player, tmp_path: Path) -> None:
        """The play of the role's README, with the sandbox's places, says the symptom, the cause and what would be done."""
        readme = (CHECKOUT / "roles/observe/README.md").read_text(encoding="utf-8")
        play = yaml.safe_load(readme.partition("```yaml\n")[2].partition("```")[0])
        defaults = play[0]["module_defaults"]
        defaults["group/circuit_sage.incident_response.all"] |= {
            "project_src": "{{ circuit_sage_project_src }}",
            "project_name": "{{ circuit_sage_project_name }}",
            "files": "{{ circuit_sage_compose_files }}",
            "env_file": "{{ circuit_sage_env_file }}",
        }
        defaults["group/circuit_sage.incident_response.postgres"] = {"login_port": "{{ circuit_sage_postgres_port }}"}
        del play[0]["vars"]
        (tmp_path / "example.yml").write_text(yaml.safe_dump(play), encoding="utf-8")
        run = player.play("-v", playbook=str(tmp_path / "example.yml"))
        assert run.status == 0, run.output
        assert "postgres is paused" in run.stdout
        assert re.search(r"postgres_paused: .* \(unpause_postgres, act: ", run.stdout), run.stdout
        assert run.changed == 0

    def test_installed_with_the_account(self, installed: Path, tmp_path: Path) -> None:
        """One setting gives the short account there, too."""
        env = user_environment(ANSIBLE_COLLECTIONS_PATH=str(installed), ANSIBLE_STDOUT_CALLBACK="circuit_sage.incident_response.account")
        player = Player(tmp_path / "records", "db_failure")
        run = player.play("-i", INVENTORY, "--check", playbook=FULL_NAME, cwd=tmp_path, env=env)
        assert run.status == 0, run.output
        assert_plain(run)
        assert "TASK [" not in run.stdout
        assert "cause       postgres_paused" in run.stdout

    def test_from_the_folder_of_the_playbooks(self, sandbox: Sandbox, player: Player) -> None:
        """`cd playbooks && ansible-playbook db_failure.yml`, with the account: one line for each thing, in their order, and no more."""
        run = player.play(playbook="db_failure.yml", cwd=CHECKOUT / "playbooks")
        assert run.status == 0, run.output
        assert_plain(run)
        assert run.record.outcome == "resolved"
        assert sandbox.is_healthy()
        first, *lines = run.stdout.splitlines()
        assert first == "Circuit Sage incident response: Database connection failure"
        assert [line for line in lines if not ACCOUNT_LINE.match(line)] == []
        events = [line[10:21].strip() for line in lines]
        order = ["opened", "kept", "seen", "lately", "cause", "plan", "act", "proof", "resolved", "record"]
        assert [event for event in events if event in order] == order, events
        assert run.stderr == ""


# What Ansible says at -vvv when it starts a module on the host.
SENT = "AnsiballZ_observation_info"
ANOTHER_NAME = f"ansible_python_interpreter={BIN / 'python3'}"


def test_in_the_process_of_the_task(player: Player) -> None:
    """In the sandbox host, user and Python of the modules are the run's own, so that none is sent, which would cost seconds."""
    run = player.play("-vvv")
    assert run.record.outcome == "healthy", run.output
    assert SENT not in run.output


@pytest.mark.parametrize("way", [("-e", ANOTHER_NAME), ("--become", "--become-method", "su")], ids=["another Python", "become"])
def test_with_modules_that_are_sent(sandbox: Sandbox, player: Player, way: tuple[str, ...]) -> None:
    """As to every host that is another machine: with the same end."""
    with sandbox.fault("postgres_paused"):
        run = player.play("-vvv", *way)
        assert run.status == 0, run.output
        assert run.record.outcome == "resolved"
        assert run.record.causes == ["postgres_paused"]
        assert sandbox.is_healthy()
    assert SENT in run.output
    assert "AnsiballZ_service_start" in run.output


def test_default_callback_in_the_checkout(player: Player) -> None:
    """ANSIBLE_STDOUT_CALLBACK=default gives Ansible's own output."""
    run = player.play(env=user_environment(ANSIBLE_STDOUT_CALLBACK="default"))
    assert run.status == 0, run.output
    assert_plain(run)
    assert "TASK [" in run.stdout
    assert "PLAY RECAP" in run.stdout
    assert '"msg": "healthy: nothing is broken, nothing was changed.' in run.stdout


def test_full_name_in_the_checkout(player: Player) -> None:
    """The link below .ansible makes the full name work without an installation."""
    run = player.play(playbook=FULL_NAME)
    assert run.status == 0, run.output
    assert_plain(run)
    assert run.record.outcome == "healthy"
