"""No file of the repository keeps what a merge left unresolved."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
#: Seven signs and a space, as git writes them around the two sides of a conflict.
MARK = re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE)


def test_no_file_has_the_marks_of_a_conflict() -> None:
    listed = subprocess.run(
        ["git", "-C", str(REPOSITORY), "ls-files", "-z"], capture_output=True, check=True
    )
    names = listed.stdout.decode().rstrip("\0").split("\0")
    assert len(names) > 100
    assert MARK.search(f"text\n{'<' * 7} one side\n")
    files = [REPOSITORY / name for name in names]
    assert not [
        file for file in files if file.is_file() and MARK.search(file.read_text(errors="replace"))
    ]
