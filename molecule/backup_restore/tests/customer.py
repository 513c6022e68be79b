# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A customer who goes on writing through nginx, and remembers each answer."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from types import TracebackType
from typing import NamedTuple

from sandbox import Sandbox

# nginx lets ten a second through, the application a hundred in fifteen minutes.
PERIOD_SECONDS = 0.5
CLOSED = '{"success":false,"error":{"message":"Service is currently under maintenance. Please check back later."},"maintenance":true}'


class Answer(NamedTuple):
    """What was written, and what came back; status 0 when nothing did."""

    written: str
    status: int
    body: str
    retry_after: str | None


class Customer(threading.Thread):
    """Writes another telephone number into a location again and again."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(daemon=True)
        self._sandbox, self._token = sandbox, sandbox.token
        self._location, _, self._phone = sandbox.place.partition(" ")
        self._ended = threading.Event()
        self.answers: list[Answer] = []

    def __enter__(self) -> Customer:
        self.start()
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        """Write until the end."""
        number = 0
        while not self._ended.wait(PERIOD_SECONDS):
            number += 1
            self.answers.append(self._write(f"+1 555 {number:04}"))

    def _write(self, phone: str) -> Answer:
        url = f"{self._sandbox.edge_url}/api/locations/{self._location}"
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        request = urllib.request.Request(url, json.dumps({"phone": phone}).encode(), headers, method="PUT")  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
                return Answer(phone, answer.status, answer.read().decode(), None)
        except urllib.error.HTTPError as error:
            with error:
                return Answer(phone, error.code, error.read().decode(), error.headers["Retry-After"])
        except OSError as error:
            return Answer(phone, 0, str(error), None)

    def phone(self, database: str) -> str:
        """The number that a database has."""
        return self._sandbox.psql(f"SELECT phone FROM locations WHERE id = '{self._location}'", database)

    def put_back(self, database: str) -> None:
        """The number that was there."""
        self._sandbox.psql(f"UPDATE locations SET phone = '{self._phone}' WHERE id = '{self._location}'", database)

    def refused(self) -> list[Answer]:
        """What was refused as closed."""
        return [one for one in self.answers if (one.status, one.body) == (503, CLOSED)]

    def accepted(self) -> tuple[list[str], list[str]]:
        """What was written before the first refusal, and what after it."""
        numbers = [number for number, one in enumerate(self.answers) if one.status == 503]
        first = numbers[0] if numbers else len(self.answers)
        before, after = self.answers[:first], self.answers[first:]
        return [one.written for one in before if one.status == 200], [one.written for one in after if one.status == 200]
