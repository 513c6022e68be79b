# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maintenance mode: one row of system_settings, read again for every request, and open when the database cannot be asked."""

from __future__ import annotations

import logs
from database_errors import DatabaseError
from flask import Blueprint, Response, request
from replies import data, reply
from service import Service

# What still answers: the status itself, the newsletter, and signing in (an administrator has to get in to switch it off).
EXEMPT = ("/api/system", "/api/newsletter", "/api/auth/login")
CLOSED = {
    "success": False,
    "error": {"message": "Service is currently under maintenance. Please check back later."},
    "maintenance": True,
}


def enabled(service: Service) -> bool:
    """Only a real boolean true counts: the text "true", or no row, means off."""
    rows = service.pool.query("SELECT value FROM system_settings WHERE key = 'maintenance_mode'")
    value = rows[0]["value"] if rows else None
    return isinstance(value, dict) and value.get("enabled") is True


def gate(service: Service) -> Response | None:
    """The refusal for a request under /api while maintenance mode is on."""
    if not request.path.startswith("/api") or request.path.startswith(EXEMPT):
        return None
    try:
        return reply(CLOSED, 503) if enabled(service) else None
    except DatabaseError as failure:
        logs.error(f"Failed to read maintenance mode: {failure}")
        return None


def routes(service: Service) -> Blueprint:
    """GET /api/system/maintenance tells the status to anybody."""
    blueprint = Blueprint("maintenance", __name__, url_prefix="/api/system")

    @blueprint.get("/maintenance")
    def status() -> Response:
        return data({"enabled": enabled(service)})

    return blueprint
