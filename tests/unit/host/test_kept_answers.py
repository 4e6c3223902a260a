"""A name whose answer is refused at a refresh keeps its last good one, and the others go on."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.unit.host.program import NEWT_EGRESS, shell_function

SHELLS = pytest.mark.parametrize(
    "shell", [["dash"], ["busybox", "sh"], ["bash", "--posix"]], ids=lambda words: words[0]
)
DECLARATION = """\
subnet=172.30.0.0/24
notpublic=10.0.0.0/8
name=forbidden vault.lan
name=endpoint earth.pop.example
name=endpoint mars.pop.example
name=target nas.lan
forbidden=vault @{vault.lan} tcp 22
"""
LAST = {
    "vault.lan": "10.0.1.66",
    "earth.pop.example": "203.0.113.21",
    "mars.pop.example": "203.0.113.22",
    "nas.lan": "10.0.1.7",
}
#: How long each answer takes.
SECONDS = 0.5
FUNCTIONS = (
    *("values", "value", "names_of", "answer_of", "is_ipv4", "number", "within", "one_line"),
    *("refused_answers", "objection", "overlap_of", "refusal", "resolve_name", "resolve_names"),
    *("ask_all", "say", "warn", "complain", "whole_name", "of_several"),
)
SCRIPT = "\n".join(
    [
        "ip() { echo '2: eth0    inet 10.0.1.10/24 brd 10.0.1.255 scope global eth0'; }",
        f'resolve() {{ sleep {SECONDS}; sed -n "s/^$1 //p" "$ANSWERS" | grep .; }}',
        "CURRENT=$1 NEXT=$2 WORK=$2/work ANSWERS=$3 MAX_ADDRESSES=64 ASKED_AT_ONCE=16",
        'mkdir "$WORK"',
        next(line for line in NEWT_EGRESS.splitlines() if line.startswith("KEPT=")),
        *(shell_function(NEWT_EGRESS, name) for name in FUNCTIONS),
        "resolve_names $4 2>&1",
    ]
)


class Look:
    """One look-up of all names after a good one, ``answers`` in place of the last ones."""

    def __init__(self, folder: Path, shell: list[str], mode: str, answers: dict[str, str]) -> None:
        current, following = folder / "current", folder / "next"
        for place in (current, following):
            place.mkdir()
            (place / "declaration").write_text(DECLARATION)
        (current / "resolved").write_text(_lines(LAST))
        (folder / "answers").write_text(_lines({**LAST, **answers}))
        given = [str(current), str(following), str(folder / "answers"), mode]
        started = time.monotonic()
        done = subprocess.run(
            [*shell, "-uc", SCRIPT, "newt-egress", *given],
            capture_output=True,
            text=True,
            check=False,
        )
        self.seconds = time.monotonic() - started
        assert done.stderr == ""
        self.succeeded = done.returncode == 0
        self.said = done.stdout
        lines = (following / "resolved").read_text().splitlines()
        self.found = dict(line.split(" ") for line in lines)


def _lines(answers: dict[str, str]) -> str:
    return "".join(f"{name} {address}\n" for name, address in answers.items() if address)


@SHELLS
def test_a_node_that_does_not_resolve_keeps_its_address_and_the_others_follow(
    tmp_path: Path, shell: list[str]
) -> None:
    look = Look(tmp_path, shell, "keep", {"earth.pop.example": "", "nas.lan": "10.0.1.8"})
    assert look.succeeded
    assert look.found == {**LAST, "nas.lan": "10.0.1.8"}
    assert "earth.pop.example does not resolve now; its last good answer is kept" in look.said


@SHELLS
@pytest.mark.parametrize("address", ["10.0.1.7", "10.0.1.66", "127.0.0.1", "172.30.0.10"])
def test_a_node_that_turns_inside_keeps_its_address_and_the_others_follow(
    tmp_path: Path, shell: list[str], address: str
) -> None:
    look = Look(tmp_path, shell, "keep", {"earth.pop.example": address, "nas.lan": "10.0.1.8"})
    assert look.succeeded
    assert look.found == {**LAST, "nas.lan": "10.0.1.8"}
    assert f"warning: earth.pop.example resolves to {address}, which " in look.said
    assert "; refused, its last good answer is kept" in look.said


@SHELLS
def test_all_names_are_asked_for_at_once(tmp_path: Path, shell: list[str]) -> None:
    look = Look(tmp_path, shell, "", {})
    assert look.found == LAST
    assert look.seconds < SECONDS * (len(LAST) - 1), "one after the other they take longer"


@SHELLS
def test_at_an_update_a_refused_answer_is_an_error(tmp_path: Path, shell: list[str]) -> None:
    look = Look(tmp_path, shell, "", {"earth.pop.example": "10.0.1.7"})
    assert not look.succeeded
    assert "newt-egress: earth.pop.example resolves to 10.0.1.7, which is not public" in look.said
    assert "of a node in pangolin.nodes" in look.said


@SHELLS
def test_an_address_that_is_forbidden_by_now_is_not_kept(tmp_path: Path, shell: list[str]) -> None:
    """The rules stay as they are, and say so: what to do is for a person to decide."""
    moved = {"vault.lan": LAST["nas.lan"], "nas.lan": "127.0.0.1"}
    look = Look(tmp_path, shell, "keep", moved)
    assert not look.succeeded
    assert "nas.lan resolves to 127.0.0.1" in look.said
