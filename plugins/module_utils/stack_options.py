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

# What the modules that observe one layer take beside them; observation_info takes it all.
STACK_INFO_OPTIONS: dict[str, dict[str, Any]] = {
    "log_lines": {"type": "int", "default": 1000},
    "patterns": {"type": "dict", "default": {}},
    "require_variables": {"type": "bool", "default": True},
}
POSTGRES_INFO_OPTIONS: dict[str, dict[str, Any]] = {
    "postgres_service": {"type": "str", "default": "postgres"},
    "backend_service": {"type": "str", "default": "backend"},
    "connected_pattern": {"type": "str", "default": "Database connection established|Server running on port"},
    "wait": {"type": "int", "default": 0},
}
EDGE_INFO_OPTIONS: dict[str, dict[str, Any]] = {
    "urls": {"type": "list", "elements": "str", "required": True},
    "timeout": {"type": "float", "default": 3},
    "validate_certs": {"type": "bool", "default": True},
    "edge_url": {"type": "str"},
    "edge_trusted": {"type": "bool", "default": True},
    "frontend_url": {"type": "str"},
    "api_url": {"type": "str"},
}

# All that the module observation_info takes.
OBSERVATION_OPTIONS: dict[str, dict[str, Any]] = {
    **STACK_OPTIONS,
    **STACK_INFO_OPTIONS,
    **POSTGRES_OPTIONS,
    **POSTGRES_INFO_OPTIONS,
    **EDGE_INFO_OPTIONS,
    "evidence_of": {"type": "list", "elements": "str", "default": []},
    "release_archives": {"type": "path"},
    "roll_back_to": {"type": "str", "default": ""},
    "ballast": {"type": "list", "elements": "path", "default": []},
    "memory_limits": {"type": "dict", "default": {}},
    "pool_environment": {"type": "dict", "default": {}},
    "baseline": {"type": "path"},
    "fingerprint_key": {"type": "str", "no_log": True},
}

# All that the module service_start takes.
START_OPTIONS: dict[str, dict[str, Any]] = {
    **STACK_OPTIONS,
    "services": {"type": "list", "elements": "str", "required": True},
    "in_back_off": {"type": "list", "elements": "str", "default": []},
    "healthy_within": {"type": "int", "default": 30},
    "state": {"type": "str", "choices": ["started", "restarted"], "default": "started"},
    "stop_timeout": {"type": "int", "default": 10},
}

# What the modules of a rotation take beside them.
JOURNAL_OPTIONS: dict[str, dict[str, Any]] = {
    "journal": {"type": "path"},
    "vault_password_file": {"type": "path", "no_log": False},
}

# Those of the doc fragment `backups`.
BACKUP_OPTIONS: dict[str, dict[str, Any]] = {
    "folder": {"type": "path", "required": True},
    "database": {"type": "str"},
    "keep_free_mb": {"type": "int", "default": 1024},
    "timeout": {"type": "int", "default": 3600},
    "incident": {"type": "str", "default": ""},
}

# What names a backup that is to be restored.
RESTORE_OPTIONS: dict[str, dict[str, Any]] = {
    "backup": {"type": "str", "default": "latest"},
    "system_identifier": {"type": "str"},
    "key_file": {"type": "path", "no_log": False},
}

# What the modules take that switch maintenance mode.
CLAIM_OPTIONS: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "required": True, "choices": ["closed", "open"]},
    "incident": {"type": "str", "required": True},
    "owner": {"type": "str"},
    "minutes": {"type": "int"},
    "reason": {"type": "str", "default": ""},
    "run": {"type": "dict"},
}
