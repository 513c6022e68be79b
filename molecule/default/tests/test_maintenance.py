# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maintenance mode: one row, a real boolean, at once, for everything under /api but what is exempt."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from circuit_sage import CircuitSage
from made_company import PASSWORD, Company

CLOSED = '{"success":false,"error":{"message":"Service is currently under maintenance. Please check back later."},"maintenance":true}'


@pytest.fixture(autouse=True, scope="module")
def put_back(system: CircuitSage) -> Iterator[None]:
    """The row as it was found."""
    before = system.maintenance_mode()
    yield
    system.set_maintenance_mode(before)


@pytest.fixture
def switched_on(system: CircuitSage) -> Iterator[None]:
    """On; the very next request meets it."""
    system.set_maintenance_mode('{"enabled": true}')
    yield
    system.set_maintenance_mode('{"enabled": false}')


def test_closes_the_api_at_once(system: CircuitSage, token: str, switched_on: None) -> None:
    """503 and these bytes, through nginx too: its own 503 is HTML."""
    for reply in (system.backend("GET", "/api/subscriptions", token=token), system.edge("GET", "/api/locations", token=token)):
        assert (reply.status, reply.text) == (503, CLOSED)
        assert reply.headers["Content-Type"].startswith("application/json")


def test_closes_webhooks_and_api_health(system: CircuitSage, switched_on: None) -> None:
    """Events of Square are lost meanwhile; /api/health is 503 where it would be 404."""
    assert system.backend("POST", "/api/payments/webhook/square", body={}).status == 503
    assert system.backend("GET", "/api/health").text == CLOSED


def test_leaves_health_sign_in_and_its_own_switch_open(system: CircuitSage, company: Company, switched_on: None) -> None:
    """What an operator needs to see and end it; and the newsletter."""
    assert system.health().status == 200
    assert system.sign_in(company.email, PASSWORD).status == 200
    assert system.backend("GET", "/api/system/maintenance").status != 503
    assert system.backend("GET", "/api/newsletter").status != 503
    assert system.edge("GET", "/").status == 200


@pytest.mark.parametrize("value", ['{"enabled": false}', '{"enabled": "true"}', "{}", None])
def test_anything_but_true_is_off(system: CircuitSage, token: str, value: str | None) -> None:
    """The string "true", an empty value, or no row at all."""
    system.set_maintenance_mode(value)
    assert system.backend("GET", "/api/subscriptions", token=token).status == 200
