# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Square's error answers: a status, and a list of errors with category and code."""

from __future__ import annotations

from typing import Any

CATEGORY = {
    400: "INVALID_REQUEST_ERROR",
    401: "AUTHENTICATION_ERROR",
    402: "PAYMENT_METHOD_ERROR",
    403: "AUTHENTICATION_ERROR",
    404: "INVALID_REQUEST_ERROR",
    408: "INVALID_REQUEST_ERROR",
    409: "INVALID_REQUEST_ERROR",
    422: "INVALID_REQUEST_ERROR",
    429: "RATE_LIMIT_ERROR",
    500: "API_ERROR",
    502: "API_ERROR",
    503: "API_ERROR",
    504: "API_ERROR",
}


class Answer(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, code: str, detail: str, field: str | None = None, category: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.headers: dict[str, str] = {}
        error = {"category": category or CATEGORY[status], "code": code, "detail": detail}
        self.body: dict[str, Any] = {"errors": [{**error, "field": field} if field else error]}


class NoAnswer(Exception):
    """The connection is closed without an answer: the caller cannot know what happened."""


def missing(field: str) -> Answer:
    """A parameter that is needed is not there."""
    return Answer(400, "MISSING_REQUIRED_PARAMETER", "Missing required parameter.", field)


def not_found(what: str) -> Answer:
    """Nothing of that id is known to this account."""
    return Answer(404, "NOT_FOUND", f"Could not find {what}.")


def is_number(value: Any) -> bool:
    """Whether it is a whole number of JSON, which true and false are not."""
    return isinstance(value, int) and not isinstance(value, bool)
