# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every page of HTML has in common: one file, no script, nothing asked for, whatever a log has put into a text. Pure."""

from __future__ import annotations

import re
import typing as t
from html import escape

from .page_style import style
from .page_words import clean

# Pixels of the pictures, one of which is shown: on a page of full width, on a tablet, and on a phone that is held upright.
WIDTHS = {"wide": 944, "middle": 640, "narrow": 308}

_UNIT = re.compile(r"(?<=\d) (?=(s|%)(?!\w))")


def escaped(value: t.Any) -> str:
    """The value as text of the page or of an attribute in double quotes; a number stays on the line of its unit."""
    return _UNIT.sub("&#160;", escape(clean(value)))


def identifier(value: t.Any) -> str:
    """An id, which may break after its underscores rather than anywhere."""
    return escaped(value).replace("_", "_<wbr>")


def badge(kind: str) -> str:
    return f'<span class="badge {escaped(kind)}">{escaped(kind)}</span>'


def page(title: str, own: str, body: str) -> str:
    """The whole page; *own* is what its style sheet has beside that of every page.

    It asks for nothing, and a browser that honours the policy would refuse it a script.
    """
    whole = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{escaped(title)}</title>
<style>{style(own)}</style>
</head>
<body>
{body}
</body>
</html>
"""
    return re.sub(r"(?m)[ \t]+$", "", whole)
