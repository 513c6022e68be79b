# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Setting prices and putting them back: what came of a call whose answer was lost, whether a price is still ours, and the diffs."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from decimal import Decimal

import pytest
from square_control import SquareControl, started
from square_simulator import entry, token_of

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import row_change, square_override, square_price, square_undo
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.billing_guards import Guards
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.billing_terms import Terms
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.password_login import Server
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_account import (
    Accounts,
    AtSquare,
    SquareAccount,
    SquareUnclear,
)
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_comparison import (
    Candidate,
    Comparison,
    Difference,
    compare,
)
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_credentials import StoredCredentials
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_price import Price

LOGIN = Server("127.0.0.1", 5432, "application", "books", 2)
GUARDS = Guards(10, 1.0, 10**6, 10**6, 0)
TERMS = Terms(Decimal(50), True, None, None)
CANDIDATE = Candidate("c1", "Cedar", "s1", "sub-1", 15000, token_of(1), False)


@pytest.fixture
def square(tmp_path: t.Any) -> Iterator[SquareControl]:
    with started(tmp_path) as control:
        control.ask("POST", "/_sim/subscriptions", {"subscriptions": [entry(1, override_cents=20000)]})
        yield control


@pytest.fixture
def account(square: SquareControl) -> Iterator[SquareAccount]:
    with ExitStack() as stack:
        yield Accounts(stack).account(token_of(1), square.base_url)


def attempt(account: SquareAccount, before: AtSquare) -> square_override.Outcome:
    return square_override._attempt(account, before, 15000, "USD")


def test_a_price_is_set(square: SquareControl, account: SquareAccount) -> None:
    outcome = attempt(account, account.subscription("sub-1"))
    assert outcome.state == square_price.DONE
    assert outcome.written is not None and outcome.written.version == 2
    assert square.prices()["sub-1"] == (2, 15000)


def test_a_conflict_is_refused_and_nothing_is_overwritten(square: SquareControl, account: SquareAccount) -> None:
    before = account.subscription("sub-1")
    square.set_price("sub-1", 9900)
    outcome = attempt(account, before)
    assert (outcome.state, outcome.written) == (square_price.REFUSED, None)
    assert "409 CONFLICT" in outcome.reason
    assert square.prices()["sub-1"] == (2, 9900)


def test_an_answer_that_is_lost_is_found_by_looking(square: SquareControl, account: SquareAccount) -> None:
    before = account.subscription("sub-1")
    square.fault("close_after", count=1, match={"method": "PUT"})
    outcome = attempt(account, before)
    assert outcome.state == square_price.DONE
    assert outcome.written is not None and outcome.written.version == 2


def test_where_square_is_gone_nobody_knows(square: SquareControl, account: SquareAccount) -> None:
    before = account.subscription("sub-1")
    square.fault("square_down")
    assert attempt(account, before).state == square_price.UNKNOWN
    # It may still be on its way when Square answers again and shows the old version.
    square.fault("square_down", count=1)
    outcome = attempt(account, before)
    assert (outcome.state, outcome.written) == (square_price.UNKNOWN, None)
    assert "503" in outcome.reason


def test_an_answer_of_another_form_leaves_it_open(account: SquareAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    before = account.subscription("sub-1")

    def unclear(*_arguments: t.Any) -> None:
        raise SquareUnclear("not the form of its API")

    monkeypatch.setattr(account, "override_price", unclear)
    assert attempt(account, before) == square_override.Outcome(square_price.UNKNOWN, None, "not the form of its API", is_down=False)


def price(state: str = square_price.DONE, before_cents: int | None = 20000, after_version: int | None = 4) -> Price:
    return Price(1, "c1", "Cedar", "s1", "sub-1", "USD", before_cents, 3, 15000, after_version, state, token_of(1), False)


def found(cents: int | None, version: int) -> AtSquare:
    return AtSquare("sub-1", "ACTIVE", version, "plan", cents, "USD")


@pytest.mark.parametrize(
    ("one", "at_square", "ours", "action"),
    [
        (price(), found(15000, 4), None, square_undo.RESTORE),
        (price(), found(15000, 5), None, square_undo.KEEP),
        (price(), found(15000, 9), 9, square_undo.RESTORE),
        (price(), found(9900, 5), None, square_undo.KEEP),
        (price(), found(None, 5), None, square_undo.KEEP),
        (price(), found(20000, 6), None, square_undo.NOTHING),
        (price(before_cents=None), found(None, 6), None, square_undo.NOTHING),
        (price(before_cents=None), found(15000, 4), None, square_undo.RESTORE),
        (price(square_price.INTENT, after_version=None), found(20000, 3), None, square_undo.NOTHING),
        (price(square_price.INTENT, after_version=None), found(15000, 4), None, square_undo.RESTORE),
        (price(square_price.UNKNOWN, after_version=None), found(9900, 5), None, square_undo.KEEP),
    ],
)
def test_only_what_is_still_ours_is_put_back(one: Price, at_square: AtSquare, ours: int | None, action: str) -> None:
    back = square_undo.judged(one, at_square, ours)
    assert (back.action, back.version) == (action, at_square.version)
    assert bool(back.reason) == (action != square_undo.RESTORE)


def test_a_price_that_stays_says_what_is_charged() -> None:
    assert square_undo.judged(price(), found(None, 5), None).reason.endswith("it charges the price of the plan under version 5")
    assert square_undo.judged(price(before_cents=None), found(15000, 4), None).told()["after"] is None


def test_a_change_and_its_diff() -> None:
    change = Difference(CANDIDATE, found(None, 3), 20000, "USD", "approve")
    told = square_override.told_change(change, 4)
    assert told["before"] == {"charged": "200.00", "price_override": None}
    assert told["after"] == {"charged": "150.00", "price_override": "150.00"}
    assert (told["before_version"], told["after_version"], told["difference_cents"]) == (3, 4, -5000)
    diff = square_override.diff_of([told, told], 1, lambda side: side["price_override"])
    assert diff["before"] == "Cedar: sub-1: the price of the plan\n... and 1 more prices\n"
    assert diff["after"] == "Cedar: sub-1: 150.00\n... and 1 more prices\n"


class Kept:
    """The database as far as these functions go: the entries of the prices, and one stored amount."""

    def __init__(self) -> None:
        self.entries: list[Price] = []
        self.undone: set[int] = set()
        self.stored_cents = 15000

    @contextmanager
    def transaction(self, *_arguments: t.Any, **_timeouts: t.Any) -> Iterator[None]:
        yield None

    def intend(self, _connection: t.Any, values: t.Sequence[t.Any]) -> int:
        _incident, company, subscription, identity, currency, before_cents, before_version, after_cents = values
        number = len(self.entries)
        images = (currency, before_cents, before_version, after_cents, None, square_price.INTENT, token_of(1), False)
        self.entries.append(Price(number, company, "Cedar", subscription, identity, *images))
        return number

    def settle(self, _connection: t.Any, number: int, state: str, version: int | None, _reason: str | None) -> None:
        self.entries[number] = self.entries[number]._replace(state=state, after_version=version)

    def prices_of(self, _connection: t.Any, _incident: str) -> list[Price]:
        return [one for one in reversed(self.entries) if one.id not in self.undone and one.state != square_price.REFUSED]


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    """Instead of PostgreSQL."""
    made = Kept()
    for module in (square_override, square_undo):
        monkeypatch.setattr(module, "transaction", made.transaction)
    monkeypatch.setattr(row_change, "take_lock", lambda _connection, _incident: None)
    monkeypatch.setattr(square_price, "make_table", lambda _connection: None)
    monkeypatch.setattr(square_price, "mark_undone", lambda _connection, number: made.undone.add(number))
    for name in ("intend", "settle", "prices_of"):
        monkeypatch.setattr(square_price, name, getattr(made, name))
    monkeypatch.setattr(square_override, "_stored_now", lambda _connection, _subscription: made.stored_cents)
    return made


class Scene(t.NamedTuple):
    """A run of the writer or of its undo against the simulator, with what a look found."""

    square: SquareControl
    run: square_override.Run
    monkeypatch: pytest.MonkeyPatch

    def override(self, comparison: Comparison | None = None, check_mode: bool = False) -> dict[str, t.Any]:
        looked = comparison or compare([CANDIDATE], StoredCredentials(""), self.square.base_url)
        self.monkeypatch.setattr(square_override, "look", lambda *_arguments: looked)
        return square_override.override(square_override.Books(LOGIN, "", {}), TERMS, self.run, GUARDS, check_mode)

    def put_back(self, check_mode: bool = False) -> dict[str, t.Any]:
        return square_undo.put_back(square_override.Books(LOGIN, "", {}), self.run, check_mode)


@pytest.fixture
def scene(square: SquareControl, kept: Kept, monkeypatch: pytest.MonkeyPatch) -> Scene:
    assert kept.entries == []
    options = {"incident": "I", "limit": 10, "diff_limit": 10, "statement_timeout": 60, "lock_timeout": 5}
    return Scene(square, square_override.Run.of({**options, "square_base_url": square.base_url}), monkeypatch)


def test_a_run_its_undo_and_both_again(scene: Scene, kept: Kept) -> None:
    assert scene.override(check_mode=True)["changes"][0]["after_version"] is None
    assert scene.square.prices()["sub-1"] == (1, 20000)
    done = scene.override()
    assert [one["after_version"] for one in done["changes"]] == [2]
    assert [(one.state, one.after_version) for one in kept.entries] == [(square_price.DONE, 2)]
    assert scene.override()["changed"] is False
    assert scene.put_back(check_mode=True)["undone_count"] == 1
    assert scene.put_back()["undone_count"] == 1
    assert scene.square.prices()["sub-1"] == (3, 20000)
    again = scene.put_back()
    assert (again["changed"], again["undone_count"], again["kept_count"]) == (False, 0, 0)


def test_a_look_that_is_too_old_conflicts_and_the_entry_is_refused(scene: Scene, kept: Kept) -> None:
    looked = compare([CANDIDATE], StoredCredentials(""), scene.square.base_url)
    scene.square.set_price("sub-1", 9900)
    done = scene.override(looked)
    assert (done["changed"], "409 CONFLICT" in done["left"][0]["reason"]) == (False, True)
    assert [one.state for one in kept.entries] == [square_price.REFUSED]
    assert scene.put_back()["undone_count"] == 0


def test_an_amount_that_has_changed_meanwhile_is_not_even_intended(scene: Scene, kept: Kept) -> None:
    kept.stored_cents = 1
    assert "changed meanwhile" in scene.override()["left"][0]["reason"]
    assert kept.entries == []


def test_after_square_went_down_the_rest_is_left(scene: Scene, kept: Kept) -> None:
    looked = compare([CANDIDATE], StoredCredentials(""), scene.square.base_url)
    looked.differences *= 2
    scene.square.fault("square_down")
    done = scene.override(looked)
    assert ["503" in one["reason"] for one in done["left"]] == [True, True]
    assert [one.state for one in kept.entries] == [square_price.UNKNOWN]
    assert scene.put_back()["kept_count"] == 1
    scene.square.fault(None)
    # Square shows the price of before: nothing was set.
    assert (scene.put_back()["undone_count"], kept.undone) == (0, {0})


def test_square_that_cannot_be_asked_stops_the_run(scene: Scene) -> None:
    with pytest.raises(IncidentError, match="nobody answers; nothing was written"):
        scene.override(Comparison(1, unknown="nobody answers"))


class Cursor:
    """Remembers what it is asked, and gives the answers that it was made with, one for each question."""

    def __init__(self, *answers: list[tuple[t.Any, ...]]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, t.Any]] = []
        self._rows: list[tuple[t.Any, ...]] = []

    def cursor(self) -> t.Any:
        return nullcontext(self)

    def execute(self, statement: str, values: t.Any = None) -> None:
        self.asked.append((" ".join(statement.split())[:40], values))
        self._rows = self.answers.pop(0) if self.answers else []

    def fetchone(self) -> tuple[t.Any, ...] | None:
        return self._rows[0] if self._rows else None

    def __iter__(self) -> Iterator[tuple[t.Any, ...]]:
        return iter(self._rows)


def test_without_the_table_there_is_nothing_to_put_back() -> None:
    assert square_price.prices_of(Cursor([(False,)]), "I") == []
    assert square_price.is_known(Cursor([(False,)]), "I") is False
    assert square_price.is_known(Cursor([(True,)], [(True,)]), "I") is True


def test_the_table_is_made_once() -> None:
    for there, questions in ((True, 1), (False, 2)):
        cursor = Cursor([(there,)])
        square_price.make_table(cursor)
        assert len(cursor.asked) == questions


def test_entries_are_kept_settled_and_read() -> None:
    assert square_price.intend(Cursor([(7,)]), ["I", "c1", "s1", "sub-1", "USD", None, 3, 15000]) == 7
    settled = Cursor()
    square_price.settle(settled, 7, square_price.DONE, 4, None)
    square_price.mark_undone(settled, 7)
    assert [values for _statement, values in settled.asked] == [("done", 4, None, 7), (7,)]
    assert square_price.prices_of(Cursor([(True,)], [tuple(price())]), "I") == [price()]


def test_the_stored_amount_is_read_in_cents() -> None:
    assert square_override._stored_now(Cursor([(15000,)]), "s1") == 15000
    assert square_override._stored_now(Cursor(), "s1") is None
