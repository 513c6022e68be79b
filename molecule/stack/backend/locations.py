# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locations of a company. Only creating one and its "free" switch recalculate what the company owes; changing and deleting do not."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
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


def _changes(body: dict[str, Any]) -> dict[str, Any]:
    """The columns that a request sets."""
    changes = {column: body[shown] for shown, column in _FIELDS.items() if shown in body}
    for column, value in changes.items():
        valid = isinstance(value, bool) if column == "is_active" else isinstance(value, str) or (value is None and column != "name")
        if not valid or (column == "name" and not value.strip()):
            raise Refused(400, f"{column} has a value of the wrong kind")
    return changes


def _shown(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "companyId": row["company_id"],
        **{shown: row[column] for shown, column in _FIELDS.items()},
        "isFree": row["is_free"],
        "createdAt": row["created_at"],
    }


def routes(service: Service) -> Blueprint:
    """GET, POST /api/locations; PUT, DELETE /api/locations/ID; PATCH /api/locations/ID/free."""
    blueprint = Blueprint("locations", __name__, url_prefix="/api/locations")
    pool = service.pool

    def update(location: uuid.UUID, company: str, values: dict[str, Any]) -> dict[str, Any]:
        """Set columns (their names are this file's, never the client's) of one location that is there."""
        assignments = ", ".join(f"{column} = %s" for column in values)
        statement = f"UPDATE locations SET {assignments}, updated_at = now() WHERE id = %s AND company_id = %s"  # noqa: S608 - see above
        rows = pool.query(f"{statement} AND deleted_at IS NULL RETURNING *", (*values.values(), str(location), company))
        if not rows:
            raise Refused(404, "Location not found")
        return _shown(rows[0])

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
        values = {"company_id": company, **_changes(_body())}
        if "name" not in values:
            raise Refused(400, "name is required")
        places = ", ".join(["%s"] * len(values))
        statement = f"INSERT INTO locations ({', '.join(values)}) VALUES ({places}) RETURNING *"  # noqa: S608 - columns of this file
        rows = pool.query(statement, (*values.values(),))
        recalculate(pool, company, service.settings.price_per_location)
        return data(_shown(rows[0]), 201)

    @blueprint.put("/<uuid:location>")
    def change(location: uuid.UUID) -> Response:
        company = writer_company()
        changes = _changes(_body())
        if not changes:
            raise Refused(400, f"Nothing to change; known fields: {', '.join(_FIELDS)}")
        return data(update(location, company, changes))

    @blueprint.delete("/<uuid:location>")
    def delete(location: uuid.UUID) -> Response:
        return data(update(location, writer_company(), {"deleted_at": datetime.now(UTC)}))

    @blueprint.patch("/<uuid:location>/free")
    def switch_free(location: uuid.UUID) -> Response:
        company = writer_company()
        free = _body().get("isFree")
        if not isinstance(free, bool):
            raise Refused(400, "isFree must be true or false")
        changed = update(location, company, {"is_free": free})
        recalculate(pool, company, service.settings.price_per_location)
        return data(changed)

    return blueprint
