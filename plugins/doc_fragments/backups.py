# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which the modules of backups are told where these are and of which database."""

from __future__ import annotations


class ModuleDocFragment:
    """Options shared by the modules of the action group `circuit_sage.incident_response.backups`."""

    DOCUMENTATION = r"""
options:
  folder:
    description: The folder of the backups on the managed host, an absolute path.
    type: path
    required: true
  database:
    description: The database. Default is the env file's C(POSTGRES_DB), or C(circuit_sage_db) when that says nothing.
    type: str
  keep_free_mb:
    description: How many MiB have to stay free on the disks of the backups and of the database.
    type: int
    default: 1024
  timeout:
    description: How many seconds a dump, and how many a restore may take.
    type: int
    default: 3600
  incident:
    description: The id of the incident under which it is done.
    type: str
    default: ""
"""
