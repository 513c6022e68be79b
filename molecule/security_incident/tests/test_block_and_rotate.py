# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An attacker at the edge and a leaked key in one incident: blocked, then rotated, with a run that is killed between the two."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playbook import Player, Run
from sandbox import Sandbox, eventually
from stack_secrets import StackSecrets

SETTINGS = ("-e", json.dumps({"security_incident_leaked": ["JWT_SECRET"]}), "-e", "incident_approve=jwt_secret_leaked")


def forged(sandbox: Sandbox, secret: str) -> str:
    """A token for the administrator of a company, signed by who has read the secret."""
    user = sandbox.psql("SELECT id FROM users WHERE email = 'admin@company-01.example'", sandbox.env["POSTGRES_DB"])
    now = int(time.time())
    parts = ({"alg": "HS256", "typ": "JWT"}, {"userId": user, "role": "admin", "iat": now, "exp": now + 3600})
    text = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    signature = base64.urlsafe_b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).rstrip(b"=")
    return (text + b"." + signature).decode()


@dataclass(frozen=True)
class Story:
    """The forged token before and after, the run that is killed, the one that converges, and what the attacker reaches."""

    killed: Run
    again: Run
    lifted: Run
    same_secret_when_killed: bool
    token_is_taken: tuple[bool, bool]
    attacker_gets_in: tuple[bool, bool]


@pytest.fixture(scope="module")
def joined(sandbox: Sandbox, secrets_of_the_stack: StackSecrets, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """One attacker, one leaked key."""
    player = Player(tmp_path_factory.mktemp("joined") / "records", "security_incident")
    secret = sandbox.env["JWT_SECRET"]
    token = forged(sandbox, secret)
    with sandbox.fault("scanner"):
        before = secrets_of_the_stack.is_taken(token)
        killed = player.start("-v", *SETTINGS)
        eventually(lambda: "bans are in force" in killed.stdout, 150, "the attacker is blocked")
        killed.kill()
        killed.wait()
        same = sandbox.env["JWT_SECRET"] == secret
        again = player.play("-v", *SETTINGS)
        after, kept_out = secrets_of_the_stack.is_taken(token), sandbox.bites("scanner")
        secrets_of_the_stack.assert_whole()
        # The ban belongs to the run that was killed; its record says how it is undone.
        ban = next(change for change in killed.record.content["changes"] if change["component"] == "firewall")
        _program, playbook, *arguments = shlex.split(ban["undo"])
        lifted = player.play(*arguments, playbook=playbook)
        yield Story(killed, again, lifted, same, (before, after), (kept_out, sandbox.bites("scanner")))


def test_a_run_that_is_killed_between_blocking_and_rotating_converges(joined: Story, sandbox: Sandbox) -> None:
    """The next one finds the attacker blocked, takes over the lock, and rotates."""
    assert joined.killed.record.outcome is None
    assert joined.same_secret_when_killed
    assert (joined.again.status, joined.again.record.outcome) == (0, "resolved"), joined.again.output
    assert joined.again.record.causes == ["jwt_secret_leaked"]
    assert joined.again.record.events("lock")
    assert not sandbox.lock_file.exists()


def test_blocked_before_rotated(joined: Story) -> None:
    """The guide's order, whatever the order of the layers."""
    assert joined.killed.record.causes == ["jwt_secret_leaked", "scanner"]
    assert joined.killed.record.events("act")[0].startswith("block 1 ")


def test_a_forged_token_is_refused_once_its_key_is_rotated(joined: Story) -> None:
    """It was taken before, and people sign in with the new key."""
    assert joined.token_is_taken == (True, False)
    assert "rotated JWT_SECRET" in joined.again.record.events("did")
    (change,) = joined.again.record.content["changes"]
    assert (change["component"], change["done"]) == ("env_file", True)


def test_the_attacker_is_kept_out_until_the_ban_is_lifted_as_the_record_says(joined: Story) -> None:
    """By packets through nginx."""
    assert joined.lifted.status == 0, joined.lifted.output
    assert "1 bans are lifted, 0 stay" in joined.lifted.said()
    assert joined.attacker_gets_in == (False, True)
