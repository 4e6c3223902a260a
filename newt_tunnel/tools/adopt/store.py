"""Passes newt's secret to Pulumi through a pipe: it is never printed, nor an argument."""

from __future__ import annotations

import subprocess

from newt_tunnel.tools.adopt import AdoptError
from newt_tunnel.tools.adopt.compose_newt import ComposeNewt


def store(found: ComposeNewt, stack: str) -> None:
    """Run ``pulumi config set --secret``. Its output goes to the terminal."""
    if found.secret_key is None:
        raise AdoptError(
            "the compose file holds no secret of newt's; run: pulumi config set --secret newtSecret"
        )
    command = ["pulumi", "config", "set", "--secret", found.secret_key, f"--stack={stack}"]
    try:
        done = subprocess.run(command, input=found.secret, text=True, check=False)
    except FileNotFoundError:
        raise AdoptError("pulumi: not installed here") from None
    if done.returncode:
        raise AdoptError(f"{' '.join(command)}: ended with {done.returncode}")
