# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking health addresses all at once, each under a deadline of its own, and saying what kind of answer came."""

from __future__ import annotations

import contextlib
import json
import queue
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .errors import IncidentError
from .redaction import redact
from .user_agent import USER_AGENT

MOST_BYTES = 64 * 1024
BODY_SHOWN = 200
# Between two rounds of waiting: short beside the second that the backend takes to come back, long beside a probe of a healthy one (5 ms).
ROUND_SECONDS = 0.1
# How long an answer is still waited for when it cannot be a good one any more, and how often that is looked at.
HOPELESS_SECONDS = 0.3
POLL_SECONDS = 0.05

_BY_STATUS = {404: "not_found", 502: "bad_gateway", 504: "gateway_timeout"}


def check_urls(urls: Sequence[str]) -> None:
    """Refuse what is not an address that can be asked."""
    if not urls:
        raise IncidentError("urls is empty; give at least one health address")
    for url in urls:
        if not url.startswith(("http://", "https://")):
            raise IncidentError(f"urls: `{redact(url)}` is not an address; write it as http://HOST:PORT/health")
        if "@" in urllib.parse.urlsplit(url).netloc:
            raise IncidentError(f"urls: `{redact(url)}` holds a login; health needs none, so write it without")


def classify_answer(status: int, body: str) -> tuple[str, str | None]:
    """The class of an answer, and what it says about the database. Health counts only when it says so itself: a page with 200 is none."""
    try:
        report = json.loads(body)
    except ValueError:
        report = None
    if not isinstance(report, dict):
        report = {}
    database = report.get("database") if isinstance(report.get("database"), str) else None
    if status in _BY_STATUS:
        return _BY_STATUS[status], database
    if report.get("maintenance") is True:
        return "maintenance", database
    if status == 200 and report.get("status") == "ok":
        return "ok", database
    if status == 503 and "status" in report:
        return "unhealthy", database
    return "other", database


def classify_error(error: BaseException) -> str:
    """The class of a failure to get an answer."""
    reason = getattr(error, "reason", None)
    inner = reason if isinstance(reason, BaseException) else error
    # Before Python 3.10 the time-out of a socket is no TimeoutError.
    if isinstance(inner, TimeoutError) or str(inner) == "timed out":
        return "timeout"
    if isinstance(inner, ssl.SSLError):
        return "tls"
    if isinstance(inner, ConnectionRefusedError):
        return "refused"
    # A port forwarder without a server behind it takes the connection and closes it.
    return "closed" if isinstance(inner, (ConnectionResetError, BrokenPipeError)) else "other"


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirect is the answer, whatever stands where it leads."""

    def redirect_request(self, *_given: Any) -> None:
        """Nothing more is asked."""


def _context(validate_certs: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not validate_certs:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _fetch(url: str, timeout: float, context: ssl.SSLContext | None, follow: bool) -> tuple[int, str]:
    """The status and the text of an answer. No proxy: the question is whether this host can reach it."""
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if not follow:
        handlers.append(_Stay())
    if context:
        handlers.append(urllib.request.HTTPSHandler(context=context))
    headers = {"User-Agent": USER_AGENT, "Connection": "close"}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - check_urls let only http and https in
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=timeout) as answer:
            return answer.status, answer.read(MOST_BYTES).decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(MOST_BYTES).decode("utf-8", "replace")


def probe(
    url: str,
    timeout: float,
    context: ssl.SSLContext | None,
    classify: Callable[[int, str], tuple[str, str | None]] = classify_answer,
    follow: bool = True,
) -> dict[str, Any]:
    """One answer of an address, or why there was none."""
    began = time.monotonic()
    found: dict[str, Any] = {"url": redact(url), "status": None, "database": None, "body": None, "error": None}
    try:
        status, body = _fetch(url, timeout, context, follow)
    except Exception as error:
        # Whatever goes wrong on the way is what is being asked for: it is classified, and told.
        found.update({"class": classify_error(error), "error": redact(str(getattr(error, "reason", error)))})
    else:
        kind, database = classify(status, body)
        found.update({"status": status, "class": kind, "database": database, "body": redact(body)[:BODY_SHOWN]})
    found["milliseconds"] = round((time.monotonic() - began) * 1000)
    return found


def probe_all(urls: Sequence[str], timeout: float, validate_certs: bool, hopeless: threading.Event | None = None) -> list[dict[str, Any]]:
    """One answer for each address, in their order."""
    # Loading the certificate authorities takes 30 ms, as long as everything else here.
    context = _context(validate_certs) if any(url.startswith("https:") for url in urls) else None
    return answers_of(urls, lambda url: probe(url, timeout, context), timeout, hopeless)


def answers_of(
    urls: Sequence[str], ask: Callable[[str], dict[str, Any]], timeout: float, hopeless: threading.Event | None = None
) -> list[dict[str, Any]]:
    """What asking each address answers, in their order. Once it is `hopeless` to wait, what has not answered gets a moment only."""
    answers: queue.Queue[tuple[int, dict[str, Any]]] = queue.Queue()
    for number, url in enumerate(urls):
        # Daemons: a name server that hangs, or an answer that comes a byte a second, must not keep the module from ending.
        threading.Thread(target=lambda n=number, u=url: answers.put((n, ask(u))), daemon=True).start()
    found: dict[int, dict[str, Any]] = {}
    # A little longer than a probe's own timeout, which then has the better words.
    began, allowed = time.monotonic(), timeout + 0.2
    while len(found) < len(urls):
        if hopeless and hopeless.is_set():
            allowed = min(allowed, time.monotonic() - began + HOPELESS_SECONDS)
            hopeless = None
        left = began + allowed - time.monotonic()
        if left <= 0:
            break
        with contextlib.suppress(queue.Empty):
            number, answer = answers.get(timeout=min(left, POLL_SECONDS))
            found[number] = answer
    late = {"status": None, "class": "timeout", "database": None, "body": None, "milliseconds": round(allowed * 1000)}
    late["error"] = f"no complete answer within {min(allowed, timeout):.1f} seconds"
    return [found.get(number, {"url": redact(url), **late}) for number, url in enumerate(urls)]


def decide(probes: Iterable[dict[str, Any]]) -> bool | None:
    """Whether the service answers: the first address that exists decides. Null when none exists, which is not an outage."""
    return next((probe["class"] == "ok" for probe in probes if probe["class"] != "not_found"), None)


def _open_ones_answer(probes: Iterable[dict[str, Any]]) -> bool:
    """Whether there is nothing more to wait for: what is closed for maintenance opens by no waiting, so the other addresses decide."""
    return bool(decide(probe for probe in probes if probe["class"] != "maintenance"))


def observe(
    urls: Sequence[str],
    timeout: float,
    validate_certs: bool,
    wait: float = 0,
    may_come: Callable[[], bool] = lambda: True,
    hopeless: threading.Event | None = None,
) -> dict[str, Any]:
    """The answers and the decision; with `wait`, asked again until the service answers, may no longer come, or the seconds are over."""
    check_urls(urls)
    return until(lambda: probe_all(urls, timeout, validate_certs, hopeless), wait, may_come)


def until(ask: Callable[[], list[dict[str, Any]]], wait: float, may_come: Callable[[], bool]) -> dict[str, Any]:
    """Ask until the service answers, while it may come and no longer than `wait` seconds, but at least once."""
    deadline = time.monotonic() + wait
    while True:
        probes = ask()
        answers = decide(probes)
        if answers or _open_ones_answer(probes) or time.monotonic() >= deadline or not may_come():
            break
        time.sleep(ROUND_SECONDS)
    unknown = (
        {} if answers is not None else {"answers": "none of the health addresses exists (404); set urls to the one that this release has"}
    )
    return {"answers": answers, "probes": probes, "unknown": unknown}
