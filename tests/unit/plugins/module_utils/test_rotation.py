# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a rotation with a database that only remembers what it was told: what is written where, when, and what is refused."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import compose, http_probe, rotation
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.env_file import parse
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.rotation import STEPS, Rotation
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.rotation_journal import Role

TEXT = (
    "# kept\nPOSTGRES_USER=app\nPOSTGRES_PASSWORD=old-password\nJWT_SECRET=old-jwt\nENCRYPTION_KEY=old-key\nSENDGRID_API_KEY=old-sendgrid\n"
)
URLS = ["http://127.0.0.1:4000/health"]


class Database:
    """What the server was told, and which password each role has."""

    def __init__(self) -> None:
        self.passwords = {"app": "old-password"}
        self.told: list[str] = []

    def next_role(self, user: str) -> Role:
        return Role(user, "app_a", "app")

    def set_role(self, role: Role, password: str) -> None:
        self.passwords[role.pending] = password

    def set_password(self, user: str, password: str) -> None:
        self.passwords[user] = password

    def prove(self, user: str, password: str) -> None:
        assert self.passwords[user] == password
        self.told.append(f"proved {user}")

    def prove_write(self, user: str, password: str) -> None:
        assert self.passwords[user] == password
        self.told.append(f"wrote as {user}")

    def retire(self, administrator: str, role: str) -> dict[str, Any]:
        self.told.append(f"{administrator} retired {role}")
        self.passwords.pop(role, None)
        return {"ended": 1, "clients": ["172.18.0.1"]}

    def end_older(self, role: str, began_before: str) -> dict[str, Any]:
        self.told.append(f"ended sessions of {role} before {began_before}")
        return {"ended": 0, "clients": []}


class World:
    """An env file, a database and a backend that was made from the file once."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.file = folder / ".env.production"
        self.file.write_text(TEXT, encoding="utf-8")
        self.file.chmod(0o644)
        self.database = Database()
        self.recreate()
        self.well: bool | None = True
        monkeypatch.setattr(rotation, "RotationDatabase", lambda _containers, _server: self.database)
        monkeypatch.setattr(rotation, "Containers", lambda _options: self)
        monkeypatch.setattr(compose, "run", lambda *_given: "")
        monkeypatch.setattr(compose, "parse_model", lambda _text: {"services": {"backend": {"environment": self.variables}}})
        answer = {"class": "refused", "status": None}
        monkeypatch.setattr(http_probe, "observe", lambda *_given: {"answers": self.well, "probes": [answer]})

    @property
    def variables(self) -> dict[str, str]:
        return parse(self.file.read_text(encoding="utf-8"))

    def backend(self) -> tuple[dict[str, str], str]:
        return self.made_with, "2026-11-29T02:00:00Z"

    def recreate(self) -> None:
        self.made_with = self.variables

    def at(self, **given: Any) -> Rotation:
        """A rotation as the next run of a module finds it."""
        options = {
            "project_src": str(self.folder),
            "project_name": "circuit-sage",
            "files": ["docker-compose.prod.yml"],
            "env_file": ".env.production",
            "docker_timeout": 1,
            "login_host": "127.0.0.1",
            "login_port": 5432,
            "login_user": None,
            "login_db": None,
            "connect_timeout": 1,
            "journal": None,
            "vault_password_file": None,
            "incident": "incident",
            "secrets": list(rotation.OWN),
            "values": {},
            "database_method": "alternating",
            "urls": URLS,
            "settle_seconds": 0,
        }
        return Rotation({**options, **given})

    def take(self, *steps: str) -> Any:
        done = None
        for step in steps:
            done = STEPS[step](self.at())
            if step == "write_file":
                self.recreate()
        return done


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def test_forward_every_secret_changes_and_the_old_role_goes(world: World) -> None:
    assert world.at().create(check_mode=False)
    assert world.file.read_text(encoding="utf-8") == TEXT
    ended = world.take("set_role", "write_file", "recreated", "prove", "published", "finish")
    assert ended["ended"] == 1
    now = world.variables
    assert now["POSTGRES_USER"] == "app_a"
    assert all(now[name] != parse(TEXT)[name] for name in rotation.OWN)
    assert now["SENDGRID_API_KEY"] == "old-sendgrid"
    assert world.file.read_text(encoding="utf-8").startswith("# kept\nPOSTGRES_USER=app_a\nPOSTGRES_PASSWORD=")
    assert stat.S_IMODE(world.file.stat().st_mode) == 0o600
    assert world.database.told == ["proved app_a", "wrote as app_a", "app_a retired app"]
    told = world.at().told()
    assert (told["open"], told["ended"], told["secrets"]) == (False, "finished", list(rotation.OWN))
    journal = (world.folder / rotation.JOURNAL_NAME).read_text(encoding="utf-8")
    assert "old-key" in journal
    assert not any(secret in journal for secret in ("old-password", "old-jwt", now["POSTGRES_PASSWORD"], now["ENCRYPTION_KEY"]))


def test_what_a_killed_run_was_writing_goes_with_the_end(world: World) -> None:
    world.at().create(check_mode=False)
    leftover = world.folder / ".circuit-sage-new-abcdefgh"
    leftover.write_text("POSTGRES_PASSWORD=half", encoding="utf-8")
    world.take("set_role", "write_file", "recreated", "prove", "published", "finish")
    assert sorted(path.name for path in world.folder.iterdir()) == [rotation.JOURNAL_NAME, ".env.production"]


def test_every_step_does_nothing_the_second_time(world: World) -> None:
    world.at().create(check_mode=False)
    before = world.at().journal.variables
    assert not world.at(secrets=["JWT_SECRET"]).create(check_mode=False)
    assert world.at().journal.variables == before
    world.take("set_role", "write_file", "recreated", "prove")
    assert [STEPS[step](world.at()) for step in ("set_role", "write_file", "prove")] == [False] * 3


def test_back_every_value_is_as_it_was(world: World) -> None:
    world.at().create(check_mode=False)
    world.take("set_role", "write_file", "recreated")
    assert world.at().keys()[0] == "old-key"
    world.take("turn_back")
    assert world.at().keys()[1] == "old-key"
    world.take("restore_file")
    assert world.at().needs_recreation
    world.recreate()
    world.at().credentials_restored()
    world.take("recreated_again", "prove_back")
    assert world.file.read_text(encoding="utf-8") == TEXT
    assert world.at().told()["ended"] == "rolled back"
    assert world.database.passwords == {"app": "old-password"}
    assert not world.at().needs_recreation


def test_with_one_role_the_password_changes_with_the_file(world: World) -> None:
    assert world.at(database_method="single").create(check_mode=False)
    world.take("set_role")
    assert world.database.passwords == {"app": "old-password"}
    world.take("write_file")
    assert world.database.passwords == {"app": world.variables["POSTGRES_PASSWORD"]}
    # As a kill between the file and the role would leave it.
    world.database.passwords["app"] = "old-password"
    world.take("set_role")
    assert world.database.passwords == {"app": world.variables["POSTGRES_PASSWORD"]}
    world.take("recreated", "prove", "published", "finish")
    assert world.database.told[-1] == "ended sessions of app before 2026-11-29T02:00:00Z"
    world.at(database_method="single").create(check_mode=False)
    world.take("write_file", "turn_back", "restore_file")
    assert world.database.passwords == {"app": world.variables["POSTGRES_PASSWORD"]}
    assert world.at().restore_file() is False


def test_check_mode_writes_nothing(world: World) -> None:
    rotating = world.at()
    assert rotating.create(check_mode=True)
    told = rotating.told()
    assert told["role"] == {"current": "app", "pending": "app_a", "owner": "app"}
    assert [path.name for path in world.folder.iterdir()] == [".env.production"]


def test_check_mode_says_that_the_journal_could_not_be_written(world: World) -> None:
    with pytest.raises(IncidentError, match=r"the vault password file .* cannot be read or is empty"):
        world.at(vault_password_file=str(world.folder / "none")).create(check_mode=True)


def test_nothing_is_told_of_what_never_was(world: World) -> None:
    assert world.at().told()["open"] is False
    with pytest.raises(IncidentError, match="no rotation is open"):
        world.at().finish()


def test_a_hook_gives_its_own_value(world: World) -> None:
    world.at(secrets=["SENDGRID_API_KEY"], values={"SENDGRID_API_KEY": "it's # new"}).create(check_mode=False)
    world.take("set_role", "write_file")
    assert world.variables["SENDGRID_API_KEY"] == "it's # new"
    assert world.variables["POSTGRES_USER"] == "app"


def test_a_variable_that_was_not_there_goes_back_after_a_kill_too(world: World) -> None:
    """Killed between the file and the journal: the variable is there by now, and empty."""
    given = {"secrets": ["SQUARE_WEBHOOK_KEY"], "values": {"SQUARE_WEBHOOK_KEY": "new"}}
    world.at(**given).create(check_mode=False)
    world.take("set_role", "write_file", "turn_back")
    going_back = world.at()
    going_back._put("current")
    assert world.variables["SQUARE_WEBHOOK_KEY"] == ""
    assert world.at().restore_file()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"secrets": []}, "rotation_secrets is empty"),
        ({"secrets": ["SENDGRID_API_KEY"]}, "no hook gives it a value"),
        ({"secrets": ["SENDGRID_API_KEY"], "values": {"SENDGRID_API_KEY": "old-sendgrid"}}, "the value that it has already"),
    ],
)
def test_bad_input_is_refused_before_anything_is_set(world: World, given: dict[str, Any], words: str) -> None:
    with pytest.raises(IncidentError, match=words):
        world.at(**given).create(check_mode=False)
    assert not (world.folder / rotation.JOURNAL_NAME).exists()


def test_a_secret_that_the_file_lacks_is_not_made_up(world: World) -> None:
    world.file.write_text(TEXT.replace("JWT_SECRET=old-jwt\n", ""), encoding="utf-8")
    with pytest.raises(IncidentError, match="has no JWT_SECRET"):
        world.at().create(check_mode=False)


def test_what_somebody_else_wrote_meanwhile_is_never_overwritten(world: World) -> None:
    world.at().create(check_mode=False)
    world.file.write_text(TEXT.replace("old-jwt", "by-hand"), encoding="utf-8")
    with pytest.raises(IncidentError, match="changed by somebody else"):
        world.take("write_file")
    assert world.variables["JWT_SECRET"] == "by-hand"


def test_a_proof_that_fails_says_which(world: World) -> None:
    world.at().create(check_mode=False)
    world.take("set_role", "write_file")
    for step in ("published", "finish"):
        with pytest.raises(IncidentError, match="not proven yet"):
            world.take(step)
    world.made_with = parse(TEXT)
    with pytest.raises(
        IncidentError, match="does not have ENCRYPTION_KEY, JWT_SECRET, POSTGRES_PASSWORD, POSTGRES_USER as the env file says"
    ):
        world.take("prove")
    world.recreate()
    world.well = False
    with pytest.raises(IncidentError, match=r"did not answer within 0 s \(refused\)"):
        world.take("prove")
    world.well = True
    world.take("prove")
    with pytest.raises(IncidentError, match="does not go back"):
        world.take("turn_back")


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("JWT_SECRET='old'  # why\r\nOTHER=\"a # b\"\r\n", "JWT_SECRET='{}'  # why\r\nOTHER=\"a # b\"\r\n"),
        ("A=1\n\n# c\nJWT_SECRET=first\nB='x y'\nJWT_SECRET=old", "A=1\n\n# c\nJWT_SECRET=first\nB='x y'\nJWT_SECRET={}"),
        ("export JWT_SECRET = old # c\nA=1", "export JWT_SECRET = {} # c\nA=1"),
    ],
)
def test_an_env_file_keeps_all_else(world: World, text: str, after: str) -> None:
    """Quotes, comments, spaces, `#`, CRLF, duplicates and a last line without an end, behind a symbolic link that stays one."""
    target = world.folder / "kept" / "env"
    target.parent.mkdir()
    target.write_bytes(text.encode())
    world.file.unlink()
    world.file.symlink_to(target)
    os.utime(target, (1, 1))
    world.at(secrets=["JWT_SECRET"]).create(check_mode=False)
    world.take("write_file")
    pending = world.at().journal.variables["JWT_SECRET"].pending
    assert target.read_bytes() == after.format(pending).encode()
    assert world.file.is_symlink()
    world.take("turn_back", "restore_file")
    assert target.read_bytes() == text.encode()
