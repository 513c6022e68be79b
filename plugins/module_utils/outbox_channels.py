# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a message goes to each channel, one attempt with a limit on every wait.

The modules of community.general for Slack, e-mail, PagerDuty and Statuspage are not used here: none of them honours ``Retry-After``, most
have no limit that can be set, as tasks each would take a third of a second of the outage, and a task cannot send later.
"""

from __future__ import annotations

import contextlib
import json
import smtplib
import socket
import ssl
import typing as t
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from email.message import EmailMessage
from email.utils import format_datetime, parsedate_to_datetime
from urllib.error import HTTPError, URLError

from .outbox import Message
from .status_message import PUBLIC_STATUS, Text, summary_section

# What PagerDuty calls the guide's severities.
_PAGERDUTY_SEVERITY = {"P1": "critical", "P2": "error", "P3": "warning", "P4": "info"}
# The message itself is wrong, and will be so the next time.
_REFUSED = (400, 413, 422)
# Statuspage says 420 when there were too many requests.
_TOO_MANY = (420, 429)
# No service makes somebody wait longer; a wrong clock does.
_LONGEST_WAIT = 3600.0


class Result(t.NamedTuple):
    """What an attempt came to: `sent`, `refused` (for good), `later` (this may pass) or `blocked` (somebody has to put it right first)."""

    state: str
    detail: str = ""
    retry_after: float | None = None
    remote: str | None = None


class Parcel(t.NamedTuple):
    """A message with all that a channel needs."""

    incident: str
    host: str
    message: Message
    text: Text
    # What the channel called the incident before.
    remote: str | None = None
    # Whether an earlier attempt may have come through without anybody knowing.
    doubtful: bool = False


class HttpAnswer(t.NamedTuple):
    """The answer of a web service."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Http = Callable[[str, str, Mapping[str, str], t.Any], HttpAnswer]


def http_with(timeout: float, most: int = 65536) -> Http:
    """A function that sends one request, JSON both ways, and follows no redirect: the address itself is the secret, often.

    Of an answer it reads *most* bytes.
    """

    def ask(method: str, url: str, headers: Mapping[str, str], content: t.Any) -> HttpAnswer:
        # Imported only where something is sent: a run without a channel does not pay for it.
        from ansible.module_utils.urls import open_url

        data = None if content is None else json.dumps(content)
        sent = {"Content-Type": "application/json", **headers}
        try:
            with open_url(url, data=data, headers=sent, method=method, timeout=timeout, follow_redirects="none") as answer:
                return HttpAnswer(answer.status, dict(answer.headers.items()), answer.read(most))
        except HTTPError as error:
            with error:
                return HttpAnswer(error.code, dict(error.headers.items()), error.read(2048))

    return ask


def seconds_to_wait(value: str | None, now: datetime) -> float | None:
    """What `Retry-After` asks for, in seconds: it is a number, or a date."""
    if not value:
        return None
    try:
        wait = float(value)
    except ValueError:
        try:
            wait = (parsedate_to_datetime(value) - now).total_seconds()
        except (TypeError, ValueError):
            return None
    return min(max(wait, 0.0), _LONGEST_WAIT)


def result_of(answer: HttpAnswer) -> Result:
    """How a web service's answer is taken."""
    if 200 <= answer.status < 300:
        return Result("sent")
    detail = f"it answered {answer.status}"
    if answer.status in _TOO_MANY or answer.status == 503:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Result("later", detail, seconds_to_wait(headers.get("retry-after"), datetime.now(timezone.utc)))
    if answer.status in _REFUSED:
        return Result("refused", detail)
    if answer.status in (408, 425) or answer.status >= 500:
        return Result("later", detail)
    return Result("blocked", f"{detail}; look at its address and its token")


def _slack(settings: Mapping[str, t.Any], parcel: Parcel, http: Http) -> Result:
    called = [f"<@{contact['slack']}>" for contact in parcel.message.contacts if contact.get("slack")]
    words = f"*{parcel.text.subject}*\n{parcel.text.body}".replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    content = {"text": " ".join([*called, words])}
    return result_of(http("POST", settings["notify_slack_webhook_url"], {}, content))


def _webhook(settings: Mapping[str, t.Any], parcel: Parcel, http: Http) -> Result:
    token, message = settings["notify_webhook_token"], parcel.message
    identity = f"{parcel.incident}/{message.name}"
    headers = {"Idempotency-Key": identity, **({"Authorization": f"Bearer {token}"} if token else {})}
    content = {
        "id": identity,
        "incident": parcel.incident,
        "host": parcel.host,
        "status": message.status,
        "severity": message.severity,
        "at": message.at,
        "subject": parcel.text.subject,
        "text": parcel.text.body,
        "contacts": [dict(contact) for contact in message.contacts],
    }
    return result_of(http("POST", settings["notify_webhook_url"], headers, content))


def _pagerduty(settings: Mapping[str, t.Any], parcel: Parcel, http: Http) -> Result:
    action = {"Resolved": "resolve", "Acknowledged": "acknowledge"}.get(parcel.message.status, "trigger")
    content: dict[str, t.Any] = {
        "routing_key": settings["notify_pagerduty_routing_key"],
        "event_action": action,
        # All of an incident is one alert there, and a repeated event changes nothing.
        "dedup_key": parcel.incident,
    }
    if action == "trigger":
        content["payload"] = {
            "summary": parcel.text.subject[:1024],
            "source": parcel.host,
            "severity": _PAGERDUTY_SEVERITY[parcel.message.severity],
            "timestamp": parcel.message.at,
            "custom_details": {"status": parcel.message.status, "text": parcel.text.body},
        }
    return result_of(http("POST", settings["notify_pagerduty_url"], {}, content))


def _statuspage(settings: Mapping[str, t.Any], parcel: Parcel, http: Http) -> Result:
    where = f"{settings['notify_statuspage_url'].rstrip('/')}/v1/pages/{settings['notify_statuspage_page_id']}/incidents"
    headers = {"Authorization": f"OAuth {settings['notify_statuspage_token']}"}
    status = PUBLIC_STATUS.get(parcel.message.status, parcel.message.status).lower()
    fields: dict[str, t.Any] = {"status": status, "body": summary_section(parcel.text.body)}
    remote = parcel.remote
    if remote is None and parcel.doubtful:
        # The answer to an earlier attempt was lost: what it made is there, or is not.
        answer = http("GET", f"{where}/unresolved", headers, None)
        if answer.status != 200:
            return result_of(answer)
        made = [one for one in json.loads(answer.body) if (one.get("metadata") or {}).get("circuit_sage") == {"incident": parcel.incident}]
        remote = made[0]["id"] if made else None
    if remote is not None:
        return result_of(http("PATCH", f"{where}/{remote}", headers, {"incident": fields}))._replace(remote=remote)
    fields.update(name=parcel.text.subject.removeprefix("[INCIDENT] "), metadata={"circuit_sage": {"incident": parcel.incident}})
    answer = http("POST", where, headers, {"incident": fields})
    result = result_of(answer)
    return result._replace(remote=str(json.loads(answer.body)["id"])) if result.state == "sent" else result


def _mail(settings: Mapping[str, t.Any], parcel: Parcel) -> tuple[EmailMessage, list[str]]:
    """The e-mail, and to whom it goes. The public's addresses stand nowhere in it: they are no business of the other readers."""
    external = parcel.message.audience == "external"
    called = [contact["email"] for contact in parcel.message.contacts if contact.get("email")]
    recipients = list(settings["notify_email_external_to"]) if external else list(dict.fromkeys([*settings["notify_email_to"], *called]))
    mail = EmailMessage()
    mail["Subject"] = " ".join(parcel.text.subject.split())
    mail["From"] = settings["notify_email_from"]
    mail["To"] = "undisclosed-recipients:;" if external else ", ".join(recipients)
    mail["Date"] = format_datetime(datetime.fromisoformat(parcel.message.at))
    # The same for every attempt, so that the reader's server can tell that it has this one.
    mail["Message-ID"] = f"<{parcel.incident}.{parcel.message.name}@circuit-sage.invalid>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(parcel.text.body)
    return mail, recipients


def _email(settings: Mapping[str, t.Any], parcel: Parcel, _http: Http) -> Result:
    mail, recipients = _mail(settings, parcel)
    if not recipients:
        return Result("sent", "nobody is to get it")
    # The own name is given: looking it up can take as long as a name server likes.
    where: dict[str, t.Any] = {
        "host": settings["notify_email_host"],
        "port": settings["notify_email_port"],
        "local_hostname": socket.gethostname(),
        "timeout": settings["notify_timeout_seconds"],
    }
    security = settings["notify_email_security"]
    try:
        server = smtplib.SMTP_SSL(**where, context=ssl.create_default_context()) if security == "tls" else smtplib.SMTP(**where)
        # Not by `with`, which raises when the server does not say goodbye: the message was taken before that.
        with contextlib.closing(server):
            if security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if settings["notify_email_username"]:
                server.login(settings["notify_email_username"], settings["notify_email_password"])
            server.send_message(mail, to_addrs=recipients)
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _reason in error.recipients.values()]
        return Result("later" if min(codes) < 500 else "refused", f"the mail server refused every recipient ({', '.join(map(str, codes))})")
    except smtplib.SMTPAuthenticationError as error:
        return Result("blocked", f"the mail server refused the login ({error.smtp_code}); look at notify_email_username and _password")
    except smtplib.SMTPResponseException as error:
        return Result("later" if error.smtp_code < 500 else "refused", f"the mail server answered {error.smtp_code}")
    except smtplib.SMTPNotSupportedError as error:
        return Result("blocked", f"{error} Look at notify_email_security")
    return Result("sent")


_WAYS: dict[str, Callable[[Mapping[str, t.Any], Parcel, Http], Result]] = {
    "slack": _slack,
    "email": _email,
    "pagerduty": _pagerduty,
    "statuspage": _statuspage,
    "webhook": _webhook,
}


def deliver(channel: str, settings: Mapping[str, t.Any], parcel: Parcel, http: Http | None = None) -> Result:
    """One attempt. What goes wrong on the way is a result, since the next message and the next channel must not suffer from it."""
    try:
        return _WAYS[channel](settings, parcel, http or http_with(settings["notify_timeout_seconds"]))
    except TimeoutError:
        return Result("later", f"no answer within {settings['notify_timeout_seconds']} s")
    except URLError as error:
        if isinstance(error.reason, TimeoutError):
            return Result("later", f"no answer within {settings['notify_timeout_seconds']} s")
        return Result("later", f"it cannot be reached ({_why(error.reason)})")
    except (OSError, smtplib.SMTPException) as error:
        return Result("later", f"it cannot be reached ({_why(error)})")
    except (ValueError, KeyError, IndexError, TypeError) as error:
        return Result("blocked", f"its answer has another form than it should ({type(error).__name__})")


def _why(error: object) -> str:
    """The reason of a failed connection, which is an exception, or a text."""
    return (error.strerror if isinstance(error, OSError) and error.strerror else str(error)) or type(error).__name__
