# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which the modules that restore are told which backup."""

from __future__ import annotations


class ModuleDocFragment:
    """Options shared by the modules that look at a backup and restore it."""

    DOCUMENTATION = r"""
options:
  backup:
    description: The backup, V(latest) for the newest verified one, its name, or the path of its folder or of the dump in it.
    type: str
    default: latest
  system_identifier:
    description: The identifier of another cluster whose backup may be restored here, as after the loss of that one.
    type: str
  key_file:
    description: File on the managed host with the private key that opens an encrypted backup, of age or OpenPGP.
    type: path
"""
