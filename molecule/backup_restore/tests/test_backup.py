# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making backups: each is proven, private and whole or not there at all, whatever is killed."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from copies import Copies
from playbook import Player
from sandbox import Sandbox

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError


def test_the_playbook_makes_a_proven_backup(sandbox: Sandbox, player: Player, copies: Copies, seeded_rows: str) -> None:
    """What is told is what is there; nothing else has changed; no password is said or written."""
    before = sandbox.snapshot()
    run = player.play("-e", f"circuit_sage_backup_dir={copies.folder}", "-vvvv", playbook="playbooks/backup.yml")
    assert run.status == 0, run.output
    record = run.record
    assert record.outcome == "resolved"
    (proof,) = record.events("proof")
    rows = sum(int(part) for part in seeded_rows.split("|")[1::2])
    manifest = json.loads(next(copies.folder.glob("*/manifest.json")).read_text(encoding="utf-8"))
    public = {name: table["rows"] for name, table in manifest["tables"].items() if name.startswith("public.")}
    assert sum(public.values()) - public["public.schema_migrations"] - public["public.system_settings"] == rows
    assert f"{sum(table['rows'] for table in manifest['tables'].values())} rows of" in proof
    assert manifest["verified_at"]
    assert manifest["last_migration"] == "003_subscriptions_and_payments.sql"
    assert {path.stat().st_mode & 0o777 for path in copies.folder.rglob("*") if path.is_file()} == {0o600}
    assert record.wrong_modes() == []
    assert record.content["changes"][0]["undo"]
    assert sandbox.snapshot().changes_since(before) == {}
    secret = sandbox.env["POSTGRES_PASSWORD"]
    assert secret not in run.output
    assert not [path for path in run.records.rglob("*") if path.is_file() and secret in path.read_text(encoding="utf-8", errors="replace")]


def test_check_only_looks(player: Player, copies: Copies) -> None:
    """--check says what would be done, and makes nothing."""
    run = player.play("-e", f"circuit_sage_backup_dir={copies.folder}", "--check", playbook="playbooks/backup.yml")
    assert (run.status, run.record.outcome) == (0, "diagnosed"), run.output
    assert copies.in_folder() == []
    assert copies.databases() == copies.there


def test_old_ones_go_but_never_the_last_good_one(copies: Copies) -> None:
    """By number; a safety dump is no good one."""
    made = [copies.create()["backup"]["id"] for _ in range(2)]
    safety = copies.create(purpose="safety")["backup"]
    assert safety["verified_at"] is None
    last = copies.create(keep=1)
    assert last["removed"] == made[::-1]
    assert copies.in_folder() == sorted([safety["id"], last["backup"]["id"]])
    assert copies.look()["backup"]["id"] == last["backup"]["id"]


def test_no_room_is_told_before_anything_is_made(copies: Copies) -> None:
    """With both numbers, and what to do."""
    with pytest.raises(IncidentError, match=r"the disk of .* has \d+ MiB free; \d+ MiB may be needed and 999999999 MiB are to stay free"):
        copies.create(keep_free_mb=999_999_999)
    assert copies.in_folder() == []


def test_one_copy_at_a_time(copies: Copies) -> None:
    """Also where no playbook's lock keeps them apart."""
    with copies.server().alone(), pytest.raises(IncidentError, match="another backup or restore is at work on this server"):
        copies.create()


def test_an_encrypted_one_is_restored_with_its_key(copies: Copies, tmp_path: Path) -> None:
    """It is compared before it is encrypted, and nothing readable stays."""
    if shutil.which("gpg") is None:
        pytest.skip("gpg is not installed")
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet"]
    subprocess.run([*gpg, "--passphrase", "", "--quick-generate-key", "backup@example.com", "default", "default"], check=True, timeout=60)
    public, private = tmp_path / "public.asc", tmp_path / "private.asc"
    for path, option in ((public, "--export"), (private, "--export-secret-keys")):
        subprocess.run([*gpg, "--armor", "--output", str(path), option], check=True, timeout=60)
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=True, timeout=60)
    made = copies.create(recipient=str(public))["backup"]
    assert made["encrypted"]
    assert made["verified_at"]
    assert not Path(made["path"]).read_bytes().startswith(b"PGDMP")
    assert sorted(path.name for path in Path(made["path"]).parent.iterdir()) == ["database.dump.gpg", "manifest.json"]
    with pytest.raises(IncidentError, match="is encrypted; set restore_key_file"):
        copies.look()
    assert copies.restore("loaded", key_file=str(private))["rows"] == made["rows"]
