# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All layers at once: Docker, the database and the service are asked at the same time, in one process. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from . import http_probe, postgres_observer, stack_observer
from .engine_reader import EngineReader
from .evidence import LOG_LINES, read_evidence
from .symptoms import symptoms_of


def _state(stack: Mapping[str, Any], service: str) -> str | None:
    observed: str | None = ((stack["services"] or {}).get(service) or {}).get("state")
    return observed


def observe(options: Mapping[str, Any]) -> dict[str, Any]:
    """The observations of all layers. Raises IncidentError for input that is wrong."""
    http_probe.check_urls(options["urls"])
    wait = options["wait"]

    def probe(seconds: float) -> dict[str, Any]:
        return http_probe.observe(options["urls"], options["timeout"], options["validate_certs"], seconds)

    with ThreadPoolExecutor(max_workers=2) as threads:
        postgres = threads.submit(postgres_observer.observe, options)
        edge: Future[dict[str, Any]] | None = None if wait else threads.submit(probe, 0)
        if wait:
            # What waits for the database is looked at when the database has come up, or has not.
            postgres.exception()
        stack = stack_observer.observe(
            stack_observer.project_of(options), options["log_lines"], options["patterns"], options["require_variables"]
        )
        if edge is None:
            # Who does not run will not answer, however long it is waited for.
            edge = threads.submit(probe, wait if _state(stack, options["backend_service"]) == "running" else 0)
        observations = {"stack": stack, "postgres": postgres.result(), "edge": edge.result()}
    return {**observations, "evidence": _evidence(options, observations)}


def _evidence(options: Mapping[str, Any], observations: dict[str, Any]) -> dict[str, Any]:
    """What a remedy may destroy, where something is broken."""
    if not options["evidence_of"] or not observations["stack"]["engine"]["reachable"] or not symptoms_of(observations):
        return {}
    reader = EngineReader(options["docker_host"], options["docker_timeout"])
    return read_evidence(reader, options["project_name"], options["evidence_of"], LOG_LINES)
