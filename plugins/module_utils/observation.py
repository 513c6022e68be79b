# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All layers at once: the host, Docker, the database and the service are asked at the same time, in one process. Reads only."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from . import asked, edge_probe, http_probe, postgres_observer, release_observer, resolver_observer, stack_observer
from .docker_engine import DockerEngine
from .errors import IncidentError
from .evidence import LOG_LINES, read_evidence
from .host_observer import HostObserver
from .stack import group_by_service
from .symptoms import symptoms_of

# The Compose service of the pages.
FRONTEND = "frontend"
# The engine's back-off begins with a tenth of a second and doubles: so long is one of its first ones.
BACK_OFF_SECONDS = 1.0
# For so long what the backend's log says of its pool is news; the causes count the same seconds.
POOL_SAID_SECONDS = 15


def _probe(options: Mapping[str, Any], **how: Any) -> dict[str, Any]:
    return http_probe.observe(options["urls"], options["timeout"], options["validate_certs"], **how)


def observe_edge(options: Mapping[str, Any], **how: Any) -> dict[str, Any]:
    """The health addresses and, where addresses are given for it, what a visitor meets."""
    if not edge_probe.wanted(options):
        return _probe(options, **how)
    with ThreadPoolExecutor(max_workers=1) as threads:
        visited = threads.submit(edge_probe.observe, options, how.get("hopeless"))
        health, visitor = _probe(options, **how), visited.result()
    return {**health, **visitor, "unknown": {**health["unknown"], **visitor["unknown"]}}


def _state_of(engine: DockerEngine, project: str, service: str) -> str | None:
    """The state of the service's container; null where nobody can tell, or there is none."""
    try:
        containers = group_by_service(engine.containers(), project).get(service, [])
    except IncidentError:
        return None
    return str(containers[0]["State"]) if containers else None


class _Comes:
    """Whether a service may still come, asked again and again while it is waited for.

    One that is stopped or paused will not answer, however long one waits. One that Docker starts again by itself does so at once after
    its first crash, and later and later after each further one: then a remedy ends its back-off sooner.
    """

    def __init__(self, engine: DockerEngine, project: str, service: str) -> None:
        self._engine, self._project, self._service = engine, project, service
        self._waits_since: float | None = None

    def __call__(self) -> bool:
        state = _state_of(self._engine, self._project, self._service)
        if state != "restarting":
            self._waits_since = None
            return state == "running"
        self._waits_since = self._waits_since or time.monotonic()
        return time.monotonic() - self._waits_since < BACK_OFF_SECONDS


def _wait(options: Mapping[str, Any], seconds: float) -> None:
    """Wait for the database, and then for the service that needs it."""
    deadline = time.monotonic() + seconds
    # What is wrong with the input is told by the observation, which looks at the files first.
    with contextlib.suppress(IncidentError):
        postgres_observer.wait_for_answer(options, seconds)
    engine = DockerEngine(options["docker_host"], options["docker_timeout"])
    _probe(
        options,
        wait=deadline - time.monotonic(),
        may_come=_Comes(engine, options["project_name"], options["backend_service"]),
    )
    if options["frontend_url"] and _state_of(engine, options["project_name"], FRONTEND) == "running":
        edge_probe.wait_for_page(options["frontend_url"], options["timeout"], deadline - time.monotonic())


def _hopeless(options: Mapping[str, Any], stack: Mapping[str, Any], postgres: Mapping[str, Any]) -> bool:
    """Whether the service cannot be healthy: its backend does not run, has no database, or has just said that its pool is used up.

    A probe may hang then: on a lost packet, or until the backend itself has waited long enough for its pool.
    """
    backend = (stack["services"] or {}).get(options["backend_service"]) or {}
    if backend.get("state") != "running" or postgres["error"] is not None:
        return True
    waited = ((backend.get("log") or {}).get("patterns") or {}).get("pool_exhausted")
    lately = waited and waited["this_life"] and (waited["seconds_ago"] or 0) <= POOL_SAID_SECONDS
    # Who waits for a lock gets a connection as soon as it is free: then the answer tells more than that there was none.
    return bool(lately) and not postgres["blockers"]


def refuse_wrong_port(options: Mapping[str, Any], stack: Mapping[str, Any], postgres: Mapping[str, Any]) -> None:
    """Raise where nobody listens because the wrong port is asked: the database is well, and publishes another one."""
    service = (stack["services"] or {}).get(options["postgres_service"]) or {}
    published = sorted({port["host_port"] for port in service.get("ports") or []})
    refused = (postgres["error"] or {}).get("class") == "refused"
    if refused and service.get("health") == "healthy" and published and options["login_port"] not in published:
        raise IncidentError(
            f"nothing listens at {options['login_host']}:{options['login_port']}, and the healthy PostgreSQL publishes "
            f"{', '.join(map(str, published))}; set login_port to what is published"
        )


def _look_closer(options: Mapping[str, Any], observations: dict[str, Any]) -> None:
    """Add what is worth its time only where something points at it."""
    stack, edge = observations["stack"], observations["edge"]
    closer = {}
    if (edge.get("api") or {}).get("class") == "error" or options["roll_back_to"]:
        closer["release"] = release_observer.observe(options, observations["postgres"]["migrations"])
    if resolver_observer.suspect(stack, edge, options["backend_service"]):
        closer["resolver"] = resolver_observer.observe(options, stack)
    for name, (found, reason) in closer.items():
        observations[name] = found
        if found is None:
            edge.setdefault("unknown", {})[name] = reason


def observe(options: Mapping[str, Any]) -> dict[str, Any]:
    """The observations of all layers. Raises IncidentError for input that is wrong."""
    http_probe.check_urls(options["urls"])
    edge_probe.check_urls(options)
    if options["wait"]:
        _wait(options, options["wait"])
    hopeless = threading.Event()
    with ThreadPoolExecutor(max_workers=4) as threads:
        # Its two looks at the processes are as far apart as the other layers take.
        host = threads.submit(HostObserver, options)
        database = threads.submit(postgres_observer.observe, {**options, "wait": 0})
        edge = threads.submit(observe_edge, options, hopeless=hopeless)
        stack = stack_observer.observe(
            stack_observer.project_of(options),
            options["log_lines"],
            options["patterns"],
            options["require_variables"],
            asked.Wish(options["memory_limits"], options["pool_environment"], options["backend_service"]),
        )
        postgres = database.result()
        broken = _hopeless(options, stack, postgres)
        if broken:
            hopeless.set()
        # Read beside what still takes its time.
        evidence = threads.submit(_evidence, options, stack) if broken and options["evidence_of"] else None
        refuse_wrong_port(options, stack, postgres)
        observations = {"stack": stack, "postgres": postgres, "edge": edge.result(), "host": host.result().finish()}
        if options["evidence_of"] and not broken and symptoms_of(observations):
            evidence = threads.submit(_evidence, options, stack)
        _look_closer(options, observations)
        return {**observations, "evidence": evidence.result() if evidence else {}}


def _evidence(options: Mapping[str, Any], stack: Mapping[str, Any]) -> dict[str, Any]:
    """What a remedy may destroy."""
    if not stack["engine"]["reachable"]:
        return {}
    engine = DockerEngine(options["docker_host"], options["docker_timeout"])
    return read_evidence(engine, options["project_name"], options["evidence_of"], LOG_LINES)
