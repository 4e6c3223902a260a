"""No program that may hang is called without a limit: it would keep what a repair waits for."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.unit.host.program import NEWT_EGRESS, shell_function

#: Programs that wait for a daemon, a resolver or a lock of the kernel.
PATIENT = ("docker", "systemctl", "nft", "ip", "sync", "dig", "host", "getent", "logger")
SHELLS = [["dash"], ["busybox", "sh"], ["bash", "--posix"]]


@pytest.mark.parametrize("shell", SHELLS, ids=lambda words: words[0])
def test_a_program_that_hangs_is_ended(shell: list[str], tmp_path: Path) -> None:
    stub = tmp_path / "docker"
    stub.write_text("#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.1; done\n")
    stub.chmod(0o755)
    wrappers = [shell_function(NEWT_EGRESS, name) for name in ("limited", "docker")]
    script = "\n".join(['KILLS="-k 1"', "DOCKER_SECONDS=1", *wrappers, "docker whatever"])
    began = time.monotonic()
    done = subprocess.run(
        [*shell, "-c", script],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        timeout=20,
        check=False,
    )
    assert done.returncode != 0
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("program", PATIENT)
def test_every_call_of_a_program_that_may_hang_has_the_limit(program: str) -> None:
    assert re.fullmatch(
        rf'{program}\(\) {{ limited ("\$[A-Z]+_SECONDS"|\d+) {program} "\$@"; }}\n?',
        shell_function(NEWT_EGRESS, program),
    )


def test_iptables_is_called_within_a_limit_and_nowhere_else() -> None:
    code = [line for line in NEWT_EGRESS.splitlines() if not line.lstrip().startswith("#")]
    calls = [
        line
        for line in code
        if re.search(r'"\$1(-restore)?" -(w|V)\b|\bip6?tables(-restore|-save)? -', line)
    ]
    assert len(calls) == 3, calls
    assert all('limited "$TOOL_SECONDS"' in line for line in calls)


def test_a_tool_that_is_not_there_is_not_taken_for_the_function_of_its_name(
    tmp_path: Path,
) -> None:
    script = (
        f"{shell_function(NEWT_EGRESS, 'have')}\ndig() {{ :; }}\nhave dig && echo there; have sh"
    )
    for shell in SHELLS:
        program = subprocess.run(["which", shell[0]], capture_output=True, text=True, check=True)
        (tmp_path / "sh").unlink(missing_ok=True)
        (tmp_path / "sh").symlink_to(program.stdout.strip())
        done = subprocess.run(
            [program.stdout.strip(), *shell[1:], "-c", script],
            env={"PATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.stdout, done.returncode) == ("", 0), shell
