# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a visitor meets: the certificate, the page through the edge, the page of the frontend itself, and an answer of the API.

Nothing is asked that a limit on failed sign-ins counts: the API is asked without a login, and any answer that it gives on purpose is good.
"""

from __future__ import annotations

import ssl
import threading
import time
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from . import http_probe
from .errors import IncidentError
from .redaction import redact
from .tls_probe import look_at_certificate

OPTIONS = ("edge_url", "frontend_url", "api_url")
# Answers of a page: a redirect is one, since certbot's nginx sends plain HTTP on to HTTPS.
_PAGE = {**dict.fromkeys(range(200, 400), "ok"), 502: "bad_gateway", 503: "unavailable", 504: "gateway_timeout"}
# What says that nobody is there: nothing listens, or a port forwarder closes because nothing listens behind it.
CLOSED = ("refused", "closed")


def check_urls(options: Mapping[str, Any]) -> None:
    """Refuse what is not an address that can be asked; an empty one is not looked at."""
    for name in OPTIONS:
        if options[name]:
            try:
                http_probe.check_urls([options[name]])
            except IncidentError as error:
                raise IncidentError(str(error).replace("urls:", f"{name}:", 1)) from None


def classify_page(status: int, _body: str) -> str:
    """The class of an answer of a page."""
    return _PAGE.get(status, "error" if status >= 500 else "other")


def classify_api(status: int, body: str) -> str:
    """The class of an answer of the API: any that the application gave on purpose is good."""
    if status == 503 and http_probe.classify_answer(status, body)[0] == "maintenance":
        return "maintenance"
    if status in (429, 404):
        return {429: "limited", 404: "not_found"}[status]
    return _PAGE.get(status, "error") if status >= 500 else "ok"


def _ask(url: str, timeout: float, context: ssl.SSLContext | None, classify: Callable[[int, str], str]) -> dict[str, Any]:
    return _shown(http_probe.probe(url, timeout, context, lambda status, body: (classify(status, body), None), follow=False))


def _shown(answer: Mapping[str, Any]) -> dict[str, Any]:
    """An answer of what says nothing of the database."""
    return {name: value for name, value in answer.items() if name != "database"}


def _ask_api(url: str, timeout: float, hopeless: threading.Event | None) -> dict[str, Any]:
    (answer,) = http_probe.answers_of([url], lambda url: _ask(url, timeout, None, classify_api), timeout, hopeless)
    return _shown(answer)


def suspect(edge: Mapping[str, Any]) -> bool:
    """Whether the outside shows trouble at the edge itself, so that it is worth looking at from inside.

    A page that is missing because the frontend does not answer either is the frontend's trouble.
    """
    page, frontend, tls = edge["page"], edge["frontend"], edge["tls"]
    if tls and tls["class"] != "ok":
        return True
    if not page or page["class"] == "ok":
        return False
    return page["class"] in (*CLOSED, "tls", "timeout") or not frontend or frontend["class"] == "ok"


def wanted(options: Mapping[str, Any]) -> bool:
    """Whether there is an address to ask."""
    return any(options[name] for name in OPTIONS)


def observe(options: Mapping[str, Any], hopeless: threading.Event | None = None) -> dict[str, Any]:
    """All of it at the same time, each with the same time-out; null is what no address was given for.

    Once it is `hopeless` to wait for the backend, the API gets a moment only.
    """
    timeout = options["timeout"]
    found: dict[str, Any] = dict.fromkeys(("tls", "page", "frontend", "api"))
    unknown = {
        name: f"no address is given; set {option}"
        for name, option in (("page", "edge_url"), ("frontend", "frontend_url"), ("api", "api_url"))
        if not options[option]
    }
    with ThreadPoolExecutor(max_workers=3) as threads:
        asked = {}
        if options["frontend_url"]:
            asked["frontend"] = threads.submit(_ask, options["frontend_url"], timeout, None, classify_page)
        if options["api_url"]:
            asked["api"] = threads.submit(_ask_api, options["api_url"], timeout, hopeless)
        if options["edge_url"]:
            found.update(_through_the_edge(options["edge_url"], timeout, options["edge_trusted"]))
        found.update({name: answer.result() for name, answer in asked.items()})
    if not found["tls"]:
        unknown["tls"] = "the edge is not asked over HTTPS; set edge_url to an address that begins with https://"
    return {**found, "suspect": suspect(found), "unknown": unknown}


def _through_the_edge(url: str, timeout: float, trusted: bool) -> dict[str, Any]:
    if not url.startswith("https:"):
        return {"page": _ask(url, timeout, None, classify_page)}
    address = urllib.parse.urlsplit(url)
    tls, context = look_at_certificate(str(address.hostname), address.port or 443, timeout, trusted)
    if context is None:
        # Without a valid certificate a visitor gets no page, and none is asked for: never around the check.
        kind = tls["class"] if tls["class"] in (*CLOSED, "timeout") else "tls"
        page = {"url": redact(url), "status": None, "class": kind, "body": None, "error": tls["error"], "milliseconds": tls["milliseconds"]}
        return {"tls": tls, "page": page}
    return {"tls": tls, "page": _ask(url, timeout, context, classify_page)}


def wait_for_page(url: str, timeout: float, seconds: float) -> None:
    """Wait until a page answers that was just started, at most so long, and at least one question."""
    deadline = time.monotonic() + seconds
    while _ask(url, timeout, None, classify_page)["class"] != "ok" and time.monotonic() < deadline:
        time.sleep(http_probe.ROUND_SECONDS)


def troubles(edge: Mapping[str, Any], closed: bool = False) -> Sequence[str]:
    """What a visitor would call broken, one sentence each. What is `closed` on purpose is not."""
    found = []
    tls, page, frontend, api = (edge.get(name) for name in ("tls", "page", "frontend", "api"))
    if tls and tls["class"] not in ("ok", *CLOSED, "timeout"):
        found.append(f"the certificate is not valid: {tls['error']}")
    for what, one in (("the page through the edge", page), ("the frontend", frontend)):
        if one and one["class"] not in ("ok", "tls"):
            found.append(f"{what} does not answer: {one['url']} {one['status'] or one['class']}")
    if api and api["class"] == "maintenance" and not closed:
        found.append(f"the API is closed for maintenance: {api['url']} {api['status']}")
    if api and api["class"] in ("error", "bad_gateway", "unavailable", "gateway_timeout"):
        found.append(f"the API fails: {api['url']} {api['status']}")
    return found
