# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encrypting files to one recipient with age or OpenPGP, on the controller: each file is removed once the encrypted one is whole."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .errors import IncidentError

SECONDS = 60
_AGE = ("age1", "ssh-")


def suffix_of(recipient: str) -> str:
    """What the name of an encrypted file ends in."""
    return ".age" if recipient.startswith(_AGE) else ".gpg"


def command(recipient: str, home: str, source: Path, target: Path) -> list[str]:
    """The command that encrypts; the recipient's key is public."""
    if recipient.startswith(_AGE):
        return ["age", "--recipient", recipient, "--output", str(target), str(source)]
    # A home of its own: no key ring of the user has to know the recipient, and none is changed.
    base = ["gpg", "--batch", "--yes", "--quiet", "--homedir", home, "--trust-model", "always"]
    return [*base, "--recipient-file", recipient, "--output", str(target), "--encrypt", str(source)]


def check(recipient: str) -> None:
    """Raise for a recipient that cannot be used."""
    if not recipient.startswith(_AGE) and not Path(recipient).is_file():
        raise IncidentError(
            f"the recipient `{recipient}` is neither an age recipient (age1...) nor a file with an OpenPGP public key; "
            "correct circuit_sage_evidence_recipient"
        )
    program = command(recipient, "", Path(), Path())[0]
    if shutil.which(program) is None:
        raise IncidentError(f"the controller has no `{program}`; install it there (Debian's package `{program.replace('gpg', 'gnupg')}`)")


def encrypt(files: Sequence[Path], recipient: str) -> list[Path]:
    """The encrypted files. One that cannot be encrypted stays readable, and nothing after it is touched."""
    check(recipient)
    done = []
    with tempfile.TemporaryDirectory(prefix="circuit-sage-") as home:
        for source in files:
            target = source.with_name(source.name + suffix_of(recipient))
            partial = source.with_name(f".{target.name}.new")
            answer = subprocess.run(
                command(recipient, home, source, partial), capture_output=True, text=True, timeout=SECONDS, check=False, umask=0o077
            )
            if answer.returncode != 0:
                partial.unlink(missing_ok=True)
                why = (answer.stderr.strip().splitlines() or ["it gave no reason"])[-1]
                raise IncidentError(
                    f"{source.name} could not be encrypted ({why}); correct circuit_sage_evidence_recipient, and encrypt it by hand"
                )
            partial.chmod(0o600)
            partial.replace(target)
            source.unlink()
            done.append(target)
    return done
