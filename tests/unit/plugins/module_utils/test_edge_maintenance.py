# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Closing at nginx: exactly taken back, tested before it is read, put back where it is refused."""

from __future__ import annotations

import re
import typing as t
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import edge_closing, edge_maintenance, maintenance
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.edge_maintenance import Edge, change
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

NOW = datetime(2026, 11, 30, 5, 0, tzinfo=timezone.utc)
SITE = """# server { is a comment
upstream backend { server backend:4000; }
server {
    listen 80;
    set $quoted "a } b";
    location /api { proxy_pass http://backend; }
}
server { listen 8080; location / { return 204; } }
server
{
    location ^~ /api/ { proxy_pass http://backend; }
}
"""
# Passes unless a file holds the word `broken`; a reload is noted, and refused where a file says so.
NGINX = """#!/bin/sh
folder=$(dirname "$4")
if [ "$1" = -s ]; then
  [ ! -e "$folder/deaf" ] || { echo "nginx: [error] invalid PID" >&2; exit 1; }
  echo reloaded >>"$folder/reloads"; exit 0
fi
file=$(grep -Rl broken "$folder"/*.conf "$folder"/sites-enabled/ | head -n 1)
[ -z "$file" ] || { echo "nginx: [emerg] unknown directive \\"broken\\" in $file:1" >&2; exit 1; }
"""


def claim(reason: str = "", since: datetime = NOW) -> dict[str, t.Any]:
    return maintenance.claim("I-1", "anna@ops", None, 60, reason, since)


@pytest.fixture
def edge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Edge:
    """A tree as Debian lays it out, whose program is a script."""
    folder = tmp_path / "nginx"
    for name in ("sites-available", "sites-enabled", "conf.d"):
        (folder / name).mkdir(parents=True)
    (folder / "nginx.conf").write_text("http { include sites-enabled/*; }\n", encoding="utf-8")
    (folder / "sites-available" / "shop").write_text(SITE, encoding="utf-8")
    (folder / "sites-enabled" / "shop").symlink_to("../sites-available/shop")
    program = tmp_path / "nginx.sh"
    program.write_text(NGINX, encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(edge_maintenance, "running", lambda _folder: True)
    kept = tmp_path / "kept"
    kept.mkdir()
    return Edge(str(program), folder, kept)


def site(edge: Edge) -> str:
    return (edge.folder / "sites-available" / "shop").read_text(encoding="utf-8")


def reloads(edge: Edge) -> int:
    path = edge.folder / "reloads"
    return len(path.read_text(encoding="ascii").splitlines()) if path.exists() else 0


@pytest.mark.parametrize("end", [1796015695, 1800000000, 1999999999, 1700000001])
def test_nginx_compares_with_the_end(end: int) -> None:
    pattern = re.compile(edge_closing.before(end))
    for seconds in (1000000000, end - 86400, end - 10, end - 1, end, end + 1, end + 9, end + 86400, 2100000000):
        assert bool(pattern.search(f"{seconds}.123")) == (seconds < end), seconds


def test_only_servers_of_the_application_close_and_exactly_open_again(tmp_path: Path) -> None:
    closed = edge_closing.closed(SITE, tmp_path, edge_closing._API)
    line = edge_closing.line_for(tmp_path)
    assert closed.count(line) == 2
    assert f"server {{{line}\n    listen 80;" in closed and f"server\n{{{line}\n    location ^~" in closed
    assert "server { listen 8080;" in closed
    assert edge_closing.closed(closed, tmp_path, edge_closing._API) == closed
    assert edge_closing.opened(closed, tmp_path) == SITE


def test_a_server_that_hands_everything_on_closes_where_none_names_the_api(edge: Edge) -> None:
    (edge.folder / "sites-available" / "shop").write_text("server {\n location / {\n  proxy_pass http://app;\n }\n}\n", encoding="utf-8")
    assert len(edge_closing.changes(edge.folder, close=True)) == 1
    (edge.folder / "sites-available" / "shop").write_text("server { root /srv; }\n", encoding="utf-8")
    with pytest.raises(IncidentError, match=r"no server below .* hands anything on"):
        edge_closing.changes(edge.folder, close=True)


def test_closed_and_open_again(edge: Edge) -> None:
    assert edge_closing.look(edge.folder) is None
    assert change(edge, "closed", claim(), True) is True and site(edge) == SITE and reloads(edge) == 0
    assert change(edge, "closed", claim("move"), False) is True
    assert reloads(edge) == 1
    assert (edge.kept / "shop.I-1").read_text(encoding="utf-8") == SITE
    text = (edge.folder / edge_closing.FILE).read_text(encoding="utf-8")
    assert 'add_header Retry-After "Mon, 30 Nov 2026 06:00:00 GMT" always;' in text
    found = edge_closing.look(edge.folder, NOW + timedelta(minutes=1))
    assert found and (found["enabled"], found["owned"], found["owner"], found["reason"]) == (True, True, "anna@ops", "move")
    assert change(edge, "closed", claim("move"), False) is False
    later = edge_closing.look(edge.folder, NOW + timedelta(minutes=61))
    assert later and (later["present"], later["enabled"], later["overdue"]) == (True, False, True)

    assert change(edge, "open", None, True) is True and site(edge) != SITE
    assert change(edge, "open", None, False) is True
    assert (site(edge), reloads(edge), edge_closing.look(edge.folder)) == (SITE, 2, None)
    assert change(edge, "open", None, False) is False


def test_what_a_killed_run_left_half_made_is_taken_away(edge: Edge) -> None:
    """Written, and never read by nginx: no claim says that it is on."""
    (edge.folder / edge_closing.FILE).write_text(edge_closing.text_of(claim(), finished=False), encoding="utf-8")
    found = edge_closing.look(edge.folder, NOW)
    assert found and (found["present"], found["enabled"]) == (True, False)
    assert change(edge, "open", None, False) is True
    assert edge_closing.look(edge.folder) is None


@pytest.mark.parametrize("text", ["# claim: no JSON", "# claim: []", "nothing"])
def test_a_claim_that_is_none(text: str) -> None:
    assert edge_closing.claim_in(text) is None


def test_a_claim_without_an_end_is_refused() -> None:
    with pytest.raises(IncidentError, match=r"has no end"):
        edge_closing.text_of({"expires_at": "soon"}, finished=True)


def test_what_nginx_refuses_is_put_back(edge: Edge) -> None:
    """What it complains of is the line that includes the file."""
    Path(edge.program).write_text(NGINX.replace("grep -Rl broken", f"grep -Rl 'include .*{edge_closing.FILE}'"), encoding="utf-8")
    with pytest.raises(IncidentError, match=r'nginx refuses the configuration \(unknown directive "broken" in .*; what was there before'):
        change(edge, "closed", claim(), False)
    assert (site(edge), reloads(edge), edge_closing.look(edge.folder)) == (SITE, 0, None)


def test_nginx_that_does_not_read_it_gets_the_former_back(edge: Edge) -> None:
    change(edge, "closed", claim(), False)
    before = site(edge)
    (edge.folder / "deaf").touch()
    with pytest.raises(IncidentError, match=r"invalid PID"):
        change(edge, "open", None, False)
    assert site(edge) == before and edge_closing.look(edge.folder) is not None


def test_a_configuration_that_is_broken_already_is_not_touched(edge: Edge) -> None:
    (edge.folder / "conf.d" / "other.conf").write_text("", encoding="utf-8")
    (edge.folder / "nginx.conf").write_text("broken\n", encoding="utf-8")
    with pytest.raises(IncidentError, match=r"does not pass its own test as it is .* run service_outage first, nothing was touched"):
        change(edge, "closed", claim(), False)
    assert site(edge) == SITE


def test_nginx_that_does_not_run_is_not_touched(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_maintenance, "running", lambda _folder: False)
    with pytest.raises(IncidentError, match=r"nginx does not run; run service_outage first"):
        change(edge, "closed", claim(), False)


def test_no_right_to_it(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object) -> None:
        raise PermissionError(13, "Permission denied", "/etc/nginx/circuit-sage-maintenance.conf")

    monkeypatch.setattr(edge_maintenance, "_write_claim", refuse)
    with pytest.raises(IncidentError, match=r"no right to change /etc/nginx/circuit-sage-maintenance.conf; set circuit_sage_edge_become"):
        change(edge, "closed", claim(), False)
    monkeypatch.setattr(Path, "read_text", lambda *_args, **_more: refuse())
    with pytest.raises(IncidentError, match=r"cannot be read .* set circuit_sage_edge_become"):
        edge_closing.look(edge.folder)


def test_a_reload_that_hangs_is_told(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(edge.program).write_text('#!/bin/sh\n[ "$1" != -s ] || exec sleep 60\n', encoding="utf-8")
    monkeypatch.setattr(edge_maintenance, "TEST_SECONDS", 0.2)
    with pytest.raises(IncidentError, match=r"it took longer than 0.2 seconds"):
        change(edge, "closed", claim(), False)
    assert site(edge) == SITE
