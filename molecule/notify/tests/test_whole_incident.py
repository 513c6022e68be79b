# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One incident from the first alarm to its review, as an engineer types it: three commands, one record."""

from __future__ import annotations

import json
from pathlib import Path

from playbook import Player
from receivers import Mail, Web
from sandbox import Sandbox, eventually
from test_messages import STATUSES, mailed, settings, statuses

TRIAGE = "playbooks/triage.yml"
REVIEW = "playbooks/incident_review.yml"


def test_from_the_alarm_to_the_review(sandbox: Sandbox, tmp_path: Path, web: Web, mail: Mail, player: Player) -> None:
    channels = settings(tmp_path, web, mail, notify_auto=True)
    with sandbox.fault("postgres_stopped"):
        looked = player.play(*channels, playbook=TRIAGE)
        assert looked.record.outcome == "diagnosed", looked.output
        assert "ansible-playbook db_failure.yml" in looked.output
        # Of a look nobody is told.
        assert web.came == []
        assert mail.came == []
        mended = player.play(*channels, "-e", "incident=latest")
        assert mended.record.outcome == "resolved", mended.output
        assert sandbox.is_healthy()
    assert mended.record.folder == looked.record.folder
    eventually(lambda: len(web.at("/webhook")) == len(web.at("/v1/pages", 201)) == 4, 15, "all of it came")
    eventually(lambda: len(mailed(mail, "team@example.com")) == len(mailed(mail, "everybody@example.com")) == 4, 15, "the e-mails came")
    assert statuses(web, "/webhook") == STATUSES
    assert mailed(mail, "team@example.com") == mailed(mail, "everybody@example.com") == STATUSES

    reviewed = player.play("-e", f"incident={mended.record.folder.name}", "-e", "incident_review_owner=Ada", playbook=REVIEW)
    assert reviewed.status == 0, reviewed.output
    review = json.loads((mended.record.folder / "review.json").read_text(encoding="utf-8"))
    assert {item["owner"] for item in review["items"]} == {"Ada"}
    page = (mended.record.folder / "report.html").read_text(encoding="utf-8")
    report = mended.record.report
    for told in ("Resolved", "complete service outage", "postgres_stopped", "PostgreSQL"):
        assert told in page
        assert told in report
    assert "Ada" in page.split("Action Items")[1]
    assert mended.record.wrong_modes() == []
    order = [entry["event"] for entry in mended.record.content["timeline"]]
    assert [event for event in order if event in ("opened", "severity", "diagnosed", "joined", "act", "resolved")] == [
        *("opened", "severity", "diagnosed", "joined", "act", "resolved")
    ]
