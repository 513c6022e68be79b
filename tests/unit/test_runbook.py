# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages that name causes and settings are in step with the roles: the runbooks, the README and the contract."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
CAUSES = sorted(CHECKOUT.glob("roles/*/files/causes.yml"))


def test_runbooks_say_what_the_causes_say() -> None:
    command = [sys.executable, str(CHECKOUT / "docs" / "make_runbook.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", CAUSES, ids=lambda path: path.parts[-3])
def test_each_role_with_causes_has_a_runbook(path: Path) -> None:
    assert (CHECKOUT / "docs" / "runbooks" / f"{path.parts[-3]}.yml").exists()


@pytest.mark.parametrize("path", CAUSES, ids=lambda path: path.parts[-3])
def test_the_readme_names_each_cause_and_no_other(path: Path) -> None:
    role = path.parts[-3]
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    row = next(line for line in readme.splitlines() if line.startswith(f"| [`{role}`]"))
    causes = yaml.safe_load(path.read_text(encoding="utf-8"))["causes"]
    assert re.findall(r"`(\w+)`", row.split("|")[3]) == [cause["id"] for cause in causes]


@pytest.mark.parametrize("page", ["README.md", "docs/contract.md", "roles/open_incident/README.md"])
def test_pages_name_each_setting_of_a_run(page: str) -> None:
    text = (CHECKOUT / page).read_text(encoding="utf-8")
    settings = yaml.safe_load((CHECKOUT / "roles/open_incident/defaults/main.yml").read_text(encoding="utf-8"))
    assert [name for name in settings if name.startswith("incident_") and f"`{name}`" not in text] == []


def test_links_between_pages_lead_to_files() -> None:
    pages = [CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *CHECKOUT.glob("docs/**/*.md"), *CHECKOUT.glob("roles/*/README.md")]
    broken = []
    for page in pages:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if not (page.parent / target).exists():
                broken.append(f"{page.relative_to(CHECKOUT)}: {target}")
    assert broken == []
