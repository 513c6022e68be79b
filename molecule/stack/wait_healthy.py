#!/usr/bin/env python3
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait until the sandbox serves: `wait_healthy.py SECONDS EDGE_PORT EDGE_TLS_PORT BACKEND_PORT [SQUARE_PORT]`.

In order: the backend's own health, Square where it is part of the stack, then through the edge the pages (plain and TLS) and the API.
The released backend has no /api/health: any JSON answer to it proves the way through the edge, and it is asked last because calls of
the API are counted. Says what is missing when the time is over. Standard library only.
"""

from __future__ import annotations

import http.client
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable

PAUSE = 0.1  # seconds between two tries
UNCHECKED = ssl.create_default_context()
UNCHECKED.check_hostname = False
UNCHECKED.verify_mode = ssl.CERT_NONE  # the sandbox's certificate is self-made


def ask(url: str) -> tuple[int, str]:
    """Status and content type of the answer; status 0 and the reason when there is none."""
    try:
        with urllib.request.urlopen(url, timeout=3, context=UNCHECKED) as answer:  # noqa: S310 - always http(s) to loopback
            return answer.status, answer.headers.get_content_type()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers.get_content_type()
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error)


def wait_for(url: str, is_good: Callable[[int, str], bool], deadline: float) -> str | None:
    """None as soon as the answer is good; the last answer in words when the deadline passes."""
    while True:
        status, kind = ask(url)
        if is_good(status, kind):
            return None
        if time.monotonic() >= deadline:
            return f"{url} answers {status} ({kind})" if status else f"{url} does not answer ({kind})"
        time.sleep(PAUSE)


def main(arguments: list[str]) -> int:
    seconds, edge, edge_tls, backend, *square = arguments
    deadline = time.monotonic() + float(seconds)
    checks: list[tuple[str, Callable[[int, str], bool]]] = [
        (f"http://127.0.0.1:{backend}/health", lambda status, kind: status == 200),
        *[(f"http://127.0.0.1:{port}/", lambda status, kind: status > 0) for port in square],
        (f"http://127.0.0.1:{edge}/", lambda status, kind: status == 200),
        (f"https://127.0.0.1:{edge_tls}/", lambda status, kind: status == 200),
        (f"http://127.0.0.1:{edge}/api/health", lambda status, kind: kind == "application/json"),
    ]
    for url, is_good in checks:
        missing = wait_for(url, is_good, deadline)
        if missing:
            print(f"stack: {missing}.", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
