# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every fault of the whole machine, see molecule/harness/causes.py."""

from causes import *  # noqa: F403
from fixtures import FAULTS_OF_THE_HOST

FAULTS = FAULTS_OF_THE_HOST
