# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a popular kind of sidecar does: it looks again and again for containers that Docker calls unhealthy, and restarts them."""

from __future__ import annotations

import threading

from stack import COMMAND_SECONDS, DOCKER_SECONDS, NotMeasured, run

# The usual period of such watchers.
PERIOD_SECONDS = 5.0


class Watcher(threading.Thread):
    """Watches the containers of one Compose project until it is told to end."""

    def __init__(self, project: str) -> None:
        super().__init__(daemon=True)
        self._unhealthy = ["docker", "ps", "--quiet", "--filter", f"label=com.docker.compose.project={project}"]
        self._unhealthy += ["--filter", "health=unhealthy"]
        self._ended = threading.Event()
        self.restarts = 0

    def run(self) -> None:
        """Watch until the end. It knows nothing of what it restarts, and what it cannot do it tries again in the next round."""
        while not self._ended.wait(PERIOD_SECONDS):
            try:
                for container in run(self._unhealthy, DOCKER_SECONDS).stdout.split():
                    if run(["docker", "restart", container], COMMAND_SECONDS).returncode == 0:
                        self.restarts += 1
            except NotMeasured:
                continue

    def end(self) -> None:
        """End, and wait for the restart that is under way."""
        self._ended.set()
        self.join()
