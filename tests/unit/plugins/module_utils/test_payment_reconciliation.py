# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the database and Square disagree about payments: what it is called, what is done, and what is left alone."""

from __future__ import annotations

import json
import typing as t
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import date, datetime, timedelta, timezone

import pytest
from kept_payments import BEGINS, ENDS, NOW, PERIOD, account, token, unpaid
from square_control import SquareControl, free_port, started

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import (
    payment_audit,
    payment_books,
    payment_ledger,
    payment_options,
    payment_reconciliation,
    payment_resolution,
    row_change,
    square_payments,
)
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.password_login import Server
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_accounts import Listing
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_books import PaymentBooks
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_difference import Entry, differences
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_intent import Intent
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_ledger import AtSquare, Subscriber
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_reconciliation import Run, reconcile
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_schedule import Turn
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_payments import Seen

SINCE = NOW - timedelta(days=45)
ROW = unpaid(1).payment_id
DEFAULTS = {name: option.get("default") for name, option in payment_options.PAYMENT_OPTIONS.items()}


def entry(**other: t.Any) -> Entry:
    made = Entry(ROW, "company-1", "Company 1", "subscription-1", 5000, "failed", None, None, PERIOD, BEGINS, ENDS, "customer-1", False)
    return made._replace(**other)


def paid(identity: str = "p1", **other: t.Any) -> Seen:
    moment = NOW - timedelta(days=1)
    made = Seen(identity, "COMPLETED", 5000, "USD", moment, moment, "L1", "customer-1", ROW, None, "ccof:card-1", 0, None)
    return made._replace(**other)


def found(entries: Sequence[Entry], *payments: Seen) -> list[tuple[str, str, str | None]]:
    """Kind, what is done, and the payment at Square."""
    told = [one.told() for one in differences(entries, Listing(payments, 0.0), SINCE, "USD")]
    return [(one["kind"], one["mend"], one["square_payment_id"]) for one in told]


@pytest.mark.parametrize(
    ("here", "there", "differs"),
    [
        (entry(), [], []),
        (entry(), [paid(status="FAILED")], []),
        (entry(), [paid(status="PENDING")], []),
        (entry(), [paid()], [("paid_at_square", "record", "p1")]),
        (entry(status="pending"), [paid(cents=4000)], [("paid_at_square", "record", "p1")]),
        # An amount of another currency is never written down as one of ours.
        (entry(), [paid(currency="CAD")], [("amount_differs", "person", "p1")]),
        (entry(status="succeeded", square_payment_id="p1"), [paid(currency="CAD")], [("amount_differs", "person", "p1")]),
        (entry(failure="voided: duplicate of another"), [], []),
        (entry(), [paid(refunded_cents=5000)], [("refunded_at_square", "person", "p1")]),
        # With an id it is charged by nobody: a person has to know.
        (entry(square_payment_id="p1"), [paid(status="FAILED")], [("failed_at_square", "person", "p1")]),
        (entry(square_payment_id="p1"), [paid(status="PENDING")], []),
        (entry(square_payment_id="p1"), [], []),
        (entry(status="succeeded", square_payment_id="p1"), [paid()], []),
        (entry(status="succeeded", square_payment_id="p1"), [paid(reference=None)], []),
        (entry(status="succeeded", square_payment_id="p1"), [paid(cents=4000)], [("amount_differs", "person", "p1")]),
        (entry(status="succeeded", square_payment_id="p1"), [paid(status="FAILED")], [("paid_here_only", "person", "p1")]),
        (entry(status="succeeded", square_payment_id="p1"), [paid(refunded_cents=5000)], [("refunded_at_square", "person", "p1")]),
        (entry(status="succeeded", square_payment_id="p1"), [], [("paid_here_only", "person", "p1")]),
        (entry(status="succeeded"), [], [("paid_here_only", "person", None)]),
        (entry(status="succeeded", square_payment_id="p0"), [paid()], [("paid_here_only", "person", "p1")]),
        (entry(status="succeeded", square_payment_id="p1", begins_at=SINCE - timedelta(days=1)), [], []),
        (entry(status="refunded", square_payment_id="p1"), [paid(refunded_cents=5000)], []),
        (entry(status="succeeded", square_payment_id="p2"), [paid(), paid("p2")], [("charged_twice", "refund", "p1")]),
        (entry(), [paid(), paid("p2")], [("charged_twice", "refund", "p2"), ("paid_at_square", "record", "p1")]),
        # Square's own billing refers to nothing; without a subscription there it is somebody else's doing.
        (entry(by_square=True), [paid(reference=None)], [("paid_at_square", "record", "p1")]),
        (entry(by_square=False), [paid(reference=None)], [("unknown_here", "person", "p1")]),
        (entry(by_square=True), [paid(reference=None, created_at=ENDS + timedelta(days=2))], [("unknown_here", "person", "p1")]),
        (entry(by_square=True), [paid(reference=None, customer="another")], []),
    ],
)
def test_differences(here: Entry, there: list[Seen], differs: list[tuple[str, str, str | None]]) -> None:
    assert found([here], *there) == differs


def test_a_payment_counts_for_one_row_only() -> None:
    earlier = entry(payment_id="october", status="succeeded", square_payment_id="p1", by_square=True)
    assert found([earlier, entry(by_square=True)], paid(reference=None)) == []
    twin = entry(payment_id="twin", by_square=True)
    assert found([entry(by_square=True), twin], paid(reference=None)) == [("paid_at_square", "record", "p1")]


def test_the_newest_state_of_a_payment_counts_whatever_the_order() -> None:
    old, new = paid(status="PENDING", updated_at=NOW - timedelta(days=2)), paid(updated_at=NOW)
    for order in ([old, new], [new, old], [new, old, new]):
        listing = Listing([], 0.0)
        for one in order:
            listing.take_in([one])
        assert [one.status for one in listing.referring(ROW)] == ["COMPLETED"]


def subscriber(**other: t.Any) -> Subscriber:
    made = Subscriber(
        *("subscription-1", "company-1", "Company 1", "past_due", True, None, "customer-1", "ccof:card-1"),
        *(False, token(1), "L1", True, True),
    )
    return made._replace(**other)


def intent(**other: t.Any) -> Intent:
    values: dict[str, t.Any] = dict.fromkeys(Intent._fields, "x")
    known = {"id": 1, "company_id": "company-1", "subscription_id": "subscription-1", "payment_id": ROW, "period": PERIOD, "attempt": 2}
    later = {"amount_cents": 5000, "state": "UNKNOWN", "code": None, "square_payment_id": None, "at": NOW, "called_at": NOW}
    return Intent(**{**values, **known, **later, **other})


@pytest.mark.parametrize(
    ("payments", "is_late", "state", "code"),
    [
        ([paid()], False, "SUCCEEDED", None),
        ([paid(status="PENDING")], True, None, None),
        ([paid(status="FAILED", note="Circuit Sage, 2026-11, attempt 2", code="CARD_EXPIRED")], False, "DECLINED", "CARD_EXPIRED"),
        ([paid(status="FAILED", note="Circuit Sage, 2026-11, attempt 1")], False, None, None),
        ([paid(status="FAILED", note="Circuit Sage, 2026-11, attempt 1")], True, "DECLINED", "NEVER_ARRIVED"),
        ([], False, None, None),
        ([], True, "DECLINED", "NEVER_ARRIVED"),
    ],
)
def test_what_a_listing_says_of_an_intent(payments: list[Seen], is_late: bool, state: str | None, code: str | None) -> None:
    outcome = payment_resolution.looked_up(intent(), payments, is_late)
    assert (outcome and outcome.state, outcome and outcome.code) == (state, code)


@pytest.mark.parametrize(
    ("here", "there", "mend"),
    [
        ({"status": "active"}, "ACTIVE", None),
        ({"status": "active"}, "CANCELED", "record"),
        ({"status": "past_due"}, "DEACTIVATED", "person"),
        ({"status": "canceled"}, "ACTIVE", "person"),
        ({"status": "active", "is_deleted": True}, "PENDING", "person"),
        ({"status": "expired"}, "CANCELED", None),
        ({"status": "active"}, None, None),
    ],
)
def test_the_states_of_subscriptions(here: dict[str, t.Any], there: str | None, mend: str | None) -> None:
    statuses = {} if there is None else {"subscription-1": there}
    told = payment_audit.status_differences([subscriber(**here)], statuses)
    assert [one["mend"] for one in told] == ([] if mend is None else [mend])


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SquareControl]:
    with started(tmp_path_factory.mktemp("square")) as control:
        control.listing(0)
        control.accounts([account(1)])
        yield control


@pytest.fixture
def square(simulator: SquareControl) -> SquareControl:
    simulator.reset()
    return simulator


class Writer:
    """Remembers what is written. As many rows are changed as were given, unless somebody has changed them meanwhile."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.meanwhile = False
        self.rowcount = 0
        self.connection = self

    def cursor(self) -> t.Any:
        return nullcontext(self)

    def execute(self, text: str, values: t.Any = None) -> None:
        self.written.append(text)
        given = json.loads(values["rows"]) if isinstance(values, dict) and "rows" in values else []
        self.rowcount = 0 if self.meanwhile else len(given)

    def fetchone(self) -> tuple[bool]:
        return (True,)

    def fetchall(self) -> list[tuple[int]]:
        return [(1,)]


class Scene:
    """What a look at the database gave, and what is written to it."""

    def __init__(self, square_url: str, monkeypatch: pytest.MonkeyPatch, environment: str = "sandbox") -> None:
        books = PaymentBooks(Server("127.0.0.1", 5432, "sage", "books", 1), "s3cret", {}, 60, 5)
        given = {"square_base_url": square_url, "square_environment": environment}
        self.scope = payment_options.scope_in(books, {**DEFAULTS, **given})
        self.writer = Writer()
        # The simulator's clock is that of today.
        now = datetime.now(timezone.utc)
        row = unpaid(1)
        turns = {row.payment_id: Turn("must_act", "the card was refused")}
        here = entry(begins_at=now - timedelta(days=20), ends_at=now + timedelta(days=10))
        self.seen = payment_audit.Seen(now, [row], turns, [], [here], [subscriber()])

        @contextmanager
        def transaction(*_where: t.Any, **_how: t.Any) -> Iterator[Writer]:
            yield self.writer

        monkeypatch.setattr(payment_books, "transaction", transaction)
        monkeypatch.setattr(row_change, "take_lock", lambda _connection, _incident: None)
        for module in (payment_audit, payment_reconciliation):
            monkeypatch.setattr(module, "seen_of", lambda _scope, _days: self.seen)

    def audit(self, ask_square: bool = True) -> dict[str, t.Any]:
        return payment_audit.audit(self.scope, 45, ask_square)

    def reconcile(self, check_mode: bool = False) -> dict[str, t.Any]:
        return reconcile(self.scope, Run("I", 45, 1), check_mode)


@pytest.fixture
def scene(square: SquareControl, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(square.base_url, monkeypatch)


def test_what_square_has_and_the_database_not_is_recorded(scene: Scene, square: SquareControl) -> None:
    payment = square.pay(4000, merchant_id="merchant-1", customer_id="customer-1", reference_id=ROW)
    planned = scene.reconcile(check_mode=True)
    assert scene.writer.written == []
    done = scene.reconcile()
    assert done["changes"] == planned["changes"]
    assert [(one["kind"], one["after"]["status"]) for one in done["changes"]] == [
        ("payment_recorded", "succeeded"),
        ("subscription_active", "active"),
    ]
    assert (done["changes"][0]["before"]["amount"], done["changes"][0]["after"]["amount"]) == ("50.00", "40.00")
    assert f"square_payment_id {payment['id']}" in done["diff"]["after"]
    assert done["diff"]["before"].endswith("... and 1 more changes\n")
    assert done["events"]["seen"] == done["events"]["new"] > 0
    scene.writer.meanwhile = True
    with pytest.raises(IncidentError, match="somebody has changed the same rows meanwhile"):
        scene.reconcile()


def test_an_intent_is_settled_by_what_square_shows(scene: Scene, square: SquareControl) -> None:
    payment = square.pay(5000, merchant_id="merchant-1", reference_id=ROW)
    scene.seen = scene.seen._replace(intents=[intent(), intent(company_id="another", payment_id="another")])
    done = scene.reconcile()
    assert [(one["state"], one["square_payment_id"]) for one in done["settled"]] == [("SUCCEEDED", payment["id"])]
    # Its settlement pays the row and makes the subscription active; neither is taken back.
    assert done["changes"] == []


def test_what_needs_a_person_is_left(scene: Scene, square: SquareControl) -> None:
    first = square.pay(5000, merchant_id="merchant-1", reference_id=ROW)
    second = square.pay(5000, merchant_id="merchant-1", reference_id=ROW)
    scene.seen = scene.seen._replace(
        entries=[scene.seen.entries[0]._replace(status="succeeded", square_payment_id=first["id"])],
        rows=[],
        subscribers=[subscriber(status="active")],
    )
    done = scene.reconcile()
    assert (done["changed"], done["counts"]["left"], scene.writer.written) == (False, 1, [])
    assert [(one["kind"], one["square_payment_id"], one["approval"]) for one in done["proposals"]] == [("refund", second["id"], "required")]


def test_a_subscription_follows_square(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    statuses = {"subscription-1": "CANCELED"}
    monkeypatch.setattr(payment_reconciliation, "look", lambda *_facts, **_how: AtSquare(statuses=statuses))
    assert [one["kind"] for one in scene.reconcile()["changes"]] == ["subscription_canceled"]
    statuses["subscription-1"] = "PAUSED"
    done = scene.reconcile()
    assert (done["changes"], done["counts"]["left_statuses"]) == ([], 1)


def test_without_square_nothing_is_written_and_the_audit_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(f"http://127.0.0.1:{free_port()}", monkeypatch)
    with pytest.raises(IncidentError, match=r"Square does not answer at .* nothing was written"):
        scene.reconcile()
    told = scene.audit()
    assert "does not answer" in told["unknown"]["square"]
    assert [one["verdict"] for one in told["failed_payments"]] == ["must_act"]
    assert [(one["stuck"], one["owed"]) for one in told["past_due"]] == [(False, "50.00")]
    assert scene.audit(ask_square=False)["unknown"] == {"square": "it was not asked"}
    monkeypatch.setattr(square_payments, "MISSING_SDK", "squareup is missing")
    assert scene.audit()["unknown"] == {"square": "squareup is missing"}
    scene.seen = scene.seen._replace(subscribers=[subscriber(stored_token="00:11:22")])
    monkeypatch.setattr(square_payments, "MISSING_SDK", None)
    assert "the env file has no ENCRYPTION_KEY" in scene.audit()["unknown"]["square"]


def test_the_audit_of_an_account(scene: Scene, square: SquareControl) -> None:
    now = scene.seen.now
    pending = unpaid(2, status="pending", created_at=now - timedelta(hours=25), company_id="company-1", subscription_id="s2")
    fresh = unpaid(3, status="pending", created_at=now, company_id="company-1", subscription_id="s3")
    turns = {**scene.seen.turns, pending.payment_id: Turn("due"), fresh.payment_id: Turn("person")}
    gone = subscriber(subscription_id="s2", company_id="company-9", card="ccof:none", status="active", owes=False)
    scene.seen = scene.seen._replace(
        rows=[*scene.seen.rows, pending, fresh], turns=turns, intents=[intent()], subscribers=[*scene.seen.subscribers, gone]
    )
    payment = square.pay(5000, merchant_id="merchant-1", customer_id="customer-1", reference_id=ROW)
    square.set_card("ccof:card-1", enabled=False)
    told = scene.audit()
    square.set_card("ccof:card-1", enabled=True)
    assert (told["asked"], told["unknown"], told["persons"]) == (2, {}, 1)
    assert [one["payment_id"] for one in told["stuck"]] == [pending.payment_id]
    # The first has paid at Square, which the books do not know yet.
    assert [one["payment_link_text"].split(":")[0] for one in told["customers"]] == ["Company 2"]
    assert [(one["company"], one["attempt"], one["state"]) for one in told["unknown_payments"]] == [("Company 1", 2, "UNKNOWN")]
    assert [one["reason"] for one in told["cards_gone"]] == ["Square has disabled the card", "Square has no such card"]
    assert [(one["kind"], one["square_payment_id"]) for one in told["differences"]] == [("paid_at_square", payment["id"])]
    assert [(one["stuck"], one["why"]) for one in told["past_due"]] == [(True, "what is owed here is paid at Square; reconcile it")]
    assert (told["webhooks_missed"]["payments"], told["webhooks_missed"]["first_at"] is not None) == (1, True)
    assert token(1) not in json.dumps(told)


@pytest.mark.parametrize(
    ("turn", "reason"),
    [
        (Turn("must_act", "the card was refused"), "the card was refused"),
        (Turn("wait", "its next attempt is due at 2026-12-01 10:00 UTC"), "the stored card is gone at Square"),
        (Turn("due"), "the stored card is gone at Square"),
        (Turn("open", "an attempt of this period has no outcome yet"), None),
        (Turn("paid", "its period is paid by another payment"), None),
        (Turn("ended", "its subscription is canceled"), None),
    ],
)
def test_who_is_asked_to_pay_where_the_card_is_gone(scene: Scene, square: SquareControl, turn: Turn, reason: str | None) -> None:
    """Not who has paid, or may have."""
    scene.seen = scene.seen._replace(turns={scene.seen.rows[0].payment_id: turn})
    square.set_card("ccof:card-1", enabled=False)
    told = scene.audit()
    square.set_card("ccof:card-1", enabled=True)
    assert [one["reason"] for one in told["customers"]] == ([reason] if reason else [])


def test_nothing_owed_and_still_past_due_is_stuck(scene: Scene) -> None:
    scene.seen = scene.seen._replace(rows=[], turns={}, entries=[])
    assert [(one["stuck"], one["why"]) for one in scene.audit()["past_due"]] == [(True, "nothing is owed; its status was left behind")]
    assert [one["kind"] for one in scene.reconcile()["changes"]] == ["subscription_active"]


def test_an_account_that_refuses_is_named(scene: Scene, square: SquareControl) -> None:
    square.fault("token_expired", match={"path": "/v2/payments"})
    told = scene.audit()
    assert [one["company"] for one in told["unreadable"]] == ["Company 1"]
    assert "401 ACCESS_TOKEN_EXPIRED" in told["unreadable"][0]["reason"]
    # Events may be switched off; the payments are compared all the same.
    square.fault("scope_missing", match={"path": "/v2/events"})
    told = scene.audit()
    assert ("403" in told["unknown"]["events"], told["unreadable"]) == (True, [])


def test_payments_without_money_in_production(square: SquareControl, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene("", monkeypatch, "production")
    scene.seen = scene.seen._replace(entries=[entry(status="succeeded"), entry()])
    told = scene.audit(ask_square=False)
    assert [one["reason"] for one in told["sandbox_payments"]] == ["it was paid in Square's sandbox, where no money moves"]


@pytest.mark.parametrize("days", [0, 365])
def test_square_shows_a_year(days: int) -> None:
    with pytest.raises(IncidentError, match=f"since_days is {days}"):
        payment_audit.since_of(NOW, days)


class Rows:
    """Gives these rows to any statement."""

    def __init__(self, *rows: tuple[t.Any, ...]) -> None:
        self._rows = rows

    def cursor(self) -> t.Any:
        return nullcontext(self)

    def execute(self, _text: str, _values: t.Any = None) -> None:
        return None

    def fetchone(self) -> tuple[t.Any, ...]:
        return (NOW,)

    def fetchall(self) -> list[tuple[t.Any, ...]]:
        return []

    def __iter__(self) -> Iterator[tuple[t.Any, ...]]:
        return iter(self._rows)


def test_rows_become_entries_and_subscribers() -> None:
    assert payment_ledger.entries_of(Rows(tuple(entry())), None, SINCE) == [entry()]
    assert payment_ledger.subscribers_of(Rows(tuple(subscriber())), ["c"])[0].firm.company == "Company 1"


def test_one_look_at_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def transaction(*_where: t.Any, **_how: t.Any) -> Iterator[Rows]:
        yield Rows()

    monkeypatch.setattr(payment_books, "transaction", transaction)
    books = PaymentBooks(Server("127.0.0.1", 5432, "sage", "books", 1), "s3cret", {}, 60, 5)
    seen = payment_audit.seen_of(payment_options.scope_in(books, DEFAULTS), 45)
    assert (seen.now, seen.rows, seen.entries) == (NOW, [], [])
    assert seen.now.date() == date(2026, 11, 24)
