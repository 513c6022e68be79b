# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signing in with a bcrypt password, and the token that every other call needs.

As in the real application any failure while a token is checked (a bad token, no JWT_SECRET, a database that is down) is
answered with 403 "Unauthorized", and `users.active` is never looked at: only a deleted user is kept out.
"""

from __future__ import annotations

import time
from typing import Any

import bcrypt
import jwt
import logs
from database_errors import DatabaseError
from flask import Blueprint, Response, request
from pool import Row
from replies import Refused, data
from service import Service

TOKEN_SECONDS = 24 * 3600
SUPERUSER = "superuser"


def sign_in(service: Service, email: str, password: str) -> dict[str, Any]:
    """Check a password; give a token and who it is for."""
    rows = service.pool.query("SELECT * FROM users WHERE email = %s ORDER BY created_at LIMIT 1", (email.lower(),))
    if not rows or not bcrypt.checkpw(password.encode(), rows[0]["password"].encode()):
        logs.warn("Authentication failure")
        raise Refused(401, "Invalid credentials")
    user = rows[0]
    if user["deleted_at"]:
        logs.warn("Authentication failure")
        raise Refused(403, "Unauthorized")
    if not service.settings.jwt_secret:
        logs.error("Login error: secretOrPrivateKey must have a value")
        raise Refused(500, "Internal server error")
    now = int(time.time())
    claims = {"userId": str(user["id"]), "role": user["role"], "iat": now, "exp": now + TOKEN_SECONDS}
    token = jwt.encode(claims, service.settings.jwt_secret, algorithm="HS256")
    logs.info("Authentication success")
    shown = {"id": user["id"], "email": user["email"], "role": user["role"], "companyId": user["company_id"]}
    return {"user": shown, "accessToken": token, "refreshToken": token}


def current_user(service: Service) -> Row:
    """Who sends the request being answered."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refused(401, "No token provided")
    try:
        claims = _claims(token, service.settings.jwt_secret)
        rows = service.pool.query("SELECT * FROM users WHERE id = %s AND deleted_at IS NULL", (claims["userId"],))
    except (ValueError, KeyError, DatabaseError) as failure:
        logs.error(f"Authentication error: {failure}")
        raise Refused(403, "Unauthorized") from failure
    if not rows:
        logs.warn("Authentication failure")
        raise Refused(403, "Unauthorized")
    return rows[0]


def company_of(user: Row) -> str:
    """The company a request is about: the user's own, or the one that a superuser names."""
    company = user["company_id"] or request.args.get("companyId")
    if not company:
        raise Refused(400, "companyId is required")
    return str(company)


def require_administrator(user: Row) -> None:
    """Technicians read; administrators and superusers write."""
    if user["role"] not in ("admin", SUPERUSER):
        raise Refused(403, "Forbidden")


def _claims(token: str, secret: str) -> dict[str, Any]:
    """The token's claims; the failures carry the texts of Node's library, which operators search for."""
    if token.count(".") != 2:
        raise ValueError("jwt malformed")
    if not secret:
        raise ValueError("secret or public key must be provided")
    try:
        claims: dict[str, Any] = jwt.decode(token, secret, algorithms=["HS256"])
    except jwt.ExpiredSignatureError:
        raise ValueError("jwt expired") from None
    except jwt.InvalidSignatureError:
        raise ValueError("invalid signature") from None
    except jwt.InvalidTokenError:
        raise ValueError("invalid token") from None
    return claims


def routes(service: Service) -> Blueprint:
    """POST /api/auth/login, limited by the number of failures that one address had."""
    blueprint = Blueprint("auth", __name__, url_prefix="/api/auth")

    @blueprint.post("/login")
    def login() -> Response:
        body = request.get_json(silent=True)
        fields = body if isinstance(body, dict) else {}
        email, password = fields.get("email"), fields.get("password")
        if not isinstance(email, str) or not isinstance(password, str):
            raise Refused(400, "Email and password are required")
        try:
            return data(sign_in(service, email, password))
        except DatabaseError as failure:
            logs.error(f"Login error: {failure}")
            raise Refused(500, "Internal server error") from failure

    return blueprint
