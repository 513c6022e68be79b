# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Comparing many companies with Square, against the simulator: what differs, what cannot be compared, and when nobody is asked any more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from decimal import Decimal
from types import SimpleNamespace

import pytest
from square_control import SquareControl, free_port, started
from square_simulator import entry, token_of

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import square_account, square_comparison
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.billing_terms import Terms
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError, LibraryMissing
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.password_login import Server
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_comparison import Candidate, Comparison, compare
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_credentials import StoredCredentials

COMPANIES = 40


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SquareControl]:
    """As many subscriptions as companies, each charged 150.00 by its plan."""
    with started(tmp_path_factory.mktemp("square")) as control:
        control.ask("POST", "/_sim/subscriptions", {"subscriptions": [entry(number, 15000) for number in range(COMPANIES)]})
        yield control


@pytest.fixture
def square(simulator: SquareControl) -> SquareControl:
    simulator.reset()
    return simulator


def candidate(number: int, stored_cents: int = 15000, token: str | None = None) -> Candidate:
    """A company whose token is stored in plaintext."""
    return Candidate(f"c{number}", f"Company {number}", f"s{number}", f"sub-{number}", stored_cents, token or token_of(number), False)


def compared(square: SquareControl, candidates: list[Candidate]) -> Comparison:
    return compare(candidates, StoredCredentials(""), square.base_url)


def test_differences_have_the_sign_of_the_audit(square: SquareControl) -> None:
    """Above zero where too little is charged."""
    square.set_price("sub-2", 14000)
    found = compared(square, [candidate(1, 20000), candidate(2), candidate(3)])
    told = found.told(10)
    assert [(one["company"], one["stored"], one["charged"], one["difference_cents"], one["version"]) for one in told["differences"]] == [
        ("Company 1", "200.00", "150.00", 5000, 1),
        ("Company 2", "150.00", "140.00", 1000, 2),
    ]
    assert [one["reason"] for one in told["differences"]] == [
        "Square charges 150.00 USD, the price of its plan, and 200.00 is stored",
        "Square charges 140.00 USD, a price set for it, and 150.00 is stored",
    ]
    assert told["totals"] == {"approve": {"count": 2, "difference_cents": 6000, "absolute_difference_cents": 6000}}
    assert (told["subscriptions"], told["compared"], told["unknown"], told["truncated"]) == (3, 3, None, False)
    assert found.told(1)["truncated"] and len(found.told(1)["differences"]) == 1


def test_a_stored_amount_that_is_wrong_itself_waits() -> None:
    at_square = square_account.AtSquare("sub-1", "ACTIVE", 1, "plan", None, None)
    one = square_comparison.Difference(candidate(1), at_square, 14000, "USD", square_comparison.RECALCULATE)
    assert one.reason.endswith("so it has to be recalculated first")


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"subscription": {"status": "CANCELED"}}, "is CANCELED at Square, which charges nothing for it"),
        ({"plan_variation": {"subscription_plan_variation_data": {"name": "n", "phases": [
            {"cadence": "MONTHLY", "pricing": {"type": "RELATIVE"}}]}}}, "priced by the items of the order"),
        ({"plan_variation": {"subscription_plan_variation_data": {"name": "n", "phases": [
            {"cadence": "ANNUAL", "pricing": {"type": "STATIC", "price_money": {"amount": 1, "currency": "USD"}}}]}}}, "charges it ANNUAL"),
        ({"subscription": {"price_override_money": {"amount": 15000, "currency": "JPY"}}}, "in JPY, and what is stored has cents"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_said(square: SquareControl, parts: dict[str, dict[str, object]], words: str) -> None:
    square.change("sub-1", **parts)
    told = compared(square, [candidate(1, 20000), candidate(2)]).told(10)
    assert told["differences"] == []
    assert (told["compared"], told["unreadable_count"], told["unknown"]) == (1, 1, None)
    assert words in told["unreadable"][0]["reason"]


def test_one_company_that_is_refused_does_not_keep_the_others_from_being_compared(square: SquareControl) -> None:
    told = compared(square, [candidate(1, token="EAAAanother-token"), candidate(2, 20000)]).told(10)
    assert told["compared"] == 1
    assert "404" in told["unreadable"][0]["reason"]
    assert told["unknown"] is None


def test_square_that_is_down_is_not_asked_again_and_again(square: SquareControl) -> None:
    square.fault("square_down")
    found = compared(square, [candidate(number) for number in range(COMPANIES)])
    assert found.unknown == (
        f"{COMPANIES} of {COMPANIES} subscriptions could not be compared: Square at {square.base_url} has a failure of its own "
        "(503 SERVICE_UNAVAILABLE); run again when it is well"
    )
    assert found.unreadable == []
    # Those that were under way when the first answer came.
    assert 1 <= len(square.calls()) <= square_comparison._IN_FLIGHT


def test_square_that_goes_down_in_between_leaves_what_was_compared(square: SquareControl) -> None:
    told = compared(square, [candidate(0, 20000)]).told(10)
    assert len(told["differences"]) == 1
    square.fault("rate_limited")
    assert "limits the rate (429 RATE_LIMITED)" in str(compared(square, [candidate(0)]).unknown)


def test_nobody_listens() -> None:
    found = compare([candidate(1), candidate(2)], StoredCredentials(""), f"http://127.0.0.1:{free_port()}")
    assert "2 of 2 subscriptions could not be compared: Square does not answer at" in str(found.unknown)


def test_tokens_of_which_none_can_be_read_are_told_once(square: SquareControl) -> None:
    found = compared(square, [candidate(number, token="aa:bb:cc") for number in (1, 2)])
    because = "the access token is encrypted and the env file has no ENCRYPTION_KEY; restore it from a copy of the env file"
    assert found.unknown == f"none of 2 subscriptions could be compared, 2 of them because: {because}"
    assert len(found.unreadable) == 2
    assert square.calls() == []


def test_a_missing_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(square_account, "MISSING_SDK", "squareup is missing for this Python; install the package `squareup`")
    with pytest.raises(LibraryMissing, match="squareup is missing"):
        compare([candidate(1)], StoredCredentials(""), "http://127.0.0.1:1")


class Rows:
    """A session that answers its questions in turn."""

    def __init__(self, *answers: list[tuple[object, ...]]) -> None:
        self._answers = list(answers)
        self._rows: list[tuple[object, ...]] = []

    def cursor(self) -> AbstractContextManager[Rows]:
        return nullcontext(self)

    def execute(self, _statement: str, _values: object = None) -> None:
        self._rows = self._answers.pop(0)

    def __iter__(self) -> Iterator[tuple[object, ...]]:
        return iter(self._rows)


TERMS = Terms(Decimal(50), True, None, None)


def test_candidates_are_those_of_the_companies_that_were_named() -> None:
    assert square_comparison.candidates_of(Rows([tuple(candidate(1))]), TERMS) == [candidate(1)]
    named = Terms(Decimal(50), True, None, ("c1",))
    assert square_comparison.candidates_of(Rows([("c1",)], [tuple(candidate(1))]), named) == [candidate(1)]
    with pytest.raises(IncidentError, match="there is no company c1; correct its id"):
        square_comparison.candidates_of(Rows([]), named)


class TestLook:
    """With the database left out."""

    @pytest.fixture
    def books(self, monkeypatch: pytest.MonkeyPatch) -> list[Candidate]:
        """The candidates that the database has; the amount of the first is wrong itself."""
        candidates = [candidate(1, 20000), candidate(2, 20000)]
        wrong = [SimpleNamespace(company_id="c1", kind="amount_drift"), SimpleNamespace(company_id="c2", kind="payment_missing")]
        monkeypatch.setattr(square_comparison, "transaction", lambda *_arguments, **_options: nullcontext())
        monkeypatch.setattr(square_comparison, "candidates_of", lambda _connection, _terms: candidates)
        monkeypatch.setattr(square_comparison, "present_of", lambda _connection: None)
        monkeypatch.setattr(square_comparison, "examine", lambda _connection, _terms, _now, _companies: wrong)
        return candidates

    def look(self, base_url: str) -> Comparison:
        return square_comparison.look(Server("127.0.0.1", 5432, "a", "b", 2), "", TERMS, {}, base_url, 60)

    def test_what_may_be_set_is_what_is_right_itself(self, square: SquareControl, books: list[Candidate]) -> None:
        assert len(books) == 2
        assert [one.mend for one in self.look(square.base_url).differences] == ["recalculate", "approve"]

    def test_without_candidates_nobody_is_asked(self, books: list[Candidate], monkeypatch: pytest.MonkeyPatch) -> None:
        books.clear()
        monkeypatch.setattr(square_account, "MISSING_SDK", "squareup is missing")
        assert self.look("").told(10)["unknown"] is None

    def test_a_missing_library_is_no_failure(self, books: list[Candidate], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(square_account, "MISSING_SDK", "squareup is missing for this Python")
        assert (self.look("").unknown, len(books)) == ("squareup is missing for this Python", 2)

    def test_an_address_that_tokens_may_not_go_to_is_refused_first(self, books: list[Candidate]) -> None:
        books.clear()
        with pytest.raises(IncidentError, match="without TLS"):
            self.look("http://square.example.com")
