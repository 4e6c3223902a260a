"""The program of a former commit, and whether today's changes anything of what it deployed.

Owns which commit that is, and how its files are taken from this repository's history. The shell
programs that it sends to a host or a pod are today's: they were changed on purpose since, and what
a stack deployed before shows of that is one update of each resource that carries one. So the test
compares all else: URNs, parents, dependencies, and every input but the text of these programs.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from newt_tunnel.cluster.pod import GATE, PROBE
from newt_tunnel.docker_host.programs import EGRESS, PROOF
from tests.deployment import REPOSITORY, Deployment

#: The last commit before the product moved into one package, which was to change no deployed stack.
#: A later change that is meant to show on deployed stacks, and not in its shell programs alone,
#: replaces it, in the commit that follows.
COMMIT = "4a29be224268b2ba586b40241b1ed55cc76c4bd5"
#: Not part of the program, and most of the files.
LEFT_OUT = (":!tests", ":!docs")
#: Where COMMIT has the shell programs, and their text today.
SHELL_PROGRAMS = {
    "host/newt-egress": EGRESS,
    "host/newt-proof": PROOF,
    "pod/newt-gate": GATE,
    "pod/newt-probe": PROBE,
}


def former_program(folder: Path) -> list[Path]:
    """The files and folders at the root of COMMIT, unpacked into ``folder``, with today's shell
    programs.

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
    for name, text in SHELL_PROGRAMS.items():
        path = folder / name
        assert path.is_file(), f"commit {COMMIT[:7]} has no {name}"
        path.write_text(text)
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
