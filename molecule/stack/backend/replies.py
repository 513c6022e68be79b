# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON answers in the form of the real application's: compact, no line end, errors as success=false with a message."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask import Response


class Refused(Exception):
    """A request that is answered with an error; the text is what the client reads."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def _plain(value: Any) -> Any:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    return str(value)


def reply(body: Any, status: int = 200) -> Response:
    """An answer with exactly these bytes of JSON."""
    return Response(json.dumps(body, separators=(",", ":"), default=_plain), status, content_type="application/json; charset=utf-8")


def data(body: Any, status: int = 200) -> Response:
    """An answer that carries a result."""
    return reply({"success": True, "data": body}, status)


def refusal(status: int, message: str) -> Response:
    """An answer that says what was wrong."""
    return reply({"success": False, "error": {"message": message}}, status)
