# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encrypting files to one recipient with age or OpenPGP: each file is removed once the encrypted one is whole. And reading such a file."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from .errors import IncidentError

SECONDS = 60
EVIDENCE = "circuit_sage_evidence_recipient"
_AGE = ("age1", "ssh-")
_BLOCK = 1024 * 1024


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


def check(recipient: str, setting: str = EVIDENCE) -> None:
    """Raise for a recipient that cannot be used; *setting* is the variable that names it."""
    if not recipient.startswith(_AGE) and not Path(recipient).is_file():
        raise IncidentError(
            f"the recipient `{recipient}` is neither an age recipient (age1...) nor a file with an OpenPGP public key; correct {setting}"
        )
    program = command(recipient, "", Path(), Path())[0]
    refuse_missing(program, "the controller" if setting == EVIDENCE else "the host")


def refuse_missing(program: str, machine: str) -> None:
    """Raise where a program is not installed."""
    if shutil.which(program) is None:
        raise IncidentError(f"{machine} has no `{program}`; install it there (Debian's package `{program.replace('gpg', 'gnupg')}`)")


def encrypt(files: Sequence[Path], recipient: str, setting: str = EVIDENCE, seconds: int = SECONDS) -> list[Path]:
    """The encrypted files. One that cannot be encrypted stays readable, and nothing after it is touched."""
    check(recipient, setting)
    done = []
    with tempfile.TemporaryDirectory(prefix="circuit-sage-") as home:
        for source in files:
            target = source.with_name(source.name + suffix_of(recipient))
            partial = source.with_name(f".{target.name}.new")
            answer = subprocess.run(
                command(recipient, home, source, partial), capture_output=True, text=True, timeout=seconds, check=False, umask=0o077
            )
            if answer.returncode != 0:
                partial.unlink(missing_ok=True)
                why = (answer.stderr.strip().splitlines() or ["it gave no reason"])[-1]
                raise IncidentError(f"{source.name} could not be encrypted ({why}); correct {setting}, and encrypt it by hand")
            partial.chmod(0o600)
            partial.replace(target)
            source.unlink()
            done.append(target)
    return done


def refuse_key(path: Path, key: str) -> None:
    """Raise where an encrypted file cannot be opened; *key* is the file with the private key."""
    if not key:
        raise IncidentError(f"{path} is encrypted; set restore_key_file to the file with the private key that opens it")
    if not Path(key).is_file():
        raise IncidentError(f"restore_key_file is {key}, which is no file; correct it")
    refuse_missing("age" if path.suffix == ".age" else "gpg", "the host")


def decrypted(path: Path, key: str) -> Iterator[bytes]:
    """What an encrypted file holds, in parts that fit into memory; *key* is the file with the private key."""
    with tempfile.TemporaryDirectory(prefix="circuit-sage-") as home:
        if path.suffix == ".age":
            opening = ["age", "--decrypt", "--identity", key, str(path)]
        else:
            base = ["gpg", "--batch", "--quiet", "--homedir", home]
            subprocess.run([*base, "--import", key], capture_output=True, timeout=SECONDS, check=False)
            opening = [*base, "--decrypt", str(path)]
        with tempfile.TemporaryFile() as errors, subprocess.Popen(opening, stdout=subprocess.PIPE, stderr=errors) as process:
            while block := process.stdout.read(_BLOCK) if process.stdout else b"":
                yield block
            status = process.wait()
            if path.suffix != ".age":
                # It would stay for a while, with the key in its memory.
                subprocess.run(["gpgconf", "--homedir", home, "--kill", "gpg-agent"], capture_output=True, timeout=SECONDS, check=False)
            if status != 0:
                errors.seek(0)
                why = (errors.read().decode("utf-8", "replace").strip().splitlines() or ["it gave no reason"])[-1]
                raise IncidentError(f"{path} could not be decrypted ({why}); set restore_key_file to the key that opens it")
