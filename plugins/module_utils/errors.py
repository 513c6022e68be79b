# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exceptions of the collection: one sentence each, saying what was wrong and what to do about it."""

from __future__ import annotations


class IncidentError(Exception):
    """Something that the caller has to put right; its text is shown to the user as it is."""


class LibraryMissing(IncidentError):
    """A package that this Python needs for the question is not there; what needs no such package can be done all the same."""


class EngineUnreachable(IncidentError):
    """The Docker engine does not answer. An observation for `stack_info`, an error for everybody else."""


class EngineForbidden(IncidentError):
    """The Docker engine is there, but this user may not talk to it."""
