# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The review: its action items, what a person adds and says of them, and when it cannot be closed."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import review
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

Mapping = dict[str, t.Any]

NOW = "2026-11-24T08:00:00.000+00:00"
LISTS = [{"id": "timeline", "text": "Document the timeline", "hours": 24}, {"id": "train_team", "text": "Train | all", "hours": 168}]
NOTHING: Mapping = {
    "owner": "",
    "owners": {},
    "due": {},
    "severities": {},
    "items": [],
    "done": [],
    "not_done": [],
    "root_cause": "",
    "prevention": "",
}
RECORD: Mapping = {
    "id": "20261123-120000-db_failure-ab12",
    "kind": "db_failure",
    "title": "Database connection failure",
    "host": "sandbox",
    "severity": "P1",
    "outcome": "escalated",
    "opened_at": "2026-11-23T12:00:00.000+00:00",
    "resolved_at": None,
    "timeline": [{"at": "2026-11-23T12:00:30.000+00:00", "event": "escalated", "text": "x"}],
    "findings": [
        {"id": "lock_blocker", "decision": "leave", "reason": "too risky"},
        {"id": "postgres_stopped", "decision": "act", "escalate": "find out who"},
        {"id": "timeline", "decision": "act", "escalate": None},
    ],
}


def made(old: Mapping | None = None, record: Mapping | None = None, **asked: t.Any) -> Mapping:
    """The review with what is asked for."""
    return review.made(record or RECORD, old, LISTS, {**NOTHING, **asked}, NOW)


def item(found: Mapping, name: str) -> Mapping:
    """One of its items."""
    return next(one for one in found["items"] if one["id"] == name)


def test_the_items_are_those_of_the_report_and_of_the_lists_with_their_dates() -> None:
    found = made()
    assert [(one["id"], one["text"], one["due"], one["severity"], one["owner"]) for one in found["items"]] == [
        ("lock_blocker", "lock_blocker: too risky", "2026-11-24T12:00:30+00:00", "P1", ""),
        ("postgres_stopped", "postgres_stopped: find out who", "2026-11-30T12:00:30+00:00", "P1", ""),
        ("timeline", "Document the timeline", "2026-11-24T12:00:30+00:00", "P1", ""),
        ("train_team", "Train | all", "2026-11-30T12:00:30+00:00", "P1", ""),
    ]
    assert (found["closed_at"], found["made_at"]) == (None, NOW)


def test_dates_count_from_the_end_of_the_incident() -> None:
    assert item(made(record={**RECORD, "resolved_at": "2026-11-23T13:00:00.000+00:00"}), "timeline")["due"] == "2026-11-24T13:00:00+00:00"
    assert item(made(record={**RECORD, "timeline": []}), "timeline")["due"] == "2026-11-24T12:00:00+00:00"


def test_what_a_person_says_stays_and_the_same_again_changes_nothing() -> None:
    asked: Mapping = {
        "owner": "Ada",
        "owners": {"timeline": "Grace"},
        "due": {"timeline": "2026-12-01"},
        "severities": {"train_team": "P3"},
        "items": [{"text": "Buy a disk!", "owner": "Linus", "due": "2026-12-02T10:00+02:00", "severity": "P2"}],
        "done": ["lock_blocker"],
        "root_cause": "A script.",
        "prevention": "None.",
    }
    found = made(**asked)
    assert (item(found, "timeline")["owner"], item(found, "timeline")["due"]) == ("Grace", "2026-12-01T23:59:59+00:00")
    assert item(found, "train_team")["severity"] == "P3"
    assert item(found, "lock_blocker") | {"done_at": NOW, "owner": "Ada"} == item(found, "lock_blocker")
    own = item(found, "buy_a_disk")
    assert (own["owner"], own["due"], own["severity"]) == ("Linus", "2026-12-02T08:00:00+00:00", "P2")
    assert made(found, **asked) == found
    assert made(found) == found
    assert item(made(found, not_done=["lock_blocker"]), "lock_blocker")["done_at"] is None


def test_the_owner_of_all_takes_only_what_is_nobodys() -> None:
    assert item(made(made(owners={"timeline": "Grace"}), owner="Ada"), "timeline")["owner"] == "Grace"


def test_items_that_would_have_one_id_get_a_number() -> None:
    finding = {"id": "timeline", "decision": "leave", "reason": "r"}
    assert [one["id"] for one in made(record={**RECORD, "findings": [finding]})["items"]] == ["timeline", "timeline_2", "train_team"]
    own = made(items=[{"text": "Größe?"}, {"text": "Gr - e"}, {"text": "???"}])["items"][-3:]
    assert [one["id"] for one in own] == ["gr_e", "gr_e_2", "item"]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"severities": {"timeline": "P9"}}, "incident_review_severities gives timeline P9; there are P1, P2, P3, P4"),
        ({"items": [{"text": "x", "severity": "P9"}]}, "incident_review_items gives 'x' P9; there are P1"),
        ({"items": [{"text": " "}]}, "an item of incident_review_items has no text"),
        ({"done": ["x"], "not_done": ["x"]}, "x stands in incident_review_done and in incident_review_not_done"),
        (
            {"done": ["nothing"]},
            "incident_review_done names nothing, which is no action item of 20261123-120000-db_failure-ab12; there are lock",
        ),
        ({"owners": {"nothing": "Ada"}}, "incident_review_owners names nothing"),
        ({"due": {"timeline": "soon"}}, "incident_review_due for timeline says soon, which is no date; write it as 2026-12-01"),
        ({"items": [{"text": "x", "due": "31.12."}]}, "incident_review_items, 'x', says 31.12., which is no date"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(asked: Mapping, sentence: str) -> None:
    with pytest.raises(IncidentError) as error:
        made(**asked)
    assert sentence in str(error.value)


def test_with_open_p1_items_it_cannot_be_closed() -> None:
    found = made(done=["lock_blocker", "postgres_stopped"], severities={"train_team": "P2"})
    with pytest.raises(IncidentError) as error:
        review.settle(found, True, NOW)
    told = f"{RECORD['id']} cannot be closed: 1 P1 action item is open (timeline); do them and name them in incident_review_done"
    assert str(error.value) == told
    with pytest.raises(IncidentError, match=r"2 P1 action items are open \(timeline, train_team\)"):
        review.settle(made(done=["lock_blocker", "postgres_stopped"]), True, NOW)


def test_it_is_closed_once_and_opened_by_a_p1_item() -> None:
    found = made(done=["lock_blocker", "postgres_stopped", "timeline"], severities={"train_team": "P2"})
    review.settle(found, False, NOW)
    assert found["closed_at"] is None
    review.settle(found, True, NOW)
    review.settle(found, True, "2027-01-01T00:00:00+00:00")
    assert found["closed_at"] == NOW
    assert [one["id"] for one in review.open_items(found)] == ["train_team"]
    again = made(found, not_done=["timeline"])
    review.settle(again, False, NOW)
    assert again["closed_at"] is None


def test_the_review_as_markdown() -> None:
    found = made(owner="Ada", done=["timeline"], prevention="No\x07 script.")
    item(found, "timeline")["issue"] = {"number": 7, "url": "https://example.com/7", "state": "closed"}
    text = review.markdown(found)
    for line in (
        "# Review: Database connection failure",
        "**Status**: Escalated  ",
        "**Review**: open",
        "See the report; nothing was added to it.",
        "No\ufffd script.",
        "| ☐ | Train \\| all | `train_team` | P1 | Ada | 2026-11-30 12:00:30 UTC |  |  |",
    ):
        assert line in text.splitlines(), line
    assert "| Ada | 2026-11-24 12:00:30 UTC | 2026-11-24 08:00:00 UTC | https://example.com/7 |" in text
    assert "**Review**: closed 2026-11-24 08:00:00 UTC" in review.markdown({**found, "closed_at": NOW})
