# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The env file as Compose 2.26 reads it: each row was observed with `docker compose --env-file … config`."""

from __future__ import annotations

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.env_file import interpolate, parse
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=plain", {"A": "plain"}),
        ("B = spaced", {"B": "spaced"}),
        ("\tA=x\n  B=y", {"A": "x", "B": "y"}),
        ("export A=x", {"A": "x"}),
        ("A: yaml style", {"A": "yaml style"}),
        ("A=", {"A": ""}),
        ("A=a=b=c", {"A": "a=b=c"}),
        ("A==b", {"A": "=b"}),
        ("A=trail   \nB=x", {"A": "trail", "B": "x"}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("\ufeffA=1", {"A": "1"}),
        ("A-B=1\n1A=2\nA.B=3\nA[0]=4", {"A-B": "1", "1A": "2", "A.B": "3", "A[0]": "4"}),
        ("A=1;B=2", {"A": "1;B=2"}),
        ("# comment\n\n#A=1\nB=2", {"B": "2"}),
        ("A=with # comment", {"A": "with"}),
        ("A=with#nocomment", {"A": "with#nocomment"}),
        ("A=p#a ss", {"A": "p#a ss"}),
        ("A=#hash\nB= #hash", {"A": "#hash", "B": "#hash"}),
        ('A="double # quoted"', {"A": "double # quoted"}),
        ('A="x"  # c\nB="x"#c', {"A": "x", "B": "x"}),
        ('A="a" b=c', {"A": "a", "b": "c"}),
        ('A="quoted"tail\nB=1', {"A": "quoted", "B": "1"}),
        ('A="esc\\nnew\\ttab\\\\back\\"q"', {"A": 'esc\nnew\ttab\\back"q'}),
        ('A="\\a\\0101\\q"', {"A": "\aA\\q"}),
        ('A="multi\nline"', {"A": "multi\nline"}),
        ("A='single $B quoted'", {"A": "single $B quoted"}),
        ("A='single\\nesc'", {"A": "single\\nesc"}),
        ("A='a\\'b'", {"A": "a'b"}),
        ("A=x'y'z", {"A": "x'y'z"}),
        ("A=back\\nslash\nB=x\\", {"A": "back\\nslash", "B": "x\\"}),
        ("A=`tick`", {"A": "`tick`"}),
        ("A=$(x)", {"A": "$(x)"}),
        ("A=pa$$word\nB=pa$1word", {"A": "pa$word", "B": "pa$1word"}),
        ('A="a\\$b"', {"A": "a$b"}),
        ("A=1\nB=$A\nC=${A}-x", {"A": "1", "B": "1", "C": "1-x"}),
        ("A=1\nB=${A:-d}\nC=${N:-d}\nD=${N-d}\nE=${N:-${M:-x}}", {"A": "1", "B": "1", "C": "d", "D": "d", "E": "x"}),
        ("A=1\nB=${A:+alt}\nC=${N+alt}\nD=${A:?needed}", {"A": "1", "B": "alt", "C": "", "D": "1"}),
        ("A=$NOPE\nB=${NOPE}", {"A": "", "B": ""}),
        ("JUST\nA=1", {"A": "1"}),
        ("A=1\n# no line feed at the end", {"A": "1"}),
        ("", {}),
    ],
)
def test_as_compose(text: str, expected: dict[str, str]) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A=ok\nB='unterminated-secret", "line 2: a value that begins with ' has no closing '"),
        ('P="unterminated-secret\\', 'line 1: a value that begins with " has no closing "'),
        ("A B=secret", "line 1 does not begin with the name"),
        ("A/B=secret", "line 1 does not begin with the name"),
        ("=secret", "line 1 does not begin with the name"),
        ("K='it''s'", "line 1 does not begin with the name"),
        ("A=${B", "line 1: a reference `${` is not closed"),
        ("A=${1secret}", "does not hold the name of a variable"),
        ("A=${B:?no b}", "the variable B is required"),
    ],
)
def test_refused_without_showing_the_line(text: str, words: str) -> None:
    with pytest.raises(IncidentError) as refused:
        parse(text)
    assert words in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_required_variable_that_is_empty_is_not_there() -> None:
    with pytest.raises(IncidentError):
        interpolate("${A:?}", {"A": ""})
    assert interpolate("${A?}", {"A": ""}) == ""
