# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account of a run on the terminal: what was seen, the cause, what is done, the proof, and when; not a wall of `ok`."""

from __future__ import annotations

DOCUMENTATION = r"""
name: account
type: stdout
short_description: A short live account of an incident run
version_added: 0.1.0
description:
  - Prints what an incident run tells, one line for each thing that was seen, found, done or proven, with the seconds since the start.
  - Tasks that tell nothing are silent. Failures and unreachable hosts are always shown, in one sentence.
  - With C(-v) or more, everything that the callback P(ansible.builtin.default#callback) prints is printed too.
  - For Ansible's plain output set E(ANSIBLE_STDOUT_CALLBACK=default).
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - default_callback
  - result_format_callback
requirements:
  - set as stdout callback, as the collection's ansible.cfg does
"""

import gc
import sys
import textwrap
import time
import typing as t

from ansible import constants as C
from ansible.plugins.callback.default import CallbackModule as Default

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.run_settings import in_variables

# Colour by event; what is not named here is plain. The display drops colours where there is no terminal.
COLOURS = {
    "cause": C.COLOR_WARN,
    "act": C.COLOR_CHANGED,
    "did": C.COLOR_CHANGED,
    "left": C.COLOR_WARN,
    "proof": C.COLOR_OK,
    "healthy": C.COLOR_OK,
    "resolved": C.COLOR_OK,
    "diagnosed": C.COLOR_OK,
    "escalated": C.COLOR_ERROR,
    "refused": C.COLOR_ERROR,
    "failed": C.COLOR_ERROR,
    "unreachable": C.COLOR_UNREACHABLE,
}
# What is left of a failure with no_log. A run that fails tells its reason, redacted, when it closes its incident.
HIDDEN = "the reason is not shown, since the output of this task can hold secrets"


class CallbackModule(Default):
    """Print the `account` entries of results; hand everything to the default callback from verbosity 1 on."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "circuit_sage.incident_response.account"

    def __init__(self) -> None:
        super().__init__()
        # What is loaded by now lives as long as the run. Looked at again and again by the garbage collection, and copied for that in the
        # process of each task, it costs a tenth of the run.
        gc.freeze()
        self._began = time.monotonic()
        self._hosts: set[str] = set()
        self._pending: tuple[str, str, str] | None = None

    def _verbose(self) -> bool:
        return bool(self._display.verbosity)

    def _line(self, host: str, event: str, text: str) -> None:
        head = f"{time.monotonic() - self._began:6.1f} s  {event:<11} "
        if len(self._hosts) > 1:
            text = f"[{host}] {text}"
        lines = [text]
        if (self._display.columns and C.ANSIBLE_FORCE_COLOR) or _is_terminal():
            lines = textwrap.wrap(text, max(40, self._display.columns - len(head)), break_long_words=False, break_on_hyphens=False) or [""]
        for number, line in enumerate(lines):
            self._display.display((head if number == 0 else " " * len(head)) + line, color=COLOURS.get(event))

    def _flush(self, told: str = "") -> None:
        """Print a failure that waits, unless *told* says it already: a run that fails tells why when it closes its incident."""
        if self._pending:
            host, task, sentence = self._pending
            self._pending = None
            if sentence not in told and not (told and sentence == HIDDEN):
                self._line(host, "failed", f"{task}: {sentence}")

    def _tell(self, result: t.Any) -> bool:
        """Print the entries of a result; True when there were any."""
        host = result._host.get_name()
        entries = result._result.get("account") or []
        for entry in entries:
            self._flush(entry["text"])
            self._line(host, entry["event"], entry["text"])
        if result._result.get("record"):
            self._line(host, "record", f"{result._result['record']}/report.md")
        return bool(entries)

    def v2_playbook_on_play_start(self, play: t.Any) -> None:
        """Name the play once, with the hosts' number known for the prefixes."""
        self._hosts = set(play.get_variable_manager().get_vars(play=play).get("ansible_play_hosts_all") or [])
        if self._verbose():
            super().v2_playbook_on_play_start(play)
        else:
            self._display.display(f"Circuit Sage incident response: {play.get_name().strip()}")

    def v2_runner_on_ok(self, result: t.Any) -> None:
        """Print what the result tells; a debug message is what a user's own play tells."""
        if self._verbose():
            super().v2_runner_on_ok(result)
        if not self._tell(result) and not self._verbose() and result._task.action in C._ACTION_DEBUG:
            self._display.display(str(result._result.get("msg", "")))

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        """Print the failure as one sentence, unless the result's own account has said it."""
        if self._verbose():
            super().v2_runner_on_failed(result, ignore_errors)
        if self._tell(result) or self._verbose() or ignore_errors:
            return
        if self._pending and result._result.get("results"):
            return
        self._flush()
        self._pending = (result._host.get_name(), result._task.get_name().strip(), _sentence(result._result))

    def v2_runner_item_on_ok(self, result: t.Any) -> None:
        """Print what one item of a loop tells."""
        if self._verbose():
            super().v2_runner_item_on_ok(result)
        self._tell(result)

    def v2_runner_item_on_failed(self, result: t.Any) -> None:
        """Keep why an item of a loop failed; the loop's own result only says that one did."""
        if self._verbose():
            super().v2_runner_item_on_failed(result)
        else:
            self._pending = (result._host.get_name(), result._task.get_name().strip(), _sentence(result._result))

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        """Print that the host cannot be reached, and why."""
        if self._verbose():
            super().v2_runner_on_unreachable(result)
        else:
            self._line(result._host.get_name(), "unreachable", _sentence(result._result))

    def v2_playbook_on_no_hosts_matched(self) -> None:
        """Say that no host was meant: the usual cause is an inventory without the group."""
        self._display.display("no host matched: the inventory needs the group circuit_sage with a host in it", color=C.COLOR_ERROR)

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        """The account has said it all; the recap comes from verbosity 1 on."""
        self._flush()
        if self._verbose():
            super().v2_playbook_on_stats(stats)


def _is_terminal() -> bool:
    return sys.stdout.isatty()


def _sentence(result: t.Any) -> str:
    """The message of a failure without its traceback, its advice in the variables that a user sets."""
    if "censored" in result:
        return HIDDEN
    return in_variables(" ".join(str(result.get("msg") or "no message").split()))


def _silent(name: str) -> t.Callable[..., None]:
    """A method that hands its event to the default callback from verbosity 1 on, and is silent below."""

    def method(self: CallbackModule, *args: t.Any, **kwargs: t.Any) -> None:
        if self._verbose():
            getattr(Default, name)(self, *args, **kwargs)

    return method


for _name in (
    "v2_playbook_on_task_start",
    "v2_playbook_on_cleanup_task_start",
    "v2_playbook_on_handler_task_start",
    "v2_playbook_on_include",
    "v2_runner_on_skipped",
    "v2_runner_on_start",
    "v2_runner_retry",
    "v2_runner_item_on_skipped",
    "v2_on_file_diff",
):
    setattr(CallbackModule, _name, _silent(_name))
