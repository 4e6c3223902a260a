"""The top level of the repository: one list says what a stack is made of."""

from __future__ import annotations

import subprocess
from pathlib import Path

from newt_tunnel.stackfile.repository import BESIDE_PROGRAM, NOT_PROGRAM, PROGRAM
from tests import unchanged

REPOSITORY = Path(__file__).parents[3]
#: Written by users who run Forgejo; this repository has workflows for Gitea, which Forgejo reads.
OF_USERS = {".forgejo"}


def test_every_entry_of_the_top_level_is_in_one_list() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    there = {name.partition("/")[0] for name in listed.stdout.splitlines()}
    lists = (*PROGRAM, *BESIDE_PROGRAM, *NOT_PROGRAM)
    assert sorted(lists) == sorted({*there, *OF_USERS}), "add it to one list in repository.py"


def test_the_memory_of_passed_tests_has_the_whole_program() -> None:
    assert set(PROGRAM) <= set(unchanged.STACKS.decides)
    assert "requirements.txt" in unchanged.COMMON
