# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which the modules that look at the database are told where and as whom it is reached."""

from __future__ import annotations


class ModuleDocFragment:
    """Options shared by the modules of the action group `circuit_sage.incident_response.postgres`."""

    DOCUMENTATION = r"""
options:
  login_host:
    description:
      - The address at which PostgreSQL is published to the managed host.
    type: str
    default: 127.0.0.1
  login_port:
    description:
      - The port at which PostgreSQL is published to the managed host.
    type: int
    default: 5432
  login_user:
    description:
      - The role to log in as.
      - Default is the env file's C(POSTGRES_USER), or C(circuit_sage_user) when that says nothing.
    type: str
  login_db:
    description:
      - The database to log in to.
      - Default is the env file's C(POSTGRES_DB), or C(circuit_sage_db) when that says nothing.
    type: str
  connect_timeout:
    description:
      - How many seconds one login may take.
    type: int
    default: 2
requirements:
  - psycopg2, version 2.9 or later
"""
