# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of the role notify (`notify_*`): which channels there are, and that all can be used. Pure but for reading the defaults.

No error repeats a value that is a secret. On the controller only.
"""

from __future__ import annotations

import functools
import ipaddress
import re
import typing as t
from pathlib import Path
from urllib.parse import urlsplit

from ansible.module_utils.parsing.convert_bool import boolean

from .cause_catalog import ROLES
from .errors import IncidentError
from .run_settings import as_list
from .yaml_text import read_yaml

Mapping = dict[str, t.Any]

SEVERITIES = ("P1", "P2", "P3", "P4")
# The settings that switch a channel on.
SWITCHES = {
    "notify_slack_webhook_url": "slack",
    "notify_email_to": "email",
    "notify_email_external_to": "email",
    "notify_pagerduty_routing_key": "pagerduty",
    "notify_statuspage_page_id": "statuspage",
    "notify_webhook_url": "webhook",
}
# A password, a token, or an address that lets whoever knows it post.
SECRETS = (
    "notify_slack_webhook_url",
    "notify_email_password",
    "notify_pagerduty_routing_key",
    "notify_statuspage_token",
    "notify_webhook_url",
    "notify_webhook_token",
)
SECURITY = ("starttls", "tls", "none")
_ADDRESS = re.compile(r"[^@\s,<>]+@[^@\s,<>.]+(\.[^@\s,<>.]+)*")
_SLACK_PATH = re.compile(r"/services/T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]+")
_SLACK_MEMBER = re.compile(r"[UWS][A-Z0-9]{5,}")
_ROUTING_KEY = re.compile(r"[A-Za-z0-9]{32}")


@functools.cache
def defaults(roles: Path = ROLES) -> Mapping:
    """The defaults of the role, which are the only place where they stand."""
    return dict(read_yaml((roles / "notify" / "defaults" / "main.yml").read_text(encoding="utf-8")))


def is_switched_on(names: t.Container[str]) -> bool:
    """Whether a variable is there that may switch a channel on: a run without one pays nothing more than this."""
    return any(name in names for name in SWITCHES) or "notify_statuspage_token" in names


def check(given: Mapping) -> Mapping:
    """All settings in their types, with the defaults, and `channels`; raises for what cannot be right, before anything is touched."""
    settings = {**defaults(), **given}
    for name, default in defaults().items():
        settings[name] = _typed(name, settings[name], default)
    settings["channels"] = list(dict.fromkeys(channel for name, channel in SWITCHES.items() if settings[name]))
    _check_addresses(settings)
    _check_email(settings)
    if settings["notify_pagerduty_routing_key"] and not _ROUTING_KEY.fullmatch(settings["notify_pagerduty_routing_key"]):
        raise IncidentError(
            "notify_pagerduty_routing_key has another form than 32 letters and digits; copy the service's integration key whole"
        )
    if bool(settings["notify_statuspage_page_id"]) != bool(settings["notify_statuspage_token"]):
        raise IncidentError("notify_statuspage_page_id and notify_statuspage_token go together; set both or none")
    _within(settings, "notify_timeout_seconds", 1, 60)
    _within(settings, "notify_retry_seconds", 0, 3600)
    for name in ("notify_update_minutes", "notify_acknowledge_minutes"):
        settings[name] = _by_severity(name, settings[name])
    _check_escalation(settings)
    return settings


def secret_values(settings: t.Mapping[str, t.Any]) -> list[str]:
    """The values that must never be shown."""
    return [settings[name] for name in SECRETS if settings[name]]


def _typed(name: str, value: t.Any, default: t.Any) -> t.Any:
    try:
        if isinstance(default, bool):
            return boolean(value)
        if isinstance(default, int):
            return int(value)
        if name.startswith("notify_email_") and isinstance(default, list):
            return as_list(value)
    except (TypeError, ValueError):
        wanted = "true or false" if isinstance(default, bool) else "a number"
        raise IncidentError(f"{name} is not {wanted}; the default is {default}") from None
    if isinstance(default, str):
        return str(value if value is not None else "").strip()
    if not isinstance(value, type(default)):
        raise IncidentError(f"{name} has to be a {'list' if isinstance(default, list) else 'dictionary'}; see the role notify for its form")
    return value


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_addresses(settings: Mapping) -> None:
    for name in ("notify_slack_webhook_url", "notify_webhook_url", "notify_pagerduty_url", "notify_statuspage_url", "notify_status_page"):
        if not settings[name]:
            continue
        try:
            url = urlsplit(settings[name])
            host, _port = url.hostname or "", url.port
        except ValueError:
            raise IncidentError(f"{name} is no address; give it whole, beginning with https://") from None
        if not host or url.username or (url.scheme != "https" and not (url.scheme == "http" and is_loopback(host))):
            raise IncidentError(
                f"{name} has to be a whole address that begins with https:// and holds no user; http:// is for this machine alone"
            )
        if name == "notify_slack_webhook_url" and not is_loopback(host):
            whole = _SLACK_PATH.fullmatch(url.path) if host.startswith("hooks.slack") else len(url.path) > 1
            if not whole:
                raise IncidentError(
                    "notify_slack_webhook_url is only a part of a webhook's address; copy it whole: https://hooks.slack.com/services/T…/B…/…"
                )


def _check_email(settings: Mapping) -> None:
    if "email" not in settings["channels"]:
        return
    for name in ("notify_email_from", "notify_email_host"):
        if not settings[name]:
            raise IncidentError(f"notify_email_to needs {name} as well; set it")
    for name in ("notify_email_to", "notify_email_external_to", "notify_email_from"):
        for address in as_list(settings[name]):
            if not _ADDRESS.fullmatch(address):
                raise IncidentError(f"{name} holds {address}, which is no e-mail address; write it as name@example.com")
    _within(settings, "notify_email_port", 1, 65535)
    if settings["notify_email_security"] not in SECURITY:
        raise IncidentError(f"notify_email_security is {settings['notify_email_security']}; use one of {', '.join(SECURITY)}")
    if bool(settings["notify_email_username"]) != bool(settings["notify_email_password"]):
        raise IncidentError("notify_email_username and notify_email_password go together; set both or none")
    if settings["notify_email_password"] and settings["notify_email_security"] == "none" and not is_loopback(settings["notify_email_host"]):
        raise IncidentError("notify_email_security=none would send the password in the clear; use starttls or tls")


def _within(settings: Mapping, name: str, least: int, most: int) -> None:
    if not least <= settings[name] <= most:
        raise IncidentError(f"{name} is {settings[name]}; use a number from {least} to {most}")


def _by_severity(name: str, given: Mapping) -> dict[str, int]:
    for severity, minutes in given.items():
        if severity not in SEVERITIES:
            raise IncidentError(f"{name} names the severity {severity}; there are {', '.join(SEVERITIES)}")
        if isinstance(minutes, bool) or not isinstance(minutes, int) or minutes < 1:
            raise IncidentError(f"{name} gives {severity} {minutes}; use whole minutes, 1 or more")
    return {**defaults()[name], **given}


def _check_escalation(settings: Mapping) -> None:
    ways = {"email": "email", "slack": "slack"}
    for number, level in enumerate(settings["notify_escalation"], 1):
        contacts = level.get("contacts") if isinstance(level, dict) else None
        if not isinstance(contacts, list) or not contacts or not level.get("name"):
            raise IncidentError(f"level {number} of notify_escalation needs a name and contacts, a list; see the role notify for its form")
        for contact in contacts:
            name = (contact.get("name") if isinstance(contact, dict) else None) or ""
            if not name:
                raise IncidentError(f"a contact of level {number} of notify_escalation has no name; give it one")
            if not any(contact.get(way) for way in ways):
                raise IncidentError(f"the contact {name} in notify_escalation has no address; give an email or a slack member id")
            if contact.get("email") and not _ADDRESS.fullmatch(str(contact["email"])):
                raise IncidentError(f"the contact {name} in notify_escalation has an email that is none; write it as name@example.com")
            if contact.get("slack") and not _SLACK_MEMBER.fullmatch(str(contact["slack"])):
                raise IncidentError(
                    f"the contact {name} in notify_escalation has a slack that is no member id; copy it from the profile: U…"
                )
            if not any(contact.get(way) and channel in settings["channels"] for way, channel in ways.items()):
                raise IncidentError(f"the contact {name} in notify_escalation cannot be reached: the channel of its address is not set up")
