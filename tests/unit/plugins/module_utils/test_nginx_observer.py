# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx from inside: its own words, as nginx 1.22 wrote them, and copies that are tried without touching what it uses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from certificates import make_pair

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import nginx_observer
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

FAILED = "nginx: configuration file /etc/nginx/nginx.conf test failed\n"
UNKNOWN_DIRECTIVE = (
    '2026/11/23 15:08:09 [emerg] 101#101: unknown directive "proxy_pas" in /etc/nginx/sites-enabled/circuit-sage:34\n' + FAILED
)
MISMATCH = (
    '2026/11/23 15:08:09 [emerg] 138#138: SSL_CTX_use_PrivateKey("/etc/letsencrypt/live/circuit-sage/privkey.pem") failed '
    "(SSL: error:05800074:x509 certificate routines::key values mismatch)\n" + FAILED
)
NO_KEY = (
    '2026/11/23 15:08:09 [emerg] 140#140: cannot load certificate key "/etc/letsencrypt/live/circuit-sage/privkey.pem": BIO_new_file() '
    "failed (SSL: error:80000002:system library::No such file or directory)\n" + FAILED
)

# Passes when no file of the tree that it is given holds the word `broken`, and complains in nginx's words otherwise.
NGINX = """#!/bin/sh
folder=$(dirname "$4")
file=$(grep -Rl broken "$folder"/sites-enabled/ | head -n 1)
[ -z "$file" ] || { echo "nginx: [emerg] unknown directive \\"broken\\" in $file:1" >&2; exit 1; }
grep -Rq "ssl_certificate_key" "$folder"/sites-enabled || { echo "nginx: [emerg] no site" >&2; exit 1; }
"""


@pytest.mark.parametrize(
    ("output", "kind", "file", "line"),
    [
        (UNKNOWN_DIRECTIVE, "file", "/etc/nginx/sites-enabled/circuit-sage", 34),
        (MISMATCH, "certificate", None, None),
        (NO_KEY, "certificate", None, None),
        ("nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)\n" + FAILED, "other", None, None),
        ("", "other", None, None),
    ],
)
def test_the_words_of_its_test(output: str, kind: str, file: str | None, line: int | None) -> None:
    found = nginx_observer.parse_test(1, output)
    assert (found["class"], found["file"], found["line"]) == (kind, file, line)
    assert found["message"]


def test_a_test_that_passes_says_nothing() -> None:
    assert nginx_observer.parse_test(0, "")["class"] == "ok"


@pytest.fixture
def nginx(tmp_path: Path) -> nginx_observer.Nginx:
    """A program that tests as nginx does, and a folder with a site that is linked as Debian does."""
    program = tmp_path / "nginx-program"
    program.write_text(NGINX, encoding="utf-8")
    program.chmod(0o755)
    folder = tmp_path / "nginx"
    (folder / "sites-available").mkdir(parents=True)
    (folder / "sites-enabled").mkdir()
    certificate, key = make_pair(tmp_path / "live" / "shop")
    (folder / "nginx.conf").write_text(f"pid {tmp_path}/nginx.pid;\ninclude {folder}/sites-enabled/*;\n", encoding="utf-8")
    site = folder / "sites-available" / "shop"
    site.write_text(f"server {{\n  ssl_certificate {certificate};\n  ssl_certificate_key {key};\n}}\n", encoding="utf-8")
    (folder / "sites-enabled" / "shop").symlink_to("../sites-available/shop")
    return nginx_observer.Nginx(str(program), folder, tmp_path / "archive", "localhost")


def test_all_is_well(nginx: nginx_observer.Nginx) -> None:
    found = nginx_observer.observe(nginx)
    assert (found["test"]["class"], found["test"]["restorable"], found["running"]) == ("ok", None, False)
    assert [(pair["class"], pair["restorable"]) for pair in found["certificates"]] == [("ok", None)]


def test_the_newest_copy_that_passes_is_named_and_nothing_is_touched(nginx: nginx_observer.Nginx) -> None:
    site = nginx.folder / "sites-available" / "shop"
    good = site.read_text(encoding="utf-8")
    for age, (name, text) in enumerate({"shop.save": "broken\n" + good, "shop.bak": good, "shop.old": good}.items()):
        copy = site.with_name(name)
        copy.write_text(text, encoding="utf-8")
        os.utime(copy, (1000 - age, 1000 - age))
    site.write_text("broken\n" + good, encoding="utf-8")
    before = {path: path.read_bytes() for path in nginx.folder.rglob("*") if path.is_file()}
    found = nginx_observer.observe(nginx)
    assert found["test"]["path"] == str(site)
    assert found["test"]["restorable"] == str(site.with_name("shop.bak"))
    assert {path: path.read_bytes() for path in nginx.folder.rglob("*") if path.is_file()} == before


def test_no_copy_passes(nginx: nginx_observer.Nginx) -> None:
    site = nginx.folder / "sites-available" / "shop"
    site.with_name("shop.empty").write_text("", encoding="utf-8")
    site.write_text("broken\n", encoding="utf-8")
    assert nginx_observer.observe(nginx)["test"]["restorable"] is None


def test_a_pair_that_is_not_valid_has_the_one_that_takes_its_place(nginx: nginx_observer.Nginx) -> None:
    make_pair(nginx.folder.parent / "live" / "shop", days=-1)
    certificate, key = make_pair(nginx.archive / "shop", number="1")
    (pair,) = nginx_observer.observe(nginx)["certificates"]
    assert pair["class"] == "expired"
    assert pair["restorable"] == {"certificate": str(certificate), "keyfile": str(key)}


def test_it_runs_when_the_process_of_its_pid_file_is_one_of_nginx(nginx: nginx_observer.Nginx, tmp_path: Path) -> None:
    (tmp_path / "nginx.pid").write_text("7\n", encoding="ascii")
    (tmp_path / "proc" / "7").mkdir(parents=True)
    (tmp_path / "proc" / "7" / "comm").write_text("postgres\n", encoding="ascii")
    assert nginx_observer.running(nginx.folder, tmp_path / "proc") is False
    (tmp_path / "proc" / "7" / "comm").write_text("nginx\n", encoding="ascii")
    assert nginx_observer.running(nginx.folder, tmp_path / "proc") is True


def test_no_nginx_and_no_right_to_it_are_said(nginx: nginx_observer.Nginx, tmp_path: Path) -> None:
    with pytest.raises(IncidentError, match="there is no program"):
        nginx_observer.observe(nginx._replace(program=str(tmp_path / "nowhere")))
    Path(nginx.program).chmod(0o644)
    with pytest.raises(IncidentError, match="circuit_sage_edge_become"):
        nginx_observer.observe(nginx)


def test_a_test_that_does_not_end_is_given_up(nginx: nginx_observer.Nginx, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(nginx.program).write_text("#!/bin/sh\nexec sleep 5\n", encoding="utf-8")
    monkeypatch.setattr(nginx_observer, "TEST_SECONDS", 0.1)
    assert nginx_observer.test_configuration(nginx.program, nginx.folder / "nginx.conf")["class"] == "other"
