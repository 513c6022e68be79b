# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Square charges, beside a database of the test's own: a simulator of the test's own has the subscriptions that the seed tells."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from books import Books, Server, at_square, company, subscription
from square_control import SquareControl, free_port, started

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import square_override, square_price
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

# Charged by a price of its own, and by the price of its plan.
OWN, OF_PLAN = 1, 2
# Of the seeded companies with a subscription at Square these have their credentials in plaintext, and not at all.
PLAINTEXT, WITHOUT = 21, 31
WITH_SUBSCRIPTION = 30


@pytest.fixture
def square(server: Server, tmp_path: Path) -> Iterator[SquareControl]:
    """Charges what is stored."""
    with started(tmp_path) as control:
        control.ask("POST", "/_sim/subscriptions", {"subscriptions": server.at_square})
        yield control


@pytest.fixture
def differing(square: SquareControl) -> dict[str, tuple[int, int | None]]:
    """Two subscriptions are charged otherwise; gives versions and overrides of all as they are then."""
    square.set_price(at_square(OWN), 12345)
    square.set_price(at_square(OF_PLAN), 54321)
    return square.prices()


def states(books: Books) -> list[Any]:
    return books.ask("SELECT state, before_version, after_version, undone_at IS NOT NULL FROM circuit_sage_ops.square_price ORDER BY id")


def test_the_healthy_books_are_what_square_charges(books: Books, square: SquareControl) -> None:
    told = books.compare(square.base_url).told(100)
    assert (told["subscriptions"], told["compared"], told["differences"]) == (WITH_SUBSCRIPTION, WITH_SUBSCRIPTION - 1, [])
    assert [one["company_id"] for one in told["unreadable"]] == [company(WITHOUT)]
    stored = books.ask(
        "SELECT settings #>> '{integrations,payment,credentials,accessToken}' FROM companies WHERE id = %s", company(PLAINTEXT)
    )
    assert stored[0][0].startswith("EAAA")
    assert books.compare(square.base_url, company_ids=[company(PLAINTEXT)]).compared == 1


@pytest.mark.usefixtures("differing")
def test_prices_are_set_once_and_put_back_once(books: Books, square: SquareControl) -> None:
    before = books.digest()
    done = books.override(square.base_url)
    assert sorted(
        (one["company_id"], one["before"]["price_override"], one["before_version"], one["after_version"]) for one in done["changes"]
    ) == sorted([(company(OWN), "123.45", 2, 3), (company(OF_PLAN), "543.21", 2, 3)])
    assert books.compare(square.base_url).differences == []
    assert states(books) == [("done", 2, 3, False)] * 2
    set_prices = square.prices()
    assert books.override(square.base_url)["changed"] is False
    assert square.prices() == set_prices
    # The schema apart, the database has nothing to do with it.
    assert books.digest() == before
    assert books.put_back(square.base_url, check_mode=True)["undone_count"] == 2
    assert square.prices() == set_prices
    assert books.put_back(square.base_url)["undone_count"] == 2
    assert {square.prices()[at_square(number)] for number in (OWN, OF_PLAN)} == {(4, 12345), (4, 54321)}
    again = books.put_back(square.base_url)
    assert (again["changed"], again["undone_count"], again["kept_count"]) == (False, 0, 0)
    # An incident that changed nothing but prices is one that the undo of rows knows too.
    assert books.undo()["undone_count"] == 0


def test_a_price_of_the_plan_is_the_price_of_the_plan_again(books: Books, square: SquareControl) -> None:
    books.ask(
        "UPDATE locations SET is_free = true WHERE id IN (SELECT id FROM locations WHERE company_id = %s AND NOT is_free LIMIT 1)",
        company(OF_PLAN),
    )
    books.recalculate()
    assert len(books.override(square.base_url)["changes"]) == 1
    assert square.prices()[at_square(OF_PLAN)][1] is not None
    assert books.put_back(square.base_url)["undone"][0]["after"] is None
    assert square.prices()[at_square(OF_PLAN)] == (3, None)


def test_check_mode_asks_and_writes_nothing(books: Books, square: SquareControl, differing: dict[str, Any]) -> None:
    done = books.override(square.base_url, check_mode=True)
    assert len(done["changes"]) == 2 and done["changed"]
    assert "123.45\n" in done["diff"]["before"]
    assert square.prices() == differing
    assert books.recorded() == -1
    assert not [call for call in square.calls() if not call.startswith("GET ")]


def test_only_an_amount_that_is_right_itself_is_written_to_square(books: Books, square: SquareControl) -> None:
    """The stored amount is wrong, and Square charges a third one: the amount is recalculated first."""
    books.ask("UPDATE subscriptions SET monthly_amount = 777 WHERE id = %s", subscription(OWN))
    square.set_price(at_square(OWN), 12345)
    done = books.override(square.base_url)
    assert (done["changed"], [one["mend"] for one in done["left"]]) == (False, ["recalculate"])
    assert square.prices()[at_square(OWN)] == (2, 12345)
    books.recalculate()
    assert [one["company_id"] for one in books.override(square.base_url)["changes"]] == [company(OWN)]


def test_an_amount_that_is_wrong_where_square_is_right_is_mended_by_the_recalculation(books: Books, square: SquareControl) -> None:
    books.ask("UPDATE subscriptions SET monthly_amount = 777 WHERE id = %s", subscription(OWN))
    assert [one.mend for one in books.compare(square.base_url).differences] == ["recalculate"]
    books.recalculate()
    assert books.compare(square.base_url).differences == []


@pytest.mark.parametrize(
    ("guard", "words"),
    [
        ({"max_companies": 1}, "max_companies"),
        ({"max_companies_share": 0.05}, "2 of 30 companies"),
        ({"max_total_difference": "1.00"}, "max_total_difference"),
        ({"max_single_difference": "1.00"}, "max_single_difference"),
    ],
)
def test_a_guard_stops_everything(
    books: Books, square: SquareControl, differing: dict[str, Any], guard: dict[str, Any], words: str
) -> None:
    with pytest.raises(IncidentError, match=words):
        books.override(square.base_url, guards=guard)
    assert square.prices() == differing
    assert books.recorded() == -1


def test_who_was_faster_is_not_overwritten(
    books: Books, square: SquareControl, differing: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    look = square_override.look

    def look_then_change(*arguments: Any) -> Any:
        found = look(*arguments)
        square.set_price(at_square(OWN), 11111)
        return found

    monkeypatch.setattr(square_override, "look", look_then_change)
    done = books.override(square.base_url)
    assert [one["company_id"] for one in done["changes"]] == [company(OF_PLAN)]
    assert [(one["company_id"], "409 CONFLICT" in one["reason"]) for one in done["left"]] == [(company(OWN), True)]
    assert square.prices()[at_square(OWN)] == (3, 11111)
    assert {state for state, *_rest in states(books)} == {"done", "refused"}
    assert books.put_back(square.base_url)["undone_count"] == 1
    assert square.prices()[at_square(OWN)] == (3, 11111)


def test_an_amount_that_changes_meanwhile_is_for_the_next_run(books: Books, square: SquareControl, monkeypatch: pytest.MonkeyPatch) -> None:
    square.set_price(at_square(OWN), 12345)
    look = square_override.look

    def look_then_change(*arguments: Any) -> Any:
        found = look(*arguments)
        books.ask("UPDATE subscriptions SET monthly_amount = monthly_amount + 50 WHERE id = %s", subscription(OWN))
        return found

    monkeypatch.setattr(square_override, "look", look_then_change)
    done = books.override(square.base_url)
    assert done["changes"] == []
    assert "changed meanwhile" in done["left"][0]["reason"]
    assert square.prices()[at_square(OWN)] == (2, 12345)


@pytest.mark.usefixtures("differing")
def test_what_somebody_changed_since_stays_and_is_named(books: Books, square: SquareControl) -> None:
    books.override(square.base_url)
    square.set_price(at_square(OWN), 9900)
    undone = books.put_back(square.base_url)
    assert (undone["undone_count"], undone["kept_count"]) == (1, 1)
    assert "it charges 99.00 under version 4" in undone["kept"][0]["reason"]
    assert square.prices()[at_square(OWN)] == (4, 9900)


@pytest.mark.parametrize("called", [False, True], ids=["before the call", "after the call"])
def test_a_run_that_is_killed_can_be_undone(books: Books, square: SquareControl, monkeypatch: pytest.MonkeyPatch, called: bool) -> None:
    """The intent was committed; whether the price was set, Square knows."""
    square.set_price(at_square(OWN), 12345)

    def killed(*_arguments: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(*((square_price, "settle") if called else (square_override, "_attempt")), killed)
        with pytest.raises(SystemExit):
            books.override(square.base_url)
    assert [state for state, *_rest in states(books)] == ["intent"]
    assert books.put_back(square.base_url)["undone_count"] == int(called)
    assert square.prices()[at_square(OWN)][1] == 12345
    again = books.put_back(square.base_url)
    assert (again["undone_count"], again["kept_count"]) == (0, 0)
    # And the next run does what that one did not.
    assert len(books.override(square.base_url)["changes"]) == 1
    assert books.compare(square.base_url).differences == []


def test_an_answer_that_is_lost_is_found(books: Books, square: SquareControl) -> None:
    square.set_price(at_square(OWN), 12345)
    square.fault("close_after", count=1, match={"method": "PUT"})
    assert len(books.override(square.base_url)["changes"]) == 1
    assert states(books) == [("done", 2, 3, False)]


def test_square_that_is_down_is_named_and_nothing_is_written(books: Books, square: SquareControl, differing: dict[str, Any]) -> None:
    square.fault("square_down")
    with pytest.raises(IncidentError, match=r"503 SERVICE_UNAVAILABLE.*nothing was written"):
        books.override(square.base_url)
    assert books.recorded() == -1
    square.fault(None)
    assert square.prices() == differing


@pytest.mark.usefixtures("differing")
def test_an_undo_without_square_keeps_the_prices_for_the_next_one(books: Books, square: SquareControl) -> None:
    books.override(square.base_url)
    kept = books.put_back(f"http://127.0.0.1:{free_port()}")
    assert (kept["undone_count"], kept["kept_count"]) == (0, 2)
    assert books.put_back(square.base_url)["undone_count"] == 2


def test_another_encryption_key_is_said_as_that(books: Books, square: SquareControl) -> None:
    found = books.compare(square.base_url, key="another key")
    assert found.compared == 1  # the one in plaintext
    reasons = {reason for _candidate, reason in found.unreadable}
    assert any("does not decrypt with ENCRYPTION_KEY of the env file" in reason for reason in reasons)


@pytest.mark.usefixtures("differing")
def test_two_runs_at_once_set_each_price_once(books: Books, square: SquareControl) -> None:
    done: list[dict[str, Any]] = []
    runs = [threading.Thread(target=lambda: done.append(books.override(square.base_url))) for _turn in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(timeout=60)
    assert sum(len(one["changes"]) for one in done) == 2
    assert {square.prices()[at_square(number)][0] for number in (OWN, OF_PLAN)} == {3}


def test_a_company_that_is_not_there_is_refused(books: Books, square: SquareControl) -> None:
    with pytest.raises(IncidentError, match="there is no company"):
        books.compare(square.base_url, company_ids=["00000000-0000-4000-8000-00000000dead"])
    assert square.calls() == []
