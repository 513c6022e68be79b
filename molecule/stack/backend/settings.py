# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend's settings, read once from the environment under production's names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from pool import MAX_CONNECTIONS

# The two limits of the real application, each per 15 minutes and client address.
API_CALLS_PER_WINDOW = 100
FAILED_SIGN_INS_PER_WINDOW = 5


@dataclass(frozen=True)
class Settings:
    """What the service was told when its container was created; a restart of the container changes none of it."""

    port: int
    environment: str
    db_host: str
    db_port: int
    db_user: str
    db_password: str
    db_name: str
    # The released code has it fixed; a later release, or a fork, may not.
    pool_size: int
    jwt_secret: str
    encryption_key: str
    allowed_origins: tuple[str, ...]
    price_per_location: Decimal
    billing_day: int
    square_subscription_plan: str
    webhook_signature_key: str
    webhook_notification_url: str
    rate_limit: int
    sign_in_limit: int
    api_health_enabled: bool
    drill_switches: bool
    edge_address: str
    gateway_address: str

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings; an empty variable counts as one that is not there, as in the real application."""

        def text(name: str, default: str = "") -> str:
            return env.get(name) or default

        return cls(
            port=int(text("PORT", "4000")),
            environment=text("NODE_ENV", "production"),
            db_host=text("DB_HOST", "postgres"),
            db_port=int(text("DB_PORT", "5432")),
            db_user=text("DB_USER", "circuit_sage_user"),
            db_password=text("DB_PASSWORD"),
            db_name=text("DB_NAME", "circuit_sage_db"),
            pool_size=int(text("DB_POOL_MAX", str(MAX_CONNECTIONS))),
            jwt_secret=text("JWT_SECRET"),
            encryption_key=text("ENCRYPTION_KEY"),
            allowed_origins=tuple(origin.strip() for origin in text("ALLOWED_ORIGINS").split(",") if origin.strip()),
            price_per_location=Decimal(text("BILLING_AMOUNT_PER_LOCATION", "50.00")),
            billing_day=int(text("BILLING_DAY_OF_MONTH", "1")),
            square_subscription_plan=text("SQUARE_SUBSCRIPTION_PLAN_ID"),
            webhook_signature_key=text("SQUARE_WEBHOOK_SIGNATURE_KEY"),
            webhook_notification_url=text("SQUARE_WEBHOOK_NOTIFICATION_URL"),
            rate_limit=int(text("RATE_LIMIT_MAX", str(API_CALLS_PER_WINDOW))),
            sign_in_limit=int(text("LOGIN_LIMIT_MAX", str(FAILED_SIGN_INS_PER_WINDOW))),
            api_health_enabled=text("API_HEALTH_ENABLED").lower() == "true",
            drill_switches=text("DRILL_SWITCHES") == "allowed",
            edge_address=text("EDGE_ADDRESS"),
            gateway_address=text("GATEWAY_ADDRESS"),
        )
