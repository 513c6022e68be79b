# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings file of the checkout and the one in playbooks/ mean the same, so that a playbook behaves alike from both folders."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
PATHS = {"inventory", "collections_path"}


def settings(file: Path) -> dict[str, dict[str, str]]:
    """Every section with its values, paths made absolute as Ansible does."""
    parser = ConfigParser(interpolation=None)
    parser.read_string(file.read_text(encoding="utf-8"))
    return {
        section: {name: str((file.parent / value).resolve()) if name in PATHS else value for name, value in parser[section].items()}
        for section in parser.sections()
    }


def test_both_settings_files_mean_the_same() -> None:
    assert settings(CHECKOUT / "ansible.cfg") == settings(CHECKOUT / "playbooks" / "ansible.cfg")
