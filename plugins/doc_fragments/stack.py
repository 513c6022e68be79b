# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which every module that looks at the stack is told which stack it is."""

from __future__ import annotations


class ModuleDocFragment:
    """Options shared by the modules of the action group `circuit_sage.incident_response.all`."""

    DOCUMENTATION = r"""
options:
  project_src:
    description:
      - The folder of the Compose project, in which the compose files and the env file are.
    type: path
    required: true
  project_name:
    description:
      - The name of the Compose project, as in C(docker compose --project-name).
    type: str
    required: true
  files:
    description:
      - The compose files, relative to O(project_src) or absolute, in the order in which Compose is given them.
    type: list
    elements: str
    default: [docker-compose.prod.yml]
  env_file:
    description:
      - The env file of the project, relative to O(project_src) or absolute. It is read as Docker Compose reads it.
    type: str
    default: .env.production
  docker_host:
    description:
      - The address of the Docker engine, C(unix://PATH) or C(tcp://HOST:PORT). It is asked by plain HTTP, so C(ssh://) and TLS are refused.
    type: str
    default: unix:///var/run/docker.sock
  docker_timeout:
    description:
      - How many seconds one question to the Docker engine or to Docker Compose may take.
    type: int
    default: 10
"""
