# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the system and Square are told of each other: the environment, and the webhook. Reads only."""

from __future__ import annotations

import contextlib
import time
import typing as t
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from . import square_environment, webhook_setting
from .billing_database import server_and_password
from .billing_terms import companies_of
from .container_log import LogTooLong, bounded, to_lines
from .docker_engine import DockerEngine
from .errors import IncidentError
from .payment_accounts import Firm
from .payment_books import PaymentBooks
from .payment_options import PACE_OPTIONS, PAYMENT_OPTIONS, refuse_bad_pace, rules_of
from .square_account import SquareDown, SquareRefusal, check_base_url
from .square_credentials import KEY_VARIABLE, StoredCredentials, Unreadable
from .square_webhook import WebhookAccounts, WebhookSubscription
from .stack import environment_of, group_by_service

SETTING_OPTIONS: dict[str, dict[str, t.Any]] = {
    **PAYMENT_OPTIONS,
    **PACE_OPTIONS,
    "backend_service": {"type": "str", "default": "backend"},
}
# The env file has one address and one key. So many accounts are asked for the subscription that they are of.
MOST_ACCOUNTS = 64
_IN_FLIGHT = 8
_LOG_LINES = 20_000
_LOG_SECONDS = 5.0
_FIRMS = """
SELECT c.id::text, c.name, c.settings #>> '{integrations,payment,credentials,accessToken}',
  c.settings #>> '{integrations,payment,credentials,locationId}',
  coalesce(c.settings #>> '{integrations,payment,settings,testMode}' = 'true', false)
FROM companies c
WHERE c.deleted_at IS NULL AND c.settings #>> '{integrations,payment,credentials,accessToken}' <> ''
  AND (%(companies)s::uuid[] IS NULL OR c.id = ANY(%(companies)s::uuid[]))
ORDER BY c.name, c.id
"""


@dataclass
class AtSquare:
    """The webhook subscriptions that were found, each once, with a company under whose token; and why none could be asked for."""

    found: dict[str, tuple[WebhookSubscription, Firm]] = field(default_factory=dict)
    unknown: str | None = None

    @property
    def subscriptions(self) -> list[WebhookSubscription]:
        return [one for one, _firm in self.found.values()]


def books_of(options: Mapping[str, t.Any]) -> PaymentBooks:
    """The database and the env file that the options name. Raises IncidentError for what the caller has to put right."""
    if options["square_base_url"]:
        check_base_url(options["square_base_url"])
    server, password, variables = server_and_password(options)
    return PaymentBooks(server, password, variables, options["statement_timeout"], 5)


def firms_of(connection: t.Any, companies: Sequence[str] | None) -> list[Firm]:
    """The companies that have an account at Square."""
    with connection.cursor() as cursor:
        cursor.execute(_FIRMS, {"companies": None if companies is None else list(companies)})
        return [Firm(*row) for row in cursor]


def ask(firms: Sequence[Firm], variables: Mapping[str, str], setting: str) -> AtSquare:
    """The webhook subscriptions of the accounts. What refuses or is away is told, not raised."""
    at_square = AtSquare()
    refused: list[str] = []

    def look(firm: Firm) -> tuple[Firm, list[WebhookSubscription]]:
        try:
            return firm, accounts.of(firm).subscriptions()
        except (SquareDown, SquareRefusal, Unreadable) as error:
            refused.append(str(error))
            return firm, []

    with ExitStack() as stack:
        try:
            accounts = WebhookAccounts(stack, StoredCredentials(variables.get(KEY_VARIABLE, "")), setting, _IN_FLIGHT)
            with ThreadPoolExecutor(max_workers=_IN_FLIGHT) as threads:
                for firm, found in threads.map(look, firms[:MOST_ACCOUNTS]):
                    for one in found:
                        at_square.found.setdefault(one.identity, (one, firm))
        except IncidentError as error:
            at_square.unknown = str(error)
    if refused and not at_square.found and len(refused) == len(firms[:MOST_ACCOUNTS]):
        at_square.unknown = refused[0]
    return at_square


class Backend:
    """The backend's containers: their environments, and the log of the newest."""

    def __init__(self, options: Mapping[str, t.Any]) -> None:
        self._engine = DockerEngine(options["docker_host"], options["docker_timeout"])
        project, service = options["project_name"], options["backend_service"]
        found = group_by_service(self._engine.containers(project), project).get(service, [])
        self._inspected = [self._engine.inspect(one["Id"]) for one in found]

    def settings(self) -> list[webhook_setting.Setting]:
        """What each was created with."""
        return [webhook_setting.setting_of(environment_of(one)) for one in self._inspected]

    def answers(self) -> dict[str, t.Any]:
        """How the newest answered Square, as far as its log goes back."""
        if not self._inspected:
            return {}
        newest = self._inspected[0]
        with contextlib.closing(self._engine.log(newest["Id"], newest["Config"]["Tty"], _LOG_LINES)) as stream:
            try:
                return webhook_setting.answers_of(to_lines(bounded(stream, time.monotonic() + _LOG_SECONDS)))
            except LogTooLong:
                return {}


def look(options: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What the module returns for its options. Raises IncidentError for what the caller has to put right."""
    # What would make no sense in the modules after this one is told here, before anybody is asked, and also where nothing is due.
    rules_of(options)
    refuse_bad_pace(options)
    companies = companies_of(options["company_ids"])
    books = books_of(options)
    setting, environment = options["square_base_url"], options["square_environment"]
    with books.reading() as connection:
        firms = firms_of(connection, companies)
        place = square_environment.observed(connection, firms, setting, environment, options["limit"])
    backend = Backend(options)
    # A token is for one of Square's environments: it is not sent to the other one.
    at_square = AtSquare(unknown=place["wrong"][0]) if place["wrong"] else ask(firms, books.variables, setting)
    file = webhook_setting.setting_of(books.variables)
    webhook = webhook_setting.told(file, backend.settings(), at_square.subscriptions, backend.answers())
    webhook["company_id"] = at_square.found[webhook["subscription"]][1].company_id if webhook["subscription"] else None
    return {"changed": False, "environment": place, "webhook": webhook, "unknown": at_square.unknown}


def env_path(options: Mapping[str, t.Any]) -> Path:
    """The env file."""
    return Path(options["project_src"], options["env_file"])
