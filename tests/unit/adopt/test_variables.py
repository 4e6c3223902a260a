"""Compose's `${VAR}` and env files."""

from __future__ import annotations

from pathlib import Path

import pytest

from newt_tunnel.tools.adopt import AdoptError
from newt_tunnel.tools.adopt.variables import read, substitute

KNOWN = {"SET": "value", "EMPTY": ""}


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("$SET", "value"),
        ("${SET}", "value"),
        ("a${SET}b$SET", "avaluebvalue"),
        ("${UNSET}", ""),
        ("$$SET", "$SET"),
        ("$${SET}", "${SET}"),
        ("${UNSET:-default}", "default"),
        ("${EMPTY:-default}", "default"),
        ("${EMPTY-default}", ""),
        ("${UNSET-default}", "default"),
        ("${SET:-default}", "value"),
        ("${SET:?needed}", "value"),
        ("${EMPTY?needed}", ""),
        ("${SET:+other}", "other"),
        ("${EMPTY:+other}", ""),
        ("${EMPTY+other}", "other"),
        ("50 $", "50 $"),
    ],
)
def test_a_variable_means_what_compose_means(text: str, meant: str) -> None:
    assert substitute(text, KNOWN) == meant


@pytest.mark.parametrize("text", ["${UNSET?}", "${UNSET:?needed}", "${EMPTY:?needed}"])
def test_a_variable_that_must_be_set_is_named(text: str) -> None:
    with pytest.raises(AdoptError, match=r"^(UNSET|EMPTY): not set"):
        substitute(text, KNOWN)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=plain", "plain"),
        ("A=", ""),
        ("export A=plain", "plain"),
        ("A = spaced ", "spaced"),
        ("A=with # comment", "with"),
        ("A=with#hash", "with#hash"),
        ("A='single $SET #'", "single $SET #"),
        ('A="double ${SET}"', "double value"),
        (r'A="line\nbreak \"quoted\""', 'line\nbreak "quoted"'),
        ("A=$SET", "value"),
        ("SET", "value"),
    ],
)
def test_a_line_of_an_env_file_means_what_compose_means(
    tmp_path: Path, line: str, value: str
) -> None:
    file = tmp_path / ".env"
    file.write_text(f"# comment\n\n{line}\n")
    assert list(read(file, KNOWN).values()) == [value]
