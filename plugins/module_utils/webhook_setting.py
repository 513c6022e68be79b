# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the application checks Square's webhook by the address and the key that Square has, and which of the two is wrong. Pure.

Square signs the address as it is registered there, and the body, with the subscription's key. An address that differs in one character
makes each signature as wrong as another key does; only a comparison of both tells them apart.
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterable, Mapping, Sequence

from .container_log import Line
from .fingerprint import Fingerprints
from .square_webhook import WebhookSubscription
from .timestamps import utc

URL, KEY = "SQUARE_WEBHOOK_NOTIFICATION_URL", "SQUARE_WEBHOOK_SIGNATURE_KEY"
NAMES = (URL, KEY)
# What is compared with what. The key's word says "signature": a name that ends with "key" is masked whole in a record.
PARTS = {URL: "url", KEY: "signature"}
_CALL = re.compile(r'"POST /api/payments/webhook/square\S* HTTP/[\d.]+" (\d{3})\b')

Mentioned = dict[str, t.Any]


class Setting(t.NamedTuple):
    """The two values as somebody has them."""

    url: str
    key: str


def setting_of(variables: Mapping[str, str]) -> Setting:
    """The two values of an environment; what is not there is empty."""
    return Setting(variables.get(URL, ""), variables.get(KEY, ""))


def subscription_for(setting: Setting, found: Sequence[WebhookSubscription]) -> WebhookSubscription | None:
    """The subscription that the setting is for: the one with which it agrees most. None where several agree alike with less than all."""
    ranked = sorted(found, key=lambda one: -_agreement(setting, one))
    if not ranked:
        return None
    if len(ranked) > 1 and _agreement(setting, ranked[0]) == _agreement(setting, ranked[1]) < len(NAMES):
        return None
    return ranked[0]


def _agreement(setting: Setting, one: WebhookSubscription) -> int:
    return (setting.url == one.url) + (setting.key == one.key)


def wrong_names(setting: Setting, wanted: WebhookSubscription | None) -> list[str]:
    """The variables of the env file that are not as Square has them; none where the application has no key, and so checks nothing."""
    if wanted is None or not setting.key:
        return []
    right = {URL: wanted.url, KEY: wanted.key}
    return [name for name, value in zip(NAMES, setting, strict=True) if value != right[name]]


def answers_of(lines: Iterable[Line]) -> dict[str, Mentioned]:
    """How the application answered Square's calls, by status: how many, the first and the last."""
    found: dict[str, Mentioned] = {}
    for line in lines:
        if match := _CALL.search(line.text):
            one = found.setdefault(match[1], {"count": 0, "first_at": utc(line.at), "last_at": None})
            one["count"] += 1
            one["last_at"] = utc(line.at)
    return found


def told(file: Setting, containers: Sequence[Setting], found: Sequence[WebhookSubscription], answers: Mapping[str, Mentioned]) -> Mentioned:
    """The observation. Keys are shown as fingerprints, which tell equal from different within it and nothing else."""
    marks = Fingerprints()

    def shown(setting: Setting) -> Mentioned:
        return {"url": setting.url or None, "signature": marks.of(setting.key) if setting.key else None}

    live = [one for one in found if one.is_enabled and one.tells_payments]
    wanted = subscription_for(file, live)
    wrong = wrong_names(file, wanted)
    stale = sorted({PARTS[name] for one in containers for name, mine, its in zip(NAMES, file, one, strict=True) if mine != its})
    refused = {status: one for status, one in answers.items() if not status.startswith("2")}
    return {
        "checks_signatures": bool(file.key),
        "subscriptions": [
            {"id": one.identity, "name": one.name, "enabled": one.is_enabled, **shown(Setting(one.url, one.key))} for one in found
        ],
        "subscription": wanted and wanted.identity,
        "env_file": shown(file),
        "container": shown(containers[0]) if containers else None,
        "wrong": [PARTS[name] for name in wrong],
        "wrong_variables": wrong,
        "stale": [] if wrong else stale,
        "answers": dict(answers),
        "refused": sum(one["count"] for one in refused.values()),
        "refused_since": min((one["first_at"] for one in refused.values()), default=None),
        "accepted": sum(one["count"] for one in answers.values()) - sum(one["count"] for one in refused.values()),
    }
