# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A browser without a window, and the pages that it looks at."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Where the pages are."""
    folder = tmp_path_factory.mktemp("pages")
    # By the environment that the playbooks run in; the browser's has no Ansible.
    subprocess.run([CHECKOUT / ".venv/bin/python", CHECKOUT / "tests/browser/make_pages.py", folder], check=True)
    return {path.stem: path for path in folder.glob("*.html")}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser that setup/browser.sh found or installed."""
    with sync_playwright() as started:
        # Its own sandbox does not work for root, as whom CI often runs; it opens no page but ours.
        opened = started.chromium.launch(executable_path=os.environ["CHROMIUM"], args=["--no-sandbox"])
        yield opened
        opened.close()
