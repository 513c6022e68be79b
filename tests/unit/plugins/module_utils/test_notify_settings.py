# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of the role notify: what cannot be right is refused in one sentence that holds no secret."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import notify_settings
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

SLACK = {"notify_slack_webhook_url": "https://hooks.slack.com/services/T0001/B0002/abcDEF123"}
MAIL = {"notify_email_to": "a@example.com, b@example.com", "notify_email_from": "c@example.com", "notify_email_host": "mail.example.com"}
CONTACT = {"name": "Ada", "email": "ada@example.com"}


def path_of(*contacts: t.Any) -> dict[str, t.Any]:
    return {**MAIL, "notify_escalation": [{"name": "on call", "contacts": list(contacts)}]}


def test_nothing_is_switched_on() -> None:
    assert not notify_settings.is_switched_on({"notify_auto": True})
    assert notify_settings.is_switched_on(SLACK)
    assert notify_settings.is_switched_on({"notify_statuspage_token": "x"})
    assert notify_settings.check({})["channels"] == []


def test_channels_and_types() -> None:
    found = notify_settings.check(
        {
            **SLACK,
            **MAIL,
            "notify_pagerduty_routing_key": "a" * 32,
            "notify_statuspage_page_id": "p",
            "notify_statuspage_token": "t",
            "notify_webhook_url": "https://example.com/hook",
            "notify_auto": "true",
            "notify_email_port": "25",
            "notify_update_minutes": {"P1": 20},
        }
    )
    assert found["channels"] == ["slack", "email", "pagerduty", "statuspage", "webhook"]
    assert found["notify_email_to"] == ["a@example.com", "b@example.com"]
    assert found["notify_auto"] is True
    assert found["notify_email_port"] == 25
    assert found["notify_update_minutes"] == {"P1": 20, "P2": 30, "P3": 120, "P4": 480}
    assert notify_settings.secret_values(found) == [SLACK["notify_slack_webhook_url"], "a" * 32, "t", "https://example.com/hook"]


def test_an_escalation_path() -> None:
    assert notify_settings.check(path_of(CONTACT))["notify_escalation"][0]["contacts"] == [CONTACT]
    assert notify_settings.check({**SLACK, "notify_escalation": [{"name": "x", "contacts": [{"name": "Ada", "slack": "U012AB3CD"}]}]})


def test_a_chat_that_takes_the_same_as_slack() -> None:
    assert notify_settings.check({"notify_slack_webhook_url": "https://chat.example.com/hooks/abc"})["channels"] == ["slack"]
    with pytest.raises(IncidentError, match="only a part"):
        notify_settings.check({"notify_slack_webhook_url": "https://chat.example.com"})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"notify_slack_webhook_url": "https://hooks.slack.com/services/T0001/B0002"}, "only a part"),
        ({"notify_slack_webhook_url": "hooks.slack.com/services/T0001/B0002/secret99"}, "begins with https"),
        ({"notify_webhook_url": "http://example.com/secret99"}, "http:// is for this machine alone"),
        ({"notify_webhook_url": "https://user:secret99@example.com/"}, "holds no user"),
        ({"notify_webhook_url": "https://[secret99"}, "is no address"),
        ({"notify_email_to": ["a@example.com"]}, "needs notify_email_from"),
        ({**MAIL, "notify_email_host": ""}, "needs notify_email_host"),
        ({**MAIL, "notify_email_to": ["nobody"]}, "nobody, which is no e-mail address"),
        ({**MAIL, "notify_email_port": 0}, "from 1 to 65535"),
        ({**MAIL, "notify_email_port": "smtp"}, "notify_email_port is not a number"),
        ({**MAIL, "notify_email_security": "ssl"}, "use one of starttls, tls, none"),
        ({**MAIL, "notify_email_password": "secret99"}, "go together"),
        (
            {**MAIL, "notify_email_username": "u", "notify_email_password": "secret99", "notify_email_security": "none"},
            "in the clear",
        ),
        ({"notify_pagerduty_routing_key": "secret99"}, "32 letters and digits"),
        ({"notify_statuspage_page_id": "p"}, "go together"),
        ({"notify_statuspage_token": "secret99"}, "go together"),
        ({**SLACK, "notify_auto": "perhaps"}, "not true or false"),
        ({**SLACK, "notify_timeout_seconds": 0}, "from 1 to 60"),
        ({**SLACK, "notify_update_minutes": {"P9": 5}}, "names the severity P9"),
        ({**SLACK, "notify_acknowledge_minutes": {"P1": 0}}, "whole minutes"),
        ({**SLACK, "notify_public_impact": "all"}, "has to be a dictionary"),
        ({**SLACK, "notify_escalation": {"name": "x"}}, "has to be a list"),
        ({**SLACK, "notify_escalation": [{"name": "x"}]}, "level 1 of notify_escalation needs a name and contacts"),
        (path_of({"email": "a@example.com"}), "has no name"),
        (path_of({"name": "Ada"}), "Ada in notify_escalation has no address"),
        (path_of({"name": "Ada", "email": "ada"}), "an email that is none"),
        (path_of({"name": "Ada", "slack": "@ada"}), "no member id"),
        (path_of({"name": "Ada", "slack": "U012AB3CD"}), "cannot be reached"),
    ],
)
def test_what_cannot_be_right(given: dict[str, t.Any], said: str) -> None:
    with pytest.raises(IncidentError, match=said) as caught:
        notify_settings.check(given)
    assert "secret99" not in str(caught.value)
