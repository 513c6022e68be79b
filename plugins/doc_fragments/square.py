# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option by which the modules that talk to Square are told where it is, and what they need."""

from __future__ import annotations


class ModuleDocFragment:
    """Options shared by the modules that use Square's API."""

    DOCUMENTATION = r"""
options:
  square_base_url:
    description:
      - The address of Square's API, a scheme, a host and a port alone.
      - Empty means Square's own, which is C(https://connect.squareup.com), or C(https://connect.squareupsandbox.com) for a company whose
        settings say that it is in test mode.
      - Without TLS only an address of this host itself is taken, since the access tokens go there.
    type: str
    default: ""
requirements:
  - squareup, version 46 or later
  - cryptography, version 38 or later
"""
