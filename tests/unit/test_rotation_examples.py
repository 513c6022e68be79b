# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples that keep new secrets elsewhere, with modules in place of the collections': rotating one secret loses none of the others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples" / "rotation"
# Keeps what it is given under its path, and nothing of what was there, as both do.
MODULE = """
import json
import pathlib
from ansible.module_utils.basic import AnsibleModule

names = ("path", "data", "content_yaml", "force", "engine_mount_point", "read_before_write")
spec = {name: {"type": "raw", "no_log": False} for name in names}
module = AnsibleModule(argument_spec=spec)
kept = pathlib.Path(KEPT)
paths = json.loads(kept.read_text()) if kept.exists() else {}
paths[module.params["path"]] = module.params["data"] or module.params["content_yaml"]
kept.write_text(json.dumps(paths))
module.exit_json(changed=True)
"""


@pytest.mark.parametrize(
    ("example", "module"),
    [
        ("publish_hashi_vault.yml", "hashi_vault/plugins/modules/vault_kv2_write.py"),
        ("publish_sops.yml", "sops/plugins/modules/sops_encrypt.py"),
    ],
)
def test_rotating_one_secret_keeps_the_others(tmp_path: Path, example: str, module: str) -> None:
    file = tmp_path / "collections" / "ansible_collections" / "community" / module
    file.parent.mkdir(parents=True)
    kept = tmp_path / "kept.json"
    file.write_text(MODULE.replace("KEPT", repr(str(kept))), encoding="utf-8")
    rounds = [{"JWT_SECRET": "first", "ENCRYPTION_KEY": "second"}, {"POSTGRES_PASSWORD": "third"}]
    tasks = [{"ansible.builtin.include_tasks": str(EXAMPLES / example), "vars": {"rotation_published": one}} for one in rounds]
    play = tmp_path / "play.yml"
    play.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")
    (tmp_path / "hosts").write_text(f"localhost ansible_connection=local ansible_python_interpreter={sys.executable}\n", encoding="utf-8")
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(tmp_path / "collections"), "ANSIBLE_STDOUT_CALLBACK": "default"}
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-vvvv", "-i", str(tmp_path / "hosts"), str(play)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
    text = kept.read_text(encoding="utf-8")
    assert [value for one in rounds for value in one.values() if value not in text] == []
    # The values are in the play itself, and nowhere in what it prints.
    assert not any(f'"{value}"' in done.stdout for one in rounds for value in one.values())
