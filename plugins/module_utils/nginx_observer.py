# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx from inside, on its own host: whether it runs, what its own test says of its files, its certificates. Reads only.

What could be put back is tried first: a copy of a configuration file in a tree of its own, a pair of certificate and key in a handshake in
memory. Neither touches what nginx uses.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from . import certificate_pair, edge_closing
from .errors import IncidentError
from .redaction import redact

TEST_SECONDS = 10
# What it says of a certificate or its key, in all its forms.
_CERTIFICATE = re.compile(r"SSL_CTX_use_PrivateKey|cannot load certificate")
_COMPLAINT = re.compile(
    r"^(?:nginx: |\S+ \S+ )\[(?:emerg|alert|crit)\] (?:\d+#\d+: )?(?P<message>.*?)(?: in (?P<file>/.+):(?P<line>\d+))?$", re.MULTILINE
)
_DIRECTIVE = r"^\s*{}\s+\"?([^\";]+)\"?\s*;"


class Nginx(NamedTuple):
    """Where nginx and its things are."""

    program: str
    folder: Path
    archive: Path
    name: str


def parse_test(status: int, output: str) -> dict[str, Any]:
    """What `nginx -t` said: the class of its complaint, and the file and the line that it names."""
    if status == 0:
        return {"class": "ok", "message": None, "file": None, "line": None}
    found = _COMPLAINT.search(output)
    if found is None:
        last = output.strip().splitlines()[-1:] or ["no reason given"]
        return {"class": "other", "message": redact(last[0]), "file": None, "line": None}
    kind = "certificate" if _CERTIFICATE.search(found["message"]) else "file" if found["file"] else "other"
    return {
        "class": kind,
        "message": redact(found["message"]),
        "file": found["file"],
        "line": int(found["line"]) if found["line"] else None,
    }


def test_configuration(program: str, main: Path) -> dict[str, Any]:
    """Let nginx test the configuration that begins with this file."""
    try:
        done = subprocess.run(
            [program, "-t", "-q", "-c", str(main)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TEST_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise IncidentError(f"there is no program {program} on this host; correct the group circuit_sage_edge, or set program") from None
    except PermissionError:
        raise IncidentError(f"no right to run {program}; set circuit_sage_edge_become") from None
    except subprocess.TimeoutExpired:
        return {"class": "other", "message": f"its test took longer than {TEST_SECONDS} seconds", "file": None, "line": None}
    return parse_test(done.returncode, done.stderr + done.stdout)


def _texts(folder: Path) -> Iterator[str]:
    """The files that hold directives."""
    for path in [folder / "nginx.conf", *sorted(folder.glob("sites-enabled/*")), *sorted(folder.glob("conf.d/*.conf"))]:
        try:
            yield path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue


def _values(texts: Sequence[str], directive: str) -> list[str]:
    return [value.strip() for text in texts for value in re.findall(_DIRECTIVE.format(directive), text, re.MULTILINE)]


def running(folder: Path, processes: Path = Path("/proc")) -> bool:
    """Whether the process runs that the pid file names: another nginx, in a container of this host, is none of ours."""
    for name in [*_values(list(_texts(folder)), "pid"), "/run/nginx.pid"]:
        try:
            pid = int(Path(name).read_text(encoding="ascii"))
            if (processes / str(pid) / "comm").read_text(encoding="ascii").strip() == "nginx":
                return True
        except (OSError, ValueError):
            continue
    return False


def copies_of(path: Path) -> list[Path]:
    """The files beside a file whose name begins with its name, the newest first: what people and packages keep of it."""
    return sorted(
        (other for other in path.parent.glob(f"{path.name}?*") if other.is_file()), key=lambda one: one.stat().st_mtime, reverse=True
    )


def passes_with(nginx: Nginx, broken: Path, copy: Path) -> bool:
    """Whether the configuration would pass nginx's test with the copy in the place of the broken file."""
    with tempfile.TemporaryDirectory(prefix="circuit-sage-") as place:
        tree = Path(place) / "nginx"
        # Symbolic links become files, so that nothing in the tree leads back to what nginx uses.
        shutil.copytree(nginx.folder, tree, ignore_dangling_symlinks=True)
        replaced = copy.read_bytes()
        for path in (path for path in nginx.folder.rglob("*") if path.is_file() and path.resolve() == broken):
            (tree / path.relative_to(nginx.folder)).write_bytes(replaced)
        for path in (path for path in tree.rglob("*") if path.is_file()):
            path.write_bytes(path.read_bytes().replace(f"{nginx.folder}/".encode(), f"{tree}/".encode()))
        return bool(test_configuration(nginx.program, tree / "nginx.conf")["class"] == "ok")


def _restorable(nginx: Nginx, tested: dict[str, Any]) -> str | None:
    """The newest copy of the broken file with which nginx's test passes."""
    if tested["class"] != "file":
        return None
    broken = Path(tested["file"]).resolve()
    return next((str(copy) for copy in copies_of(broken) if passes_with(nginx, broken, copy)), None)


def _pairs(nginx: Nginx, texts: Sequence[str]) -> list[dict[str, Any]]:
    pairs = dict.fromkeys(zip(_values(texts, "ssl_certificate"), _values(texts, "ssl_certificate_key"), strict=False))
    found = []
    for certificate, key in pairs:
        judged = certificate_pair.judge(Path(certificate), Path(key), nginx.name)
        other = None if judged["class"] == "ok" else certificate_pair.last_valid(Path(certificate), Path(key), nginx.archive, nginx.name)
        found.append(
            {
                "certificate": certificate,
                "keyfile": key,
                **judged,
                "restorable": other and {"certificate": str(other[0]), "keyfile": str(other[1])},
            }
        )
    return found


def observe(nginx: Nginx) -> dict[str, Any]:
    """The whole observation. Raises IncidentError where there is no nginx, or no right to look at it."""
    tested = test_configuration(nginx.program, nginx.folder / "nginx.conf")
    texts = list(_texts(nginx.folder))
    broken = str(Path(tested["file"]).resolve()) if tested["file"] else None
    return {
        "running": running(nginx.folder),
        "test": {**tested, "path": broken, "restorable": _restorable(nginx, tested)},
        "certificates": _pairs(nginx, texts),
        "certbot": shutil.which("certbot"),
        "maintenance": edge_closing.look(nginx.folder),
    }
