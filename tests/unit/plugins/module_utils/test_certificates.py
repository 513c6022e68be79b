# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate from outside, as a server shows it, and from inside, before anybody serves it: which of the three is wrong."""

from __future__ import annotations

import shutil
import socket
import ssl
from pathlib import Path

import pytest
from certificates import make_pair, served

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import certificate_pair, edge_probe, tls_probe
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError


@pytest.mark.parametrize(
    ("days", "name", "expected"), [(30, "localhost", "ok"), (-1, "localhost", "expired"), (30, "other.example", "other_name")]
)
def test_a_served_certificate_is_judged_by_date_and_name_whoever_signed_it(tmp_path: Path, days: int, name: str, expected: str) -> None:
    with served(make_pair(tmp_path, days, name)) as port:
        found, context = tls_probe.look_at_certificate("localhost", port, 2, trusted=False)
    assert found["class"] == expected
    assert found["days_left"] == days - 1
    assert (context is None) == (expected != "ok")


def test_who_signed_it_counts_where_it_has_to_be_trusted(tmp_path: Path) -> None:
    with served(make_pair(tmp_path)) as port:
        found, context = tls_probe.look_at_certificate("localhost", port, 2, trusted=True)
    assert (found["class"], context) == ("untrusted", None)
    assert found["error"].startswith("its authority is not trusted")


def test_nobody_is_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert tls_probe.look_at_certificate("127.0.0.1", port, 0.2, trusted=False)[0]["class"] == "timeout"
    assert tls_probe.look_at_certificate("127.0.0.1", port, 1, trusted=False)[0]["class"] == "refused"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionResetError(104, "reset"), "closed"),
        (ssl.SSLEOFError(8, "EOF occurred"), "closed"),
        (ssl.SSLError(1, "wrong version number"), "no_tls"),
        (OSError(113, "No route to host"), "other"),
        (TimeoutError("timed out"), "timeout"),
    ],
)
def test_what_kept_a_handshake_from_being_done(error: Exception, expected: str) -> None:
    assert tls_probe.classify(error) == expected


@pytest.mark.parametrize("der", [b"", b"0\x03abc", b"\x30\x82\x00\x04\x30\x02\x02\x00"])
def test_what_is_no_certificate_is_said(der: bytes) -> None:
    with pytest.raises(IncidentError, match="no certificate"):
        tls_probe.expiry(der)


@pytest.mark.parametrize(
    ("days", "name", "expected"), [(30, "localhost", "ok"), (-1, "localhost", "expired"), (30, "other.example", "other_name")]
)
def test_a_pair_is_judged_before_it_is_served(tmp_path: Path, days: int, name: str, expected: str) -> None:
    judged = certificate_pair.judge(*make_pair(tmp_path, days, name), "localhost")
    assert judged["class"] == expected
    assert judged["not_after"]


def test_a_key_of_another_certificate_is_said(tmp_path: Path) -> None:
    certificate, _key = make_pair(tmp_path / "one")
    _certificate, key = make_pair(tmp_path / "two")
    judged = certificate_pair.judge(certificate, key, "localhost")
    assert (judged["class"], judged["error"]) == ("key_mismatch", "KEY_VALUES_MISMATCH")


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    certificate, key = make_pair(tmp_path)
    assert certificate_pair.judge(certificate, tmp_path / "nowhere", "localhost")["class"] == "unreadable"
    certificate.write_text("nothing", encoding="ascii")
    assert certificate_pair.judge(certificate, key, "localhost")["error"] == "it holds no certificate"


def test_the_last_valid_pair_is_the_one_that_lasts_longest(tmp_path: Path) -> None:
    live, archive = tmp_path / "live" / "shop", tmp_path / "archive"
    current = make_pair(live, -1)
    for number, days, name in (("1", 5, "localhost"), ("2", 20, "localhost"), ("3", 50, "other.example"), ("4", -1, "localhost")):
        make_pair(archive / "shop", days, name, number)
    found = certificate_pair.last_valid(*current, archive, "localhost")
    assert found == (archive / "shop" / "fullchain2.pem", archive / "shop" / "privkey2.pem")


def test_a_copy_beside_the_files_is_taken_with_its_own_key(tmp_path: Path) -> None:
    good = make_pair(tmp_path / "good")
    current = make_pair(tmp_path / "live" / "shop", -1)
    for one, copy in zip(good, current, strict=True):
        shutil.copy(one, copy.with_name(f"{copy.name}.bak"))
    found = certificate_pair.last_valid(*current, tmp_path / "archive", "localhost")
    assert found == tuple(path.with_name(f"{path.name}.bak") for path in current)
    (current[1].with_name("privkey.pem.bak")).unlink()
    assert certificate_pair.last_valid(*current, tmp_path / "archive", "localhost") is None


def options(**given: object) -> dict[str, object]:
    return {"edge_url": None, "edge_trusted": False, "frontend_url": None, "api_url": None, "timeout": 2.0, **given}


def test_the_page_is_read_through_a_valid_certificate(tmp_path: Path) -> None:
    with served(make_pair(tmp_path)) as port:
        found = edge_probe.observe(options(edge_url=f"https://localhost:{port}/"))
    assert (found["tls"]["class"], found["page"]["class"], found["page"]["status"]) == ("ok", "ok", 200)
    assert found["suspect"] is False
    assert set(found["unknown"]) == {"frontend", "api"}


def test_no_page_is_asked_for_around_a_certificate_that_is_not_valid(tmp_path: Path) -> None:
    with served(make_pair(tmp_path, -1)) as port:
        found = edge_probe.observe(options(edge_url=f"https://localhost:{port}/"))
    assert (found["page"]["status"], found["page"]["class"], found["suspect"]) == (None, "tls", True)
    assert edge_probe.troubles(found) == [f"the certificate is not valid: {found['tls']['error']}"]
