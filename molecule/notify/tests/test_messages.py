# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stopped database is mended, and everybody hears of it: what came at the receivers is what is looked at."""

from __future__ import annotations

import json
import socket
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from leaks import Arguments, files_of, leaks
from playbook import Player, Run
from receivers import Mail, Web, web_receiver
from sandbox import Sandbox, eventually

SECRETS = {
    "slack": "slackPathOfSecret81",
    "routing key": "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "statuspage": "statuspage-secret-token-82",
    "webhook": "webhook-secret-token-83",
    "webhook path": "webhookPathOfSecret84",
    "mail": "mail-secret-password-85",
}
STATUSES = ["Investigating", "Identified", "Monitoring", "Resolved"]
UPDATE = "playbooks/status_update.yml"


def settings(folder: Path, web: Web, mail: Mail, **more: Any) -> list[str]:
    """The arguments that set the channels up, from a file as a vault is one."""
    base = f"http://127.0.0.1:{web.port}"
    chosen = {
        "notify_slack_webhook_url": f"{base}/slack/{SECRETS['slack']}",
        "notify_email_to": ["team@example.com"],
        "notify_email_external_to": ["everybody@example.com"],
        "notify_email_from": "incidents@example.com",
        "notify_email_host": "127.0.0.1",
        "notify_email_port": mail.port,
        "notify_email_security": "none",
        "notify_email_username": "incidents",
        "notify_email_password": SECRETS["mail"],
        "notify_pagerduty_routing_key": SECRETS["routing key"],
        "notify_pagerduty_url": f"{base}/pagerduty",
        "notify_statuspage_page_id": "page1",
        "notify_statuspage_token": SECRETS["statuspage"],
        "notify_statuspage_url": base,
        "notify_webhook_url": f"{base}/webhook/{SECRETS['webhook path']}",
        "notify_webhook_token": SECRETS["webhook"],
        "notify_retry_seconds": 20,
        **more,
    }
    path = folder / "channels.json"
    path.write_text(json.dumps(chosen), encoding="utf-8")
    path.chmod(0o600)
    return ["-e", f"@{path}"]


def statuses(web: Web, path: str) -> list[str]:
    """What the messages that came there say, in their order."""
    if path == "/slack":
        return [one["content"]["text"].split("\nStatus: ")[1].splitlines()[0] for one in web.at(path)]
    return [one["content"]["status"] for one in web.at(path)]


def mailed(mail: Mail, recipient: str) -> list[str]:
    """The statuses of the e-mails to somebody."""
    return [message.get_content().partition("Status: ")[2].splitlines()[0] for to, message in mail.came if to == [recipient]]


def assert_mended(sandbox: Sandbox, run: Run) -> None:
    """The run did what it was there for."""
    assert run.record.outcome == "resolved", run.output
    assert sandbox.is_healthy()
    assert run.record.wrong_modes() == []


def test_everybody_hears_of_it_in_order_and_once(sandbox: Sandbox, tmp_path: Path, web: Web, mail: Mail, player: Player) -> None:
    """On every channel, at -vvvv and without a secret anywhere."""
    channels = settings(tmp_path, web, mail, notify_auto=True)
    with sandbox.fault("postgres_stopped"), Arguments() as arguments:
        run = player.play("-vvvv", *channels)
        assert_mended(sandbox, run)
        eventually(lambda: len(web.at("/v1/pages", 201)) == len(mailed(mail, "everybody@example.com")) == 4, 15, "all of it came")
        eventually(lambda: len(web.at("/slack")) == len(web.at("/webhook")) == len(web.at("/pagerduty")) == 4, 15, "all of it came")

    assert statuses(web, "/slack") == statuses(web, "/webhook") == STATUSES
    assert mailed(mail, "team@example.com") == mailed(mail, "everybody@example.com") == STATUSES
    events = [one["content"] for one in web.at("/pagerduty")]
    assert [event["event_action"] for event in events] == ["trigger", "trigger", "trigger", "resolve"]
    assert {event["dedup_key"] for event in events} == {run.record.content["id"]}
    page = web.at("/v1/pages", 201)
    assert [one["method"] for one in page] == ["POST", "PATCH", "PATCH", "PATCH"]
    assert [one["content"]["incident"]["status"] for one in page] == [status.lower() for status in STATUSES]
    assert {one["path"] for one in page[1:]} == {"/v1/pages/page1/incidents/remote-1"}
    assert len({one["content"]["id"] for one in web.at("/webhook")}) == 4

    team = web.at("/webhook")[1]["content"]["text"]
    assert "postgres_stopped" in team
    public = [one["content"]["incident"]["body"] for one in page]
    public += [message.get_content() for to, message in mail.came if to == ["everybody@example.com"]]
    for inside in ("sandbox", "postgres", "127.0.0.1", socket.gethostname(), sandbox.project):
        assert [text for text in public if inside in text.lower()] == []

    places = {"arguments": arguments.text, "output": run.output, **files_of(player.records)}
    assert leaks(places, SECRETS) == []


def test_a_channel_that_is_down_or_hangs_delays_nothing(sandbox: Sandbox, tmp_path: Path, web: Web, mail: Mail, player: Player) -> None:
    """The mail server hangs, Slack says 429, the webhook is not there: mended as fast, and told later, once each, without a draft."""
    mail.hangs = True
    web.answers["/slack"] = [(429, {"Retry-After": "2"})]
    with web_receiver() as gone:
        port = gone.port
    channels = settings(tmp_path, web, mail, notify_timeout_seconds=10, notify_webhook_url=f"http://127.0.0.1:{port}/webhook")
    with sandbox.fault("postgres_stopped"):
        run = player.play(*channels)
        ended = datetime.now(timezone.utc)
        assert_mended(sandbox, run)
    resolved = datetime.fromisoformat(run.record.content["resolved_at"])
    # Less than the first of the attempts takes that all were made by then.
    assert (ended - resolved).total_seconds() < 8
    refused = eventually(lambda: web.at("/slack", 429), 10, "Slack said 429")
    eventually(lambda: len(web.at("/slack")) == 4, 15, "Slack got the rest")
    assert web.at("/slack")[0]["at"] - refused[0]["at"] >= 2
    assert statuses(web, "/slack") == STATUSES
    state = run.record.folder / "outbox" / "email.state"
    eventually(lambda: "no answer" in state.read_text() or "timed out" in state.read_text(), 20, "the mail server is left alone")
    # Nothing was said to the public: that waits for a person.
    assert web.at("/v1/pages", 201) == []

    mail.hangs = False
    mail.over.set()
    with web_receiver(port) as back:
        assert player.play(*channels).record.outcome == "healthy"
        eventually(lambda: len(back.at("/webhook")) == 4, 30, "the webhook got all of it")
        eventually(lambda: len(mailed(mail, "team@example.com")) == 4, 30, "the mail server got all of it")
        assert statuses(back, "/webhook") == mailed(mail, "team@example.com") == STATUSES

        draft = run.record.folder / "outbox" / "02-investigating-public.txt"
        draft.write_text(draft.read_text().replace("We are looking into a problem", "We look into it at once"), encoding="utf-8")
        sent = player.play(*channels, "-e", "notify_drafts=send", "-e", f"incident={run.record.folder.name}", playbook=UPDATE)
        assert sent.status == 0, sent.output
        bodies = [one["content"]["incident"]["body"] for one in web.at("/v1/pages", 201)]
        assert len(bodies) == 4, sent.output
        assert bodies[0].startswith("We look into it at once")
        assert len(back.at("/webhook")) == len(web.at("/slack")) == 4


def test_bad_settings_are_refused_before_anything_is_touched(
    sandbox: Sandbox, tmp_path: Path, web: Web, mail: Mail, player: Player
) -> None:
    """One sentence, no record, nothing told. The unit tests have the other ways to be wrong."""
    before = sandbox.snapshot()
    run = player.play(*settings(tmp_path, web, mail, notify_slack_webhook_url="https://hooks.slack.com/services/T0001"))
    assert run.status == 2
    assert "notify_slack_webhook_url is only a part" in run.said()
    assert not player.records.exists()
    assert sandbox.snapshot().changes_since(before) == {}
    assert web.came == []
    assert mail.came == []


def test_nobody_acknowledges(sandbox: Sandbox, tmp_path: Path, web: Web, mail: Mail, player: Player) -> None:
    """A person is needed: level 1 is called by the run, level 2 by the clock; then somebody acknowledges."""
    path = [{"name": name, "contacts": [{"name": name, "email": f"{name}@example.com"}]} for name in ("engineer", "lead")]
    channels = settings(tmp_path, web, mail, notify_escalation=path)
    with sandbox.fault("postgres_stopped"):
        run = player.play(*channels, "-e", "incident_risk_limit=safe")
        assert run.record.outcome == "escalated", run.output
    eventually(lambda: len(web.at("/webhook")) == 3, 15, "it was told")
    assert statuses(web, "/webhook") == ["Investigating", "Identified", "Escalated"]
    eventually(lambda: mail.came, 10, "the e-mail came")
    assert mail.came[0][0] == ["team@example.com", "engineer@example.com"]

    # Six minutes pass.
    desk = run.record.folder / "outbox" / "desk.json"
    content = json.loads(desk.read_text())
    content["levels"][0]["at"] = f"{content['levels'][0]['at'][:11]}00:00:00.000+00:00"
    desk.write_text(json.dumps(content), encoding="utf-8")
    assert player.play(*channels, playbook=UPDATE).status == 0
    eventually(lambda: any("lead@example.com" in to for to, _message in mail.came), 10, "level 2 was called")

    taken = player.play(*channels, "-e", "incident=latest", "-e", "acknowledge=Ada", playbook=UPDATE)
    assert taken.status == 0, taken.output
    assert "next update by" in taken.output
    assert "We are looking into a problem" in taken.output
    assert json.loads(desk.read_text())["acknowledged"]["by"] == "Ada"
    assert [one["content"]["event_action"] for one in web.at("/pagerduty")][-1] == "acknowledge"
    assert "Ada has taken over" in run.record.report
