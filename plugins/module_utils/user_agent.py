# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By what nginx's log knows the requests of this collection."""

from __future__ import annotations

USER_AGENT = "circuit-sage-incident-response"
