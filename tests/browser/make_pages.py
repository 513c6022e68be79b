# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the pages that a browser looks at, of a recorded incident and drill, as the playbooks do: `python make_pages.py FOLDER`."""

from __future__ import annotations

import json
import sys
import tempfile
import typing as t
from pathlib import Path

HERE = Path(__file__).resolve().parent
RECORDED = HERE / "recorded"
sys.path.insert(0, str(HERE.parents[1] / ".ansible" / "collections"))

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import (  # noqa: E402
    drill_html,
    history,
    history_html,
    report_html,
)

# What somebody could have made the application log.
HOSTILE = "<script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\"> " + "x" * 300
MADE_AT = "2026-12-01T00:00:00.000+00:00"


def _incident() -> dict[str, t.Any]:
    return dict(json.loads((RECORDED / "incident.json").read_text(encoding="utf-8")))


def _hostile_incident() -> dict[str, t.Any]:
    record = _incident()
    for entry in record["timeline"]:
        entry["text"] = HOSTILE
    for finding in record["findings"]:
        finding.update(title=HOSTILE, evidence={HOSTILE: HOSTILE})
    return {**record, "summary": HOSTILE, "impact": [HOSTILE]}


def _history(folder: Path) -> dict[str, t.Any]:
    """Of one incident a week."""
    record = json.dumps(_incident())
    for month, day in ((9, 7), (9, 14), (10, 5), (11, 30)):
        kept = folder / f"2026{month:02}{day:02}-020118-triage-23da"
        kept.mkdir()
        (kept / "incident.json").write_text(record.replace("2026-11-30T", f"2026-{month:02}-{day:02}T"), encoding="utf-8")
    return history.summary(*history.read(folder), MADE_AT)


def main() -> None:
    """Write them."""
    folder = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as records:
        told = _history(Path(records))
    sources = {
        "report": report_html.render(_incident()),
        "hostile_report": report_html.render(_hostile_incident()),
        "drill": drill_html.html(json.loads((RECORDED / "drill.json").read_text(encoding="utf-8"))),
        "history": history_html.html(told),
    }
    for name, source in sources.items():
        (folder / f"{name}.html").write_text(source, encoding="utf-8")


if __name__ == "__main__":
    main()
