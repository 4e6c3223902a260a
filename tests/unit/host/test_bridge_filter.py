"""The kernel's br_netfilter, which shows the rules what passes between ports of newt's bridge, and
without which Docker makes no network whose containers are kept apart."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.unit.host.program import NEWT_EGRESS, shell_function

SHELLS = [["dash"], ["busybox", "sh"], ["bash", "--posix"]]
FUNCTIONS = "\n".join(
    shell_function(NEWT_EGRESS, name) for name in ("warn", "bridge_limit", "load_bridge_filter")
)
#: In place of the program's own, which call what is on this machine.
STAND_INS = 'have() { true; }\nlimited() { shift; echo "called: $*"; }'


CALLED = "called: modprobe -q br_netfilter\n"


def said(call: str, settings: Path, shell: list[str]) -> str:
    """What the call prints, and which program it calls, on a kernel with these settings."""
    script = "\n".join((f"BRIDGE_SETTINGS={settings} TOOL_SECONDS=1", STAND_INS, FUNCTIONS, call))
    done = subprocess.run([*shell, "-uc", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("shell", SHELLS, ids=lambda words: words[0])
def test_what_is_not_there_when_the_network_is_to_be_made_is_loaded_before(
    tmp_path: Path, shell: list[str]
) -> None:
    assert said("load_bridge_filter", tmp_path / "bridge", shell) == CALLED
    (tmp_path / "bridge").mkdir()
    assert said("load_bridge_filter", tmp_path / "bridge", shell) == ""


@pytest.mark.parametrize("shell", SHELLS, ids=lambda words: words[0])
def test_a_kernel_without_it_is_reported(tmp_path: Path, shell: list[str]) -> None:
    assert "this kernel has no br_netfilter" in said("bridge_limit", tmp_path / "bridge", shell)
    (tmp_path / "bridge").mkdir()
    assert said("bridge_limit", tmp_path / "bridge", shell) == ""
