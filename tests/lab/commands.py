"""Running a command on this machine for the lab, with an error that shows what it said."""

import subprocess
from collections.abc import Mapping, Sequence

TIMEOUT = 60.0


class LabError(Exception):
    """The lab cannot do what was asked; the message says what to do about it."""


def check(
    argv: Sequence[str],
    *,
    stdin: str = "",
    env: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT,
) -> str:
    """Runs `argv` and returns its stdout; fails with all it said when it fails."""
    done = subprocess.run(
        argv, input=stdin, env=env, capture_output=True, text=True, timeout=timeout, check=False
    )
    if done.returncode != 0:
        said = (done.stderr + done.stdout).strip()
        raise LabError(f"`{' '.join(argv)}` failed ({done.returncode}): {said}")
    return done.stdout
