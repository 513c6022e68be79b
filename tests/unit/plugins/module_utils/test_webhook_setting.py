# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of address and key of the webhook is wrong."""

from __future__ import annotations

import json

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import webhook_setting
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.container_log import Line
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_webhook import WebhookSubscription
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.webhook_setting import KEY, URL, Setting

ADDRESS, SECRET = "https://sage.example/api/payments/webhook/square", "signature-key-of-square"
RIGHT = Setting(ADDRESS, SECRET)


def subscription(identity: str = "wbhk_1", url: str = ADDRESS, key: str = SECRET, **more: bool) -> WebhookSubscription:
    return WebhookSubscription(identity, "Sage", more.get("enabled", True), url, key, more.get("tells", True))


@pytest.mark.parametrize(
    ("file", "wrong"),
    [
        (RIGHT, []),
        (Setting(f"{ADDRESS}/", SECRET), ["url"]),
        (Setting(ADDRESS.replace("https", "http"), SECRET), ["url"]),
        (Setting("", SECRET), ["url"]),
        (Setting(ADDRESS, "another-key"), ["signature"]),
        (Setting(f"{ADDRESS}/", "another-key"), ["url", "signature"]),
        # The released application checks nothing, so that nothing is wrong.
        (Setting("", ""), []),
        (Setting(ADDRESS, ""), []),
    ],
)
def test_what_is_wrong(file: Setting, wrong: list[str]) -> None:
    told = webhook_setting.told(file, [file], [subscription()], {})
    assert (told["wrong"], told["subscription"], told["stale"]) == (wrong, "wbhk_1", [])
    assert told["wrong_variables"] == [{"url": URL, "signature": KEY}[one] for one in wrong]


def test_keys_are_told_apart_and_not_shown() -> None:
    other = Setting(ADDRESS, "another-key-of-somebody")
    told = webhook_setting.told(other, [RIGHT], [subscription()], {})
    assert SECRET not in json.dumps(told) and "another-key" not in json.dumps(told)
    assert told["env_file"]["signature"] != told["subscriptions"][0]["signature"] == told["container"]["signature"]
    assert told["env_file"]["url"] == ADDRESS


def test_of_many_subscriptions_the_nearest_counts() -> None:
    foreign = subscription("wbhk_2", "https://shop.example/square", "foreign-key")
    assert webhook_setting.subscription_for(Setting(f"{ADDRESS}/", SECRET), [foreign, subscription()]) == subscription()
    twice = [subscription("a", key="k1"), subscription("b", key="k2")]
    assert webhook_setting.subscription_for(Setting(ADDRESS, "k3"), twice) is None
    assert webhook_setting.subscription_for(RIGHT, []) is None


@pytest.mark.parametrize("silent", [subscription(enabled=False), subscription(tells=False)])
def test_one_that_tells_of_no_payment_is_not_the_one(silent: WebhookSubscription) -> None:
    told = webhook_setting.told(Setting(f"{ADDRESS}/", SECRET), [], [silent], {})
    assert (told["subscription"], told["wrong"], told["container"]) == (None, [], None)


def test_a_container_that_was_made_before_the_file_was_put_right() -> None:
    told = webhook_setting.told(RIGHT, [Setting(ADDRESS, "old-key")], [subscription()], {})
    assert (told["wrong"], told["stale"]) == ([], ["signature"])
    assert webhook_setting.told(Setting(ADDRESS, "old"), [RIGHT], [subscription()], {})["stale"] == []


def test_answers_are_counted_by_status() -> None:
    line = '::ffff:172.18.0.1 - - [23/Nov/2026:07:56:07 +0000] "{} HTTP/1.1" {} 59 "-" "Square Connect v2"'
    calls = [
        ("POST /api/payments/webhook/square", 200),
        ("POST /api/payments/webhook/square", 403),
        ("POST /api/payments/webhook/square?x=1", 403),
        ("POST /api/auth/login", 401),
        ("GET /api/payments/webhook/square", 404),
    ]
    lines = [Line(f"2026-11-23T07:56:0{second}.1Z", line.format(*call)) for second, call in enumerate(calls)]
    answers = webhook_setting.answers_of(lines)
    assert answers == {
        "200": {"count": 1, "first_at": "2026-11-23T07:56:00.100Z", "last_at": "2026-11-23T07:56:00.100Z"},
        "403": {"count": 2, "first_at": "2026-11-23T07:56:01.100Z", "last_at": "2026-11-23T07:56:02.100Z"},
    }
    told = webhook_setting.told(RIGHT, [RIGHT], [subscription()], answers)
    assert (told["refused"], told["refused_since"], told["accepted"]) == (2, "2026-11-23T07:56:01.100Z", 1)
