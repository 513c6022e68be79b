# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health endpoint: one SELECT 1, so it stays green while writes fail. The released code has none under /api."""

from __future__ import annotations

import time

import logs
from database_errors import DatabaseError
from flask import Blueprint, Response
from replies import reply
from service import Service

VERSION = "1.0.0"


def routes(service: Service) -> Blueprint:
    """/health always; /api/health when the setting allows it, otherwise it is an unknown path like any other."""
    blueprint = Blueprint("health", __name__)

    def health() -> Response:
        began = time.monotonic()
        database = "connected"
        try:
            service.pool.query("SELECT 1")
        except DatabaseError as failure:
            database = "disconnected" if failure.connection_lost else "error"
            logs.error(f"Database health check failed: {failure}")
        healthy = database == "connected"
        body = {
            "status": "ok" if healthy else "unhealthy",
            "database": database,
            "uptime": round(began - service.started, 3),
            "responseTime": round((time.monotonic() - began) * 1000),
            "version": VERSION,
            "environment": service.settings.environment,
        }
        return reply(body, 200 if healthy else 503)

    blueprint.add_url_rule("/health", "health", health)
    if service.settings.api_health_enabled:
        blueprint.add_url_rule("/api/health", "api_health", health)
    return blueprint
