# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the doc fragment `stack`, as Ansible's argument spec."""

from __future__ import annotations

from typing import Any

STACK_OPTIONS: dict[str, dict[str, Any]] = {
    "project_src": {"type": "path", "required": True},
    "project_name": {"type": "str", "required": True},
    "files": {"type": "list", "elements": "str", "default": ["docker-compose.prod.yml"]},
    "env_file": {"type": "str", "default": ".env.production"},
    "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
    "docker_timeout": {"type": "int", "default": 10},
}

# Those of the doc fragment `postgres`.
POSTGRES_OPTIONS: dict[str, dict[str, Any]] = {
    "login_host": {"type": "str", "default": "127.0.0.1"},
    "login_port": {"type": "int", "default": 5432},
    "login_user": {"type": "str"},
    "login_db": {"type": "str"},
    "connect_timeout": {"type": "int", "default": 2},
}
