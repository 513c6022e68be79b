# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Square's states of a payment, and its error codes as data: what each says about a payment, and what is done. Also the source of the table
in the docs. Pure.
"""

from __future__ import annotations

import typing as t

TRANSIENT, SOFT, HARD, OPERATOR, OUR_BUG, UNLISTED = "transient", "soft", "hard", "operator", "our_bug", "unlisted"

# Of this collection, beside Square's own: an old request of which Square shows nothing, so that it never arrived.
NEVER_ARRIVED = "NEVER_ARRIVED"
KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
# The state in which the money is taken, and those in which it is taken or may still be.
CHARGED, TAKEN = "COMPLETED", ("COMPLETED", "APPROVED", "PENDING")


class CodeClass(t.NamedTuple):
    """Codes that are treated alike: what they say, and what is done."""

    name: str
    says: str
    done: str
    codes: tuple[str, ...]


CLASSES = (
    CodeClass(
        TRANSIENT,
        "Square, or the way to it, has trouble of its own",
        "the same request again under the same key, a bounded number of times; then unknown, until a later run resolves it",
        (
            *("INTERNAL_SERVER_ERROR", "TEMPORARY_ERROR", "SERVICE_UNAVAILABLE", "BAD_GATEWAY", "GATEWAY_TIMEOUT", "REQUEST_TIMEOUT"),
            *("RATE_LIMITED", "CONFLICT"),
        ),
    ),
    CodeClass(
        SOFT,
        "the bank refuses today",
        "a later attempt with a new key, by the schedule and below the caps",
        ("INSUFFICIENT_FUNDS", "GENERIC_DECLINE", "CARD_DECLINED", "TRANSACTION_LIMIT", NEVER_ARRIVED),
    ),
    CodeClass(
        HARD,
        "the customer must act",
        "no further attempt on this card; the customer is on the list of those to notify",
        (
            *("CARD_EXPIRED", "INVALID_EXPIRATION", "INVALID_EXPIRATION_YEAR", "INVALID_EXPIRATION_DATE", "EXPIRATION_FAILURE"),
            *("BAD_EXPIRATION", "CVV_FAILURE", "VERIFY_CVV_FAILURE", "ADDRESS_VERIFICATION_FAILURE", "VERIFY_AVS_FAILURE"),
            *("INVALID_POSTAL_CODE", "PAN_FAILURE", "INVALID_ACCOUNT", "INVALID_CARD", "INVALID_CARD_DATA", "CARD_NOT_SUPPORTED"),
            *("UNSUPPORTED_CARD_BRAND", "CARDHOLDER_INSUFFICIENT_PERMISSIONS", "CARD_DECLINED_CALL_ISSUER", "VOICE_FAILURE"),
            *("CARD_DECLINED_VERIFICATION_REQUIRED", "ACCOUNT_UNUSABLE", "BUYER_REFUSED_PAYMENT", "ALLOWABLE_PIN_TRIES_EXCEEDED"),
            *("MANUALLY_ENTERED_PAYMENT_NOT_SUPPORTED", "CARD_TOKEN_EXPIRED", "CARD_TOKEN_USED", "SOURCE_USED", "SOURCE_EXPIRED"),
            "CARD_MISMATCH",
        ),
    ),
    CodeClass(
        OPERATOR,
        "the account or its settings are wrong, not the customers",
        "the whole run stops; no customer is marked; a person mends the account that is named",
        (
            *("UNAUTHORIZED", "ACCESS_TOKEN_EXPIRED", "ACCESS_TOKEN_REVOKED", "CLIENT_DISABLED", "APPLICATION_DISABLED", "FORBIDDEN"),
            *("INSUFFICIENT_SCOPES", "INSUFFICIENT_PERMISSIONS", "CARD_PROCESSING_NOT_ENABLED", "INVALID_LOCATION"),
            *("LOCATION_MISMATCH", "CURRENCY_MISMATCH", "PAYMENT_LIMIT_EXCEEDED", "CUSTOMER_NOT_FOUND", "NOT_FOUND"),
            *("API_VERSION_INCOMPATIBLE", "SANDBOX_NOT_SUPPORTED"),
        ),
    ),
    CodeClass(
        OUR_BUG,
        "what was asked is wrong",
        "the whole run stops, and nothing is asked again; a person reports it",
        (
            *(KEY_REUSED, "VALUE_TOO_LONG", "INVALID_VALUE", "MISSING_REQUIRED_PARAMETER", "BAD_REQUEST"),
            *("UNPROCESSABLE_ENTITY", "AMOUNT_TOO_LOW", "AMOUNT_TOO_HIGH"),
        ),
    ),
)
_CLASS_OF = {code: group.name for group in CLASSES for code in group.codes}
# Of the classes those that end the whole run.
STOPPING = (OPERATOR, OUR_BUG)
# After which a card is not tried any more.
HARD_CODES = next(group.codes for group in CLASSES if group.name == HARD)
# What says nothing about the customer's card.
NOT_DECLINES = (*(code for group in CLASSES if group.name in (TRANSIENT, OPERATOR, OUR_BUG) for code in group.codes), NEVER_ARRIVED)


def class_of(code: str | None) -> str:
    """The class of a code. One that is not listed is no reason to charge again: a person looks at it."""
    return _CLASS_OF.get(code or "", UNLISTED)


def is_decline(code: str | None) -> bool:
    """Whether a code counts as an attempt on a customer's card."""
    return code not in NOT_DECLINES


def table() -> list[dict[str, str]]:
    """The classes as rows for the docs."""
    rows = [{"class": one.name, "says": one.says, "done": one.done, "codes": ", ".join(one.codes)} for one in CLASSES]
    other = {"says": "nobody knows yet", "done": "no further charge of this payment; a person looks at it", "codes": "every other code"}
    return [*rows, {"class": UNLISTED, **other}]
