"""What an interrupted program prints: nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
#: As the language host runs it, but for what it loads.
PROGRAM = """
import runpy, signal, time
# Where a shell runs the tests in the background they would ignore it, and so would this.
signal.signal(signal.SIGINT, signal.default_int_handler)
from newt_tunnel.settings import load as module
def load():
    print("ready", flush=True)
    {then}
module.load = load
runpy.run_path("__main__.py", run_name="__main__")
"""


def run(then: str, interrupt: bool) -> tuple[int, str]:
    command = [sys.executable, "-c", PROGRAM.format(then=then)]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        if interrupt:
            process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    return process.returncode, said


def test_an_interrupt_ends_the_program_without_a_traceback() -> None:
    status, said = run("time.sleep(60)", interrupt=True)
    assert said == ""
    assert status == -signal.SIGINT, "whoever waits for it sees that it was interrupted"


@pytest.mark.parametrize("error", ["ValueError", "SystemError"])
def test_any_other_exception_shows_where_it_was_raised(error: str) -> None:
    status, said = run(f"raise {error}('broken')", interrupt=False)
    assert status == 1
    assert "Traceback" in said
    assert f"{error}: broken" in said
