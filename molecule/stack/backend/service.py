# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every part of the service shares: its settings, its pool, its two rate limits."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from pool import Pool
from rate_limit import RateLimit
from settings import Settings


@dataclass
class Service:
    """One running backend."""

    settings: Settings
    pool: Pool
    api_limit: RateLimit
    sign_in_limit: RateLimit
    started: float = field(default_factory=time.monotonic)
