# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the causes into the runbooks: make_runbook.py [--check].

docs/runbooks/ROLE.md has a part between two markers. It is made from the role's causes (roles/ROLE/files/causes.yml) and from what
docs/runbooks/ROLE.yml adds to them for a person. A page may have a second such part, for the table of Square's codes. With --check nothing
is written, and a page that is out of step is an error.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
import typing as t
from pathlib import Path

import yaml

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT / ".ansible" / "collections"))

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import square_codes  # noqa: E402

RUNBOOKS = CHECKOUT / "docs" / "runbooks"
BEGIN, END = "<!-- made by docs/make_runbook.py: begin -->", "<!-- made by docs/make_runbook.py: end -->"
CODES_BEGIN, CODES_END = "<!-- made by docs/make_runbook.py: codes begin -->", "<!-- made by docs/make_runbook.py: codes end -->"
REQUIRED, OPTIONAL = ("see", "why", "done", "undo"), ("person",)
WIDTH = 140

Mapping = dict[str, t.Any]


class RunbookError(Exception):
    """Causes and runbook do not fit together; the sentence says what to write where."""


def load_causes(role: str) -> list[Mapping]:
    """The causes of a role, in the order of its file."""
    content = yaml.safe_load((CHECKOUT / "roles" / role / "files" / "causes.yml").read_text(encoding="utf-8"))
    return t.cast("list[Mapping]", content["causes"])


def load_words(role: str) -> dict[str, Mapping]:
    """What the runbook adds to each cause."""
    return t.cast("dict[str, Mapping]", yaml.safe_load((RUNBOOKS / f"{role}.yml").read_text(encoding="utf-8")))


def check(role: str, causes: list[Mapping], words: dict[str, Mapping]) -> None:
    """Raise when a cause has no words, when words have no cause, or when words lack a key."""
    place = f"docs/runbooks/{role}.yml"
    names = {cause["id"] for cause in causes}
    for name in sorted(names - set(words)):
        raise RunbookError(f"{place} lacks the cause {name}; say there what a person sees and what is done")
    for name in sorted(set(words) - names):
        raise RunbookError(f"{place} has {name}, which is no cause of the role {role}; remove it")
    for name, entry in words.items():
        if missing := [key for key in REQUIRED if key not in entry]:
            raise RunbookError(f"{place}: {name} lacks {', '.join(missing)}; add it")
        if unknown := sorted(set(entry) - set(REQUIRED) - set(OPTIONAL)):
            raise RunbookError(f"{place}: {name} has {', '.join(unknown)}; the keys are {', '.join(REQUIRED + OPTIONAL)}")


def sentence(text: str) -> str:
    """The text as a sentence: a capital first and a full stop last."""
    text = " ".join(text.split())
    return text[0].upper() + text[1:] + ("" if text[-1] in ".`" else ".")


def section(cause: Mapping, words: Mapping) -> str:
    """One cause as a section of the page."""
    plan = f"`{cause['remedy']}`, {cause['risk']}" if cause.get("remedy") else "none: a person decides"
    if cause.get("respects_hold"):
        plan += ", not while a hold is set"
    persons = " ".join(sentence(text) for text in (cause.get("escalate"), words.get("person")) if text)
    items = {
        "What you see": sentence(words["see"]),
        "Why": sentence(words["why"]),
        "Remedy": sentence(plan),
        "What is done": sentence(words["done"]),
        "Undo": sentence(words["undo"]),
        "Why not just restart": sentence(cause["why_not_restart"]),
        "For a person": persons or "Nothing is left to do.",
    }
    lines = [f"### `{cause['id']}`", "", f"{sentence(cause['title'])} Layer: {cause['layer']}.", ""]
    for name, text in items.items():
        lines += textwrap.wrap(f"- **{name}**: {text}", WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines)


def codes() -> str:
    """The table by which a retry decides."""
    rows = [f"| {one['says']} | {one['done']} | {_code_list(one['codes'])} |" for one in square_codes.table()]
    return "\n".join(["| it says | so the run does | codes |", "|---|---|---|", *rows])


def _code_list(text: str) -> str:
    return ", ".join(f"`{code}`" for code in text.split(", ")) if text.isupper() else text


def with_codes(text: str) -> str:
    """The page with the table of codes between its markers, where it has these."""
    if CODES_BEGIN not in text:
        return text
    head, rest = text.split(CODES_BEGIN)
    return f"{head}{CODES_BEGIN}\n{codes()}\n{CODES_END}{rest.split(CODES_END)[1]}"


def page(role: str) -> tuple[str, str]:
    """The page as it is, and as it should be."""
    causes, words = load_causes(role), load_words(role)
    check(role, causes, words)
    now = (RUNBOOKS / f"{role}.md").read_text(encoding="utf-8")
    if now.count(BEGIN) != 1 or now.count(END) != 1:
        raise RunbookError(f"docs/runbooks/{role}.md lacks the markers between which the causes go: {BEGIN} and {END}")
    head, rest = now.split(BEGIN)
    tail = rest.split(END)[1]
    sections = "\n\n".join(section(cause, words[cause["id"]]) for cause in causes)
    return now, with_codes(f"{head}{BEGIN}\n{sections}\n{END}{tail}")


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail when a page is out of step")
    options = parser.parse_args()
    status = 0
    for source in sorted(RUNBOOKS.glob("*.yml")):
        try:
            now, wanted = page(source.stem)
        except RunbookError as error:
            print(error, file=sys.stderr)
            status = 1
            continue
        if now == wanted:
            continue
        if options.check:
            print(f"docs/runbooks/{source.stem}.md is out of step with its causes; run docs/make_runbook.py", file=sys.stderr)
            status = 1
        else:
            (RUNBOOKS / f"{source.stem}.md").write_text(wanted, encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main())
