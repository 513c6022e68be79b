# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locations of a company. Only creating one and its "free" switch recalculate what the company owes; changing and deleting do not."""

from __future__ import annotations

import uuid
from typing import Any

from auth import company_of, current_user, require_administrator
from billing import recalculate
from flask import Blueprint, Response, request
from pool import Row
from replies import Refused, data
from service import Service

_FIELDS = {"name": "name", "address": "address", "phone": "phone", "email": "email", "isActive": "is_active"}
# A company's first location is free by policy, but the flag is only set here, when somebody lists them.
_FREE_THE_FIRST = """
UPDATE locations SET is_free = true, updated_at = now()
WHERE NOT is_free AND id = (SELECT id FROM locations WHERE company_id = %s AND deleted_at IS NULL ORDER BY created_at, id LIMIT 1)
"""
_LIST = """
SELECT l.* FROM locations l LEFT JOIN subscriptions s ON s.company_id = l.company_id
WHERE l.company_id = %s AND l.deleted_at IS NULL AND (l.is_free OR s.status IS DISTINCT FROM 'past_due')
ORDER BY l.created_at, l.id
"""


def _body() -> dict[str, Any]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise Refused(400, "A JSON object is required")
    return body


def _shown(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "companyId": row["company_id"],
        **{shown: row[column] for shown, column in _FIELDS.items()},
        "isFree": row["is_free"],
        "createdAt": row["created_at"],
    }


def _one(rows: list[Row]) -> dict[str, Any]:
    if not rows:
        raise Refused(404, "Location not found")
    return _shown(rows[0])


def routes(service: Service) -> Blueprint:
    """GET, POST /api/locations; PUT, DELETE /api/locations/ID; PUT /api/locations/ID/free."""
    blueprint = Blueprint("locations", __name__, url_prefix="/api/locations")
    pool = service.pool

    def writer_company() -> str:
        user = current_user(service)
        require_administrator(user)
        return company_of(user)

    @blueprint.get("")
    def listing() -> Response:
        company = company_of(current_user(service))
        pool.query(_FREE_THE_FIRST, (company,))
        return data([_shown(row) for row in pool.query(_LIST, (company,))])

    @blueprint.post("")
    def create() -> Response:
        company = writer_company()
        body = _body()
        if not isinstance(body.get("name"), str) or not body["name"].strip():
            raise Refused(400, "name is required")
        rows = pool.query(
            "INSERT INTO locations (company_id, name, address, phone, email) VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING *",
            (company, body["name"], body.get("address"), body.get("phone"), body.get("email")),
        )
        if not rows:
            raise Refused(409, "A location with this name already exists")
        recalculate(pool, company, service.settings.price_per_location)
        return data(_shown(rows[0]), 201)

    @blueprint.put("/<uuid:location>")
    def change(location: uuid.UUID) -> Response:
        company = writer_company()
        changes = {column: _body()[shown] for shown, column in _FIELDS.items() if shown in _body()}
        if not changes:
            raise Refused(400, f"Nothing to change; known fields: {', '.join(_FIELDS)}")
        assignments = ", ".join(f"{column} = %s" for column in changes)
        statement = f"UPDATE locations SET {assignments}, updated_at = now() WHERE id = %s AND company_id = %s AND deleted_at IS NULL RETURNING *"  # noqa: S608 - the columns are the fixed ones above
        return data(_one(pool.query(statement, (*changes.values(), str(location), company))))

    @blueprint.delete("/<uuid:location>")
    def delete(location: uuid.UUID) -> Response:
        statement = "UPDATE locations SET deleted_at = now(), updated_at = now() WHERE id = %s AND company_id = %s AND deleted_at IS NULL RETURNING *"
        return data(_one(pool.query(statement, (str(location), writer_company()))))

    @blueprint.put("/<uuid:location>/free")
    def switch_free(location: uuid.UUID) -> Response:
        company = writer_company()
        free = _body().get("isFree")
        if not isinstance(free, bool):
            raise Refused(400, "isFree must be true or false")
        statement = "UPDATE locations SET is_free = %s, updated_at = now() WHERE id = %s AND company_id = %s AND deleted_at IS NULL RETURNING *"
        changed = _one(pool.query(statement, (free, str(location), company)))
        recalculate(pool, company, service.settings.price_per_location)
        return data(changed)

    return blueprint
