# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One value of an env file is changed so that Compose reads it back, and nothing else in the file changes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.env_file import parse
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.env_file_edit import quoted, with_value
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

# Any text that an environment can hold, with the characters that mean something in an env file far more often than by chance.
AWKWARD = st.sampled_from("""'"\\$#={}:! \t\r\n`export""")
VALUES = st.text(st.one_of(AWKWARD, st.characters(exclude_characters="\0", exclude_categories=["Cs"])), max_size=20)
NAMES = st.sampled_from(["A", "B_2", "POSTGRES_PASSWORD", "PASSWORD", "export_of", "LAST"])
SIGNS = st.sampled_from(["=", " = ", ":", "= "])
FILLERS = st.sampled_from(["", "# A=comment", "   ", "# POSTGRES_PASSWORD='not this'", "INHERITED"])
ENDS = st.sampled_from(["\n", "\r\n"])


@st.composite
def files(draw: st.DrawFn) -> str:
    """An env file: definitions in every form, comments, empty lines, either line end, with or without the last one."""
    end = draw(ENDS)
    lines = []
    for _number in range(draw(st.integers(0, 6))):
        if draw(st.booleans()):
            lines.append(draw(FILLERS))
        prefix = draw(st.sampled_from(["", "export ", "  "]))
        comment = draw(st.sampled_from(["", " # why", "  "]))
        lines.append(prefix + draw(NAMES) + draw(SIGNS) + quoted(draw(VALUES), draw(st.sampled_from(["", "'", '"']))) + comment)
    text = end.join(lines)
    return draw(st.sampled_from(["", "\ufeff"])) + text + draw(st.sampled_from(["", end]))


@given(text=files(), name=NAMES, value=VALUES)
def test_the_value_is_read_back_and_the_others_stay(text: str, name: str, value: str) -> None:
    changed = with_value(text, name, value)
    assert parse(changed) == {**parse(text), name: value}


@given(text=files(), name=NAMES, value=VALUES)
def test_nothing_but_the_value_changes(text: str, name: str, value: str) -> None:
    changed = with_value(text, name, value)
    if name not in parse(text):
        assert changed.startswith(text)
        return
    # Every definition above is one line, so at most one line differs, and it keeps its name and its comment.
    old, new = text.split("\n"), changed.split("\n")
    assert len(old) == len(new)
    for before, after in zip(old, new, strict=True):
        if before != after:
            assert name in re.split("[=:]", before)[0]
            assert re.split("[=:]", before)[0] == re.split("[=:]", after)[0]
            assert before.endswith(" # why") == after.endswith(" # why")
            assert before.endswith("\r") == after.endswith("\r")
    assert sum(before != after for before, after in zip(old, new, strict=True)) <= 1


@given(text=files(), name=NAMES, value=VALUES)
def test_a_second_time_changes_nothing(text: str, name: str, value: str) -> None:
    once = with_value(text, name, value)
    assert with_value(once, name, value) == once


@given(value=VALUES, style=st.sampled_from(["", "'", '"']))
def test_every_value_can_be_written_in_one_line(value: str, style: str) -> None:
    assert "\n" not in quoted(value, style)
    assert parse(f"A={quoted(value, style)}") == {"A": value}


# Each line was read by Docker Compose 2.26.1 (`docker compose config`) as the value beside it.
@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"""'a$b#c "d'""", 'a$b#c "d'),
        (r'''"a\nb\\c\$d\"e$$f"''', 'a\nb\\c$d"e$f'),
        (r"'a\'b'", "a'b"),
        (r"'a\\\'b'", "a\\\\'b"),
        ("a#b", "a#b"),
        ("a #b", "a"),
        ("a\t#b", "a\t#b"),
        ("a$$b", "a$b"),
        ("a$ b$1 c$", "a$ b$1 c$"),
        ("a'b\"c", "a'b\"c"),
        ("#a", "#a"),
    ],
)
def test_the_reader_agrees_with_compose(written: str, read: str) -> None:
    assert parse(f"V={written}\nW=2\n") == {"V": read, "W": "2"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("A=1\nP=old\nZ=2\n", "A=1\nP=new\nZ=2\n"),
        ("P='old' # moved in May\n", "P='new' # moved in May\n"),
        ('export P = "old"\r\nZ=2', 'export P = "new"\r\nZ=2'),
        ("P=old # why\nP=older\n", "P=old # why\nP=new\n"),
        ("P=old   \n", "P=new   \n"),
        ("P=\r\nZ=1\r\n", "P=new\r\nZ=1\r\n"),
        ("P=  \nZ=1\n", "P=new  \nZ=1\n"),
        ("#P=old\nP: old", "#P=old\nP: new"),
        ("P='a' P='b'\n", "P='a' P='new'\n"),
        ("P\nZ=1\n", "P\nZ=1\nP=new\n"),
        ("Z=1\r\n", "Z=1\r\nP=new\r\n"),
        ("Z=1", "Z=1\nP=new"),
        ("# none", "# none\nP=new"),
        ("", "P=new\n"),
        ("\ufeffP=old\n", "\ufeffP=new\n"),
        ("XP=1\nP_X=2\n", "XP=1\nP_X=2\nP=new\n"),
        ("Z='two\nP=lines'\nP=old\n", "Z='two\nP=lines'\nP=new\n"),
        ("P='two\nlines'\nZ=1\n", "P='new'\nZ=1\n"),
    ],
)
def test_only_the_last_definition_is_touched(before: str, after: str) -> None:
    assert with_value(before, "P", "new") == after


@pytest.mark.parametrize(
    ("value", "style", "form"),
    [
        ("abc-1", "", "abc-1"),
        ("abc-1", '"', '"abc-1"'),
        ("a$b", "", "'a$b'"),
        ("a$b", '"', '"a\\$b"'),
        ("it's", "'", '"it\'s"'),
        ("back\\slash", "'", '"back\\\\slash"'),
        ("", "", "''"),
    ],
)
def test_the_style_is_kept_where_it_can_hold_the_value(value: str, style: str, form: str) -> None:
    assert quoted(value, style) == form


def test_a_null_character_is_refused() -> None:
    with pytest.raises(IncidentError, match="null character"):
        quoted("a\0b")


@pytest.mark.parametrize("name", ["", "A B", "A=B", "1A", "A\n", "Ä"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(IncidentError, match="not the name of a variable"):
        with_value("A=1\n", name, "x")


def test_a_file_that_compose_refuses_is_refused() -> None:
    with pytest.raises(IncidentError, match=r"line 2: .*no closing"):
        with_value("A=1\nB='open\n", "A", "x")
