# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of the request that PostgreSQL never answered."""

from __future__ import annotations

from concurrent.futures import Future

from circuit_sage import CircuitSage, Reply


def test_nginx_gives_up_after_a_minute(system: CircuitSage, hanging_request: Future[Reply]) -> None:
    """504, in nginx's own HTML; the backend goes on waiting."""
    reply = hanging_request.result(timeout=75)
    assert reply.status == 504
    assert 59.5 < reply.seconds < 62
    assert reply.headers["Content-Type"].startswith("text/html")
    assert len(system.application_sessions("active")) == 1
