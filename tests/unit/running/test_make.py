"""The Makefile's targets: what they leave of standard output, and how they hand over paths."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
#: Stands for `python3`: makes a virtual environment whose programs say what they were called with.
#: pip and venv are noisier than the real ones.
PYTHON = """\
#!/bin/sh
if [ "$1 $2" = "-m venv" ]; then
    mkdir -p "$3/bin"
    cp "$0" "$3/bin/python"
    echo "noise of venv"
elif [ "$1 $2" = "-m pip" ]; then
    echo "noise of pip"
else
    printf '<%s>' "$@"
fi
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout without a virtual environment."""
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(REPOSITORY / name, tmp_path)
    (tmp_path / "policies").mkdir()
    shutil.copy(REPOSITORY / "policies" / "requirements.txt", tmp_path / "policies")
    (tmp_path / "tools").mkdir()
    python = tmp_path / "tools" / "python3"
    python.write_text(PYTHON)
    python.chmod(0o755)
    return tmp_path


def make(folder: Path, *words: str) -> tuple[str, str]:
    """Standard output, as the arguments of the one program that runs, and standard error."""
    environment = {key: os.environ[key] for key in ("HOME",) if key in os.environ}
    done = subprocess.run(
        ["make", *words],
        cwd=folder,
        env=environment | {"PATH": f"{folder / 'tools'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.mark.parametrize(
    ("words", "called"),
    [
        (["adopt", "COMPOSE=c.yaml"], "<-m><newt_tunnel><adopt><--stack><nas><--><c.yaml>"),
        (
            ["adopt", "COMPOSE=~/a b/it's.yaml", "ADDRESS=10.0.1.10", "STACK=home"],
            "<-m><newt_tunnel><adopt><--stack><home><--address><10.0.1.10><--><~/a b/it's.yaml>",
        ),
        (["attack", "SEED=7", "ALL=yes"], "<-m><tests.attack><--seed><7><--all>"),
        (["faults"], "<-m><tests.faults>"),
        (["adopt"], "<-m><newt_tunnel><adopt><--stack><nas><--><>"),
        (["review", "BASE=v1"], "<-m><newt_tunnel><review><--merge-base><--><v1>"),
        (["review", "BASE=v1", "HEAD=x"], "<-m><newt_tunnel><review><--><v1...x>"),
        (
            ["check-blueprint", "BLUEPRINT=~/b.yaml", "SITE=nas"],
            "<-m><newt_tunnel><check-blueprint><--blueprint><~/b.yaml><--site><nas><--><nas>",
        ),
        (["check"], "<-m><newt_tunnel><check>"),
        (["check", "STACK=k3s home"], "<-m><newt_tunnel><check><--><k3s home>"),
        (["check-blueprint", "STACK="], "<-m><newt_tunnel><check-blueprint><--><>"),
        (
            ["suggest", "STACK=k3s-home", "FLOWS=~/f.json", "BLUEPRINT=b.yaml"],
            "<-m><newt_tunnel><suggest><--flows><~/f.json><--blueprint><b.yaml><--><k3s-home>",
        ),
    ],
)
def test_a_target_prints_what_its_program_prints_and_makes_own_messages_are_errors(
    folder: Path, words: list[str], called: str
) -> None:
    said, messages = make(folder, *words)
    assert said == called, "it may be on its way into a file"
    for message in ("setting up .venv", "noise of venv", "noise of pip"):
        assert message in messages, "it says what takes so long"
    assert make(folder, *words) == (called, ""), "the second time there is nothing to set up"


def test_only_help_prints_by_itself() -> None:
    """As the last resort for targets that no test runs."""
    text = (REPOSITORY / "Makefile").read_text().replace("\\\n", " ")
    recipes = re.findall(r"^([a-z$()./_A-Z-]+):.*\n((?:\t.*\n)+)", text, re.MULTILINE)
    assert len(recipes) >= 20
    printing = {
        target
        for target, recipe in recipes
        for line in recipe.splitlines()
        if re.search(r"\b(echo|printf)\b", line) and ">&2" not in line
    }
    assert printing == {"help"}
