# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulator of Square as a process, with two merchants, and the official SDK as each of them."""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterator

import httpx
import pytest
from square import Square
from square.core.api_error import ApiError
from square_control import SquareControl, started
from square_simulator import entry, merchant, token_of


@pytest.fixture(scope="package")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SquareControl]:
    """Merchant 1 has three locations, merchant 2 one; both have a subscription."""
    with started(tmp_path_factory.mktemp("square")) as control:
        control.accounts([merchant(1, locations=3), merchant(2)])
        control.ask("POST", "/_sim/subscriptions", {"subscriptions": [entry(1), entry(2)]})
        yield control


@pytest.fixture
def square(simulator: SquareControl) -> SquareControl:
    """As it was told, and with listings that do not lag."""
    simulator.reset()
    simulator.listing(0)
    simulator.webhook(None)
    return simulator


def _sdk(square: SquareControl, merchant: int) -> Square:
    # A connection for each request: where the simulator closes them and several threads share them, httpx may meet one that another thread
    # has just put away.
    once = httpx.Client(limits=httpx.Limits(max_keepalive_connections=0))
    return Square(token=token_of(merchant), base_url=square.base_url, httpx_client=once)


@pytest.fixture
def client(square: SquareControl) -> Square:
    """The SDK as merchant 1."""
    return _sdk(square, 1)


@pytest.fixture
def other(square: SquareControl) -> Square:
    """The SDK as merchant 2."""
    return _sdk(square, 2)


@pytest.fixture
def refusal() -> Callable[..., tuple[int, str]]:
    """Status and code with which a call is refused. The SDK does not make it again."""

    def of(call: Callable[..., t.Any], *arguments: t.Any, **values: t.Any) -> tuple[int, str]:
        with pytest.raises(ApiError) as refused:
            call(*arguments, **values, request_options={"max_retries": 0})
        code: str = refused.value.body["errors"][0]["code"]
        return refused.value.status_code or 0, code

    return of
