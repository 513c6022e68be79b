#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count the requests that fail while something is done to the service."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service_watch
short_description: Count the requests that fail while something is done to the service
version_added: 0.1.0
description:
  - Asks the health addresses twenty times a second until it is told to end, and counts what fails and for how long.
  - With O(state=started) it is run in the background (C(async), C(poll) 0). The same module with O(state=ended) ends it and gives the
    figures.
  - An address that answers 404 at the beginning, or is closed for maintenance, is left out. What nginx refuses for its own rate limit
    does not count.
author: Circuit Sage contributors (@circuit-sage)
attributes:
  check_mode:
    description: Nothing is done to the service then, so nothing is watched.
    support: full
  diff_mode:
    description: Nothing is changed.
    support: none
options:
  state:
    description: V(started) watches, V(ended) ends the watch.
    type: str
    required: true
    choices: [started, ended]
  report:
    description: The file into which the watch writes what it saw. It is there until the watch is ended.
    type: path
    required: true
  urls:
    description: The health addresses, for O(state=started). The first one that exists decides.
    type: list
    elements: str
    default: []
  most_seconds:
    description: After so many seconds the watch ends by itself.
    type: int
    default: 300
  run:
    description:
      - The run that watches, the C(process) of the fact C(circuit_sage_incident). When that was killed the watch ends without a report.
    type: dict
"""

EXAMPLES = r"""
- name: Watch
  circuit_sage.incident_response.service_watch:
    state: started
    report: /run/lock/circuit-sage-watch
    urls: ["http://127.0.0.1:4000/health"]
  async: 310
  poll: 0

- name: End the watch
  circuit_sage.incident_response.service_watch:
    state: ended
    report: /run/lock/circuit-sage-watch
  register: watched
"""

RETURN = r"""
requests:
  description: How many requests were made.
  returned: success
  type: int
failures:
  description: How many of them failed.
  returned: success
  type: int
away_seconds:
  description: For how long the service was away in all, from a request that failed to the next one that did not.
  returned: success
  type: float
longest_seconds:
  description: For how long it was away at a stretch.
  returned: success
  type: float
watched_seconds:
  description: For how long it was watched.
  returned: success
  type: float
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import service_watch
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError


def main() -> None:
    """Watch, or end the watch."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "required": True, "choices": ["started", "ended"]},
            "report": {"type": "path", "required": True},
            "urls": {"type": "list", "elements": "str", "default": []},
            "most_seconds": {"type": "int", "default": 300},
            "run": {"type": "dict"},
        },
        required_if=[["state", "started", ["urls"]]],
        supports_check_mode=True,
    )
    options = module.params
    report = Path(options["report"])
    if module.check_mode:
        module.exit_json(changed=False, **service_watch.summary([]))
    try:
        if options["state"] == "started":
            found = service_watch.watch_urls(report, options["urls"], options["most_seconds"], options["run"])
        else:
            found = service_watch.end(report)
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
