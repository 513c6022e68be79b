# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key pair of OpenPGP for evidence that is encrypted, made anew, so that no key ring of the user is touched."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Key:
    """The folder of the key ring, and the file with the public key."""

    home: Path
    public: Path

    def read(self, file: Path) -> str:
        """What an encrypted file holds."""
        command = ["gpg", "--batch", "--quiet", "--homedir", str(self.home), "--decrypt", str(file)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    """One for the tests of a file."""
    assert shutil.which("gpg"), "this machine has no gpg; run setup/gnupg.sh"
    # The socket of gpg's agent lies in it, and its path must be short.
    home = tmp_path_factory.mktemp("gpg")
    home.chmod(0o700)
    base = ["gpg", "--batch", "--quiet", "--homedir", str(home)]
    subprocess.run([*base, "--passphrase", "", "--quick-gen-key", "forensics", "future-default", "default", "never"], check=True)
    public = home / "public.asc"
    subprocess.run([*base, "--armor", "--output", str(public), "--export", "forensics"], check=True)
    return Key(home, public)
