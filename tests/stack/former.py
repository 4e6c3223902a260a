"""The program of a former commit, and whether today's changes anything of what it deployed.

Owns which commit that is, and how its files are taken from this repository's history.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.deployment import REPOSITORY, Deployment

#: The last commit before the product moved into one package, which was to change no deployed stack.
#: A later change that is meant to show on deployed stacks replaces it, in the commit that follows.
COMMIT = "4a29be224268b2ba586b40241b1ed55cc76c4bd5"
#: Not part of the program, and most of the files.
LEFT_OUT = (":!tests", ":!docs")


def former_program(folder: Path) -> list[Path]:
    """The files and folders at the root of COMMIT, unpacked into ``folder``.

    Skips the test where this clone does not have the commit.
    """
    archive = subprocess.run(
        ["git", "-C", str(REPOSITORY), "archive", COMMIT, "--", ".", *LEFT_OUT],
        capture_output=True,
        check=False,
    )
    if archive.returncode != 0:
        why = archive.stderr.decode().strip()
        pytest.skip(f"commit {COMMIT[:7]} is not here (git fetch --unshallow gets it): {why}")
    subprocess.run(["tar", "-xC", str(folder)], input=archive.stdout, check=True)
    return sorted(folder.iterdir())


def assert_today_changes_nothing_deployed_by(program: list[Path], deployment: Deployment) -> None:
    """Deploy the stack anew with ``program``, then go on with today's."""
    deployment.destroy()
    deployment.change_program(program)
    try:
        deployment.up()
        former = declared(deployment)
    finally:
        deployment.change_program()
    deployment.preview("--expect-no-changes")
    deployment.up("--expect-no-changes")
    assert declared(deployment) == former, "a difference that no plugin compares"


def declared(deployment: Deployment) -> dict[str, Any]:
    """URN of each resource to what the program declared, text that travels to the host included."""
    state = json.loads(deployment.pulumi("stack", "export", "--show-secrets").stdout)
    return {
        resource["urn"]: {
            "parent": resource.get("parent"),
            "inputs": resource.get("inputs"),
            "depends on": sorted(resource.get("dependencies") or ()),
        }
        for resource in state["deployment"]["resources"]
    }
