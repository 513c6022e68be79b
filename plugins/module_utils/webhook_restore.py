# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting the webhook's address and key in the env file back to what Square has, and proving them by a test event of Square's."""

from __future__ import annotations

import time
import typing as t
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from . import webhook_setting
from .atomic_file import has_other_content, keep_copy, replace_content
from .env_file import parse
from .env_file_edit import with_value
from .errors import IncidentError
from .fingerprint import Fingerprints
from .payment_accounts import Firm
from .recorded_value import read_text, refuse_path, variables_of
from .square_credentials import KEY_VARIABLE, StoredCredentials
from .square_setting import SETTING_OPTIONS, AtSquare, ask, books_of, env_path, firms_of
from .square_webhook import WebhookAccounts, WebhookSubscription
from .stack_options import POSTGRES_OPTIONS, STACK_OPTIONS
from .webhook_setting import KEY, URL, Setting, setting_of

# Neither of them depends on what the inventory says the system is.
_COMMON = {
    **STACK_OPTIONS,
    **POSTGRES_OPTIONS,
    **{name: SETTING_OPTIONS[name] for name in ("backend_service", "square_base_url", "statement_timeout")},
}
RESTORE_OPTIONS: dict[str, dict[str, t.Any]] = {**_COMMON, "backup_name": {"type": "str"}}
TEST_OPTIONS: dict[str, dict[str, t.Any]] = {**_COMMON, "wait": {"type": "int", "default": 30}}
_POLL_SECONDS = 0.5


def _wanted(options: Mapping[str, t.Any]) -> tuple[WebhookSubscription, Firm, Setting, Mapping[str, str]]:
    """The subscription that the env file is for, whose it is, and what the file says."""
    books = books_of(options)
    with books.reading() as connection:
        firms = firms_of(connection, None)
    at_square: AtSquare = ask(firms, books.variables, options["square_base_url"])
    if at_square.unknown:
        raise IncidentError(f"Square does not tell its webhook subscriptions: {at_square.unknown}; nothing was written")
    file = setting_of(books.variables)
    live = [one for one in at_square.subscriptions if one.is_enabled and one.tells_payments]
    wanted = webhook_setting.subscription_for(file, live)
    if wanted is None:
        raise IncidentError(
            f"Square has {len(live)} webhook subscriptions that tell of payments, and none is surely that of the env file; "
            f"set {URL} and {KEY} by hand, as Square's dashboard has them"
        )
    return wanted, at_square.found[wanted.identity][1], file, books.variables


def _shown(setting: Setting, names: Sequence[str], marks: Fingerprints) -> str:
    """The lines of a diff: the address in plain, the key as a fingerprint."""
    lines = {URL: f"{URL}={setting.url}\n", KEY: f"{KEY}=<{marks.of(setting.key)}>\n"}
    return "".join(lines[name] for name in names)


def restore(options: Mapping[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Put back what is wrong. Raises IncidentError; then nothing is written."""
    if options["backup_name"] is not None:
        refuse_path(options["backup_name"])
    wanted, _firm, file, _variables = _wanted(options)
    names = webhook_setting.wrong_names(file, wanted)
    path = env_path(options)
    marks, right = Fingerprints(), Setting(wanted.url, wanted.key)
    result: dict[str, t.Any] = {
        "changed": bool(names),
        "variables": names,
        "subscription": wanted.identity,
        "backup": None,
        "diff": {
            "before": _shown(file, names, marks),
            "after": _shown(right, names, marks),
            "before_header": str(path),
            "after_header": str(path),
        },
    }
    if not names:
        return result
    if not wanted.key:
        raise IncidentError(f"Square does not tell the key of its webhook {wanted.identity}; set {KEY} by hand, as its dashboard has it")
    text = read_text(path)
    changed = text
    for name in names:
        changed = with_value(changed, name, right.url if name == URL else right.key)
    if setting_of(parse(changed)) != right:
        raise IncidentError(f"{path} would not give the values back; write the definitions of {URL} and {KEY} on one line each first")
    old = text.encode("utf-8", "surrogateescape")
    copy = None if options["backup_name"] is None else path.parent / options["backup_name"]
    if copy is not None and has_other_content(copy, old):
        raise IncidentError(f"{copy} exists with another content; give another backup_name, or move that file away")
    result["backup"] = copy and str(copy)
    if not check_mode:
        _write(path, copy, old, changed)
    return result


def _write(path: Path, copy: Path | None, old: bytes, changed: str) -> None:
    if copy is not None:
        keep_copy(path, copy, old)
    replace_content(path, changed.encode("utf-8", "surrogateescape"))
    # What Compose will read is what was meant, whoever wrote beside us.
    variables_of(path)


def prove(options: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Let Square tell test events until one is accepted. Raises IncidentError where none is within the time."""
    wanted, firm, _file, variables = _wanted(options)
    status, deadline = 0, time.monotonic() + options["wait"]
    with ExitStack() as stack:
        accounts = WebhookAccounts(stack, StoredCredentials(variables.get(KEY_VARIABLE, "")), options["square_base_url"], 1)
        account = accounts.of(firm)
        while True:
            status = account.test(wanted.identity)
            if 200 <= status < 300:
                return {"changed": False, "subscription": wanted.identity, "status": status}
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL_SECONDS)
    raise IncidentError(
        f"a test event that Square signed was answered with {status or 'nothing'} at {wanted.url}; look into the log of the backend, and "
        "at what stands before it"
    )
