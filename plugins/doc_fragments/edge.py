# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a visitor meets: the options of the modules that ask the edge."""

from __future__ import annotations


class ModuleDocFragment:
    """Addresses of the edge, the frontend and the API."""

    DOCUMENTATION = r"""
options:
  edge_url:
    description:
      - The page that visitors open, through nginx. With C(https://) the certificate is looked at as well.
      - Without it the edge is not looked at. The same goes for the other addresses.
    type: str
  edge_trusted:
    description:
      - Whether the certificate of O(edge_url) has to come from an authority that this host trusts.
      - With V(false) it may be signed by itself. Its date and its name have to be right all the same.
    type: bool
    default: true
  frontend_url:
    description:
      - The same page, asked of the frontend directly.
    type: str
  api_url:
    description:
      - A path of the API, asked of the backend directly and without a login. Any answer that the application gives on purpose is healthy,
        such as 401, or 404 where there is no such path.
      - C(/api/health) is no part of the limit of API calls that all users share. Another path counts one call each time; none counts as a
        failed sign-in, of which five in 15 minutes lock out every user.
    type: str
"""
