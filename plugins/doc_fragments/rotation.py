# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which the modules of a rotation are told where its journal is."""

from __future__ import annotations


class ModuleDocFragment:
    """Options shared by the modules of a rotation."""

    DOCUMENTATION = r"""
options:
  journal:
    description:
      - The journal of the rotation on the managed host, a file with mode 0600.
      - Default is C(.circuit-sage-rotation) beside the env file.
    type: path
  vault_password_file:
    description:
      - A file on the managed host with the password of an Ansible Vault in which the journal is kept.
      - Without it the journal is plain.
    type: path
"""
